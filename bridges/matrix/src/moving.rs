//! Rooms that go on in other rooms, as homeservers upgrade them.

use std::sync::Arc;

use bridge_core::{
    DeliverError,
    adapter::CloseReason,
    id::{NetworkId, RoomId},
    model::RoomChange,
};
use ruma::{
    OwnedRoomId, OwnedServerName, OwnedUserId, api::client::membership::join_room_by_id_or_alias,
    events::room::tombstone::OriginalRoomTombstoneEvent,
};

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    closing,
    double::user_id,
    errand::Errand,
};

/// Where it is noted which room one goes on from that the bot may not enter yet.
fn awaited(to: &OwnedRoomId) -> String {
    format!("awaited {to}")
}

impl MatrixAdapter {
    /// Follows the word that a room goes on elsewhere, if it shows a portal.
    pub(crate) async fn replaced(self: &Arc<Self>, event: OriginalRoomTombstoneEvent) {
        if self.shown_in(&event.room_id).is_none() {
            return;
        }
        let (from, to) = (event.room_id, event.content.replacement_room);
        let via = event.sender.server_name().to_owned();
        self.take_errand(&event.event_id, Errand::Follow { from, to, via }).await;
    }

    /// Enters the room that another goes on in; where the bot may not yet, when it is invited.
    pub(crate) async fn follow(
        &self,
        from: &OwnedRoomId,
        to: &OwnedRoomId,
        via: OwnedServerName,
    ) -> Result<(), DeliverError> {
        let mut request = join_room_by_id_or_alias::v3::Request::new(to.clone().into());
        request.via = vec![via];
        match self.intent.send(&self.names.bot, request).await {
            Ok(_) => self.move_over(from, to).await,
            Err(error) if error.is_forbidden() => {
                let noted = self.store()?.put(&awaited(to), from.as_str()).await;
                noted.map_err(|error| DeliverError::retry(error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells which room one goes on from that the bot was just invited to.
    pub(crate) async fn goes_on_from(
        &self,
        to: &OwnedRoomId,
    ) -> Result<Option<OwnedRoomId>, DeliverError> {
        let found = self.store()?.get(&awaited(to)).await;
        let found = found.map_err(|error| DeliverError::retry(error.to_string()))?;
        Ok(found.and_then(|from| OwnedRoomId::try_from(from).ok()))
    }

    /// Moves a portal and everybody of ours from one room to another, where the bot is already.
    pub(crate) async fn move_over(
        &self,
        from: &OwnedRoomId,
        to: &OwnedRoomId,
    ) -> Result<(), DeliverError> {
        let inbox = self.inbox().ok_or_else(|| DeliverError::retry("the adapter is starting"))?;
        let shown = self.shown_in(from);
        let change =
            RoomChange::Moved { from: RoomId::new(from.as_str()), to: RoomId::new(to.as_str()) };
        inbox.room_changed(&NetworkId::new(NETWORK), change).await?;
        for ghost in closing::ghosts_in(&self.intent, &self.names, from).await? {
            self.ghosts.ensure_joined(&self.intent, &self.names, to, &ghost).await?;
        }
        let owner = shown.and_then(|shown| shown.owner);
        let owner: Option<OwnedUserId> = owner.and_then(|owner| user_id(&owner).ok());
        if let Some(owner) = owner {
            self.enter_as(to, &owner).await;
        }
        self.renew_nameplate(to).await?;
        self.ghosts.forget_room(from);
        closing::close(&self.intent, &self.names, from, CloseReason::Left).await?;
        let done = self.store()?.remove(&awaited(to)).await;
        done.map_err(|error| DeliverError::retry(error.to_string()))
    }
}
