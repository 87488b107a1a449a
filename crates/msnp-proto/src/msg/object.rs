//! Descriptions of pictures, and what is playing: the two texts that presence carries.
//!
//! ```text
//! <msnobj Creator="bob@example.com" Size="22731" Type="3" Location="TFR2C.tmp" Friendly="AAA=" SHA1D="0jm9…"/>
//! \0Music\01\0{0} - {1}\0Song\0Artist\0Album\0\0        (the two characters \0 between the parts)
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

use crate::xml::{self, escaped};

/// A picture, an emoticon or another file that somebody offers (docs: protocol, objects).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Who offers it.
    pub creator: String,
    /// Its length in bytes.
    pub size: u64,
    /// What it is, such as a [display picture](Self::PICTURE).
    pub kind: u32,
    /// A name for it.
    pub location: String,
    /// Another name, in base64.
    pub friendly: String,
    /// The SHA-1 of its bytes, in base64; what names it best.
    pub hash: String,
    /// The SHA-1 of the other fields, in base64; some clients leave it out.
    pub checksum: Option<String>,
}

impl Object {
    /// The kind of a custom emoticon (docs: protocol, objects).
    pub const EMOTICON: u32 = 2;
    /// The kind of a display picture.
    pub const PICTURE: u32 = 3;
    /// The kind of a spoken message.
    pub const VOICE: u32 = 11;
    /// The kind of an animation: a [wink](crate::wink).
    pub const WINK: u32 = 8;

    /// Describes bytes that an account offers, as something of a kind.
    pub fn describing(creator: &str, kind: u32, location: &str, bytes: &[u8]) -> Self {
        let mut object = Self {
            creator: creator.to_owned(),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            kind,
            location: location.to_owned(),
            friendly: "AAA=".to_owned(),
            hash: STANDARD.encode(Sha1::digest(bytes)),
            checksum: None,
        };
        object.check();
        object
    }

    /// Gives it a name for people; an empty one is none.
    pub fn named(mut self, name: &str) -> Self {
        let units = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
        self.friendly = STANDARD.encode(units.collect::<Vec<u8>>());
        self.check();
        self
    }

    fn check(&mut self) {
        let Self { creator, size, kind, location, friendly, hash, .. } = &*self;
        let fields = format!(
            "Creator{creator}Size{size}Type{kind}Location{location}Friendly{friendly}SHA1D{hash}"
        );
        self.checksum = Some(STANDARD.encode(Sha1::digest(fields)));
    }

    /// Reads a description. One without a hash describes nothing: servers write it for "none".
    pub fn read(text: &str) -> Option<Self> {
        let element = xml::parse(text.as_bytes()).ok()?;
        if !element.name().eq_ignore_ascii_case("msnobj") {
            return None;
        }
        let attribute = |name| element.attribute(name).unwrap_or_default().to_owned();
        let object = Self {
            creator: attribute("Creator"),
            size: attribute("Size").parse().unwrap_or_default(),
            kind: attribute("Type").parse().unwrap_or_default(),
            location: attribute("Location"),
            friendly: attribute("Friendly"),
            hash: attribute("SHA1D"),
            checksum: element.attribute("SHA1C").map(str::to_owned),
        };
        (!object.hash.is_empty()).then_some(object)
    }

    /// Gives its name for people; none where it has none, or it is not as names are written.
    pub fn friendly_name(&self) -> Option<String> {
        let bytes = STANDARD.decode(&self.friendly).ok()?;
        let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        let name = String::from_utf16(&units).ok()?;
        (!name.is_empty()).then_some(name)
    }

    /// Writes the description.
    pub fn write(&self) -> String {
        let checksum = self.checksum.as_deref();
        let checksum = checksum.map(|hash| format!(" SHA1C=\"{}\"", escaped(hash)));
        format!(
            "<msnobj Creator=\"{}\" Size=\"{}\" Type=\"{}\" Location=\"{}\" Friendly=\"{}\" \
             SHA1D=\"{}\"{}/>",
            escaped(&self.creator),
            self.size,
            self.kind,
            escaped(&self.location),
            escaped(&self.friendly),
            escaped(&self.hash),
            checksum.unwrap_or_default()
        )
    }
}

/// What is playing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// The program, often empty.
    pub program: String,
    /// `Music`, `Games` or `Office`.
    pub kind: String,
    /// How the words are put together: `{0} - {1}`.
    pub format: String,
    /// The words.
    pub words: Vec<String>,
}

/// Most words of what is playing.
const WORDS_LIMIT: usize = 32;
/// What parts them.
const BETWEEN: &str = "\\0";

impl Media {
    /// Reads it; none when nothing is playing.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(BETWEEN).map(str::to_owned);
        let (program, kind) = (parts.next()?, parts.next()?);
        if parts.next()? != "1" {
            return None;
        }
        let format = parts.next()?;
        let words = parts.take(WORDS_LIMIT).collect();
        Some(Self { program, kind, format, words })
    }

    /// Writes it.
    pub fn write(&self) -> String {
        let head = [self.program.as_str(), self.kind.as_str(), "1", self.format.as_str()];
        let words = self.words.iter().map(String::as_str);
        head.into_iter().chain(words).collect::<Vec<_>>().join(BETWEEN)
    }

    /// Puts the words together as the format says.
    pub fn shown(&self) -> String {
        let numbered = self.words.iter().enumerate();
        numbered.fold(self.format.clone(), |text, (number, word)| {
            // A word that looks like a place is not one: places are filled from the front.
            text.replacen(&format!("{{{number}}}"), word, 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_read_back_and_empty_ones_are_none() {
        let object = Object {
            creator: "bob@example.com".to_owned(),
            size: 22731,
            kind: 3,
            location: "TFR2C.tmp".to_owned(),
            friendly: "AAA=".to_owned(),
            hash: "0jm94Gjt9FXmrvBZO3zCGyjH0zA=".to_owned(),
            checksum: Some("3o/lBEMsIdvTbHfd0fArbKZo5AY=".to_owned()),
        };
        assert_eq!(Object::read(&object.write()), Some(object));
        for none in ["<msnobj/>", "0", "", "<msnobj SHA1D=\"\"/>", "<x SHA1D=\"a\"/>", "<msnobj"] {
            assert_eq!(Object::read(none), None, "{none}");
        }
    }

    #[test]
    fn names_for_people_read_back() {
        let plain = Object::describing("bob@example.com", Object::WINK, "0", b"x");
        let named = plain.clone().named("Käse ☃");
        assert_eq!(named.friendly_name().as_deref(), Some("Käse ☃"));
        assert_ne!(named.checksum, plain.checksum);
        assert_eq!((plain.friendly_name(), plain.clone().named("")), (None, plain));
    }

    #[test]
    fn what_is_playing_is_put_together() {
        let text = r"\0Music\01\0{0} - {1}\0Song\0Artist\0Album\0\0";
        let media = Media::read(text).unwrap();
        assert_eq!((media.kind.as_str(), media.shown()), ("Music", "Song - Artist".to_owned()));
        assert_eq!(media.write(), text);
        for none in ["", "x", r"\0Music\00\0{0}\0Song", r"\0Music"] {
            assert_eq!(Media::read(none), None, "{none}");
        }
    }
}
