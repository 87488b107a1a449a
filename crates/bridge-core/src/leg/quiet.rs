//! What somebody does not want said in words where it cannot be shown.

use super::Pump;
use crate::{
    model::{Capabilities, Event, EventKind, UserId},
    options,
    record::Leg,
};

impl Pump {
    /// Tells whether an event would be spoken of in a chat, and its sender wishes no such words.
    pub(super) async fn is_kept_quiet(
        &self,
        event: &Event,
        leg: &Leg,
        to: Capabilities,
        known: bool,
    ) -> bool {
        let (option, shown) = match &event.kind {
            EventKind::Edit { .. } => (options::CHANGES, to.edits),
            EventKind::Redact { .. } => (options::CHANGES, to.redactions),
            EventKind::React { .. } => (options::REACTIONS, to.reactions),
            _ => return false,
        };
        if !matches!(leg, Leg::Chat { .. }) || (shown && known) {
            return false;
        }
        let sender = &event.sender;
        let user = UserId { network: sender.network.clone(), id: sender.id.clone() };
        options::value(&self.shared, &user, option).await.as_deref() == Some("off")
    }
}
