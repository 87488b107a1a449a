//! Finds every problem of a configuration at once, each with the key that has it.

use std::fmt;

use bridge_core::config::{ByteSize, Period};
use serde_json::{Map, Value};

use super::layer::joined;

/// What is wrong with one key, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `matrix.homeserver`.
    pub key: String,
    /// What is wrong and how to mend it.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Compares a tree of values with the schema made from the configuration structs.
///
/// Texts are taken for numbers and switches where they read as such, for the environment knows
/// only texts.
pub(super) fn problems(schema: &Value, tree: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    check(schema, tree, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, key: &str, found: &mut Vec<Problem>) {
    let schema = without_null(schema);
    if let Some(words) = choices(schema) {
        if !value.as_str().is_some_and(|value| words.iter().any(|word| word == value)) {
            found.push(problem(key, format!("must be one of: {}", words.join(", "))));
        }
        return;
    }
    match schema.get("type").and_then(type_name) {
        Some("object") => match value {
            Value::Object(members) => check_members(schema, members, key, found),
            _ => found.push(problem(key, "must be a section with keys of its own")),
        },
        Some("array") => match value {
            Value::Array(items) => {
                let Some(shape) = schema.get("items") else {
                    return;
                };
                for (number, item) in items.iter().enumerate() {
                    check(shape, item, &format!("{key}[{number}]"), found);
                }
            }
            _ => {
                let blocks =
                    schema.get("items").is_some_and(|shape| shape.get("properties").is_some());
                let text = match blocks {
                    true => format!("must be blocks: write [[{key}]] above each"),
                    false => "must be a list, such as [\"one\", \"two\"]".to_owned(),
                };
                found.push(problem(key, text));
            }
        },
        Some("boolean") if !reads_as::<bool>(value, Value::is_boolean) => {
            found.push(problem(key, "must be true or false"));
        }
        Some("integer") if !reads_as::<i64>(value, |value| value.is_i64() || value.is_u64()) => {
            found.push(problem(key, "must be a whole number"));
        }
        Some("string") if value.is_object() || value.is_array() => {
            found.push(problem(key, "must be a text in quotes"));
        }
        Some("string") => found.extend(unreadable(schema, value).map(|text| problem(key, text))),
        _ => {}
    }
}

fn check_members(
    schema: &Value,
    members: &Map<String, Value>,
    key: &str,
    found: &mut Vec<Problem>,
) {
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, value) in members {
        let path = joined(key, name);
        match (known.get(name), schema.get("additionalProperties")) {
            (Some(shape), _) => {
                if !value.is_null() {
                    check(shape, value, &path, found);
                }
            }
            (None, Some(shape @ Value::Object(_))) => check(shape, value, &path, found),
            (None, _) => found.push(problem(&path, unknown(name, known))),
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if members.get(name).is_none_or(Value::is_null) {
            let meaning = known.get(name).and_then(|shape| shape.get("description"));
            let meaning = meaning.and_then(Value::as_str).unwrap_or_default();
            let meaning = meaning.split('\n').next().unwrap_or_default();
            found.push(problem(&joined(key, name), format!("is missing. It says: {meaning}")));
        }
    }
}

/// The shape inside an optional one.
pub(super) fn without_null(schema: &Value) -> &Value {
    let variants = schema.get("anyOf").and_then(Value::as_array);
    let inner = variants.and_then(|all| {
        all.iter().find(|shape| shape.get("type").and_then(Value::as_str) != Some("null"))
    });
    inner.unwrap_or(schema)
}

/// The words a shape allows, when it allows only some.
pub(super) fn choices(schema: &Value) -> Option<Vec<String>> {
    let listed = schema.get("enum").and_then(Value::as_array).cloned();
    let described = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(|shape| shape.get("const").cloned()).collect::<Vec<_>>());
    let words = listed.or(described)?;
    Some(words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// A shape's type, leaving out that it may be absent.
pub(super) fn type_name(kind: &Value) -> Option<&str> {
    match kind {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

/// What is wrong with a length of time or an amount of bytes.
fn unreadable(schema: &Value, value: &Value) -> Option<String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match schema.get("format").and_then(Value::as_str)? {
        "byte-size" => text.parse::<ByteSize>().err().map(|error| error.to_string()),
        "period" => text.parse::<Period>().err().map(|error| error.to_string()),
        _ => None,
    }
}

fn reads_as<T: std::str::FromStr>(value: &Value, is: impl Fn(&Value) -> bool) -> bool {
    is(value) || value.as_str().is_some_and(|text| text.parse::<T>().is_ok())
}

fn unknown(name: &str, known: &Map<String, Value>) -> String {
    let near = known.keys().map(|other| (strsim::damerau_levenshtein(name, other), other));
    match near.min().filter(|(distance, other)| *distance <= other.len().div_ceil(3)) {
        Some((_, other)) => format!("no such key. Did you mean `{other}`?"),
        None => {
            let all: Vec<&str> = known.keys().map(String::as_str).collect();
            format!("no such key. There are: {}", all.join(", "))
        }
    }
}

fn problem(key: &str, text: impl Into<String>) -> Problem {
    Problem { key: key.to_owned(), text: text.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_sizes_are_read_before_they_are_used() {
        let schema = json!({ "type": "object", "properties": {
            "keep": { "type": "string", "format": "period" },
            "quota": { "type": "string", "format": "byte-size" },
        }});
        assert!(problems(&schema, &json!({ "keep": "7 days", "quota": "1 GiB" })).is_empty());
        let found = problems(&schema, &json!({ "keep": 7, "quota": "much" }));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|text| text.starts_with("keep: \"7\" is no length of time")));
        assert!(found.iter().any(|text| text.starts_with("quota: \"much\" is no amount of bytes")));
    }
}
