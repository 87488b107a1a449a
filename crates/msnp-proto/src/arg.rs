//! Arguments of a line, taken one after the other and typed.

use std::{borrow::Cow, str::FromStr};

use crate::{escape, frame::Frame};

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
    next: usize,
}

impl<'f, 'a> Arguments<'f, 'a> {
    pub(crate) fn new(frame: &'f Frame<'a>) -> Self {
        Self { frame, next: 0 }
    }

    /// Counts the arguments not yet taken.
    pub(crate) fn left(&self) -> usize {
        self.frame.argument_count().saturating_sub(self.next)
    }

    /// Gives the next argument's bytes without taking it.
    pub(crate) fn peek(&self) -> Option<&'a [u8]> {
        self.frame.argument(self.next)
    }

    /// Takes an argument that is not escaped: an address, a ticket, a GUID.
    pub(crate) fn raw(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.take()?;
        str::from_utf8(bytes).map_err(|_| self.malformed("UTF-8"))
    }

    /// Takes an optional argument that is not escaped.
    pub(crate) fn raw_if_any(&mut self) -> Result<Option<&'a str>, DecodeError> {
        if self.left() == 0 {
            Ok(None)
        } else {
            self.raw().map(Some)
        }
    }

    /// Takes an escaped argument.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        Ok(escape::decode(self.take()?))
    }

    /// Takes an optional escaped argument.
    pub(crate) fn text_if_any(&mut self) -> Option<Cow<'a, str>> {
        self.take_if_any().map(escape::decode)
    }

    /// Takes a decimal number.
    pub(crate) fn number<N: FromStr>(&mut self) -> Result<N, DecodeError> {
        let bytes = self.take()?;
        let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
        let text = str::from_utf8(bytes).ok().filter(|_| digits);
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| self.malformed("a number"))
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
        self.next = self.next.saturating_add(count);
    }

    /// Gives back the argument taken last.
    pub(crate) fn give_back(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    /// Takes a decimal number, if there is an argument and it is one.
    pub(crate) fn number_if_any<N: FromStr>(&mut self) -> Option<N> {
        let bytes = self.take_if_any()?;
        let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
        str::from_utf8(bytes).ok().filter(|_| digits)?.parse().ok()
    }

    fn take(&mut self) -> Result<&'a [u8], DecodeError> {
        let index = self.next;
        self.take_if_any().ok_or_else(|| DecodeError::Missing {
            verb: verb_name(self.frame),
            index,
        })
    }

    fn take_if_any(&mut self) -> Option<&'a [u8]> {
        let index = self.next;
        self.next = index.saturating_add(1);
        self.frame.argument(index)
    }

    /// Blames the argument taken last.
    pub(crate) fn malformed(&self, expected: &'static str) -> DecodeError {
        let index = self.next.saturating_sub(1);
        DecodeError::Malformed {
            verb: verb_name(self.frame),
            index,
            expected,
        }
    }
}

/// The verb for an error message, short whatever the peer sent.
fn verb_name(frame: &Frame<'_>) -> String {
    let verb = frame.verb();
    String::from_utf8_lossy(verb.get(..8).unwrap_or(verb)).into_owned()
}
