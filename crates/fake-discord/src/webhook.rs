//! Webhooks: made by the bot, spoken through with any name.

use serde_json::{Value, json};

use crate::{
    refusal::{self, Refusal},
    rest::{Body, mentions, text_of, valid_content},
    server::State,
    session::intents,
    world::{Message, Webhook, permissions},
};

/// Most webhooks of a channel.
const LIMIT: usize = 15;

pub(crate) fn list(state: &State, channel: Option<u64>) -> Result<Value, Refusal> {
    let all = state.world.channels.keys().copied();
    let channels: Vec<u64> = channel.map_or_else(|| all.collect(), |channel| vec![channel]);
    if let Some(channel) = channel {
        may_manage(state, channel)?;
    }
    let hooks = state.world.webhooks.values().filter(|hook| channels.contains(&hook.channel));
    Ok(Value::Array(hooks.map(|hook| state.world.webhook_json(hook)).collect()))
}

fn may_manage(state: &State, channel: u64) -> Result<(), Refusal> {
    if !state.world.channels.contains_key(&channel) {
        return Err(refusal::unknown_channel());
    }
    if !state.world.may(channel, permissions::VIEW_CHANNEL) {
        return Err(refusal::missing_access());
    }
    if !state.world.may(channel, permissions::MANAGE_WEBHOOKS) {
        return Err(refusal::missing_permissions());
    }
    Ok(())
}

pub(crate) fn create(state: &mut State, channel: u64, body: &Body) -> Result<Value, Refusal> {
    may_manage(state, channel)?;
    let name = text_of(&body.json, "name").unwrap_or_default().to_owned();
    valid_name("name", &name)?;
    let here = state.world.webhooks.values().filter(|hook| hook.channel == channel).count();
    if here >= LIMIT {
        return Err(refusal::too_many_webhooks());
    }
    let id = state.world.id();
    let webhook = Webhook { id, channel, name, token: format!("hook-token-{id:x}"), ours: true };
    state.world.webhooks.insert(id, webhook.clone());
    updated(state, channel);
    Ok(state.world.webhook_json(&webhook))
}

/// Tells that a channel's webhooks changed.
pub(crate) fn updated(state: &mut State, channel: u64) {
    let event = json!({
        "guild_id": state.world.guild.to_string(), "channel_id": channel.to_string(),
    });
    state.tell("WEBHOOKS_UPDATE", &event, intents::GUILD_WEBHOOKS);
}

/// Finds a webhook by its secret.
pub(crate) fn find(state: &State, id: u64, token: &str) -> Result<Webhook, Refusal> {
    let webhook = state.world.webhooks.get(&id).ok_or_else(refusal::unknown_webhook)?;
    if webhook.token == token { Ok(webhook.clone()) } else { Err(refusal::invalid_webhook_token()) }
}

pub(crate) fn delete(state: &mut State, id: u64) -> Result<(), Refusal> {
    let webhook = state.world.webhooks.remove(&id).ok_or_else(refusal::unknown_webhook)?;
    updated(state, webhook.channel);
    Ok(())
}

pub(crate) fn execute(
    state: &mut State,
    webhook: &Webhook,
    body: &Body,
) -> Result<Message, Refusal> {
    let content = valid_content(state, body)?;
    let name = text_of(&body.json, "username").unwrap_or(&webhook.name).to_owned();
    valid_name("username", &name)?;
    if let Some(avatar) = text_of(&body.json, "avatar_url")
        && !avatar.starts_with("https://")
    {
        return Err(refusal::invalid_form(
            "avatar_url",
            "URL_TYPE_INVALID_URL",
            "Not a well formed URL.",
        ));
    }
    let (mention_everyone, mentions) = mentions(&body.json, &content);
    let message = Message {
        id: state.world.id(),
        channel: webhook.channel,
        name,
        author: webhook.id,
        webhook: Some(webhook.id),
        content,
        mention_everyone,
        mentions,
        reply_to: None,
        files: state.world.files(&body.files),
        reactions: Vec::new(),
        nonce: None,
        bot: true,
    };
    state.say(message.clone());
    Ok(message)
}

pub(crate) fn edit(
    state: &mut State,
    webhook: &Webhook,
    message: u64,
    body: &Body,
) -> Result<Value, Refusal> {
    let content = valid_content(state, body)?;
    let own = |message: &&mut Message| message.webhook == Some(webhook.id);
    let found = state.world.message_mut(webhook.channel, message).filter(own);
    let found = found.ok_or_else(refusal::unknown_message)?;
    found.content = content;
    let found = found.clone();
    state.changed(&found);
    Ok(state.world.message_json(&found))
}

/// What Discord says of names (documentation, webhooks and usernames; what it refuses beyond is told
/// by users).
fn valid_name(field: &str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.chars().count() > 80 {
        let text = "Must be between 1 and 80 in length.";
        return Err(refusal::invalid_form(field, "BASE_TYPE_BAD_LENGTH", text));
    }
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
