//! Files over direct links as libpurple 2.7.5 sent and took them, byte for byte.

use std::{collections::BTreeMap, fs, net::Ipv4Addr, path::Path, time::Instant};

use msnp_proto::{
    Direction, Framer, Limits, LinkKind,
    msg::Body,
    p2p::{
        PeerEvent, Peers, Place,
        direct::{
            Answer, DirectAction, DirectNews, DirectRules, Handshake, Keys, Nonce, Proof, Request,
        },
        slp::Slp,
    },
    session::ChatId,
};

use super::direct::slp_of;

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// The streams of the recording: by link and direction.
fn streams() -> BTreeMap<(String, char), Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/transcripts/libpurple-file-direct-msnp15.txt");
    let text = fs::read_to_string(path).expect("it is there");
    let mut streams: BTreeMap<(String, char), Vec<u8>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (link, rest) = line.split_once(' ').expect("a link");
        let side = rest.chars().next().expect("a side");
        let words = rest.get(3..).unwrap_or_default();
        streams.entry((link.to_owned(), side)).or_default().extend(unescape(words));
    }
    streams
}

fn unescape(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (escape, after) = rest.split_first().expect("an escape");
        rest = after;
        match escape {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b'x' => {
                let (digits, after) = rest.split_at(2);
                rest = after;
                let digits = std::str::from_utf8(digits).expect("digits");
                out.push(u8::from_str_radix(digits, 16).expect("two digits"));
            }
            other => out.push(*other),
        }
    }
    out
}

/// The payloads of a switchboard's stream.
fn payloads(stream: &[u8], direction: Direction) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(LinkKind::Switchboard, direction, Limits::default());
    framer.push(stream);
    let mut payloads = Vec::new();
    while let Some(frame) = framer.next().expect("it frames") {
        payloads.push(frame.payload().to_vec());
    }
    payloads
}

fn texts(stream: &[u8], direction: Direction) -> Vec<Slp> {
    payloads(stream, direction).iter().filter_map(|payload| slp_of(payload)).collect()
}

fn of_type(texts: &[Slp], kind: &str) -> Slp {
    let found = texts.iter().find(|text| text.content_type.ends_with(kind));
    found.expect(kind).clone()
}

fn lines() -> Vec<u8> {
    let lines = (0..110).map(|at| format!("line {at:04} of a small text file sent over MSN\r\n"));
    lines.collect::<String>().into_bytes()
}

#[test]
fn the_recorded_request_and_answer_are_understood() {
    let streams = streams();
    let said = texts(&streams[&("alice-SB".to_owned(), 'C')], Direction::ToServer);
    let request = Request::read(&of_type(&said, "transreqbody"));
    assert_eq!(request, Request { tcp: true, keys: None });
    let heard = texts(&streams[&("alice-SB".to_owned(), 'S')], Direction::ToClient);
    let text = of_type(&heard, "transrespbody");
    let rules = DirectRules { addresses: Vec::new(), nearby: true };
    let answer = Answer::read(&text, &rules);
    let nonce = Nonce::read("{2EB141F2-1EFB-41B7-E3A9-E27946E14575}").unwrap();
    assert_eq!(answer.keys, Some(Keys(Proof::Plain(nonce))));
    assert_eq!(answer.addresses, [], "0.0.0.0 is nowhere");
}

#[test]
fn the_recorded_handshake_is_what_we_say_and_take() {
    let streams = streams();
    for (link, message, nonce) in [
        ("DC", 0x3D1B_58C2, "{2EB141F2-1EFB-41B7-E3A9-E27946E14575}"),
        ("DC2", 0x3D1B_58C7, "{2D1D5AE9-845E-6763-D4A8-A275ABBDED08}"),
    ] {
        let said = &streams[&(link.to_owned(), 'C')];
        let answered = &streams[&(link.to_owned(), 'S')];
        let nonce = Nonce::read(nonce).unwrap();
        let mut connects = Handshake::new(true, false, nonce, Proof::Plain(nonce));
        let opening = connects.opening(message);
        assert_eq!(said.get(..opening.len()), Some(opening.as_slice()), "{link}");
        assert_eq!(connects.receive(answered, 0), Ok(Some(Vec::new())), "{link}");
        let theirs = u32::from_le_bytes(answered[8..12].try_into().unwrap());
        for piece in [1, 7, 4096] {
            let mut listens = Handshake::new(false, false, nonce, Proof::Plain(nonce));
            let answers = said[..opening.len()]
                .chunks(piece)
                .filter_map(|bytes| listens.receive(bytes, theirs).expect("it is hers"));
            assert_eq!(answers.collect::<Vec<_>>(), [answered.as_slice()], "{link}");
        }
    }
}

#[test]
fn a_recorded_file_is_taken_over_the_link() {
    let streams = streams();
    let (now, chat) = (Instant::now(), ChatId::with(ALICE));
    let place = Place { account: BOB.to_owned(), id: None };
    let mut bob = Peers::new(place, [1; 16]);
    bob.allow_direct(DirectRules { addresses: vec![Ipv4Addr::LOCALHOST], nearby: false });
    let mut link = None;
    for payload in payloads(&streams[&("bob-SB".to_owned(), 'S')], Direction::ToClient) {
        bob.handle_payload(now, &chat, ALICE, &Body::read(&payload));
        while let Some(event) = bob.poll_event() {
            if let PeerEvent::Offered { transfer, .. } = event {
                bob.accept(now, transfer).unwrap();
            }
        }
        while let Some(action) = bob.poll_direct() {
            let DirectAction::Listen(id) = action else { panic!("{action:?}") };
            bob.handle_direct(now, DirectNews::Listening(id, 6891));
            link = Some(id);
        }
    }
    let said = std::iter::from_fn(|| bob.poll_payload(now, &chat));
    let said: Vec<Slp> = said.filter_map(|payload| slp_of(&payload)).collect();
    let answer = of_type(&said, "transrespbody");
    assert_eq!(answer.line("Listening"), Some("true"));
    assert_eq!(answer.line("IPv4Internal-Addrs"), Some("127.0.0.1"));
    assert_eq!(answer.line("IPv4Internal-Port"), Some("6891"));
    let nonce = Nonce::read(answer.line("Nonce").expect("a plain one, as was asked")).unwrap();

    // The recording with the nonce that this answer named.
    let mut bytes = streams[&("DC".to_owned(), 'C')].clone();
    let at = 8 + 4 + 32;
    bytes[at..at + 16].copy_from_slice(&nonce.0);
    let id = bob.handle_accepted(link.expect("it listens")).expect("it is awaited");
    bob.handle_direct(now, DirectNews::Opened(id));
    let (mut file, mut ended) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(1000) {
        bob.handle_direct(now, DirectNews::Bytes(id, piece));
        while let Some(event) = bob.poll_event() {
            match event {
                PeerEvent::Data { bytes, .. } => file.extend(bytes),
                PeerEvent::Ended { outcome, .. } => ended.push(outcome),
                event => panic!("{event:?}"),
            }
        }
    }
    assert!(file == lines(), "{} bytes came", file.len());
    assert_eq!(ended, [Ok(())]);
    let answered = bob.poll_direct_bytes(now, id, 4096).expect("a nonce and an acknowledgement");
    assert_eq!(answered.get(44 - 8..44 - 8 + 16), Some(&nonce.0[..]));
}
