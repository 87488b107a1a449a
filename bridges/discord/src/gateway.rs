//! The gateway: serenity's client, watched over, and what it tells.
//!
//! serenity hangs for good when a connection is taken and never answered, and hands events to
//! handlers in no order. So what it hears is taken where it hears it, and a session that says nothing
//! for a while is asked for the bot itself: one that gives no answer is thrown away.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bridge_core::{
    Adapter as _, Inbox,
    id::{MessageId, NetworkId, RoomId, SourceId},
    model::{CommandLine, Event as Neutral, EventKind, Scope, Signal},
};
use secrecy::ExposeSecret as _;
use serenity::{
    Error,
    all::{ClientBuilder, Context, EventHandler, GatewayIntents, Ready, ShardManager},
    async_trait,
    gateway::{ChunkGuildFilter, CollectorCallback, GatewayError, ShardMessenger},
    http::HttpBuilder,
    model::{
        application::Interaction,
        channel::{Message, Reaction},
        event::{Event, TypingStartEvent, UnknownEvent},
        id::{ChannelId, GuildId},
    },
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, interval, timeout},
};

use crate::{
    NETWORK,
    adapter::{DiscordAdapter, Patience},
    changes::Change,
    convert::from_discord,
    intake::Heard,
    interact,
    lock::lock,
};

/// Direct messages that wait to be stored; past it new ones are left out.
const COMMANDS: usize = 256;
/// How long a session may take to end in order.
const GOODBYE: Duration = Duration::from_secs(2);

/// Events of ours to lose: one that cannot be read is said and mended.
const WATCHED: [&str; 14] = [
    "CHANNEL_DELETE",
    "GUILD_CREATE",
    "GUILD_MEMBERS_CHUNK",
    "INTERACTION_CREATE",
    "MESSAGE_CREATE",
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "MESSAGE_UPDATE",
    "READY",
    "RESUMED",
    "TYPING_START",
    "WEBHOOKS_UPDATE",
];

/// Why a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The bot may not ask for what it asked for.
    Intents,
    /// Something that may pass.
    Lost(String),
    /// The adapter ends.
    Told,
    /// The token is not accepted.
    Token,
}

/// What the watch and the ears of one session share.
pub(crate) struct Hearing {
    adapter: Arc<DiscordAdapter>,
    inbox: Arc<dyn Inbox>,
    commands: mpsc::Sender<Message>,
    interactions: mpsc::Sender<Interaction>,
    last: Mutex<Instant>,
    /// The way to ask the session something, once it is there.
    asking: Mutex<Option<(ShardMessenger, GuildId)>>,
    /// Counts sessions; one that was thrown away is not listened to any more.
    current: AtomicU64,
}

impl Hearing {
    pub(crate) fn new(
        adapter: Arc<DiscordAdapter>,
        inbox: Arc<dyn Inbox>,
    ) -> (Arc<Self>, mpsc::Receiver<Message>, mpsc::Receiver<Interaction>) {
        let (commands, queued) = mpsc::channel(COMMANDS);
        let (interactions, asked) = mpsc::channel(interact::WAITING);
        let hearing = Self {
            adapter,
            inbox,
            commands,
            interactions,
            last: Mutex::new(Instant::now()),
            asking: Mutex::default(),
            current: AtomicU64::new(0),
        };
        (Arc::new(hearing), queued, asked)
    }

    fn heard(&self, session: u64, event: &Event) -> bool {
        if self.current.load(Ordering::Relaxed) != session {
            return false;
        }
        *lock(&self.last) = Instant::now();
        match event {
            Event::MessageCreate(event) => self.message(&event.message),
            Event::MessageDelete(event) => {
                self.change(event.channel_id, Change::Deleted(vec![event.message_id]));
            }
            Event::MessageDeleteBulk(event) => {
                self.change(event.channel_id, Change::Deleted(event.ids.clone()));
            }
            Event::MessageUpdate(event) => {
                if let Some(change) = Change::of_update(event) {
                    self.change(event.channel_id, change);
                }
            }
            Event::ReactionAdd(event) => self.reaction(&event.reaction, true),
            Event::ReactionRemove(event) => self.reaction(&event.reaction, false),
            Event::InteractionCreate(event) => self.interaction(&event.interaction),
            Event::TypingStart(event) => self.typing(event),
            Event::Unknown(event) => self.unreadable(event),
            _ => {}
        }
        true
    }

    fn message(&self, message: &Message) {
        if let Some(intake) = self.adapter.intake(message.channel_id) {
            return intake.told(Heard::Message(Box::new(message.clone())));
        }
        if message.guild_id.is_some() || message.author.bot {
            return;
        }
        if self.commands.try_send(message.clone()).is_err() {
            tracing::warn!("direct messages come faster than they are stored; one is left out");
        }
    }

    fn interaction(&self, interaction: &Interaction) {
        if self.interactions.try_send(interaction.clone()).is_err() {
            tracing::warn!("interactions come faster than they are answered; one is left out");
        }
    }

    fn change(&self, channel: ChannelId, change: Change) {
        if let Some(intake) = self.adapter.intake(channel) {
            intake.told(Heard::Change(change));
        }
    }

    fn reaction(&self, reaction: &Reaction, on: bool) {
        let reaction = Box::new(reaction.clone());
        self.change(reaction.channel_id, Change::Reacted { reaction, on });
    }

    fn typing(&self, event: &TypingStartEvent) {
        let own = self.adapter.is_bot(event.user_id);
        let Some(member) = event.member.as_ref().filter(|_| !own) else {
            return;
        };
        if self.adapter.intake(event.channel_id).is_some() {
            let from = from_discord::persona(&member.user, member.nick.clone());
            let scope = Scope::Room(RoomId::new(event.channel_id.to_string()));
            self.inbox.signal(&NetworkId::new(NETWORK), scope, from, Signal::Typing { on: true });
        }
    }

    /// An event of a form serenity does not know: what it told is read over REST.
    fn unreadable(&self, event: &UnknownEvent) {
        if !WATCHED.contains(&event.kind.as_str()) {
            return tracing::debug!("an event of a new kind is passed over");
        }
        tracing::warn!(kind = %event.kind, "an event cannot be read; what it told is read back");
        self.adapter.note_unreadable();
        let channel = event.value.get("channel_id").and_then(|id| id.as_str());
        let channel = channel.and_then(|id| id.parse::<u64>().ok()).filter(|id| *id > 0);
        if let Some(intake) = channel.and_then(|id| self.adapter.intake(ChannelId::new(id))) {
            intake.catch_up();
        }
    }
}

/// Hears that a session began.
struct Beginning {
    hearing: Arc<Hearing>,
    session: u64,
}

#[async_trait]
impl EventHandler for Beginning {
    async fn ready(&self, cx: Context, ready: Ready) {
        let Self { hearing, session } = self;
        if hearing.current.load(Ordering::Relaxed) != *session {
            return;
        }
        hearing.adapter.set_cache(cx.cache.clone());
        let intakes = hearing.adapter.intakes();
        // Between a session's first event and this nothing was heard: it is read back, after the ears
        // are open.
        intakes.iter().for_each(|intake| intake.hold());
        let (ears, number) = (Arc::clone(hearing), *session);
        let heard = move |event: &Event| ears.heard(number, event);
        cx.shard.add_collector(CollectorCallback(Box::new(heard)));
        *lock(&hearing.last) = Instant::now();
        *lock(&hearing.asking) = ready.guilds.first().map(|guild| (cx.shard.clone(), guild.id));
        intakes.iter().for_each(|intake| intake.catch_up());
        hearing.adapter.set_ready(true);
        tracing::info!(bot = %ready.user.name, servers = ready.guilds.len(), "connected to Discord");
    }
}

/// Keeps one session until it ends or is dead.
pub(crate) async fn session(hearing: &Arc<Hearing>, intents: GatewayIntents) -> Ended {
    let adapter = &hearing.adapter;
    let number = hearing.current.fetch_add(1, Ordering::Relaxed) + 1;
    *lock(&hearing.last) = Instant::now();
    *lock(&hearing.asking) = None;
    let http = HttpBuilder::new(adapter.token.expose_secret()).client(adapter.http.clone()).build();
    let beginning = Beginning { hearing: Arc::clone(hearing), session: number };
    let built = ClientBuilder::new_with_http(http, intents).event_handler(beginning).await;
    let mut client = match built {
        Ok(client) => client,
        Err(error) => return ended(&error),
    };
    let shards = Arc::clone(&client.shard_manager);
    let running = tokio::spawn(async move { client.start().await });
    let outcome = watch(hearing, running, &adapter.patience).await;
    adapter.set_ready(false);
    // Whatever it still hears is not for us; one that hangs never ends by itself.
    hearing.current.fetch_add(1, Ordering::Relaxed);
    leave(&shards).await;
    outcome
}

/// Waits for a session's end, or for the adapter's, and sees whether it lives.
async fn watch(
    hearing: &Hearing,
    mut running: JoinHandle<Result<(), Error>>,
    patience: &Patience,
) -> Ended {
    let cancel = hearing.adapter.cancel();
    let mut look = interval(patience.look);
    let mut asked: Option<Instant> = None;
    loop {
        tokio::select! {
            ended = &mut running => return match ended {
                Ok(Ok(())) => Ended::Lost("the session ended".to_owned()),
                Ok(Err(error)) => self::ended(&error),
                Err(error) => Ended::Lost(format!("serenity panicked: {error}")),
            },
            () = cancel.cancelled() => {
                running.abort();
                return Ended::Told;
            }
            _ = look.tick() => {}
        }
        let last = *lock(&hearing.last);
        if asked.is_some_and(|asked| last > asked) || last.elapsed() < patience.quiet {
            asked = None;
            continue;
        }
        let dead = match (asked, &*lock(&hearing.asking)) {
            (Some(asked), _) => asked.elapsed() >= patience.answer,
            (None, Some((shard, guild))) => {
                let own = ChunkGuildFilter::UserIds(vec![hearing.adapter.bot()]);
                shard.chunk_guild(*guild, None, false, own, Some("alive".to_owned()));
                asked = Some(Instant::now());
                false
            }
            // It did not even begin.
            (None, None) => !hearing.adapter.is_ready(),
        };
        if dead {
            running.abort();
            return Ended::Lost("the gateway does not answer".to_owned());
        }
    }
}

async fn leave(shards: &ShardManager) {
    if timeout(GOODBYE, shards.shutdown_all()).await.is_err() {
        tracing::debug!("the gateway did not take leave in time");
    }
}

fn ended(error: &Error) -> Ended {
    match error {
        Error::Gateway(GatewayError::InvalidAuthentication) => Ended::Token,
        Error::Gateway(
            GatewayError::DisallowedGatewayIntents | GatewayError::InvalidGatewayIntents,
        ) => Ended::Intents,
        Error::Gateway(error) => Ended::Lost(error.to_string()),
        error => match crate::error::Failure::of(error) {
            crate::error::Failure::Token => Ended::Token,
            failure => Ended::Lost(format!("{failure:?}")),
        },
    }
}

/// Makes a command of a direct message.
pub(crate) fn command(message: &Message) -> Neutral {
    let id = message.id.to_string();
    Neutral {
        network: NetworkId::new(NETWORK),
        source: SourceId::new(id.as_str()),
        message: Some(MessageId::new(id)),
        at: crate::intake::moment(message),
        scope: Scope::Room(RoomId::new(message.channel_id.to_string())),
        sender: from_discord::persona(&message.author, None),
        kind: EventKind::Command(CommandLine(message.content.clone())),
    }
}
