//! redb: one file and one table; a group of batches is one of its transactions.
//!
//! It syncs by itself and keeps checksums, so there is no journal of ours. A relaxed group is a
//! transaction that is not synced, and is lost with the process: the thread syncs half a second later
//! at the latest.

use std::{
    fs, io,
    ops::Bound,
    path::{Path, PathBuf},
};

use bridge_core::store::{Key, KeyRange, Operation, Value};
use redb::{
    Database, Durability, Error, ReadableDatabase as _, ReadableTable, TableDefinition,
    WriteTransaction,
};

use crate::{
    engine::{Engine, StoreOptions},
    files::{Files, FilesError},
};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("everything");

pub(crate) struct RedbFiles {
    db: Database,
    /// The group under way.
    group: Option<WriteTransaction>,
    file: PathBuf,
    /// Says that there is something in the file: an emptied one would be opened as a new one.
    filled: PathBuf,
    unsynced: bool,
    syncs: u64,
}

/// Reads in the group under way, or what was last kept.
macro_rules! reading {
    ($files:expr, $table:ident => $read:expr) => {
        match &$files.group {
            Some(group) => {
                let $table = group.open_table(TABLE).map_err(failed)?;
                $read
            }
            None => {
                let now = $files.db.begin_read().map_err(failed)?;
                let $table = now.open_table(TABLE).map_err(failed)?;
                $read
            }
        }
    };
}

impl RedbFiles {
    /// Opens redb's file in a directory, or makes it.
    pub(crate) fn open(directory: &Path, options: &StoreOptions) -> Result<Self, FilesError> {
        let file = directory.join(Engine::Redb.files());
        let cache = usize::try_from(options.cache_bytes).unwrap_or(usize::MAX);
        let db = Database::builder().set_cache_size(cache).create(&file).map_err(failed)?;
        let filled = directory.join("filled");
        let mut files = Self { db, group: None, file, filled, unsynced: false, syncs: 0 };
        // The table is made with the file, so that reading finds it.
        files.change(Vec::new())?;
        files.keep(true)?;
        files.syncs = 0;
        Ok(files)
    }
}

impl Files for RedbFiles {
    fn get(&self, key: &Key) -> Result<Option<Value>, FilesError> {
        reading!(self, table => {
            let found = table.get(key.as_bytes()).map_err(failed)?;
            Ok(found.map(|value| value.value().to_vec()))
        })
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, FilesError> {
        reading!(self, table => {
            let rows = table.range::<&[u8]>(bounds(range)).map_err(failed)?;
            rows.take(limit)
                .map(|row| {
                    let (key, value) = row.map_err(failed)?;
                    Ok((Key::from_bytes(key.value()), value.value().to_vec()))
                })
                .collect()
        })
    }

    fn last_key(&self, range: &KeyRange) -> Result<Option<Key>, FilesError> {
        reading!(self, table => {
            let mut rows = table.range::<&[u8]>(bounds(range)).map_err(failed)?;
            let last = rows.next_back().transpose().map_err(failed)?;
            Ok(last.map(|(key, _)| Key::from_bytes(key.value())))
        })
    }

    fn change(&mut self, operations: Vec<Operation>) -> Result<(), FilesError> {
        let group = match self.group.take() {
            Some(group) => group,
            None => self.db.begin_write().map_err(failed)?,
        };
        let group = self.group.insert(group);
        let mut table = group.open_table(TABLE).map_err(failed)?;
        for operation in operations {
            match operation {
                Operation::Put(key, value) => {
                    table.insert(key.as_bytes(), value.as_slice()).map_err(failed)?;
                }
                Operation::Remove(key) => {
                    table.remove(key.as_bytes()).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, durable: bool) -> Result<(), FilesError> {
        let Some(mut group) = self.group.take() else {
            return Ok(());
        };
        let how = if durable { Durability::Immediate } else { Durability::None };
        group.set_durability(how).map_err(failed)?;
        group.commit().map_err(failed)?;
        self.unsynced = !durable;
        self.syncs += u64::from(durable);
        Ok(())
    }

    /// A synced transaction makes those before it last.
    fn checkpoint(&mut self) -> Result<(), FilesError> {
        if self.group.is_none() && !self.unsynced {
            return Ok(());
        }
        self.change(Vec::new())?;
        self.keep(true)
    }

    /// redb has done that when it was opened.
    fn recover(&mut self) -> Result<(), FilesError> {
        if !self.was_filled() {
            fs::File::create(&self.filled)?.sync_all()?;
        }
        Ok(())
    }

    fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    fn was_filled(&self) -> bool {
        self.filled.exists()
    }

    fn begin(&mut self, first: Vec<Operation>) -> Result<(), FilesError> {
        self.change(first)?;
        self.keep(true)?;
        Ok(fs::File::create(&self.filled)?.sync_all()?)
    }

    fn disk_bytes(&self) -> Result<u64, FilesError> {
        Ok(fs::metadata(&self.file)?.len())
    }

    fn syncs(&self) -> u64 {
        self.syncs
    }
}

fn bounds(range: &KeyRange) -> (Bound<&[u8]>, Bound<&[u8]>) {
    let start = range.start.as_bytes();
    let end = match &range.end {
        // An end before the start is no range for redb.
        Some(_) if range.is_empty() => Bound::Excluded(start),
        Some(end) => Bound::Excluded(end.as_bytes()),
        None => Bound::Unbounded,
    };
    (Bound::Included(start), end)
}

fn failed(error: impl Into<Error>) -> FilesError {
    match error.into() {
        // That is how it says that a file is none of its own.
        Error::Io(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            FilesError::Disk(error)
        }
        error @ Error::PreviousIo => FilesError::Disk(io::Error::other(error.to_string())),
        error => FilesError::Damaged(error.to_string()),
    }
}
