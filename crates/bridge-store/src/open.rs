//! Opening: the directory, the lock, the database, its schema.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The files are damaged or not a store's.
    #[error(
        "the store in {path} cannot be read: {reason}. Move it aside and restore a backup; \
         nothing was changed"
    )]
    Damaged {
        /// Where.
        path: PathBuf,
        /// The engine's words.
        reason: String,
    },
    /// Another process has it open.
    #[error("the store in {path} is in use by another process; stop that one first")]
    Locked {
        /// Where.
        path: PathBuf,
    },
    /// It was written by a newer version of the program.
    #[error(
        "the store in {path} has schema {found}, and this version knows up to {supported}; \
         install the newer version again, or restore a backup made before it"
    )]
    NewerSchema {
        /// Where.
        path: PathBuf,
        /// The schema found.
        found: u32,
        /// The newest one known.
        supported: u32,
    },
    /// The directory cannot be made, read or written.
    #[error("cannot use {path} for the store: {source}")]
    Unusable {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The directory of a store, held against other processes for as long as this lives.
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory, readable by its owner only, and locks it.
    pub(crate) fn claim(path: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Unusable { path: path.to_owned(), source };
        make_private(path).map_err(unusable)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
