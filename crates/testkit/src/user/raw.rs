//! Events as they are on the homeserver, beside what the client makes of them.

use matrix_sdk::ruma::{OwnedEventId, OwnedMxcUri, OwnedRoomId};
use serde_json::{Value, json};

use super::MatrixUser;

impl MatrixUser {
    /// Gives an event as the homeserver has it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn event(&self, room: &OwnedRoomId, event: &OwnedEventId) -> Value {
        let found = self.get(&format!("/_matrix/client/v3/rooms/{room}/event/{event}")).await;
        found.expect("there is such an event")
    }

    /// Gives the content of a state event; none where there is none.
    pub async fn state(&self, room: &OwnedRoomId, kind: &str, key: &str) -> Option<Value> {
        self.get(&format!("/_matrix/client/v3/rooms/{room}/state/{kind}/{key}")).await
    }

    /// Sends an event of any kind.
    ///
    /// # Errors
    /// What the client says.
    pub async fn send(
        &self,
        room: &OwnedRoomId,
        kind: &str,
        content: Value,
    ) -> Result<OwnedEventId, matrix_sdk::Error> {
        Ok(self.room(room).await.send_raw(kind, content).await?.response.event_id)
    }

    /// Says something, with HTML beside it.
    ///
    /// # Errors
    /// What the client says.
    pub async fn say_html(
        &self,
        room: &OwnedRoomId,
        text: &str,
        html: &str,
    ) -> Result<OwnedEventId, matrix_sdk::Error> {
        let content = json!({
            "msgtype": "m.text", "body": text,
            "format": "org.matrix.custom.html", "formatted_body": html,
        });
        self.send(room, "m.room.message", content).await
    }

    /// Puts bytes on the homeserver, whatever they are; gives their address.
    ///
    /// # Panics
    /// When the homeserver does not take them.
    pub async fn put(&self, bytes: &[u8]) -> OwnedMxcUri {
        self.upload(bytes).await
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let request = reqwest::Client::new()
            .get(self.at(path))
            .bearer_auth(self.client.access_token().unwrap_or_default());
        let response = request.send().await.ok()?.error_for_status().ok()?;
        response.json().await.ok()
    }
}
