//! What a message may be made of, as it is sent or changed.

use serde_json::{Value, json};

use super::{Asked, Body, components, id_of, text_of};
use crate::{
    refusal::{self, Refusal},
    state::State,
    world::Message,
};

/// Longest message, in characters.
const CONTENT_LIMIT: usize = 2000;
/// Most files, and most embeds, of a message.
const PARTS_LIMIT: usize = 10;
/// Flags a sender may set: no previews, silent, voice, components of the second kind.
const SETTABLE: u64 = 1 << 2 | 1 << 12 | 1 << 13 | 1 << 15;
/// The flag of messages that one person sees.
pub(super) const EPHEMERAL: u64 = 1 << 6;
/// The flag of messages made of components of the second kind.
const COMPONENTS: u64 = 1 << 15;
/// What makes a message beside words, files and embeds.
const PARTS: [&str; 3] = ["message_snapshots", "poll", "sticker_items"];
/// Limits of an embed's texts.
const EMBED_LIMITS: [(&str, usize); 2] = [("title", 256), ("description", 4096)];
/// Limit of all texts of all embeds.
const EMBEDS_LIMIT: usize = 6000;

/// Puts what a request says into a message: a new one, or one that is changed.
pub(super) fn fill(
    state: &mut State,
    body: &Body,
    mut message: Message,
) -> Result<Message, Refusal> {
    let said = |name: &str| body.json.get(name);
    if let Some(content) = said("content") {
        message.content = content.as_str().unwrap_or_default().to_owned();
    }
    if message.content.chars().count() > CONTENT_LIMIT {
        let text = "Must be 2000 or fewer in length.";
        return Err(refusal::invalid_form("content", "BASE_TYPE_MAX_LENGTH", text));
    }
    if let Some(embeds) = said("embeds") {
        message.embeds = embeds.as_array().cloned().unwrap_or_default();
        valid_embeds(&message.embeds)?;
    }
    if let Some(rows) = said("components") {
        message.components = rows.as_array().cloned().unwrap_or_default();
        components::valid(&message.components)?;
    }
    if let Some(flags) = said("flags").and_then(Value::as_u64) {
        message.flags = message.flags & !SETTABLE | flags & SETTABLE;
    }
    if let Some(poll) = said("poll").filter(|poll| poll.is_object()) {
        message.more.insert("poll".to_owned(), poll_json(poll));
    }
    files(state, body, &mut message)?;
    let bare = message.content.trim().is_empty()
        && message.files.is_empty()
        && message.embeds.is_empty()
        && !PARTS.iter().any(|part| message.more.contains_key(*part))
        && (message.components.is_empty() || message.flags & COMPONENTS == 0);
    if bare {
        return Err(refusal::empty_message());
    }
    state.world.call(&mut message, &body.json);
    Ok(message)
}

fn files(state: &mut State, body: &Body, message: &mut Message) -> Result<(), Refusal> {
    // Of a message that is changed the files stay that are named.
    let named = body.json.get("attachments").and_then(Value::as_array);
    if let Some(named) = named {
        let kept: Vec<u64> = named.iter().filter_map(|one| id_of(one.get("id")?)).collect();
        message.files.retain(|file| kept.contains(&file.id));
    }
    if message.files.len() + body.files.len() > PARTS_LIMIT {
        let text = "Must be 10 or fewer in length.";
        return Err(refusal::invalid_form("files", "BASE_TYPE_MAX_LENGTH", text));
    }
    if body.files.iter().any(|(_, bytes)| bytes.len() > state.world.knobs.file_limit) {
        return Err(refusal::too_large());
    }
    let mut added =
        state.world.files(body.files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())));
    for (number, file) in (0_u64..).zip(&mut added) {
        let about =
            named.into_iter().flatten().find(|one| one.get("id").and_then(id_of) == Some(number));
        let about = about.and_then(|one| text_of(one, "description"));
        file.description = about.map(str::to_owned);
    }
    message.files.append(&mut added);
    Ok(())
}

fn valid_embeds(embeds: &[Value]) -> Result<(), Refusal> {
    if embeds.len() > PARTS_LIMIT {
        let text = "Must be 10 or fewer in length.";
        return Err(refusal::invalid_form("embeds", "BASE_TYPE_MAX_LENGTH", text));
    }
    let length = |value: Option<&Value>| {
        value.and_then(Value::as_str).map(|text| text.chars().count()).unwrap_or_default()
    };
    let mut whole = 0;
    for (at, embed) in embeds.iter().enumerate() {
        for (field, most) in EMBED_LIMITS {
            let long = length(embed.get(field));
            whole += long;
            if long > most {
                let text = format!("Must be {most} or fewer in length.");
                let field = format!("embeds.{at}.{field}");
                return Err(refusal::invalid_form(&field, "BASE_TYPE_MAX_LENGTH", &text));
            }
        }
        let fields = embed.get("fields").and_then(Value::as_array);
        if fields.is_some_and(|fields| fields.len() > 25) {
            let text = "Must be 25 or fewer in length.";
            let field = format!("embeds.{at}.fields");
            return Err(refusal::invalid_form(&field, "BASE_TYPE_MAX_LENGTH", text));
        }
        for field in fields.into_iter().flatten() {
            whole += length(field.get("name")) + length(field.get("value"));
        }
        whole += length(embed.pointer("/footer/text")) + length(embed.pointer("/author/name"));
    }
    if whole > EMBEDS_LIMIT {
        let text = "Embed size exceeds maximum size of 6000";
        return Err(refusal::invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED", text));
    }
    Ok(())
}

/// A poll as it is shown, of one as it is asked.
pub(crate) fn poll_json(asked: &Value) -> Value {
    let answers = asked.get("answers").and_then(Value::as_array).into_iter().flatten();
    let answers: Vec<Value> = answers
        .enumerate()
        .map(|(at, answer)| json!({ "answer_id": at + 1, "poll_media": answer.get("poll_media") }))
        .collect();
    json!({
        "question": asked.get("question"), "answers": answers, "expiry": null,
        "allow_multiselect": asked.get("allow_multiselect") == Some(&json!(true)),
        "layout_type": 1,
    })
}

/// The message a request answers, if it names one that is there.
pub(super) fn replied(
    state: &State,
    channel: u64,
    asked: Asked<'_>,
) -> Result<Option<u64>, Refusal> {
    let Some(reference) = asked.field("message_reference").filter(|to| to.is_object()) else {
        return Ok(None);
    };
    let id = reference.get("message_id").and_then(id_of);
    let found = id.filter(|id| state.world.message(channel, *id).is_some());
    if found.is_none() && reference.get("fail_if_not_exists") != Some(&json!(false)) {
        let code = "MESSAGE_REFERENCE_UNKNOWN_MESSAGE";
        return Err(refusal::invalid_form("message_reference", code, "Unknown message"));
    }
    Ok(found)
}
