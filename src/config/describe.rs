//! Writes the example: every key with its meaning, as TOML.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    load::schema,
    validate::{type_name, without_null},
};

const HEAD: &str = "\
# Configuration of msn-bridge. Made by `msn-bridge config --default`; change the copy you use.
# Lines that begin with `# ` and a key are the defaults or possible values: take the # away to set
# them. Every key can also be given in the environment: MSN_BRIDGE__MATRIX__HOMESERVER=…, or as a file
# that holds the value: MSN_BRIDGE__MATRIX__AS_TOKEN_FILE=/run/secrets/token.
";

/// Gives the example file: every key with its meaning, its default or an example value.
pub fn example() -> String {
    let mut out = HEAD.to_owned();
    for (name, section) in properties(&schema()) {
        let mut text = String::new();
        match element(&section) {
            Some(shape) => write_block(&mut text, &name, shape, &section),
            None => write_section(&mut text, &name, without_null(&section), &section),
        }
        let off = section.get("x-off").is_some();
        for text in text.lines() {
            // A section that is off becomes a comment whole, for somebody to take the marks away.
            let mark = if off && !text.is_empty() && !text.starts_with('#') { "# " } else { "" };
            line(&mut out, format_args!("{mark}{text}"));
        }
    }
    out
}

fn write_section(out: &mut String, name: &str, shape: &Value, described: &Value) {
    out.push('\n');
    write_comment(out, described.get("description").or_else(|| shape.get("description")));
    line(out, format_args!("[{name}]"));
    if shape.get("properties").is_none() {
        for (key, value) in
            first_example(described).and_then(Value::as_object).into_iter().flatten()
        {
            line(out, format_args!("{} = {}", toml_key(key), toml_value(value)));
        }
    }
    let (lists, plain): (Vec<_>, Vec<_>) =
        properties(shape).into_iter().partition(|(_, property)| element(property).is_some());
    let (sections, plain): (Vec<_>, Vec<_>) =
        plain.into_iter().partition(|(_, property)| is_section(property));
    for (key, property) in plain {
        write_key(out, &key, &property, &required(shape));
    }
    for (key, property) in sections {
        write_section(out, &format!("{name}.{key}"), without_null(&property), &property);
    }
    for (key, property) in lists {
        let Some(element) = element(&property) else {
            continue;
        };
        write_block(out, &format!("{name}.{key}"), element, &property);
    }
}

/// Writes one block of a list of sections.
fn write_block(out: &mut String, name: &str, shape: &Value, described: &Value) {
    out.push('\n');
    write_comment(out, described.get("description"));
    line(out, format_args!("[[{name}]]"));
    for (key, property) in properties(shape) {
        write_key(out, &key, &property, &required(shape));
    }
}

fn write_key(out: &mut String, key: &str, property: &Value, required: &[String]) {
    write_comment(out, property.get("description"));
    // Some are there in place of others, and shown for whoever has no others.
    let shown = property.get("x-shown").and_then(Value::as_bool) == Some(true);
    let wanted = shown || required.iter().any(|name| name == key);
    // An empty list says less than an example of one.
    let says_nothing = |value: &&Value| value.is_null() || **value == Value::Array(Vec::new());
    let default = property.get("default").filter(|value| !says_nothing(value));
    let value = if wanted { first_example(property) } else { default.or(first_example(property)) };
    let value = value.map_or_else(|| "\"\"".to_owned(), toml_value);
    let mark = if wanted { "" } else { "# " };
    line(out, format_args!("{mark}{key} = {value}"));
}

fn write_comment(out: &mut String, description: Option<&Value>) {
    for text in description.and_then(Value::as_str).unwrap_or_default().lines() {
        line(out, format_args!("# {text}"));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

pub(super) fn properties(shape: &Value) -> Vec<(String, Value)> {
    let members = shape.get("properties").and_then(Value::as_object);
    members.cloned().unwrap_or_default().into_iter().collect()
}

pub(super) fn required(shape: &Value) -> Vec<String> {
    let names = shape.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The element of a list of sections.
pub(super) fn element(property: &Value) -> Option<&Value> {
    let list = property.get("type").and_then(type_name) == Some("array");
    property.get("items").filter(|items| list && items.get("properties").is_some())
}

/// Tells whether a property is a section of its own.
pub(super) fn is_section(property: &Value) -> bool {
    without_null(property).get("properties").is_some()
}

fn first_example(shape: &Value) -> Option<&Value> {
    shape.get("examples").and_then(Value::as_array).and_then(|all| all.first())
}

pub(super) fn toml_value(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| "\"\"".to_owned(), |value| value.to_string())
}

pub(super) fn toml_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    match !key.is_empty() && key.chars().all(bare) {
        true => key.to_owned(),
        false => toml::Value::String(key.to_owned()).to_string(),
    }
}
