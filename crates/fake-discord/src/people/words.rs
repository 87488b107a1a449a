//! What a person says, before she says it.

use serde_json::{Map, Value, json};

use crate::{
    rest::poll_json,
    state::State,
    world::{Message, with},
};

/// What a person says: words, and what hangs on them.
///
/// A text alone is one as well: `discord.by(grace).says(channel, "hello")`.
#[derive(Clone, Debug, Default)]
pub struct Words {
    text: String,
    reply: Option<u64>,
    quiet: bool,
    files: Vec<(String, Vec<u8>)>,
    stickers: Vec<String>,
    voice: bool,
    forward: Option<(u64, u64)>,
    poll: Option<(String, Vec<String>)>,
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Words {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl Words {
    /// Words alone.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Answers a message, and calls who said it.
    pub fn reply(mut self, message: u64) -> Self {
        self.reply = Some(message);
        self
    }

    /// Calls nobody by answering.
    pub fn quietly(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Adds a file.
    pub fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        self.files.push((name.to_owned(), bytes.to_vec()));
        self
    }

    /// Adds a sticker that the server has, by its name; see
    /// [`sticker`](crate::FakeDiscord::sticker).
    pub fn sticker(mut self, name: &str) -> Self {
        self.stickers.push(name.to_owned());
        self
    }

    /// Says it aloud: a voice message of this sound.
    pub fn voice(mut self, sound: &[u8]) -> Self {
        self.voice = true;
        self.file("voice-message.ogg", sound)
    }

    /// Passes on a message of a channel.
    pub fn forward(mut self, channel: u64, message: u64) -> Self {
        self.forward = Some((channel, message));
        self
    }

    /// Asks all for their opinion.
    pub fn poll(mut self, question: &str, answers: &[&str]) -> Self {
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        self.poll = Some((question.to_owned(), answers));
        self
    }

    /// Makes a message of them.
    pub(super) fn message(&self, state: &mut State, channel: u64, user: u64) -> Message {
        let id = state.world.id();
        let name = state.world.users.get(&user).map(|user| user.name.clone()).unwrap_or_default();
        let mut message = Message::new(id, channel, user, &name);
        message.content.clone_from(&self.text);
        message.reply_to = self.reply;
        message.flags = if self.voice { 1 << 13 } else { 0 };
        let files = self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone()));
        message.files = state.world.files(files);
        message.more = self.more(state);
        let allowed = json!({ "allowed_mentions": {
            "parse": ["everyone", "roles", "users"], "replied_user": !self.quiet,
        } });
        state.world.call(&mut message, &allowed);
        message
    }

    fn more(&self, state: &State) -> Map<String, Value> {
        let mut more = Map::new();
        if !self.stickers.is_empty() {
            let stickers = state
                .world
                .emojis
                .iter()
                .filter(|(_, one)| one.sticker && self.stickers.contains(&one.name));
            let items: Vec<Value> = stickers
                .map(
                    |(id, one)| json!({ "id": id.to_string(), "name": one.name, "format_type": 1 }),
                )
                .collect();
            assert!(items.len() == self.stickers.len(), "the server has no such sticker");
            more.insert("sticker_items".to_owned(), Value::Array(items));
        }
        if let Some((channel, id)) = self.forward {
            let original = state.world.message(channel, id);
            let original = original.unwrap_or_else(|| panic!("there is no message to forward"));
            let copy = state.world.message_json(original);
            more.insert("message_snapshots".to_owned(), json!([{ "message": copy }]));
            let reference = json!({
                "type": 1, "channel_id": channel.to_string(), "message_id": id.to_string(),
                "guild_id": state.world.guild.to_string(),
            });
            more.insert("message_reference".to_owned(), reference);
        }
        if let Some((question, answers)) = &self.poll {
            let answers = answers.iter().map(|text| json!({ "poll_media": { "text": text } }));
            let asked = json!({
                "question": { "text": question }, "answers": answers.collect::<Vec<_>>(),
            });
            let end = crate::time::timestamp(crate::time::now() + 86_400_000);
            more.insert("poll".to_owned(), with(poll_json(&asked), json!({ "expiry": end })));
        }
        more
    }
}
