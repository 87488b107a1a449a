//! Events of Matrix, made neutral.

use std::{collections::HashSet, sync::Arc};

use bridge_core::{
    id::{MessageId, NetworkId, PersonaId, RoomId, SourceId, Timestamp},
    model::{CommandLine, Event, EventKind, Persona, Scope, Signal},
};
use ruma::{
    OwnedRoomId,
    events::{
        AnyMessageLikeEvent, AnyStateEvent, AnyTimelineEvent, MessageLikeEvent, StateEvent,
        room::redaction::RoomRedactionEvent,
    },
};

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    convert::{
        self, emoticons,
        from_matrix::{self, Said},
    },
    nudge,
    texts::Untaken,
};

/// Makes neutral events of one of Matrix; what is not for the core is done here.
pub(crate) async fn read_event(
    adapter: &Arc<MatrixAdapter>,
    event: AnyTimelineEvent,
) -> Option<Event> {
    if adapter.names.is_own(event.sender().as_str()) {
        return None;
    }
    match event {
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomMessage(
            MessageLikeEvent::Original(mut event),
        )) => {
            adapter.seal_source(&mut event.content);
            let line = event.content.body().to_owned();
            let command = adapter.command_in(&event.room_id, &line).await;
            let pictures = emoticons::read(&event.content);
            let kind = match (command, from_matrix::read(event.content)) {
                (_, Said::Nothing) => return None,
                (None, Said::File(file)) => EventKind::File(file),
                (Some(_), Said::File(_)) => {
                    adapter.explain_untaken(
                        event.room_id.clone(),
                        event.event_id.clone(),
                        Untaken::Files,
                    );
                    return None;
                }
                (Some(command), _) => EventKind::Command(CommandLine(command)),
                (None, Said::Content(content)) => {
                    EventKind::Message(emoticons::in_words(content, pictures))
                }
                (None, Said::Edit { target, content }) => {
                    let content = emoticons::in_words(content, pictures);
                    EventKind::Edit { target: MessageId::new(target.as_str()), content }
                }
                (None, Said::Untaken(what)) => {
                    adapter.explain_untaken(event.room_id.clone(), event.event_id.clone(), what);
                    return None;
                }
            };
            Some(Event {
                network: NetworkId::new(NETWORK),
                source: SourceId::new(event.event_id.as_str()),
                message: Some(MessageId::new(event.event_id.as_str())),
                at: Timestamp(event.origin_server_ts.0.into()),
                scope: Scope::Room(RoomId::new(event.room_id.as_str())),
                sender: adapter.persona(&event.room_id, &event.sender).await,
                kind,
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
            let file = convert::media::sticker(event.content)?;
            Some(Event {
                network: NetworkId::new(NETWORK),
                source: SourceId::new(event.event_id.as_str()),
                message: Some(MessageId::new(event.event_id.as_str())),
                at: Timestamp(event.origin_server_ts.0.into()),
                scope: Scope::Room(RoomId::new(event.room_id.as_str())),
                sender: adapter.persona(&event.room_id, &event.sender).await,
                kind: EventKind::File(file),
            })
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::Reaction(
            MessageLikeEvent::Original(event),
        )) if nudge::calls(&event.content.relates_to.key) => Some(Event {
            network: NetworkId::new(NETWORK),
            source: SourceId::new(event.event_id.as_str()),
            message: Some(MessageId::new(event.event_id.as_str())),
            at: Timestamp(event.origin_server_ts.0.into()),
            scope: Scope::Room(RoomId::new(event.room_id.as_str())),
            sender: adapter.persona(&event.room_id, &event.sender).await,
            kind: EventKind::Nudge,
        }),
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomRedaction(
            RoomRedactionEvent::Original(event),
        )) => {
            let target = event.content.redacts.or(event.redacts)?;
            Some(Event {
                network: NetworkId::new(NETWORK),
                source: SourceId::new(event.event_id.as_str()),
                message: None,
                at: Timestamp(event.origin_server_ts.0.into()),
                scope: Scope::Room(RoomId::new(event.room_id.as_str())),
                sender: adapter.persona(&event.room_id, &event.sender).await,
                kind: EventKind::Redact { target: MessageId::new(target.as_str()) },
            })
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomEncrypted(
            MessageLikeEvent::Original(event),
        )) => {
            adapter.explain_untaken(event.room_id, event.event_id, Untaken::Encrypted);
            None
        }
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
        _ => None,
    }
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
