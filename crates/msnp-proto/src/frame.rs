//! Bytes to frames: a line, its arguments, and the payload some lines announce.
//!
//! ```text
//! S: MSG bob@example.com Bob 130⏎MIME-Version: 1.0⏎…
//! ```
//! A [`Framer`] gives the same frames however the network cut the bytes. Lines end in CR LF or LF;
//! arguments are parted by one or more spaces; a payload follows its line without a terminator of
//! its own.

use std::ops::Range;

use bytes::{Buf, BytesMut};
use smallvec::SmallVec;

use crate::payload::{Direction, LinkKind, PayloadRule, payload_rule};

/// What a peer may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest line in bytes, its end included.
    pub line: usize,
    /// Longest payload in bytes.
    pub payload: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 8 * 1024,
            payload: 1024 * 1024,
        }
    }
}

/// How the peer broke the framing; the link cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A payload length is missing, or is not a number.
    #[error("{verb}: the payload length is not a number")]
    LengthMalformed {
        /// The command.
        verb: String,
    },
    /// A line has no end within the limit.
    #[error("a line is longer than {limit} bytes")]
    LineTooLong {
        /// The limit.
        limit: usize,
    },
    /// A payload is announced longer than the limit.
    #[error("{verb}: a payload of {length} bytes is longer than {limit}")]
    PayloadTooLong {
        /// The command.
        verb: String,
        /// The announced length.
        length: usize,
        /// The limit.
        limit: usize,
    },
}

/// Collects bytes and hands out frames.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes of the frame handed out last, dropped at the next call.
    taken: usize,
    /// Bytes known to hold no line end.
    scanned: usize,
    /// A complete line that waits for its payload.
    waiting: Option<Line>,
    kind: LinkKind,
    direction: Direction,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// Where the line's words end.
    end: usize,
    /// Where the payload begins.
    payload: usize,
    length: usize,
}

/// A line with its arguments and its payload, borrowed from the [`Framer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    line: &'a [u8],
    words: Words,
    payload: &'a [u8],
}

type Words = SmallVec<[Range<u16>; 12]>;

impl Framer {
    /// Makes a framer for one direction of one link.
    pub fn new(kind: LinkKind, direction: Direction, limits: Limits) -> Self {
        // Words are kept as 16-bit ranges of their line.
        let limits = Limits {
            line: limits.line.min(usize::from(u16::MAX)),
            ..limits
        };
        Self {
            buffer: BytesMut::new(),
            taken: 0,
            scanned: 0,
            waiting: None,
            kind,
            direction,
            limits,
        }
    }

    /// Takes bytes as they came from the network.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Gives the next frame, or nothing until more bytes came.
    ///
    /// Empty lines are passed over.
    ///
    /// # Errors
    /// [`FrameError`] when the peer broke the framing; the framer gives no more frames then.
    #[expect(
        clippy::should_implement_trait,
        reason = "the frame borrows from the framer"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        self.buffer.advance(std::mem::take(&mut self.taken));
        let line = match self.waiting {
            Some(line) => line,
            None => match self.next_line()? {
                Some(line) => *self.waiting.insert(line),
                None => return Ok(None),
            },
        };
        let whole = line.payload + line.length;
        if self.buffer.len() < whole {
            return Ok(None);
        }
        self.waiting = None;
        self.taken = whole;
        let (line_bytes, payload) = (
            self.buffer.get(..line.end).unwrap_or_default(),
            self.buffer.get(line.payload..whole).unwrap_or_default(),
        );
        Ok(Some(Frame {
            line: line_bytes,
            words: words(line_bytes),
            payload,
        }))
    }

    /// Gives memory back while the link is idle.
    pub fn shrink(&mut self) {
        self.buffer.advance(std::mem::take(&mut self.taken));
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    fn next_line(&mut self) -> Result<Option<Line>, FrameError> {
        loop {
            let unseen = self.buffer.get(self.scanned..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'\n', unseen) else {
                self.scanned = self.buffer.len();
                return if self.scanned >= self.limits.line {
                    Err(self.line_too_long())
                } else {
                    Ok(None)
                };
            };
            let feed = self.scanned + found;
            self.scanned = 0;
            if feed >= self.limits.line {
                return Err(self.line_too_long());
            }
            let line = self.buffer.get(..feed).unwrap_or_default();
            let end = if line.ends_with(b"\r") {
                feed - 1
            } else {
                feed
            };
            let line = line.get(..end).unwrap_or_default();
            if line.iter().all(|&byte| byte == b' ') {
                self.buffer.advance(feed + 1);
                continue;
            }
            let length = self.payload_length(line)?;
            return Ok(Some(Line {
                end,
                payload: feed + 1,
                length,
            }));
        }
    }

    fn payload_length(&self, line: &[u8]) -> Result<usize, FrameError> {
        let mut words = line
            .split(|&byte| byte == b' ')
            .filter(|word| !word.is_empty());
        let verb = words.next().unwrap_or_default();
        let last = match payload_rule(verb, self.kind, self.direction) {
            PayloadRule::Absent => return Ok(0),
            PayloadRule::Last => words.next_back(),
            PayloadRule::LastOf(count) => {
                let mut arguments = words.clone();
                let last = arguments.nth(count - 1);
                match last.filter(|_| arguments.next().is_none()) {
                    Some(last) if last.iter().all(u8::is_ascii_digit) => Some(last),
                    _ => return Ok(0),
                }
            }
        };
        let name = || String::from_utf8_lossy(verb.get(..8).unwrap_or(verb)).into_owned();
        let digits = last.filter(|text| text.iter().all(u8::is_ascii_digit));
        let text = digits.and_then(|digits| str::from_utf8(digits).ok());
        let Some(text) = text else {
            return Err(FrameError::LengthMalformed { verb: name() });
        };
        let length = text.parse().unwrap_or(usize::MAX);
        if length > self.limits.payload {
            let limit = self.limits.payload;
            return Err(FrameError::PayloadTooLong {
                verb: name(),
                length,
                limit,
            });
        }
        Ok(length)
    }

    fn line_too_long(&self) -> FrameError {
        FrameError::LineTooLong {
            limit: self.limits.line,
        }
    }
}

impl<'a> Frame<'a> {
    /// Makes the frame of one line without its end, for tests and tools.
    pub fn of_line(line: &'a [u8], payload: &'a [u8]) -> Self {
        let line = line.get(..usize::from(u16::MAX)).unwrap_or(line);
        Self {
            line,
            words: words(line),
            payload,
        }
    }

    /// Gives the command's name as it came.
    pub fn verb(&self) -> &'a [u8] {
        self.word(0).unwrap_or_default()
    }

    /// Gives an argument, the first being 0.
    pub fn argument(&self, index: usize) -> Option<&'a [u8]> {
        self.word(index.checked_add(1)?)
    }

    /// Counts the arguments.
    pub fn argument_count(&self) -> usize {
        self.words.len().saturating_sub(1)
    }

    /// Gives the payload; empty when there is none.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Gives the line without its end.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    fn word(&self, index: usize) -> Option<&'a [u8]> {
        let range = self.words.get(index)?;
        self.line
            .get(usize::from(range.start)..usize::from(range.end))
    }
}

fn words(line: &[u8]) -> Words {
    let mut words = Words::new();
    let mut start = 0;
    let mut add = |start: usize, end: usize| {
        if let (true, Ok(from), Ok(to)) = (start < end, u16::try_from(start), u16::try_from(end)) {
            words.push(from..to);
        }
    };
    for space in memchr::memchr_iter(b' ', line) {
        add(start, space);
        start = space + 1;
    }
    add(start, line.len());
    words
}
