//! Somebody on Matrix, by bare requests: a client as light as can be, so that what is measured is not hers.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// How long anything may take.
const SOON: Duration = Duration::from_secs(60);

/// A message as her sync brought it.
pub(crate) struct Seen {
    pub(crate) room: String,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

/// Somebody signed in, whose syncs go on.
pub(crate) struct Ada {
    http: Client,
    url: String,
    token: String,
    seen: mpsc::UnboundedReceiver<Seen>,
    syncing: JoinHandle<()>,
}

impl Ada {
    pub(crate) async fn sign_in(url: &str) -> Self {
        let http = Client::new();
        let body = json!({
            "type": "m.login.password", "password": "secret",
            "identifier": { "type": "m.id.user", "user": "ada" },
        });
        let answer = http.post(format!("{url}/_matrix/client/v3/login")).json(&body).send().await;
        let said: Value = answer.expect("it answers").json().await.expect("JSON");
        let token = text(&said, "/access_token");
        let (tell, seen) = mpsc::unbounded_channel();
        let syncing = tokio::spawn(sync(http.clone(), url.to_owned(), token.clone(), tell));
        Self { http, url: url.to_owned(), token, seen, syncing }
    }

    /// Sends a text; gives when the request began.
    pub(crate) async fn say(&self, room: &str, text: &str) -> Instant {
        let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{text}");
        let request = self.request(Method::PUT, &path);
        let began = Instant::now();
        let body = json!({ "msgtype": "m.text", "body": text });
        let answer = request.json(&body).send().await.expect("it answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        began
    }

    /// Makes a direct chat with somebody.
    pub(crate) async fn direct_chat_with(&self, user: &str) -> String {
        let body = json!({ "invite": [user], "is_direct": true, "preset": "trusted_private_chat" });
        let request = self.request(Method::POST, "/_matrix/client/v3/createRoom").json(&body);
        let said: Value = request.send().await.expect("it answers").json().await.expect("JSON");
        text(&said, "/room_id")
    }

    /// Waits for a message that contains words.
    pub(crate) async fn sees(&mut self, words: &str) -> Seen {
        let found = async {
            loop {
                let seen = self.seen.recv().await.expect("her syncs go on");
                if seen.body.contains(words) {
                    return seen;
                }
            }
        };
        timeout(SOON, found).await.unwrap_or_else(|_| panic!("she never saw {words:?}"))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }
}

impl Drop for Ada {
    fn drop(&mut self) {
        self.syncing.abort();
    }
}

/// Syncs without end, follows each invitation, and tells of each message.
async fn sync(http: Client, url: String, token: String, tell: mpsc::UnboundedSender<Seen>) {
    // Presence is part of what is measured, so nothing is filtered.
    let mut since: Option<String> = None;
    loop {
        let mut request = http
            .get(format!("{url}/_matrix/client/v3/sync"))
            .query(&[("timeout", "30000")])
            .bearer_auth(&token);
        if let Some(since) = &since {
            request = request.query(&[("since", since)]);
        }
        let answer = request.send().await.expect("it answers");
        let said: Value = answer.json().await.expect("JSON");
        let at = Instant::now();
        since = Some(text(&said, "/next_batch"));
        let rooms =
            |kind: &str| said.pointer(kind).and_then(Value::as_object).into_iter().flatten();
        for (room, _) in rooms("/rooms/invite") {
            let join = http.post(format!("{url}/_matrix/client/v3/join/{room}"));
            let joined = join.bearer_auth(&token).json(&json!({})).send().await;
            assert!(joined.is_ok_and(|answer| answer.status().is_success()), "she joins");
        }
        for (room, news) in rooms("/rooms/join") {
            let events = news.pointer("/timeline/events").and_then(Value::as_array);
            for event in events.into_iter().flatten() {
                let Some(body) = event.pointer("/content/body").and_then(Value::as_str) else {
                    continue;
                };
                let body = body.to_owned();
                if tell.send(Seen { room: room.clone(), body, at }).is_err() {
                    return;
                }
            }
        }
    }
}

/// Takes a text out of an answer.
pub(crate) fn text(answer: &Value, at: &str) -> String {
    let found = answer.pointer(at).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {at} in {answer}")).to_owned()
}
