//! The server and what a test may do to it.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State as Extracted, ws::WebSocketUpgrade},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

pub use crate::limit::Bucket;
use crate::{
    fault::{Fault, Script},
    front::Front,
    gateway,
    limit::Limits,
    rest,
    session::{Order, Session, intents},
    webhook,
    world::{Channel, Message, User, Webhook, World},
};

/// How the gateway misbehaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Controls {
    pub(crate) heartbeat_millis: u64,
    pub(crate) no_ack: bool,
    pub(crate) no_chunks: bool,
    pub(crate) no_hello: bool,
    pub(crate) refuse_resume: bool,
    /// How long after its answer an echo comes; none: before it.
    pub(crate) echo_after: Option<Duration>,
}

/// Everything behind the fronts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) script: Script,
    pub(crate) limits: Limits,
    pub(crate) sessions: Vec<Session>,
    pub(crate) controls: Controls,
    pub(crate) identified: u64,
    pub(crate) resumed: u64,
    requests: HashMap<&'static str, u64>,
    typing: HashMap<u64, u64>,
    waits: Vec<(watch::Receiver<u64>, u64)>,
    late: Vec<(&'static str, Value, u64)>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    address: SocketAddr,
    /// Where clients are told that the gateway is, if not at the address.
    gateway: OnceLock<SocketAddr>,
    hang_upgrades: AtomicBool,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn controls(&self) -> Controls {
        self.state().controls
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}/gw", self.gateway.get().unwrap_or(&self.address))
    }

    /// Waits until what happened is written to all sessions, or sees to it that it is later.
    pub(crate) async fn told_everybody(self: &Arc<Self>) {
        let (waits, late, after) = {
            let mut state = self.state();
            let after = state.controls.echo_after;
            (std::mem::take(&mut state.waits), std::mem::take(&mut state.late), after)
        };
        rest::written(waits).await;
        if let (false, Some(after)) = (late.is_empty(), after) {
            let shared = Arc::clone(self);
            // It ends by itself, a moment after the answer.
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                let mut state = shared.state();
                for (name, data, wanted) in late {
                    state.tell(name, &data, wanted);
                }
            });
        }
    }
}

impl State {
    pub(crate) fn note_request(&mut self, route: &'static str) {
        *self.requests.entry(route).or_default() += 1;
    }

    pub(crate) fn note_typing(&mut self, channel: u64) {
        *self.typing.entry(channel).or_default() += 1;
    }

    /// Tells an event to the sessions that want it.
    pub(crate) fn tell(&mut self, name: &str, data: &Value, wanted: u64) {
        let bot = self.world.bot.to_string();
        for session in &mut self.sessions {
            let blank = name == "MESSAGE_CREATE" && is_blanked(session.intents, data, &bot);
            let told = if blank {
                session.tell(name, &blanked(data), wanted)
            } else {
                session.tell(name, data, wanted)
            };
            self.waits.extend(told);
        }
    }

    /// Says something as the answer to a request: its echo may be late.
    pub(crate) fn say(&mut self, message: Message) {
        let (event, wanted) = self.add(message);
        if self.controls.echo_after.is_some() {
            return self.late.push(("MESSAGE_CREATE", event, wanted));
        }
        self.tell("MESSAGE_CREATE", &event, wanted);
    }

    /// Says something as a person.
    fn say_now(&mut self, message: Message) {
        let (event, wanted) = self.add(message);
        self.tell("MESSAGE_CREATE", &event, wanted);
    }

    /// Adds a message; gives the event that tells of it, and for whom it is.
    fn add(&mut self, message: Message) -> (Value, u64) {
        let event = self.world.message_event(&message);
        let direct =
            self.world.channels.get(&message.channel).is_some_and(|channel| channel.with.is_some());
        let wanted = if direct { intents::DIRECT_MESSAGES } else { intents::GUILD_MESSAGES };
        self.world.messages.entry(message.channel).or_default().push(message);
        (event, wanted)
    }

    pub(crate) fn changed(&mut self, message: &Message) {
        let event = self.world.message_event(message);
        self.tell("MESSAGE_UPDATE", &event, intents::GUILD_MESSAGES);
    }

    pub(crate) fn delete_channel(&mut self, channel: u64) {
        let event = self.world.channel_json(channel);
        self.world.channels.remove(&channel);
        self.world.messages.remove(&channel);
        self.world.webhooks.retain(|_, hook| hook.channel != channel);
        self.tell("CHANNEL_DELETE", &event, intents::GUILDS);
    }

    pub(crate) fn direct_channel(&mut self, user: u64) -> u64 {
        let known = self.world.channels.iter().find(|(_, channel)| channel.with == Some(user));
        if let Some((id, _)) = known {
            return *id;
        }
        let id = self.world.id();
        self.world.channels.insert(id, rest::new_direct_channel(user));
        id
    }
}

/// Tells whether a session without the intent gets a message without its words: others' messages in a
/// server that do not call the bot.
fn is_blanked(held: u64, message: &Value, bot: &str) -> bool {
    let author = message.pointer("/author/id").and_then(Value::as_str);
    let called = message.get("mentions").and_then(Value::as_array).is_some_and(|mentions| {
        mentions.iter().any(|user| user.get("id").and_then(Value::as_str) == Some(bot))
    });
    held & intents::MESSAGE_CONTENT == 0
        && message.get("guild_id").is_some()
        && author != Some(bot)
        && !called
}

fn blanked(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(fields) = message.as_object_mut() {
        fields.insert("content".to_owned(), json!(""));
        for name in ["attachments", "embeds", "components"] {
            fields.insert(name.to_owned(), json!([]));
        }
    }
    message
}

/// A Discord of one server, as long as it lives.
pub struct FakeDiscord {
    shared: Arc<Shared>,
    front: SocketAddr,
    authority: String,
    _tasks: JoinSet<()>,
}

impl FakeDiscord {
    /// Starts one whose bot has this token, all permissions and the message content intent.
    ///
    /// # Errors
    /// When the loopback cannot be listened on.
    pub async fn start(token: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let controls = Controls {
            heartbeat_millis: 40_000,
            no_ack: false,
            no_chunks: false,
            no_hello: false,
            refuse_resume: false,
            echo_after: None,
        };
        let state = State {
            world: World::new(token),
            script: Script::default(),
            limits: Limits::default(),
            sessions: Vec::new(),
            controls,
            identified: 0,
            resumed: 0,
            requests: HashMap::new(),
            typing: HashMap::new(),
            waits: Vec::new(),
            late: Vec::new(),
        };
        let hang_upgrades = AtomicBool::new(false);
        let gateway = OnceLock::new();
        let shared = Arc::new(Shared { state: Mutex::new(state), address, gateway, hang_upgrades });
        let router = Router::new()
            .route("/gw", get(upgrade))
            .route("/gw/", get(upgrade))
            .fallback(rest::serve)
            // What is too large is refused as Discord does it.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let front = Front::bind().await?;
        let (place, authority) = (front.address()?, front.authority.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(front.run(address));
        tasks.spawn(async move {
            // It serves until the whole is dropped.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { shared, front: place, authority, _tasks: tasks })
    }

    /// Where the gateway is.
    pub fn gateway(&self) -> SocketAddr {
        self.shared.address
    }

    /// Tells clients another address for the gateway, for a link that goes wrong; the first counts.
    pub fn detour(&self, gateway: SocketAddr) {
        self.shared.gateway.get_or_init(|| gateway);
    }

    /// Where `https://discord.com` is: connect there, or use it as an HTTP proxy.
    pub fn front(&self) -> SocketAddr {
        self.front
    }

    /// The certificate to trust for it, as PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Writes that certificate to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_authority(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, &self.authority)
    }

    /// The bot's user id.
    pub fn bot(&self) -> u64 {
        self.shared.state().world.bot
    }

    /// The application's id.
    pub fn application(&self) -> u64 {
        self.shared.state().world.application
    }

    /// Adds a person to the server.
    pub fn person(&self, name: &str) -> u64 {
        let mut state = self.shared.state();
        let id = state.world.id();
        let user = User { name: name.to_owned(), nick: None, bot: false };
        state.world.users.insert(id, user);
        id
    }

    /// Gives a person a name of her own on the server.
    pub fn nickname(&self, user: u64, nick: &str) {
        if let Some(user) = self.shared.state().world.users.get_mut(&user) {
            user.nick = Some(nick.to_owned());
        }
    }

    /// Adds a text channel.
    pub fn channel(&self, name: &str) -> u64 {
        let mut state = self.shared.state();
        let id = state.world.id();
        let channel = Channel { name: name.to_owned(), with: None, denied: 0 };
        state.world.channels.insert(id, channel);
        id
    }

    /// Deletes a channel.
    pub fn delete_channel(&self, channel: u64) {
        self.shared.state().delete_channel(channel);
    }

    /// Says something as a person; gives the message's id.
    pub fn say(&self, channel: u64, user: u64, content: &str) -> u64 {
        self.say_with(channel, user, content, &[])
    }

    /// Says something with files: their names and bytes.
    pub fn say_with(&self, channel: u64, user: u64, content: &str, files: &[(&str, &[u8])]) -> u64 {
        let mut state = self.shared.state();
        let files: Vec<_> =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        let files = state.world.files(&files);
        let name = state.world.users.get(&user).map(|user| user.name.clone()).unwrap_or_default();
        let (mention_everyone, mentions) = rest::mentions(&Value::Null, content);
        let message = Message {
            id: state.world.id(),
            channel,
            name,
            author: user,
            webhook: None,
            content: content.to_owned(),
            mention_everyone,
            mentions,
            reply_to: None,
            files,
            reactions: Vec::new(),
            nonce: None,
            bot: false,
        };
        let id = message.id;
        state.say_now(message);
        id
    }

    /// Says something to the bot in private; gives the channel.
    pub fn whisper(&self, user: u64, content: &str) -> u64 {
        let channel = self.shared.state().direct_channel(user);
        self.say(channel, user, content);
        channel
    }

    /// Shows a person as writing.
    pub fn writes(&self, channel: u64, user: u64) {
        let mut state = self.shared.state();
        let guild = state.world.guild.to_string();
        let event = json!({
            "channel_id": channel.to_string(), "user_id": user.to_string(), "guild_id": guild,
            "timestamp": 1_700_000_000, "member": state.world.whole_member_json(user),
        });
        state.tell("TYPING_START", &event, intents::GUILD_TYPING | intents::DIRECT_TYPING);
    }

    /// What stands in a channel, oldest first.
    pub fn messages(&self, channel: u64) -> Vec<Message> {
        self.shared.state().world.messages.get(&channel).cloned().unwrap_or_default()
    }

    /// How often the bot was shown as writing in a channel.
    pub fn typing_shown(&self, channel: u64) -> u64 {
        self.shared.state().typing.get(&channel).copied().unwrap_or_default()
    }

    /// The webhooks of a channel.
    pub fn webhooks(&self, channel: u64) -> Vec<Webhook> {
        let state = self.shared.state();
        state.world.webhooks.values().filter(|hook| hook.channel == channel).cloned().collect()
    }

    /// Adds a webhook somebody else made.
    pub fn foreign_webhook(&self, channel: u64, name: &str) -> Webhook {
        let mut state = self.shared.state();
        let id = state.world.id();
        let token = format!("foreign-{id:x}");
        let hook = Webhook { id, channel, name: name.to_owned(), token, ours: false };
        state.world.webhooks.insert(id, hook.clone());
        hook
    }

    /// Says something through a webhook, as its owner would.
    pub fn say_through(&self, webhook: &Webhook, content: &str) -> u64 {
        let mut state = self.shared.state();
        let message = Message {
            id: state.world.id(),
            channel: webhook.channel,
            name: webhook.name.clone(),
            author: webhook.id,
            webhook: Some(webhook.id),
            content: content.to_owned(),
            mention_everyone: false,
            mentions: Default::default(),
            reply_to: None,
            files: Vec::new(),
            reactions: Vec::new(),
            nonce: None,
            bot: true,
        };
        let id = message.id;
        state.say_now(message);
        id
    }

    /// Deletes a message, as its author may.
    pub fn delete_message(&self, channel: u64, message: u64) {
        let mut state = self.shared.state();
        state.world.messages.entry(channel).or_default().retain(|one| one.id != message);
    }

    /// Sets how large a file may be, in bytes.
    pub fn file_limit(&self, bytes: usize) {
        self.shared.state().world.file_limit = bytes;
    }

    /// Sets how long addresses of files open that are given from now on.
    pub fn link_life(&self, life: Duration) {
        self.shared.state().world.link_life = life.as_secs();
    }

    /// Deletes a webhook, as an administrator may.
    pub fn delete_webhook(&self, id: u64) {
        // One that is gone already is what was wanted.
        drop(webhook::delete(&mut self.shared.state(), id));
    }

    /// Takes permissions from the bot in one channel; see [`permissions`](crate::permissions).
    pub fn deny(&self, channel: u64, permissions: u64) {
        if let Some(channel) = self.shared.state().world.channels.get_mut(&channel) {
            channel.denied = permissions;
        }
    }

    /// Switches the message content intent of the bot on or off in the developer portal.
    pub fn message_content(&self, on: bool) {
        self.shared.state().world.flags = if on { 1 << 19 } else { 0 };
    }

    /// Changes the bot's token.
    pub fn change_token(&self, token: &str) {
        token.clone_into(&mut self.shared.state().world.token);
    }

    /// Scripts the next answer of a route such as `POST /webhooks/{}/{}`.
    pub fn fault(&self, route: &str, fault: Fault) {
        self.shared.state().script.add(route, fault);
    }

    /// Sets how much every bucket takes.
    pub fn bucket(&self, bucket: Bucket) {
        self.shared.state().limits.bucket = bucket;
    }

    /// How many requests were one too many for their buckets.
    pub fn limited(&self) -> u64 {
        self.shared.state().limits.refused
    }

    /// How many requests a route had.
    pub fn requests(&self, route: &str) -> u64 {
        self.shared.state().requests.get(route).copied().unwrap_or_default()
    }

    /// How many sessions began, and how many were resumed.
    pub fn sessions(&self) -> (u64, u64) {
        let state = self.shared.state();
        (state.identified, state.resumed)
    }

    /// Whether a client is connected.
    pub fn is_connected(&self) -> bool {
        self.shared.state().sessions.iter().any(Session::is_connected)
    }

    /// Ends all gateway connections with a close code.
    pub fn close(&self, code: u16) {
        self.order(|| Order::Close(code));
    }

    /// Cuts all gateway connections.
    pub fn cut(&self) {
        self.order(|| Order::Drop);
    }

    fn order(&self, order: impl Fn() -> Order) {
        self.shared.state().sessions.iter_mut().for_each(|session| session.order(order()));
    }

    /// Takes connections to the gateway from now on, and never answers them; or answers again.
    pub fn hang_upgrades(&self, on: bool) {
        self.shared.hang_upgrades.store(on, Ordering::Relaxed);
    }

    /// Greets nobody from now on; or does again.
    pub fn hold_hello(&self, on: bool) {
        self.shared.state().controls.no_hello = on;
    }

    /// Refuses to resume sessions from now on; or resumes again.
    pub fn refuse_resume(&self, on: bool) {
        self.shared.state().controls.refuse_resume = on;
    }

    /// Answers no heartbeats from now on; or does again.
    pub fn hold_acks(&self, on: bool) {
        self.shared.state().controls.no_ack = on;
    }

    /// Answers no requests for members from now on; or does again.
    pub fn hold_chunks(&self, on: bool) {
        self.shared.state().controls.no_chunks = on;
    }

    /// Sets how often clients shall send heartbeats; counts for connections to come.
    pub fn heartbeat(&self, every: Duration) {
        let millis = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        self.shared.state().controls.heartbeat_millis = millis;
    }

    /// Tells of messages so long after their senders have their answers; by default before.
    pub fn echo_after(&self, after: Duration) {
        self.shared.state().controls.echo_after = Some(after);
    }

    /// Tells all sessions an event of the test's own making.
    pub fn tell(&self, name: &str, data: &Value) {
        self.shared.state().tell(name, data, intents::EVERYBODY);
    }
}

async fn upgrade(Extracted(shared): Extracted<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if shared.hang_upgrades.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    upgrade.on_upgrade(move |socket| gateway::serve(shared, socket))
}
