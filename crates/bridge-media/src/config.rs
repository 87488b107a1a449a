//! The `[media]` section of the configuration.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::spool::Limits;

/// Files and pictures that cross: how large, and how long they are kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// How people reach the bridge's `http.listen` from outside, through your reverse proxy. With it,
    /// files reach networks that take none as addresses under `/media/`, which expire. Left out, only
    /// their names do.
    #[schemars(example = &"https://bridge.example.com")]
    pub public_url: Option<String>,
    /// Largest file that crosses.
    pub max_size: String,
    /// Most disk all kept files may take; beyond it those that were not wanted for longest go.
    pub quota: String,
    /// How long a file is kept after it was last wanted, and how long its address opens it.
    pub keep: String,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            max_size: "50 MiB".to_owned(),
            quota: "5 GiB".to_owned(),
            keep: "7 days".to_owned(),
        }
    }
}

impl MediaConfig {
    /// Reads the limits.
    ///
    /// # Errors
    /// Every key that is wrong, and how to mend it.
    pub fn limits(&self) -> Result<Limits, Vec<(&'static str, String)>> {
        let mut found = Vec::new();
        let mut bytes = |key, text: &str| {
            size(text).unwrap_or_else(|| {
                found.push((key, "must be a size such as \"50 MiB\" (KiB, MiB, GiB)".to_owned()));
                u64::MAX
            })
        };
        let (max_size, quota) = (bytes("max_size", &self.max_size), bytes("quota", &self.quota));
        if found.is_empty() && quota < max_size {
            found.push(("quota", "must hold one file of max_size at least".to_owned()));
        }
        let keep = time(&self.keep).unwrap_or_else(|| {
            let text = "must be a time such as \"7 days\" (seconds, minutes, hours, days)";
            found.push(("keep", text.to_owned()));
            Duration::ZERO
        });
        let usable = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        if let Some(url) = &self.public_url
            && !Url::parse(url).is_ok_and(|url| usable(&url))
        {
            let text = "must be an address such as https://bridge.example.com, without a query";
            found.push(("public_url", text.to_owned()));
        }
        if found.is_empty() { Ok(Limits { max_size, quota, keep }) } else { Err(found) }
    }
}

/// Reads a number and its unit; nothing is nothing anybody means.
fn measured<'a>(text: &'a str) -> Option<(u64, &'a str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some((number, unit.trim()))
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = measured(text.trim())?;
    let unit = match unit {
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        "GiB" => 1024 * 1024 * 1024,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn time(text: &str) -> Option<Duration> {
    let (number, unit) = measured(text.trim())?;
    let unit = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 24 * 3600,
        _ => return None,
    };
    // A century is longer than anything is kept, and no sum of it with a moment is too much.
    let seconds = number.checked_mul(unit).filter(|seconds| *seconds <= 100 * 366 * 24 * 3600)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        let limits = MediaConfig::default().limits().unwrap();
        assert_eq!((limits.max_size, limits.quota), (50 << 20, 5 << 30));
        assert_eq!(limits.keep, Duration::from_secs(7 * 24 * 3600));
        for (text, bytes) in
            [("1KiB", Some(1024)), ("2 GiB", Some(2 << 30)), (" 3 MiB ", Some(3 << 20))]
        {
            assert_eq!(size(text), bytes, "{text}");
        }
        for wrong in [
            "",
            "50",
            "50 MB",
            "-1 MiB",
            "0 MiB",
            "MiB",
            "99999999999999999999 KiB",
            "99999999999 GiB",
        ] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        for (text, seconds) in [("1 second", 1), ("90 minutes", 5400), ("1 day", 86_400)] {
            assert_eq!(time(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "7", "7 moons", "0 days", "999999999 days"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_wrong_key_is_named() {
        let wrong = MediaConfig {
            public_url: Some("bridge.example.com".to_owned()),
            max_size: "much".to_owned(),
            quota: "all".to_owned(),
            keep: "long".to_owned(),
        };
        let keys: Vec<_> = wrong.limits().unwrap_err().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["max_size", "quota", "keep", "public_url"]);
        let small = MediaConfig { quota: "1 MiB".to_owned(), ..MediaConfig::default() };
        assert_eq!(small.limits().unwrap_err().first().unwrap().0, "quota");
    }
}
