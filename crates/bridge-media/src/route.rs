//! `GET /media/{hash}/{name}?exp=…&sig=…`: a file for whoever has its signed address.
//!
//! Whatever is not exactly an address of ours is answered in one way, whether there is such a file or
//! not. Only an address that was ours says that its time is over, or that the file is gone.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bridge_core::{
    id::MediaHash,
    media::{Media, MediaError, MediaStream, Spool as _},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

use crate::{kind, name, sign::Refused, spool::FileSpool};

/// Files served at the same time; more are asked to come again.
const READERS: usize = 64;
/// How long a reader may take nothing.
const SLOW: Duration = Duration::from_secs(30);
/// Pieces that wait for a reader.
const QUEUE: usize = 2;

/// Nothing in it may run, and nothing may be fetched by it: what is shown is shown alone.
const POLICY: &str = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; \
                      style-src 'unsafe-inline'";

#[derive(Clone)]
struct Shelf {
    spool: FileSpool,
    readers: Arc<Semaphore>,
}

/// Makes the route; without a signer nothing has an address, and it answers so.
pub fn router(spool: FileSpool) -> Router {
    let shelf = Shelf { spool, readers: Arc::new(Semaphore::new(READERS)) };
    Router::new().route("/media/{hash}/{name}", get(serve)).with_state(shelf)
}

async fn serve(
    State(shelf): State<Shelf>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Ok(Path((hash, name))) = path else {
        return refusal(StatusCode::NOT_FOUND);
    };
    let hash = match asked(&shelf.spool, &hash, &name, query.as_deref().unwrap_or_default()) {
        Ok(hash) => hash,
        Err(Refused::Expired) => return refusal(StatusCode::GONE),
        Err(Refused::NotOurs) => return refusal(StatusCode::NOT_FOUND),
    };
    let Ok(permit) = Arc::clone(&shelf.readers).try_acquire_owned() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE);
    };
    let Some(media) = shelf.spool.find(hash, &name).await else {
        return refusal(StatusCode::GONE);
    };
    let Ok(part) = wanted_part(&headers, media.size) else {
        let mut response = refusal(StatusCode::RANGE_NOT_SATISFIABLE);
        put(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", media.size));
        return response;
    };
    let (from, length) = part.unwrap_or((0, media.size));
    match shelf.spool.read_part(hash, from, length).await {
        Ok(stream) => found(media, part, stream, permit),
        Err(MediaError::Gone) => refusal(StatusCode::GONE),
        Err(error) => {
            tracing::warn!(%error, "a kept file cannot be served");
            refusal(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Reads an address, and tells which file it opens.
fn asked(spool: &FileSpool, hash: &str, name: &str, query: &str) -> Result<MediaHash, Refused> {
    let value =
        |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    let hash = hash.parse().map_err(|_| Refused::NotOurs)?;
    let end = value("exp").and_then(|end| end.parse().ok()).ok_or(Refused::NotOurs)?;
    let signature = value("sig").ok_or(Refused::NotOurs)?;
    let signer = spool.signer().ok_or(Refused::NotOurs)?;
    signer.check(hash, name, end, signature).map(|()| hash)
}

/// Reads which part is asked for: its first byte and its length; none for all of it. Several parts at
/// once, and what cannot be read, count as all; a part beyond the end is an error.
fn wanted_part(headers: &HeaderMap, size: u64) -> Result<Option<(u64, u64)>, ()> {
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some((first, last)) = range
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u64>();
    match (number(first), number(last)) {
        (Ok(first), Ok(last)) if first <= last && first < size => {
            Ok(Some((first, last.min(size - 1) - first + 1)))
        }
        (Ok(first), Err(_)) if last.trim().is_empty() && first < size => {
            Ok(Some((first, size - first)))
        }
        (Err(_), Ok(last)) if first.trim().is_empty() && last > 0 && size > 0 => {
            let length = last.min(size);
            Ok(Some((size - length, length)))
        }
        (Ok(first), _) if first >= size => Err(()),
        _ => Ok(None),
    }
}

fn found(
    media: Media,
    part: Option<(u64, u64)>,
    stream: MediaStream,
    permit: OwnedSemaphorePermit,
) -> Response {
    let size = media.size;
    let (from, length) = part.unwrap_or((0, size));
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let (mime, disposition) =
        (media.mime, name::disposition(&media.name, kind::is_shown(media.mime)));
    let mut response = (status, body(media, stream, permit)).into_response();
    put(&mut response, header::CONTENT_TYPE, mime);
    put(&mut response, header::CONTENT_LENGTH, &length.to_string());
    put(&mut response, header::CONTENT_DISPOSITION, &disposition);
    put(&mut response, header::ACCEPT_RANGES, "bytes");
    put(&mut response, header::CACHE_CONTROL, "private, max-age=3600");
    if part.is_some() {
        let range = format!("bytes {from}-{}/{size}", from + length.saturating_sub(1));
        put(&mut response, header::CONTENT_RANGE, &range);
    }
    guarded(response)
}

/// Hands a file to its reader. Whoever stops reading is left, so that nobody holds a place for ever.
fn body(media: Media, mut stream: MediaStream, permit: OwnedSemaphorePermit) -> Body {
    let (pieces, queue) = mpsc::channel::<Result<Bytes, MediaError>>(QUEUE);
    // It ends with the file, with the reader, or with its patience.
    tokio::spawn(async move {
        let _held = (media, permit);
        while let Some(piece) = stream.next().await {
            if !matches!(timeout(SLOW, pieces.send(piece)).await, Ok(Ok(()))) {
                return;
            }
        }
    });
    Body::from_stream(stream::unfold(queue, |mut queue| async move {
        queue.recv().await.map(|piece| (piece, queue))
    }))
}

fn refusal(status: StatusCode) -> Response {
    let text = match status {
        StatusCode::GONE => "This file is not kept any more.\n",
        StatusCode::NOT_FOUND => "There is nothing here.\n",
        StatusCode::RANGE_NOT_SATISFIABLE => "The file has no such part.\n",
        StatusCode::SERVICE_UNAVAILABLE => "Too many read at once; try again.\n",
        _ => "The file cannot be read.\n",
    };
    let mut response = (status, text).into_response();
    put(&mut response, header::CACHE_CONTROL, "no-store");
    guarded(response)
}

fn guarded(mut response: Response) -> Response {
    put(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    put(&mut response, header::REFERRER_POLICY, "no-referrer");
    put(&mut response, header::HeaderName::from_static("x-robots-tag"), "noindex, nofollow");
    response
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_browsers_ask_for_them() {
        for (asked, wanted) in [
            ("bytes=0-", Ok(Some((0, 10)))),
            ("bytes=2-4", Ok(Some((2, 3)))),
            ("bytes=2-400", Ok(Some((2, 8)))),
            ("bytes=-3", Ok(Some((7, 3)))),
            ("bytes=-300", Ok(Some((0, 10)))),
            ("bytes=10-", Err(())),
            ("bytes=10-12", Err(())),
            ("bytes=4-2", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=-0", Ok(None)),
            ("bytes=--", Ok(None)),
            ("lines=0-1", Ok(None)),
            ("bytes=99999999999999999999-", Ok(None)),
        ] {
            let headers = HeaderMap::from_iter([(header::RANGE, asked.parse().unwrap())]);
            assert_eq!(wanted_part(&headers, 10), wanted, "{asked}");
        }
        assert_eq!(wanted_part(&HeaderMap::new(), 10), Ok(None));
    }
}
