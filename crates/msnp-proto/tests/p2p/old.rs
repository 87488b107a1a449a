//! Files in the way of Messenger 5 and before, between two engines and as the clients speak.

use msnp_proto::{
    msg::Body,
    p2p::{
        FileContext, TransferError, TransferId,
        direct::{DirectAction, DirectNews, DirectRules},
        msnftp::{Exchange, Step},
    },
    session::ChatId,
};
use proptest::prelude::*;

use super::{
    ADA, BOB, Pair,
    direct::{Linked, direct_bytes, rules},
    noise,
};

/// Offers a file.
fn offer(linked: &mut Linked, bytes: &[u8]) -> TransferId {
    let size = u64::try_from(bytes.len()).expect("it is small");
    let file = FileContext { size, name: "autoexec.bat".to_owned(), preview: Vec::new() };
    (linked.pair.file, linked.pair.fed) = (bytes.to_vec(), 0);
    let (id, now) = (linked.pair.ada.new_id(), linked.now());
    linked.pair.ada.offer_old(now, id, &ChatId::with(BOB), BOB, file).expect("it may be offered");
    linked.run();
    id
}

/// Offers a file and takes it.
fn send(linked: &mut Linked, bytes: &[u8]) {
    offer(linked, bytes);
    let (transfer, file) = linked.pair.offered();
    assert_eq!(file.name, "autoexec.bat");
    linked.pair.bob.accept(linked.pair.now, transfer).expect("it is offered");
    linked.run();
}

#[test]
fn files_arrive_as_they_were_sent() {
    for length in [0, 1, 2045, 2046, 300_000] {
        let mut linked = Linked::new(false);
        let bytes = noise(length);
        send(&mut linked, &bytes);
        linked.assert_came(&bytes);
        assert!(linked.over_links >= length && linked.over_chat < 2000);
        linked.pass(61);
        assert!(linked.wires.is_empty() && linked.listening.is_empty(), "nothing is left");
        assert_eq!(linked.pair.ada.poll_timeout(), None);
        assert_eq!(linked.pair.bob.poll_timeout(), None);
    }
}

#[test]
fn a_file_is_declined_or_given_up_by_either_side() {
    let mut linked = Linked::new(false);
    offer(&mut linked, &noise(10));
    let (transfer, _) = linked.pair.offered();
    linked.pair.bob.cancel(transfer).unwrap();
    linked.run();
    assert_eq!(linked.pair.ended("ada"), [Err(TransferError::Declined)]);

    let mut linked = Linked::new(false);
    let own = offer(&mut linked, &noise(10));
    linked.pair.ada.cancel(own).unwrap();
    linked.run();
    assert_eq!(linked.pair.ended("bob"), [Err(TransferError::Cancelled)]);
    let (transfer, _) = linked.pair.offered();
    assert_eq!(linked.pair.bob.accept(linked.pair.now, transfer), Err(TransferError::Unknown));
}

#[test]
fn what_does_not_come_to_be_ends_on_both_sides() {
    type Hinders = fn(&mut Linked);
    let hindrances: [(&str, Hinders); 5] = [
        ("no port is free", |it| it.deaf = true),
        ("the connection is refused", |it| it.refuses = true),
        ("the address is not one to connect to", |it| {
            it.pair.bob.allow_direct(DirectRules { nearby: false, ..rules() });
        }),
        ("it breaks half way", |it| it.breaks = Some((50_000, 0))),
        ("nobody connects", |it| it.hangs = true),
    ];
    for (hindrance, hinder) in hindrances {
        let mut linked = Linked::new(false);
        hinder(&mut linked);
        send(&mut linked, &noise(100_000));
        linked.pass(61);
        linked.pass(61);
        for who in ["ada", "bob"] {
            let ended = linked.pair.ended(who);
            assert!(matches!(ended.as_slice(), [Err(_)]), "{hindrance}, {who}: {ended:?}");
        }
        assert!(linked.wires.is_empty() && linked.listening.is_empty(), "{hindrance}");
        assert_eq!(linked.pair.ada.poll_timeout(), None, "{hindrance}");
    }
}

#[test]
fn who_does_not_know_the_number_gets_nothing() {
    let mut linked = Linked::new(false);
    linked.hangs = true;
    send(&mut linked, &noise(1000));
    let (_, (_, at)) = linked.listening.first().copied().expect("Ada listens");
    let now = linked.now();
    for wrong in ["USR bob@example.com 1", "USR eve@example.com 1", "TFR", "GET / HTTP/1.1"] {
        let id = linked.pair.ada.handle_accepted(at).expect("she takes connections");
        linked.tell(0, DirectNews::Opened(id));
        linked.tell(0, DirectNews::Bytes(id, format!("VER MSNFTP\r\n{wrong}\r\n").as_bytes()));
        assert_eq!(linked.pair.ada.poll_direct(), Some(DirectAction::Close(id)), "{wrong}");
        assert_eq!(direct_bytes(&mut linked.pair.ada, now, id), None, "{wrong}");
    }
    assert_eq!(linked.pair.ended("ada"), [], "the right one may still come");
}

#[test]
fn without_rules_an_invitation_is_left_to_be_declined() {
    let mut linked = Linked::new(false);
    linked.pair.bob = Pair::new(false).bob;
    offer(&mut linked, &noise(10));
    assert_eq!(linked.taken, [false]);
    let mut deaf = Linked::new(false);
    deaf.pair.ada.allow_direct(DirectRules::default());
    let (id, now) = (deaf.pair.ada.new_id(), deaf.now());
    let offered = deaf.pair.ada.offer_old(now, id, &ChatId::with(BOB), BOB, FileContext::default());
    assert_eq!(offered, Err(TransferError::Unavailable), "nobody could fetch it");
}

#[test]
fn it_is_said_as_clients_say_it() {
    let mut receives = Exchange::new(false, "bob@example.com", "93301", 5);
    let mut sends = Exchange::new(true, "bob@example.com", "93301", 5);
    assert_eq!(receives.poll().unwrap(), b"VER MSNFTP\r\n");
    assert_eq!(sends.receive(b"VER MSNFTP\r\nUSR Bob@example.com 93301\r\n"), []);
    assert_eq!(sends.poll().unwrap(), b"VER MSNFTP\r\nFIL 5\r\n");
    assert_eq!(receives.receive(b"VER 1 MSNFTP\r\n"), []);
    assert_eq!(receives.poll().unwrap(), b"USR bob@example.com 93301\r\n");
    assert_eq!(receives.receive(b"FIL 5\r\n"), []);
    assert_eq!(receives.poll().unwrap(), b"TFR\r\n");
    assert_eq!(sends.receive(b"TFR\r\n"), [Step::Wanted]);
    assert!(!sends.give(b"too many") && sends.give(b"abc") && sends.give(b"de"));
    assert_eq!(sends.poll().unwrap(), b"\0\x03\0abc\0\x02\0de");
    let data = receives.receive(b"\0\x03\0abc\0\x02\0d");
    assert_eq!(data, [Step::Data(b"abc".to_vec())]);
    let rest = receives.receive(b"e");
    assert_eq!(rest, [Step::Data(b"de".to_vec()), Step::Ended(Ok(()))]);
    assert_eq!(receives.poll().unwrap(), b"BYE 16777989\r\n");
    assert_eq!(sends.receive(b"BYE 16777989\r\n"), [Step::Ended(Ok(()))]);
    assert!(!format!("{sends:?}").contains("93301"));
}

#[test]
fn a_recorded_invitation_is_an_offer() {
    let mut linked = Linked::new(false);
    let text = "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsinvite; charset=UTF-8\r\n\r\n\
        Application-Name: File Transfer\r\n\
        Application-GUID: {5D3E02AB-6190-11d3-BBBB-00C04F795683}\r\n\
        Invitation-Command: INVITE\r\nInvitation-Cookie: 33267\r\n\
        Application-File: autoexec.bat\r\nApplication-FileSize: 187\r\nConnectivity: N\r\n\r\n";
    let (now, chat) = (linked.now(), ChatId::with(ADA));
    let body = Body::read(text.as_bytes());
    assert!(linked.pair.bob.handle_invitation(now, &chat, ADA, &body));
    linked.run();
    let (_, file) = linked.pair.offered();
    assert_eq!((file.size, file.name.as_str()), (187, "autoexec.bat"));
    linked.pass(601);
    assert_eq!(linked.pair.ended("bob"), [Err(TransferError::NoAnswer)]);
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(
        sends: bool,
        size in 0_u64..5000,
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..30),
        begins: bool,
    ) {
        let mut exchange = Exchange::new(sends, BOB, "7", size);
        if begins {
            exchange.receive(b"VER MSNFTP\r\n");
            let next = if sends { format!("USR {BOB} 7\r\nTFR\r\n") } else { format!("FIL {size}\r\n") };
            exchange.receive(next.as_bytes());
        }
        let (mut came, mut ended) = (0, 0);
        for piece in &pieces {
            for step in exchange.receive(piece) {
                match step {
                    Step::Data(bytes) => came += u64::try_from(bytes.len()).unwrap(),
                    Step::Ended(_) => ended += 1,
                    Step::Wanted => {}
                }
            }
        }
        prop_assert!(came <= size && ended <= 1);
    }
}
