//! What is said to the bot itself, and rooms for that alone.

use std::sync::Arc;

use bridge_core::{
    DeliverError,
    id::{MessageId, NetworkId, RoomId, SourceId, Timestamp},
    model::{CommandLine, Event, EventKind, Scope},
    redact::Redacted,
};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, UserId,
    api::client::membership::join_room_by_id, events::room::message::RoomMessageEventContent,
};

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    convert::to_matrix,
    texts::{self, Untaken},
};

impl MatrixAdapter {
    /// Gives the command a message in a room is, if it is one.
    pub(crate) async fn command_in(&self, room: &OwnedRoomId, text: &str) -> Option<String> {
        let prefixed = text.strip_prefix(&self.command_prefix);
        if let Some(rest) = prefixed.filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            return Some(rest.trim().to_owned());
        }
        self.is_management(room).await.ok()?.then(|| text.to_owned())
    }

    /// Tells whether a room is for commands only.
    pub(crate) async fn is_management(&self, room: &OwnedRoomId) -> Result<bool, DeliverError> {
        let found = self.store()?.get(&format!("management {room}")).await;
        Ok(found.map_err(|error| DeliverError::retry(error.to_string()))?.is_some())
    }

    /// Makes an event of a line that somebody gave otherwise than by writing it.
    pub(crate) async fn command_of(
        &self,
        (room, event): (&OwnedRoomId, &OwnedEventId),
        sender: &UserId,
        at: MilliSecondsSinceUnixEpoch,
        line: String,
    ) -> Event {
        Event {
            network: NetworkId::new(NETWORK),
            source: SourceId::new(event.as_str()),
            message: Some(MessageId::new(event.as_str())),
            at: Timestamp(at.0.into()),
            scope: Scope::Room(RoomId::new(room.as_str())),
            sender: self.persona(room, sender).await,
            kind: EventKind::Command(CommandLine(line)),
        }
    }

    /// Says that something does not cross yet, as an answer to it.
    pub(crate) fn explain_untaken(
        self: &Arc<Self>,
        room: OwnedRoomId,
        event: OwnedEventId,
        what: Untaken,
    ) {
        let text = texts::untaken(what);
        let transaction = format!("untaken-{event}");
        let adapter = Arc::clone(self);
        // The homeserver waits for the transaction's answer, and this must not hold it up; the
        // request has a deadline of its own.
        self.tasks.spawn(async move {
            let content = RoomMessageEventContent::notice_plain(text);
            let bot = adapter.names.bot.clone();
            if let Err(error) = adapter.say(&bot, &room, &transaction, &content, None).await {
                tracing::debug!(%error, "a notice was not delivered");
            }
        });
    }

    /// Follows an invitation of the bot: a direct chat becomes one to give commands in.
    pub(crate) fn invited(self: &Arc<Self>, room: OwnedRoomId, by: OwnedUserId, direct: bool) {
        let adapter = Arc::clone(self);
        // As above.
        self.tasks.spawn(async move {
            if let Err(error) = adapter.enter(&room, direct).await {
                tracing::warn!(by = %Redacted(&by), %error, "the bot could not follow an invitation");
            }
        });
    }

    pub(crate) async fn enter(&self, room: &OwnedRoomId, direct: bool) -> Result<(), DeliverError> {
        let bot = &self.names.bot;
        self.intent.send(bot, join_room_by_id::v3::Request::new(room.clone())).await?;
        if let Some(from) = self.goes_on_from(room).await? {
            return self.move_over(&from, room).await;
        }
        let text = if direct {
            let noted = self.store()?.put(&format!("management {room}"), "").await;
            noted.map_err(|error| DeliverError::retry(error.to_string()))?;
            texts::HELLO.to_owned()
        } else {
            texts::hello_among_others(&self.command_prefix)
        };
        let content = to_matrix::words(&text);
        self.say(bot, room, &format!("hello-{room}"), &content, None).await?;
        Ok(())
    }
}
