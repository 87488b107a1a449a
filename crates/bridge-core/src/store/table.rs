//! Typed tables: a record has a table, a version byte and a form.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use super::{Batch, Key, KeyRange, Store, StoreError, TableId, Value};

/// Something stored: its table, and the version of its form.
///
/// A form never changes under one version: a snapshot test of its bytes holds that.
pub trait Record: Serialize + DeserializeOwned {
    /// Where it is stored.
    const TABLE: TableId;
    /// The version of its form, the first byte of each stored value.
    const VERSION: u8;
}

/// Reads and writes the records of one table.
#[derive(Debug)]
pub struct Table<R>(PhantomData<fn() -> R>);

impl<R: Record> Table<R> {
    /// Reads one record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the value is not what this version writes.
    pub async fn get(store: &dyn Store, key: &Key) -> Result<Option<R>, StoreError> {
        store.get(key).await?.map(|value| Self::decode(&value)).transpose()
    }

    /// Reads records in key order, at most `limit`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn scan(
        store: &dyn Store,
        range: KeyRange,
        limit: usize,
    ) -> Result<Vec<(Key, R)>, StoreError> {
        let rows = store.scan(range, limit).await?;
        rows.into_iter().map(|(key, value)| Ok((key, Self::decode(&value)?))).collect()
    }

    /// Adds a record to a batch.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] when it does not fit into one value.
    pub fn put(batch: &mut Batch, key: Key, record: &R) -> Result<(), StoreError> {
        batch.put(key, Self::encode(record)?).map(drop)
    }

    /// Gives the bytes of a record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it has no stored form.
    pub fn encode(record: &R) -> Result<Value, StoreError> {
        postcard::to_extend(record, vec![R::VERSION]).map_err(|error| Self::corrupt(&error))
    }

    /// Reads a record from its bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are not this version's.
    pub fn decode(value: &[u8]) -> Result<R, StoreError> {
        match value.split_first() {
            Some((&version, form)) if version == R::VERSION => {
                postcard::from_bytes(form).map_err(|error| Self::corrupt(&error))
            }
            first => Err(Self::corrupt(&format!(
                "its version is {}, not {}",
                first.map_or_else(|| "missing".to_owned(), |(version, _)| version.to_string()),
                R::VERSION
            ))),
        }
    }

    fn corrupt(reason: &impl ToString) -> StoreError {
        StoreError::Corrupt { table: R::TABLE.byte(), reason: reason.to_string() }
    }
}
