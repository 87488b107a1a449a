//! The thread that owns the database: requests in order, commits in groups.
//!
//! A group's batches are applied one after the other, written to the journal in one record, synced
//! once if any must last, and then answered.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use bridge_core::{
    measures,
    store::{
        BackupFacts, Batch, CommitError, Durability, Key, KeyRange, Operation, Precondition,
        StoreError, StoreStats, Value,
    },
};
use tokio::sync::{mpsc, oneshot};

use crate::{backup, journal::Journal, open::Directory, schema};

/// Most requests answered by one sync.
const GROUP_LIMIT: usize = 512;

pub(crate) enum Request {
    Backup(PathBuf, oneshot::Sender<Result<BackupFacts, StoreError>>),
    Close(oneshot::Sender<Result<(), StoreError>>),
    Commit(Batch, Durability, oneshot::Sender<Result<(), CommitError>>),
    Get(Key, oneshot::Sender<Result<Option<Value>, StoreError>>),
    Scan(KeyRange, usize, oneshot::Sender<Result<Vec<(Key, Value)>, StoreError>>),
    Stats(oneshot::Sender<Result<StoreStats, StoreError>>),
}

/// The database and everything that must live as long as it.
pub(crate) struct Owner {
    pub(crate) db: sled::Db,
    /// Our own handle on sled's data file: what sled wrote is synced through it.
    pub(crate) data: File,
    pub(crate) journal: Journal,
    pub(crate) _directory: Directory,
    pub(crate) commits: AtomicU64,
    pub(crate) syncs: Arc<AtomicU64>,
}

type Unanswered = (oneshot::Sender<Result<(), CommitError>>, Result<(), CommitError>);

impl Owner {
    /// Serves requests until told to close, or until nobody can ask any more.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut group = Vec::with_capacity(GROUP_LIMIT);
        loop {
            group.clear();
            // Never waits for more: what came while the last group was synced is the next one.
            if requests.blocking_recv_many(&mut group, GROUP_LIMIT) == 0 {
                // Nobody is left to be told; the relaxed rest is synced as well as it goes.
                let _ = self.checkpoint();
                return;
            }
            if group.len() == 1
                && let Some(Request::Commit(batch, Durability::Durable, answer)) = group
                    .pop_if(|request| matches!(request, Request::Commit(_, Durability::Durable, _)))
            {
                self.commit_alone(batch, answer);
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
                    // Whoever asked may have given up waiting; then the answer is nobody's.
                    Request::Get(key, answer) => drop(answer.send(self.get(&key))),
                    Request::Scan(range, limit, answer) => {
                        drop(answer.send(self.scan(&range, limit)));
                    }
                    Request::Backup(path, answer) => drop(answer.send(self.backup(&path))),
                    Request::Stats(answer) => drop(answer.send(self.stats())),
                    Request::Close(answer) => {
                        let synced = self.checkpoint();
                        answer_all(&mut unanswered, &synced);
                        drop(self);
                        return drop(answer.send(synced));
                    }
                }
            }
            let synced = self.record(durable);
            if rows > 0 {
                measure(began, rows);
            }
            answer_all(&mut unanswered, &synced);
        }
    }

    /// Answers a commit as soon as the journal has it: nobody else waits, and the database catches up
    /// before the next request is looked at.
    fn commit_alone(&mut self, batch: Batch, answer: oneshot::Sender<Result<(), CommitError>>) {
        let (began, rows) = (Instant::now(), batch.operations.len());
        let checked = self.check(&batch);
        self.journal.note(if checked.is_ok() { &batch.operations } else { &[] });
        if checked.is_err() || !self.journal.has_room() {
            let applied = checked.and_then(|()| self.change(batch.operations));
            let kept = applied.and_then(|()| Ok(self.record(true)?));
            // Whoever asked may have given up waiting.
            return drop(answer.send(kept));
        }
        let kept = self.record(true).map_err(CommitError::Store);
        measure(began, rows);
        let journaled = kept.is_ok();
        // Whoever asked may have given up waiting.
        drop(answer.send(kept));
        if journaled && let Err(error) = self.change(batch.operations) {
            // It is in the journal: the next opening does it.
            tracing::error!(%error, "the database does not take what its journal holds");
        }
    }

    fn apply(&mut self, batch: Batch) -> Result<(), CommitError> {
        self.check(&batch)?;
        self.journal.note(&batch.operations);
        self.change(batch.operations)
    }

    fn check(&self, batch: &Batch) -> Result<(), CommitError> {
        for (number, precondition) in batch.preconditions.iter().enumerate() {
            let holds = match precondition {
                Precondition::Absent(key) => self.get(key)?.is_none(),
                Precondition::Equals(key, value) => self.get(key)?.as_ref() == Some(value),
            };
            if !holds {
                return Err(CommitError::Precondition(number));
            }
        }
        Ok(())
    }

    fn change(&self, operations: Vec<Operation>) -> Result<(), CommitError> {
        let mut changes = sled::Batch::default();
        for operation in operations {
            match operation {
                Operation::Put(key, value) => changes.insert(key.as_bytes(), value),
                Operation::Remove(key) => changes.remove(key.as_bytes()),
            }
        }
        self.db.apply_batch(changes).map_err(|error| engine(&error))?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        let found = self.db.get(key.as_bytes()).map_err(|error| engine(&error))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let rows = match &range.end {
            Some(end) if *end <= range.start => return Ok(Vec::new()),
            Some(end) => self.db.range(range.start.as_bytes()..end.as_bytes()),
            None => self.db.range(range.start.as_bytes()..),
        };
        rows.take(limit)
            .map(|row| {
                let (key, value) = row.map_err(|error| engine(&error))?;
                Ok((Key::from_bytes(key.to_vec()), value.to_vec()))
            })
            .collect()
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        Ok(StoreStats {
            disk_bytes: self.db.size_on_disk().map_err(|error| engine(&error))?,
            commits: self.commits.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
        })
    }

    /// Writes all entries to a file. Others wait meanwhile, so that it is one moment's.
    fn backup(&self, path: &Path) -> Result<BackupFacts, StoreError> {
        let entries = self.db.iter().map(|entry| match entry {
            Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
            Err(error) => Err(io::Error::other(error)),
        });
        let failed = |error| StoreError::Engine(format!("{}: {error}", path.display()));
        backup::write(path, entries).map_err(failed)
    }

    /// Makes the group last as it must: in the journal, or, when that is full, in sled itself.
    fn record(&mut self, durable: bool) -> Result<(), StoreError> {
        if !self.journal.has_room() {
            return self.checkpoint();
        }
        self.journal.write(durable).map_err(|error| StoreError::Engine(error.to_string()))?;
        if durable {
            self.syncs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes sled's own files hold everything, and begins the journal anew. sled's flush stops short
    /// of a sync on Linux, so the file is synced through our own handle.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        let turn = self.journal.next_turn();
        let stored = self.db.insert(schema::turn_key().as_bytes(), &turn.to_be_bytes());
        stored.map_err(|error| engine(&error))?;
        self.db.flush().map_err(|error| engine(&error))?;
        self.data.sync_data().map_err(|error| StoreError::Engine(error.to_string()))?;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.journal.forget();
        self.journal.begin(turn);
        Ok(())
    }

    /// Does again what the journal holds, after an end that was none in order.
    pub(crate) fn recover(&mut self) -> Result<(), StoreError> {
        let operations =
            self.journal.replay().map_err(|error| StoreError::Engine(error.to_string()))?;
        if operations.is_empty() {
            return Ok(());
        }
        tracing::info!(operations = operations.len(), "the store recovers from its journal");
        for operation in operations {
            let done = match operation {
                Operation::Put(key, value) => self.db.insert(key.as_bytes(), value),
                Operation::Remove(key) => self.db.remove(key.as_bytes()),
            };
            done.map_err(|error| engine(&error))?;
        }
        self.checkpoint()
    }
}

/// Notes how much was stored at once, and how long it took.
fn measure(began: Instant, rows: usize) {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    metrics::histogram!(measures::BATCH_ROWS).record(f64::from(rows));
    metrics::histogram!(measures::COMMIT_SECONDS).record(began.elapsed());
}

fn answer_all(unanswered: &mut Vec<Unanswered>, synced: &Result<(), StoreError>) {
    for (answer, applied) in unanswered.drain(..) {
        let outcome = applied.and_then(|()| synced.clone().map_err(CommitError::Store));
        // Whoever asked may have given up waiting; then the answer is nobody's.
        drop(answer.send(outcome));
    }
}

fn engine(error: &sled::Error) -> StoreError {
    StoreError::Engine(error.to_string())
}
