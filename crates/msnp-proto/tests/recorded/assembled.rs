//! What packets carry, put together by the protocol book's words alone: what the engine is checked
//! against.

use std::collections::BTreeMap;

use msnp_proto::{
    msg::Body,
    p2p::{Envelope, Place, slp::Slp, v1, v2},
};

use crate::transcript::Unit;

/// A packet with its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) sender: String,
    pub(crate) to: Place,
    pub(crate) from: Option<Place>,
    pub(crate) bytes: Vec<u8>,
}

impl Packet {
    /// Reads what a client said; none when it is no packet.
    pub(crate) fn of(unit: &Unit) -> Option<Self> {
        let (line, payload) = unit.parts();
        if unit.side != 'C' || !unit.is_on_a_switchboard() || !line.starts_with(b"MSG ") {
            return None;
        }
        Self::read(&unit.account(), payload)
    }

    /// Reads a payload; none when it holds no packet.
    pub(crate) fn read(sender: &str, payload: &[u8]) -> Option<Self> {
        let body = Body::read(payload);
        if body.content_type() != Envelope::CONTENT_TYPE {
            return None;
        }
        let envelope = Envelope::read(&body).expect("it says whom it is for");
        let bytes = envelope.packet.to_vec();
        Some(Self { sender: sender.to_owned(), to: envelope.to, from: envelope.from, bytes })
    }

    pub(crate) fn is_second_age(&self) -> bool {
        self.to.id.is_some() && self.from.as_ref().is_some_and(|from| from.id.is_some())
    }

    /// Writes the payload that carries it.
    pub(crate) fn write(&self) -> Vec<u8> {
        let (to, from) = (self.to.clone(), self.from.clone());
        Envelope { to, from, packet: &self.bytes }.write()
    }

    pub(crate) fn first_age(&self) -> (v1::Header, &[u8]) {
        v1::Header::decode(&self.bytes).expect("a header")
    }

    pub(crate) fn second_age(&self) -> v2::Packet<'_> {
        v2::Packet::decode(&self.bytes).expect("a packet")
    }

    /// Gives the session whose bytes it has, and those with the place of the first; what prepares for
    /// them is none of them.
    pub(crate) fn data(&self) -> Option<(u32, Option<u64>, &[u8])> {
        if self.is_second_age() {
            let part = self.second_age().part.filter(|part| part.session != 0)?;
            let is_first = part.kind & v2::kind::FIRST != 0;
            let prepares = part.kind == v2::kind::FIRST && part.bytes == [0; 4];
            return (!prepares).then_some((part.session, is_first.then_some(0), part.bytes));
        }
        let (header, rest) = self.first_age();
        let is_data = header.session != 0 && header.has(v1::flag::DATA);
        // What a length says is not always true; the footer is always there.
        let (there, _) = rest.split_at(rest.len() - v1::FOOTER_LENGTH);
        is_data.then_some((header.session, Some(header.offset), there))
    }
}

/// Texts and bytes of a conversation, by who sent them.
#[derive(Default)]
pub(crate) struct Assembled {
    texts: BTreeMap<(String, u32), Vec<u8>>,
    data: BTreeMap<(String, u32), Vec<u8>>,
    /// Bytes of files that the offsets of their senders do not count: those under a length of 0.
    uncounted: BTreeMap<(String, u32), usize>,
}

impl Assembled {
    /// Takes a packet; gives the text that is whole with it.
    pub(crate) fn take(&mut self, packet: &Packet) -> Option<Slp> {
        if let Some((session, offset, bytes)) = packet.data() {
            let key = (packet.sender.clone(), session);
            let data = self.data.entry(key.clone()).or_default();
            let before = self.uncounted.get(&key).copied().unwrap_or_default();
            if let Some(offset) = offset {
                // Some send a message again.
                data.truncate(before + usize::try_from(offset).expect("it is small"));
            }
            let is_uncounted =
                |header: &v1::Header| header.length == 0 && header.has(v1::flag::FILE);
            if !packet.is_second_age() && is_uncounted(&packet.first_age().0) {
                *self.uncounted.entry(key).or_default() += bytes.len();
            }
            data.extend(bytes);
            return None;
        }
        let (key, starts, bytes, ends) = if packet.is_second_age() {
            let part = packet.second_age().part.filter(|part| part.session == 0)?;
            let starts = part.kind & v2::kind::FIRST != 0;
            (u32::from(part.package), starts, part.bytes.to_vec(), part.remaining == 0)
        } else {
            let (header, rest) = packet.first_age();
            let bytes = v1::body(&header, rest).to_vec();
            let length = u64::try_from(bytes.len()).expect("it is small");
            // One client sends a packet of nothing but zeros.
            if header.has(v1::flag::ACKNOWLEDGES) || header.session != 0 || header.total == 0 {
                return None;
            }
            let ends = header.offset + length >= header.total;
            (header.message, header.offset == 0, bytes, ends)
        };
        let text = self.texts.entry((packet.sender.clone(), key)).or_default();
        if starts {
            text.clear();
        }
        text.extend(bytes);
        ends.then(|| {
            Slp::read(text).unwrap_or_else(|| panic!("{packet:?}: {}", text.escape_ascii()))
        })
    }

    /// Gives the bytes that somebody sent in a session.
    pub(crate) fn sent(&self, sender: &str, session: u32) -> &[u8] {
        self.data.get(&(sender.to_owned(), session)).map_or(&[], Vec::as_slice)
    }
}
