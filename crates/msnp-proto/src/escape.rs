//! Percent escapes of names and free text.
//!
//! ```text
//! C: PRP 7 MFN Ada%20%E2%98%83
//! ```
//! Servers escape as little as space, `%`, CR and LF and send the rest as raw UTF-8; clients escape
//! all but the unreserved characters. Both read.

use std::{borrow::Cow, fmt::Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode_byte, utf8_percent_encode};

use crate::frame;

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads text that is nearly always UTF-8; what is not is replaced.
#[inline]
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // Checking is faster than looking for what is not.
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Reads an escaped argument; malformed escapes stay as they are, bad UTF-8 is replaced.
#[inline]
pub fn decode(argument: &[u8]) -> Cow<'_, str> {
    match frame::before(b'%', argument) {
        length if length == argument.len() => lossy(argument),
        first => Cow::Owned(decode_from(argument, first)),
    }
}

/// Reads an argument whose first escape is at `first`.
fn decode_from(argument: &[u8], first: usize) -> String {
    let mut bytes = Vec::with_capacity(argument.len());
    let (before, mut rest) = argument.split_at(first);
    bytes.extend_from_slice(before);
    // Names are short and escapes close: byte by byte is faster than looking for the next one.
    while let [byte, after @ ..] = rest {
        rest = after;
        match after {
            [high, low, after @ ..] if *byte == b'%' => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(*byte),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

/// Reads a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Writes text as one argument: all but unreserved characters escaped.
pub fn encode_into(text: &str, out: &mut Vec<u8>) {
    for part in utf8_percent_encode(text, ESCAPED) {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes text as one argument with as few escapes as can be.
pub(crate) fn encode_lightly_into(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if byte.is_ascii_control() || matches!(byte, b' ' | b'%') {
            out.extend_from_slice(percent_encode_byte(byte).as_bytes());
        } else {
            out.push(byte);
        }
    }
}

/// Gives text as one argument.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", utf8_percent_encode(text, ESCAPED));
    out
}
