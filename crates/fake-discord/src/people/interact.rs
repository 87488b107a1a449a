//! What people ask of the bot: commands, buttons, menus, forms.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};

use super::{
    Person,
    given::{Given, Modal},
    may, slash,
};
use crate::{
    interactions::{Interaction, Question},
    permissions::{USE_APPLICATION_COMMANDS, VIEW_CHANNEL},
    session::intents,
    state::State,
    world::{Message, with},
};

impl Person<'_> {
    /// The commands she is offered in a channel.
    pub fn is_offered(&self, channel: u64) -> Vec<String> {
        let state = self.discord.shared.state();
        let commands = self.commands(&state, channel);
        let name = |command: &Value| Some(command.get("name")?.as_str()?.to_owned());
        commands.iter().filter_map(name).collect()
    }

    fn commands(&self, state: &State, channel: u64) -> Vec<Value> {
        let direct = state.world.is_direct(channel);
        if !state.world.allows(self.id, channel, USE_APPLICATION_COMMANDS) {
            return Vec::new();
        }
        let held = state.world.held(self.id, channel);
        let own = state.world.commands.iter().filter(|(guild, command)| {
            let wanted = command.get("default_member_permissions").and_then(Value::as_str);
            let wanted = wanted.and_then(|bits| bits.parse::<u64>().ok());
            // None at all means those who rule the server.
            let fits =
                wanted.is_none_or(|bits| held == u64::MAX || bits > 0 && held & bits == bits);
            let in_direct = command.get("dm_permission") != Some(&Value::Bool(false));
            let context = if direct { 1 } else { 0 };
            let contexts = command.get("contexts").and_then(Value::as_array);
            let here = contexts.is_none_or(|all| all.iter().any(|one| one == context));
            here && if direct { guild.is_none() && in_direct } else { fits }
        });
        own.map(|(_, command)| command.clone()).collect()
    }

    /// Gives a command: `/msn contacts add address:bob@example.com`.
    ///
    /// # Panics
    /// When her client would not send it.
    pub fn commands_bot(&self, channel: u64, line: &str) -> Given {
        self.slash(channel, line, Question::Command)
    }

    /// Writes a command, up to here; what is offered for the last option is what the bot says.
    ///
    /// # Panics
    /// When her client would not ask.
    pub fn begins_command(&self, channel: u64, line: &str) -> Given {
        self.slash(channel, line, Question::Autocomplete)
    }

    fn slash(&self, channel: u64, line: &str, question: Question) -> Given {
        self.discord.act(|state| {
            may(state, self.id, channel, VIEW_CHANNEL);
            let commands = self.commands(state, channel);
            let writing = question == Question::Autocomplete;
            let read = slash::read(state, &commands, line, writing);
            let read = read.unwrap_or_else(|why| panic!("{line:?} is not sent: {why}"));
            self.ask(state, channel, question, None, read.data)
        })
    }

    /// Puts a file beside a command: gives what to write for the option that takes it.
    pub fn adds_file(&self, channel: u64, name: &str, bytes: &[u8]) -> String {
        self.discord.act(|state| {
            let files = state.world.files([(name, bytes.to_vec())]);
            let id = files.first().map(|file| file.id).unwrap_or_default();
            state.world.given.extend(files.into_iter().map(|file| (channel, file)));
            id.to_string()
        })
    }

    /// Presses a button of a message, by its label or what the bot calls it.
    ///
    /// # Panics
    /// When there is none that can be pressed.
    pub fn presses(&self, message: &Message, button: &str) -> Given {
        self.component(message, button, &|part| {
            assert!(part.get("type") == Some(&json!(2)), "{button} is no button");
            assert!(part.get("custom_id").is_some(), "{button} leads elsewhere");
            None
        })
    }

    /// Chooses from a menu of a message: by the labels or values of what it offers, or by ids.
    ///
    /// # Panics
    /// When the menu does not offer that.
    pub fn chooses(&self, message: &Message, menu: &str, chosen: &[&str]) -> Given {
        self.component(message, menu, &|part| {
            let options = part.get("options").and_then(Value::as_array);
            let many = |name: &str, usual| part.get(name).and_then(Value::as_u64).unwrap_or(usual);
            let count = u64::try_from(chosen.len()).unwrap_or(u64::MAX);
            let fits = (many("min_values", 1)..=many("max_values", 1)).contains(&count);
            assert!(fits, "{menu} takes another number of choices");
            let value = |wanted: &&str| match options {
                None => Value::String((*wanted).to_owned()),
                Some(options) => {
                    let fits = |option: &&Value| {
                        option.get("label") == Some(&json!(wanted))
                            || option.get("value") == Some(&json!(wanted))
                    };
                    let found = options.iter().find(fits).and_then(|option| option.get("value"));
                    found.cloned().unwrap_or_else(|| panic!("{menu} does not offer {wanted}"))
                }
            };
            Some(chosen.iter().map(value).collect())
        })
    }

    fn component(
        &self,
        message: &Message,
        called: &str,
        values: &dyn Fn(&Value) -> Option<Vec<Value>>,
    ) -> Given {
        self.discord.act(|state| {
            let message = state.world.message(message.channel, message.id).cloned();
            let message = message.unwrap_or_else(|| panic!("the message is gone"));
            let hers = message.only_for.is_none_or(|user| user == self.id);
            assert!(hers, "she does not see the message");
            may(state, self.id, message.channel, VIEW_CHANNEL);
            let part = message.component(called);
            let part = part.unwrap_or_else(|| panic!("{called} is not there: {message:?}"));
            let disabled = part.get("disabled") == Some(&Value::Bool(true));
            assert!(!disabled, "{called} cannot be used");
            let mut data = json!({
                "custom_id": part.get("custom_id"), "component_type": part.get("type"),
            });
            if let (Some(values), Some(fields)) = (values(part), data.as_object_mut()) {
                let resolved = resolved(state, part, &values);
                fields.insert("values".to_owned(), Value::Array(values));
                fields.extend(resolved.map(|resolved| ("resolved".to_owned(), resolved)));
            }
            self.ask(state, message.channel, Question::Component, Some(message.id), data)
        })
    }

    /// Fills in a form and sends it: what she writes in each field, by its name or label.
    ///
    /// # Panics
    /// When the form would not be sent so.
    pub fn submits(&self, modal: &Modal, written: &[(&str, &str)]) -> Given {
        self.discord.act(|state| {
            let text = |field: &Value, name: &str| {
                field.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let fields: Vec<Value> = modal
                .fields
                .iter()
                .map(|field| {
                    let own = |(name, _): &&(&str, &str)| {
                        *name == text(field, "custom_id") || *name == text(field, "label")
                    };
                    let value = written.iter().find(own).map(|(_, value)| (*value).to_owned());
                    let value = value.unwrap_or_else(|| text(field, "value"));
                    let long = value.chars().count();
                    let limit = |name: &str, usual| {
                        let limit = field.get(name).and_then(Value::as_u64);
                        limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usual)
                    };
                    let needed = field.get("required") != Some(&Value::Bool(false));
                    let label = text(field, "label");
                    assert!(!(needed && value.is_empty()), "{label} is needed");
                    assert!(long <= limit("max_length", 4000), "{label} is too long");
                    assert!(
                        value.is_empty() || long >= limit("min_length", 0),
                        "{label} is too short"
                    );
                    let part =
                        json!({ "type": 4, "custom_id": field.get("custom_id"), "value": value });
                    json!({ "type": 1, "components": [part] })
                })
                .collect();
            for (name, _) in written {
                let there = modal.labels().iter().any(|(id, label)| id == name || label == name);
                assert!(there, "the form has no field {name}");
            }
            let opened = state.interactions.get(modal.of).cloned();
            let opened = opened.unwrap_or_else(|| panic!("nobody remembers the form"));
            let data = json!({ "custom_id": modal.custom_id, "components": fields });
            let question = Question::Modal { of_component: opened.under.is_some(), of: modal.of };
            self.ask(state, opened.channel, question, opened.under, data)
        })
    }

    /// Tells the bot what was asked.
    fn ask(
        &self,
        state: &mut State,
        channel: u64,
        question: Question,
        under: Option<u64>,
        data: Value,
    ) -> Given {
        let id = state.world.id();
        let token = format!("interaction-token-{id:x}");
        let world = &state.world;
        let mut event = json!({
            "id": id.to_string(), "application_id": world.application.to_string(),
            "type": question.code(), "token": token, "version": 1, "data": data,
            "channel_id": channel.to_string(), "channel": world.channel_json(channel),
            "locale": "en-US", "entitlements": [], "authorizing_integration_owners": {},
            "attachment_size_limit": world.knobs.file_limit,
        });
        let who = if world.is_direct(channel) {
            json!({ "user": world.user_json(self.id), "context": 1 })
        } else {
            let member = with(
                world.whole_member_json(self.id),
                json!({ "permissions": world.held(self.id, channel).to_string() }),
            );
            json!({
                "guild_id": world.guild.to_string(), "member": member, "context": 0,
                "app_permissions": world.held(world.bot, channel).to_string(),
                "guild_locale": "en-US",
            })
        };
        event = with(event, who);
        if let Some(message) = under.and_then(|id| world.message(channel, id)) {
            event = with(event, json!({ "message": world.message_json(message) }));
        }
        state.interactions.add(Interaction {
            id,
            token,
            question,
            user: self.id,
            channel,
            under,
            made: Instant::now(),
            answer: None,
            original: None,
            follow_ups: Vec::new(),
        });
        state.tell("INTERACTION_CREATE", &event, intents::EVERYBODY);
        Given { shared: Arc::clone(&self.discord.shared), id }
    }
}

/// What the ids chosen from a menu of people, roles or channels stand for.
fn resolved(state: &State, part: &Value, values: &[Value]) -> Option<Value> {
    let kind = part.get("type").and_then(Value::as_u64)?;
    let world = &state.world;
    let ids: Vec<u64> = values.iter().filter_map(|id| id.as_str()?.parse().ok()).collect();
    let group = |show: &dyn Fn(u64) -> Value| -> Value {
        Value::Object(ids.iter().map(|id| (id.to_string(), show(*id))).collect())
    };
    match kind {
        5 => Some(json!({
            "users": group(&|id| world.user_json(id)), "members": group(&|id| world.member_json(id)),
        })),
        6 => Some(json!({ "roles": group(&|id| world.role_json(id)) })),
        8 => Some(json!({ "channels": group(&|id| world.channel_json(id)) })),
        _ => None,
    }
}
