//! Messages that are not words: read, written, cut and joined.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use msnp_proto::msg::{
    Body, Emoticon, Extra, Ink, Invitation, Object, Said,
    chunk::{self, Pushed, Reassembly},
};
use proptest::prelude::*;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

use super::{Event, Scene};

const ID: &str = "8E3BC08A-4FE4-6AD5-FF69-F9E98B4E8FA1";

#[test]
fn parts_join_as_another_client_cuts_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/msg-chunks.json");
    let document: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("it is there")).expect("it is JSON");
    let text = |case: &Value, name: &str| {
        case.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    for case in document.get("cases").and_then(Value::as_array).expect("cases") {
        let messages = case.get("messages").and_then(Value::as_array).expect("messages");
        let mut reassembly = Reassembly::default();
        let mut whole = Vec::new();
        for message in messages {
            let message = message.as_str().expect("text").as_bytes();
            match reassembly.push(Instant::now(), "a", message) {
                Pushed::Alone => whole = message.to_vec(),
                Pushed::Complete(complete) => whole = complete,
                Pushed::Waiting => {}
                Pushed::Dropped => panic!("{case}"),
            }
        }
        let body = Body::read(&whole);
        assert_eq!(body.content_type(), text(case, "reassembled_content_type"));
        assert_eq!(body.content(), text(case, "reassembled_body").as_bytes());
        let Said::Extra(Extra::Ink(Ink::Gif(bytes))) = Said::read(&whole) else {
            panic!("a drawing")
        };
        let digest = Sha1::digest(bytes);
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, text(case, "decoded_sha1_hex"));
    }
}

#[test]
fn what_is_written_reads_back() {
    let object = Object::describing("bob@example.com", 2, "cat & dog.png", b"x").write();
    let emoticon = |shortcut: &str, moves| Emoticon {
        shortcut: shortcut.to_owned(),
        description: object.clone(),
        moves,
    };
    let invitation = Invitation {
        command: "INVITE".to_owned(),
        cookie: "33267".to_owned(),
        application: Invitation::CALL.to_owned(),
        name: "a call".to_owned(),
        reason: None,
    };
    for extra in [
        Extra::Action("waves ☃".to_owned()),
        Extra::Emoticons(vec![emoticon(":cat:", false), emoticon(":dog:", false)]),
        Extra::Emoticons(vec![emoticon(":o", true)]),
        Extra::Ink(Ink::Gif(vec![0, 255, 10, 13])),
        Extra::Ink(Ink::Strokes(b"x".to_vec())),
        Extra::Voice(object.clone()),
        Extra::Wink(object.clone()),
        Extra::Invitation(invitation.clone()),
        Extra::Invitation(invitation.decline()),
    ] {
        assert_eq!(Said::read(&extra.write()), Said::Extra(extra));
    }
}

#[test]
fn raw_ink_and_broken_emoticons_are_read_as_far_as_they_go() {
    let raw = b"MIME-Version: 1.0\r\nContent-Type: image/gif\r\n\r\nGIF89a";
    assert_eq!(Said::read(raw), Said::Extra(Extra::Ink(Ink::Gif(b"GIF89a".to_vec()))));
    let object = Object::describing("a", 2, "0", b"x").write();
    let broken = format!(
        "Content-Type: text/x-mms-emoticon\r\n\r\n:a:\t<msnobj/>\t:b:\t{object}\t\t{object}\t:c:"
    );
    let Said::Extra(Extra::Emoticons(list)) = Said::read(broken.as_bytes()) else {
        panic!("emoticons")
    };
    let shortcuts: Vec<&str> = list.iter().map(|one| one.shortcut.as_str()).collect();
    assert_eq!(shortcuts, [":b:"]);
}

#[test]
fn half_messages_are_bounded_and_forgotten() {
    let first = |id: usize, chunks: usize| {
        format!("Content-Type: text/plain\r\nMessage-ID: {{{id}}}\r\nChunks: {chunks}\r\n\r\nx")
    };
    let next = |id: usize, chunk: usize| format!("Message-ID: {{{id}}}\r\nChunk: {chunk}\r\n\r\ny");
    let now = Instant::now();
    let mut reassembly = Reassembly::default();
    for id in 0..100 {
        let began = now + Duration::from_millis(u64::try_from(id).unwrap_or_default());
        assert_eq!(reassembly.push(began, "a", first(id, 2).as_bytes()), Pushed::Waiting);
    }
    let soon = now + Duration::from_secs(1);
    assert_eq!(reassembly.push(soon, "a", next(0, 1).as_bytes()), Pushed::Dropped, "the oldest");
    assert!(matches!(reassembly.push(soon, "A", next(99, 1).as_bytes()), Pushed::Complete(_)));
    assert_eq!(reassembly.push(soon, "b", next(98, 1).as_bytes()), Pushed::Dropped, "another's");
    assert_eq!(reassembly.push(soon, "a", first(500, 3).as_bytes()), Pushed::Waiting);
    assert_eq!(reassembly.push(soon, "a", next(500, 2).as_bytes()), Pushed::Dropped, "a gap");
    assert_eq!(reassembly.push(soon, "a", first(501, 100_000).as_bytes()), Pushed::Dropped);
    let late = soon + Duration::from_secs(61);
    assert_eq!(reassembly.push(late, "a", next(97, 1).as_bytes()), Pushed::Dropped, "too late");
    assert!(reassembly.deadline().is_some_and(|due| due <= late));
    reassembly.handle_timeout(late);
    assert_eq!((reassembly.held(), reassembly.deadline()), (0, None));
    // Of 100, four are kept; one was ended, one told as dropped, the others are told of here.
    assert_eq!(reassembly.take_given_up(), 98);
}

#[test]
fn a_message_without_its_last_part_is_told_of_when_it_is_late() {
    let (mut scene, notification) = Scene::online();
    scene.send("Hello");
    let board = scene.talking(notification);
    let payload = "Message-ID: {1}\r\nChunks: 2\r\n\r\nthe beginning";
    scene.hear(board, &format!("MSG bob@example.com Bob {}\r\n{payload}", payload.len()));
    let odd = |scene: &Scene| {
        scene.events.iter().filter(|event| matches!(event, Event::Odd { .. })).count()
    };
    scene.wait(59);
    assert_eq!(odd(&scene), 0);
    scene.wait(2);
    assert_eq!(odd(&scene), 1);
}

/// The first part of a message of two, with so many bytes of body.
fn first_of(id: usize, length: usize) -> Vec<u8> {
    let head = format!("Content-Type: text/plain\r\nMessage-ID: {{{id}}}\r\nChunks: 2\r\n\r\n");
    [head.into_bytes(), vec![b'x'; length]].concat()
}

#[test]
fn nobody_pushes_out_what_another_began() {
    let (now, mut reassembly) = (Instant::now(), Reassembly::default());
    assert_eq!(reassembly.push(now, "bob", &first_of(1, 9)), Pushed::Waiting);
    for id in 0..5000 {
        reassembly.push(now, "eve", &first_of(id, 9));
    }
    assert!(reassembly.held() < 16 * 1024, "{}", reassembly.held());
    let last = b"Message-ID: {1}\r\nChunk: 1\r\n\r\ny";
    assert!(matches!(reassembly.push(now, "bob", last), Pushed::Complete(_)));
}

#[test]
fn a_first_part_that_is_too_long_is_dropped() {
    let (now, mut reassembly) = (Instant::now(), Reassembly::default());
    assert_eq!(reassembly.push(now, "bob", &first_of(1, 300 * 1024)), Pushed::Dropped);
    assert_eq!(reassembly.push(now, "bob", &first_of(2, 250 * 1024)), Pushed::Waiting);
    // The same message again, too long now: it is not half of each.
    assert_eq!(reassembly.push(now, "bob", &first_of(2, 300 * 1024)), Pushed::Dropped);
    assert_eq!(reassembly.held(), 0);
}

#[test]
fn all_half_messages_together_are_bounded() {
    let (now, mut reassembly) = (Instant::now(), Reassembly::default());
    assert_eq!(reassembly.push(now, "bob", &first_of(1, 9)), Pushed::Waiting);
    let senders = 0..40;
    let dropped = senders.flat_map(|sender| (0..4).map(move |id| (format!("eve{sender}"), id)));
    let dropped = dropped
        .filter(|(sender, id)| {
            reassembly.push(now, sender, &first_of(*id, 255 * 1024)) == Pushed::Dropped
        })
        .count();
    assert!(dropped > 100 && reassembly.held() <= 8 * 1024 * 1024);
    // A message that grows counts too, and gives way itself.
    let grows = [b"Message-ID: {0}\r\nChunk: 1\r\n\r\n".as_slice(), &[b'y'; 900]].concat();
    let mut grown = 0;
    for _ in 0..2 {
        grown += usize::from(matches!(reassembly.push(now, "eve1", &grows), Pushed::Complete(_)));
    }
    assert!(grown <= 1 && reassembly.held() <= 8 * 1024 * 1024);
    let last = b"Message-ID: {1}\r\nChunk: 1\r\n\r\ny";
    assert!(matches!(reassembly.push(now, "bob", last), Pushed::Complete(_)));
}

proptest! {
    #[test]
    fn any_drawing_is_cut_into_parts_that_fit_and_join(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        let payload = Extra::Ink(Ink::Gif(bytes)).write();
        let parts = chunk::cut(payload.clone(), ID, 1664);
        let mut reassembly = Reassembly::default();
        let mut came = None;
        for part in &parts {
            prop_assert!(part.len() <= 1664);
            match reassembly.push(Instant::now(), "a", part) {
                Pushed::Alone => came = Some(part.clone()),
                Pushed::Complete(whole) => came = Some(whole),
                Pushed::Waiting => {}
                Pushed::Dropped => prop_assert!(false, "a part was dropped"),
            }
        }
        prop_assert_eq!(came.map(|whole| Said::read(&whole)), Some(Said::read(&payload)));
    }

    #[test]
    fn text_is_cut_between_characters(words in "\\PC{3000,4000}") {
        let payload = Extra::Action(words).write();
        for part in chunk::cut(payload, ID, 1664) {
            prop_assert!(String::from_utf8(part).is_ok());
        }
    }
}
