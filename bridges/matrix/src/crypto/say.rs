//! What is said where rooms are encrypted.

use bridge_core::{DeliverError, model::Reject};
use ruma::{
    OwnedDeviceId, OwnedRoomId, OwnedUserId,
    api::client::state::send_state_event,
    events::{
        AnyMessageLikeEventContent, EmptyStateKey, room::encryption::RoomEncryptionEventContent,
    },
    serde::Raw,
};

use super::{EncryptionMode, GhostDevices};
use crate::{adapter::MatrixAdapter, texts};

/// An event as it is sent.
pub(crate) struct Sealed {
    pub(crate) kind: String,
    pub(crate) content: Raw<AnyMessageLikeEventContent>,
    /// The device it is sent as, if any.
    pub(crate) device: Option<OwnedDeviceId>,
}

/// What clients send in the clear everywhere, for homeservers and others' clients read it: signs under messages,
/// and what became of them.
const OPEN: [&str; 2] = ["m.reaction", "com.beeper.message_send_status"];

impl MatrixAdapter {
    /// Tells whether what is said in a room must be encrypted.
    pub(crate) async fn is_encrypted(
        &self,
        user: &OwnedUserId,
        room: &OwnedRoomId,
    ) -> Result<bool, DeliverError> {
        let Some(crypto) = &self.crypto else { return Ok(false) };
        let found = crypto.encryption_of(&self.intent, self.store()?, user, room).await?;
        Ok(found.is_some())
    }

    /// Tells what becomes of encryption.
    pub(crate) fn encryption(&self) -> EncryptionMode {
        self.crypto.as_ref().map_or(EncryptionMode::Never, |crypto| crypto.config.mode)
    }

    /// Encrypts an event where its room is encrypted, for those who are in it.
    pub(crate) async fn seal_event(
        &self,
        user: &OwnedUserId,
        room: &OwnedRoomId,
        kind: &str,
        content: Raw<AnyMessageLikeEventContent>,
    ) -> Result<Sealed, DeliverError> {
        let plain = |content| Sealed { kind: kind.to_owned(), content, device: None };
        if OPEN.contains(&kind) {
            return Ok(plain(content));
        }
        let Some(crypto) = &self.crypto else { return Ok(plain(content)) };
        let store = self.store()?;
        let asked = || crypto.encryption_of(&self.intent, store, user, room);
        let settings = match asked().await? {
            Some(settings) => settings,
            None if crypto.config.mode == EncryptionMode::Require => {
                self.encrypt_room(room).await?;
                asked().await?.ok_or_else(|| DeliverError::retry("the room is being encrypted"))?
            }
            None => return Ok(plain(content)),
        };
        let encrypts = match crypto.config.ghost_devices {
            GhostDevices::Own if self.names.is_own(user.as_str()) => user,
            // A person's own account has devices of hers, whose keys are not here.
            GhostDevices::Own | GhostDevices::Bot => &self.names.bot,
        };
        let machine = crypto.machine(&self.intent, encrypts).await?;
        let is_own = |user: &str| self.names.is_own(user);
        let audience = crypto.audience(&self.intent, user, room, is_own).await?;
        let content =
            machine.encrypt(&self.intent, room, &audience, settings, kind, &content).await?;
        let device = (encrypts == user).then(|| machine.device().to_owned());
        Ok(Sealed { kind: "m.room.encrypted".to_owned(), content, device })
    }

    /// Turns a room's encryption on.
    async fn encrypt_room(&self, room: &OwnedRoomId) -> Result<(), DeliverError> {
        let content = RoomEncryptionEventContent::with_recommended_defaults();
        let request = send_state_event::v3::Request::new(room.clone(), &EmptyStateKey, &content);
        let request = request.map_err(|error| DeliverError::retry(error.to_string()))?;
        match self.intent.send(&self.names.bot, request).await {
            Ok(_) => {
                if let Some(crypto) = &self.crypto {
                    crypto.room_encrypted(room);
                }
                Ok(())
            }
            Err(error) if error.is_forbidden() => Err(DeliverError::Reject {
                reason: Reject::Forbidden,
                tell_user: texts::ROOM_MUST_BE_ENCRYPTED.to_owned(),
            }),
            Err(error) => Err(error.into()),
        }
    }
}
