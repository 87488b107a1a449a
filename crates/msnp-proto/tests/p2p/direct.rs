//! Direct links between two engines, on a network that connects, refuses, falsifies and breaks.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use msnp_proto::{
    msg::Body,
    p2p::{
        Envelope, FileContext, PeerEvent, Peers, TransferError, TransferId,
        direct::{
            DirectAction, DirectId, DirectNews, DirectRules, FRAME_LIMIT, Frames, Handshake,
            HandshakeError, Nonce, Proof, frame,
        },
        slp::Slp,
    },
    session::ChatId,
};
use proptest::prelude::*;

use super::{ADA, BOB, Pair, noise, place};

/// A side, and what it calls its end of a connection.
pub(super) type End = (usize, DirectId);

/// Two engines that may have direct links.
pub(super) struct Linked {
    pub(super) pair: Pair,
    pub(super) listening: Vec<(u16, End)>,
    pub(super) wires: Vec<[End; 2]>,
    /// What the network does.
    pub(super) refuses: bool,
    pub(super) hangs: bool,
    pub(super) deaf: bool,
    pub(super) falsifies: bool,
    /// After so many bytes over links they break, and so many bytes before are lost.
    pub(super) breaks: Option<(usize, usize)>,
    /// Whether each invitation, and what was said about it, was about a file.
    pub(super) taken: Vec<bool>,
    pub(super) over_links: usize,
    pub(super) over_chat: usize,
}

/// Gives what there is to write to a connection.
pub(super) fn direct_bytes(peers: &mut Peers, now: Instant, id: DirectId) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    peers.poll_direct_bytes(now, id, 4096, &mut bytes).then_some(bytes)
}

pub(super) fn rules() -> DirectRules {
    DirectRules { addresses: vec![Ipv4Addr::LOCALHOST], nearby: true }
}

impl Linked {
    pub(super) fn new(second: bool) -> Self {
        let mut pair = Pair::new(second);
        pair.ada.allow_direct(rules());
        pair.bob.allow_direct(rules());
        Self {
            pair,
            listening: Vec::new(),
            wires: Vec::new(),
            refuses: false,
            hangs: false,
            deaf: false,
            falsifies: false,
            breaks: None,
            taken: Vec::new(),
            over_links: 0,
            over_chat: 0,
        }
    }

    pub(super) fn side(&mut self, side: usize) -> &mut Peers {
        if side == 0 { &mut self.pair.ada } else { &mut self.pair.bob }
    }

    pub(super) fn now(&self) -> Instant {
        self.pair.now
    }

    pub(super) fn tell(&mut self, side: usize, news: DirectNews<'_>) {
        let now = self.now();
        self.side(side).handle_direct(now, news);
    }

    fn act(&mut self, side: usize, action: DirectAction) {
        match action {
            DirectAction::Listen(id) if self.deaf => self.tell(side, DirectNews::Closed(id)),
            DirectAction::Listen(id) => {
                let port = 6891 + u16::try_from(id.0).expect("there are few");
                self.listening.push((port, (side, id)));
                self.tell(side, DirectNews::Listening(id, port));
            }
            DirectAction::Connect(id, address) => {
                let there = self.listening.iter().find(|(port, _)| *port == address.port());
                let there = there.map(|(_, end)| *end).filter(|_| !self.refuses && !self.hangs);
                let accepted = there
                    .and_then(|(other, at)| Some((other, self.side(other).handle_accepted(at)?)));
                match accepted {
                    _ if self.hangs => {}
                    None => self.tell(side, DirectNews::Closed(id)),
                    Some(end) => {
                        self.wires.push([(side, id), end]);
                        self.tell(side, DirectNews::Opened(id));
                        self.tell(end.0, DirectNews::Opened(end.1));
                    }
                }
            }
            DirectAction::Close(id) => {
                self.listening.retain(|(_, end)| *end != (side, id));
                self.cut(|end| end == (side, id));
            }
            action => panic!("not known: {action:?}"),
        }
    }

    /// Cuts wires; each end hears of it but the one that closed it.
    fn cut(&mut self, closed: impl Fn(End) -> bool) {
        let all = self.wires.clone();
        let [cut, left]: [Vec<_>; 2] = [true, false].map(|is| {
            all.iter().filter(|ends| ends.iter().any(|end| closed(*end)) == is).copied().collect()
        });
        self.wires = left;
        for (side, id) in cut.into_iter().flatten().filter(|end| !closed(*end)) {
            self.tell(side, DirectNews::Closed(id));
        }
    }

    /// Breaks all wires; both ends hear of it.
    fn break_all(&mut self) {
        for (side, id) in std::mem::take(&mut self.wires).into_iter().flatten() {
            self.tell(side, DirectNews::Closed(id));
        }
    }

    fn carry(&mut self) -> bool {
        let mut moved = false;
        for [a, b] in self.wires.clone() {
            for ((from, id), (to, other)) in [(a, b), (b, a)] {
                let now = self.now();
                let Some(mut bytes) = direct_bytes(self.side(from), now, id) else {
                    continue;
                };
                moved = true;
                if std::mem::take(&mut self.falsifies) {
                    *bytes.last_mut().expect("there are some") ^= 1;
                }
                self.over_links += bytes.len();
                if let Some((after, lost)) = self.breaks
                    && self.over_links >= after
                {
                    self.breaks = None;
                    bytes.truncate(bytes.len().saturating_sub(lost));
                    self.tell(to, DirectNews::Bytes(other, &bytes));
                    self.break_all();
                    return true;
                }
                // In two pieces, wherever that is.
                let (first, rest) = bytes.split_at(bytes.len() / 3);
                self.tell(to, DirectNews::Bytes(other, first));
                self.tell(to, DirectNews::Bytes(other, rest));
            }
        }
        moved
    }

    /// Carries everything until nobody has anything.
    pub(super) fn run(&mut self) {
        loop {
            let mut carried = 0;
            self.pair.run_with(|payload| {
                carried += payload.len();
                Some(payload)
            });
            self.over_chat += carried;
            let mut moved = carried > 0;
            for (side, name, other) in [(0, ADA, BOB), (1, BOB, ADA)] {
                let now = self.now();
                while let Some(text) = self.side(side).poll_invitation(&ChatId::with(other)) {
                    moved = true;
                    self.over_chat += text.len();
                    let (chat, body) = (ChatId::with(name), Body::read(&text));
                    let taken = self.side(1 - side).handle_invitation(now, &chat, name, &body);
                    self.taken.push(taken);
                }
            }
            for side in [0, 1] {
                while let Some(action) = self.side(side).poll_direct() {
                    moved = true;
                    self.act(side, action);
                }
            }
            moved |= self.carry();
            if !moved {
                return;
            }
        }
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.pair.now += Duration::from_secs(seconds);
        let now = self.now();
        self.pair.ada.handle_timeout(now);
        self.pair.bob.handle_timeout(now);
        self.run();
    }

    /// Offers a file and takes it.
    fn send(&mut self, bytes: &[u8]) -> TransferId {
        self.pair.fed = 0;
        self.pair.offer("a.bin", bytes.to_vec());
        self.run();
        let (transfer, _) = self.pair.offered();
        self.pair.bob.accept(self.pair.now, transfer).expect("it is offered");
        self.run();
        transfer
    }

    pub(super) fn assert_came(&self, bytes: &[u8]) {
        assert!(self.pair.received() == bytes, "{} bytes came", self.pair.received().len());
        assert_eq!(self.pair.ended("ada"), [Ok(())]);
        assert_eq!(self.pair.ended("bob"), [Ok(())]);
    }
}

#[test]
fn files_go_over_the_link_and_not_through_the_conversation() {
    for second in [false, true] {
        for length in [1, 1352, 1353, 300_000, 3_000_000] {
            let mut linked = Linked::new(second);
            let bytes = noise(length);
            linked.send(&bytes);
            linked.assert_came(&bytes);
            let (links, chat) = (linked.over_links, linked.over_chat);
            assert!(links >= length && chat < 12_000, "{second}: {links}, {chat}");
            linked.pass(31);
            assert!(linked.wires.is_empty() && linked.listening.is_empty(), "nothing is left");
            assert_eq!(linked.pair.ada.poll_timeout(), None);
            assert_eq!(linked.pair.bob.poll_timeout(), None);
        }
    }
}

#[test]
fn a_link_carries_the_next_file_too() {
    for second in [false, true] {
        let mut linked = Linked::new(second);
        linked.send(&noise(5000));
        linked.pair.events.clear();
        linked.over_chat = 0;
        linked.send(&noise(50_000));
        linked.assert_came(&noise(50_000));
        assert_eq!((linked.over_chat, linked.wires.len()), (0, 1), "{second}");
    }
}

#[test]
fn files_may_go_both_ways_at_once() {
    for second in [false, true] {
        let mut linked = Linked::new(second);
        let (hers, his) = (noise(300_000), noise(200_001));
        linked.pair.offer("hers.bin", hers.clone());
        let id = linked.pair.bob.new_id();
        let file = FileContext { size: 200_001, name: "his.bin".to_owned(), preview: Vec::new() };
        let (chat, now) = (ChatId::with(ADA), linked.now());
        linked.pair.bob.offer(now, id, &chat, place(ADA, second), file).unwrap();
        linked.run();
        for (who, event) in linked.pair.events.clone() {
            if let PeerEvent::Offered { transfer, .. } = event {
                linked.side(usize::from(who == "bob")).accept(now, transfer).unwrap();
            }
        }
        let mut fed = 0;
        let mut seen = 0;
        loop {
            linked.run();
            let new = linked.pair.events.get(seen..).unwrap_or_default().to_vec();
            seen = linked.pair.events.len();
            let wants = new.iter().find_map(|(who, event)| match event {
                PeerEvent::Wants { most, .. } if *who == "bob" => Some(*most),
                _ => None,
            });
            let Some(most) = wants else { break };
            let part = his.get(fed..(fed + most).min(his.len())).unwrap_or_default();
            linked.pair.bob.feed(now, id, part.to_vec()).unwrap();
            fed += part.len();
        }
        let to_ada = linked.pair.events.iter().filter_map(|(who, event)| match event {
            PeerEvent::Data { bytes, .. } if *who == "ada" => Some(bytes.clone()),
            _ => None,
        });
        assert!(to_ada.flatten().collect::<Vec<u8>>() == his, "{second}");
        assert!(linked.pair.received() == hers, "{second}");
        assert_eq!(linked.pair.ended("ada"), [Ok(()), Ok(())]);
        assert_eq!(linked.pair.ended("bob"), [Ok(()), Ok(())]);
        assert!(linked.over_links > 500_000, "{second}");
    }
}

#[test]
fn links_are_few() {
    let mut linked = Linked::new(false);
    linked.hangs = true;
    for _ in 0..12 {
        linked.pair.offer("a.bin", noise(10));
    }
    linked.run();
    for (_, event) in linked.pair.events.clone() {
        if let PeerEvent::Offered { transfer, .. } = event {
            linked.pair.bob.accept(linked.pair.now, transfer).unwrap();
        }
    }
    linked.run();
    assert_eq!(linked.listening.len(), 8);
    assert!(linked.pair.ended("ada").len() <= 4, "the others wait for their links");
    linked.pass(21);
    assert!(linked.listening.is_empty());
}

#[test]
fn without_a_link_a_file_goes_through_the_conversation() {
    type Hinders = fn(&mut Linked);
    let hindrances: [(&str, Hinders); 6] = [
        ("no port is free", |it| it.deaf = true),
        ("the connection is refused", |it| it.refuses = true),
        ("the connection does not come to be", |it| it.hangs = true),
        ("the nonce is another", |it| it.falsifies = true),
        ("the receiver has no address", |it| it.pair.bob.allow_direct(DirectRules::default())),
        ("the receiver's address is not one to connect to", |it| {
            it.pair.ada.allow_direct(DirectRules { nearby: false, ..rules() });
        }),
    ];
    for (hindrance, hinder) in hindrances {
        for second in [false, true] {
            let mut linked = Linked::new(second);
            hinder(&mut linked);
            let bytes = noise(100_000);
            linked.send(&bytes);
            if linked.hangs {
                assert_eq!(linked.pair.ended("ada"), [], "it waits");
                linked.pass(10);
            }
            linked.assert_came(&bytes);
            assert!(linked.over_chat > 100_000, "{hindrance}, {second}");
            linked.pass(31);
            assert!(linked.wires.is_empty() && linked.listening.is_empty(), "{hindrance}");
        }
    }
}

#[test]
fn without_rules_no_link_is_asked_for_and_the_answer_is_no() {
    for [hers, his] in [[false, false], [true, false], [false, true]] {
        let mut linked = Linked::new(false);
        linked.pair = Pair::new(false);
        if hers {
            linked.pair.ada.allow_direct(rules());
        }
        if his {
            linked.pair.bob.allow_direct(rules());
        }
        let mut texts = String::new();
        linked.pair.offer("a.bin", noise(10));
        linked.pair.run();
        let (transfer, _) = linked.pair.offered();
        linked.pair.bob.accept(linked.pair.now, transfer).unwrap();
        linked.pair.run_with(|payload| {
            texts.push_str(&String::from_utf8_lossy(&payload));
            Some(payload)
        });
        linked.assert_came(&noise(10));
        assert_eq!(texts.contains("-transreqbody"), hers);
        assert_eq!(texts.contains("Listening: false"), hers);
        assert_eq!(linked.pair.bob.poll_direct(), None);
    }
}

#[test]
fn strangers_are_dropped_and_the_right_one_is_still_waited_for() {
    let mut linked = Linked::new(true);
    linked.hangs = true; // Ada's connection waits for us
    linked.send(&noise(10));
    let (_, (_, at)) = linked.listening.first().copied().expect("Bob listens");
    for wrong in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xFF; 100], b"\x04\0\0\0foo\0\x10\0\0\0abcdefghijklmnop"]
    {
        let id = linked.pair.bob.handle_accepted(at).expect("he takes connections");
        linked.tell(1, DirectNews::Opened(id));
        linked.tell(1, DirectNews::Bytes(id, wrong));
        assert_eq!(linked.pair.bob.poll_direct(), Some(DirectAction::Close(id)));
        let now = linked.now();
        assert_eq!(direct_bytes(&mut linked.pair.bob, now, id), None, "he says nothing");
    }
    // Those who say nothing are few.
    let silent: Vec<DirectId> =
        (0..10).filter_map(|_| linked.pair.bob.handle_accepted(at)).collect();
    let mut closed = Vec::new();
    while let Some(action) = linked.pair.bob.poll_direct() {
        closed.push(action);
    }
    let oldest: Vec<_> = silent.iter().take(6).map(|id| DirectAction::Close(*id)).collect();
    assert_eq!((silent.len(), closed), (10, oldest));
    linked.pass(21);
    assert_eq!(linked.pair.bob.handle_accepted(at), None, "he does not listen for ever");
    linked.assert_came(&noise(10));
}

#[test]
fn a_file_over_a_link_outlives_its_conversation() {
    for second in [false, true] {
        let mut linked = Linked::new(second);
        linked.breaks = Some((50_000, 0));
        // The conversation goes while the link is there, and again with another when the link is gone.
        linked.pair.offer("a.bin", noise(200_000));
        linked.run();
        let (transfer, _) = linked.pair.offered();
        linked.pair.bob.accept(linked.pair.now, transfer).unwrap();
        linked.pair.run();
        for side in [1, 0, 1, 0] {
            while let Some(action) = linked.side(side).poll_direct() {
                linked.act(side, action);
            }
            linked.pair.run();
        }
        assert!(linked.carry());
        linked.pair.run();
        assert!(linked.carry());
        linked.pair.ada.handle_gone(&ChatId::with(BOB), TransferError::Interrupted);
        linked.pair.bob.handle_gone(&ChatId::with(ADA), TransferError::Interrupted);
        linked.run();
        linked.assert_came(&noise(200_000));
        assert!(linked.over_links > 50_000 && linked.over_chat > 100_000);
    }
}

#[test]
fn what_cannot_be_sent_again_is_not_called_sent() {
    for second in [false, true] {
        let mut linked = Linked::new(second);
        linked.pair.offer("a.bin", noise(5_000_000));
        linked.run();
        let (transfer, _) = linked.pair.offered();
        linked.pair.bob.accept(linked.pair.now, transfer).unwrap();
        // Far more is lost than any system holds.
        linked.breaks = Some((4_000_000, 0));
        let lossy = |it: &mut Linked| {
            it.pair.run();
            for side in [0, 1] {
                while let Some(action) = it.side(side).poll_direct() {
                    it.act(side, action);
                }
            }
        };
        while linked.over_links < 100_000 {
            lossy(&mut linked);
            linked.carry();
        }
        let [(_, id), _] = linked.wires[0];
        for _ in 0..2000 {
            let now = linked.now();
            direct_bytes(&mut linked.pair.ada, now, id);
            lossy(&mut linked);
        }
        linked.break_all();
        linked.run();
        assert_eq!(linked.pair.ended("bob"), [Err(TransferError::Corrupt)], "{second}");
        assert_eq!(linked.pair.ended("ada").len(), 1);
        assert!(linked.pair.ended("ada")[0].is_err());
    }
}

#[test]
fn a_link_that_ends_behind_the_last_byte_leaves_open_whether_it_arrived() {
    let mut linked = Linked::new(false);
    linked.pair.offer("a.bin", noise(5000));
    linked.run();
    let (transfer, _) = linked.pair.offered();
    linked.pair.bob.accept(linked.pair.now, transfer).unwrap();
    // Handshake, four headers and their lengths, the file. As old clients do: all is taken, and the link is closed without a word.
    linked.breaks = Some((8 + 2 * 52 + 4 * 52 + 5000, 0));
    while linked.breaks.is_some() {
        linked.pair.run();
        for side in [0, 1] {
            while let Some(action) = linked.side(side).poll_direct() {
                linked.act(side, action);
            }
        }
        linked.carry();
    }
    linked.pair.run_with(|_| None);
    assert!(linked.pair.received() == noise(5000));
    linked.pair.now += Duration::from_secs(61);
    linked.pair.ada.handle_timeout(linked.pair.now);
    linked.pair.run_with(|_| None);
    assert_eq!(linked.pair.ended("ada"), [Err(TransferError::Unconfirmed)]);
}

#[test]
fn frames_are_bounded_before_they_are_kept() {
    let mut frames = Frames::default();
    let length = u32::try_from(FRAME_LIMIT + 1).unwrap().to_le_bytes();
    assert!(frames.next_frame(&mut &length[..]).is_err());
    let mut frames = Frames::default();
    let mut bytes = vec![0; 8]; // empty ones
    frame(&mut bytes, &[7; FRAME_LIMIT]);
    let mut bytes = bytes.as_slice();
    assert_eq!(frames.next_frame(&mut bytes), Ok(Some(&[7; FRAME_LIMIT][..])));
    assert_eq!(frames.next_frame(&mut bytes), Ok(None));
}

#[test]
fn a_handshake_takes_nonces_of_either_age_and_no_other() {
    let [hers, his] = [Nonce([1; 16]), Nonce([2; 16])];
    for [second, other] in [[false, false], [false, true], [true, false], [true, true]] {
        let mut connects = Handshake::new(true, second, hers, Proof::Hashed(his.hashed()));
        let mut listens = Handshake::new(false, other, his, Proof::Hashed(hers.hashed()));
        let answer = listens.receive(&connects.opening(7), 8).unwrap().expect("it is proven");
        assert_eq!(connects.receive(&answer, 9), Ok(Some(Vec::new())));
        let mut listens = Handshake::new(false, other, his, Proof::Plain(his));
        let wrong = listens.receive(&connects.opening(7), 8);
        assert_eq!(wrong, Err(HandshakeError::WrongNonce));
    }
    assert!(!format!("{:?}", Proof::Plain(hers)).contains('1'));
}

/// Finds the text in a payload of a conversation.
pub(super) fn slp_of(payload: &[u8]) -> Option<Slp> {
    let body = Body::read(payload);
    let envelope = Envelope::read(&body)?;
    let text = envelope.packet.windows(6).position(|at| at == b"MSNSLP" || at == b"INVITE")?;
    Slp::read(envelope.packet.get(text..)?)
}

proptest! {
    #[test]
    fn a_link_may_break_anywhere(
        second: bool,
        length in 1_usize..150_000,
        after in 0_usize..160_000,
        lost in 0_usize..5000,
    ) {
        let mut linked = Linked::new(second);
        linked.breaks = Some((after, lost));
        let bytes = noise(length);
        linked.send(&bytes);
        linked.pass(31);
        prop_assert!(linked.pair.received() == bytes);
        prop_assert_eq!(linked.pair.ended("bob"), [Ok(())]);
        prop_assert_eq!(linked.pair.ended("ada"), [Ok(())]);
    }

    #[test]
    fn no_bytes_of_a_link_are_too_strange(
        second: bool,
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
    ) {
        let mut linked = Linked::new(second);
        linked.send(&noise(10));
        let ends: Vec<End> = linked.wires.iter().flatten().copied().collect();
        for (piece, (side, id)) in pieces.iter().zip(ends.into_iter().cycle()) {
            let mut bytes = Vec::new();
            frame(&mut bytes, piece);
            linked.tell(side, DirectNews::Bytes(id, if piece.len() % 3 == 0 { piece } else { &bytes }));
            linked.run();
        }
        linked.pass(700);
        linked.pass(700);
    }
}
