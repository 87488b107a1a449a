//! The least an application service can do: one ghost that says something, and the time a pushed
//! transaction comes.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, routing::put};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};

use crate::ada::text;

const TOKEN: &str = "bare-as-token";
const GHOST: &str = "@bare_ghost:example.test";

/// An application service that is nothing but requests.
pub(crate) struct Bare {
    http: Client,
    url: String,
    heard: mpsc::UnboundedReceiver<(String, Instant)>,
    serving: JoinHandle<()>,
    number: u64,
}

impl Bare {
    /// Begins to listen, and writes the registration a homeserver must know.
    pub(crate) async fn start(registration: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let text = format!(
            "id: bare\nurl: {url}\nas_token: {TOKEN}\nhs_token: bare-hs-token\n\
             sender_localpart: bare_sender\nrate_limited: false\n\
             namespaces: {{users: [{{regex: '@bare_.+', exclusive: true}}], aliases: [], rooms: []}}\n"
        );
        fs::write(registration, text).expect("it is written");
        let (tell, heard) = mpsc::unbounded_channel();
        let router = Router::new()
            .route("/_matrix/app/v1/transactions/{id}", put(transaction))
            .with_state(tell);
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { http: Client::new(), url: String::new(), heard, serving, number: 0 }
    }

    /// Makes the ghost and its room, with somebody invited; gives the room.
    pub(crate) async fn room_with(&mut self, url: &str, user: &str) -> String {
        self.url = url.to_owned();
        let body = json!({ "type": "m.login.application_service", "username": "bare_ghost" });
        let made = self.http.post(format!("{url}/_matrix/client/v3/register"));
        let made = made.bearer_auth(TOKEN).json(&body).send().await.expect("it answers");
        assert!(made.status().is_success(), "{}", made.status());
        let body = json!({ "invite": [user], "preset": "private_chat" });
        let said = self.request(Method::POST, "/_matrix/client/v3/createRoom", &body).await;
        text(&said, "/room_id")
    }

    /// Says something as the ghost; gives when the request began.
    pub(crate) async fn say(&mut self, room: &str, text: &str) -> Instant {
        self.number += 1;
        let path =
            format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/bare{}", self.number);
        let began = Instant::now();
        self.request(Method::PUT, &path, &json!({ "msgtype": "m.text", "body": text })).await;
        began
    }

    /// Waits for a transaction with a message of these words; gives when it came.
    pub(crate) async fn hears(&mut self, words: &str) -> Instant {
        let found = async {
            loop {
                let (body, at) = self.heard.recv().await.expect("it serves");
                if body == words {
                    return at;
                }
            }
        };
        timeout(Duration::from_secs(60), found).await.expect("it is pushed")
    }

    async fn request(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(TOKEN);
        let request = request.query(&[("user_id", GHOST)]).json(body);
        let answer = request.send().await.expect("it answers");
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.expect("JSON")
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn transaction(
    State(tell): State<mpsc::UnboundedSender<(String, Instant)>>,
    Json(transaction): Json<Value>,
) -> Json<Value> {
    let at = Instant::now();
    let events = transaction.get("events").and_then(Value::as_array);
    for event in events.into_iter().flatten() {
        if let Some(body) = event.pointer("/content/body").and_then(Value::as_str) {
            let _ = tell.send((body.to_owned(), at));
        }
    }
    Json(json!({}))
}
