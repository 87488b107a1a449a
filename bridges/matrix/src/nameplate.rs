//! What a room says of itself: which conversation it shows, and what that can carry.
//!
//! The bridge reads it again when its store is lost; clients show it (MSC2346, and what they know as
//! `com.beeper.room_features`).

use bridge_core::{
    DeliverError,
    adapter::CloseReason,
    id::{NetworkId, PersonaId, PortalId, RoomId},
    model::{Persona, RoomChat, RoomHint, RoomKind, RoomSpec, ShownRoom, UserId as BridgeUser},
};
use ruma::{
    OwnedRoomId, OwnedUserId, UserId, api::client::state::send_state_event, events::StateEventType,
};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    double::user_id,
    room::{self, PORTAL_KEY},
    topic::{made_fact, told_fact, topic_fact},
};

/// The state event of MSC2346, by the name it shall have and by the one that clients know.
pub(crate) const BRIDGE_EVENTS: [&str; 2] = ["m.bridge", "uk.half-shot.bridge"];
/// The state event that says what a room can carry.
pub(crate) const FEATURES_EVENT: &str = "com.beeper.room_features";

/// The keys of the bridge's own state event that say which conversations a room shows and for whom it
/// was made: enough to know it again without the store.
pub(crate) const CHATS_KEY: &str = "net.msnbridge.chats";
pub(crate) const OWNER_KEY: &str = "net.msnbridge.owner";
pub(crate) const NAME_KEY: &str = "net.msnbridge.name";
pub(crate) const KIND_KEY: &str = "net.msnbridge.kind";

/// What is said of a room.
pub(crate) struct RoomFacts<'a> {
    pub(crate) portal: PortalId,
    pub(crate) kind: RoomKind,
    pub(crate) name: Option<&'a str>,
    pub(crate) owner: Option<&'a BridgeUser>,
    pub(crate) chats: &'a [RoomChat],
    pub(crate) people: &'a [Persona],
    /// The picture of the one it is with, where she has one.
    pub(crate) picture: Option<&'a str>,
}

pub(crate) fn state_key(portal: PortalId) -> String {
    format!("net.msnbridge/{portal}")
}

/// Writes which conversation a room shows.
pub(crate) fn bridge(bot: &UserId, facts: &RoomFacts<'_>) -> Value {
    let owner = facts.owner.map(|user| user.id.as_str());
    let names = facts.people.iter().map(Persona::shown_name);
    let title = facts.name.map_or_else(|| names.collect::<Vec<_>>().join(", "), str::to_owned);
    let mut channel = json!({ "id": facts.portal.to_string(), "displayname": title });
    if let (Some(picture), Some(channel)) = (facts.picture, channel.as_object_mut()) {
        channel.insert("avatar_url".to_owned(), json!(picture));
    }
    let kind = match facts.kind {
        RoomKind::Direct => "dm",
        RoomKind::Group => "group",
    };
    json!({
        "bridgebot": bot,
        "creator": owner,
        "protocol": { "id": "msn", "displayname": "MSN Messenger" },
        "network": { "id": "msn", "displayname": "MSN" },
        "channel": channel,
        "com.beeper.room_type": kind,
        PORTAL_KEY: facts.portal.to_string(),
        CHATS_KEY: facts.chats,
        OWNER_KEY: owner,
        NAME_KEY: facts.name,
        KIND_KEY: facts.kind,
    })
}

/// Writes what a conversation of MSN can carry: 2 as it is, 1 in part, 0 as something simpler, -1 not at
/// all.
pub(crate) fn features() -> Value {
    let file = json!({ "mime_types": { "*/*": 2 }, "caption": 1 });
    json!({
        "id": "net.msnbridge.msn.1",
        "formatting": {
            "bold": 1, "italic": 1, "underline": 1, "strikethrough": 1, "color.foreground": 1,
            "inline_link": 0, "inline_code": 0, "code_block": 0, "blockquote": 0, "spoiler": 0,
            "unordered_list": 0, "ordered_list": 0, "headers": 0, "user_link": 0, "custom_emoji": 0,
        },
        "file": {
            "m.image": file, "m.file": file, "m.video": file, "m.audio": file,
            "org.matrix.msc3245.voice": file, "m.sticker": file,
        },
        "state": {
            "m.room.name": { "level": 0 }, "m.room.topic": { "level": 0 },
            "m.room.avatar": { "level": 0 },
        },
        "member_actions": { "invite": 2, "leave": 2, "kick": -2, "ban": -2 },
        "location_message": 0,
        "poll": -1,
        "thread": -1,
        "reply": 0,
        "edit": 0,
        "delete": 0,
        "reaction": 0,
        "custom_emoji_reactions": false,
        "read_receipts": false,
        "typing_notifications": true,
    })
}

/// Reads which conversation a room shows.
pub(crate) fn hint(room: RoomId, content: &Value) -> Option<RoomHint> {
    let portal = content.get(PORTAL_KEY)?.as_str()?.parse().ok().map(PortalId)?;
    let chats: Vec<RoomChat> = serde_json::from_value(content.get(CHATS_KEY)?.clone()).ok()?;
    let owner = content.get(OWNER_KEY)?.as_str()?;
    if chats.is_empty() {
        return None;
    }
    Some(RoomHint {
        room,
        portal,
        kind: RoomKind::deserialize(content.get(KIND_KEY)?).ok()?,
        name: content.get(NAME_KEY).and_then(Value::as_str).map(str::to_owned),
        owner: BridgeUser { network: NetworkId::new(NETWORK), id: PersonaId::new(owner) },
        chats,
    })
}

/// What is said of a room that is to be made.
pub(crate) fn facts_of(spec: &RoomSpec) -> RoomFacts<'_> {
    RoomFacts {
        portal: spec.portal,
        kind: spec.kind,
        name: spec.name.as_deref(),
        owner: spec.invite.first(),
        chats: &spec.chats,
        people: &spec.personas,
        picture: None,
    }
}

/// Tells what is written by where it stands and a digest.
fn mark(portal: PortalId, content: &Value) -> String {
    format!("{} {:x}", state_key(portal), digest(&content.to_string()))
}

/// What was last written into a room, so that the same is not written again.
fn fact(room: &OwnedRoomId) -> String {
    format!("nameplate {room}")
}

impl MatrixAdapter {
    /// Tells which portal a room shows.
    pub(crate) fn shown_in(&self, room: &ruma::RoomId) -> Option<ShownRoom> {
        self.inbox()?.shown_in(&NetworkId::new(NETWORK), &RoomId::new(room.as_str()))
    }

    /// Writes anew what a room says of itself, where that changed. A room where the bot may not is left as
    /// it is.
    pub(crate) async fn renew_nameplate(&self, room: &OwnedRoomId) -> Result<(), DeliverError> {
        let Some(shown) = self.shown_in(room).filter(|shown| shown.owner.is_some()) else {
            return Ok(());
        };
        let people: Vec<Persona> = shown.chats.iter().map(|chat| chat.peer.clone()).collect();
        let picture = match (&shown.kind, people.first().and_then(|peer| self.names.ghost(peer))) {
            (RoomKind::Direct, Some(ghost)) => self.picture_of(&ghost).await,
            _ => None,
        };
        let facts = RoomFacts {
            portal: shown.portal,
            kind: shown.kind,
            name: shown.name.as_deref(),
            owner: shown.owner.as_ref(),
            chats: &shown.chats,
            people: &people,
            picture: picture.as_deref(),
        };
        let content = bridge(&self.names.bot, &facts);
        let mark = mark(shown.portal, &content);
        let before = self.fact(&fact(room)).await?;
        if before.as_deref() == Some(mark.as_str()) {
            return Ok(());
        }
        for kind in BRIDGE_EVENTS {
            self.put_state(room, kind, &state_key(shown.portal), &content).await?;
        }
        if before.is_none() {
            self.put_state(room, FEATURES_EVENT, "", &features()).await?;
        }
        self.set_fact(&fact(room), Some(&mark)).await
    }

    /// Notes a room that was just made, and brings its users in where the bridge can.
    pub(crate) async fn settle(
        &self,
        spec: &RoomSpec,
        room: &OwnedRoomId,
        ghosts: &[OwnedUserId],
    ) -> Result<(), DeliverError> {
        let facts = facts_of(spec);
        let mark = mark(spec.portal, &bridge(&self.names.bot, &facts));
        self.set_fact(&fact(room), Some(&mark)).await?;
        self.set_fact(&made_fact(room), Some("")).await?;
        for user in spec.invite.iter().filter_map(|user| user_id(user).ok()) {
            self.enter_as(room, &user).await;
            if let (RoomKind::Direct, [ghost]) = (spec.kind, ghosts) {
                self.list_as_direct(&user, ghost, room, true).await;
            }
        }
        Ok(())
    }

    /// Forgets what is noted of a room that shows nothing any more.
    pub(crate) async fn let_go(
        &self,
        room: &OwnedRoomId,
        why: CloseReason,
    ) -> Result<(), DeliverError> {
        if why == CloseReason::Unlinked {
            return self.remove_nameplate(room).await;
        }
        for name in [fact(room), made_fact(room), topic_fact(room), told_fact(room)] {
            self.set_fact(&name, None).await?;
        }
        Ok(())
    }

    /// Takes away what a room says of itself: it shows nothing any more.
    pub(crate) async fn remove_nameplate(&self, room: &OwnedRoomId) -> Result<(), DeliverError> {
        let Some(before) = self.fact(&fact(room)).await? else { return Ok(()) };
        if let Some((key, _)) = before.split_once(' ') {
            for kind in BRIDGE_EVENTS {
                self.put_state(room, kind, key, &json!({})).await?;
            }
        }
        self.set_fact(&fact(room), None).await
    }

    /// Writes a state event as the bot, where it may.
    pub(crate) async fn put_state(
        &self,
        room: &OwnedRoomId,
        kind: &str,
        key: &str,
        content: &Value,
    ) -> Result<bool, DeliverError> {
        let Some(body) = room::raw(content) else { return Ok(false) };
        let kind = StateEventType::from(kind);
        let request =
            send_state_event::v3::Request::new_raw(room.clone(), kind, key.to_owned(), body);
        match self.intent.send(&self.names.bot, request).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_forbidden() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// FNV-1a, 64 bits: enough to see that something changed.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use bridge_core::id::{ChatId, LoginId};
    use ruma::user_id;

    use super::*;

    #[test]
    fn what_a_room_says_is_read_again_as_it_was_written() {
        let (network, id) = (NetworkId::new("msn"), PersonaId::new("bob@b"));
        let peer = Persona { network, id, name: Some("Bob".to_owned()) };
        let (login, chat) = (LoginId::new("msn:ada@a"), ChatId::new("bob@b"));
        let chats = [RoomChat { login, chat, peer: peer.clone() }];
        let owner = BridgeUser { network: NetworkId::new(NETWORK), id: PersonaId::new("@ada:hs") };
        let facts = RoomFacts {
            portal: PortalId::new(),
            kind: RoomKind::Group,
            name: None,
            owner: Some(&owner),
            chats: &chats,
            people: &[peer],
            picture: Some("mxc://hs/bob"),
        };
        let written = bridge(user_id!("@msnbot:hs"), &facts);
        assert_eq!(written["channel"]["displayname"], "Bob");
        let read = hint(RoomId::new("!r:hs"), &written).unwrap();
        assert_eq!((read.portal, read.kind, read.owner), (facts.portal, RoomKind::Group, owner));
        assert_eq!(read.chats, chats);
    }
}
