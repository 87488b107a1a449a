//! Typed commands, both directions, both kinds of link.
//!
//! ```text
//! C: CAL 2 bob@example.com
//! S: CAL 2 RINGING 11752013
//! ```
//! A command borrows from its frame; what is percent-escaped on the wire is plain here. Decoding
//! asks the [`Version`](crate::Version) where the shape changed; unknown commands are data, not errors.

mod capabilities;
mod client;
mod client_encode;
mod lists;
mod server;
mod server_decode;
mod server_encode;
mod whose;

use std::fmt;

pub use self::{
    capabilities::{Capabilities, NoCapabilities},
    client::ClientCommand,
    lists::{GroupChange, List, ListChange, ListEntry, Lists, NumberedEntry, Place, new_group_id},
    server::{Presence, Redirect, ServerCommand},
    whose::{PASSPORT_NETWORK, Whose},
};
pub use crate::arg::DecodeError;

/// A request's number on its link; answers carry it. 0 marks what nobody asked for.
pub type TransactionId = u32;

/// How available an account says it is (docs: protocol, presence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// `AWY`.
    Away,
    /// `BRB`.
    BeRightBack,
    /// `BSY`.
    Busy,
    /// `HDN`: signed in and shown to nobody.
    Hidden,
    /// `IDL`.
    Idle,
    /// `FLN`.
    Offline,
    /// `NLN`.
    Online,
    /// `LUN`.
    OutToLunch,
    /// `PHN`.
    OnThePhone,
}

impl Status {
    /// Gives the three letters of the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Away => "AWY",
            Self::BeRightBack => "BRB",
            Self::Busy => "BSY",
            Self::Hidden => "HDN",
            Self::Idle => "IDL",
            Self::Offline => "FLN",
            Self::Online => "NLN",
            Self::OutToLunch => "LUN",
            Self::OnThePhone => "PHN",
        }
    }

    /// Reads the three letters of the wire.
    #[inline]
    pub fn from_code(code: &[u8]) -> Option<Self> {
        Some(match code {
            b"NLN" => Self::Online,
            b"AWY" => Self::Away,
            b"BSY" => Self::Busy,
            b"IDL" => Self::Idle,
            b"BRB" => Self::BeRightBack,
            b"PHN" => Self::OnThePhone,
            b"LUN" => Self::OutToLunch,
            b"HDN" => Self::Hidden,
            b"FLN" => Self::Offline,
            _ => return None,
        })
    }
}

/// Which answer a message asks for (docs: protocol, switchboard).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckMode {
    /// `A`: an answer either way.
    Always,
    /// `D`: an answer either way, for peer-to-peer data.
    Data,
    /// `N`: an answer when it failed.
    Failure,
    /// `U`: none.
    Never,
}

impl AckMode {
    /// Gives the letter of the wire.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Always => "A",
            Self::Data => "D",
            Self::Failure => "N",
            Self::Never => "U",
        }
    }

    fn from_letter(letter: &[u8]) -> Option<Self> {
        [Self::Always, Self::Data, Self::Failure, Self::Never]
            .into_iter()
            .find(|mode| mode.letter().as_bytes() == letter)
    }
}

/// Something that must not be printed: a ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(pub &'a str);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Writes one line word by word, then its payload.
pub(crate) struct Line<'o>(&'o mut Vec<u8>);

impl<'o> Line<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>, verb: &str) -> Self {
        out.extend_from_slice(verb.as_bytes());
        Self(out)
    }

    /// Adds a word as it is; line ends and spaces in it would forge commands and are left out.
    pub(crate) fn raw(self, word: &str) -> Self {
        self.0.push(b' ');
        self.0.extend(word.bytes().filter(|byte| !matches!(byte, b' ' | b'\r' | b'\n')));
        self
    }

    pub(crate) fn text(self, word: &str) -> Self {
        self.0.push(b' ');
        crate::escape::encode_into(word, self.0);
        self
    }

    /// Adds somebody's name as servers of a version write it.
    pub(crate) fn name(self, name: &str, version: crate::Version) -> Self {
        if !version.has_plain_names() {
            return self.text(name);
        }
        self.0.push(b' ');
        crate::escape::encode_lightly_into(name, self.0);
        self
    }

    pub(crate) fn number(self, number: impl fmt::Display) -> Self {
        let word = number.to_string();
        self.raw(&word)
    }

    pub(crate) fn raw_if(self, word: Option<&str>) -> Self {
        match word {
            Some(word) => self.raw(word),
            None => self,
        }
    }

    pub(crate) fn end(self) {
        self.0.extend_from_slice(b"\r\n");
    }

    pub(crate) fn payload(self, payload: &[u8]) {
        let line = self.number(payload.len());
        line.0.extend_from_slice(b"\r\n");
        line.0.extend_from_slice(payload);
    }
}
