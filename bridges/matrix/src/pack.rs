//! A contact's emoticons as a pack of pictures in the room with her (MSC2545), so that her partner can use
//! them too.
//!
//! The pack is the room's state, and nothing of it is stored elsewhere: it is read once, then what is known of
//! it is kept in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bridge_core::{DeliverError, model::Persona};
use ruma::{
    OwnedMxcUri, OwnedRoomId, OwnedUserId,
    api::client::state::{get_state_event_for_key, send_state_event},
    events::{
        StateEventType,
        image_pack::{PackImage, PackInfo, PackUsage, RoomImagePackEventContent},
    },
};

use crate::{
    adapter::MatrixAdapter, convert::emoticons::Picture, intent::IntentError, names::Names, texts,
};

/// Most pictures of a pack.
const PICTURES: usize = 64;
/// Longest name of one, in bytes.
const NAME: usize = 64;
/// Most packs remembered; past it all are read again.
const PACKS: usize = 1024;

/// The pictures of a pack, by name.
type Images = BTreeMap<String, OwnedMxcUri>;

/// What is known of the packs.
#[derive(Default)]
pub(crate) struct Packs(Mutex<HashMap<(OwnedRoomId, OwnedUserId), Images>>);

impl Packs {
    fn known(&self) -> MutexGuard<'_, HashMap<(OwnedRoomId, OwnedUserId), Images>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatrixAdapter {
    /// Sees to it that a contact's pack has some pictures. It is a comfort: where it cannot be, her words
    /// were shown all the same.
    pub(crate) async fn add_to_pack(
        &self,
        room: &OwnedRoomId,
        whose: &Persona,
        pictures: &[Picture],
    ) {
        if !pictures.is_empty()
            && let Some(ghost) = self.names.ghost(whose)
            && let Err(error) = self.add(room, ghost, whose, pictures).await
        {
            tracing::debug!(%error, "a pack of emoticons was not kept");
        }
    }

    async fn add(
        &self,
        room: &OwnedRoomId,
        ghost: OwnedUserId,
        whose: &Persona,
        pictures: &[Picture],
    ) -> Result<(), DeliverError> {
        // A user id as the key would be a state of that user alone.
        let key = Names::localpart(&ghost);
        let place = (room.clone(), ghost);
        let known = self.packs.known().get(&place).cloned();
        let before = match known {
            Some(images) => images,
            None => self.read_pack(room, &key).await?,
        };
        let mut images = before.clone();
        add_all(&mut images, pictures);
        let changed = images != before;
        {
            let mut packs = self.packs.known();
            if packs.len() >= PACKS {
                packs.clear();
            }
            packs.insert(place.clone(), images.clone());
        }
        if !changed {
            return Ok(());
        }
        let content = content(&images, whose);
        let request = send_state_event::v3::Request::new(room.clone(), &key, &content);
        let request = request.map_err(|error| DeliverError::retry(error.to_string()))?;
        match self.intent.send(&self.names.bot, request).await {
            Ok(_) => Ok(()),
            // In a room of others; it is not tried again for the same pictures.
            Err(error) if error.is_forbidden() => Ok(()),
            Err(error) => {
                self.packs.known().remove(&place);
                Err(error.into())
            }
        }
    }

    async fn read_pack(&self, room: &OwnedRoomId, key: &str) -> Result<Images, IntentError> {
        let kind = StateEventType::from("im.ponies.room_emotes");
        let request = get_state_event_for_key::v3::Request::new(room.clone(), kind, key.to_owned());
        let found = match self.intent.send(&self.names.bot, request).await {
            Ok(found) => found,
            Err(error) if error.is("M_NOT_FOUND") => return Ok(Images::new()),
            Err(error) => return Err(error),
        };
        let content =
            serde_json::from_str::<RoomImagePackEventContent>(found.event_or_content.get());
        let images = content.map(|content| content.images).unwrap_or_default();
        Ok(images.into_iter().map(|(name, image)| (name, image.url)).collect())
    }
}

/// Adds pictures; where there are too many, others go.
fn add_all(images: &mut Images, pictures: &[Picture]) {
    let named: Images = pictures
        .iter()
        .filter_map(|picture| Some((name_of(&picture.letters)?, picture.address.clone())))
        .take(PICTURES)
        .collect();
    images.extend(named.clone());
    while images.len() > PICTURES
        && let Some(other) = images.keys().find(|name| !named.contains_key(*name)).cloned()
    {
        images.remove(&other);
    }
}

/// Names a picture by its letters: clients write colons around it.
fn name_of(letters: &str) -> Option<String> {
    let odd = |c: char| c == ':' || c.is_control() || c.is_whitespace();
    let name: String = letters.chars().filter(|c| !odd(*c)).collect();
    (!name.is_empty() && name.len() <= NAME).then_some(name)
}

fn content(images: &Images, whose: &Persona) -> RoomImagePackEventContent {
    let images = images.iter().map(|(name, address)| {
        let mut image = PackImage::new(address.clone());
        image.usage.insert(PackUsage::Emoticon);
        (name.clone(), image)
    });
    let mut content = RoomImagePackEventContent::new(images.collect());
    let mut pack = PackInfo::new();
    pack.display_name = Some(texts::emoticons_of(whose.shown_name()));
    pack.usage.insert(PackUsage::Emoticon);
    content.pack = Some(pack);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(letters: &str) -> Picture {
        Picture { letters: letters.to_owned(), address: OwnedMxcUri::from("mxc://hs/a") }
    }

    #[test]
    fn names_have_no_colons_and_are_not_too_long() {
        assert_eq!(name_of(":cat:").as_deref(), Some("cat"));
        assert_eq!(name_of("(h)").as_deref(), Some("(h)"));
        for none in ["", "::", ": \n:", &"x".repeat(65)] {
            assert_eq!(name_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_full_pack_makes_room_for_what_is_new() {
        let many: Vec<Picture> =
            (0..200).map(|number| picture(&format!(":{number:03}:"))).collect();
        let mut images = Images::new();
        add_all(&mut images, &many);
        assert_eq!(images.len(), PICTURES);
        add_all(&mut images, &[picture(":new:")]);
        assert_eq!((images.len(), images.contains_key("new")), (PICTURES, true));
    }
}
