//! Starting with much that waits, against reading it.
//!
//! 100,000 rows wait for one place. What is timed is from before the store's files are opened until
//! that place is given the first of them; against reading all the store's files from their beginning
//! to their end.

mod shared;

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bridge_core::{
    Adapter, AdapterContext, AdapterExit, Core, CoreConfig, DeliverError, Parts, Relay, SealKey,
    adapter::{CommandOrigin, Reply},
    id::{IdempotencyKey, MessageId, NetworkId, PersonaId, PortalId, RoomId, SourceId, Timestamp},
    model::{
        Capabilities, Content, Delivery, Event, EventKind, Membership, Persona, Receipt, RoomSpec,
        Scope, Signal, UserId,
    },
    store::Store as _,
};
use bridge_store::{DiskStore, StoreOptions};
use tokio::sync::Notify;

use shared::{median, ratio, report};

const ROWS: u64 = 100_000;
const PAIRS: usize = 9;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(restart());
}

async fn restart() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("store");
    fill(&path).await;
    let (mut ratios, mut millis) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let began = Instant::now();
        let bytes = read_all(&path);
        let read = began.elapsed();
        assert!(bytes > ROWS * 100, "all of it is there");
        let first = first_delivery(&path).await;
        ratios.push(ratio(first, read));
        millis.push(first.as_secs_f64() * 1000.0);
    }
    println!("first delivery after {:.0} ms", median(millis));
    report("restart_first_delivery", median(ratios), 5.0);
}

/// Reads every file of a directory from its beginning to its end; gives their length.
fn read_all(directory: &Path) -> u64 {
    let mut length = 0;
    let mut buffer = vec![0; 1024 * 1024];
    for file in files_below(directory) {
        let mut file = File::open(file).expect("it is there");
        loop {
            match file.read(&mut buffer).expect("it is read") {
                0 => break,
                read => length += u64::try_from(read).expect("it is short"),
            }
        }
    }
    length
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("it is a directory").flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

async fn open(path: &Path, sink: Arc<Sink>) -> (Core, Arc<DiskStore>) {
    let store = DiskStore::open(path, StoreOptions::default()).expect("it opens");
    let store = Arc::new(store);
    let room = |name: &str| (NetworkId::new("sink"), RoomId::new(name));
    let relay =
        Relay { name: "all".to_owned(), chats: Vec::new(), rooms: vec![room("from"), room("to")] };
    let config = CoreConfig { high_water: ROWS * 2, ..CoreConfig::default() };
    let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
    let parts = Parts { adapters: vec![sink], relays: vec![relay], ..Parts::default() };
    let mut core = Core::open(store.clone(), key, config, parts).await.expect("it opens");
    core.start().await.expect("it starts");
    (core, store)
}

async fn fill(path: &Path) {
    let (core, store) = open(path, Arc::default()).await;
    let inbox = core.inbox();
    for group in 0..ROWS / 250 {
        let events = (0..250).map(|number| event(group * 250 + number)).collect();
        inbox.accept_all(events, None).await.expect("accepted");
    }
    assert!(core.status().waiting_rows >= ROWS, "all of them wait");
    core.stop(Duration::from_secs(5)).await;
    store.close().await.expect("it closes");
}

async fn first_delivery(path: &Path) -> Duration {
    let sink = Arc::new(Sink::default());
    let began = Instant::now();
    let given = sink.given.notified();
    let (core, store) = open(path, Arc::clone(&sink)).await;
    given.await;
    let first = began.elapsed();
    core.stop(Duration::from_secs(5)).await;
    store.close().await.expect("it closes");
    first
}

fn event(number: u64) -> Event {
    Event {
        network: NetworkId::new("sink"),
        source: SourceId::new(number.to_string()),
        message: Some(MessageId::new(format!("m{number}"))),
        at: Timestamp::now(),
        scope: Scope::Room(RoomId::new("from")),
        sender: Persona {
            network: NetworkId::new("sink"),
            id: PersonaId::new("somebody"),
            name: None,
        },
        kind: EventKind::Message(Content::plain(format!("{number} {}", "x".repeat(200)))),
    }
}

/// A platform that says when it is given something, and takes nothing.
#[derive(Default)]
struct Sink {
    given: Notify,
    told: AtomicBool,
}

#[async_trait]
impl Adapter for Sink {
    fn network(&self) -> NetworkId {
        NetworkId::new("sink")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { idempotent: true, speakers: true, ..Capabilities::NONE }
    }

    fn is_ready(&self) -> bool {
        true
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        cx.cancel.cancelled().await;
        AdapterExit::Cancelled
    }

    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError> {
        Ok(RoomId::new(spec.portal.to_string()))
    }

    async fn find_room(&self, _: PortalId) -> Result<Option<RoomId>, DeliverError> {
        Ok(None)
    }

    async fn invite(&self, _: &RoomId, _: &UserId) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn set_membership(
        &self,
        _: &RoomId,
        _: &Persona,
        _: Membership,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn deliver(&self, _: &RoomId, _: &Delivery) -> Result<Receipt, DeliverError> {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.given.notify_one();
        }
        Err(DeliverError::Retry { after: Some(Duration::from_secs(3600)), cause: "full".into() })
    }

    async fn signal(&self, _: &RoomId, _: &Persona, _: &Signal) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn reply(
        &self,
        _: &CommandOrigin,
        _: &Reply,
        _: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn conceal(&self, _: &CommandOrigin) -> Result<(), DeliverError> {
        Ok(())
    }
}
