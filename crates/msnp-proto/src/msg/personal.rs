//! `UUX` and `UBX`: the personal message and what is playing.
//!
//! ```text
//! <Data><PSM>in the garden</PSM><CurrentMedia></CurrentMedia></Data>
//! ```
//! Servers send XML that is not well formed; so the text between the tags is taken, whatever it is.

use super::look::Look;
use crate::{escape::lossy, frame::before, version::Version};

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
        let xml = lossy(payload);
        let [text, media] = elements(&xml, ["PSM", "CurrentMedia"]);
        Self { text, media }
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

/// Reads all that a `UBX` shows, in one go: the message, and the look.
pub fn read_shown(payload: &[u8]) -> (PersonalMessage, Look) {
    let xml = lossy(payload);
    let names = ["PSM", "CurrentMedia", "DDP", "SignatureSound", "Scene", "ColorScheme"];
    let [text, media, moving_picture, sound, scene, colours] = elements(&xml, names);
    (PersonalMessage { text, media }, Look { moving_picture, sound, scene, colours })
}

/// Gives the texts of elements, in the order of their names; empty where there is none, the first where
/// there are several.
pub(super) fn elements<const N: usize>(xml: &str, names: [&str; N]) -> [String; N] {
    let mut texts = [const { None }; N];
    let mut rest = xml;
    while let Some(after) = rest.get(before(b'<', rest.as_bytes()) + 1..) {
        let end = before(b'>', after.as_bytes());
        let (Some(name), Some(behind)) = (after.get(..end), after.get(end + 1..)) else {
            break;
        };
        rest = behind;
        // Some clients write the sign itself as a text.
        let name = name.bytes().rposition(|byte| byte == b'<').map_or(name, |at| &name[at + 1..]);
        let wanted = names.iter().position(|wanted| *wanted == name);
        if let Some(text) = wanted.and_then(|which| texts.get_mut(which)).filter(|it| it.is_none())
            && let Some((inside, after)) = until_end_of(rest, name)
        {
            (*text, rest) = (Some(unescape(inside)), after);
        }
    }
    texts.map(Option::unwrap_or_default)
}

/// Parts what is before an element's end from what is behind it.
fn until_end_of<'x>(xml: &'x str, name: &str) -> Option<(&'x str, &'x str)> {
    let ends = |at: &usize| {
        let after = xml.get(at + 1..)?.strip_prefix('/')?.strip_prefix(name)?.strip_prefix('>')?;
        Some((&xml[..*at], after))
    };
    memchr::memchr_iter(b'<', xml.as_bytes()).find_map(|at| ends(&at))
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
    if before(b'&', text.as_bytes()) == text.len() {
        return text.to_owned();
    }
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
