//! Files on their way: bytes in pieces, and the place where they rest between two networks.
//!
//! A row of the log holds only what a file is called where it came from. Its bytes are fetched when
//! the first leg needs them, rest in a [`Spool`], and are read from there by all legs. What a file is
//! is told by its bytes, never by who sent it.

mod picture;

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::{sync::Mutex as AsyncMutex, time::timeout};

use crate::{
    error::{Cause, DeliverError},
    id::{MediaHash, MediaId, NetworkId},
    measures,
    model::{Attachment, AttachmentKind, Link, Reject, size_in_words},
    shared::Shared,
    texts,
};

/// How long the bytes of one file may take to come.
const FETCH_DEADLINE: Duration = Duration::from_secs(600);
/// How long nothing may come of a file that is under way.
const SILENCE: Duration = Duration::from_secs(30);
/// Most files remembered by where they came from.
const KNOWN_LIMIT: usize = 1024;

pub use self::picture::ExpectedPicture;

/// Bytes of a file, in order, in pieces.
pub struct MediaStream {
    /// How many there will be, as far as the other side says; nobody relies on it.
    pub size: Option<u64>,
    bytes: Pin<Box<dyn Stream<Item = Result<Bytes, MediaError>> + Send>>,
}

impl MediaStream {
    /// Makes one of pieces; an error ends it.
    pub fn new(
        size: Option<u64>,
        bytes: impl Stream<Item = Result<Bytes, MediaError>> + Send + 'static,
    ) -> Self {
        Self { size, bytes: Box::pin(bytes) }
    }

    /// Gives the next piece; none at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, MediaError>> {
        match timeout(SILENCE, self.bytes.next()).await {
            Ok(piece) => piece,
            Err(_) => Some(Err(MediaError::Cut("nothing came for too long".into()))),
        }
    }

    /// Gives the pieces, for what takes a stream.
    pub fn into_pieces(self) -> impl Stream<Item = Result<Bytes, MediaError>> + Send + 'static {
        self.bytes
    }

    /// Ends with [`MediaError::TooLarge`] past so many bytes, whatever the other side said of the size.
    pub(crate) fn within(self, limit: u64) -> Self {
        let mut size = 0_u64;
        let bytes = self.bytes.map(move |piece| {
            let piece = piece?;
            size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if size > limit { Err(MediaError::TooLarge { limit }) } else { Ok(piece) }
        });
        Self { size: self.size, bytes: Box::pin(bytes) }
    }

    /// Reads all of it, for a place that takes it only whole.
    ///
    /// # Errors
    /// [`MediaError::TooLarge`] past `limit` bytes, which are all that is ever held.
    pub async fn read_all(mut self, limit: u64) -> Result<Vec<u8>, MediaError> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            let size = u64::try_from(all.len() + piece.len()).unwrap_or(u64::MAX);
            if size > limit {
                return Err(MediaError::TooLarge { limit });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}

impl fmt::Debug for MediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaStream").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Why a file's bytes are not to be had. Each variant is another next step; none holds a name or an
/// address.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// They broke off; come again.
    #[error("the file broke off: {0}")]
    Cut(Cause),
    /// They are not those that their sender encrypted; no other come by asking again.
    #[error("the file is damaged, or somebody changed it")]
    Damaged,
    /// This disk does not take or give them.
    #[error("the disk fails: {0}")]
    Disk(Cause),
    /// They are not here any more: too old, or others needed the room.
    #[error("the file is not kept any more")]
    Gone,
    /// There is no room now, and all that is kept is in use.
    #[error("there is no room for the file now")]
    NoRoom,
    /// It is no picture that can be made into another.
    #[error("it is no picture that can be read: {0}")]
    NotAPicture(Cause),
    /// It has more than so many bytes.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The most there may be.
        limit: u64,
    },
}

/// A file that is kept. As long as one of these is held, it is not thrown out.
#[derive(Clone)]
pub struct Media {
    /// Its bytes' own name.
    pub hash: MediaHash,
    /// Its name, safe for disks and headers, with the ending of what it is.
    pub name: String,
    /// What it is, told by its bytes.
    pub mime: &'static str,
    /// How many bytes it has.
    pub size: u64,
    /// Width and height of a picture, in pixels.
    pub dimensions: Option<(u32, u32)>,
    file: Arc<dyn KeptFile>,
}

impl Media {
    /// Makes one of a spool's file.
    pub fn new(hash: MediaHash, name: String, facts: Facts, file: Arc<dyn KeptFile>) -> Self {
        let Facts { mime, size, dimensions } = facts;
        Self { hash, name, mime, size, dimensions, file }
    }

    /// Reads its bytes.
    ///
    /// # Errors
    /// [`MediaError::Disk`] and [`MediaError::Gone`].
    pub async fn open(&self) -> Result<MediaStream, MediaError> {
        self.file.open().await
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("mime", &self.mime)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// What a file's bytes say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its media type.
    pub mime: &'static str,
    /// Its size in bytes.
    pub size: u64,
    /// Width and height of a picture, in pixels.
    pub dimensions: Option<(u32, u32)>,
}

/// A spool's hold on one file.
#[async_trait]
pub trait KeptFile: Send + Sync + 'static {
    /// Reads its bytes from the beginning.
    async fn open(&self) -> Result<MediaStream, MediaError>;
}

/// How large a picture may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureBounds {
    /// Its longer side, in pixels.
    pub side: u32,
    /// Its bytes.
    pub bytes: u64,
}

/// Where files rest between the networks.
#[async_trait]
pub trait Spool: Send + Sync + 'static {
    /// Tells how many bytes a file may have.
    fn max_size(&self) -> u64;

    /// Takes a file in. `name` is the sender's.
    ///
    /// # Errors
    /// Those of the stream; [`MediaError::TooLarge`], [`MediaError::NoRoom`], [`MediaError::Disk`].
    async fn keep(&self, name: &str, stream: MediaStream) -> Result<Media, MediaError>;

    /// Finds a file that is kept already.
    async fn find(&self, hash: MediaHash, name: &str) -> Option<Media>;

    /// Makes a picture into a still one of a safe form within bounds, without anything that is hidden
    /// in it (where it was taken, by which camera), and keeps that.
    ///
    /// # Errors
    /// [`MediaError::NotAPicture`], and those of [`keep`](Self::keep).
    async fn as_picture(&self, media: &Media, bounds: PictureBounds) -> Result<Media, MediaError>;

    /// Makes a picture into one of a safe form within bounds that stands for letters: as it is where it is
    /// one already; one that moves goes on moving where that is possible.
    ///
    /// # Errors
    /// As [`as_picture`](Self::as_picture).
    async fn as_emoticon(&self, media: &Media, bounds: PictureBounds) -> Result<Media, MediaError> {
        self.as_picture(media, bounds).await
    }

    /// Tells whether [`link`](Self::link) gives addresses.
    fn gives_links(&self) -> bool;

    /// Tells how many bytes are kept.
    fn size(&self) -> u64;

    /// Gives an address under which anybody who has it may fetch the file for a while; none where the
    /// bridge has no public address.
    fn link(&self, media: &Media) -> Option<Link>;
}

/// The spool, and what in it is known by where it came from.
pub(crate) struct Library {
    pub(crate) spool: Arc<dyn Spool>,
    known: Mutex<HashMap<(NetworkId, MediaId), Place>>,
}

/// Where a file's hash is noted; whoever holds it fetches the file, others wait.
type Place = Arc<AsyncMutex<Option<MediaHash>>>;

impl Library {
    pub(crate) fn new(spool: Arc<dyn Spool>) -> Self {
        Self { spool, known: Mutex::default() }
    }

    fn place(&self, network: &NetworkId, media: &MediaId) -> Place {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_LIMIT {
            known.retain(|_, place| Arc::strong_count(place) > 1);
        }
        Arc::clone(known.entry((network.clone(), media.clone())).or_default())
    }

    /// Keeps a file that cannot be asked for again; its name is its hash.
    pub(crate) async fn keep(
        &self,
        name: &str,
        stream: MediaStream,
    ) -> Result<MediaId, MediaError> {
        let media = self.spool.keep(name, stream).await?;
        Ok(MediaId::new(media.hash.to_string()))
    }

    /// Gives a picture of somebody that a network named, made small and safe.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); [`DeliverError::Reject`] where it is no picture.
    pub(crate) async fn face(
        &self,
        shared: &Shared,
        network: &NetworkId,
        picture: &MediaId,
        bounds: PictureBounds,
    ) -> Result<Media, DeliverError> {
        let file = Attachment {
            media: picture.clone(),
            name: "picture".to_owned(),
            kind: AttachmentKind::Picture,
            mime: None,
            size: None,
            caption: None,
            link: None,
        };
        let media = self.fetch(shared, network, &file).await?;
        self.spool.as_picture(&media, bounds).await.map_err(DeliverError::from)
    }

    /// Gives a file that came from a network: from the spool, or from there.
    ///
    /// # Errors
    /// [`DeliverError`] for the leg that needs it: a reject tells the sender why.
    pub(crate) async fn fetch(
        &self,
        shared: &Shared,
        network: &NetworkId,
        file: &Attachment,
    ) -> Result<Media, DeliverError> {
        self.fetch_within(shared, network, file, self.spool.max_size()).await
    }

    /// As [`fetch`](Self::fetch), of no more than so many bytes.
    async fn fetch_within(
        &self,
        shared: &Shared,
        network: &NetworkId,
        file: &Attachment,
        limit: u64,
    ) -> Result<Media, DeliverError> {
        if file.size.is_some_and(|size| size > limit) {
            return Err(too_large(limit));
        }
        if !shared.adapters.contains_key(network)
            && let Ok(hash) = file.media.as_str().parse()
        {
            let kept = self.spool.find(hash, &file.name).await;
            return kept.ok_or_else(|| DeliverError::Gone(MediaError::Gone.to_string().into()));
        }
        let place = self.place(network, &file.media);
        let mut noted = place.lock().await;
        if let Some(hash) = *noted
            && let Some(media) = self.spool.find(hash, &file.name).await
        {
            return Ok(media);
        }
        let adapter = shared.adapters.get(network);
        let adapter = adapter.ok_or_else(|| {
            DeliverError::Gone(texts::delivery::ITS_NETWORK_IS_SWITCHED_OFF.into())
        })?;
        let work = async {
            let stream = adapter.open_media(&file.media).await?;
            self.spool.keep(&file.name, stream.within(limit)).await.map_err(DeliverError::from)
        };
        let late = || Err(DeliverError::retry("the file does not come in time"));
        let fetched = timeout(FETCH_DEADLINE, work).await.unwrap_or_else(|_| late());
        let outcome = if fetched.is_ok() { "kept" } else { "failed" };
        metrics::counter!(measures::FILES, "network" => network.to_string(), "outcome" => outcome)
            .increment(1);
        let media = fetched?;
        *noted = Some(media.hash);
        Ok(media)
    }
}

impl From<MediaError> for DeliverError {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::TooLarge { limit } => too_large(limit),
            MediaError::Damaged => Self::Reject {
                reason: Reject::Unsupported,
                tell_user: texts::delivery::THE_FILE_IS_DAMAGED.to_owned(),
            },
            MediaError::NotAPicture(_) => Self::Reject {
                reason: Reject::Unsupported,
                tell_user: texts::delivery::THE_PICTURE_CANNOT_BE_READ.to_owned(),
            },
            MediaError::Cut(_) | MediaError::Disk(_) | MediaError::Gone | MediaError::NoRoom => {
                Self::retry(error.to_string())
            }
        }
    }
}

fn too_large(limit: u64) -> DeliverError {
    DeliverError::Reject {
        reason: Reject::Unsupported,
        tell_user: texts::delivery::the_file_is_too_large_the_bridge_carries_at_most(
            size_in_words(limit),
        ),
    }
}
