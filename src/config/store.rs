//! The section of the store.

use bridge_core::config::ByteSize;
use bridge_store::{Engine, StoreOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Where mappings and waiting messages are kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The engine: `sled`, or `redb` where the program was built with it. A store that is there
    /// already moves by `msn-bridge migrate --to redb`.
    pub engine: StoreEngine,
    /// How much of its files is held in memory. sled needs about seven times as much memory for that.
    pub cache: ByteSize,
    /// How many backups are kept; one is made each hour in which something changed.
    #[schemars(range(min = 1))]
    pub backups: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let cache = ByteSize::mib(8);
        Self { engine: StoreEngine::Sled, cache, backups: 24 }
    }
}

/// An engine that keeps a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreEngine {
    /// redb, maintained, in one file.
    Redb,
    /// sled, what the bridge has always used.
    Sled,
}

impl From<StoreEngine> for Engine {
    fn from(engine: StoreEngine) -> Self {
        match engine {
            StoreEngine::Redb => Self::Redb,
            StoreEngine::Sled => Self::Sled,
        }
    }
}

impl StoreConfig {
    /// Gives what the store is opened with.
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            engine: self.engine.into(),
            cache_bytes: self.cache.get(),
            ..StoreOptions::default()
        }
    }
}

pub(super) fn problems(config: &StoreConfig) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |key: &str, text: &str| {
        found.push(Problem { key: format!("store.{key}"), text: text.to_owned() });
    };
    if !Engine::from(config.engine).is_built_in() {
        say(
            "engine",
            "this program was built without redb: say \"sled\", or build it with --features redb",
        );
    }
    if config.backups == 0 {
        say("backups", "must be 1 or more: without a backup a damaged store is a lost one");
    }
    found
}
