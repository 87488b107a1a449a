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
/// Most messages of one sender that are not whole yet; her oldest gives way.
const MESSAGES_LIMIT: usize = 4;
/// Most bytes of a message, its id included.
const LENGTH_LIMIT: usize = 256 * 1024;
/// Most bytes of all messages that are not whole yet: some of eight senders at their most. What comes
/// above it is dropped, so that nobody pushes out what another began.
const TOTAL_LIMIT: usize = 8 * 1024 * 1024;
/// What a message counts besides its bytes, so that many small ones are bounded too.
const OVERHEAD: usize = 1024;
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

/// Messages whose parts have not all come, of all conversations of a session.
///
/// What one sender begins is bounded by itself, so that nobody pushes another's out.
#[derive(Debug, Default)]
pub struct Reassembly {
    partial: BTreeMap<(String, String), Partial>,
    /// What all of them count together.
    held: usize,
    /// Those that will not be whole any more and were not told of.
    given_up: usize,
}

#[derive(Debug)]
struct Partial {
    began: Instant,
    chunks: usize,
    next: usize,
    payload: Vec<u8>,
}

impl Partial {
    fn is_late(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= AGE_LIMIT
    }
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
        let key = (sender.to_lowercase(), id.to_owned());
        let number = |name| body.header(name).and_then(|number| number.parse::<usize>().ok());
        match (number("Chunks"), number("Chunk")) {
            (Some(chunks), _) if chunks >= 2 => self.begin(now, key, chunks, payload),
            (None, Some(chunk)) => self.go_on(now, &key, chunk, body.content()),
            _ => Pushed::Alone,
        }
    }

    /// Gives up messages whose parts take too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        let old: Vec<_> = self
            .partial
            .extract_if(.., |_, partial| partial.is_late(now))
            .map(|(key, partial)| counted(&key, &partial))
            .collect();
        self.held -= old.iter().sum::<usize>();
        self.given_up += old.len();
    }

    /// Tells when [`handle_timeout`](Self::handle_timeout) is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.partial.values().map(|partial| partial.began + AGE_LIMIT).min()
    }

    /// Gives the number of messages given up since it was asked last: too late, or pushed out by a later one
    /// of the same sender.
    pub fn take_given_up(&mut self) -> usize {
        std::mem::take(&mut self.given_up)
    }

    /// Gives the bytes that are held, as they are counted; never more than 8 MiB.
    pub fn held(&self) -> usize {
        self.held
    }

    fn begin(
        &mut self,
        now: Instant,
        key: (String, String),
        chunks: usize,
        payload: &[u8],
    ) -> Pushed {
        self.give_up(&key);
        if chunks > CHUNKS_LIMIT || payload.len() + key.1.len() > LENGTH_LIMIT {
            return Pushed::Dropped;
        }
        while self.begun_by(&key.0).count() >= MESSAGES_LIMIT {
            self.remove_oldest_of(&key.0);
        }
        let partial = Partial { began: now, chunks, next: 1, payload: payload.to_vec() };
        let counted = counted(&key, &partial);
        if self.held + counted > TOTAL_LIMIT {
            return Pushed::Dropped;
        }
        self.held += counted;
        self.partial.insert(key, partial);
        Pushed::Waiting
    }

    fn go_on(
        &mut self,
        now: Instant,
        key: &(String, String),
        chunk: usize,
        content: &[u8],
    ) -> Pushed {
        let Some(partial) = self.partial.get_mut(key) else {
            return Pushed::Dropped;
        };
        let fits = partial.payload.len() + key.1.len() + content.len() <= LENGTH_LIMIT
            && self.held + content.len() <= TOTAL_LIMIT;
        if chunk != partial.next || !fits || partial.is_late(now) {
            self.remove(key);
            return Pushed::Dropped;
        }
        partial.payload.extend_from_slice(content);
        partial.next += 1;
        self.held += content.len();
        if partial.next < partial.chunks {
            return Pushed::Waiting;
        }
        self.remove(key).map_or(Pushed::Dropped, |whole| Pushed::Complete(whole.payload))
    }

    /// Gives what a sender began and did not end.
    fn begun_by(&self, sender: &str) -> impl Iterator<Item = (&(String, String), &Partial)> {
        let first = (sender.to_owned(), String::new());
        self.partial.range(first..).take_while(move |((from, _), _)| from == sender)
    }

    fn remove_oldest_of(&mut self, sender: &str) {
        let oldest = self.begun_by(sender).min_by_key(|(_, partial)| partial.began);
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            self.give_up(&oldest);
        }
    }

    fn give_up(&mut self, key: &(String, String)) {
        self.given_up += usize::from(self.remove(key).is_some());
    }

    fn remove(&mut self, key: &(String, String)) -> Option<Partial> {
        let partial = self.partial.remove(key)?;
        self.held -= counted(key, &partial);
        Some(partial)
    }
}

/// What an unfinished message counts of [`TOTAL_LIMIT`]: its bytes, its names and its place among others.
fn counted((sender, id): &(String, String), partial: &Partial) -> usize {
    OVERHEAD + sender.len() + id.len() + partial.payload.len()
}
