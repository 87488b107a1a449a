//! Error numbers of servers, and what they mean for whoever asked.
//!
//! ```text
//! S: 217 5
//! ```

use std::fmt;

/// A three-digit error number (docs: protocol, errors).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// A parameter is not what the server takes.
    pub const INVALID_PARAMETER: Self = Self(201);
    /// No network has that number, or none can be reached by it.
    pub const NO_SUCH_NETWORK: Self = Self(204);
    /// There is no such account, before MSNP10.
    pub const NO_SUCH_USER: Self = Self(205);
    /// The address is not one.
    pub const INVALID_USER: Self = Self(208);
    /// The list takes no more.
    pub const LIST_FULL: Self = Self(210);
    /// The list or the conversation has her already.
    pub const ALREADY_THERE: Self = Self(215);
    /// The list does not have her; in a call: she blocks us.
    pub const NOT_THERE: Self = Self(216);
    /// She is offline, hidden, or unknown.
    pub const NOT_ONLINE: Self = Self(217);
    /// The setting has that value already.
    pub const ALREADY_SET: Self = Self(218);
    /// The opposite list has her.
    pub const ON_OPPOSITE_LIST: Self = Self(219);
    /// There are as many groups as there may be.
    pub const TOO_MANY_GROUPS: Self = Self(223);
    /// There is no such group.
    pub const NO_SUCH_GROUP: Self = Self(224);
    /// She is not in that group.
    pub const NOT_IN_GROUP: Self = Self(225);
    /// The group still has contacts, as one server says it.
    pub const GROUP_IN_USE: Self = Self(226);
    /// The group still has contacts.
    pub const GROUP_NOT_EMPTY: Self = Self(227);
    /// A group has that name.
    pub const GROUP_EXISTS: Self = Self(228);
    /// A group's name is too long.
    pub const GROUP_NAME_TOO_LONG: Self = Self(229);
    /// The group that contacts without one are in cannot go.
    pub const GROUP_STAYS: Self = Self(230);
    /// The command is not there in this version.
    pub const DISABLED: Self = Self(502);
    /// The server is shutting down or too busy.
    pub const SERVER_BUSY: Self = Self(600);
    /// The server is not available.
    pub const SERVER_UNAVAILABLE: Self = Self(601);
    /// Nothing like this may be asked now.
    pub const NOT_EXPECTED: Self = Self(715);
    /// Too much was asked in too short a time.
    pub const TOO_MANY: Self = Self(800);
    /// The sign-in was refused.
    pub const AUTHENTICATION_FAILED: Self = Self(911);
    /// Not allowed while hidden.
    pub const NOT_WHILE_HIDDEN: Self = Self(913);

    /// Reads an error's number from a line's first word.
    pub fn from_verb(verb: &[u8]) -> Option<Self> {
        let digits = verb.len() == 3 && verb.iter().all(u8::is_ascii_digit);
        str::from_utf8(verb).ok().filter(|_| digits)?.parse().ok().map(Self)
    }

    /// Says what it means, in words for people.
    pub fn meaning(self) -> &'static str {
        match self.0 {
            200 => "the command is malformed",
            201 => "a parameter is not valid",
            205 | 208 => "there is no such account",
            206 => "the domain is missing",
            207 => "already signed in",
            209 => "the name is not allowed",
            210 => "the list is full",
            215 => "is there already",
            216 => "is not there, or blocks you",
            217 => "is not online",
            218 => "the setting has that value already",
            219 => "is on the opposite list",
            223 => "there are too many groups",
            224 | 231 => "there is no such group",
            225 => "is not in that group",
            226 | 227 => "the group still has contacts",
            228 => "there is a group of that name already",
            230 => "this group cannot be removed",
            402 | 403 => "the contact list cannot be read",
            229 => "the group's name is too long",
            280 | 281 => "the switchboard failed",
            282 => "the message is malformed",
            500 | 501 | 509 => "the server has an internal error",
            502 => "the command is disabled",
            540 => "the challenge was answered wrongly",
            600 | 910 | 912 | 918 | 919 | 921 | 922 => "the server is too busy",
            601 | 603 | 605 | 914..=916 => "the server is not available",
            713 => "too many invitations were sent",
            715 => "the command is not expected now",
            800 => "things were changed too often; wait a little",
            911 => "the account or the password was refused",
            913 => "not possible while hidden or before being online",
            917 => "the sign-in failed",
            920 => "new accounts are not taken now",
            923 => "the account is a child's without consent",
            924 => "the address must be confirmed first",
            928 => "the ticket is not good on this server",
            _ => "the server refused",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(self) -> bool {
        matches!(
            self.0,
            280 | 281 | 500 | 501 | 509 | 600 | 601 | 603 | 605 | 713 | 717 | 800 | 910 | 912 | 914
                ..=916 | 918 | 919 | 921 | 922
        )
    }

    /// Whether it refuses the account itself.
    pub fn refuses_account(self) -> bool {
        matches!(self.0, 911 | 917 | 923 | 924 | 928)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.meaning())
    }
}
