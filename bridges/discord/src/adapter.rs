//! The adapter: the core's hands on Discord.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{
    AcceptError, Adapter, AdapterContext, AdapterExit, DeliverError, MediaStream,
    adapter::{CommandOrigin, Reply},
    id::{IdempotencyKey, MediaId, NetworkId, PortalId, RoomId},
    measures,
    model::{
        Capabilities, Delivery, EventKind, Membership, Persona, Receipt, Reject, RoomSpec,
        ShownFates, Signal, Styles, UserId,
    },
};
use reqwest012::Client as HttpClient;
use secrecy::{ExposeSecret as _, SecretString};
use serenity::{
    all::{CreateAllowedMentions, GatewayIntents, Nonce},
    cache::Cache,
    http::{Http, HttpBuilder, Ratelimiter},
    model::{
        channel::Message,
        id::{ApplicationId, ChannelId, UserId as DiscordUserId},
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    NETWORK,
    changes::Writers,
    convert::{
        from_discord::{self, Names, Said},
        to_discord,
    },
    error::Failure,
    gateway::{self, Ended, Hearing},
    intake::{self, Intake, Waiting, Way},
    interact,
    lock::lock,
    media,
    nicknames::Nicknames,
    outlook::Outlook,
    pause::Pause,
    speak::{nonce, plain_message},
    texts,
    webhook::Webhooks,
};

/// What the bot asks the gateway for, beside the words of messages.
const INTENTS: GatewayIntents = GatewayIntents::GUILDS
    .union(GatewayIntents::GUILD_MESSAGES)
    .union(GatewayIntents::GUILD_MESSAGE_REACTIONS)
    .union(GatewayIntents::GUILD_MESSAGE_TYPING)
    .union(GatewayIntents::GUILD_WEBHOOKS)
    .union(GatewayIntents::DIRECT_MESSAGES);
/// How long a connection and a whole request may take.
const HTTP: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));
/// How often the bot is shown as writing; Discord shows it for ten seconds.
const TYPING_EVERY: Duration = Duration::from_secs(8);
/// What a room of Discord can show.
pub const CAPABILITIES: Capabilities = Capabilities {
    edits: true,
    fates: ShownFates::Failures,
    files: true,
    // What a server without boosts takes; a file beyond it is refused by Discord.
    max_file: Some(10 * 1024 * 1024),
    probes: true,
    reactions: true,
    redactions: true,
    replies: true,
    speakers: true,
    styles: Styles::Parts,
    typing: true,
    ..Capabilities::NONE
};

/// How long the gateway is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often it is looked at.
    pub look: Duration,
    /// Silence before it is asked something.
    pub quiet: Duration,
    /// How long it has for the answer.
    pub answer: Duration,
    /// First and longest wait before a new session.
    pub again: (Duration, Duration),
    /// Wait after the token was refused in the middle of work.
    pub token: Duration,
    /// How long the writer of an edited message must rest before it is told elsewhere.
    pub edits: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(1),
            quiet: Duration::from_secs(60),
            answer: Duration::from_secs(10),
            again: (Duration::from_secs(1), Duration::from_secs(60)),
            token: Duration::from_secs(300),
            edits: Duration::from_secs(3),
        }
    }
}

/// Why there is no adapter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscordError {
    /// No HTTP client can be made.
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest012::Error),
    /// Discord does not accept the token.
    #[error("{0}")]
    Refused(String),
    /// Discord could not be asked.
    #[error("{0}")]
    Unreachable(String),
}

/// The Discord side of a bridge.
pub struct DiscordAdapter {
    pub(crate) token: SecretString,
    pub(crate) http: HttpClient,
    /// All requests go through this one, whose limiter knows them all.
    pub(crate) rest: Http,
    pub(crate) patience: Patience,
    pub(crate) pause: Arc<Pause>,
    channels: HashMap<ChannelId, Arc<Intake>>,
    waiting: Mutex<Vec<(Arc<Intake>, Waiting)>>,
    pub(crate) webhooks: Webhooks,
    pub(crate) nicknames: Nicknames,
    pub(crate) writers: Writers,
    /// By which commands of `/msn` are answered.
    pub(crate) tokens: interact::Tokens,
    identity: OnceLock<(ApplicationId, DiscordUserId)>,
    context: OnceLock<AdapterContext>,
    cache: Mutex<Arc<Cache>>,
    ready: AtomicBool,
    blank_told: AtomicBool,
    unreadable: AtomicU64,
    typing: Mutex<HashMap<ChannelId, Instant>>,
    pub(crate) failures: Mutex<HashMap<ChannelId, (String, Instant)>>,
    /// Deliveries that may have arrived, by channel.
    pub(crate) doubts: Mutex<HashMap<ChannelId, IdempotencyKey>>,
}

impl DiscordAdapter {
    /// Makes an adapter for the channels of its relays.
    ///
    /// # Errors
    /// [`DiscordError::Http`].
    pub fn new(
        token: SecretString,
        channels: impl IntoIterator<Item = u64>,
    ) -> Result<Arc<Self>, DiscordError> {
        Ok(Self::with(token, channels, http_client()?, Patience::default()))
    }

    /// Makes one over an HTTP client and with patience of the caller's, as tests need it.
    pub fn with(
        token: SecretString,
        channels: impl IntoIterator<Item = u64>,
        http: HttpClient,
        patience: Patience,
    ) -> Arc<Self> {
        let pause = Arc::new(Pause::default());
        let channels = channels.into_iter().filter(|id| *id > 0).map(ChannelId::new);
        let waiting: Vec<_> = channels.map(Intake::new).collect();
        let intakes = waiting.iter().map(|(intake, _)| (intake.channel, Arc::clone(intake)));
        Arc::new(Self {
            rest: rest(&token, &http, &pause),
            token,
            http,
            patience,
            pause,
            channels: intakes.collect(),
            waiting: Mutex::new(waiting),
            webhooks: Webhooks::default(),
            nicknames: Nicknames::default(),
            writers: Writers::default(),
            tokens: interact::Tokens::default(),
            identity: OnceLock::new(),
            context: OnceLock::new(),
            cache: Mutex::default(),
            ready: AtomicBool::new(false),
            blank_told: AtomicBool::new(false),
            unreadable: AtomicU64::new(0),
            typing: Mutex::default(),
            failures: Mutex::default(),
            doubts: Mutex::default(),
        })
    }

    /// Asks Discord what the bot may do; works before the adapter runs.
    ///
    /// # Errors
    /// [`DiscordError::Refused`] or [`DiscordError::Unreachable`], in words for the operator.
    pub async fn outlook(&self) -> Result<Outlook, DiscordError> {
        let channels = self.sorted_channels();
        Outlook::of(&self.rest, &channels).await.map_err(|failure| match failure {
            Failure::Token => DiscordError::Refused(TOKEN_REFUSED.to_owned()),
            failure => DiscordError::Unreachable(format!(
                "Discord could not be asked: {}",
                words_of(&failure)
            )),
        })
    }

    /// Counts events that could not be read.
    pub fn unreadable_events(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    fn sorted_channels(&self) -> Vec<ChannelId> {
        let mut channels: Vec<ChannelId> = self.channels.keys().copied().collect();
        channels.sort();
        channels
    }

    pub(crate) fn note_unreadable(&self) {
        self.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    pub(crate) fn set_cache(&self, cache: Arc<Cache>) {
        *lock(&self.cache) = cache;
    }

    pub(crate) fn intake(&self, channel: ChannelId) -> Option<&Arc<Intake>> {
        self.channels.get(&channel)
    }

    pub(crate) fn intakes(&self) -> Vec<Arc<Intake>> {
        self.channels.values().cloned().collect()
    }

    pub(crate) fn cancel(&self) -> CancellationToken {
        self.context.get().map(|cx| cx.cancel.clone()).unwrap_or_default()
    }

    /// Gives the bot's own id; it is known before the gateway's first session.
    pub(crate) fn bot(&self) -> DiscordUserId {
        self.identity.get().map_or(DiscordUserId::new(1), |(_, bot)| *bot)
    }

    /// Gives the application's id, once Discord told it.
    pub(crate) fn application(&self) -> Option<ApplicationId> {
        self.identity.get().map(|(application, _)| *application)
    }

    pub(crate) fn is_bot(&self, user: DiscordUserId) -> bool {
        self.identity.get().is_some_and(|(_, bot)| *bot == user)
    }

    /// Tells whether we said a message ourselves: by its ids, for any name can be anybody's.
    pub(crate) fn is_own(&self, message: &Message) -> bool {
        let by_us =
            message.application_id.is_some() && message.application_id == self.application();
        let own_hook = message.webhook_id.is_some_and(|hook| self.webhooks.is_own(hook));
        own_hook || by_us || self.is_bot(message.author.id)
    }

    pub(crate) fn read(&self, message: &Message) -> Said {
        let cache = Arc::clone(&lock(&self.cache));
        from_discord::read(message, &Names::of(message, &cache))
    }

    /// Says once, where it happens, that messages come without their words.
    pub(crate) async fn explain_blank(&self, channel: ChannelId) {
        if self.blank_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let application = self.application().map_or(0, ApplicationId::get);
        tracing::error!(
            "a message came without words: switch on \"Message Content Intent\" at \
             https://discord.com/developers/applications/{application}/bot and restart the bridge"
        );
        let message = plain_message(texts::WORDS_WITHHELD);
        if let Err(error) = self.rest.send_message(channel, Vec::new(), &message).await {
            let failure = Failure::of(&error);
            tracing::debug!(?failure, "a notice was not delivered");
        }
    }

    /// Looks at what the bot may do, until Discord answers; says what is wrong.
    async fn look_around(&self) -> Result<Outlook, String> {
        let (mut wait, longest) = self.patience.again;
        loop {
            match Outlook::of(&self.rest, &self.sorted_channels()).await {
                Ok(outlook) => {
                    for problem in outlook.problems() {
                        tracing::error!(%problem, "the bot lacks something on Discord");
                    }
                    return Ok(outlook);
                }
                Err(Failure::Token) => return Err(TOKEN_REFUSED.to_owned()),
                Err(failure) => {
                    tracing::warn!(?failure, "Discord cannot be asked yet");
                    sleep(wait).await;
                    wait = (wait * 2).min(longest);
                }
            }
        }
    }

    /// Notes where channels begin that are seen for the first time.
    async fn begin_channels(self: &Arc<Self>, cx: &AdapterContext) {
        let way = Way {
            adapter: Arc::clone(self),
            inbox: Arc::clone(&cx.inbox),
            facts: cx.store.clone(),
            cancel: cx.cancel.clone(),
        };
        for intake in self.intakes() {
            way.begin(&intake).await;
        }
    }

    /// Keeps a session with the gateway, one after another.
    async fn keep_session(&self, hearing: &Arc<Hearing>, mut intents: GatewayIntents) {
        let (first, longest) = self.patience.again;
        let mut wait = first;
        loop {
            let began = Instant::now();
            let ended = gateway::session(hearing, intents).await;
            if began.elapsed() > longest {
                wait = first;
            }
            match ended {
                Ended::Told => return,
                Ended::Intents if intents.contains(GatewayIntents::MESSAGE_CONTENT) => {
                    tracing::error!(
                        "Discord refuses the bot the words of messages (close code 4014), so nothing \
                         crosses from there: switch on \"Message Content Intent\" in its developer \
                         portal and restart the bridge"
                    );
                    intents = INTENTS;
                }
                Ended::Token => {
                    tracing::error!(mend = TOKEN_REFUSED, "the token is refused");
                    self.rest_of(self.patience.token).await;
                }
                Ended::Intents | Ended::Lost(_) => {
                    tracing::warn!(?ended, delay = ?wait, "the gateway is lost; connecting again");
                    self.rest_of(wait).await;
                    wait = (wait * 2).min(longest);
                }
            }
        }
    }

    /// Waits, unless the adapter ends.
    async fn rest_of(&self, wait: Duration) {
        self.cancel().run_until_cancelled(sleep(wait)).await;
    }
}

const TOKEN_REFUSED: &str = "Discord does not accept the bot's token. Make a new one in the developer \
                             portal (your application, Bot, Reset Token) and put it into discord.token_file";

/// Stores direct messages as commands, in order.
async fn take_commands(cx: AdapterContext, mut queued: mpsc::Receiver<Message>) {
    let work = async {
        while let Some(message) = queued.recv().await {
            let event = gateway::command(&message);
            loop {
                match cx.inbox.accept_all(vec![event.clone()], None).await {
                    Ok(()) => break,
                    Err(AcceptError::Closed) => return,
                    Err(error) => {
                        tracing::warn!(%error, "a command waits to be stored");
                        sleep(Duration::from_millis(500)).await;
                    }
                }
            }
        }
    };
    cx.cancel.run_until_cancelled(work).await;
}

fn http_client() -> Result<HttpClient, reqwest012::Error> {
    HttpClient::builder().connect_timeout(HTTP.0).timeout(HTTP.1).build()
}

/// Makes the one REST client, whose limiter tells of pauses that concern everybody.
fn rest(token: &SecretString, http: &HttpClient, pause: &Arc<Pause>) -> Http {
    let bearer = format!("Bot {}", token.expose_secret());
    let mut limiter = Ratelimiter::new(http.clone(), bearer);
    let pause = Arc::clone(pause);
    limiter.set_ratelimit_callback(Box::new(move |limit| {
        // Its path may hold a webhook's secret.
        measures::rate_limited(&NetworkId::new(NETWORK), limit.timeout);
        tracing::debug!(wait = ?limit.timeout, global = limit.global, "Discord asks to wait");
        if limit.global {
            pause.hold(limit.timeout);
        }
    }));
    HttpBuilder::new(token.expose_secret())
        .client(http.clone())
        .ratelimiter(limiter)
        .default_allowed_mentions(CreateAllowedMentions::new())
        .build()
}

fn words_of(failure: &Failure) -> String {
    match failure {
        Failure::Doubtful(text)
        | Failure::Forbidden(text)
        | Failure::NotNow(_, text)
        | Failure::Refused(text)
        | Failure::Username(text) => text.clone(),
        Failure::Gone => "the channel is gone".to_owned(),
        Failure::NoMessage => "the message is gone".to_owned(),
        Failure::Token => TOKEN_REFUSED.to_owned(),
        Failure::Webhook => "the webhook is gone".to_owned(),
    }
}

fn channel_of(room: &RoomId) -> Result<ChannelId, DeliverError> {
    let id = room.as_str().parse::<u64>().ok().filter(|id| *id > 0);
    id.map(ChannelId::new).ok_or_else(|| DeliverError::Gone("the stored channel id is none".into()))
}

/// A failure that may have been a success is looked into at the next attempt.
pub(crate) fn again(failure: Failure) -> DeliverError {
    match failure {
        Failure::Doubtful(text) => DeliverError::retry(text),
        failure => failure.into(),
    }
}

#[async_trait]
impl Adapter for DiscordAdapter {
    fn network(&self) -> NetworkId {
        NetworkId::new(NETWORK)
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        let cancel = cx.cancel.clone();
        if self.context.set(cx.clone()).is_err() {
            return AdapterExit::Failed("the adapter runs once only".to_owned());
        }
        let outlook = match cancel.run_until_cancelled(self.look_around()).await {
            None => return AdapterExit::Cancelled,
            Some(Err(reason)) => return AdapterExit::Refused(reason),
            Some(Ok(outlook)) => outlook,
        };
        // Before anything is said there: what is answered to it is heard, however soon.
        let beginnings = self.begin_channels(&cx);
        if cancel.run_until_cancelled(beginnings).await.is_none() {
            return AdapterExit::Cancelled;
        }
        // What is known before anything is said or heard.
        let _ = self.identity.set(outlook.ids());
        self.nicknames.set_channels(&outlook);
        let (hearing, queued, asked) = Hearing::new(Arc::clone(&self), Arc::clone(&cx.inbox));
        let tasks = TaskTracker::new();
        for (intake, waiting) in lock(&self.waiting).drain(..) {
            let way = Way {
                adapter: Arc::clone(&self),
                inbox: Arc::clone(&cx.inbox),
                facts: cx.store.clone(),
                cancel: cancel.clone(),
            };
            tasks.spawn(intake::run(intake, waiting, way));
        }
        if let Some(application) = self.application() {
            self.rest.set_application_id(application);
        }
        tasks.spawn(interact::run(Arc::clone(&self), cx.clone(), asked));
        let (registrar, store, until) = (Arc::clone(&self), cx.store.clone(), cancel.clone());
        tasks.spawn(async move {
            let registering = interact::register(&registrar.rest, &store);
            until.run_until_cancelled(registering).await
        });
        tasks.spawn(take_commands(cx, queued));
        let mut intents = INTENTS;
        if outlook.message_content {
            intents |= GatewayIntents::MESSAGE_CONTENT;
        }
        self.keep_session(&hearing, intents).await;
        tasks.close();
        tasks.wait().await;
        AdapterExit::Cancelled
    }

    async fn create_room(&self, _: &RoomSpec) -> Result<RoomId, DeliverError> {
        Err(DeliverError::Reject {
            reason: Reject::Unsupported,
            tell_user: "The bridge makes no Discord channels yet; its operator joins them with a \
                        [[relay]]."
                .to_owned(),
        })
    }

    async fn find_room(&self, _: PortalId) -> Result<Option<RoomId>, DeliverError> {
        Ok(None)
    }

    async fn invite(&self, _: &RoomId, _: &UserId) -> Result<(), DeliverError> {
        Ok(()) // whoever sees a channel is in it
    }

    async fn set_membership(
        &self,
        _: &RoomId,
        _: &Persona,
        _: Membership,
    ) -> Result<(), DeliverError> {
        Ok(()) // webhooks are in no list of members
    }

    async fn deliver(&self, room: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        let channel = channel_of(room)?;
        match &item.event.kind {
            EventKind::Message(content) => self.say(channel, item, content).await.map_err(again),
            EventKind::File(file) => {
                let media = item.media.as_ref();
                let media = media.ok_or_else(|| DeliverError::retry("the file is not here"))?;
                self.say_file(channel, item, file, media).await
            }
            EventKind::Edit { content, .. } => {
                self.edit(channel, item, content).await.map_err(again)
            }
            EventKind::Redact { .. } => self.take_back(channel, item).await.map_err(again),
            EventKind::React { key, .. } => {
                self.react(channel, item, key, true).await.map_err(again)
            }
            EventKind::Unreact { key, .. } => {
                self.react(channel, item, key, false).await.map_err(again)
            }
            EventKind::Delivery { target, state } => {
                let shown = self.show_fate(channel, item, target.as_ref(), state).await;
                shown.map(|()| Receipt::default()).map_err(again)
            }
            _ => Err(DeliverError::Reject {
                reason: Reject::Unsupported,
                tell_user: texts::UNSUPPORTED.to_owned(),
            }),
        }
    }

    async fn open_media(&self, id: &MediaId) -> Result<MediaStream, DeliverError> {
        self.pause.over().await;
        media::open(&self.rest, &self.http, id).await
    }

    async fn signal(
        &self,
        room: &RoomId,
        _: &Persona,
        signal: &Signal,
    ) -> Result<(), DeliverError> {
        let channel = channel_of(room)?;
        if *signal != (Signal::Typing { on: true }) {
            return Ok(()); // it lapses by itself
        }
        let due = {
            let mut typing = lock(&self.typing);
            let last = typing.get(&channel).copied();
            let due = last.is_none_or(|last| last.elapsed() >= TYPING_EVERY);
            if due {
                typing.insert(channel, Instant::now());
            }
            due
        };
        if due {
            let shown = self.rest.broadcast_typing(channel).await;
            shown.map_err(|error| DeliverError::from(Failure::of(&error)))?;
        }
        Ok(())
    }

    async fn reply(
        &self,
        to: &CommandOrigin,
        reply: &Reply,
        key: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        let channel = match interact::way(to) {
            interact::Way::Interaction(name, person) => {
                return self.say_back(&name, person, &to_discord::answer(reply)).await;
            }
            interact::Way::Person(person) => self.direct_channel(person).await?,
            interact::Way::Channel => channel_of(&to.room)?,
        };
        for (number, text) in to_discord::answer(reply).iter().enumerate() {
            self.pause.over().await;
            let message =
                plain_message(text).nonce(Nonce::String(nonce(key, number))).enforce_nonce(true);
            let sent = self.rest.send_message(channel, Vec::new(), &message).await;
            sent.map_err(|error| again(Failure::of(&error)))?;
        }
        Ok(())
    }

    fn takes_no_passwords(&self) -> Option<&'static str> {
        Some(texts::NO_PASSWORDS)
    }

    async fn conceal(&self, _: &CommandOrigin) -> Result<(), DeliverError> {
        Err(DeliverError::Reject {
            reason: Reject::Forbidden,
            tell_user: texts::CANNOT_REMOVE.to_owned(),
        })
    }
}
