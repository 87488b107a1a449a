//! Everything behind the fronts, and how sessions are told of it.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    fault::Script,
    interactions::Interactions,
    limit::Limits,
    permissions,
    session::{Session, intents},
    time,
    world::{Channel, Kind, Message, World},
};

/// How the gateway misbehaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Controls {
    pub(crate) heartbeat_millis: u64,
    pub(crate) no_ack: bool,
    pub(crate) no_chunks: bool,
    pub(crate) no_hello: bool,
    pub(crate) refuse_resume: bool,
    /// Whether frames are compressed.
    pub(crate) compress: bool,
    /// Whether each event is told twice.
    pub(crate) twice: bool,
    /// Whether events are kept back.
    pub(crate) hold: bool,
    /// How long after its answer an echo comes; none: before it.
    pub(crate) echo_after: Option<Duration>,
}

/// An event on its way: its name, what it tells, and the intents it is for.
pub(crate) type Told = (String, Value, u64);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) script: Script,
    pub(crate) limits: Limits,
    pub(crate) sessions: Vec<Session>,
    pub(crate) controls: Controls,
    pub(crate) interactions: Interactions,
    pub(crate) identified: u64,
    pub(crate) resumed: u64,
    /// What the bot last said of itself over the gateway.
    pub(crate) presence: Option<Value>,
    pub(crate) requests: HashMap<&'static str, u64>,
    pub(crate) typing: HashMap<u64, u64>,
    pub(crate) waits: Vec<(watch::Receiver<u64>, u64)>,
    pub(crate) late: Vec<Told>,
    pub(crate) held: Vec<Told>,
    /// Names of events that were told by the server itself.
    pub(crate) names: BTreeSet<String>,
    /// Fields that the next event of a name lacks.
    pub(crate) spoilt: Vec<(String, String)>,
}

impl State {
    pub(crate) fn new(world: World) -> Self {
        let controls = Controls {
            heartbeat_millis: 40_000,
            no_ack: false,
            no_chunks: false,
            no_hello: false,
            refuse_resume: false,
            compress: false,
            twice: false,
            hold: false,
            echo_after: None,
        };
        Self {
            world,
            script: Script::default(),
            limits: Limits::default(),
            sessions: Vec::new(),
            controls,
            interactions: Interactions::default(),
            identified: 0,
            resumed: 0,
            presence: None,
            requests: HashMap::new(),
            typing: HashMap::new(),
            waits: Vec::new(),
            late: Vec::new(),
            held: Vec::new(),
            names: BTreeSet::new(),
            spoilt: Vec::new(),
        }
    }

    pub(crate) fn note_request(&mut self, route: &'static str) {
        *self.requests.entry(route).or_default() += 1;
    }

    /// Tells an event to the sessions that want it.
    pub(crate) fn tell(&mut self, name: &str, data: &Value, wanted: u64) {
        if self.world.left && name != "GUILD_DELETE" {
            return;
        }
        self.names.insert(name.to_owned());
        let mut data = data.clone();
        if let Some(at) = self.spoilt.iter().position(|(spoilt, _)| spoilt == name) {
            let (_, field) = self.spoilt.remove(at);
            if let Some(fields) = data.as_object_mut() {
                fields.remove(&field);
            }
        }
        if self.controls.hold {
            return self.held.push((name.to_owned(), data, wanted));
        }
        for _ in 0..=u8::from(self.controls.twice) {
            self.tell_now(name, &data, wanted);
        }
    }

    /// Tells an event whatever was said about events.
    pub(crate) fn tell_now(&mut self, name: &str, data: &Value, wanted: u64) {
        let bot = self.world.bot.to_string();
        let says = matches!(name, "MESSAGE_CREATE" | "MESSAGE_UPDATE");
        for session in &mut self.sessions {
            let told = if says && is_blanked(session.intents, data, &bot) {
                session.tell(name, &blanked(data), wanted)
            } else {
                session.tell(name, data, wanted)
            };
            self.waits.extend(told);
        }
    }

    /// Tells of something in a channel, if the bot sees that; the intents are for a server's, and for
    /// a direct channel.
    pub(crate) fn tell_in(&mut self, channel: u64, name: &str, data: &Value, wanted: (u64, u64)) {
        if self.world.is_direct(channel) {
            self.tell(name, data, wanted.1);
        } else if self.world.may(channel, permissions::VIEW_CHANNEL) {
            let mut data = data.clone();
            if let Some(fields) = data.as_object_mut() {
                fields
                    .entry("guild_id")
                    .or_insert_with(|| Value::String(self.world.guild.to_string()));
            }
            self.tell(name, &data, wanted.0);
        }
    }

    /// Says something as the answer to a request: its echo may be late.
    pub(crate) fn say(&mut self, message: Message) {
        let event = self.add(message);
        if let (Some(_), Some((event, wanted))) = (self.controls.echo_after, &event) {
            self.names.insert("MESSAGE_CREATE".to_owned());
            return self.late.push(("MESSAGE_CREATE".to_owned(), event.clone(), *wanted));
        }
        if let Some((event, wanted)) = event {
            self.tell("MESSAGE_CREATE", &event, wanted);
        }
    }

    /// Says something as a person.
    pub(crate) fn say_now(&mut self, message: Message) {
        if let Some((event, wanted)) = self.add(message) {
            self.tell("MESSAGE_CREATE", &event, wanted);
        }
    }

    /// Adds a message; gives the event that tells of it, and for whom it is, if the bot sees it.
    fn add(&mut self, message: Message) -> Option<(Value, u64)> {
        let (channel, author) = (message.channel, message.author);
        let event = self.world.message_event(&message);
        let shown = message.only_for.is_none();
        let direct = self.world.is_direct(channel);
        let seen = direct || self.world.may(channel, permissions::VIEW_CHANNEL);
        self.world.messages.entry(channel).or_default().push(message);
        if shown {
            self.wake_thread(channel, author);
        }
        let wanted = if direct { intents::DIRECT_MESSAGES } else { intents::GUILD_MESSAGES };
        (shown && seen).then_some((event, wanted))
    }

    /// Who writes in a thread is in it, and takes it out of the archive.
    fn wake_thread(&mut self, channel: u64, author: u64) {
        let known = self.world.users.contains_key(&author);
        let Some(thread) = self.world.channels.get_mut(&channel) else { return };
        if !thread.kind.is_thread() {
            return;
        }
        if known {
            thread.members.insert(author);
        }
        if thread.archived {
            thread.archived = false;
            self.channel_changed(channel);
        }
    }

    pub(crate) fn changed(&mut self, message: &Message) {
        if message.only_for.is_some() {
            return;
        }
        let event = self.world.message_event(message);
        let wanted = (intents::GUILD_MESSAGES, intents::DIRECT_MESSAGES);
        self.tell_in(message.channel, "MESSAGE_UPDATE", &event, wanted);
    }

    /// Changes a message's words and marks it as edited; tells of it.
    pub(crate) fn edit(&mut self, message: Message) {
        let message = Message { edited: Some(time::now()), ..message };
        if let Some(place) = self.world.message_mut(message.channel, message.id) {
            message.clone_into(place);
        }
        self.changed(&message);
    }

    /// Removes messages; tells how many there were.
    pub(crate) fn remove_messages(&mut self, channel: u64, ids: &[u64], bulk: bool) -> usize {
        let messages = self.world.messages.entry(channel).or_default();
        let (gone, kept): (Vec<_>, Vec<_>) =
            messages.drain(..).partition(|message| ids.contains(&message.id));
        *messages = kept;
        let shown = gone.iter().filter(|message| message.only_for.is_none());
        let shown: Vec<String> = shown.map(|message| message.id.to_string()).collect();
        let wanted = (intents::GUILD_MESSAGES, intents::DIRECT_MESSAGES);
        if bulk && !shown.is_empty() {
            let event = json!({ "ids": shown, "channel_id": channel.to_string() });
            self.tell_in(channel, "MESSAGE_DELETE_BULK", &event, wanted);
        } else {
            for id in shown {
                let event = json!({ "id": id, "channel_id": channel.to_string() });
                self.tell_in(channel, "MESSAGE_DELETE", &event, wanted);
            }
        }
        gone.len()
    }

    /// Tells that a channel or thread is other than before.
    pub(crate) fn channel_changed(&mut self, channel: u64) {
        self.tell_channel(channel, "UPDATE");
    }

    /// Tells that a channel or thread is new.
    pub(crate) fn channel_made(&mut self, channel: u64) {
        self.tell_channel(channel, "CREATE");
    }

    fn tell_channel(&mut self, channel: u64, what: &str) {
        let mut event = self.world.channel_json(channel);
        let kind = self.world.channels.get(&channel).map(|channel| channel.kind);
        let thread = kind.is_some_and(Kind::is_thread);
        if let Some(fields) = event.as_object_mut().filter(|_| thread && what == "CREATE") {
            fields.insert("newly_created".to_owned(), Value::Bool(true));
        }
        let name = format!("{}_{what}", if thread { "THREAD" } else { "CHANNEL" });
        match kind {
            Some(Kind::Direct) | None => {}
            // What becomes of hidden channels is told, of hidden threads it is not.
            Some(_) if !thread => self.tell(&name, &event, intents::GUILDS),
            Some(_) => self.tell_in(channel, &name, &event, (intents::GUILDS, intents::GUILDS)),
        }
    }

    /// Removes a channel with its threads, its messages and its webhooks.
    pub(crate) fn delete_channel(&mut self, channel: u64) {
        let event = self.world.channel_json(channel);
        let Some(gone) = self.world.channels.remove(&channel) else { return };
        let Channel { kind, parent, .. } = gone;
        self.world.messages.remove(&channel);
        if kind.is_thread() {
            let event = json!({
                "id": channel.to_string(), "guild_id": self.world.guild.to_string(),
                "parent_id": parent.map(|parent| parent.to_string()), "type": kind.code(),
            });
            return self.tell("THREAD_DELETE", &event, intents::GUILDS);
        }
        self.world.webhooks.retain(|_, hook| hook.channel != channel);
        let threads: Vec<u64> =
            self.world.channels.values_mut().fold(Vec::new(), |mut all, one| {
                if one.parent == Some(channel) {
                    if one.kind.is_thread() {
                        all.push(one.id);
                    } else {
                        one.parent = None;
                    }
                }
                all
            });
        for thread in threads {
            self.world.channels.remove(&thread);
            self.world.messages.remove(&thread);
        }
        self.tell("CHANNEL_DELETE", &event, intents::GUILDS);
    }

    pub(crate) fn direct_channel(&mut self, user: u64) -> u64 {
        let mut all = self.world.channels.values();
        if let Some(known) = all.find(|channel| channel.with == Some(user)) {
            return known.id;
        }
        let id = self.world.id();
        let channel = Channel { with: Some(user), ..Channel::new(id, Kind::Direct, "") };
        self.world.channels.insert(id, channel);
        id
    }

    /// Tells that a member of the server is other than before.
    pub(crate) fn member_changed(&mut self, user: u64) {
        let mut event = self.world.whole_member_json(user);
        if let Some(fields) = event.as_object_mut() {
            fields.insert("guild_id".to_owned(), Value::String(self.world.guild.to_string()));
        }
        // The bot hears of itself without the intent.
        let own = user == self.world.bot;
        let wanted = if own { intents::EVERYBODY } else { intents::GUILD_MEMBERS };
        self.tell("GUILD_MEMBER_UPDATE", &event, wanted);
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
        fields.remove("poll");
    }
    message
}
