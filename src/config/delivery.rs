//! The `[delivery]` and `[retention]` sections: how long messages wait, and how long things are kept.

use std::time::Duration;

use bridge_core::{OnAmbiguous, OnLogout, Retention, config::Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, Problem};

/// How messages are delivered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeliveryConfig {
    /// How long a message may wait for a place that does not take it, before its sender is told that it was
    /// given up. A homeserver remembers for about a day what it has taken; past that a repetition may
    /// show.
    pub max_age: Period,
    /// How many messages may wait in one conversation, before its sources are asked to come again.
    pub high_water: u64,
    /// What is done about a message to MSN that may or may not have arrived, as when the connection
    /// breaks before the answer: `resend` sends it once more, marked as a possible repetition; `ask` tells
    /// its sender, who may `retry`.
    pub on_ambiguous: AmbiguousPolicy,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            max_age: Period::hours(24),
            high_water: 10_000,
            on_ambiguous: AmbiguousPolicy::Resend,
        }
    }
}

/// What is done about a message that may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AmbiguousPolicy {
    /// Its sender is told, and decides.
    Ask,
    /// It is sent once more, with a mark.
    Resend,
}

/// How long what is not needed for delivery any more is kept in the store; see the book's page "What is
/// stored".
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// What admins did in somebody's name.
    pub audit: Period,
    /// Messages that did not arrive, with their words, so that `retry` can send them again. `0s` keeps
    /// none.
    pub failed: Period,
    /// Names of messages (Matrix event ids, Discord message ids), by which an edit, an answer or a removal
    /// finds what it is about.
    pub names: Period,
    /// Which events were seen, so that one that is told again is not taken for another.
    pub seen: Period,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            audit: Period::days(90),
            failed: Period::hours(24),
            names: Period::days(90),
            seen: Period::days(7),
        }
    }
}

impl RetentionConfig {
    /// Gives the times as the core takes them.
    pub fn retention(&self) -> Retention {
        Retention {
            audit: self.audit.duration(),
            failed: self.failed.duration(),
            names: self.names.duration(),
            seen: self.seen.duration(),
        }
    }
}

/// What becomes of an account's rooms when it is signed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogoutPolicy {
    /// Its conversations and all that is stored of them go.
    Delete,
    /// They stay as they are.
    #[default]
    Keep,
    /// The bridge leaves the rooms and remembers the conversations.
    Leave,
}

impl From<AmbiguousPolicy> for OnAmbiguous {
    fn from(policy: AmbiguousPolicy) -> Self {
        match policy {
            AmbiguousPolicy::Ask => Self::Ask,
            AmbiguousPolicy::Resend => Self::Resend,
        }
    }
}

impl From<LogoutPolicy> for OnLogout {
    fn from(policy: LogoutPolicy) -> Self {
        match policy {
            LogoutPolicy::Delete => Self::Delete,
            LogoutPolicy::Keep => Self::Keep,
            LogoutPolicy::Leave => Self::Leave,
        }
    }
}

/// Lists what is wrong with these sections, as far as types cannot see it.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let (minute, day) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));
    let DeliveryConfig { max_age, high_water, .. } = &config.delivery;
    let RetentionConfig { audit, failed, names, seen } = &config.retention;
    let within = |period: &Period, least, most| (least..=most).contains(&period.duration());
    let checks = [
        ("delivery.max_age", within(max_age, minute, 7 * day), "must be from \"1m\" to \"7 days\""),
        (
            "delivery.high_water",
            (10..=1_000_000).contains(high_water),
            "must be from 10 to 1000000",
        ),
        (
            "retention.audit",
            within(audit, day, 3650 * day),
            "must be from \"1 day\" to \"3650 days\"",
        ),
        ("retention.failed", failed.duration() <= 30 * day, "must be at most \"30 days\""),
        (
            "retention.names",
            within(names, day, 3650 * day),
            "must be from \"1 day\" to \"3650 days\"",
        ),
        (
            "retention.seen",
            within(seen, day, 90 * day),
            "must be from \"1 day\" to \"90 days\": sources tell again what was not answered",
        ),
    ];
    let wrong = checks.into_iter().filter(|(_, right, _)| !right);
    wrong.map(|(key, _, text)| Problem { key: key.to_owned(), text: text.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_outside_of_sense_are_said_at_once() {
        let mut config = Config::default();
        assert_eq!(problems(&config), []);
        config.delivery.max_age = Period::seconds(5);
        config.delivery.high_water = 1;
        config.retention.audit = Period::hours(1);
        config.retention.failed = Period::days(31);
        config.retention.names = Period::hours(1);
        config.retention.seen = Period::days(100);
        let keys: Vec<String> = problems(&config).into_iter().map(|found| found.key).collect();
        assert_eq!(
            keys,
            [
                "delivery.max_age",
                "delivery.high_water",
                "retention.audit",
                "retention.failed",
                "retention.names",
                "retention.seen"
            ]
        );
    }
}
