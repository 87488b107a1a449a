//! Nonces: what proves that the other end of a link is who agreed on it.

use std::fmt;

use sha1::{Digest as _, Sha1};

/// Sixteen bytes, written as a GUID: `{2EB141F2-1EFB-41B7-E3A9-E27946E14575}` is `f241b12e fb1e b741 e3a9…`,
/// the first three groups from behind. Shows nothing of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 16]);

impl Nonce {
    /// Reads a GUID, in braces or not.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        let groups: Vec<&str> = text.split('-').collect();
        let [a, b, c, d, e] = groups.as_slice() else {
            return None;
        };
        let of = |group: &str, length: usize| {
            let is_hex = group.len() == length && group.bytes().all(|c| c.is_ascii_hexdigit());
            is_hex.then(|| u64::from_str_radix(group, 16).ok()).flatten()
        };
        let mut bytes = Vec::with_capacity(16);
        bytes.extend(u32::try_from(of(a, 8)?).ok()?.to_le_bytes());
        bytes.extend(u16::try_from(of(b, 4)?).ok()?.to_le_bytes());
        bytes.extend(u16::try_from(of(c, 4)?).ok()?.to_le_bytes());
        bytes.extend(u16::try_from(of(d, 4)?).ok()?.to_be_bytes());
        bytes.extend(of(e, 12)?.to_be_bytes().get(2..)?);
        Some(Self(bytes.try_into().ok()?))
    }

    /// Writes it as a GUID in braces, upper case.
    pub fn write(&self) -> String {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        format!(
            "{{{:08X}-{:04X}-{:04X}-{:04X}-{:012X}}}",
            u32::from_le_bytes([a, b, c, d]),
            u16::from_le_bytes([e, f]),
            u16::from_le_bytes([g, h]),
            u16::from_be_bytes([i, j]),
            u64::from_be_bytes([0, 0, k, l, m, n, o, p])
        )
    }

    /// Gives what may be told of it before it is used: the first half and more of its SHA-1.
    pub fn hashed(&self) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..]: [u8; 20] =
            Sha1::digest(self.0).into();
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// Tells whether it is all zeros: no link.
    pub fn is_none(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(…)")
    }
}
