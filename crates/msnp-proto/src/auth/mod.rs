//! Proving who one is: the sign-ins of each age, and challenges against foreign programs.

pub mod challenge;
pub mod md5_hash;
pub mod passport;
pub mod security_token;
pub mod sso;

/// Writes bytes as lower-case hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
