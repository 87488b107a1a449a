//! Where mappings and waiting messages live: a small ordered key-value store.
//!
//! Engines implement [`Store`]; everything above works with [`Table`]s, whose keys are built by
//! [`KeyBuilder`] and whose values begin with a version byte. One [`Batch`] is one story: it is
//! stored whole or not at all.

mod batch;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod key;
mod memory;
mod namespace;
mod table;

use std::path::Path;

use async_trait::async_trait;
use serde::Serialize;

pub use self::{
    batch::{Batch, Fence, Operation, Precondition},
    key::{Key, KeyBuilder, KeyRange, MAX_KEY_LENGTH, MAX_VALUE_LENGTH, TableId},
    memory::MemoryStore,
    namespace::Namespace,
    table::{Record, Table},
};

use crate::id::Timestamp;

/// A stored value; its first byte is the version of its form.
pub type Value = Vec<u8>;

/// An engine: ordered bytes, atomic batches, a promise of durability.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads one value.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed; absence is not an error.
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError>;

    /// Reads values in key order, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed.
    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError>;

    /// Gives the last key of a range, without reading a value.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed.
    async fn last_key(&self, range: KeyRange) -> Result<Option<Key>, StoreError>;

    /// Checks the fence and the preconditions and applies the operations, all or nothing.
    ///
    /// With [`Durability::Durable`] the answer comes after the batch, and every batch committed
    /// before it, would survive a loss of power. With [`Durability::Relaxed`] it survives the
    /// death of the process soon and a loss of power within a second or so.
    /// Commits handed in from one task are applied in that order.
    ///
    /// # Errors
    /// [`CommitError::Precondition`] names the first precondition that did not hold,
    /// [`CommitError::Fenced`] says that somebody else owns this share now; nothing was applied.
    async fn commit(&self, batch: Batch, durability: Durability) -> Result<(), CommitError>;

    /// Tells how much is stored.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed.
    async fn stats(&self) -> Result<StoreStats, StoreError>;

    /// Writes everything, as it is at one moment, to a file that tells when it is damaged.
    ///
    /// # Errors
    /// [`StoreError::Engine`] with the engine's or the file system's words; a file that was there
    /// before is untouched then.
    async fn backup(&self, to: &Path) -> Result<BackupFacts, StoreError>;

    /// Has the store written anew when it is opened the next time, for the room it takes.
    ///
    /// # Errors
    /// [`StoreError::Engine`] when that cannot be noted, or the engine has no files.
    async fn compact_at_next_open(&self) -> Result<(), StoreError>;

    /// Makes everything committed durable and lets go of the files. Later calls fail with
    /// [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError`] when the last sync failed.
    async fn close(&self) -> Result<(), StoreError>;
}

/// What a commit's answer promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It would survive a loss of power.
    Durable,
    /// It may be lost with the power, never torn.
    Relaxed,
}

/// How much is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes on disk; zero for a store in memory.
    pub disk_bytes: u64,
    /// Batches committed since the store was opened.
    pub commits: u64,
    /// Syncs since the store was opened; group commit makes it fewer than the commits.
    pub syncs: u64,
}

/// What is in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BackupFacts {
    /// The number of the stored form.
    pub schema: u32,
    /// When it was made.
    pub made: Timestamp,
    /// How many entries it has.
    pub entries: u64,
    /// Bytes of all entries.
    pub bytes: u64,
}

/// Why the engine failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was closed, or its thread ended.
    #[error("the store is closed")]
    Closed,
    /// A stored value is not what this version writes there.
    #[error("a value in table {table:#04x} cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: u8,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk or the engine failed; the text is the engine's.
    #[error("the storage engine failed: {0}")]
    Engine(String),
    /// A key or value is longer than a store takes.
    #[error("{what} of {length} bytes is longer than the {limit} a store takes")]
    TooLong {
        /// `key` or `value`.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
}

/// Why a batch was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Somebody took over this share of the work; this process must not write for it any more.
    #[error("share {shard} belongs to turn {newest} now")]
    Fenced {
        /// The share.
        shard: u32,
        /// The newest turn that wrote.
        newest: u64,
    },
    /// The precondition of this number did not hold.
    #[error("precondition {0} does not hold")]
    Precondition(usize),
    /// The engine failed; whether the batch is stored is unknown until the store is opened again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a whole range, a page at a time.
pub(crate) async fn scan_all(
    store: &dyn Store,
    range: KeyRange,
) -> Result<Vec<(Key, Value)>, StoreError> {
    const PAGE: usize = 1000;
    let mut all = Vec::new();
    let mut from = range.clone();
    loop {
        let page = store.scan(from.clone(), PAGE).await?;
        let full = page.len() == PAGE;
        all.extend(page);
        match all.last() {
            Some((last, _)) if full => {
                let after = Key::from_bytes([last.as_bytes(), &[0]].concat());
                from = range.clone().starting_at(after);
            }
            _ => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn the_memory_engine_conforms() {
        conformance::run_all(|| async {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            store
        })
        .await;
    }
}
