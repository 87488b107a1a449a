//! Accepting events, against the disk itself.

mod shared;
#[path = "shared/sink.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod sink;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bridge_core::{
    Connector, Core, CoreConfig, DeliverError, Inbox, Parts, Puppet, PuppetContext, PuppetExit,
    SealKey,
    command::{Permissions, Role},
    connector::{ContactEdit, LoginError, LoginProcess, LoginStep, SelfPatch, StoredLogin},
    id::{ChatId, LoginId, NetworkId, PersonaId, RoomId, SourceId, Timestamp},
    model::{
        Capabilities, CommandLine, Contact, Content, Delivery, Event, EventKind, Persona, Receipt,
        Scope, Signal,
    },
    store::Store,
};
use bridge_store::{DiskStore, StoreOptions};
use secrecy::SecretString;

use shared::{Append, median, ratio, report};
use sink::Sink;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(ingest());
}

async fn ingest() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let store =
        DiskStore::open(&root.path().join("store"), StoreOptions::default()).expect("it opens");
    let store: Arc<dyn Store> = Arc::new(store);
    let config = CoreConfig {
        permissions: Permissions::new([("*".to_owned(), Role::Admin)]),
        high_water: 1_000_000,
        ..CoreConfig::default()
    };
    let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
    let parts = Parts {
        adapters: vec![Arc::new(Sink::new("idle", |_, _| {}))],
        connectors: vec![Arc::new(Idle)],
        ..Parts::default()
    };
    let mut core = Core::open(Arc::clone(&store), key, config, parts).await.expect("it opens");
    core.start().await.expect("it starts");
    let inbox = core.inbox();
    for line in ["login", "x"] {
        inbox.accept_all(vec![command(line)], None).await.expect("accepted");
    }
    while core.status().logins.is_empty() {
        tokio::task::yield_now().await;
    }
    let mut plain = Append::new(root.path());
    let mut number = 0;
    let mut ratios = Vec::new();
    for _ in 0..400 {
        let bare = plain.append();
        let began = Instant::now();
        accept(&*inbox, &mut number).await;
        ratios.push(ratio(began.elapsed(), bare));
        // Idle again: the message is delivered, and nothing waits.
        core.drain(Duration::from_secs(5)).await;
    }
    report("ingest_durable", median(ratios), 1.5);

    let before = store.stats().await.expect("it counts").syncs;
    let total = 6_400_u32;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64_u64 {
        let inbox = Arc::clone(&inbox);
        tasks.spawn(async move {
            let mut number = 1_000_000 * (task + 1);
            for _ in 0..total / 64 {
                accept(&*inbox, &mut number).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
    let syncs = store.stats().await.expect("it counts").syncs - before;
    let syncs = f64::from(u32::try_from(syncs).expect("few"));
    report("syncs_per_30_messages", syncs * 30.0 / f64::from(total), 1.0);
    core.stop(Duration::from_secs(5)).await;
    store.close().await.expect("it closes");
}

async fn accept(inbox: &dyn Inbox, number: &mut u64) {
    *number += 1;
    let kind = EventKind::Message(Content::plain("x".repeat(200)));
    let scope = Scope::Chat { login: login(), chat: ChatId::new("bob") };
    inbox.accept_all(vec![event(&number.to_string(), scope, kind)], None).await.expect("accepted");
}

fn command(line: &str) -> Event {
    let scope = Scope::Room(RoomId::new("room"));
    event(line, scope, EventKind::Command(CommandLine(line.to_owned())))
}

fn event(source: &str, scope: Scope, kind: EventKind) -> Event {
    Event {
        network: NetworkId::new("idle"),
        source: SourceId::new(source),
        message: None,
        at: Timestamp::now(),
        scope,
        sender: persona(),
        kind,
    }
}

fn login() -> LoginId {
    LoginId::new("idle:bob")
}

fn persona() -> Persona {
    Persona { network: NetworkId::new("idle"), id: PersonaId::new("bob"), name: None }
}

/// A network whose puppets never do anything.
struct Idle;

impl Connector for Idle {
    fn network(&self) -> NetworkId {
        NetworkId::new("idle")
    }

    fn start_login(&self) -> Box<dyn LoginProcess> {
        Box::new(Self)
    }

    fn load(&self, login: StoredLogin) -> Result<Arc<dyn Puppet>, LoginError> {
        Ok(Arc::new(IdlePuppet(login.id)))
    }
}

#[async_trait]
impl LoginProcess for Idle {
    async fn next(&mut self, answer: Option<SecretString>) -> Result<LoginStep, LoginError> {
        Ok(match answer {
            None => LoginStep::Ask { prompt: String::new(), secret: false },
            Some(credentials) => {
                LoginStep::Done(StoredLogin { id: login(), persona: persona(), credentials })
            }
        })
    }
}

struct IdlePuppet(LoginId);

#[async_trait]
impl Puppet for IdlePuppet {
    fn login(&self) -> &LoginId {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { idempotent: true, ..Capabilities::NONE }
    }

    async fn run(self: Arc<Self>, cx: PuppetContext) -> PuppetExit {
        cx.cancel.cancelled().await;
        PuppetExit::Cancelled
    }

    async fn deliver(&self, _: &ChatId, _: &Delivery) -> Result<Receipt, DeliverError> {
        Ok(Receipt::default())
    }

    async fn signal(&self, _: &ChatId, _: &Signal) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn chat_with(&self, _: &PersonaId) -> Result<(ChatId, Persona), DeliverError> {
        Ok((ChatId::new("bob"), persona()))
    }

    async fn contacts(&self) -> Vec<Contact> {
        Vec::new()
    }

    async fn edit_contact(&self, _: &PersonaId, _: ContactEdit) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn set_self(&self, _: SelfPatch) -> Result<(), DeliverError> {
        Ok(())
    }
}
