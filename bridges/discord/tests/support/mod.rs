//! A real core with a real adapter, between a Discord on the loopback and a stand-in for MSN.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{
    Adapter as _, Core, CoreConfig, DeliverError, Parts, Puppet, PuppetContext, PuppetExit, Relay,
    SealKey,
    command::{Permissions, Role},
    connector::{ContactEdit, SelfPatch},
    id::{
        ChatId, IdempotencyKey, LoginId, MessageId, NetworkId, PersonaId, RoomId, RowId, SourceId,
        Timestamp,
    },
    model::{
        Capabilities, Contact, Content, Delivery, DeliveryState, Event, EventKind, Persona,
        Receipt, Reject, Scope, ShownFates, Signal,
    },
    store::MemoryStore,
};
use bridge_discord::{DiscordAdapter, Patience};
use fake_discord::{Bucket, FakeDiscord, Message};

pub(crate) const TOKEN: &str = "token.of-the_bot";
const SOON: Duration = Duration::from_secs(40);

/// What the contact on MSN was given.
#[derive(Default)]
pub(crate) struct Contacts {
    said: Mutex<Vec<String>>,
    typing: AtomicU64,
    refusals: Mutex<u64>,
}

impl Contacts {
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn typing(&self) -> u64 {
        self.typing.load(Ordering::Relaxed)
    }

    /// Takes none of the next so many messages.
    pub(crate) fn refuse(&self, many: u64) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner) = many;
    }
}

struct Account(Arc<Contacts>, LoginId);

#[async_trait]
impl Puppet for Account {
    fn login(&self) -> &LoginId {
        &self.1
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            fates: ShownFates::Failures,
            idempotent: true,
            nudge: true,
            typing: true,
            ..Capabilities::NONE
        }
    }

    async fn run(self: Arc<Self>, cx: PuppetContext) -> PuppetExit {
        cx.online.send_replace(true);
        cx.cancel.cancelled().await;
        PuppetExit::Cancelled
    }

    async fn deliver(&self, _: &ChatId, item: &Delivery) -> Result<Receipt, DeliverError> {
        let text = match &item.event.kind {
            EventKind::Message(content) => content.text.plain.clone(),
            EventKind::Delivery { state: DeliveryState::Failed { tell_user, .. }, .. } => {
                format!("failed: {tell_user}")
            }
            kind => format!("{kind:?}"),
        };
        {
            let mut refusals = self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            if *refusals > 0 {
                *refusals -= 1;
                let tell_user = "Bob is not online.".to_owned();
                return Err(DeliverError::Reject { reason: Reject::Offline, tell_user });
            }
        }
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        Ok(Receipt::default())
    }

    async fn signal(&self, _: &ChatId, signal: &Signal) -> Result<(), DeliverError> {
        if *signal == (Signal::Typing { on: true }) {
            self.0.typing.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn chat_with(&self, _: &PersonaId) -> Result<(ChatId, Persona), DeliverError> {
        Err(DeliverError::retry("nobody asks"))
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

/// A bridge of one relay: a channel and Bob.
pub(crate) struct World {
    pub(crate) discord: Arc<FakeDiscord>,
    pub(crate) channel: u64,
    pub(crate) grace: u64,
    pub(crate) msn: Arc<Contacts>,
    store: Arc<MemoryStore>,
    running: Option<(Core, Arc<DiscordAdapter>)>,
    spoken: u64,
}

impl World {
    /// Makes one that is not started.
    pub(crate) async fn prepared() -> Self {
        // A second call finds it installed, which is what is wanted.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let discord = FakeDiscord::start(TOKEN).await.expect("the loopback can be listened on");
        discord.bucket(Bucket { limit: 5, window: Duration::from_millis(300) });
        let (channel, grace) = (discord.channel("lounge"), discord.person("grace"));
        Self {
            discord: Arc::new(discord),
            channel,
            grace,
            msn: Arc::default(),
            store: Arc::default(),
            running: None,
            spoken: 0,
        }
    }

    /// Makes one and waits until it is connected.
    pub(crate) async fn new() -> Self {
        let mut world = Self::prepared().await;
        world.start().await;
        world.until("it is connected", |world| world.adapter().is_ready()).await;
        // The first look at the channel tells where to begin.
        world.says_and_hears("begin").await;
        world
    }

    pub(crate) async fn start(&mut self) {
        let http = client(&self.discord);
        let patience = Patience {
            look: Duration::from_millis(50),
            quiet: Duration::from_millis(500),
            answer: Duration::from_secs(3),
            again: (Duration::from_millis(50), Duration::from_millis(400)),
            token: Duration::from_millis(200),
            edits: Duration::from_millis(100),
        };
        let adapter = DiscordAdapter::with(TOKEN.to_owned().into(), [self.channel], http, patience);
        let login = LoginId::new("msn:bridge");
        let relay = Relay {
            name: "lounge".to_owned(),
            chats: vec![(login.clone(), ChatId::new("bob"), bob("Bob ☃"))],
            rooms: vec![(NetworkId::new("discord"), RoomId::new(self.channel.to_string()))],
        };
        let parts = Parts {
            adapters: vec![adapter.clone()],
            accounts: vec![Arc::new(Account(Arc::clone(&self.msn), login))],
            relays: vec![relay],
            ..Parts::default()
        };
        let config = CoreConfig {
            permissions: Permissions::new([("*".to_owned(), Role::Admin)]),
            retry: (Duration::from_millis(50), Duration::from_millis(300)),
            relay_notice: false,
            ..CoreConfig::default()
        };
        let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
        let core = Core::open(self.store.clone(), key, config, parts).await;
        let mut core = core.expect("the store opens");
        core.start().await.expect("it starts");
        self.running = Some((core, adapter));
    }

    pub(crate) async fn stop(&mut self) {
        let (core, _) = self.running.take().expect("it runs");
        core.stop(Duration::from_secs(10)).await;
    }

    pub(crate) fn core(&self) -> &Core {
        &self.running.as_ref().expect("it runs").0
    }

    pub(crate) fn adapter(&self) -> &Arc<DiscordAdapter> {
        &self.running.as_ref().expect("it runs").1
    }

    /// Bob says something on MSN.
    pub(crate) async fn bob_says(&mut self, text: &str) {
        self.contact_says(bob("Bob ☃"), text).await;
    }

    pub(crate) async fn contact_says(&mut self, sender: Persona, text: &str) {
        self.spoken += 1;
        let event = Event {
            network: NetworkId::new("msn"),
            source: SourceId::new(format!("said {}", self.spoken)),
            message: None,
            at: Timestamp::now(),
            scope: Scope::Chat { login: LoginId::new("msn:bridge"), chat: ChatId::new("bob") },
            sender,
            kind: EventKind::Message(Content::plain(text)),
        };
        self.core().inbox().accept_all(vec![event], None).await.expect("it is accepted");
    }

    /// Grace says something on Discord, again until Bob hears it: before the first look at the
    /// channel nothing is taken.
    async fn says_and_hears(&self, text: &str) {
        let mut tries = 0;
        self.until("the first line crosses", |world| {
            if tries % 25 == 0 {
                world.discord.say(world.channel, world.grace, text);
            }
            tries += 1;
            !world.msn.said().is_empty()
        })
        .await;
        self.settle().await;
        self.msn.said.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn grace_says(&self, text: &str) -> u64 {
        self.discord.say(self.channel, self.grace, text)
    }

    /// Names what the bridge said last.
    pub(crate) fn said_last(&self) -> u64 {
        let messages = self.discord.messages(self.channel);
        messages.iter().rfind(|message| message.author != self.grace).expect("it spoke").id
    }

    /// Something becomes of a line of the bridge's on Discord that Bob said.
    pub(crate) async fn becomes(&self, line: u64, kind: EventKind) {
        let row = RowId::new();
        let event = Event {
            network: NetworkId::new("msn"),
            source: SourceId::new(row.to_string()),
            message: None,
            at: Timestamp::now(),
            scope: Scope::Chat { login: LoginId::new("msn:bridge"), chat: ChatId::new("bob") },
            sender: bob("Bob ☃"),
            kind,
        };
        let item = Delivery {
            key: IdempotencyKey { row, leg: 0 },
            row,
            accepted: event.at,
            after: None,
            event,
            about: vec![MessageId::new(line.to_string())],
            media: None,
            pictures: Vec::new(),
            owner: None,
            spoken_by: None,
            maybe_double: false,
        };
        let room = RoomId::new(self.channel.to_string());
        self.adapter().deliver(&room, &item).await.expect("it is shown");
    }

    /// What the bridge said in the channel: names and words.
    pub(crate) fn shown(&self) -> Vec<(String, String)> {
        let ours = |message: &Message| message.author != self.grace;
        let messages = self.discord.messages(self.channel).into_iter().filter(ours);
        messages.map(|message| (message.name, message.content)).collect()
    }

    pub(crate) fn shown_words(&self) -> Vec<String> {
        self.shown().into_iter().map(|(_, words)| words).collect()
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let end = tokio::time::Instant::now() + SOON;
        while !condition(self) {
            let late = tokio::time::Instant::now() > end;
            assert!(!late, "never: {what}; MSN {:?}; Discord {:?}", self.msn.said(), self.shown());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn msn_hears(&self, words: &[&str]) {
        self.until("MSN hears it", |world| world.msn.said().len() >= words.len()).await;
        self.settle().await;
        assert_eq!(self.msn.said(), words);
    }

    pub(crate) async fn discord_shows(&self, words: &[&str]) {
        self.until("Discord shows it", |world| world.shown().len() >= words.len()).await;
        self.settle().await;
        assert_eq!(self.shown_words(), words);
    }

    pub(crate) async fn settle(&self) {
        self.until("all rows pass", |world| world.core().status().waiting_rows == 0).await;
    }

    /// Ends the test: what serenity could not read would show up only as nothing happening.
    pub(crate) async fn end(mut self) {
        assert_eq!(self.adapter().unreadable_events(), 0);
        self.stop().await;
    }
}

pub(crate) fn bob(name: &str) -> Persona {
    Persona {
        network: NetworkId::new("msn"),
        id: PersonaId::new("bob@example.com"),
        name: Some(name.to_owned()),
    }
}

/// An HTTP client that finds the loopback's Discord where the real one would be.
pub(crate) fn client(discord: &FakeDiscord) -> reqwest012::Client {
    let authority = reqwest012::Certificate::from_pem(discord.authority().as_bytes());
    reqwest012::Client::builder()
        .resolve("discord.com", discord.front())
        .add_root_certificate(authority.expect("a certificate"))
        .timeout(Duration::from_secs(4))
        .no_proxy()
        .build()
        .expect("a client")
}
