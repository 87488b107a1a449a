//! Packets of the second age: between places, from MSNP16 on.
//!
//! ```text
//! length u8  operation u8  payload u16  sequence u32  tags…          the transport
//! length u8  kind u8       package u16  session u32   tags…  bytes   the message, if payload ≠ 0
//! ```
//! Big-endian, but for the fields inside [`PEER_INFO`]. Tags are kind, length, value, padded with zeros
//! to a multiple of four (docs: protocol, p2p).

/// Most bytes of a message's header and its own in one packet over a switchboard.
pub const ROOM: usize = 1222;
/// Length of the footer, always zero.
pub const FOOTER_LENGTH: usize = 4;
/// Length of a transport's header with all its tags.
const HEADER_MOST: usize = 8 + 6 + 6 + 14 + 2;
/// What a side says of itself with the first packet, as the original clients write it.
pub const PEER_INFO: [u8; 12] = [0, 2, 0, 0, 0, 0x0E, 0, 0, 0x0F, 1, 0, 0];

/// What a packet asks of the other side's transport.
pub mod operation {
    /// The first packet of a direction.
    pub const SYN: u8 = 1;
    /// An acknowledgement is wanted.
    pub const ASK: u8 = 2;
}

/// What a message's packet is.
pub mod kind {
    /// The first packet of a message.
    pub const FIRST: u8 = 1;
    /// Bytes of an object.
    pub const OBJECT: u8 = 4;
    /// Bytes of a file.
    pub const FILE: u8 = 6;
}

/// A packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet<'a> {
    /// See [`operation`].
    pub operation: u8,
    /// Its place in all that this side sent.
    pub sequence: u32,
    /// The sequence that comes next, as far as everything before it is taken.
    pub acknowledges: Option<u32>,
    /// A sequence that was refused.
    pub refuses: Option<u32>,
    /// What the sender says of itself.
    pub peer_info: Option<[u8; 12]>,
    /// The message's part.
    pub part: Option<Part<'a>>,
}

/// A part of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part<'a> {
    /// See [`kind`].
    pub kind: u8,
    /// Names the message among those of the session.
    pub package: u16,
    /// The transfer; 0 for texts that agree on one.
    pub session: u32,
    /// Bytes of the message after this packet; none is 0.
    pub remaining: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Part<'_> {
    fn header_length(&self) -> usize {
        if self.remaining > 0 { 20 } else { 8 }
    }

    /// Gives the length as it counts in sequences: header and bytes.
    pub fn length(&self) -> u32 {
        u32::try_from(self.header_length() + self.bytes.len()).unwrap_or(u32::MAX)
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet; none when it is broken. What follows its payload is not looked at.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (&[length, operation, high, low, a, b, c, d], _) = bytes.split_first_chunk::<8>()?;
        let length = usize::from(length);
        if length < 8 {
            return None;
        }
        let (header, rest) = bytes.split_at_checked(length)?;
        let payload = usize::from(u16::from_be_bytes([high, low]));
        let mut packet =
            Self { operation, sequence: u32::from_be_bytes([a, b, c, d]), ..Self::default() };
        for (kind, value) in tags(header.get(8..)?) {
            match kind {
                1 => packet.peer_info = value.try_into().ok(),
                2 => packet.acknowledges = value.try_into().ok().map(u32::from_be_bytes),
                3 => packet.refuses = value.try_into().ok().map(u32::from_be_bytes),
                _ => {}
            }
        }
        if payload > 0 {
            packet.part = Some(Part::decode(rest.get(..payload)?)?);
        }
        Some(packet)
    }

    /// Gives the sequence that acknowledges this packet.
    pub fn next_sequence(&self) -> u32 {
        self.sequence.wrapping_add(self.part.as_ref().map_or(0, Part::length))
    }

    /// Writes the packet and its footer.
    pub fn encode(&self) -> Vec<u8> {
        let payload = self.part.as_ref().map_or(0, |part| part.header_length() + part.bytes.len());
        let mut out = Vec::with_capacity(HEADER_MOST + payload + FOOTER_LENGTH);
        self.write(&mut out);
        out.extend([0; FOOTER_LENGTH]);
        out
    }

    /// Writes the packet without its footer.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let payload = self.part.as_ref().map_or(0, Part::length);
        let [high, low] = u16::try_from(payload).unwrap_or(u16::MAX).to_be_bytes();
        out.extend_from_slice(&[8, self.operation, high, low]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        if let Some(sequence) = self.acknowledges {
            tag(out, 2, &sequence.to_be_bytes());
        }
        if let Some(sequence) = self.refuses {
            tag(out, 3, &sequence.to_be_bytes());
        }
        if let Some(peer_info) = &self.peer_info {
            tag(out, 1, peer_info);
        }
        let length = (out.len() - start).next_multiple_of(4);
        out.resize(start + length, 0);
        if let Some(place) = out.get_mut(start) {
            *place = u8::try_from(length).unwrap_or(u8::MAX);
        }
        if let Some(part) = &self.part {
            part.write(out);
        }
    }
}

impl<'a> Part<'a> {
    fn decode(payload: &'a [u8]) -> Option<Self> {
        let (&[length, kind, high, low, a, b, c, d], _) = payload.split_first_chunk::<8>()?;
        let length = usize::from(length);
        if length < 8 {
            return None;
        }
        let (header, bytes) = payload.split_at_checked(length)?;
        let remaining = tags(header.get(8..)?).find(|(kind, _)| *kind == 1);
        let remaining = remaining.and_then(|(_, value)| value.try_into().ok());
        Some(Self {
            kind,
            package: u16::from_be_bytes([high, low]),
            session: u32::from_be_bytes([a, b, c, d]),
            remaining: remaining.map_or(0, u64::from_be_bytes),
            bytes,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let [high, low] = self.package.to_be_bytes();
        let length = u8::try_from(self.header_length()).unwrap_or(u8::MAX);
        out.extend_from_slice(&[length, self.kind, high, low]);
        out.extend_from_slice(&self.session.to_be_bytes());
        if self.remaining > 0 {
            out.extend_from_slice(&[1, 8]);
            out.extend_from_slice(&self.remaining.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
        }
        out.extend_from_slice(self.bytes);
    }
}

fn tags(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[kind, length], rest) = bytes.split_first_chunk::<2>()?;
        let (value, after) = rest.split_at_checked(usize::from(length))?;
        bytes = after;
        (kind != 0).then_some((kind, value))
    })
}

fn tag(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    out.push(kind);
    out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(value);
}
