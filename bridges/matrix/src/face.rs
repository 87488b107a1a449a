//! Pictures of people: those of contacts shown, those of users found.

use bridge_core::{
    DeliverError, Media,
    id::MediaId,
    model::{Delivery, UserId},
};
use ruma::{
    OwnedUserId,
    api::client::profile::get_profile_field,
    profile::{ProfileFieldName, ProfileFieldValue},
};

use crate::{adapter::MatrixAdapter, ghost};

impl MatrixAdapter {
    /// Gives a contact's ghost her picture, unless it has it.
    pub(crate) async fn show_face(
        &self,
        item: &Delivery,
        media: &Media,
    ) -> Result<(), DeliverError> {
        let ghost = self.ghost(&item.event.sender).await?;
        let store = self.store()?;
        if self.ghosts.has_face(store, &ghost, media).await? {
            return Ok(());
        }
        let bot = &self.names.bot;
        let address = self.uploads.ensure(&self.intent, bot, item.key, media).await?;
        self.ghosts.show_face(&self.intent, store, &ghost, media, address).await?;
        self.uploads.done(item.key);
        self.buddies.face_changed();
        Ok(())
    }

    /// Gives the address of the picture that a ghost shows; none where it shows none of ours.
    pub(crate) async fn picture_of(&self, ghost: &ruma::UserId) -> Option<String> {
        self.store().ok()?.get(&ghost::picture_of(ghost)).await.ok().flatten()
    }

    /// Finds the picture that a user shows of herself.
    pub(crate) async fn face_shown_by(
        &self,
        user: &UserId,
    ) -> Result<Option<MediaId>, DeliverError> {
        let Ok(user) = OwnedUserId::try_from(user.id.as_str()) else {
            return Ok(None);
        };
        let request = get_profile_field::v3::Request::new(user, ProfileFieldName::AvatarUrl);
        match self.intent.send(&self.names.bot, request).await {
            Ok(shown) => Ok(match shown.value {
                Some(ProfileFieldValue::AvatarUrl(address)) => Some(MediaId::new(address.as_str())),
                _ => None,
            }),
            Err(error) if error.is("M_NOT_FOUND") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
