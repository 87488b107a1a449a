//! Secrets at rest: sealed with a key that lives beside the store, never in it.

use std::{fs, hash::Hasher as _, io, path::Path};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, AeadInPlace as _, Payload},
};
use secrecy::{ExposeSecret as _, SecretString};
use siphasher::sip128::{Hasher128 as _, SipHasher24};
use zeroize::Zeroizing;

/// What names the key that GUIDs are made with.
const GUID_LABEL: &[u8; NONCE] = b"msn-bridge guid of names";
/// Bytes of a nonce, written before what it sealed.
const NONCE: usize = 24;

/// The key that seals passwords and commands (XChaCha20-Poly1305).
#[derive(Clone)]
pub struct SealKey(XChaCha20Poly1305);

/// Why something could not be sealed, opened, or the key not had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key's file cannot be read or made, or holds no key.
    #[error("the key file {path} cannot be used: {reason}")]
    KeyFile {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The machine gives no randomness.
    #[error("the machine gives no randomness: {0}")]
    Randomness(String),
    /// What was sealed was sealed with another key, or is damaged.
    #[error("a sealed value does not open: the key file is not the one it was sealed with")]
    Unopened,
}

impl SealKey {
    /// Reads a key from a file, or makes one there, readable by its owner only.
    ///
    /// # Errors
    /// [`SealError::KeyFile`] names the file.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        let key = private_key(path)?;
        Ok(Self(XChaCha20Poly1305::new(&(*key).into())))
    }

    /// Takes 32 bytes as the key.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        XChaCha20Poly1305::new_from_slice(bytes).ok().map(Self)
    }

    /// Derives a key for another use, the same each time: the cipher's stream under a nonce that is the
    /// use's name. No random nonce of a seal is ever the same.
    pub(crate) fn derive(&self, label: &[u8; NONCE]) -> [u8; 16] {
        let mut key = [0; 16];
        // Fails only on messages of hundreds of gigabytes.
        let _ = self.0.encrypt_in_place_detached(XNonce::from_slice(label), b"", &mut key);
        key
    }

    /// Derives a whole key for another use, the same each time. Two uses need
    /// two labels.
    pub fn secret(&self, label: &[u8; NONCE]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        // Fails only on messages of hundreds of gigabytes.
        let _ = self.0.encrypt_in_place_detached(XNonce::from_slice(label), b"", &mut *key);
        key
    }

    /// Makes a GUID of a name: the same each time, and nobody's guess without the key. In lower case,
    /// without braces.
    pub fn guid(&self, name: &str) -> String {
        let mut hasher = SipHasher24::new_with_key(&self.derive(GUID_LABEL));
        hasher.write(name.as_bytes());
        let digits = format!("{:032x}", hasher.finish128().as_u128());
        let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
        let (first, second) = (part(0..8), part(8..12));
        format!("{first}-{second}-4{}-8{}-{}", part(13..16), part(17..20), part(20..32))
    }

    /// Seals a text for one place: it opens only there.
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    pub fn seal(&self, place: &[u8], text: &SecretString) -> Result<Vec<u8>, SealError> {
        let mut sealed = vec![0; NONCE];
        random(&mut sealed)?;
        let payload = Payload { msg: text.expose_secret().as_bytes(), aad: place };
        let body = self
            .0
            .encrypt(XNonce::from_slice(&sealed), payload)
            .map_err(|_| SealError::Unopened)?;
        sealed.extend(body);
        Ok(sealed)
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// [`SealError::Unopened`].
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<SecretString, SealError> {
        let (nonce, body) = sealed.split_at_checked(NONCE).ok_or(SealError::Unopened)?;
        let payload = Payload { msg: body, aad: place };
        let bytes =
            self.0.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::Unopened)?;
        // Copied, not moved: a buffer with room to spare would be given back unwiped.
        let bytes = Zeroizing::new(bytes);
        let text = str::from_utf8(&bytes).map_err(|_| SealError::Unopened)?;
        Ok(text.into())
    }
}

/// Reads 32 secret bytes from a file, or makes them there, readable by its owner only.
///
/// # Errors
/// [`SealError::KeyFile`] names the file: it cannot be read or made, others may read it, or it does not
/// hold 32 bytes.
pub fn private_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let failed = |reason: String| SealError::KeyFile { path: path.display().to_string(), reason };
    match fs::read(path) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            if let Some(mode) = open_to_others(path) {
                return Err(failed(format!(
                    "others may read it (mode {mode:o}); chmod 600 it, and let people whose \
                     passwords may have been read change them"
                )));
            }
            let key = <[u8; 32]>::try_from(bytes.as_slice());
            key.map(Zeroizing::new).map_err(|_| failed("it does not hold 32 bytes".to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = Zeroizing::new([0; 32]);
            random(&mut *key)?;
            write_private(path, &*key).map_err(|error| failed(error.to_string()))?;
            Ok(key)
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

fn random(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|error| SealError::Randomness(error.to_string()))
}

/// Gives a file's mode when others than its owner may read or write it.
fn open_to_others(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let key = SealKey::from_bytes(&[7; 32]).unwrap();
        let sealed = key.seal(b"here", &"hunter2".to_owned().into()).unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap().expose_secret(), "hunter2");
        assert!(key.open(b"there", &sealed).is_err());
        assert!(SealKey::from_bytes(&[8; 32]).unwrap().open(b"here", &sealed).is_err());
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("seal.key");
        SealKey::load_or_create(&path).unwrap();
        SealKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = SealKey::load_or_create(&path).map(drop).unwrap_err().to_string();
        assert!(refused.contains("mode 644") && refused.contains("chmod 600"), "{refused}");
    }
}
