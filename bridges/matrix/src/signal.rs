//! What passes: who writes, and how available people are.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use bridge_core::{
    DeliverError,
    id::RoomId,
    model::{Persona, Signal},
};
use ruma::{
    OwnedRoomId, OwnedUserId,
    api::client::typing::create_typing_event::{
        self,
        v3::{Typing, TypingInfo},
    },
};

use tokio::time::{Instant, timeout};

use crate::adapter::MatrixAdapter;

/// How long a ghost seems to write unless told again.
const TYPING: Duration = Duration::from_secs(8);

/// How long a message waits for the word that its ghost writes no more.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most ghosts that are remembered to write.
const WRITERS: usize = 1024;

impl MatrixAdapter {
    /// Notes whether a ghost seems to write in a room.
    fn note_writer(&self, room: &OwnedRoomId, ghost: &OwnedUserId, on: bool) {
        let mut writing = self.writing_ghosts();
        let place = (room.clone(), ghost.clone());
        if !on {
            writing.remove(&place);
            return;
        }
        if writing.len() >= WRITERS {
            let now = Instant::now();
            writing.retain(|_, end| *end > now);
        }
        if writing.len() < WRITERS {
            writing.insert(place, Instant::now() + TYPING);
        }
    }

    /// Ends a ghost's writing, as it has just spoken: the homeserver does not see that by itself.
    pub(crate) async fn has_spoken(&self, room: &OwnedRoomId, ghost: &OwnedUserId) {
        let end = self.writing_ghosts().remove(&(room.clone(), ghost.clone()));
        if end.is_none_or(|end| end < Instant::now()) {
            return;
        }
        let request =
            create_typing_event::v3::Request::new(ghost.clone(), room.clone(), Typing::No);
        // Else it seems to write a little longer.
        if let Ok(Err(error)) = timeout(PATIENCE, self.intent.send(ghost, request)).await {
            tracing::debug!(%error, "a ghost seems to write a little longer");
        }
    }

    fn writing_ghosts(&self) -> MutexGuard<'_, HashMap<(OwnedRoomId, OwnedUserId), Instant>> {
        self.writing_ghosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows something ephemeral in a room.
    pub(crate) async fn show_signal(
        &self,
        room: &OwnedRoomId,
        from: &Persona,
        signal: &Signal,
    ) -> Result<(), DeliverError> {
        match signal {
            Signal::Typing { on } => {
                let ghost = self.ghost(from).await?;
                self.ghosts.ensure_joined(&self.intent, &self.names, room, &ghost).await?;
                let typing = if *on { Typing::Yes(TypingInfo::new(TYPING)) } else { Typing::No };
                let request =
                    create_typing_event::v3::Request::new(ghost.clone(), room.clone(), typing);
                self.intent.send(&ghost, request).await?;
                self.note_writer(room, &ghost, *on);
            }
            Signal::Presence(presence) => {
                self.somebody_is(&RoomId::new(room.as_str()), from, presence);
            }
            Signal::Progress(progress) => self.show_progress(room, from, progress).await?,
            _ => {}
        }
        Ok(())
    }
}
