//! What a place can show.

use super::DeliveryState;
use crate::media::PictureBounds;

/// What a room or chat can take; what it cannot is left out or told as text by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Shows contact lists, and with them how available contacts are.
    pub contact_lists: bool,
    /// Changes a message that was said.
    pub edits: bool,
    /// How large pictures that stand for letters may be; none where they are not shown.
    pub emoticons: Option<PictureBounds>,
    /// What it shows of the fates of messages.
    pub fates: ShownFates,
    /// Takes files.
    pub files: bool,
    /// Sends are idempotent by key: a repeated attempt cannot double the message.
    pub idempotent: bool,
    /// Largest file it takes, in bytes; none where only the bridge's own limit counts.
    pub max_file: Option<u64>,
    /// Shows who is in a conversation.
    pub membership: bool,
    /// Has an attention call of its own.
    pub nudge: bool,
    /// Shows how available people are.
    pub presence: bool,
    /// Looks for what may have arrived before it says it again.
    pub probes: bool,
    /// Shows people's names and pictures of their own.
    pub profiles: bool,
    /// Puts signs under messages.
    pub reactions: bool,
    /// Takes a message back.
    pub redactions: bool,
    /// Shows a room's name and topic.
    pub room_facts: bool,
    /// Shows what a message answers.
    pub replies: bool,
    /// Shows who speaks; where it does not, the name is put before the words.
    pub speakers: bool,
    /// How words may look.
    pub styles: Styles,
    /// Shows who writes.
    pub typing: bool,
    /// Plays animations over a conversation.
    pub winks: bool,
}

impl Capabilities {
    /// Plain words and nothing else.
    pub const NONE: Self = Self {
        contact_lists: false,
        edits: false,
        emoticons: None,
        fates: ShownFates::Nothing,
        files: false,
        idempotent: false,
        max_file: None,
        membership: false,
        nudge: false,
        presence: false,
        probes: false,
        profiles: false,
        reactions: false,
        redactions: false,
        replies: false,
        room_facts: false,
        speakers: false,
        styles: Styles::None,
        typing: false,
        winks: false,
    };
}

/// How words may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Styles {
    /// One look for a whole message.
    Message,
    /// No looks.
    None,
    /// A look for each part, and links.
    Parts,
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
            Self::Failures => {
                matches!(state, DeliveryState::Failed { .. } | DeliveryState::Unknown { .. })
            }
            Self::Nothing => false,
        }
    }
}
