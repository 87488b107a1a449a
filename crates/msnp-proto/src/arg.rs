//! Arguments of a line, taken one after the other and typed.

use std::borrow::Cow;

use crate::{
    escape,
    frame::{Frame, Words},
};

/// Why a line could not become a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// An argument is present but is not what the protocol says.
    #[error("{verb}: argument {index} is not {expected}")]
    Malformed {
        /// The command.
        verb: String,
        /// Which argument, the first being 0.
        index: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// A required argument is absent.
    #[error("{verb}: argument {index} is missing")]
    Missing {
        /// The command.
        verb: String,
        /// Which argument, the first being 0.
        index: usize,
    },
}

/// Takes the arguments of a frame in order.
#[derive(Debug)]
pub(crate) struct Arguments<'f, 'a> {
    frame: &'f Frame<'a>,
    words: Words<'a>,
    /// How many were taken.
    taken: usize,
}

impl<'f, 'a> Arguments<'f, 'a> {
    pub(crate) fn new(frame: &'f Frame<'a>) -> Self {
        Self { frame, words: frame.arguments(), taken: 0 }
    }

    /// Counts the arguments not yet taken.
    pub(crate) fn left(&self) -> usize {
        self.words.count()
    }

    /// Gives the next argument's bytes without taking it.
    pub(crate) fn peek(&self) -> Option<&'a [u8]> {
        let mut words = self.words;
        words.next()
    }

    /// Tells whether the next argument is all digits, without taking it.
    pub(crate) fn next_is_number(&self) -> bool {
        self.peek().is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_digit))
    }

    /// Takes an argument that is not escaped: an address, a ticket, a GUID.
    #[inline(always)]
    pub(crate) fn raw(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.take()?;
        str::from_utf8(bytes).map_err(|_| self.malformed("UTF-8"))
    }

    /// Takes an optional argument that is not escaped.
    pub(crate) fn raw_if_any(&mut self) -> Result<Option<&'a str>, DecodeError> {
        let Some(bytes) = self.take_if_any() else {
            return Ok(None);
        };
        str::from_utf8(bytes).map(Some).map_err(|_| self.malformed("UTF-8"))
    }

    /// Takes what follows a mark such as `N=`, if the next argument begins with one of some marks.
    #[inline]
    pub(crate) fn marked(&mut self, marks: &[&[u8; 2]]) -> Option<(&'a [u8; 2], &'a [u8])> {
        let mut words = self.words;
        let (mark, value) = words.next()?.split_first_chunk::<2>()?;
        if !marks.contains(&mark) {
            return None;
        }
        self.words = words;
        self.taken += 1;
        Some((mark, value))
    }

    /// Takes an escaped argument.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        Ok(escape::decode(self.take()?))
    }

    /// Takes an optional escaped argument.
    #[inline]
    pub(crate) fn text_if_any(&mut self) -> Option<Cow<'a, str>> {
        self.take_if_any().map(escape::decode)
    }

    /// Takes an optional argument's bytes as they are.
    pub(crate) fn bytes_if_any(&mut self) -> Option<&'a [u8]> {
        self.take_if_any()
    }

    /// Takes a decimal number.
    #[inline]
    pub(crate) fn number<N: TryFrom<u64>>(&mut self) -> Result<N, DecodeError> {
        let bytes = self.take()?;
        decimal(bytes).ok_or_else(|| self.malformed("a number"))
    }

    /// Takes a word that must be one of some.
    pub(crate) fn word<W>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&'a [u8]) -> Option<W>,
    ) -> Result<W, DecodeError> {
        let bytes = self.take()?;
        read(bytes).ok_or_else(|| self.malformed(expected))
    }

    /// Passes over arguments.
    pub(crate) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.take_if_any();
        }
    }

    /// Takes a decimal number, if there is an argument and it is one.
    #[inline]
    pub(crate) fn number_if_any<N: TryFrom<u64>>(&mut self) -> Option<N> {
        decimal(self.take_if_any()?)
    }

    #[inline(always)]
    fn take(&mut self) -> Result<&'a [u8], DecodeError> {
        let index = self.taken;
        self.take_if_any()
            .ok_or_else(|| DecodeError::Missing { verb: verb_name(self.frame), index })
    }

    #[inline]
    fn take_if_any(&mut self) -> Option<&'a [u8]> {
        self.taken += 1;
        self.words.next()
    }

    /// Blames the argument taken last.
    pub(crate) fn malformed(&self, expected: &'static str) -> DecodeError {
        let index = self.taken.saturating_sub(1);
        DecodeError::Malformed { verb: verb_name(self.frame), index, expected }
    }
}

/// Reads digits alone: no sign, nothing empty, nothing too large.
#[inline]
pub(crate) fn decimal<N: TryFrom<u64>>(bytes: &[u8]) -> Option<N> {
    if bytes.is_empty() || bytes.len() > 19 {
        return None;
    }
    let number = bytes.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })?;
    N::try_from(number).ok()
}

/// The verb for an error message, short whatever the peer sent.
fn verb_name(frame: &Frame<'_>) -> String {
    let verb = frame.verb();
    String::from_utf8_lossy(verb.get(..8).unwrap_or(verb)).into_owned()
}
