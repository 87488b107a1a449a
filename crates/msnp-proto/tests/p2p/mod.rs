//! Transfers between two engines, whatever is lost, lied about or asked twice.

mod direct;
mod liar;
mod lies;
mod old;
mod others;
mod recorded;
mod vectors;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    msg::{Body, Object},
    p2p::{Envelope, FileContext, PeerEvent, Peers, Place, TransferError, TransferId, v1},
    session::ChatId,
};
use proptest::prelude::*;
use sha1::{Digest as _, Sha1};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

/// Two accounts and the conversation between them.
struct Pair {
    now: Instant,
    ada: Peers,
    bob: Peers,
    second: bool,
    events: Vec<(&'static str, PeerEvent)>,
    /// Bytes that Ada's file has, and how many of them were given.
    file: Vec<u8>,
    fed: usize,
    packets: usize,
}

fn place(account: &str, second: bool) -> Place {
    let id = second.then(|| format!("{account}-0000").replace(['@', '.'], "-"));
    Place { account: account.to_owned(), id }
}

impl Pair {
    fn new(second: bool) -> Self {
        let engine = |account, seed| Peers::new(place(account, second), [seed; 16]);
        Self {
            now: Instant::now(),
            ada: engine(ADA, 1),
            bob: engine(BOB, 2),
            second,
            events: Vec::new(),
            file: Vec::new(),
            fed: 0,
            packets: 0,
        }
    }

    fn fetch(&mut self, object: &Object) -> Result<(), TransferError> {
        let (id, to) = (self.ada.new_id(), place(BOB, self.second));
        self.ada.fetch(self.now, id, &ChatId::with(BOB), to, object.clone(), &object.write())
    }

    fn offer(&mut self, name: &str, bytes: Vec<u8>) -> TransferId {
        let size = u64::try_from(bytes.len()).expect("it is small");
        let file = FileContext { size, name: name.to_owned(), preview: vec![7; 3000] };
        self.file = bytes;
        let (id, to) = (self.ada.new_id(), place(BOB, self.second));
        self.ada.offer(self.now, id, &ChatId::with(BOB), to, file).expect("it may be offered");
        id
    }

    /// Carries packets until nobody has any.
    fn run(&mut self) {
        self.run_with(Some);
    }

    fn run_with(&mut self, mut carry: impl FnMut(Vec<u8>) -> Option<Vec<u8>>) {
        loop {
            let mut moved = false;
            if let Some(payload) = self.ada.poll_payload(self.now, &ChatId::with(BOB)) {
                moved = true;
                if let Some(payload) = carry(payload) {
                    let body = Body::read(&payload);
                    self.bob.handle_payload(self.now, &ChatId::with(ADA), ADA, &body);
                }
            }
            if let Some(payload) = self.bob.poll_payload(self.now, &ChatId::with(ADA)) {
                moved = true;
                if let Some(payload) = carry(payload) {
                    let body = Body::read(&payload);
                    self.ada.handle_payload(self.now, &ChatId::with(BOB), BOB, &body);
                }
            }
            self.packets += usize::from(moved);
            assert!(self.packets < 200_000, "the two never end");
            while let Some(event) = self.ada.poll_event() {
                moved = true;
                if let PeerEvent::Wants { transfer, most } = event {
                    let end = (self.fed + most).min(self.file.len());
                    let bytes = self.file.get(self.fed..end).unwrap_or_default().to_vec();
                    self.fed = end;
                    let fed = self.ada.feed(self.now, transfer, bytes);
                    assert!(matches!(fed, Ok(()) | Err(TransferError::Unknown)), "or it is over");
                }
                self.events.push(("ada", event));
            }
            while let Some(event) = self.bob.poll_event() {
                moved = true;
                self.events.push(("bob", event));
            }
            if !moved {
                return;
            }
        }
    }

    fn ended(&self, who: &str) -> Vec<Result<(), TransferError>> {
        let ended = self.events.iter().filter_map(|(whose, event)| match event {
            PeerEvent::Ended { outcome, .. } if *whose == who => Some(*outcome),
            _ => None,
        });
        ended.collect()
    }

    fn offered(&self) -> (TransferId, FileContext) {
        let offered = self.events.iter().find_map(|(_, event)| match event {
            PeerEvent::Offered { transfer, file, .. } => Some((*transfer, file.clone())),
            _ => None,
        });
        offered.expect("a file is offered")
    }

    fn received(&self) -> Vec<u8> {
        let data = self.events.iter().filter_map(|(who, event)| match event {
            PeerEvent::Data { bytes, .. } if *who == "bob" => Some(bytes.clone()),
            _ => None,
        });
        data.flatten().collect()
    }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap_or_default()).collect()
}

fn object(kind: u32, bytes: &[u8]) -> Object {
    Object {
        creator: BOB.to_owned(),
        size: u64::try_from(bytes.len()).expect("it is small"),
        kind,
        location: "TFR1.tmp".to_owned(),
        friendly: "AAA=".to_owned(),
        hash: STANDARD.encode(Sha1::digest(bytes)),
        checksum: None,
    }
}

#[test]
fn a_picture_comes_whole_in_both_ages() {
    for second in [false, true] {
        let mut pair = Pair::new(second);
        let bytes = noise(25_620);
        let picture = object(3, &bytes);
        pair.bob.serve(picture.clone(), Arc::from(bytes.as_slice()));
        pair.fetch(&picture).unwrap();
        pair.run();
        let came = pair.events.iter().find_map(|(_, event)| match event {
            PeerEvent::Object { bytes, object, .. } => Some((bytes.clone(), object.clone())),
            _ => None,
        });
        assert_eq!(came, Some((bytes, picture)), "second age: {second}");
        assert_eq!((pair.ended("ada"), pair.ended("bob")), (vec![Ok(())], vec![Ok(())]));
        assert_eq!(pair.ada.poll_timeout(), None, "nothing is left");
    }
}

#[test]
fn what_a_peer_does_not_have_is_said() {
    for second in [false, true] {
        let mut pair = Pair::new(second);
        pair.fetch(&object(3, b"nobody has it")).unwrap();
        pair.run();
        assert_eq!(pair.ended("ada"), [Err(TransferError::Unavailable)]);
    }
}

#[test]
fn bytes_that_are_not_what_the_description_says_are_refused() {
    let mut pair = Pair::new(false);
    let promised = object(2, b"what was promised");
    pair.bob.serve(promised.clone(), Arc::from(&b"what is sent over"[..]));
    pair.fetch(&promised).unwrap();
    pair.run();
    assert_eq!(pair.ended("ada"), [Err(TransferError::Corrupt)]);
    assert!(!pair.events.iter().any(|(_, event)| matches!(event, PeerEvent::Object { .. })));
}

#[test]
fn an_object_that_is_longer_than_it_said_is_cut_off() {
    let mut pair = Pair::new(true);
    let promised = object(2, b"short");
    pair.bob.serve(promised.clone(), Arc::from(noise(500_000)));
    pair.fetch(&promised).unwrap();
    pair.run();
    assert_eq!(pair.ended("ada"), [Err(TransferError::TooLarge)]);
    let huge = Object { size: 4 << 30, ..promised };
    assert_eq!(pair.fetch(&huge), Err(TransferError::TooLarge));
}

#[test]
fn files_arrive_as_they_were_sent() {
    for second in [false, true] {
        for length in [0, 1, 4, 1202, 1203, 300_000] {
            let mut pair = Pair::new(second);
            let mut bytes = noise(length);
            bytes.iter_mut().take(4).for_each(|byte| *byte = 0); // not a preparation
            pair.offer("Käse.bin", bytes.clone());
            pair.run();
            let (transfer, file) = pair.offered();
            assert_eq!((file.name.as_str(), file.preview.len()), ("Käse.bin", 3000));
            pair.bob.accept(pair.now, transfer).unwrap();
            pair.run();
            assert_eq!(pair.received(), bytes, "second age: {second}, {length} bytes");
            assert_eq!(pair.ended("ada"), [Ok(())], "second age: {second}, {length} bytes");
            assert_eq!(pair.ended("bob"), [Ok(())]);
        }
    }
}

#[test]
fn a_file_is_declined_or_given_up_by_either_side() {
    for second in [false, true] {
        let mut pair = Pair::new(second);
        pair.offer("a.txt", noise(10));
        pair.run();
        let (transfer, _) = pair.offered();
        pair.bob.cancel(transfer).unwrap();
        pair.run();
        assert_eq!(pair.ended("ada"), [Err(TransferError::Declined)]);

        let mut pair = Pair::new(second);
        let offered = pair.offer("a.txt", noise(10));
        pair.run();
        pair.ada.cancel(offered).unwrap();
        pair.run();
        assert_eq!(pair.ended("bob"), [Err(TransferError::Cancelled)]);
        let (transfer, _) = pair.offered();
        assert_eq!(pair.bob.accept(pair.now, transfer), Err(TransferError::Unknown));
    }
}

#[test]
fn who_stops_half_way_is_not_waited_for_for_ever() {
    for second in [false, true] {
        let mut pair = Pair::new(second);
        pair.offer("a.bin", noise(100_000));
        pair.run();
        let (transfer, _) = pair.offered();
        pair.bob.accept(pair.now, transfer).unwrap();
        let mut carried = 0;
        pair.run_with(|payload| {
            carried += 1;
            (carried < 20).then_some(payload)
        });
        assert_eq!(pair.ended("bob"), []);
        pair.now += Duration::from_secs(61);
        pair.ada.handle_timeout(pair.now);
        pair.bob.handle_timeout(pair.now);
        pair.run_with(|_| None);
        // Ada said all of it, and hears nothing of it.
        assert_eq!(pair.ended("ada"), [Err(TransferError::Unconfirmed)]);
        assert_eq!(pair.ended("bob"), [Err(TransferError::Stalled)]);
    }
}

#[test]
fn a_link_that_goes_ends_what_was_under_way_and_keeps_what_is_offered() {
    let mut pair = Pair::new(false);
    pair.offer("a.bin", noise(10));
    pair.run();
    let (transfer, _) = pair.offered();
    pair.bob.handle_gone(&ChatId::with(ADA), TransferError::Interrupted);
    pair.bob.accept(pair.now, transfer).unwrap();
    pair.run();
    assert_eq!(pair.received(), noise(10), "the answer went through the next link");
    assert_eq!(pair.ended("ada"), [Ok(())]);
}

#[test]
fn a_thousand_invitations_are_bounded_and_answered() {
    let mut pair = Pair::new(false);
    for _ in 0..1000 {
        let (id, to) = (pair.ada.new_id(), place(BOB, false));
        let file = FileContext { size: 4 << 30, ..FileContext::default() };
        if pair.ada.offer(pair.now, id, &ChatId::with(BOB), to, file).is_err() {
            pair.run();
        }
    }
    pair.run();
    let offered = |(_, event): &&(&str, PeerEvent)| matches!(event, PeerEvent::Offered { .. });
    assert_eq!(pair.events.iter().filter(offered).count(), 16);
    assert!(pair.ended("ada").len() > 900);
}

#[test]
fn packets_for_another_place_are_left_alone() {
    let mut pair = Pair::new(true);
    let bytes = noise(100);
    pair.bob.serve(object(3, &bytes), Arc::from(bytes.as_slice()));
    pair.fetch(&object(3, &bytes)).unwrap();
    let mut first = true;
    pair.run_with(|payload| {
        if std::mem::take(&mut first) {
            let body = Body::read(&payload);
            let envelope = Envelope::read(&body).unwrap();
            let to = Place { id: Some("elsewhere".to_owned()), ..envelope.to.clone() };
            return Some(Envelope { to, ..envelope }.write());
        }
        Some(payload)
    });
    assert_eq!((pair.ended("bob"), pair.packets), (vec![], 1), "Bob says nothing at all");
}

#[test]
fn an_acknowledgement_is_never_acknowledged() {
    let mut pair = Pair::new(true);
    pair.fetch(&object(3, b"nothing")).unwrap();
    pair.run();
    assert!(pair.packets < 16, "{} packets", pair.packets);
}

#[test]
fn a_header_of_length_zero_above_bytes_counts_them_all() {
    let header = v1::Header { session: 1, total: 3, ..v1::Header::default() };
    let packet = v1::packet(&header, b"abc", 1);
    let (header, rest) = v1::Header::decode(&packet).unwrap();
    assert_eq!(v1::body(&header, rest), b"abc");
}

proptest! {
    #[test]
    fn no_packet_is_too_strange(
        second: bool,
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
    ) {
        let mut pair = Pair::new(second);
        let (to, from) = (place(BOB, second), place(ADA, second));
        let from = second.then_some(from);
        for packet in &packets {
            let envelope = Envelope { to: to.clone(), from: from.clone(), packet };
            let payload = envelope.write();
            pair.bob.handle_payload(pair.now, &ChatId::with(ADA), ADA, &Body::read(&payload));
        }
        pair.run();
    }

    #[test]
    fn lost_and_repeated_packets_never_make_a_wrong_file(
        second: bool,
        fates in prop::collection::vec(0_u8..20, 100),
    ) {
        let mut pair = Pair::new(second);
        let bytes = noise(30_000);
        let picture = object(3, &bytes);
        pair.bob.serve(picture.clone(), Arc::from(bytes.as_slice()));
        pair.fetch(&picture).unwrap();
        let mut fates = fates.into_iter().cycle();
        pair.run_with(|payload| (fates.next() != Some(0)).then_some(payload));
        for minutes in 1..4 {
            pair.now += Duration::from_secs(61 * minutes);
            pair.ada.handle_timeout(pair.now);
            pair.bob.handle_timeout(pair.now);
            pair.run();
        }
        prop_assert_eq!(pair.ended("ada").len(), 1);
        for (_, event) in &pair.events {
            if let PeerEvent::Object { bytes: came, .. } = event {
                prop_assert_eq!(came, &bytes);
            }
        }
    }
}
