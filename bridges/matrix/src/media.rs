//! Files on the homeserver: fetched with the bridge's token, uploaded as the bot, always in pieces.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bridge_core::{
    DeliverError, Media, MediaError, MediaStream,
    id::{IdempotencyKey, MediaId},
};
use futures_util::stream;
use reqwest::{
    Body, Method, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use ruma::{OwnedMxcUri, ServerName, UserId};
use serde::Deserialize;

use crate::intent::{Intent, IntentError};

/// How long one file may take either way.
const DEADLINE: Duration = Duration::from_secs(600);
/// Most uploads remembered until their message is sent.
const UPLOADS: usize = 256;

/// Files that are uploaded and whose messages are not sent yet, so that a second attempt at the
/// message does not upload them again.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<HashMap<IdempotencyKey, OwnedMxcUri>>);

impl Uploads {
    /// Gives a file's address on the homeserver, uploading it first unless it was.
    pub(crate) async fn ensure(
        &self,
        intent: &Intent,
        bot: &UserId,
        key: IdempotencyKey,
        media: &Media,
    ) -> Result<OwnedMxcUri, DeliverError> {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(address) = before {
            return Ok(address);
        }
        let address = upload(intent, bot, media).await?;
        let mut uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uploads.len() >= UPLOADS {
            uploads.clear();
        }
        uploads.insert(key, address.clone());
        Ok(address)
    }

    /// Forgets an upload whose message is sent.
    pub(crate) fn done(&self, key: IdempotencyKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// Opens a file that a message named.
pub(crate) async fn open(
    intent: &Intent,
    bot: &UserId,
    media: &MediaId,
) -> Result<MediaStream, DeliverError> {
    let none = || DeliverError::Gone("its address is none of a homeserver".into());
    let (server, id) = parts(media.as_str()).ok_or_else(none)?;
    let current = format!("/_matrix/client/v1/media/download/{server}/{id}");
    let response = match fetch(intent, bot, &current).await {
        // Homeservers of before authenticated media.
        Err(error) if error.is("M_UNRECOGNIZED") => {
            fetch(intent, bot, &format!("/_matrix/media/v3/download/{server}/{id}")).await
        }
        response => response,
    };
    let response = response.map_err(|error| match error {
        IntentError::Refused { status: 403 | 404, .. } => {
            DeliverError::Gone("the homeserver does not give it".into())
        }
        error => error.into(),
    })?;
    let size = response.content_length();
    let pieces = stream::try_unfold(response, |mut response| async move {
        let piece = response.chunk().await;
        let piece =
            piece.map_err(|error| MediaError::Cut(error.without_url().to_string().into()))?;
        Ok(piece.map(|piece| (piece, response)))
    });
    Ok(MediaStream::new(size, pieces))
}

/// Tells how large an upload may be; none where the homeserver does not say.
pub(crate) async fn upload_limit(intent: &Intent, bot: &UserId) -> Option<u64> {
    #[derive(Deserialize)]
    struct Limits {
        #[serde(rename = "m.upload.size")]
        size: Option<u64>,
    }

    let current = fetch(intent, bot, "/_matrix/client/v1/media/config").await;
    let response = match current {
        Ok(response) => response,
        Err(_) => fetch(intent, bot, "/_matrix/media/v3/config").await.ok()?,
    };
    response.json::<Limits>().await.ok()?.size
}

async fn fetch(intent: &Intent, bot: &UserId, path: &str) -> Result<Response, IntentError> {
    intent.exchange_raw(intent.raw(Method::GET, path, bot).timeout(DEADLINE)).await
}

/// Puts a file on the homeserver; gives its address there.
pub(crate) async fn upload(
    intent: &Intent,
    bot: &UserId,
    media: &Media,
) -> Result<OwnedMxcUri, DeliverError> {
    let stream = media.open().await?;
    upload_stream(intent, bot, Some(&media.name), media.mime, media.size, stream).await
}

/// Uploads bytes.
pub(crate) async fn upload_stream(
    intent: &Intent,
    bot: &UserId,
    name: Option<&str>,
    kind: &str,
    size: u64,
    stream: MediaStream,
) -> Result<OwnedMxcUri, DeliverError> {
    #[derive(Deserialize)]
    struct Uploaded {
        content_uri: OwnedMxcUri,
    }

    let mut request = intent.raw(Method::POST, "/_matrix/media/v3/upload", bot);
    if let Some(name) = name {
        request = request.query(&[("filename", name)]);
    }
    let request = request
        .header(CONTENT_TYPE, kind)
        .header(CONTENT_LENGTH, size)
        .timeout(DEADLINE)
        .body(Body::wrap_stream(stream.into_pieces()));
    let response = intent.exchange_raw(request).await?;
    let uploaded = response.json::<Uploaded>().await;
    let uploaded =
        uploaded.map_err(|error| DeliverError::retry(error.without_url().to_string()))?;
    Ok(uploaded.content_uri)
}

/// Splits `mxc://server/id`; none when it is not that, so that nothing else gets into a path.
fn parts(address: &str) -> Option<(&str, &str)> {
    let (server, id) = address.strip_prefix("mxc://")?.split_once('/')?;
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let known = !id.is_empty() && id.len() <= 255 && id.chars().all(fine);
    (known && ServerName::parse(server).is_ok()).then_some((server, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_homeservers_are_asked_for() {
        assert_eq!(parts("mxc://example.org/aB-3_x"), Some(("example.org", "aB-3_x")));
        assert_eq!(parts("mxc://[::1]:8008/a"), Some(("[::1]:8008", "a")));
        for wrong in [
            "",
            "https://example.org/a",
            "mxc://example.org",
            "mxc://example.org/",
            "mxc://example.org/../admin",
            "mxc://example.org/a?b",
            "mxc://exa mple/a",
            "mxc:///a",
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}
