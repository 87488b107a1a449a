//! Long texts in parts that a switchboard takes.

use super::Text;

/// Longest payload of a `MSG`, headers included, in bytes: one known server closes the conversation
/// above it without a word (docs: protocol, switchboard sizes).
pub const PAYLOAD_LIMIT: usize = 1664;

/// Splits a text into parts whose payloads fit into [`PAYLOAD_LIMIT`]; at least one.
///
/// Parts end at line ends or spaces where there are any in the last third, and never inside a
/// character or between a character and the marks that combine with it.
pub fn split(text: Text) -> Vec<Text> {
    let frame = Text { words: String::new(), ..text.clone() }.write().len();
    let room = PAYLOAD_LIMIT.saturating_sub(frame).max(64);
    if wire_length(&text.words) <= room {
        return vec![text];
    }
    let mut parts = Vec::new();
    let mut rest = text.words.as_str();
    while !rest.is_empty() {
        let (part, after) = rest.split_at_checked(cut(rest, room)).unwrap_or((rest, ""));
        if !part.trim().is_empty() {
            parts.push(Text {
                words: part.trim_end_matches(['\n', ' ']).to_owned(),
                ..text.clone()
            });
        }
        rest = after;
    }
    if parts.is_empty() {
        parts.push(Text { words: String::new(), ..text }); // white space alone
    }
    parts
}

/// Bytes of words on the wire, where a line end takes two.
fn wire_length(words: &str) -> usize {
    words.len() + words.bytes().filter(|&byte| byte == b'\n').count()
}

/// Where the next part ends.
fn cut(words: &str, room: usize) -> usize {
    let mut used = 0;
    let mut hard = 0;
    let mut soft = None;
    let mut characters = words.char_indices().peekable();
    while let Some((start, c)) = characters.next() {
        used += c.len_utf8() + usize::from(c == '\n');
        if used > room {
            let best = soft.filter(|&at| at > hard / 3 * 2).unwrap_or(hard);
            return if best == 0 { start.max(c.len_utf8()) } else { best };
        }
        let end = start + c.len_utf8();
        let next = characters.peek().map(|(_, next)| *next);
        if next.is_none_or(|next| !joins(c, next)) {
            hard = end;
            if c.is_whitespace() {
                soft = Some(end);
            }
        }
    }
    words.len()
}

/// Whether two characters belong to one that people see.
fn joins(c: char, next: char) -> bool {
    const ZERO_WIDTH_JOINER: char = '\u{200D}';
    let combines = |c: char| {
        matches!(c,
            '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05C7}'
            | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0E31}' | '\u{0E34}'..='\u{0E3A}'
            | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}' | '\u{1F3FB}'..='\u{1F3FF}'
            | '\u{E0020}'..='\u{E007F}')
    };
    let regional = |c: char| matches!(c, '\u{1F1E6}'..='\u{1F1FF}');
    c == ZERO_WIDTH_JOINER
        || next == ZERO_WIDTH_JOINER
        || combines(next)
        || (regional(c) && regional(next))
}
