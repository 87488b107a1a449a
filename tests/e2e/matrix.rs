//! Matrix: a real Synapse and a real client on it.

mod contacts;
mod double;
mod encryption;
mod files;
mod invitations;
mod kinds;
mod presence;
mod provisioning;
mod rediscover;
mod spaces;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use msnp::{ChatId, Event, Events, Handle, Text};
use msnp_server::{Directory as _, MemoryDirectory, Network, Options, User};
use testkit::{
    FaultyLink, MatrixUser, Port, Program, Seen, Synapse, install_tls, tail, wait_until,
};

use crate::support::{PROGRAM, SOON, hears, hostile_name, msn_client, numbers, tells_nobody};

pub(crate) const ACCOUNT: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const BOB: &str = "Bob.Smith@example.com";
/// Nobody's contact, of a name that deceives.
pub(crate) const DAVE: &str = "dave@example.com";

/// A homeserver, an MSN network, a bridge between them, and a person on Matrix.
pub(crate) struct World {
    network: Network,
    people: MemoryDirectory,
    pub(crate) synapse: Synapse,
    pub(crate) ada: MatrixUser,
    pub(crate) bot: String,
    config: PathBuf,
    pub(crate) log: PathBuf,
    listen: String,
    pub(crate) bridge: Option<Program>,
    /// What lies between the homeserver and the bridge, where something does.
    pub(crate) links: Option<Links>,
    _port: Port,
    _home: tempfile::TempDir,
}

/// What is special in a world.
#[derive(Clone, Copy, Default)]
pub(crate) struct Kind {
    /// Whether the homeserver has the second registration.
    pub(crate) doubles: bool,
    /// The protocol that the bridge speaks with MSN.
    pub(crate) protocol: Option<&'static str>,
    /// More keys of the Matrix side.
    pub(crate) more: &'static str,
}

/// Links between the homeserver and the bridge.
pub(crate) struct Links {
    pub(crate) to_homeserver: FaultyLink,
    pub(crate) to_bridge: FaultyLink,
}

impl Links {
    pub(crate) async fn start() -> Self {
        let start = async || FaultyLink::start().await.expect("a free port");
        Self { to_homeserver: start().await, to_bridge: start().await }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::over(None).await
    }

    /// Makes one whose configuration says more.
    pub(crate) async fn with(more: &'static str) -> Self {
        Self::made(None, Kind { more, ..Kind::default() }).await
    }

    /// Makes one whose homeserver and bridge have only these links.
    pub(crate) async fn over(links: Option<Links>) -> Self {
        Self::made(links, Kind::default()).await
    }

    /// Makes one of a kind.
    pub(crate) async fn made(links: Option<Links>, kind: Kind) -> Self {
        install_tls();
        let home = tempfile::tempdir().expect("a temporary directory");
        let people = people();
        let network = Network::bind(people.clone(), Options::default());
        let network = network.await.expect("the loopback is free");
        let port = Port::reserve();
        let listen = format!("127.0.0.1:{}", port.number());
        let config = home.path().join("config.toml");
        let registration = home.path().join("registration.yaml");
        // The homeserver must know the bridge before it starts, and the bridge where it will be.
        let url = links.as_ref().map(|links| format!("http://{}", links.to_bridge.address()));
        write_config(&config, &network, &listen, "http://127.0.0.1:9", url.as_deref(), kind);
        let printed = Command::new(PROGRAM).args(["registration", "-c"]).arg(&config).output();
        fs::write(&registration, printed.expect("it runs").stdout).expect("it is written");
        let mut registrations = vec![registration];
        if kind.doubles {
            let second = home.path().join("doubles.yaml");
            let arguments = ["registration", "--double-puppet", "-c"];
            let printed = Command::new(PROGRAM).args(arguments).arg(&config).output();
            fs::write(&second, printed.expect("it runs").stdout).expect("it is written");
            registrations.push(second);
        }
        let synapse =
            Synapse::start(&registrations).await.unwrap_or_else(|error| panic!("{error}"));
        let mut homeserver = synapse.url();
        if let Some(links) = &links {
            let at = homeserver.trim_start_matches("http://").parse().expect("its address");
            links.to_homeserver.lead_to(at);
            links.to_bridge.lead_to(listen.parse().expect("an address"));
            homeserver = format!("http://{}", links.to_homeserver.address());
        }
        write_config(&config, &network, &listen, &homeserver, url.as_deref(), kind);
        synapse.register_user("ada", "secret").await.expect("a new user");
        let ada = MatrixUser::sign_in(&synapse.url(), "ada", "secret").await.expect("she signs in");
        let bot = format!("@msnbot:{}", synapse.server_name());
        let log = home.path().join("bridge.log");
        let mut world = Self {
            network,
            people,
            synapse,
            ada,
            bot,
            config,
            log,
            listen,
            bridge: None,
            links,
            _port: port,
            _home: home,
        };
        world.start_bridge().await;
        world
    }

    pub(crate) async fn start_bridge(&mut self) {
        let config = self.config.display().to_string();
        // A scene that reads the log all the time needs it short.
        let level = if self.links.is_some() { "info,bridge_core=debug" } else { "trace" };
        let loud = [("RUST_LOG", level.to_owned())];
        let arguments = ["run", "-c", &config];
        let program = Program::start_with(Path::new(PROGRAM), &arguments, &loud, &self.log);
        let mut program = program.expect("it starts");
        let ready = format!("http://{}/_matrix/mau/ready", self.listen);
        for _ in 0..1500 {
            if testkit::answers_well(&ready).await {
                self.bridge = Some(program);
                return;
            }
            assert!(program.is_running().expect("it is known"), "{}", tail(&self.log));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the bridge is not ready: {}", tail(&self.log));
    }

    /// Signs Ada in to MSN through the bot; gives the room with it.
    pub(crate) async fn log_in(&self) -> testkit::RoomId {
        let bot = self.bot.as_str().try_into().expect("a user id");
        let room = self.ada.direct_chat_with(bot).await.expect("a room");
        self.log_in_at(room).await
    }

    /// The same in a room that is there.
    pub(crate) async fn log_in_at(&self, room: testkit::RoomId) -> testkit::RoomId {
        self.ada.hears("Say `login`").await;
        self.ada.say(&room, "login").await.expect("it is sent");
        self.ada.hears("Which address").await;
        self.ada.say(&room, ACCOUNT).await.expect("it is sent");
        self.ada.hears("the password").await;
        let password = self.ada.say(&room, PASSWORD).await.expect("it is sent");
        self.ada.hears("Signed in as").await;
        let removed = |seen: &Seen| {
            matches!(seen, Seen::Redacted { event } if *event == password).then_some(())
        };
        self.ada.sees(SOON, "the password is removed", removed).await;
        room
    }

    pub(crate) async fn bob(&self) -> (Handle, Events) {
        self.person(BOB).await
    }

    /// Signs Bob in once the server has what was said to him, with a client that reads it.
    async fn bob_later(&self) -> (Handle, Events) {
        wait_until(SOON, "something is kept for Bob", || async {
            (!self.people.offline(BOB).await.is_empty()).then_some(())
        })
        .await;
        let server = self.network.addresses().notification.to_string();
        let mut config = msnp::Config::new(server, BOB, "hunter2".to_owned().into());
        config.services_url = Some(self.network.services_url());
        msnp::connect(config).await.expect("he signs in")
    }

    /// Signs somebody in at another place of hers, as the best clients do.
    pub(crate) async fn place(&self, address: &str, password: &str) -> (Handle, Events) {
        let server = self.network.addresses().notification.to_string();
        let mut config = msnp::Config::new(server, address, password.to_owned().into());
        config.services_url = Some(self.network.services_url());
        config.protocol = "21".parse().expect("a protocol");
        msnp::connect(config).await.expect("she signs in")
    }

    pub(crate) async fn person(&self, address: &str) -> (Handle, Events) {
        msn_client(&self.network, address, "hunter2").await
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.config.with_file_name("data")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn people() -> MemoryDirectory {
    MemoryDirectory::new(vec![
        User::new(ACCOUNT, PASSWORD, "Ada", &[BOB]),
        User::new(BOB, "hunter2", "Bob ☃ Smith", &[ACCOUNT]),
        User::new(DAVE, "hunter2", &hostile_name(), &[]),
    ])
}

fn write_config(
    path: &Path,
    network: &Network,
    listen: &str,
    homeserver: &str,
    url: Option<&str>,
    kind: Kind,
) {
    let (protocol, more) = (kind.protocol.unwrap_or("auto"), kind.more);
    let url = url.map(|url| format!("url = \"{url}\"\n")).unwrap_or_default();
    let text = format!(
        "[bridge]\ndata_dir = {:?}\n\
         [[msn.server]]\nname = \"test\"\naddress = \"{}\"\nservices_url = \"{}\"\n\
         protocol = \"{protocol}\"\n\
         [matrix]\nhomeserver = \"{homeserver}\"\ndomain = \"example.test\"\nlisten = \"{listen}\"\n{url}\
         {more}\n[permissions]\n\"*:example.test\" = \"user\"\n",
        path.with_file_name("data"),
        network.addresses().notification,
        network.services_url(),
    );
    fs::write(path, text).expect("it is written");
}

pub(crate) async fn bob_is_online_for_ada(ada: &MatrixUser, room: &testkit::RoomId) {
    wait_until(SOON, "Bob is online for Ada", || async {
        ada.say(room, "contacts").await.expect("it is sent");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let online = |seen: &Seen| matches!(seen, Seen::Message { body, .. } if body.contains("Bob ☃ Smith") && body.contains("online"));
        ada.all().iter().any(online).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_matrix_user_talks_with_her_msn_contact() {
    let mut world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;

    // The first message opens a room, with a ghost that has the contact's name.
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("Hi Ada!\nHow are you? :-)"))
        .await
        .expect("acknowledged");
    let Seen::Message { room, sender, name, .. } =
        world.ada.hears("Hi Ada!\nHow are you? 🙂").await
    else {
        panic!("a message");
    };
    assert_eq!(name.as_deref(), Some("Bob ☃ Smith"));
    assert_eq!(sender.as_str(), "@msn_bob.smith=40example.com:example.test");
    assert_ne!(room, management);

    // The answer goes back, and typing both ways.
    world.ada.say(&room, "Fine & <well> 😉").await.expect("it is sent");
    hears(&mut bob_events, "Fine & <well> ;)").await;
    bob.send_typing(&ChatId::with(ACCOUNT)).await.expect("it is sent");
    let writes = |seen: &Seen| {
        matches!(seen, Seen::Typing { users, .. } if users.contains(&sender)).then_some(())
    };
    world.ada.sees(SOON, "Bob writes", writes).await;
    world.ada.typing(&room, true).await.expect("it is sent");
    let typing = async { while !matches!(bob_events.next().await, Some(Event::Typing { .. })) {} };
    tokio::time::timeout(SOON, typing).await.expect("Ada writes");
    bob.send_nudge(&ChatId::with(ACCOUNT)).await.expect("acknowledged");
    world.ada.hears("sent a nudge").await;

    // What is said to somebody who is away waits for him, and what he says to her waits too.
    bob.sign_out().await;
    bob_events.finish().await;
    world.ada.say(&room, "are you there?").await.expect("it is sent");
    let (bob, mut bob_events) = world.bob_later().await;
    let kept = async {
        loop {
            if let Some(Event::OfflineMessage { message }) = bob_events.next().await {
                return message;
            }
        }
    };
    let kept = tokio::time::timeout(SOON, kept).await.expect("it was kept");
    assert_eq!((kept.text.as_str(), kept.from.as_str()), ("are you there?", ACCOUNT));
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
    wait_until(SOON, "the words are kept for Ada", || async {
        bob.leave_offline(ACCOUNT, "I was away").await.ok()
    })
    .await;
    world.start_bridge().await;
    let Seen::Message { room: again, .. } = world.ada.hears("I was away").await else {
        panic!("a message")
    };
    assert_eq!(again, room);

    // Commands; nothing unknown is said back.
    for (command, answer) in [
        ("help", "lists your contacts"),
        ("status", "connected"),
        ("version", "msn-bridge"),
        ("chat Bob.Smith@example.com", "is open"),
        ("hunter2-is-no-command", "I do not know that command"),
        ("logout", "is forgotten"),
        ("contacts", "You are not signed in"),
    ] {
        world.ada.forget();
        world.ada.say(&management, command).await.expect("it is sent");
        let Seen::Message { notice, sender, .. } = world.ada.hears(answer).await else {
            panic!("a message")
        };
        assert!(notice && sender == world.bot, "{command}");
    }

    let clean = world.bridge.take().expect("it runs").stop().await;
    assert!(clean, "{}", tail(&world.log));
    // No secret reached the log or the data directory, and the log names nobody, at its loudest.
    let secrets = [PASSWORD, "hunter2-is-no-command", "ticket-"];
    let people = [
        ACCOUNT,
        "@ada:",
        "bob.smith@",
        "Bob.Smith@",
        "Bob ☃",
        "Hi Ada!",
        "Fine & <well>",
        "are you there",
        "bob.smith=40",
    ];
    tells_nobody(&world.log, &world.config.with_file_name("data"), &secrets, &people);
}

#[tokio::test]
async fn a_wrong_password_is_said_and_a_stranger_may_nothing() {
    let world = World::new().await;
    let bot = world.bot.as_str().try_into().expect("a user id");
    let room = world.ada.direct_chat_with(bot).await.expect("a room");
    for (line, answer) in [
        ("login", "Which address"),
        ("not an address", "That is no address"),
        (ACCOUNT, "the password"),
        ("wrong", "refused the address or the password. Say `login` to try again"),
        ("login", "Which address"),
        ("cancel", "Cancelled"),
    ] {
        world.ada.hears("Say `login`").await;
        world.ada.say(&room, line).await.expect("it is sent");
        world.ada.hears(answer).await;
    }
    let ghost = "@msn_x:example.test";
    assert!(
        world
            .ada
            .all()
            .iter()
            .all(|seen| !matches!(seen, Seen::Message { sender, .. } if sender == ghost))
    );
}

#[tokio::test]
async fn killed_under_traffic_nothing_accepted_is_lost_or_doubled_on_matrix() {
    let mut world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("first")).await.expect("acknowledged");
    let Seen::Message { room, .. } = world.ada.hears("first").await else { panic!("a message") };

    // Bob talks all the time, whether anybody hears or not.
    let talker = tokio::spawn(async move {
        let (mut sent, mut failed) = (0, 0);
        for number in 1..=150_u32 {
            let text = Text::plain(format!("bob {number}"));
            match bob.send_text(&ChatId::with(ACCOUNT), text).await {
                Ok(()) => sent += 1,
                Err(_) => {
                    failed += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        (bob, sent, failed)
    });
    for number in 1..=12_u32 {
        world.ada.say(&room, &format!("ada {number}")).await.expect("it is sent");
    }
    let mut bridge = world.bridge.take().expect("it runs");
    bridge.kill().expect("it is killed");
    for number in 13..=20_u32 {
        world.ada.say(&room, &format!("ada {number}")).await.expect("it is sent");
    }
    world.start_bridge().await;
    let (bob, sent, failed) = talker.await.expect("Bob talks to the end");
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("last")).await.expect("acknowledged");
    world.ada.hears("last").await;

    // Everything accepted from MSN is on Matrix: in order, once.
    let said = world.ada.all().into_iter().filter_map(|seen| match seen {
        Seen::Message { body, sender, .. } if sender.as_str().starts_with("@msn_bob") => Some(body),
        _ => None,
    });
    let on_matrix = numbers(said, "bob ");
    let accepted = world.log().matches("event accepted").count();
    let from_msn = world
        .log()
        .lines()
        .filter(|line| {
            line.contains("event accepted")
                && line.contains("network=msn")
                && !line.contains("kind=\"delivery\"")
        })
        .count();
    assert!(on_matrix.is_sorted_by(|a, b| a < b), "in order and once: {on_matrix:?}");
    // `first`, `last`, and what was committed just before the log line was written.
    assert!(on_matrix.len() + 2 >= from_msn, "{} of {from_msn} accepted", on_matrix.len());

    // Everything Ada said is on MSN: in order, doubles marked.
    let mut heard = Vec::new();
    let all = async {
        while heard.len() < 20 || !heard.iter().any(|line: &String| line.starts_with("ada 20")) {
            if let Some(Event::Message { text, .. }) = bob_events.next().await {
                heard.push(text.words);
            }
        }
    };
    tokio::time::timeout(SOON, all).await.unwrap_or_else(|_| panic!("{}", tail(&world.log)));
    let marked = heard.iter().filter(|line| line.contains("(maybe said before)")).count();
    let mut on_msn = numbers(heard, "ada ");
    assert!(on_msn.is_sorted(), "{on_msn:?}");
    let doubles = on_msn.len() - 20;
    on_msn.dedup();
    assert_eq!(on_msn, (1..=20).collect::<Vec<_>>());
    assert!(marked >= doubles, "{doubles} doubles, {marked} marked");

    println!(
        "MSN to Matrix: {sent} acknowledged by the MSN server, {failed} refused by it, {} on Matrix, \
         {} lost before they were accepted; Matrix to MSN: 20 said, {} heard, {marked} marked as \
         perhaps double; {accepted} events accepted in all",
        on_matrix.len(),
        sent - u32::try_from(on_matrix.len()).expect("few"),
        20 + doubles,
    );
}
