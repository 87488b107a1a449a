//! A session told anything, in any order, by servers and by its application. It neither panics nor
//! spins; each request is completed exactly once, in bounded time; what it says are whole commands and
//! documents; it ends once; and its password is in nothing but what must hold it.
//!
//! The first byte chooses the version, and whether the session is signed in first. Operations follow,
//! parted by 0xFF: a byte for what happens, one for how, then text.
#![no_main]

mod server;
mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    ClientCommand, Direction, Framer, Limits, LinkKind, Version,
    command::Status,
    session::{
        Deadlines, Effect, Event, HttpId, HttpReply, HttpRequest, LinkChange, LinkId, Pace,
        RequestId, Services, Session, SessionConfig,
    },
    xml,
};
use secrecy::ExposeSecret as _;

/// Most operations of one list: more are passed over.
const OPERATIONS_LIMIT: usize = 48;

/// A password that the input cannot hold, as it comes of the input.
fn password(data: &[u8]) -> String {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    format!("pw-{:016x}", data.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// A link as its driver knows it.
struct Link {
    id: LinkId,
    kind: LinkKind,
    opened: bool,
    /// What the client said and nobody answered.
    said: Vec<u8>,
}

struct Scene {
    session: Session,
    password: String,
    now: Instant,
    links: Vec<Link>,
    asked: VecDeque<(HttpId, HttpRequest)>,
    ended: BTreeSet<LinkId>,
    open: BTreeMap<RequestId, &'static str>,
    online: bool,
    closed: bool,
}

impl Scene {
    fn new(version: Version, password: String) -> Self {
        let now = Instant::now();
        let config = SessionConfig {
            server: "first:1863".to_owned(),
            account: server::ADA.to_owned(),
            password: password.clone().into(),
            versions: vec![version],
            services: Services::at("http://web"),
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
            password,
            now,
            links: Vec::new(),
            asked: VecDeque::new(),
            ended: BTreeSet::new(),
            open: BTreeMap::new(),
            online: false,
            closed: false,
        };
        scene.drain();
        scene
    }

    /// Takes what the session wants and tells.
    fn drain(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            assert!(
                !format!("{effect:?}").contains(&self.password),
                "an effect shows the password"
            );
            match effect {
                Effect::Open { link, kind, .. } => {
                    self.links.push(Link { id: link, kind, opened: false, said: Vec::new() });
                }
                Effect::Close { link } => {
                    assert!(self.ended.insert(link), "a link is closed twice");
                    self.links.retain(|known| known.id != link);
                }
                Effect::Direct(action) => panic!("not allowed, and yet {action:?}"),
                Effect::Send { link, bytes } => self.said(link, &bytes),
                Effect::Http { id, request } => {
                    assert!(request.url.starts_with("http"), "{}", request.url);
                    if let Some(body) = &request.body {
                        let document = xml::parse(body.expose_secret().as_bytes());
                        assert!(document.is_ok(), "what is asked is no document");
                    }
                    self.asked.push_back((id, request));
                }
            }
        }
        while let Some(event) = self.session.poll_event() {
            assert!(!format!("{event:?}").contains(&self.password), "an event shows the password");
            match event {
                Event::Completed { request, .. } => {
                    assert!(self.open.remove(&request).is_some(), "a request is answered twice");
                }
                Event::Online { .. } => self.online = true,
                Event::Closed { .. } => {
                    assert!(!std::mem::replace(&mut self.closed, true), "it is closed twice");
                }
                _ => {}
            }
        }
        assert_eq!(self.closed, self.session.is_closed());
        assert!(!self.closed || self.session.poll_timeout().is_none());
        assert!(self.session.roster().endpoints().len() <= 64, "places grow without end");
        let roster = self.session.roster();
        let is_full = roster.circles().any(|circle| circle.members.len() > 1024);
        assert!(roster.circles().count() <= 320 && !is_full, "circles grow without end");
    }

    /// What is sent must be whole commands that a server understands.
    fn said(&mut self, link: LinkId, bytes: &[u8]) {
        assert!(!self.ended.contains(&link), "something is said to a link that was closed");
        let hidden = self.password.as_bytes();
        assert!(!bytes.windows(hidden.len()).any(|part| part == hidden), "the password is sent");
        let Some(link) = self.links.iter_mut().find(|known| known.id == link) else { return };
        let mut framer = Framer::new(link.kind, Direction::ToServer, Limits::default());
        framer.push(bytes);
        while let Some(frame) = framer.next().expect("what is said frames") {
            let command = ClientCommand::decode(&frame, self.session.version(), link.kind);
            let known = !matches!(command, Ok(ClientCommand::Unknown { .. }) | Err(_));
            assert!(known, "{command:?}: {}", bytes.escape_ascii());
        }
        assert!(framer.is_between_frames(), "half a command: {}", bytes.escape_ascii());
        link.said.extend_from_slice(bytes);
    }

    fn link(&mut self, how: u8) -> Option<&mut Link> {
        let count = self.links.len();
        self.links.get_mut(usize::from(how).checked_rem(count)?)
    }

    fn open_link(&mut self, how: u8) {
        let Some(link) = self.link(how).filter(|link| !link.opened) else { return };
        link.opened = true;
        let link = link.id;
        self.session.handle_link(self.now, link, LinkChange::Opened);
        self.drain();
    }

    fn lose_link(&mut self, how: u8) {
        let Some(link) = self.link(how) else { return };
        let change = match link.opened {
            true => LinkChange::Closed("gone".to_owned()),
            false => LinkChange::Failed("refused".to_owned()),
        };
        let link = link.id;
        self.links.retain(|known| known.id != link);
        self.session.handle_link(self.now, link, change);
        self.drain();
    }

    fn hear(&mut self, how: u8, words: &[u8]) {
        let Some(link) = self.link(how).filter(|link| link.opened) else { return };
        let link = link.id;
        self.session.handle_bytes(self.now, link, words);
        self.drain();
    }

    /// A server answers everything that was said on a link, as it should.
    fn answer(&mut self, how: u8) {
        let version = self.session.version();
        let Some(link) = self.link(how).filter(|link| link.opened) else { return };
        let said = std::mem::take(&mut link.said);
        let (link, words) = (link.id, server::answer(&said, version, link.kind));
        self.session.handle_bytes(self.now, link, &words);
        self.drain();
    }

    fn reply(&mut self, make: impl FnOnce(&HttpRequest, Version) -> HttpReply) {
        let Some((id, request)) = self.asked.pop_front() else { return };
        let reply = make(&request, self.session.version());
        self.session.handle_http(self.now, id, reply);
        self.drain();
    }

    fn wish(&mut self, how: u8, text: &str) {
        let (name, command) = wishes::wish(how, text);
        let request = self.session.command(self.now, command);
        self.open.insert(request, name);
        self.drain();
    }

    /// Time passes; what is due by then is done, and after that nothing is due any more.
    fn wait(&mut self, time: Duration) {
        self.now += time;
        for _ in 0..64 {
            self.session.handle_timeout(self.now);
            self.drain();
            if self.session.poll_timeout().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("it is due again and again");
    }

    fn sign_in(&mut self) {
        self.open_link(0);
        for _ in 0..16 {
            while !self.asked.is_empty() {
                self.reply(server::web);
            }
            self.answer(0);
        }
        assert!(self.online, "a server that answers as it should signs nobody in");
    }

    fn operation(&mut self, operation: &[u8]) {
        let Some(([what, how], rest)) = operation.split_first_chunk::<2>() else { return };
        match what % 16 {
            0 | 1 => self.hear(*how, rest),
            // The number of the last command takes the place of a `#`.
            2 | 3 => {
                let said = self.link(*how).map(|link| server::last_number(&link.said));
                let number = said.flatten().unwrap_or_default();
                let words = rest.split(|byte| *byte == b'#').collect::<Vec<_>>();
                self.hear(*how, &words.join(number.to_string().as_bytes()));
            }
            4 => self.open_link(*how),
            5 => self.lose_link(*how),
            6 | 7 => self.answer(*how),
            8 => self.reply(server::web),
            9 | 10 => self.reply(|_, _| server::any_reply(*how, rest)),
            11 => self.wait(Duration::from_secs(u64::from(*how))),
            12 => self.wait(Duration::from_millis(u64::from(*how) * 10)),
            _ => self.wish(*how, &String::from_utf8_lossy(rest)),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let version = Version::ALL[usize::from(choice >> 1) % Version::ALL.len()];
    let mut scene = Scene::new(version, password(data));
    if choice & 1 == 0 {
        scene.sign_in();
    }
    for operation in data.split(|byte| *byte == 0xFF).take(OPERATIONS_LIMIT) {
        scene.operation(operation);
    }
    // Nobody says anything any more: time answers everything.
    for _ in 0..64 {
        scene.wait(Duration::from_secs(60));
    }
    assert!(scene.open.is_empty(), "never answered: {:?}", scene.open.values());
    scene.wish(u8::MAX, "");
    assert!(scene.closed && scene.open.is_empty());
    scene.wish(0, "");
    assert!(scene.open.is_empty(), "a closed session does not answer");
});
