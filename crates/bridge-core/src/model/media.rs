//! Things that are not words.

use serde::{Deserialize, Serialize};

use crate::id::MediaId;

/// A file somebody sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Where its bytes are.
    pub media: MediaId,
    /// Its name, as the sender gave it; nobody's path.
    pub name: String,
    /// What it is to people.
    pub kind: AttachmentKind,
    /// Its media type, as far as known.
    pub mime: Option<String>,
    /// Its size in bytes, as far as known.
    pub size: Option<u64>,
}

/// What a file is to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AttachmentKind {
    /// Anything.
    File,
    /// Something written by hand.
    Ink,
    /// Something to look at.
    Picture,
    /// A spoken message.
    Voice,
}

/// An animation that plays over the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wink {
    /// Its name for people.
    pub name: String,
    /// Its bytes, where the network gives them.
    pub media: Option<MediaId>,
}

/// A picture that stands for a few letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomEmoticon {
    /// The letters, as they stand in the words.
    pub shortcut: String,
    /// The picture.
    pub media: MediaId,
}
