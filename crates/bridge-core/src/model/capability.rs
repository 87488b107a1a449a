//! What a place can show.

/// What a room or chat can take; what it cannot is left out or told as text by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Shows what became of a message (receipts, error notices).
    pub delivery_state: bool,
    /// Sends are idempotent by key: a repeated attempt cannot double the message.
    pub idempotent: bool,
    /// Has an attention call of its own.
    pub nudge: bool,
    /// Shows how available people are.
    pub presence: bool,
    /// Shows who writes.
    pub typing: bool,
}
