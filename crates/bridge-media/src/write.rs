//! Writing one file: beside its place, then moved there when it is whole and on the disk.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bridge_core::id::MediaHash;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::kind::HEAD;

/// What goes to the writer.
pub(crate) enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// There are no more: what was written is whole. A channel that closes without this was given up.
    End,
}

/// A file that is written and not in its place yet; gone when it is dropped.
pub(crate) struct Written {
    path: PathBuf,
    /// The SHA-256 of its bytes.
    pub(crate) hash: MediaHash,
    /// How many bytes it has.
    pub(crate) size: u64,
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
}

impl Written {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place.
    pub(crate) fn place(self, place: &Path) -> io::Result<()> {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(&self.path, place)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // In its place already, there is nothing here to remove; what stays goes at the next start.
        drop(fs::remove_file(&self.path));
    }
}

/// Writes pieces to a new file in a directory until the end, and syncs it; none when the sender gave
/// up. Blocks.
pub(crate) fn write(
    directory: &Path,
    mut pieces: mpsc::Receiver<Piece>,
) -> io::Result<Option<Written>> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);

    let path = directory.join(NUMBER.fetch_add(1, Ordering::Relaxed).to_string());
    let mut written = Written { path, hash: MediaHash([0; 32]), size: 0, head: Vec::new() };
    let mut file = File::create_new(&written.path)?;
    let mut hash = Sha256::new();
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                file.write_all(&bytes)?;
                hash.update(&bytes);
                written.size += u64::try_from(bytes.len()).unwrap_or_default();
                let missing = HEAD.saturating_sub(written.head.len());
                written.head.extend(bytes.iter().take(missing));
            }
            Some(Piece::End) => break,
            None => return Ok(None),
        }
    }
    file.sync_all()?;
    written.hash = MediaHash(hash.finalize().into());
    Ok(Some(written))
}

/// Makes what happened in a directory last.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened, and need not be.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
