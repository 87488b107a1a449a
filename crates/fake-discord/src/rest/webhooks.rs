//! Webhooks: made by the bot, spoken through with any name.

use serde_json::{Value, json};

use super::{Asked, DONE, Outcome, components, forms, guild, id_of, messages, needs, threads};
use crate::{
    permissions::MANAGE_WEBHOOKS,
    refusal::{self, Refusal},
    session::intents,
    state::State,
    world::{Channel, Kind, Message, Webhook, hash},
};

/// Most webhooks of a channel.
const LIMIT: usize = 15;

pub(super) fn of_channel(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    if asked.route.starts_with("GET") {
        return list(state, Some(channel));
    }
    let kind = state.world.channels.get(&channel).map(|channel| channel.kind);
    if kind.is_none_or(|kind| kind.is_thread() || kind == Kind::Direct || kind == Kind::Category) {
        return Err(refusal::wrong_channel_type());
    }
    needs(state, channel, MANAGE_WEBHOOKS)?;
    let name = asked.text("name").unwrap_or_default().trim().to_owned();
    valid_name("name", &name)?;
    let here = state.world.webhooks.values().filter(|hook| hook.channel == channel).count();
    if here >= LIMIT {
        return Err(refusal::too_many_webhooks());
    }
    let avatar = avatar(asked)?.unwrap_or_default();
    let id = state.world.id();
    let token = format!("hook-token-{id:x}");
    let webhook = Webhook { id, channel, name, avatar, token, ours: true };
    state.world.webhooks.insert(id, webhook.clone());
    updated(state, channel);
    Ok((200, state.world.webhook_json(&webhook)))
}

/// Lists the webhooks of a channel, or all that the bot may manage.
pub(super) fn list(state: &State, channel: Option<u64>) -> Outcome {
    if let Some(channel) = channel {
        needs(state, channel, MANAGE_WEBHOOKS)?;
    } else if state.world.base(state.world.bot) & MANAGE_WEBHOOKS == 0 {
        return Err(refusal::missing_permissions());
    }
    let hooks = state.world.webhooks.values();
    let hooks = hooks.filter(|hook| channel.is_none_or(|channel| channel == hook.channel));
    Ok((200, Value::Array(hooks.map(|hook| state.world.webhook_json(hook)).collect())))
}

/// Tells that a channel's webhooks changed.
pub(crate) fn updated(state: &mut State, channel: u64) {
    let event = json!({
        "guild_id": state.world.guild.to_string(), "channel_id": channel.to_string(),
    });
    state.tell("WEBHOOKS_UPDATE", &event, intents::GUILD_WEBHOOKS);
}

/// The picture a request sets: none, nothing, or one by its hash.
fn avatar(asked: Asked<'_>) -> Result<Option<Option<String>>, Refusal> {
    match asked.field("avatar") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(data)) if data.starts_with("data:image/") => {
            Ok(Some(Some(hash(data.as_bytes()))))
        }
        Some(_) => {
            let text = "Invalid image data";
            Err(refusal::invalid_form("avatar", "IMAGE_INVALID", text))
        }
    }
}

/// What the bot may do about webhooks by their ids.
pub(super) fn by_id(state: &mut State, asked: Asked<'_>) -> Outcome {
    let hook = state.world.webhooks.get(&asked.id(0)).cloned();
    let hook = hook.ok_or_else(refusal::unknown_webhook)?;
    needs(state, hook.channel, MANAGE_WEBHOOKS)?;
    manage(state, asked, hook)
}

fn manage(state: &mut State, asked: Asked<'_>, mut hook: Webhook) -> Outcome {
    if asked.route.starts_with("DELETE") {
        state.delete_webhook(hook.id);
        return DONE;
    }
    if asked.route.starts_with("PATCH") {
        let before = hook.channel;
        if let Some(name) = asked.text("name") {
            valid_name("name", name)?;
            name.clone_into(&mut hook.name);
        }
        if let Some(avatar) = avatar(asked)? {
            hook.avatar = avatar;
        }
        // By its secret it is not moved.
        let moved = asked.field("channel_id").and_then(id_of);
        if let Some(channel) = moved.filter(|_| asked.captured.len() == 1) {
            needs(state, channel, MANAGE_WEBHOOKS)?;
            hook.channel = channel;
        }
        state.world.webhooks.insert(hook.id, hook.clone());
        updated(state, before);
        if hook.channel != before {
            updated(state, hook.channel);
        }
    }
    Ok((200, state.world.webhook_json(&hook)))
}

/// What may be done by whoever has a webhook's secret.
pub(super) fn by_secret(state: &mut State, asked: Asked<'_>) -> Outcome {
    let webhook = state.world.webhooks.get(&asked.id(0)).ok_or_else(refusal::unknown_webhook)?;
    if webhook.token != asked.word(1) {
        return Err(refusal::invalid_webhook_token());
    }
    let hook = webhook.clone();
    if asked.route.starts_with("POST") {
        let message = execute(state, asked, &hook)?;
        if asked.query("wait") == Some("true") {
            return Ok((200, state.world.message_json(&message)));
        }
        return DONE;
    }
    if asked.captured.len() < 3 {
        return manage(state, asked, hook);
    }
    let channel = thread(state, asked, &hook)?.unwrap_or(hook.channel);
    let message = messages::found(state, channel, asked.id(2))?;
    if message.webhook != Some(hook.id) {
        return Err(refusal::unknown_message());
    }
    let id = message.id;
    match asked.route.split_once(' ').unwrap_or_default().0 {
        "PATCH" => {
            messages::not_archived(state, channel)?;
            let message = forms::fill(state, asked.body, message)?;
            state.edit(message);
            messages::show(state, channel, id)
        }
        "DELETE" => {
            state.remove_messages(channel, &[id], false);
            DONE
        }
        _ => messages::show(state, channel, id),
    }
}

/// The thread a request names, which must be one of the webhook's channel.
fn thread(state: &State, asked: Asked<'_>, hook: &Webhook) -> Result<Option<u64>, Refusal> {
    let Some(id) = asked.query("thread_id") else { return Ok(None) };
    let id = id.parse().map_err(|_| refusal::unknown_channel())?;
    let found = state.world.channels.get(&id).filter(|one| one.parent == Some(hook.channel));
    found.map(|found| Some(found.id)).ok_or_else(refusal::unknown_channel)
}

fn execute(state: &mut State, asked: Asked<'_>, hook: &Webhook) -> Result<Message, Refusal> {
    let kind = state.world.channels.get(&hook.channel).map(|channel| channel.kind);
    let kind = kind.ok_or_else(refusal::unknown_channel)?;
    let thread = thread(state, asked, hook)?;
    let title = asked.text("thread_name");
    match (kind == Kind::Forum, thread, title) {
        (true, None, None) => return Err(refusal::thread_name_needed()),
        (_, Some(_), Some(_)) => return Err(refusal::thread_name_or_id()),
        (false, _, Some(_)) => return Err(refusal::no_forum()),
        _ => {}
    }
    let locked = thread.and_then(|thread| state.world.channels.get(&thread));
    if locked.is_some_and(|thread| thread.locked) {
        return Err(refusal::locked_thread());
    }
    let name = asked.text("username").unwrap_or(&hook.name).trim().to_owned();
    valid_name("username", &name)?;
    let avatar = asked.text("avatar_url").filter(|url| !url.is_empty());
    if let Some(avatar) = avatar {
        let formed = avatar.starts_with("https://") || avatar.starts_with("http://");
        if !formed || avatar.len() > 2048 || avatar.contains(char::is_whitespace) {
            let text = "Not a well formed URL.";
            return Err(refusal::invalid_form("avatar_url", "URL_TYPE_INVALID_URL", text));
        }
    }
    if let Some(title) = title {
        guild::valid_length("thread_name", title, 1, 100)?;
    }
    let id = state.world.id();
    // A new post bears the number of its first message.
    let channel = if title.is_some() { id } else { thread.unwrap_or(hook.channel) };
    let message = Message {
        avatar: avatar.map(str::to_owned),
        webhook: Some(hook.id),
        bot: true,
        ..Message::new(id, channel, hook.id, &name)
    };
    let message = forms::fill(state, &allowed_parts(asked, hook)?, message)?;
    if let Some(title) = title {
        let applied = threads::tags(state, hook.channel, asked.field("applied_tags"), true)?;
        let post = Channel { applied, ..Channel::new(id, Kind::Thread, title) };
        state.begin_thread(hook.channel, post, hook.id)?;
    }
    state.say(message.clone());
    Ok(message)
}

/// What is left of a request: webhooks of others have components only on wish, and none to press.
fn allowed_parts(asked: Asked<'_>, hook: &Webhook) -> Result<super::Body, Refusal> {
    let (mut json, files) = (asked.body.json.clone(), asked.body.files.clone());
    let rows = json.get("components").and_then(Value::as_array).cloned().unwrap_or_default();
    if !hook.ours && !rows.is_empty() {
        let wished = asked.query("with_components") == Some("true");
        if wished && components::is_interactive(&rows) {
            let text = "Interactive components need a webhook of an application";
            return Err(refusal::invalid_form("components", "COMPONENT_NOT_ALLOWED", text));
        }
        if let Some(fields) = json.as_object_mut().filter(|_| !wished) {
            fields.remove("components");
        }
    }
    Ok(super::Body { json, files })
}

/// What Discord says of names (documentation, webhooks and usernames; what it refuses beyond is told
/// by users).
fn valid_name(field: &str, name: &str) -> Result<(), Refusal> {
    guild::valid_length(field, name, 1, 80)?;
    let lower = name.to_lowercase();
    if let Some(word) = ["clyde", "discord"].into_iter().find(|word| lower.contains(word)) {
        let text = format!("Username cannot contain \"{word}\"");
        return Err(refusal::invalid_form(field, "USERNAME_INVALID_CONTAINS", &text));
    }
    if ["everyone", "here"].contains(&lower.trim()) {
        let text = format!("Username cannot be \"{lower}\"");
        return Err(refusal::invalid_form(field, "USERNAME_INVALID", &text));
    }
    Ok(())
}

impl State {
    /// Removes a webhook; what it said stays.
    pub(crate) fn delete_webhook(&mut self, id: u64) {
        if let Some(gone) = self.world.webhooks.remove(&id) {
            updated(self, gone.channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_deceive_are_refused() {
        for name in ["Clyde", "my discord", "Here", " everyone", "", &"x".repeat(81)] {
            assert!(valid_name("username", name).is_err(), "{name}");
        }
        assert!(valid_name("username", "Hereward ☃").is_ok());
    }
}
