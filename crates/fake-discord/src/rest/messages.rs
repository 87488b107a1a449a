//! Messages: said by the bot, read, changed, removed.

use serde_json::{Value, json};

use super::{Asked, DONE, Outcome, forms, id_of, needs};
use crate::{
    permissions::{ATTACH_FILES, MANAGE_MESSAGES, READ_MESSAGE_HISTORY},
    refusal::{self, Refusal},
    state::State,
    time,
    world::Message,
};

/// How old a message may be that is removed with others: fourteen days.
const BULK_AGE: u64 = 14 * 24 * 3_600_000;

pub(super) fn work(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    match asked.route {
        "POST /channels/{}/typing" => {
            may_write(state, channel)?;
            *state.typing.entry(channel).or_default() += 1;
            DONE
        }
        "GET /channels/{}/messages" => {
            needs(state, channel, READ_MESSAGE_HISTORY)?;
            Ok((200, history(state, asked, channel)))
        }
        "POST /channels/{}/messages" => say(state, asked, channel),
        "POST /channels/{}/messages/bulk-delete" => remove_many(state, asked, channel),
        "GET /channels/{}/messages/{}" => {
            needs(state, channel, READ_MESSAGE_HISTORY)?;
            show(state, channel, asked.id(1))
        }
        "PATCH /channels/{}/messages/{}" => change(state, asked, channel),
        _ => remove(state, channel, asked.id(1)),
    }
}

/// Refuses writing where it is not for words, or not for the bot.
pub(super) fn may_write(state: &State, channel: u64) -> Result<(), Refusal> {
    let Some(place) = state.world.channels.get(&channel) else {
        return Err(refusal::unknown_channel());
    };
    if !place.kind.holds_messages() {
        return Err(refusal::not_a_text_channel());
    }
    let closed = place.with.and_then(|user| state.world.users.get(&user));
    if closed.is_some_and(|user| user.closed) {
        return Err(refusal::closed_to_messages());
    }
    needs(state, channel, state.world.writing(channel))?;
    let manages = state.world.may(channel, crate::permissions::MANAGE_THREADS);
    if place.locked && !manages { Err(refusal::locked_thread()) } else { Ok(()) }
}

fn say(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    may_write(state, channel)?;
    if !asked.body.files.is_empty() {
        needs(state, channel, ATTACH_FILES)?;
    }
    let nonce = match asked.field("nonce") {
        Some(Value::String(nonce)) => Some(nonce.clone()),
        Some(Value::Number(nonce)) => Some(nonce.to_string()),
        _ => None,
    };
    let enforced = asked.field("enforce_nonce") == Some(&json!(true));
    if let Some(nonce) = nonce.clone().filter(|_| enforced)
        && let Some(before) = state.world.nonces.get(&(channel, nonce))
    {
        return show(state, channel, *before);
    }
    let reply_to = forms::replied(state, channel, asked)?;
    if reply_to.is_some() {
        needs(state, channel, READ_MESSAGE_HISTORY)?;
    }
    let (id, bot) = (state.world.id(), state.world.bot);
    let message = Message { reply_to, bot: true, ..Message::new(id, channel, bot, "msn-bridge") };
    let mut message = forms::fill(state, asked.body, message)?;
    message.nonce.clone_from(&nonce);
    if let Some(nonce) = nonce {
        state.world.nonces.insert((channel, nonce), id);
    }
    state.say(message.clone());
    Ok((200, state.world.message_json(&message)))
}

/// A message that others see too.
pub(super) fn found(state: &State, channel: u64, id: u64) -> Result<Message, Refusal> {
    let found = state.world.message(channel, id).filter(|message| message.only_for.is_none());
    found.cloned().ok_or_else(refusal::unknown_message)
}

pub(super) fn show(state: &State, channel: u64, id: u64) -> Outcome {
    let message = found(state, channel, id)?;
    Ok((200, state.world.message_json(&message)))
}

fn change(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    let message = found(state, channel, asked.id(1))?;
    not_archived(state, channel)?;
    if message.author != state.world.bot {
        // Flags of others' messages may be changed, and nothing else.
        let only_flags = asked.body.json.as_object().is_some_and(|fields| {
            fields.keys().all(|name| name == "flags") && asked.body.files.is_empty()
        });
        if !only_flags {
            return Err(refusal::another_ones_message());
        }
        needs(state, channel, MANAGE_MESSAGES)?;
    }
    let message = forms::fill(state, asked.body, message)?;
    state.edit(message);
    show(state, channel, asked.id(1))
}

/// Refuses to change what stands in a thread that is put away.
pub(super) fn not_archived(state: &State, channel: u64) -> Result<(), Refusal> {
    let archived = state.world.channels.get(&channel).is_some_and(|place| place.archived);
    if archived { Err(refusal::archived_thread()) } else { Ok(()) }
}

fn remove(state: &mut State, channel: u64, id: u64) -> Outcome {
    let message = found(state, channel, id)?;
    if message.author != state.world.bot {
        if state.world.is_direct(channel) {
            return Err(refusal::not_in_direct());
        }
        needs(state, channel, MANAGE_MESSAGES)?;
    }
    state.remove_messages(channel, &[id], false);
    DONE
}

fn remove_many(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    if state.world.is_direct(channel) {
        return Err(refusal::not_in_direct());
    }
    needs(state, channel, MANAGE_MESSAGES)?;
    let ids = asked.field("messages").and_then(Value::as_array);
    let ids: Vec<u64> = ids.into_iter().flatten().filter_map(id_of).collect();
    if !(2..=100).contains(&ids.len()) {
        return Err(refusal::bulk_count());
    }
    let oldest = time::now().saturating_sub(BULK_AGE);
    if ids.iter().any(|id| time::moment_of(*id) < oldest) {
        return Err(refusal::too_old());
    }
    state.remove_messages(channel, &ids, true);
    DONE
}

/// Messages of a channel, newest first: those after one, before one or around one, or the last.
fn history(state: &State, asked: Asked<'_>, channel: u64) -> Value {
    let limit = asked.number("limit").unwrap_or(50).min(100);
    let limit = usize::try_from(limit).unwrap_or(100);
    let all = state.world.messages.get(&channel).map(Vec::as_slice).unwrap_or_default();
    let all = all.iter().filter(|message| message.only_for.is_none());
    let last = |messages: Vec<_>, many: usize| -> Vec<&Message> {
        messages.split_at(messages.len().saturating_sub(many)).1.to_vec()
    };
    let number = |name: &str| asked.number(name);
    let mut chosen: Vec<&Message> = match (number("after"), number("before"), number("around")) {
        (Some(after), _, _) => all.filter(|message| message.id > after).take(limit).collect(),
        (None, None, Some(middle)) => {
            let (before, after): (Vec<_>, Vec<_>) = all.partition(|message| message.id < middle);
            let mut chosen = last(before, limit / 2);
            let rest = limit - chosen.len();
            chosen.extend(after.into_iter().take(rest));
            chosen
        }
        (None, before, _) => {
            let end = before.unwrap_or(u64::MAX);
            last(all.filter(|message| message.id < end).collect(), limit)
        }
    };
    chosen.reverse();
    Value::Array(chosen.into_iter().map(|message| state.world.message_json(message)).collect())
}
