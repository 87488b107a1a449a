//! Headers, an empty line, content: read without complaint.

use super::Format;
use crate::text::charset;

/// The headers kept of a body; more are passed over.
const MAX_HEADERS: usize = 64;

/// A body cut into headers and content.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    headers: Vec<(&'a str, &'a str)>,
    content: &'a [u8],
}

impl<'a> Body<'a> {
    /// Cuts a payload at its first empty line; lines may end in CR LF, LF or CR.
    pub fn read(payload: &'a [u8]) -> Self {
        let mut headers = Vec::new();
        let mut rest = payload;
        while !rest.is_empty() {
            let (line, after) = cut_line(rest);
            rest = after;
            if line.is_empty() {
                break;
            }
            if let (Some(header), true) = (read_header(line), headers.len() < MAX_HEADERS) {
                headers.push(header);
            }
        }
        Self { headers, content: rest }
    }

    /// Reads content that is itself made of header lines.
    pub fn read_headers(content: &'a [u8]) -> Self {
        Self::read(content)
    }

    /// Finds a header by name, in any case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut named = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| *value)
    }

    /// Gives the content type without parameters, lower case; empty when there is none.
    pub fn content_type(&self) -> String {
        let value = self.header("Content-Type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Gives what follows the empty line.
    pub fn content(&self) -> &'a [u8] {
        self.content
    }

    /// Gives the content as text, read in the charset that the headers name (see
    /// [`charset::decode`]); lines end in `\n`.
    pub fn text(&self) -> String {
        let format = || self.header("X-MMS-IM-Format").map(Format::read).unwrap_or_default();
        let text = charset::decode(self.content, self.charset(), || format().character_set);
        text.replace("\r\n", "\n").replace('\r', "\n")
    }

    /// Gives the charset that the content type names.
    fn charset(&self) -> Option<&'a str> {
        let parameters = self.header("Content-Type")?.split(';').skip(1);
        let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
        let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
        Some(value.trim().trim_matches('"'))
    }
}

fn cut_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return (bytes, &[]);
    };
    let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
    (line, rest)
}

fn read_header(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
    Some((name.trim(), value.trim()))
}
