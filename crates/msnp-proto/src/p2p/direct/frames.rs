//! Frames of a direct link: a length of four bytes, little-endian, and so many bytes.

/// Longest frame that is taken, in bytes; clients send 1,396 at most.
pub const FRAME_LIMIT: usize = 16 * 1024;

/// A frame is longer than any that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame is too long")]
pub struct TooLong;

/// Puts frames together from bytes as they come.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where the next frame begins.
    at: usize,
}

impl Frames {
    /// Takes bytes. Take all frames after each call, and no more is kept than one.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Gives the next frame that is whole; empty ones are passed over, some clients send them.
    ///
    /// # Errors
    /// [`TooLong`]: the link is of no use any more.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let range = loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some((length, rest)) = rest.split_first_chunk::<4>() else {
                return Ok(None);
            };
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length > FRAME_LIMIT {
                return Err(TooLong);
            }
            if rest.len() < length {
                return Ok(None);
            }
            let start = self.at + 4;
            self.at = start + length;
            if length > 0 {
                break start..self.at;
            }
        };
        Ok(self.bytes.get(range))
    }
}

/// Writes a frame, of at most [`FRAME_LIMIT`] bytes.
pub fn frame(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}
