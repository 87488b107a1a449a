//! Codes of Messenger Plus!, an add-on: looks for parts of names, personal messages and texts, written into
//! the words, where everybody without it sees them.
//!
//! ```text
//! [b]bold[/b] [c=4]red[/c] [c=#00ff00]from green to blue[/c=12]        in pairs
//! ·#bold·# ·$4red ·0plain                                              older, from here on
//! ```
//! Docs: protocol, messages. Codes are read, never written.

mod code;

use std::{collections::BTreeMap, ops::Range};

use self::code::{Code, Effect as Kind, Tag};
use crate::msg::Colour;

/// Most runs of a text; the looks beyond are left out, the codes are not.
const RUNS_LIMIT: usize = 256;

/// Words without codes, and what these made of parts of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Styled {
    /// The words.
    pub words: String,
    /// Parts with a look, in the order of their beginnings; they may overlap. At most 256.
    pub runs: Vec<Run>,
}

/// A part of some words with a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The part, in bytes, on character boundaries, not empty.
    pub range: Range<usize>,
    /// The look.
    pub effect: Effect,
}

/// One look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Heavy letters.
    Bold,
    /// Letters of a colour.
    Colour(Colour),
    /// Slanted letters.
    Italic,
    /// A line through them.
    Strike,
    /// A line under them.
    Underline,
}

/// Takes the codes out of words and gives the looks.
///
/// A tag without its other half is no code and stays, as does an unknown one. Backgrounds, and colours whose
/// value is not sure, are no looks; a gradient has its first colour. Control characters go, but for TAB, CR
/// and LF.
pub fn read(text: &str) -> Styled {
    let mut codes = code::find(text);
    code::keep_pairs(&mut codes);
    let mut reading = Reading::default();
    let mut end = 0;
    for (range, code) in codes {
        reading.words.push_str(&text[end..range.start]);
        end = range.start;
        if code != Code::Reset || !reading.is_product() {
            end = range.end;
            reading.take(code);
        }
    }
    reading.words.push_str(&text[end..]);
    reading.finish()
}

/// Takes the codes out of words.
pub fn strip(text: &str) -> String {
    read(text).words
}

/// A look that begins at a place in the words and has not ended.
type Open = (usize, Option<Effect>);

#[derive(Default)]
struct Reading {
    words: String,
    runs: Vec<Run>,
    /// What tags began, the last one last.
    tags: BTreeMap<Tag, Vec<Open>>,
    /// What the older codes turned on.
    on: Vec<(Kind, Open)>,
}

impl Reading {
    fn take(&mut self, code: Code) {
        let here = self.words.len();
        match code {
            Code::Begin(tag, colour) => {
                let effect = match tag {
                    Tag::Background => None,
                    Tag::Colour => colour.map(Effect::Colour),
                    Tag::Look(kind) => kind.plain(),
                };
                self.tags.entry(tag).or_default().push((here, effect));
            }
            Code::End(tag) => {
                if let Some(open) = self.tags.get_mut(&tag).and_then(Vec::pop) {
                    self.close(open);
                }
            }
            Code::Toggle(kind) => {
                if !self.end(kind) {
                    self.on.push((kind, (here, kind.plain())));
                }
            }
            Code::Colour(colour) => {
                self.end(Kind::Colour);
                self.on.push((Kind::Colour, (here, colour.map(Effect::Colour))));
            }
            Code::ColourEnd => {
                self.end(Kind::Colour);
            }
            Code::Nothing => {}
            Code::Reset => {
                for (_, open) in std::mem::take(&mut self.on) {
                    self.close(open);
                }
            }
        }
    }

    /// Ends a look of the older codes, where it is on.
    fn end(&mut self, kind: Kind) -> bool {
        let Some(at) = self.on.iter().position(|(on, _)| *on == kind) else {
            return false;
        };
        let (_, open) = self.on.remove(at);
        self.close(open);
        true
    }

    fn close(&mut self, (start, effect): Open) {
        let end = self.words.len();
        if let Some(effect) = effect.filter(|_| start < end && self.runs.len() < RUNS_LIMIT) {
            self.runs.push(Run { range: start..end, effect });
        }
    }

    /// Whether what looks like a reset is the sign of a product: `3·0` where nothing is on.
    fn is_product(&self) -> bool {
        self.on.is_empty() && self.words.ends_with(|c: char| c.is_ascii_digit())
    }

    fn finish(mut self) -> Styled {
        self.take(Code::Reset);
        self.runs.sort_by_key(|run| run.range.start);
        Styled { words: self.words, runs: self.runs }
    }
}
