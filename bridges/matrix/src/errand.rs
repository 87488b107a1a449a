//! What a pushed event asks the bridge to do and takes longer than the homeserver should wait: noted
//! before the event is acknowledged, done beside, and begun anew by the next start.

use std::{sync::Arc, time::Duration};

use bridge_core::{
    DeliverError,
    connector::ContactEdit,
    id::{LoginId, NetworkId, PersonaId, RoomId},
    model::RoomChange,
};
use ruma::{EventId, OwnedRoomId, OwnedServerName, OwnedUserId};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    double::bridge_user,
};

/// What noted errands are called.
const NOTED: &str = "errand ";
/// Most of them begun anew by a start.
const LIMIT: usize = 10_000;
/// How often one is tried.
const ATTEMPTS: u32 = 30;
/// The first and the longest wait between.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// A user asked a ghost into a room of hers: the conversation shall be there.
    Begin { room: OwnedRoomId, ghost: OwnedUserId, by: OwnedUserId },
    /// A user asked a ghost somewhere where it is not to come.
    Decline { room: OwnedRoomId, ghost: OwnedUserId, by: OwnedUserId, why: String },
    /// A room goes on in another one, which can be entered by a server.
    Follow { from: OwnedRoomId, to: OwnedRoomId, via: OwnedServerName },
    /// The owner of a portal left its room.
    Left { room: OwnedRoomId, user: OwnedUserId },
    /// A user put a room into a group's space, or took it out.
    Regroup { user: OwnedUserId, login: LoginId, person: PersonaId, group: String, on: bool },
}

impl MatrixAdapter {
    /// Notes an errand under the event that asks for it, and begins it.
    pub(crate) async fn take_errand(self: &Arc<Self>, event: &EventId, errand: Errand) {
        let name = format!("{NOTED}{event}");
        let noted = match (self.store(), serde_json::to_string(&errand)) {
            (Ok(store), Ok(form)) => store.put(&name, &form).await.map_err(|why| why.to_string()),
            (Err(why), _) => Err(why.to_string()),
            (_, Err(why)) => Err(why.to_string()),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "what is to be done is not noted; a crash would forget it");
        }
        self.begin_errand(name, errand);
    }

    /// Begins anew what a former process did not end.
    pub(crate) async fn resume_errands(self: &Arc<Self>) -> Result<(), DeliverError> {
        let noted = self.store()?.list(NOTED, LIMIT).await;
        for (name, form) in noted.map_err(|error| DeliverError::retry(error.to_string()))? {
            match serde_json::from_str(&form) {
                Ok(errand) => self.begin_errand(name, errand),
                Err(error) => tracing::warn!(%error, "a noted errand cannot be read"),
            }
        }
        Ok(())
    }

    fn begin_errand(self: &Arc<Self>, name: String, errand: Errand) {
        let adapter = Arc::clone(self);
        // Each request has a deadline of its own; what does not end in time is begun anew.
        self.tasks.spawn(async move {
            let Some(cancel) = adapter.context.get().map(|cx| cx.cancel.clone()) else { return };
            let mut wait = WAITS.0;
            for attempt in 1..=ATTEMPTS {
                match adapter.do_errand(errand.clone()).await {
                    Err(DeliverError::Retry { after, .. }) if attempt < ATTEMPTS => {
                        tokio::select! {
                            () = sleep(after.unwrap_or(wait)) => {}
                            () = cancel.cancelled() => return,
                        }
                        wait = (wait * 2).min(WAITS.1);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "what a room asked for was not done");
                        break;
                    }
                    Ok(()) => break,
                }
            }
            if let Ok(store) = adapter.store()
                && let Err(error) = store.remove(&name).await
            {
                tracing::warn!(%error, "an errand that is done is done again by the next start");
            }
        });
    }

    async fn do_errand(self: &Arc<Self>, errand: Errand) -> Result<(), DeliverError> {
        let starting = || DeliverError::retry("the adapter is starting");
        let inbox = self.inbox().ok_or_else(starting)?;
        match errand {
            Errand::Begin { room, ghost, by } => self.begin_chat(&room, &ghost, &by).await,
            Errand::Decline { room, ghost, by, why } => {
                self.decline(&room, &ghost, &by, &why).await
            }
            Errand::Follow { from, to, via } => self.follow(&from, &to, via).await,
            Errand::Left { room, user } => {
                let (room, user) = (RoomId::new(room.as_str()), bridge_user(&user));
                let change = RoomChange::Left { room, user };
                inbox.room_changed(&NetworkId::new(NETWORK), change).await
            }
            Errand::Regroup { user, login, person, group, on } => {
                let edit = match on {
                    true => ContactEdit::PutInto(group),
                    false => ContactEdit::TakeOutOf(group),
                };
                let edited = inbox.edit_contact(&bridge_user(&user), &login, &person, edit).await;
                if edited.is_err() {
                    // What she did is undone where it did not come true; she has been told.
                    self.show_spaces_again(&login).await;
                }
                Ok(())
            }
        }
    }
}
