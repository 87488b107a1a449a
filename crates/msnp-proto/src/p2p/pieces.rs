//! Bytes on their way out, in the pieces that the application gave: none of them is moved or copied until a
//! packet is written of it, and the last of those that went are kept as long as they may have to go again.

use std::collections::VecDeque;

/// Pieces shorter than this are put together, so that there are never many.
const SHORT: usize = 4 * 1024;
/// Longest piece that is added to.
const LONG: usize = 64 * 1024;

/// Bytes in pieces: first those that went, then those that wait.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    /// The piece in which those begin that wait, and where in it.
    at: (usize, usize),
    gone: usize,
    waiting: usize,
    /// The bytes of a packet that lie in more than one piece.
    joined: Vec<u8>,
}

impl Pieces {
    /// Adds bytes, and lets pieces go that went out, but for the last bytes of them.
    pub(super) fn add(&mut self, bytes: Vec<u8>, kept: usize) {
        self.pass_ended();
        while let Some(first) = self.pieces.front()
            && self.at.0 > 0
            && self.gone - first.len() >= kept
        {
            self.gone -= first.len();
            self.at.0 -= 1;
            self.pieces.pop_front();
        }
        self.waiting += bytes.len();
        let last = self.pieces.len().saturating_sub(1);
        match self.pieces.back_mut() {
            Some(piece) if bytes.len() < SHORT && piece.len() + bytes.len() <= LONG => {
                if self.at.0 > last {
                    self.at = (last, piece.len());
                }
                piece.extend_from_slice(&bytes);
            }
            _ => self.pieces.push_back(bytes),
        }
    }

    /// Gives how many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes the next bytes that wait, at most so many.
    pub(super) fn next(&mut self, most: usize) -> &[u8] {
        let length = most.min(self.waiting);
        self.waiting -= length;
        self.gone += length;
        self.pass_ended();
        let (piece, start) = self.at;
        if self.pieces.get(piece).is_none_or(|piece| piece.len() - start >= length) {
            self.at.1 += length;
            let whole = self.pieces.get(piece).and_then(|piece| piece.get(start..start + length));
            return whole.unwrap_or_default();
        }
        self.joined.clear();
        while self.joined.len() < length {
            self.pass_ended();
            let (piece, start) = self.at;
            let Some(rest) = self.pieces.get(piece).and_then(|piece| piece.get(start..)) else {
                break;
            };
            let part = rest.get(..length - self.joined.len()).unwrap_or(rest);
            self.at.1 += part.len();
            self.joined.extend_from_slice(part);
        }
        &self.joined
    }

    /// Lets all that is kept wait again; gives how many bytes that are.
    pub(super) fn rewind(&mut self) -> usize {
        let gone = std::mem::take(&mut self.gone);
        self.waiting += gone;
        self.at = (0, 0);
        gone
    }

    fn pass_ended(&mut self) {
        while self.pieces.get(self.at.0).is_some_and(|piece| piece.len() <= self.at.1) {
            self.at = (self.at.0 + 1, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_go_out_in_their_order_and_the_last_of_them_again(
            steps in prop::collection::vec((0_usize..9000, 0_usize..5000, 0_u8..20), 1..60),
            kept in 0_usize..20_000,
        ) {
            let (mut pieces, mut given, mut went) = (Pieces::default(), Vec::new(), 0_usize);
            let mut floor = 0;
            for (add, take, rewinds) in steps {
                let new: Vec<u8> = (given.len()..given.len() + add)
                    .map(|at| u8::try_from(at % 251).unwrap_or_default())
                    .collect();
                given.extend_from_slice(&new);
                floor = went.saturating_sub(kept).max(floor);
                pieces.add(new, kept);
                let next = pieces.next(take).to_vec();
                prop_assert_eq!(next.len(), take.min(given.len() - went));
                prop_assert_eq!(given.get(went..went + next.len()), Some(next.as_slice()));
                went += next.len();
                prop_assert_eq!(pieces.waiting(), given.len() - went);
                if rewinds == 0 {
                    let before = went;
                    went -= pieces.rewind();
                    prop_assert!(went <= floor || went == before, "{} of {}", went, before);
                }
            }
        }

        #[test]
        fn what_went_is_not_kept_for_ever(count in 100_usize..3000, size in 1_usize..3000) {
            let mut pieces = Pieces::default();
            for _ in 0..count {
                pieces.add(vec![7; size], 10_000);
                pieces.next(size);
            }
            let held: usize = pieces.pieces.iter().map(Vec::len).sum();
            prop_assert!(held <= 10_000 + 2 * LONG);
            prop_assert!(pieces.pieces.len() <= 2 + held / 2000, "{}", pieces.pieces.len());
        }
    }
}
