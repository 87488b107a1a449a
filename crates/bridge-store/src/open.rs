//! Opening: the directory, the lock, the database, its schema.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{engine::Engine, files::FilesError};

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
    /// It was written by another engine than the one it is to be opened with.
    #[error(
        "the store in {path} is one of {found}, and it is to be opened with {wanted}: run \
         `msn-bridge migrate --to {wanted}`, or set store.engine to \"{found}\""
    )]
    OtherEngine {
        /// Where.
        path: PathBuf,
        /// Whose files are there.
        found: Engine,
        /// Whose were looked for.
        wanted: Engine,
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

impl OpenError {
    pub(crate) fn of(path: &Path, error: FilesError) -> Self {
        let path = path.to_owned();
        match error {
            FilesError::Damaged(reason) => Self::Damaged { path, reason },
            FilesError::Disk(source) => Self::Unusable { path, source },
        }
    }
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

    /// Notes that the store is to be written anew when it is opened the next time.
    pub(crate) fn want_compaction(&self) -> io::Result<()> {
        File::create(self.path.join(COMPACT))?.sync_all()
    }

    /// Tells whether it is.
    pub(crate) fn wants_compaction(&self) -> bool {
        self.path.join(COMPACT).exists()
    }
}

/// The file whose presence asks for the store to be written anew.
const COMPACT: &str = "compact";

fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
