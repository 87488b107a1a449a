//! Rooms of portals: made once, found again.

use bridge_core::{
    id::{NetworkId, PersonaId, PortalId, RoomId},
    model::{Rediscovered, RoomKind, RoomSpec, UserId},
};
use ruma::{
    OwnedRoomId, OwnedUserId,
    api::client::{
        membership::joined_rooms,
        room::create_room::{self, v3::RoomPreset},
        state::{get_state_event_for_key, get_state_events},
    },
    events::StateEventType,
    serde::Raw,
};
use serde_json::{Value, json, value::to_raw_value};

use crate::{
    EncryptionMode,
    adapter::NETWORK,
    buddies::BUDDIES_KEY,
    intent::{Intent, IntentError},
    nameplate::{self, BRIDGE_EVENTS, FEATURES_EVENT},
    names::Names,
};

/// The key of `m.room.create` that says which portal a room is of.
pub(crate) const PORTAL_KEY: &str = "net.msnbridge.portal";
/// The state that says that a room made for a portal was let go.
pub(crate) const LET_GO: &str = "net.msnbridge.let_go";

/// How a room is made.
#[derive(Clone, Copy)]
pub(crate) struct Making {
    /// Whether it may have members of other homeservers.
    pub(crate) federate: bool,
    /// Whether it is encrypted from the beginning, or may be by its people.
    pub(crate) encryption: EncryptionMode,
}

/// Makes the room of a portal: the bot makes it, ghosts and users are invited.
pub(crate) async fn create(
    intent: &Intent,
    names: &Names,
    spec: &RoomSpec,
    ghosts: &[OwnedUserId],
    Making { federate, encryption: mode }: Making,
) -> Result<OwnedRoomId, IntentError> {
    let mut request = create_room::v3::Request::new();
    request.preset = Some(RoomPreset::PrivateChat);
    request.is_direct = spec.kind == RoomKind::Direct;
    request.name.clone_from(&spec.name);
    let users = spec.invite.iter().filter_map(|user| OwnedUserId::try_from(user.id.as_str()).ok());
    request.invite = ghosts.iter().cloned().chain(users).collect();
    let creation = json!({ PORTAL_KEY: spec.portal.to_string(), "m.federate": federate });
    request.creation_content = raw(&creation);
    request.power_level_content_override = raw(&power_levels(mode));
    let key = nameplate::state_key(spec.portal);
    let bridge = nameplate::bridge(&names.bot, &nameplate::facts_of(spec));
    let state = [
        (BRIDGE_EVENTS[0], key.as_str(), bridge.clone()),
        (BRIDGE_EVENTS[1], key.as_str(), bridge),
        (FEATURES_EVENT, "", nameplate::features()),
        // The bot is no partner of the conversation: clients name the room without it.
        ("io.element.functional_members", "", json!({ "service_members": [names.bot] })),
    ];
    let encryption = ("m.room.encryption", "", json!({ "algorithm": "m.megolm.v1.aes-sha2" }));
    request.initial_state = state
        .iter()
        .chain((mode >= EncryptionMode::Default).then_some(&encryption))
        .filter_map(|(kind, key, content)| {
            raw(&json!({ "type": kind, "state_key": key, "content": content }))
        })
        .collect();
    // Nothing is said of the bot's power: in newer rooms the maker's is above all numbers, and
    // naming it there is an error.
    Ok(intent.send(&names.bot, request).await?.room_id)
}

/// Says who may do what: anybody speaks, asks others in, and names her own room; what would break the
/// portal only the bot may. Where the bridge reads no encrypted room nobody encrypts one by mistake.
fn power_levels(mode: EncryptionMode) -> Value {
    let encrypt = if mode == EncryptionMode::Never { 50 } else { 0 };
    json!({
        "users_default": 0,
        "events_default": 0,
        "state_default": 50,
        "invite": 0,
        "kick": 50,
        "ban": 50,
        "redact": 50,
        "events": {
            "m.room.avatar": 0,
            "m.room.name": 0,
            "m.room.topic": 0,
            "m.room.pinned_events": 0,
            "m.room.encryption": encrypt,
            "m.room.history_visibility": 100,
            "m.room.join_rules": 100,
            "m.room.power_levels": 100,
            "m.room.server_acl": 100,
            "m.room.tombstone": 100,
        },
    })
}

/// Finds the room of a portal among those the bot is in.
pub(crate) async fn find(
    intent: &Intent,
    names: &Names,
    portal: PortalId,
) -> Result<Option<OwnedRoomId>, IntentError> {
    let rooms = intent.send(&names.bot, joined_rooms::v3::Request::new()).await?.joined_rooms;
    for room in rooms {
        let created = state(intent, names, &room, StateEventType::RoomCreate).await;
        let made_for = created.as_ref().and_then(|created| created.get(PORTAL_KEY));
        if made_for.and_then(Value::as_str) != Some(&portal.to_string()) {
            continue;
        }
        // One that was let go shows nothing any more, though the bot is still there.
        if state(intent, names, &room, StateEventType::from(LET_GO)).await.is_none() {
            return Ok(Some(room));
        }
    }
    Ok(None)
}

/// Reads what the bot's rooms say of themselves.
pub(crate) async fn rediscover(
    intent: &Intent,
    names: &Names,
) -> Result<Rediscovered, IntentError> {
    let mut found = Rediscovered::default();
    let rooms = intent.send(&names.bot, joined_rooms::v3::Request::new()).await?.joined_rooms;
    for room in rooms {
        let request = get_state_events::v3::Request::new(room.clone());
        let state = match intent.send(&names.bot, request).await {
            Ok(state) => state.room_state,
            // Put out of it just now.
            Err(error) if error.is_forbidden() => continue,
            Err(error) => return Err(error),
        };
        let state = state.iter().filter_map(|event| serde_json::from_str(event.json().get()).ok());
        sort(names, RoomId::new(room.as_str()), &state.collect::<Vec<_>>(), &mut found);
    }
    Ok(found)
}

/// Finds out what a room is from its state.
fn sort(names: &Names, room: RoomId, state: &[Value], found: &mut Rediscovered) {
    let text = |event: &Value, key: &str| {
        event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    // What others wrote there is what they would like us to believe.
    let ours = |event: &&Value| text(event, "sender") == names.bot.as_str();
    let content = |event: &Value| event.get("content").cloned().unwrap_or_default();
    let of_kind = |kind: &'static str| {
        state.iter().filter(ours).filter(move |event| text(event, "type") == kind).map(content)
    };
    let mut hints =
        of_kind(BRIDGE_EVENTS[1]).filter_map(|content| nameplate::hint(room.clone(), &content));
    if let Some(hint) = hints.next() {
        found.rooms.push(hint);
        return;
    }
    // One that was let go shows nothing any more; neither does a space, nor a contact list.
    let is_list = |content: Value| content.get(BUDDIES_KEY).is_some();
    if of_kind("m.room.create").any(is_list) {
        return;
    }
    let kind = of_kind("m.room.create").find_map(|content| content.get("type").cloned());
    if of_kind(LET_GO).next().is_some() || kind.is_some() {
        return;
    }
    if of_kind("m.room.create").any(|content| content.get(PORTAL_KEY).is_some()) {
        found.unclear.push(room);
        return;
    }
    let members = state.iter().filter(|event| {
        text(event, "type") == "m.room.member" && text(&content(event), "membership") == "join"
    });
    let others: Vec<String> =
        members.map(|event| text(event, "state_key")).filter(|user| !names.is_own(user)).collect();
    // One person alone with the bot talks to the bot.
    if let [user] = others.as_slice() {
        let id = PersonaId::new(user.as_str());
        found.talks.push((UserId { network: NetworkId::new(NETWORK), id }, room));
    }
}

/// Reads a state event of a room; none where there is none, or it cannot be read.
pub(crate) async fn state(
    intent: &Intent,
    names: &Names,
    room: &OwnedRoomId,
    kind: StateEventType,
) -> Option<Value> {
    let request = get_state_event_for_key::v3::Request::new(room.clone(), kind, String::new());
    let found = intent.send(&names.bot, request).await.ok()?;
    serde_json::from_str(found.event_or_content.get()).ok()
}

pub(crate) fn raw<T>(value: &Value) -> Option<Raw<T>> {
    to_raw_value(value).ok().map(Raw::from_json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MatrixConfig,
        nameplate::{CHATS_KEY, KIND_KEY, NAME_KEY, OWNER_KEY},
    };

    fn names() -> Names {
        let config = json!({ "homeserver": "http://hs", "domain": "hs" });
        let config: MatrixConfig = serde_json::from_value(config).unwrap();
        Names::new(&config).unwrap()
    }

    fn sorted(state: &[Value]) -> Rediscovered {
        let mut found = Rediscovered::default();
        sort(&names(), RoomId::new("!r:hs"), state, &mut found);
        found
    }

    fn bridge(sender: &str) -> Value {
        let peer = json!({ "network": "msn", "id": "bob@b", "name": "Bob" });
        json!({
            "type": BRIDGE_EVENTS[1],
            "state_key": "x",
            "sender": sender,
            "content": {
                PORTAL_KEY: "00000000000000000000000000000001",
                CHATS_KEY: [{ "login": "msn:ada@a", "chat": "bob@b", "peer": peer }],
                OWNER_KEY: "@ada:hs",
                NAME_KEY: null,
                KIND_KEY: "Direct",
            },
        })
    }

    #[test]
    fn people_may_encrypt_a_room_where_the_bridge_reads_it_then() {
        let needed = |mode| power_levels(mode)["events"]["m.room.encryption"].clone();
        assert_eq!(needed(EncryptionMode::Never), 50);
        assert_eq!(needed(EncryptionMode::Allow), 0);
    }

    #[test]
    fn a_room_is_known_again_by_what_the_bot_wrote_into_it() {
        let bot = names().bot;
        let found = sorted(&[bridge(bot.as_str())]);
        let [hint] = found.rooms.as_slice() else { panic!("{found:?}") };
        assert_eq!(hint.portal.0.as_u128(), 1);
        assert_eq!((hint.owner.id.as_str(), hint.chats.len()), ("@ada:hs", 1));
        assert_eq!(hint.chats[0].peer.name.as_deref(), Some("Bob"));
    }

    #[test]
    fn what_somebody_else_wrote_is_not_believed() {
        assert_eq!(sorted(&[bridge("@eve:hs")]), Rediscovered::default());
    }

    #[test]
    fn a_room_of_a_portal_that_says_no_more_is_named() {
        let bot = names().bot;
        let made = json!({
            "type": "m.room.create", "sender": bot, "content": { PORTAL_KEY: "1" },
        });
        let mut cut = bridge(bot.as_str());
        cut["content"][CHATS_KEY] = json!([{ "login": 1 }]);
        assert_eq!(sorted(&[made, cut]).unclear, [RoomId::new("!r:hs")]);
    }

    #[test]
    fn one_person_alone_with_the_bot_talks_to_it() {
        let member = |user: &str, membership: &str| {
            json!({
                "type": "m.room.member", "state_key": user, "sender": user,
                "content": { "membership": membership },
            })
        };
        let bot = names().bot;
        let state =
            [member(bot.as_str(), "join"), member("@ada:hs", "join"), member("@eve:hs", "leave")];
        let [(user, _)] = &sorted(&state).talks[..] else { panic!("a talk") };
        assert_eq!(user.id.as_str(), "@ada:hs");
        let two = [member("@ada:hs", "join"), member("@eve:hs", "join")];
        assert!(sorted(&two).talks.is_empty());
    }
}
