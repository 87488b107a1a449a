//! Files over direct links as libpurple 2.7.5 and MSNPSharp sent them, byte for byte.

use std::{collections::BTreeMap, fs, net::Ipv4Addr, path::Path, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    Direction, Framer, Limits, LinkKind,
    msg::Body,
    p2p::{
        Envelope, FileContext, PeerEvent, Peers, Place,
        direct::{
            Answer, DirectAction, DirectNews, DirectRules, Handshake, Keys, Nonce, Proof, Request,
        },
        slp::{Slp, Start, content},
        v2::{Packet, Part, kind},
    },
    session::ChatId,
};

use super::direct::{direct_bytes, slp_of};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

const LIBPURPLE: &str = "libpurple-file-direct-msnp15.txt";
const MSNPSHARP: &str = "msnpsharp-file-direct-msnp18.txt";

/// The streams of a recording: by link and direction.
fn streams(name: &str) -> BTreeMap<(String, char), Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
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
    let streams = streams(LIBPURPLE);
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
    let streams = streams(LIBPURPLE);
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
    let streams = streams(LIBPURPLE);
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
    let answered = direct_bytes(&mut bob, now, id).expect("a nonce and an acknowledgement");
    assert_eq!(answered.get(44 - 8..44 - 8 + 16), Some(&nonce.0[..]));
}

/// What MSNPSharp's first link was known by, as its texts say.
const HERS: &str = "{791D2F52-50CF-6786-B0E8-D29F3B7C2253}";
const HIS: &str = "{2258A782-21BB-D8CE-BF4D-D461729DC37D}";

#[test]
fn the_recorded_handshake_between_places_is_what_we_say_and_take() {
    let streams = streams(MSNPSHARP);
    let said = &streams[&("DIRECT1".to_owned(), 'C')];
    let answered = &streams[&("DIRECT1".to_owned(), 'S')];
    let nonce = |bytes: &[u8]| Nonce(bytes.try_into().expect("sixteen"));
    let [hers, his] = [nonce(&said[12..28]), nonce(&answered[4..20])];
    let [hash, other] = [HERS, HIS].map(|guid| Proof::Hashed(Nonce::read(guid).unwrap()));
    let mut connects = Handshake::new(true, true, hers, other);
    assert_eq!(connects.opening(0), said[..28]);
    assert_eq!(connects.receive(&answered[..20], 0), Ok(Some(Vec::new())));
    let mut listens = Handshake::new(false, true, his, hash);
    assert_eq!(listens.receive(&said[..28], 0), Ok(Some(answered[..20].to_vec())));
}

#[test]
fn a_file_is_invited_to_and_comes_on_a_recorded_link() {
    let streams = streams(MSNPSHARP);
    let (now, chat) = (Instant::now(), ChatId::with(ALICE));
    let alice = Place::read("alice@example.com;{f75e5472-763c-4b55-b5cd-c7f77c93bc8d}");
    let own = Place::read("bob@example.com;{f6d4bcd3-73d2-4184-9f9d-a36de98ba697}");
    let mut bob = Peers::new(own.clone(), [1; 16]);
    bob.allow_direct(DirectRules { addresses: vec![Ipv4Addr::LOCALHOST], nearby: false });
    // The link comes to be on account of another file.
    let say = |bob: &mut Peers, kind: &str, body: &[(&str, String)]| {
        let text = Slp {
            start: Start::Request("INVITE".to_owned()),
            to: own.clone(),
            from: alice.clone(),
            branch: kind.to_owned(),
            sequence: 0,
            call: "A".to_owned(),
            content_type: kind.to_owned(),
            body: body.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        let bytes = text.write();
        let part = Part { kind: kind::FIRST, bytes: &bytes, ..Part::default() };
        let packet = Packet { part: Some(part), ..Packet::default() }.encode();
        let envelope = Envelope { to: own.clone(), from: Some(alice.clone()), packet: &packet };
        bob.handle_payload(now, &chat, ALICE, &Body::read(&envelope.write()));
    };
    let context = FileContext { size: 10, name: "a".to_owned(), preview: Vec::new() }.encode();
    let file = "{5D3E02AB-6190-11D3-BBBB-00C04F795683}".to_owned();
    let session =
        [("EUF-GUID", file), ("SessionID", "7".to_owned()), ("Context", STANDARD.encode(context))];
    say(&mut bob, content::SESSION, &session);
    let Some(PeerEvent::Offered { transfer, .. }) = bob.poll_event() else { panic!("no offer") };
    bob.accept(now, transfer).unwrap();
    say(
        &mut bob,
        content::TRANSPORT,
        &[("Bridges", "TCPv1".to_owned()), ("Hashed-Nonce", HERS.to_owned())],
    );
    let Some(DirectAction::Listen(at)) = bob.poll_direct() else { panic!("it does not listen") };
    bob.handle_direct(now, DirectNews::Listening(at, 6891));
    let id = bob.handle_accepted(at).expect("it is awaited");

    let (mut came, mut ended, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for piece in streams[&("DIRECT1".to_owned(), 'C')].chunks(500) {
        bob.handle_direct(now, DirectNews::Bytes(id, piece));
        while let Some(event) = bob.poll_event() {
            match event {
                PeerEvent::Offered { transfer, file, .. } => {
                    assert_eq!((file.size, file.name.as_str()), (9600, "notes.txt"));
                    bob.accept(now, transfer).unwrap();
                }
                PeerEvent::Data { bytes, .. } => came.extend(bytes),
                PeerEvent::Ended { outcome, .. } => ended.push(outcome),
                event => panic!("{event:?}"),
            }
        }
        answers.extend(direct_bytes(&mut bob, now, id).into_iter().flatten());
    }
    let lines = (0..300).map(|at| format!("line {at:04} of a small text file\r\n"));
    assert!(came == lines.collect::<String>().into_bytes(), "{} bytes came", came.len());
    assert_eq!(ended, [Ok(())]);
    let answers = String::from_utf8_lossy(&answers);
    assert!(answers.contains("200 OK") && answers.contains("SessionID: 161558008"), "on the link");
}
