//! Commands as people write them, read as the client on a person's desk reads them.
//!
//! ```text
//! /msn contacts add address:bob@example.com message:hello there
//! ```
//! What begins with the name of an option and a colon gives that option; its value goes on until the
//! next one.

use serde_json::{Map, Value, json};

use super::super::state::State;

/// Codes of options.
const SUBCOMMAND: u64 = 1;
const GROUP: u64 = 2;
const INTEGER: u64 = 4;
const BOOLEAN: u64 = 5;
const USER: u64 = 6;
const CHANNEL: u64 = 7;
const ROLE: u64 = 8;
const MENTIONABLE: u64 = 9;
const NUMBER: u64 = 10;
const FILE: u64 = 11;

/// A command as it was read: what the application is told of it.
pub(super) struct Read {
    pub(super) data: Value,
    resolved: Map<String, Value>,
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn options(of: &Value) -> &[Value] {
    of.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn code(option: &Value) -> u64 {
    option.get("type").and_then(Value::as_u64).unwrap_or_default()
}

/// Reads a line; the last option is still being written where that is asked.
///
/// # Errors
/// Says why a client would not send it.
pub(super) fn read(
    state: &State,
    commands: &[Value],
    line: &str,
    writing: bool,
) -> Result<Read, String> {
    let line = line.trim_start().strip_prefix('/').ok_or("a command begins with a slash")?;
    let (name, mut rest) = line.split_once(' ').unwrap_or((line, ""));
    let found = commands.iter().find(|command| text(command, "name") == name);
    let command = found.ok_or_else(|| format!("there is no command /{name}"))?;
    let mut path = Vec::new();
    let mut at = command;
    while options(at).iter().any(|option| matches!(code(option), SUBCOMMAND | GROUP)) {
        let (name, after) = rest.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
        let inner = options(at).iter().find(|option| text(option, "name") == name);
        at = inner.ok_or_else(|| format!("there is no {name:?} below it"))?;
        rest = after;
        path.push(at);
    }
    let mut read = Read { data: Value::Null, resolved: Map::new() };
    let mut given = read.options(state, at, rest, writing)?;
    for holder in path.iter().rev() {
        given = vec![json!({
            "name": text(holder, "name"), "type": code(holder), "options": given,
        })];
    }
    let mut data = json!({
        "id": command.get("id"), "name": name, "type": 1, "options": given,
    });
    if let Some(fields) = data.as_object_mut() {
        if let Some(guild) = command.get("guild_id") {
            fields.insert("guild_id".to_owned(), guild.clone());
        }
        if !read.resolved.is_empty() {
            fields.insert("resolved".to_owned(), Value::Object(read.resolved.clone()));
        }
    }
    read.data = data;
    Ok(read)
}

impl Read {
    fn options(
        &mut self,
        state: &State,
        of: &Value,
        line: &str,
        writing: bool,
    ) -> Result<Vec<Value>, String> {
        let known = options(of);
        let mut starts: Vec<(usize, &Value)> = Vec::new();
        for option in known {
            let mark = format!(" {}:", text(option, "name"));
            let padded = format!(" {line}");
            if let Some(at) = padded.find(&mark) {
                starts.push((at, option));
            }
        }
        starts.sort_by_key(|(at, _)| *at);
        if starts.first().map_or(!line.trim().is_empty(), |(at, _)| *at > 0) {
            return Err(format!("{line:?} begins with no option that it has"));
        }
        let mut given = Vec::new();
        for (number, (at, option)) in starts.iter().enumerate() {
            let end = starts.get(number + 1).map_or(line.len(), |(next, _)| next.saturating_sub(1));
            let value = line.get(*at..end).unwrap_or_default();
            let value = value.split_once(':').map(|(_, value)| value.trim()).unwrap_or_default();
            let focused = writing && number + 1 == starts.len();
            let name = text(option, "name");
            let mut one = json!({ "name": name, "type": code(option) });
            let value = if focused { json!(value) } else { self.value(state, option, value)? };
            if let Some(fields) = one.as_object_mut() {
                fields.insert("value".to_owned(), value);
                if focused {
                    if option.get("autocomplete") != Some(&json!(true)) {
                        return Err(format!("{name} offers nothing while it is written"));
                    }
                    fields.insert("focused".to_owned(), json!(true));
                }
            }
            given.push(one);
        }
        let lacks = known.iter().find(|option| {
            let there = starts.iter().any(|(_, one)| one.get("name") == option.get("name"));
            option.get("required") == Some(&json!(true)) && !there
        });
        match lacks.filter(|_| !writing) {
            Some(option) => Err(format!("{} is needed", text(option, "name"))),
            None => Ok(given),
        }
    }

    fn value(&mut self, state: &State, option: &Value, said: &str) -> Result<Value, String> {
        let name = text(option, "name");
        let wrong = |what: &str| format!("{name} takes {what}, not {said:?}");
        let value = match code(option) {
            INTEGER => json!(said.parse::<i64>().map_err(|_| wrong("a whole number"))?),
            NUMBER => json!(said.parse::<f64>().map_err(|_| wrong("a number"))?),
            BOOLEAN => json!(said.parse::<bool>().map_err(|_| wrong("true or false"))?),
            kind @ (USER | CHANNEL | ROLE | MENTIONABLE | FILE) => {
                let digits: String = said.chars().filter(char::is_ascii_digit).collect();
                let id = digits.parse().map_err(|_| wrong("a number or a mention"))?;
                self.resolve(state, kind, id).ok_or_else(|| wrong("somebody or something"))?;
                json!(digits)
            }
            _ => json!(said),
        };
        let long = said.chars().count();
        let limit = |name: &str| option.get(name).and_then(Value::as_u64);
        let limit = |name: &str| limit(name).and_then(|limit| usize::try_from(limit).ok());
        if limit("min_length").is_some_and(|least| long < least)
            || long > limit("max_length").unwrap_or(6000)
        {
            return Err(wrong("fewer or more characters"));
        }
        let bound = |name: &str| option.get(name).and_then(Value::as_f64);
        if let Some(number) = value.as_f64()
            && (bound("min_value").is_some_and(|least| number < least)
                || bound("max_value").is_some_and(|most| number > most))
        {
            return Err(wrong("less or more"));
        }
        let choices = option.get("choices").and_then(Value::as_array);
        match choices.filter(|choices| !choices.is_empty()) {
            None => Ok(value),
            Some(choices) => {
                let fits = |choice: &&Value| {
                    text(choice, "name") == said || choice.get("value") == Some(&value)
                };
                let chosen = choices.iter().find(fits).and_then(|choice| choice.get("value"));
                chosen.cloned().ok_or_else(|| wrong("one of its choices"))
            }
        }
    }

    /// Adds what an id stands for.
    fn resolve(&mut self, state: &State, kind: u64, id: u64) -> Option<()> {
        let world = &state.world;
        let mut add = |group: &str, value: Value| {
            let group = self.resolved.entry(group).or_insert_with(|| json!({}));
            if let Some(group) = group.as_object_mut() {
                group.insert(id.to_string(), value);
            }
        };
        match kind {
            USER | MENTIONABLE if world.users.contains_key(&id) => {
                add("users", world.user_json(id));
                add("members", world.member_json(id));
            }
            ROLE | MENTIONABLE if world.roles.contains_key(&id) => {
                add("roles", world.role_json(id))
            }
            CHANNEL if world.channels.contains_key(&id) => {
                let channel = world.channel_json(id);
                let held = world.held(world.bot, id).to_string();
                add("channels", crate::world::with(channel, json!({ "permissions": held })));
            }
            FILE => {
                let (channel, file) = world.given.iter().find(|(_, file)| file.id == id)?;
                add("attachments", world.file_json(*channel, file));
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn commands() -> Vec<Value> {
        vec![json!({ "id": "7", "name": "msn", "options": [
            { "type": 2, "name": "contacts", "options": [
                { "type": 1, "name": "add", "options": [
                    { "type": 3, "name": "address", "required": true, "autocomplete": true },
                    { "type": 3, "name": "message" },
                    { "type": 4, "name": "count", "min_value": 1 },
                ]},
            ]},
        ]})]
    }

    fn read_line(line: &str) -> Result<Value, String> {
        let state = State::new(World::new("token"));
        read(&state, &commands(), line, false).map(|read| read.data)
    }

    #[test]
    fn a_value_goes_on_until_the_next_option() {
        let line = "/msn contacts add address:bob@example.com message:hi: there, Bob count:2";
        let data = read_line(line).expect("it is read");
        let given = data.pointer("/options/0/options/0/options").expect("what is given");
        let given = given.as_array().expect("a list");
        let value = |at: usize| given[at].get("value").expect("a value");
        assert_eq!(value(0), "bob@example.com");
        assert_eq!(value(1), "hi: there, Bob");
        assert_eq!(value(2), 2);
    }

    #[test]
    fn what_a_client_would_not_send_is_refused() {
        for line in [
            "msn",
            "/nothing",
            "/msn",
            "/msn contacts remove",
            "/msn contacts add",
            "/msn contacts add bob",
            "/msn contacts add address:bob count:many",
            "/msn contacts add address:bob count:0",
        ] {
            assert!(read_line(line).is_err(), "{line}");
        }
    }
}
