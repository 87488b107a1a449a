//! `ctl`: one command to the running bridge.

use serde_json::Value;

use super::bridge::{failure, load};
use crate::{
    Failure, app,
    config::{self, Sources},
};

/// Asks the running bridge and prints its answer.
pub(super) async fn ctl(sources: &Sources, json: bool, words: &[String]) -> Result<(), Failure> {
    // A bridge can be asked while its configuration is being mended; only where it is must be known.
    let data = config::data_dir(sources).map_err(|error| failure(&error))?;
    if words == ["reload"] {
        // What is wrong is wrong for the exit code too.
        load(sources)?;
    }
    if words.iter().any(|word| word.contains(['\n', '\r'])) {
        return Err(Failure::Usage("a command is one line; give it without line ends".to_owned()));
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let mut line = if words.is_empty() { "help".to_owned() } else { words.join(" ") };
    if json && line == "status" {
        line.push_str(" --json");
    }
    let answer = app::ask(&data, &line).await?;
    if json {
        println!("{answer}");
    } else {
        print!("{}", shown(&answer));
    }
    Ok(())
}

/// Writes a word so that the bridge takes it as one, as it is.
fn quoted(word: &str) -> String {
    let special = |c: char| c.is_whitespace() || c == '"' || c == '\\';
    match word.is_empty() || word.contains(special) {
        true => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
        false => word.to_owned(),
    }
}

/// Gives an answer as text: words, then a table in columns, then what can be said next.
fn shown(answer: &Value) -> String {
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let mut out = String::new();
    for line in text("text").into_iter().chain(text("title")) {
        out.extend([line, "\n"]);
    }
    let cells = |row: &Value| -> Vec<String> {
        let cells = row.as_array().into_iter().flatten();
        cells.map(|cell| cell.as_str().unwrap_or_default().to_owned()).collect()
    };
    let rows = answer.get("rows").and_then(Value::as_array).into_iter().flatten();
    let rows: Vec<Vec<String>> = answer.get("columns").into_iter().chain(rows).map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    for row in &rows {
        let padded = row.iter().enumerate().map(|(column, cell)| {
            let missing = width(column).saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(missing))
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        out.extend(["  ", line.trim_end(), "\n"]);
    }
    let buttons = answer.get("buttons").and_then(Value::as_array).into_iter().flatten();
    for button in buttons {
        let part = |name: &str| button.get(name).and_then(Value::as_str).unwrap_or_default();
        out.extend(["  ", part("label"), ": ", part("line"), "\n"]);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_stand_in_columns() {
        let answer = json!({
            "title": "Accounts:", "columns": ["account", "state"],
            "rows": [["ada@example.com", "connected"], ["bo", ""]],
        });
        let lines =
            ["Accounts:", "  account          state", "  ada@example.com  connected", "  bo"];
        assert_eq!(shown(&answer), lines.join("\n") + "\n");
        let asked =
            json!({ "text": "Sure?", "buttons": [{ "label": "Yes", "line": "logout now" }] });
        assert_eq!(shown(&asked), "Sure?\n  Yes: logout now\n");
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(["a b", "", "c", r#"a"\b"#].map(quoted).join(" "), r#""a b" "" c "a\"\\b""#);
    }
}
