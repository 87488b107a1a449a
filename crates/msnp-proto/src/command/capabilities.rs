//! What a client can do, as it tells everybody.
//!
//! ```text
//! C: CHG 8 NLN 1342177316          (MSNP8 to 15)
//! C: CHG 11 NLN 2789003324:48      (from MSNP16)
//! ```

use std::{fmt, str::FromStr};

use crate::arg::decimal;

/// The bits of the first number that have a name (docs: protocol, capabilities).
const NAMES: [(u64, &str); 27] = [
    (0x1, "mobile-online"),
    (0x2, "msn-explorer"),
    (0x4, "ink-gif"),
    (0x8, "ink-isf"),
    (0x10, "webcam"),
    (0x20, "chunks"),
    (0x40, "mobile"),
    (0x80, "web-watch"),
    (0x100, "activities"),
    (0x200, "web-client"),
    (0x400, "mobile-client"),
    (0x800, "gateway"),
    (0x1000, "space"),
    (0x2000, "media-center"),
    (0x4000, "direct-im"),
    (0x8000, "winks"),
    (0x1_0000, "shared-search"),
    (0x2_0000, "bot"),
    (0x4_0000, "voice-clips"),
    (0x8_0000, "secure-channel"),
    (0x10_0000, "sip"),
    (0x20_0000, "tunnelled-sip"),
    (0x40_0000, "shared-folders"),
    (0x80_0000, "page-mode"),
    (0x100_0000, "onecare"),
    (0x200_0000, "turn"),
    (0x400_0000, "bootstrap"),
];

/// The bits of the second number that have a name.
const EXTENDED_NAMES: [(u64, &str); 28] = [
    (0x1, "sms-only"),
    (0x2, "voice"),
    (0x4, "uucp-sip"),
    (0x8, "application-messages"),
    (0x10, "video"),
    (0x20, "p2p-v2"),
    (0x40, "authenticated-web"),
    (0x80, "one-to-one-by-group"),
    (0x100, "offline-messages"),
    (0x200, "shared-video"),
    (0x400, "nudges"),
    (0x800, "circle-voice"),
    (0x1000, "sharing"),
    (0x2000, "mobile-suspend"),
    (0x8000, "p2p-mixer"),
    (0x2_0000, "file-in-window"),
    (0x4_0000, "wide-video"),
    (0x8_0000, "p2p-envelope"),
    (0x40_0000, "no-yahoo"),
    (0x80_0000, "sip-tunnel-v2"),
    (0x100_0000, "wma-voice-clips"),
    (0x200_0000, "circle-voice-clips"),
    (0x400_0000, "social-news"),
    (0x800_0000, "custom-emoticons"),
    (0x1000_0000, "utf8-moods"),
    (0x2000_0000, "fturn"),
    (0x4000_0000, "activity"),
    (0x8000_0000, "multiparty"),
];

/// What a client can do: one number, and from MSNP16 a second one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// The first number; its upper four bits are the client's generation.
    pub bits: u64,
    /// The second number.
    pub extended: Option<u64>,
}

impl Capabilities {
    /// Makes those of one number.
    pub const fn of(bits: u64) -> Self {
        Self { bits, extended: None }
    }

    /// Gives them as a version writes them.
    pub(crate) fn for_version(self, version: crate::Version) -> Self {
        let extended = version.has_extended_capabilities();
        Self { extended: extended.then(|| self.extended.unwrap_or_default()), ..self }
    }

    /// Gives the names of what is set, in the order of the bits.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let named = |names: &'static [(u64, &'static str)], bits: u64| {
            names.iter().filter(move |(bit, _)| bits & bit != 0).map(|(_, name)| *name)
        };
        named(&NAMES, self.bits).chain(named(&EXTENDED_NAMES, self.extended.unwrap_or_default()))
    }

    /// Gives the client's generation: 0 before Messenger 6.0, 12 for Live Messenger 2012.
    pub fn generation(self) -> u8 {
        u8::try_from((self.bits >> 28) & 0xF).unwrap_or_default()
    }

    /// Reads them from the wire.
    pub(crate) fn from_wire(word: &[u8]) -> Option<Self> {
        if let Some(bits) = decimal(word) {
            return Some(Self::of(bits));
        }
        str::from_utf8(word).ok()?.parse().ok()
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.extended {
            Some(extended) => write!(f, "{}:{extended}", self.bits),
            None => write!(f, "{}", self.bits),
        }
    }
}

/// The text is no capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number, nor two with a colon between them")]
pub struct NoCapabilities;

impl FromStr for Capabilities {
    type Err = NoCapabilities;

    /// Reads `2789003324` or `2789003324:48`; numbers have no sign and no more than 19 digits.
    fn from_str(text: &str) -> Result<Self, NoCapabilities> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.len() <= 19;
            let digits = digits && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| digits).ok_or(NoCapabilities)
        };
        match text.split_once(':') {
            Some((bits, extended)) => {
                Ok(Self { bits: number(bits)?, extended: Some(number(extended)?) })
            }
            None => Ok(Self::of(number(text)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_names_and_a_generation() {
        let read: Capabilities = "2789003324:48".parse().unwrap();
        assert_eq!(read.to_string(), "2789003324:48");
        assert_eq!(read.generation(), 10);
        let names: Vec<&str> = read.names().collect();
        assert!(names.contains(&"winks") && names.contains(&"p2p-v2"), "{names:?}");
        for wrong in ["", ":", "1:", "-1", "+1", "1:2:3", "99999999999999999999", "x"] {
            assert!(wrong.parse::<Capabilities>().is_err(), "{wrong}");
        }
    }
}
