//! Which engine keeps a store, and how it is opened.

use std::{fmt, path::Path, str::FromStr};

/// An engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// redb: one file, copy on write, its own syncs. Built in with the feature `redb` only.
    Redb,
    /// sled 0.34.7, held to a discipline.
    #[default]
    Sled,
}

impl Engine {
    const ALL: [Self; 2] = [Self::Sled, Self::Redb];

    /// Names it as the configuration does.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redb => "redb",
            Self::Sled => "sled",
        }
    }

    /// Tells whether this program can use it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Redb => cfg!(feature = "redb"),
            Self::Sled => true,
        }
    }

    /// Tells whose files are in a directory; none in an empty one.
    pub fn of(directory: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| directory.join(engine.files()).exists())
    }

    /// What its files are called.
    pub(crate) fn files(self) -> &'static str {
        match self {
            Self::Redb => "store.redb",
            Self::Sled => "sled",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == name);
        found.ok_or_else(|| format!("there is no engine {name:?}; there are sled and redb"))
    }
}

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Whose files.
    pub engine: Engine,
    /// Bytes of pages kept in memory; sled's own default is 1 GiB.
    pub cache_bytes: u64,
    /// A store smaller than this on disk is not written anew by itself.
    pub compact_above: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            cache_bytes: 8 * 1024 * 1024,
            compact_above: 256 * 1024 * 1024,
        }
    }
}

impl StoreOptions {
    /// The same with another engine.
    #[must_use]
    pub fn with_engine(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }
}
