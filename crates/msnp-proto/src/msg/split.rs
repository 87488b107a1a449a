//! Long texts in parts that a switchboard takes.

use unicode_segmentation::UnicodeSegmentation as _;

use super::Text;
use crate::text::emoticon;

/// Longest payload of a `MSG`, headers included, in bytes: one known server closes the conversation
/// above it without a word (docs: protocol, switchboard sizes).
pub const PAYLOAD_LIMIT: usize = 1664;
/// Longest headers that leave enough of it for words; beyond, a text goes without its font and its name.
const FRAME_LIMIT: usize = PAYLOAD_LIMIT / 2;

/// Splits a text into parts whose payloads fit into [`PAYLOAD_LIMIT`]; at least one.
///
/// Parts end at line ends or spaces where there are any in the last third, and never inside of what
/// people see as one character, nor of an emoticon's shortcut; only a character that is longer than a part
/// is cut, between its code points. White space at a cut is left out.
pub fn split(mut text: Text) -> Vec<Text> {
    if frame(&text) > FRAME_LIMIT {
        text.format.font.clear();
        text.shown_as = None;
    }
    let room = PAYLOAD_LIMIT - frame(&text).min(FRAME_LIMIT);
    if wire_length(&text.words) <= room {
        return vec![text];
    }
    let shortcuts = emoticon::shortcuts(&text.words, &[]);
    let mut shortcuts = shortcuts.into_iter().map(|shortcut| shortcut.range).peekable();
    let mut parts = Vec::new();
    let mut begin = 0;
    while let Some(rest) = text.words.get(begin..).filter(|rest| !rest.is_empty()) {
        let is_inside = |at: usize| {
            while shortcuts.next_if(|shortcut| shortcut.end <= begin + at).is_some() {}
            shortcuts.peek().is_some_and(|shortcut| shortcut.start < begin + at)
        };
        let (part, _) = rest.split_at_checked(cut(rest, room, is_inside)).unwrap_or((rest, ""));
        begin += part.len();
        if !part.trim().is_empty() {
            parts.push(Text {
                words: part.trim_end_matches(['\n', ' ']).to_owned(),
                ..text.clone()
            });
        }
    }
    if parts.is_empty() {
        parts.push(Text { words: String::new(), ..text }); // white space alone
    }
    parts
}

/// Bytes of a text's payload besides its words.
fn frame(text: &Text) -> usize {
    Text { words: String::new(), ..text.clone() }.write().len()
}

/// Bytes of words on the wire, where a line end takes two.
fn wire_length(words: &str) -> usize {
    words.len() + words.bytes().filter(|&byte| byte == b'\n').count()
}

/// Where the next part ends: after its last character, or its last white space if that is far enough.
fn cut(words: &str, room: usize, mut is_inside: impl FnMut(usize) -> bool) -> usize {
    let (mut used, mut hard, mut soft) = (0, 0, 0);
    for (start, cluster) in words.grapheme_indices(true) {
        if !is_inside(start) {
            hard = start;
        }
        used += wire_length(cluster);
        if used > room {
            return match hard {
                0 => longest_head(cluster, room),
                _ if soft > hard / 3 * 2 => soft,
                _ => hard,
            };
        }
        if cluster.chars().all(char::is_whitespace) {
            soft = start + cluster.len();
        }
    }
    words.len()
}

/// Where to cut a character that is longer than a part: between the code points it is made of.
fn longest_head(cluster: &str, room: usize) -> usize {
    let ends = cluster.char_indices().map(|(start, c)| start + c.len_utf8());
    ends.take_while(|&end| end <= room).last().unwrap_or(cluster.len())
}
