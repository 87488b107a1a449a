//! Things that are not words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{id::MediaId, redact::Redacted};

/// A file somebody sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("media", &self.media)
            .field("name", &Redacted(&self.name))
            .field("kind", &self.kind)
            .field("mime", &self.mime)
            .field("size", &self.size)
            .finish()
    }
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
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wink {
    /// Its name for people.
    pub name: String,
    /// Its bytes, where the network gives them.
    pub media: Option<MediaId>,
}

impl fmt::Debug for Wink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wink")
            .field("name", &Redacted(&self.name))
            .field("media", &self.media)
            .finish()
    }
}

/// A picture that stands for a few letters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomEmoticon {
    /// The letters, as they stand in the words.
    pub shortcut: String,
    /// The picture.
    pub media: MediaId,
}

impl fmt::Debug for CustomEmoticon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomEmoticon")
            .field("shortcut", &Redacted(&self.shortcut))
            .field("media", &self.media)
            .finish()
    }
}
