//! What a place can show.

use super::DeliveryState;

/// What a room or chat can take; what it cannot is left out or told as text by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What it shows of the fates of messages.
    pub fates: ShownFates,
    /// Sends are idempotent by key: a repeated attempt cannot double the message.
    pub idempotent: bool,
    /// Has an attention call of its own.
    pub nudge: bool,
    /// Shows how available people are.
    pub presence: bool,
    /// Shows who speaks; where it does not, the name is put before the words.
    pub speakers: bool,
    /// Shows who writes.
    pub typing: bool,
}

/// What a place shows of what became of a message said there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownFates {
    /// Everything: receipts and failures.
    All,
    /// Only what did not arrive, or may not have.
    Failures,
    /// Nothing.
    Nothing,
}

impl ShownFates {
    /// Tells whether a fate is shown.
    pub fn show(self, state: &DeliveryState) -> bool {
        match self {
            Self::All => true,
            Self::Failures => !matches!(state, DeliveryState::Delivered { .. }),
            Self::Nothing => false,
        }
    }
}
