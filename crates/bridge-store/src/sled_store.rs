//! sled, held to its discipline.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    thread::{self, JoinHandle},
};

use async_trait::async_trait;
use bridge_core::store::{
    BackupFacts, Batch, CommitError, Durability, Key, KeyRange, Store, StoreError, StoreStats,
    Value,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    group::{Owner, Request},
    journal::Journal,
    open::{Directory, OpenError},
    schema,
};

/// Requests that may wait for the thread; whoever comes later waits for room.
const QUEUE: usize = 4096;

/// How sled is opened.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// Bytes of pages kept in memory; sled's own default is 1 GiB.
    pub cache_bytes: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { cache_bytes: 32 * 1024 * 1024 }
    }
}

/// A store in a directory.
pub struct SledStore {
    requests: mpsc::Sender<Request>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SledStore {
    /// Opens the store in a directory, or makes one there.
    ///
    /// Blocks while the files are read. The directory is locked until the store is closed or
    /// dropped.
    ///
    /// # Errors
    /// [`OpenError`] names the place and what to do; nothing is changed by a failed opening.
    pub fn open(path: &Path, options: SledOptions) -> Result<Self, OpenError> {
        let directory = Directory::claim(path)?;
        let damaged = |reason: String| OpenError::Damaged { path: path.to_owned(), reason };
        let database = path.join("sled");
        let db = sled::Config::new()
            .path(&database)
            .cache_capacity(options.cache_bytes)
            .flush_every_ms(Some(500))
            .mode(sled::Mode::LowSpace)
            .open()
            .map_err(|error| damaged(error.to_string()))?;
        schema::check(&db, &directory, schema::SCHEMA, schema::MIGRATIONS)?;
        let data = File::options()
            .read(true)
            .write(true)
            .open(database.join("db"))
            .map_err(|source| OpenError::Unusable { path: database, source })?;
        let turn = schema::turn(&db).map_err(|error| damaged(error.to_string()))?;
        let journal = Journal::open(&path.join("journal"), turn)
            .map_err(|source| OpenError::Unusable { path: path.join("journal"), source })?;
        let mut owner = Owner {
            db,
            data,
            journal,
            _directory: directory,
            commits: AtomicU64::new(0),
            syncs: Arc::new(AtomicU64::new(0)),
        };
        owner.recover().map_err(|error| damaged(error.to_string()))?;
        let (requests, taken) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || owner.run(taken))
            .map_err(|source| OpenError::Unusable { path: path.to_owned(), source })?;
        Ok(Self { requests, thread: Mutex::new(Some(thread)) })
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let key = key.clone();
        self.ask(|answer| Request::Get(key, answer)).await
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.ask(|answer| Request::Scan(range, limit, answer)).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<(), CommitError> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Commit(batch, durability, answer);
        self.requests.send(request).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(CommitError::Store(StoreError::Closed)))
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.ask(Request::Stats).await
    }

    async fn backup(&self, to: &Path) -> Result<BackupFacts, StoreError> {
        let to = to.to_owned();
        self.ask(|answer| Request::Backup(to, answer)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let closed = self.ask(Request::Close).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // The thread answered and ends now; a panic of its own closed the store all the same.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        closed
    }
}
