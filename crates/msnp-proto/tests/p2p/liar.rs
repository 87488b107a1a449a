//! A peer that says what it is told to, in both ages, and the engine that hears it.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    msg::Body,
    p2p::{
        Envelope, FileContext, PeerEvent, Peers, Place, TransferError, TransferId, feature,
        slp::{Slp, Start, content},
        v1, v2,
    },
    session::ChatId,
};

use super::{ADA, BOB, place};

/// The session of the file that [`Scene::taking`] begins.
pub(super) const SESSION: u32 = 77;

/// Bob's engine, and what Ada's liar hears and sees of it.
pub(super) struct Scene {
    pub(super) bob: Peers,
    pub(super) now: Instant,
    second: bool,
    message: u32,
    sequence: u32,
    /// Packets that Bob sent.
    pub(super) said: Vec<Vec<u8>>,
    pub(super) events: Vec<PeerEvent>,
}

impl Scene {
    pub(super) fn new(second: bool) -> Self {
        let bob = Peers::new(place(BOB, second), [2; 16]);
        let (said, events) = (Vec::new(), Vec::new());
        Self { bob, now: Instant::now(), second, message: 500, sequence: 9000, said, events }
    }

    /// Bob hears a packet of somebody.
    pub(super) fn hear(&mut self, from: &str, packet: &[u8]) {
        let source = self.second.then(|| place(from, true));
        let payload = Envelope { to: place(BOB, self.second), from: source, packet }.write();
        self.bob.handle_payload(self.now, &ChatId::with(from), from, &Body::read(&payload));
    }

    pub(super) fn drain(&mut self) {
        loop {
            let before = self.said.len() + self.events.len();
            self.events.extend(std::iter::from_fn(|| self.bob.poll_event()));
            for chat in self.bob.waiting() {
                while let Some(payload) = self.bob.poll_payload(self.now, &chat) {
                    let body = Body::read(&payload);
                    self.said.push(Envelope::read(&body).expect("an envelope").packet.to_vec());
                }
            }
            if self.said.len() + self.events.len() == before {
                return;
            }
        }
    }

    pub(super) fn say(&mut self, from: &str, text: &Slp) {
        self.message += 1;
        let text = text.write();
        let total = u64::try_from(text.len()).expect("it is small");
        let mut offset = 0;
        for bytes in text.chunks(1178) {
            let length = u32::try_from(bytes.len()).expect("it is small");
            let end = offset + u64::from(length);
            if self.second {
                let (kind, package) =
                    (u8::from(offset == 0), u16::try_from(self.message).expect("small"));
                self.hear_part(from, kind, package, 0, total - end, bytes);
            } else {
                let message = self.message;
                let header = v1::Header { message, offset, total, length, ..v1::Header::default() };
                self.hear(from, &v1::packet(&header, bytes, 0));
            }
            offset = end;
        }
    }

    fn hear_part(
        &mut self,
        from: &str,
        kind: u8,
        package: u16,
        session: u32,
        remaining: u64,
        bytes: &[u8],
    ) {
        let part = Some(v2::Part { kind, package, session, remaining, bytes });
        let packet = v2::Packet { sequence: self.sequence, part, ..v2::Packet::default() };
        self.sequence = packet.next_sequence();
        self.hear(from, &packet.encode());
    }

    /// Bob hears bytes of a file: `offset` counts in the first age, and `total` in both.
    pub(super) fn bytes(
        &mut self,
        from: &str,
        session: u32,
        offset: u64,
        total: u64,
        bytes: &[u8],
    ) {
        let length = u32::try_from(bytes.len()).expect("it is small");
        if self.second {
            let kind = v2::kind::FILE | u8::from(offset == 0);
            let end = offset.saturating_add(u64::from(length));
            let remaining = total.saturating_sub(end);
            return self.hear_part(from, kind, 9, session, remaining, bytes);
        }
        let flags = v1::flag::DATA | v1::flag::FILE;
        let message = 9;
        let header =
            v1::Header { session, message, offset, total, length, flags, ..v1::Header::default() };
        self.hear(from, &v1::packet(&header, bytes, 2));
    }

    pub(super) fn invite(&mut self, from: &str, call: &str, session: u32, size: u64, name: &str) {
        let file = FileContext { size, name: name.to_owned(), preview: Vec::new() };
        let lines = [
            ("EUF-GUID", format!("{{{}}}", feature::FILE)),
            ("SessionID", session.to_string()),
            ("AppID", "2".to_owned()),
            ("Context", STANDARD.encode(file.encode())),
        ];
        let (start, kind) = (Start::Request("INVITE".to_owned()), content::SESSION);
        let text = slp(start, place(from, self.second), place(BOB, self.second), call, kind);
        let body = lines.map(|(name, value)| (name.to_owned(), value)).into();
        self.say(from, &Slp { body, ..text });
        self.drain();
    }

    pub(super) fn bye(&mut self, call: &str) {
        let (start, kind) = (Start::Request("BYE".to_owned()), content::CLOSE);
        let text = slp(start, place(ADA, self.second), place(BOB, self.second), call, kind);
        self.say(ADA, &text);
        self.drain();
    }

    /// Ada says yes to what Bob invites to; gives the session.
    pub(super) fn agree(&mut self) -> u32 {
        self.drain();
        let invitation = self.texts().pop().expect("an invitation");
        let session = invitation.session().expect("a session");
        let body = vec![("SessionID".to_owned(), session.to_string())];
        self.say(ADA, &invitation.answer(200, content::SESSION, body));
        self.events.extend(std::iter::from_fn(|| self.bob.poll_event()));
        session
    }

    fn packets(&self) -> impl Iterator<Item = (v1::Header, &[u8])> {
        self.said.iter().filter_map(|packet| v1::Header::decode(packet))
    }

    /// Texts that Bob said, and that are whole.
    pub(super) fn texts(&self) -> Vec<Slp> {
        let mut texts: Vec<(u32, Vec<u8>)> = Vec::new();
        if self.second {
            for packet in self.said.iter().filter_map(|packet| v2::Packet::decode(packet)) {
                match packet.part.filter(|part| part.session == 0) {
                    Some(part) if part.kind & v2::kind::FIRST != 0 => {
                        texts.push((0, part.bytes.to_vec()));
                    }
                    Some(part) => texts.last_mut().expect("a first part").1.extend(part.bytes),
                    None => {}
                }
            }
        }
        for (header, rest) in self.packets().filter(|_| !self.second) {
            let is_text = header.session == 0 && !header.has(v1::flag::ACKNOWLEDGES);
            match texts.iter_mut().find(|(message, _)| *message == header.message) {
                Some((_, text)) if is_text => text.extend(v1::body(&header, rest)),
                None if is_text => texts.push((header.message, v1::body(&header, rest).to_vec())),
                _ => {}
            }
        }
        texts.iter().filter_map(|(_, text)| Slp::read(text)).collect()
    }

    pub(super) fn answers(&self) -> Vec<u16> {
        let codes = self.texts().into_iter().filter_map(|text| match text.start {
            Start::Status(code) => Some(code),
            Start::Request(_) => None,
        });
        codes.collect()
    }

    pub(super) fn offered(&self) -> Vec<(TransferId, FileContext)> {
        let offered = self.events.iter().filter_map(|event| match event {
            PeerEvent::Offered { transfer, file, .. } => Some((*transfer, file.clone())),
            _ => None,
        });
        offered.collect()
    }

    /// Ada offers a file of so many bytes, and Bob takes it.
    pub(super) fn taking(second: bool, size: u64) -> Self {
        let mut scene = Self::new(second);
        scene.invite(ADA, "A", SESSION, size, "a.bin");
        let (transfer, _) = scene.offered().remove(0);
        scene.bob.accept(scene.now, transfer).expect("it may be taken");
        scene.drain();
        scene
    }

    pub(super) fn received(&self) -> Vec<u8> {
        let data = self.events.iter().filter_map(|event| match event {
            PeerEvent::Data { bytes, .. } => Some(bytes.clone()),
            _ => None,
        });
        data.flatten().collect()
    }

    pub(super) fn ended(&self) -> Vec<Result<(), TransferError>> {
        let ended = self.events.iter().filter_map(|event| match event {
            PeerEvent::Ended { outcome, .. } => Some(*outcome),
            _ => None,
        });
        ended.collect()
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.bob.handle_timeout(self.now);
        self.drain();
    }

    /// Acknowledges all that Bob sent of a session so far, and whatever else there might be.
    pub(super) fn acknowledge(&mut self, session: u32) {
        if self.second {
            let packets = self.said.iter().filter_map(|packet| v2::Packet::decode(packet));
            let last = packets.map(|packet| packet.next_sequence()).next_back().expect("packets");
            for sequence in [last, last.wrapping_add(1 << 20)] {
                let acknowledges = Some(sequence);
                let packet = v2::Packet { acknowledges, sequence: 1, ..v2::Packet::default() };
                self.hear(ADA, &packet.encode());
            }
        } else {
            let data = |(header, _): &(v1::Header, &[u8])| header.session == session;
            let (header, _) = self.packets().filter(data).last().expect("bytes");
            self.hear(ADA, &v1::packet(&header.acknowledgement(1), &[], 0));
            let unknown = v1::Header { message: u32::MAX, ..header };
            self.hear(ADA, &v1::packet(&unknown.acknowledgement(2), &[], 0));
        }
        self.drain();
    }
}

pub(super) fn slp(start: Start, from: Place, to: Place, call: &str, kind: &str) -> Slp {
    Slp {
        start,
        to,
        from,
        branch: "33517CE4-02FC-4428-B6F4-39927229B722".to_owned(),
        sequence: 0,
        call: call.to_owned(),
        content_type: kind.to_owned(),
        body: Vec::new(),
    }
}
