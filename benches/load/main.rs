//! Many accounts at once: a core with a store between an MSN network and a platform that takes
//! everything, messages both ways, counted one by one.
//!
//! `cargo xtask load [--puppets N] [--messages N]` runs it large; as a test it is small. The network and
//! the contacts are a process of their own, so that what is measured is the bridge alone. Each message
//! bears a number of its chat and the time it was said; 64 are under way each way.

mod figures;
#[path = "../shared/msn.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod msn;
mod network;
#[path = "../shared/sink.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod sink;
mod workers;

use std::{
    process::{ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use bridge_core::{
    Core, CoreConfig, Inbox, LoginState, Parts, Relay, SealKey,
    id::{MessageId, NetworkId, PersonaId, RoomId, SourceId, Timestamp},
    model::{Content, Event, EventKind, Persona, Scope},
    store::Store as _,
};
use bridge_store::{DiskStore, StoreOptions};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use figures::{Memory, Side};
use sink::Sink;
use workers::{Workers, line};

/// Contacts of each account.
const CONTACTS: usize = 5;
/// How long accounts may take to sign in, each.
const SIGN_IN: Duration = Duration::from_millis(500);

/// How large a run is.
#[derive(Clone, Copy)]
struct Size {
    puppets: usize,
    /// Messages of both ways.
    messages: usize,
}

impl Size {
    fn chats(self) -> usize {
        self.puppets * CONTACTS
    }

    /// Messages of each chat, each way.
    fn rounds(self) -> usize {
        self.messages / 2 / self.chats()
    }
}

fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let found = words.iter().skip_while(|word| *word != name).nth(1);
        found.and_then(|text| text.parse::<usize>().ok())
    };
    let large = words.iter().any(|word| word == "--bench");
    // Among other tests this one may be left out by its name, or asked only what it is.
    let filter = words.iter().find(|word| !word.starts_with('-') && word.parse::<u64>().is_err());
    if !large && filter.is_some_and(|filter| !"load".contains(filter.as_str()))
        || words.iter().any(|word| word == "--list")
    {
        return ExitCode::SUCCESS;
    }
    let usual = if large { (1000, 200_000) } else { (50, 5000) };
    let size = Size {
        puppets: value("--puppets").unwrap_or(usual.0),
        messages: value("--messages").unwrap_or(usual.1),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    if words.iter().any(|word| word == "--network") {
        runtime.block_on(network::run(size));
        return ExitCode::SUCCESS;
    }
    if runtime.block_on(load(size)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn puppet(number: usize) -> String {
    format!("puppet-{number}@example.com")
}

fn contact(chat: usize) -> String {
    format!("contact-{chat}@example.com")
}

fn room(chat: usize) -> RoomId {
    RoomId::new(chat.to_string())
}

/// The process that holds the network and the contacts.
struct Others {
    child: Child,
    say: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Others {
    fn start(size: Size) -> Self {
        let program = std::env::current_exe().expect("this program has a file");
        let mut child = Command::new(program)
            .arg("--network")
            .args(["--puppets", &size.puppets.to_string()])
            .args(["--messages", &size.messages.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let say = child.stdin.take().expect("it is a pipe");
        let hear = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, say, hear }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.hear.read_line(&mut line).await.expect("it speaks");
        assert!(!line.is_empty(), "the network's process ended");
        line.trim_end().to_owned()
    }
}

async fn load(size: Size) -> bool {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut others = Others::start(size);
    let place = others.line().await;
    let (notification, nexus) = place.split_once(' ').expect("two addresses");
    let place = (notification.to_owned(), nexus.to_owned());

    let workers = Arc::new(Workers::new(size));
    let side = Arc::new(Side::new(size));
    let (heard, mut tell) = tokio::sync::mpsc::channel::<usize>(4096);
    let sink = {
        let side = Arc::clone(&side);
        Sink::new("null", move |room, item| {
            let EventKind::Message(content) = &item.event.kind else { return };
            let chat = room.as_str().parse().expect("rooms are numbers");
            side.take(chat, &content.text.plain);
            heard.try_send(chat).expect("fewer are under way");
        })
    };
    let store = DiskStore::open(&home.path().join("store"), StoreOptions::default());
    let store = Arc::new(store.expect("it opens"));
    let mut core = open(size, &place, Arc::clone(&store), sink).await;
    let before = Memory::now();
    let began = Instant::now();
    core.start().await.expect("it starts");
    signed_in(&core, size).await;
    let (idle, sign_in) = (Memory::now(), began.elapsed());

    let memory = figures::watch();
    let Others { mut child, mut say, mut hear } = others;
    let telling = tokio::spawn(async move {
        say.write_all(b"begin\n").await.expect("it listens");
        let mut lines = String::new();
        while let Some(chat) = tell.recv().await {
            lines.push_str(&format!("{chat}\n"));
            while let Ok(chat) = tell.try_recv() {
                lines.push_str(&format!("{chat}\n"));
            }
            say.write_all(lines.as_bytes()).await.expect("it listens");
            lines.clear();
        }
    });
    let hearing = {
        let workers = Arc::clone(&workers);
        tokio::spawn(async move {
            let mut line = String::new();
            loop {
                line.clear();
                assert!(hear.read_line(&mut line).await.expect("it speaks") > 0, "it ended early");
                match line.trim_end().parse() {
                    Ok(chat) => workers.heard(chat),
                    Err(_) => return line,
                }
            }
        })
    };
    let began = Instant::now();
    let inbox = core.inbox();
    workers
        .run(async |chat, number| {
            accept(&*inbox, chat, number).await;
        })
        .await;
    let other_side = hearing.await.expect("it listens to the end");
    let took = began.elapsed();
    let drained = core.drain(Duration::from_secs(60)).await;
    let (peak, grown) = memory.end();
    let busy = Memory::now();
    let status = core.status();
    let syncs = store.stats().await.map(|stats| stats.syncs).unwrap_or_default();
    core.stop(Duration::from_secs(20)).await;
    telling.abort();
    child.kill().await.expect("it is ended");
    store.close().await.expect("it closes");

    let to_rooms = side.summary();
    let fine = drained
        && to_rooms.is_whole()
        && other_side.trim_start().starts_with("0 lost, 0 doubled, 0 out of order");
    println!(
        "load: {} puppets, {} contacts, {} messages each way in {:.1} s ({:.0} a second), {syncs} syncs, {} rows \
         left",
        size.puppets,
        size.chats(),
        size.chats() * size.rounds(),
        took.as_secs_f64(),
        figures::number(2 * size.chats() * size.rounds()) / took.as_secs_f64(),
        status.waiting_rows,
    );
    println!("load: MSN to rooms: {to_rooms}");
    println!("load: rooms to MSN: {}", other_side.trim_end());
    println!(
        "load: all signed in after {:.1} s; memory {} before, {} idle ({:.1} KiB a puppet), {} after, {} at \
         most, {:+.2} KiB per 1000 messages in the second half; {} file descriptors idle, {} with \
         all chats open",
        sign_in.as_secs_f64(),
        before,
        idle,
        idle.kibibytes_above(&before) / figures::number(size.puppets),
        busy,
        peak,
        grown * 1000.0 / figures::number(size.chats() * size.rounds()),
        idle.descriptors,
        busy.descriptors,
    );
    fine
}

async fn open(size: Size, place: &(String, String), store: Arc<DiskStore>, sink: Sink) -> Core {
    let mut parts = Parts { adapters: vec![Arc::new(sink)], ..Parts::default() };
    for number in 0..size.puppets {
        let chats = number * CONTACTS..(number + 1) * CONTACTS;
        let contacts: Vec<String> = chats.clone().map(contact).collect();
        let own = msn::own_account(place, &puppet(number), &contacts);
        let login = own.puppet.login().clone();
        parts.accounts.push(own.puppet);
        for (chat, (id, peer)) in chats.zip(own.chats) {
            parts.relays.push(Relay {
                name: chat.to_string(),
                chats: vec![(login.clone(), id, peer)],
                rooms: vec![(NetworkId::new("null"), room(chat))],
            });
        }
    }
    let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
    Core::open(store, key, CoreConfig::default(), parts).await.expect("it opens")
}

async fn signed_in(core: &Core, size: Size) {
    let end = Instant::now()
        + Duration::from_secs(20)
        + SIGN_IN * u32::try_from(size.puppets).unwrap_or(u32::MAX);
    loop {
        let logins = core.status().logins;
        let away = logins.iter().filter(|login| login.state != LoginState::Connected).count();
        if away == 0 && logins.len() == size.puppets {
            return;
        }
        assert!(Instant::now() < end, "{away} are not signed in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Says something in a room, as its platform would.
async fn accept(inbox: &dyn Inbox, chat: usize, number: usize) {
    let network = NetworkId::new("null");
    let name = format!("{chat}-{number}");
    let event = Event {
        network: network.clone(),
        source: SourceId::new(name.as_str()),
        message: Some(MessageId::new(name)),
        at: Timestamp::now(),
        scope: Scope::Room(room(chat)),
        sender: Persona { network, id: PersonaId::new("ada"), name: None },
        kind: EventKind::Message(Content::plain(line(number))),
    };
    inbox.accept_all(vec![event], None).await.expect("it is accepted");
}
