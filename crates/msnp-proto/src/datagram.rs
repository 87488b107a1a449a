//! Words past the switchboard: `SDG`, to circles from MSNP18 and to everybody from MSNP21; and who is in
//! a circle or a temporary group.
//!
//! ```text
//! C: SDG 11 323⏎Routing: 1.0⏎To: 1:bob@example.com⏎From: 1:ada@example.com;epid={6b2d…}⏎
//!    Service-Channel: IM/Online⏎⏎Reliability: 1.0⏎⏎Messaging: 2.0⏎Message-Type: Text⏎…⏎⏎Hello
//! ```
//! The envelope is that of a [`Document`]. Its own length rules, not the one in the headers, which one
//! server counts in characters. MSNP18 writes typing and nudges otherwise than MSNP21; both are read.

mod address;
mod roster;

pub use self::{
    address::{Address, CIRCLE_NETWORK, GROUP_NETWORK},
    roster::{RosterMember, member_of_uri, read_roster, roster_uri, write_roster},
};
use crate::{
    msg::{self, Said},
    publication::Document,
    version::Version,
};

/// Most packets of one datagram.
const PACKETS_LIMIT: usize = 64;

/// What a datagram carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Pictures that stand for words.
    CustomEmoticon,
    /// Packets from client to client.
    Data,
    /// An attention call.
    Nudge,
    /// Something else, by its name.
    Other(String),
    /// A signal, by the name after `Signal/`: `P2P`, `CloseIMWindow`.
    Signal(String),
    /// Words.
    #[default]
    Text,
    /// The sender is writing.
    Typing,
    /// An animation.
    Wink,
}

/// What a datagram is for, as its sender sees it; none for circles and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel {
    /// `IM/Mobile`: a telephone.
    Mobile,
    /// `IM/Offline`: somebody who is away.
    Offline,
    /// `IM/Online`: somebody who is there.
    Online,
    /// Something else, by its name.
    Other(String),
    /// `PE`: her client.
    Peer,
    /// `PD`: the account's own places.
    Private,
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datagram {
    /// Whom it is to.
    pub to: Address,
    /// Whom it is from.
    pub from: Address,
    /// What it is for.
    pub channel: Option<Channel>,
    /// What it carries.
    pub kind: Kind,
    /// The body's type; empty for the usual one of its kind.
    pub content_type: String,
    /// The look of words, as `X-MMS-IM-Format` has it.
    pub format: Option<String>,
    /// When it was said, where it waited.
    pub arrived: Option<String>,
    /// Its place among those of its sender; written before MSNP21 alone.
    pub segment: u32,
    /// Which of the parallel pipes packets go through.
    pub pipe: Option<u32>,
    /// Where in the body each packet begins; empty for one that fills it.
    pub offsets: Vec<usize>,
    /// The body.
    pub body: Vec<u8>,
}

impl Channel {
    /// Reads a name.
    pub fn read(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "im/mobile" => Self::Mobile,
            "im/offline" => Self::Offline,
            "im/online" => Self::Online,
            "pe" => Self::Peer,
            "pd" => Self::Private,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// Gives the name.
    pub fn name(&self) -> &str {
        match self {
            Self::Mobile => "IM/Mobile",
            Self::Offline => "IM/Offline",
            Self::Online => "IM/Online",
            Self::Other(name) => name,
            Self::Peer => "PE",
            Self::Private => "PD",
        }
    }
}

impl Kind {
    fn read(kind: &str, subtype: Option<&str>) -> Self {
        let lower = kind.to_ascii_lowercase();
        let is_typing = subtype.is_some_and(|name| name.eq_ignore_ascii_case("Typing"));
        match lower.as_str() {
            "customemoticon" => Self::CustomEmoticon,
            "data" => Self::Data,
            "nudge" => Self::Nudge,
            "text" => Self::Text,
            "control/typing" => Self::Typing,
            "control" if is_typing => Self::Typing,
            "wink" => Self::Wink,
            _ => match kind.split_once('/') {
                Some((signal, name)) if signal.eq_ignore_ascii_case("Signal") => {
                    Self::Signal(name.to_owned())
                }
                _ => Self::Other(kind.to_owned()),
            },
        }
    }

    fn name(&self, is_old: bool) -> String {
        match self {
            Self::CustomEmoticon => "CustomEmoticon".to_owned(),
            Self::Data => "Data".to_owned(),
            Self::Nudge => "Nudge".to_owned(),
            Self::Other(name) => name.clone(),
            Self::Signal(name) => format!("Signal/{name}"),
            Self::Text => "Text".to_owned(),
            Self::Typing if is_old => "Control".to_owned(),
            Self::Typing => "Control/Typing".to_owned(),
            Self::Wink => "Wink".to_owned(),
        }
    }

    fn content_type(&self, is_old: bool) -> &'static str {
        match self {
            Self::CustomEmoticon => "text/x-mms-emoticon",
            Self::Data => "application/x-msnmsgrp2p",
            Self::Typing if is_old => "text/x-msmsgscontrol",
            _ => "Text/plain; charset=UTF-8",
        }
    }
}

impl Datagram {
    /// Makes words.
    pub fn text(to: Address, from: Address, words: &str) -> Self {
        Self { to, from, body: words.as_bytes().to_vec(), ..Self::default() }
    }

    /// Makes the word that the sender is writing.
    pub fn typing(to: Address, from: Address) -> Self {
        Self { to, from, kind: Kind::Typing, ..Self::default() }
    }

    /// Makes an attention call.
    pub fn nudge(to: Address, from: Address) -> Self {
        Self { to, from, kind: Kind::Nudge, ..Self::default() }
    }

    /// Reads one; none when a block is not ended, or nobody is named.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let document = Document::read(payload)?;
        let number = |name| document.header(name).and_then(|text| text.parse().ok());
        let offsets = document.header("Bridging-Offsets").unwrap_or_default();
        let offsets = offsets.split(',').filter_map(|offset| offset.trim().parse().ok());
        Some(Self {
            to: Address::read(document.header("To")?)?,
            from: Address::read(document.header("From")?)?,
            channel: document.header("Service-Channel").map(Channel::read),
            kind: Kind::read(document.header("Message-Type")?, document.header("Message-Subtype")),
            content_type: document.header("Content-Type").unwrap_or_default().to_owned(),
            format: document.header("X-MMS-IM-Format").map(str::to_owned),
            arrived: document.header("Original-Arrival-Time").map(str::to_owned),
            segment: number("Segment").unwrap_or_default(),
            pipe: number("Pipe"),
            offsets: offsets.take(PACKETS_LIMIT).collect(),
            body: document.body,
        })
    }

    /// Writes the payload in the form of a version: MSNP18 to 20 alike, and from MSNP21.
    ///
    /// Typing and nudges have the bodies of the version, whatever the datagram's own.
    pub fn write(&self, version: Version) -> Vec<u8> {
        let is_old = !version.has_publications();
        let plain = |text: &str| text.replace(['\r', '\n'], "");
        let mut out = format!(
            "Routing: 1.0\r\nTo: {}\r\nFrom: {}\r\n",
            plain(&self.to.to_string()),
            plain(&self.from.to_string())
        );
        let mut header = |name: &str, value: &str| {
            out.push_str(&format!("{name}: {}\r\n", plain(value)));
        };
        if let Some(channel) = &self.channel {
            header("Service-Channel", channel.name());
            if matches!(channel, Channel::Peer | Channel::Private) {
                header("Options", "0");
            }
        }
        out.push_str("\r\nReliability: 1.0\r\n");
        if is_old {
            out.push_str(&format!("Stream: 0\r\nSegment: {}\r\n", self.segment));
        }
        let body: &[u8] = match (&self.kind, is_old) {
            (Kind::Nudge, true) => b"ID: 1\r\n\r\n",
            (Kind::Nudge, false) | (Kind::Typing, true) => b"\r\n",
            (Kind::Typing, false) => b"",
            _ => &self.body,
        };
        out.push_str(if is_old { "\r\nMessaging: 1.0\r\n" } else { "\r\nMessaging: 2.0\r\n" });
        let mut header = |name: &str, value: &str| {
            out.push_str(&format!("{name}: {}\r\n", plain(value)));
        };
        header("Content-Length", &body.len().to_string());
        let usual = self.kind.content_type(is_old);
        header(
            "Content-Type",
            if self.content_type.is_empty() { usual } else { &self.content_type },
        );
        if self.kind == Kind::Data {
            header("Content-Transfer-Encoding", "binary");
        } else if is_old {
            header("Content-Transfer-Encoding", "7bit");
        }
        header("Message-Type", &self.kind.name(is_old));
        if is_old {
            if self.kind == Kind::Typing {
                header("Message-Subtype", "Typing");
            }
            header("MIME-Version", "1.0");
            if self.kind == Kind::Typing {
                header("TypingUser", &self.from.account);
            }
        }
        if let Some(format) = &self.format {
            header("X-MMS-IM-Format", format);
        }
        if let Some(arrived) = &self.arrived {
            header("Original-Arrival-Time", arrived);
        }
        if let Some(pipe) = self.pipe {
            header("Pipe", &pipe.to_string());
        }
        if !self.offsets.is_empty() {
            let offsets: Vec<String> = self.offsets.iter().map(usize::to_string).collect();
            header("Bridging-Offsets", &offsets.join(","));
        }
        out.push_str("\r\n");
        [out.as_bytes(), body].concat()
    }

    /// Gives the packets in the body, from offset to offset; what no offset fits is left out.
    pub fn packets(&self) -> Vec<&[u8]> {
        if self.offsets.is_empty() {
            return vec![&self.body];
        }
        let ends = self.offsets.iter().skip(1).copied().chain([self.body.len()]);
        let ranges = self.offsets.iter().copied().zip(ends);
        ranges.filter_map(|(from, to)| self.body.get(from..to)).collect()
    }

    /// Gives the words.
    pub fn words(&self) -> String {
        String::from_utf8_lossy(&self.body).replace("\r\n", "\n")
    }

    /// Writes the payload that says the same in a switchboard; none for what is not said there so.
    pub fn to_message(&self) -> Option<Vec<u8>> {
        match &self.kind {
            Kind::Nudge => Some(msg::write_nudge()),
            Kind::Typing => Some(msg::write_typing(&self.from.account)),
            Kind::Text => {
                let format = self.format.as_deref().unwrap_or_default().replace(['\r', '\n'], "");
                let format = match format.as_str() {
                    "" => String::new(),
                    format => format!("X-MMS-IM-Format: {format}\r\n"),
                };
                let head = format!(
                    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n{format}\r\n"
                );
                Some([head.as_bytes(), &self.body].concat())
            }
            _ => None,
        }
    }

    /// Takes what was said in a switchboard; none for what has no such datagram.
    pub fn from_message(to: Address, from: Address, payload: &[u8]) -> Option<Self> {
        match Said::read(payload) {
            Said::Nudge => Some(Self::nudge(to, from)),
            Said::Text(_) => {
                let body = msg::Body::read(payload);
                let format = body.header("X-MMS-IM-Format").map(str::to_owned);
                let words = body.text().replace('\n', "\r\n");
                Some(Self { format, ..Self::text(to, from, &words) })
            }
            Said::Typing => Some(Self::typing(to, from)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_lie_between_the_offsets_and_never_outside() {
        let datagram = |offsets: &[usize]| Datagram {
            offsets: offsets.to_vec(),
            body: b"abcdef".to_vec(),
            ..Datagram::default()
        };
        assert_eq!(datagram(&[]).packets(), [b"abcdef"]);
        assert_eq!(datagram(&[0, 2, 5]).packets(), [b"ab".as_slice(), b"cde", b"f"]);
        assert!(datagram(&[4, 2, 99]).packets().is_empty());
    }

    #[test]
    fn words_go_into_a_switchboard_and_out_again() {
        let (ada, bob) =
            (Address::at("ada@example.com", "{6B2D}"), Address::passport("bob@example.com"));
        let text = Datagram {
            format: Some("FN=Arial".to_owned()),
            ..Datagram::text(bob, ada, "a\r\n☃")
        };
        let typing = Datagram::typing(text.to.clone(), text.from.clone());
        let nudge = Datagram::nudge(text.to.clone(), text.from.clone());
        for datagram in [text, typing, nudge] {
            let payload = datagram.to_message().expect("it is said there");
            let (to, from) = (datagram.to.clone(), datagram.from.clone());
            assert_eq!(Datagram::from_message(to, from, &payload), Some(datagram));
        }
    }
}
