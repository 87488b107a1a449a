//! `UUX` and `UBX`: the personal message and what is playing.
//!
//! ```text
//! <Data><PSM>in the garden</PSM><CurrentMedia></CurrentMedia></Data>
//! ```
//! Servers send XML that is not well formed; so the text between the tags is taken, whatever it is.

use super::look::Look;
use crate::version::Version;

/// What an account shows beside its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonalMessage {
    /// Its own words.
    pub text: String,
    /// What is playing, in the client's own form: parts joined by `\0`.
    pub media: String,
}

impl PersonalMessage {
    /// Reads the payload of a `UBX` or `UUX`; an empty one clears both.
    pub fn read(payload: &[u8]) -> Self {
        let xml = String::from_utf8_lossy(payload);
        Self { text: element(&xml, "PSM"), media: element(&xml, "CurrentMedia") }
    }

    /// Writes the payload of a `UUX`, on one line, never empty.
    pub fn write(&self) -> Vec<u8> {
        format!("<Data>{}</Data>", self.elements()).into_bytes()
    }

    /// Writes it with what else a version's clients tell: the id of the installation from MSNP13, the
    /// look from MSNP16.
    pub fn write_as(&self, version: Version, machine: &str, look: &Look) -> Vec<u8> {
        let machine = match version.has_machine_id_in_personal() {
            true => format!("<MachineGuid>{{{}}}</MachineGuid>", escape(machine)),
            false => String::new(),
        };
        format!("<Data>{}{machine}{}</Data>", self.elements(), look.elements(version)).into_bytes()
    }

    /// Writes what goes into the payload of a `UBX`, before what else there is.
    pub fn elements(&self) -> String {
        format!(
            "<PSM>{}</PSM><CurrentMedia>{}</CurrentMedia>",
            escape(&self.text),
            escape(&self.media)
        )
    }
}

pub(super) fn element(xml: &str, name: &str) -> String {
    let between = || {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    between().map(unescape).unwrap_or_default()
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' | '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Reads the five named references and numeric ones; others stay as they are.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let read = after.split_once(';').and_then(|(name, after)| Some((reference(name)?, after)));
        match read {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            number.ok().and_then(char::from_u32)
        }
    }
}
