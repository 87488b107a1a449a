//! Encrypted events, opened.

use std::{borrow::Cow, sync::Arc};

use matrix_sdk::deserialized_responses::{VerificationLevel, VerificationState};
use matrix_sdk_crypto::{
    MegolmError, types::events::room::encrypted::EncryptedEvent, vodozemac::megolm::DecryptionError,
};
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, events::AnyTimelineEvent, serde::Raw};
use serde::Deserialize;

use super::{Crypto, CryptoError, EncryptionMode, Machine};
use crate::{adapter::MatrixAdapter, texts::Untaken};

/// What became of an event.
pub(super) enum Opened {
    Event(Raw<AnyTimelineEvent>),
    /// Its key is not here, or what tells whose it is.
    NoKey,
    /// It is not taken, whatever comes.
    Refused(Untaken),
}

impl MatrixAdapter {
    /// Gives an event as it is read: decrypted where it is encrypted. None when it waits for its key, or is
    /// not taken.
    ///
    /// # Errors
    /// The event is neither read nor kept: its transaction must come again.
    pub(crate) async fn open_event<'a>(
        self: &Arc<Self>,
        event: &'a Raw<AnyTimelineEvent>,
    ) -> Result<Option<Cow<'a, Raw<AnyTimelineEvent>>>, CryptoError> {
        let Some(crypto) = &self.crypto else { return Ok(Some(Cow::Borrowed(event))) };
        let Some(envelope) = Envelope::of(event) else { return Ok(Some(Cow::Borrowed(event))) };
        if self.names.is_own(envelope.sender.as_str()) {
            return Ok(Some(Cow::Borrowed(event)));
        }
        if !envelope.encrypted {
            if envelope.says && crypto.config.mode == EncryptionMode::Require {
                self.explain_untaken(envelope.room, envelope.event, Untaken::Plain);
                return Ok(None);
            }
            return Ok(Some(Cow::Borrowed(event)));
        }
        let machine = crypto.machine(&self.intent, &self.names.bot).await?;
        if envelope.device.as_deref() == Some(machine.device().as_str()) {
            return Ok(None); // said by the bot's device in a person's own name
        }
        self.know(&machine, &envelope.sender).await?;
        let mut opened = crypto.open(&machine, &envelope, event).await?;
        if matches!(opened, Opened::NoKey) {
            // A homeserver that could not push a key once does not push it again; but it has kept it.
            match machine.catch_up(&self.intent, &crypto.decryption()).await {
                Ok(_) => opened = crypto.open(&machine, &envelope, event).await?,
                Err(error) => tracing::debug!(%error, "a key could not be asked for now"),
            }
        }
        match opened {
            Opened::Event(event) => Ok(Some(Cow::Owned(event))),
            Opened::NoKey => {
                self.keep_unread(&envelope.event, event).await?;
                Ok(None)
            }
            Opened::Refused(what) => {
                self.explain_untaken(envelope.room, envelope.event, what);
                Ok(None)
            }
        }
    }

    /// Sees to it that the devices of somebody are known who was not heard yet.
    async fn know(
        self: &Arc<Self>,
        machine: &Arc<Machine>,
        user: &OwnedUserId,
    ) -> Result<(), CryptoError> {
        let known = machine.olm().tracked_users().await.map_err(CryptoError::store)?;
        if !known.contains(user) {
            let users = [user.as_ref()];
            machine.olm().update_tracked_users(users).await.map_err(CryptoError::store)?;
            self.flush_later(machine);
        }
        Ok(())
    }
}

impl Crypto {
    pub(super) async fn open(
        &self,
        machine: &Machine,
        envelope: &Envelope,
        event: &Raw<AnyTimelineEvent>,
    ) -> Result<Opened, CryptoError> {
        let encrypted: &Raw<EncryptedEvent> = event.cast_ref_unchecked();
        let settings = self.decryption();
        let opened = machine.olm().decrypt_room_event(encrypted, &envelope.room, &settings).await;
        match opened {
            Ok(opened) => Ok(match opened.encryption_info.verification_state {
                // Somebody says it in another's name.
                VerificationState::Unverified(VerificationLevel::MismatchedSender) => {
                    Opened::Refused(Untaken::Forged)
                }
                _ => Opened::Event(opened.event),
            }),
            Err(
                MegolmError::MissingRoomKey(_)
                | MegolmError::Decryption(DecryptionError::UnknownMessageIndex(..)),
            ) => Ok(Opened::NoKey),
            Err(MegolmError::SenderIdentityNotTrusted(level)) => Ok(match level {
                VerificationLevel::MismatchedSender => Opened::Refused(Untaken::Forged),
                // Her devices are being asked for.
                VerificationLevel::None(_) => Opened::NoKey,
                _ => Opened::Refused(Untaken::Untrusted),
            }),
            Err(MegolmError::Store(error)) => Err(CryptoError::store(error)),
            Err(_) => Ok(Opened::Refused(Untaken::Undecryptable)),
        }
    }
}

/// What stands outside of an event.
pub(super) struct Envelope {
    pub(super) event: OwnedEventId,
    pub(super) room: OwnedRoomId,
    pub(super) sender: OwnedUserId,
    encrypted: bool,
    /// The device it says it comes from.
    device: Option<String>,
    /// Whether it is something that somebody says, as opposed to what changes the room.
    says: bool,
}

#[derive(Deserialize)]
struct Sealed {
    device_id: Option<String>,
}

impl Envelope {
    pub(super) fn of(event: &Raw<AnyTimelineEvent>) -> Option<Self> {
        let kind: String = event.get_field("type").ok()??;
        Some(Self {
            event: event.get_field("event_id").ok()??,
            room: event.get_field("room_id").ok()??,
            sender: event.get_field("sender").ok()??,
            encrypted: kind == "m.room.encrypted",
            device: event.get_field::<Sealed>("content").ok().flatten().and_then(|c| c.device_id),
            says: ["m.room.message", "m.sticker"].contains(&kind.as_str()),
        })
    }
}
