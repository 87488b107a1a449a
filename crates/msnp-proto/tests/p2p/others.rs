//! What other people's clients want to hear, and when, and what they leave unsaid.

use super::*;

/// The goodbyes that an engine has to say to a peer, by the text they carry.
fn goodbyes(peers: &mut Peers, now: Instant, to: &str) -> usize {
    let payloads = std::iter::from_fn(|| peers.poll_payload(now, &ChatId::with(to)));
    payloads.filter(|it| it.windows(12).any(|words| words == b"BYE MSNMSGR:")).count()
}

#[test]
fn after_a_file_goodbye_is_said_late_and_once() {
    for second in [false, true] {
        let mut pair = Pair::new(second);
        pair.offer("a.bin", noise(10));
        pair.run();
        let (transfer, _) = pair.offered();
        pair.bob.accept(pair.now, transfer).unwrap();
        pair.run();
        assert_eq!((pair.ended("ada"), pair.ended("bob")), (vec![Ok(())], vec![Ok(())]));
        assert_eq!(goodbyes(&mut pair.bob, pair.now, ADA), 0, "the sender may say it first");
        let due = pair.bob.poll_timeout().expect("it will be said");
        assert_eq!(due, pair.now + Duration::from_secs(3));
        pair.now = due;
        pair.bob.handle_timeout(pair.now);
        pair.run();
        assert_eq!(pair.ada.poll_timeout(), None, "one goodbye is enough for both");
        pair.ada.handle_timeout(pair.now);
        assert_eq!(goodbyes(&mut pair.ada, pair.now, BOB), 0);
    }
}

#[test]
fn who_is_asked_for_a_direct_link_names_an_address_that_nobody_can_dial() {
    let mut pair = Pair::new(false);
    let body = "Bridges: TCPv1\r\nNonce: {11111111-2222-3333-4444-555555555555}\r\n\r\n\0";
    let text = format!(
        "INVITE MSNMSGR:{BOB} MSNSLP/1.0\r\nTo: <msnmsgr:{BOB}>\r\nFrom: <msnmsgr:{ADA}>\r\n\
         Via: MSNSLP/1.0/TLP ;branch={{A}}\r\nCSeq: 0 \r\nCall-ID: {{B}}\r\nMax-Forwards: 0\r\n\
         Content-Type: application/x-msnmsgr-transreqbody\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let total = u64::try_from(text.len()).expect("it is short");
    let length = u32::try_from(text.len()).expect("it is short");
    let header = v1::Header { message: 5, total, length, key: 6, ..v1::Header::default() };
    let packet = v1::packet(&header, text.as_bytes(), 0);
    let payload = Envelope { to: place(BOB, false), from: None, packet: &packet }.write();
    pair.bob.handle_payload(pair.now, &ChatId::with(ADA), ADA, &Body::read(&payload));
    let said = std::iter::from_fn(|| pair.bob.poll_payload(pair.now, &ChatId::with(ADA)));
    let said: Vec<u8> = said.flatten().collect();
    let said = String::from_utf8_lossy(&said);
    for line in ["Listening: false", "IPv4Internal-Addrs: 0.0.0.0", "IPv4Internal-Port: 0"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn a_file_that_nobody_says_came_is_neither_sent_nor_stuck() {
    for (second, leaves) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut pair = Pair::new(second);
        pair.offer("a.bin", noise(5000));
        pair.run();
        let (transfer, _) = pair.offered();
        pair.bob.accept(pair.now, transfer).unwrap();
        let from_ada = |payload: &Vec<u8>| {
            let body = Body::read(payload);
            Envelope::read(&body).is_some_and(|it| it.to.account == BOB)
        };
        let mut answered = false;
        // His answer goes, and nothing that he says of the bytes.
        pair.run_with(|payload| {
            let answers = payload.windows(6).any(|words| words == b"200 OK");
            answered |= answers;
            (answers || !answered || from_ada(&payload)).then_some(payload)
        });
        assert_eq!(pair.ended("bob"), [Ok(())]);
        match leaves {
            true => pair.ada.handle_gone(&ChatId::with(BOB), TransferError::Interrupted),
            false => pair.ada.handle_timeout(pair.now + Duration::from_secs(61)),
        }
        pair.run_with(|_| None);
        assert_eq!(pair.ended("ada"), [Err(TransferError::Unconfirmed)], "{second}, {leaves}");
    }
}

#[test]
fn an_invitation_that_meets_with_silence_is_said_once_more() {
    for second in [false, true] {
        let mut pair = Pair::new(second);
        pair.offer("a.bin", noise(10));
        pair.run_with(|_| None); // he has just come, and does not listen yet
        let due = pair.ada.poll_timeout().expect("it will be said again");
        assert_eq!(due, pair.now + Duration::from_secs(5));
        pair.now = due;
        pair.ada.handle_timeout(pair.now);
        pair.run();
        pair.offered();
        // He has it now, and may think about it in peace.
        assert!(pair.ada.poll_timeout().is_some_and(|at| at > due + Duration::from_secs(500)));
    }
}
