//! What is done when a store has grown out of shape, or cannot be read any more.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bridge_core::{
    id::Timestamp,
    store::{BackupFacts, Store as _},
};

use crate::{
    backup::{self, BackupError},
    disk_store::DiskStore,
    engine::{Engine, StoreOptions},
    migrate,
    open::{Directory, OpenError},
    swap,
};

/// How many times as long as its contents a store may be on disk.
const BLOAT: u64 = 4;

/// What opening a store came to.
pub struct Opened {
    /// The store.
    pub store: DiskStore,
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
/// [`OpenError`] as [`DiskStore::open`]; a damaged store without a good backup stays where it is.
pub fn open(path: &Path, backups: &Path, options: StoreOptions) -> Result<Opened, OpenError> {
    let claimed = swap::claim(path)?;
    let damage = match DiskStore::open_claimed(&claimed, options) {
        Ok(store) => {
            let store = compacted(store, claimed, options)?;
            return Ok(Opened { store, rescued: None });
        }
        Err(damage @ OpenError::Damaged { .. }) => damage,
        Err(error) => return Err(error),
    };
    // A half-written snapshot of sled's own keeps it from opening; it is no part of the data.
    if options.engine == Engine::Sled
        && set_half_snapshots_aside(path).unwrap_or_default()
        && let Ok(store) = DiskStore::open_claimed(&claimed, options)
    {
        return Ok(Opened { store, rescued: None });
    }
    let Some((backup, facts)) = newest_good(backups) else {
        return Err(damage);
    };
    if let Err(error) = backup::make_beside(&backup, path, options) {
        tracing::error!(%error, "the newest good backup could not be restored");
        return Err(damage);
    }
    let aside = path.with_extension(format!("damaged-{}", Timestamp::now().0));
    swap::put_in_place(path, &aside)
        .map_err(|source| OpenError::Unusable { path: path.to_owned(), source })?;
    drop(claimed);
    let store = DiskStore::open(path, options)?;
    Ok(Opened { store, rescued: Some(Rescued { aside, backup, facts }) })
}

/// Writes a store anew now. Blocks; gives its size on disk before and after.
///
/// # Errors
/// [`BackupError`]; the store of before is where it was then.
pub fn compact(path: &Path, options: StoreOptions) -> Result<(u64, u64), BackupError> {
    let unusable = |source| BackupError::Unusable { path: path.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(unusable)?;
    let size = |store: &DiskStore| {
        let stats = runtime.block_on(store.stats());
        stats.map(|stats| stats.disk_bytes).map_err(|error| BackupError::Store(error.to_string()))
    };
    let claimed = swap::claim(path)?;
    let store = DiskStore::open_claimed(&claimed, options)?;
    let before = size(&store)?;
    let aside = before_compaction(path);
    swap::remove(&aside).map_err(unusable)?;
    migrate::rewrite(store, path, &aside, options)?;
    drop(claimed);
    let store = DiskStore::open(path, options)?;
    let after = size(&store)?;
    runtime.block_on(store.close()).map_err(|error| BackupError::Store(error.to_string()))?;
    Ok((before, after))
}

/// Writes a store anew when it is much longer than what is in it, or when somebody asked for it; the
/// old one stays until the next time.
///
/// That is done here, before anybody waits for the store, and not while it is in use: everybody would
/// stand still for as long as it takes to write it all twice.
fn compacted(
    store: DiskStore,
    claimed: Arc<Directory>,
    options: StoreOptions,
) -> Result<DiskStore, OpenError> {
    let path = &claimed.path.clone();
    let unusable = |source| OpenError::Unusable { path: path.clone(), source };
    let aside = before_compaction(path);
    swap::remove(&aside).map_err(unusable)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(unusable)?;
    let disk = runtime.block_on(store.stats()).map(|stats| stats.disk_bytes).unwrap_or_default();
    let asked = claimed.wants_compaction();
    if !asked {
        let is_bloated = disk >= options.compact_above
            && runtime
                .block_on(backup::contents(&store))
                .is_ok_and(|contents| disk / contents.bytes().max(1) >= BLOAT);
        if !is_bloated {
            return Ok(store);
        }
    }
    match migrate::rewrite(store, path, &aside, options) {
        Ok(entries) => {
            tracing::info!(before = disk, entries, "the store was written anew");
            drop(claimed);
            DiskStore::open(path, options)
        }
        Err(error) => {
            // It is as good as it was; only longer.
            tracing::warn!(%error, "the store could not be written anew");
            DiskStore::open_claimed(&claimed, options)
        }
    }
}

/// Where the store is that a compaction replaced.
fn before_compaction(path: &Path) -> PathBuf {
    path.with_extension("before-compaction")
}

/// sled takes a snapshot that it was still writing when it was killed for a whole one.
fn set_half_snapshots_aside(path: &Path) -> io::Result<bool> {
    let mut found = false;
    for entry in fs::read_dir(path.join(Engine::Sled.files()))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            // Nothing is modified in place but this: it stays beside.
            fs::rename(entry.path(), path.join(format!("{name}.aside")))?;
            found = true;
        }
    }
    Ok(found)
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
pub fn prune_backups(directory: &Path, kept: usize) -> io::Result<()> {
    backups(directory)?.into_iter().skip(kept).try_for_each(fs::remove_file)
}
