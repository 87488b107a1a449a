//! The first frames of a direct link.

use super::{Frames, Nonce, TooLong, frame};
use crate::p2p::v1::{self, HEADER_LENGTH, Header};

/// What the side that connects sends first.
const GREETING: &[u8] = b"foo\0";

/// What the peer's nonce must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// This one.
    Plain(Nonce),
    /// One of which this is the hash.
    Hashed(Nonce),
}

impl Proof {
    fn holds(&self, nonce: Nonce) -> bool {
        match self {
            Self::Plain(expected) => *expected == nonce,
            Self::Hashed(expected) => *expected == nonce.hashed(),
        }
    }
}

/// Why a connection is not the link that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Something else came than the greeting and a nonce.
    #[error("the connection does not begin as a direct link")]
    Foreign,
    /// The nonce is not the one agreed on.
    #[error("the connection's nonce is not the one agreed on")]
    WrongNonce,
}

impl From<TooLong> for HandshakeError {
    fn from(_: TooLong) -> Self {
        Self::Foreign
    }
}

/// A connection that is not a link yet.
#[derive(Debug)]
pub struct Handshake {
    connects: bool,
    second: bool,
    own: Nonce,
    proof: Proof,
    greeted: bool,
    frames: Frames,
}

impl Handshake {
    /// Begins on the side that connects, or that listens; between places, the nonce stands alone.
    pub fn new(connects: bool, second: bool, own: Nonce, proof: Proof) -> Self {
        Self { connects, second, own, proof, greeted: false, frames: Frames::default() }
    }

    /// Gives what is to be written once the connection is there.
    pub fn opening(&self, message: u32) -> Vec<u8> {
        let mut out = Vec::new();
        if self.connects {
            frame(&mut out, GREETING);
            self.write_nonce(&mut out, message);
        }
        out
    }

    /// Takes bytes. Once the peer has proven who it is, gives what is to be written to prove it in turn;
    /// what came behind its nonce is then in [`into_frames`](Self::into_frames).
    ///
    /// # Errors
    /// [`HandshakeError`]: the connection is to be closed.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        message: u32,
    ) -> Result<Option<Vec<u8>>, HandshakeError> {
        if !self.connects && !self.greeted {
            match self.frames.next_frame(&mut bytes)? {
                None => return Ok(None),
                Some(GREETING) => self.greeted = true,
                Some(_) => return Err(HandshakeError::Foreign),
            }
        }
        let Some(came) = self.frames.next_frame(&mut bytes)? else {
            return Ok(None);
        };
        let nonce = read_nonce(came).ok_or(HandshakeError::Foreign)?;
        if !self.proof.holds(nonce) {
            return Err(HandshakeError::WrongNonce);
        }
        self.frames.keep(bytes);
        let mut out = Vec::new();
        if !self.connects {
            self.write_nonce(&mut out, message);
        }
        Ok(Some(out))
    }

    /// Gives what came behind the handshake.
    pub fn into_frames(self) -> Frames {
        self.frames
    }

    fn write_nonce(&self, out: &mut Vec<u8>, message: u32) {
        if self.second {
            return frame(out, &self.own.0);
        }
        let mut header = Header { message, flags: v1::flag::NONCE, ..Header::default() }.encode();
        if let Some(place) = header.last_chunk_mut::<16>() {
            *place = self.own.0;
        }
        frame(out, &header);
    }
}

/// Reads a nonce's frame of either age, for not everybody keeps to the age of the packets.
fn read_nonce(frame: &[u8]) -> Option<Nonce> {
    if let Ok(bytes) = <[u8; 16]>::try_from(frame) {
        return Some(Nonce(bytes));
    }
    let header = <[u8; HEADER_LENGTH]>::try_from(frame).ok()?;
    let (read, _) = Header::decode(&header)?;
    let nonce = header.last_chunk::<16>().filter(|_| read.has(v1::flag::NONCE))?;
    Some(Nonce(*nonce))
}
