//! What passes: who writes, and how available people are.

use std::time::Duration;

use bridge_core::{
    DeliverError,
    id::RoomId,
    model::{Persona, Signal},
};
use ruma::{
    OwnedRoomId,
    api::client::typing::create_typing_event::{
        self,
        v3::{Typing, TypingInfo},
    },
};

use crate::adapter::MatrixAdapter;

/// How long a ghost seems to write unless told again.
const TYPING: Duration = Duration::from_secs(8);

impl MatrixAdapter {
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
