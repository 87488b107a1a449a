//! Writes the values in force, secrets left out.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{
    ConfigError, Place, Sources,
    describe::{properties, toml_key, toml_value},
    layer::joined,
    load::{schema, tree},
    place::Places,
    validate::without_null,
};

/// Gives the values in force as TOML, secrets as `"<hidden>"`; with `origins`, each with where it was
/// set.
///
/// # Errors
/// As [`load`](super::load) for a file that cannot be read or is not TOML.
pub fn effective(sources: &Sources, origins: bool) -> Result<String, ConfigError> {
    let tree = tree(sources)?;
    let mut values = tree.values;
    complete(&schema(), &mut values);
    let mut writing = Writing { out: String::new(), places: origins.then_some(&tree.places) };
    if let Value::Object(sections) = &values {
        writing.section(sections, "");
    }
    Ok(writing.out)
}

/// Fills in defaults and hides secrets.
fn complete(shape: &Value, value: &mut Value) {
    let shape = without_null(shape);
    match value {
        Value::Object(members) => {
            let described = properties(shape);
            for (name, property) in &described {
                let default = property.get("default").filter(|default| !default.is_null());
                if let (None, Some(default)) = (members.get(name), default) {
                    members.insert(name.clone(), default.clone());
                }
                if let Some(member) = members.get_mut(name) {
                    complete(property, member);
                }
            }
            // In the order they are described in; what is not described comes last.
            let place = |name: &str| described.iter().position(|(known, _)| known == name);
            let mut sorted: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
            sorted.retain(|(_, member)| !member.is_null());
            sorted.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
            members.extend(sorted);
        }
        Value::Array(items) => {
            if let Some(element) = shape.get("items") {
                items.iter_mut().for_each(|item| complete(element, item));
            }
        }
        Value::String(text) if shape.get("writeOnly") == Some(&Value::Bool(true)) => {
            "<hidden>".clone_into(text);
        }
        _ => {}
    }
}

struct Writing<'a> {
    out: String,
    /// Where values were set, when that is asked for.
    places: Option<&'a Places>,
}

impl Writing<'_> {
    /// Writes a section: its own values, then the sections and blocks in it.
    fn section(&mut self, members: &Map<String, Value>, key: &str) {
        let inner = |value: &Value| match value {
            Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
            _ => value.is_object(),
        };
        for (name, value) in members.iter().filter(|(_, value)| !inner(value)) {
            let path = joined(key, name);
            self.line(&format!("{} = {}", toml_key(name), toml_value(value)), &path);
        }
        for (name, value) in members.iter().filter(|(_, value)| inner(value)) {
            let (path, header) = (joined(key, name), header(key, name));
            match value {
                Value::Array(blocks) => {
                    for (number, block) in blocks.iter().enumerate() {
                        let path = format!("{path}[{number}]");
                        self.head(&format!("[[{header}]]"), &path);
                        self.section(block.as_object().unwrap_or(&Map::new()), &path);
                    }
                }
                _ => {
                    self.head(&format!("[{header}]"), &path);
                    self.section(value.as_object().unwrap_or(&Map::new()), &path);
                }
            }
        }
    }

    fn head(&mut self, text: &str, key: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        // A section that is all defaults was set nowhere.
        let known = self.places.filter(|places| places.exact(key).is_some());
        match known {
            Some(_) => self.line(text, key),
            None => self.out.extend([text, "\n"]),
        }
    }

    fn line(&mut self, text: &str, key: &str) {
        self.out.push_str(text);
        if let Some(places) = self.places {
            let place = places.exact(key).map_or_else(|| "default".to_owned(), Place::to_string);
            // Writing to a String cannot fail.
            let _ = write!(self.out, "  # {place}");
        }
        self.out.push('\n');
    }
}

/// The name between the brackets: what numbers a block is not part of it.
fn header(key: &str, name: &str) -> String {
    let outer = key.split('[').enumerate().map(|(part, text)| match part {
        0 => text,
        _ => text.split_once(']').map_or("", |(_, after)| after),
    });
    joined(&outer.collect::<String>(), &toml_key(name))
}
