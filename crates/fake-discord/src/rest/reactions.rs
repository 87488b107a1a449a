//! Reactions: the bot's, and what it may do about others'.

use serde_json::{Value, json};

use super::{Asked, DONE, Outcome, messages, needs, percent_decoded};
use crate::{
    permissions::{ADD_REACTIONS, MANAGE_MESSAGES, READ_MESSAGE_HISTORY},
    refusal::{self, Refusal},
    session::intents,
    state::State,
    world::{Message, reaction_json},
};

/// Most different reactions under a message.
const KINDS: usize = 20;
/// For whom events of reactions are.
pub(crate) const WANTED: (u64, u64) = (intents::GUILD_REACTIONS, intents::DIRECT_REACTIONS);

pub(super) fn work(state: &mut State, asked: Asked<'_>, channel: u64) -> Outcome {
    let message = messages::found(state, channel, asked.id(1))?;
    let emoji = percent_decoded(asked.word(2));
    let bot = state.world.bot;
    match asked.route {
        "PUT /channels/{}/messages/{}/reactions/{}/@me" => {
            needs(state, channel, READ_MESSAGE_HISTORY)?;
            messages::not_archived(state, channel)?;
            valid(state, &emoji)?;
            let there = has(&message, &emoji);
            if !there {
                needs(state, channel, ADD_REACTIONS)?;
                if kinds(&message) >= KINDS {
                    return Err(refusal::too_many_reactions());
                }
            }
            state.react(channel, message.id, bot, &emoji);
            DONE
        }
        "DELETE /channels/{}/messages/{}/reactions/{}/@me" => {
            state.unreact(channel, message.id, bot, &emoji);
            DONE
        }
        "DELETE /channels/{}/messages/{}/reactions/{}/{}" => {
            needs(state, channel, MANAGE_MESSAGES)?;
            state.unreact(channel, message.id, asked.id(3), &emoji);
            DONE
        }
        "GET /channels/{}/messages/{}/reactions/{}" => {
            let mut users: Vec<u64> = message
                .others_reactions
                .iter()
                .filter(|(one, _)| *one == emoji)
                .map(|(_, user)| *user)
                .collect();
            if message.reactions.contains(&emoji) {
                users.push(bot);
            }
            let users = users.into_iter().map(|user| state.world.user_json(user));
            Ok((200, Value::Array(users.collect())))
        }
        route => {
            needs(state, channel, MANAGE_MESSAGES)?;
            let only = route.ends_with("{}").then_some(emoji);
            state.clear_reactions(channel, message.id, only.as_deref());
            DONE
        }
    }
}

fn has(message: &Message, emoji: &str) -> bool {
    message
        .reactions
        .iter()
        .chain(message.others_reactions.iter().map(|(one, _)| one))
        .any(|one| one == emoji)
}

fn kinds(message: &Message) -> usize {
    let others = message.others_reactions.iter().map(|(emoji, _)| emoji);
    let all: std::collections::BTreeSet<_> = message.reactions.iter().chain(others).collect();
    all.len()
}

fn valid(state: &State, emoji: &str) -> Result<(), Refusal> {
    let known = match emoji.rsplit_once(':') {
        Some((_, id)) => id.parse().is_ok_and(|id| state.world.emojis.contains_key(&id)),
        // Digits are emojis with a mark after them.
        None => !emoji.is_ascii(),
    };
    if known { Ok(()) } else { Err(refusal::unknown_emoji()) }
}

impl State {
    /// Puts somebody's reaction under a message.
    pub(crate) fn react(&mut self, channel: u64, id: u64, user: u64, emoji: &str) {
        let bot = self.world.bot;
        let Some(message) = self.world.message_mut(channel, id) else { return };
        let one = (emoji.to_owned(), user);
        let own = user == bot;
        if own && message.reactions.iter().any(|there| there == emoji)
            || message.others_reactions.contains(&one)
        {
            return;
        }
        if own {
            message.reactions.push(one.0);
        } else {
            message.others_reactions.push(one);
        }
        self.tell_reaction("MESSAGE_REACTION_ADD", channel, id, user, emoji);
    }

    /// Takes somebody's reaction away.
    pub(crate) fn unreact(&mut self, channel: u64, id: u64, user: u64, emoji: &str) {
        let bot = self.world.bot;
        let Some(message) = self.world.message_mut(channel, id) else { return };
        let before = message.reactions.len() + message.others_reactions.len();
        if user == bot {
            message.reactions.retain(|one| one != emoji);
        } else {
            message.others_reactions.retain(|(one, who)| one != emoji || *who != user);
        }
        if message.reactions.len() + message.others_reactions.len() < before {
            self.tell_reaction("MESSAGE_REACTION_REMOVE", channel, id, user, emoji);
        }
    }

    /// Takes all reactions away, or all of one emoji.
    pub(crate) fn clear_reactions(&mut self, channel: u64, id: u64, emoji: Option<&str>) {
        let Some(message) = self.world.message_mut(channel, id) else { return };
        let goes = |one: &str| emoji.is_none_or(|emoji| emoji == one);
        message.reactions.retain(|one| !goes(one));
        message.others_reactions.retain(|(one, _)| !goes(one));
        let mut event = json!({ "channel_id": channel.to_string(), "message_id": id.to_string() });
        let name = match (emoji, event.as_object_mut()) {
            (Some(emoji), Some(fields)) => {
                fields.insert("emoji".to_owned(), reaction_json(emoji));
                "MESSAGE_REACTION_REMOVE_EMOJI"
            }
            _ => "MESSAGE_REACTION_REMOVE_ALL",
        };
        self.tell_in(channel, name, &event, WANTED);
    }

    fn tell_reaction(&mut self, name: &str, channel: u64, id: u64, user: u64, emoji: &str) {
        let author = self.world.message(channel, id).map(|message| message.author.to_string());
        let mut event = json!({
            "user_id": user.to_string(), "channel_id": channel.to_string(),
            "message_id": id.to_string(), "emoji": reaction_json(emoji), "burst": false,
            "type": 0, "message_author_id": author,
        });
        let added = name.ends_with("ADD") && !self.world.is_direct(channel);
        if let Some(fields) = event.as_object_mut().filter(|_| added) {
            fields.insert("member".to_owned(), self.world.whole_member_json(user));
        }
        self.tell_in(channel, name, &event, WANTED);
    }
}
