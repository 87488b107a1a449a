//! REST: which route a request is for, and what it does.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    body::{Body as HttpBody, to_bytes},
    extract::{FromRequest as _, Multipart, Request, State as Extracted},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    fault::Fault,
    refusal::{self, Refusal},
    server::{Shared, State},
    session::intents,
    webhook,
    world::{Channel, Message, World, now_in_seconds, permissions},
};

/// Largest request.
const BODY_LIMIT: usize = 32 * 1024 * 1024;
/// Longest message, in characters.
const CONTENT_LIMIT: usize = 2000;
/// Most files of a message.
const FILES_LIMIT: usize = 10;

/// The routes; `{}` stands for an id or a name. The first that fits counts.
const ROUTES: &[&str] = &[
    "GET /gateway",
    "GET /gateway/bot",
    "GET /users/@me",
    "GET /oauth2/applications/@me",
    "GET /applications/@me",
    "POST /users/@me/channels",
    "GET /guilds/{}",
    "GET /guilds/{}/channels",
    "GET /guilds/{}/members/{}",
    "GET /guilds/{}/roles",
    "GET /guilds/{}/webhooks",
    "GET /channels/{}",
    "DELETE /channels/{}",
    "GET /channels/{}/messages",
    "POST /channels/{}/messages",
    "GET /channels/{}/messages/{}",
    "PATCH /channels/{}/messages/{}",
    "DELETE /channels/{}/messages/{}",
    "PUT /channels/{}/messages/{}/reactions/{}/@me",
    "DELETE /channels/{}/messages/{}/reactions/{}/@me",
    "POST /channels/{}/typing",
    "GET /channels/{}/webhooks",
    "POST /channels/{}/webhooks",
    "GET /webhooks/{}",
    "DELETE /webhooks/{}",
    "GET /webhooks/{}/{}",
    "DELETE /webhooks/{}/{}",
    "POST /webhooks/{}/{}",
    "GET /webhooks/{}/{}/messages/{}",
    "PATCH /webhooks/{}/{}/messages/{}",
    "DELETE /webhooks/{}/{}/messages/{}",
    FILE,
];

/// The route of files, on a host of its own: no bucket counts it, and it needs no token.
const FILE: &str = "GET /attachments/{}/{}/{}";

/// What came with a request.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) json: Value,
    /// Files by name, with their bytes.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// What a route gives: a status, and JSON unless the status says that there is none.
type Outcome = Result<(u16, Value), Refusal>;

/// Serves one request.
pub(crate) async fn serve(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let path = path.strip_prefix("/api/v10").unwrap_or(&path);
    let Some((route, captured)) = find(request.method(), path) else {
        return answer(404, Vec::new(), refusal::not_found().body.to_string());
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    let fault = {
        let mut state = shared.state();
        state.note_request(route);
        state.script.take(route)
    };
    let mut cut = false;
    match fault {
        Some(Fault::Answer { status, headers, body }) => return answer(status, headers, body),
        Some(Fault::Hang) => return std::future::pending().await,
        Some(Fault::Delay(wait)) => sleep(wait).await,
        Some(Fault::Cut) => cut = true,
        None => {}
    }
    if route == FILE {
        return file(&shared.state(), &captured, &query);
    }
    let major = captured.first().cloned().unwrap_or_default();
    let standing = shared.state().limits.count(route, &major);
    let mut extra = standing.headers();
    if standing.refused {
        let body = json!({
            "message": "You are being rate limited.", "retry_after": standing.seconds_left(),
            "global": false, "code": 0,
        });
        return answer(429, extra, body.to_string());
    }
    let outcome = match read(request).await {
        Ok(body) => work(&shared, route, &captured, &query, &headers, &body),
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
        Err(Refusal { status, body }) => {
            extra.push(("x-refused", "true".to_owned()));
            answer(status, extra, body.to_string())
        }
    }
}

/// Gives a file to whoever has an address of it that is not over.
fn file(state: &State, captured: &[String], query: &str) -> Response {
    let id = |at: usize| captured.get(at).and_then(|id| id.parse().ok()).unwrap_or_default();
    let (channel, id) = (id(0), id(1));
    let open = query_value(query, "ex").and_then(|end| u64::from_str_radix(end, 16).ok());
    let open = open.is_some_and(|end| end > now_in_seconds());
    let signed = query_value(query, "hm") == Some(World::signature(id).as_str());
    let all = state.world.messages.get(&channel).into_iter().flatten();
    let found = all.flat_map(|message| &message.files).find(|file| file.id == id);
    match found.filter(|_| open && signed) {
        Some(file) => (StatusCode::OK, file.bytes.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, "This content is no longer available.").into_response(),
    }
}

fn find(method: &Method, path: &str) -> Option<(&'static str, Vec<String>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    ROUTES.iter().find_map(|route| {
        let (verb, pattern) = route.split_once(' ')?;
        let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
        if verb != method.as_str() || pattern.len() != parts.len() {
            return None;
        }
        let mut captured = Vec::new();
        for (wanted, part) in pattern.iter().zip(&parts) {
            match *wanted {
                "{}" => captured.push((*part).to_owned()),
                wanted if wanted == *part => {}
                _ => return None,
            }
        }
        Some((*route, captured))
    })
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
    while let Some(field) = form.next_field().await.map_err(|_| refusal::bad_json())? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|_| refusal::bad_json())?;
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

fn work(
    shared: &Shared,
    route: &str,
    captured: &[String],
    query: &str,
    headers: &HeaderMap,
    body: &Body,
) -> Outcome {
    let mut state = shared.state();
    let state = &mut *state;
    let by_secret = route.contains("/webhooks/{}/{}");
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !by_secret && token != Some(format!("Bot {}", state.world.token).as_str()) {
        return Err(refusal::unauthorized());
    }
    let word = |at: usize| captured.get(at).map(String::as_str).unwrap_or_default();
    let id = |at: usize| word(at).parse::<u64>().unwrap_or_default();
    if by_secret {
        let hook = webhook::find(state, id(0), word(1))?;
        return match route.split('/').next().unwrap_or_default().trim() {
            "POST" => {
                let message = webhook::execute(state, &hook, body)?;
                let wait = query_value(query, "wait") == Some("true");
                Ok(if wait { (200, state.world.message_json(&message)) } else { (204, json!({})) })
            }
            "PATCH" => webhook::edit(state, &hook, id(2), body).map(|value| (200, value)),
            "DELETE" if captured.len() == 3 => delete_message(state, hook.channel, id(2)),
            "DELETE" => webhook::delete(state, hook.id).map(|()| (204, json!({}))),
            _ if captured.len() == 3 => message(state, hook.channel, id(2)),
            _ => Ok((200, state.world.webhook_json(&hook))),
        };
    }
    let in_guild = |state: &State| {
        if id(0) == state.world.guild { Ok(()) } else { Err(refusal::unknown_guild()) }
    };
    match route {
        "GET /gateway" => Ok((200, json!({ "url": shared.gateway_url() }))),
        "GET /gateway/bot" => Ok((
            200,
            json!({
                "url": shared.gateway_url(), "shards": 1,
                "session_start_limit": { "total": 1000, "remaining": 999, "reset_after": 1,
                                         "max_concurrency": 1 },
            }),
        )),
        "GET /users/@me" => Ok((200, state.world.user_json(state.world.bot))),
        "GET /oauth2/applications/@me" | "GET /applications/@me" => Ok((
            200,
            json!({
                "id": state.world.application.to_string(), "name": "msn-bridge", "icon": null,
                "description": "", "bot_public": false, "bot_require_code_grant": false,
                "verify_key": "", "flags": state.world.flags, "team": null,
            }),
        )),
        "POST /users/@me/channels" => direct_channel(state, body),
        "GET /guilds/{}" => in_guild(state).map(|()| (200, state.world.partial_guild_json())),
        "GET /guilds/{}/roles" => in_guild(state).map(|()| (200, state.world.roles_json())),
        "GET /guilds/{}/channels" => {
            in_guild(state).map(|()| (200, Value::Array(state.world.guild_channels_json())))
        }
        "GET /guilds/{}/members/{}" => {
            in_guild(state)?;
            if !state.world.users.contains_key(&id(1)) {
                return Err(refusal::unknown_member());
            }
            Ok((200, state.world.whole_member_json(id(1))))
        }
        "GET /guilds/{}/webhooks" => {
            in_guild(state)?;
            webhook::list(state, None).map(|list| (200, list))
        }
        "GET /webhooks/{}" => {
            let hook = state.world.webhooks.get(&id(0)).ok_or_else(refusal::unknown_webhook)?;
            Ok((200, state.world.webhook_json(hook)))
        }
        "DELETE /webhooks/{}" => webhook::delete(state, id(0)).map(|()| (204, json!({}))),
        _ => in_channel(state, route, id(0), id(1), word(2), query, body),
    }
}

/// Routes below a channel.
fn in_channel(
    state: &mut State,
    route: &str,
    channel: u64,
    at: u64,
    emoji: &str,
    query: &str,
    body: &Body,
) -> Outcome {
    if !state.world.channels.contains_key(&channel) {
        return Err(refusal::unknown_channel());
    }
    let needs = |state: &State, wanted: u64| {
        if !state.world.may(channel, permissions::VIEW_CHANNEL) {
            Err(refusal::missing_access())
        } else if !state.world.may(channel, wanted) {
            Err(refusal::missing_permissions())
        } else {
            Ok(())
        }
    };
    match route {
        "GET /channels/{}" => {
            needs(state, 0)?;
            Ok((200, state.world.channel_json(channel)))
        }
        "DELETE /channels/{}" => {
            let gone = state.world.channel_json(channel);
            state.delete_channel(channel);
            Ok((200, gone))
        }
        "GET /channels/{}/messages" => {
            needs(state, permissions::READ_MESSAGE_HISTORY)?;
            Ok((200, history(state, channel, query)))
        }
        "POST /channels/{}/messages" => {
            needs(state, permissions::SEND_MESSAGES)?;
            say(state, channel, body)
        }
        "GET /channels/{}/messages/{}" => {
            needs(state, permissions::READ_MESSAGE_HISTORY)?;
            message(state, channel, at)
        }
        "PATCH /channels/{}/messages/{}" => {
            let content = valid_content(state, body)?;
            let bot = state.world.bot;
            let found = state.world.message_mut(channel, at);
            let found = found.ok_or_else(refusal::unknown_message)?;
            if found.author != bot {
                return Err(refusal::another_ones_message());
            }
            found.content = content;
            let found = found.clone();
            state.changed(&found);
            Ok((200, state.world.message_json(&found)))
        }
        "DELETE /channels/{}/messages/{}" => delete_message(state, channel, at),
        "PUT /channels/{}/messages/{}/reactions/{}/@me" => {
            needs(state, permissions::ADD_REACTIONS)?;
            let found = state.world.message_mut(channel, at);
            found.ok_or_else(refusal::unknown_message)?.reactions.push(percent_decoded(emoji));
            Ok((204, json!({})))
        }
        "DELETE /channels/{}/messages/{}/reactions/{}/@me" => {
            let emoji = percent_decoded(emoji);
            let found = state.world.message_mut(channel, at);
            let found = found.ok_or_else(refusal::unknown_message)?;
            found.reactions.retain(|reaction| *reaction != emoji);
            Ok((204, json!({})))
        }
        "POST /channels/{}/typing" => {
            needs(state, permissions::SEND_MESSAGES)?;
            state.note_typing(channel);
            Ok((204, json!({})))
        }
        "GET /channels/{}/webhooks" => webhook::list(state, Some(channel)).map(|list| (200, list)),
        "POST /channels/{}/webhooks" => {
            webhook::create(state, channel, body).map(|hook| (200, hook))
        }
        _ => Err(refusal::not_found()),
    }
}

fn direct_channel(state: &mut State, body: &Body) -> Outcome {
    let user = text_of(&body.json, "recipient_id").and_then(|id| id.parse::<u64>().ok());
    let known = user.filter(|user| state.world.users.contains_key(user));
    let user = known.ok_or_else(refusal::unknown_user)?;
    let channel = state.direct_channel(user);
    Ok((200, state.world.channel_json(channel)))
}

fn say(state: &mut State, channel: u64, body: &Body) -> Outcome {
    let content = valid_content(state, body)?;
    let nonce = match body.json.get("nonce") {
        Some(Value::String(nonce)) => Some(nonce.clone()),
        Some(Value::Number(nonce)) => Some(nonce.to_string()),
        _ => None,
    };
    let enforced = body.json.get("enforce_nonce") == Some(&Value::Bool(true));
    if let Some(nonce) = nonce.clone().filter(|_| enforced)
        && let Some(before) = state.world.nonces.get(&(channel, nonce))
    {
        return message(state, channel, *before);
    }
    let reply = body.json.get("message_reference").and_then(|to| text_of(to, "message_id"));
    let reply_to = reply.and_then(|id| id.parse().ok());
    if reply_to.is_some_and(|id| state.world.message(channel, id).is_none()) {
        let fails = body.json.get("message_reference").and_then(|to| to.get("fail_if_not_exists"));
        if fails != Some(&Value::Bool(false)) {
            let text = "Unknown message";
            return Err(refusal::invalid_form(
                "message_reference",
                "MESSAGE_REFERENCE_UNKNOWN_MESSAGE",
                text,
            ));
        }
    }
    let (mention_everyone, mentions) = mentions(&body.json, &content);
    let (id, bot) = (state.world.id(), state.world.bot);
    let files = state.world.files(&body.files);
    let message = Message {
        id,
        channel,
        name: "msn-bridge".to_owned(),
        author: bot,
        webhook: None,
        content,
        mention_everyone,
        mentions,
        reply_to: reply_to.filter(|id| state.world.message(channel, *id).is_some()),
        files,
        reactions: Vec::new(),
        nonce: nonce.clone(),
        bot: true,
    };
    if let Some(nonce) = nonce {
        state.world.nonces.insert((channel, nonce), id);
    }
    state.say(message.clone());
    Ok((200, state.world.message_json(&message)))
}

fn message(state: &State, channel: u64, id: u64) -> Outcome {
    let found = state.world.message(channel, id).ok_or_else(refusal::unknown_message)?;
    Ok((200, state.world.message_json(found)))
}

fn delete_message(state: &mut State, channel: u64, id: u64) -> Outcome {
    let messages = state.world.messages.entry(channel).or_default();
    let before = messages.len();
    messages.retain(|message| message.id != id);
    if messages.len() == before {
        return Err(refusal::unknown_message());
    }
    let event = json!({
        "id": id.to_string(), "channel_id": channel.to_string(),
        "guild_id": state.world.guild.to_string(),
    });
    state.tell("MESSAGE_DELETE", &event, intents::GUILD_MESSAGES);
    Ok((204, json!({})))
}

/// Messages of a channel, newest first: those after one, those before one, or the last.
fn history(state: &State, channel: u64, query: &str) -> Value {
    let number = |name: &str| query_value(query, name).and_then(|value| value.parse::<u64>().ok());
    let limit = number("limit").unwrap_or(50).min(100);
    let limit = usize::try_from(limit).unwrap_or(100);
    let all = state.world.messages.get(&channel).map(Vec::as_slice).unwrap_or_default();
    let mut chosen: Vec<&Message> = match (number("after"), number("before")) {
        (Some(after), _) => all.iter().filter(|message| message.id > after).take(limit).collect(),
        (None, before) => {
            let end = before.unwrap_or(u64::MAX);
            let earlier: Vec<&Message> = all.iter().filter(|message| message.id < end).collect();
            earlier.split_at(earlier.len().saturating_sub(limit)).1.to_vec()
        }
    };
    chosen.reverse();
    Value::Array(chosen.into_iter().map(|message| state.world.message_json(message)).collect())
}

pub(crate) fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// Gives a message's words, or why they are none.
pub(crate) fn valid_content(state: &State, body: &Body) -> Result<String, Refusal> {
    let content = text_of(&body.json, "content").unwrap_or_default();
    if content.chars().count() > CONTENT_LIMIT {
        let text = "Must be 2000 or fewer in length.";
        return Err(refusal::invalid_form("content", "BASE_TYPE_MAX_LENGTH", text));
    }
    if body.files.len() > FILES_LIMIT {
        let text = "Must be 10 or fewer in length.";
        return Err(refusal::invalid_form("files", "BASE_TYPE_MAX_LENGTH", text));
    }
    if body.files.iter().any(|(_, bytes)| bytes.len() > state.world.file_limit) {
        return Err(refusal::too_large());
    }
    if content.trim().is_empty() && body.files.is_empty() {
        return Err(refusal::empty_message());
    }
    Ok(content.to_owned())
}

/// Whom a message calls: what stands in its words, as far as the sender allows it.
pub(crate) fn mentions(body: &Value, content: &str) -> (bool, BTreeSet<u64>) {
    let allowed = body.get("allowed_mentions").filter(|allowed| allowed.is_object());
    let parses = |what: &str| {
        allowed.is_none_or(|allowed| {
            let list = allowed.get("parse").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|word| word == what))
        })
    };
    let named: Vec<&str> = allowed
        .and_then(|allowed| allowed.get("users"))
        .and_then(Value::as_array)
        .map(|users| users.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let everyone = ["@everyone", "@here"].iter().any(|word| content.contains(word));
    let called = content.split("<@").skip(1).filter_map(|rest| {
        let id = rest.split('>').next()?.trim_start_matches('!');
        let allowed = parses("users") || named.contains(&id);
        id.parse().ok().filter(|_| allowed)
    });
    (everyone && parses("everyone"), called.collect())
}

fn query_value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
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

/// Makes a direct channel.
pub(crate) fn new_direct_channel(user: u64) -> Channel {
    Channel { name: String::new(), with: Some(user), denied: 0 }
}
