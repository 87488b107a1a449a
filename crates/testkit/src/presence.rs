//! How a person and others are, and what her rooms show of it.

use matrix_sdk::ruma::{EventId, RoomId, UserId};
use serde_json::{Value, json};

use crate::MatrixUser;

impl MatrixUser {
    /// Says how she is: `online`, `unavailable` or `offline`, and words beside it.
    ///
    /// # Panics
    /// When the homeserver does not take it.
    pub async fn is(&self, state: &str, words: &str) {
        let me = self.user_id().map(UserId::to_string).unwrap_or_default();
        let path = self.at(&format!("/_matrix/client/v3/presence/{me}/status"));
        let request = reqwest::Client::new().put(path).bearer_auth(self.token());
        let request = request.json(&json!({ "presence": state, "status_msg": words }));
        let answer = request.send().await.expect("it answers");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    /// Reads a field of somebody's profile; none where there is none.
    pub async fn profile_field(&self, user: &UserId, field: &str) -> Option<Value> {
        let path = self.at(&format!("/_matrix/client/v3/profile/{user}/{field}"));
        let request = reqwest::Client::new().get(path).bearer_auth(self.token());
        let answer: Value = request.send().await.ok()?.json().await.ok()?;
        answer.get(field).cloned()
    }

    /// Tells whether she is in a room.
    pub async fn is_in(&self, room: &RoomId) -> bool {
        let path = self.at("/_matrix/client/v3/joined_rooms");
        let request = reqwest::Client::new().get(path).bearer_auth(self.token());
        let answer: Value = request.send().await.expect("it answers").json().await.expect("JSON");
        let rooms = answer.get("joined_rooms").and_then(Value::as_array);
        rooms.is_some_and(|rooms| rooms.iter().any(|joined| joined == room.as_str()))
    }

    /// Reads how a message reads now: the content of its last edit, or its own.
    pub async fn reads_now(&self, room: &RoomId, event: &EventId) -> Option<Value> {
        let path = self.at(&format!("/_matrix/client/v3/rooms/{room}/event/{event}"));
        let request = reqwest::Client::new().get(path).bearer_auth(self.token());
        let event: Value = request.send().await.ok()?.json().await.ok()?;
        let edit = event.pointer("/unsigned/m.relations/m.replace/content/m.new_content");
        edit.or_else(|| event.get("content")).cloned()
    }
}
