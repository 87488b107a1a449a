//! Words both ways, beside a small homeserver that answers well and remembers what it was asked.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use axum::{Json, Router, body::Bytes, extract::State, http::Uri};
use bridge_core::{
    AcceptError, Adapter as _, AdapterContext, Inbox,
    id::{IdempotencyKey, MessageId, NetworkId, PersonaId, RoomId, RowId, SourceId, Timestamp},
    inbox::SourceCursor,
    model::{
        Content, Delivery, DeliveryState, Event, EventKind, Persona, Quote, Reject, Scope, Signal,
        Span, Style,
    },
    store::{MemoryStore, Namespace},
};
use bridge_matrix::{MatrixAdapter, MatrixConfig, NETWORK};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const ROOM: &str = "!room:example.test";
const ADA: &str = "@ada:example.test";
const BOB: &str = "@msn_bob=40example.com:example.test";

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

#[async_trait]
impl Inbox for Recorder {
    async fn accept_all(
        &self,
        events: Vec<Event>,
        _: Option<SourceCursor>,
    ) -> Result<(), AcceptError> {
        self.0.lock().expect("nobody panics").extend(events);
        Ok(())
    }

    fn signal(&self, _: &NetworkId, _: Scope, _: Persona, _: Signal) {}
}

/// What a homeserver was asked: as whom, where, with what.
#[derive(Clone, Debug)]
struct Asked {
    by: String,
    path: String,
    body: Value,
}

/// A homeserver that knows one room.
#[derive(Clone, Default)]
struct Homeserver {
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Events it gives, by id; signs under messages, for all alike.
    events: Arc<Mutex<Vec<Value>>>,
}

impl Homeserver {
    async fn start(&self) -> String {
        let router = Router::new().fallback(answer).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn has(&self, event: Value) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn asked(&self, part: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|asked| asked.path.contains(part)).cloned().collect()
    }

    /// Waits until it was asked something; gives the last of its kind.
    async fn is_asked(&self, part: &str) -> Asked {
        for _ in 0..500 {
            if let Some(asked) = self.asked(part).pop() {
                return asked;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody asked for {part}: {:#?}", self.asked.lock());
    }
}

async fn answer(State(server): State<Homeserver>, uri: Uri, body: Bytes) -> Json<Value> {
    let path = percent_decoded(uri.path());
    let query = percent_decoded(uri.query().unwrap_or_default());
    let by = query.split('&').find_map(|pair| pair.strip_prefix("user_id="));
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let mut asked = server.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let number = asked.len();
    asked.push(Asked { by: by.unwrap_or_default().to_owned(), path: path.clone(), body });
    let events = server.events.lock().unwrap_or_else(PoisonError::into_inner);
    Json(if path.contains("/joined_members") {
        json!({ "joined": { ADA: { "display_name": "Ada L" }, BOB: { "display_name": "Bob" } } })
    } else if path.contains("/relations/") {
        json!({ "chunk": *events })
    } else if let Some((_, id)) = path.split_once("/event/") {
        events.iter().find(|event| event["event_id"] == id).cloned().unwrap_or_default()
    } else if path.contains("/ping") {
        json!({ "duration_ms": 1 })
    } else {
        json!({
            "event_id": format!("$sent{number}"), "room_id": ROOM, "user_id": "@msnbot:example.test",
            "m.upload.size": 1000,
        })
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
                let digits = String::from_utf8_lossy(&digits).into_owned();
                u8::from_str_radix(&digits, 16).expect("it is escaped")
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).expect("it is text")
}

struct World {
    server: Homeserver,
    inbox: Arc<Recorder>,
    adapter: Arc<MatrixAdapter>,
    url: String,
    cancel: CancellationToken,
}

impl World {
    async fn new() -> Self {
        Self::with(Namespace::new(Arc::new(MemoryStore::new()), NetworkId::new(NETWORK))).await
    }

    async fn with(store: Namespace) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let server = Homeserver::default();
        let config: MatrixConfig = serde_json::from_value(json!({
            "homeserver": server.start().await, "domain": "example.test",
        }))
        .expect("it is a configuration");
        let made = MatrixAdapter::new(config, "as".to_owned().into(), "hs".to_owned().into());
        let (adapter, router) = made.expect("it is made");
        let inbox = Arc::new(Recorder::default());
        let cancel = CancellationToken::new();
        let cx = AdapterContext { inbox: inbox.clone(), cancel: cancel.clone(), store };
        tokio::spawn(Arc::clone(&adapter).run(cx));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let world = Self { server, inbox, adapter, url, cancel };
        while !world.adapter.is_ready() {
            tokio::task::yield_now().await;
        }
        world
    }

    /// Pushes events as the homeserver does; gives what came of them.
    async fn pushed(&self, events: &[Value]) -> Vec<Event> {
        let request = reqwest::Client::new()
            .put(format!("{}/_matrix/app/v1/transactions/1", self.url))
            .bearer_auth("hs")
            .body(json!({ "events": events }).to_string());
        assert_eq!(request.send().await.expect("it answers").status().as_u16(), 200);
        std::mem::take(&mut *self.inbox.0.lock().expect("nobody panics"))
    }

    async fn said(&self, content: Value) -> EventKind {
        let mut events = self.pushed(&[event("m.room.message", content)]).await;
        events.pop().expect("it is passed on").kind
    }

    async fn shows(&self, kind: EventKind, about: &[&str]) -> Vec<MessageId> {
        let about = about.iter().map(|name| MessageId::new(*name)).collect();
        let shown = self.adapter.deliver(&RoomId::new(ROOM), &delivery(kind, about)).await;
        shown.expect("it is shown").messages
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn event(kind: &str, content: Value) -> Value {
    json!({
        "type": kind, "event_id": "$said", "room_id": ROOM, "sender": ADA, "origin_server_ts": 1,
        "content": content,
    })
}

fn delivery(kind: EventKind, about: Vec<MessageId>) -> Delivery {
    let network = NetworkId::new("msn");
    let (id, name) = (PersonaId::new("bob@example.com"), Some("Bob".to_owned()));
    let row = RowId::new();
    Delivery {
        key: IdempotencyKey { row, leg: 0 },
        row,
        accepted: Timestamp(1),
        after: None,
        event: Event {
            network: network.clone(),
            source: SourceId::new("1"),
            message: None,
            at: Timestamp(1),
            scope: Scope::Room(RoomId::new(ROOM)),
            sender: Persona { network, id, name },
            kind,
        },
        about,
        media: None,
        pictures: Vec::new(),
        owner: None,
        spoken_by: None,
        maybe_double: false,
    }
}

fn words(kind: &EventKind) -> &Content {
    match kind {
        EventKind::Message(content) => content,
        kind => panic!("{kind:?}"),
    }
}

#[tokio::test]
async fn an_answer_says_whom_and_what_it_answers_asked_for_once() {
    let world = World::new().await;
    world.server.has(json!({
        "event_id": "$old", "sender": BOB, "room_id": ROOM, "origin_server_ts": 1,
        "type": "m.room.message", "content": { "msgtype": "m.text", "body": "shall we?" },
    }));
    let mut said = Content::plain("hi there");
    said.emote = true;
    let told = world.shows(EventKind::Message(said), &[]).await;
    let reply = |to: &str| {
        json!({
            "msgtype": "m.text", "body": "yes", "m.relates_to": { "m.in_reply_to": { "event_id": to } },
        })
    };
    for _ in 0..2 {
        let kind = world.said(reply("$old")).await;
        let quote = words(&kind).reply_to.clone().expect("it answers");
        assert_eq!(quote.sender.as_deref(), Some("Bob"));
        assert_eq!(quote.excerpt.as_deref(), Some("shall we?"));
    }
    assert_eq!(world.server.asked("/event/").len(), 1);
    // What went through the bridge itself is known.
    let kind = world.said(reply(told[0].as_str())).await;
    let quote = words(&kind).reply_to.clone().expect("it answers");
    assert_eq!(quote.excerpt.as_deref(), Some("hi there"));
    assert_eq!(world.server.asked("/event/").len(), 1);
    // What the homeserver does not know is answered all the same.
    let kind = world.said(reply("$nowhere")).await;
    assert_eq!(words(&kind).reply_to.as_ref().map(|quote| quote.sender.clone()), Some(None));
}

#[tokio::test]
async fn the_end_of_a_reaction_is_known_after_a_restart() {
    let store = Namespace::new(Arc::new(MemoryStore::new()), NetworkId::new(NETWORK));
    let world = World::with(store.clone()).await;
    let relation = json!({ "rel_type": "m.annotation", "event_id": "$old", "key": "👍" });
    let reaction = event("m.reaction", json!({ "m.relates_to": relation }));
    let came = world.pushed(&[reaction]).await;
    let target = MessageId::new("$old");
    assert_eq!(came[0].kind, EventKind::React { target: target.clone(), key: "👍".to_owned() });
    drop(world);
    let world = World::with(store).await;
    let removal = |of: &str| {
        let mut removal = event("m.room.redaction", json!({ "redacts": of }));
        removal["redacts"] = json!(of);
        removal
    };
    let came = world.pushed(&[removal("$said"), removal("$other")]).await;
    assert_eq!(came[0].kind, EventKind::Unreact { target, key: "👍".to_owned() });
    assert_eq!(came[1].kind, EventKind::Redact { target: MessageId::new("$other") });
}

#[tokio::test]
async fn the_sign_for_again_asks_for_a_failed_message_to_be_sent_again() {
    let world = World::new().await;
    let message = |event: &str, sender: &str, answers: Option<&str>| {
        let relation = json!({ "m.in_reply_to": { "event_id": answers } });
        json!({
            "event_id": event, "sender": sender, "room_id": ROOM, "type": "m.room.message",
            "content": { "msgtype": "m.notice", "body": "x", "m.relates_to": relation },
        })
    };
    world.server.has(message("$mine", ADA, None));
    world.server.has(message("$notice", "@msnbot:example.test", Some("$mine")));
    world.server.has(message("$bobs", BOB, None));
    for (target, wanted) in [("$mine", true), ("$notice", true), ("$bobs", false)] {
        let relation =
            json!({ "rel_type": "m.annotation", "event_id": target, "key": "🔁\u{fe0f}" });
        let came = world.pushed(&[event("m.reaction", json!({ "m.relates_to": relation }))]).await;
        match &came[0].kind {
            EventKind::Command(line) => assert!(wanted && line.0 == "retry $mine", "{target}"),
            kind => assert!(!wanted && matches!(kind, EventKind::React { .. }), "{target}"),
        }
    }
}

#[tokio::test]
async fn what_is_changed_elsewhere_is_changed_here_by_the_same_ghost() {
    let world = World::new().await;
    let target = || MessageId::new("elsewhere");
    let mut reply = Content::plain("yes");
    reply.reply_to = Some(Quote { message: target(), sender: None, excerpt: None });
    world.shows(EventKind::Message(reply), &["$old"]).await;
    let content = Content::plain("hallo @ada l");
    world.shows(EventKind::Edit { target: target(), content }, &["$old", "$second"]).await;
    let key = "👍".to_owned();
    world.shows(EventKind::React { target: target(), key: key.clone() }, &["$old"]).await;
    let sent = world.server.asked("/send/");
    let [answer, edit, sign] = sent.as_slice() else { panic!("{sent:#?}") };
    assert!(sent.iter().all(|asked| asked.by == BOB), "{sent:#?}");
    assert_eq!(answer.body["m.relates_to"], json!({ "m.in_reply_to": { "event_id": "$old" } }));
    assert_eq!(answer.body["m.mentions"], json!({}));
    assert_eq!(edit.body["m.relates_to"], json!({ "rel_type": "m.replace", "event_id": "$old" }));
    assert_eq!(edit.body["m.new_content"]["m.mentions"], json!({ "user_ids": [ADA] }));
    let html = edit.body["m.new_content"]["formatted_body"].as_str().unwrap_or_default();
    assert!(html.contains(">@ada l</a>"), "{html}");
    assert!(sign.path.contains("/m.reaction/"));
    assert_eq!(sign.body["m.relates_to"]["key"], key);

    // The end of a sign removes it, found by whose and which it is.
    for (event, sender, key) in [("$x", ADA, "👍"), ("$y", BOB, "👎"), ("$z", BOB, "👍")] {
        world.server.has(json!({
            "event_id": event, "sender": sender, "type": "m.reaction",
            "content": { "m.relates_to": { "rel_type": "m.annotation", "event_id": "$old", "key": key } },
        }));
    }
    world.shows(EventKind::Unreact { target: target(), key }, &["$old"]).await;
    world.shows(EventKind::Redact { target: target() }, &["$old", "$second"]).await;
    let removed: Vec<String> = world.server.asked("/redact/").into_iter().map(|a| a.path).collect();
    assert_eq!(removed.len(), 3);
    for (path, event) in removed.iter().zip(["/$z/", "/$old/", "/$second/"]) {
        assert!(path.contains(event), "{path}");
    }
}

#[tokio::test]
async fn looks_font_and_all_are_the_same_after_the_way_through_matrix() {
    let world = World::new().await;
    let mut content = Content::plain("Hi <you>\nthere");
    let end = 14;
    let colour = bridge_core::model::Colour { red: 255, green: 0, blue: 127 };
    for style in [Style::Font("Comic Sans MS".to_owned()), Style::Bold, Style::Colour(colour)] {
        content.text.spans.push(Span { start: 0, end, style });
    }
    world.shows(EventKind::Message(content.clone()), &[]).await;
    let sent = world.server.is_asked("/send/").await;
    let said = world.said(sent.body).await;
    let looks = |content: &Content| {
        let mut looks: Vec<String> =
            content.text.spans.iter().map(|span| format!("{span:?}")).collect();
        looks.sort();
        looks
    };
    assert_eq!(words(&said).text.plain, content.text.plain);
    assert_eq!(looks(words(&said)), looks(&content));
}

#[tokio::test]
async fn words_longer_than_an_event_come_in_several_and_nothing_is_lost() {
    let world = World::new().await;
    let plain = "Grüße ".repeat(20_000);
    let names = world.shows(EventKind::Message(Content::plain(plain.trim_end())), &[]).await;
    let sent = world.server.asked("/send/");
    assert!(sent.len() > 3 && names.len() == sent.len());
    let parts: Vec<&str> = sent.iter().filter_map(|asked| asked.body["body"].as_str()).collect();
    assert_eq!(parts.join(" "), plain.trim_end());
    let mut paths: Vec<&str> = sent.iter().map(|asked| asked.path.as_str()).collect();
    paths.dedup();
    assert_eq!(paths.len(), sent.len(), "each part has its own key");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_what_can_is_passed_on() {
    let world = World::new().await;
    let text = |content: Value| {
        let mut whole = json!({ "msgtype": "m.text", "body": "hi" });
        for (key, value) in content.as_object().expect("it is an object") {
            whole[key] = value.clone();
        }
        whole
    };
    for content in [
        text(json!({ "m.relates_to": 7 })),
        text(json!({ "m.relates_to": { "rel_type": "m.replace" } })),
        text(json!({ "m.relates_to": { "m.in_reply_to": { "event_id": 7 } } })),
        text(json!({ "format": "org.matrix.custom.html", "formatted_body": 7 })),
        text(json!({ "m.mentions": "all" })),
        text(json!({ "net.msnbridge.format": { "font": 7 } })),
        text(json!({ "net.msnbridge.format": { "font": "a\u{7}b" } })),
    ] {
        assert_eq!(words(&world.said(content.clone()).await), &Content::plain("hi"), "{content}");
    }
    let ids = ["!#$%&'()*+,-./09;<=>?@AZ[\\]^_`az{|}~", "ada"];
    for id in ids {
        let mut said = event("m.room.message", json!({ "msgtype": "m.text", "body": "hi" }));
        said["sender"] = json!(format!("@{id}:example.test"));
        let came = world.pushed(&[said]).await;
        assert_eq!(came.len(), 1, "{id}");
    }
    let longest = "x".repeat(64 * 1024);
    let kind = world.said(json!({ "msgtype": "m.text", "body": longest })).await;
    assert_eq!(words(&kind).text.plain.len(), longest.len());

    for (number, content) in [
        json!({ "msgtype": "m.text", "body": 7 }),
        json!({ "msgtype": "m.image" }),
        json!({ "body": "x" }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut said = event("m.room.message", content);
        said["event_id"] = json!(format!("$bad{number}"));
        assert!(world.pushed(&[said]).await.is_empty());
        let told = world.server.is_asked(&format!("untaken-$bad{number}")).await;
        let body = told.body["body"].as_str().unwrap_or_default();
        assert!(body.contains("cannot read"), "{body}");
    }
    // Of these nobody said anything.
    for odd in [
        json!({ "type": "m.room.message" }),
        event("org.example.heartbeat", json!({ "beat": 7 })),
        event("m.room.message", json!({})),
    ] {
        let mut odd = odd;
        odd["unsigned"] = json!({ "redacted_because": {} });
        assert!(world.pushed(&[odd]).await.is_empty());
    }
}

fn fate(state: DeliveryState) -> EventKind {
    EventKind::Delivery { target: Some(MessageId::new("$mine")), state }
}

#[tokio::test]
async fn what_becomes_of_a_message_is_a_status_receipts_and_where_it_failed_a_notice() {
    let world = World::new().await;
    let status = async |state: DeliveryState| {
        world.server.asked.lock().expect("nobody panics").clear();
        world.shows(fate(state), &["$mine"]).await;
        let status =
            world.server.asked("/com.beeper.message_send_status/").pop().expect("a status");
        let reference = json!({ "rel_type": "m.reference", "event_id": "$mine" });
        assert_eq!(status.body["m.relates_to"], reference);
        assert_eq!(
            (status.by.as_str(), &status.body["network"]),
            ("@msnbot:example.test", &json!("msn"))
        );
        let receipts: Vec<String> =
            world.server.asked("/receipt/").into_iter().map(|asked| asked.by).collect();
        let notices = world.server.asked("/m.room.message/");
        let notice = notices.first().map(|notice| notice.body["body"].to_string());
        (status.body, receipts, notice)
    };
    let bob = PersonaId::new("bob@example.com");
    let (said, receipts, notice) = status(DeliveryState::Delivered { to: vec![bob] }).await;
    assert_eq!((&said["status"], &said["delivered_to_users"]), (&json!("SUCCESS"), &json!([BOB])));
    assert_eq!((receipts.len(), notice), (2, None));
    let (said, receipts, _) = status(DeliveryState::Delivered { to: Vec::new() }).await;
    assert_eq!((&said["status"], &said["delivered_to_users"]), (&json!("SUCCESS"), &json!([])));
    assert_eq!(receipts, ["@msnbot:example.test"]);
    let (said, receipts, notice) = status(DeliveryState::Waiting).await;
    assert_eq!((&said["status"], receipts.len(), notice), (&json!("PENDING"), 0, None));
    for (reason, wanted, code, again) in [
        (Reject::Offline, "FAIL_RETRIABLE", "m.foreign_network_error", true),
        (Reject::Forbidden, "FAIL_PERMANENT", "m.no_permission", false),
    ] {
        let failed = DeliveryState::Failed { reason, tell_user: "Bob is away.".to_owned() };
        let (said, _, notice) = status(failed).await;
        assert_eq!((&said["status"], &said["reason"]), (&json!(wanted), &json!(code)));
        assert_eq!(said["message"], "Bob is away.");
        let notice = notice.expect("a notice");
        assert!(notice.contains("Not delivered: Bob is away.") && notice.contains('🔁') == again);
    }
}

#[tokio::test]
async fn a_ghost_that_spoke_writes_no_more() {
    let world = World::new().await;
    let bob = delivery(EventKind::Nudge, Vec::new()).event.sender;
    let room = RoomId::new(ROOM);
    world.adapter.signal(&room, &bob, &Signal::Typing { on: true }).await.expect("it is shown");
    for _ in 0..2 {
        world.shows(EventKind::Message(Content::plain("hi")), &[]).await;
    }
    let told: Vec<Value> = world
        .server
        .asked("/typing/")
        .into_iter()
        .map(|asked| asked.body["typing"].clone())
        .collect();
    assert_eq!(told, [json!(true), json!(false)]);
}
