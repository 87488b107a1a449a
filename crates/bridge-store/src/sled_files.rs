//! sled, held to its discipline: one tree, a journal of our own, our own sync.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use bridge_core::store::{Key, KeyBuilder, KeyRange, Operation, TableId, Value};

use crate::{
    engine::{Engine, StoreOptions},
    files::{Answer, Files, FilesError, told},
    journal::Journal,
};

/// How long the threads of the sled that had these files before may take to let go of them.
const LET_GO: Duration = Duration::from_secs(10);

pub(crate) struct SledFiles {
    db: sled::Db,
    /// Our own handle on sled's data file: what sled wrote is synced through it.
    data: File,
    journal: Option<Journal>,
    journal_file: std::path::PathBuf,
    syncs: u64,
}

impl SledFiles {
    /// Opens sled's files in a directory, or makes them.
    pub(crate) fn open(directory: &Path, options: &StoreOptions) -> Result<Self, FilesError> {
        let database = directory.join(Engine::Sled.files());
        wait_until_let_go(&database.join("db"))?;
        let db = sled::Config::new()
            .path(&database)
            .cache_capacity(options.cache_bytes)
            .flush_every_ms(Some(500))
            .mode(sled::Mode::LowSpace)
            .open()
            .map_err(failed)?;
        let data = File::options().read(true).write(true).open(database.join("db"))?;
        let journal_file = directory.join("journal");
        let mut files = Self { db, data, journal: None, journal_file, syncs: 0 };
        if files.journal_file.exists() {
            files.open_journal()?;
        }
        Ok(files)
    }

    fn open_journal(&mut self) -> Result<(), FilesError> {
        let turn = self.get(&turn_key())?;
        let turn = turn.and_then(|value| <[u8; 8]>::try_from(value).ok());
        let turn = turn.map_or(1, u64::from_be_bytes);
        self.journal = Some(Journal::open(&self.journal_file, turn)?);
        Ok(())
    }

    fn journal(&mut self) -> Result<&mut Journal, FilesError> {
        let missing = || FilesError::Damaged("its journal is missing".to_owned());
        self.journal.as_mut().ok_or_else(missing)
    }

    fn apply(&self, operations: Vec<Operation>) -> Result<(), FilesError> {
        let mut changes = sled::Batch::default();
        for operation in operations {
            match operation {
                Operation::Put(key, value) => changes.insert(key.as_bytes(), value),
                Operation::Remove(key) => changes.remove(key.as_bytes()),
            }
        }
        self.db.apply_batch(changes).map_err(failed)
    }

    fn range(&self, range: &KeyRange) -> sled::Iter {
        match &range.end {
            // sled panics where the end is before the start.
            Some(_) if range.is_empty() => {
                self.db.range(range.start.as_bytes()..range.start.as_bytes())
            }
            Some(end) => self.db.range(range.start.as_bytes()..end.as_bytes()),
            None => self.db.range(range.start.as_bytes()..),
        }
    }
}

impl Files for SledFiles {
    fn get(&self, key: &Key) -> Result<Option<Value>, FilesError> {
        let found = self.db.get(key.as_bytes()).map_err(failed)?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, FilesError> {
        let rows = self.range(range).take(limit).map(|row| {
            let (key, value) = row.map_err(failed)?;
            Ok((Key::from_bytes(key.to_vec()), value.to_vec()))
        });
        rows.collect()
    }

    fn last_key(&self, range: &KeyRange) -> Result<Option<Key>, FilesError> {
        let last = self.range(range).next_back().transpose().map_err(failed)?;
        Ok(last.map(|(key, _)| Key::from_bytes(key.to_vec())))
    }

    fn change(&mut self, operations: Vec<Operation>) -> Result<(), FilesError> {
        self.journal()?.note(&operations);
        self.apply(operations)
    }

    /// Makes the group last as it must: in the journal, or, when that is full, in sled itself.
    fn keep(&mut self, durable: bool) -> Result<(), FilesError> {
        let journal = self.journal()?;
        if !journal.has_room() {
            return self.checkpoint();
        }
        journal.write(durable)?;
        self.syncs += u64::from(durable);
        Ok(())
    }

    /// Answers as soon as the journal has it; the database catches up before the next request is
    /// looked at.
    fn change_alone(
        &mut self,
        operations: Vec<Operation>,
        durable: bool,
        answer: Answer,
    ) -> Result<(), FilesError> {
        let journal = self.journal()?;
        journal.note(&operations);
        if !journal.has_room() {
            let kept = self.apply(operations).and_then(|()| self.keep(durable));
            answer(told(&kept));
            return kept;
        }
        let kept = self.keep(durable);
        answer(told(&kept));
        kept?;
        // Should it fail, it is in the journal: the next opening does it.
        self.apply(operations)
    }

    /// Makes sled's own files hold everything, and begins the journal anew. sled's flush stops short
    /// of a sync on Linux, so the file is synced through our own handle.
    fn checkpoint(&mut self) -> Result<(), FilesError> {
        let turn = self.journal()?.next_turn();
        self.db.insert(turn_key().as_bytes(), &turn.to_be_bytes()).map_err(failed)?;
        self.db.flush().map_err(failed)?;
        self.data.sync_data()?;
        self.syncs += 1;
        let journal = self.journal()?;
        journal.forget();
        journal.begin(turn);
        Ok(())
    }

    /// Does again what the journal holds, after an end that was none in order.
    fn recover(&mut self) -> Result<(), FilesError> {
        if self.journal.is_none() {
            self.open_journal()?;
        }
        let operations = self.journal()?.replay()?;
        if operations.is_empty() {
            return Ok(());
        }
        tracing::info!(operations = operations.len(), "the store recovers from its journal");
        for operation in operations {
            let done = match operation {
                Operation::Put(key, value) => self.db.insert(key.as_bytes(), value),
                Operation::Remove(key) => self.db.remove(key.as_bytes()),
            };
            done.map_err(failed)?;
        }
        self.checkpoint()
    }

    /// sled opens a file it can make nothing of as an empty one; that the journal is there tells.
    fn was_filled(&self) -> bool {
        self.journal.is_some()
    }

    fn begin(&mut self, first: Vec<Operation>) -> Result<(), FilesError> {
        self.apply(first)?;
        self.db.flush().map_err(failed)?;
        self.data.sync_data()?;
        self.open_journal()
    }

    fn disk_bytes(&self) -> Result<u64, FilesError> {
        self.db.size_on_disk().map_err(failed)
    }

    fn syncs(&self) -> u64 {
        self.syncs
    }
}

/// Waits until nobody holds sled's lock on its data file: sled's own threads may hold it for a moment
/// after its last handle is dropped, and its opening does not wait. Another process is no question
/// here, the store's own lock keeps it out.
fn wait_until_let_go(data: &Path) -> io::Result<()> {
    let file = match File::options().read(true).write(true).open(data) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return file.unlock(),
            Err(TryLockError::WouldBlock) if since.elapsed() < LET_GO => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Where the journal's turn is kept.
fn turn_key() -> Key {
    KeyBuilder::new(TableId::Meta).text("journal").build()
}

fn failed(error: sled::Error) -> FilesError {
    match error {
        // sled says so itself where a file ends too early or holds nonsense.
        sled::Error::Io(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::Other
                    | io::ErrorKind::UnexpectedEof
            ) =>
        {
            FilesError::Disk(error)
        }
        error => FilesError::Damaged(error.to_string()),
    }
}
