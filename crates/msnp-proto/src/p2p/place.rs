//! Where a peer is: an account, from MSNP16 on with the id of one of its places.

use std::fmt;

use crate::msg::Body;

/// A peer: an account, or one place where it is signed in. With a place packets are of the second age.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The address, lower case.
    pub account: String,
    /// The place's id without braces, lower case.
    pub id: Option<String>,
}

impl Place {
    /// Reads `bob@example.com` or `bob@example.com;{d9fd161b-…}`.
    pub fn read(text: &str) -> Self {
        let (account, id) = match text.trim().split_once(';') {
            Some((account, id)) => (account, Some(id)),
            None => (text.trim(), None),
        };
        let id = id.map(|id| id.trim_matches(['{', '}', ' ']).to_lowercase());
        Self { account: account.to_lowercase(), id: id.filter(|id| !id.is_empty()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{};{{{id}}}", self.account),
            None => f.write_str(&self.account),
        }
    }
}

/// A packet on its way through a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Whom it is for.
    pub to: Place,
    /// Who sends it; from MSNP16 on.
    pub from: Option<Place>,
    /// The packet with its footer.
    pub packet: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// The payload's content type.
    pub const CONTENT_TYPE: &'static str = "application/x-msnmsgrp2p";

    /// Reads a payload's body; none when it does not say whom it is for.
    pub fn read(body: &Body<'a>) -> Option<Self> {
        Some(Self {
            to: Place::read(body.header("P2P-Dest")?),
            from: body.header("P2P-Src").map(Place::read),
            packet: body.content(),
        })
    }

    /// Tells whether the packet is of the second age: it goes from place to place.
    pub fn is_second_age(&self) -> bool {
        let from = self.from.as_ref().and_then(|from| from.id.as_ref());
        self.to.id.is_some() && from.is_some()
    }

    /// Writes the payload.
    pub fn write(&self) -> Vec<u8> {
        let mut out = format!(
            "MIME-Version: 1.0\r\nContent-Type: {}\r\nP2P-Dest: {}\r\n",
            Self::CONTENT_TYPE,
            self.to
        )
        .into_bytes();
        if let Some(from) = &self.from {
            out.extend_from_slice(format!("P2P-Src: {from}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.packet);
        out
    }
}
