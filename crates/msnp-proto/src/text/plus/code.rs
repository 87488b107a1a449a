//! The codes themselves, found in words.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::Effect as Look;
use crate::msg::Colour;

/// The colours that all sources agree on, and their names; 16 to 67 exist and are not sure.
const PALETTE: [(&str, [u8; 3]); 16] = [
    ("white", [0xFF, 0xFF, 0xFF]),
    ("black", [0x00, 0x00, 0x00]),
    ("marine", [0x00, 0x00, 0x7F]),
    ("green", [0x00, 0x93, 0x00]),
    ("red", [0xFF, 0x00, 0x00]),
    ("brown", [0x7F, 0x00, 0x00]),
    ("purple", [0x9C, 0x00, 0x9C]),
    ("orange", [0xFC, 0x7F, 0x00]),
    ("yellow", [0xFF, 0xFF, 0x00]),
    ("lime", [0x00, 0xFC, 0x00]),
    ("teal", [0x00, 0x93, 0x93]),
    ("aqua", [0x00, 0xFF, 0xFF]),
    ("blue", [0x00, 0x00, 0xFC]),
    ("pink", [0xFF, 0x00, 0xFF]),
    ("gray", [0x7F, 0x7F, 0x7F]),
    ("silver", [0xD2, 0xD2, 0xD2]),
];
/// Longest value of a colour in a tag.
const VALUE_LIMIT: usize = 7;

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// A tag begins; its colour where it has one that is known.
    Begin(Tag, Option<Colour>),
    /// Letters have a colour from here on, one that is not known perhaps.
    Colour(Option<Colour>),
    /// Letters have no colour of their own from here on.
    ColourEnd,
    /// A tag ends.
    End(Tag),
    /// It says nothing that can be shown.
    Nothing,
    /// All looks of the older codes end.
    Reset,
    /// A look begins, or ends where it had begun.
    Toggle(Effect),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tag {
    Background,
    Colour,
    Look(Effect),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    Bold,
    Colour,
    Italic,
    Strike,
    Underline,
}

impl Effect {
    /// Gives the look, where it needs no value.
    pub(super) fn plain(self) -> Option<Look> {
        match self {
            Self::Bold => Some(Look::Bold),
            Self::Colour => None,
            Self::Italic => Some(Look::Italic),
            Self::Strike => Some(Look::Strike),
            Self::Underline => Some(Look::Underline),
        }
    }
}

/// Finds what looks like a code, and where it is.
pub(super) fn find(text: &str) -> Vec<(Range<usize>, Code)> {
    let mut found = Vec::new();
    let mut at = 0;
    let marks = |c: char| matches!(c, '[' | '·') || is_dropped(c);
    while let Some(next) = text[at..].find(marks) {
        let start = at + next;
        let rest = &text[start..];
        let mut after = rest.chars();
        let code = match after.next() {
            Some('[') => tag(rest),
            Some('·') => dot(after.as_str()),
            Some(control) => Some(of_control(control, after.as_str())),
            None => None,
        };
        at = match code {
            Some((code, after)) => {
                let end = text.len() - after.len();
                found.push((start..end, code));
                end
            }
            None => text.len() - after.as_str().len(),
        };
    }
    found
}

/// Leaves tags out that have no other half: each end belongs to the last beginning of its kind.
pub(super) fn keep_pairs(codes: &mut Vec<(Range<usize>, Code)>) {
    let mut begun: BTreeMap<Tag, Vec<usize>> = BTreeMap::new();
    let mut alone = BTreeSet::new();
    for (number, (_, code)) in codes.iter().enumerate() {
        match code {
            Code::Begin(tag, _) => begun.entry(*tag).or_default().push(number),
            Code::End(tag) if begun.get_mut(tag).and_then(Vec::pop).is_none() => {
                alone.insert(number);
            }
            _ => {}
        }
    }
    alone.extend(begun.into_values().flatten());
    let mut numbers = 0..;
    codes.retain(|_| numbers.next().is_some_and(|number| !alone.contains(&number)));
}

/// Reads `[b]`, `[/b]`, `[c=4]` or `[/c=4]`; gives what follows too.
fn tag(text: &str) -> Option<(Code, &str)> {
    let inside = text.strip_prefix('[')?;
    let (ends, inside) = match inside.strip_prefix('/') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    let mut rest = inside.chars();
    let tag = match rest.next()?.to_ascii_lowercase() {
        'a' => Tag::Background,
        'b' => Tag::Look(Effect::Bold),
        'c' => Tag::Colour,
        'i' => Tag::Look(Effect::Italic),
        's' => Tag::Look(Effect::Strike),
        'u' => Tag::Look(Effect::Underline),
        _ => return None,
    };
    let rest = rest.as_str();
    let has_value = matches!(tag, Tag::Background | Tag::Colour);
    if let Some(after) = rest.strip_prefix(']').filter(|_| ends || !has_value) {
        return Some((if ends { Code::End(tag) } else { Code::Begin(tag, None) }, after));
    }
    let value = rest.strip_prefix('=').filter(|_| has_value)?;
    let end = value.bytes().take(VALUE_LIMIT + 1).position(|byte| byte == b']')?;
    let (value, after) = (&value[..end], &value[end + 1..]);
    let colour = named(value).or_else(|| match self::value(value, true)? {
        (colour, "") => Some(colour),
        _ => None,
    })?;
    Some((if ends { Code::End(tag) } else { Code::Begin(tag, colour) }, after))
}

/// Reads what follows the dot of an older code.
fn dot(text: &str) -> Option<(Code, &str)> {
    let mut rest = text.chars();
    let code = match rest.next()? {
        '#' => Code::Toggle(Effect::Bold),
        '&' => Code::Toggle(Effect::Italic),
        '@' => Code::Toggle(Effect::Underline),
        '\'' => Code::Toggle(Effect::Strike),
        '0' => Code::Reset,
        '$' => {
            let text = rest.as_str();
            let Some((colour, after)) = value(text, false) else {
                let (_, after) = value(text.strip_prefix(',')?, false)?;
                return Some((Code::Nothing, after)); // a background alone
            };
            return Some((Code::Colour(colour), without_background(after)));
        }
        _ => return None,
    };
    Some((code, rest.as_str()))
}

/// Reads the characters that the add-on used in texts; others of their kind say nothing.
fn of_control(control: char, after: &str) -> (Code, &str) {
    match control {
        '\u{2}' => (Code::Toggle(Effect::Bold), after),
        '\u{3}' => match number(after) {
            Some((number, after)) => {
                let after = after.strip_prefix(',').and_then(self::number).map_or(after, |it| it.1);
                (Code::Colour(of_palette(number)), after)
            }
            None => (Code::ColourEnd, after),
        },
        // A sound, named by a letter.
        '\u{4}' => {
            (Code::Nothing, after.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(after))
        }
        '\u{5}' => (Code::Toggle(Effect::Italic), after),
        '\u{6}' => (Code::Toggle(Effect::Strike), after),
        '\u{F}' => (Code::Reset, after),
        '\u{1F}' => (Code::Toggle(Effect::Underline), after),
        _ => (Code::Nothing, after),
    }
}

fn is_dropped(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\n' | '\r')
}

fn without_background(after: &str) -> &str {
    let background = after.strip_prefix(',').and_then(|after| value(after, false));
    background.map_or(after, |(_, after)| after)
}

/// Reads a colour: a number of the palette, `#RRGGBB`, `#RGB` where it may be short, or `(rrr,ggg,bbb)`
/// where it may not. Gives what follows too; the colour is none where it is not known.
fn value(text: &str, short: bool) -> Option<(Option<Colour>, &str)> {
    if let Some(digits) = text.strip_prefix('#') {
        let hexadecimal = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
        let length = if short && hexadecimal == 3 { 3 } else { 6 };
        let (digits, after) = digits.split_at_checked(length).filter(|_| hexadecimal >= length)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = match length {
            // Each digit stands for two of them.
            3 => ((number & 0xF00) << 8 | (number & 0xF0) << 4 | number & 0xF) * 0x11,
            _ => number,
        }
        .to_be_bytes();
        return Some((Some(Colour { red, green, blue }), after));
    }
    if let Some(inside) = text.strip_prefix('(').filter(|_| !short) {
        let end = inside.bytes().take("255,255,255)".len()).position(|byte| byte == b')')?;
        let mut parts = inside[..end].split(',').map(|part| part.parse::<u8>().ok());
        let (red, green, blue) = (parts.next()??, parts.next()??, parts.next()??);
        let colour = Colour { red, green, blue };
        return parts.next().is_none().then_some((Some(colour), &inside[end + 1..]));
    }
    let (number, after) = number(text)?;
    Some((of_palette(number), after))
}

/// Reads one digit or two.
fn number(text: &str) -> Option<(usize, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, after) = text.split_at_checked(digits)?;
    Some((digits.parse().ok()?, after))
}

fn of_palette(number: usize) -> Option<Colour> {
    PALETTE.get(number).map(|(_, rgb)| of(*rgb))
}

/// Finds a colour by its name; it is known then.
fn named(name: &str) -> Option<Option<Colour>> {
    let found = PALETTE.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(Some(of(found.1)))
}

fn of([red, green, blue]: [u8; 3]) -> Colour {
    Colour { red, green, blue }
}
