//! Long texts in parts that a switchboard takes.

use unicode_segmentation::UnicodeSegmentation as _;

use super::Text;

/// Longest payload of a `MSG`, headers included, in bytes: one known server closes the conversation
/// above it without a word (docs: protocol, switchboard sizes).
pub const PAYLOAD_LIMIT: usize = 1664;
/// Longest headers that leave enough of it for words; beyond, a text goes without its font and its name.
const FRAME_LIMIT: usize = PAYLOAD_LIMIT / 2;

/// Splits a text into parts whose payloads fit into [`PAYLOAD_LIMIT`]; at least one.
///
/// Parts end at line ends or spaces where there are any in the last third, and never inside of what
/// people see as one character; only one that is longer than a part is cut, between its code points.
/// White space at a cut is left out.
pub fn split(mut text: Text) -> Vec<Text> {
    if frame(&text) > FRAME_LIMIT {
        text.format.font.clear();
        text.shown_as = None;
    }
    let room = PAYLOAD_LIMIT - frame(&text).min(FRAME_LIMIT);
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

/// Bytes of a text's payload besides its words.
fn frame(text: &Text) -> usize {
    Text { words: String::new(), ..text.clone() }.write().len()
}

/// Bytes of words on the wire, where a line end takes two.
fn wire_length(words: &str) -> usize {
    words.len() + words.bytes().filter(|&byte| byte == b'\n').count()
}

/// Where the next part ends: after its last character, or its last white space if that is far enough.
fn cut(words: &str, room: usize) -> usize {
    let mut used = 0;
    let mut soft = 0;
    for (start, cluster) in words.grapheme_indices(true) {
        used += wire_length(cluster);
        if used > room {
            return match start {
                0 => longest_head(cluster, room),
                _ if soft > start / 3 * 2 => soft,
                _ => start,
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
