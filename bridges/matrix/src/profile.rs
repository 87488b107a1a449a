//! What a ghost's profile says of it beside name and picture, where the homeserver keeps such things
//! (MSC4133): which network it is of and whom it stands for.

use bridge_core::model::Persona;
use reqwest::Method;
use ruma::UserId;
use serde_json::{Value, json};

use crate::intent::{Intent, IntentError};

/// Writes whom a ghost stands for. A homeserver that keeps nothing of the kind is left alone.
pub(crate) async fn describe(intent: &Intent, ghost: &UserId, persona: &Persona) {
    for (key, value) in fields(persona) {
        if let Err(error) = put(intent, ghost, key, &value).await {
            return tracing::debug!(%error, "a ghost's profile says no more than its name");
        }
    }
}

fn fields(persona: &Persona) -> [(&'static str, Value); 4] {
    let network = persona.network.as_str();
    [
        ("com.beeper.bridge.network", json!(network)),
        ("com.beeper.bridge.service", json!(network)),
        ("com.beeper.bridge.remote_id", json!(persona.id.as_str())),
        ("com.beeper.bridge.is_network_bot", json!(false)),
    ]
}

async fn put(intent: &Intent, ghost: &UserId, key: &str, value: &Value) -> Result<(), IntentError> {
    let path = format!("/_matrix/client/v3/profile/{ghost}/{key}");
    let body = json!({ key: value });
    intent.exchange_raw(intent.raw(Method::PUT, &path, ghost).json(&body)).await.map(drop)
}
