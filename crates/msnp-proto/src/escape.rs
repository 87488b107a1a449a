//! Percent escapes of names and free text.
//!
//! ```text
//! C: PRP 7 MFN Ada%20%E2%98%83
//! ```
//! Servers escape as little as space, `%`, CR and LF and send the rest as raw UTF-8; clients escape
//! all but the unreserved characters. Both read.

use std::{borrow::Cow, fmt::Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads an escaped argument; malformed escapes stay as they are, bad UTF-8 is replaced.
#[inline]
pub fn decode(argument: &[u8]) -> Cow<'_, str> {
    if !argument.contains(&b'%') {
        // Nearly everything is UTF-8, and checking that is faster than looking for what is not.
        return match str::from_utf8(argument) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(argument),
        };
    }
    let bytes: Cow<'_, [u8]> = percent_decode(argument).into();
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

/// Writes text as one argument: all but unreserved characters escaped.
pub fn encode_into(text: &str, out: &mut Vec<u8>) {
    for part in utf8_percent_encode(text, ESCAPED) {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Gives text as one argument.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", utf8_percent_encode(text, ESCAPED));
    out
}
