//! Words too long for one event, in several.

use bridge_core::model::{Content, Mention, Span, StyledText};

use super::to_matrix::message;
use crate::texts;

/// What an event may hold of a message: 64 KiB are all of it, signatures and the way to those before it
/// included, and pills come on top.
pub(crate) const MESSAGE: Room = Room { words: 20 * 1024, content: 44 * 1024 };
/// What one may hold that changes another: it says the words twice.
pub(crate) const EDIT: Room = Room { words: 9 * 1024, content: 20 * 1024 };
/// Most events that are made of one message.
const PARTS: usize = 64;

/// What an event has room for, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// Plain words.
    words: usize,
    /// All of the content.
    content: usize,
}

/// Cuts content into parts that each fit into an event, between lines or words where that can be.
pub(crate) fn parts(content: &Content, room: Room) -> Vec<Content> {
    let mut parts = Vec::new();
    let mut from = 0;
    let plain = content.text.plain.as_str();
    loop {
        let mut end = cut(plain, from, room.words);
        let part = loop {
            let mut part = part_of(content, from, end);
            if fits(&part, room) {
                break part;
            }
            // Looks take more room than words; the words matter more.
            part.text.spans.clear();
            if fits(&part, room) || end - from <= 64 {
                break part;
            }
            end = cut(plain, from, (end - from) / 2);
        };
        parts.push(part);
        from = end;
        if from >= plain.len() {
            return parts;
        }
        if parts.len() >= PARTS - 1 {
            parts.push(Content::plain(texts::TOO_LONG));
            return parts;
        }
    }
}

fn fits(part: &Content, room: Room) -> bool {
    serde_json::to_vec(&message(part, &[])).is_ok_and(|bytes| bytes.len() <= room.content)
}

/// Finds where the part that begins at `from` ends.
fn cut(plain: &str, from: usize, most: usize) -> usize {
    let rest = plain.get(from..).unwrap_or_default();
    if rest.len() <= most {
        return plain.len();
    }
    let mut end = most.max(4);
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    let part = rest.get(..end).unwrap_or_default();
    // Not so near to its beginning that many small parts come of it.
    let late = |at: &usize| *at >= end / 2;
    let line = part.rfind('\n').map(|at| at + 1).filter(late);
    let word = || part.rfind(' ').map(|at| at + 1).filter(late);
    from + line.or_else(word).unwrap_or(end)
}

fn part_of(content: &Content, from: usize, end: usize) -> Content {
    if from == 0 && end == content.text.plain.len() {
        return content.clone();
    }
    // The line end or space at a cut is the cut.
    let plain = content.text.plain.get(from..end).unwrap_or_default().trim_end_matches(['\n', ' ']);
    let length = plain.len();
    let moved = |start: u32, end: u32| {
        let at = |place: u32| {
            usize::try_from(place).unwrap_or(usize::MAX).saturating_sub(from).min(length)
        };
        let (start, end) = (u32::try_from(at(start)).ok()?, u32::try_from(at(end)).ok()?);
        (start < end).then_some((start, end))
    };
    let spans = content.text.spans.iter().filter_map(|span| {
        let (start, end) = moved(span.start, span.end)?;
        Some(Span { start, end, style: span.style.clone() })
    });
    let mentions = content.mentions.iter().filter_map(|mention| {
        let (start, end) = moved(mention.start, mention.end)?;
        Some(Mention { start, end, person: mention.person.clone() })
    });
    Content {
        text: StyledText { plain: plain.to_owned(), spans: spans.collect() },
        emote: content.emote,
        mentions: mentions.collect(),
        emoticons: content.emoticons.clone(),
        reply_to: None,
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::model::Style;

    use super::*;

    fn lengths(plain: &str) -> Vec<usize> {
        let parts = parts(&Content::plain(plain), MESSAGE);
        parts.iter().map(|part| part.text.plain.len()).collect()
    }

    #[test]
    fn what_fits_is_one() {
        let mut content = Content::plain("hello");
        content.text.spans.push(Span { start: 0, end: 5, style: Style::Bold });
        assert_eq!(parts(&content, MESSAGE), [content]);
        assert_eq!(lengths(""), [0]);
    }

    #[test]
    fn long_words_are_cut_between_words_and_nothing_is_lost() {
        let plain = "word ".repeat(20_000);
        let parts = parts(&Content::plain(plain.trim_end()), MESSAGE);
        assert!(parts.len() > 3);
        let all: Vec<&str> = parts.iter().map(|part| part.text.plain.as_str()).collect();
        assert!(all.iter().all(|part| part.len() <= MESSAGE.words && part.ends_with("word")));
        assert_eq!(all.join(" "), plain.trim_end());
    }

    #[test]
    fn looks_go_with_their_words() {
        let plain = "x".repeat(60_000);
        let mut content = Content::plain(plain);
        content.text.spans.push(Span { start: 0, end: 60_000, style: Style::Bold });
        content.text.spans.push(Span { start: 30_000, end: 30_001, style: Style::Italic });
        let parts = parts(&content, MESSAGE);
        assert_eq!(parts.iter().map(|part| part.text.plain.len()).sum::<usize>(), 60_000);
        assert!(parts.iter().all(|part| part.text.spans[0].style == Style::Bold));
        assert_eq!(parts.iter().map(|part| part.text.spans.len()).collect::<Vec<_>>(), [1, 2, 1]);
    }

    #[test]
    fn what_takes_more_room_in_an_event_is_cut_shorter() {
        for plain in ["\u{1}".repeat(30_000), "\"".repeat(60_000), "🙂".repeat(20_000)] {
            for room in [MESSAGE, EDIT] {
                let parts = parts(&Content::plain(plain.as_str()), room);
                assert!(parts.iter().all(|part| fits(part, room)));
                assert_eq!(
                    parts.iter().map(|part| part.text.plain.len()).sum::<usize>(),
                    plain.len()
                );
            }
        }
    }

    #[test]
    fn what_is_far_too_long_says_so() {
        let parts = parts(&Content::plain("x".repeat(8 << 20)), MESSAGE);
        assert_eq!(parts.len(), PARTS);
        assert_eq!(parts[PARTS - 1].text.plain, texts::TOO_LONG);
    }
}
