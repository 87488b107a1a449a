//! Rooms: what an adapter must make.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Persona, UserId};
use crate::{
    id::{ChatId, LoginId, PortalId, RoomId},
    redact::Redacted,
};

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
    /// Conversations it shows: a platform that can notes them in the room, for
    /// [`rediscover`](crate::Adapter::rediscover).
    pub chats: Vec<RoomChat>,
}

/// A conversation of a signed-in account, as a room shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomChat {
    /// The account.
    pub login: LoginId,
    /// The conversation.
    pub chat: ChatId,
    /// Who is at its other end.
    pub peer: Persona,
}

/// What an account knows of one of its conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatFacts {
    /// What kind it is.
    pub kind: RoomKind,
    /// Its own name, where it has one.
    pub name: Option<String>,
    /// The others in it, as far as they are known.
    pub people: Vec<Persona>,
}

/// A room that shows a portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRoom {
    /// The portal.
    pub portal: PortalId,
    /// What kind of conversation it shows.
    pub kind: RoomKind,
    /// The conversation's own name, where it has one.
    pub name: Option<String>,
    /// Whose it is; nobody's where it is a relay's.
    pub owner: Option<UserId>,
    /// The conversations.
    pub chats: Vec<RoomChat>,
}

/// What became of a room that shows a portal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomChange {
    /// Its owner left it: it is not needed any more. A conversation of several is left too.
    Left {
        /// The room.
        room: RoomId,
        /// Who left it.
        user: UserId,
    },
    /// It goes on in another room.
    Moved {
        /// The room of before.
        from: RoomId,
        /// The room of now.
        to: RoomId,
    },
}

/// What a room itself says of the portal it was made for.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomHint {
    /// The room.
    pub room: RoomId,
    /// The portal.
    pub portal: PortalId,
    /// What kind of conversation it shows.
    pub kind: RoomKind,
    /// Its own name, where it has one.
    pub name: Option<String>,
    /// For whom it was made.
    pub owner: UserId,
    /// The conversations it shows.
    pub chats: Vec<RoomChat>,
}

/// What a platform knows of the bridge without the bridge's store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rediscovered {
    /// Rooms that say which portal they are of.
    pub rooms: Vec<RoomHint>,
    /// Rooms that were made for a portal and do not say enough to be found again.
    pub unclear: Vec<RoomId>,
    /// People and the rooms where they talk to the bridge itself.
    pub talks: Vec<(UserId, RoomId)>,
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

impl fmt::Debug for RoomHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomHint")
            .field("room", &self.room)
            .field("portal", &self.portal)
            .field("kind", &self.kind)
            .field("name", &self.name.as_ref().map(Redacted))
            .field("owner", &self.owner)
            .field("chats", &self.chats)
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
