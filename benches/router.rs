//! The way through the router: from a line of MSN to a platform, and past a leg that is stalled.

#[path = "shared/echo.rs"]
mod echo;
#[path = "shared/msn.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod msn;
mod shared;
#[path = "shared/sink.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod sink;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bridge_core::{
    Core, CoreConfig, LoginState, Parts, Relay, SealKey,
    id::{MessageId, NetworkId, PersonaId, RoomId, SourceId, Timestamp},
    model::{Content, Event, EventKind, Persona, Scope},
    store::{
        BackupFacts, Batch, CommitError, Durability, Key, KeyRange, Store, StoreError, StoreStats,
        Value,
    },
};
use bridge_store::{DiskStore, StoreOptions};
use msnp_server::{MemoryDirectory, Network, Options, User};
use tokio::sync::mpsc;

use echo::Echo;
use shared::{median, ratio, report};
use sink::Sink;

/// Warm-up, then pairs.
const PAIRS: (usize, usize) = (50, 400);
/// Rows that wait behind the stalled leg.
const BACKLOG: usize = 500;

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        router_relaxed().await;
        stalled_leg().await;
    });
}

/// What a message of an MSN contact takes longer to a platform that takes it at once, with nothing
/// synced, than to a client of MSN, against a message of that length to a server on the loopback and
/// back.
async fn router_relaxed() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let people = MemoryDirectory::new(vec![
        User::new("bridge@example.com", "secret", "The bridge", &["bob@example.com"]),
        User::new("bob@example.com", "secret", "Bob", &["bridge@example.com", "carol@example.com"]),
        User::new("carol@example.com", "secret", "Carol", &["bob@example.com"]),
    ]);
    let network = Network::bind(people.clone(), Options::default()).await.expect("it binds");
    let (took, mut taken) = mpsc::channel(16);
    let sink = Sink::new("null", move |_, _| {
        took.try_send(Instant::now()).expect("one message is under way");
    });
    let addresses = (network.addresses().notification.to_string(), network.nexus_url());
    let own = msn::own_account(&addresses, "bridge@example.com", &["bob@example.com".to_owned()]);
    let room = (NetworkId::new("null"), RoomId::new("room"));
    let login = own.puppet.login().clone();
    let chats = own.chats.into_iter().map(|(chat, bob)| (login.clone(), chat, bob));
    let relay = Relay { name: "one".to_owned(), chats: chats.collect(), rooms: vec![room] };
    let parts = Parts {
        adapters: vec![Arc::new(sink)],
        accounts: vec![own.puppet],
        relays: vec![relay],
        ..Parts::default()
    };
    let store = Relaxed(open(&root.path().join("store")));
    let core = start(Arc::new(store), parts).await;
    while core.status().logins.iter().any(|login| login.state != LoginState::Connected) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut config =
        msnp::Config::new(&*addresses.0, "carol@example.com", "secret".to_owned().into());
    config.nexus_url = Some(addresses.1.clone());
    let (_carol, mut hears) = msnp::connect(config).await.expect("she signs in");
    let mut bob = msn::Contact::attach(Arc::new(people), "bob@example.com").await;
    bob.call("carol@example.com").await.expect("she comes");
    let to_carol = bob.talk();
    bob.call("bridge@example.com").await.expect("the bridge comes");
    let mut echo = Echo::start(msn::message("warm").len()).await;
    let mut ratios = Vec::new();
    for number in 0..PAIRS.0 + PAIRS.1 {
        let bare = echo.round().await;
        let words = format!("word {number}");
        let began = Instant::now();
        assert!(bob.say_in(to_carol, &words).await, "Carol is there");
        while !matches!(hears.next().await, Some(msnp::Event::Message { .. })) {}
        let client = began.elapsed();
        let began = Instant::now();
        assert!(bob.say(&words).await, "the bridge is there");
        let end = taken.recv().await.expect("the platform is there");
        ratios.push(ratio((end - began).saturating_sub(client), bare));
        core.drain(Duration::from_secs(5)).await;
    }
    report("router_relaxed", median(ratios.split_off(PAIRS.0)), 5.0);
    core.stop(Duration::from_secs(5)).await;
    network.shutdown().await;
}

/// A message to a healthy leg of a portal whose other leg answers nothing, against one to the same
/// leg of a portal where all is well.
async fn stalled_leg() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let (took, mut taken) = mpsc::channel(2 * BACKLOG);
    let healthy = Sink::new("healthy", move |_, _| {
        took.try_send(Instant::now()).expect("there is room for all");
    });
    let other = Sink::new("other", |_, _| {}).stalled_in("stalled");
    let relay = |name: &str| {
        let rooms = ["source", "healthy", "other"];
        Relay {
            name: name.to_owned(),
            chats: Vec::new(),
            rooms: rooms.map(|network| (NetworkId::new(network), RoomId::new(name))).to_vec(),
        }
    };
    let parts = Parts {
        adapters: vec![
            Arc::new(Sink::new("source", |_, _| {})),
            Arc::new(healthy),
            Arc::new(other),
        ],
        relays: vec![relay("well"), relay("stalled")],
        ..Parts::default()
    };
    let core = start(Arc::new(open(&root.path().join("store"))), parts).await;
    let inbox = core.inbox();
    let mut number = 0;
    let mut say = async |room: &str| {
        number += 1;
        let began = Instant::now();
        inbox.accept_all(vec![event(number, room)], None).await.expect("accepted");
        taken.recv().await.expect("the platform is there") - began
    };
    for _ in 0..BACKLOG {
        say("stalled").await;
    }
    let mut ratios = Vec::new();
    for pair in 0..PAIRS.1 {
        // Each is first in every other pair.
        let (well, stalled) = if pair % 2 == 0 {
            let well = say("well").await;
            (well, say("stalled").await)
        } else {
            let stalled = say("stalled").await;
            (say("well").await, stalled)
        };
        ratios.push(ratio(stalled, well));
    }
    let waiting = core.status().waiting_rows;
    assert!(waiting >= u64::try_from(BACKLOG + PAIRS.1).expect("few"), "the leg is stalled");
    report("stalled_leg", median(ratios), 1.1);
    core.stop(Duration::from_millis(100)).await;
}

async fn start(store: Arc<dyn Store>, parts: Parts) -> Core {
    let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
    let mut core = Core::open(store, key, CoreConfig::default(), parts).await.expect("it opens");
    core.start().await.expect("it starts");
    core
}

fn open(path: &Path) -> DiskStore {
    DiskStore::open(path, StoreOptions::default()).expect("it opens")
}

fn event(number: u64, room: &str) -> Event {
    let network = NetworkId::new("source");
    Event {
        network: network.clone(),
        source: SourceId::new(number.to_string()),
        message: Some(MessageId::new(number.to_string())),
        at: Timestamp::now(),
        scope: Scope::Room(RoomId::new(room)),
        sender: Persona { network, id: PersonaId::new("ada"), name: None },
        kind: EventKind::Message(Content::plain(format!("word {number}"))),
    }
}

/// A store that syncs nothing.
struct Relaxed(DiskStore);

#[async_trait]
impl Store for Relaxed {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        self.0.get(key).await
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.0.scan(range, limit).await
    }

    async fn last_key(&self, range: KeyRange) -> Result<Option<Key>, StoreError> {
        self.0.last_key(range).await
    }

    async fn commit(&self, batch: Batch, _: Durability) -> Result<(), CommitError> {
        self.0.commit(batch, Durability::Relaxed).await
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.0.stats().await
    }

    async fn backup(&self, to: &Path) -> Result<BackupFacts, StoreError> {
        self.0.backup(to).await
    }

    async fn compact_at_next_open(&self) -> Result<(), StoreError> {
        self.0.compact_at_next_open().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}
