//! Changes of people, lists and rooms.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Membership, Persona};
use crate::{id::MediaId, redact::Redacted};

/// Somebody came into a conversation or left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipChange {
    /// Who.
    pub person: Persona,
    /// Whether she is in it now.
    pub membership: Membership,
}

/// What changed of a person; absent fields did not.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfilePatch {
    /// Her name.
    pub name: Option<String>,
    /// Her own words about herself.
    pub status_text: Option<String>,
    /// Her picture; taken away where the inner one is absent.
    pub avatar: Option<Option<MediaId>>,
}

impl fmt::Debug for ProfilePatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfilePatch")
            .field("name", &self.name.as_ref().map(Redacted))
            .field("status_text", &self.status_text.as_ref().map(Redacted))
            .field("avatar", &self.avatar)
            .finish()
    }
}

/// What changed of a room; absent fields did not.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPatch {
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub topic: Option<String>,
}

impl fmt::Debug for RoomPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomPatch")
            .field("name", &self.name.as_ref().map(Redacted))
            .field("topic", &self.topic.as_ref().map(Redacted))
            .finish()
    }
}

/// What changed on an account's contact list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactDelta {
    /// Whose entry.
    pub person: Persona,
    /// What.
    pub change: ContactChange,
}

/// A change of one entry. The order is that of the stored form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ContactChange {
    /// She is on the list now.
    Added,
    /// She put the account on hers, and waits for an answer.
    AddedUs,
    /// She may not see the account or write to it any more.
    Blocked,
    /// She is off the list.
    Removed,
    /// She may again.
    Unblocked,
    /// She took the account off hers, and with it her question.
    RemovedUs,
}

/// Somebody wants to speak, or to do something together, by means the bridge has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CallNotice {
    /// A game or another program to share.
    Activity,
    /// A call by voice.
    Audio,
    /// A call with pictures, or a camera to look through.
    Video,
}
