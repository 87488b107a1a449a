//! Commands that a client sends in their parts (MSC4391), beside the words that say the same.
//!
//! ```json
//! { "command": "contacts add", "arguments": { "address": "bob@example.com" } }
//! ```

use std::sync::Arc;

use bridge_core::{command, model::Event};
use ruma::{
    events::{AnyMessageLikeEvent, AnyTimelineEvent, MessageLikeEvent},
    serde::Raw,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::adapter::MatrixAdapter;

/// The key of the parts.
const KEY: &str = "org.matrix.msc4391.command";

#[derive(Deserialize)]
struct Parts {
    command: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// Gives the command that an event is in parts, if it is one for the bot.
pub(crate) async fn command(
    adapter: &Arc<MatrixAdapter>,
    raw: &Raw<AnyTimelineEvent>,
    event: &AnyTimelineEvent,
) -> Option<Event> {
    // Nearly no event has them; looking for the key is cheaper than reading all again.
    if !raw.json().get().contains(KEY) || adapter.names.is_own(event.sender().as_str()) {
        return None;
    }
    let AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomMessage(
        MessageLikeEvent::Original(event),
    )) = event
    else {
        return None;
    };
    let mut content = raw.get_field::<Map<String, Value>>("content").ok()??;
    let parts: Parts = serde_json::from_value(content.remove(KEY)?).ok()?;
    // Several bots may be in a room: the one that is meant is named.
    let mentions = event.content.mentions.as_ref();
    let named = mentions.is_some_and(|mentions| mentions.user_ids.contains(&adapter.names.bot));
    if !named && !adapter.is_management(&event.room_id).await.unwrap_or_default() {
        return None;
    }
    let line = line(&parts)?;
    let place = (&event.room_id, &event.event_id);
    Some(adapter.command_of(place, &event.sender, event.origin_server_ts, line).await)
}

/// Writes parts as the line that says the same; none for a command nobody knows.
fn line(parts: &Parts) -> Option<String> {
    let name = parts.command.trim().to_lowercase();
    let spec = command::table().find(|spec| spec.name == name || spec.aliases.contains(&&*name))?;
    let mut line = spec.name.to_owned();
    for argument in spec.arguments {
        let given = parts.arguments.iter().find(|(key, _)| key.eq_ignore_ascii_case(argument.name));
        let Some((_, value)) = given else { continue };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Null => continue,
            value => value.to_string(),
        };
        line.push(' ');
        // What takes all that follows takes it as it is; else it is one word.
        if argument.kind.takes_all() {
            line.push_str(&text);
        } else {
            line.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    line.push('\\');
                }
                line.push(c);
            }
            line.push('"');
        }
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(value: Value) -> Option<String> {
        line(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn parts_become_the_line_that_says_the_same() {
        let add = json!({
            "command": "contacts add",
            "arguments": { "group": "Best \"friends\"", "address": "bob@example.com", "x": 1 },
        });
        let line = r#"contacts add "bob@example.com" "Best \"friends\"""#;
        assert_eq!(said(add).as_deref(), Some(line));
        assert_eq!(said(json!({ "command": "LOGINS" })).as_deref(), Some("logins"));
        let words = json!({ "command": "psm", "arguments": { "words": "so \"and\" so" } });
        assert_eq!(said(words).as_deref(), Some("psm so \"and\" so"));
        assert_eq!(said(json!({ "command": "rm -rf" })), None);
    }
}
