//! A homeserver on the loopback that does what keys need, and holds back what a test wants held back.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
};
use serde_json::{Map, Value, json};

/// What it knows.
#[derive(Default)]
pub(crate) struct Known {
    devices: BTreeMap<(String, String), Value>,
    one_time: BTreeMap<(String, String), BTreeMap<String, Value>>,
    signing: BTreeMap<String, Value>,
    /// Messages to devices, in order.
    pub(crate) inbox: Vec<(String, String, Value)>,
    /// How many of them `/sync` gives.
    pub(crate) withheld: bool,
    /// Events that were sent: who, where, of what kind, what.
    pub(crate) sent: Vec<(String, String, String, Value)>,
    pub(crate) redacted: Vec<String>,
    pub(crate) encrypted: bool,
    pub(crate) members: Vec<String>,
}

/// The homeserver.
#[derive(Clone)]
pub(crate) struct Homeserver {
    pub(crate) url: String,
    known: Arc<Mutex<Known>>,
}

impl Homeserver {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self { url, known: Arc::default() };
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("nobody panics")
    }
}

async fn answer(
    State(server): State<Homeserver>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let path: Vec<String> = uri.path().split('/').skip(2).map(decoded).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let query: HashMap<String, String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect();
    let of = |key: &str| query.get(key).cloned().unwrap_or_default();
    let me = (of("user_id"), of("device_id"));
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let known = &mut *server.known();
    let found = match (method.as_str(), path.get(2..).unwrap_or_default()) {
        ("POST", ["keys", "upload"]) => known.upload(me, &body),
        ("POST", ["keys", "query"]) => known.query(&body),
        ("POST", ["keys", "claim"]) => known.claim(&body),
        ("POST", ["keys", "device_signing", "upload"]) => {
            known.signing.insert(me.0, body);
            json!({})
        }
        ("POST", ["keys", "signatures", "upload"]) => known.sign(&body),
        ("PUT", ["sendToDevice", kind, _]) => known.send(&me.0, kind, &body),
        ("GET", ["sync"]) => known.sync(&me, &of("since")),
        ("GET", ["devices"]) => json!({ "devices": [] }),
        ("GET", ["rooms", _, "members"]) => {
            let member = |user: &String| {
                json!({ "type": "m.room.member", "state_key": user, "sender": user,
                        "content": { "membership": "join" } })
            };
            json!({ "chunk": known.members.iter().map(member).collect::<Vec<_>>() })
        }
        ("GET", ["rooms", _, "joined_members"]) => json!({ "joined": {} }),
        ("GET", ["rooms", _, "state", "m.room.encryption", ..]) if known.encrypted => {
            json!({ "algorithm": "m.megolm.v1.aes-sha2" })
        }
        ("GET", ["rooms", _, "state", ..]) => {
            let error = json!({ "errcode": "M_NOT_FOUND", "error": "none" });
            return (StatusCode::NOT_FOUND, Json(error));
        }
        ("PUT", ["rooms", room, "send", kind, _]) => {
            known.sent.push((me.0, (*room).to_owned(), (*kind).to_owned(), body));
            json!({ "event_id": format!("$sent{}", known.sent.len()) })
        }
        ("PUT", ["rooms", _, "redact", event, _]) => {
            known.redacted.push((*event).to_owned());
            json!({ "event_id": "$redaction" })
        }
        ("POST", ["register"]) => json!({ "user_id": me.0 }),
        ("GET", ["account", "whoami"]) => json!({ "user_id": me.0 }),
        ("POST", ["appservice", _, "ping"]) => json!({ "duration_ms": 1 }),
        _ => json!({}),
    };
    (StatusCode::OK, Json(found))
}

impl Known {
    fn upload(&mut self, me: (String, String), body: &Value) -> Value {
        if let Some(keys) = body.get("device_keys").filter(|keys| keys.is_object()) {
            self.devices.insert(me.clone(), keys.clone());
        }
        let one_time = self.one_time.entry(me).or_default();
        for (id, key) in members(&body["one_time_keys"]) {
            one_time.insert(id.clone(), key.clone());
        }
        json!({ "one_time_key_counts": { "signed_curve25519": one_time.len() } })
    }

    fn query(&self, body: &Value) -> Value {
        let (mut devices, mut signing) = (json!({}), [json!({}), json!({}), json!({})]);
        for user in members(&body["device_keys"]).map(|(user, _)| user) {
            let own = self.devices.iter().filter(|((of, _), _)| of == user);
            devices[user] = own.map(|((_, id), keys)| (id.clone(), keys.clone())).collect();
            let Some(keys) = self.signing.get(user) else { continue };
            for (kind, all) in
                ["master_key", "self_signing_key", "user_signing_key"].iter().zip(&mut signing)
            {
                all[user] = keys[kind].clone();
            }
        }
        let [master, own, users] = signing;
        json!({ "device_keys": devices, "master_keys": master, "self_signing_keys": own,
                "user_signing_keys": users, "failures": {} })
    }

    fn claim(&mut self, body: &Value) -> Value {
        let mut found = json!({});
        for (user, devices) in members(&body["one_time_keys"]) {
            for device in members(devices).map(|(device, _)| device) {
                let keys = self.one_time.get_mut(&(user.clone(), device.clone()));
                if let Some((id, key)) = keys.and_then(BTreeMap::pop_first) {
                    found[user][device] = json!({ id: key });
                }
            }
        }
        json!({ "one_time_keys": found, "failures": {} })
    }

    fn sign(&mut self, body: &Value) -> Value {
        for (user, signed) in members(body) {
            for (id, object) in members(signed) {
                let Some(keys) = self.devices.get_mut(&(user.clone(), id.clone())) else {
                    continue;
                };
                for (signer, signatures) in members(&object["signatures"]) {
                    for (key, signature) in members(signatures) {
                        keys["signatures"][signer][key] = signature.clone();
                    }
                }
            }
        }
        json!({ "failures": {} })
    }

    fn send(&mut self, sender: &str, kind: &str, body: &Value) -> Value {
        for (user, devices) in members(&body["messages"]) {
            for (device, content) in members(devices) {
                let message = json!({ "type": kind, "sender": sender, "content": content });
                self.inbox.push((user.clone(), device.clone(), message));
            }
        }
        json!({})
    }

    fn sync(&self, me: &(String, String), since: &str) -> Value {
        let from: usize = since.parse().unwrap_or_default();
        let upto = if self.withheld { from } else { self.inbox.len() };
        let mine = self.inbox.get(from..upto).unwrap_or_default().iter();
        let mine = mine.filter(|(user, device, _)| (user, device) == (&me.0, &me.1));
        let events: Vec<Value> = mine.map(|(.., message)| message.clone()).collect();
        json!({ "next_batch": upto.to_string(), "to_device": { "events": events } })
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("digits"));
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).expect("a text")
}
