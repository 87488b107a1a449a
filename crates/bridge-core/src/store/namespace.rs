//! A corner of the store for an adapter's own facts.

use std::sync::Arc;

use secrecy::SecretString;

use super::{Batch, CommitError, Durability, Key, KeyBuilder, Store, StoreError, Table, TableId};
use crate::{
    id::NetworkId,
    record::{Position, cursor_key},
    seal::SealKey,
};

/// Text facts of one network, by text name; nobody else reads or writes them.
#[derive(Clone)]
pub struct Namespace {
    store: Arc<dyn Store>,
    network: NetworkId,
    key: Option<SealKey>,
}

impl Namespace {
    /// Opens the corner of a network.
    pub fn new(store: Arc<dyn Store>, network: NetworkId) -> Self {
        Self { store, network, key: None }
    }

    /// Lets it keep secrets too, sealed with a key.
    #[must_use]
    pub fn with_key(self, key: SealKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Sets a secret fact, sealed for its name, durably.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed, the fact is too long, or there is no key.
    pub async fn put_secret(&self, name: &str, secret: &SecretString) -> Result<(), StoreError> {
        let place = self.key(name);
        let sealed = self.seal_key()?.seal(place.as_bytes(), secret);
        let mut batch = Batch::new();
        batch.put(place, sealed.map_err(|error| StoreError::Engine(error.to_string()))?)?;
        self.commit(batch).await
    }

    /// Reads a secret fact.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed, or it was sealed with another key.
    pub async fn secret(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        let place = self.key(name);
        let Some(sealed) = self.store.get(&place).await? else { return Ok(None) };
        let opened = self.seal_key()?.open(place.as_bytes(), &sealed);
        opened.map(Some).map_err(|error| StoreError::Engine(error.to_string()))
    }

    fn seal_key(&self) -> Result<&SealKey, StoreError> {
        self.key.as_ref().ok_or_else(|| StoreError::Engine("there is no key to seal with".into()))
    }

    /// Reads a fact.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed.
    pub async fn get(&self, name: &str) -> Result<Option<String>, StoreError> {
        let value = self.store.get(&self.key(name)).await?;
        Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Reads all facts whose names begin with `prefix`, by name, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed.
    pub async fn list(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let all = KeyBuilder::new(TableId::Namespace).text(self.network.as_str()).prefix();
        let head = all.start.as_bytes().len();
        let from = Key::from_bytes([all.start.as_bytes(), prefix.as_bytes()].concat());
        let rows = self.store.scan(all.starting_at(from), limit).await?;
        let named = rows.into_iter().map(|(key, value)| {
            let name = key.as_bytes().get(head..).unwrap_or_default();
            let name = name.strip_suffix(&[0, 0]).unwrap_or(name);
            (
                String::from_utf8_lossy(name).into_owned(),
                String::from_utf8_lossy(&value).into_owned(),
            )
        });
        Ok(named.take_while(|(name, _)| name.starts_with(prefix)).collect())
    }

    /// Reads how far a stream of the network was taken in: the place handed in with the events that
    /// led up to it ([`SourceCursor`](crate::inbox::SourceCursor)).
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed.
    pub async fn position(&self, stream: &str) -> Result<Option<String>, StoreError> {
        let key = cursor_key(&self.network, stream);
        let found: Option<Position> = Table::get(&*self.store, &key).await?;
        Ok(found.map(|Position(place)| place))
    }

    /// Sets a fact, durably.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed or the fact is too long.
    pub async fn put(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(self.key(name), value.as_bytes().to_vec())?;
        self.commit(batch).await
    }

    /// Removes a fact, durably.
    ///
    /// # Errors
    /// [`StoreError`] when the engine failed.
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.remove(self.key(name));
        self.commit(batch).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        match self.store.commit(batch, Durability::Durable).await {
            Ok(()) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            // There is neither a fence nor a precondition.
            Err(CommitError::Fenced { .. } | CommitError::Precondition(_)) => Ok(()),
        }
    }

    fn key(&self, name: &str) -> Key {
        KeyBuilder::new(TableId::Namespace).text(self.network.as_str()).text(name).build()
    }
}
