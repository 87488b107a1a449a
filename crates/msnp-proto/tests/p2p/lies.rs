//! One engine against a peer that says what no honest one would, in both ages.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    p2p::{
        FileContext, PeerEvent, TransferError, feature,
        slp::{Slp, Start, content},
        v1,
    },
    session::ChatId,
};

use super::{
    ADA, BOB,
    liar::{SESSION, Scene, slp},
    noise, object, place,
};

#[test]
fn a_file_longer_than_it_said_is_cut_off() {
    for second in [false, true] {
        let mut scene = Scene::taking(second, 1500);
        scene.bytes(ADA, SESSION, 0, 4000, &noise(1000));
        scene.bytes(ADA, SESSION, 1000, 4000, &noise(1000));
        scene.bytes(ADA, SESSION, 2000, 4000, &noise(1000));
        scene.drain();
        assert_eq!(scene.ended(), [Err(TransferError::TooLarge)], "second age: {second}");
        assert_eq!(scene.received().len(), 1000, "nothing beyond the size");
        assert!(scene.texts().iter().any(|text| text.asks("BYE")), "she is told");
    }
}

#[test]
fn a_file_shorter_than_it_said_never_counts_as_whole() {
    for second in [false, true] {
        // A message that is whole by its own header, and goodbye.
        let mut scene = Scene::taking(second, 1500);
        scene.bytes(ADA, SESSION, 0, 1000, &noise(1000));
        scene.bye("A");
        assert_eq!(scene.ended(), [Err(TransferError::Cancelled)], "second age: {second}");
        // The same without a goodbye.
        let mut scene = Scene::taking(second, 1500);
        scene.bytes(ADA, SESSION, 0, 1000, &noise(1000));
        scene.drain();
        assert_eq!(scene.ended(), []);
        scene.wait(61);
        assert_eq!(scene.ended(), [Err(TransferError::Stalled)], "second age: {second}");
        assert_eq!(scene.bob.poll_timeout(), None);
    }
}

#[test]
fn bytes_that_nobody_asked_for_go_nowhere() {
    for second in [false, true] {
        // Of no session at all.
        let mut scene = Scene::new(second);
        scene.bytes(ADA, 4711, 0, 1000, &noise(1000));
        scene.drain();
        assert_eq!((scene.events.len(), scene.bob.poll_timeout()), (0, None));
        assert!(second || scene.said.is_empty(), "nobody says that they are here");
        // Of a file nobody has said yes to.
        scene.invite(ADA, "A", SESSION, 1000, "a.bin");
        scene.bytes(ADA, SESSION, 0, 1000, &noise(1000));
        scene.drain();
        assert_eq!((scene.received().len(), scene.ended()), (0, vec![]));
        // Of a file that comes from somebody else.
        let (transfer, _) = scene.offered()[0];
        scene.bob.accept(scene.now, transfer).unwrap();
        scene.bytes("eve@example.com", SESSION, 0, 1000, &[0xEE; 1000]);
        scene.bytes(ADA, SESSION, 0, 1000, &noise(1000));
        scene.drain();
        assert_eq!(scene.received(), noise(1000), "second age: {second}");
        assert_eq!(scene.ended(), [Ok(())]);
        // Of a file that is over.
        scene.bytes(ADA, SESSION, 0, 1000, &noise(1000));
        scene.drain();
        assert_eq!((scene.received().len(), scene.ended().len()), (1000, 1));
    }
}

#[test]
fn bytes_to_the_one_who_sends_are_none_of_his_file() {
    for second in [false, true] {
        let mut scene = Scene::new(second);
        let (id, to) = (scene.bob.new_id(), place(ADA, second));
        let file = FileContext { size: 10, name: "a.bin".to_owned(), preview: Vec::new() };
        scene.bob.offer(scene.now, id, &ChatId::with(ADA), to, file).unwrap();
        let session = scene.agree();
        scene.bytes(ADA, session, 0, 10, &noise(10));
        scene.drain();
        assert_eq!((scene.received().len(), scene.ended()), (0, vec![]));
        scene.bob.feed(scene.now, id, noise(10)).unwrap();
        assert_eq!(scene.bob.feed(scene.now, id, vec![1]), Err(TransferError::Unknown));
    }
}

#[test]
fn bytes_that_come_twice_count_once_and_a_gap_ends_the_file() {
    let mut scene = Scene::taking(false, 3000);
    scene.bytes(ADA, SESSION, 0, 3000, &noise(1000));
    scene.bytes(ADA, SESSION, 0, 3000, &noise(1000));
    scene.bytes(ADA, SESSION, 500, 3000, &noise(3000)[500..1500]);
    scene.drain();
    assert_eq!(scene.received(), noise(3000)[..1500]);
    scene.bytes(ADA, SESSION, 2000, 3000, &noise(1000));
    scene.drain();
    assert_eq!(scene.ended(), [Err(TransferError::Corrupt)]);
}

#[test]
fn an_acknowledgement_ends_a_file_once_and_not_before_its_last_byte() {
    for second in [false, true] {
        let mut scene = Scene::new(second);
        let (id, to) = (scene.bob.new_id(), place(ADA, second));
        let file = FileContext { size: 3000, name: "a.bin".to_owned(), preview: Vec::new() };
        scene.bob.offer(scene.now, id, &ChatId::with(ADA), to, file).unwrap();
        let session = scene.agree();
        scene.bob.feed(scene.now, id, noise(1500)).unwrap();
        scene.drain();
        scene.acknowledge(session);
        assert_eq!(scene.ended(), [], "half of it is not sent yet, second age: {second}");
        scene.bob.feed(scene.now, id, noise(1500)).unwrap();
        scene.drain();
        assert_eq!(scene.ended(), []);
        scene.acknowledge(session);
        scene.acknowledge(session);
        assert_eq!(scene.ended(), [Ok(())], "second age: {second}");
        scene.now += Duration::from_secs(3); // the peer says no goodbye
        scene.bob.handle_timeout(scene.now);
        scene.drain();
        assert_eq!(scene.texts().iter().filter(|text| text.asks("BYE")).count(), 1);
    }
}

#[test]
fn a_picture_that_stops_half_way_is_nobodys_picture() {
    for second in [false, true] {
        let mut scene = Scene::new(second);
        let picture = object(3, &noise(3000));
        let (id, to) = (scene.bob.new_id(), place(ADA, second));
        let description = picture.write();
        scene.bob.fetch(scene.now, id, &ChatId::with(ADA), to, picture, &description).unwrap();
        let session = scene.agree();
        scene.bytes(ADA, session, 0, 3000, &noise(1000));
        scene.drain();
        scene.wait(61);
        assert_eq!(scene.ended(), [Err(TransferError::Stalled)], "second age: {second}");
        assert!(!scene.events.iter().any(|event| matches!(event, PeerEvent::Object { .. })));
        scene.bytes(ADA, session, 1000, 3000, &noise(3000)[1000..]);
        scene.drain();
        assert_eq!(scene.ended().len(), 1, "what comes too late changes nothing");
    }
}

#[test]
fn a_session_that_is_under_way_cannot_be_had_twice() {
    for second in [false, true] {
        let mut scene = Scene::taking(second, 1000);
        scene.invite(ADA, "B", SESSION, 5, "b.bin");
        assert_eq!(scene.answers(), [200, 603], "second age: {second}");
        // The same call again is not a second file either.
        scene.invite(ADA, "A", SESSION + 1, 5, "b.bin");
        assert_eq!(scene.offered().len(), 1);
        // Session 0 is that of the texts.
        scene.invite(ADA, "C", 0, 5, "c.bin");
        assert_eq!(scene.answers(), [200, 603, 603]);
        // Somebody else may use the number, and the first file is as it was.
        scene.invite("eve@example.com", "E", SESSION, 5, "e.bin");
        assert_eq!(scene.offered().len(), 2);
        scene.bytes(ADA, SESSION, 0, 1000, &noise(1000));
        scene.drain();
        assert_eq!((scene.received(), scene.ended()), (noise(1000), vec![Ok(())]));
    }
}

#[test]
fn a_file_of_four_gigabytes_is_offered_and_takes_no_room_before_it_comes() {
    for second in [false, true] {
        for size in [4 << 30, u64::MAX] {
            let mut scene = Scene::taking(second, size);
            assert_eq!(scene.offered()[0].1.size, size);
            scene.bytes(ADA, SESSION, 0, size, &noise(1000));
            scene.drain();
            assert_eq!(scene.received().len(), 1000);
            // The end of it, at once; in the second age bytes have no places.
            for offset in [size - 1000, size - 1, u64::MAX] {
                scene.bytes(ADA, SESSION, offset, size, &noise(1000));
            }
            scene.drain();
            let wanted = if second { vec![] } else { vec![Err(TransferError::Corrupt)] };
            assert_eq!(scene.ended(), wanted, "second age: {second}, {size}");
        }
    }
}

#[test]
fn a_name_is_told_as_it_came_and_is_safe_where_it_is_used() {
    for (name, safe) in [
        ("..\\..\\x", "x"),
        ("../../.ssh/authorized_keys", "authorized_keys"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("AUX", "_AUX"),
        ("com¹.txt", "_com¹.txt"),
        ("nul .txt", "_nul .txt"),
        ("\u{202E}gpj.exe", "gpj.exe"),
    ] {
        let mut scene = Scene::new(false);
        scene.invite(ADA, "A", SESSION, 1, name);
        let (_, file) = &scene.offered()[0];
        assert_eq!((file.name.as_str(), file.safe_name().as_str()), (name, safe));
    }
    // The field ends at the first zero.
    let mut scene = Scene::new(false);
    scene.invite(ADA, "A", SESSION, 1, "a.txt\0.exe");
    assert_eq!(scene.offered()[0].1.name, "a.txt");
}

#[test]
fn an_offer_that_nobody_hears_ends_in_its_time_and_a_file_nobody_confirms_is_not_called_done() {
    for second in [false, true] {
        let mut scene = Scene::new(second);
        let file = FileContext { size: 10, name: "a.bin".to_owned(), preview: Vec::new() };
        for seconds in [601, 61] {
            let (id, to) = (scene.bob.new_id(), place(ADA, second));
            scene.bob.offer(scene.now, id, &ChatId::with(ADA), to, file.clone()).unwrap();
            if seconds == 61 {
                scene.agree();
                scene.bob.feed(scene.now, id, noise(10)).unwrap();
            }
            scene.drain();
            scene.wait(seconds);
        }
        let wanted = [Err(TransferError::NoAnswer), Err(TransferError::Unconfirmed)];
        assert_eq!(scene.ended(), wanted, "second age: {second}");
    }
}

#[test]
fn a_file_whose_offsets_count_too_little_comes_whole() {
    // One known client writes a length of 0 above the first bytes, counts them in no offset, and has a
    // whole packet's length above the last.
    let mut scene = Scene::taking(false, 3000);
    let bytes = noise(3000);
    let flags = v1::flag::DATA | v1::flag::FILE;
    for (offset, length, part) in
        [(0, 0, &bytes[..1202]), (0, 1202, &bytes[1202..2404]), (1202, 1202, &bytes[2404..])]
    {
        let (session, message, total) = (SESSION, 9, 3000);
        let header =
            v1::Header { session, message, offset, total, length, flags, ..v1::Header::default() };
        scene.hear(ADA, &v1::packet(&header, part, 2));
    }
    scene.drain();
    assert_eq!((scene.received(), scene.ended()), (bytes, vec![Ok(())]));
}

#[test]
fn a_thousand_invitations_before_the_first_answer_are_bounded() {
    for second in [false, true] {
        let mut scene = Scene::new(second);
        for number in 1..=1000 {
            let file = FileContext { size: 4 << 30, ..FileContext::default() };
            let lines = [
                ("EUF-GUID", format!("{{{}}}", feature::FILE)),
                ("SessionID", number.to_string()),
                ("Context", STANDARD.encode(file.encode())),
            ];
            let (start, kind) = (Start::Request("INVITE".to_owned()), content::SESSION);
            let (from, to, call) = (place(ADA, second), place(BOB, second), number.to_string());
            let body = lines.map(|(name, value)| (name.to_owned(), value)).into();
            scene.say(ADA, &Slp { body, ..slp(start, from, to, &call, kind) });
        }
        scene.drain();
        assert_eq!(scene.offered().len(), 16, "second age: {second}");
        assert!(scene.said.len() <= 1100, "{} packets wait", scene.said.len());
        assert!(scene.answers().iter().all(|code| *code == 603));
        // Afterwards the peer is heard as before.
        scene.wait(601);
        assert_eq!(scene.ended(), [Err(TransferError::NoAnswer); 16]);
        scene.invite(ADA, "later", 2000, 1, "a.bin");
        assert_eq!(scene.offered().len(), 17);
    }
}

#[test]
fn a_thousand_strangers_are_bounded_too() {
    let mut scene = Scene::new(false);
    for number in 1..=1000 {
        scene.invite(&format!("eve{number}@example.com"), "A", SESSION, 1, "a.bin");
    }
    assert_eq!(scene.offered().len(), 256);
    // Who is served is served all the same.
    let picture = object(3, b"a picture");
    scene.bob.serve(picture, Arc::from(&b"a picture"[..]));
    assert_eq!(scene.ended(), []);
}
