//! The `[matrix.encryption]` section of the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Encryption between people's devices and the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EncryptionConfig {
    /// What becomes of encryption: `never` reads no encrypted room; `allow` reads and writes in rooms
    /// that somebody encrypted; `default` also encrypts the rooms the bridge makes; `require` also takes
    /// nothing that is not encrypted, and encrypts rooms before it writes in them.
    pub mode: EncryptionMode,
    /// Whose device encrypts what a contact says: with `own` each contact who speaks in an encrypted room
    /// has one, and clients show no warning; with `bot` the bot's does it, which needs less memory and
    /// disk, and clients warn of each message.
    pub ghost_devices: GhostDevices,
    /// Which devices of people get keys and are listened to: `all`, or `signed` for those only whose owner
    /// has verified them as hers.
    pub trust: DeviceTrust,
}

/// When rooms are encrypted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum EncryptionMode {
    /// No encrypted room is read.
    Never,
    /// Where somebody has encrypted a room.
    Allow,
    /// And where the bridge makes one.
    Default,
    /// Everywhere.
    Require,
}

/// Whose device encrypts what a contact says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GhostDevices {
    /// The bot's.
    Bot,
    /// Her ghost's own.
    Own,
}

/// Which devices of people are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceTrust {
    /// Each that a person has.
    All,
    /// Those signed by their owner's identity.
    Signed,
}

impl Default for EncryptionConfig {
    fn default() -> Self {
        Self {
            mode: EncryptionMode::Never,
            ghost_devices: GhostDevices::Own,
            trust: DeviceTrust::All,
        }
    }
}
