//! What the bridge adds to a homeserver's own time: a message each way, many at once, and beside the presence
//! of a thousand contacts. The program itself, a real Synapse, the embedded MSN network.

mod ada;
mod bare;
#[path = "../shared/mod.rs"]
mod shared;

use std::{
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use msnp::{ChatId, Event, Events, Handle, Status, Text};
use msnp_server::{MemoryDirectory, Network, Options, User};
use testkit::{Port, Program, Synapse, answers_well};
use tokio::task::JoinSet;

use ada::Ada;
use bare::Bare;
use shared::{median, ratio, report};

/// The program as it was built.
const PROGRAM: &str = env!("CARGO_BIN_EXE_msn-bridge");
/// Warm-up, then pairs, of single messages.
const SINGLE: (usize, usize) = (10, 60);
/// Rounds of many messages, and how many.
const MANY: (usize, usize) = (7, 100);
/// Contacts whose presence changes, and how long after each other.
const CONTACTS: usize = 1000;
const CHANGE_EVERY: Duration = Duration::from_millis(10);
/// Contacts among them who have a room.
const ROOMS: usize = 100;
/// Between blocks, for what is paced.
const SETTLING: Duration = Duration::from_secs(3);
/// Blocks of messages with and without the changes, and how long a block is.
const BLOCKS: (usize, usize) = (15, 10);
/// How long anything may take.
const SOON: Duration = Duration::from_secs(60);

const ACCOUNT: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const ADA: &str = "@ada:example.test";

/// All parts at work, and a conversation that is open.
struct World {
    network: Network,
    ada: Ada,
    bare: Bare,
    bob: Handle,
    bob_hears: Events,
    portal: String,
    bare_room: String,
    bridge: Program,
    _synapse: Synapse,
    _port: Port,
    _home: tempfile::TempDir,
}

fn main() {
    testkit::install_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new().await;
        single(&mut world).await;
        many(&mut world).await;
        beside_presence(&mut world).await;
        assert!(world.bridge.stop().await, "it ends well");
        world.network.shutdown().await;
    });
}

/// One message each way, against the same without a bridge.
async fn single(world: &mut World) {
    let (mut to_matrix, mut to_msn) = (Vec::new(), Vec::new());
    for number in 0..SINGLE.0 + SINGLE.1 {
        let bare = world.ghost_to_sync(&format!("ghost{number}")).await;
        to_matrix.push(ratio(world.msn_to_sync(&format!("bob{number}")).await, bare));
        let bare = world.put_to_transaction(&format!("bare{number}")).await;
        to_msn.push(ratio(world.put_to_msn(&format!("ada{number}")).await, bare));
    }
    report("msn_to_sync", median(to_matrix.split_off(SINGLE.0)), 1.25);
    report("matrix_to_msn", median(to_msn.split_off(SINGLE.0)), 1.25);
}

/// Many messages one after the other, against a loop of bare requests.
async fn many(world: &mut World) {
    let mut ratios = Vec::new();
    for round in 0..MANY.0 {
        let began = Instant::now();
        for number in 0..MANY.1 {
            world.bare.say(&world.bare_room, &format!("loop{round}x{number}.")).await;
        }
        let last = format!("loop{round}x{}.", MANY.1 - 1);
        let bare = world.ada.sees(&last).await.at - began;
        let began = Instant::now();
        for number in 0..MANY.1 {
            world.bob_says(&format!("flow{round}x{number}.")).await;
        }
        let last = format!("flow{round}x{}.", MANY.1 - 1);
        ratios.push(ratio(world.ada.sees(&last).await.at - began, bare));
    }
    // 0.9 of its messages in a second.
    report("sustained_to_matrix", median(ratios), 1.0 / 0.9);
}

/// Messages while a thousand contacts come and go, against the same in quiet.
async fn beside_presence(world: &mut World) {
    let contacts = sign_in_contacts(world).await;
    for (number, (handle, _)) in contacts.iter().enumerate().take(ROOMS) {
        let words = format!("contact{number}.");
        handle.send_text(&ChatId::with(ACCOUNT), Text::plain(&words)).await.expect("taken");
        world.ada.sees(&words).await;
    }
    let contacts: Vec<Handle> = contacts
        .into_iter()
        .map(|(handle, events)| {
            tokio::spawn(drain(events));
            handle
        })
        .collect();
    let contacts = Arc::new(contacts);
    let mut ratios = Vec::new();
    for block in 0..BLOCKS.0 {
        let quiet = world.block(&format!("quiet{block}x")).await;
        let changing = tokio::spawn(change(Arc::clone(&contacts), block * CONTACTS));
        let loud = world.block(&format!("loud{block}x")).await;
        changing.abort();
        ratios.push(loud / quiet);
        tokio::time::sleep(SETTLING).await;
    }
    report("beside_presence_of_1000", median(ratios), 1.1);
}

/// Signs all contacts in, fifty at a time.
async fn sign_in_contacts(world: &World) -> Vec<(Handle, Events)> {
    let server = world.network.addresses().notification.to_string();
    let mut contacts = Vec::new();
    for numbers in (0..CONTACTS).collect::<Vec<_>>().chunks(50) {
        let mut signing_in = JoinSet::new();
        for number in numbers.iter().copied() {
            let server = server.clone();
            signing_in.spawn(async move { sign_in(&server, &contact(number)).await });
        }
        contacts.extend(signing_in.join_all().await);
    }
    contacts
}

async fn drain(mut events: Events) {
    while events.next().await.is_some() {}
}

/// Changes one contact's presence after the other.
async fn change(contacts: Arc<Vec<Handle>>, from: usize) {
    let mut tick = tokio::time::interval(CHANGE_EVERY);
    for (number, contact) in contacts.iter().cycle().enumerate() {
        tick.tick().await;
        let busy = ((from + number) / CONTACTS).is_multiple_of(2);
        let status = if busy { Status::Busy } else { Status::Online };
        contact.set_status(status).await.expect("it is taken");
    }
}

impl World {
    async fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let network = Network::bind(people(), Options::default());
        let network = network.await.expect("the loopback is free");
        let port = Port::reserve();
        let listen = format!("127.0.0.1:{}", port.number());
        let config = home.path().join("config.toml");
        let registration = home.path().join("registration.yaml");
        write_config(&config, &network, &listen, "http://127.0.0.1:9");
        let printed = Command::new(PROGRAM).args(["registration", "-c"]).arg(&config).output();
        fs::write(&registration, printed.expect("it runs").stdout).expect("it is written");
        let other = home.path().join("bare.yaml");
        let mut bare = Bare::start(&other).await;
        let synapse =
            Synapse::start(&[registration, other]).await.unwrap_or_else(|error| panic!("{error}"));
        write_config(&config, &network, &listen, &synapse.url());
        synapse.register_user("ada", "secret").await.expect("a new user");
        let mut ada = Ada::sign_in(&synapse.url()).await;
        let bare_room = bare.room_with(&synapse.url(), ADA).await;
        let log = home.path().join("bridge.log");
        let config = config.display().to_string();
        let arguments = ["run", "-c", &config];
        let loud = [("RUST_LOG", "warn".to_owned())];
        let bridge = Program::start_with(Path::new(PROGRAM), &arguments, &loud, &log);
        let bridge = bridge.expect("it starts");
        let ready = format!("http://{listen}/_matrix/mau/ready");
        testkit::wait_until(SOON, "the bridge is ready", || async {
            answers_well(&ready).await.then_some(())
        })
        .await;
        let room = ada.direct_chat_with("@msnbot:example.test").await;
        for (answer, line) in
            [("Say `login`", "login"), ("Which address", ACCOUNT), ("the password", "secret")]
        {
            ada.sees(answer).await;
            ada.say(&room, line).await;
        }
        ada.sees("Signed in as").await;
        let server = network.addresses().notification.to_string();
        let (bob, bob_hears) = sign_in(&server, BOB).await;
        let first = Text::plain("the first");
        testkit::wait_until(SOON, "Bob is heard", || async {
            bob.send_text(&ChatId::with(ACCOUNT), first.clone()).await.ok()
        })
        .await;
        let portal = ada.sees("the first").await.room;
        Self {
            network,
            ada,
            bare,
            bob,
            bob_hears,
            portal,
            bare_room,
            bridge,
            _synapse: synapse,
            _port: port,
            _home: home,
        }
    }

    async fn bob_says(&self, words: &str) {
        let sent = self.bob.send_text(&ChatId::with(ACCOUNT), Text::plain(words)).await;
        sent.expect("it is taken");
    }

    async fn msn_to_sync(&mut self, words: &str) -> Duration {
        let began = Instant::now();
        self.bob_says(words).await;
        self.ada.sees(words).await.at - began
    }

    /// What the middle one of some messages takes, in seconds.
    async fn block(&mut self, name: &str) -> f64 {
        let mut took = Vec::new();
        for number in 0..BLOCKS.1 {
            took.push(self.msn_to_sync(&format!("{name}{number}.")).await.as_secs_f64());
        }
        median(took)
    }

    async fn ghost_to_sync(&mut self, words: &str) -> Duration {
        let began = self.bare.say(&self.bare_room, words).await;
        self.ada.sees(words).await.at - began
    }

    async fn put_to_msn(&mut self, words: &str) -> Duration {
        let saying = self.ada.say(&self.portal, words);
        let hearing = async {
            loop {
                let event = self.bob_hears.next().await.expect("it goes on");
                if matches!(&event, Event::Message { text, .. } if text.words == words) {
                    return Instant::now();
                }
            }
        };
        let (began, heard) = tokio::join!(saying, hearing);
        heard - began
    }

    async fn put_to_transaction(&mut self, words: &str) -> Duration {
        let (began, heard) =
            tokio::join!(self.ada.say(&self.bare_room, words), self.bare.hears(words));
        heard - began
    }
}

fn contact(number: usize) -> String {
    format!("contact{number}@example.com")
}

fn people() -> MemoryDirectory {
    let contacts: Vec<String> = (0..CONTACTS).map(contact).collect();
    let listed: Vec<&str> = contacts.iter().map(String::as_str).chain([BOB]).collect();
    let mut users = vec![
        User::new(ACCOUNT, "secret", "Ada", &listed),
        User::new(BOB, "secret", "Bob", &[ACCOUNT]),
    ];
    users.extend(contacts.iter().map(|name| User::new(name, "secret", "Contact", &[ACCOUNT])));
    MemoryDirectory::new(users)
}

async fn sign_in(server: &str, account: &str) -> (Handle, Events) {
    let config = msnp::Config::new(server.to_owned(), account, "secret".to_owned().into());
    msnp::connect(config).await.expect("it signs in")
}

fn write_config(path: &Path, network: &Network, listen: &str, homeserver: &str) {
    let text = format!(
        "[bridge]\ndata_dir = {:?}\n\
         [[msn.server]]\nname = \"test\"\naddress = \"{}\"\nnexus_url = \"{}\"\nservices_url = \"{}\"\n\
         [matrix]\nhomeserver = \"{homeserver}\"\ndomain = \"example.test\"\nlisten = \"{listen}\"\n\
         [permissions]\n\"*:example.test\" = \"user\"\n",
        path.with_file_name("data"),
        network.addresses().notification,
        network.nexus_url(),
        network.services_url(),
    );
    fs::write(path, text).expect("it is written");
}
