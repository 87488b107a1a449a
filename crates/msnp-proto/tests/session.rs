//! A session on a virtual clock, against a server that says what it is told to.

mod elsewhere;
mod kinds;
mod lists;
mod p2p;
mod pace;
mod text;
mod web;

use std::time::{Duration, Instant};

use msnp_proto::{
    LinkKind, Version,
    command::Status,
    msg::Text,
    session::{
        ChatId, CloseReason, Command, Deadlines, Effect, Event, HttpReply, Invalid, LinkChange,
        LinkId, Pace, RequestError, RequestId, Services, Session, SessionConfig,
    },
};

/// A session and the server's side of it.
struct Scene {
    session: Session,
    now: Instant,
    /// Links in the order they were asked for, and where to.
    links: Vec<(LinkId, LinkKind, String)>,
    said: String,
    closed: Vec<LinkId>,
    events: Vec<Event>,
    /// What the web services were asked for.
    asked: Vec<String>,
    web: web::services::Web,
}

impl Scene {
    fn new(versions: &[Version]) -> Self {
        Self::with_password(versions, "secret")
    }

    fn with_password(versions: &[Version], password: &str) -> Self {
        let now = Instant::now();
        let config = SessionConfig {
            server: "first:1863".to_owned(),
            account: "ada@example.com".to_owned(),
            password: password.to_owned().into(),
            versions: versions.to_vec(),
            services: Services {
                login: Some("http://login".to_owned()),
                ..Services::at("http://web")
            },
            machine_id: "6b2d1c1e-4c0a-4e0b-9e57-0c4b7a9f2d11".to_owned(),
            machine_name: "desk".to_owned(),
            entropy: [7; 16],
            wall_clock: 1_795_401_068,
            status: Status::Online,
            deadlines: Deadlines::default(),
            pace: Pace::default(),
        };
        let session = Session::new(config, now);
        let mut scene = Self {
            session,
            now,
            links: Vec::new(),
            said: String::new(),
            closed: Vec::new(),
            events: Vec::new(),
            asked: Vec::new(),
            web: web::services::Web::default(),
        };
        scene.drain();
        scene
    }

    fn drain(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            match effect {
                Effect::Close { link } => self.closed.push(link),
                Effect::Direct(action) => panic!("not allowed, and yet {action:?}"),
                Effect::Http { id, request } if request.body.is_some() => {
                    let (asked, reply) = web::services::answer(&request, &mut self.web);
                    self.asked.extend(Some(asked).filter(|asked| !asked.is_empty()));
                    self.session.handle_http(self.now, id, reply);
                }
                Effect::Http { id, request } if request.url.contains("/picture") => {
                    self.asked.push(request.url);
                    let reply = web::services::reply(200, web::roaming::PNG.to_vec());
                    self.session.handle_http(self.now, id, reply);
                }
                Effect::Http { id, .. } => {
                    let info = "Passport1.4 da-status=success,from-PP='t=1'".to_owned();
                    let headers = vec![("authentication-info".to_owned(), info)];
                    let reply = HttpReply { status: 200, headers, body: Vec::new(), failure: None };
                    self.session.handle_http(self.now, id, reply);
                }
                Effect::Open { link, kind, address } => self.links.push((link, kind, address)),
                Effect::Send { bytes, .. } => self.said.push_str(&String::from_utf8_lossy(&bytes)),
            }
        }
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
    }

    /// The link asked for last.
    fn link(&self) -> LinkId {
        self.links.last().expect("a link").0
    }

    fn open(&mut self) -> LinkId {
        let link = self.link();
        self.session.handle_link(self.now, link, LinkChange::Opened);
        self.drain();
        link
    }

    /// The server says something; gives what the client says to it.
    fn hear(&mut self, link: LinkId, words: &str) -> String {
        self.session.handle_bytes(self.now, link, words.as_bytes());
        self.drain();
        std::mem::take(&mut self.said)
    }

    fn wait(&mut self, seconds: u64) -> String {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(next) = self.session.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
        std::mem::take(&mut self.said)
    }

    fn send(&mut self, words: &str) -> RequestId {
        let (chat, text) = (ChatId::with("bob@example.com"), Text::plain(words));
        let request = self.session.command(self.now, Command::SendText { chat, text });
        self.drain();
        request
    }

    fn outcome(&self, request: RequestId) -> Option<Result<(), RequestError>> {
        let outcomes: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Completed { request: done, outcome } if *done == request => {
                    Some(outcome.clone())
                }
                _ => None,
            })
            .collect();
        assert!(outcomes.len() <= 1, "answered twice");
        outcomes.into_iter().next()
    }

    fn end(&self) -> Option<CloseReason> {
        self.events.iter().find_map(|event| match event {
            Event::Closed { reason } => Some(reason.clone()),
            _ => None,
        })
    }

    /// Signs in at MSNP11; gives the notification link.
    fn online() -> (Self, LinkId) {
        let mut scene = Self::new(&[Version::Msnp11]);
        let link = scene.open();
        assert_eq!(std::mem::take(&mut scene.said), "VER 1 MSNP11 CVR0\r\n");
        let said = scene.hear(link, "VER 1 MSNP11\r\n");
        assert_eq!(said, "CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5.0324 msmsgs ada@example.com\r\n");
        assert_eq!(scene.hear(link, "CVR 2 a a a b c\r\n"), "USR 3 TWN I ada@example.com\r\n");
        assert_eq!(scene.hear(link, "USR 3 TWN S ct=1\r\n"), "USR 4 TWN S t=1\r\n");
        assert_eq!(scene.hear(link, "USR 4 OK ada@example.com 1 0\r\n"), "SYN 5 0 0\r\n");
        let lists = "SBS 0 null\r\nMSG Hotmail Hotmail 2\r\n\r\nSYN 5 0 0 1 1\r\nGTC A\r\nBLP AL\r\n\
                     PRP MFN Ada%20L\r\nLSG Friends 9\r\nLST N=bob@example.com F=Bob C=1 11 9\r\n";
        let said = scene.hear(link, lists);
        assert!(
            said.starts_with("UUX 6 53\r\n<Data>") && said.ends_with("CHG 7 NLN 1073774628\r\n"),
            "{said}"
        );
        scene.hear(link, "UUX 6 0\r\nCHG 7 NLN 1073774628\r\n");
        assert!(
            scene
                .events
                .iter()
                .any(|event| matches!(event, Event::Online { name, .. } if name == "Ada L"))
        );
        (scene, link)
    }

    /// Signs in at a version to lists of the test's own; gives the notification link.
    fn online_at(version: Version, lists: &str) -> (Self, LinkId) {
        let mut scene = Self::new(&[version]);
        let link = scene.open();
        scene.hear(link, &format!("VER 1 {version}\r\n"));
        scene.hear(link, "CVR 2 a a a b c\r\n");
        scene.hear(link, "USR 3 TWN S ct=1\r\n");
        scene.hear(link, "USR 4 OK ada@example.com Ada 1 0\r\n");
        scene.hear(link, lists);
        let trid = if version.has_personal_messages() { 7 } else { 6 };
        scene.hear(link, &format!("CHG {trid} NLN 1073774628\r\n"));
        scene.said.clear();
        scene.events.clear();
        (scene, link)
    }

    /// Asks for something; gives its number and what the client says.
    fn ask(&mut self, command: Command) -> (RequestId, String) {
        let request = self.session.command(self.now, command);
        self.drain();
        (request, std::mem::take(&mut self.said))
    }

    /// Lets a text open a switchboard; gives its link once Bob is there.
    fn talking(&mut self, notification: LinkId) -> LinkId {
        let asked = std::mem::take(&mut self.said);
        let number = asked.rsplit_once("XFR ").and_then(|(_, rest)| rest.split(' ').next());
        let number = number.expect("a switchboard is asked for").to_owned();
        self.hear(notification, &format!("XFR {number} SB board:1864 CKI key\r\n"));
        let board = self.open();
        assert_eq!(std::mem::take(&mut self.said), "USR 1 ada@example.com key\r\n");
        assert_eq!(
            self.hear(board, "USR 1 OK ada@example.com Ada\r\n"),
            "CAL 2 bob@example.com\r\n"
        );
        self.hear(board, "CAL 2 RINGING 77\r\n");
        board
    }
}

#[test]
fn a_message_is_done_when_it_is_acknowledged_and_not_before() {
    let (mut scene, link) = Scene::online();
    let request = scene.send("hello");
    let board = scene.talking(link);
    let said = scene.hear(board, "JOI bob@example.com Bob\r\n");
    assert!(said.starts_with("MSG 3 A ") && said.ends_with("\r\n\r\nhello"), "{said}");
    assert_eq!(scene.outcome(request), None);
    scene.hear(board, "ACK 3\r\n");
    assert_eq!(scene.outcome(request), Some(Ok(())));
}

#[test]
fn nothing_is_said_to_what_is_no_address() {
    let (mut scene, _) = Scene::online();
    for text in ["", "\r", "bob", "bob@", "@example.com", "bob@example.com\n", "b ob@example.com"] {
        let (chat, text) = (ChatId::from_text(text), Text::plain("hello"));
        let (request, said) = scene.ask(Command::SendText { chat, text });
        let refused = Some(Err(RequestError::Invalid(Invalid::Address)));
        assert_eq!((said.as_str(), scene.outcome(request)), ("", refused));
    }
}

#[test]
fn without_an_acknowledgement_the_fate_is_unknown() {
    let (mut scene, link) = Scene::online();
    let request = scene.send("hello");
    let board = scene.talking(link);
    scene.hear(board, "JOI bob@example.com Bob\r\n");
    scene.wait(29);
    assert_eq!(scene.outcome(request), None);
    scene.wait(2);
    assert_eq!(scene.outcome(request), Some(Err(RequestError::Unconfirmed)));
    // Late is late: it is not answered again.
    scene.hear(board, "ACK 3\r\n");
    assert_eq!(scene.outcome(request), Some(Err(RequestError::Unconfirmed)));
    // The link is not trusted with another word.
    assert!(scene.closed.contains(&board));
    scene.said.clear();
    let again = scene.send("hello?");
    let board = scene.talking(link);
    let said = scene.hear(board, "JOI bob@example.com Bob\r\n");
    assert!(said.contains("hello?"), "{said}");
    scene.hear(board, "ACK 3\r\n");
    assert_eq!(scene.outcome(again), Some(Ok(())));
}

#[test]
fn a_silent_switchboard_is_tried_once_more_and_then_said() {
    let (mut scene, link) = Scene::online();
    let request = scene.send("hello");
    scene.hear(link, "XFR 8 SB board:1864 CKI key\r\n");
    scene.open();
    let said = scene.wait(11);
    assert!(said.ends_with("OUT\r\nXFR 9 SB\r\n"), "{said}");
    assert_eq!(scene.outcome(request), None);
    scene.hear(link, "XFR 9 SB board:1864 CKI key\r\n");
    scene.open();
    scene.wait(11);
    assert!(matches!(scene.outcome(request), Some(Err(RequestError::NotOpened(_)))));
}

#[test]
fn a_contact_who_never_comes_is_called_once_more_and_said_not_to_answer() {
    let (mut scene, link) = Scene::online();
    let request = scene.send("hello");
    scene.talking(link);
    scene.said = scene.wait(31);
    assert_eq!(scene.outcome(request), None);
    scene.talking(link);
    scene.wait(31);
    assert_eq!(scene.outcome(request), Some(Err(RequestError::NoAnswer)));
}

#[test]
fn a_refused_call_says_why() {
    for (code, wanted) in [(217, RequestError::NotOnline), (216, RequestError::Blocked)] {
        let (mut scene, link) = Scene::online();
        let request = scene.send("hello");
        let board = scene.talking(link);
        scene.hear(board, &format!("{code} 2\r\n"));
        assert_eq!(scene.outcome(request), Some(Err(wanted)));
        assert!(scene.closed.contains(&board));
    }
}

#[test]
fn a_call_that_comes_while_we_call_is_taken_instead() {
    let (mut scene, link) = Scene::online();
    let request = scene.send("hello");
    let ours = scene.talking(link);
    scene.hear(link, "RNG 88 board:1864 CKI other bob@example.com Bob\r\n");
    let theirs = scene.open();
    assert_eq!(std::mem::take(&mut scene.said), "ANS 1 ada@example.com other 88\r\n");
    let said = scene.hear(theirs, "IRO 1 1 1 bob@example.com Bob\r\nANS 1 OK\r\n");
    assert!(said.contains("MSG 2 A ") && scene.closed.contains(&ours), "{said}");
    scene.hear(theirs, "ACK 2\r\n");
    assert_eq!(scene.outcome(request), Some(Ok(())));
}

#[test]
fn silence_is_answered_by_a_ping_and_more_silence_ends_the_session() {
    let (mut scene, link) = Scene::online();
    assert_eq!(scene.wait(44), "");
    assert_eq!(scene.wait(2), "PNG\r\n");
    scene.hear(link, "QNG 60\r\n");
    assert_eq!(scene.wait(46), "PNG\r\n");
    scene.wait(21);
    assert_eq!(scene.end(), Some(CloseReason::Timeout("ping")));
}

#[test]
fn redirects_are_followed_five_times() {
    let mut scene = Scene::new(&[Version::Msnp12]);
    for number in 1..=6 {
        let link = scene.open();
        scene.hear(link, "VER 1 MSNP12\r\n");
        scene.hear(link, "CVR 2 a a a b c\r\n");
        scene.hear(link, &format!("XFR 3 NS server{number}:1863 0 first:1863\r\n"));
    }
    let addresses: Vec<&str> = scene.links.iter().map(|(_, _, address)| address.as_str()).collect();
    assert_eq!(addresses.len(), 6);
    assert_eq!(addresses.last(), Some(&"server5:1863"));
    assert_eq!(scene.end(), Some(CloseReason::TooManyRedirects));
}

#[test]
fn a_challenge_is_answered() {
    let (mut scene, link) = Scene::online();
    let said = scene.hear(link, "CHL 0 22210219642164014968\r\n");
    assert_eq!(said, "QRY 8 PROD0090YUAUV{2B 32\r\n85ecb0db8f32113df79ce0892b9a102c");
}

#[test]
fn lists_that_stay_incomplete_are_used_as_they_are() {
    let mut scene = Scene::new(&[Version::Msnp8]);
    let link = scene.open();
    for line in [
        "VER 1 MSNP8\r\n",
        "CVR 2 a a a b c\r\n",
        "USR 3 TWN S x\r\n",
        "USR 4 OK ada@example.com Ada 1 0\r\n",
    ] {
        scene.hear(link, line);
    }
    scene.hear(link, "SYN 5 3 2 0\r\nLST bob@example.com Bob 3 0\r\n");
    let said = scene.wait(31);
    assert_eq!(said, "CHG 6 NLN 1073774628\r\n");
    scene.hear(link, "CHG 6 NLN 1073774628\r\n");
    assert_eq!(scene.session.roster().contacts().count(), 1);
}

#[test]
fn a_contact_has_one_event_of_presence_until_it_is_taken() {
    let (mut scene, link) = Scene::online();
    let mut told = |words: &str| {
        scene.events.clear();
        scene.hear(link, words);
        let bob = scene.session.roster().contact("bob@example.com").expect("a contact");
        let presence = |event: &&Event| matches!(event, Event::Presence { .. });
        (scene.events.iter().filter(presence).count(), bob.status, bob.personal.text.clone())
    };
    let psm = "<Data><PSM>x</PSM></Data>";
    let words = format!(
        "NLN NLN bob@example.com Bob 0\r\nUBX bob@example.com {}\r\n{psm}\
         FLN bob@example.com\r\nNLN AWY bob@example.com Bob 0\r\n",
        psm.len()
    );
    assert_eq!(told(&words), (1, Status::Away, "x".to_owned()));
    assert_eq!(told("NLN BSY bob@example.com Bob 0\r\n").0, 1);
    assert_eq!(told("NLN BSY bob@example.com Bob 0\r\n").0, 0, "nothing changed");
}

#[test]
fn a_broken_switchboard_leaves_the_session() {
    let (mut scene, link) = Scene::online();
    let request = scene.send("hello");
    let board = scene.talking(link);
    scene.hear(board, "JOI bob@example.com Bob\r\nMSG bob@example.com Bob x\r\n");
    assert_eq!(scene.outcome(request), Some(Err(RequestError::Unconfirmed)));
    assert_eq!(scene.end(), None);
    scene.hear(link, "NLN AWY bob@example.com Bob 0\r\n");
    assert_eq!(
        scene.session.roster().contact("bob@example.com").map(|bob| bob.status),
        Some(Status::Away)
    );
}

#[test]
fn each_word_at_the_end_has_its_own_meaning() {
    for (words, wanted) in [
        ("OUT OTH", CloseReason::SignedInElsewhere),
        ("OUT SSD", CloseReason::ServerDown),
        ("OUT MIG", CloseReason::Moved),
        ("OUT TOU", CloseReason::TermsOfUse),
        ("OUT RCT 5", CloseReason::ComeBackLater { minutes: 5 }),
        ("OUT RCT", CloseReason::ComeBackLater { minutes: 1 }),
        ("OUT RCT 4000000000", CloseReason::ComeBackLater { minutes: 24 * 60 }),
        ("OUT XYZ", CloseReason::LinkLost("the server said OUT".to_owned())),
        ("OUT", CloseReason::LinkLost("the server said OUT".to_owned())),
    ] {
        let (mut scene, link) = Scene::online();
        scene.hear(link, &format!("{words}\r\n"));
        assert_eq!(scene.end(), Some(wanted), "{words}");
    }
}
