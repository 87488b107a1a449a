//! Pins: what is kept at the top of a channel.

use serde_json::{Value, json};

use super::{Asked, DONE, Outcome, messages, needs};
use crate::{
    permissions::{MANAGE_MESSAGES, READ_MESSAGE_HISTORY},
    refusal,
    session::intents,
    state::State,
    time,
    world::Message,
};

/// Most pins of a channel.
const LIMIT: usize = 50;
/// The kind of message that tells of a pin.
const TOLD: u64 = 6;

pub(super) fn work(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    let id = asked.id(1);
    if asked.route.starts_with("GET") {
        needs(state, channel, READ_MESSAGE_HISTORY)?;
        let all = pinned(state, channel);
        let shown = all.iter().rev().map(|message| state.world.message_json(message));
        if asked.route.ends_with("/messages/pins") {
            let at = |id: u64| time::timestamp(time::moment_of(id));
            let items =
                all.iter().rev().zip(shown).map(
                    |(pinned, message)| json!({ "pinned_at": at(pinned.id), "message": message }),
                );
            let items: Vec<Value> = items.collect();
            return Ok((200, json!({ "items": items, "has_more": false })));
        }
        return Ok((200, Value::Array(shown.collect())));
    }
    if !state.world.is_direct(channel) {
        needs(state, channel, MANAGE_MESSAGES)?;
    }
    let message = messages::found(state, channel, id)?;
    let on = asked.route.starts_with("PUT");
    if message.kind != 0 {
        return Err(refusal::system_message());
    }
    if message.pinned == on {
        return DONE;
    }
    if on && pinned(state, channel).len() >= LIMIT {
        return Err(refusal::too_many_pins());
    }
    state.pin(channel, id, on);
    DONE
}

fn pinned(state: &State, channel: u64) -> Vec<Message> {
    let all = state.world.messages.get(&channel).into_iter().flatten();
    all.filter(|message| message.pinned).cloned().collect()
}

impl State {
    /// Pins a message, or takes it down.
    pub(crate) fn pin(&mut self, channel: u64, id: u64, on: bool) {
        let Some(message) = self.world.message_mut(channel, id) else { return };
        message.pinned = on;
        let message = message.clone();
        self.changed(&message);
        let at = on.then(|| time::timestamp(time::now()));
        let event = json!({ "channel_id": channel.to_string(), "last_pin_timestamp": at });
        self.tell_in(
            channel,
            "CHANNEL_PINS_UPDATE",
            &event,
            (intents::GUILDS, intents::DIRECT_MESSAGES),
        );
        if on {
            let (next, bot) = (self.world.id(), self.world.bot);
            let told = Message {
                kind: TOLD,
                bot: true,
                reply_to: Some(id),
                ..Message::new(next, channel, bot, "msn-bridge")
            };
            self.say_now(told);
        }
    }
}
