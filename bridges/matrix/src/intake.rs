//! Events of Matrix, made neutral.

use std::{collections::HashSet, sync::Arc};

use bridge_core::{
    id::{MessageId, NetworkId, PersonaId, RoomId, SourceId, Timestamp},
    measures,
    model::{CallNotice, CommandLine, Event, EventKind, Persona, Scope, Signal},
};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId,
    events::{
        AnyMessageLikeEvent, AnyStateEvent, AnyTimelineEvent, MessageLikeEvent,
        MessageLikeEventType, StateEvent, room::redaction::RoomRedactionEvent,
    },
    serde::Raw,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    buttons,
    convert::{
        self, emoticons,
        from_matrix::{self, Said},
        odd,
        to_matrix::Format,
    },
    nudge, structured,
    texts::Untaken,
};

/// Longest name of a font, in bytes.
const FONT: usize = 64;

/// Makes a neutral event of one of Matrix; what is not for the core is done here.
pub(crate) async fn read(
    adapter: &Arc<MatrixAdapter>,
    raw: &Raw<AnyTimelineEvent>,
) -> Option<Event> {
    let Ok(event) = raw.deserialize() else {
        measures::undecodable(&NetworkId::new(NETWORK));
        return read_odd(adapter, raw, true).await;
    };
    if adapter.names.is_own(event.sender().as_str()) {
        return None;
    }
    if let Some(command) = structured::command(adapter, raw, &event).await {
        return Some(command);
    }
    if let Some(command) = buttons::pressed(adapter, &event).await {
        return Some(command);
    }
    match event {
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomMessage(
            MessageLikeEvent::Original(mut event),
        )) => {
            adapter.seal_source(&mut event.content);
            let line = event.content.body().to_owned();
            let command = adapter.command_in(&event.room_id, &line).await;
            let name_of = |user: &OwnedUserId| adapter.name_known(&event.room_id, user);
            let pictures = emoticons::read(&event.content);
            let said = match from_matrix::read(event.content, font_of(raw), &name_of) {
                Said::Content(content) => Said::Content(emoticons::in_words(content, pictures)),
                Said::Edit { target, content } => {
                    Said::Edit { target, content: emoticons::in_words(content, pictures) }
                }
                said => said,
            };
            let place = Place {
                room: event.room_id.clone(),
                event: event.event_id,
                sender: event.sender,
                at: Timestamp(event.origin_server_ts.0.into()),
            };
            said_in(adapter, place, command, said).await
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::Reaction(
            MessageLikeEvent::Original(event),
        )) => {
            let (room, id) = (event.room_id, event.event_id);
            let sign = event.content.relates_to;
            let kind = if nudge::calls(&sign.key) {
                EventKind::Nudge
            } else {
                adapter.reacted(&room, &id, &event.sender, sign).await?
            };
            let at = Timestamp(event.origin_server_ts.0.into());
            let place = Place { room, event: id, sender: event.sender, at };
            // What becomes of a call is told under the sign.
            Some(match kind {
                EventKind::Nudge => place.neutral(adapter, kind).await,
                kind => place.unnamed(adapter, kind).await,
            })
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::Sticker(
            MessageLikeEvent::Original(mut event),
        )) => {
            adapter.seal_sticker(&mut event.content.source);
            if adapter.is_management(&event.room_id).await.unwrap_or_default() {
                adapter.explain_untaken(event.room_id, event.event_id, Untaken::Files);
                return None;
            }
            let (room, id) = (event.room_id, event.event_id);
            let Some(file) = convert::media::sticker(event.content) else {
                adapter.explain_untaken(room, id, Untaken::EncryptedFiles);
                return None;
            };
            let at = Timestamp(event.origin_server_ts.0.into());
            let place = Place { room, event: id, sender: event.sender, at };
            Some(place.neutral(adapter, EventKind::File(file)).await)
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomRedaction(
            RoomRedactionEvent::Original(event),
        )) => {
            let target = event.content.redacts.or(event.redacts)?;
            let kind = adapter.removed(&target).await;
            let at = Timestamp(event.origin_server_ts.0.into());
            let place =
                Place { room: event.room_id, event: event.event_id, sender: event.sender, at };
            Some(place.unnamed(adapter, kind).await)
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::CallInvite(
            MessageLikeEvent::Original(event),
        )) => {
            let at = Timestamp(event.origin_server_ts.0.into());
            let place =
                Place { room: event.room_id, event: event.event_id, sender: event.sender, at };
            Some(place.unnamed(adapter, EventKind::CallNotice(CallNotice::Audio)).await)
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomEncrypted(
            MessageLikeEvent::Original(event),
        )) => {
            adapter.explain_untaken(event.room_id, event.event_id, Untaken::Encrypted);
            None
        }
        AnyTimelineEvent::MessageLike(event) => match event.event_type() {
            // Taken back before it came here.
            MessageLikeEventType::RoomMessage
            | MessageLikeEventType::Reaction
            | MessageLikeEventType::RoomEncrypted
            | MessageLikeEventType::RoomRedaction
            | MessageLikeEventType::Sticker => None,
            _ => read_odd(adapter, raw, false).await,
        },
        AnyTimelineEvent::State(AnyStateEvent::RoomMember(StateEvent::Original(event))) => {
            adapter.members.changed(&event.room_id, event.state_key.as_str(), &event.content);
            adapter.member_changed(event).await
        }
        AnyTimelineEvent::State(AnyStateEvent::RoomTombstone(StateEvent::Original(event))) => {
            adapter.replaced(event).await;
            None
        }
        AnyTimelineEvent::State(
            event @ (AnyStateEvent::RoomAvatar(_)
            | AnyStateEvent::RoomName(_)
            | AnyStateEvent::RoomTopic(_)),
        ) => {
            adapter.room_facts_changed(event.room_id(), event.event_id()).await;
            None
        }
        AnyTimelineEvent::State(_) => None,
    }
}

/// Where something was said, by whom, when.
struct Place {
    room: OwnedRoomId,
    event: OwnedEventId,
    sender: OwnedUserId,
    at: Timestamp,
}

impl Place {
    async fn neutral(&self, adapter: &MatrixAdapter, kind: EventKind) -> Event {
        let sender = adapter.persona(&self.room, &self.sender).await;
        if let EventKind::Message(content) = &kind {
            adapter.lately.note(self.event.clone(), sender.shown_name(), &content.text.plain);
        }
        Event {
            network: NetworkId::new(NETWORK),
            source: SourceId::new(self.event.as_str()),
            message: Some(MessageId::new(self.event.as_str())),
            at: self.at,
            scope: Scope::Room(RoomId::new(self.room.as_str())),
            sender,
            kind,
        }
    }

    /// One that nothing later is about.
    async fn unnamed(&self, adapter: &MatrixAdapter, kind: EventKind) -> Event {
        Event { message: None, ..self.neutral(adapter, kind).await }
    }
}

/// Makes a neutral event of what was said; `command` is the command it is, if it is one.
async fn said_in(
    adapter: &Arc<MatrixAdapter>,
    place: Place,
    command: Option<String>,
    said: Said,
) -> Option<Event> {
    let kind = match (command, said) {
        (_, Said::Nothing) => return None,
        (None, Said::File(file)) => EventKind::File(file),
        (Some(_), Said::File(_)) => {
            adapter.explain_untaken(place.room, place.event, Untaken::Files);
            return None;
        }
        (Some(command), _) => EventKind::Command(CommandLine(command)),
        (None, Said::Content(mut content)) => {
            if let Some(quote) = &mut content.reply_to {
                adapter.complete(&place.room, quote).await;
            }
            EventKind::Message(content)
        }
        (None, Said::Edit { target, content }) => {
            EventKind::Edit { target: MessageId::new(target.as_str()), content }
        }
        (None, Said::Untaken(what)) => {
            adapter.explain_untaken(place.room, place.event, what);
            return None;
        }
    };
    Some(place.neutral(adapter, kind).await)
}

/// Reads an event of a kind that is not known here, or whose parts are not what they should be. What
/// somebody may have said so is passed on as far as it can be read, or she is told that it was not.
async fn read_odd(
    adapter: &Arc<MatrixAdapter>,
    raw: &Raw<AnyTimelineEvent>,
    broken: bool,
) -> Option<Event> {
    let odd: Odd = match raw.deserialize_as_unchecked() {
        Ok(odd) => odd,
        Err(_) => {
            tracing::warn!("an event could not be read and is passed over");
            return None;
        }
    };
    let Odd { kind, event_id: event, room_id: room, sender, at, content, state_key, unsigned } =
        odd;
    let removed = unsigned.get("redacted_because").is_some();
    if state_key.is_some() || removed || adapter.names.is_own(sender.as_str()) {
        return None;
    }
    let said = match (kind.as_str(), broken) {
        ("m.room.message", _) => odd::salvage(&content),
        ("m.room.encrypted" | "m.sticker", true) => Said::Untaken(Untaken::Unreadable),
        _ => odd::read(&kind, &content),
    };
    let command = match &said {
        Said::Content(content) => adapter.command_in(&room, &content.text.plain).await,
        Said::Nothing => {
            let kind: String = kind.chars().take(64).collect();
            tracing::debug!(%kind, "an event holds no words and is passed over");
            return None;
        }
        _ => None,
    };
    let at = Timestamp(at.as_u64().unwrap_or_default());
    said_in(adapter, Place { room, event, sender, at }, command, said).await
}

/// The least that an event is.
#[derive(Deserialize)]
struct Odd {
    #[serde(rename = "type")]
    kind: String,
    event_id: OwnedEventId,
    room_id: OwnedRoomId,
    sender: OwnedUserId,
    #[serde(default, rename = "origin_server_ts")]
    at: Value,
    #[serde(default)]
    content: Value,
    state_key: Option<Value>,
    #[serde(default)]
    unsigned: Value,
}

/// Reads the font that a message names beside its words.
fn font_of(raw: &Raw<AnyTimelineEvent>) -> Option<String> {
    let content: Value = raw.get_field("content").ok()??;
    let format = content.get("net.msnbridge.format")?;
    let Format { font } = Format::deserialize(format).ok()?;
    let fine = !font.trim().is_empty() && font.len() <= FONT && !font.contains(char::is_control);
    fine.then_some(font)
}

fn persona(user: &str) -> Persona {
    let localpart = user.strip_prefix('@').and_then(|rest| rest.split(':').next());
    Persona {
        network: NetworkId::new(NETWORK),
        id: PersonaId::new(user),
        name: localpart.map(str::to_owned),
    }
}

impl MatrixAdapter {
    /// Compares who writes in a room with who wrote before, and tells the difference.
    pub(crate) fn typing_changed(&self, room: &OwnedRoomId, writers: HashSet<String>) {
        let writers: HashSet<String> =
            writers.into_iter().filter(|user| !self.names.is_own(user)).collect();
        let before = self.remember_writers(room, &writers);
        let Some(inbox) = self.inbox() else { return };
        let tell = |user: &String, on: bool| {
            let scope = Scope::Room(RoomId::new(room.as_str()));
            inbox.signal(&NetworkId::new(NETWORK), scope, persona(user), Signal::Typing { on });
        };
        writers.difference(&before).for_each(|user| tell(user, true));
        before.difference(&writers).for_each(|user| tell(user, false));
    }
}
