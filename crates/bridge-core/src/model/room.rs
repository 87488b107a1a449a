//! Rooms: what an adapter must make.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Persona, UserId};
use crate::{id::PortalId, redact::Redacted};

/// A room to be made for a portal.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomSpec {
    /// The portal; a room is found again by it after a crash.
    pub portal: PortalId,
    /// What kind of conversation it shows.
    pub kind: RoomKind,
    /// The name to show, where a room of this kind has one of its own.
    pub name: Option<String>,
    /// Who is in it from the remote network.
    pub personas: Vec<Persona>,
    /// Users of the bridge to be invited.
    pub invite: Vec<UserId>,
}

impl fmt::Debug for RoomSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomSpec")
            .field("portal", &self.portal)
            .field("kind", &self.kind)
            .field("name", &self.name.as_ref().map(Redacted))
            .field("personas", &self.personas)
            .field("invite", &self.invite)
            .finish()
    }
}

/// The kind of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomKind {
    /// Two people.
    Direct,
    /// Several people.
    Group,
}

/// Whether somebody is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Membership {
    /// In it.
    Join,
    /// Out of it.
    Leave,
}
