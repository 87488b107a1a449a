//! Buttons, menus and forms: what Discord takes of them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::text_of;
use crate::refusal::{self, Refusal};

/// Most rows, and most buttons in one.
const ROWS: usize = 5;
/// Most choices of a menu.
const OPTIONS: usize = 25;
/// Codes of components.
const ROW: u64 = 1;
const BUTTON: u64 = 2;
const TEXT_SELECT: u64 = 3;
const INPUT: u64 = 4;
/// Where those of the second kind begin.
const SECOND: u64 = 9;

fn code(part: &Value) -> u64 {
    part.get("type").and_then(Value::as_u64).unwrap_or_default()
}

fn parts(row: &Value) -> &[Value] {
    row.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn long(field: &str, value: Option<&str>, least: usize, most: usize) -> Result<(), Refusal> {
    let count = value.map(|text| text.chars().count()).unwrap_or_default();
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(refusal::bad_length(field, least, most))
}

/// Sees whether the rows of a message are as they may be.
pub(super) fn valid(rows: &[Value]) -> Result<(), Refusal> {
    if rows.iter().any(|row| code(row) >= SECOND) {
        // Of the second kind nothing is checked.
        return Ok(());
    }
    if rows.len() > ROWS {
        return Err(refusal::bad_length("components", 1, ROWS));
    }
    let mut ids = HashSet::new();
    for (row_at, row) in rows.iter().enumerate() {
        let field = format!("components.{row_at}");
        if code(row) != ROW {
            return Err(refusal::bad_choice(&format!("{field}.type")));
        }
        let inside = parts(row);
        if inside.is_empty() || inside.len() > ROWS {
            return Err(refusal::bad_length(&format!("{field}.components"), 1, ROWS));
        }
        for (at, part) in inside.iter().enumerate() {
            let field = format!("{field}.components.{at}");
            valid_part(&field, part)?;
            if code(part) != BUTTON && inside.len() > 1 {
                let text = "The specified component exceeds the maximum width";
                return Err(refusal::invalid_form(&field, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", text));
            }
            if let Some(id) = text_of(part, "custom_id")
                && !ids.insert(id)
            {
                let text = "Component custom id cannot be duplicated";
                let field = format!("{field}.custom_id");
                return Err(refusal::invalid_form(&field, "COMPONENT_CUSTOM_ID_DUPLICATED", text));
            }
        }
    }
    Ok(())
}

fn valid_part(field: &str, part: &Value) -> Result<(), Refusal> {
    let own = |name: &str| format!("{field}.{name}");
    match code(part) {
        BUTTON => {
            let link = part.get("style") == Some(&json!(5));
            if link && text_of(part, "url").is_none() {
                return Err(refusal::required(&own("url")));
            }
            if !link {
                long(&own("custom_id"), text_of(part, "custom_id"), 1, 100)?;
            }
            let least = usize::from(part.get("emoji").is_none_or(Value::is_null));
            long(&own("label"), text_of(part, "label"), least, 80)
        }
        TEXT_SELECT => {
            long(&own("custom_id"), text_of(part, "custom_id"), 1, 100)?;
            let options = part.get("options").and_then(Value::as_array);
            let options = options.map(Vec::as_slice).unwrap_or_default();
            if options.is_empty() || options.len() > OPTIONS {
                return Err(refusal::bad_length(&own("options"), 1, OPTIONS));
            }
            let mut values = HashSet::new();
            for (at, option) in options.iter().enumerate() {
                for name in ["label", "value"] {
                    let field = format!("{field}.options.{at}.{name}");
                    long(&field, text_of(option, name), 1, 100)?;
                }
                if !values.insert(text_of(option, "value")) {
                    let text = "The specified option value is already used";
                    let field = format!("{field}.options.{at}.value");
                    let code = "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED";
                    return Err(refusal::invalid_form(&field, code, text));
                }
            }
            Ok(())
        }
        5..=8 => long(&own("custom_id"), text_of(part, "custom_id"), 1, 100),
        _ => Err(refusal::bad_choice(&own("type"))),
    }
}

/// Sees whether a form is as it may be.
pub(super) fn valid_modal(modal: &Value) -> Result<(), Refusal> {
    long("data.custom_id", text_of(modal, "custom_id"), 1, 100)?;
    long("data.title", text_of(modal, "title"), 1, 45)?;
    let rows = parts(modal);
    if rows.is_empty() || rows.len() > ROWS {
        return Err(refusal::bad_length("data.components", 1, ROWS));
    }
    for (row_at, row) in rows.iter().enumerate() {
        for (at, part) in parts(row).iter().enumerate() {
            let field = format!("data.components.{row_at}.components.{at}");
            let own = |name: &str| format!("{field}.{name}");
            if code(part) != INPUT {
                return Err(refusal::bad_choice(&own("type")));
            }
            if !matches!(part.get("style").and_then(Value::as_u64), Some(1 | 2)) {
                return Err(refusal::bad_choice(&own("style")));
            }
            long(&own("custom_id"), text_of(part, "custom_id"), 1, 100)?;
            long(&own("label"), text_of(part, "label"), 1, 45)?;
            long(&own("placeholder"), text_of(part, "placeholder"), 0, 100)?;
            long(&own("value"), text_of(part, "value"), 0, 4000)?;
        }
    }
    Ok(())
}

/// Whether something among these can be pressed or chosen.
pub(super) fn is_interactive(rows: &[Value]) -> bool {
    rows.iter().flat_map(parts).any(|part| part.get("custom_id").is_some())
}
