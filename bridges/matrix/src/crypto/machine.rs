//! One user's device: her keys, and what she tells the homeserver of them.
//!
//! A machine is the SDK's, over a store of its own. Here it is opened, and held against what the homeserver
//! knows; what passes between the two afterwards is in [`exchange`](super::exchange).

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{PoisonError, atomic::AtomicBool},
};

use matrix_sdk_crypto::{
    DecryptionSettings, OlmMachine, store::CryptoStore as _, types::requests::AnyIncomingResponse,
};
use matrix_sdk_sqlite::{OpenStoreError, SqliteCryptoStore, SqliteStoreConfig};
use ruma::{
    DeviceId, OneTimeKeyAlgorithm, TransactionId, UInt, UserId,
    api::client::{
        device::{delete_device, get_devices, update_device},
        keys::{get_keys, upload_signatures, upload_signing_keys},
    },
    serde::Raw,
};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{CryptoError, KeyHome};
use crate::{
    intent::{Intent, IntentError},
    texts,
};

/// Most memory that SQLite may hold of one store's pages, in bytes.
const PAGES: u32 = 64 * 1024;
/// Most of a store's log that is left on the disk, in bytes.
const LOG: u32 = 1024 * 1024;

/// A user's device.
pub(crate) struct Machine {
    olm: OlmMachine,
    /// Held by whoever sends what the machine wants sent.
    pub(super) turn: Mutex<()>,
    /// Whether somebody waits for that already.
    pub(super) queued: AtomicBool,
    /// What was told last of keys that are left: each transaction tells it again.
    left: std::sync::Mutex<Option<Left>>,
}

/// How many keys are left, and of which kinds there is one for when none is.
pub(super) type Left = (BTreeMap<OneTimeKeyAlgorithm, UInt>, Option<Vec<OneTimeKeyAlgorithm>>);

impl Machine {
    /// Opens a user's device, making one where there is none, or where the one that is kept is not what
    /// the homeserver knows; then fetches what waits for it.
    pub(crate) async fn open(
        intent: &Intent,
        user: &UserId,
        home: &KeyHome,
        settings: &DecryptionSettings,
    ) -> Result<Self, CryptoError> {
        let place = home.place_of(user);
        let mut machine = match Self::load(user, &place, home).await {
            Ok(machine) => machine,
            Err(CryptoError::Unfit(why)) => {
                put_aside(&place, why).await?;
                Self::load(user, &place, home).await?
            }
            Err(error) => return Err(error),
        };
        let mut asked = machine.keys_known(intent).await?;
        if let Some(why) = machine.misfit(&asked).await? {
            drop(machine);
            put_aside(&place, why).await?;
            machine = Self::load(user, &place, home).await?;
            asked = machine.keys_known(intent).await?;
        }
        if device_keys(&asked, user, machine.olm.device_id()).is_none() {
            machine.make_device(intent).await?;
        }
        machine.sign(intent, &asked).await?;
        machine.catch_up(intent, settings).await?;
        machine.flush(intent).await?;
        Ok(machine)
    }

    async fn load(user: &UserId, place: &Path, home: &KeyHome) -> Result<Self, CryptoError> {
        let config = SqliteStoreConfig::with_low_memory_config(place)
            .key(Some(&home.secret()))
            .cache_size(PAGES)
            .journal_size_limit(LOG);
        let store = SqliteCryptoStore::open_with_config(&config).await.map_err(unopened)?;
        let account = store.load_account().await.map_err(CryptoError::store)?;
        let device = match account {
            Some(account) if account.user_id() != user => {
                return Err(CryptoError::Unfit("the keys are another user's"));
            }
            Some(account) => account.device_id().to_owned(),
            None => DeviceId::new(),
        };
        let olm = OlmMachine::with_store(user, &device, store, None).await;
        Ok(Self {
            olm: olm.map_err(CryptoError::store)?,
            turn: Mutex::new(()),
            queued: AtomicBool::new(false),
            left: Default::default(),
        })
    }

    pub(crate) fn device(&self) -> &DeviceId {
        self.olm.device_id()
    }

    /// Gives the device's fingerprint, by which people know it.
    pub(crate) fn fingerprint(&self) -> String {
        self.olm.identity_keys().ed25519.to_base64()
    }

    pub(crate) fn olm(&self) -> &OlmMachine {
        &self.olm
    }

    /// Tells whether this is what was told last of keys that are left.
    pub(super) fn has_heard(&self, left: &Option<Left>) -> bool {
        left.is_none() || *self.left.lock().unwrap_or_else(PoisonError::into_inner) == *left
    }

    /// Notes what was told of keys that are left.
    pub(super) fn note_left(&self, left: Option<Left>) {
        if left.is_some() {
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
        }
    }

    /// Asks what the homeserver knows of the user's keys.
    async fn keys_known(&self, intent: &Intent) -> Result<get_keys::v3::Response, CryptoError> {
        let mut request = get_keys::v3::Request::new();
        request.device_keys.insert(self.olm.user_id().to_owned(), Vec::new());
        Ok(intent.send(self.olm.user_id(), request).await?)
    }

    /// Says why the keys that are kept are not those of a device of the homeserver.
    async fn misfit(
        &self,
        known: &get_keys::v3::Response,
    ) -> Result<Option<&'static str>, CryptoError> {
        let account = self.olm.store().load_account().await.map_err(CryptoError::store)?;
        let uploaded = account.is_some_and(|account| account.shared());
        let own = self.olm.identity_keys().ed25519.to_base64();
        Ok(match device_keys(known, self.olm.user_id(), self.olm.device_id()) {
            Some(theirs) if theirs == own => None,
            Some(_) => Some("the homeserver has other keys for the device"),
            None if uploaded => Some("the homeserver does not know the device any more"),
            None => None,
        })
    }

    /// Makes the device on the homeserver; those of before, whose keys are lost, go.
    async fn make_device(&self, intent: &Intent) -> Result<(), CryptoError> {
        let user = self.olm.user_id();
        let known = intent.send(user, get_devices::v3::Request::new()).await?.devices;
        let ours = |name: &Option<String>| name.as_deref() == Some(texts::DEVICE);
        for lost in known.into_iter().filter(|device| ours(&device.display_name)) {
            if lost.device_id != self.olm.device_id() {
                tracing::warn!(
                    device = %lost.device_id,
                    "the keys of a device of before are lost: it is removed, and what was encrypted for \
                     it only cannot be read"
                );
                let request = delete_device::v3::Request::new(lost.device_id);
                match intent.send(user, request).await {
                    Ok(_) => {}
                    Err(IntentError::Refused { status: 401 | 404, .. }) => {} // it stays, or went
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let mut request = update_device::v3::Request::new(self.olm.device_id().to_owned());
        request.display_name = Some(texts::DEVICE.to_owned());
        intent.send(user, request).await.map_err(|error| match error {
            // Before homeservers took it from everybody, the registration had to say so.
            IntentError::Refused { status: 404, .. } => CryptoError::NoDevices,
            error => error.into(),
        })?;
        Ok(())
    }

    /// Sees to it that the user has an identity and that it has signed the device.
    async fn sign(
        &self,
        intent: &Intent,
        known: &get_keys::v3::Response,
    ) -> Result<(), CryptoError> {
        let user = self.olm.user_id();
        let complete = self.olm.cross_signing_status().await.is_complete();
        let own = self.olm.get_identity(user, None).await.map_err(CryptoError::store)?;
        let own = own.and_then(|identity| identity.own());
        let master = own.and_then(|own| own.master_key().get_first_key().map(|k| k.to_base64()));
        let theirs = known.master_keys.get(user).and_then(first_key);
        let published = theirs.is_some() && theirs == master;
        let signed = is_signed(known, user, self.olm.device_id());
        if complete && published && signed {
            return Ok(());
        }
        let wanted = self.olm.bootstrap_cross_signing(!complete).await;
        let wanted = wanted.map_err(CryptoError::store)?;
        let _turn = self.turn.lock().await;
        if let Some(request) = &wanted.upload_keys_req {
            self.perform(intent, request).await?;
        }
        let keys = wanted.upload_signing_keys_req;
        let mut request = upload_signing_keys::v3::Request::new();
        request.master_key = keys.master_key.map(|key| key.to_raw());
        request.self_signing_key = keys.self_signing_key.map(|key| key.to_raw());
        request.user_signing_key = keys.user_signing_key.map(|key| key.to_raw());
        let response = intent.send_from(user, self.olm.device_id(), request).await?;
        self.done(&TransactionId::new(), AnyIncomingResponse::SigningKeysUpload(&response)).await?;
        let signatures: upload_signatures::v3::Request = wanted.upload_signatures_req;
        intent.send_from(user, self.olm.device_id(), signatures).await?;
        Ok(())
    }
}

/// Moves keys away that are of no use; those that were moved before go.
async fn put_aside(place: &Path, why: &str) -> Result<(), CryptoError> {
    tracing::warn!(why, place = %place.display(), "keys are put aside, and a new device is made");
    let mut aside = place.as_os_str().to_owned();
    aside.push(".unfit");
    let failed = |error: std::io::Error| CryptoError::Store(error.to_string());
    match tokio::fs::remove_dir_all(&aside).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    tokio::fs::rename(place, aside).await.map_err(failed)
}

fn unopened(error: OpenStoreError) -> CryptoError {
    let words = error.to_string();
    let damaged = words.contains("not a database") || words.contains("malformed");
    match error {
        OpenStoreError::InitCipher(_) => {
            CryptoError::Unfit("seal.key is not the one they were kept with")
        }
        _ if damaged => CryptoError::Unfit("the file is damaged"),
        _ => CryptoError::Store(words),
    }
}

/// Gives the fingerprint that the homeserver knows of a device.
fn device_keys(known: &get_keys::v3::Response, user: &UserId, device: &DeviceId) -> Option<String> {
    let keys = parsed(known.device_keys.get(user)?.get(device)?)?;
    Some(keys.get("keys")?.get(format!("ed25519:{device}"))?.as_str()?.to_owned())
}

/// Tells whether the user's identity has signed a device.
fn is_signed(known: &get_keys::v3::Response, user: &UserId, device: &DeviceId) -> bool {
    let signed = || {
        let by = known.self_signing_keys.get(user).and_then(first_key)?;
        let keys = parsed(known.device_keys.get(user)?.get(device)?)?;
        let signatures = keys.get("signatures")?.get(user.as_str())?;
        signatures.get(format!("ed25519:{by}")).map(drop)
    };
    signed().is_some()
}

fn first_key<T>(key: &Raw<T>) -> Option<String> {
    let key = parsed(key)?;
    key.get("keys")?.as_object()?.values().next()?.as_str().map(str::to_owned)
}

fn parsed<T>(raw: &Raw<T>) -> Option<Value> {
    serde_json::from_str(raw.json().get()).ok()
}
