//! Encryption between people's devices and the bridge.
//!
//! The bot reads; whoever speaks encrypts with a device of her own. Each device is a [`Machine`] of the
//! SDK over a store of its own in the data directory; the homeserver pushes what comes for them in
//! transactions, and what it did not push is asked for. Nothing here knows what is said.

mod cipher;
mod config;
mod error;
mod exchange;
mod files;
mod machine;
mod machines;
mod open;
mod pushed;
mod rooms;
mod say;
mod start;
mod waiting;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use bridge_core::SealKey;
use matrix_sdk_crypto::{CollectStrategy, DecryptionSettings, TrustRequirement};
use ruma::UserId;

pub use self::config::{DeviceTrust, EncryptionConfig, EncryptionMode, GhostDevices};
pub(crate) use self::error::CryptoError;
use self::{
    files::SealedUploads, machine::Machine, machines::Machines, rooms::Rooms, waiting::Waiting,
};

/// The name of the key that the stores of keys are closed with, among those derived from the sealing key.
const STORES: &[u8; 24] = b"msn-bridge matrix crypto";

/// Where keys rest, and what closes them.
#[derive(Clone)]
pub struct KeyHome {
    /// A directory of their own, made when it is needed.
    pub directory: PathBuf,
    /// The bridge's sealing key.
    pub key: SealKey,
}

impl fmt::Debug for KeyHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHome").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl KeyHome {
    /// Gives the place of a user's keys; its name tells nobody's.
    fn place_of(&self, user: &UserId) -> PathBuf {
        self.directory.join(self.key.guid(&format!("matrix keys {user}")))
    }

    fn secret(&self) -> impl std::ops::Deref<Target = [u8; 32]> + use<> {
        self.key.secret(STORES)
    }
}

/// Gives where keys rest in a data directory.
pub fn keys_of(data: &Path) -> PathBuf {
    data.join("matrix-keys")
}

/// What the adapter needs to encrypt and to decrypt.
pub(crate) struct Crypto {
    pub(crate) config: EncryptionConfig,
    home: KeyHome,
    machines: Machines,
    rooms: Rooms,
    waiting: Waiting,
    uploads: SealedUploads,
}

impl Crypto {
    /// Makes one; none where encryption is off.
    pub(crate) fn new(config: EncryptionConfig, home: KeyHome) -> Option<Self> {
        (config.mode != EncryptionMode::Never).then(|| Self {
            config,
            home,
            machines: Machines::default(),
            rooms: Rooms::default(),
            waiting: Waiting::default(),
            uploads: SealedUploads::default(),
        })
    }

    fn decryption(&self) -> DecryptionSettings {
        let trust = match self.config.trust {
            DeviceTrust::All => TrustRequirement::Untrusted,
            DeviceTrust::Signed => TrustRequirement::CrossSigned,
        };
        DecryptionSettings { sender_device_trust_requirement: trust }
    }

    fn sharing(&self) -> CollectStrategy {
        match self.config.trust {
            DeviceTrust::All => CollectStrategy::AllDevices,
            DeviceTrust::Signed => CollectStrategy::IdentityBasedStrategy,
        }
    }
}
