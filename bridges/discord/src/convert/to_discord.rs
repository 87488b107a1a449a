//! Styled text as Discord's markdown, in messages that are not too long.

use std::collections::BTreeSet;

use bridge_core::{
    adapter::Reply,
    model::{Content, Span, Style, StyledText},
};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::texts;

/// Longest message, in UTF-16 units: Discord says characters, and does not say which.
const LIMIT: usize = 2000;

/// Makes the messages of an answer: a line about what it answers, then the answer.
pub(crate) fn answering(content: &Content, line: &str) -> Vec<String> {
    let mut parts = parts(content, LIMIT.saturating_sub(units(line) + 1));
    if let Some(first) = parts.first_mut() {
        *first = format!("{line}\n{first}");
    }
    parts
}

/// Makes the messages of what somebody said: at least one.
pub(crate) fn messages(content: &Content) -> Vec<String> {
    parts(content, LIMIT)
}

fn parts(content: &Content, limit: usize) -> Vec<String> {
    let mut text = content.text.clone();
    if content.emote {
        let end = u32::try_from(text.plain.len()).unwrap_or(u32::MAX);
        text.spans.insert(0, Span { start: 0, end, style: Style::Italic });
    }
    split(&text, limit)
}

/// Makes the messages of an answer of the bridge. The only marks in its words are those around what can
/// be said; others' names may look like more.
pub(crate) fn answer(reply: &Reply) -> Vec<String> {
    let text = match reply {
        Reply::Buttons { text, buttons } => words(&Reply::with_buttons_as_text(text, buttons)),
        Reply::Text(text) => words(text),
        Reply::Table { title, rows, .. } => {
            let row = |cells: &Vec<String>| {
                let cells = cells.iter().filter(|cell| !cell.is_empty());
                cells.map(|cell| escape(cell)).collect::<Vec<_>>().join(" · ")
            };
            let lines = rows.iter().map(row);
            std::iter::once(format!("**{}**", escape(title)))
                .chain(lines)
                .collect::<Vec<_>>()
                .join("\n")
        }
        _ => texts::WORDLESS.to_owned(),
    };
    let mut messages = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let end = piece_end(rest, LIMIT);
        let (piece, after) = rest.split_at(end);
        messages.push(piece.trim_end().to_owned());
        rest = after.trim_start_matches([' ', '\n']);
    }
    messages
}

/// Writes words of the bridge, with what can be said as code.
fn words(text: &str) -> String {
    let pieces = text.split('`').zip([false, true].into_iter().cycle());
    let piece = |(piece, code): (&str, bool)| match code {
        true => format!("`{piece}`"),
        false => escape(piece),
    };
    pieces.map(piece).collect()
}

/// Cuts a text into messages of at most so many units: between paragraphs, lines or words where it
/// can, never inside a letter, and each with its looks whole.
fn split(text: &StyledText, limit: usize) -> Vec<String> {
    let mut messages = Vec::new();
    let mut start = 0;
    loop {
        let rest = text.plain.get(start..).unwrap_or_default();
        let mut room = limit;
        let (length, message) = loop {
            let length = piece_end(rest, room);
            let message = render(text, start, start + length);
            let long = units(&message);
            if long <= limit || room <= 1 {
                break (length, message);
            }
            // Marks took the place of words: try fewer words.
            room = (room * limit / long).min(room - 1).max(1);
        };
        messages.push(message.trim_end().to_owned());
        let after = rest.get(length..).unwrap_or_default();
        let gap = after.len() - after.trim_start_matches([' ', '\n']).len();
        start += length + gap;
        if length == 0 || start >= text.plain.len() {
            return messages;
        }
    }
}

/// Finds where to cut a text so that the first piece has at most so many units.
fn piece_end(text: &str, limit: usize) -> usize {
    let mut used = 0;
    let mut end = text.len();
    for (at, letter) in text.grapheme_indices(true) {
        used += units(letter);
        if used > limit {
            end = at;
            break;
        }
    }
    if end == text.len() {
        return end;
    }
    if end == 0 {
        // One letter longer than a message: cut inside it, or nothing would ever be said.
        let mut used = 0;
        let fits = text.char_indices().find(|(_, c)| {
            used += c.len_utf16();
            used > limit
        });
        return fits.map_or(text.len(), |(at, c)| if at == 0 { c.len_utf8() } else { at });
    }
    let piece = text.get(..end).unwrap_or_default();
    let late = |at: &usize| *at > end / 2;
    let paragraph = piece.rfind("\n\n").filter(late);
    let line = || piece.rfind('\n').filter(late);
    let word = || piece.rfind(' ').filter(late);
    paragraph.or_else(line).or_else(word).unwrap_or(end)
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Writes a part of a text with its looks.
fn render(text: &StyledText, from: usize, to: usize) -> String {
    let place = |at: u32| usize::try_from(at).unwrap_or(to).clamp(from, to);
    let ends = text.spans.iter().flat_map(|span| [place(span.start), place(span.end)]);
    let cuts: BTreeSet<usize> = ends.chain([from, to]).collect();
    let cuts: Vec<usize> =
        cuts.into_iter().filter(|cut| text.plain.is_char_boundary(*cut)).collect();
    let mut out = String::new();
    let mut open: Vec<&Style> = Vec::new();
    for pair in cuts.windows(2) {
        let [start, end] = pair else { continue };
        let words = text.plain.get(*start..*end).unwrap_or_default();
        let covers = |span: &&Span| place(span.start) <= *start && place(span.end) >= *end;
        let wanted: Vec<&Style> = text
            .spans
            .iter()
            .filter(covers)
            .map(|span| &span.style)
            .filter(|style| has_marks(style))
            .collect();
        // Marks hold only where they touch letters.
        let core = words.trim();
        if core.is_empty() {
            out.push_str(words);
            continue;
        }
        let lead = words.len() - words.trim_start().len();
        let (lead, rest) = words.split_at(lead);
        let keep = open.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
        let trailing = close(&mut out, &mut open, keep);
        out.push_str(&trailing);
        out.push_str(lead);
        for style in wanted.into_iter().skip(keep) {
            if !open.contains(&style) {
                out.push_str(opening(style, core));
                open.push(style);
            }
        }
        if open.contains(&&Style::Code) {
            out.push_str(rest);
        } else {
            out.push_str(&escape(rest));
        }
    }
    let trailing = close(&mut out, &mut open, 0);
    out.push_str(&trailing);
    out
}

/// Closes all looks but the first so many, before the spaces at the end; gives those back.
fn close(out: &mut String, open: &mut Vec<&Style>, keep: usize) -> String {
    if open.len() <= keep {
        return String::new();
    }
    let kept = out.trim_end().len();
    let trailing = out.split_off(kept);
    while open.len() > keep {
        if let Some(style) = open.pop() {
            let fenced = out.rsplit("```").next().is_some_and(|code| code.starts_with('\n'));
            out.push_str(&closing(style, fenced));
        }
    }
    trailing
}

fn has_marks(style: &Style) -> bool {
    match style {
        Style::Bold
        | Style::Code
        | Style::Italic
        | Style::Spoiler
        | Style::Strike
        | Style::Underline => true,
        Style::Link(address) => !address.contains([')', ' ', '\n']),
        _ => false,
    }
}

fn opening(style: &Style, words: &str) -> &'static str {
    match style {
        Style::Bold => "**",
        Style::Code if words.contains('\n') => "```\n",
        Style::Code if words.contains('`') => "`` ",
        Style::Code => "`",
        Style::Italic => "*",
        Style::Link(_) => "[",
        Style::Spoiler => "||",
        Style::Strike => "~~",
        Style::Underline => "__",
        _ => "",
    }
}

fn closing(style: &Style, fenced: bool) -> String {
    match style {
        Style::Code if fenced => "\n```".to_owned(),
        Style::Link(address) => format!("](<{address}>)"),
        style => opening(style, "").to_owned(),
    }
}

/// Keeps Discord from taking letters for marks; addresses stay as they are.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut line_start = true;
    while let Some(c) = rest.chars().next() {
        let address = rest.starts_with("https://") || rest.starts_with("http://");
        if address && !out.ends_with(char::is_alphanumeric) {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (address, after) = rest.split_at(end);
            out.push_str(address);
            rest = after;
            line_start = false;
            continue;
        }
        let always = "\\*_~|`<[".contains(c);
        let at_start = line_start && ">#-".contains(c);
        if always || at_start {
            out.push('\\');
        }
        out.push(c);
        line_start = c == '\n' || (line_start && c == ' ');
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use bridge_core::adapter::Button;

    use crate::convert::markdown::{self, Mentioned};

    struct Nobody;

    impl Mentioned for Nobody {
        fn person(&self, _: u64) -> Option<String> {
            None
        }
        fn role(&self, _: u64) -> Option<String> {
            None
        }
        fn channel(&self, _: u64) -> Option<String> {
            None
        }
    }

    fn styled(plain: &str, spans: &[(u32, u32, Style)]) -> Content {
        let spans = spans.iter().cloned().map(|(start, end, style)| Span { start, end, style });
        let text = StyledText { plain: plain.to_owned(), spans: spans.collect() };
        Content { text, ..Content::default() }
    }

    #[test]
    fn looks_become_marks_around_letters() {
        for (content, wanted) in [
            (styled("a b c", &[(2, 3, Style::Bold)]), "a **b** c"),
            (styled("a b c", &[(1, 4, Style::Bold)]), "a **b** c"),
            (styled("ab", &[(0, 2, Style::Bold), (1, 2, Style::Italic)]), "**a*b***"),
            (styled("let x_y;", &[(0, 8, Style::Code)]), "`let x_y;`"),
            (styled("a\nb", &[(0, 3, Style::Code)]), "```\na\nb\n```"),
            (
                styled("here", &[(0, 4, Style::Link("https://e.org/".to_owned()))]),
                "[here](<https://e.org/>)",
            ),
            (styled("red", &[(0, 3, Style::Font("Arial".to_owned()))]), "red"),
        ] {
            assert_eq!(messages(&content), [wanted]);
        }
        let mut emote = Content::plain("waves *");
        emote.emote = true;
        assert_eq!(messages(&emote), ["*waves \\**"]);
    }

    #[test]
    fn letters_that_look_like_marks_stay_letters() {
        for (words, wanted) in [
            ("2*3*4 a_b <@123> ||x||", "2\\*3\\*4 a\\_b \\<@123> \\|\\|x\\|\\|"),
            ("> no quote\n# no heading", "\\> no quote\n\\# no heading"),
            ("a > b - c", "a > b - c"),
            ("https://e.org/a_b*c x_y", "https://e.org/a_b*c x\\_y"),
            ("@everyone", "@everyone"),
        ] {
            assert_eq!(messages(&Content::plain(words)), [wanted]);
        }
    }

    #[test]
    fn long_texts_are_cut_between_words_and_keep_their_looks() {
        let words = "word ".repeat(900);
        let long = styled(words.trim_end(), &[(0, 4499, Style::Bold)]);
        let pieces = messages(&long);
        assert_eq!(pieces.len(), 3);
        for piece in &pieces {
            assert!(
                units(piece) <= LIMIT && piece.starts_with("**word") && piece.ends_with("word**")
            );
        }
        let total: usize = pieces.iter().map(|piece| piece.matches("word").count()).sum();
        assert_eq!(total, 900);
        // A family of four people is one letter of eleven units.
        let families = "👨‍👩‍👧‍👦".repeat(300);
        for piece in messages(&Content::plain(families)) {
            assert!(units(&piece) <= LIMIT && units(&piece).is_multiple_of(11));
        }
    }

    #[test]
    fn code_over_several_messages_is_fenced_in_each() {
        let lines = "let x = 1;\n".repeat(300);
        let long = styled(&lines, &[(0, 3300, Style::Code)]);
        let pieces = messages(&long);
        assert!(pieces.len() >= 2);
        for piece in &pieces {
            assert!(piece.starts_with("```\nlet") && piece.ends_with(";\n```"), "{piece}");
            assert!(units(piece) <= LIMIT);
        }
    }

    #[test]
    fn names_in_an_answer_are_no_marks_and_what_can_be_said_is_code() {
        let text = "Say `chat **x**` to *Bob*\nor not".to_owned();
        assert_eq!(answer(&Reply::Text(text)), ["Say `chat **x**` to \\*Bob\\*\nor not"]);
        let button = Button {
            label: "_Yes_".to_owned(),
            line: "accept bob@example.com".to_owned(),
            sign: None,
        };
        let ask = Reply::Buttons { text: "Well?".to_owned(), buttons: vec![button] };
        assert_eq!(answer(&ask), ["Well?\n\\_Yes\\_: say `accept bob@example.com`"]);
    }

    #[test]
    fn answers_are_cut_too() {
        let table = Reply::Table {
            title: "Contacts".to_owned(),
            columns: Vec::new(),
            rows: vec![vec!["Bob_".to_owned(), String::new(), "online".to_owned()]; 200],
        };
        let pieces = answer(&table);
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| units(piece) <= LIMIT));
        assert!(pieces[0].starts_with("**Contacts**\nBob\\_ · online\n"));
    }

    proptest! {
        #[test]
        fn words_survive_both_ways(words in "[*_~|`\\\\<>\\[\\]()a ü☃:@#!&1h/.-]{0,80}") {
            let words = words.trim();
            prop_assume!(!words.is_empty() && !words.contains("http"));
            let written = messages(&Content::plain(words)).concat();
            prop_assert_eq!(markdown::parse(&written, &Nobody).plain, words);
        }

        #[test]
        fn no_message_is_too_long_and_nothing_is_lost(
            words in "[a-c*_ \n☃👍]{0,400}",
            spans in prop::collection::vec((0_u32..400, 0_u32..400), 0..4),
        ) {
            let spans: Vec<_> = spans.into_iter().map(|(a, b)| (a.min(b), a.max(b), Style::Bold)).collect();
            let text = styled(&words, &spans).text;
            let pieces = split(&text, 60);
            let letters = |text: &str| text.chars().filter(|c| "abc☃👍".contains(*c)).count();
            prop_assert!(pieces.iter().all(|piece| units(piece) <= 60), "{:?}", pieces);
            prop_assert_eq!(pieces.iter().map(|piece| letters(piece)).sum::<usize>(), letters(&words));
        }
    }
}
