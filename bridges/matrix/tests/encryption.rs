//! Keys that come early, late, never, or from somebody else; a homeserver that can be made to do that.

#![expect(clippy::indexing_slicing, reason = "JSON made here has what is asked of it")]

mod homeserver;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{
    AcceptError, Adapter as _, AdapterContext, Inbox, SealKey,
    adapter::{CommandOrigin, Reply},
    id::{IdempotencyKey, NetworkId, PersonaId, RoomId, RowId},
    inbox::SourceCursor,
    model::{Event, EventKind, Persona, Scope, Signal, UserId},
    store::{MemoryStore, Namespace, Store},
};
use bridge_matrix::{KeyHome, MatrixAdapter, MatrixConfig, NETWORK};
use matrix_sdk_crypto::{
    DecryptionSettings, EncryptionSettings, EncryptionSyncChanges, OlmMachine, TrustRequirement,
    types::requests::{AnyIncomingResponse, AnyOutgoingRequest, ToDeviceRequest},
};
use ruma::{
    TransactionId,
    api::{
        AppserviceUserIdentity, IncomingResponse as _, OutgoingRequestAppserviceExt as _,
        SupportedVersions,
        auth_scheme::SendAccessToken,
        client::{
            keys::{claim_keys, get_keys, upload_keys},
            sync::sync_events::DeviceLists,
            to_device::send_event_to_device,
        },
    },
    serde::Raw,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::homeserver::Homeserver;

const ROOM: &str = "!room:example.test";
const BOT: &str = "@msnbot:example.test";
/// How long anything may take.
const SOON: Duration = Duration::from_secs(20);

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

impl Recorder {
    fn texts(&self) -> Vec<String> {
        let events = self.0.lock().expect("nobody panics");
        let texts = events.iter().filter_map(|event| match &event.kind {
            EventKind::Message(content) => Some(content.text.plain.clone()),
            EventKind::Command(line) => Some(format!("command: {}", line.0)),
            _ => None,
        });
        texts.collect()
    }
}

/// A bridge that runs; it ends when dropped.
struct Bridge {
    adapter: Arc<MatrixAdapter>,
    inbox: Arc<Recorder>,
    url: String,
    cancel: CancellationToken,
}

impl Bridge {
    async fn start(server: &Homeserver, home: &Path, store: Arc<dyn Store>, more: Value) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut encryption = json!({ "mode": "allow" });
        for (key, value) in more.as_object().into_iter().flatten() {
            encryption[key] = value.clone();
        }
        let config: MatrixConfig = serde_json::from_value(json!({
            "homeserver": server.url, "domain": "example.test", "encryption": encryption,
        }))
        .expect("it is a configuration");
        let key = SealKey::from_bytes(&[7; 32]).expect("a key");
        let keys = KeyHome { directory: home.join("keys"), key };
        let tokens = ("as".to_owned().into(), "hs".to_owned().into());
        let made = MatrixAdapter::with_keys(config, tokens.0, tokens.1, Some(keys));
        let (adapter, router) = made.expect("it is made");
        let inbox = Arc::new(Recorder::default());
        let cancel = CancellationToken::new();
        let cx = AdapterContext {
            inbox: inbox.clone(),
            cancel: cancel.clone(),
            store: Namespace::new(store, NetworkId::new(NETWORK)),
        };
        let running = Arc::clone(&adapter).run(cx);
        tokio::spawn(async move { println!("the bridge ended: {:?}", running.await) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let bridge = Self { adapter, inbox, url, cancel };
        soon("the bridge is there", async || bridge.adapter.is_ready().then_some(())).await;
        bridge
    }

    async fn push(&self, body: &Value) {
        let id = RowId::new();
        let request = reqwest::Client::new()
            .put(format!("{}/_matrix/app/v1/transactions/{id}", self.url))
            .bearer_auth("hs")
            .body(body.to_string());
        let response = request.send().await.expect("it answers");
        assert_eq!(response.status(), 200);
    }

    async fn says(&self, words: &str) {
        let id = PersonaId::new("@ada:example.test");
        let origin = CommandOrigin {
            user: UserId { network: NetworkId::new(NETWORK), id },
            room: RoomId::new(ROOM),
            message: None,
        };
        let reply = Reply::Text(words.to_owned());
        let key = IdempotencyKey { row: RowId::new(), leg: 0 };
        self.adapter.reply(&origin, &reply, key).await.expect("it is said");
    }

    async fn hears(&self, words: &str) {
        soon(words, async || self.inbox.texts().contains(&words.to_owned()).then_some(())).await;
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn soon<T>(what: &str, wanted: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted().await {
                return found;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(2 * SOON, found).await.unwrap_or_else(|_| panic!("not: {what}"))
}

/// A person with a device.
struct Person {
    machine: OlmMachine,
    server: Homeserver,
}

impl Person {
    async fn new(server: &Homeserver, user: &str, device: &str) -> Self {
        let user = ruma::UserId::parse(user).expect("a user id");
        let person =
            Self { machine: OlmMachine::new(&user, device.into()).await, server: server.clone() };
        person.settle().await;
        person
    }

    /// Does what her device wants done.
    async fn settle(&self) {
        for request in self.machine.outgoing_requests().await.expect("it is read") {
            match request.request() {
                AnyOutgoingRequest::KeysUpload(upload) => {
                    let response = send(self, upload.clone()).await;
                    let response = upload_keys::v3::Response::try_from_http_response(response);
                    self.done(request.request_id(), &response.expect("it is read")).await;
                }
                AnyOutgoingRequest::KeysQuery(query) => {
                    let mut asked = get_keys::v3::Request::new();
                    asked.device_keys = query.device_keys.clone();
                    let response = send(self, asked).await;
                    let response = get_keys::v3::Response::try_from_http_response(response);
                    self.done(request.request_id(), &response.expect("it is read")).await;
                }
                AnyOutgoingRequest::ToDeviceRequest(message) => self.tell(message).await,
                _ => {}
            }
        }
    }

    async fn tell(&self, message: &ToDeviceRequest) {
        let (kind, id) = (message.event_type.clone(), message.txn_id.clone());
        let sent = send_event_to_device::v3::Request::new_raw(kind, id, message.messages.clone());
        let response = send(self, sent).await;
        let response = send_event_to_device::v3::Response::try_from_http_response(response);
        self.done(&message.txn_id, &response.expect("it is read")).await;
    }

    async fn done<'a>(&self, id: &TransactionId, response: impl Into<AnyIncomingResponse<'a>>) {
        self.machine.mark_request_as_sent(id, response).await.expect("it is taken");
    }

    /// Encrypts a message; its key is on the way to the bot's device. Gives the event.
    async fn says(&self, id: &str, words: &str) -> Value {
        let bot = ruma::UserId::parse(BOT).expect("a user id");
        let room = ruma::RoomId::parse(ROOM).expect("a room id");
        let people = || std::iter::once(&*bot);
        self.machine.update_tracked_users(people()).await.expect("it is stored");
        self.settle().await;
        let missing = self.machine.get_missing_sessions(people()).await.expect("it is read");
        if let Some((id, claim)) = missing {
            let response = send(self, claim).await;
            let response = claim_keys::v3::Response::try_from_http_response(response);
            self.done(&id, &response.expect("it is read")).await;
        }
        let settings = EncryptionSettings::default();
        let shares = self.machine.share_room_key(&room, people(), settings).await;
        for share in shares.expect("it is shared") {
            self.tell(&share).await;
        }
        let content =
            Raw::from_json_string(json!({ "msgtype": "m.text", "body": words }).to_string());
        let content = content.expect("it is JSON");
        let sealed = self.machine.encrypt_room_event_raw(&room, "m.room.message", &content).await;
        let content: Value =
            serde_json::from_str(sealed.expect("it is encrypted").content.json().get())
                .expect("it is JSON");
        json!({ "type": "m.room.encrypted", "event_id": id, "room_id": ROOM,
                "sender": self.machine.user_id(), "origin_server_ts": 1, "content": content })
    }

    /// Reads what came for her device, and an event with it.
    async fn reads(&self, content: &Value, sender: &str) -> (Value, String) {
        let (user, device) = (self.machine.user_id(), self.machine.device_id());
        let inbox = self.server.known().inbox.clone();
        let mine = inbox.iter().filter(|(to, at, _)| to == user.as_str() && at == device.as_str());
        let events = mine
            .map(|(.., message)| Raw::from_json_string(message.to_string()).expect("it is JSON"));
        let settings =
            DecryptionSettings { sender_device_trust_requirement: TrustRequirement::Untrusted };
        let changes = EncryptionSyncChanges {
            to_device_events: events.collect(),
            changed_devices: &DeviceLists::new(),
            one_time_keys_counts: &Default::default(),
            unused_fallback_keys: None,
            next_batch_token: None,
        };
        self.machine.receive_sync_changes(changes, &settings).await.expect("they are read");
        let event = json!({ "type": "m.room.encrypted", "event_id": "$e", "room_id": ROOM,
                            "sender": sender, "origin_server_ts": 1, "content": content });
        let event = Raw::from_json_string(event.to_string()).expect("it is JSON");
        let room = ruma::RoomId::parse(ROOM).expect("a room id");
        let opened = self.machine.decrypt_room_event(&event, &room, &settings).await;
        let opened = opened.expect("it opens");
        let level = format!("{:?}", opened.encryption_info.verification_state);
        (serde_json::from_str(opened.event.json().get()).expect("it is JSON"), level)
    }
}

/// Sends a request of a person's device.
async fn send<R>(person: &Person, request: R) -> http::Response<Vec<u8>>
where
    R: ruma::api::OutgoingRequest,
    for<'a> R::Authentication: ruma::api::auth_scheme::AuthScheme<Input<'a> = SendAccessToken<'a>>,
    for<'a> R::PathBuilder:
        ruma::api::path_builder::PathBuilder<Input<'a> = std::borrow::Cow<'a, SupportedVersions>>,
{
    let mut identity = AppserviceUserIdentity::new(person.machine.user_id());
    identity.device_id = Some(person.machine.device_id());
    let versions = SupportedVersions::from_parts(&["v1.7".to_owned()], &Default::default());
    let token = SendAccessToken::Always("token");
    let request: http::Request<Vec<u8>> = request
        .try_into_http_request_with_identity(
            &person.server.url,
            token,
            identity,
            std::borrow::Cow::Owned(versions),
        )
        .expect("it is a request");
    let response = reqwest::Client::new().execute(request.try_into().expect("it is a request"));
    let body = response.await.expect("it answers").bytes().await.expect("all of it comes");
    http::Response::new(body.to_vec())
}

async fn homeserver() -> Homeserver {
    let server = Homeserver::start().await;
    {
        let mut known = server.known();
        known.encrypted = true;
        known.members = vec![BOT.to_owned(), "@ada:example.test".to_owned()];
    }
    server
}

/// What waits in the inbox, as a transaction brings it.
fn keys_of(server: &Homeserver) -> Value {
    let inbox = server.known().inbox.clone();
    let to_device: Vec<Value> = inbox
        .into_iter()
        .map(|(user, device, mut message)| {
            message["to_user_id"] = json!(user);
            message["to_device_id"] = json!(device);
            message
        })
        .collect();
    json!(to_device)
}

#[tokio::test]
async fn a_key_is_taken_before_the_event_of_the_same_transaction_by_either_name() {
    for name in ["to_device", "de.sorunome.msc2409.to_device"] {
        let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
        let bridge =
            Bridge::start(&server, home.path(), Arc::new(MemoryStore::new()), json!({})).await;
        server.known().withheld = true;
        let ada = Person::new(&server, "@ada:example.test", "ADA").await;
        let event = ada.says("$1", "hello").await;
        bridge.push(&json!({ "events": [event], name: keys_of(&server) })).await;
        assert_eq!(bridge.inbox.texts(), ["hello"]);
    }
}

#[tokio::test]
async fn a_message_whose_key_comes_late_is_told_of_waits_through_a_restart_and_is_read() {
    let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let bridge = Bridge::start(&server, home.path(), Arc::clone(&store), json!({})).await;
    server.known().withheld = true;
    let ada = Person::new(&server, "@ada:example.test", "ADA").await;
    let first = ada.says("$1", "first").await;
    bridge.push(&json!({ "events": [first] })).await;
    assert!(bridge.inbox.texts().is_empty());
    drop(bridge);

    let began = Instant::now();
    let bridge = Bridge::start(&server, home.path(), store, json!({})).await;
    // The bot says so, encrypted, and does not say it at once.
    let said = soon("the bot says so", async || server.known().sent.first().cloned()).await;
    assert!(began.elapsed() > Duration::from_secs(15), "{:?}", began.elapsed());
    let (sender, _, kind, content) = said;
    assert_eq!((sender.as_str(), kind.as_str()), (BOT, "m.room.encrypted"));
    assert_eq!(content["m.relates_to"]["m.in_reply_to"]["event_id"], "$1");
    let (told, level) = ada.reads(&content, BOT).await;
    let words = told["content"]["body"].as_str().unwrap_or_default();
    assert!(words.contains("its key has not come"), "{told}");
    assert_eq!(level, "Unverified(UnverifiedIdentity)");

    // When the key comes, the message goes on, and what was said of it is taken back.
    bridge.push(&json!({ "events": [], "to_device": keys_of(&server) })).await;
    bridge.hears("first").await;
    soon("it is taken back", async || {
        server.known().redacted.contains(&"$sent1".to_owned()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_that_was_not_pushed_is_asked_for_before_the_next_message_is_read() {
    let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
    let bridge = Bridge::start(&server, home.path(), Arc::new(MemoryStore::new()), json!({})).await;
    let ada = Person::new(&server, "@ada:example.test", "ADA").await;
    let (first, second) = (ada.says("$1", "first").await, ada.says("$2", "!msn help").await);
    bridge.push(&json!({ "events": [first, second] })).await;
    assert_eq!(bridge.inbox.texts(), ["first", "command: help"]);
}

#[tokio::test]
async fn a_message_in_anothers_name_is_not_taken() {
    let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
    let bridge = Bridge::start(&server, home.path(), Arc::new(MemoryStore::new()), json!({})).await;
    let eve = Person::new(&server, "@eve:example.test", "EVE").await;
    // The bridge knows her device by then.
    let own = eve.says("$1", "I am Eve").await;
    bridge.push(&json!({ "events": [own], "to_device": keys_of(&server) })).await;
    bridge.hears("I am Eve").await;
    let mut forged = eve.says("$2", "I am Ada").await;
    forged["sender"] = json!("@ada:example.test");
    bridge.push(&json!({ "events": [forged] })).await;
    soon("it is said", async || server.known().sent.first().cloned()).await;
    assert_eq!(bridge.inbox.texts(), ["I am Eve"]);
}

#[tokio::test]
async fn whoever_is_in_the_room_gets_its_key_and_whoever_left_gets_no_other() {
    let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
    let bridge = Bridge::start(&server, home.path(), Arc::new(MemoryStore::new()), json!({})).await;
    for (user, device) in
        [("@ada:example.test", "A"), ("@bo:example.test", "B"), ("@cy:example.test", "C")]
    {
        Person::new(&server, user, device).await;
    }
    server.known().members.push("@bo:example.test".to_owned());
    let member = |user: &str, membership: &str| {
        json!({ "events": [{
            "type": "m.room.member", "event_id": format!("${user}{membership}"), "room_id": ROOM,
            "sender": user, "state_key": user, "origin_server_ts": 1,
            "content": { "membership": membership },
        }]})
    };
    let keys = || {
        let known = server.known();
        let of = |user: &str| {
            known
                .inbox
                .iter()
                .filter(|(to, _, message)| to == user && message["type"] == "m.room.encrypted")
                .count()
        };
        [of("@ada:example.test"), of("@bo:example.test"), of("@cy:example.test")]
    };
    bridge.says("one").await;
    assert_eq!(keys(), [1, 1, 0]);
    bridge.says("two").await;
    assert_eq!(keys(), [1, 1, 0], "the key is used again");
    bridge.push(&member("@cy:example.test", "join")).await;
    bridge.says("three").await;
    assert_eq!(keys(), [1, 1, 1]);
    bridge.push(&member("@bo:example.test", "leave")).await;
    bridge.says("four").await;
    assert_eq!(keys(), [2, 1, 2], "there is another key");
}

#[tokio::test]
async fn with_signed_devices_only_another_is_refused_and_gets_no_key() {
    let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
    let store = Arc::new(MemoryStore::new());
    let bridge = Bridge::start(&server, home.path(), store, json!({ "trust": "signed" })).await;
    let ada = Person::new(&server, "@ada:example.test", "ADA").await;
    let event = ada.says("$1", "hello").await;
    bridge.push(&json!({ "events": [event], "to_device": keys_of(&server) })).await;
    soon("it is said", async || server.known().sent.first().cloned()).await;
    assert!(bridge.inbox.texts().is_empty());
    let got_key = |(user, _, message): &(String, String, Value)| {
        user == "@ada:example.test" && message["type"] == "m.room.encrypted"
    };
    assert!(!server.known().inbox.iter().any(got_key));
}

#[tokio::test]
async fn where_all_must_be_encrypted_plain_words_are_not_taken() {
    let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
    let store = Arc::new(MemoryStore::new());
    let bridge = Bridge::start(&server, home.path(), store, json!({ "mode": "require" })).await;
    let plain = json!({
        "type": "m.room.message", "event_id": "$1", "room_id": ROOM, "sender": "@ada:example.test",
        "origin_server_ts": 1, "content": { "msgtype": "m.text", "body": "hello" },
    });
    bridge.push(&json!({ "events": [plain] })).await;
    let (.., kind, _) = soon("it is said", async || server.known().sent.first().cloned()).await;
    assert_eq!(kind, "m.room.encrypted");
    assert!(bridge.inbox.texts().is_empty());
}

#[tokio::test]
async fn a_room_that_was_encrypted_once_is_never_spoken_in_plainly() {
    let (server, home) = (homeserver().await, tempfile::tempdir().expect("a directory"));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    for encrypted in [true, false] {
        server.known().encrypted = encrypted;
        let bridge = Bridge::start(&server, home.path(), Arc::clone(&store), json!({})).await;
        bridge.says("secret").await;
    }
    let known = server.known();
    assert!(
        known.sent.len() == 2
            && known.sent.iter().all(|(_, _, kind, _)| kind == "m.room.encrypted")
    );
}
