//! Discord's markdown as styled text.
//!
//! What Discord shows with a look becomes a span; a mark without its second one, or behind a
//! backslash, stays the letter it is. Headings, quotations and lists read well as they are written.

use bridge_core::model::{Span, Style, StyledText};

use crate::texts;

/// Names of what stands in a message as `<@id>`, `<#id>` and the like.
pub(crate) trait Mentioned {
    /// The name of a person.
    fn person(&self, id: u64) -> Option<String>;
    /// The name of a role.
    fn role(&self, id: u64) -> Option<String>;
    /// The name of a channel.
    fn channel(&self, id: u64) -> Option<String>;
}

/// Reads a message's words.
pub(crate) fn parse(source: &str, names: &dyn Mentioned) -> StyledText {
    let mut parser =
        Parser { rest: source, before: None, out: StyledText::default(), open: Vec::new() };
    while let Some(c) = parser.rest.chars().next() {
        parser.step(c, names);
    }
    parser.finish()
}

/// A mark that comes in pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Bold,
    ItalicStar,
    ItalicLine,
    Spoiler,
    Strike,
    Underline,
}

impl Mark {
    fn letters(self) -> &'static str {
        match self {
            Self::Bold => "**",
            Self::ItalicStar => "*",
            Self::ItalicLine => "_",
            Self::Spoiler => "||",
            Self::Strike => "~~",
            Self::Underline => "__",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Bold => Style::Bold,
            Self::ItalicStar | Self::ItalicLine => Style::Italic,
            Self::Spoiler => Style::Spoiler,
            Self::Strike => Style::Strike,
            Self::Underline => Style::Underline,
        }
    }
}

/// A mark whose second one has not come; its letters are put in at `place` when it never does.
struct Open {
    mark: Mark,
    place: usize,
}

struct Parser<'a> {
    rest: &'a str,
    /// The letter before the rest.
    before: Option<char>,
    out: StyledText,
    open: Vec<Open>,
}

impl<'a> Parser<'a> {
    fn step(&mut self, c: char, names: &dyn Mentioned) {
        match c {
            '\\' => self.escaped(),
            '`' => self.code(),
            '<' => self.bracketed(names),
            '[' => self.link(),
            'h' if self.is_address() => self.address(),
            '*' | '_' | '~' | '|' => match self.mark(c) {
                Some(mark) => self.marked(mark),
                None => self.take(c.len_utf8()),
            },
            c => self.take(c.len_utf8()),
        }
    }

    /// Copies so many bytes.
    fn take(&mut self, length: usize) {
        let (words, rest) = self.rest.split_at(length);
        self.out.plain.push_str(words);
        self.before = words.chars().last().or(self.before);
        self.rest = rest;
    }

    /// Leaves so many bytes out.
    fn skip(&mut self, length: usize) {
        let (words, rest) = self.rest.split_at(length);
        self.before = words.chars().last().or(self.before);
        self.rest = rest;
    }

    fn escaped(&mut self) {
        let next = self.rest.chars().nth(1).filter(char::is_ascii_punctuation);
        if next.is_some() {
            self.skip(1);
        }
        self.take(1);
    }

    /// Copies an address as it is: its lines and stars are no marks.
    fn address(&mut self) {
        let end = self.rest.find(|c: char| c.is_whitespace() || "<>|".contains(c));
        let address = self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default();
        self.take(address.trim_end_matches([')', '*', '.', ',']).len().max(1));
    }

    fn is_address(&self) -> bool {
        let begins = ["https://", "http://"].iter().any(|scheme| self.rest.starts_with(scheme));
        begins && !self.before.is_some_and(char::is_alphanumeric)
    }

    /// Finds which mark stands here, if any may.
    fn mark(&self, c: char) -> Option<Mark> {
        let run = self.rest.chars().take_while(|other| *other == c).count();
        let innermost = self.open.last().map(|open| open.mark);
        let mark = match (c, run) {
            ('*', 2) => Mark::Bold,
            ('*', 1) => Mark::ItalicStar,
            ('*', _) if innermost == Some(Mark::ItalicStar) => Mark::ItalicStar,
            ('*', _) => Mark::Bold,
            ('_', 2) => Mark::Underline,
            ('_', 1) => Mark::ItalicLine,
            ('_', _) if innermost == Some(Mark::ItalicLine) => Mark::ItalicLine,
            ('_', _) => Mark::Underline,
            ('~', 2..) => Mark::Strike,
            ('|', 2..) => Mark::Spoiler,
            _ => return None,
        };
        let after = self.rest.get(mark.letters().len()..)?.chars().next();
        if self.open.iter().any(|open| open.mark == mark) {
            // It closes, unless it stands inside a word.
            let inside = mark == Mark::ItalicLine && after.is_some_and(char::is_alphanumeric);
            let empty = mark == Mark::ItalicStar && self.before.is_some_and(char::is_whitespace);
            return (!inside && !empty).then_some(mark);
        }
        let inside = mark == Mark::ItalicLine && self.before.is_some_and(char::is_alphanumeric);
        let empty = matches!(mark, Mark::ItalicStar | Mark::ItalicLine)
            && after.is_none_or(char::is_whitespace);
        (!inside && !empty && after.is_some()).then_some(mark)
    }

    fn marked(&mut self, mark: Mark) {
        self.skip(mark.letters().len());
        let Some(level) = self.open.iter().position(|open| open.mark == mark) else {
            return self.open.push(Open { mark, place: self.out.plain.len() });
        };
        // Marks between the two have none of their own.
        while self.open.len() > level + 1 {
            self.close_unpaired();
        }
        let Some(open) = self.open.pop() else { return };
        let end = self.out.plain.len();
        if open.place == end {
            self.out.plain.push_str(mark.letters());
            return self.out.plain.push_str(mark.letters());
        }
        self.span(open.place, end, mark.style());
    }

    /// Gives the letters of the innermost open mark back to the words.
    fn close_unpaired(&mut self) {
        let Some(Open { mark, place }) = self.open.pop() else {
            return;
        };
        let letters = mark.letters();
        self.out.plain.insert_str(place, letters);
        let shift = offset(letters.len());
        for span in &mut self.out.spans {
            if span.start >= offset(place) {
                span.start += shift;
            }
            if span.end > offset(place) {
                span.end += shift;
            }
        }
    }

    fn code(&mut self) {
        let ticks = self.rest.len() - self.rest.trim_start_matches('`').len();
        let fence = "`".repeat(ticks.min(3));
        let inside = self.rest.get(fence.len()..).unwrap_or_default();
        let Some(end) = inside.find(&fence).filter(|end| *end > 0) else {
            return self.take(ticks);
        };
        let whole = fence.len() * 2 + end;
        let inside = inside.get(..end).unwrap_or_default();
        let words = match (fence.len(), inside.split_once('\n')) {
            // The language of a block is no part of it.
            (3, Some((language, words))) if !language.contains(char::is_whitespace) => words,
            (3, _) => inside,
            _ => inside.trim_matches(' '),
        };
        let start = self.out.plain.len();
        self.out.plain.push_str(words.trim_end_matches('\n'));
        let end = self.out.plain.len();
        if end > start {
            self.span(start, end, Style::Code);
        }
        self.skip(whole);
    }

    /// `[words](address)`.
    fn link(&mut self) {
        let parts = (|| {
            let (words, rest) = self.rest.get(1..)?.split_once("](")?;
            let (address, _) = rest.split_once(')')?;
            let whole = words.len() + address.len() + 4;
            let address = address.split_whitespace().next()?.trim_matches(['<', '>']);
            let web = address.starts_with("https://") || address.starts_with("http://");
            let plain = !words.is_empty() && !words.contains(['[', ']', '\n']);
            (web && plain).then(|| (words.to_owned(), address.to_owned(), whole))
        })();
        let Some((words, address, whole)) = parts else {
            return self.take(1);
        };
        let start = self.out.plain.len();
        self.out.plain.push_str(&words);
        self.span(start, self.out.plain.len(), Style::Link(address));
        self.skip(whole);
    }

    /// Mentions, custom emoji, moments, addresses without a preview.
    fn bracketed(&mut self, names: &dyn Mentioned) {
        let inside =
            self.rest.get(1..).and_then(|rest| rest.split_once('>')).map(|(inside, _)| inside);
        let Some(inside) = inside.filter(|inside| !inside.contains(['\n', '<'])) else {
            return self.take(1);
        };
        let Some(words) = spoken(inside, names) else {
            return self.take(1);
        };
        let whole = inside.len() + 2;
        self.out.plain.push_str(&words);
        self.skip(whole);
    }

    fn span(&mut self, start: usize, end: usize, style: Style) {
        self.out.spans.push(Span { start: offset(start), end: offset(end), style });
    }

    fn finish(mut self) -> StyledText {
        while !self.open.is_empty() {
            self.close_unpaired();
        }
        self.out.spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        self.out
    }
}

/// Says what stands between `<` and `>`; none when it is nothing of Discord's.
fn spoken(inside: &str, names: &dyn Mentioned) -> Option<String> {
    let id = |text: &str| text.parse::<u64>().ok();
    if let Some(role) = inside.strip_prefix("@&") {
        let name = names.role(id(role)?);
        return Some(format!("@{}", name.as_deref().unwrap_or(texts::SOME_ROLE)));
    }
    if let Some(person) = inside.strip_prefix('@') {
        let name = names.person(id(person.strip_prefix('!').unwrap_or(person))?);
        return Some(format!("@{}", name.as_deref().unwrap_or(texts::SOMEBODY)));
    }
    if let Some(channel) = inside.strip_prefix('#') {
        let name = names.channel(id(channel)?);
        return Some(format!("#{}", name.as_deref().unwrap_or(texts::SOME_CHANNEL)));
    }
    if let Some(command) = inside.strip_prefix('/') {
        let (name, number) = command.rsplit_once(':')?;
        return id(number).map(|_| format!("/{name}"));
    }
    if let Some(moment) = inside.strip_prefix("t:") {
        let seconds = moment.split(':').next()?.parse::<i64>().ok()?;
        let moment = serenity::model::Timestamp::from_unix_timestamp(seconds).ok()?;
        let text = moment.to_string().replace('T', " ");
        return Some(format!("{} UTC", text.get(..16)?));
    }
    if let Some(emoji) = inside.strip_prefix("a:").or_else(|| inside.strip_prefix(':')) {
        let (name, number) = emoji.split_once(':')?;
        return id(number).map(|_| format!(":{name}:"));
    }
    let web = inside.starts_with("https://") || inside.starts_with("http://");
    (web && !inside.contains(char::is_whitespace)).then(|| inside.to_owned())
}

/// A place in a message: they are short.
fn offset(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Names;

    impl Mentioned for Names {
        fn person(&self, id: u64) -> Option<String> {
            (id == 1).then(|| "Grace".to_owned())
        }
        fn role(&self, id: u64) -> Option<String> {
            (id == 2).then(|| "helpers".to_owned())
        }
        fn channel(&self, id: u64) -> Option<String> {
            (id == 3).then(|| "lounge".to_owned())
        }
    }

    /// Words, and the styled parts of them.
    fn read(source: &str) -> (String, Vec<(String, Style)>) {
        let text = parse(source, &Names);
        let part = |span: &Span| {
            let place = |at: u32| usize::try_from(at).unwrap();
            text.plain.get(place(span.start)..place(span.end)).unwrap().to_owned()
        };
        let parts = text.spans.iter().map(|span| (part(span), span.style.clone())).collect();
        (text.plain, parts)
    }

    fn part(words: &str, style: Style) -> (String, Style) {
        (words.to_owned(), style)
    }

    #[test]
    fn marks_in_pairs_are_looks() {
        for (source, words, parts) in [
            ("a **b** c", "a b c", vec![part("b", Style::Bold)]),
            ("*b* _c_", "b c", vec![part("b", Style::Italic), part("c", Style::Italic)]),
            ("__u__ ~~s~~", "u s", vec![part("u", Style::Underline), part("s", Style::Strike)]),
            ("||boo||", "boo", vec![part("boo", Style::Spoiler)]),
            ("***x***", "x", vec![part("x", Style::Italic), part("x", Style::Bold)]),
            ("**a *b* c**", "a b c", vec![part("a b c", Style::Bold), part("b", Style::Italic)]),
            ("`a*b*`", "a*b*", vec![part("a*b*", Style::Code)]),
            ("```rust\nlet x;\n```", "let x;", vec![part("let x;", Style::Code)]),
            (
                "see [this](https://example.com/a_b)",
                "see this",
                vec![part("this", Style::Link("https://example.com/a_b".to_owned()))],
            ),
        ] {
            assert_eq!(read(source), (words.to_owned(), parts), "{source}");
        }
    }

    #[test]
    fn what_is_no_mark_stays_as_it_is() {
        for words in [
            "2 * 3 * 4",
            "snake_case_name",
            "a ** b",
            "**open",
            "*",
            "****",
            "a | b || c",
            "https://example.com/a_b_c*d*",
            "``` open",
            "[no](link) [a](javascript:x)",
            "a < b > c <3",
            "¯\\_(ツ)_/¯ ",
        ] {
            let (read, parts) = read(words);
            let wanted = words.replace("\\_", "_");
            assert_eq!((read, parts), (wanted, Vec::new()), "{words}");
        }
    }

    #[test]
    fn an_open_mark_between_two_others_gives_its_letters_back() {
        let (words, parts) = read("**a ~~b** *c*");
        assert_eq!(words, "a ~~b c");
        assert_eq!(parts, [part("a ~~b", Style::Bold), part("c", Style::Italic)]);
    }

    #[test]
    fn ids_are_said_by_name() {
        for (source, words) in [
            ("<@1> and <@!1>", "@Grace and @Grace"),
            ("<@9> <@&2> <#3> <#4>", "@somebody @helpers #lounge #a channel"),
            ("<:wave:123> <a:dance:123>", ":wave: :dance:"),
            ("<t:1700000000:R>", "2023-11-14 22:13 UTC"),
            ("</help me:123>", "/help me"),
            ("<https://example.com>", "https://example.com"),
            ("\\<@1>", "<@1>"),
        ] {
            assert_eq!(read(source).0, words, "{source}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_and_spans_lie_in_the_words(source in "[*_~|`\\\\<>\\[\\]()a ü☃:@#!&1h/\n]{0,60}") {
            let text = parse(&source, &Names);
            for span in text.spans {
                let place = |at: u32| usize::try_from(at).unwrap();
                prop_assert!(span.start < span.end);
                prop_assert!(text.plain.get(place(span.start)..place(span.end)).is_some());
            }
        }
    }
}
