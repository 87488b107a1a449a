//! Frames of a direct link: a length of four bytes, little-endian, and so many bytes.

/// Longest frame that is taken, in bytes; clients send 1,396 at most.
pub const FRAME_LIMIT: usize = 16 * 1024;

/// A frame is longer than any that a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame is too long")]
pub struct TooLong;

/// Puts frames together from bytes as they come; those that come whole are not copied.
#[derive(Debug, Default)]
pub struct Frames {
    /// What came before and was not given yet.
    kept: Vec<u8>,
    /// Where the next frame begins in it.
    at: usize,
}

impl Frames {
    /// Gives the next frame of what was kept and of the bytes that came behind it, which are left with what
    /// follows; when none is whole, they are kept, less than a frame. Empty ones are passed over, some
    /// clients send them.
    ///
    /// # Errors
    /// [`TooLong`]: the link is of no use any more.
    pub fn next_frame<'a, 'b: 'a>(
        &'a mut self,
        bytes: &mut &'b [u8],
    ) -> Result<Option<&'a [u8]>, TooLong> {
        while self.at < self.kept.len() {
            let length = length(self.kept.get(self.at..).unwrap_or_default())?;
            let start = self.at + LENGTH;
            let lacks = (self.at + length).saturating_sub(self.kept.len());
            if lacks == 0 {
                self.at += length;
                if start < self.at {
                    return Ok(self.kept.get(start..self.at));
                }
                continue;
            }
            let (more, rest) = bytes.split_at(lacks.min(bytes.len()));
            if more.is_empty() {
                return Ok(None);
            }
            self.kept.extend_from_slice(more);
            *bytes = rest;
        }
        (self.kept, self.at) = (Vec::new(), 0);
        loop {
            let length = length(bytes)?;
            let Some((frame, rest)) = bytes.split_at_checked(length) else {
                self.keep(std::mem::take(bytes));
                return Ok(None);
            };
            *bytes = rest;
            if length > LENGTH {
                return Ok(frame.get(LENGTH..));
            }
        }
    }

    /// Keeps bytes that came, until frames are asked for again.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }
}

/// Bytes of a frame's length.
const LENGTH: usize = 4;

/// Gives how many bytes the frame has that begins there, its length too, as far as that is known.
fn length(bytes: &[u8]) -> Result<usize, TooLong> {
    let Some(length) = bytes.first_chunk::<LENGTH>() else {
        return Ok(LENGTH);
    };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > FRAME_LIMIT { Err(TooLong) } else { Ok(LENGTH + length) }
}

/// Writes a frame, of at most [`FRAME_LIMIT`] bytes.
pub fn frame(out: &mut Vec<u8>, bytes: &[u8]) {
    frame_with(out, |out| out.extend_from_slice(bytes));
}

/// Writes a frame of what is written, at most [`FRAME_LIMIT`] bytes.
pub(in crate::p2p) fn frame_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; LENGTH]);
    write(out);
    let length = u32::try_from(out.len() - start - LENGTH).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + LENGTH) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}
