//! What goes wrong with keys.

use bridge_core::{DeliverError, redact::Redacted};
use matrix_sdk_crypto::{CryptoStoreError, MegolmError, OlmError};

use crate::intent::IntentError;

/// Why something could not be encrypted, decrypted or taken in. Names nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CryptoError {
    #[error(transparent)]
    Homeserver(#[from] IntentError),
    // The SDK's words may name users and devices.
    #[error("the keys do not do it: {}", Redacted(.0))]
    Machine(String),
    #[error(
        "the homeserver lets the bridge make no devices: its registration lacks `io.element.msc4190: true`; \
         make it again with `msn-bridge registration`, and restart the homeserver"
    )]
    NoDevices,
    #[error("the store of keys fails: {0}")]
    Store(String),
    #[error("the stored keys cannot be used: {0}")]
    Unfit(&'static str),
}

impl CryptoError {
    pub(crate) fn store(error: impl Into<CryptoStoreError>) -> Self {
        match error.into() {
            error @ CryptoStoreError::MismatchedAccount { .. } => Self::Machine(error.to_string()),
            error => Self::Store(error.to_string()),
        }
    }

    pub(crate) fn olm(error: OlmError) -> Self {
        match error {
            OlmError::Store(error) => Self::store(error),
            error => Self::Machine(error.to_string()),
        }
    }

    pub(crate) fn megolm(error: MegolmError) -> Self {
        match error {
            MegolmError::Store(error) => Self::store(error),
            error => Self::Machine(error.to_string()),
        }
    }
}

impl From<CryptoError> for DeliverError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Homeserver(error) => error.into(),
            error => Self::retry(error.to_string()),
        }
    }
}
