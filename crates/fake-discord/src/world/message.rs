//! Messages and their files in Discord's JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    World,
    guild::with,
    hash,
    model::{File, Message},
};
use crate::{permissions, time};

/// Kinds of files by the ends of their names.
const KINDS: [(&str, &str); 10] = [
    (".gif", "image/gif"),
    (".jpeg", "image/jpeg"),
    (".jpg", "image/jpeg"),
    (".mp3", "audio/mpeg"),
    (".mp4", "video/mp4"),
    (".ogg", "audio/ogg"),
    (".pdf", "application/pdf"),
    (".png", "image/png"),
    (".txt", "text/plain; charset=utf-8"),
    (".webp", "image/webp"),
];

/// The kind of a file of this name.
fn mime(name: &str) -> Option<&'static str> {
    KINDS.iter().find(|(end, _)| name.to_lowercase().ends_with(end)).map(|(_, mime)| *mime)
}

/// The flag of voice messages.
const VOICE: u64 = 1 << 13;

impl World {
    /// What stands for a signature in the address of a file.
    pub(crate) fn signature(file: u64) -> String {
        format!("{:016x}", file.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn file_json(&self, channel: u64, file: &File) -> Value {
        let File { id, name, description, bytes } = file;
        let now = time::now() / 1000;
        let url = format!(
            "https://cdn.discordapp.com/attachments/{channel}/{id}/{name}?ex={:x}&is={now:x}&hm={}",
            now + self.knobs.link_life,
            Self::signature(*id)
        );
        let proxy = url.replace("cdn.discordapp.com", "media.discordapp.net");
        json!({ "id": id.to_string(), "filename": name, "size": bytes.len(), "url": url,
                "proxy_url": proxy, "content_type": mime(name), "description": description })
    }

    fn author_json(&self, message: &Message) -> Value {
        match message.webhook {
            Some(id) if id != self.application => {
                let own = self.webhooks.get(&id).and_then(|hook| hook.avatar.clone());
                let avatar = message.avatar.as_ref().map(|url| hash(url.as_bytes())).or(own);
                json!({ "id": id.to_string(), "username": message.name, "discriminator": "0000",
                        "avatar": avatar, "bot": true })
            }
            _ => self.user_json(message.author),
        }
    }

    fn reactions_json(&self, message: &Message) -> Vec<Value> {
        let mut counted: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
        for emoji in &message.reactions {
            let (count, own) = counted.entry(emoji).or_default();
            (*count, *own) = (*count + 1, true);
        }
        for (emoji, _) in &message.others_reactions {
            counted.entry(emoji).or_default().0 += 1;
        }
        let reactions = counted.into_iter().map(|(emoji, (count, own))| {
            json!({
                "count": count, "count_details": { "burst": 0, "normal": count }, "me": own,
                "me_burst": false, "burst_colors": [], "emoji": reaction_json(emoji),
            })
        });
        reactions.collect()
    }

    /// A message as REST gives it.
    pub(crate) fn message_json(&self, message: &Message) -> Value {
        let replied = message.reply_to.map(|id| match self.message(message.channel, id) {
            Some(replied) => self.plain_json(replied),
            None => Value::Null,
        });
        let value = self.plain_json(message);
        match (message.reply_to, replied) {
            (Some(id), Some(replied)) => {
                let reference = json!({ "message_id": id.to_string(), "type": 0,
                                        "channel_id": message.channel.to_string() });
                with(
                    value,
                    json!({ "message_reference": reference, "referenced_message": replied }),
                )
            }
            _ => value,
        }
    }

    /// A message without the one it answers.
    fn plain_json(&self, message: &Message) -> Value {
        let voice = message.flags & VOICE != 0;
        let mentions = message.mentions.iter().map(|id| self.user_json(*id));
        let files = message.files.iter().map(|file| {
            let file = self.file_json(message.channel, file);
            if voice {
                return with(file, json!({ "duration_secs": 1.5, "waveform": "AAAA" }));
            }
            file
        });
        let ours = message.webhook == Some(self.application)
            || message
                .webhook
                .and_then(|id| self.webhooks.get(&id))
                .is_some_and(|webhook| webhook.ours);
        let kind = match message.kind {
            0 if message.reply_to.is_some() => 19,
            kind => kind,
        };
        let mut value = json!({
            "id": message.id.to_string(), "channel_id": message.channel.to_string(),
            "author": self.author_json(message), "content": message.content,
            "timestamp": time::timestamp(time::moment_of(message.id)),
            "edited_timestamp": message.edited.map(time::timestamp), "tts": false,
            "mention_everyone": message.mention_everyone,
            "mentions": mentions.collect::<Vec<_>>(),
            "mention_roles": message.mention_roles.iter().map(u64::to_string).collect::<Vec<_>>(),
            "attachments": files.collect::<Vec<_>>(), "embeds": message.embeds,
            "pinned": message.pinned, "type": kind, "components": message.components,
            "flags": message.flags,
        });
        if let Some(fields) = value.as_object_mut() {
            let reactions = self.reactions_json(message);
            if !reactions.is_empty() {
                fields.insert("reactions".to_owned(), Value::Array(reactions));
            }
            if let Some(id) = message.webhook {
                fields.insert("webhook_id".to_owned(), json!(id.to_string()));
            }
            if ours {
                let application = json!(self.application.to_string());
                fields.insert("application_id".to_owned(), application);
            }
            if let Some(nonce) = &message.nonce {
                fields.insert("nonce".to_owned(), json!(nonce));
            }
            fields.extend(message.more.clone());
        }
        value
    }

    /// A message as `MESSAGE_CREATE` tells it.
    pub(crate) fn message_event(&self, message: &Message) -> Value {
        let event = self.message_json(message);
        if self.is_direct(message.channel) {
            return event;
        }
        let event = with(event, json!({ "guild_id": self.guild.to_string() }));
        if message.webhook.is_some() {
            return event;
        }
        with(event, json!({ "member": self.member_json(message.author) }))
    }

    /// Whom a message calls: what stands in its words, as far as the sender allows it.
    pub(crate) fn call(&self, message: &mut Message, body: &Value) {
        let allowed = body.get("allowed_mentions").filter(|allowed| allowed.is_object());
        let list = |name: &str| {
            let list = allowed.and_then(|allowed| allowed.get(name)).and_then(Value::as_array);
            list.map(Vec::as_slice).unwrap_or_default()
        };
        let open = |kind: &str, id: &str| {
            let parsed = allowed.is_none() || list("parse").iter().any(|word| word == kind);
            parsed || list(kind).iter().any(|one| one == id)
        };
        let words = message.content.clone();
        let everybody = ["@everyone", "@here"].iter().any(|word| words.contains(word));
        let may = message.webhook.is_some()
            || self.allows(message.author, message.channel, permissions::MENTION_EVERYONE);
        message.mention_everyone = everybody && may && open("everyone", "");
        message.mentions.clear();
        message.mention_roles.clear();
        for part in words.split("<@").skip(1) {
            let Some((id, _)) = part.split_once('>') else { continue };
            let (role, id) = match id.strip_prefix('&') {
                Some(id) => (true, id),
                None => (false, id.trim_start_matches('!')),
            };
            let kind = if role { "roles" } else { "users" };
            let Some(number) = id.parse().ok().filter(|_| open(kind, id)) else { continue };
            let called = if role { &mut message.mention_roles } else { &mut message.mentions };
            called.insert(number);
        }
        let replied = message.reply_to.and_then(|id| self.message(message.channel, id));
        let calls = allowed.is_none_or(|allowed| allowed.get("replied_user") == Some(&json!(true)));
        if let Some(replied) = replied.filter(|replied| calls && replied.webhook.is_none()) {
            message.mentions.insert(replied.author);
        }
    }
}

/// A reaction's emoji: a character, or a name and a number.
pub(crate) fn reaction_json(emoji: &str) -> Value {
    match emoji.rsplit_once(':') {
        Some((name, id)) => json!({ "id": id, "name": name, "animated": false }),
        None => json!({ "id": null, "name": emoji }),
    }
}
