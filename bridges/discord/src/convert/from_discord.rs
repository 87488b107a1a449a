//! Discord's messages as neutral content.

use std::collections::HashMap;

use bridge_core::{
    id::{MessageId, NetworkId, PersonaId},
    model::{Attachment, Content, Persona, Quote},
};
use serenity::{
    cache::Cache,
    model::{
        channel::{Embed, Message, MessageType},
        id::{ChannelId, GuildId},
        user::User,
    },
};

use super::markdown::{self, Mentioned};
use crate::{NETWORK, media, texts};

/// What a message is to the bridge.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// It came without its words: the bot may not read them.
    Blank,
    /// Something to pass on: words, files, or both.
    Content { words: Option<Content>, files: Vec<Attachment> },
    /// Something only Discord's own users care about: somebody joined, a pin was set.
    Nothing,
}

/// Reads a message.
pub(crate) fn read(message: &Message, names: &dyn Mentioned) -> Said {
    let said = matches!(
        message.kind,
        MessageType::Regular
            | MessageType::InlineReply
            | MessageType::ChatInputCommand
            | MessageType::ContextMenuCommand
    );
    if !said {
        return Said::Nothing;
    }
    let mut text = markdown::parse(&message.content, names);
    let mut add = |line: String| {
        if !text.plain.is_empty() {
            text.plain.push('\n');
        }
        text.plain.push_str(&line);
    };
    for snapshot in &message.message_snapshots {
        let words = markdown::parse(&snapshot.content, names).plain;
        add(texts::forwarded(&words));
    }
    for sticker in &message.sticker_items {
        add(texts::sticker(&sticker.name));
    }
    if let Some(poll) = &message.poll {
        let answers = poll.answers.iter().filter_map(|answer| answer.poll_media.text.clone());
        let question = poll.question.text.clone().unwrap_or_default();
        add(texts::poll(&question, &answers.collect::<Vec<_>>()));
    }
    // A person's embeds are previews of addresses she wrote; a bot's are what it has to say.
    if message.author.bot {
        message.embeds.iter().filter_map(embed).for_each(&mut add);
    }
    let files = media::files(message);
    let blank = text.plain.trim().is_empty();
    if blank && files.is_empty() {
        return Said::Blank;
    }
    let reply_to = message.referenced_message.as_deref().map(|answered| Quote {
        message: MessageId::new(answered.id.to_string()),
        sender: persona(&answered.author, None).name,
        excerpt: Some(markdown::parse(&answered.content, names).plain)
            .filter(|words| !words.trim().is_empty()),
    });
    let words = (!blank).then(|| Content { text, reply_to, ..Content::default() });
    Said::Content { words, files }
}

fn embed(embed: &Embed) -> Option<String> {
    let fields = embed.fields.iter().map(|field| format!("{}: {}", field.name, field.value));
    let parts = [&embed.title, &embed.description].into_iter().flatten().cloned();
    let parts: Vec<String> = parts.chain(fields).chain(embed.url.clone()).collect();
    (!parts.is_empty()).then(|| parts.join(" – "))
}

/// Names a person as the others on the server see her.
pub(crate) fn persona(user: &User, nick: Option<String>) -> Persona {
    let name = nick.or_else(|| user.global_name.clone()).unwrap_or_else(|| user.name.clone());
    Persona {
        network: NetworkId::new(NETWORK),
        id: PersonaId::new(user.id.to_string()),
        name: Some(name),
    }
}

/// Names of what a message mentions, from the message itself and from the server it is on.
pub(crate) struct Names<'a> {
    people: HashMap<u64, String>,
    cache: &'a Cache,
    guild: Option<GuildId>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(message: &Message, cache: &'a Cache) -> Self {
        let people = message.mentions.iter().map(|user| {
            let nick = user.member.as_ref().and_then(|member| member.nick.clone());
            (user.id.get(), persona(user, nick).name.unwrap_or_default())
        });
        // A message read back does not say where it is.
        let holds = |id: &GuildId| {
            cache.guild(*id).is_some_and(|guild| guild.channels.contains_key(&message.channel_id))
        };
        let guild = message.guild_id.or_else(|| cache.guilds().into_iter().find(holds));
        Self { people: people.collect(), cache, guild }
    }
}

impl Mentioned for Names<'_> {
    fn person(&self, id: u64) -> Option<String> {
        self.people.get(&id).cloned()
    }

    fn role(&self, id: u64) -> Option<String> {
        let guild = self.cache.guild(self.guild?)?;
        guild.roles.values().find(|role| role.id.get() == id).map(|role| role.name.clone())
    }

    fn channel(&self, id: u64) -> Option<String> {
        let id = (id > 0).then(|| ChannelId::new(id))?;
        let guild = self.cache.guild(self.guild?)?;
        guild.channels.get(&id).map(|channel| channel.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use serenity::json::{from_value, json};

    use super::*;

    fn message(change: serenity::json::Value) -> Message {
        let mut value = json!({
            "id": "10", "channel_id": "20", "content": "", "tts": false,
            "timestamp": "2024-01-01T00:00:00+00:00", "mention_everyone": false, "mentions": [],
            "mention_roles": [], "attachments": [], "embeds": [], "pinned": false, "type": 0,
            "author": { "id": "30", "username": "grace", "global_name": "Grace H" },
        });
        for (key, new) in change.as_object().unwrap() {
            value.as_object_mut().unwrap().insert(key.clone(), new.clone());
        }
        from_value(value).unwrap()
    }

    fn words(change: serenity::json::Value) -> String {
        let (message, cache) = (message(change), Cache::new());
        match read(&message, &Names::of(&message, &cache)) {
            Said::Content { words, files } => {
                let files = files.into_iter().map(|file| format!("[{}]", file.name));
                words.map(|words| words.text.plain).into_iter().chain(files).collect()
            }
            said => format!("{said:?}"),
        }
    }

    #[test]
    fn words_and_what_is_beside_them_are_told() {
        let file = json!([{ "id": "1", "filename": "a.png", "size": 2000, "url": "https://cdn/a.png",
                            "proxy_url": "https://cdn/a.png" }]);
        let mention =
            json!([{ "id": "1", "username": "x", "member": { "roles": [], "nick": "Bob" } }]);
        for (change, wanted) in [
            (json!({ "content": "hi" }), "hi"),
            (json!({ "content": "hi <@1>", "mentions": mention }), "hi @Bob"),
            (json!({ "attachments": file }), "[a.png]"),
            (json!({ "content": "look", "attachments": file }), "look[a.png]"),
            (
                json!({ "sticker_items": [{ "id": "1", "name": "Wave", "format_type": 1 }] }),
                "(sticker: Wave)",
            ),
            (json!({ "type": 19, "content": "a reply" }), "a reply"),
            (json!({ "type": 7 }), "Nothing"),
            (json!({}), "Blank"),
            (
                json!({ "embeds": [{ "title": "News", "url": "https://e.org" }],
                        "author": { "id": "1", "username": "hub", "bot": true } }),
                "News – https://e.org",
            ),
            (json!({ "content": "https://e.org", "embeds": [{ "title": "E" }] }), "https://e.org"),
        ] {
            assert_eq!(words(change.clone()), wanted, "{change}");
        }
    }

    #[test]
    fn people_have_the_name_others_see() {
        let grace = message(json!({})).author;
        assert_eq!(persona(&grace, None).name.as_deref(), Some("Grace H"));
        assert_eq!(persona(&grace, Some("Amazing".to_owned())).name.as_deref(), Some("Amazing"));
    }
}
