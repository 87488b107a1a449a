//! Names of things, each minted only by the network that owns it and opaque to everybody else.
//!
//! `Display` is for people. `Debug` is for logs: there an id that may hold an address prints as its hash
//! ([`redact`](crate::redact)).

use std::{fmt, str::FromStr, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::redact::Redacted;

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident $printed:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the owner's spelling as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Gives back the owner's spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                text_id!(@$printed self.0, f)
            }
        }
    )+};
    (@open $text:expr, $f:ident) => { $f.write_str(&$text) };
    (@redacted $text:expr, $f:ident) => { fmt::Display::fmt(&Redacted(&*$text), $f) };
}

text_id! {
    /// A conversation on a network people sign in to: on MSN the peer's address, or a group's id.
    ChatId redacted;
    /// A signed-in account of a network, unique in this bridge, such as `msn:ada@example.com`.
    LoginId redacted;
    /// A picture, sound or file, as the network that holds it names it.
    MediaId open;
    /// A message as its own network names it: an event id on Matrix.
    MessageId open;
    /// A network: `msn`, `matrix`, `console`.
    NetworkId open;
    /// A person as the network that knows her names her: an MSN address, a Matrix user id.
    PersonaId redacted;
    /// A place where an [`Adapter`](crate::Adapter) shows a conversation: a Matrix room.
    RoomId redacted;
    /// What makes an event the same event when its network tells it twice.
    ///
    /// Kept for seven days beside the name of the network to drop repetitions.
    SourceId redacted;
}

/// A conversation of this bridge: a log and its legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortalId(pub Uuid);

/// One accepted event; ordered by time. The name of a message across all networks and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowId(pub Uuid);

macro_rules! row_id {
    ($($name:ident),+) => {$(
        impl $name {
            /// Mints a new one; later ones sort after earlier ones.
            #[expect(clippy::new_without_default, reason = "each call gives another value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }
    )+};
}

row_id!(PortalId, RowId);

impl RowId {
    /// Tells when it was minted.
    pub fn minted(self) -> Timestamp {
        let (seconds, nanos) =
            self.0.get_timestamp().map(|time| time.to_unix()).unwrap_or_default();
        Timestamp(seconds * 1000 + u64::from(nanos / 1_000_000))
    }

    /// Gives the end of its name, short enough to be typed.
    pub fn short(self) -> String {
        let name = self.to_string();
        name.get(name.len().saturating_sub(8)..).unwrap_or(&name).to_owned()
    }
}

/// The bytes of a file by their SHA-256: the same bytes have the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaHash(pub [u8; 32]);

impl fmt::Display for MediaHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for MediaHash {
    type Err = NoHash;

    /// Reads 64 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, NoHash> {
        let mut hash = [0; 32];
        if text.len() != 64 {
            return Err(NoHash);
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let [high, low] = digits else { return Err(NoHash) };
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(hash))
    }
}

fn digit(letter: u8) -> Result<u8, NoHash> {
    match letter {
        b'0'..=b'9' => Ok(letter - b'0'),
        b'a'..=b'f' => Ok(letter - b'a' + 10),
        _ => Err(NoHash),
    }
}

/// A text that names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hexadecimal digits")]
pub struct NoHash;

/// A moment of the wall clock, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Reads the wall clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Gives its day in UTC, as `2024-02-29`.
    pub fn date(self) -> String {
        // Days since 1970 to a date, by the civil calendar's 400-year cycle.
        let shifted = self.0 / 86_400_000 + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// Names one delivery of one event to one leg: the same at each attempt.
///
/// A network with idempotent sending (Matrix transaction ids) uses it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The event.
    pub row: RowId,
    /// The leg it goes to.
    pub leg: u16,
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.row, self.leg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_their_day() {
        for (millis, day) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (1_709_251_199_999, "2024-02-29"),
            (1_709_251_200_000, "2024-03-01"),
            (4_102_444_800_000, "2100-01-01"),
        ] {
            assert_eq!(Timestamp(millis).date(), day);
        }
    }

    #[test]
    fn a_hash_reads_as_it_is_written_and_nothing_else_does() {
        let hash = MediaHash(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        let upper = hash.to_string().to_uppercase();
        for wrong in ["", "00", &upper, &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<MediaHash>(), Err(NoHash), "{wrong}");
        }
    }
}
