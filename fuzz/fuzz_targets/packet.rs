//! Packets of both ages, the texts that agree on a transfer or a direct link, a link's frames and first words,
//! what is said of a file: no more comes out than went in, and what is written reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    msg::Body,
    p2p::{
        Envelope, FileContext,
        direct::{
            ADDRESSES_LIMIT, Answer, DirectRules, FRAME_LIMIT, Frames, Handshake, Nonce, Proof,
            Request, frame,
        },
        msnftp::{Exchange, Step},
        slp::Slp,
        v1, v2,
    },
};

/// Frames do not depend on how the bytes came, and no more than one is kept.
fn frames(data: &[u8]) {
    let [mut whole, mut cut] = [Frames::default(), Frames::default()];
    let (mut taken, mut rest) = (0, data);
    let (mut pieces, mut piece) = (data.chunks(7), &[][..]);
    loop {
        let expected = match whole.next_frame(&mut rest) {
            Ok(Some(frame)) => frame.to_vec(),
            Ok(None) | Err(_) => break,
        };
        assert!(!expected.is_empty() && expected.len() <= FRAME_LIMIT);
        taken += 4 + expected.len();
        let mut written = Vec::new();
        frame(&mut written, &expected);
        let mut again = Frames::default();
        assert_eq!(again.next_frame(&mut written.as_slice()), Ok(Some(expected.as_slice())));
        loop {
            if let Some(came) = cut.next_frame(&mut piece).expect("it was taken whole") {
                assert_eq!(came, expected);
                break;
            }
            piece = pieces.next().expect("there is more");
        }
    }
    assert!(taken <= data.len());
}

/// A connection of the old way brings no more than was agreed on, and ends once.
fn exchange(data: &[u8], sends: bool) {
    let mut exchange = Exchange::new(sends, "bob@example.com", "7", 500);
    let (mut came, mut ended) = (0, 0);
    for piece in data.chunks(11) {
        for step in exchange.receive(piece) {
            assert_eq!(ended, 0, "nothing follows the end");
            match step {
                Step::Data(bytes) => came += bytes.len(),
                Step::Ended(outcome) => {
                    assert!(outcome.is_err() || sends || came == 500);
                    ended += 1;
                }
                Step::Wanted => assert!(exchange.give(&[1; 500])),
            }
        }
    }
    assert!(came <= 500);
}

fuzz_target!(|data: &[u8]| {
    if let Some((header, rest)) = v1::Header::decode(data) {
        assert_eq!(header.encode(), data[..v1::HEADER_LENGTH]);
        assert!(v1::body(&header, rest).len() <= rest.len());
        let acknowledgement = header.acknowledgement(7);
        assert_eq!((acknowledgement.key, acknowledgement.size), (header.message, header.total));
    }
    if let Some(packet) = v2::Packet::decode(data) {
        // Longer headers than ours hold what nobody reads.
        let written = packet.encode();
        assert_eq!(v2::Packet::decode(&written).as_ref(), Some(&packet));
    }
    frames(data);
    exchange(data, false);
    exchange(data, true);
    let nonce = Nonce([7; 16]);
    for connects in [true, false] {
        let mut handshake = Handshake::new(connects, false, nonce, Proof::Hashed(nonce.hashed()));
        let proven = handshake.receive(data, 1).is_ok_and(|answer| answer.is_some());
        assert!(!proven || data.windows(16).any(|at| at == nonce.0), "nobody guesses it");
    }
    if let Some(text) = Slp::read(data) {
        let rules = DirectRules::default();
        let answer = Answer::read(&text, &rules);
        assert!(answer.addresses.len() <= ADDRESSES_LIMIT);
        assert!(answer.addresses.iter().all(|at| rules.allows(*at.ip()) && at.port() != 0));
        let _ = Request::read(&text);
        let once = Slp::read(&text.write()).expect("what is written is a text");
        assert_eq!(Slp::read(&once.write()), Some(once));
    }
    if let Some(file) = FileContext::decode(data) {
        let safe = file.safe_name();
        assert!(!safe.is_empty() && safe.len() <= 200, "{safe:?}");
        assert!(!safe.contains(['/', '\\', '\0']) && safe != "." && safe != "..", "{safe:?}");
        assert!(file.preview.len() <= data.len());
        assert_eq!(FileContext::decode(&file.encode()).map(|read| read.size), Some(file.size));
    }
    if let Some(envelope) = Envelope::read(&Body::read(data)) {
        let written = envelope.write();
        let body = Body::read(&written);
        let again = Envelope::read(&body).expect("what is written says whom it is for");
        assert_eq!(again.packet, envelope.packet);
    }
});
