//! An engine in memory, for tests and for nothing else: it forgets everything.

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{
    BackupFacts, Batch, CommitError, Durability, Key, KeyRange, Operation, Store, StoreError,
    StoreStats, Value,
};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    values: BTreeMap<Key, Value>,
    stats: StoreStats,
    closed: bool,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn open(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed { Err(StoreError::Closed) } else { Ok(inner) }
    }
}

impl Inner {
    fn range(&self, range: KeyRange) -> impl DoubleEndedIterator<Item = (&Key, &Value)> {
        // A map's own range takes no end before its start.
        let end = if range.is_empty() { Some(range.start.clone()) } else { range.end };
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        self.values.range((Bound::Included(range.start), end))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        Ok(self.open()?.values.get(key).cloned())
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let inner = self.open()?;
        let found = inner.range(range).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn last_key(&self, range: KeyRange) -> Result<Option<Key>, StoreError> {
        Ok(self.open()?.range(range).next_back().map(|(key, _)| key.clone()))
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<(), CommitError> {
        let mut inner = self.open()?;
        let operations = batch.resolve(|key| Ok(inner.values.get(key).cloned()))?;
        for operation in operations {
            match operation {
                Operation::Put(key, value) => drop(inner.values.insert(key, value)),
                Operation::Remove(key) => drop(inner.values.remove(&key)),
            }
        }
        inner.stats.commits += 1;
        inner.stats.syncs += u64::from(durability == Durability::Durable);
        Ok(())
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        Ok(self.open()?.stats)
    }

    async fn backup(&self, _: &Path) -> Result<BackupFacts, StoreError> {
        Err(StoreError::Engine("a store in memory has no backups".to_owned()))
    }

    async fn compact_at_next_open(&self) -> Result<(), StoreError> {
        Err(StoreError::Engine("a store in memory has no files".to_owned()))
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.open()?.closed = true;
        Ok(())
    }
}
