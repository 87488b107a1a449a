//! What an account looks and sounds like beside its words, in `UUX` and `UBX`.
//!
//! ```text
//! <DDP></DDP><SignatureSound>…</SignatureSound><Scene>…</Scene><ColorScheme>-3</ColorScheme>
//! ```
//! The sound is there from MSNP16, the rest from MSNP18. Pictures and sounds are descriptions as in
//! [`Object`](super::Object), the colour a signed number; all are kept as they come.

use super::personal::{elements, escape};
use crate::{escape::lossy, version::Version};

/// What an account looks and sounds like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The moving display picture's description.
    pub moving_picture: String,
    /// The signature sound's description.
    pub sound: String,
    /// The scene's description: the picture behind the account's name.
    pub scene: String,
    /// The colour scheme, a signed number.
    pub colours: String,
}

impl Look {
    /// Reads the payload of a `UBX` or `UUX`; what it does not have is empty.
    pub fn read(payload: &[u8]) -> Self {
        let xml = lossy(payload);
        let names = ["DDP", "SignatureSound", "Scene", "ColorScheme"];
        let [moving_picture, sound, scene, colours] = elements(&xml, names);
        Self { moving_picture, sound, scene, colours }
    }

    /// Writes what a version has of it, empty elements too.
    pub fn elements(&self, version: Version) -> String {
        let parts = [
            ("DDP", &self.moving_picture, version.has_scenes()),
            ("SignatureSound", &self.sound, version.has_signature_sound()),
            ("Scene", &self.scene, version.has_scenes()),
            ("ColorScheme", &self.colours, version.has_scenes()),
        ];
        let had = parts.iter().filter(|(_, _, has)| *has);
        had.map(|(name, text, _)| format!("<{name}>{}</{name}>", escape(text))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_parts() {
        let look = Look {
            moving_picture: String::new(),
            sound: "<msnobj Type=\"1\"/>".to_owned(),
            scene: "a & b".to_owned(),
            colours: "-3".to_owned(),
        };
        let told = |version: Version| Look::read(look.elements(version).as_bytes());
        assert_eq!(look.elements(Version::Msnp15), "");
        assert_eq!(told(Version::Msnp17), Look { sound: look.sound.clone(), ..Look::default() });
        assert_eq!(told(Version::Msnp18), look);
    }
}
