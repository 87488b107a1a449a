//! A store on disk: the thread that owns an engine's files, and how to ask it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use async_trait::async_trait;
use bridge_core::store::{
    BackupFacts, Batch, CommitError, Durability, Key, KeyRange, Store, StoreError, StoreStats,
    Value,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    engine::{Engine, StoreOptions},
    files::{Files, FilesError},
    group::{Owner, Request},
    open::{Directory, OpenError},
    schema,
    sled_files::SledFiles,
    swap,
};

/// Requests that may wait for the thread; whoever comes later waits for room.
const QUEUE: usize = 4096;

/// A store in a directory.
pub struct DiskStore {
    requests: mpsc::Sender<Request>,
    thread: Mutex<Option<JoinHandle<()>>>,
    is_new: bool,
}

impl DiskStore {
    /// Opens the store in a directory, or makes one there.
    ///
    /// Blocks while the files are read. The directory is locked until the store is closed or
    /// dropped.
    ///
    /// # Errors
    /// [`OpenError`] names the place and what to do; nothing is changed by a failed opening.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        Self::open_claimed(&swap::claim(path)?, options)
    }

    /// As [`open`](Self::open), in a directory that is claimed already.
    pub(crate) fn open_claimed(
        directory: &Arc<Directory>,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let path = &directory.path;
        match Engine::of(path) {
            Some(found) if found != options.engine => {
                return Err(OpenError::OtherEngine {
                    path: path.clone(),
                    found,
                    wanted: options.engine,
                });
            }
            _ => {}
        }
        let failed = |error| OpenError::of(path, error);
        let mut files = open_files(path, &options).map_err(failed)?;
        let is_new = schema::check(&mut *files, path, schema::SCHEMA, schema::MIGRATIONS)?;
        let unusable = |source| OpenError::Unusable { path: path.clone(), source };
        let owner = Owner::new(files, Arc::clone(directory)).map_err(unusable)?;
        let (requests, taken) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || owner.run(taken)).map_err(unusable)?;
        Ok(Self { requests, thread: Mutex::new(Some(thread)), is_new })
    }

    /// Tells whether there was nothing in the directory before.
    pub fn is_new(&self) -> bool {
        self.is_new
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

fn open_files(path: &Path, options: &StoreOptions) -> Result<Box<dyn Files>, FilesError> {
    Ok(match options.engine {
        #[cfg(feature = "redb")]
        Engine::Redb => Box::new(crate::redb_files::RedbFiles::open(path, options)?),
        #[cfg(not(feature = "redb"))]
        Engine::Redb => {
            let missing = "this program was built without redb; build it with `--features redb`";
            return Err(FilesError::Disk(std::io::Error::other(missing)));
        }
        Engine::Sled => Box::new(SledFiles::open(path, options)?),
    })
}

#[async_trait]
impl Store for DiskStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let key = key.clone();
        self.ask(|answer| Request::Get(key, answer)).await
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.ask(|answer| Request::Scan(range, limit, answer)).await
    }

    async fn last_key(&self, range: KeyRange) -> Result<Option<Key>, StoreError> {
        self.ask(|answer| Request::LastKey(range, answer)).await
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

    async fn compact_at_next_open(&self) -> Result<(), StoreError> {
        self.ask(Request::CompactLater).await
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
