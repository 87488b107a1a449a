//! A program signs somebody in over HTTP and opens a chat for her; a question is answered by a reaction.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Json, Router, http::HeaderMap, routing::post};
use msnp::{ChatId, Text};
use serde_json::{Value, json};
use testkit::{Seen, tail, wait_until};
use tokio::net::TcpListener;

use super::{ACCOUNT, BOB, DAVE, PASSWORD, World};
use crate::support::SOON;

const SECRET: &str = "a shared secret, long enough";

/// What a server was told of the accounts.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, Value)>>>);

impl Told {
    /// Begins to listen; gives the address.
    async fn listen(&self) -> String {
        let told = self.clone();
        let take = async move |headers: HeaderMap, Json(state): Json<Value>| {
            let token = headers.get("authorization").and_then(|value| value.to_str().ok());
            let mut all = told.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push((token.unwrap_or_default().to_owned(), state));
            Json(json!({}))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let router = Router::new().route("/states", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/states")
    }

    async fn hears(&self, event: &str) -> (String, Value) {
        wait_until(SOON, &format!("{event} is told"), || async {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().find(|(_, state)| text(state, "/state_event") == event).cloned()
        })
        .await
    }
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// A program of Ada's.
struct Manager {
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Manager {
    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.http.get(format!("{}{path}", self.base)), &self.token).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.http.post(format!("{}{path}", self.base)).json(&body), &self.token).await
    }

    async fn as_anybody(&self, path: &str, token: &str) -> (u16, Value) {
        self.send(self.http.get(format!("{}{path}", self.base)), token).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, token: &str) -> (u16, Value) {
        let response = request.bearer_auth(token).send().await.expect("the bridge answers");
        let status = response.status().as_u16();
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        (status, response.json().await.expect("it is JSON"))
    }
}

#[tokio::test]
async fn a_program_signs_her_in_and_opens_a_chat_and_a_reaction_answers_a_question() {
    let told = Told::default();
    let mut world = World::new().await;
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
    let keys = format!(
        "[matrix]\nstatus_url = \"{}\"\nprovisioning_secret = \"{SECRET}\"",
        told.listen().await
    );
    let config = fs::read_to_string(&world.config).expect("it is there");
    fs::write(&world.config, config.replacen("[matrix]", &keys, 1)).expect("it is written");
    world.start_bridge().await;
    told.hears("UNCONFIGURED").await;
    let base = format!("http://{}/_matrix/provision/v3", world.listen);
    let ada = Manager { base, token: world.ada.token(), http: reqwest::Client::new() };

    // Who may ask.
    for (path, token, status, code) in [
        ("/whoami", "wrong", 401, "M_UNKNOWN_TOKEN"),
        ("/whoami", "a shared secret, long enougH", 401, "M_UNKNOWN_TOKEN"),
        ("/whoami", SECRET, 400, "M_MISSING_PARAM"),
        ("/whoami?user_id=@eve:elsewhere.test", SECRET, 403, "M_FORBIDDEN"),
        ("/whoami?user_id=@msnbot:example.test", SECRET, 403, "M_FORBIDDEN"),
        ("/whoami?user_id=@eve:example.test", &ada.token, 401, "M_UNKNOWN_TOKEN"),
    ] {
        let (got, answer) = ada.as_anybody(path, token).await;
        assert_eq!((got, text(&answer, "/errcode")), (status, code), "{path} {answer}");
    }
    let (status, me) = ada.get("/whoami").await;
    assert_eq!((status, text(&me, "/bridge_bot")), (200, world.bot.as_str()), "{me}");
    assert_eq!(me.pointer("/logins"), Some(&json!([])));
    let (_, described) = ada.as_anybody("/openapi.json", "").await;
    assert!(described.pointer("/paths/~1login~1start~1{flow}").is_some());

    // The sign-in: an address that is none, a wrong password, and the right one.
    let (_, flows) = ada.get("/login/flows").await;
    let flow = text(&flows, "/flows/0/id").to_owned();
    let start = format!("/login/start/{flow}");
    let answers = |address: &str, password: &str| json!({ "email": address, "password": password });
    let (status, step) = ada.post(&start, json!({})).await;
    assert_eq!((status, text(&step, "/type")), (200, "user_input"), "{step}");
    assert_eq!(text(&step, "/user_input/fields/1/type"), "password");
    let step_of = |step: &Value| {
        let (process, step) = (text(step, "/login_id"), text(step, "/step_id"));
        format!("/login/step/{process}/{step}/user_input")
    };
    let (status, wrong) = ada.post(&step_of(&step), answers("no address", "x")).await;
    assert_eq!((status, text(&wrong, "/errcode")), (400, "M_INVALID_PARAM"), "{wrong}");
    let (status, wrong) = ada.post(&step_of(&step), answers(ACCOUNT, "wrong")).await;
    assert_eq!((status, text(&wrong, "/errcode")), (403, "M_FORBIDDEN"), "{wrong}");
    let (status, gone) = ada.post(&step_of(&step), answers(ACCOUNT, PASSWORD)).await;
    assert_eq!((status, text(&gone, "/errcode")), (404, "M_NOT_FOUND"), "{gone}");
    assert_eq!(ada.get("/logins").await.1, json!({ "login_ids": [] }), "nothing is kept");
    let (_, step) = ada.post(&start, json!({})).await;
    let cancel = format!("/login/cancel/{}", text(&step, "/login_id"));
    assert_eq!(ada.post(&cancel, json!({})).await, (200, json!({})));
    assert_eq!(ada.post(&step_of(&step), answers(ACCOUNT, PASSWORD)).await.0, 404);
    let (_, step) = ada.post(&start, json!({})).await;
    let (status, done) = ada.post(&step_of(&step), answers(ACCOUNT, PASSWORD)).await;
    assert_eq!((status, text(&done, "/type")), (200, "complete"), "{done}");
    assert_eq!(ada.post(&step_of(&step), answers(ACCOUNT, PASSWORD)).await.1, done, "once");
    let login = text(&done, "/complete/user_login_id").to_owned();
    wait_until(SOON, "she is connected", || async {
        let (_, me) = ada.get("/whoami").await;
        (text(&me, "/logins/0/state/state_event") == "CONNECTED").then_some(())
    })
    .await;
    let (token, state) = told.hears("CONNECTED").await;
    let as_token = fs::read_to_string(world.config.with_file_name("data").join("matrix-as-token"));
    assert_eq!(token, format!("Bearer {}", as_token.expect("it is kept").trim()));
    assert_eq!((text(&state, "/remote_id"), text(&state, "/source")), (login.as_str(), "bridge"));
    assert_eq!(text(&state, "/user_id"), "@ada:example.test");
    told.hears("RUNNING").await;

    // People, and a room with one of them.
    let ghost = "@msn_bob.smith=40example.com:example.test";
    let (_, contacts) = ada.get("/contacts").await;
    assert_eq!(text(&contacts, "/contacts/0/mxid"), ghost, "{contacts}");
    assert_eq!(contacts.pointer("/contacts/0/dm_room_mxid"), None);
    let (_, found) = ada.post("/search_users", json!({ "query": "SMITH" })).await;
    assert_eq!(text(&found, "/results/0/mxid"), ghost, "{found}");
    let (_, found) = ada.post("/search_users", json!({ "query": DAVE })).await;
    assert_eq!(text(&found, "/results/0/id"), DAVE, "{found}");
    let (status, found) = ada.get(&format!("/resolve_identifier/{ghost}")).await;
    assert_eq!((status, text(&found, "/identifiers/0")), (200, "mailto:bob.smith@example.com"));
    assert_eq!(ada.get("/resolve_identifier/nobody").await.0, 404);
    let (status, made) = ada.post(&format!("/create_dm/{BOB}"), json!({})).await;
    assert_eq!(status, 201, "{made}");
    let (status, again) = ada.post(&format!("/create_dm/{BOB}"), json!({})).await;
    assert_eq!((status, &again), (200, &made));
    let (bob, _) = world.bob().await;
    wait_until(SOON, "he is heard", || async {
        bob.send_text(&ChatId::with(ACCOUNT), Text::plain("Hi Ada!")).await.ok()
    })
    .await;
    let Seen::Message { room, .. } = world.ada.hears("Hi Ada!").await else { panic!("a message") };
    assert_eq!(room.as_str(), text(&made, "/dm_room_mxid"));
    assert_eq!(ada.post("/create_group/group", json!({})).await.0, 501);

    // A question, answered by a reaction.
    let bot = world.bot.as_str().try_into().expect("a user id");
    let management = world.ada.direct_chat_with(bot).await.expect("a room");
    world.ada.hears("Say `login`").await;
    world.ada.say(&management, "ping").await.expect("it is sent");
    world.ada.hears("Pong").await;
    let (dave, _dave_hears) = world.person(DAVE).await;
    dave.add_contact(ACCOUNT, None).await.expect("she is added");
    let Seen::Message { event, body, .. } = world.ada.hears("asks to be a contact of").await else {
        panic!("a message")
    };
    assert!(body.contains("✅ Accept: say `contacts accept"), "{body}");
    let reaction =
        format!("{}/_matrix/client/v3/rooms/{management}/send/m.reaction/1", world.synapse.url());
    let key = json!({ "rel_type": "m.annotation", "event_id": event, "key": "✅" });
    let reacted = ada.http.put(reaction).bearer_auth(&ada.token);
    let reacted = reacted.json(&json!({ "m.relates_to": key })).send().await;
    assert!(reacted.expect("it answers").status().is_success());
    world.ada.hears("is your contact now").await;

    // Out again.
    assert_eq!(ada.post(&format!("/logout/{login}"), json!({})).await, (200, json!({})));
    assert_eq!(ada.get("/logins").await.1, json!({ "login_ids": [] }));
    assert_eq!(text(&ada.get("/contacts").await.1, "/errcode"), "FI.MAU.NOT_LOGGED_IN");
    assert_eq!(text(&told.hears("LOGGED_OUT").await.1, "/remote_id"), login);
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
    told.hears("BRIDGE_UNREACHABLE").await;
    assert!(!world.log().contains(SECRET) && !world.log().contains(&ada.token));
}
