//! Backups: everything in a store, in one file that tells when it is damaged.
//!
//! ```text
//! "MSNBRIDGE-BACKUP-1\n"  schema u32  made at u64 (ms since 1970)
//! block*: length u32, crc32 u32, entries: (key length u16, key, value length u32, value)*
//! end:    0 u32, entries u64, crc32 of that u32
//! ```
//! Integers are big-endian. The key that opens sealed values is not in it: back up `seal.key` too.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bridge_core::{
    id::Timestamp,
    store::{BackupFacts, Batch, Durability, Key, KeyRange, Store as _, StoreError, TableId},
};

use crate::{
    disk_store::DiskStore,
    engine::{Engine, StoreOptions},
    files::FilesError,
    open::{Directory, OpenError},
    schema::SCHEMA,
    swap,
};

const HEAD: &[u8] = b"MSNBRIDGE-BACKUP-1\n";
/// Entries are gathered until a block is so long.
const BLOCK: usize = 64 * 1024;
/// A block is never longer than this: one entry more than the gathered ones.
const BLOCK_LIMIT: u32 = 128 * 1024;
/// Entries restored in one commit.
const BATCH: usize = 500;

/// What is wrong with a backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// It is no backup, or damaged; the text says where.
    #[error("{path} cannot be used: {reason}. Take an older one", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was made by a newer version of the program.
    #[error(
        "{path} has schema {found}, and this version knows up to {SCHEMA}; use the newer version",
        path = path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema found.
        found: u32,
    },
    /// The new store cannot be made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new store did not take it.
    #[error("the store did not take the backup: {0}")]
    Store(String),
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Writes entries to a file beside its place, and puts it there when it is whole.
pub(crate) fn write(
    path: &Path,
    entries: impl Iterator<Item = Result<(Key, Vec<u8>), FilesError>>,
) -> io::Result<BackupFacts> {
    write_as(path, SCHEMA, entries)
}

/// As [`write`], of a store whose schema is older.
pub(crate) fn write_as(
    path: &Path,
    schema: u32,
    entries: impl Iterator<Item = Result<(Key, Vec<u8>), FilesError>>,
) -> io::Result<BackupFacts> {
    let unfinished = path.with_extension("unfinished");
    let facts = write_to(&unfinished, schema, entries).inspect_err(|_| {
        // What is left of it is no use; that it stays is no harm.
        let _ = fs::remove_file(&unfinished);
    })?;
    fs::rename(&unfinished, path)?;
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(directory)?.sync_all()?;
    }
    Ok(facts)
}

fn write_to(
    path: &Path,
    schema: u32,
    entries: impl Iterator<Item = Result<(Key, Vec<u8>), FilesError>>,
) -> io::Result<BackupFacts> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = BufWriter::new(options.open(path)?);
    let made = Timestamp::now();
    out.write_all(HEAD)?;
    out.write_all(&schema.to_be_bytes())?;
    out.write_all(&made.0.to_be_bytes())?;
    let mut facts = BackupFacts { schema, made, entries: 0, bytes: 0 };
    let mut block = Vec::with_capacity(BLOCK);
    for entry in entries {
        let (key, value) = entry.map_err(io::Error::other)?;
        let key = key.as_bytes();
        let too_long = |_| io::Error::other("an entry is longer than any can be");
        block.extend(u16::try_from(key.len()).map_err(too_long)?.to_be_bytes());
        block.extend(key);
        block.extend(u32::try_from(value.len()).map_err(too_long)?.to_be_bytes());
        block.extend(&value);
        facts.entries += 1;
        if block.len() >= BLOCK {
            facts.bytes += write_block(&mut out, &mut block)?;
        }
    }
    if !block.is_empty() {
        facts.bytes += write_block(&mut out, &mut block)?;
    }
    let count = facts.entries.to_be_bytes();
    out.write_all(&0_u32.to_be_bytes())?;
    out.write_all(&count)?;
    out.write_all(&crc32fast::hash(&count).to_be_bytes())?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(facts)
}

fn write_block(out: &mut impl io::Write, block: &mut Vec<u8>) -> io::Result<u64> {
    let length = u32::try_from(block.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&crc32fast::hash(block).to_be_bytes())?;
    out.write_all(block)?;
    block.clear();
    Ok(length.into())
}

/// Reads a whole backup and tells what is in it.
///
/// # Errors
/// [`BackupError`] when any part of it is damaged.
pub fn verify(path: &Path) -> Result<BackupFacts, BackupError> {
    read(path, |_, _| Ok(()))
}

/// What came of restoring a backup.
#[derive(Debug)]
#[non_exhaustive]
pub struct Restored {
    /// What was in it.
    pub facts: BackupFacts,
    /// Where the store of before is; none where there was none.
    pub aside: Option<PathBuf>,
}

/// Puts a store made of a backup in a store's place; the store of before stays beside it. The backup
/// is read to its end before anything is made, and what was made is read back. Blocks.
///
/// # Errors
/// [`BackupError`]; the store of before is where it was then.
pub fn restore(
    backup: &Path,
    store: &Path,
    options: StoreOptions,
) -> Result<Restored, BackupError> {
    let facts = verify(backup)?;
    let unusable = |source| BackupError::Unusable { path: store.to_owned(), source };
    // Nobody may be writing to it.
    let claimed = swap::claim(store)?;
    let was_there = Engine::of(store).is_some();
    make_beside(backup, store, options)?;
    let aside = store.with_extension(format!("before-restore-{}", Timestamp::now().0));
    swap::put_in_place(store, &aside).map_err(unusable)?;
    drop(claimed);
    if !was_there {
        // It holds a lock and nothing else.
        swap::remove(&aside).map_err(unusable)?;
    }
    Ok(Restored { facts, aside: was_there.then_some(aside) })
}

/// Makes a store of a backup beside another, and compares the two.
pub(crate) fn make_beside(
    backup: &Path,
    store: &Path,
    options: StoreOptions,
) -> Result<(), BackupError> {
    let unusable = |source| BackupError::Unusable { path: store.to_owned(), source };
    let making = swap::begin(store).map_err(unusable)?;
    let filled = fill(backup, &making, options);
    if filled.is_err() {
        // The failure is what is told; what is left of the directory is in nobody's way.
        let _ = swap::remove(&making);
    }
    filled
}

fn fill(backup: &Path, making: &Path, options: StoreOptions) -> Result<(), BackupError> {
    let unusable = |source| BackupError::Unusable { path: making.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(unusable)?;
    let new = DiskStore::open_claimed(&Arc::new(Directory::claim(making)?), options)?;
    let refused = |error: String| BackupError::Store(error);
    let mut batch = Batch::new();
    let commit = |batch: &mut Batch, durability| {
        let full = std::mem::replace(batch, Batch::new());
        runtime.block_on(new.commit(full, durability)).map_err(|error| refused(error.to_string()))
    };
    let mut expected = Contents::default();
    read(backup, |key, value| {
        if expected.add(&key, &value) {
            batch.put(key, value).map_err(|error| refused(error.to_string()))?;
        }
        if batch.operations.len() >= BATCH {
            commit(&mut batch, Durability::Relaxed)
        } else {
            Ok(())
        }
    })?;
    commit(&mut batch, Durability::Durable)?;
    let found = runtime.block_on(contents(&new)).map_err(|error| refused(error.to_string()))?;
    if found != expected {
        return Err(refused("what was written is not what is read back".to_owned()));
    }
    runtime.block_on(new.close()).map_err(|error| refused(error.to_string()))
}

/// What a store holds, in a form that is compared: how much, and a checksum over all in key order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    entries: u64,
    bytes: u64,
    checksum: crc32fast::Hasher,
}

impl Contents {
    /// Counts an entry; tells whether it belongs to the contents. A store's schema and journal are its
    /// own and no contents.
    fn add(&mut self, key: &Key, value: &[u8]) -> bool {
        if key.as_bytes().first() == Some(&TableId::Meta.byte()) {
            return false;
        }
        self.entries += 1;
        for part in [key.as_bytes(), value] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            self.bytes += u64::from(length);
            self.checksum.update(&length.to_be_bytes());
            self.checksum.update(part);
        }
        true
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }
}

impl PartialEq for Contents {
    fn eq(&self, other: &Self) -> bool {
        let sum = |contents: &Self| contents.checksum.clone().finalize();
        self.entries == other.entries && sum(self) == sum(other)
    }
}

/// Reads all of a store.
pub(crate) async fn contents(store: &DiskStore) -> Result<Contents, StoreError> {
    let mut found = Contents::default();
    let mut range = KeyRange { start: Key::from_bytes([]), end: None };
    loop {
        let page = store.scan(range.clone(), 1000).await?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        range.start = Key::from_bytes([last.as_bytes(), &[0]].concat());
        for (key, value) in &page {
            found.add(key, value);
        }
    }
}

fn read(
    path: &Path,
    mut each: impl FnMut(Key, Vec<u8>) -> Result<(), BackupError>,
) -> Result<BackupFacts, BackupError> {
    let damaged = |reason: String| BackupError::Damaged { path: path.to_owned(), reason };
    let unusable = |source| BackupError::Unusable { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(unusable)?);
    let mut head = vec![0; HEAD.len()];
    let none = || damaged("it is no backup of a bridge".to_owned());
    file.read_exact(&mut head).map_err(|_| none())?;
    if head != HEAD {
        return Err(none());
    }
    let cut = |_| damaged("it ends in its head".to_owned());
    let schema = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
    let made = Timestamp(u64::from_be_bytes(bytes(&mut file).map_err(cut)?));
    if schema > SCHEMA {
        return Err(BackupError::NewerSchema { path: path.to_owned(), found: schema });
    }
    let mut facts = BackupFacts { schema, made, entries: 0, bytes: 0 };
    let mut at = u64::try_from(HEAD.len() + 12).unwrap_or(u64::MAX);
    for block in 1_u64.. {
        let began = at;
        let wrong =
            |what: &str| damaged(format!("block {block}, which begins at byte {began}, {what}"));
        let cut = |_| wrong("is cut off");
        let length = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
        if length == 0 {
            break;
        }
        if length > BLOCK_LIMIT {
            return Err(wrong("has an impossible length"));
        }
        let sum = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
        let mut entries = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact(&mut entries).map_err(cut)?;
        if crc32fast::hash(&entries) != sum {
            return Err(wrong("was altered"));
        }
        facts.bytes += u64::from(length);
        at += 8 + u64::from(length);
        let mut rest = entries.as_slice();
        while !rest.is_empty() {
            let entry = entry(&mut rest).map_err(|_| wrong("holds an entry that is cut off"))?;
            facts.entries += 1;
            each(Key::from_bytes(entry.0), entry.1)?;
        }
    }
    let wrong = |what: &str| damaged(format!("its end, which begins at byte {at}, {what}"));
    let cut = |_| wrong("is cut off");
    let count: [u8; 8] = bytes(&mut file).map_err(cut)?;
    let sum = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
    if crc32fast::hash(&count) != sum || u64::from_be_bytes(count) != facts.entries {
        return Err(wrong("does not fit what is before it"));
    }
    if file.read(&mut [0]).map_err(unusable)? > 0 {
        return Err(wrong("is not the end"));
    }
    Ok(facts)
}

fn entry(rest: &mut &[u8]) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut key = vec![0; usize::from(u16::from_be_bytes(bytes(rest)?))];
    rest.read_exact(&mut key)?;
    let length = usize::try_from(u32::from_be_bytes(bytes(rest)?)).unwrap_or(usize::MAX);
    if length > rest.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let (value, after) = rest.split_at(length);
    *rest = after;
    Ok((key, value.to_vec()))
}

fn bytes<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
