//! Lengths of time and amounts of bytes as people write them in a configuration: `24h`, `7 days`,
//! `50 MiB`.
//!
//! One place reads them, so that every section says them alike and every mistake gets the same answer.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A length of time, such as `90s`, `24h`, `7 days` or `1h 30m`.
///
/// Whole milliseconds; shown in the greatest unit that gives a whole number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

/// An amount of bytes, such as `64 KiB`, `50 MiB` or `2 GB`.
///
/// Shown in the greatest unit that gives a whole number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Why a text is no setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// It says no length of time.
    #[error(
        "{0:?} is no length of time: write whole numbers with a unit, such as \"30s\", \"5 minutes\", \
         \"24h\" or \"7 days\""
    )]
    Period(String),
    /// It says no amount of bytes.
    #[error(
        "{0:?} is no amount of bytes: write a whole number with a unit, such as \"64 KiB\", \"50 MiB\" \
         or \"2 GB\""
    )]
    ByteSize(String),
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Units of time with their milliseconds, the names that are shown first.
const TIMES: [(&[&str], u64); 6] = [
    (&["week", "weeks", "w"], 7 * DAY),
    (&["day", "days", "d"], DAY),
    (&["hour", "hours", "h"], HOUR),
    (&["minute", "minutes", "m", "min"], MINUTE),
    (&["second", "seconds", "s", "sec"], SECOND),
    (&["millisecond", "milliseconds", "ms"], 1),
];
/// Units of bytes, the greatest first: that is the order they are shown in.
const SIZES: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
    ("bytes", 1),
];

impl Period {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many minutes; with overflow, the longest time there is.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// So many hours.
    pub const fn hours(hours: u64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// So many days.
    pub const fn days(days: u64) -> Self {
        Self::hours(days.saturating_mul(24))
    }

    /// Gives the time for timers and sums.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Gives whole milliseconds, the unit of stored times.
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut millis = 0_u64;
        while !rest.is_empty() {
            let (count, unit, after) = number_and_unit(rest)?;
            let (_, each) = TIMES.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
            millis = millis.checked_add(count.checked_mul(*each)?)?;
            rest = after;
        }
        (!text.trim().is_empty()).then(|| Self(Duration::from_millis(millis)))
    }
}

impl ByteSize {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many units of 1024 bytes; with overflow, the greatest amount there is.
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// So many units of 1024 KiB.
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// So many units of 1024 MiB.
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 30))
    }

    /// Gives the bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Gives the bytes as an amount of memory; with overflow, the greatest there is.
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let (count, unit, rest) = number_and_unit(text.trim())?;
        let (_, each) = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&unit))?;
        rest.is_empty().then_some(Self(count.checked_mul(*each)?))
    }
}

/// Splits a whole number and the word after it from the front of a text.
fn number_and_unit(text: &str) -> Option<(u64, String, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at_checked(digits)?;
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(letters)?;
    Some((number.parse().ok()?, unit.to_ascii_lowercase(), rest.trim_start()))
}

impl FromStr for Period {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        Self::parse(text).ok_or_else(|| SettingError::Period(text.to_owned()))
    }
}

impl FromStr for ByteSize {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        Self::parse(text).ok_or_else(|| SettingError::ByteSize(text.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.millis();
        // Weeks are read, not shown: people compare days.
        let shown =
            TIMES.iter().skip(1).find(|(_, each)| millis > 0 && millis.is_multiple_of(*each));
        match shown {
            Some(([one, many, ..], each)) => {
                let count = millis / each;
                write!(f, "{count} {}", if count == 1 { one } else { many })
            }
            _ => f.write_str("0 seconds"),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = SIZES.iter().find(|(_, each)| self.0 > 0 && self.0.is_multiple_of(*each));
        match shown {
            Some((name, each)) => write!(f, "{} {name}", self.0 / each),
            None => f.write_str("0 B"),
        }
    }
}

macro_rules! as_text {
    ($name:ident, $format:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format })
            }
        }
    };
}

// The formats are what the checks of a configuration look for.
as_text!(Period, "period");
as_text!(ByteSize, "byte-size");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("1 minute", 60),
            ("5 minutes", 300),
            ("24h", 86_400),
            (" 7 days ", 604_800),
            ("1w", 604_800),
            ("1h 30m", 5_400),
            ("1h30min", 5_400),
            ("2 Weeks", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Period::seconds(seconds)), "{text}");
        }
        assert_eq!("250ms".parse::<Period>().unwrap().duration(), Duration::from_millis(250));
    }

    #[test]
    fn what_is_no_time_is_said_with_the_right_form() {
        let huge = format!("{} days", u64::MAX);
        for text in ["", " ", "5", "h", "1.5h", "-1h", "5 fortnights", "1h x", &huge] {
            let error = text.parse::<Period>().unwrap_err().to_string();
            assert!(error.contains("7 days"), "{error}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("50 MiB", 50 << 20),
            ("50mib", 50 << 20),
            ("2 GB", 2_000_000_000),
            ("64KiB", 64 << 10),
            ("12 bytes", 12),
            ("0 B", 0),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize::bytes(bytes)), "{text}");
        }
        for text in ["", "50", "MiB", "1.5 GiB", "50 M", "1 GiB 2 MiB", "99999999999 TiB"] {
            let error = text.parse::<ByteSize>().unwrap_err().to_string();
            assert!(error.contains("50 MiB"), "{error}");
        }
    }

    #[test]
    fn they_are_shown_in_the_greatest_whole_unit() {
        for (period, shown) in [
            (Period::days(1), "1 day"),
            (Period::hours(36), "36 hours"),
            (Period::seconds(90), "90 seconds"),
            (Period::days(14), "14 days"),
            (Period::default(), "0 seconds"),
        ] {
            assert_eq!(period.to_string(), shown);
        }
        assert_eq!(ByteSize::mib(50).to_string(), "50 MiB");
        assert_eq!(ByteSize::bytes(1025).to_string(), "1025 B");
        assert_eq!(ByteSize::default().to_string(), "0 B");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_as_the_same(millis in 0..u64::MAX, bytes: u64) {
            let period = Period(Duration::from_millis(millis));
            prop_assert_eq!(period.to_string().parse(), Ok(period));
            let size = ByteSize::bytes(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn no_text_breaks_the_reading(text: String) {
            let _ = (text.parse::<Period>(), text.parse::<ByteSize>());
        }
    }
}
