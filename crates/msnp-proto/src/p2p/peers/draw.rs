//! Numbers and names that nobody else has, drawn from the session's entropy.

use sha1::{Digest as _, Sha1};

use super::Peers;

impl Peers {
    pub(super) fn draw_number(&mut self) -> u32 {
        let [a, b, c, d, ..] = self.draw();
        u32::from_le_bytes([a, b, c, d])
    }

    /// Gives bytes that nobody else has: they name calls and number packets, and protect nothing.
    fn draw(&mut self) -> [u8; 20] {
        self.draw_for(b"peer to peer")
    }

    pub(super) fn draw_for(&mut self, purpose: &[u8]) -> [u8; 20] {
        self.drawn += 1;
        let mut hash = Sha1::new();
        hash.update(purpose);
        hash.update(self.entropy);
        hash.update(self.drawn.to_le_bytes());
        hash.finalize().into()
    }

    /// Gives bytes that belong to something, and that nobody can guess.
    pub(super) fn secret_of(&self, what: &[u8]) -> [u8; 20] {
        let mut hash = Sha1::new();
        hash.update(b"secret of");
        hash.update(self.entropy);
        hash.update(what);
        hash.finalize().into()
    }

    /// Gives a GUID that nothing else of the session has, without braces.
    pub fn new_guid(&mut self) -> String {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.draw();
        format!(
            "{:08X}-{:04X}-4{:03X}-{:04X}-{:012X}",
            u32::from_be_bytes([a, b, c, d]),
            u16::from_be_bytes([e, f]),
            u16::from_be_bytes([g, h]) & 0x0FFF,
            u16::from_be_bytes([i, j]) & 0x3FFF | 0x8000,
            u64::from_be_bytes([0, 0, k, l, m, n, o, p])
        )
    }
}
