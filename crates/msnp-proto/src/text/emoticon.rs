//! Emoticons that every client has: shortcuts in the words, pictures where they are shown.
//!
//! ```text
//! see you :) (k)          🙂 and 💋
//! f(x), http://a.b/(x)    no picture: inside of a word, and of an address
//! ```
//! The emoji are a choice of the protocol book, for the pictures were never letters. Docs: protocol, emoticons.

mod table;

use std::{collections::HashMap, ops::Range, sync::LazyLock};

use unicode_segmentation::UnicodeSegmentation as _;

use self::table::TABLE;

/// Longest name of a protocol that makes an address: `https`, and longer ones.
const SCHEME_LIMIT: usize = 16;

/// A shortcut and its emoji.
type Known = (&'static str, &'static str);

/// Shortcuts and their emoji, by the first two letters, small ones: a text of nothing but colons would take
/// ten times as long otherwise.
static BY_BEGINNING: LazyLock<HashMap<[u8; 2], Vec<Known>>> = LazyLock::new(|| {
    let mut known: HashMap<_, Vec<_>> = HashMap::new();
    for (emoji, shortcuts) in TABLE {
        for shortcut in *shortcuts {
            if let Some(beginning) = shortcut.as_bytes().first_chunk::<2>() {
                let beginning = beginning.map(|byte| byte.to_ascii_lowercase());
                known.entry(beginning).or_default().push((*shortcut, *emoji));
            }
        }
    }
    known
});

/// A part of some words, and what to show or send instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The part, in bytes, on character boundaries.
    pub range: Range<usize>,
    /// What takes its place.
    pub with: &'static str,
}

/// Finds the shortcuts in words, in order, and their emoji.
///
/// Letters match in any case, the longest shortcut first. A shortcut does not stand in an address of the
/// web, nor before a letter or digit; behind one only those do that begin with `:` or `;`, for people write
/// `fine:)` and mean it, but not `f(x)`. `own` are the sender's own shortcuts, exactly as written: they
/// stand for other pictures and are left alone.
pub fn shortcuts(words: &str, own: &[String]) -> Vec<Replacement> {
    let mut found: Vec<Replacement> = Vec::new();
    let (mut at, mut before) = (0, None);
    while let Some(next) = words.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = &words[at..];
        let length = if let Some(own) = own_at(rest, own) {
            own
        } else if let Some(link) = link_at(rest, before) {
            link
        } else if let Some((length, with)) = shortcut_at(rest) {
            let behind_one = found.last().is_some_and(|last| last.range.end == at);
            if (behind_one || may_follow(before, next)) && stands_alone(&rest[length - 1..]) {
                found.push(Replacement { range: at..at + length, with });
            }
            // What is none here is not the beginning of another one either.
            length
        } else {
            next.len_utf8()
        };
        before = rest[..length].chars().next_back();
        at += length;
    }
    found
}

/// Finds the emoji in words that have a shortcut, in order.
///
/// Only those are given whose shortcuts, once all of them are written, are read as the same emoji: not one
/// with a colour of skin, nor one that would stand in an address or touch a word.
pub fn emoji(words: &str) -> Vec<Replacement> {
    let clusters = words.grapheme_indices(true).filter(|(_, cluster)| !cluster.is_ascii());
    let mut found: Vec<Replacement> = clusters
        .filter_map(|(start, cluster)| {
            let (_, shortcuts) = TABLE.iter().find(|(emoji, _)| *emoji == cluster)?;
            let with = shortcuts.first()?;
            Some(Replacement { range: start..start + cluster.len(), with })
        })
        .collect();
    if found.is_empty() {
        return found;
    }
    let mut read = shortcuts(&replaced(words, &found), &[]).into_iter().peekable();
    // Where in the words so written the next part of the old ones begins.
    let (mut place, mut end) = (0, 0);
    found.retain(|one| {
        place += one.range.start - end;
        end = one.range.end;
        let there = place..place + one.with.len();
        place = there.end;
        while read.next_if(|shortcut| shortcut.range.start < there.start).is_some() {}
        let same = |shortcut: &Replacement| {
            shortcut.range == there && words.get(one.range.clone()) == Some(shortcut.with)
        };
        read.next_if(same).is_some()
    });
    found
}

/// Gives words with some parts replaced; these are in order and do not overlap.
pub fn replaced(words: &str, parts: &[Replacement]) -> String {
    let mut out = String::with_capacity(words.len());
    let mut end = 0;
    for Replacement { range, with } in parts {
        out.push_str(words.get(end..range.start).unwrap_or_default());
        out.push_str(with);
        end = range.end;
    }
    out.push_str(words.get(end..).unwrap_or_default());
    out
}

/// Gives where a place in the old words is in the new ones; one inside of a part goes to its beginning.
pub fn moved(place: usize, parts: &[Replacement]) -> usize {
    let mut moved = place;
    for Replacement { range, with } in parts.iter().take_while(|part| part.range.start < place) {
        moved = moved.saturating_sub(range.len().min(place - range.start));
        if range.end <= place {
            moved += with.len();
        }
    }
    moved
}

/// Gives the length of the longest of the sender's own shortcuts that words begin with.
fn own_at(rest: &str, own: &[String]) -> Option<usize> {
    let there = own.iter().filter(|own| !own.is_empty() && rest.starts_with(own.as_str()));
    there.map(String::len).max()
}

/// Gives the length of the address that words begin with; it ends at white space.
fn link_at(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(is_of_word) || !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let begins =
        |with: &str| rest.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let scheme = rest.bytes().take(SCHEME_LIMIT).take_while(of_scheme).count();
    let is_link = rest[scheme..].starts_with("://") || begins("www.") || begins("mailto:");
    is_link.then(|| rest.find(char::is_whitespace).unwrap_or(rest.len()))
}

/// Gives the longest shortcut that words begin with: its length and its emoji.
fn shortcut_at(rest: &str) -> Option<(usize, &'static str)> {
    let beginning = rest.as_bytes().first_chunk::<2>()?.map(|byte| byte.to_ascii_lowercase());
    let there = |(shortcut, emoji): &Known| {
        let start = rest.as_bytes().get(..shortcut.len())?;
        start.eq_ignore_ascii_case(shortcut.as_bytes()).then_some((shortcut.len(), *emoji))
    };
    let known = BY_BEGINNING.get(&beginning)?;
    known.iter().filter_map(there).max_by_key(|(length, _)| *length)
}

/// Whether a shortcut may begin with a character behind another one.
fn may_follow(before: Option<char>, first: char) -> bool {
    before.is_none_or(|before| match first {
        ':' | ';' => before != first,
        _ => !is_of_word(before) && !matches!(before, ')' | ']' | '}'),
    })
}

/// Whether a shortcut ends with the first of these characters: what comes next is of no word, and does not
/// combine with it.
fn stands_alone(from_last: &str) -> bool {
    let mut clusters = from_last.graphemes(true);
    let whole = clusters.next().is_some_and(|last| last.len() == 1);
    whole && !clusters.as_str().starts_with(is_of_word)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
