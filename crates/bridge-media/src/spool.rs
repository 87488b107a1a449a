//! Files on this disk, named by the SHA-256 of their bytes: `media/ab/cdef…`.
//!
//! Nothing about them is stored beside them: what a file is is read from its first bytes, when it was
//! last wanted from its own time. A crash between writing and moving leaves a file in `tmp`, which the
//! next start removes. The directory belongs to one process, as the store does.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bridge_core::{
    id::MediaHash,
    media::{Facts, KeptFile, Media, MediaError, MediaStream, PictureBounds, Spool},
    model::Link,
};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt as _, AsyncSeekExt as _},
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
};

use crate::{
    emoticon,
    kind::{self, HEAD},
    name, picture,
    sign::Signer,
    write::{self, Piece, Written},
};

/// Pieces that wait for the disk; past it the network is not read.
const QUEUE: usize = 4;
/// Files taken in at the same time; each more waits.
const TRANSFERS: usize = 8;
/// Pictures read at the same time: each may need a quarter of a gibibyte.
const PICTURES: usize = 2;
/// Bytes read from the disk at once.
const READ: usize = 64 * 1024;
/// Where files are written before they are whole.
const TEMPORARY: &str = "tmp";

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes.
    pub max_size: u64,
    /// Most bytes of all files together.
    pub quota: u64,
    /// How long a file is kept after it was last wanted; addresses live as long.
    pub keep: Duration,
}

/// The spool; clones are the same one.
#[derive(Clone)]
pub struct FileSpool(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    limits: Limits,
    signer: Option<Signer>,
    transfers: Semaphore,
    pictures: Arc<Semaphore>,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    files: HashMap<MediaHash, Entry>,
    total: u64,
}

struct Entry {
    size: u64,
    /// When it was last wanted.
    used: SystemTime,
    /// How many have it in use: it is not thrown out then.
    holds: usize,
}

impl FileSpool {
    /// Opens the spool in a directory, which is made when missing, and puts it in order: removes what a
    /// crash left half written and what is too old. Blocks.
    ///
    /// With a signer, files have addresses.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(directory: &Path, limits: Limits, signer: Option<Signer>) -> io::Result<Self> {
        make_private(directory)?;
        let temporary = directory.join(TEMPORARY);
        if temporary.exists() {
            fs::remove_dir_all(&temporary)?;
        }
        fs::create_dir(&temporary)?;
        let index = Mutex::new(read_index(directory)?);
        let (transfers, pictures) = (Semaphore::new(TRANSFERS), Arc::new(Semaphore::new(PICTURES)));
        let directory = directory.to_owned();
        let spool = Self(Arc::new(Inner { directory, limits, signer, transfers, pictures, index }));
        spool.sweep();
        Ok(spool)
    }

    /// Throws out what nobody wanted for too long, and what is too much. Blocks for as long as that
    /// takes; call it from time to time.
    pub fn sweep(&self) {
        let inner = &self.0;
        let now = SystemTime::now();
        let old =
            |entry: &Entry| now.duration_since(entry.used).is_ok_and(|age| age > inner.limits.keep);
        let mut index = inner.index();
        let gone: Vec<MediaHash> = index
            .files
            .iter()
            .filter(|(_, entry)| entry.holds == 0 && old(entry))
            .map(|(hash, _)| *hash)
            .collect();
        gone.iter().for_each(|hash| inner.remove(&mut index, *hash));
        // A quota that was made smaller holds from now on; what is in use goes later.
        let enough = inner.make_room(&mut index, 0);
        if !gone.is_empty() || enough.is_err() {
            tracing::info!(removed = gone.len(), bytes = index.total, "old files were thrown out");
        }
    }

    /// Gives who signs its addresses.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.0.signer.as_ref()
    }

    /// Reads a part of a file: so many bytes from a place on.
    pub(crate) async fn read_part(
        &self,
        hash: MediaHash,
        from: u64,
        length: u64,
    ) -> Result<MediaStream, MediaError> {
        self.0.read(hash, from, length).await
    }

    async fn take(&self, name: &str, mut stream: MediaStream) -> Result<Media, MediaError> {
        let limit = self.0.limits.max_size;
        if stream.size.is_some_and(|size| size > limit) {
            return Err(MediaError::TooLarge { limit });
        }
        let (pieces, queue) = mpsc::channel(QUEUE);
        let inner = Arc::clone(&self.0);
        let writing = spawn_blocking(move || {
            let written = write::write(&inner.directory.join(TEMPORARY), queue).map_err(disk)?;
            written.map(|written| inner.admit(written)).transpose()
        });
        let mut size = 0_u64;
        while let Some(piece) = stream.next().await {
            let piece = piece?;
            size += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if size > limit {
                return Err(MediaError::TooLarge { limit });
            }
            // A writer that ended says below why.
            if pieces.send(Piece::Bytes(piece)).await.is_err() {
                break;
            }
        }
        if stream.size.is_some_and(|said| size < said) {
            return Err(MediaError::Cut("it is shorter than it was said to be".into()));
        }
        drop(pieces.send(Piece::End).await);
        drop(pieces);
        let (hash, facts, hold) = match writing.await {
            Ok(written) => written?.ok_or_else(|| disk("it was given up"))?,
            Err(error) => return Err(disk(error)),
        };
        Ok(media(hash, name, facts, hold))
    }
}

impl FileSpool {
    /// Reads a picture, a few at a time.
    async fn made_of<T: Send + 'static>(
        &self,
        from: &Media,
        make: impl FnOnce(&Path) -> Result<T, MediaError> + Send + 'static,
    ) -> Result<T, MediaError> {
        let (inner, hash) = (Arc::clone(&self.0), from.hash);
        let turn = Arc::clone(&inner.pictures).acquire_owned().await.map_err(disk)?;
        let made = spawn_blocking(move || {
            let made = make(&inner.path(hash));
            drop(turn);
            made
        });
        made.await.map_err(disk)?
    }

    async fn keep_made(&self, name: &str, bytes: Vec<u8>) -> Result<Media, MediaError> {
        let size = u64::try_from(bytes.len()).ok();
        let stream = MediaStream::new(size, stream::iter([Ok(Bytes::from(bytes))]));
        self.keep(name, stream).await
    }
}

#[async_trait]
impl Spool for FileSpool {
    fn max_size(&self) -> u64 {
        self.0.limits.max_size
    }

    fn gives_links(&self) -> bool {
        self.0.signer.is_some()
    }

    fn size(&self) -> u64 {
        self.0.index().total
    }

    async fn keep(&self, name: &str, stream: MediaStream) -> Result<Media, MediaError> {
        let _turn = self.0.transfers.acquire().await.map_err(disk)?;
        self.take(name, stream).await
    }

    async fn find(&self, hash: MediaHash, name: &str) -> Option<Media> {
        let inner = Arc::clone(&self.0);
        let found = spawn_blocking(move || inner.look(hash)).await;
        let (facts, hold) = found.ok().flatten()?;
        Some(media(hash, name, facts, hold))
    }

    async fn as_picture(&self, from: &Media, bounds: PictureBounds) -> Result<Media, MediaError> {
        let made = self.made_of(from, move |path| picture::remake(path, bounds)).await?;
        self.keep_made(&from.name, made).await
    }

    async fn as_emoticon(&self, from: &Media, bounds: PictureBounds) -> Result<Media, MediaError> {
        match self.made_of(from, move |path| emoticon::remake(path, bounds)).await? {
            Some(made) => self.keep_made(&from.name, made).await,
            None => Ok(from.clone()),
        }
    }

    fn link(&self, media: &Media) -> Option<Link> {
        let signer = self.0.signer.as_ref()?;
        if let Some(entry) = self.0.index().files.get_mut(&media.hash) {
            entry.used = SystemTime::now();
        }
        Some(signer.link(media.hash, &media.name))
    }
}

impl Inner {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, hash: MediaHash) -> PathBuf {
        let text = hash.to_string();
        let (shelf, rest) = text.split_at(2);
        self.directory.join(shelf).join(rest)
    }

    /// Puts a written file into its place, unless the same bytes are there. Blocks.
    fn admit(self: &Arc<Self>, written: Written) -> Result<(MediaHash, Facts, Hold), MediaError> {
        let Written { hash, size, .. } = written;
        let facts = facts_of(written.path(), &written.head, size);
        let place = self.path(hash);
        {
            let mut index = self.index();
            if index.files.contains_key(&hash) && !place.exists() {
                self.remove(&mut index, hash); // somebody took it away by hand
            }
            if !index.files.contains_key(&hash) {
                self.make_room(&mut index, size)?;
                written.place(&place).map_err(disk)?;
                index.total += size;
                let entry = Entry { size, used: SystemTime::now(), holds: 0 };
                index.files.insert(hash, entry);
            }
        }
        if let Some(shelf) = place.parent() {
            write::sync_directory(shelf).map_err(disk)?;
        }
        write::sync_directory(&self.directory).map_err(disk)?;
        let (_, hold) = self.look(hash).ok_or(MediaError::Gone)?;
        Ok((hash, facts, hold))
    }

    /// Finds a file, marks it as wanted now and holds it. Blocks.
    fn look(self: &Arc<Self>, hash: MediaHash) -> Option<(Facts, Hold)> {
        let (size, hold) = {
            let mut index = self.index();
            let entry = index.files.get_mut(&hash)?;
            entry.used = SystemTime::now();
            entry.holds += 1;
            (entry.size, Hold { inner: Arc::clone(self), hash, size: entry.size })
        };
        let path = self.path(hash);
        let mut head = Vec::new();
        let read = File::options().read(true).write(true).open(&path).and_then(|file| {
            // After a restart this time says how old it is.
            file.set_modified(SystemTime::now())?;
            file.take(u64::try_from(HEAD).unwrap_or_default()).read_to_end(&mut head)
        });
        if let Err(error) = read {
            if error.kind() == io::ErrorKind::NotFound {
                drop(hold);
                self.remove(&mut self.index(), hash); // somebody took it away by hand
            } else {
                tracing::warn!(%error, "a kept file cannot be read");
            }
            return None;
        }
        Some((facts_of(&path, &head, size), hold))
    }

    /// Makes room for so many more bytes: throws out what was not wanted for longest and is not in use.
    fn make_room(&self, index: &mut Index, size: u64) -> Result<(), MediaError> {
        let quota = self.limits.quota;
        let mut surplus = index.total.saturating_add(size).saturating_sub(quota);
        if surplus == 0 {
            return Ok(());
        }
        let mut free: Vec<(SystemTime, MediaHash, u64)> = index
            .files
            .iter()
            .filter(|(_, entry)| entry.holds == 0)
            .map(|(hash, entry)| (entry.used, *hash, entry.size))
            .collect();
        free.sort();
        let possible: u64 = free.iter().map(|(_, _, size)| size).sum();
        if possible < surplus && size > 0 {
            return Err(MediaError::NoRoom);
        }
        for (_, hash, size) in free {
            if surplus == 0 {
                break;
            }
            self.remove(index, hash);
            surplus = surplus.saturating_sub(size);
        }
        if surplus == 0 { Ok(()) } else { Err(MediaError::NoRoom) }
    }

    fn remove(&self, index: &mut Index, hash: MediaHash) {
        let Some(entry) = index.files.remove(&hash) else { return };
        index.total = index.total.saturating_sub(entry.size);
        match fs::remove_file(self.path(hash)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "an old file cannot be removed"),
        }
    }

    async fn read(
        &self,
        hash: MediaHash,
        from: u64,
        length: u64,
    ) -> Result<MediaStream, MediaError> {
        let mut file = match tokio::fs::File::open(self.path(hash)).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(MediaError::Gone),
            Err(error) => return Err(disk(error)),
        };
        file.seek(SeekFrom::Start(from)).await.map_err(disk)?;
        let pieces = stream::try_unfold(file.take(length), |mut file| async move {
            let mut piece = BytesMut::with_capacity(READ);
            let read = file.read_buf(&mut piece).await.map_err(disk)?;
            Ok((read > 0).then(|| (piece.freeze(), file)))
        });
        Ok(MediaStream::new(Some(length), pieces))
    }
}

/// A file in use.
struct Hold {
    inner: Arc<Inner>,
    hash: MediaHash,
    size: u64,
}

#[async_trait]
impl KeptFile for Hold {
    async fn open(&self) -> Result<MediaStream, MediaError> {
        self.inner.read(self.hash, 0, self.size).await
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(entry) = self.inner.index().files.get_mut(&self.hash) {
            entry.holds = entry.holds.saturating_sub(1);
        }
    }
}

fn media(hash: MediaHash, name: &str, facts: Facts, hold: Hold) -> Media {
    let known = kind::known(facts.mime);
    Media::new(hash, name::for_kind(name, known), facts, Arc::new(hold))
}

fn facts_of(path: &Path, head: &[u8], size: u64) -> Facts {
    let mime = kind::of(head).mime;
    let dimensions = mime.starts_with("image/").then(|| picture::dimensions(path)).flatten();
    Facts { mime, size, dimensions }
}

/// Lists what is kept; what is no file of ours is left alone.
fn read_index(directory: &Path) -> io::Result<Index> {
    let mut index = Index::default();
    for shelf in fs::read_dir(directory)? {
        let shelf = shelf?;
        if !shelf.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(shelf.path())? {
            let file = file?;
            let text = format!(
                "{}{}",
                shelf.file_name().to_string_lossy(),
                file.file_name().to_string_lossy()
            );
            let Ok(hash) = text.parse::<MediaHash>() else { continue };
            let facts = file.metadata()?;
            let used = facts.modified()?;
            index.total += facts.len();
            index.files.insert(hash, Entry { size: facts.len(), used, holds: 0 });
        }
    }
    Ok(index)
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn disk(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> MediaError {
    MediaError::Disk(bridge_core::error::Cause::new(error))
}
