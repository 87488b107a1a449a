//! One attempt at delivering a row, and the room it may need first.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::Pump;
use crate::{
    adapter::CloseReason,
    error::DeliverError,
    id::RoomId,
    model::{Delivery, Receipt, RoomChat, RoomSpec, UserId},
    portal::{Change, ChangeError, change, repair::people_of},
    record::{InFlight, Leg, LogRow},
};

/// How long one delivery may take before it counts as ambiguous: places have shorter ones.
const DELIVERY_DEADLINE: Duration = Duration::from_secs(120);

/// Slowest way a file may take beside that, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

impl Pump {
    /// Tries once to deliver a row to the place the leg leads to.
    pub(super) async fn attempt(
        &mut self,
        row: &LogRow,
        leg: &Leg,
        item: &Delivery,
    ) -> Result<Receipt, DeliverError> {
        match leg {
            Leg::Chat { login, chat, .. } => {
                let left = self.time_left(row).unwrap_or_default();
                let changed = self.until_changed(leg);
                let puppet = tokio::select! {
                    puppet = timeout(left, self.shared.puppets.wait_online(login)) => puppet,
                    () = changed => return Err(DeliverError::retry("it leads elsewhere now")),
                    () = self.shared.cancel.cancelled() => {
                        return Err(DeliverError::retry("the bridge is stopping"));
                    }
                };
                let puppet = puppet
                    .map_err(|_| DeliverError::retry("it waited too long"))?
                    .ok_or_else(|| DeliverError::Gone("the account is signed out".into()))?;
                if !puppet.capabilities().idempotent {
                    self.note_in_flight(InFlight::Row(self.cursor)).await?;
                }
                self.in_time(item, puppet.deliver(chat, item)).await
            }
            Leg::Closed => Err(DeliverError::Gone("it was taken out of the portal".into())),
            Leg::Room { network, room, owner } => {
                let adapter = self.shared.adapters.get(network).cloned();
                let adapter = adapter
                    .ok_or_else(|| DeliverError::Gone("the network is switched off".into()))?;
                let room = match (room, owner) {
                    (Some(room), _) => room.clone(),
                    (None, Some(owner)) => self.make_room(&*adapter, owner).await?,
                    (None, None) => return Err(DeliverError::Gone("it has no room".into())),
                };
                if !adapter.capabilities().idempotent {
                    self.note_in_flight(InFlight::Row(self.cursor)).await?;
                }
                self.in_time(item, adapter.deliver(&room, item)).await
            }
        }
    }

    /// Ends a delivery that takes too long: nobody knows then whether it arrived. One to a leg that was
    /// closed is of no use to anybody.
    async fn in_time(
        &self,
        item: &Delivery,
        delivery: impl Future<Output = Result<Receipt, DeliverError>>,
    ) -> Result<Receipt, DeliverError> {
        let late = || DeliverError::Ambiguous("the place does not answer".into());
        let size = item.media.as_ref().map_or(0, |media| media.size);
        let deadline = DELIVERY_DEADLINE + Duration::from_secs(size / SLOWEST);
        tokio::select! {
            answer = timeout(deadline, delivery) => answer.unwrap_or_else(|_| Err(late())),
            () = self.until_closed() => {
                Err(DeliverError::Gone("it was taken out of the portal".into()))
            }
        }
    }

    /// Waits until the leg is closed or its portal deleted.
    async fn until_closed(&self) {
        loop {
            let rows =
                self.shared.index().portals.get(&self.portal).map(|found| Arc::clone(&found.rows));
            let Some(rows) = rows else { return };
            let news = rows.notified();
            if !self.shared.index().is_open(self.portal, self.leg) {
                return;
            }
            news.await;
        }
    }

    /// Makes the leg's room, or finds the one a former process made and lost sight of.
    pub(super) async fn make_room(
        &mut self,
        adapter: &dyn crate::Adapter,
        owner: &UserId,
    ) -> Result<RoomId, DeliverError> {
        let gone = || DeliverError::Gone("the portal is gone".into());
        let making =
            self.shared.index().portals.get(&self.portal).map(|portal| Arc::clone(&portal.making));
        let making = making.ok_or_else(gone)?;
        let _made_once = making.lock().await;
        let record =
            self.shared.index().portals.get(&self.portal).map(|portal| portal.record.clone());
        let record = record.ok_or_else(gone)?;
        if let Some(Leg::Room { room: Some(room), .. }) = record.legs.get(usize::from(self.leg)) {
            return Ok(room.clone());
        }
        let found = if self.left_over == Some(InFlight::Room) {
            adapter.find_room(self.portal).await?
        } else {
            self.note_in_flight(InFlight::Room).await?;
            // Until it is noted otherwise, a failed attempt may have made it.
            self.left_over = Some(InFlight::Room);
            None
        };
        let created = found.is_none();
        let room = match found {
            Some(room) => room,
            None => {
                let chats = record.legs.iter().filter_map(|leg| match leg {
                    Leg::Chat { login, chat, peer } => {
                        let (login, chat) = (login.clone(), chat.clone());
                        Some(RoomChat { login, chat, peer: peer.clone() })
                    }
                    Leg::Closed | Leg::Room { .. } => None,
                });
                let chats: Vec<RoomChat> = chats.collect();
                let people = chats
                    .iter()
                    .flat_map(|chat| people_of(&self.shared, &chat.login, &chat.chat, &chat.peer));
                let spec = RoomSpec {
                    portal: self.portal,
                    kind: record.kind,
                    name: record.name.clone(),
                    personas: people.collect(),
                    invite: vec![owner.clone()],
                    chats,
                };
                adapter.create_room(&spec).await?
            }
        };
        let made = Change::RoomMade {
            portal: self.portal,
            leg: self.leg,
            room: room.clone(),
            state: self.state(None),
        };
        match change(&self.shared, made).await {
            Ok(_) => {}
            // It was led to another room meanwhile, and this one is for nobody.
            Err(ChangeError::Gone | ChangeError::Taken(_)) => {
                self.left_over = None;
                let closed = async {
                    if created {
                        adapter.close_room(&room, CloseReason::Moved).await
                    } else {
                        Ok(())
                    }
                };
                if let Err(error) = closed.await {
                    tracing::warn!(portal = %self.portal, %error, "a room made in vain stays");
                }
                return Err(DeliverError::retry("it leads elsewhere now"));
            }
            Err(error) => return Err(DeliverError::retry(error.to_string())),
        }
        self.left_over = None;
        Ok(room)
    }
}
