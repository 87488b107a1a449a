//! What of a file reaches a place: the file, a smaller copy of a picture, an address, or its name.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::Pump;
use crate::{
    error::DeliverError,
    id::{MediaId, Timestamp},
    media::{Library, Media, PictureBounds},
    model::{Attachment, Capabilities, EventKind, Link, Reject, size_in_words},
    record::LogRow,
    texts,
};

/// How long a file's network is asked for it again and again: what is said after it waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Longest side of a picture that is made smaller to fit.
const SIDE: u32 = 4096;
/// How large a face may be.
const FACE: PictureBounds = PictureBounds { side: 512, bytes: 1024 * 1024 };

/// How long a message waits for the pictures in it.
const EMOTICONS: Duration = Duration::from_secs(5);
/// Most pictures of one message; the rest stay letters.
const EMOTICONS_LIMIT: usize = 20;

/// How a file reaches a place.
pub(super) enum Carried {
    /// It does not.
    Failed(Reject, String),
    /// Its bytes do.
    Whole(Media),
    /// The core ends.
    Stopped,
    /// Words about it do, and an address where there is one.
    Words(Option<Link>),
}

/// Why the bytes of a file are not here; the text is for its sender.
enum NotHere {
    /// They cannot be had.
    Lost(String),
    /// The core ends.
    Stopped,
    /// They are there, and not taken.
    TooLarge(String),
}

impl Pump {
    /// Fetches somebody's picture and makes it small and safe; none where it cannot be had, for a face is no
    /// message.
    pub(super) async fn face(&self, row: &LogRow, picture: &MediaId) -> Option<Media> {
        let library = self.shared.media.as_ref()?;
        let face = library.face(&self.shared, &row.event.network, picture, FACE).await;
        face.inspect_err(|error| tracing::debug!(%error, "a face is not here")).ok()
    }

    /// Fetches the pictures of the emoticons in somebody's words, and makes them small and safe. Those that
    /// do not come at once are left out: letters stand for them.
    pub(super) async fn pictures(
        &self,
        row: &LogRow,
        kind: &mut EventKind,
        to: Capabilities,
    ) -> Vec<Media> {
        let (EventKind::Message(content) | EventKind::Edit { content, .. }) = kind else {
            return Vec::new();
        };
        let emoticons = std::mem::take(&mut content.emoticons);
        let mut pictures = Vec::new();
        let (Some(library), Some(bounds)) = (self.shared.media.as_ref(), to.emoticons) else {
            return pictures;
        };
        let end = Instant::now() + EMOTICONS;
        for emoticon in emoticons.into_iter().take(EMOTICONS_LIMIT) {
            let age = Duration::from_millis(self.shared.clock.age(row.accepted));
            let network = &row.event.network;
            let wanted = library.emoticon(&self.shared, network, &emoticon.media, bounds, age);
            match timeout_at(end, wanted).await {
                Ok(Ok(picture)) => {
                    content.emoticons.push(emoticon);
                    pictures.push(picture);
                }
                Ok(Err(error)) => tracing::debug!(%error, "an emoticon is not here"),
                Err(_) => tracing::debug!("an emoticon does not come in time"),
            }
        }
        pictures
    }

    /// Finds out how a file reaches this leg's place, and fetches its bytes where they are needed.
    pub(super) async fn carry(
        &mut self,
        row: &LogRow,
        file: &Attachment,
        to: Capabilities,
    ) -> Carried {
        let from_there = file.link.clone().filter(|link| link.until > Timestamp::now());
        let shared = self.shared.clone();
        let library = shared.media.as_ref();
        let Some(library) = library.filter(|library| to.files || library.spool.gives_links())
        else {
            return Carried::Words(from_there);
        };
        let too_large = match self.fetch(library, row, file).await {
            Ok(media) => match fit(library, media, to).await {
                Ok(carried) => return carried,
                Err(too_large) => too_large,
            },
            Err(NotHere::Lost(text)) => return Carried::Failed(Reject::Unsupported, text),
            Err(NotHere::Stopped) => return Carried::Stopped,
            Err(NotHere::TooLarge(text)) => text,
        };
        match from_there {
            Some(link) => Carried::Words(Some(link)),
            None => Carried::Failed(Reject::Unsupported, too_large),
        }
    }

    /// Fetches a file, with patience.
    async fn fetch(
        &mut self,
        library: &Library,
        row: &LogRow,
        file: &Attachment,
    ) -> Result<Media, NotHere> {
        let began = Instant::now();
        loop {
            let fetched = tokio::select! {
                fetched = library.fetch(&self.shared, &row.event.network, file) => fetched,
                () = self.shared.cancel.cancelled() => return Err(NotHere::Stopped),
            };
            let (after, cause) = match fetched {
                Ok(media) => {
                    self.backoff.reset();
                    return Ok(media);
                }
                Err(DeliverError::Reject { tell_user, .. }) => {
                    return Err(NotHere::TooLarge(tell_user));
                }
                Err(DeliverError::Gone(cause)) => {
                    let text = texts::delivery::the_file_is_not_there_any_more(&cause);
                    return Err(NotHere::Lost(text));
                }
                Err(DeliverError::Retry { after, cause }) => (after, cause),
                Err(DeliverError::Ambiguous(cause) | DeliverError::AuthLost(cause)) => {
                    (None, cause)
                }
            };
            tracing::debug!(portal = %self.portal, row = %row.row, %cause, "a file is not here yet");
            if began.elapsed() > PATIENCE || self.too_old(row).is_some() {
                let text = texts::delivery::the_file_could_not_be_fetched(&cause);
                return Err(NotHere::Lost(text));
            }
            let wait = after.unwrap_or_else(|| self.backoff.next_wait());
            tokio::select! {
                () = sleep(wait) => {}
                () = self.shared.cancel.cancelled() => return Err(NotHere::Stopped),
            }
        }
    }
}

/// Makes a file that is here fit a place; `Err` tells why it does not.
async fn fit(library: &Library, media: Media, to: Capabilities) -> Result<Carried, String> {
    let limit = to.max_file.unwrap_or(u64::MAX);
    if to.files && media.size <= limit {
        return Ok(Carried::Whole(media));
    }
    if to.files && media.dimensions.is_some() {
        let bounds = PictureBounds { side: SIDE, bytes: limit };
        match library.spool.as_picture(&media, bounds).await {
            Ok(smaller) => return Ok(Carried::Whole(smaller)),
            Err(error) => tracing::debug!(%error, "a picture cannot be made smaller"),
        }
    }
    match library.spool.link(&media) {
        Some(link) => Ok(Carried::Words(Some(link))),
        None => Err(texts::delivery::the_file_is_too_large(size_in_words(limit))),
    }
}
