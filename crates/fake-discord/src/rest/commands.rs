//! The application's commands: of all servers, and of one.

use serde_json::{Value, json};

use super::{Asked, DONE, Outcome, guild, text_of};
use crate::{
    refusal::{self, Refusal},
    state::State,
};

/// Most commands at each place.
const LIMIT: usize = 100;
/// Most options of a command, and most choices of an option.
const PARTS: usize = 25;
/// Codes of options that hold options.
const HOLDERS: [u64; 2] = [1, 2];

pub(super) fn work(state: &mut State, asked: Asked<'_>) -> Outcome {
    if asked.id(0) != state.world.application {
        return Err(refusal::unknown_application());
    }
    let of_guild = asked.route.contains("/guilds/");
    let place = of_guild.then(|| asked.id(1));
    if place.is_some_and(|guild| guild != state.world.guild || state.world.left) {
        return Err(refusal::missing_access());
    }
    let id = if of_guild { asked.id(2) } else { asked.id(1) };
    let verb = asked.route.split_once(' ').unwrap_or_default().0;
    let list = asked.route.ends_with("/commands");
    match verb {
        "GET" if list => Ok((200, Value::Array(at(state, place)))),
        "PUT" => {
            let wanted = asked.body.json.as_array().cloned().unwrap_or_default();
            if wanted.len() > LIMIT {
                return Err(refusal::bad_length("commands", 0, LIMIT));
            }
            for (number, command) in wanted.iter().enumerate() {
                valid(&format!("{number}."), command)?;
            }
            let before = at(state, place);
            state.world.commands.retain(|(guild, _)| *guild != place);
            for command in wanted {
                let old = before.iter().find(|old| is_same(old, &command));
                let known = old.and_then(|old| old.get("id")).and_then(super::id_of);
                add(state, place, known, &command);
            }
            Ok((200, Value::Array(at(state, place))))
        }
        "POST" => {
            valid("", &asked.body.json)?;
            let old = at(state, place).into_iter().find(|old| is_same(old, &asked.body.json));
            let old = old.and_then(|old| old.get("id").and_then(super::id_of));
            if let Some(old) = old {
                remove(state, old);
            }
            let made = add(state, place, old, &asked.body.json);
            Ok((if old.is_some() { 200 } else { 201 }, made))
        }
        _ => {
            let found = at(state, place).into_iter().find(|one| own_id(one) == Some(id));
            let found = found.ok_or_else(refusal::unknown_command)?;
            match verb {
                "GET" => Ok((200, found)),
                "DELETE" => {
                    remove(state, id);
                    DONE
                }
                _ => {
                    let changed = crate::world::with(found, asked.body.json.clone());
                    valid("", &changed)?;
                    remove(state, id);
                    Ok((200, add(state, place, Some(id), &changed)))
                }
            }
        }
    }
}

fn own_id(command: &Value) -> Option<u64> {
    command.get("id").and_then(super::id_of)
}

fn kind(command: &Value) -> u64 {
    command.get("type").and_then(Value::as_u64).unwrap_or(1)
}

/// Commands of a kind are told apart by their names.
fn is_same(one: &Value, other: &Value) -> bool {
    kind(one) == kind(other) && one.get("name") == other.get("name")
}

fn at(state: &State, place: Option<u64>) -> Vec<Value> {
    let all = state.world.commands.iter().filter(|(guild, _)| *guild == place);
    all.map(|(_, command)| command.clone()).collect()
}

fn remove(state: &mut State, id: u64) {
    state.world.commands.retain(|(_, command)| own_id(command) != Some(id));
}

fn add(state: &mut State, place: Option<u64>, known: Option<u64>, command: &Value) -> Value {
    let version = state.world.id();
    let id = known.unwrap_or_else(|| state.world.id());
    let usual = json!({
        "type": 1, "description": "", "default_member_permissions": null, "nsfw": false,
        "dm_permission": true, "contexts": null, "integration_types": [0],
    });
    let command = crate::world::with(usual, command.clone());
    let own = json!({
        "id": id.to_string(), "application_id": state.world.application.to_string(),
        "version": version.to_string(),
    });
    let mut command = crate::world::with(command, own);
    if let (Some(guild), Some(fields)) = (place, command.as_object_mut()) {
        fields.insert("guild_id".to_owned(), json!(guild.to_string()));
    }
    state.world.commands.push((place, command.clone()));
    command
}

/// Sees whether a command is as it may be.
fn valid(field: &str, command: &Value) -> Result<(), Refusal> {
    let name = text_of(command, "name").unwrap_or_default();
    if kind(command) != 1 {
        return guild::valid_length(&format!("{field}name"), name, 1, 32);
    }
    named(field, command)?;
    options(field, command)
}

fn named(field: &str, one: &Value) -> Result<(), Refusal> {
    let name = text_of(one, "name").unwrap_or_default();
    guild::valid_length(&format!("{field}name"), name, 1, 32)?;
    let fits = |c: char| c.is_alphanumeric() && !c.is_uppercase() || "-_'".contains(c);
    if !name.chars().all(fits) {
        let code = "APPLICATION_COMMAND_INVALID_NAME";
        let text = "Command name is invalid";
        return Err(refusal::invalid_form(&format!("{field}name"), code, text));
    }
    let description = text_of(one, "description").unwrap_or_default();
    guild::valid_length(&format!("{field}description"), description, 1, 100)
}

fn options(field: &str, of: &Value) -> Result<(), Refusal> {
    let options = of.get("options").and_then(Value::as_array);
    let options = options.map(Vec::as_slice).unwrap_or_default();
    if options.len() > PARTS {
        return Err(refusal::bad_length(&format!("{field}options"), 0, PARTS));
    }
    let (mut optional, mut names) = (false, std::collections::HashSet::new());
    for (at, option) in options.iter().enumerate() {
        let field = format!("{field}options.{at}.");
        named(&field, option)?;
        if !names.insert(text_of(option, "name")) {
            let code = "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATE";
            let text = "Option names must be unique";
            return Err(refusal::invalid_form(&format!("{field}name"), code, text));
        }
        let code = option.get("type").and_then(Value::as_u64).unwrap_or_default();
        if !(1..=11).contains(&code) {
            return Err(refusal::bad_choice(&format!("{field}type")));
        }
        let required = option.get("required") == Some(&json!(true));
        if required && optional {
            let code = "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID";
            let text = "Required options must be placed before non-required options";
            return Err(refusal::invalid_form(field.trim_end_matches('.'), code, text));
        }
        optional |= !required && !HOLDERS.contains(&code);
        let choices = option.get("choices").and_then(Value::as_array);
        if choices.is_some_and(|choices| choices.len() > PARTS) {
            return Err(refusal::bad_length(&format!("{field}choices"), 0, PARTS));
        }
        if HOLDERS.contains(&code) {
            options_of(&field, option, code)?;
        }
    }
    Ok(())
}

/// A group holds commands, a command holds what is given with it; there is no third depth.
fn options_of(field: &str, holder: &Value, code: u64) -> Result<(), Refusal> {
    let inner = holder.get("options").and_then(Value::as_array).into_iter().flatten();
    for option in inner {
        let inside = option.get("type").and_then(Value::as_u64).unwrap_or_default();
        let wrong = if code == 2 { inside != 1 } else { HOLDERS.contains(&inside) };
        if wrong {
            return Err(refusal::bad_choice(&format!("{field}options.0.type")));
        }
    }
    options(field, holder)
}
