//! Circles, whose members last, and temporary groups, which last as long as somebody is in them.
//!
//! ```text
//! 9:00000000-0000-0000-0009-000000000001@live.com        a circle, from MSNP18
//! 10:00000001-003d-0003-4136-314b00000000@live.com       a temporary group, from MSNP21
//! ```

use std::fmt;

use msnp_proto::datagram::{Address, CIRCLE_NETWORK, GROUP_NETWORK};

use crate::directory::{PresenceOf, Profile};

/// What the ids of circles begin with.
const LASTING: &str = "00000000-0000-0000-0009-";
/// Where all of them are.
const HOST: &str = "@live.com";

/// One circle or temporary group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircleId {
    guid: String,
    lasts: bool,
}

/// A circle or temporary group as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// Which.
    pub id: CircleId,
    /// Its name; empty for a temporary group.
    pub name: String,
    /// Everybody in it, and those who are asked to come.
    pub members: Vec<CircleMember>,
}

/// Somebody in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircleMember {
    /// Who, and how she is.
    pub presence: PresenceOf,
    /// Whether she may ask others in.
    pub is_admin: bool,
    /// How far she has come.
    pub standing: Standing,
    /// Who asked her, and the words of it.
    pub invitation: Option<(Profile, String)>,
}

/// How far somebody has come into a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// She is a member.
    Accepted,
    /// She was asked.
    Invited,
    /// She is written down, and not yet asked.
    Named,
}

/// Why a circle stayed as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircleError {
    /// She is a member.
    AlreadyThere,
    /// There are as many circles, or members, as there may be.
    Full,
    /// It is not hers to change.
    NotAllowed,
    /// There is no such circle, or she is not in it.
    NotThere,
    /// There is nobody of that address, or nobody who can come.
    Unknown,
}

/// What somebody in a circle is told of it.
#[derive(Clone, Debug)]
pub enum CircleNews {
    /// Who belongs to it changed.
    Changed,
    /// Somebody went out, and may come again.
    Left(String),
    /// Somebody came, or looks otherwise now.
    Presence(PresenceOf),
    /// Who is there, and whether she is only asked to come.
    Roster(Vec<(String, bool)>),
}

impl CircleId {
    /// Makes the id of a circle or, where it does not last, of a temporary group, by its number.
    pub(crate) fn numbered(lasts: bool, number: u64) -> Self {
        let guid = match lasts {
            true => format!("{LASTING}{number:012x}"),
            false => format!("{number:08x}-003d-0003-4136-314b00000000"),
        };
        Self { guid, lasts }
    }

    /// Reads the GUID of a circle, as address books have it.
    pub fn from_guid(guid: &str) -> Option<Self> {
        let guid = guid.to_lowercase();
        guid.starts_with(LASTING).then_some(Self { guid, lasts: true })
    }

    /// Reads an address.
    pub fn from_address(address: &Address) -> Option<Self> {
        let account = address.account.to_lowercase();
        let guid = account.strip_suffix(HOST)?;
        match address.network {
            CIRCLE_NETWORK => Self::from_guid(guid),
            GROUP_NETWORK => Some(Self { guid: guid.to_owned(), lasts: false }),
            _ => None,
        }
    }

    /// Gives the GUID.
    pub fn guid(&self) -> &str {
        &self.guid
    }

    /// Whether it is a circle.
    pub fn lasts(&self) -> bool {
        self.lasts
    }

    /// Whether it stands for a temporary group that is to be made.
    pub(crate) fn is_blank(&self) -> bool {
        !self.lasts && self.guid.bytes().all(|byte| matches!(byte, b'0' | b'-'))
    }
}

impl fmt::Display for CircleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = if self.lasts { CIRCLE_NETWORK } else { GROUP_NETWORK };
        write!(f, "{network}:{}{HOST}", self.guid)
    }
}

impl Circle {
    /// Finds somebody in it.
    pub fn member(&self, account: &str) -> Option<&CircleMember> {
        let is_it =
            |member: &&CircleMember| member.presence.profile.account.eq_ignore_ascii_case(account);
        self.members.iter().find(is_it)
    }

    /// Whether somebody is a member.
    pub fn has(&self, account: &str) -> bool {
        self.member(account).is_some_and(|member| member.standing == Standing::Accepted)
    }
}
