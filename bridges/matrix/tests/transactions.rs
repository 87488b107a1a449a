//! What a homeserver may push, and what it must not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use bridge_core::{
    AcceptError, Adapter as _, AdapterContext, Inbox,
    id::NetworkId,
    inbox::SourceCursor,
    model::{Event, EventKind, Persona, Presence, PresenceState, Scope, Signal, UserId},
    store::{MemoryStore, Namespace},
};
use bridge_matrix::{MatrixAdapter, MatrixConfig, NETWORK};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct Recorder {
    events: Mutex<Vec<Event>>,
    signals: Mutex<Vec<bool>>,
    people: Mutex<Vec<(String, PresenceState, Option<String>)>>,
    busy: AtomicBool,
}

#[async_trait]
impl Inbox for Recorder {
    async fn accept_all(
        &self,
        events: Vec<Event>,
        _: Option<SourceCursor>,
    ) -> Result<(), AcceptError> {
        if self.busy.load(Ordering::Relaxed) {
            return Err(AcceptError::Busy);
        }
        self.events.lock().expect("nobody panics").extend(events);
        Ok(())
    }

    fn user_is(&self, user: UserId, presence: Presence) {
        let Presence { state, status_text, .. } = presence;
        let told = (user.id.to_string(), state, status_text);
        self.people.lock().expect("nobody panics").push(told);
    }

    fn signal(&self, _: &NetworkId, _: Scope, _: Persona, signal: Signal) {
        if let Signal::Typing { on } = signal {
            self.signals.lock().expect("nobody panics").push(on);
        }
    }
}

struct World {
    inbox: Arc<Recorder>,
    url: String,
    http: reqwest::Client,
    cancel: CancellationToken,
}

impl World {
    /// An adapter whose homeserver cannot be reached: what is pushed does not need it.
    async fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config: MatrixConfig = serde_json::from_value(json!({
            "homeserver": "http://127.0.0.1:9", "domain": "example.test",
        }))
        .expect("it is a configuration");
        let made = MatrixAdapter::new(config, "as".to_owned().into(), "hs-token".to_owned().into());
        let (adapter, router) = made.expect("it is made");
        let inbox = Arc::new(Recorder::default());
        let cancel = CancellationToken::new();
        let cx = AdapterContext {
            inbox: inbox.clone(),
            cancel: cancel.clone(),
            store: Namespace::new(Arc::new(MemoryStore::new()), NetworkId::new(NETWORK)),
        };
        tokio::spawn(adapter.run(cx));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let world = Self { inbox, url, http: reqwest::Client::new(), cancel };
        // The adapter runs a moment after it was spawned; until then it asks to come again.
        while world.push("warm-up", &json!({ "events": [] })).await.0 == 503 {
            tokio::task::yield_now().await;
        }
        world
    }

    async fn push(&self, id: &str, body: &Value) -> (u16, Value) {
        self.push_text(id, Some("hs-token"), body.to_string()).await
    }

    async fn push_text(&self, id: &str, token: Option<&str>, body: String) -> (u16, Value) {
        let mut request =
            self.http.put(format!("{}/_matrix/app/v1/transactions/{id}", self.url)).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("it answers");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    fn texts(&self) -> Vec<String> {
        let events = self.inbox.events.lock().expect("nobody panics");
        let texts = events.iter().filter_map(|event| match &event.kind {
            EventKind::Message(content) => Some(content.text.plain.clone()),
            EventKind::Command(line) => Some(format!("command: {}", line.0)),
            _ => None,
        });
        texts.collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn message(sender: &str, body: &str) -> Value {
    json!({
        "type": "m.room.message", "event_id": format!("${body}"), "room_id": "!room:example.test",
        "sender": sender, "origin_server_ts": 1, "content": { "msgtype": "m.text", "body": body },
    })
}

#[tokio::test]
async fn only_the_homeservers_token_is_let_in() {
    let world = World::new().await;
    for (token, status, code) in [
        (None, 401, "M_MISSING_TOKEN"),
        (Some("wrong"), 403, "M_FORBIDDEN"),
        (Some("hs-toke"), 403, "M_FORBIDDEN"),
    ] {
        let (got, body) = world.push_text("1", token, json!({ "events": [] }).to_string()).await;
        assert_eq!((got, body.get("errcode").and_then(Value::as_str)), (status, Some(code)));
    }
    assert!(world.texts().is_empty());
}

#[tokio::test]
async fn a_malformed_transaction_is_refused_and_the_next_is_taken() {
    let world = World::new().await;
    for body in ["", "{", "[]", "{\"events\": 7}", "{\"ephemeral\": []}", "\u{0}"] {
        let (status, answer) = world.push_text("1", Some("hs-token"), body.to_owned()).await;
        assert_eq!(status, 400, "{body:?}");
        assert_eq!(answer.get("errcode").and_then(Value::as_str), Some("M_NOT_JSON"));
    }
    assert_eq!(
        world.push("2", &json!({ "events": [message("@ada:example.test", "hello")] })).await.0,
        200
    );
    assert_eq!(world.texts(), ["hello"]);
}

#[tokio::test]
async fn events_that_cannot_be_read_or_are_our_own_are_passed_over() {
    let world = World::new().await;
    let events = json!({ "events": [
        { "type": "m.room.message" },
        { "type": 7, "content": "what" },
        { "type": "net.example.unknown", "event_id": "$u", "room_id": "!r:example.test",
          "sender": "@ada:example.test", "origin_server_ts": 1, "content": {} },
        message("@msn_bob=40example.com:example.test", "of a ghost"),
        message("@msnbot:example.test", "of the bot"),
        message("@ada:example.test", "of a person"),
        message("@ada:example.test", "!msn status"),
    ]});
    assert_eq!(world.push("1", &events).await.0, 200);
    assert_eq!(world.texts(), ["of a person", "command: status"]);
}

#[tokio::test]
async fn a_homeserver_is_asked_to_come_again_when_nothing_can_be_stored() {
    let world = World::new().await;
    world.inbox.busy.store(true, Ordering::Relaxed);
    let events = json!({ "events": [message("@ada:example.test", "hello")] });
    let (status, body) = world.push("1", &events).await;
    assert_eq!((status, body.get("errcode").and_then(Value::as_str)), (503, Some("M_UNAVAILABLE")));
    world.inbox.busy.store(false, Ordering::Relaxed);
    assert_eq!(world.push("1", &events).await.0, 200);
    assert_eq!(world.texts(), ["hello"]);
}

#[tokio::test]
async fn who_began_and_who_stopped_writing_is_told_once() {
    let world = World::new().await;
    let typing = |users: &[&str]| {
        json!({ "events": [], "ephemeral": [{
            "type": "m.typing", "room_id": "!room:example.test", "content": { "user_ids": users },
        }]})
    };
    let (ada, ghost) = ("@ada:example.test", "@msn_bob:example.test");
    for users in [&[ada][..], &[ada, ghost], &[ada], &[]] {
        assert_eq!(world.push("1", &typing(users)).await.0, 200);
    }
    assert_eq!(*world.inbox.signals.lock().expect("nobody panics"), [true, false]);
}

#[tokio::test]
async fn how_a_person_is_is_told_and_how_a_ghost_is_is_no_news() {
    let world = World::new().await;
    let is = |user: &str, presence: &str, words: Option<&str>| {
        json!({
            "type": "m.presence", "sender": user,
            "content": { "presence": presence, "status_msg": words, "last_active_ago": 7 },
        })
    };
    let ada = "@ada:example.test";
    let ephemeral = [
        is(ada, "online", Some("in the garden")),
        is("@msn_bob:example.test", "online", None),
        is("@msnbot:example.test", "unavailable", None),
        is(ada, "unavailable", Some(" ")),
        is(ada, "offline", None),
        json!({ "type": "m.presence", "sender": 7 }),
    ];
    assert_eq!(world.push("1", &json!({ "events": [], "ephemeral": ephemeral })).await.0, 200);
    let told = |state, words: Option<&str>| (ada.to_owned(), state, words.map(str::to_owned));
    assert_eq!(
        *world.inbox.people.lock().expect("nobody panics"),
        [
            told(PresenceState::Online, Some("in the garden")),
            told(PresenceState::Idle, None),
            told(PresenceState::Offline, None),
        ]
    );
}

#[tokio::test]
async fn other_paths_are_unrecognised_and_health_is_told() {
    let world = World::new().await;
    let get = async |path: &str| {
        let response =
            world.http.get(format!("{}{path}", world.url)).bearer_auth("hs-token").send().await;
        response.expect("it answers").status().as_u16()
    };
    assert_eq!(get("/_matrix/mau/live").await, 200);
    assert_eq!(get("/_matrix/mau/ready").await, 503);
    assert_eq!(get("/_matrix/app/v1/users/@msnbot:example.test").await, 200);
    assert_eq!(get("/_matrix/app/v1/users/@nobody:example.test").await, 404);
    assert_eq!(get("/nowhere").await, 404);
}
