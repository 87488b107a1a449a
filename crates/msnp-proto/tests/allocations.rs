//! What happens all day must not ask for memory: pongs, and presence that changes nothing.

use std::time::Instant;

use msnp_proto::{
    Version,
    command::Status,
    session::{
        Deadlines, Effect, Event, HttpReply, LinkChange, LinkId, Pace, Services, Session,
        SessionConfig,
    },
};

/// Signs a session in against a script.
fn online(now: Instant) -> (Session, LinkId) {
    let config = SessionConfig {
        server: "server:1863".to_owned(),
        account: "ada@example.com".to_owned(),
        password: "secret".to_owned().into(),
        versions: vec![Version::Msnp11],
        services: Services { login: Some("http://login".to_owned()), ..Services::at("http://web") },
        machine_id: "6b2d1c1e-4c0a-4e0b-9e57-0c4b7a9f2d11".to_owned(),
        machine_name: "desk".to_owned(),
        entropy: [7; 16],
        wall_clock: 1_795_401_068,
        status: Status::Online,
        deadlines: Deadlines::default(),
        pace: Pace::default(),
    };
    let mut session = Session::new(config, now);
    let Some(Effect::Open { link, .. }) = session.poll_effect() else { panic!("it opens a link") };
    session.handle_link(now, link, LinkChange::Opened);
    for line in ["VER 1 MSNP11\r\n", "CVR 2 a a a b c\r\n", "USR 3 TWN S policy\r\n"] {
        session.handle_bytes(now, link, line.as_bytes());
    }
    let mut asked = None;
    while let Some(effect) = session.poll_effect() {
        if let Effect::Http { id, .. } = effect {
            asked = Some(id);
        }
    }
    let granted = "Passport1.4 da-status=success,from-PP='t=1'".to_owned();
    let headers = vec![("authentication-info".to_owned(), granted)];
    let reply = HttpReply { status: 200, headers, body: Vec::new(), failure: None };
    session.handle_http(now, asked.expect("it asks for a ticket"), reply);
    let rest = "USR 4 OK ada@example.com 1 0\r\nSYN 5 0 0 1 0\r\n\
                LST N=bob@example.com F=Bob C=1 11\r\nUUX 6 0\r\nCHG 7 NLN 1073774628\r\n";
    session.handle_bytes(now, link, rest.as_bytes());
    while session.poll_effect().is_some() {}
    let mut events = std::iter::from_fn(|| session.poll_event());
    assert!(events.any(|event| matches!(event, Event::Online { .. })));
    while session.poll_event().is_some() {}
    (session, link)
}

#[test]
fn pongs_and_unchanged_presence_allocate_nothing() {
    let now = Instant::now();
    let (mut session, link) = online(now);
    let words: &[&[u8]] = &[b"QNG 60\r\n", b"NLN AWY bob@example.com Bob%20B 268435456\r\n"];
    let hear = |session: &mut Session| {
        for words in words {
            session.handle_bytes(now, link, words);
            while session.poll_event().is_some() {}
        }
    };
    hear(&mut session);
    let used = allocation_counter::measure(|| {
        for _ in 0..1000 {
            session.handle_bytes(now, link, b"QNG 60\r\n");
            session.handle_bytes(now, link, b"NLN AWY bob@example.com Bob 268435456\r\n");
            while session.poll_event().is_some() {}
        }
    });
    // The first of them changes the name, and its event is told.
    assert!(used.count_total <= 4, "{} allocations", used.count_total);
    assert_eq!(
        session.roster().contact("bob@example.com").map(|bob| bob.name.as_str()),
        Some("Bob")
    );
}
