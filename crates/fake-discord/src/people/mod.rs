//! What people on the server do.

mod given;
mod interact;
mod slash;
mod words;

use serde_json::json;

pub use self::{
    given::{Given, Modal},
    words::Words,
};
use crate::{
    FakeDiscord,
    permissions::{ADD_REACTIONS, MANAGE_MESSAGES, READ_MESSAGE_HISTORY, VIEW_CHANNEL},
    session::intents,
    state::State,
    time,
    world::{Channel, Kind, Message, Picture, User, Webhook, hash},
};

/// A person, for what she does: see [`FakeDiscord::by`].
#[derive(Clone, Copy)]
pub struct Person<'a> {
    discord: &'a FakeDiscord,
    /// Her id.
    pub id: u64,
}

impl FakeDiscord {
    /// Adds a person to the server.
    pub fn person(&self, name: &str) -> u64 {
        let id = self.act(|state| {
            let id = state.world.id();
            state.world.users.insert(id, User { name: name.to_owned(), ..User::default() });
            id
        });
        self.by(id).joins();
        id
    }

    /// Whoever does what comes next.
    pub fn by(&self, user: u64) -> Person<'_> {
        Person { discord: self, id: user }
    }

    /// Says something as a person; gives the message's id.
    pub fn say(&self, channel: u64, user: u64, content: &str) -> u64 {
        self.by(user).says(channel, content)
    }

    /// Says something with files: their names and bytes.
    pub fn say_with(&self, channel: u64, user: u64, content: &str, files: &[(&str, &[u8])]) -> u64 {
        let words =
            files.iter().fold(Words::new(content), |words, (name, bytes)| words.file(name, bytes));
        self.by(user).says(channel, words)
    }

    /// Says something to the bot in private; gives the channel.
    pub fn whisper(&self, user: u64, content: &str) -> u64 {
        let channel = self.direct(user);
        self.say(channel, user, content);
        channel
    }

    /// The direct channel of a person and the bot.
    pub fn direct(&self, user: u64) -> u64 {
        self.act(|state| state.direct_channel(user))
    }

    /// Shows a person as writing.
    pub fn writes(&self, channel: u64, user: u64) {
        self.by(user).types(channel);
    }

    /// Gives a person a name of her own on the server.
    pub fn nickname(&self, user: u64, nick: &str) {
        self.by(user).is_called(nick);
    }

    /// Says something through a webhook, as its owner would.
    pub fn say_through(&self, webhook: &Webhook, content: &str) -> u64 {
        self.act(|state| {
            let id = state.world.id();
            let message = Message {
                webhook: Some(webhook.id),
                content: content.to_owned(),
                bot: true,
                ..Message::new(id, webhook.channel, webhook.id, &webhook.name)
            };
            state.say_now(message);
            id
        })
    }

    /// Does something to the state, and says that it was done.
    pub(crate) fn act<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        let done = what(&mut self.shared.state());
        self.shared.note_news();
        done
    }
}

/// Fails a test in which a person does what she may not.
fn may(state: &State, user: u64, channel: u64, wanted: u64) {
    let gone = state.world.channels.contains_key(&channel);
    assert!(gone, "there is no channel {channel}");
    let allowed = state.world.allows(user, channel, wanted | VIEW_CHANNEL);
    assert!(allowed, "{} may not do that there", state.world.shown_name(user));
}

impl Person<'_> {
    /// Says something; gives the message's id.
    ///
    /// # Panics
    /// When she may not write there.
    pub fn says(&self, channel: u64, words: impl Into<Words>) -> u64 {
        let words = words.into();
        self.discord.act(|state| {
            may(state, self.id, channel, state.world.writing(channel));
            let message = words.message(state, channel, self.id);
            let id = message.id;
            state.say_now(message);
            id
        })
    }

    /// Says something else instead of what she said.
    ///
    /// # Panics
    /// When it is not hers.
    pub fn edits(&self, channel: u64, message: u64, content: &str) {
        self.discord.act(|state| {
            let mut message = self.own(state, channel, message);
            content.clone_into(&mut message.content);
            state.world.call(&mut message, &json!({}));
            state.edit(message);
        });
    }

    /// Takes back what she said, or, if she may, what somebody else did.
    ///
    /// # Panics
    /// When she may not.
    pub fn deletes(&self, channel: u64, message: u64) {
        self.discord.act(|state| {
            let found = state.world.message(channel, message).cloned();
            let found = found.unwrap_or_else(|| panic!("there is no message {message}"));
            if found.author != self.id {
                may(state, self.id, channel, MANAGE_MESSAGES);
            }
            state.remove_messages(channel, &[message], false);
        });
    }

    fn own(&self, state: &State, channel: u64, message: u64) -> Message {
        let found = state.world.message(channel, message).filter(|one| one.author == self.id);
        found.cloned().unwrap_or_else(|| panic!("{message} is not hers"))
    }

    /// Puts a reaction under a message: a character, or `name:id`.
    ///
    /// # Panics
    /// When she may not.
    pub fn reacts(&self, channel: u64, message: u64, emoji: &str) {
        self.discord.act(|state| {
            may(state, self.id, channel, ADD_REACTIONS | READ_MESSAGE_HISTORY);
            state.react(channel, message, self.id, emoji);
        });
    }

    /// Takes her reaction away.
    pub fn unreacts(&self, channel: u64, message: u64, emoji: &str) {
        self.discord.act(|state| state.unreact(channel, message, self.id, emoji));
    }

    /// Begins to write.
    ///
    /// # Panics
    /// When she may not write there.
    pub fn types(&self, channel: u64) {
        self.discord.act(|state| {
            may(state, self.id, channel, state.world.writing(channel));
            let mut event = json!({
                "channel_id": channel.to_string(), "user_id": self.id.to_string(),
                "timestamp": time::now() / 1000,
            });
            if let Some(fields) = event.as_object_mut().filter(|_| !state.world.is_direct(channel))
            {
                fields.insert("member".to_owned(), state.world.whole_member_json(self.id));
            }
            let wanted = (intents::GUILD_TYPING, intents::DIRECT_TYPING);
            state.tell_in(channel, "TYPING_START", &event, wanted);
        });
    }

    /// Begins a post in a forum, or a thread in a channel; gives its id.
    pub fn begins_thread(&self, parent: u64, title: &str, words: impl Into<Words>) -> u64 {
        let words = words.into();
        self.discord.act(|state| {
            may(state, self.id, parent, VIEW_CHANNEL);
            let id = state.world.id();
            let mut thread = Channel::new(id, Kind::Thread, title);
            thread.parent = Some(parent);
            thread.owner = Some(self.id);
            thread.members.insert(self.id);
            state.world.channels.insert(id, thread);
            state.channel_made(id);
            let message = words.message(state, id, self.id);
            state.say_now(message);
            id
        })
    }

    /// Looks so: `online`, `idle`, `dnd` or `offline`, and what she says of herself.
    pub fn looks(&self, status: &str, custom: &str) {
        self.discord.act(|state| {
            if let Some(user) = state.world.users.get_mut(&self.id) {
                user.presence = Some((status.to_owned(), custom.to_owned()));
            }
            if let Some(event) = state.world.presence_json(self.id) {
                state.tell("PRESENCE_UPDATE", &event, intents::GUILD_PRESENCES);
            }
        });
    }

    /// Comes to the server, or comes back.
    pub fn joins(&self) {
        self.discord.act(|state| {
            if let Some(user) = state.world.users.get_mut(&self.id) {
                user.gone = false;
            }
            let event = crate::world::with(
                state.world.whole_member_json(self.id),
                json!({ "guild_id": state.world.guild.to_string() }),
            );
            state.tell("GUILD_MEMBER_ADD", &event, intents::GUILD_MEMBERS);
        });
    }

    /// Leaves the server.
    pub fn leaves(&self) {
        self.discord.act(|state| {
            if let Some(user) = state.world.users.get_mut(&self.id) {
                user.gone = true;
            }
            let event = json!({
                "guild_id": state.world.guild.to_string(), "user": state.world.user_json(self.id),
            });
            state.tell("GUILD_MEMBER_REMOVE", &event, intents::GUILD_MEMBERS);
        });
    }

    /// Has a name of her own on the server from now on.
    pub fn is_called(&self, nick: &str) {
        self.changes(|user| user.nick = Some(nick.to_owned()));
    }

    /// Has this name everywhere, beside that she signs in with.
    pub fn is_known_as(&self, name: &str) {
        self.changes(|user| user.global_name = Some(name.to_owned()));
    }

    /// Shows this picture of herself.
    pub fn shows_picture(&self, bytes: &[u8]) {
        let picture = Picture { hash: hash(bytes), bytes: bytes.to_vec() };
        self.changes(|user| user.avatar = Some(picture));
    }

    fn changes(&self, change: impl FnOnce(&mut User)) {
        self.discord.act(|state| {
            if let Some(user) = state.world.users.get_mut(&self.id) {
                change(user);
            }
            state.member_changed(self.id);
        });
    }

    /// Takes no direct messages from now on; or does again.
    pub fn closes_direct_messages(&self, on: bool) {
        self.discord.act(|state| {
            if let Some(user) = state.world.users.get_mut(&self.id) {
                user.closed = on;
            }
        });
    }

    /// Whether she sees a channel.
    pub fn sees(&self, channel: u64) -> bool {
        self.discord.shared.state().world.allows(self.id, channel, VIEW_CHANNEL)
    }

    /// What she sees in a channel, messages for her alone included.
    pub fn reads(&self, channel: u64) -> Vec<Message> {
        let state = self.discord.shared.state();
        let all = state.world.messages.get(&channel).into_iter().flatten();
        let hers = |message: &&Message| message.only_for.is_none_or(|user| user == self.id);
        if !state.world.allows(self.id, channel, VIEW_CHANNEL) {
            return Vec::new();
        }
        all.filter(hers).cloned().collect()
    }
}
