//! One peer's line: numbers its packets, puts together what comes in parts, acknowledges.

use std::collections::{BTreeMap, VecDeque};

use super::{
    transfer::TransferId,
    v1::{self, Header},
    v2::{self, Packet, Part, kind, operation},
};
use crate::session::ChatId;

/// Longest text that agrees on a transfer, in bytes: a preview of a file is in one.
const TEXT_LIMIT: usize = 128 * 1024;
/// Most texts of one peer that are not whole yet.
const TEXTS_LIMIT: usize = 8;
/// Bytes of a text in one packet of the second age, so that the first packet's tags find room too.
const TEXT_ROOM: usize = 1178;
/// Most packets that wait for a peer whose conversation does not open, bytes of transfers apart.
const QUEUE_LIMIT: usize = 1024;

/// The way to one peer through one conversation.
#[derive(Debug)]
pub(super) struct Line {
    /// The conversation that carries it.
    pub(super) chat: ChatId,
    age: Age,
    /// Texts that are not whole yet, by message or package, with the length they will have.
    texts: BTreeMap<u32, (usize, Vec<u8>)>,
    queue: VecDeque<Queued>,
    /// Transfers all of whose bytes were sent, by the number whose acknowledgement ends them.
    awaited: BTreeMap<u32, TransferId>,
}

#[derive(Debug)]
enum Age {
    First { next: u32 },
    Second { next: u32, package: u16, greeted: bool },
}

/// A packet that waits; those of the second age are numbered when they are sent.
#[derive(Debug)]
enum Queued {
    Whole(Vec<u8>),
    Part {
        operation: u8,
        acknowledges: Option<u32>,
        part: Option<OwnPart>,
        ends: Option<TransferId>,
    },
}

#[derive(Debug)]
struct OwnPart {
    kind: u8,
    package: u16,
    session: u32,
    remaining: u64,
    bytes: Vec<u8>,
}

/// What a packet brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrival<'a> {
    /// Transfers whose bytes are acknowledged with it.
    pub(super) taken: Vec<TransferId>,
    /// The end of bytes in the first age: to be acknowledged by whoever takes them.
    pub(super) ends: Option<Header>,
    /// What it carries.
    pub(super) came: Came<'a>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Came<'a> {
    /// Bytes of a transfer; those that were sent under a length of 0 are counted in no offset, if they are
    /// a file's.
    Data { session: u32, at: At, bytes: &'a [u8], uncounted: bool },
    /// Nothing for anybody.
    #[default]
    Nothing,
    /// The peer gave a transfer up below the texts.
    Reset { session: u32 },
    /// A whole text.
    Text(Vec<u8>),
}

/// Where bytes belong in their message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// They begin there.
    From(u64),
    /// So many follow them.
    Before(u64),
}

/// Which bytes of a transfer go into its next packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) transfer: TransferId,
    pub(super) session: u32,
    pub(super) is_file: bool,
    /// What stands behind its packets; over direct links nothing does.
    pub(super) footer: Option<u32>,
    /// The message's number and key, or its package in the low half.
    pub(super) message: u32,
    pub(super) key: u32,
    pub(super) offset: u64,
    pub(super) total: u64,
}

impl Line {
    pub(super) fn new(chat: ChatId, second: bool, random: u32) -> Self {
        let age = match second {
            true => Age::Second { next: random, package: 0, greeted: false },
            false => Age::First { next: random & 0x3FFF_FFFF },
        };
        let (texts, awaited) = (BTreeMap::new(), BTreeMap::new());
        Self { chat, age, texts, queue: VecDeque::new(), awaited }
    }

    /// Takes over the texts that another line has not sent; what it acknowledges is left.
    pub(super) fn adopt(&mut self, other: Self) {
        let texts = other.queue.into_iter().filter(|queued| match queued {
            Queued::Whole(packet) => Header::decode(packet)
                .is_some_and(|(header, _)| !header.has(v1::flag::ACKNOWLEDGES)),
            Queued::Part { part, .. } => part.as_ref().is_some_and(|part| part.session == 0),
        });
        self.queue.extend(texts);
    }

    /// Names the next message; a package in the second age, which is never 0.
    pub(super) fn next_message(&mut self) -> u32 {
        match &mut self.age {
            Age::First { next } => {
                *next = next.wrapping_add(1).max(1);
                *next
            }
            Age::Second { package, .. } => {
                *package = package.wrapping_add(1).max(1);
                u32::from(*package)
            }
        }
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Puts a text in line.
    pub(super) fn send_text(&mut self, text: &[u8], key: u32) {
        if self.queue.len() >= QUEUE_LIMIT {
            return;
        }
        match self.age {
            Age::First { .. } => {
                let message = self.next_message();
                let total = wide(text.len());
                for (number, bytes) in text.chunks(v1::ROOM).enumerate() {
                    let length = u32::try_from(bytes.len()).unwrap_or_default();
                    let offset = wide(number * v1::ROOM);
                    let header =
                        Header { message, offset, total, length, key, ..Header::default() };
                    self.queue.push_back(Queued::Whole(v1::packet(&header, bytes, 0)));
                }
            }
            Age::Second { .. } => {
                let package = match text.len() > TEXT_ROOM {
                    true => u16::try_from(self.next_message()).unwrap_or(1),
                    false => 0,
                };
                let mut remaining = text.len();
                for (number, bytes) in text.chunks(TEXT_ROOM).enumerate() {
                    remaining -= bytes.len();
                    let first = u8::from(number == 0);
                    self.queue.push_back(Queued::Part {
                        operation: operation::ASK * first,
                        acknowledges: None,
                        part: Some(OwnPart {
                            kind: kind::FIRST * first,
                            package,
                            session: 0,
                            remaining: wide(remaining),
                            bytes: bytes.to_vec(),
                        }),
                        ends: None,
                    });
                }
            }
        }
    }

    /// Puts the four bytes in line that stand before an object's.
    pub(super) fn send_preparation(&mut self, session: u32, footer: u32, key: u32) {
        match self.age {
            Age::First { .. } => {
                let message = self.next_message();
                let header =
                    Header { session, message, total: 4, length: 4, key, ..Header::default() };
                self.queue.push_back(Queued::Whole(v1::packet(&header, &[0; 4], footer)));
            }
            Age::Second { .. } => {
                let part = OwnPart {
                    kind: kind::FIRST,
                    package: 0,
                    session,
                    remaining: 0,
                    bytes: vec![0; 4],
                };
                let part = Some(part);
                self.queue.push_back(Queued::Part {
                    operation: 0,
                    acknowledges: None,
                    part,
                    ends: None,
                });
            }
        }
    }

    /// Gives the next packet that waits.
    pub(super) fn poll_queued(&mut self) -> Option<Vec<u8>> {
        match self.queue.pop_front()? {
            Queued::Whole(packet) => Some(packet),
            Queued::Part { operation, acknowledges, part, ends } => {
                let part = part.as_ref().map(|part| Part {
                    kind: part.kind,
                    package: part.package,
                    session: part.session,
                    remaining: part.remaining,
                    bytes: &part.bytes,
                });
                Some(self.number(operation, acknowledges, part, ends)?.encode())
            }
        }
    }

    /// Writes the packet of some of a transfer's bytes.
    pub(super) fn data(&mut self, piece: Piece, bytes: &[u8], out: &mut Vec<u8>) {
        let end = piece.offset.saturating_add(wide(bytes.len()));
        let last = end >= piece.total;
        match self.age {
            Age::First { .. } => {
                let flags = match piece.is_file {
                    true => v1::flag::LATER | v1::flag::DATA | v1::flag::FILE,
                    false => v1::flag::DATA,
                };
                if last {
                    self.awaited.insert(piece.message, piece.transfer);
                }
                let header = Header {
                    session: piece.session,
                    message: piece.message,
                    offset: piece.offset,
                    total: piece.total,
                    length: u32::try_from(bytes.len()).unwrap_or_default(),
                    flags,
                    key: piece.key,
                    ..Header::default()
                };
                v1::write(out, &header, bytes);
                if let Some(footer) = piece.footer {
                    out.extend_from_slice(&footer.to_be_bytes());
                }
            }
            Age::Second { .. } => {
                let first = kind::FIRST * u8::from(piece.offset == 0);
                let part = Part {
                    kind: first | if piece.is_file { kind::FILE } else { kind::OBJECT },
                    package: u16::try_from(piece.message).unwrap_or(1),
                    session: piece.session,
                    remaining: piece.total.saturating_sub(end),
                    bytes,
                };
                if last {
                    self.queue.push_front(Queued::Part {
                        operation: operation::ASK,
                        acknowledges: None,
                        part: None,
                        ends: Some(piece.transfer),
                    });
                }
                if let Some(packet) = self.number(0, None, Some(part), None) {
                    packet.write(out);
                }
                if piece.footer.is_some() {
                    out.extend_from_slice(&[0; v2::FOOTER_LENGTH]);
                }
            }
        }
    }

    /// Takes a packet before a footer of that length, and puts its acknowledgement in line where one is due.
    pub(super) fn receive<'a>(&mut self, packet: &'a [u8], footer: usize) -> Option<Arrival<'a>> {
        match self.age {
            Age::First { .. } => self.receive_first(packet, footer),
            Age::Second { .. } => self.receive_second(packet),
        }
    }

    /// Says that a message of the first age is here whole.
    pub(super) fn acknowledge(&mut self, last: &Header) {
        if self.queue.len() < QUEUE_LIMIT {
            let message = self.next_message();
            let packet = v1::packet(&last.acknowledgement(message), &[], 0);
            self.queue.push_back(Queued::Whole(packet));
        }
    }

    fn receive_first<'a>(&mut self, packet: &'a [u8], footer: usize) -> Option<Arrival<'a>> {
        let (header, rest) = Header::decode(packet)?;
        if header.has(v1::flag::ACKNOWLEDGES) {
            let taken = self.awaited.remove(&header.key).into_iter().collect();
            return Some(Arrival { taken, ..Arrival::default() });
        }
        let session = header.session;
        if header.has(v1::flag::ERROR | 0x80) {
            return Some(Arrival { came: Came::Reset { session }, ..Arrival::default() });
        }
        if header.has(v1::flag::NONCE | 0x40 | 0x01) {
            return Some(Arrival::default());
        }
        let bytes = v1::body_before(&header, rest, footer);
        let end = header.offset.checked_add(wide(bytes.len()))?;
        if end > header.total && header.length != 0 {
            return None;
        }
        let mut ends = Some(header).filter(|_| end >= header.total);
        let prepares =
            header.total == 4 && bytes == [0; 4] && !header.has(v1::flag::DATA | v1::flag::FILE);
        // Of nothing there is nothing to be taken.
        if let Some(header) = ends.take_if(|_| session == 0 || prepares || header.total == 0) {
            self.acknowledge(&header);
        }
        if session != 0 && !prepares {
            let at = At::From(header.offset);
            let came = Came::Data { session, at, bytes, uncounted: header.length == 0 };
            return Some(Arrival { ends, came, ..Arrival::default() });
        }
        if session != 0 {
            return Some(Arrival::default());
        }
        let total = usize::try_from(header.total).ok().filter(|total| *total <= TEXT_LIMIT)?;
        let offset = usize::try_from(header.offset).ok()?;
        let came = self.text(header.message, offset, total, bytes)?;
        Some(Arrival { came, ..Arrival::default() })
    }

    fn receive_second<'a>(&mut self, bytes: &'a [u8]) -> Option<Arrival<'a>> {
        let packet = Packet::decode(bytes)?;
        let mut arrival = Arrival::default();
        if let Some(sequence) = packet.acknowledges {
            let reached = |sent: &u32| sequence.wrapping_sub(*sent) < 1 << 31;
            let taken: Vec<u32> = self.awaited.keys().copied().filter(reached).collect();
            arrival.taken = taken.iter().filter_map(|sent| self.awaited.remove(sent)).collect();
        }
        if packet.operation & operation::ASK != 0 && self.queue.len() < QUEUE_LIMIT {
            // An answer to the first packet is answered plainly, or the two would never end.
            let greets = packet.operation & operation::SYN != 0 && packet.acknowledges.is_none();
            let operation = if greets { operation::SYN | operation::ASK } else { 0 };
            self.queue.push_back(Queued::Part {
                operation,
                acknowledges: Some(packet.next_sequence()),
                part: None,
                ends: None,
            });
        }
        let Some(part) = packet.part else {
            return Some(arrival);
        };
        let first = part.kind & kind::FIRST != 0;
        arrival.came = if part.session != 0 {
            let prepares = part.kind == kind::FIRST && part.bytes == [0; 4];
            let (session, at) = (part.session, At::Before(part.remaining));
            match prepares {
                true => Came::Nothing,
                false => Came::Data { session, at, bytes: part.bytes, uncounted: false },
            }
        } else {
            let remaining = usize::try_from(part.remaining).ok()?;
            let key = u32::from(part.package);
            let before = match first {
                true => 0,
                false => self.texts.get(&key).map(|(_, text)| text.len())?,
            };
            let total = match first {
                true => part.bytes.len().checked_add(remaining)?,
                false => self.texts.get(&key).map(|(total, _)| *total)?,
            };
            if total > TEXT_LIMIT {
                return None;
            }
            self.text(key, before, total, part.bytes)?
        };
        Some(arrival)
    }

    /// Adds to a text; bytes that came before are passed over, a gap loses the text.
    fn text(
        &mut self,
        key: u32,
        offset: usize,
        total: usize,
        bytes: &[u8],
    ) -> Option<Came<'static>> {
        if offset == 0 {
            if self.texts.len() >= TEXTS_LIMIT && !self.texts.contains_key(&key) {
                self.texts.pop_first();
            }
            self.texts.insert(key, (total, Vec::new()));
        }
        let (total, text) = self.texts.get_mut(&key)?;
        let seen = text.len().checked_sub(offset);
        let Some(new) = seen.and_then(|seen| bytes.get(seen..)) else {
            self.texts.remove(&key);
            return None;
        };
        text.extend_from_slice(new);
        if text.len() < *total {
            return Some(Came::Nothing);
        }
        let (_, text) = self.texts.remove(&key)?;
        Some(Came::Text(text))
    }

    /// Numbers a packet of the second age.
    fn number<'a>(
        &mut self,
        operation: u8,
        acknowledges: Option<u32>,
        part: Option<Part<'a>>,
        ends: Option<TransferId>,
    ) -> Option<Packet<'a>> {
        let Age::Second { next, greeted, .. } = &mut self.age else {
            return None;
        };
        let greets = operation & operation::SYN != 0 || !*greeted && acknowledges.is_none();
        *greeted |= greets;
        let packet = Packet {
            operation: operation | if greets { operation::SYN | operation::ASK } else { 0 },
            sequence: *next,
            acknowledges,
            refuses: None,
            peer_info: greets.then_some(v2::PEER_INFO),
            part,
        };
        *next = packet.next_sequence();
        if let Some(transfer) = ends {
            self.awaited.insert(packet.sequence, transfer);
        }
        Some(packet)
    }
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
