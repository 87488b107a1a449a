//! Writes the book's page of all keys.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    describe::{element, is_section, properties, required, toml_value},
    load::schema,
    validate::{choices, type_name, without_null},
};

const HEAD: &str = "\
# Configuration

<!-- Made by `cargo xtask config` from the documentation of the code; change it there. -->

Values come from four places, the later over the earlier:

1. the defaults below;
2. the file, `config.toml` or the one `-c FILE` names. `msn-bridge init` writes a first one, and
   `msn-bridge config --default` prints an example with every key;
3. the environment: `MSN_BRIDGE__SECTION__KEY`, such as `MSN_BRIDGE__LOG__FILTER=debug`. Blocks are numbered
   from 0: `MSN_BRIDGE__MSN__SERVER__0__ADDRESS`. With `_FILE` behind it the variable names a file that
   holds the value, which is the form for secrets: `MSN_BRIDGE__MATRIX__AS_TOKEN_FILE`;
4. the command line: `--set SECTION.KEY=VALUE`, such as `--set log.filter=debug` or
   `--set msn.server[0].address=HOST`; `--data-dir DIR` for `bridge.data_dir`. Secrets are refused there,
   for others can read command lines.

Lists and sections are written as in the file: `--set 'relay[0].contacts=[\"bob@example.com\"]'`.

`msn-bridge check` lists everything that is wrong, each with its line, its variable or its flag, and the
mend; `msn-bridge config --origins` shows the values in force, secrets hidden, and where each was set.
Unknown keys are refused.

Times are whole numbers with units: `30s`, `5 minutes`, `24h`, `7 days`, `1h 30m`. Sizes too: `64 KiB`,
`50 MiB`, `2 GB`.
";

/// Gives the page: each section with its keys, their kinds, defaults and meanings.
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    for (name, section) in properties(&schema()) {
        match element(&section) {
            Some(shape) => write_section(&mut out, &format!("[[{name}]]"), &name, shape, &section),
            None => {
                write_section(
                    &mut out,
                    &format!("[{name}]"),
                    &name,
                    without_null(&section),
                    &section,
                );
            }
        }
    }
    out
}

fn write_section(out: &mut String, title: &str, name: &str, shape: &Value, described: &Value) {
    let text = described.get("description").or_else(|| shape.get("description"));
    // Writing to a String cannot fail.
    let _ = write!(out, "\n## `{title}`\n\n{}\n", text.and_then(Value::as_str).unwrap_or_default());
    let required = required(shape);
    let (blocks, keys): (Vec<_>, Vec<_>) =
        properties(shape).into_iter().partition(|(_, property)| element(property).is_some());
    let (sections, keys): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|(_, property)| is_section(property));
    if !keys.is_empty() {
        out.push_str("\n| key | kind | default | meaning |\n| --- | --- | --- | --- |\n");
    }
    for (key, property) in keys {
        let default = property.get("default").filter(|default| !default.is_null());
        let default = match (required.contains(&key), default) {
            (true, _) => "must be set".to_owned(),
            (false, Some(default)) => format!("`{}`", toml_value(default)),
            (false, None) => "none".to_owned(),
        };
        let meaning = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let meaning = meaning.replace('\n', " ");
        let row = [format!("`{key}`"), kind(&property), default, meaning];
        let row = row.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    for (key, property) in sections {
        let path = format!("{name}.{key}");
        write_section(out, &format!("[{path}]"), &path, without_null(&property), &property);
    }
    for (key, property) in blocks {
        if let Some(shape) = element(&property) {
            let path = format!("{name}.{key}");
            write_section(out, &format!("[[{path}]]"), &path, shape, &property);
        }
    }
}

/// What a value is, in a word or two.
fn kind(property: &Value) -> String {
    let secret = property.get("writeOnly") == Some(&Value::Bool(true));
    let shape = without_null(property);
    if let Some(words) = choices(shape) {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    let format = shape.get("format").and_then(Value::as_str).unwrap_or_default();
    let kind = match (shape.get("type").and_then(type_name), format) {
        (Some("array"), _) => "list of texts",
        (Some("boolean"), _) => "`true` or `false`",
        (Some("integer"), _) => "whole number",
        (Some("number"), _) => "number",
        (Some("object"), _) => "section",
        (_, "byte-size") => "size",
        (_, "period") => "time",
        _ if secret => "secret text",
        _ => "text",
    };
    kind.to_owned()
}
