//! Encrypted files.
//!
//! What an encrypted file is called within the bridge is its address and, after a `#`, what opens it:
//! sealed with the bridge's key, so that neither a store nor a log has it.
//!
//! ```text
//! mxc://example.org/SEsfnsuifSDFSSEF#p4vX…
//! ```

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bridge_core::{
    DeliverError, Media, MediaStream, SealKey,
    id::{IdempotencyKey, MediaId},
};
use matrix_sdk_crypto::{AttachmentDecryptor, MediaEncryptionInfo};
use ruma::{
    OwnedMxcUri, OwnedRoomId,
    events::{
        room::{
            EncryptedFile, MediaSource,
            message::{MessageType, RoomMessageEventContent},
        },
        sticker::StickerMediaSource,
    },
    serde::{Base64, base64::UrlSafe},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::cipher;
use crate::{adapter::MatrixAdapter, media};

/// Most uploads remembered until their message is sent.
const UPLOADS: usize = 256;

/// Encrypted files that are uploaded and whose messages are not sent yet.
#[derive(Default)]
pub(super) struct SealedUploads(Mutex<HashMap<IdempotencyKey, EncryptedFile>>);

/// A file on the homeserver, for a message about it.
pub(crate) struct Uploaded {
    pub(crate) address: OwnedMxcUri,
    /// What opens it, where it is encrypted.
    file: Option<EncryptedFile>,
}

impl Uploaded {
    /// Puts what opens the file into its message.
    pub(crate) fn lock(self, content: &mut RoomMessageEventContent) {
        if let (Some(source), Some(file)) = (source_of(&mut content.msgtype), self.file) {
            *source = MediaSource::Encrypted(Box::new(file));
        }
    }
}

impl MatrixAdapter {
    /// Uploads a file for a message in a room, encrypted where the room is, unless it was before.
    pub(crate) async fn upload_for(
        &self,
        room: &OwnedRoomId,
        key: IdempotencyKey,
        media: &Media,
    ) -> Result<Uploaded, DeliverError> {
        let bot = &self.names.bot;
        let encrypted = self.is_encrypted(bot, room).await?;
        let Some(crypto) = self.crypto.as_ref().filter(|_| encrypted) else {
            let address = self.uploads.ensure(&self.intent, bot, key, media).await?;
            return Ok(Uploaded { address, file: None });
        };
        let uploads = || crypto.uploads.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = uploads().get(&key).cloned();
        let file = match before {
            Some(file) => file,
            None => {
                let (sealed, opens) = cipher::encrypted(media.open().await?);
                // What it is and how it is called is in the message, where only its readers see it.
                let kind = "application/octet-stream";
                let address =
                    media::upload_stream(&self.intent, bot, None, kind, media.size, sealed).await?;
                let opens = opens.take().ok_or_else(|| DeliverError::retry("it went half"))?;
                let file = EncryptedFile::new(address, opens.encryption_info, opens.hashes);
                let mut uploads = uploads();
                if uploads.len() >= UPLOADS {
                    uploads.clear();
                }
                uploads.insert(key, file.clone());
                file
            }
        };
        Ok(Uploaded { address: file.url.clone(), file: Some(file) })
    }

    /// Forgets an upload whose message is sent.
    pub(crate) fn uploaded(&self, key: IdempotencyKey) {
        self.uploads.done(key);
        if let Some(crypto) = &self.crypto {
            crypto.uploads.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
    }

    /// Gives an encrypted file of a message the name it has within the bridge; one that cannot be read
    /// stays as it is.
    pub(crate) fn seal_source(&self, content: &mut RoomMessageEventContent) {
        let Some(crypto) = &self.crypto else { return };
        let Some(source) = source_of(&mut content.msgtype) else { return };
        if let MediaSource::Encrypted(file) = &*source
            && let Some(name) = seal(&crypto.home.key, file)
        {
            *source = MediaSource::Plain(name);
        }
    }

    /// The same for a sticker.
    pub(crate) fn seal_sticker(&self, source: &mut StickerMediaSource) {
        if let (Some(crypto), StickerMediaSource::Encrypted(file)) = (&self.crypto, &*source)
            && let Some(name) = seal(&crypto.home.key, file)
        {
            *source = StickerMediaSource::Plain(name);
        }
    }

    /// Opens a file that a message named.
    pub(crate) async fn open_file(&self, id: &MediaId) -> Result<MediaStream, DeliverError> {
        let (intent, bot) = (&self.intent, &self.names.bot);
        let Some((address, sealed)) = id.as_str().split_once('#') else {
            return media::open(intent, bot, id).await;
        };
        let gone = |why: &str| DeliverError::Gone(why.to_owned().into());
        let crypto = self.crypto.as_ref().ok_or_else(|| gone("encryption is switched off"))?;
        let opens = open(&crypto.home.key, address, sealed);
        let opens = opens.ok_or_else(|| gone("what opens it cannot be read"))?;
        let file = media::open(intent, bot, &MediaId::new(address)).await?;
        Ok(cipher::decrypted(file, opens))
    }
}

fn seal(key: &SealKey, file: &EncryptedFile) -> Option<OwnedMxcUri> {
    let opens = MediaEncryptionInfo::from(file.clone());
    let text: SecretString = serde_json::to_string(&opens).ok()?.into();
    AttachmentDecryptor::new(&mut std::io::empty(), opens).ok()?;
    let sealed = key.seal(file.url.as_str().as_bytes(), &text).ok()?;
    let sealed = Base64::<UrlSafe, _>::new(sealed).encode();
    Some(OwnedMxcUri::from(format!("{}#{sealed}", file.url)))
}

fn open(key: &SealKey, address: &str, sealed: &str) -> Option<MediaEncryptionInfo> {
    let sealed = Base64::<UrlSafe, Vec<u8>>::parse(sealed).ok()?;
    let opens = key.open(address.as_bytes(), sealed.as_bytes()).ok()?;
    serde_json::from_str(opens.expose_secret()).ok()
}

/// Gives where a message says its file is.
fn source_of(message: &mut MessageType) -> Option<&mut MediaSource> {
    match message {
        MessageType::Audio(audio) => Some(&mut audio.source),
        MessageType::File(file) => Some(&mut file.source),
        MessageType::Image(image) => Some(&mut image.source),
        MessageType::Video(video) => Some(&mut video.source),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> EncryptedFile {
        let file = serde_json::json!({
            "url": "mxc://e.org/a", "v": "v2", "iv": "AAAAAAAAAAAAAAAAAAAAAA",
            "hashes": { "sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
            "key": {
                "kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "ext": true,
                "k": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaw",
            },
        });
        serde_json::from_value(file).unwrap()
    }

    #[test]
    fn the_name_of_an_encrypted_file_opens_it_and_shows_no_key() {
        let key = SealKey::from_bytes(&[7; 32]).unwrap();
        let name = seal(&key, &file()).unwrap();
        assert!(name.as_str().starts_with("mxc://e.org/a#") && !name.as_str().contains("aaaaaa"));
        let (address, sealed) = name.as_str().split_once('#').unwrap();
        let opens = serde_json::to_value(open(&key, address, sealed).unwrap()).unwrap();
        assert_eq!(opens["key"]["k"], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaw");
        // It opens that file only, and only here.
        assert!(open(&key, "mxc://e.org/b", sealed).is_none());
        assert!(open(&SealKey::from_bytes(&[8; 32]).unwrap(), address, sealed).is_none());
    }

    #[test]
    fn a_file_without_a_hash_is_not_taken() {
        let key = SealKey::from_bytes(&[7; 32]).unwrap();
        let mut file = file();
        file.hashes = Default::default();
        assert!(seal(&key, &file).is_none());
    }
}
