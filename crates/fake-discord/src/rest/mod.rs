//! REST: takes a request, sees whether it may be, has it done, and answers.

mod channels;
mod commands;
mod components;
mod files;
mod forms;
mod guild;
mod interactions;
mod messages;
mod pins;
mod reactions;
mod routes;
mod threads;
mod webhooks;

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body as HttpBody, to_bytes},
    extract::{FromRequest as _, Multipart, Request, State as Extracted},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

pub(crate) use self::{
    forms::poll_json, guild::normal_name, webhooks::updated as webhooks_updated,
};
use crate::{
    fault::Fault,
    permissions,
    refusal::{self, Refusal},
    server::Shared,
    state::State,
};

/// Largest request.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// What came with a request.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) json: Value,
    /// Files by name, with their bytes.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// What a route gives: a status, and JSON unless the status says that there is none.
type Outcome = Result<(u16, Value), Refusal>;

/// The outcome of what is done without a word.
const DONE: Outcome = Ok((204, Value::Null));

/// A request on its way to what it is for.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    route: &'static str,
    captured: &'a [String],
    query: &'a str,
    body: &'a Body,
}

impl<'a> Asked<'a> {
    fn word(&self, at: usize) -> &'a str {
        self.captured.get(at).map(String::as_str).unwrap_or_default()
    }

    fn id(&self, at: usize) -> u64 {
        self.word(at).parse().unwrap_or_default()
    }

    fn query(&self, name: &str) -> Option<&'a str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.query(name)?.parse().ok()
    }

    fn field(&self, name: &str) -> Option<&'a Value> {
        self.body.json.get(name)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        text_of(&self.body.json, name)
    }
}

/// Serves one request.
pub(crate) async fn serve(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let path = path.strip_prefix("/api/v10").unwrap_or(&path);
    let Some((route, captured)) = routes::find(request.method(), path) else {
        return answer(404, Vec::new(), refusal::not_found().body.to_string());
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    let (fault, banned) = {
        let mut state = shared.state();
        state.note_request(route);
        (state.script.take(route), state.limits.is_banned())
    };
    if banned {
        // What the proxy in front of Discord says: no JSON, and no time to wait.
        let page = "<html><body>error code: 1015</body></html>".to_owned();
        return answer(429, Vec::new(), page);
    }
    let mut cut = false;
    match fault {
        Some(Fault::Answer { status, headers, body }) => return answer(status, headers, body),
        Some(Fault::Hang) => return std::future::pending().await,
        Some(Fault::Delay(wait)) => sleep(wait).await,
        Some(Fault::Cut) => cut = true,
        None => {}
    }
    if routes::is_file(route) {
        return files::serve(&shared.state(), route, &captured, &query);
    }
    let major = captured.first().cloned().unwrap_or_default();
    let standing = shared.state().limits.count(route, &major);
    let mut extra = standing.headers();
    if standing.refused {
        shared.state().limits.note_answer(429);
        let body = json!({
            "message": "You are being rate limited.", "retry_after": standing.seconds_left(),
            "global": standing.global, "code": 0,
        });
        return answer(429, extra, body.to_string());
    }
    let outcome = match read(request).await {
        Ok(body) => {
            let asked = Asked { route, captured: &captured, query: &query, body: &body };
            work(&shared, asked, &headers)
        }
        Err(refused) => Err(refused),
    };
    shared.told_everybody().await;
    if cut {
        let broken = stream::iter([Err::<&'static str, _>(std::io::Error::other("cut"))]);
        return Response::new(HttpBody::from_stream(broken));
    }
    match outcome {
        Ok((204, _)) => answer(204, extra, String::new()),
        Ok((status, value)) => answer(status, extra, value.to_string()),
        Err(Refusal { status, body, wait }) => {
            shared.state().limits.note_answer(status);
            extra.push(("x-refused", "true".to_owned()));
            if let Some(wait) = wait {
                extra.push(("retry-after", format!("{wait:.3}")));
                extra.push(("x-ratelimit-scope", "shared".to_owned()));
            }
            answer(status, extra, body.to_string())
        }
    }
}

fn answer(status: u16, headers: Vec<(&'static str, String)>, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn read(request: Request) -> Result<Body, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let form = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if form.starts_with("multipart/form-data") {
        let form = Multipart::from_request(request, &()).await;
        return read_form(form.map_err(|_| refusal::bad_json())?).await;
    }
    let bytes = to_bytes(request.into_body(), BODY_LIMIT).await;
    let bytes = bytes.map_err(|_| refusal::too_large())?;
    if bytes.is_empty() {
        return Ok(Body::default());
    }
    let json = serde_json::from_slice(&bytes).map_err(|_| refusal::bad_json())?;
    Ok(Body { json, files: Vec::new() })
}

async fn read_form(mut form: Multipart) -> Result<Body, Refusal> {
    let mut body = Body::default();
    let mut read = 0;
    while let Some(field) = form.next_field().await.map_err(|_| refusal::bad_json())? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|_| refusal::bad_json())?;
        read += bytes.len();
        if read > BODY_LIMIT {
            return Err(refusal::too_large());
        }
        match (name.as_str(), file) {
            ("payload_json", _) => {
                body.json = serde_json::from_slice(&bytes).map_err(|_| refusal::bad_json())?;
            }
            (_, Some(file)) => body.files.push((file, bytes.to_vec())),
            _ => {}
        }
    }
    Ok(body)
}

fn work(shared: &Shared, asked: Asked<'_>, headers: &HeaderMap) -> Outcome {
    let mut state = shared.state();
    let state = &mut *state;
    let (_, path) = asked.route.split_once(' ').unwrap_or_default();
    if path.starts_with("/interactions/") {
        return interactions::callback(state, asked);
    }
    if path.starts_with("/webhooks/{}/{}") {
        if asked.id(0) == state.world.application {
            return interactions::follow_up(state, asked);
        }
        return webhooks::by_secret(state, asked);
    }
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if token != Some(format!("Bot {}", state.world.token).as_str()) {
        return Err(refusal::unauthorized());
    }
    match path {
        "/gateway" => Ok((200, json!({ "url": shared.gateway_url() }))),
        "/gateway/bot" => Ok((
            200,
            json!({
                "url": shared.gateway_url(), "shards": 1,
                "session_start_limit": { "total": 1000, "remaining": 999, "reset_after": 1,
                                         "max_concurrency": 1 },
            }),
        )),
        path if path.contains("/commands") => commands::work(state, asked),
        path if path.starts_with("/webhooks/") => webhooks::by_id(state, asked),
        path if path.starts_with("/channels/") => in_channel(state, asked, path),
        _ => guild::work(state, asked),
    }
}

/// Routes below a channel.
fn in_channel(state: &mut State, asked: Asked<'_>, path: &str) -> Outcome {
    let channel = asked.id(0);
    if !state.world.channels.contains_key(&channel) {
        return Err(refusal::unknown_channel());
    }
    needs(state, channel, 0)?;
    match path.trim_start_matches("/channels/{}") {
        below if below.contains("/reactions") => reactions::work(state, asked, channel),
        below if below.starts_with("/pins") || below.starts_with("/messages/pins") => {
            pins::work(state, asked, channel)
        }
        below if below.contains("/thread") => threads::work(state, asked, channel),
        below if below.starts_with("/messages") || below == "/typing" => {
            messages::work(state, asked, channel)
        }
        "/webhooks" => webhooks::of_channel(state, asked, channel),
        _ => channels::work(state, asked, channel),
    }
}

/// Refuses what the bot may not do in a channel.
fn needs(state: &State, channel: u64, wanted: u64) -> Result<(), Refusal> {
    if state.world.left || !state.world.may(channel, permissions::VIEW_CHANNEL) {
        Err(refusal::missing_access())
    } else if !state.world.may(channel, wanted) {
        Err(refusal::missing_permissions())
    } else {
        Ok(())
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// An id, written as a text or as a number.
fn id_of(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Waits until all sessions were told what happened, so that an echo comes before its answer.
pub(crate) async fn written(waits: Vec<(tokio::sync::watch::Receiver<u64>, u64)>) {
    for (mut written, number) in waits {
        // A connection that ends meanwhile is told nothing more.
        drop(timeout(Duration::from_millis(500), written.wait_for(|last| *last >= number)).await);
    }
}
