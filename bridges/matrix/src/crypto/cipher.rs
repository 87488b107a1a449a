//! Bytes of files, encrypted and decrypted on their way, in pieces.

use std::{
    future::pending,
    io::{self, Read},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bridge_core::{MediaError, MediaStream};
use bytes::Bytes;
use futures_util::{Stream, stream};
use matrix_sdk_crypto::{AttachmentDecryptor, AttachmentEncryptor, MediaEncryptionInfo};
use tokio::sync::mpsc;

/// What the SDK reads from: the piece that just came, and no more.
#[derive(Clone, Default)]
struct Piece(Arc<Mutex<Bytes>>);

impl Piece {
    fn put(&self, piece: Bytes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = piece;
    }
}

impl Read for Piece {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let length = piece.len().min(buffer.len());
        let taken = piece.split_to(length);
        taken.as_ref().read_exact(buffer.get_mut(..length).unwrap_or_default())?;
        Ok(length)
    }
}

/// Decrypts a file. Where its bytes are not those that were encrypted, its end is an error, so that
/// nobody keeps it.
pub(super) fn decrypted(mut sealed: MediaStream, key: MediaEncryptionInfo) -> MediaStream {
    let size = sealed.size;
    let pieces = told(move |out| async move {
        let piece = Piece::default();
        let mut source = piece.clone();
        let mut opened =
            AttachmentDecryptor::new(&mut source, key).map_err(|_| MediaError::Damaged)?;
        while let Some(next) = sealed.next().await {
            let next = next?;
            let mut plain = vec![0; next.len()];
            piece.put(next);
            opened.read_exact(&mut plain).map_err(|_| MediaError::Damaged)?;
            if out.send(plain.into()).await.is_err() {
                return Ok(()); // nobody reads it any more
            }
        }
        // Asked for more than there is, it compares what came with what should have.
        opened.read(&mut [0]).map(drop).map_err(|_| MediaError::Damaged)
    });
    MediaStream::new(size, pieces)
}

/// Encrypts a file; once all of it is read, what opens it is there.
pub(super) fn encrypted(mut plain: MediaStream) -> (MediaStream, FileKey) {
    let size = plain.size;
    let key = FileKey::default();
    let made = key.clone();
    let pieces = told(move |out| async move {
        let piece = Piece::default();
        let mut source = piece.clone();
        let mut closed = AttachmentEncryptor::new(&mut source);
        while let Some(next) = plain.next().await {
            let next = next?;
            let mut sealed = vec![0; next.len()];
            piece.put(next);
            let read = closed.read_exact(&mut sealed);
            read.map_err(|error| MediaError::Cut(error.to_string().into()))?;
            if out.send(sealed.into()).await.is_err() {
                return Ok(()); // nobody takes it any more
            }
        }
        made.put(closed.finish());
        Ok(())
    });
    (MediaStream::new(size, pieces), key)
}

/// What will open a file that is being encrypted.
#[derive(Clone, Default)]
pub(super) struct FileKey(Arc<Mutex<Option<MediaEncryptionInfo>>>);

impl FileKey {
    fn put(&self, key: MediaEncryptionInfo) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }

    /// Takes it; none before all of the file was read.
    pub(super) fn take(&self) -> Option<MediaEncryptionInfo> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes a stream of what some work tells, and of the error it ends with. The work goes on only while
/// somebody reads.
fn told<W, F>(work: W) -> impl Stream<Item = Result<Bytes, MediaError>> + Send + 'static
where
    W: FnOnce(mpsc::Sender<Bytes>) -> F,
    F: Future<Output = Result<(), MediaError>> + Send + 'static,
{
    // One piece: the work waits for its reader.
    let (out, told) = mpsc::channel(1);
    let work: Option<Pin<Box<dyn Future<Output = _> + Send>>> = Some(Box::pin(work(out)));
    stream::unfold((told, work), |(mut told, mut work)| async move {
        loop {
            let done = async {
                match work.as_mut() {
                    Some(work) => work.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                piece = told.recv() => return piece.map(|piece| (Ok(piece), (told, work))),
                done = done => {
                    work = None;
                    if let Err(error) = done {
                        told.close();
                        return Some((Err(error), (told, work)));
                    }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream_of(bytes: &[u8], cut: usize) -> MediaStream {
        let pieces: Vec<_> =
            bytes.chunks(cut).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        MediaStream::new(u64::try_from(bytes.len()).ok(), stream::iter(pieces))
    }

    async fn sealed(bytes: &[u8], cut: usize) -> (Vec<u8>, MediaEncryptionInfo) {
        let (stream, key) = encrypted(stream_of(bytes, cut));
        let sealed = stream.read_all(u64::MAX).await.unwrap();
        (sealed, key.take().unwrap())
    }

    #[tokio::test]
    async fn a_file_is_the_same_after_it_was_encrypted_and_decrypted_however_it_is_cut() {
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for (cut, other) in [(1_000_000, 7), (4096, 64 * 1024), (17, 4097)] {
            let (sealed, key) = sealed(&bytes, cut).await;
            assert_ne!(sealed, bytes);
            let opened = decrypted(stream_of(&sealed, other), key).read_all(u64::MAX).await;
            assert_eq!(opened.unwrap(), bytes);
        }
        let (nothing, key) = sealed(&[], 1).await;
        assert_eq!(decrypted(stream_of(&nothing, 1), key).read_all(1).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_file_that_somebody_changed_or_cut_ends_with_an_error() {
        let (sealed, key) = sealed(b"all is well, and this is signed", 9).await;
        let json = serde_json::to_value(&key).unwrap();
        let key = || serde_json::from_value::<MediaEncryptionInfo>(json.clone()).unwrap();
        let mut changed = sealed.clone();
        changed[3] ^= 1;
        for bytes in [&changed[..], &sealed[..20], &[]] {
            let read = decrypted(stream_of(bytes, 9), key()).read_all(u64::MAX).await;
            assert!(matches!(read, Err(MediaError::Damaged)), "{read:?}");
        }
        assert!(decrypted(stream_of(&sealed, 9), key()).read_all(u64::MAX).await.is_ok());
    }
}
