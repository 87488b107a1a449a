//! Addresses that open one file for a while.
//!
//! ```text
//! https://bridge.example.com/media/9f86…0a08/cat.png?exp=1709251200&sig=…
//! ```
//! The signature (HMAC-SHA256) covers the hash, the name and the end, so none of them can be changed.

use std::{path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bridge_core::{
    SealError,
    id::{MediaHash, Timestamp},
    model::Link,
    private_key,
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::name;

/// Signs addresses, and tells whose signature is ours.
#[derive(Clone)]
pub struct Signer {
    key: Hmac<Sha256>,
    public_url: String,
    life: Duration,
}

/// Why an address does not open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is one of ours, and its time is over.
    Expired,
    /// We did not sign it.
    NotOurs,
}

impl Signer {
    /// Reads the key from a file, or makes one there, readable by its owner only.
    ///
    /// Addresses begin with `public_url` and open for `life`. With another key all earlier ones are
    /// void.
    ///
    /// # Errors
    /// [`SealError::KeyFile`] names the file.
    pub fn load_or_create(
        path: &Path,
        public_url: &str,
        life: Duration,
    ) -> Result<Self, SealError> {
        Ok(Self::new(&*private_key(path)?, public_url, life))
    }

    /// Takes bytes as the key.
    pub fn new(key: &[u8; 32], public_url: &str, life: Duration) -> Self {
        let key = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { key, public_url: public_url.trim_end_matches('/').to_owned(), life }
    }

    /// Gives the address of a file, good from now on.
    pub fn link(&self, hash: MediaHash, name: &str) -> Link {
        let now = Timestamp::now().0;
        let until = now.saturating_add(u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX));
        let end = until / 1000;
        let signature = URL_SAFE_NO_PAD.encode(self.over(hash, name, end).finalize().into_bytes());
        let address = format!(
            "{}/media/{hash}/{}?exp={end}&sig={signature}",
            self.public_url,
            name::in_address(name)
        );
        Link { address, until: Timestamp(end * 1000) }
    }

    /// Tells whether an address opens now. The signature is looked at first and in constant time, so
    /// that nobody learns anything from one of his own making.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(
        &self,
        hash: MediaHash,
        name: &str,
        end: u64,
        signature: &str,
    ) -> Result<(), Refused> {
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::NotOurs)?;
        self.over(hash, name, end).verify_slice(&signature).map_err(|_| Refused::NotOurs)?;
        let open = Timestamp::now().0 / 1000 < end;
        if open { Ok(()) } else { Err(Refused::Expired) }
    }

    fn over(&self, hash: MediaHash, name: &str, end: u64) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        // Of fixed length but the last: no two addresses have the same bytes.
        mac.update(&hash.0);
        mac.update(&end.to_be_bytes());
        mac.update(name.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'a>(address: &'a str, name: &str) -> &'a str {
        let rest = address.split_once(name).unwrap().1;
        rest.split('&').next().unwrap()
    }

    #[test]
    fn an_address_opens_as_it_was_given_and_in_no_other_way() {
        let signer = Signer::new(&[7; 32], "https://b.example/x/", Duration::from_secs(60));
        let hash = MediaHash([3; 32]);
        let link = signer.link(hash, "a cat.png");
        assert!(link.address.starts_with("https://b.example/x/media/0303"), "{}", link.address);
        assert!(link.address.contains("/a%20cat.png?exp="));
        let end: u64 = part(&link.address, "exp=").parse().unwrap();
        let signature = part(&link.address, "sig=");
        assert_eq!(signer.check(hash, "a cat.png", end, signature), Ok(()));
        for (hash, name, end, signature) in [
            (MediaHash([4; 32]), "a cat.png", end, signature),
            (hash, "a cat.html", end, signature),
            (hash, "a cat.png", end + 1, signature),
            (hash, "a cat.png", end, ""),
            (hash, "a cat.png", end, "AAAA"),
            (hash, "a cat.png", end, "no base64 at all!"),
        ] {
            assert_eq!(signer.check(hash, name, end, signature), Err(Refused::NotOurs));
        }
        let other = Signer::new(&[8; 32], "https://b.example", Duration::from_secs(60));
        assert_eq!(other.check(hash, "a cat.png", end, signature), Err(Refused::NotOurs));
        let over = Signer::new(&[7; 32], "https://b.example", Duration::ZERO).link(hash, "a");
        let end: u64 = part(&over.address, "exp=").parse().unwrap();
        let checked = signer.check(hash, "a", end, part(&over.address, "sig="));
        assert_eq!(checked, Err(Refused::Expired));
    }
}
