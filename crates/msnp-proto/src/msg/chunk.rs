//! Messages in several payloads, from MSNP9 on.
//!
//! ```text
//! …the message's own headers…⏎Message-ID: {8E3B…}⏎Chunks: 2⏎⏎the beginning
//! Message-ID: {8E3B…}⏎Chunk: 1⏎⏎the rest
//! ```
//! Bodies are joined as bytes: a character may be cut in two.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::Body;

/// Bytes of a body in one payload; what original clients use.
const ROOM: usize = 1202;
/// Most parts of a message.
const CHUNKS_LIMIT: usize = 1023;
/// Most messages that are not whole yet.
const MESSAGES_LIMIT: usize = 32;
/// Most bytes of a message.
const LENGTH_LIMIT: usize = 256 * 1024;
/// How long the parts of a message may take.
const AGE_LIMIT: Duration = Duration::from_secs(60);

/// Cuts a payload with headers into several; it stays whole where it fits.
///
/// The id is a GUID without braces. Cuts fall between characters where the body is text, for one known
/// server reads each part as such.
pub fn cut(payload: Vec<u8>, id: &str, limit: usize) -> Vec<Vec<u8>> {
    if payload.len() <= limit {
        return vec![payload];
    }
    let head = payload.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 2);
    let (head, body) = payload.split_at_checked(head.unwrap_or_default()).unwrap_or_default();
    let mut rest = body.strip_prefix(b"\r\n").unwrap_or(body);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let mut end = ROOM.min(rest.len());
        if str::from_utf8(body).is_ok() {
            let begins = |at: usize| rest.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
            while end > 1 && !begins(end) {
                end -= 1;
            }
        }
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        parts.push(part);
        rest = after;
    }
    let count = parts.len();
    let written = parts.iter().enumerate().map(|(number, part)| {
        let mut out = match number {
            0 => [head, format!("Message-ID: {{{id}}}\r\nChunks: {count}\r\n").as_bytes()].concat(),
            number => format!("Message-ID: {{{id}}}\r\nChunk: {number}\r\n").into_bytes(),
        };
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(part);
        out
    });
    written.collect()
}

/// Messages whose parts have not all come.
#[derive(Debug, Default)]
pub struct Reassembly {
    partial: BTreeMap<(String, String), Partial>,
}

#[derive(Debug)]
struct Partial {
    began: Instant,
    chunks: usize,
    next: usize,
    payload: Vec<u8>,
}

/// What came of a payload.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is no part of anything.
    Alone,
    /// All parts of a message are there: this is its payload.
    Complete(Vec<u8>),
    /// It is of no use: too much, too late, or not the next one.
    Dropped,
    /// More parts are to come.
    Waiting,
}

impl Reassembly {
    /// Takes a payload that somebody sent.
    pub fn push(&mut self, now: Instant, sender: &str, payload: &[u8]) -> Pushed {
        let body = Body::read(payload);
        let Some(id) = body.header("Message-ID") else {
            return Pushed::Alone;
        };
        self.partial.retain(|_, partial| now.duration_since(partial.began) < AGE_LIMIT);
        let key = (sender.to_lowercase(), id.to_owned());
        let number = |name| body.header(name).and_then(|number| number.parse::<usize>().ok());
        if let Some(chunks) = number("Chunks") {
            if chunks < 2 {
                return Pushed::Alone;
            }
            if chunks > CHUNKS_LIMIT {
                return Pushed::Dropped;
            }
            if self.partial.len() >= MESSAGES_LIMIT && !self.partial.contains_key(&key) {
                let oldest = self.partial.iter().min_by_key(|(_, partial)| partial.began);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    self.partial.remove(&oldest);
                }
            }
            let payload = payload.to_vec();
            self.partial.insert(key, Partial { began: now, chunks, next: 1, payload });
            return Pushed::Waiting;
        }
        let Some(chunk) = number("Chunk") else {
            return Pushed::Alone;
        };
        let Some(partial) = self.partial.get_mut(&key) else {
            return Pushed::Dropped;
        };
        let length = partial.payload.len() + body.content().len();
        if chunk != partial.next || length > LENGTH_LIMIT {
            self.partial.remove(&key);
            return Pushed::Dropped;
        }
        partial.payload.extend_from_slice(body.content());
        partial.next += 1;
        if partial.next < partial.chunks {
            return Pushed::Waiting;
        }
        self.partial.remove(&key).map_or(Pushed::Dropped, |whole| Pushed::Complete(whole.payload))
    }
}
