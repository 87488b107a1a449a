//! The server, its people and its channels in Discord's JSON.

use serde_json::{Value, json};

use super::{
    World,
    model::{Channel, Kind, Tag, User, Webhook},
};
use crate::time;

/// Adds fields to an object.
pub(crate) fn with(mut value: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (value.as_object_mut(), more) {
        fields.extend(more);
    }
    value
}

impl World {
    pub(crate) fn user_json(&self, id: u64) -> Value {
        let nobody = User::default();
        let user = self.users.get(&id).unwrap_or(&nobody);
        json!({
            "id": id.to_string(), "username": user.name, "discriminator": "0",
            "global_name": user.global_name,
            "avatar": user.avatar.as_ref().map(|picture| &picture.hash), "bot": user.bot,
        })
    }

    pub(crate) fn member_json(&self, id: u64) -> Value {
        let user = self.users.get(&id);
        let roles = user.into_iter().flat_map(|user| &user.roles).map(u64::to_string);
        json!({
            "nick": user.and_then(|user| user.nick.as_ref()), "roles": roles.collect::<Vec<_>>(),
            "joined_at": "2024-01-01T00:00:00+00:00", "deaf": false, "mute": false, "flags": 0,
        })
    }

    pub(crate) fn whole_member_json(&self, id: u64) -> Value {
        with(self.member_json(id), json!({ "user": self.user_json(id) }))
    }

    /// Those who are on the server.
    pub(crate) fn members(&self) -> impl Iterator<Item = u64> {
        self.users.iter().filter(|(_, user)| !user.gone).map(|(id, _)| *id)
    }

    pub(crate) fn role_json(&self, id: u64) -> Value {
        let Some(role) = self.roles.get(&id) else { return Value::Null };
        let position = self.roles.keys().position(|other| *other == id);
        json!({
            "id": id.to_string(), "name": role.name, "color": 0, "hoist": false,
            "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
            "position": position, "permissions": role.permissions.to_string(),
            "managed": role.managed, "mentionable": false, "flags": 0,
        })
    }

    pub(crate) fn roles_json(&self) -> Value {
        self.roles.keys().map(|id| self.role_json(*id)).collect()
    }

    pub(crate) fn presence_json(&self, id: u64) -> Option<Value> {
        let (status, custom) = self.users.get(&id)?.presence.as_ref()?;
        let said = json!({ "name": "Custom Status", "type": 4, "state": custom, "id": "custom",
                           "created_at": time::now() });
        let activities = if custom.is_empty() { json!([]) } else { json!([said]) };
        Some(json!({
            "user": { "id": id.to_string() }, "guild_id": self.guild.to_string(),
            "status": status, "activities": activities, "client_status": { "desktop": status },
        }))
    }

    pub(crate) fn emoji_json(&self, id: u64) -> Value {
        let name = self.emojis.get(&id).map(|emoji| emoji.name.as_str()).unwrap_or_default();
        json!({ "id": id.to_string(), "name": name, "roles": [], "require_colons": true,
                "managed": false, "animated": false, "available": true })
    }

    pub(crate) fn emojis_json(&self) -> Value {
        let emojis = self.emojis.iter().filter(|(_, emoji)| !emoji.sticker);
        emojis.map(|(id, _)| self.emoji_json(*id)).collect()
    }

    pub(crate) fn channel_json(&self, id: u64) -> Value {
        let Some(channel) = self.channels.get(&id) else { return Value::Null };
        let last = self.messages.get(&id).and_then(|messages| messages.last());
        // Of a forum, it is the last post.
        let post = self.channels.values().rfind(|thread| thread.parent == Some(id));
        let last = last.map(|last| last.id).or(post.map(|post| post.id));
        let common = json!({
            "id": id.to_string(), "type": channel.kind.code(), "flags": channel.flags,
            "last_message_id": last.map(|last| last.to_string()),
        });
        match channel.with {
            Some(user) => with(common, json!({ "recipients": [self.user_json(user)] })),
            None if channel.kind.is_thread() => with(common, self.thread_part(channel)),
            None => with(common, self.channel_part(channel)),
        }
    }

    fn channel_part(&self, channel: &Channel) -> Value {
        let overwrites = channel.overwrites.iter().map(|one| {
            json!({ "id": one.id.to_string(), "type": u8::from(one.member),
                    "allow": one.allow.to_string(), "deny": one.deny.to_string() })
        });
        let part = json!({
            "guild_id": self.guild.to_string(), "name": channel.name,
            "position": channel.position, "topic": channel.topic, "nsfw": channel.nsfw,
            "permission_overwrites": overwrites.collect::<Vec<_>>(),
            "rate_limit_per_user": channel.slow,
            "parent_id": channel.parent.map(|parent| parent.to_string()),
        });
        if channel.kind != Kind::Forum {
            return part;
        }
        let tags: Vec<Value> = channel.tags.iter().map(tag_json).collect();
        with(part, json!({ "available_tags": tags, "default_forum_layout": 0 }))
    }

    fn thread_part(&self, thread: &Channel) -> Value {
        let said = self.messages.get(&thread.id).map(Vec::len).unwrap_or_default();
        let own = thread.members.contains(&self.bot);
        let own = own.then(|| {
            json!({
                "id": thread.id.to_string(), "user_id": self.bot.to_string(), "flags": 1,
                "join_timestamp": time::timestamp(time::moment_of(thread.id)),
            })
        });
        let part = json!({
            "guild_id": self.guild.to_string(), "name": thread.name,
            "parent_id": thread.parent.map(|parent| parent.to_string()),
            "owner_id": thread.owner.map(|owner| owner.to_string()),
            "rate_limit_per_user": thread.slow, "message_count": said,
            "member_count": thread.members.len().min(50), "total_message_sent": said,
            "thread_metadata": {
                "archived": thread.archived, "locked": thread.locked,
                "auto_archive_duration": thread.archive_after, "invitable": true,
                "archive_timestamp": time::timestamp(time::moment_of(thread.id)),
                "create_timestamp": time::timestamp(time::moment_of(thread.id)),
            },
            "applied_tags": thread.applied.iter().map(u64::to_string).collect::<Vec<_>>(),
        });
        match own {
            Some(own) => with(part, json!({ "member": own })),
            None => part,
        }
    }

    pub(crate) fn guild_channels_json(&self) -> Vec<Value> {
        let own = |channel: &&Channel| channel.with.is_none() && !channel.kind.is_thread();
        self.channels.values().filter(own).map(|channel| self.channel_json(channel.id)).collect()
    }

    /// Threads that are not put away and that the bot sees.
    pub(crate) fn threads_json(&self) -> Vec<Value> {
        let seen = |thread: &&Channel| self.may(thread.id, crate::permissions::VIEW_CHANNEL);
        self.active_threads().filter(seen).map(|thread| self.channel_json(thread.id)).collect()
    }

    /// What `GET /guilds/…` gives.
    pub(crate) fn partial_guild_json(&self) -> Value {
        json!({
            "id": self.guild.to_string(), "name": "Testers", "icon": null, "splash": null,
            "owner_id": self.owner.to_string(), "region": null, "afk_channel_id": null,
            "afk_timeout": 300, "verification_level": 0, "default_message_notifications": 0,
            "explicit_content_filter": 0, "roles": self.roles_json(),
            "emojis": self.emojis_json(), "stickers": [], "features": ["COMMUNITY"],
            "mfa_level": 0, "system_channel_id": null, "system_channel_flags": 0,
            "rules_channel_id": null, "premium_tier": 0, "premium_progress_bar_enabled": false,
            "preferred_locale": "en-US", "nsfw_level": 0, "nsfw": false, "application_id": null,
            "vanity_url_code": null, "description": null, "banner": null,
            "public_updates_channel_id": null, "welcome_screen": null,
        })
    }

    /// What `GUILD_CREATE` tells a session, with or without how people look.
    pub(crate) fn guild_json(&self, presences: bool) -> Value {
        let members: Vec<Value> = self.members().map(|id| self.whole_member_json(id)).collect();
        let shown = self.members().filter(|_| presences).filter_map(|id| self.presence_json(id));
        let more = json!({
            "joined_at": "2024-01-01T00:00:00+00:00", "large": false, "unavailable": false,
            "member_count": members.len(), "members": members, "voice_states": [],
            "channels": self.guild_channels_json(), "threads": self.threads_json(),
            "presences": shown.collect::<Vec<_>>(), "stage_instances": [],
            "guild_scheduled_events": [],
        });
        with(self.partial_guild_json(), more)
    }

    pub(crate) fn application_json(&self) -> Value {
        json!({
            "id": self.application.to_string(), "name": "msn-bridge", "icon": null,
            "description": "", "bot_public": false, "bot_require_code_grant": false,
            "verify_key": "", "flags": self.flags, "team": null,
        })
    }

    pub(crate) fn webhook_json(&self, webhook: &Webhook) -> Value {
        json!({
            "id": webhook.id.to_string(), "type": 1, "guild_id": self.guild.to_string(),
            "channel_id": webhook.channel.to_string(), "name": webhook.name,
            "avatar": webhook.avatar, "token": webhook.ours.then(|| webhook.token.clone()),
            "application_id": webhook.ours.then(|| self.application.to_string()),
        })
    }
}

fn tag_json(tag: &Tag) -> Value {
    json!({ "id": tag.id.to_string(), "name": tag.name, "moderated": tag.moderated,
            "emoji_id": null, "emoji_name": tag.emoji })
}
