//! What those who run the server do: channels, roles, webhooks, and the bot itself.

use serde_json::{Value, json};

use crate::{
    FakeDiscord, rest,
    session::intents,
    state::State,
    world::{Channel, Emoji, Kind, Message, Overwrite, Role, Tag, Webhook},
};

impl FakeDiscord {
    /// Adds a text channel.
    pub fn channel(&self, name: &str) -> u64 {
        self.add_channel(Kind::Text, name, |_| {})
    }

    /// Adds a category.
    pub fn category(&self, name: &str) -> u64 {
        self.add_channel(Kind::Category, name, |_| {})
    }

    /// Adds a forum with these tags.
    pub fn forum(&self, name: &str, tags: &[&str]) -> u64 {
        let tags: Vec<Tag> = self.act(|state| {
            let tag = |name: &&str| Tag {
                id: state.world.id(),
                name: (*name).to_owned(),
                emoji: None,
                moderated: false,
            };
            tags.iter().map(tag).collect()
        });
        self.add_channel(Kind::Forum, name, |forum| forum.tags = tags)
    }

    fn add_channel(&self, kind: Kind, name: &str, fill: impl FnOnce(&mut Channel)) -> u64 {
        self.act(|state| {
            let channel = state.world.add_channel(kind, &rest::normal_name(kind, name));
            fill(channel);
            let id = channel.id;
            state.channel_made(id);
            id
        })
    }

    /// Changes a channel or thread as somebody who may: its name, its tags, whether it is archived.
    pub fn change_channel(&self, channel: u64, change: impl FnOnce(&mut Channel)) {
        self.act(|state| {
            if let Some(place) = state.world.channels.get_mut(&channel) {
                change(place);
                state.channel_changed(channel);
            }
        });
    }

    /// Deletes a channel or thread.
    pub fn delete_channel(&self, channel: u64) {
        self.act(|state| state.delete_channel(channel));
    }

    /// Takes permissions from the bot's role in one channel, and no others any more; see
    /// [`permissions`](crate::permissions).
    pub fn deny(&self, channel: u64, permissions: u64) {
        let id = self.bot_role();
        self.overwrite(channel, Overwrite { id, member: false, allow: 0, deny: permissions });
    }

    /// Says what a role or a member may do in a channel.
    pub fn overwrite(&self, channel: u64, overwrite: Overwrite) {
        self.change_channel(channel, |place| {
            place.overwrites.retain(|one| one.id != overwrite.id);
            if overwrite.allow | overwrite.deny != 0 {
                place.overwrites.push(overwrite);
            }
        });
    }

    /// Sets what a role may do on the whole server: the bot's, everybody's, or another.
    pub fn set_role(&self, role: u64, permissions: u64) {
        self.act(|state| {
            if let Some(found) = state.world.roles.get_mut(&role) {
                found.permissions = permissions;
            }
            state.tell_role("GUILD_ROLE_UPDATE", role);
        });
    }

    /// Adds a role.
    pub fn role(&self, name: &str, permissions: u64) -> u64 {
        self.act(|state| {
            let id = state.world.id();
            let role = Role { name: name.to_owned(), permissions, managed: false };
            state.world.roles.insert(id, role);
            state.tell_role("GUILD_ROLE_CREATE", id);
            id
        })
    }

    /// Gives somebody a role, or takes it from her.
    pub fn give_role(&self, user: u64, role: u64, on: bool) {
        self.act(|state| {
            if let Some(user) = state.world.users.get_mut(&user) {
                if on {
                    user.roles.insert(role);
                } else {
                    user.roles.remove(&role);
                }
            }
            state.member_changed(user);
        });
    }

    /// Deletes a role.
    pub fn delete_role(&self, role: u64) {
        self.act(|state| {
            state.world.roles.remove(&role);
            for user in state.world.users.values_mut() {
                user.roles.remove(&role);
            }
            let event = json!({
                "guild_id": state.world.guild.to_string(), "role_id": role.to_string(),
            });
            state.tell("GUILD_ROLE_DELETE", &event, intents::GUILDS);
        });
    }

    /// Makes somebody the server's owner.
    pub fn owned_by(&self, user: u64) {
        self.act(|state| state.world.owner = user);
    }

    /// Adds a webhook somebody else made.
    pub fn foreign_webhook(&self, channel: u64, name: &str) -> Webhook {
        self.act(|state| {
            let id = state.world.id();
            let (name, token) = (name.to_owned(), format!("foreign-{id:x}"));
            let hook = Webhook { id, channel, name, avatar: None, token, ours: false };
            state.world.webhooks.insert(id, hook.clone());
            rest::webhooks_updated(state, channel);
            hook
        })
    }

    /// Deletes a webhook.
    pub fn delete_webhook(&self, id: u64) {
        self.act(|state| state.delete_webhook(id));
    }

    /// Changes a webhook: its name, or where it speaks.
    pub fn change_webhook(&self, id: u64, change: impl FnOnce(&mut Webhook)) {
        self.act(|state| {
            let Some(hook) = state.world.webhooks.get_mut(&id) else { return };
            let before = hook.channel;
            change(hook);
            let after = hook.channel;
            rest::webhooks_updated(state, before);
            if after != before {
                rest::webhooks_updated(state, after);
            }
        });
    }

    /// Deletes a message.
    pub fn delete_message(&self, channel: u64, message: u64) {
        self.act(|state| state.remove_messages(channel, &[message], false));
    }

    /// Deletes messages at one go.
    pub fn delete_messages(&self, channel: u64, messages: &[u64]) {
        self.act(|state| state.remove_messages(channel, messages, true));
    }

    /// Takes all reactions from a message.
    pub fn clear_reactions(&self, channel: u64, message: u64) {
        self.act(|state| state.clear_reactions(channel, message, None));
    }

    /// Pins a message, or takes it down.
    pub fn pin(&self, channel: u64, message: u64, on: bool) {
        self.act(|state| state.pin(channel, message, on));
    }

    /// Shows a preview of a link under a message, as Discord does a moment after it was said.
    pub fn preview(&self, channel: u64, message: u64, title: &str, url: &str) {
        self.act(|state| {
            let Some(found) = state.world.message_mut(channel, message) else { return };
            found.embeds.push(json!({ "type": "rich", "title": title, "url": url }));
            let found: Message = found.clone();
            state.changed(&found);
        });
    }

    /// Adds an emoji; gives its id.
    pub fn emoji(&self, name: &str, bytes: &[u8]) -> u64 {
        self.add_picture(name, bytes, false)
    }

    /// Adds a sticker; gives its id.
    pub fn sticker(&self, name: &str, bytes: &[u8]) -> u64 {
        self.add_picture(name, bytes, true)
    }

    fn add_picture(&self, name: &str, bytes: &[u8], sticker: bool) -> u64 {
        self.act(|state| {
            let id = state.world.id();
            let emoji = Emoji { name: name.to_owned(), bytes: bytes.to_vec(), sticker };
            state.world.emojis.insert(id, emoji);
            if !sticker {
                let event = json!({
                    "guild_id": state.world.guild.to_string(),
                    "emojis": state.world.emojis_json(),
                });
                state.tell("GUILD_EMOJIS_UPDATE", &event, intents::GUILD_EXPRESSIONS);
            }
            id
        })
    }

    /// Sends the bot away from the server.
    pub fn kick_bot(&self) {
        self.act(|state| {
            state.world.left = true;
            let event = json!({ "id": state.world.guild.to_string() });
            state.tell("GUILD_DELETE", &event, intents::GUILDS);
        });
    }

    /// Lets the bot in again.
    pub fn invite_bot(&self) {
        self.act(|state| {
            state.world.left = false;
            let event = state.world.guild_json(false);
            state.tell("GUILD_CREATE", &event, intents::GUILDS);
        });
    }

    /// Has the server fall away for a while, or come back.
    pub fn outage(&self, on: bool) {
        self.act(|state| {
            if on {
                let event = json!({ "id": state.world.guild.to_string(), "unavailable": true });
                return state.tell("GUILD_DELETE", &event, intents::GUILDS);
            }
            let event = state.world.guild_json(false);
            state.tell("GUILD_CREATE", &event, intents::GUILDS);
        });
    }

    /// Switches the message content intent of the bot on or off in the developer portal.
    pub fn message_content(&self, on: bool) {
        self.set_intent(1 << 19, on);
    }

    /// Switches the intents for members and for how they look on or off in the developer portal.
    pub fn people_intents(&self, on: bool) {
        self.set_intent(1 << 15 | 1 << 13, on);
    }

    fn set_intent(&self, flag: u64, on: bool) {
        self.act(|state| {
            state.world.flags &= !flag;
            if on {
                state.world.flags |= flag;
            }
        });
    }

    /// Changes the bot's token.
    pub fn change_token(&self, token: &str) {
        self.act(|state| token.clone_into(&mut state.world.token));
    }
}

impl State {
    fn tell_role(&mut self, name: &str, role: u64) {
        let event = json!({
            "guild_id": self.world.guild.to_string(), "role": self.world.role_json(role),
        });
        if event.get("role").is_some_and(Value::is_object) {
            self.tell(name, &event, intents::GUILDS);
        }
    }
}
