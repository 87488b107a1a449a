//! MSNFTP: files of Messenger 5 and before, each over a connection of its own.
//!
//! ```text
//! R: VER MSNFTP                       the one who receives connects, and speaks first
//! S: VER MSNFTP
//! R: USR bob@example.com 93301        the number that the invitation named
//! S: FIL 187
//! R: TFR
//! S: 00 bb 00, and 187 bytes          blocks: nought, a length of two bytes, at most 2045 bytes
//! R: BYE 16777989                     all of it is there
//! ```
//! What is said before, in a conversation, is with the transfers (docs: protocol, p2p).

use std::fmt;

use super::TransferError;

/// Bytes in a block that is sent.
const BLOCK: usize = 2045;
/// Longest line that is taken, in bytes.
const LINE_LIMIT: usize = 512;
/// What the one who receives says when all is there.
const RECEIVED: &str = "16777989";

/// What came of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes of the file.
    Data(Vec<u8>),
    /// It is over; nothing follows.
    Ended(Result<(), TransferError>),
    /// The peer is who was invited, and wants the bytes.
    Wanted,
}

/// The connection of one file, on either side. Shows nothing of the number that proves who connects.
pub struct Exchange {
    sends: bool,
    /// Who receives.
    account: String,
    cookie: String,
    size: u64,
    moved: u64,
    stage: Stage,
    proven: bool,
    /// What came and is not taken, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    out: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Version,
    /// `USR` or `FIL` is to come.
    Named,
    /// `TFR` is to come.
    Asked,
    Bytes,
    Over,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Makes the side that listens and sends, or the one that connects and receives.
    pub fn new(sends: bool, account: &str, cookie: &str, size: u64) -> Self {
        let out = if sends { Vec::new() } else { b"VER MSNFTP\r\n".to_vec() };
        let (account, cookie) = (account.to_owned(), cookie.to_owned());
        let (stage, bytes) = (Stage::Version, Vec::new());
        Self { sends, account, cookie, size, moved: 0, stage, proven: false, bytes, at: 0, out }
    }

    /// Tells whether the other end is who was agreed with: it knows the number, or the file's size.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// Tells whether the other end waits for bytes of the file.
    pub fn is_asked(&self) -> bool {
        self.sends && self.stage == Stage::Bytes
    }

    /// Gives how many bytes of the file are not given yet, or not there.
    pub fn missing(&self) -> u64 {
        self.size.saturating_sub(self.moved)
    }

    /// Takes bytes that came, and gives what comes of them.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.stage != Stage::Over {
            self.bytes.drain(..self.at);
            self.at = 0;
            self.bytes.extend_from_slice(bytes);
        }
        while self.stage != Stage::Over {
            let step = match self.sends || self.stage != Stage::Bytes {
                true => self.line(),
                false => self.block(),
            };
            let Some(step) = step else { break };
            match step {
                Ok(Some(step)) => steps.push(step),
                Ok(None) => {}
                Err(error) => steps.extend(self.over(Err(error))),
            }
            if self.stage == Stage::Bytes && self.missing() == 0 && !self.sends {
                self.out.extend(format!("BYE {RECEIVED}\r\n").into_bytes());
                steps.extend(self.over(Ok(())));
            }
        }
        steps
    }

    /// Gives bytes of the file, at most those that are [missing](Self::missing); false when they are not.
    pub fn give(&mut self, bytes: &[u8]) -> bool {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.stage != Stage::Bytes || length > self.missing() {
            return false;
        }
        self.moved += length;
        for block in bytes.chunks(BLOCK) {
            let [low, high] = u16::try_from(block.len()).unwrap_or(u16::MAX).to_le_bytes();
            self.out.extend([0, low, high]);
            self.out.extend_from_slice(block);
        }
        true
    }

    /// Gives what is to be written; none when there is nothing now.
    pub fn poll(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.out)).filter(|out| !out.is_empty())
    }

    fn over(&mut self, outcome: Result<(), TransferError>) -> Option<Step> {
        self.stage = Stage::Over;
        (self.bytes, self.at) = (Vec::new(), 0);
        Some(Step::Ended(outcome))
    }

    /// Takes a line, if it is there.
    fn line(&mut self) -> Option<Result<Option<Step>, TransferError>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'\n', rest) else {
            return (rest.len() > LINE_LIMIT).then_some(Err(TransferError::Corrupt));
        };
        let line = rest.get(..=end.min(LINE_LIMIT)).unwrap_or(rest);
        let line = String::from_utf8_lossy(line).into_owned();
        self.at += end + 1;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        Some(self.said(&words))
    }

    fn said(&mut self, words: &[&str]) -> Result<Option<Step>, TransferError> {
        match (self.stage, words) {
            (_, ["CCL", ..]) => return Err(TransferError::Cancelled),
            (Stage::Version, ["VER", versions @ ..]) if versions.contains(&"MSNFTP") => {
                let answer = match self.sends {
                    true => "VER MSNFTP\r\n".to_owned(),
                    false => format!("USR {} {}\r\n", self.account, self.cookie),
                };
                self.out.extend(answer.into_bytes());
                self.stage = Stage::Named;
            }
            (Stage::Named, ["USR", account, cookie])
                if self.sends
                    && account.eq_ignore_ascii_case(&self.account)
                    && *cookie == self.cookie =>
            {
                self.out.extend(format!("FIL {}\r\n", self.size).into_bytes());
                (self.stage, self.proven) = (Stage::Asked, true);
            }
            (Stage::Named, ["FIL", size]) if !self.sends => {
                if size.parse() != Ok(self.size) {
                    return Err(TransferError::Corrupt);
                }
                self.out.extend_from_slice(b"TFR\r\n");
                (self.stage, self.proven) = (Stage::Bytes, true);
            }
            (Stage::Asked, ["TFR"]) => {
                self.stage = Stage::Bytes;
                return Ok(Some(Step::Wanted));
            }
            (Stage::Bytes, ["BYE", RECEIVED]) if self.missing() == 0 => {
                return Ok(self.over(Ok(())));
            }
            (Stage::Bytes, ["BYE", ..]) => return Err(TransferError::Cancelled),
            _ => return Err(TransferError::Corrupt),
        }
        Ok(None)
    }

    /// Takes a block, if it is there whole.
    fn block(&mut self) -> Option<Result<Option<Step>, TransferError>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (&[kind, low, high], rest) = rest.split_first_chunk::<3>()?;
        if kind != 0 {
            return Some(Err(TransferError::Cancelled)); // the end is not told of that way, but by the size
        }
        let length = usize::from(u16::from_le_bytes([low, high]));
        let data = rest.get(..length)?.to_vec();
        let wide = u64::try_from(length).unwrap_or(u64::MAX);
        if wide > self.missing() {
            return Some(Err(TransferError::TooLarge));
        }
        self.moved += wide;
        self.at += 3 + length;
        Some(Ok(Some(Step::Data(data))))
    }
}
