//! What a person asks her homeserver that her client has no word for.

use matrix_sdk::ruma::{RoomId, UserId};
use serde_json::{Value, json};

use crate::MatrixUser;

impl MatrixUser {
    /// Writes a state event.
    ///
    /// # Panics
    /// When the homeserver does not take it.
    pub async fn put_state(&self, room: &RoomId, kind: &str, key: &str, content: &Value) {
        let path = format!("/_matrix/client/v3/rooms/{room}/state/{kind}/{key}");
        let request = reqwest::Client::new().put(self.at(&path)).json(content);
        let answer = request.bearer_auth(self.token()).send().await.expect("it answers");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    /// Reads her list of direct chats.
    pub async fn direct_chats(&self) -> Value {
        let me = self.me();
        let path = format!("/_matrix/client/v3/user/{me}/account_data/m.direct");
        self.get(&path).await.unwrap_or_else(|| json!({}))
    }

    /// Lists who is in a room.
    pub async fn members(&self, room: &RoomId) -> Vec<String> {
        let found = self.get(&format!("/_matrix/client/v3/rooms/{room}/joined_members")).await;
        let joined = found.and_then(|found| found.get("joined")?.as_object().cloned());
        joined.into_iter().flatten().map(|(user, _)| user).collect()
    }

    /// Lists the rooms she is in.
    pub async fn rooms(&self) -> Vec<String> {
        let found = self.get("/_matrix/client/v3/joined_rooms").await;
        let rooms = found.and_then(|found| found.get("joined_rooms")?.as_array().cloned());
        let rooms = rooms.into_iter().flatten();
        rooms.filter_map(|room| room.as_str().map(str::to_owned)).collect()
    }

    /// Has a room go on in a new one, as homeservers upgrade them; names it.
    ///
    /// # Panics
    /// When the homeserver does not.
    pub async fn upgrade(&self, room: &RoomId) -> String {
        let path = format!("/_matrix/client/v3/rooms/{room}/upgrade");
        let answer = self.post(&path, &json!({ "new_version": "11" })).await;
        let new = answer.get("replacement_room").and_then(Value::as_str);
        new.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Leaves a room.
    pub async fn leave(&self, room: &RoomId) {
        self.post(&format!("/_matrix/client/v3/rooms/{room}/leave"), &json!({})).await;
    }

    fn me(&self) -> String {
        self.user_id().map(UserId::to_string).unwrap_or_default()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::new().post(self.at(path)).json(body);
        let answer = request.bearer_auth(self.token()).send().await.expect("it answers");
        answer.json().await.unwrap_or_default()
    }
}
