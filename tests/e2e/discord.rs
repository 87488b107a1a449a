//! Discord: a relay between a channel, an MSN contact, and a Matrix room beside them.
//!
//! The program is the real one, and finds the loopback's Discord the way it would find the real one
//! from behind a proxy: `HTTPS_PROXY` and a certificate to trust.

mod files;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use fake_discord::{Bucket, FakeDiscord, Fault, permissions};
use msnp::{ChatId, Event, Events, Handle, Text};
use msnp_server::{Faults, MemoryDirectory, Network, Options, User};
use testkit::{MatrixUser, Port, Program, Seen, Synapse, install_tls, tail, wait_until};

use crate::support::{
    PROGRAM, SOON, hears, hostile_name, is_tame, msn_client, numbers, tells_nobody,
};

pub(crate) const TOKEN: &str = "MTE0.token-of_the.bot";
pub(crate) const ACCOUNT: &str = "bridge@example.com";
pub(crate) const PASSWORD: &str = "battery staple";
pub(crate) const BOB: &str = "bob@example.com";
pub(crate) const CAROL: &str = "carol@example.com";
/// Of a name that deceives.
const DAVE: &str = "dave@example.com";

/// A Discord, an MSN network, and a bridge with one relay between them.
pub(crate) struct World {
    pub(crate) network: Network,
    /// What the MSN network does wrong.
    pub(crate) misdeeds: Faults,
    pub(crate) discord: FakeDiscord,
    pub(crate) channel: u64,
    pub(crate) grace: u64,
    /// Where the bridge finds the notification server.
    pub(crate) msn_at: SocketAddr,
    /// Where the bridge finds Discord.
    pub(crate) discord_at: SocketAddr,
    /// More of the configuration: a Matrix side, and rooms of the relay.
    pub(crate) more: String,
    /// Who may do what.
    pub(crate) permissions: &'static str,
    /// How much the program says.
    pub(crate) level: &'static str,
    contacts: &'static [&'static str],
    pub(crate) rooms: Vec<String>,
    pub(crate) bridge: Option<Program>,
    pub(crate) home: tempfile::TempDir,
}

impl World {
    /// Makes one that is not started.
    pub(crate) async fn prepared(contacts: &'static [&'static str]) -> Self {
        install_tls();
        let home = tempfile::tempdir().expect("a temporary directory");
        let people = MemoryDirectory::new(vec![
            // Nobody is on the account's list yet: the bridge sees to that.
            User::new(ACCOUNT, PASSWORD, "The bridge", &[]),
            User::new(BOB, "hunter2", "Bob ☃ Smith", &[ACCOUNT]),
            User::new(CAROL, "hunter2", "Carol", &[ACCOUNT]),
            User::new(DAVE, "hunter2", &hostile_name(), &[ACCOUNT]),
        ]);
        let options = Options::default();
        let misdeeds = options.faults.clone();
        let network = Network::bind(people, options).await.expect("the loopback is free");
        let discord = FakeDiscord::start(TOKEN).await.expect("the loopback is free");
        discord.bucket(Bucket { limit: 5, window: Duration::from_millis(300) });
        let (channel, grace) = (discord.channel("lounge"), discord.person("grace"));
        discord.nickname(grace, "Amazing Grace");
        fs::write(home.path().join("token"), format!("{TOKEN}\n")).expect("it is written");
        fs::write(home.path().join("password"), format!("{PASSWORD}\n")).expect("it is written");
        discord.write_authority(&home.path().join("ca.pem")).expect("it is written");
        let (more, rooms, bridge) = (String::new(), Vec::new(), None);
        let level = "trace"; // everything the program may say: none of it may be a secret
        let permissions = "\"*\" = \"user\"";
        let (msn_at, discord_at) = (network.addresses().notification, discord.front());
        Self {
            network,
            misdeeds,
            discord,
            channel,
            grace,
            msn_at,
            discord_at,
            more,
            permissions,
            level,
            contacts,
            rooms,
            bridge,
            home,
        }
    }

    pub(crate) async fn new(contacts: &'static [&'static str]) -> Self {
        let mut world = Self::prepared(contacts).await;
        world.start().await;
        world
    }

    fn config(&self) -> PathBuf {
        self.home.path().join("config.toml")
    }

    pub(crate) fn write_config(&self) {
        let text = format!(
            "[bridge]\ndata_dir = {:?}\nrelay_notice = false\n\
             [[msn.server]]\nname = \"test\"\naddress = \"{}\"\nnexus_url = \"{}\"\n\
             [discord]\ntoken_file = {:?}\n\
             [[relay]]\nname = \"lounge\"\naccount = \"{ACCOUNT}\"\npassword_file = {:?}\n\
             contacts = {:?}\ndiscord = [\"{}\"]\nmatrix = {:?}\n\
             [permissions]\n{}\n{}",
            self.home.path().join("data"),
            self.msn_at,
            self.network.nexus_url(),
            self.home.path().join("token"),
            self.home.path().join("password"),
            self.contacts,
            self.channel,
            self.rooms,
            self.permissions,
            self.more,
        );
        fs::write(self.config(), text).expect("it is written");
    }

    fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("HTTPS_PROXY", format!("http://{}", self.discord_at)),
            ("SSL_CERT_FILE", self.home.path().join("ca.pem").display().to_string()),
            ("RUST_LOG", self.level.to_owned()),
        ]
    }

    pub(crate) async fn start(&mut self) {
        self.write_config();
        self.launch();
        self.is_up().await;
    }

    pub(crate) fn launch(&mut self) {
        let config = self.config().display().to_string();
        let arguments = ["run", "-c", &config];
        let started = Program::start_with(
            Path::new(PROGRAM),
            &arguments,
            &self.environment(),
            &self.log_file(),
        );
        self.bridge = Some(started.expect("it starts"));
    }

    /// Waits until both sides are there and the channel is listened to.
    async fn is_up(&mut self) {
        let before = self.discord.requests("GET /channels/{}/messages");
        let mut tries = 0;
        while !(self.discord.is_connected()
            && self.discord.requests("GET /channels/{}/messages") > before
            && self.log().contains("state=Connected"))
        {
            let running = self
                .bridge
                .as_mut()
                .is_some_and(|bridge| bridge.is_running().expect("it is known"));
            assert!(running && tries < 1500, "{}", tail(&self.log_file()));
            tries += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(&mut self) {
        let clean = self.bridge.take().expect("it runs").stop().await;
        assert!(clean, "{}", tail(&self.log_file()));
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.home.path().join("bridge.log")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub(crate) async fn person(&self, address: &str) -> (Handle, Events) {
        msn_client(&self.network, address, "hunter2").await
    }

    pub(crate) fn grace_says(&self, words: &str) -> u64 {
        self.discord.say(self.channel, self.grace, words)
    }

    /// Waits until the channel shows some words; gives who said them.
    pub(crate) async fn shows(&self, words: &str) -> String {
        wait_until(SOON, &format!("the channel shows {words:?}"), || async {
            let messages = self.discord.messages(self.channel);
            messages
                .into_iter()
                .find(|message| message.content == words)
                .map(|message| message.name)
        })
        .await
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.write_config();
        let mut command = tokio::process::Command::new(PROGRAM);
        command.args(arguments).arg("-c").arg(self.config());
        command.envs(self.environment()).env_remove("RUST_LOG").output().await.expect("it runs")
    }

    /// No secret reached the log or the data directory, and the log names nobody.
    pub(crate) fn keeps_its_secrets(&self) {
        let secrets = [TOKEN, PASSWORD, "hook-token-", "ticket-"];
        let people = [ACCOUNT, BOB, CAROL, "Bob ☃", "Amazing", "hunter2"];
        tells_nobody(&self.log_file(), &self.home.path().join("data"), &secrets, &people);
        assert!(!self.log().contains("cannot be read"), "serenity could not read an event");
    }
}

/// Says something to the bridge's account, again until the account is there to hear it.
pub(crate) async fn says(person: &Handle, words: &str) {
    wait_until(SOON, "the account is online", || async {
        person.send_text(&ChatId::with(ACCOUNT), Text::plain(words)).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_channel_and_a_contact_talk_and_go_on_after_a_restart() {
    let mut world = World::new(&[BOB]).await;
    let (bob, mut bob_hears) = world.person(BOB).await;
    for round in ["first", "second"] {
        says(&bob, &format!("hello {round}")).await;
        assert_eq!(world.shows(&format!("hello {round}")).await, "Bob ☃ Smith");
        world.grace_says(&format!("**hi** {round} @everyone"));
        hears(&mut bob_hears, &format!("Amazing Grace: hi {round} @everyone")).await;
        // What nobody said is no echo: the next line is the next thing Bob hears.
        says(&bob, "x *y* @everyone").await;
        world.grace_says(&format!("end of {round}"));
        let next = hears(&mut bob_hears, "").await;
        let Event::Message { text, .. } = next else { panic!("a message") };
        assert_eq!(text.words, format!("Amazing Grace: end of {round}"));
        if round == "first" {
            world.stop().await;
            world.grace_says("said meanwhile");
            world.start().await;
            hears(&mut bob_hears, "Amazing Grace: said meanwhile").await;
        }
    }
    let called =
        |message: &fake_discord::Message| message.webhook.is_some() && message.mention_everyone;
    assert!(!world.discord.messages(world.channel).iter().any(called));
    assert_eq!(world.discord.webhooks(world.channel).len(), 1);
    assert_eq!(world.discord.requests("POST /channels/{}/webhooks"), 1);
    // What cannot arrive is said.
    bob.sign_out().await;
    bob_hears.finish().await;
    let lost = world.grace_says("are you there?");
    wait_until(SOON, "Grace is told", || async {
        let messages = world.discord.messages(world.channel);
        messages.into_iter().find(|message| message.reply_to == Some(lost))
    })
    .await;
    // A command, and a password nobody asked for.
    for (line, answer) in [
        ("login", "I take no passwords on Discord"),
        ("hunter2-typed-all-the-same", "delete your message now"),
    ] {
        let direct = world.discord.whisper(world.grace, line);
        wait_until(SOON, answer, || async {
            let messages = world.discord.messages(direct);
            messages.iter().any(|message| message.content.contains(answer)).then_some(())
        })
        .await;
    }
    world.stop().await;
    world.keeps_its_secrets();
    // Nor do words anybody said, at any level.
    for words in ["hunter2-typed", "hello first", "end of second", "said meanwhile"] {
        assert!(!world.log().contains(words), "{words:?} is in the log");
    }
}

#[tokio::test]
async fn a_hostile_name_does_no_harm_in_a_channel_and_to_a_partner() {
    let mut world = World::new(&[BOB, DAVE]).await;
    let (bob, mut bob_hears) = world.person(BOB).await;
    let (dave, dave_hears) = world.person(DAVE).await;
    says(&dave, "hi").await;
    let name = world.shows("hi").await;
    is_tame(&name);
    assert!(name.chars().count() <= 80 && name.contains("evil"), "{name:?}");
    // To those on MSN his name stands before what he says.
    let Event::Message { text, .. } = hears(&mut bob_hears, ": hi").await else {
        panic!("a message")
    };
    text.words.lines().for_each(is_tame);
    assert_eq!(text.words.lines().count(), 1, "{:?}", text.words);
    // What cannot reach him is said under his name.
    dave.sign_out().await;
    dave_hears.finish().await;
    let lost = world.grace_says("are you there?");
    hears(&mut bob_hears, "are you there?").await;
    let told = wait_until(SOON, "Grace is told", || async {
        let messages = world.discord.messages(world.channel);
        messages.into_iter().find(|message| message.reply_to == Some(lost))
    })
    .await;
    assert!(!told.mention_everyone && told.content.contains("is not online"), "{told:?}");
    is_tame(&told.content);
    let called = |message: &fake_discord::Message| message.mention_everyone;
    assert!(!world.discord.messages(world.channel).iter().any(called));
    bob.sign_out().await;
    world.stop().await;
    world.keeps_its_secrets();
}

#[tokio::test]
async fn killed_under_traffic_nothing_accepted_is_lost_or_doubled_on_discord() {
    let mut world = World::new(&[BOB]).await;
    let (bob, mut bob_hears) = world.person(BOB).await;
    says(&bob, "first").await;
    world.shows("first").await;
    let talker = tokio::spawn(async move {
        let (mut sent, mut failed) = (0_u32, 0_u32);
        for number in 1..=60_u32 {
            let text = Text::plain(format!("bob {number}"));
            match bob.send_text(&ChatId::with(ACCOUNT), text).await {
                Ok(()) => sent += 1,
                Err(_) => failed += 1,
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        (bob, sent, failed)
    });
    for number in 1..=12_u32 {
        world.grace_says(&format!("grace {number}"));
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    world.bridge.take().expect("it runs").kill().expect("it is killed");
    for number in 13..=20_u32 {
        world.grace_says(&format!("grace {number}"));
    }
    world.launch();
    let (bob, sent, failed) = talker.await.expect("Bob talks to the end");
    says(&bob, "last").await;
    world.shows("last").await;

    // Everything accepted from MSN is on Discord: in order, once, though webhooks have no keys.
    let shown = world.discord.messages(world.channel).into_iter().map(|message| message.content);
    let on_discord = numbers(shown, "bob ");
    assert!(on_discord.is_sorted_by(|a, b| a < b), "in order and once: {on_discord:?}");
    let from_msn = world
        .log()
        .lines()
        .filter(|line| {
            line.contains("event accepted")
                && line.contains("network=msn")
                && !line.contains("kind=\"delivery\"")
        })
        .count();
    // `first`, `last`, and what was committed just before the log line was written.
    assert!(on_discord.len() + 2 >= from_msn, "{} of {from_msn} accepted", on_discord.len());

    // Everything Grace said is on MSN: in order, doubles marked, what was said meanwhile too.
    let mut heard = Vec::new();
    let all = async {
        while !heard.iter().any(|line: &String| line.contains("grace 20")) {
            if let Some(Event::Message { text, .. }) = bob_hears.next().await {
                heard.push(text.words);
            }
        }
    };
    tokio::time::timeout(SOON, all).await.unwrap_or_else(|_| panic!("{heard:?}"));
    let marked = heard.iter().filter(|line| line.contains("(maybe said before)")).count();
    let mut on_msn = numbers(heard, "Amazing Grace: grace ");
    assert!(on_msn.is_sorted(), "{on_msn:?}");
    let doubles = on_msn.len() - 20;
    on_msn.dedup();
    assert_eq!(on_msn, (1..=20).collect::<Vec<_>>());
    assert!(marked >= doubles, "{doubles} doubles, {marked} marked");
    assert_eq!(world.discord.requests("POST /channels/{}/webhooks"), 1);
    println!(
        "MSN to Discord: {sent} acknowledged by the MSN server, {failed} refused by it, {} on \
         Discord, each once; Discord to MSN: 20 said, {} heard, {marked} marked as perhaps double",
        on_discord.len(),
        20 + doubles,
    );
    world.stop().await;
    world.keeps_its_secrets();
}

#[tokio::test]
async fn three_networks_see_each_other_once_and_in_order() {
    let mut world = World::prepared(&[BOB, CAROL]).await;
    // A homeserver that knows the bridge, and a room whose id the relay names.
    let port = Port::reserve();
    let matrix = |homeserver: &str| {
        format!(
            "[matrix]\nhomeserver = \"{homeserver}\"\ndomain = \"example.test\"\nlisten = \"127.0.0.1:{}\"\n",
            port.number()
        )
    };
    world.more = matrix("http://127.0.0.1:9");
    let printed = world.run(&["registration"]).await;
    let registration = world.home.path().join("registration.yaml");
    fs::write(&registration, printed.stdout).expect("it is written");
    let synapse = Synapse::start(&[registration]).await.unwrap_or_else(|error| panic!("{error}"));
    synapse.register_user("ada", "secret").await.expect("a new user");
    let ada = MatrixUser::sign_in(&synapse.url(), "ada", "secret").await.expect("she signs in");
    let room = ada.new_room("Lounge").await.expect("a room");
    world.more = matrix(&synapse.url());
    world.rooms = vec![room.to_string()];
    world.start().await;
    let bot = format!("@msnbot:{}", synapse.server_name());
    ada.invite(&room, bot.as_str().try_into().expect("a user id")).await.expect("it is invited");
    ada.hears("Here I listen to what begins with").await;
    let (bob, mut bob_hears) = world.person(BOB).await;
    let (carol, mut carol_hears) = world.person(CAROL).await;

    // Each says ten lines in turn; everybody else hears all of them.
    for number in 1..=10_u32 {
        says(&bob, &format!("bob {number}")).await;
        world.grace_says(&format!("grace {number}"));
        ada.say(&room, &format!("ada {number}")).await.expect("it is sent");
        says(&carol, &format!("carol {number}")).await;
    }
    let wanted: Vec<u32> = (1..=10).collect();
    for (events, speakers) in [
        (&mut bob_hears, ["Amazing Grace: grace ", "ada: ada ", "Carol: carol "]),
        (&mut carol_hears, ["Amazing Grace: grace ", "ada: ada ", "Bob ☃ Smith: bob "]),
    ] {
        let mut heard = Vec::new();
        let all = async {
            while heard.len() < 30 {
                if let Some(Event::Message { text, .. }) = events.next().await {
                    heard.push(text.words);
                }
            }
        };
        tokio::time::timeout(SOON, all).await.unwrap_or_else(|_| panic!("{heard:?}"));
        for speaker in speakers {
            assert_eq!(numbers(heard.clone(), speaker), wanted, "{speaker}");
        }
    }
    for speaker in ["bob", "ada", "carol"] {
        world.shows(&format!("{speaker} 10")).await;
        let shown =
            world.discord.messages(world.channel).into_iter().map(|message| message.content);
        assert_eq!(numbers(shown, &format!("{speaker} ")), wanted, "{speaker} on Discord");
    }
    for (speaker, ghost, name) in [
        ("bob", "@msn_bob=40example.com:example.test".to_owned(), "Bob ☃ Smith"),
        ("carol", "@msn_carol=40example.com:example.test".to_owned(), "Carol"),
        ("grace", format!("@msn_discord_{}:example.test", world.grace), "Amazing Grace"),
    ] {
        let last = ada.hears(&format!("{speaker} 10")).await;
        let Seen::Message { sender, name: shown, .. } = last else { panic!("a message") };
        assert_eq!((sender.to_string(), shown.as_deref()), (ghost, Some(name)));
        let said = ada.all().into_iter().filter_map(|seen| match seen {
            Seen::Message { body, .. } => Some(body),
            _ => None,
        });
        assert_eq!(numbers(said, &format!("{speaker} ")), wanted, "{speaker} on Matrix");
    }
    world.stop().await;
    world.keeps_its_secrets();
}

#[tokio::test]
async fn the_check_says_what_discord_lacks_and_how_to_invite_the_bot() {
    let world = World::prepared(&[BOB]).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fine = world.run(&["check", "--online"]).await;
    let said = text(&fine.stdout);
    assert_eq!(fine.status.code(), Some(0), "{said} {}", text(&fine.stderr));
    let invitation = format!(
        "invite it with https://discord.com/oauth2/authorize?client_id={}&scope=bot&permissions=",
        world.discord.application()
    );
    assert!(said.contains(&invitation) && said.contains("#lounge can be used"), "{said}");

    world.discord.message_content(false);
    world.discord.deny(world.channel, permissions::MANAGE_WEBHOOKS);
    let lacking = world.run(&["check", "--online"]).await;
    let said = text(&lacking.stderr);
    assert_eq!(lacking.status.code(), Some(1), "{said}");
    assert!(
        said.contains("\"Message Content Intent\"") && said.contains("\"Manage Webhooks\""),
        "{said}"
    );
    assert!(said.contains("2 problems found online"), "{said}");

    world.discord.fault("GET /oauth2/applications/@me", Fault::bad_gateway());
    let away = world.run(&["check", "--online"]).await;
    assert_eq!(away.status.code(), Some(5), "{}", text(&away.stderr));
    world.discord.change_token("another");
    let refused = world.run(&["check", "--online"]).await;
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(4) && said.contains("token"), "{said}");
    assert!(!said.contains(TOKEN));
    let refused = world.run(&["run"]).await;
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
}
