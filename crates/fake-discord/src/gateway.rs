//! The gateway: hello, identify or resume, heartbeats, chunks of members.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{
    server::Shared,
    session::{Connection, Order, Session, intents},
};

/// Orders a connection may be behind.
const ORDERS: usize = 1024;
/// How long a client may take to identify.
const IDENTIFY: Duration = Duration::from_secs(30);

/// Bits of the application's flags that allow an intent: for any bot, or for those in few servers.
const ALLOWED_BY: [(u64, u64); 3] = [
    (intents::GUILD_PRESENCES, 1 << 12 | 1 << 13),
    (intents::GUILD_MEMBERS, 1 << 14 | 1 << 15),
    (intents::MESSAGE_CONTENT, 1 << 18 | 1 << 19),
];

/// Speaks with one client until either is done.
pub(crate) async fn serve(shared: Arc<Shared>, mut socket: WebSocket) {
    let controls = shared.controls();
    if controls.no_hello {
        return std::future::pending().await;
    }
    let hello = json!({ "op": 10, "d": { "heartbeat_interval": controls.heartbeat_millis } });
    if socket.send(Frame::text(hello.to_string())).await.is_err() {
        return;
    }
    let (orders, mut ordered) = mpsc::channel(ORDERS);
    let (note, written) = watch::channel(0);
    let connection = Connection { orders, written };
    let mut greeted = false;
    loop {
        let frame = tokio::select! {
            order = ordered.recv() => match order {
                Some(Order::Write(number, text)) => {
                    if socket.send(Frame::text(text)).await.is_err() {
                        return;
                    }
                    note.send_replace(number);
                    continue;
                }
                Some(Order::Close(code)) => return close(&mut socket, code).await,
                Some(Order::Drop) | None => return,
            },
            frame = async {
                if greeted {
                    socket.recv().await
                } else {
                    timeout(IDENTIFY, socket.recv()).await.ok().flatten()
                }
            } => frame,
        };
        let text = match frame {
            Some(Ok(Frame::Text(text))) => text,
            Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
            Some(Ok(_)) => continue,
        };
        let Ok(said) = serde_json::from_str::<Value>(&text) else {
            return close(&mut socket, 4002).await;
        };
        let data = said.get("d").cloned().unwrap_or_default();
        match said.get("op").and_then(Value::as_u64) {
            Some(1) if shared.controls().no_ack => {}
            Some(1) => {
                if socket.send(Frame::text(json!({ "op": 11 }).to_string())).await.is_err() {
                    return;
                }
            }
            Some(2) => match identify(&shared, &data, &connection) {
                Ok(()) => greeted = true,
                Err(code) => return close(&mut socket, code).await,
            },
            Some(6) => {
                greeted = true;
                if !resume(&shared, &data, &connection) {
                    let refusal = json!({ "op": 9, "d": false }).to_string();
                    if socket.send(Frame::text(refusal)).await.is_err() {
                        return;
                    }
                }
            }
            Some(8) if !shared.controls().no_chunks => chunk(&shared, &data),
            Some(3 | 4 | 8) => {}
            _ => return close(&mut socket, 4001).await,
        }
    }
}

async fn close(socket: &mut WebSocket, code: u16) {
    let frame = CloseFrame { code, reason: "".into() };
    // The client may have gone first.
    drop(socket.send(Frame::Close(Some(frame))).await);
}

/// Begins a session, or gives the close code that refuses it.
fn identify(shared: &Shared, data: &Value, connection: &Connection) -> Result<(), u16> {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let wanted = data.get("intents").and_then(Value::as_u64).unwrap_or_default();
    let mut state = shared.state();
    let token = text("token");
    if token.strip_prefix("Bot ").unwrap_or(token) != state.world.token {
        return Err(4004);
    }
    let forbidden =
        |(intent, flags): &(u64, u64)| wanted & intent != 0 && state.world.flags & flags == 0;
    if ALLOWED_BY.iter().any(forbidden) {
        return Err(4014);
    }
    let id = format!("{:032x}", state.world.id());
    let world = &state.world;
    let ready = json!({
        "v": 10, "user": world.user_json(world.bot), "session_id": id,
        "guilds": [{ "id": world.guild.to_string(), "unavailable": true }],
        "resume_gateway_url": "wss://gateway.example", "shard": [0, 1],
        "application": { "id": world.application.to_string(), "flags": world.flags },
    });
    let guild = world.guild_json();
    let mut session = Session::new(id, wanted, connection.clone());
    session.tell("READY", &ready, intents::EVERYBODY);
    session.tell("GUILD_CREATE", &guild, intents::GUILDS);
    state.sessions.push(session);
    state.identified += 1;
    Ok(())
}

fn resume(shared: &Shared, data: &Value, connection: &Connection) -> bool {
    let id = data.get("session_id").and_then(Value::as_str).unwrap_or_default();
    let seen = data.get("seq").and_then(Value::as_u64).unwrap_or_default();
    let mut state = shared.state();
    if state.controls.refuse_resume {
        state.sessions.retain(|session| session.id != id);
        return false;
    }
    let found = state.sessions.iter_mut().find(|session| session.id == id);
    let resumed = found.is_some_and(|session| session.resume(seen, connection.clone()));
    state.resumed += u64::from(resumed);
    resumed
}

/// Answers a request for members.
fn chunk(shared: &Shared, data: &Value) {
    let mut state = shared.state();
    let ids = match data.get("user_ids") {
        Some(Value::Array(ids)) => ids.clone(),
        Some(id) => vec![id.clone()],
        None => Vec::new(),
    };
    let id = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    let known: Vec<u64> = ids.iter().filter_map(id).collect();
    let known = known.into_iter().filter(|id| state.world.users.contains_key(id));
    let members: Vec<Value> = known.map(|id| state.world.whole_member_json(id)).collect();
    let event = json!({
        "guild_id": state.world.guild.to_string(), "members": members, "chunk_index": 0,
        "chunk_count": 1, "not_found": [], "nonce": data.get("nonce"),
    });
    state.tell("GUILD_MEMBERS_CHUNK", &event, intents::EVERYBODY);
}
