//! The MD5 sign-in of MSNP 2 to 7: the server's challenge, hashed with the password.
//!
//! ```text
//! C: USR 3 MD5 I ada@example.com
//! S: USR 3 MD5 S 1013928519.693957190
//! C: USR 4 MD5 S 7f919fab309532df353c901430df36fa
//! ```
//! The challenge is opaque; some servers send the account's salt, which is the same each time
//! (docs: protocol, MD5).

use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};

/// Computes the answer to a challenge: 32 lower-case hexadecimal digits of MD5 over the challenge and
/// the password in UTF-8.
pub fn answer(challenge: &str, password: &SecretString) -> SecretString {
    let digest = Md5::new().chain_update(challenge).chain_update(password.expose_secret());
    super::hexadecimal(&digest.finalize()).into()
}
