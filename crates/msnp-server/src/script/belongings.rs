//! What a scripted contact shows and gives: a place, a picture, an emoticon, a file. All are made of its
//! address, so that they are the same at every start.

use std::{fmt::Write as _, sync::Arc};

use msnp_proto::msg::{Emoticon, Object};
use sha2::{Digest as _, Sha256};

use super::{clips, png};

/// The letters its emoticon stands for.
pub(super) const SHORTCUT: &str = ":disc:";
/// The name of the file it offers.
pub(super) const FILE_NAME: &str = "numbers.txt";
/// What its wink is called.
const WINK: &str = "Rising disc";
/// How many lines that has.
const LINES: u32 = 5000;

/// What a scripted contact has.
pub(super) struct Belongings {
    /// The id of the place it is at, without braces.
    pub(super) place: String,
    pub(super) picture: Served,
    pub(super) emoticon: Served,
    pub(super) voice: Served,
    pub(super) wink: Served,
    /// The bytes of the file it offers.
    pub(super) file: Arc<[u8]>,
}

/// An object and its bytes.
pub(super) struct Served {
    pub(super) object: Object,
    pub(super) bytes: Arc<[u8]>,
}

impl Belongings {
    pub(super) fn of(account: &str) -> Self {
        let account = account.to_lowercase();
        let [r, g, b, rest @ ..]: [u8; 32] = Sha256::digest(&account).into();
        let colours = [[r, g, b], [!r, !g, !b]];
        let [bright, dark] = [[0xFF, 0xD8, 0x20], [0x40, 0x30, 0x00]];
        let mut file = String::new();
        for number in 1..=LINES {
            let _ = writeln!(file, "{number}");
        }
        Self {
            place: guid(&rest),
            picture: Served::new(&account, Object::PICTURE, "picture.png", png::disc(96, colours)),
            emoticon: Served::new(
                &account,
                Object::EMOTICON,
                "emoticon.png",
                png::disc(19, [dark, bright]),
            ),
            voice: Served::new(&account, Object::VOICE, "voice.wav", clips::voice()),
            wink: Served::new(&account, Object::WINK, "0", clips::wink(&png::disc(96, colours)))
                .called(WINK),
            file: file.into_bytes().into(),
        }
    }

    /// Says which letters of its words the emoticon stands for.
    pub(super) fn emoticons(&self) -> Vec<Emoticon> {
        let (shortcut, description) = (SHORTCUT.to_owned(), self.emoticon.description());
        vec![Emoticon { shortcut, description, moves: false }]
    }
}

impl Served {
    fn new(account: &str, kind: u32, location: &str, bytes: Vec<u8>) -> Self {
        let object = Object::describing(account, kind, location, &bytes);
        Self { object, bytes: bytes.into() }
    }

    /// Gives it a name for people.
    fn called(self, name: &str) -> Self {
        Self { object: self.object.named(name), ..self }
    }

    pub(super) fn description(&self) -> String {
        self.object.write()
    }
}

fn guid(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0..8), part(8..12), part(13..16), part(17..20), part(20..32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contact_has_a_picture_and_a_place_of_its_own() {
        let [echo, again, other] =
            ["Echo@example.com", "echo@example.com", "other@example.com"].map(Belongings::of);
        assert_eq!(echo.picture.object, again.picture.object);
        assert_ne!(echo.picture.object.hash, other.picture.object.hash);
        assert_eq!((echo.place.len(), &echo.place[14..15]), (36, "4"));
        assert_ne!(echo.place, other.place);
        assert_eq!(echo.file.len(), 23_893);
    }
}
