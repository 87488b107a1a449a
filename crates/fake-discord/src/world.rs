//! What there is on the server: people, one guild, channels, messages, webhooks.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::SystemTime,
};

use serde_json::{Value, json};

/// The bits of permissions that count here (Discord's documentation, permissions).
pub mod permissions {
    /// Give and take permissions; includes all others.
    pub const ADMINISTRATOR: u64 = 1 << 3;
    /// Put reactions under messages.
    pub const ADD_REACTIONS: u64 = 1 << 6;
    /// See a channel.
    pub const VIEW_CHANNEL: u64 = 1 << 10;
    /// Write.
    pub const SEND_MESSAGES: u64 = 1 << 11;
    /// Send files.
    pub const ATTACH_FILES: u64 = 1 << 15;
    /// Read what was said before.
    pub const READ_MESSAGE_HISTORY: u64 = 1 << 16;
    /// Make webhooks.
    pub const MANAGE_WEBHOOKS: u64 = 1 << 29;
    /// What a bridge asks for.
    pub const ALL: u64 = ADD_REACTIONS
        | VIEW_CHANNEL
        | SEND_MESSAGES
        | ATTACH_FILES
        | READ_MESSAGE_HISTORY
        | MANAGE_WEBHOOKS;
}

/// Discord's epoch: ids count milliseconds from here (documentation, snowflakes).
const EPOCH: u64 = 1_420_070_400_000;

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: u64,
    /// Where.
    pub channel: u64,
    /// Who, as shown.
    pub name: String,
    /// The user, or the webhook.
    pub author: u64,
    /// The webhook it came through.
    pub webhook: Option<u64>,
    /// The words.
    pub content: String,
    /// Whether everybody was called.
    pub mention_everyone: bool,
    /// Who was called.
    pub mentions: BTreeSet<u64>,
    /// The message it answers.
    pub reply_to: Option<u64>,
    /// Its files.
    pub files: Vec<File>,
    /// The bot's reactions under it.
    pub reactions: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) bot: bool,
}

/// A file that hangs on a message.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: u64,
    /// Where it speaks.
    pub channel: u64,
    /// Its own name.
    pub name: String,
    /// Its secret.
    pub token: String,
    /// Whether the bot made it.
    pub ours: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) nick: Option<String>,
    pub(crate) bot: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) name: String,
    /// The person at the other end of a direct channel.
    pub(crate) with: Option<u64>,
    /// Permissions the bot does not have here.
    pub(crate) denied: u64,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    last_id: u64,
    pub(crate) token: String,
    pub(crate) bot: u64,
    pub(crate) application: u64,
    pub(crate) flags: u64,
    pub(crate) guild: u64,
    pub(crate) role: u64,
    pub(crate) granted: u64,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) channels: BTreeMap<u64, Channel>,
    pub(crate) messages: BTreeMap<u64, Vec<Message>>,
    pub(crate) webhooks: BTreeMap<u64, Webhook>,
    pub(crate) nonces: HashMap<(u64, String), u64>,
    /// Largest file, in bytes.
    pub(crate) file_limit: usize,
    /// How long addresses of files open, in seconds.
    pub(crate) link_life: u64,
}

impl World {
    pub(crate) fn new(token: &str) -> Self {
        let mut world = Self {
            last_id: 0,
            token: token.to_owned(),
            bot: 0,
            application: 0,
            // The message content intent, for bots in few servers.
            flags: 1 << 19,
            guild: 0,
            role: 0,
            granted: permissions::ALL,
            users: BTreeMap::new(),
            channels: BTreeMap::new(),
            messages: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            nonces: HashMap::new(),
            file_limit: 10 * 1024 * 1024,
            link_life: 24 * 3600,
        };
        world.application = world.id();
        world.bot = world.id();
        world.guild = world.id();
        world.role = world.id();
        let bot = User { name: "msn-bridge".to_owned(), nick: None, bot: true };
        world.users.insert(world.bot, bot);
        world
    }

    /// Makes an id, later than all before.
    pub(crate) fn id(&mut self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or_default().saturating_sub(EPOCH);
        self.last_id = (now << 22).max(self.last_id + 1);
        self.last_id
    }

    /// Gives files their ids, and their names as Discord writes them.
    pub(crate) fn files(&mut self, files: &[(String, Vec<u8>)]) -> Vec<File> {
        let plain = |c: char| if c.is_alphanumeric() || "-._".contains(c) { c } else { '_' };
        let files = files.iter().map(|(name, bytes)| File {
            id: self.id(),
            name: name.chars().map(plain).collect(),
            bytes: bytes.clone(),
        });
        files.collect()
    }

    /// What stands for a signature in the address of a file.
    pub(crate) fn signature(file: u64) -> String {
        format!("{:016x}", file.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn file_json(&self, channel: u64, file: &File) -> Value {
        let File { id, name, bytes } = file;
        let end = now_in_seconds() + self.link_life;
        let url = format!(
            "https://cdn.discordapp.com/attachments/{channel}/{id}/{name}?ex={end:x}&is=0&hm={}",
            Self::signature(*id)
        );
        let mime = name.ends_with(".png").then_some("image/png");
        json!({ "id": id.to_string(), "filename": name, "size": bytes.len(), "url": url,
                "proxy_url": url, "content_type": mime })
    }

    pub(crate) fn may(&self, channel: u64, wanted: u64) -> bool {
        let Some(found) = self.channels.get(&channel) else {
            return false;
        };
        if found.with.is_some() {
            return true;
        }
        let all = self.granted & permissions::ADMINISTRATOR != 0;
        all || (self.granted & !found.denied) & wanted == wanted
    }

    pub(crate) fn message(&self, channel: u64, id: u64) -> Option<&Message> {
        self.messages.get(&channel)?.iter().find(|message| message.id == id)
    }

    pub(crate) fn message_mut(&mut self, channel: u64, id: u64) -> Option<&mut Message> {
        self.messages.get_mut(&channel)?.iter_mut().find(|message| message.id == id)
    }

    pub(crate) fn user_json(&self, id: u64) -> Value {
        let user = self.users.get(&id);
        let name = user.map(|user| user.name.as_str()).unwrap_or_default();
        json!({
            "id": id.to_string(), "username": name, "discriminator": "0", "global_name": null,
            "avatar": null, "bot": user.is_some_and(|user| user.bot),
        })
    }

    pub(crate) fn member_json(&self, id: u64) -> Value {
        let nick = self.users.get(&id).and_then(|user| user.nick.clone());
        let roles = if id == self.bot { vec![self.role.to_string()] } else { Vec::new() };
        json!({
            "nick": nick, "roles": roles, "joined_at": "2024-01-01T00:00:00+00:00",
            "deaf": false, "mute": false, "flags": 0,
        })
    }

    pub(crate) fn whole_member_json(&self, id: u64) -> Value {
        let mut member = self.member_json(id);
        if let Some(members) = member.as_object_mut() {
            members.insert("user".to_owned(), self.user_json(id));
        }
        member
    }

    fn role_json(&self, id: u64, name: &str, permissions: u64) -> Value {
        json!({
            "id": id.to_string(), "name": name, "color": 0, "hoist": false, "position": 0,
            "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
            "permissions": permissions.to_string(), "managed": id == self.role,
            "mentionable": false, "flags": 0,
        })
    }

    pub(crate) fn roles_json(&self) -> Value {
        json!([
            self.role_json(self.guild, "@everyone", 0),
            self.role_json(self.role, "msn-bridge", self.granted),
        ])
    }

    pub(crate) fn channel_json(&self, id: u64) -> Value {
        let Some(channel) = self.channels.get(&id) else {
            return Value::Null;
        };
        let last = self.messages.get(&id).and_then(|messages| messages.last());
        let last = last.map(|message| message.id.to_string());
        match channel.with {
            Some(user) => json!({
                "id": id.to_string(), "type": 1, "recipients": [self.user_json(user)],
                "last_message_id": last,
            }),
            None => {
                let overwrites = if channel.denied == 0 {
                    json!([])
                } else {
                    json!([{ "id": self.role.to_string(), "type": 0, "allow": "0",
                             "deny": channel.denied.to_string() }])
                };
                json!({
                    "id": id.to_string(), "type": 0, "guild_id": self.guild.to_string(),
                    "name": channel.name, "position": 0, "permission_overwrites": overwrites,
                    "nsfw": false, "rate_limit_per_user": 0, "topic": null, "parent_id": null,
                    "last_message_id": last,
                })
            }
        }
    }

    pub(crate) fn guild_channels_json(&self) -> Vec<Value> {
        let own = self.channels.iter().filter(|(_, channel)| channel.with.is_none());
        own.map(|(id, _)| self.channel_json(*id)).collect()
    }

    /// What `GET /guilds/…` gives.
    pub(crate) fn partial_guild_json(&self) -> Value {
        json!({
            "id": self.guild.to_string(), "name": "Testers", "icon": null, "splash": null,
            "owner_id": "1", "region": null, "afk_channel_id": null, "afk_timeout": 300,
            "verification_level": 0, "default_message_notifications": 0,
            "explicit_content_filter": 0, "roles": self.roles_json(), "emojis": [],
            "stickers": [], "features": [], "mfa_level": 0, "system_channel_id": null,
            "system_channel_flags": 0, "rules_channel_id": null, "premium_tier": 0,
            "premium_progress_bar_enabled": false, "preferred_locale": "en-US", "nsfw_level": 0,
            "nsfw": false, "application_id": null, "vanity_url_code": null, "description": null,
            "banner": null, "public_updates_channel_id": null, "welcome_screen": null,
        })
    }

    /// What `GUILD_CREATE` tells.
    pub(crate) fn guild_json(&self) -> Value {
        let mut guild = self.partial_guild_json();
        let members: Vec<Value> = self.users.keys().map(|id| self.whole_member_json(*id)).collect();
        let more = json!({
            "joined_at": "2024-01-01T00:00:00+00:00", "large": false, "unavailable": false,
            "member_count": members.len(), "members": members, "voice_states": [],
            "channels": self.guild_channels_json(), "threads": [], "presences": [],
            "stage_instances": [], "guild_scheduled_events": [],
        });
        if let (Some(guild), Value::Object(more)) = (guild.as_object_mut(), more) {
            guild.extend(more);
        }
        guild
    }

    pub(crate) fn webhook_json(&self, webhook: &Webhook) -> Value {
        json!({
            "id": webhook.id.to_string(), "type": 1, "guild_id": self.guild.to_string(),
            "channel_id": webhook.channel.to_string(), "name": webhook.name, "avatar": null,
            "token": webhook.ours.then(|| webhook.token.clone()),
            "application_id": webhook.ours.then(|| self.application.to_string()),
        })
    }

    /// A message as REST gives it.
    pub(crate) fn message_json(&self, message: &Message) -> Value {
        let author = match message.webhook {
            Some(id) => json!({
                "id": id.to_string(), "username": message.name, "discriminator": "0000",
                "avatar": null, "bot": true,
            }),
            None => self.user_json(message.author),
        };
        let mentions: Vec<Value> = message.mentions.iter().map(|id| self.user_json(*id)).collect();
        let files = message.files.iter().map(|file| self.file_json(message.channel, file));
        let ours =
            message.webhook.and_then(|id| self.webhooks.get(&id)).is_some_and(|hook| hook.ours);
        let mut value = json!({
            "id": message.id.to_string(), "channel_id": message.channel.to_string(),
            "author": author, "content": message.content, "timestamp": timestamp(message.id),
            "edited_timestamp": null, "tts": false, "mention_everyone": message.mention_everyone,
            "mentions": mentions, "mention_roles": [], "attachments": files.collect::<Vec<_>>(),
            "embeds": [], "pinned": false, "type": if message.reply_to.is_some() { 19 } else { 0 },
            "components": [], "flags": 0,
        });
        if let Some(fields) = value.as_object_mut() {
            if let Some(id) = message.webhook {
                fields.insert("webhook_id".to_owned(), json!(id.to_string()));
                if ours {
                    let application = json!(self.application.to_string());
                    fields.insert("application_id".to_owned(), application);
                }
            }
            if let Some(nonce) = &message.nonce {
                fields.insert("nonce".to_owned(), json!(nonce));
            }
            if let Some(id) = message.reply_to {
                let reference = json!({ "message_id": id.to_string(), "type": 0,
                                        "channel_id": message.channel.to_string() });
                fields.insert("message_reference".to_owned(), reference);
            }
        }
        value
    }

    /// A message as `MESSAGE_CREATE` tells it.
    pub(crate) fn message_event(&self, message: &Message) -> Value {
        let mut event = self.message_json(message);
        let in_guild =
            self.channels.get(&message.channel).is_some_and(|channel| channel.with.is_none());
        if let Some(fields) = event.as_object_mut().filter(|_| in_guild) {
            fields.insert("guild_id".to_owned(), json!(self.guild.to_string()));
            if message.webhook.is_none() {
                fields.insert("member".to_owned(), self.member_json(message.author));
            }
        }
        event
    }
}

/// Seconds since 1970.
pub(crate) fn now_in_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The moment in an id, in Discord's form.
fn timestamp(id: u64) -> String {
    let seconds = ((id >> 22) + EPOCH) / 1000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1970 to a date, by the civil calendar's 400-year cycle.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_an_id_is_read_from_it() {
        // The example of Discord's documentation.
        assert_eq!(timestamp(175_928_847_299_117_063), "2016-04-30T11:18:25+00:00");
    }
}
