//! Packets of the first age: MSNP9 to 15, and whoever announces no place.
//!
//! ```text
//! session u32  message u32  offset u64  total u64  length u32  flags u32  key u32  acknowledged u32  size u64
//! ```
//! Little-endian throughout; behind the bytes stands a footer of four, big-endian, except on direct
//! links. Every packet of one message has the message's number, key and flags. A message is
//! acknowledged once, when its last byte is there (docs: protocol, p2p).

/// Length of a header.
pub const HEADER_LENGTH: usize = 48;
/// Length of a footer.
pub const FOOTER_LENGTH: usize = 4;
/// Most bytes of a message in one packet over a switchboard.
pub const ROOM: usize = 1202;

/// What a packet is; test bits, never equality.
pub mod flag {
    /// The message named was taken whole.
    pub const ACKNOWLEDGES: u32 = 0x02;
    /// Something is wrong with the session.
    pub const ERROR: u32 = 0x08;
    /// Bytes of a file; with [`DATA`].
    pub const FILE: u32 = 0x10;
    /// Bytes of an object or a file.
    pub const DATA: u32 = 0x20;
    /// A direct link's first packet.
    pub const NONCE: u32 = 0x100;
    /// What clients of 2009 and later add to everything.
    pub const LATER: u32 = 0x0100_0000;
}

/// The 48 bytes before a packet's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The transfer; 0 for texts that agree on one.
    pub session: u32,
    /// Names the message.
    pub message: u32,
    /// Where this packet's bytes begin in the message.
    pub offset: u64,
    /// Bytes of the whole message.
    pub total: u64,
    /// Bytes of this packet.
    pub length: u32,
    /// See [`flag`].
    pub flags: u32,
    /// A number of the message; in an acknowledgement the message acknowledged.
    pub key: u32,
    /// In an acknowledgement the key of the message acknowledged.
    pub acknowledged: u32,
    /// In an acknowledgement the size of the message acknowledged.
    pub size: u64,
}

impl Header {
    /// Reads a packet's header and gives what follows it; none when it is too short.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_LENGTH>()?;
        let u32_at = |at: usize| {
            let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let header = Self {
            session: u32_at(0),
            message: u32_at(4),
            offset: u64_at(8),
            total: u64_at(16),
            length: u32_at(24),
            flags: u32_at(28),
            key: u32_at(32),
            acknowledged: u32_at(36),
            size: u64_at(40),
        };
        Some((header, rest))
    }

    /// Writes the header.
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut out = [0; HEADER_LENGTH];
        let words = [
            u64::from(self.session) | u64::from(self.message) << 32,
            self.offset,
            self.total,
            u64::from(self.length) | u64::from(self.flags) << 32,
            u64::from(self.key) | u64::from(self.acknowledged) << 32,
            self.size,
        ];
        for (place, word) in out.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    /// Makes the acknowledgement of the message this packet belongs to.
    pub fn acknowledgement(&self, message: u32) -> Self {
        Self {
            session: self.session,
            message,
            total: self.total,
            flags: flag::ACKNOWLEDGES,
            key: self.message,
            acknowledged: self.key,
            size: self.total,
            ..Self::default()
        }
    }

    /// Tells whether a bit is set.
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// Writes a whole packet: header, bytes, footer.
pub fn packet(header: &Header, bytes: &[u8], footer: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_LENGTH + bytes.len() + FOOTER_LENGTH);
    write(&mut out, header, bytes);
    out.extend_from_slice(&footer.to_be_bytes());
    out
}

/// Writes a packet without its footer.
pub(super) fn write(out: &mut Vec<u8>, header: &Header, bytes: &[u8]) {
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(bytes);
}

/// Gives a packet's bytes: what stands between the header and the footer. A known client writes
/// length 0 above bytes that are there, and a whole packet's above the last, which has fewer: then all
/// count that are there.
pub fn body<'a>(header: &Header, rest: &'a [u8]) -> &'a [u8] {
    body_before(header, rest, FOOTER_LENGTH)
}

/// Gives a packet's bytes before a footer of that length.
pub(super) fn body_before<'a>(header: &Header, rest: &'a [u8], footer: usize) -> &'a [u8] {
    let there = rest.len().saturating_sub(footer);
    let length = usize::try_from(header.length).unwrap_or(usize::MAX);
    let length = if length == 0 || length > rest.len() { there } else { length };
    rest.get(..length).unwrap_or_default()
}
