//! Text with style.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CustomEmoticon, Persona};
use crate::{id::MessageId, redact::Redacted};

/// What somebody wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The words and their looks.
    pub text: StyledText,
    /// Whether it reads as something the sender does ("/me waves").
    pub emote: bool,
    /// What it answers.
    pub reply_to: Option<Quote>,
    /// People named in the words.
    pub mentions: Vec<Mention>,
    /// Pictures that stand for letters in the words.
    pub emoticons: Vec<CustomEmoticon>,
}

/// The message another one answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The message, as the answer's network names it.
    pub message: MessageId,
    /// Who wrote it, for people, where known.
    pub sender: Option<String>,
    /// How it began, where known.
    pub excerpt: Option<String>,
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quote")
            .field("message", &self.message)
            .field("sender", &self.sender.as_ref().map(Redacted))
            .field("excerpt", &self.excerpt.as_ref().map(Redacted))
            .finish()
    }
}

/// A person named in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// First byte of her name in [`StyledText::plain`].
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Who.
    pub person: Persona,
}

impl Content {
    /// Makes content of words without style.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: StyledText { plain: text.into(), spans: Vec::new() }, ..Self::default() }
    }
}

/// Words and the styles of their parts.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StyledText {
    /// The words alone, lines ended by `\n`.
    pub plain: String,
    /// Styled parts in order of their start; they may overlap.
    pub spans: Vec<Span>,
}

impl fmt::Debug for StyledText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StyledText")
            .field("plain", &Redacted(&self.plain))
            .field("spans", &self.spans.len())
            .finish()
    }
}

/// A style over a part of the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte of the part in [`StyledText::plain`], on a character boundary.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Its look.
    pub style: Style,
}

/// One look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Style {
    /// Heavy letters.
    Bold,
    /// Letters of a machine, on a line or on several.
    Code,
    /// Letters of a colour.
    Colour(Colour),
    /// Letters of a named font.
    Font(String),
    /// Slanted letters.
    Italic,
    /// Words that lead to an address.
    Link(String),
    /// Words hidden until somebody wants to see them.
    Spoiler,
    /// Letters with a line through them.
    Strike,
    /// Letters with a line under them.
    Underline,
}

/// A colour, red first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}
