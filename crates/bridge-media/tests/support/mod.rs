//! What the tests of this crate share.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use bridge_core::media::{Media, MediaError, MediaStream, Spool as _};
use bridge_media::{FileSpool, Limits};
use bytes::Bytes;
use futures_util::stream;

pub(crate) const LIMITS: Limits =
    Limits { max_size: 1 << 20, quota: 4 << 20, keep: Duration::from_secs(3600) };

/// Makes a stream of bytes, in pieces of so many.
pub(crate) fn stream_of(bytes: &[u8], piece: usize) -> MediaStream {
    let pieces: Vec<Result<Bytes, MediaError>> =
        bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    MediaStream::new(None, stream::iter(pieces))
}

pub(crate) async fn keep(spool: &FileSpool, name: &str, bytes: &[u8]) -> Result<Media, MediaError> {
    spool.keep(name, stream_of(bytes, 4096)).await
}

pub(crate) async fn all_of(media: &Media) -> Vec<u8> {
    media.open().await.expect("it is there").read_all(u64::MAX).await.expect("it is read")
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("it is a directory").flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
