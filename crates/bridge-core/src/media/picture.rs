//! Pictures that stand for letters: expected of somebody's client or fetched, and made small and safe.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use tokio::{sync::OwnedMutexGuard, time::timeout};

use super::{Library, Media, MediaError, MediaStream, PictureBounds, Spool};
use crate::{
    error::DeliverError,
    id::{MediaHash, MediaId, NetworkId},
    model::{Attachment, AttachmentKind},
    shared::Shared,
};

/// How long after it was accepted a message waits for a picture that is expected.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most bytes of a picture that is fetched.
const FETCHED: u64 = 2 * 1024 * 1024;
/// What the pictures are called, which have no names of their own.
const NAME: &str = "emoticon";

/// The place of a picture that is on its way, which events name already: whoever shows them waits for it a
/// moment. When this is dropped, nobody waits any more.
pub struct ExpectedPicture {
    place: OwnedMutexGuard<Option<MediaHash>>,
    spool: Arc<dyn Spool>,
}

impl ExpectedPicture {
    /// Keeps the picture's bytes.
    ///
    /// # Errors
    /// As [`Spool::keep`].
    pub async fn keep(mut self, bytes: Vec<u8>) -> Result<(), MediaError> {
        let size = u64::try_from(bytes.len()).ok();
        let pieces = stream::iter([Ok(Bytes::from(bytes))]);
        let media = self.spool.keep(NAME, MediaStream::new(size, pieces)).await?;
        *self.place = Some(media.hash);
        Ok(())
    }
}

impl fmt::Debug for ExpectedPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpectedPicture").finish_non_exhaustive()
    }
}

impl Library {
    /// Makes a place for a picture that is to be fetched; none where it is here, or somebody fetches it.
    pub(crate) async fn expect(
        &self,
        network: &NetworkId,
        picture: &MediaId,
    ) -> Option<ExpectedPicture> {
        let mut place = self.place(network, picture).try_lock_owned().ok()?;
        if let Some(hash) = *place
            && self.spool.find(hash, NAME).await.is_some()
        {
            return None;
        }
        *place = None;
        Some(ExpectedPicture { place, spool: Arc::clone(&self.spool) })
    }

    /// Gives a picture that stands for letters, made small and safe. `age` is how long ago the event that
    /// names it was accepted: a picture that is expected is waited for no longer than that allows.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); [`DeliverError::Reject`] where it is no picture.
    pub(crate) async fn emoticon(
        &self,
        shared: &Shared,
        network: &NetworkId,
        picture: &MediaId,
        bounds: PictureBounds,
        age: Duration,
    ) -> Result<Media, DeliverError> {
        let media = if shared.adapters.contains_key(network) {
            let file = Attachment {
                media: picture.clone(),
                name: NAME.to_owned(),
                kind: AttachmentKind::Picture,
                mime: None,
                size: None,
                caption: None,
                link: None,
            };
            self.fetch_within(shared, network, &file, FETCHED).await?
        } else {
            let place = self.place(network, picture);
            let noted = timeout(PATIENCE.saturating_sub(age), place.lock()).await;
            let hash = noted.map_or(None, |noted| *noted);
            let gone = || DeliverError::Gone(MediaError::Gone.to_string().into());
            self.spool.find(hash.ok_or_else(gone)?, NAME).await.ok_or_else(gone)?
        };
        self.spool.as_emoticon(&media, bounds).await.map_err(DeliverError::from)
    }
}
