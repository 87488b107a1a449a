//! `X-MMS-IM-Format`: one look for all the words of a message.

use std::fmt::Write as _;

use crate::escape;

/// How words look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The font's name; empty for none.
    pub font: String,
    /// Heavy letters.
    pub bold: bool,
    /// Slanted letters.
    pub italic: bool,
    /// A line under them.
    pub underline: bool,
    /// A line through them.
    pub strike: bool,
    /// Their colour.
    pub colour: Colour,
    /// The font's character set, as Windows numbers them; 0 for Western letters.
    pub character_set: u8,
    /// Whether they run from right to left.
    pub right_to_left: bool,
}

/// A colour; the wire writes it blue first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colour {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
}

impl Format {
    /// Reads the header's value; what cannot be read stays at its default.
    pub fn read(value: &str) -> Self {
        let mut format = Self::default();
        for (key, value) in value.split(';').filter_map(|part| part.split_once('=')) {
            let value = value.trim();
            match key.trim() {
                "FN" => format.font = escape::decode(value.as_bytes()).into_owned(),
                "EF" => {
                    format.bold = value.contains('B');
                    format.italic = value.contains('I');
                    format.underline = value.contains('U');
                    format.strike = value.contains('S');
                }
                "CO" => format.colour = Colour::read(value).unwrap_or_default(),
                "CS" => format.character_set = u8::from_str_radix(value, 16).unwrap_or_default(),
                "RL" => format.right_to_left = value == "1",
                _ => {}
            }
        }
        format
    }

    pub(super) fn write(&self, out: &mut String) {
        let font = if self.font.is_empty() { "Segoe UI" } else { &self.font };
        out.push_str("FN=");
        out.push_str(&escape::encode(font));
        out.push_str("; EF=");
        let effects =
            [('B', self.bold), ('I', self.italic), ('U', self.underline), ('S', self.strike)];
        out.extend(effects.iter().filter(|(_, on)| *on).map(|(letter, _)| letter));
        let Colour { red, green, blue } = self.colour;
        let number = (u32::from(blue) << 16) | (u32::from(green) << 8) | u32::from(red);
        // Writing to a String cannot fail.
        let _ = write!(out, "; CO={number:x}; CS={:x}; PF=22", self.character_set);
        if self.right_to_left {
            out.push_str("; RL=1");
        }
    }
}

impl Colour {
    fn read(value: &str) -> Option<Self> {
        let number = u32::from_str_radix(value, 16).ok().filter(|_| value.len() <= 6)?;
        let [_, blue, green, red] = number.to_be_bytes();
        Some(Self { red, green, blue })
    }
}
