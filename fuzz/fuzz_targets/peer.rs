//! Two engines and whatever happens to the packets between them, through the conversation, over direct links
//! and in the old way: each transfer ends exactly once, an object that comes is the one that was described, a
//! file has no more bytes than were offered, links are few, and the two fall silent.
#![no_main]

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    msg::{Body, Object},
    p2p::{
        Envelope, FileContext, PeerEvent, Peers, Place,
        direct::{DirectAction, DirectId, DirectNews, DirectRules},
    },
    session::ChatId,
};

const NAMES: [&str; 2] = ["ada@example.com", "bob@example.com"];
const PICTURE: &[u8] = &[0x42; 5000];

/// A side, and what it calls its end of a connection.
type End = (usize, DirectId);

struct World {
    now: Instant,
    /// Where a side listens, by port.
    listening: Vec<(u16, End)>,
    wires: Vec<[End; 2]>,
    sides: [Peers; 2],
    second: bool,
    /// What may still come of each file that a side takes.
    files: [BTreeMap<u64, u64>; 2],
    ended: [BTreeMap<u64, u32>; 2],
    steps: u32,
}

fn place(side: usize, second: bool) -> Place {
    Place { account: NAMES[side].to_owned(), id: second.then(|| format!("place-{side}")) }
}

impl World {
    fn events(&mut self, side: usize) {
        while let Some(event) = self.sides[side].poll_event() {
            match event {
                PeerEvent::Offered { transfer, file, .. } => {
                    self.files[side].insert(transfer.0, file.size);
                }
                PeerEvent::Data { transfer, bytes } => {
                    let left = self.files[side].get_mut(&transfer.0).expect("it was offered");
                    *left = left.checked_sub(bytes.len() as u64).expect("no more than offered");
                }
                PeerEvent::Object { object, bytes, .. } => {
                    let described = Object::describing("x", object.kind, "x", &bytes);
                    assert_eq!(described.hash, object.hash);
                }
                PeerEvent::Wants { transfer, most } => {
                    let _ = self.sides[side].feed(self.now, transfer, vec![1; most]);
                }
                PeerEvent::Ended { transfer, .. } => {
                    *self.ended[side].entry(transfer.0).or_default() += 1;
                }
                _ => {}
            }
        }
    }

    /// Listens, connects and closes as the engines want it.
    fn connect(&mut self) {
        for side in [0, 1, 0, 1] {
            let (to, from) = (ChatId::with(NAMES[1 - side]), ChatId::with(NAMES[side]));
            while let Some(text) = self.sides[side].poll_invitation(&to) {
                let now = self.now;
                self.steps += 1;
                let other = &mut self.sides[1 - side];
                other.handle_invitation(now, &from, NAMES[side], &Body::read(&text));
                self.events(1 - side);
            }
            while let Some(action) = self.sides[side].poll_direct() {
                self.steps += 1;
                match action {
                    DirectAction::Listen(id) => {
                        let port = 1 + (id.0 % 60_000) as u16;
                        self.listening.push((port, (side, id)));
                        self.tell(side, DirectNews::Listening(id, port));
                    }
                    DirectAction::Connect(id, address) => {
                        let there =
                            |(port, end): &&(u16, End)| *port == address.port() && end.0 != side;
                        let end = self.listening.iter().find(there).map(|(_, end)| *end);
                        let taken = end
                            .and_then(|(to, at)| Some((to, self.sides[to].handle_accepted(at)?)));
                        match taken {
                            Some(end) => {
                                self.wires.push([(side, id), end]);
                                self.tell(side, DirectNews::Opened(id));
                                self.tell(end.0, DirectNews::Opened(end.1));
                            }
                            None => self.tell(side, DirectNews::Closed(id)),
                        }
                    }
                    DirectAction::Close(id) => {
                        self.listening.retain(|(_, end)| *end != (side, id));
                        self.cut(|end| end == (side, id));
                    }
                    _ => unreachable!(),
                }
            }
        }
        assert!(self.wires.len() <= 64, "too many connections");
    }

    fn tell(&mut self, side: usize, news: DirectNews<'_>) {
        let now = self.now;
        self.sides[side].handle_direct(now, news);
        self.events(side);
    }

    /// Cuts wires; the other end hears of it.
    fn cut(&mut self, closed: impl Fn(End) -> bool) {
        let is_cut = |ends: &[End; 2]| ends.iter().any(|end| closed(*end));
        let cut: Vec<[End; 2]> = self.wires.iter().copied().filter(is_cut).collect();
        self.wires.retain(|ends| !is_cut(ends));
        for (side, id) in cut.into_iter().flatten() {
            if !closed((side, id)) {
                self.tell(side, DirectNews::Closed(id));
            }
        }
    }

    /// Carries what connections have, changed.
    fn carry_direct(&mut self, mut change: impl FnMut(&mut Vec<u8>)) -> bool {
        self.connect();
        let mut moved = false;
        for [a, b] in self.wires.clone() {
            for ((from, id), (to, other)) in [(a, b), (b, a)] {
                let now = self.now;
                let mut bytes = Vec::new();
                if self.sides[from].poll_direct_bytes(now, id, 3000, &mut bytes) {
                    self.events(from);
                    change(&mut bytes);
                    self.tell(to, DirectNews::Bytes(other, &bytes));
                    self.steps += 1;
                    moved = true;
                }
            }
        }
        self.connect();
        moved
    }

    fn carry(&mut self, side: usize, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> bool {
        let other = 1 - side;
        let to = ChatId::with(NAMES[other]);
        let Some(payload) = self.sides[side].poll_payload(self.now, &to) else {
            return false;
        };
        self.events(side);
        if let Some(payload) = change(payload) {
            let body = Body::read(&payload);
            let chat = ChatId::with(NAMES[side]);
            self.sides[other].handle_payload(self.now, &chat, NAMES[side], &body);
            self.events(other);
        }
        self.steps += 1;
        true
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let second = first & 1 == 1;
    let engine = |side| {
        let mut peers = Peers::new(place(side, second), [side as u8; 16]);
        if first & (2 << side) != 0 {
            peers.allow_direct(DirectRules { addresses: vec![Ipv4Addr::LOCALHOST], nearby: true });
        }
        peers
    };
    let mut world = World {
        now: Instant::now(),
        listening: Vec::new(),
        wires: Vec::new(),
        sides: [engine(0), engine(1)],
        second,
        files: Default::default(),
        ended: Default::default(),
        steps: 0,
    };
    let picture = Object::describing(NAMES[1], 3, "0", PICTURE);
    world.sides[1].serve(picture.clone(), Arc::from(PICTURE));
    while let Some((step, after)) = rest.split_first() {
        rest = after;
        let side = usize::from(step & 1);
        let (other, chat) = (1 - side, ChatId::with(NAMES[1 - side]));
        match (step >> 1) % 16 {
            0 => {
                let id = world.sides[side].new_id();
                let to = place(other, world.second);
                let description = picture.write();
                let now = world.now;
                let _ = world.sides[side].fetch(now, id, &chat, to, picture.clone(), &description);
            }
            1 => {
                let id = world.sides[side].new_id();
                let size = u64::from(rest.first().copied().unwrap_or_default()) * 700;
                let file = FileContext { size, name: "a".to_owned(), preview: Vec::new() };
                let to = place(other, world.second);
                let now = world.now;
                let _ = world.sides[side].offer(now, id, &chat, to, file);
            }
            2 => {
                let offered: Vec<u64> = world.files[side].keys().copied().collect();
                for id in offered {
                    let _ = world.sides[side].accept(world.now, msnp_proto::p2p::TransferId(id));
                }
            }
            3 => {
                let offered: Vec<u64> = world.files[side].keys().copied().collect();
                for id in offered {
                    let _ = world.sides[side].cancel(msnp_proto::p2p::TransferId(id));
                }
            }
            4 => {
                world.carry(side, |_| None);
            }
            5 => {
                let (at, with) = (rest.first().copied(), rest.get(1).copied());
                world.carry(side, |mut payload| {
                    let at = payload.len() * usize::from(at.unwrap_or_default()) / 256;
                    payload[at] ^= with.unwrap_or(1);
                    Some(payload)
                });
            }
            6 => {
                let length = usize::from(rest.first().copied().unwrap_or_default());
                let packet = rest.get(1..).unwrap_or_default();
                let packet = &packet[..packet.len().min(length)];
                let from = second.then(|| place(other, second));
                let payload = Envelope { to: place(side, second), from, packet }.write();
                let now = world.now;
                world.sides[side].handle_payload(now, &chat, NAMES[other], &Body::read(&payload));
                rest = rest.get(1 + packet.len()..).unwrap_or_default();
            }
            7 => {
                world.now += Duration::from_secs(u64::from(rest.first().copied().unwrap_or(1)));
                let now = world.now;
                world.sides.iter_mut().for_each(|side| side.handle_timeout(now));
            }
            8 => world.sides[side].handle_gone(&chat, msnp_proto::p2p::TransferError::Interrupted),
            9 => {
                let (at, with) = (rest.first().copied(), rest.get(1).copied());
                world.carry_direct(|bytes| {
                    let at = bytes.len() * usize::from(at.unwrap_or_default()) / 256;
                    bytes[at] ^= with.unwrap_or(1);
                });
            }
            10 => {
                let left = usize::from(rest.first().copied().unwrap_or_default()) * 12;
                world.carry_direct(|bytes| bytes.truncate(left));
                let ends: Vec<End> = world.wires.drain(..).flatten().collect();
                ends.into_iter().for_each(|(side, id)| world.tell(side, DirectNews::Closed(id)));
            }
            11 => {
                let length = usize::from(rest.first().copied().unwrap_or_default());
                let bytes = rest.get(1..).unwrap_or_default();
                let bytes = &bytes[..bytes.len().min(length)];
                let at = world.listening.iter().find(|(_, end)| end.0 == side).map(|(_, end)| *end);
                let wire = world.wires.iter().flatten().find(|end| end.0 == side).copied();
                // A stranger, or somebody between the two.
                let accepted = at.and_then(|(_, at)| world.sides[side].handle_accepted(at));
                if let Some(id) = accepted.or(wire.map(|(_, id)| id)) {
                    world.tell(side, DirectNews::Bytes(id, bytes));
                }
                rest = rest.get(1 + bytes.len()..).unwrap_or_default();
            }
            12 => {
                let id = world.sides[side].new_id();
                let size = u64::from(rest.first().copied().unwrap_or_default()) * 300;
                let file = FileContext { size, name: "a".to_owned(), preview: Vec::new() };
                let now = world.now;
                let _ = world.sides[side].offer_old(now, id, &chat, NAMES[other], file);
            }
            13 => {
                for _ in 0..8 {
                    world.carry_direct(|_| {});
                }
            }
            _ => {
                for _ in 0..8 {
                    world.carry(side, Some);
                    world.carry(other, Some);
                }
            }
        }
        world.events(0);
        world.events(1);
        if world.steps > 20_000 {
            return;
        }
    }
    // Left alone, the two fall silent and have nothing under way.
    for _ in 0..4 {
        let began = world.steps;
        while world.carry(0, Some) | world.carry(1, Some) | world.carry_direct(|_| {}) {
            assert!(world.steps - began < 50_000, "the two never end");
        }
        world.now += Duration::from_secs(700);
        let now = world.now;
        world.sides.iter_mut().for_each(|side| side.handle_timeout(now));
        world.events(0);
        world.events(1);
    }
    for side in 0..2 {
        assert_eq!(world.sides[side].poll_timeout(), None, "something is under way for ever");
        assert!(world.ended[side].values().all(|times| *times == 1), "one ended twice");
    }
});
