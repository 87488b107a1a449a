//! Words past the switchboard, between people of MSNP21 and with those before.

use msnp_proto::{
    Version,
    datagram::{Address, Channel, Datagram, Kind},
};

use super::{ALICE, BOB, sign_in_at};
use crate::{Network, Wire, network, sign_in};

const DESK: &str = "6b2d1c1e-0000-4000-8000-000000000001";
const LAPTOP: &str = "6b2d1c1e-0000-4000-8000-000000000002";

/// Signs in at MSNP21 and is there.
pub(super) async fn arrive(network: &Network, account: &str, place: &str) -> Wire {
    let mut wire = sign_in_at(network, account, 21, place).await;
    let body = "<user><s n=\"IM\"><Status>NLN</Status></s></user>";
    let (own, head) = (format!("1:{account}"), "Uri: /user\r\nContent-Type: application/user+xml");
    put(&mut wire, 5, "PUT", (&own, &format!("{own};epid={{{place}}}")), head, body).await;
    wire.hear("PUT 5 OK").await;
    wire
}

/// Publishes something, or takes it back.
pub(super) async fn put(
    wire: &mut Wire,
    trid: u32,
    verb: &str,
    (to, from): (&str, &str),
    head: &str,
    body: &str,
) {
    let payload = format!(
        "Routing: 1.0\r\nTo: {to}\r\nFrom: {from}\r\n\r\nReliability: 1.0\r\n\r\nPublication: 1.0\r\n\
         {head}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    wire.say(&format!("{verb} {trid} {}\r\n{payload}", payload.len())).await;
}

/// Says a datagram; gives its payload.
pub(super) async fn say(
    wire: &mut Wire,
    trid: u32,
    datagram: &Datagram,
    version: Version,
) -> String {
    let payload = String::from_utf8(datagram.write(version)).expect("it is text");
    wire.say(&format!("SDG {trid} {}\r\n{payload}", payload.len())).await;
    payload
}

fn text(from: (&str, &str), to: &str, words: &str) -> Datagram {
    let channel = Some(Channel::Online);
    // A line's end lets the next be waited for.
    let words = format!("{words}\r\n");
    Datagram {
        channel,
        ..Datagram::text(Address::passport(to), Address::at(from.0, from.1), &words)
    }
}

#[tokio::test]
async fn words_reach_all_places_as_they_were_said() {
    let network = network().await;
    let mut alice = arrive(&network, ALICE, DESK).await;
    let mut other = arrive(&network, ALICE, LAPTOP).await;
    let mut bob = [arrive(&network, BOB, DESK).await, arrive(&network, BOB, LAPTOP).await];
    let said = say(&mut alice, 6, &text((ALICE, DESK), BOB, "hello"), Version::Msnp21).await;
    alice.hear("SDG 6\r\n").await;
    let wanted = format!("SDG 0 {}\r\n{said}", said.len());
    for wire in [&mut other].into_iter().chain(&mut bob) {
        assert!(wire.hear("hello").await.ends_with(&wanted));
    }
    // To one place it goes to no other, not even to the sender's own.
    let peer = Datagram {
        to: Address::at(BOB, LAPTOP),
        channel: Some(Channel::Peer),
        kind: Kind::Signal("P2P".to_owned()),
        ..text((ALICE, DESK), BOB, "INVITE")
    };
    say(&mut alice, 7, &peer, Version::Msnp21).await;
    alice.hear("SDG 7\r\n").await;
    bob[1].hear("INVITE").await;
    let private =
        Datagram { channel: Some(Channel::Private), ..text((ALICE, DESK), ALICE, "mine") };
    say(&mut alice, 8, &private, Version::Msnp21).await;
    alice.hear("SDG 8\r\n").await;
    assert!(!other.hear("mine").await.contains("INVITE"));
    bob[0].say("PNG\r\n").await;
    let heard = bob[0].hear("QNG").await;
    assert!(!heard.contains("INVITE") && !heard.contains("mine"), "{heard}");
}

#[tokio::test]
async fn whoever_speaks_for_another_place_or_person_is_refused() {
    let network = network().await;
    let mut alice = arrive(&network, ALICE, DESK).await;
    let _bob = arrive(&network, BOB, DESK).await;
    let own = text((ALICE, DESK), BOB, "hello");
    let away = Address::passport("nobody@example.com");
    let elsewhere = Address::read("32:eve@example.org").expect("an address");
    let nudge =
        Datagram { to: Address::passport("echo@example.org"), kind: Kind::Nudge, ..own.clone() };
    for (trid, datagram, code) in [
        (6, Datagram { from: Address::at(ALICE, LAPTOP), ..own.clone() }, 201),
        (7, Datagram { from: Address::passport(ALICE), ..own.clone() }, 201),
        (8, Datagram { from: Address::at(BOB, DESK), ..own.clone() }, 201),
        (9, Datagram { to: away, ..own.clone() }, 217),
        (10, nudge, 217),
        (11, Datagram { to: elsewhere, ..own.clone() }, 204),
    ] {
        say(&mut alice, trid, &datagram, Version::Msnp21).await;
        alice.hear(&format!("{code} {trid}\r\n")).await;
    }
    alice.say("SDG 12 8\r\nRouting:").await;
    alice.hear("201 12\r\n").await;
}

#[tokio::test]
async fn words_wait_for_who_is_away_and_say_when_they_were_said() {
    let network = network().await;
    let mut alice = arrive(&network, ALICE, DESK).await;
    for (trid, place) in [(6, DESK), (7, LAPTOP)] {
        let later = Datagram {
            channel: Some(Channel::Offline),
            ..text((ALICE, DESK), BOB, "later \u{2603}")
        };
        say(&mut alice, trid, &later, Version::Msnp21).await;
        alice.hear(&format!("SDG {trid}\r\n")).await;
        let mut bob = arrive(&network, BOB, place).await;
        let heard = bob.hear("later").await;
        let (_, payload) = heard.split_once("SDG 0 ").expect("a datagram");
        for wanted in [
            "Service-Channel: IM/Offline\r\n",
            "From: 1:alice@example.com\r\n",
            "Original-Arrival-Time: 20",
            "Message-Type: Text\r\n",
        ] {
            assert!(payload.contains(wanted), "{wanted}: {payload}");
        }
        bob.say("OUT\r\n").await;
        assert!(bob.is_closed().await);
        // He hears it once.
        let mut again = arrive(&network, BOB, place).await;
        again.say("PNG\r\n").await;
        assert!(!again.hear("QNG").await.contains("SDG"));
        again.say("OUT\r\n").await;
        assert!(again.is_closed().await);
        alice.hear("NFY DEL").await;
        alice.hear("NFY DEL").await;
    }
    // Those before MSNP21 are told of a mail.
    let later = text((ALICE, DESK), BOB, "later");
    say(&mut alice, 8, &later, Version::Msnp21).await;
    alice.hear("SDG 8\r\n").await;
    let mut bob = sign_in(&network, BOB, 12).await;
    bob.say("SYN 5 0 0\r\nCHG 6 NLN 0\r\n").await;
    bob.hear("<E>alice@example.com</E>").await;
}

#[tokio::test]
async fn who_knows_no_datagrams_is_called_and_answers() {
    let network = network().await;
    let mut bob = sign_in(&network, BOB, 12).await;
    bob.say("SYN 5 0 0\r\nCHG 6 NLN 0\r\n").await;
    bob.hear("CHG 6").await;
    let mut alice = arrive(&network, ALICE, DESK).await;
    let first = text((ALICE, DESK), BOB, "hello");
    let formatted = Datagram { format: Some("FN=Arial; CO=0".to_owned()), ..first.clone() };
    say(&mut alice, 6, &formatted, Version::Msnp21).await;
    alice.hear("SDG 6\r\n").await;
    let ring = bob.hear("RNG").await;
    let words: Vec<&str> = ring.lines().last().expect("a line").split(' ').collect();
    assert_eq!(words[5], ALICE);
    let mut board = Wire::connect(words[2].parse().expect("an address")).await;
    board.say(&format!("ANS 1 {BOB} {} {}\r\n", words[4], words[1])).await;
    board.hear("IRO 1 1 1 alice@example.com").await;
    board.hear("X-MMS-IM-Format: FN=Arial; CO=0\r\n").await;
    board.hear("hello").await;
    // The second goes into the same conversation.
    say(&mut alice, 7, &Datagram { kind: Kind::Nudge, ..first.clone() }, Version::Msnp21).await;
    board.hear("text/x-msnmsgr-datacast").await;
    say(&mut alice, 8, &Datagram { kind: Kind::Typing, ..first.clone() }, Version::Msnp21).await;
    board.hear("TypingUser: alice@example.com").await;
    say(&mut alice, 9, &Datagram { kind: Kind::Wink, ..first }, Version::Msnp21).await;
    alice.hear("217 9\r\n").await;
    for (payload, wanted) in [
        (
            "Content-Type: text/x-msmsgscontrol\r\nTypingUser: bob@example.com\r\n\r\n\r\n",
            "Control/Typing",
        ),
        ("Content-Type: text/x-msnmsgr-datacast\r\n\r\nID: 1\r\n\r\n", "Message-Type: Nudge"),
        (
            "Content-Type: text/plain; charset=UTF-8\r\nX-MMS-IM-Format: FN=A\r\n\r\nback\r\n",
            "back",
        ),
    ] {
        board.say(&format!("MSG 2 N {}\r\n{payload}", payload.len())).await;
        let heard = alice.hear(wanted).await;
        assert!(
            heard.contains("SDG 0 ") && heard.contains("From: 1:bob@example.com\r\n"),
            "{heard}"
        );
    }
    alice.say("OUT\r\n").await;
    board.hear("BYE alice@example.com").await;
}

#[tokio::test]
async fn who_knows_datagrams_alone_comes_when_called() {
    let network = network().await;
    let mut alice = arrive(&network, ALICE, DESK).await;
    let mut other = arrive(&network, ALICE, LAPTOP).await;
    let mut bob = sign_in(&network, BOB, 12).await;
    bob.say("SYN 5 0 0\r\nCHG 6 NLN 0\r\nXFR 7 SB\r\n").await;
    let transfer = bob.hear("XFR 7 SB").await;
    let words: Vec<&str> = transfer.trim().rsplit(' ').take(3).collect();
    let mut board = Wire::connect(words[2].parse().expect("an address")).await;
    board.say(&format!("USR 1 {BOB} {}\r\nCAL 2 {ALICE}\r\n", words[0])).await;
    board.hear("JOI alice@example.com").await;
    board.say("MSG 3 A 35\r\nContent-Type: text/plain\r\n\r\nhello\r\n").await;
    board.hear("ACK 3").await;
    for wire in [&mut alice, &mut other] {
        let heard = wire.hear("hello").await;
        assert!(
            heard.contains("Service-Channel: IM/Online\r\n") && !heard.contains("RNG"),
            "{heard}"
        );
    }
    let answer = text((ALICE, LAPTOP), BOB, "back");
    say(&mut other, 6, &answer, Version::Msnp21).await;
    board.hear("back").await;
    board.say("OUT\r\n").await;
    assert!(board.is_closed().await);
}
