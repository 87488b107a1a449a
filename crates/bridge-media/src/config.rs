//! The `[media]` section of the configuration.

use bridge_core::config::{ByteSize, Period};
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
    pub max_size: ByteSize,
    /// Most disk all kept files may take; beyond it those that were not wanted for longest go.
    pub quota: ByteSize,
    /// How long a file is kept after it was last wanted, and how long its address opens it.
    pub keep: Period,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            max_size: ByteSize::mib(50),
            quota: ByteSize::gib(5),
            keep: Period::days(7),
        }
    }
}

impl MediaConfig {
    /// Gives the limits of the spool.
    pub fn limits(&self) -> Limits {
        let Self { max_size, quota, keep, .. } = self;
        Limits { max_size: max_size.get(), quota: quota.get(), keep: keep.duration() }
    }

    /// Lists what types cannot see: keys, and how to mend them.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if self.public_url.as_ref().is_some_and(|url| !is_usable(url)) {
            let text = "must be an address such as https://bridge.example.com, without a query";
            found.push(("public_url", text));
        }
        if self.max_size.get() == 0 {
            found.push(("max_size", "must be more than nothing, such as \"50 MiB\""));
        }
        if self.quota < self.max_size {
            found.push(("quota", "must hold one file of media.max_size at least"));
        }
        if !(Period::seconds(1)..=Period::days(36_500)).contains(&self.keep) {
            found.push(("keep", "must be between a second and a century, such as \"7 days\""));
        }
        found
    }
}

/// Tells whether addresses can begin with it.
fn is_usable(url: &str) -> bool {
    let bare = |url: &Url| {
        url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && bare(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_key_is_named() {
        assert_eq!(MediaConfig::default().problems(), []);
        let wrong = MediaConfig {
            public_url: Some("bridge.example.com".to_owned()),
            max_size: ByteSize::bytes(0),
            quota: ByteSize::gib(1),
            keep: Period::seconds(0),
        };
        let keys: Vec<_> = wrong.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["public_url", "max_size", "keep"]);
        let small = MediaConfig { quota: ByteSize::mib(1), ..MediaConfig::default() };
        assert_eq!(small.problems().first().map(|(key, _)| *key), Some("quota"));
    }

    #[test]
    fn a_public_address_has_a_host_and_nothing_after_its_path() {
        for (url, usable) in [
            ("https://bridge.example.com", true),
            ("http://127.0.0.1:29401/files/", true),
            ("ftp://bridge.example.com", false),
            ("https://a:b@bridge.example.com", false),
            ("https://bridge.example.com/?a=b", false),
            ("https://", false),
        ] {
            assert_eq!(is_usable(url), usable, "{url}");
        }
    }
}
