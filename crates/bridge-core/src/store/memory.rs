//! An engine in memory, for tests and for nothing else: it forgets everything.

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{
    BackupFacts, Batch, CommitError, Durability, Key, KeyRange, Operation, Precondition, Store,
    StoreError, StoreStats, Value,
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

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        Ok(self.open()?.values.get(key).cloned())
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let end = range.end.map_or(Bound::Unbounded, Bound::Excluded);
        let inner = self.open()?;
        let found = inner.values.range((Bound::Included(range.start), end)).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<(), CommitError> {
        let mut inner = self.open()?;
        for (number, precondition) in batch.preconditions.iter().enumerate() {
            let holds = match precondition {
                Precondition::Absent(key) => !inner.values.contains_key(key),
                Precondition::Equals(key, value) => inner.values.get(key) == Some(value),
            };
            if !holds {
                return Err(CommitError::Precondition(number));
            }
        }
        for operation in batch.operations {
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

    async fn close(&self) -> Result<(), StoreError> {
        self.open()?.closed = true;
        Ok(())
    }
}
