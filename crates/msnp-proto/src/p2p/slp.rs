//! MSNSLP: the texts that agree on a transfer, in the manner of SIP.
//!
//! ```text
//! INVITE MSNMSGR:bob@example.com MSNSLP/1.0
//! To: <msnmsgr:bob@example.com>
//! From: <msnmsgr:ada@example.com>
//! Via: MSNSLP/1.0/TLP ;branch={33517CE4-…}
//! CSeq: 0
//! Call-ID: {9D79AE57-…}
//! Max-Forwards: 0
//! Content-Type: application/x-msnmsgr-sessionreqbody
//! Content-Length: 118
//!
//! EUF-GUID: {A4268EEC-…}
//! SessionID: 2216804035
//!
//! \0                                        (one zero byte ends it, and counts)
//! ```

use std::fmt::Write as _;

use super::Place;
use crate::{escape::lossy, msg::Body};

/// The content types of bodies.
pub mod content {
    /// What a session is to be, and the answer to it.
    pub const SESSION: &str = "application/x-msnmsgr-sessionreqbody";
    /// That a session ends.
    pub const CLOSE: &str = "application/x-msnmsgr-sessionclosebody";
    /// How to connect directly.
    pub const TRANSPORT: &str = "application/x-msnmsgr-transreqbody";
    /// The answer to [`TRANSPORT`].
    pub const TRANSPORT_ANSWER: &str = "application/x-msnmsgr-transrespbody";
    /// Why a session did not come to be.
    pub const FAILURE: &str = "application/x-msnmsgr-session-failure-respbody";
}

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request, by its method: `INVITE`, `BYE`, `ACK`.
    Request(String),
    /// An answer, by its number.
    Status(u16),
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slp {
    /// The first line.
    pub start: Start,
    /// Whom it is for.
    pub to: Place,
    /// Who sends it.
    pub from: Place,
    /// Names the request, without braces.
    pub branch: String,
    /// Counts requests and answers of a call.
    pub sequence: u32,
    /// Names the call, without braces.
    pub call: String,
    /// The body's content type.
    pub content_type: String,
    /// The body's lines.
    pub body: Vec<(String, String)>,
}

/// Most lines of a body.
const LINES_LIMIT: usize = 64;

impl Slp {
    /// Reads a text; none when it is not one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', bytes)?;
        let (first, rest) = bytes.split_at_checked(end + 1)?;
        let first = lossy(first);
        let first = first.trim();
        let start = match first.strip_prefix("MSNSLP/1.0 ") {
            Some(status) => Start::Status(status.split(' ').next()?.parse().ok()?),
            None => {
                let (method, rest) = first.split_once(' ')?;
                let is_method =
                    !method.is_empty() && method.bytes().all(|c| c.is_ascii_alphabetic());
                if !is_method || !rest.ends_with("MSNSLP/1.0") {
                    return None;
                }
                Start::Request(method.to_ascii_uppercase())
            }
        };
        let headers = Body::read(rest);
        let address = |name| headers.header(name).and_then(place);
        let branch = headers.header("Via").unwrap_or_default();
        let branch = branch.split("branch=").nth(1).unwrap_or_default();
        let content = lossy(headers.content());
        let lines = content.lines().filter_map(|line| line.split_once(':'));
        let body = lines
            .take(LINES_LIMIT)
            .map(|(name, value)| (name.trim().to_owned(), value.trim_matches(blank).to_owned()))
            .collect();
        Some(Self {
            start,
            to: address("To")?,
            from: address("From")?,
            branch: bare(branch).to_owned(),
            sequence: headers.header("CSeq").and_then(|it| it.parse().ok()).unwrap_or_default(),
            call: bare(headers.header("Call-ID").unwrap_or_default()).to_owned(),
            content_type: headers.content_type(),
            body,
        })
    }

    /// Writes the text, its final zero included.
    pub fn write(&self) -> Vec<u8> {
        let mut body = String::new();
        for (name, value) in &self.body {
            let _ = write!(body, "{name}: {value}\r\n");
        }
        body.push_str("\r\n\0");
        let first = match &self.start {
            Start::Request(method) => format!("{method} MSNMSGR:{} MSNSLP/1.0", self.to),
            Start::Status(code) => format!("MSNSLP/1.0 {code} {}", reason(*code)),
        };
        let (to, from, branch, call) = (&self.to, &self.from, &self.branch, &self.call);
        let (sequence, kind, length) = (self.sequence, &self.content_type, body.len());
        format!(
            "{first}\r\nTo: <msnmsgr:{to}>\r\nFrom: <msnmsgr:{from}>\r\n\
             Via: MSNSLP/1.0/TLP ;branch={{{branch}}}\r\nCSeq: {sequence} \r\n\
             Call-ID: {{{call}}}\r\nMax-Forwards: 0\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// Finds a line of the body, its name in any case.
    pub fn line(&self, name: &str) -> Option<&str> {
        let found = self.body.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Gives the session it is about.
    pub fn session(&self) -> Option<u32> {
        self.line("SessionID")?.parse().ok()
    }

    /// Tells whether it is a request of that method.
    pub fn asks(&self, method: &str) -> bool {
        matches!(&self.start, Start::Request(own) if own == method)
    }

    /// Makes an answer to it.
    pub fn answer(&self, code: u16, content_type: &str, body: Vec<(String, String)>) -> Self {
        Self {
            start: Start::Status(code),
            to: self.from.clone(),
            from: self.to.clone(),
            branch: self.branch.clone(),
            sequence: self.sequence.saturating_add(1),
            call: self.call.clone(),
            content_type: content_type.to_owned(),
            body,
        }
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        404 => "Not Found",
        603 => "Decline",
        606 => "Unacceptable",
        _ => "Internal Error",
    }
}

fn blank(c: char) -> bool {
    c == '\0' || c.is_whitespace()
}

/// Takes off the braces of an id.
fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('{').trim_end_matches('}')
}

/// Reads `<msnmsgr:bob@example.com;{d9fd161b-…}>`.
fn place(text: &str) -> Option<Place> {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    let (scheme, address) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("msnmsgr").then(|| Place::read(address))
}
