//! What passes between a device and the homeserver.
//!
//! What a machine wants sent is sent as the user and the device it belongs to, one at a time: two claims of
//! the same keys at once would waste them, and two shares of one room key would cross.

use std::{collections::BTreeMap, iter, sync::atomic::Ordering, time::Duration};

use matrix_sdk_crypto::{
    DecryptionSettings, EncryptionSettings, EncryptionSyncChanges,
    store::types::RoomKeyInfo,
    types::requests::{AnyIncomingResponse, AnyOutgoingRequest, OutgoingRequest, ToDeviceRequest},
};
use ruma::{
    OneTimeKeyAlgorithm, OwnedUserId, RoomId, TransactionId, UInt, UserId,
    api::client::{
        filter::FilterDefinition,
        keys::get_keys,
        message::send_message_event,
        sync::sync_events::{self, DeviceLists},
        to_device::send_event_to_device,
    },
    events::{AnyMessageLikeEventContent, AnyToDeviceEvent},
    presence::PresenceState,
    serde::Raw,
};
use tokio::sync::MutexGuard;

use super::{CryptoError, Machine};
use crate::intent::Intent;

/// How often what a machine wants sent may lead to more.
const ROUNDS: usize = 8;
/// How many pieces of what waits for a device are fetched at once, each a hundred messages.
const CATCH_UP: usize = 1000;

/// What the homeserver tells a device.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) to_device: Vec<Raw<AnyToDeviceEvent>>,
    pub(crate) changed: Vec<OwnedUserId>,
    pub(crate) one_time_keys: BTreeMap<OneTimeKeyAlgorithm, UInt>,
    pub(crate) fallback_keys: Option<Vec<OneTimeKeyAlgorithm>>,
}

impl Machine {
    /// Fetches what the homeserver keeps for the device and did not push, as all that came while the
    /// bridge was away: of a transaction that failed it repeats the events only.
    pub(crate) async fn catch_up(
        &self,
        intent: &Intent,
        settings: &DecryptionSettings,
    ) -> Result<Vec<RoomKeyInfo>, CryptoError> {
        let mut learnt = Vec::new();
        for _ in 0..CATCH_UP {
            let mut request = sync_events::v3::Request::new();
            let mut filter = FilterDefinition::ignore_all();
            filter.room.rooms = Some(Vec::new());
            request.filter = Some(sync_events::v3::Filter::FilterDefinition(filter));
            request.since =
                self.olm().store().next_batch_token().await.map_err(CryptoError::store)?;
            request.set_presence = PresenceState::Offline;
            request.timeout = Some(Duration::ZERO);
            let device = self.olm().device_id();
            let response = intent.send_from(self.olm().user_id(), device, request).await?;
            let last = response.to_device.events.is_empty();
            let changes = EncryptionSyncChanges {
                to_device_events: response.to_device.events,
                changed_devices: &response.device_lists,
                one_time_keys_counts: &response.device_one_time_keys_count,
                unused_fallback_keys: response.device_unused_fallback_key_types.as_deref(),
                next_batch_token: Some(response.next_batch),
            };
            learnt.extend(self.receive(changes, settings).await?);
            if last {
                break;
            }
        }
        Ok(learnt)
    }

    /// Takes in what the homeserver pushed; it is stored when this returns. Gives the room keys that came;
    /// none where nothing was new.
    pub(crate) async fn hear(
        &self,
        news: News,
        settings: &DecryptionSettings,
    ) -> Result<Option<Vec<RoomKeyInfo>>, CryptoError> {
        let left = (!news.one_time_keys.is_empty())
            .then(|| (news.one_time_keys.clone(), news.fallback_keys.clone()));
        if news.to_device.is_empty() && news.changed.is_empty() && self.has_heard(&left) {
            return Ok(None);
        }
        let mut changed = DeviceLists::new();
        changed.changed = news.changed;
        let changes = EncryptionSyncChanges {
            to_device_events: news.to_device,
            changed_devices: &changed,
            one_time_keys_counts: &news.one_time_keys,
            unused_fallback_keys: news.fallback_keys.as_deref(),
            next_batch_token: None,
        };
        let learnt = self.receive(changes, settings).await?;
        self.note_left(left);
        Ok(Some(learnt))
    }

    async fn receive(
        &self,
        changes: EncryptionSyncChanges<'_>,
        settings: &DecryptionSettings,
    ) -> Result<Vec<RoomKeyInfo>, CryptoError> {
        let received = self.olm().receive_sync_changes(changes, settings).await;
        Ok(received.map_err(CryptoError::olm)?.1)
    }

    /// Sends all that the machine wants sent.
    pub(crate) async fn flush(&self, intent: &Intent) -> Result<(), CryptoError> {
        if self.queued.swap(true, Ordering::Relaxed) {
            return Ok(()); // somebody is about to
        }
        let turn = self.turn.lock().await;
        self.queued.store(false, Ordering::Relaxed);
        self.flush_now(intent, &turn).await
    }

    async fn flush_now(
        &self,
        intent: &Intent,
        _turn: &MutexGuard<'_, ()>,
    ) -> Result<(), CryptoError> {
        for _ in 0..ROUNDS {
            // Sessions that broke are made anew.
            self.claim(intent, iter::empty()).await?;
            let wanted = self.olm().outgoing_requests().await.map_err(CryptoError::store)?;
            if wanted.is_empty() {
                break;
            }
            for request in &wanted {
                self.perform(intent, request).await?;
            }
        }
        Ok(())
    }

    /// Encrypts an event for the devices of some people, who have the key before this returns.
    pub(crate) async fn encrypt(
        &self,
        intent: &Intent,
        room: &RoomId,
        audience: &[OwnedUserId],
        settings: EncryptionSettings,
        kind: &str,
        content: &Raw<AnyMessageLikeEventContent>,
    ) -> Result<Raw<AnyMessageLikeEventContent>, CryptoError> {
        let turn = self.turn.lock().await;
        let people = || audience.iter().map(AsRef::as_ref);
        self.olm().update_tracked_users(people()).await.map_err(CryptoError::store)?;
        self.flush_now(intent, &turn).await?;
        self.claim(intent, people()).await?;
        let shares = self.olm().share_room_key(room, people(), settings).await;
        for share in shares.map_err(CryptoError::olm)? {
            self.send_to_devices(intent, &share.txn_id, &share).await?;
        }
        let encrypted = self.olm().encrypt_room_event_raw(room, kind, content).await;
        let encrypted = encrypted.map_err(CryptoError::megolm)?;
        Ok(encrypted.content.cast_unchecked())
    }

    /// Claims a key of each device that there is no session with.
    async fn claim(
        &self,
        intent: &Intent,
        people: impl Iterator<Item = &UserId>,
    ) -> Result<(), CryptoError> {
        let missing = self.olm().get_missing_sessions(people).await.map_err(CryptoError::store)?;
        if let Some((id, request)) = missing {
            let device = self.olm().device_id();
            let response = intent.send_from(self.olm().user_id(), device, request).await?;
            self.done(&id, &response).await?;
        }
        Ok(())
    }

    async fn send_to_devices(
        &self,
        intent: &Intent,
        id: &TransactionId,
        request: &ToDeviceRequest,
    ) -> Result<(), CryptoError> {
        let sent = send_event_to_device::v3::Request::new_raw(
            request.event_type.clone(),
            request.txn_id.clone(),
            request.messages.clone(),
        );
        let response = intent.send_from(self.olm().user_id(), self.olm().device_id(), sent).await?;
        self.done(id, &response).await
    }

    /// Does one thing that the machine wants.
    pub(super) async fn perform(
        &self,
        intent: &Intent,
        request: &OutgoingRequest,
    ) -> Result<(), CryptoError> {
        let (user, device, id) =
            (self.olm().user_id(), self.olm().device_id(), request.request_id());
        match request.request() {
            AnyOutgoingRequest::KeysUpload(request) => {
                let response = intent.send_from(user, device, request.clone()).await?;
                self.done(id, &response).await
            }
            AnyOutgoingRequest::KeysQuery(request) => {
                let mut asked = get_keys::v3::Request::new();
                (asked.timeout, asked.device_keys) = (request.timeout, request.device_keys.clone());
                let response = intent.send_from(user, device, asked).await?;
                self.done(id, &response).await
            }
            AnyOutgoingRequest::KeysClaim(request) => {
                let response = intent.send_from(user, device, request.clone()).await?;
                self.done(id, &response).await
            }
            AnyOutgoingRequest::ToDeviceRequest(request) => {
                self.send_to_devices(intent, id, request).await
            }
            AnyOutgoingRequest::SignatureUpload(request) => {
                let response = intent.send_from(user, device, request.clone()).await?;
                self.done(id, &response).await
            }
            AnyOutgoingRequest::RoomMessage(request) => {
                let sent = send_message_event::v3::Request::new(
                    request.room_id.clone(),
                    request.txn_id.clone(),
                    &*request.content,
                );
                let sent = sent.map_err(|error| CryptoError::Machine(error.to_string()))?;
                let response = intent.send_from(user, device, sent).await?;
                self.done(id, &response).await
            }
        }
    }

    pub(super) async fn done(
        &self,
        id: &TransactionId,
        response: impl Into<AnyIncomingResponse<'_>>,
    ) -> Result<(), CryptoError> {
        self.olm().mark_request_as_sent(id, response).await.map_err(CryptoError::olm)
    }
}
