//! A bot of serenity's on the loopback's Discord. It fails a test when it cannot read what it is told.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fake_discord::{Bucket, FakeDiscord};
use serenity::{
    Client, Error,
    all::{Context, Event, GatewayIntents, RawEventHandler, ShardManager},
    async_trait,
    http::{Http, HttpBuilder, HttpError},
    model::id::ChannelId,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

pub(crate) const TOKEN: &str = "a-bots.token";
const SOON: Duration = Duration::from_secs(30);

/// An HTTP side of serenity's that finds the loopback's Discord where the real one would be.
pub(crate) fn http(discord: &FakeDiscord) -> Http {
    let authority = reqwest012::Certificate::from_pem(discord.authority().as_bytes());
    let client = reqwest012::Client::builder()
        .resolve("discord.com", discord.front())
        .resolve("cdn.discordapp.com", discord.front())
        .add_root_certificate(authority.expect("a certificate"))
        .no_proxy()
        .build()
        .expect("a client");
    HttpBuilder::new(TOKEN).client(client).build()
}

/// A Discord with room in its buckets, a client, and a channel.
pub(crate) async fn discord() -> (Arc<FakeDiscord>, Http, ChannelId) {
    let discord = FakeDiscord::start(TOKEN).await.expect("the loopback is free");
    discord.bucket(Bucket { limit: 50, window: Duration::from_secs(1) });
    let http = http(&discord);
    let channel = ChannelId::new(discord.channel("lounge"));
    (Arc::new(discord), http, channel)
}

/// The code and the fields of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (isize, Vec<String>) {
    match outcome {
        Err(Error::Http(HttpError::UnsuccessfulRequest(answer))) => {
            let fields = answer.error.errors.iter().map(|error| error.path.clone());
            (answer.error.code, fields.collect())
        }
        outcome => panic!("no refusal: {outcome:?}"),
    }
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> isize {
    refusal(outcome).0
}

/// A bot that is connected.
pub(crate) struct Bot {
    pub(crate) http: Arc<Http>,
    pub(crate) shards: Arc<ShardManager>,
    events: mpsc::UnboundedReceiver<Event>,
    unread: Arc<Mutex<Vec<String>>>,
    running: JoinHandle<Result<(), Error>>,
}

struct Ears {
    discord: Arc<FakeDiscord>,
    events: mpsc::UnboundedSender<Event>,
    unread: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl RawEventHandler for Ears {
    async fn raw_event(&self, _: Context, event: Event) {
        if let Event::Unknown(unknown) = &event
            && self.discord.has_told(&unknown.kind)
        {
            let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            unread.push(unknown.kind.clone());
        }
        // A test that is over hears nothing more.
        drop(self.events.send(event));
    }
}

impl Bot {
    /// Connects one that asks for this, whatever comes of it.
    pub(crate) async fn connecting(discord: &Arc<FakeDiscord>, intents: GatewayIntents) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let unread = Arc::default();
        let ears = Ears { discord: Arc::clone(discord), events: tell, unread: Arc::clone(&unread) };
        let client = serenity::client::ClientBuilder::new_with_http(http(discord), intents);
        let mut client: Client = client.raw_event_handler(ears).await.expect("a client");
        let (http, shards) = (Arc::clone(&client.http), Arc::clone(&client.shard_manager));
        let running = tokio::spawn(async move { client.start().await });
        Self { http, shards, events, unread, running }
    }

    /// Connects one that asks for this, and waits until it is there.
    pub(crate) async fn start(discord: &Arc<FakeDiscord>, intents: GatewayIntents) -> Self {
        let mut bot = Self::connecting(discord, intents).await;
        bot.hears("it is connected", |event| matches!(event, Event::GuildCreate(_)).then_some(()))
            .await;
        bot
    }

    /// Waits for an event; those before it are passed over.
    pub(crate) async fn hears<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&Event) -> Option<T>,
    ) -> T {
        let found = timeout(SOON, async {
            loop {
                let event = self.events.recv().await.expect("it listens");
                if let Some(found) = look(&event) {
                    return found;
                }
            }
        });
        let found = found.await;
        assert_eq!(self.unread(), [""; 0], "serenity cannot read what it was told");
        found.unwrap_or_else(|_| panic!("never heard: {what}"))
    }

    /// Waits for an event of this name.
    pub(crate) async fn hears_of(&mut self, name: &str) -> Event {
        self.hears(name, |event| (event.name().as_deref() == Some(name)).then(|| event.clone()))
            .await
    }

    /// Waits for so many events that it cannot read, though the server told such; forgets them.
    pub(crate) async fn hears_unreadable(&mut self, many: usize) -> Vec<String> {
        let mut unread = Vec::new();
        let all = timeout(SOON, async {
            while unread.len() < many {
                self.events.recv().await.expect("it listens");
                unread.extend(self.unread());
            }
        });
        all.await.expect("they come");
        unread
    }

    /// What could not be read, which is then forgotten.
    pub(crate) fn unread(&self) -> Vec<String> {
        std::mem::take(&mut *self.unread.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), Error> {
        timeout(SOON, &mut self.running).await.expect("it ends").expect("it does not panic")
    }

    /// Ends it.
    pub(crate) fn leave(self) {
        assert_eq!(self.unread(), [""; 0], "serenity cannot read what it was told");
        self.running.abort();
    }
}
