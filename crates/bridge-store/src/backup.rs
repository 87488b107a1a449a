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
};

use bridge_core::{
    id::Timestamp,
    store::{BackupFacts, Batch, Durability, Key, Store as _},
};

use crate::{
    open::OpenError,
    schema::SCHEMA,
    sled_store::{SledOptions, SledStore},
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
    entries: impl Iterator<Item = io::Result<(Vec<u8>, Vec<u8>)>>,
) -> io::Result<BackupFacts> {
    let unfinished = path.with_extension("unfinished");
    let facts = write_to(&unfinished, entries).inspect_err(|_| {
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
    entries: impl Iterator<Item = io::Result<(Vec<u8>, Vec<u8>)>>,
) -> io::Result<BackupFacts> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = BufWriter::new(options.open(path)?);
    let made = Timestamp::now();
    out.write_all(HEAD)?;
    out.write_all(&SCHEMA.to_be_bytes())?;
    out.write_all(&made.0.to_be_bytes())?;
    let mut facts = BackupFacts { schema: SCHEMA, made, entries: 0, bytes: 0 };
    let mut block = Vec::with_capacity(BLOCK);
    for entry in entries {
        let (key, value) = entry?;
        let too_long = |_| io::Error::other("an entry is longer than any can be");
        block.extend(u16::try_from(key.len()).map_err(too_long)?.to_be_bytes());
        block.extend(&key);
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

/// Makes a store of a backup, in a directory that must not be there yet. The backup is read to its end
/// before anything is made. Blocks.
///
/// # Errors
/// [`BackupError`]; a store half made is removed.
pub fn restore(path: &Path, store: &Path) -> Result<BackupFacts, BackupError> {
    let facts = verify(path)?;
    if store.exists() {
        let source = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(BackupError::Unusable { path: store.to_owned(), source });
    }
    let filled = fill(path, store);
    if filled.is_err() {
        // The failure is what is told; what is left of the directory is in the way of another try.
        let _ = fs::remove_dir_all(store);
    }
    filled.map(|()| facts)
}

fn fill(path: &Path, store: &Path) -> Result<(), BackupError> {
    let unusable = |source| BackupError::Unusable { path: store.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(unusable)?;
    let new = SledStore::open(store, SledOptions::default())?;
    let refused = |error: String| BackupError::Store(error);
    let mut batch = Batch::new();
    let commit = |batch: &mut Batch, durability| {
        let full = std::mem::replace(batch, Batch::new());
        runtime.block_on(new.commit(full, durability)).map_err(|error| refused(error.to_string()))
    };
    read(path, |key, value| {
        // The new store has a schema and a journal of its own.
        if key.as_bytes().first() == Some(&1) {
            return Ok(());
        }
        batch.put(key, value).map_err(|error| refused(error.to_string()))?;
        if batch.operations.len() >= BATCH {
            commit(&mut batch, Durability::Relaxed)
        } else {
            Ok(())
        }
    })?;
    commit(&mut batch, Durability::Durable)?;
    runtime.block_on(new.close()).map_err(|error| refused(error.to_string()))
}

fn read(
    path: &Path,
    mut each: impl FnMut(Key, Vec<u8>) -> Result<(), BackupError>,
) -> Result<BackupFacts, BackupError> {
    let damaged =
        |reason: &str| BackupError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let file = File::open(path)
        .map_err(|source| BackupError::Unusable { path: path.to_owned(), source })?;
    let mut file = BufReader::new(file);
    let cut = |_| damaged("it ends too early");
    let mut head = vec![0; HEAD.len()];
    file.read_exact(&mut head).map_err(|_| damaged("it is no backup of a bridge"))?;
    if head != HEAD {
        return Err(damaged("it is no backup of a bridge"));
    }
    let schema = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
    let made = Timestamp(u64::from_be_bytes(bytes(&mut file).map_err(cut)?));
    if schema > SCHEMA {
        return Err(BackupError::NewerSchema { path: path.to_owned(), found: schema });
    }
    let mut facts = BackupFacts { schema, made, entries: 0, bytes: 0 };
    loop {
        let length = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
        if length == 0 {
            break;
        }
        if length > BLOCK_LIMIT {
            return Err(damaged(&format!("block {} has an impossible length", facts.bytes)));
        }
        let sum = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
        let mut block = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact(&mut block).map_err(cut)?;
        if crc32fast::hash(&block) != sum {
            return Err(damaged(&format!("the block after {} bytes was altered", facts.bytes)));
        }
        facts.bytes += u64::from(length);
        let mut rest = block.as_slice();
        while !rest.is_empty() {
            let entry = entry(&mut rest).map_err(|_| damaged("an entry is cut"))?;
            facts.entries += 1;
            each(Key::from_bytes(entry.0), entry.1)?;
        }
    }
    let count: [u8; 8] = bytes(&mut file).map_err(cut)?;
    let sum = u32::from_be_bytes(bytes(&mut file).map_err(cut)?);
    if crc32fast::hash(&count) != sum || u64::from_be_bytes(count) != facts.entries {
        return Err(damaged("its end does not fit what is before it"));
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
