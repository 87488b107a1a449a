//! The gateway: hello, identify or resume, heartbeats, chunks of members.

use std::{sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};

use crate::{
    line::Resets,
    server::Shared,
    session::{Connection, Order, Session, intents},
    state::State,
    zlib,
};

/// Orders a connection may be behind.
const ORDERS: usize = 1024;
/// How long a client may take to identify.
const IDENTIFY: Duration = Duration::from_secs(30);
/// How much a client may say.
const SAYS: (u32, Duration) = (120, Duration::from_secs(60));
/// Sessions that are remembered.
const SESSIONS: usize = 64;
/// Members in a chunk.
const CHUNK: usize = 1000;

/// Bits of the application's flags that allow an intent: for any bot, or for those in few servers.
const ALLOWED_BY: [(u64, u64); 3] = [
    (intents::GUILD_PRESENCES, 1 << 12 | 1 << 13),
    (intents::GUILD_MEMBERS, 1 << 14 | 1 << 15),
    (intents::MESSAGE_CONTENT, 1 << 18 | 1 << 19),
];

/// What becomes of a connection after a word of the client's.
enum Next {
    Close(u16),
    Go,
    Say(Value),
}

/// Speaks with one client until either is done.
pub(crate) async fn serve(shared: Arc<Shared>, mut socket: WebSocket, resets: Resets) {
    let controls = shared.controls();
    if controls.no_hello {
        return std::future::pending().await;
    }
    let hello = json!({ "op": 10, "d": { "heartbeat_interval": controls.heartbeat_millis } });
    if !write(&mut socket, &shared, &hello.to_string()).await {
        return;
    }
    let (orders, mut ordered) = mpsc::channel(ORDERS);
    let (note, written) = watch::channel(0);
    let connection = Connection { orders, written };
    let mut greeted = false;
    let (mut began, mut said) = (Instant::now(), 0);
    loop {
        let frame = tokio::select! {
            order = ordered.recv() => match order {
                Some(Order::Write(number, text)) => {
                    if !write(&mut socket, &shared, &text).await {
                        return;
                    }
                    note.send_replace(number);
                    continue;
                }
                Some(Order::Say(text)) => {
                    if !write(&mut socket, &shared, &text).await {
                        return;
                    }
                    continue;
                }
                Some(Order::Close(code)) => return close(&mut socket, code).await,
                Some(Order::Reset) => return resets.set(),
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
        if began.elapsed() > SAYS.1 {
            (began, said) = (Instant::now(), 0);
        }
        said += 1;
        if said > SAYS.0 {
            return close(&mut socket, 4008).await;
        }
        let next = match serde_json::from_str::<Value>(&text) {
            Ok(said) => hear(&shared, &said, &connection, &mut greeted),
            Err(_) => Next::Close(4002),
        };
        shared.note_news();
        match next {
            Next::Go => {}
            Next::Say(said) => {
                if !write(&mut socket, &shared, &said.to_string()).await {
                    return;
                }
            }
            Next::Close(code) => return close(&mut socket, code).await,
        }
    }
}

fn hear(shared: &Shared, said: &Value, connection: &Connection, greeted: &mut bool) -> Next {
    let data = said.get("d").cloned().unwrap_or_default();
    let code = said.get("op").and_then(Value::as_u64);
    let mut state = shared.state();
    match code {
        Some(1) if state.controls.no_ack => Next::Go,
        Some(1) => Next::Say(json!({ "op": 11 })),
        Some(2) if *greeted => Next::Close(4005),
        Some(2) => match identify(&mut state, &data, connection) {
            Ok(()) => {
                *greeted = true;
                Next::Go
            }
            Err(code) => Next::Close(code),
        },
        Some(6) => {
            *greeted = true;
            if resume(&mut state, &data, connection) {
                Next::Go
            } else {
                *greeted = false;
                Next::Say(json!({ "op": 9, "d": false }))
            }
        }
        Some(3 | 4 | 8) if !*greeted => Next::Close(4003),
        Some(3) => {
            state.presence = Some(data);
            Next::Go
        }
        Some(4) => Next::Go,
        Some(8) => {
            if !state.controls.no_chunks {
                chunk(&mut state, &data, connection);
            }
            Next::Go
        }
        _ => Next::Close(4001),
    }
}

async fn write(socket: &mut WebSocket, shared: &Shared, text: &str) -> bool {
    let frame = if shared.controls().compress {
        Frame::binary(zlib::wrapped(text.as_bytes()))
    } else {
        Frame::text(text.to_owned())
    };
    socket.send(frame).await.is_ok()
}

async fn close(socket: &mut WebSocket, code: u16) {
    let frame = CloseFrame { code, reason: "".into() };
    // The client may have gone first.
    drop(socket.send(Frame::Close(Some(frame))).await);
}

/// Begins a session, or gives the close code that refuses it.
fn identify(state: &mut State, data: &Value, connection: &Connection) -> Result<(), u16> {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let wanted = data.get("intents").and_then(Value::as_u64).unwrap_or_default();
    let token = text("token");
    if token.strip_prefix("Bot ").unwrap_or(token) != state.world.token {
        return Err(4004);
    }
    if wanted >= intents::HIGHEST << 1 {
        return Err(4013);
    }
    let forbidden =
        |(intent, flags): &(u64, u64)| wanted & intent != 0 && state.world.flags & flags == 0;
    if ALLOWED_BY.iter().any(forbidden) {
        return Err(4014);
    }
    let id = format!("{:032x}", state.world.id());
    let world = &state.world;
    let guilds = if world.left {
        json!([])
    } else {
        json!([{ "id": world.guild.to_string(), "unavailable": true }])
    };
    let ready = json!({
        "v": 10, "user": world.user_json(world.bot), "session_id": id, "guilds": guilds,
        "resume_gateway_url": "wss://gateway.example", "shard": [0, 1],
        "application": { "id": world.application.to_string(), "flags": world.flags },
    });
    let guild = world.guild_json(wanted & intents::GUILD_PRESENCES != 0);
    let mut session = Session::new(id, wanted, connection.clone());
    session.tell("READY", &ready, intents::EVERYBODY);
    if !world.left {
        session.tell("GUILD_CREATE", &guild, intents::GUILDS);
    }
    state.names.extend(["READY", "GUILD_CREATE", "RESUMED"].map(str::to_owned));
    if let Some(presence) = data.get("presence").filter(|presence| presence.is_object()) {
        state.presence = Some(presence.clone());
    }
    if state.sessions.len() == SESSIONS {
        state.sessions.remove(0);
    }
    state.sessions.push(session);
    state.identified += 1;
    Ok(())
}

fn resume(state: &mut State, data: &Value, connection: &Connection) -> bool {
    let id = data.get("session_id").and_then(Value::as_str).unwrap_or_default();
    let seen = data.get("seq").and_then(Value::as_u64).unwrap_or_default();
    if state.controls.refuse_resume {
        state.sessions.retain(|session| session.id != id);
        return false;
    }
    let found = state.sessions.iter_mut().find(|session| session.id == id);
    let resumed = found.is_some_and(|session| session.resume(seen, connection.clone()));
    state.resumed += u64::from(resumed);
    resumed
}

/// Answers a request for members: by their ids, or by how their names begin.
fn chunk(state: &mut State, data: &Value, connection: &Connection) {
    let listed = match data.get("user_ids") {
        Some(Value::Array(ids)) => Some(ids.clone()),
        Some(Value::Null) | None => None,
        Some(id) => Some(vec![id.clone()]),
    };
    let id = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    let asker = state.sessions.iter().find(|session| session.is_of(connection));
    let held = asker.map(|session| session.intents).unwrap_or_default();
    let query = data.get("query").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let limit = data.get("limit").and_then(Value::as_u64).unwrap_or_default();
    let (wanted, missing): (Vec<u64>, Vec<u64>) = match listed {
        Some(ids) => {
            let known: Vec<u64> = state.world.members().collect();
            ids.iter().filter_map(id).partition(|id| known.contains(id))
        }
        // All members are told only to those who may know them.
        None if limit == 0 && held & intents::GUILD_MEMBERS == 0 => (Vec::new(), Vec::new()),
        None => {
            let most = if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(100) };
            let fits = |id: &u64| state.world.shown_name(*id).to_lowercase().starts_with(&query);
            (state.world.members().filter(fits).take(most).collect(), Vec::new())
        }
    };
    let shown = data.get("presences") == Some(&json!(true)) && held & intents::GUILD_PRESENCES != 0;
    let mut chunks: Vec<&[u64]> = wanted.chunks(CHUNK).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    state.names.insert("GUILD_MEMBERS_CHUNK".to_owned());
    for (at, members) in chunks.iter().enumerate() {
        let presences = members.iter().filter(|_| shown);
        let presences: Vec<_> = presences.filter_map(|id| state.world.presence_json(*id)).collect();
        let members: Vec<Value> =
            members.iter().map(|id| state.world.whole_member_json(*id)).collect();
        let event = json!({
            "guild_id": state.world.guild.to_string(), "members": members, "chunk_index": at,
            "chunk_count": chunks.len(), "presences": presences,
            "not_found": missing.iter().map(u64::to_string).collect::<Vec<_>>(),
            "nonce": data.get("nonce"),
        });
        if let Some(session) = state.sessions.iter_mut().find(|one| one.is_of(connection)) {
            session.tell("GUILD_MEMBERS_CHUNK", &event, intents::EVERYBODY);
        }
    }
}
