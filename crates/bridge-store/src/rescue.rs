//! What is done when a store has grown out of shape, or cannot be read any more.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bridge_core::{
    id::Timestamp,
    store::{BackupFacts, Store as _},
};

use crate::{
    backup::{self, BackupError},
    open::OpenError,
    sled_store::{SledOptions, SledStore},
};

/// A store smaller than this is never written anew.
const SMALL: u64 = 256 * 1024 * 1024;
/// How many times as long as its contents a store may be on disk.
const BLOAT: u64 = 4;
/// Most backups kept.
const KEPT: usize = 24;

/// What opening a store came to.
pub struct Opened {
    /// The store.
    pub store: SledStore,
    /// The backup it was made of, when the one before could not be read, and where that one is now.
    pub rescued: Option<Rescued>,
}

/// A store that could not be read, and what stands for it.
#[derive(Debug)]
pub struct Rescued {
    /// Where the unreadable one was put.
    pub aside: PathBuf,
    /// The backup.
    pub backup: PathBuf,
    /// What was in it.
    pub facts: BackupFacts,
}

/// Opens a store; writes one anew that is bloated, and puts the newest good backup in the place of one
/// that cannot be read, which is put aside as it is. Blocks.
///
/// # Errors
/// [`OpenError`] as [`SledStore::open`]; a damaged store without a good backup stays where it is.
pub fn open(path: &Path, backups: &Path, options: SledOptions) -> Result<Opened, OpenError> {
    let unusable = |path: &Path, source| OpenError::Unusable { path: path.to_owned(), source };
    match SledStore::open(path, options) {
        Ok(store) => {
            let store = compacted(store, path, options)?;
            Ok(Opened { store, rescued: None })
        }
        Err(damage @ OpenError::Damaged { .. }) => {
            // A half-written snapshot of sled's own keeps it from opening; it is no part of the data.
            if remove_half_snapshots(path).unwrap_or_default()
                && let Ok(store) = SledStore::open(path, options)
            {
                return Ok(Opened { store, rescued: None });
            }
            let Some((backup, facts)) = newest_good(backups) else {
                return Err(damage);
            };
            let aside = path.with_extension(format!("damaged-{}", Timestamp::now().0));
            fs::rename(path, &aside).map_err(|source| unusable(path, source))?;
            match backup::restore(&backup, path) {
                Ok(_) => {
                    let store = SledStore::open(path, options)?;
                    Ok(Opened { store, rescued: Some(Rescued { aside, backup, facts }) })
                }
                Err(_) => {
                    // Back to where it was: nothing is worse than before.
                    fs::rename(&aside, path).map_err(|source| unusable(path, source))?;
                    Err(damage)
                }
            }
        }
        Err(error) => Err(error),
    }
}

/// Writes a store anew when it is much longer than what is in it; the old one stays until the next time.
fn compacted(store: SledStore, path: &Path, options: SledOptions) -> Result<SledStore, OpenError> {
    let unusable = |path: &Path, source| OpenError::Unusable { path: path.to_owned(), source };
    let (old, new) = (path.with_extension("before-compaction"), path.with_extension("compacted"));
    for left_over in [&old, &new] {
        match fs::remove_dir_all(left_over) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(left_over, error));
            }
            _ => {}
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|source| unusable(path, source))?;
    let disk = runtime.block_on(store.stats()).map(|stats| stats.disk_bytes).unwrap_or_default();
    if disk < SMALL {
        return Ok(store);
    }
    let copy = path.with_extension("compacting");
    let Ok(facts) = runtime.block_on(store.backup(&copy)) else {
        return Ok(store);
    };
    let rewritten = (|| {
        if disk / facts.bytes.max(1) < BLOAT {
            return Ok(false);
        }
        let restored = backup::restore(&copy, &new)?;
        Ok::<_, BackupError>(restored.entries == facts.entries)
    })();
    // It was only on the way.
    let _ = fs::remove_file(&copy);
    if !matches!(rewritten, Ok(true)) {
        return Ok(store);
    }
    if runtime.block_on(store.close()).is_err() {
        return SledStore::open(path, options);
    }
    drop(store);
    fs::rename(path, &old).map_err(|source| unusable(path, source))?;
    fs::rename(&new, path).map_err(|source| unusable(&new, source))?;
    tracing::info!(before = disk, after = facts.bytes, "the store was written anew");
    SledStore::open(path, options)
}

fn remove_half_snapshots(path: &Path) -> io::Result<bool> {
    let mut removed = false;
    for entry in fs::read_dir(path.join("sled"))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            // Nothing is modified in place but this: a copy of it stays beside.
            fs::rename(entry.path(), path.join(format!("{name}.aside")))?;
            removed = true;
        }
    }
    Ok(removed)
}

/// Lists backups in a directory, newest first.
///
/// # Errors
/// The directory cannot be read; one that is not there has none.
pub fn backups(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "backup"))
        .collect();
    // Their names are moments.
    found.sort();
    found.reverse();
    Ok(found)
}

fn newest_good(directory: &Path) -> Option<(PathBuf, BackupFacts)> {
    let found = backups(directory).ok()?;
    found.into_iter().find_map(|path| backup::verify(&path).ok().map(|facts| (path, facts)))
}

/// Gives the place of a new backup in a directory, which is made if it must be.
///
/// # Errors
/// The directory cannot be made.
pub fn new_backup(directory: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    Ok(directory.join(format!("{:015}.backup", Timestamp::now().0)))
}

/// Removes all but the newest backups of a directory.
///
/// # Errors
/// One cannot be removed.
pub fn prune_backups(directory: &Path) -> io::Result<()> {
    backups(directory)?.into_iter().skip(KEPT).try_for_each(fs::remove_file)
}
