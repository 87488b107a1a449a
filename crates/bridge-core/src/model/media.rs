//! Things that are not words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    id::{MediaId, MessageId, Timestamp},
    redact::Redacted,
};

/// Longest name shown to people, in characters.
const NAME_LIMIT: usize = 100;

/// A file somebody sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Where its bytes are.
    pub media: MediaId,
    /// Its name, as the sender gave it; nobody's path.
    pub name: String,
    /// What it is to people.
    pub kind: AttachmentKind,
    /// Its media type, as far as known.
    pub mime: Option<String>,
    /// Its size in bytes, as far as known.
    pub size: Option<u64>,
    /// What the sender wrote under it.
    pub caption: Option<String>,
    /// Where people of other networks may fetch it.
    pub link: Option<Link>,
}

impl Attachment {
    /// Gives its name as it may be shown: no path, no controls, not too long.
    pub fn shown_name(&self) -> String {
        shown_file_name(&self.name)
    }
}

/// Makes a file's name one that may be shown, written into a header or on a disk: the last part of a
/// path, without controls and without marks that turn the writing round, at most 100 characters and
/// 200 bytes.
///
/// The ending is kept where the name is cut. A name of nothing is `file`.
pub fn shown_file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let tame = |c: char| !c.is_control() && !turns_writing(c);
    let name: String = last
        .chars()
        .filter(|c| tame(*c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect();
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() {
        return "file".to_owned();
    }
    let fits = |text: &str| text.chars().count() <= NAME_LIMIT && text.len() <= 2 * NAME_LIMIT;
    if fits(name) {
        return name.to_owned();
    }
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 10 => (stem, format!(".{ending}")),
        _ => (name, String::new()),
    };
    let mut stem = stem.to_owned();
    while !fits(&format!("{stem}{ending}")) && stem.pop().is_some() {}
    format!("{}{ending}", stem.trim_end_matches(['.', ' ']))
}

/// Tells whether a character changes the direction of writing, or is not seen: with such a name
/// `gpj.exe` reads `exe.jpg`.
fn turns_writing(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Says a number of bytes in words for people: rounded up, so that what is said is enough.
pub fn size_in_words(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        0..KIB => format!("{bytes} bytes"),
        size if size.div_ceil(KIB) < KIB => format!("{} KiB", size.div_ceil(KIB)),
        size if size.div_ceil(KIB * KIB) < KIB => format!("{} MiB", size.div_ceil(KIB * KIB)),
        size => format!("{} GiB", size.div_ceil(KIB * KIB * KIB)),
    }
}

/// An address that opens a file for a while, for whoever has it. Prints redacted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The address.
    pub address: String,
    /// Until when it opens.
    pub until: Timestamp,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("until", &self.until).finish_non_exhaustive()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("media", &self.media)
            .field("name", &Redacted(&self.name))
            .field("kind", &self.kind)
            .field("mime", &self.mime)
            .field("size", &self.size)
            .finish()
    }
}

/// What a file is to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AttachmentKind {
    /// Anything.
    File,
    /// Something written by hand.
    Ink,
    /// Something to look at.
    Picture,
    /// A spoken message.
    Voice,
}

/// An animation that plays over the conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wink {
    /// Its name for people.
    pub name: String,
    /// Its bytes, where the network gives them.
    pub media: Option<MediaId>,
}

impl fmt::Debug for Wink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wink")
            .field("name", &Redacted(&self.name))
            .field("media", &self.media)
            .finish()
    }
}

/// How far a file is that somebody takes.
#[derive(Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its message on its own network.
    pub target: MessageId,
    /// Its name, as it may be shown.
    pub name: String,
    /// How many of its bytes went.
    pub done: u64,
    /// How many it has.
    pub size: u64,
    /// Whether it goes on.
    pub stage: Stage,
}

/// Whether a file goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// More of it will go.
    Running,
    /// No more of it will go; nothing is said of what arrived.
    Stopped,
    /// All of it arrived.
    Taken,
}

impl Progress {
    /// Tells how much of it went, from 0 to 100.
    pub fn percent(&self) -> u64 {
        let done = u128::from(self.done.min(self.size));
        let part = (done * 100).checked_div(u128::from(self.size));
        part.and_then(|part| u64::try_from(part).ok()).unwrap_or(100)
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("target", &self.target)
            .field("name", &Redacted(&self.name))
            .field("done", &self.done)
            .field("size", &self.size)
            .field("stage", &self.stage)
            .finish()
    }
}

/// A picture that stands for a few letters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomEmoticon {
    /// The letters, as they stand in the words.
    pub shortcut: String,
    /// The picture.
    pub media: MediaId,
}

impl fmt::Debug for CustomEmoticon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomEmoticon")
            .field("shortcut", &Redacted(&self.shortcut))
            .field("media", &self.media)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lose_paths_controls_and_tricks() {
        for (given, wanted) in [
            ("cat.png", "cat.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\cat.png", "cat.png"),
            ("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"),
            ("\u{202e}gpj.exe", "gpj.exe"),
            (".htaccess", "htaccess"),
            ("..", "file"),
            (". cat.png", "cat.png"),
            ("", "file"),
            ("name. . ", "name"),
            ("Übung für dich.txt", "Übung für dich.txt"),
        ] {
            assert_eq!(shown_file_name(given), wanted, "{given:?}");
        }
        let long = shown_file_name(&format!("{}.png", "é".repeat(500)));
        assert!(long.ends_with("é.png") && long.chars().count() <= NAME_LIMIT, "{long}");
    }

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        for (bytes, words) in
            [(0, "0 bytes"), (1023, "1023 bytes"), (1025, "2 KiB"), (52_428_800, "50 MiB")]
        {
            assert_eq!(size_in_words(bytes), words);
        }
        assert_eq!(size_in_words(u64::MAX), "17179869184 GiB");
    }

    #[test]
    fn parts_of_a_file_are_told_in_percent_whatever_is_said_of_it() {
        let (target, name) = (MessageId::new("m"), String::new());
        let progress = Progress { target, name, done: 0, size: 0, stage: Stage::Running };
        for (done, size, percent) in
            [(0, 0, 100), (0, 10, 0), (5, 11, 45), (20, 10, 100), (u64::MAX, u64::MAX, 100)]
        {
            assert_eq!(Progress { done, size, ..progress.clone() }.percent(), percent);
        }
    }

    proptest! {
        #[test]
        fn any_name_is_safe_to_show(name in "\\PC{0,300}|[\\x00-\\x7f]{0,40}") {
            let shown = shown_file_name(&name);
            prop_assert!(!shown.is_empty() && shown.len() <= 2 * NAME_LIMIT);
            prop_assert!(!shown.contains(['/', '\\', '\r', '\n', '\0']) && !shown.starts_with('.'));
            prop_assert_eq!(shown_file_name(&shown), shown);
        }
    }
}
