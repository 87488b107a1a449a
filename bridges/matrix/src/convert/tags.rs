//! HTML cut into words and tags, in one pass and without a tree.
//!
//! A message may hold ten thousand nested tags, on purpose. A tree of them is deeper than a stack, and
//! the rules of HTML that mend what is broken take quadratic time over it; what a message's looks need is
//! the tags in their order. What ends within a tag or a comment is dropped, as browsers do.

/// Most attributes of a tag that are looked at.
const ATTRIBUTES: usize = 16;
/// Longest name of a character that is looked for, with its semicolon.
const ENTITY: usize = 12;

/// A piece of HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Words, entities not yet read.
    Words(&'a str),
    /// A tag that opens.
    Open { name: String, attributes: Vec<(String, String)> },
    /// A tag that closes.
    Close { name: String },
}

/// Cuts HTML.
pub(super) struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    pub(super) fn of(html: &'a str) -> Self {
        Self(html)
    }

    /// Passes over what cannot hold tags until it closes: a stylesheet, a script.
    pub(super) fn skip_until_closed(&mut self, name: &str) {
        let mut rest = self.0;
        while let Some((_, after)) = rest.split_once("</") {
            if after.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
                self.0 = after.split_once('>').map_or("", |(_, rest)| rest);
                return;
            }
            rest = after;
        }
        self.0 = "";
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let Some(rest) = self.0.strip_prefix('<') else {
                let end = self.0.find('<').unwrap_or(self.0.len());
                return Some(self.words(end));
            };
            let named = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
            if let Some(after) = rest.strip_prefix('/').filter(|after| named(after)) {
                let name = name_of(after);
                let (_, rest) = attributes(after.get(name.len()..).unwrap_or_default())?;
                let name = name.to_ascii_lowercase();
                self.0 = rest;
                return Some(Token::Close { name });
            }
            if named(rest) {
                let name = name_of(rest);
                let (attributes, rest) = attributes(rest.get(name.len()..).unwrap_or_default())?;
                let name = name.to_ascii_lowercase();
                self.0 = rest;
                return Some(Token::Open { name, attributes });
            }
            if let Some(comment) = rest.strip_prefix("!--") {
                self.0 = comment.split_once("-->").map_or("", |(_, rest)| rest);
            } else if rest.starts_with(['!', '?', '/']) {
                self.0 = rest.split_once('>').map_or("", |(_, rest)| rest);
            } else {
                // A sign of its own.
                let end = rest.find('<').map_or(self.0.len(), |end| end + 1);
                return Some(self.words(end));
            }
        }
    }
}

impl<'a> Tokens<'a> {
    fn words(&mut self, end: usize) -> Token<'a> {
        let (words, rest) = self.0.split_at(end);
        self.0 = rest;
        Token::Words(words)
    }
}

fn name_of(text: &str) -> &str {
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>');
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

/// Reads what stands in a tag after its name; gives the attributes and what follows the tag, or none
/// where it does not end.
fn attributes(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(rest) = text.strip_prefix('>') {
            return Some((found, rest));
        }
        let end = text.find(|c: char| c.is_ascii_whitespace() || "/>=".contains(c))?;
        // An attribute may even begin with the sign that ends its name.
        let end = if end == 0 { 1 } else { end };
        let (name, rest) = text.split_at_checked(end)?;
        text = rest.trim_start();
        let mut value = "";
        if let Some(rest) = text.strip_prefix('=') {
            let rest = rest.trim_start();
            (value, text) = match rest.chars().next()? {
                quote @ ('"' | '\'') => rest.get(1..)?.split_once(quote)?,
                _ => rest.split_at(rest.find(|c: char| c.is_ascii_whitespace() || c == '>')?),
            };
        }
        if found.len() < ATTRIBUTES {
            found.push((name.to_ascii_lowercase(), decoded(value)));
        }
    }
}

/// Writes the characters that entities stand for.
pub(super) fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end = after.bytes().take(ENTITY).position(|byte| byte == b';');
        let named =
            end.and_then(|end| Some((character(after.get(..end)?)?, after.get(end + 1..)?)));
        match named {
            Some((character, after)) => {
                out.push(character);
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

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        // What is no character is shown as such, and what controls is none for people.
        let character = char::from_u32(number).unwrap_or('\u{fffd}');
        let fine = !character.is_control() || "\t\n".contains(character);
        return Some(if fine { character } else { '\u{fffd}' });
    }
    let found = NAMED.iter().find(|(of, _)| *of == name);
    found.map(|(_, character)| *character)
}

/// The names that clients write; others stay as they are.
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("apos", '\''),
    ("bull", '•'),
    ("cent", '¢'),
    ("copy", '©'),
    ("deg", '°'),
    ("euro", '€'),
    ("gt", '>'),
    ("hellip", '…'),
    ("laquo", '«'),
    ("ldquo", '“'),
    ("lsquo", '‘'),
    ("lt", '<'),
    ("mdash", '—'),
    ("middot", '·'),
    ("nbsp", '\u{a0}'),
    ("ndash", '–'),
    ("pound", '£'),
    ("quot", '"'),
    ("raquo", '»'),
    ("rdquo", '”'),
    ("reg", '®'),
    ("rsquo", '’'),
    ("shy", '\u{ad}'),
    ("times", '×'),
    ("trade", '™'),
    ("yen", '¥'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str, attributes: &[(&str, &str)]) -> Token<'static> {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Token::Open { name: name.to_owned(), attributes: attributes.collect() }
    }

    fn cut(html: &str) -> Vec<Token<'_>> {
        Tokens::of(html).collect()
    }

    #[test]
    fn tags_and_words_come_in_their_order() {
        let html = "a <B CLASS=x data-y='1 > \"2\"' z>b</B ><br/><!-- <i> -->c";
        let bold = open("b", &[("class", "x"), ("data-y", "1 > \"2\""), ("z", "")]);
        let close = Token::Close { name: "b".to_owned() };
        let wanted = [
            Token::Words("a "),
            bold,
            Token::Words("b"),
            close,
            open("br", &[]),
            Token::Words("c"),
        ];
        assert_eq!(cut(html), wanted);
    }

    #[test]
    fn signs_that_begin_no_tag_are_words() {
        assert_eq!(cut("1 < 2 <3"), [Token::Words("1 "), Token::Words("< 2 "), Token::Words("<3")]);
        assert_eq!(cut("<"), [Token::Words("<")]);
    }

    #[test]
    fn what_ends_within_a_tag_or_comment_is_dropped() {
        for html in ["a<b", "a<b c=\"d>", "a<!-- b", "a</b", "a<b =", "a<b c="] {
            assert_eq!(cut(html), [Token::Words("a")], "{html}");
        }
    }

    #[test]
    fn entities_are_characters_and_what_is_none_stays() {
        let text = "&lt;a&gt; &amp;amp; &#65;&#x1F642; &nope; & &#xD800;&#7; &quot";
        assert_eq!(decoded(text), "<a> &amp; A🙂 &nope; & \u{fffd}\u{fffd} &quot");
    }
}
