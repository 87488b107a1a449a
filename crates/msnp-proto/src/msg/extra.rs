//! What people send that is neither words nor an attention call.
//!
//! ```text
//! Content-Type: text/x-msnmsgr-datacast        ID: 2⏎Data: <msnobj …/>      a wink (3: a voice clip)
//! Content-Type: text/x-msnmsgr-datacast        ID: 4⏎Data: waves            something done
//! Content-Type: text/x-mms-emoticon            :cat:⇥<msnobj …/>⇥           pictures for letters
//! Content-Type: image/gif                      base64:R0lGODlh…              a drawing
//! Content-Type: text/x-msmsgsinvite            Invitation-Command: INVITE⏎…  a program to share
//! ```
//! Docs: protocol, messages. Descriptions of objects are kept exactly as they came, for whoever offers one
//! may compare it byte by byte.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Body, Object};
use crate::escape::lossy;

/// Most pictures for letters in one message; original clients send five.
const EMOTICONS_LIMIT: usize = 64;
/// Longest letters a picture stands for, in bytes; original clients take seven characters.
const SHORTCUT_LIMIT: usize = 64;

/// Something sent that is neither words nor an attention call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extra {
    /// Something the sender does, in words.
    Action(String),
    /// Pictures that stand for letters in the words that follow.
    Emoticons(Vec<Emoticon>),
    /// Something written by hand.
    Ink(Ink),
    /// A program to share, or an answer about one.
    Invitation(Invitation),
    /// A spoken message, by the description of its object.
    Voice(String),
    /// An animation, by the description of its object.
    Wink(String),
}

/// A picture that stands for letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emoticon {
    /// The letters.
    pub shortcut: String,
    /// The description of the picture's object.
    pub description: String,
    /// Whether it moves.
    pub moves: bool,
}

/// Something written by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ink {
    /// As a picture: a GIF.
    Gif(Vec<u8>),
    /// As strokes, in the form of Windows' own ink.
    Strokes(Vec<u8>),
}

/// An invitation to share a program, in the way of before [`p2p`](crate::p2p).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invitation {
    /// `INVITE`, `ACCEPT` or `CANCEL`.
    pub command: String,
    /// Tells it from others.
    pub cookie: String,
    /// The program's id, without braces, upper case.
    pub application: String,
    /// The program's name.
    pub name: String,
    /// Why it was cancelled.
    pub reason: Option<String>,
}

impl Invitation {
    /// The id of calls by voice.
    pub const CALL: &'static str = "02D3C01F-BF30-4825-A83A-DE7AF41648AA";
    /// The id of files.
    pub const FILE: &'static str = "5D3E02AB-6190-11D3-BBBB-00C04F795683";

    /// Makes the answer that the program is not there.
    pub fn decline(&self) -> Self {
        Self {
            command: "CANCEL".to_owned(),
            cookie: self.cookie.clone(),
            reason: Some("REJECT_NOT_INSTALLED".to_owned()),
            ..Self::default()
        }
    }
}

impl Extra {
    /// Reads a body; none when it is nothing of these.
    pub(super) fn read(body: &Body<'_>) -> Option<Self> {
        match body.content_type().as_str() {
            "text/x-msnmsgr-datacast" => datacast(body),
            "text/x-mms-emoticon" => Some(Self::Emoticons(emoticons(body, false))),
            "text/x-mms-animemoticon" => Some(Self::Emoticons(emoticons(body, true))),
            "image/gif" => Some(Self::Ink(Ink::Gif(unpacked(body)))),
            "application/x-ms-ink" => Some(Self::Ink(Ink::Strokes(unpacked(body)))),
            "text/x-msmsgsinvite" => Some(Self::Invitation(invitation(body))),
            _ => None,
        }
    }

    /// Writes the payload; one that is longer than a switchboard takes is to be [cut](super::chunk).
    pub fn write(&self) -> Vec<u8> {
        let (kind, content) = match self {
            Self::Action(words) => {
                let words = words.replace(['\r', '\n'], " ");
                ("text/x-msnmsgr-datacast", format!("ID: 4\r\nData: {words}\r\n\r\n"))
            }
            Self::Wink(description) => {
                ("text/x-msnmsgr-datacast", format!("ID: 2\r\nData: {}\r\n\r\n", line(description)))
            }
            Self::Voice(description) => {
                ("text/x-msnmsgr-datacast", format!("ID: 3\r\nData: {}\r\n\r\n", line(description)))
            }
            Self::Emoticons(list) => {
                let moves = list.iter().any(|emoticon| emoticon.moves);
                let kind = if moves { "text/x-mms-animemoticon" } else { "text/x-mms-emoticon" };
                let each = list.iter().map(|emoticon| {
                    format!("{}\t{}\t", line(&emoticon.shortcut), line(&emoticon.description))
                });
                (kind, each.collect())
            }
            Self::Ink(Ink::Gif(bytes)) => ("image/gif", packed(bytes)),
            Self::Ink(Ink::Strokes(bytes)) => ("application/x-ms-ink", packed(bytes)),
            Self::Invitation(invitation) => {
                ("text/x-msmsgsinvite; charset=UTF-8", invitation.write())
            }
        };
        format!("MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{content}").into_bytes()
    }
}

impl Invitation {
    fn write(&self) -> String {
        let braced = |id: &str| if id.is_empty() { String::new() } else { format!("{{{id}}}") };
        let lines = [
            ("Application-Name", self.name.clone()),
            ("Application-GUID", braced(&self.application)),
            ("Invitation-Command", self.command.clone()),
            ("Invitation-Cookie", self.cookie.clone()),
            ("Cancel-Code", self.reason.clone().unwrap_or_default()),
        ];
        let there = lines.iter().filter(|(_, value)| !value.is_empty());
        let lines = there.map(|(name, value)| format!("{name}: {}\r\n", line(value)));
        lines.collect::<String>() + "\r\n"
    }
}

fn datacast(body: &Body<'_>) -> Option<Extra> {
    let inner = Body::read_headers(body.content());
    let data = inner.header("Data").unwrap_or_default();
    match inner.header("ID")? {
        "2" => Object::read(data).map(|_| Extra::Wink(data.to_owned())),
        "3" => Object::read(data).map(|_| Extra::Voice(data.to_owned())),
        "4" => Some(Extra::Action(data.to_owned())),
        _ => None,
    }
}

fn emoticons(body: &Body<'_>, moves: bool) -> Vec<Emoticon> {
    let text = lossy(body.content());
    let mut parts = text.split('\t').map(|part| part.trim_matches(['\r', '\n']));
    let mut list = Vec::new();
    while let (Some(shortcut), Some(description)) = (parts.next(), parts.next()) {
        let good = !shortcut.is_empty() && shortcut.len() <= SHORTCUT_LIMIT;
        if good && Object::read(description).is_some() && list.len() < EMOTICONS_LIMIT {
            let (shortcut, description) = (shortcut.to_owned(), description.to_owned());
            list.push(Emoticon { shortcut, description, moves });
        }
    }
    list
}

/// Gives a picture's bytes, which may be written in letters; what is wrong in them makes them empty.
fn unpacked(body: &Body<'_>) -> Vec<u8> {
    match body.content().strip_prefix(b"base64:") {
        Some(letters) => {
            let letters: Vec<u8> =
                letters.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(letters).unwrap_or_default()
        }
        None => body.content().to_vec(),
    }
}

fn packed(bytes: &[u8]) -> String {
    format!("base64:{}", STANDARD.encode(bytes))
}

fn invitation(body: &Body<'_>) -> Invitation {
    let inner = Body::read_headers(body.content());
    let text = |name| inner.header(name).unwrap_or_default().to_owned();
    Invitation {
        command: text("Invitation-Command").to_ascii_uppercase(),
        cookie: text("Invitation-Cookie"),
        application: text("Application-GUID").trim_matches(['{', '}']).to_ascii_uppercase(),
        name: text("Application-Name"),
        reason: inner.header("Cancel-Code").map(str::to_owned),
    }
}

/// One line, with nothing in it that parts.
fn line(text: &str) -> String {
    text.replace(['\r', '\n', '\t'], " ")
}
