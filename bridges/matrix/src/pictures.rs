//! Pictures that stand for letters, on the homeserver: each is uploaded once.

use bridge_core::{
    DeliverError, Media,
    model::{Content, Delivery},
};
use ruma::OwnedMxcUri;

use crate::{adapter::MatrixAdapter, convert::emoticons::Picture, media};

/// Most pictures whose addresses are remembered.
const REMEMBERED: usize = 4096;
/// Where addresses are noted, by the hash of the picture.
const FACT: &str = "picture ";

impl MatrixAdapter {
    /// Gives the pictures of somebody's words; one that the homeserver does not take stays letters.
    pub(crate) async fn pictures(&self, content: &Content, item: &Delivery) -> Vec<Picture> {
        let mut pictures = Vec::new();
        for (emoticon, media) in content.emoticons.iter().zip(&item.pictures) {
            match self.address_of(media).await {
                Ok(address) => {
                    pictures.push(Picture { letters: emoticon.shortcut.clone(), address });
                }
                Err(error) => tracing::debug!(%error, "an emoticon is not shown"),
            }
        }
        pictures
    }

    async fn address_of(&self, media: &Media) -> Result<OwnedMxcUri, DeliverError> {
        let store = self.store()?;
        let fact = format!("{FACT}{}", media.hash);
        let failed = |error: bridge_core::store::StoreError| DeliverError::retry(error.to_string());
        if let Some(address) = store.get(&fact).await.map_err(failed)? {
            return Ok(OwnedMxcUri::from(address));
        }
        let address = media::upload(&self.intent, &self.names.bot, media).await?;
        let known = store.list(FACT, REMEMBERED).await.map_err(failed)?;
        if known.len() >= REMEMBERED {
            // Any of them: a picture whose address is forgotten is uploaded again.
            for (former, _) in known.iter().take(REMEMBERED / 4) {
                store.remove(former).await.map_err(failed)?;
            }
        }
        store.put(&fact, address.as_str()).await.map_err(failed)?;
        Ok(address)
    }
}
