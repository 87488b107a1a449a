//! From one engine to another, through a backup.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bridge_core::{id::Timestamp, store::Store as _};

use crate::{
    backup::{self, BackupError},
    disk_store::DiskStore,
    engine::{Engine, StoreOptions},
    swap,
};

/// What came of moving a store to another engine.
#[derive(Debug)]
#[non_exhaustive]
pub struct Migrated {
    /// Whose it was.
    pub from: Engine,
    /// How many entries were moved.
    pub entries: u64,
    /// Where the store of before is.
    pub aside: PathBuf,
}

/// Moves a store to the engine of `options`; the store of before stays beside it. Blocks.
///
/// The entries go through a backup, so that what arrives is what left, by count and checksum.
///
/// # Errors
/// [`BackupError`]; the store of before is where it was then.
pub fn migrate(store: &Path, options: StoreOptions) -> Result<Migrated, BackupError> {
    let unusable = |source| BackupError::Unusable { path: store.to_owned(), source };
    let claimed = swap::claim(store)?;
    let from = Engine::of(store).ok_or_else(|| unusable(std::io::ErrorKind::NotFound.into()))?;
    if from == options.engine {
        return Err(BackupError::Store(format!("it is one of {from} already")));
    }
    let aside = store.with_extension(format!("before-migration-{}", Timestamp::now().0));
    let old = DiskStore::open_claimed(&claimed, options.with_engine(from))?;
    let entries = rewrite(old, store, &aside, options)?;
    drop(claimed);
    Ok(Migrated { from, entries, aside })
}

/// Writes a store anew, with the engine of `options`, and puts it in the old one's place. Whoever asks
/// holds the directory.
pub(crate) fn rewrite(
    old: DiskStore,
    path: &Path,
    aside: &Path,
    options: StoreOptions,
) -> Result<u64, BackupError> {
    let unusable = |source| BackupError::Unusable { path: path.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(unusable)?;
    let refused = |error: bridge_core::store::StoreError| BackupError::Store(error.to_string());
    let copy = path.with_extension("rewriting");
    let made = (|| {
        let entries = runtime.block_on(backup::contents(&old)).map_err(refused)?.entries();
        runtime.block_on(old.backup(&copy)).map_err(refused)?;
        backup::make_beside(&copy, path, options)?;
        Ok::<_, BackupError>(entries)
    })();
    // It was only on the way.
    let _ = fs::remove_file(&copy);
    let closed = runtime.block_on(old.close()).map_err(refused);
    let entries = made?;
    closed?;
    swap::put_in_place(path, aside).map_err(unusable)?;
    Ok(entries)
}
