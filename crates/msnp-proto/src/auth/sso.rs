//! The proof of MSNP 15 and later: a ticket by web service, and a blob that shows its secret is known.
//!
//! ```text
//! S: USR 6 SSO S MBI_KEY_OLD AAECAwQFBgcICQoLDA0ODxAR…        (64 characters, used as text)
//! C: USR 7 SSO S t=…&p= HAAAAAEAAAADZgAABIAAAAgAAAAUAAAASAAAA…  (172 characters)
//! ```
//! The blob holds the nonce, hashed with one key and enciphered with another; both are derived from
//! the secret that came with the ticket (docs: protocol, SSO).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cbc::{
    Encryptor,
    cipher::{BlockEncryptMut as _, KeyIvInit as _, block_padding::Pkcs7},
};
use des::TdesEde3;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// Bytes of a ticket's secret, and of the keys derived from it.
pub const SECRET_LENGTH: usize = 24;
/// Bytes of the blob's initialization vector.
pub const IV_LENGTH: usize = 8;

const HASH_LABEL: &[u8] = b"WS-SecureConversationSESSION KEY HASH";
const CIPHER_LABEL: &[u8] = b"WS-SecureConversationSESSION KEY ENCRYPTION";

/// What every blob begins with: header size, CBC, 3DES, SHA-1, and two lengths, little endian. The
/// length of the ciphertext follows.
const HEADER: [u32; 6] = [28, 1, 0x6603, 0x8004, 8, 20];

/// Computes the proof for a nonce, in base64.
///
/// The initialization vector must be random.
pub fn proof(secret: &[u8; SECRET_LENGTH], nonce: &str, iv: [u8; IV_LENGTH]) -> String {
    STANDARD.encode(blob(secret, nonce, iv))
}

/// Tells whether a proof is the one for a nonce, as a server must.
pub fn verify(secret: &[u8; SECRET_LENGTH], nonce: &str, proof: &str) -> bool {
    let Ok(given) = STANDARD.decode(proof) else {
        return false;
    };
    let Some((iv, _)) = given.get(28..).and_then(|rest| rest.split_first_chunk::<IV_LENGTH>())
    else {
        return false;
    };
    blob(secret, nonce, *iv).ct_eq(&given).into()
}

fn blob(secret: &[u8; SECRET_LENGTH], nonce: &str, iv: [u8; IV_LENGTH]) -> Vec<u8> {
    let hash = hash(&derive(secret, HASH_LABEL), &[nonce.as_bytes()]);
    let cipher = Encryptor::<TdesEde3>::new(&derive(secret, CIPHER_LABEL).into(), &iv.into());
    let cipher = cipher.encrypt_padded_vec_mut::<Pkcs7>(nonce.as_bytes());
    let length = u32::try_from(cipher.len()).unwrap_or(u32::MAX);
    let header = HEADER.into_iter().chain([length]).flat_map(u32::to_le_bytes);
    header.chain(iv).chain(hash).chain(cipher).collect()
}

/// Makes a key for one purpose of a secret.
fn derive(secret: &[u8; SECRET_LENGTH], label: &[u8]) -> [u8; SECRET_LENGTH] {
    let first = hash(secret, &[label]);
    let head = hash(secret, &[&first, label]);
    let second = hash(secret, &[&first]);
    let tail = hash(secret, &[&second, label]);
    let mut key = [0; SECRET_LENGTH];
    for (place, byte) in key.iter_mut().zip(head.into_iter().chain(tail)) {
        *place = byte;
    }
    key
}

fn hash(key: &[u8; SECRET_LENGTH], parts: &[&[u8]]) -> [u8; 20] {
    // A key as long as the hash's block or shorter is taken as it is, padded with zeros.
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let mac = <Hmac<Sha1> as Mac>::new(&block.into());
    let mac = parts.iter().fold(mac, |mac, part| mac.chain_update(part));
    mac.finalize().into_bytes().into()
}
