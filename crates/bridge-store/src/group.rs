//! The thread that owns an engine's files: requests in order, commits in groups.
//!
//! A group's batches are applied one after the other, synced once if any must last, and then
//! answered. Files that failed once are not trusted again: every later request is refused until the
//! store is opened anew, for what the core knows and what is stored may differ by then.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bridge_core::{
    measures,
    store::{
        BackupFacts, Batch, CommitError, Durability, Key, KeyRange, Operation, StoreError,
        StoreStats, Value,
    },
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    backup,
    files::{self, Files, FilesError},
    open::Directory,
};

/// Most requests answered by one sync.
const GROUP_LIMIT: usize = 512;
/// How long what was relaxed may stay unsynced when nothing else happens.
const SYNC_AFTER: Duration = Duration::from_millis(500);

pub(crate) enum Request {
    Backup(PathBuf, oneshot::Sender<Result<BackupFacts, StoreError>>),
    Close(oneshot::Sender<Result<(), StoreError>>),
    Commit(Batch, Durability, oneshot::Sender<Result<(), CommitError>>),
    CompactLater(oneshot::Sender<Result<(), StoreError>>),
    Get(Key, oneshot::Sender<Result<Option<Value>, StoreError>>),
    LastKey(KeyRange, oneshot::Sender<Result<Option<Key>, StoreError>>),
    Scan(KeyRange, usize, oneshot::Sender<Result<Vec<(Key, Value)>, StoreError>>),
    Stats(oneshot::Sender<Result<StoreStats, StoreError>>),
}

/// The files and everything that must live as long as they.
pub(crate) struct Owner {
    pub(crate) files: Box<dyn Files>,
    pub(crate) directory: Arc<Directory>,
    commits: u64,
    /// Why nothing more is asked of the files.
    broken: Option<StoreError>,
    /// To wait with an end; a thread of its own has no other clock.
    clock: tokio::runtime::Runtime,
}

type Unanswered = (oneshot::Sender<Result<(), CommitError>>, Result<(), CommitError>);

impl Owner {
    pub(crate) fn new(files: Box<dyn Files>, directory: Arc<Directory>) -> io::Result<Self> {
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Self { files, directory, commits: 0, broken: None, clock })
    }

    /// Serves requests until told to close, or until nobody can ask any more.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut group = Vec::with_capacity(GROUP_LIMIT);
        loop {
            group.clear();
            if self.next_group(&mut requests, &mut group) == 0 {
                // Nobody is left to be told; the relaxed rest is synced as well as it goes.
                let _ = self.checkpoint();
                return;
            }
            if group.len() == 1
                && let Some(Request::Commit(batch, durability, answer)) =
                    group.pop_if(|request| matches!(request, Request::Commit(..)))
            {
                self.commit_alone(batch, durability == Durability::Durable, answer);
                continue;
            }
            let mut unanswered = Vec::new();
            let mut durable = false;
            let (began, mut rows) = (Instant::now(), 0);
            for request in group.drain(..) {
                match request {
                    Request::Commit(batch, durability, answer) => {
                        rows += batch.operations.len();
                        let applied = self.apply(batch);
                        durable |= applied.is_ok() && durability == Durability::Durable;
                        unanswered.push((answer, applied));
                    }
                    Request::Close(answer) => {
                        let synced = self.checkpoint();
                        answer_all(&mut unanswered, &synced);
                        drop(self);
                        return drop(answer.send(synced));
                    }
                    other => self.serve(other),
                }
            }
            let kept = if unanswered.is_empty() { Ok(()) } else { self.keep(durable) };
            if rows > 0 {
                measure(began, rows);
            }
            answer_all(&mut unanswered, &kept);
        }
    }

    /// Never waits for more: what came while the last group was synced is the next one.
    fn next_group(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        group: &mut Vec<Request>,
    ) -> usize {
        if self.broken.is_none() && self.files.is_unsynced() {
            let coming = requests.recv_many(group, GROUP_LIMIT);
            let waited =
                self.clock.block_on(async { tokio::time::timeout(SYNC_AFTER, coming).await });
            match waited {
                Ok(taken) => return taken,
                // Whoever asks next hears of a failure.
                Err(_) => drop(self.checkpoint()),
            }
        }
        requests.blocking_recv_many(group, GROUP_LIMIT)
    }

    /// Answers what changes nothing. Whoever asked may have given up waiting; then the answer is
    /// nobody's.
    fn serve(&mut self, request: Request) {
        match request {
            Request::Get(key, answer) => {
                let found = self.ask(|files| files.get(&key));
                drop(answer.send(found));
            }
            Request::Scan(range, limit, answer) => {
                drop(answer.send(self.ask(|files| files.scan(&range, limit))));
            }
            Request::LastKey(range, answer) => {
                drop(answer.send(self.ask(|files| files.last_key(&range))));
            }
            Request::Backup(path, answer) => {
                let written = self.alive().and_then(|()| self.backup(&path));
                drop(answer.send(written));
            }
            Request::CompactLater(answer) => {
                let noted = self.directory.want_compaction();
                let noted = noted.map_err(|error| StoreError::Engine(error.to_string()));
                drop(answer.send(noted));
            }
            Request::Stats(answer) => drop(answer.send(self.stats())),
            // They have been taken out by the caller.
            Request::Close(_) | Request::Commit(..) => {}
        }
    }

    fn commit_alone(
        &mut self,
        batch: Batch,
        durable: bool,
        answer: oneshot::Sender<Result<(), CommitError>>,
    ) {
        let (began, rows) = (Instant::now(), batch.operations.len());
        // Whoever asked may have given up waiting.
        let operations = match self.resolve(batch) {
            Ok(operations) => operations,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let told = Box::new(move |kept: Result<(), StoreError>| {
            measure(began, rows);
            drop(answer.send(kept.map_err(CommitError::Store)));
        });
        match self.files.change_alone(operations, durable, told) {
            Ok(()) => self.commits += 1,
            Err(error) => drop(self.give_up(error)),
        }
    }

    fn apply(&mut self, batch: Batch) -> Result<(), CommitError> {
        let operations = self.resolve(batch)?;
        let changed = self.files.change(operations);
        changed.map_err(|error| self.give_up(error))?;
        self.commits += 1;
        Ok(())
    }

    fn resolve(&self, batch: Batch) -> Result<Vec<Operation>, CommitError> {
        self.alive()?;
        batch.resolve(|key| Ok(self.files.get(key)?))
    }

    fn keep(&mut self, durable: bool) -> Result<(), StoreError> {
        self.alive()?;
        let kept = self.files.keep(durable);
        kept.map_err(|error| self.give_up(error))
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.alive()?;
        let synced = self.files.checkpoint();
        synced.map_err(|error| self.give_up(error))
    }

    fn ask<T>(
        &self,
        ask: impl FnOnce(&dyn Files) -> Result<T, FilesError>,
    ) -> Result<T, StoreError> {
        self.alive()?;
        Ok(ask(&*self.files)?)
    }

    fn alive(&self) -> Result<(), StoreError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn give_up(&mut self, error: FilesError) -> StoreError {
        let error = StoreError::from(error);
        tracing::error!(%error, "the store takes nothing more until it is opened again");
        self.broken = Some(error.clone());
        error
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        self.alive()?;
        let disk_bytes = self.files.disk_bytes()?;
        Ok(StoreStats { disk_bytes, commits: self.commits, syncs: self.files.syncs() })
    }

    /// Writes all entries to a file. Others wait meanwhile, so that it is one moment's.
    fn backup(&self, path: &Path) -> Result<BackupFacts, StoreError> {
        let failed = |error| StoreError::Engine(format!("{}: {error}", path.display()));
        backup::write(path, files::entries(&*self.files)).map_err(failed)
    }
}

/// Notes how much was stored at once, and how long it took.
fn measure(began: Instant, rows: usize) {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    metrics::histogram!(measures::BATCH_ROWS).record(f64::from(rows));
    metrics::histogram!(measures::COMMIT_SECONDS).record(began.elapsed());
}

fn answer_all(unanswered: &mut Vec<Unanswered>, kept: &Result<(), StoreError>) {
    for (answer, applied) in unanswered.drain(..) {
        let outcome = applied.and_then(|()| kept.clone().map_err(CommitError::Store));
        // Whoever asked may have given up waiting; then the answer is nobody's.
        drop(answer.send(outcome));
    }
}
