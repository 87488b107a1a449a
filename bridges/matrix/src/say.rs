//! Events sent as one of our users.

use std::borrow::Cow;

use bridge_core::{
    DeliverError,
    id::Timestamp,
    model::{Delivery, Persona, Reject},
};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedTransactionId, OwnedUserId, UInt,
    api::client::message::send_message_event,
    events::{AnyMessageLikeEventContent, MessageLikeEventContent},
    serde::Raw,
};

use crate::{adapter::MatrixAdapter, names::Names};

impl MatrixAdapter {
    /// Sends an event as one of our users; the same transaction is the same event.
    pub(crate) async fn say(
        &self,
        user: &OwnedUserId,
        room: &OwnedRoomId,
        transaction: &str,
        content: &(impl MessageLikeEventContent + Sync),
        at: Option<Timestamp>,
    ) -> Result<OwnedEventId, DeliverError> {
        let kind = content.event_type().to_string();
        let content = Raw::new(content).map_err(|error| DeliverError::retry(error.to_string()))?;
        self.say_event(user, room, transaction, &kind, content.cast_unchecked(), at).await
    }

    /// Sends an event of any kind that people read, encrypted where its room is.
    pub(crate) async fn say_event(
        &self,
        user: &OwnedUserId,
        room: &OwnedRoomId,
        transaction: &str,
        kind: &str,
        content: Raw<AnyMessageLikeEventContent>,
        at: Option<Timestamp>,
    ) -> Result<OwnedEventId, DeliverError> {
        let sealed = self.seal_event(user, room, kind, content).await?;
        let mut request = send_message_event::v3::Request::new_raw(
            room.clone(),
            OwnedTransactionId::from(transaction),
            sealed.kind.into(),
            sealed.content,
        );
        request.timestamp =
            at.and_then(|at| UInt::try_from(at.0).ok()).map(MilliSecondsSinceUnixEpoch);
        let sent = match &sealed.device {
            Some(device) => self.intent.send_from(user, device, request).await?,
            None => self.intent.send(user, request).await?,
        };
        Ok(sent.event_id)
    }

    /// Gives the ghost of a persona, with her name.
    pub(crate) async fn ghost(&self, persona: &Persona) -> Result<OwnedUserId, DeliverError> {
        self.ghosts.ensure(&self.intent, &self.names, self.store()?, persona).await
    }

    /// Gives the ghost of a persona, and sees to it that it is in a room.
    pub(crate) async fn ghost_in(
        &self,
        room: &OwnedRoomId,
        persona: &Persona,
    ) -> Result<OwnedUserId, DeliverError> {
        let ghost = self.ghost(persona).await?;
        self.ghosts.ensure_joined(&self.intent, &self.names, room, &ghost).await?;
        Ok(ghost)
    }

    /// Sends what a person said as her ghost, putting the ghost into the room first if it must be.
    pub(crate) async fn say_as_ghost(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        content: &(impl MessageLikeEventContent + Sync),
    ) -> Result<OwnedEventId, DeliverError> {
        self.say_part_as_ghost(room, item, &item.key.to_string(), content).await
    }

    /// Sends a part of it, under a key of its own.
    pub(crate) async fn say_part_as_ghost(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        transaction: &str,
        content: &(impl MessageLikeEventContent + Sync),
    ) -> Result<OwnedEventId, DeliverError> {
        let mut speaker = Cow::Borrowed(&item.event.sender);
        if let Some(user) = &item.spoken_by {
            let at = item.event.at;
            let said = self.say_as_herself(user, room, transaction, content, at).await?;
            if let Some(event) = said {
                return Ok(event);
            }
            speaker = Cow::Owned(Names::another_self(&speaker));
        }
        let ghost = self.ghost_in(room, &speaker).await?;
        let said = self.say(&ghost, room, transaction, content, Some(item.event.at)).await;
        let said = match said {
            Err(DeliverError::Reject { reason: Reject::Forbidden, .. }) => {
                // Somebody put it out of the room meanwhile.
                self.ghosts.forget(room, &ghost);
                self.ghosts.ensure_joined(&self.intent, &self.names, room, &ghost).await?;
                self.say(&ghost, room, transaction, content, Some(item.event.at)).await
            }
            said => said,
        };
        if said.is_ok() {
            self.has_spoken(room, &ghost).await;
        }
        said
    }
}
