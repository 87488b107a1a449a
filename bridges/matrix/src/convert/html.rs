//! HTML of Matrix messages as words with looks, so that both fit.
//!
//! The words are taken from the HTML itself: what clients write beside it as plain text has marks of its
//! own. Whatever the HTML is, this takes linear time and no stack: looks nested deeper than people nest
//! them are left out, words never are.

use std::{cmp::Reverse, collections::VecDeque};

use bridge_core::{
    id::{NetworkId, PersonaId},
    model::{Colour, Mention, Persona, Span, Style, StyledText},
};
use ruma::{MatrixToUri, MatrixUri, OwnedUserId, matrix_uri::MatrixId};

use super::tags::{Token, Tokens, decoded};
use crate::adapter::NETWORK;

/// Most tags that are open at once; deeper ones have no effect.
const DEPTH: usize = 100;
/// Most looks in one message.
const SPANS: usize = 1000;
/// Most people named in one message.
const MENTIONS: usize = 50;
/// Most quotations and lists within each other that are shown as such.
const MARGIN: usize = 8;
/// Most different looks that are joined with their like further on.
const ALIKE: usize = 16;
/// Longest address and longest name of a font, in bytes.
const ADDRESS: usize = 2048;
const FONT: usize = 64;

/// What HTML says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) text: StyledText,
    pub(super) mentions: Vec<Mention>,
}

/// Reads HTML. `name_of` gives the name of somebody who is named by her id alone.
pub(super) fn read(html: &str, name_of: &dyn Fn(&OwnedUserId) -> Option<String>) -> Read {
    let mut page = Page::default();
    let mut tokens = Tokens::of(html);
    while let Some(token) = tokens.next() {
        match token {
            Token::Words(words) => page.words(&decoded(words)),
            Token::Open { name, .. } if matches!(name.as_str(), "script" | "style" | "title") => {
                tokens.skip_until_closed(&name);
            }
            Token::Open { name, attributes } => page.open(name, &attributes),
            Token::Close { name } => page.close(&name, name_of),
        }
    }
    while let Some(open) = page.open.pop() {
        page.finish(open, name_of);
    }
    page.read()
}

/// A tag that is open.
struct Open {
    name: String,
    /// Where its words begin, once there are any.
    start: Option<usize>,
    looks: Vec<Style>,
    /// Whom it names.
    person: Option<OwnedUserId>,
}

/// What is written so far.
#[derive(Default)]
struct Page {
    plain: String,
    spans: Vec<Span>,
    mentions: Vec<Mention>,
    open: Vec<Open>,
    /// Tags open beyond those that are kept.
    deeper: usize,
    /// Lists that are open, with the number of the next item where they count.
    lists: Vec<Option<u32>>,
    quotes: usize,
    /// Preformatted texts that are open.
    pre: usize,
    /// Within what old clients put before an answer.
    unseen: usize,
    /// Line ends and a space to be written before the next words.
    breaks: usize,
    space: bool,
    /// Whether a paragraph ended last, so that another is set off by an empty line.
    after_paragraph: bool,
    /// Whether nothing but an item's mark stands in the line.
    fresh: bool,
}

impl Page {
    fn words(&mut self, words: &str) {
        if self.unseen > 0 {
            return;
        }
        if self.pre > 0 {
            for (number, line) in words.split('\n').enumerate() {
                if number > 0 {
                    self.line_end();
                }
                if !line.is_empty() {
                    self.write(line);
                }
            }
            return;
        }
        let mut pieces = words.split(|c: char| c.is_ascii_whitespace()).peekable();
        while let Some(piece) = pieces.next() {
            if !piece.is_empty() {
                self.write(piece);
            }
            self.space |= pieces.peek().is_some() && !self.at_line_start();
        }
    }

    /// Writes words, and before them what was put off.
    fn write(&mut self, words: &str) {
        self.margin();
        let start = self.plain.len();
        for open in self.open.iter_mut().rev().take_while(|open| open.start.is_none()) {
            open.start = Some(start);
        }
        self.plain.push_str(words);
        (self.fresh, self.after_paragraph) = (false, false);
    }

    /// Writes the line ends, spaces and marks that stand before the next words.
    fn margin(&mut self) {
        let breaks = std::mem::take(&mut self.breaks);
        if !self.plain.is_empty() {
            for _ in 0..breaks {
                self.plain.push('\n');
                self.fresh = false;
            }
        }
        if self.plain.is_empty() || self.plain.ends_with('\n') {
            for _ in 0..self.quotes.min(MARGIN) {
                self.plain.push_str("> ");
            }
        } else if std::mem::take(&mut self.space) && !self.fresh {
            self.plain.push(' ');
        }
        self.space = false;
    }

    fn at_line_start(&self) -> bool {
        self.plain.is_empty() || self.plain.ends_with('\n') || self.breaks > 0 || self.fresh
    }

    /// Ends the line here, whatever stands in it.
    fn line_end(&mut self) {
        self.breaks += 1;
        (self.space, self.fresh) = (false, false);
    }

    /// Sees to it that what comes next begins a line.
    fn block(&mut self) {
        if !self.fresh {
            self.breaks = self.breaks.max(1);
        }
        self.space = false;
    }

    fn open(&mut self, name: String, attributes: &[(String, String)]) {
        let value = |name: &str| {
            attributes.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
        };
        match name.as_str() {
            "br" => return self.line_end(),
            "hr" => {
                self.block();
                if self.unseen == 0 {
                    self.write("———");
                }
                return self.block();
            }
            "img" => {
                let words = value("alt").or_else(|| value("title")).unwrap_or_default();
                let words = words.to_owned();
                return self.words(&words);
            }
            "area" | "base" | "col" | "embed" | "input" | "link" | "meta" | "source" | "wbr" => {
                return;
            }
            _ => {}
        }
        if self.open.len() >= DEPTH {
            self.deeper += 1;
            return;
        }
        let mut open = Open { name, start: None, looks: Vec::new(), person: None };
        match open.name.as_str() {
            "b" | "strong" => open.looks.push(Style::Bold),
            "i" | "em" | "cite" => open.looks.push(Style::Italic),
            "u" | "ins" => open.looks.push(Style::Underline),
            "s" | "del" | "strike" => open.looks.push(Style::Strike),
            "code" | "tt" | "kbd" | "samp" => open.looks.push(Style::Code),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.leave_paragraph();
                self.block();
                open.looks.push(Style::Bold);
            }
            "p" => {
                self.leave_paragraph();
                self.block();
                if self.after_paragraph {
                    self.breaks = 2;
                }
            }
            "div" | "details" | "summary" | "table" | "caption" | "dl" | "dt" | "dd" => {
                self.leave_paragraph();
                self.block();
            }
            "pre" => {
                self.leave_paragraph();
                self.block();
                self.pre += 1;
                open.looks.push(Style::Code);
            }
            "blockquote" => {
                self.leave_paragraph();
                self.fresh = false;
                self.block();
                self.quotes += 1;
            }
            "ul" => {
                self.leave_paragraph();
                self.block();
                self.lists.push(None);
            }
            "ol" => {
                self.leave_paragraph();
                self.block();
                let first = value("start").and_then(|first| first.trim().parse().ok());
                self.lists.push(Some(first.unwrap_or(1)));
            }
            "li" => self.item(),
            "tr" => {
                self.leave("tr", "table");
                self.block();
            }
            "td" | "th" => {
                self.leave("td", "tr");
                self.leave("th", "tr");
                if !self.at_line_start() && self.unseen == 0 {
                    self.plain.push_str(" |");
                    self.space = true;
                }
            }
            "mx-reply" => self.unseen += 1,
            "a" => {
                let address = value("href").map(str::trim).unwrap_or_default();
                open.person = person(address);
                if open.person.is_none() && leads_somewhere(address) {
                    open.looks.push(Style::Link(address.to_owned()));
                }
            }
            "font" | "span" => {
                let colour = value("data-mx-color").or_else(|| value("color"));
                open.looks.extend(colour.and_then(colour_of).map(Style::Colour));
                let font = value("face").map(str::trim);
                let font = font.filter(|font| !font.is_empty() && font.len() <= FONT);
                open.looks.extend(font.map(|font| Style::Font(font.to_owned())));
                open.looks.extend(value("data-mx-spoiler").map(|_| Style::Spoiler));
            }
            _ => {}
        }
        // The same look within itself is none.
        open.looks.retain(|look| !self.open.iter().any(|outer| outer.looks.contains(look)));
        self.open.push(open);
    }

    /// Begins an item of a list.
    fn item(&mut self) {
        self.leave_paragraph();
        let inner = self.open.iter().rposition(|open| matches!(open.name.as_str(), "ul" | "ol"));
        let item = self.open.iter().rposition(|open| open.name == "li");
        if item > inner {
            self.close_down_to(item);
        }
        self.fresh = false;
        self.block();
        if self.unseen > 0 {
            return;
        }
        self.margin();
        for _ in 1..self.lists.len().min(MARGIN) {
            self.plain.push_str("  ");
        }
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.plain.push_str(&format!("{number}. "));
                *number = number.saturating_add(1);
            }
            _ => self.plain.push_str("• "),
        }
        self.fresh = true;
    }

    /// Ends a paragraph that something begins within.
    fn leave_paragraph(&mut self) {
        if self.open.last().is_some_and(|open| open.name == "p") {
            self.close_down_to(Some(self.open.len() - 1));
        }
    }

    /// Ends a tag that another of its kind ends, within the same outer one.
    fn leave(&mut self, name: &str, within: &str) {
        let outer = self.open.iter().rposition(|open| open.name == within);
        let found = self.open.iter().rposition(|open| open.name == name);
        if found > outer {
            self.close_down_to(found);
        }
    }

    fn close_down_to(&mut self, place: Option<usize>) {
        let Some(place) = place else { return };
        while self.open.len() > place {
            let Some(open) = self.open.pop() else { return };
            self.finish(open, &|_| None);
        }
    }

    fn close(&mut self, name: &str, name_of: &dyn Fn(&OwnedUserId) -> Option<String>) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let Some(place) = self.open.iter().rposition(|open| open.name == name) else { return };
        while self.open.len() > place {
            let Some(open) = self.open.pop() else { return };
            self.finish(open, name_of);
        }
    }

    /// Notes the looks of a tag's words, and ends its block where it is one.
    fn finish(&mut self, open: Open, name_of: &dyn Fn(&OwnedUserId) -> Option<String>) {
        if let (Some(user), Some(start)) = (open.person, open.start) {
            self.mention(user, start, name_of);
        }
        let end = self.plain.len();
        if let Some(start) = open.start.filter(|start| *start < end) {
            let room = SPANS.saturating_sub(self.spans.len());
            let spans = open.looks.into_iter().take(room);
            self.spans.extend(spans.map(|style| Span {
                start: place(start),
                end: place(end),
                style,
            }));
        }
        match open.name.as_str() {
            "p" => {
                self.block();
                self.after_paragraph = true;
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "div" | "details" | "summary" | "table"
            | "caption" | "dl" | "dt" | "dd" | "tr" | "li" => self.block(),
            "pre" => {
                self.pre = self.pre.saturating_sub(1);
                self.block();
            }
            "blockquote" => {
                self.block();
                self.quotes = self.quotes.saturating_sub(1);
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.block();
            }
            "mx-reply" => self.unseen = self.unseen.saturating_sub(1),
            _ => {}
        }
        // An item without words keeps its line.
        if matches!(open.name.as_str(), "li") {
            self.fresh = false;
            self.breaks = self.breaks.max(1);
        }
    }

    /// Notes that somebody is named; by her name, where only her id is written.
    fn mention(
        &mut self,
        user: OwnedUserId,
        start: usize,
        name_of: &dyn Fn(&OwnedUserId) -> Option<String>,
    ) {
        let written = self.plain.get(start..).unwrap_or_default();
        if written == user.as_str()
            && let Some(name) = name_of(&user)
        {
            self.plain.truncate(start);
            self.plain.push_str(&name);
        }
        let name = self.plain.get(start..).unwrap_or_default().to_owned();
        if self.mentions.len() < MENTIONS && !name.is_empty() {
            let name = name.strip_prefix('@').unwrap_or(&name).to_owned();
            let id = PersonaId::new(user.as_str());
            let person = Persona { network: NetworkId::new(NETWORK), id, name: Some(name) };
            let (start, end) = (place(start), place(self.plain.len()));
            self.mentions.push(Mention { start, end, person });
        }
    }

    fn read(self) -> Read {
        let Self { mut plain, mut spans, mut mentions, .. } = self;
        plain.truncate(plain.trim_end().len());
        let end = place(plain.len());
        // A name that was written in an id's place may have made the words shorter.
        spans.iter_mut().for_each(|span| span.end = span.end.min(end));
        spans.retain(|span| span.start < span.end);
        spans.sort_by_key(|span| (span.start, Reverse(span.end)));
        let spans = joined(&plain, spans);
        mentions.retain(|mention| mention.end <= end);
        mentions.sort_by_key(|mention| mention.start);
        Read { text: StyledText { plain, spans }, mentions }
    }
}

/// Makes one look of those that are alike and have nothing but space between them: what is bold in each
/// of its paragraphs is bold as a whole, for a place that has one look for all.
fn joined(plain: &str, spans: Vec<Span>) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    let mut last: VecDeque<usize> = VecDeque::new();
    for span in spans {
        let before = last
            .iter()
            .copied()
            .find(|at| out.get(*at).is_some_and(|before: &Span| before.style == span.style));
        if let Some(before) = before.and_then(|at| out.get_mut(at))
            && !matches!(span.style, Style::Link(_))
            && between(plain, before.end, span.start).is_some_and(|gap| gap.trim().is_empty())
        {
            before.end = before.end.max(span.end);
            continue;
        }
        last.retain(|at| Some(*at) != before);
        last.push_back(out.len());
        if last.len() > ALIKE {
            last.pop_front();
        }
        out.push(span);
    }
    out
}

fn between(plain: &str, from: u32, to: u32) -> Option<&str> {
    plain.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Gives whom an address names, if it is one of a person.
fn person(address: &str) -> Option<OwnedUserId> {
    let id = match MatrixToUri::parse(address) {
        Ok(uri) => uri.id().clone(),
        Err(_) => MatrixUri::parse(address).ok()?.id().clone(),
    };
    match id {
        MatrixId::User(user) => Some(user),
        _ => None,
    }
}

/// Tells whether an address may be shown as one.
fn leads_somewhere(address: &str) -> bool {
    let known = ["https://", "http://", "mailto:", "ftp://"];
    let known = known.iter().any(|scheme| {
        address.get(..scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme))
    });
    known && address.len() <= ADDRESS && !address.contains(|c: char| c.is_control())
}

fn colour_of(text: &str) -> Option<Colour> {
    let text = text.trim();
    let Some(digits) = text.strip_prefix('#') else {
        let found = COLOURS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
        return found.map(|(_, [red, green, blue])| Colour {
            red: *red,
            green: *green,
            blue: *blue,
        });
    };
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = match digits.len() {
        6 => number.to_be_bytes(),
        3 => {
            let part = |by: u32| ((number >> by) & 0xF) * 0x11;
            ((part(8) << 16) | (part(4) << 8) | part(0)).to_be_bytes()
        }
        _ => return None,
    };
    Some(Colour { red, green, blue })
}

/// The colours that HTML had names for first.
const COLOURS: &[(&str, [u8; 3])] = &[
    ("aqua", [0, 255, 255]),
    ("black", [0, 0, 0]),
    ("blue", [0, 0, 255]),
    ("fuchsia", [255, 0, 255]),
    ("gray", [128, 128, 128]),
    ("green", [0, 128, 0]),
    ("lime", [0, 255, 0]),
    ("maroon", [128, 0, 0]),
    ("navy", [0, 0, 128]),
    ("olive", [128, 128, 0]),
    ("orange", [255, 165, 0]),
    ("purple", [128, 0, 128]),
    ("red", [255, 0, 0]),
    ("silver", [192, 192, 192]),
    ("teal", [0, 128, 128]),
    ("white", [255, 255, 255]),
    ("yellow", [255, 255, 0]),
];

#[cfg(test)]
mod tests;
