//! Answers to commands, buttons and forms: the first within three seconds, others with its token.

use serde_json::{Value, json};

use super::{Asked, Body, DONE, Outcome, components, forms, text_of};
use crate::{
    interactions::{Answer, Interaction, Question},
    refusal::{self, Refusal},
    state::State,
    world::Message,
};

/// Most choices while somebody writes.
const CHOICES: usize = 25;
/// The flag of an answer that comes later.
const LOADING: u64 = 1 << 7;

/// Takes the first answer.
pub(super) fn callback(state: &mut State, asked: Asked<'_>) -> Outcome {
    let (id, within) = (asked.id(0), state.world.knobs.answer_within);
    let found = state.interactions.by_id(id).filter(|one| one.token == asked.word(1));
    let found = found.ok_or_else(refusal::unknown_interaction)?.clone();
    if found.answer.is_some() {
        return Err(refusal::already_answered());
    }
    if found.made.elapsed() > within {
        return Err(refusal::unknown_interaction());
    }
    let data = asked.field("data").cloned().unwrap_or_default();
    let under =
        matches!(found.question, Question::Component | Question::Modal { of_component: true, .. });
    let modal = matches!(found.question, Question::Modal { .. });
    let writes = found.question == Question::Autocomplete;
    let kind = asked.field("type").and_then(Value::as_u64);
    let (answer, original) = match kind {
        Some(4) if !writes => {
            let message = answering(state, &found, asked.body, &data, true)?;
            (Answer::Message, Some(message))
        }
        Some(5) if !writes => {
            let flags = data.get("flags").and_then(Value::as_u64).unwrap_or_default();
            (Answer::Deferred(flags & forms::EPHEMERAL), None)
        }
        Some(6) if under => (Answer::Kept, found.under),
        Some(7) if under => {
            let id = found.under.ok_or_else(refusal::unknown_message)?;
            let message = message(state, found.channel, id)?;
            let body = Body { json: data, files: asked.body.files.clone() };
            let message = forms::fill(state, &body, message)?;
            state.edit(message);
            (Answer::Updated, Some(id))
        }
        Some(8) if writes => {
            let choices = data.get("choices").and_then(Value::as_array).cloned();
            let choices = choices.unwrap_or_default();
            if choices.len() > CHOICES {
                return Err(refusal::bad_length("data.choices", 0, CHOICES));
            }
            for (at, choice) in choices.iter().enumerate() {
                let name = text_of(choice, "name").unwrap_or_default();
                super::guild::valid_length(&format!("data.choices.{at}.name"), name, 1, 100)?;
            }
            (Answer::Choices(choices), None)
        }
        Some(9) if !writes && !modal => {
            components::valid_modal(&data)?;
            (Answer::Modal(data), None)
        }
        _ => return Err(refusal::bad_choice("type")),
    };
    if let Some(place) = state.interactions.by_id(id) {
        place.answer = Some(answer);
        place.original = original;
    }
    DONE
}

/// What may be done with an interaction's token afterwards.
pub(super) fn follow_up(state: &mut State, asked: Asked<'_>) -> Outcome {
    let life = state.world.knobs.token_life;
    let found = state.interactions.by_token(asked.word(1));
    let found = found.ok_or_else(refusal::unknown_webhook)?.clone();
    if found.made.elapsed() > life {
        return Err(refusal::invalid_webhook_token());
    }
    let Some(answer) = found.answer.clone() else {
        return Err(refusal::unknown_webhook());
    };
    if asked.route.starts_with("POST") {
        if matches!(answer, Answer::Choices(_) | Answer::Modal(_)) {
            return Err(refusal::unknown_webhook());
        }
        let later = matches!(answer, Answer::Deferred(_)) && found.original.is_none();
        let body = if later { as_deferred(asked.body, &answer) } else { asked.body.json.clone() };
        let id = answering(state, &found, asked.body, &body, later)?;
        if let Some(place) = state.interactions.by_token(asked.word(1)) {
            if later {
                place.original = Some(id);
            } else {
                place.follow_ups.push(id);
            }
        }
        let said = message(state, found.channel, id)?;
        return Ok((200, state.world.message_json(&said)));
    }
    if asked.captured.len() < 3 {
        return Err(refusal::not_found());
    }
    let original = asked.word(2) == "@original";
    let id = if original { found.original } else { Some(asked.id(2)) };
    let own = |id: &u64| original || found.original == Some(*id) || found.follow_ups.contains(id);
    match (asked.route.split_once(' ').unwrap_or_default().0, id.filter(own)) {
        ("PATCH", Some(id)) => {
            let said = message(state, found.channel, id)?;
            let said = forms::fill(state, asked.body, said)?;
            state.edit(said.clone());
            Ok((200, state.world.message_json(&said)))
        }
        ("PATCH", None) if original && matches!(answer, Answer::Deferred(_)) => {
            let body = as_deferred(asked.body, &answer);
            let id = answering(state, &found, asked.body, &body, true)?;
            if let Some(place) = state.interactions.by_token(asked.word(1)) {
                place.original = Some(id);
            }
            let said = message(state, found.channel, id)?;
            Ok((200, state.world.message_json(&said)))
        }
        ("DELETE", Some(id)) => {
            message(state, found.channel, id)?;
            state.remove_messages(found.channel, &[id], false);
            DONE
        }
        ("GET", Some(id)) => {
            let said = message(state, found.channel, id)?;
            Ok((200, state.world.message_json(&said)))
        }
        ("GET", None) if original && matches!(answer, Answer::Deferred(_)) => {
            let waiting = Message {
                webhook: Some(state.world.application),
                flags: LOADING,
                ..Message::new(found.id, found.channel, state.world.bot, "msn-bridge")
            };
            Ok((200, state.world.message_json(&waiting)))
        }
        _ => Err(refusal::unknown_message()),
    }
}

/// A body that is seen by as many as was said when the answer was put off.
fn as_deferred(body: &Body, answer: &Answer) -> Value {
    let deferred = if let Answer::Deferred(flags) = answer { *flags } else { 0 };
    let flags = body.json.get("flags").and_then(Value::as_u64).unwrap_or_default();
    let flags = flags & !forms::EPHEMERAL | deferred;
    crate::world::with(body.json.clone(), json!({ "flags": flags }))
}

fn message(state: &State, channel: u64, id: u64) -> Result<Message, Refusal> {
    state.world.message(channel, id).cloned().ok_or_else(refusal::unknown_message)
}

/// Says an answer, to all or to the one who asked.
fn answering(
    state: &mut State,
    to: &Interaction,
    body: &Body,
    data: &Value,
    first: bool,
) -> Result<u64, Refusal> {
    let flags = data.get("flags").and_then(Value::as_u64).unwrap_or_default();
    let hidden = flags & forms::EPHEMERAL != 0;
    let (id, bot, application) = (state.world.id(), state.world.bot, state.world.application);
    let command = first && to.question == Question::Command;
    let message = Message {
        webhook: Some(application),
        only_for: hidden.then_some(to.user),
        flags: if hidden { forms::EPHEMERAL } else { 0 },
        kind: if command { 20 } else { 0 },
        bot: true,
        ..Message::new(id, to.channel, bot, "msn-bridge")
    };
    let body = Body { json: data.clone(), files: body.files.clone() };
    let mut message = forms::fill(state, &body, message)?;
    let asked = metadata(state, to);
    message.more.insert("interaction_metadata".to_owned(), asked);
    state.say(message);
    Ok(id)
}

/// What an answer tells of the question.
fn metadata(state: &State, to: &Interaction) -> Value {
    let told = json!({
        "id": to.id.to_string(), "type": to.question.code(),
        "user": state.world.user_json(to.user), "authorizing_integration_owners": {},
    });
    let under = to.under.map(|under| under.to_string());
    match (to.question, under) {
        (Question::Modal { of, .. }, _) => {
            let opened = state.interactions.get(of).map(|of| metadata(state, of));
            crate::world::with(told, json!({ "triggering_interaction_metadata": opened }))
        }
        (_, Some(under)) => crate::world::with(told, json!({ "interacted_message_id": under })),
        _ => told,
    }
}
