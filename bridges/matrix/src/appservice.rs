//! What the homeserver pushes to us: transactions, stored before they are acknowledged.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use bridge_core::{
    AcceptError, Adapter as _,
    id::{NetworkId, PersonaId},
    inbox::SourceCursor,
    model,
};
use ruma::{
    UserId, api::appservice::event::push_events::v1::EphemeralData, events::AnyTimelineEvent,
    serde::Raw,
};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::time::timeout;

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    crypto::CryptoError,
    double, intake, provision, thirdparty,
};

/// Largest transaction: a hundred events of 64 KiB, and what comes with them.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// How long a transaction may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn router(adapter: Arc<MatrixAdapter>) -> Router {
    Router::new()
        .route("/_matrix/app/v1/transactions/{id}", put(transaction))
        .route("/transactions/{id}", put(transaction))
        .route("/_matrix/app/v1/ping", post(ping))
        .route("/_matrix/app/v1/users/{user}", get(user))
        .route("/_matrix/app/v1/rooms/{alias}", get(nothing))
        .route("/users/{user}", get(user))
        .route("/rooms/{alias}", get(nothing))
        .route("/_matrix/app/com.beeper.bridge_state", post(states))
        .route("/_matrix/mau/live", get(|| async { Json(json!({})) }))
        .route("/_matrix/mau/ready", get(ready))
        .fallback(|| async {
            refusal(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "there is nothing at this path")
        })
        .with_state(Arc::clone(&adapter))
        .merge(thirdparty::router(Arc::clone(&adapter)))
        .merge(provision::router(adapter))
}

/// A transaction's body, as far as it is used; what is not understood in it is passed over.
#[derive(Deserialize)]
struct Transaction {
    events: Vec<Raw<AnyTimelineEvent>>,
    #[serde(default)]
    ephemeral: Vec<Raw<EphemeralData>>,
    #[serde(default, rename = "de.sorunome.msc2409.ephemeral")]
    old_ephemeral: Vec<Raw<EphemeralData>>,
}

#[derive(Deserialize)]
struct OldToken {
    access_token: Option<String>,
}

async fn transaction(
    State(adapter): State<Arc<MatrixAdapter>>,
    Path(id): Path<String>,
    Query(token): Query<OldToken>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Some(refused) = unauthorized(&adapter, &headers, token.access_token.as_deref()) {
        return refused;
    }
    let body = match timeout(BODY_DEADLINE, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "M_TOO_LARGE",
                "the body is cut or too large",
            );
        }
        Err(_) => {
            return refusal(StatusCode::REQUEST_TIMEOUT, "M_UNKNOWN", "the body did not come");
        }
    };
    let transaction: Transaction = match serde_json::from_slice(&body) {
        Ok(transaction) => transaction,
        Err(error) => {
            let text = format!("the transaction cannot be read: {error}");
            return refusal(StatusCode::BAD_REQUEST, "M_NOT_JSON", &text);
        }
    };
    let Some(inbox) = adapter.inbox() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "M_UNAVAILABLE", "the bridge is starting");
    };
    if let Err(error) = adapter.take_keys(&body, &transaction.events).await {
        return come_again(&error);
    }
    let mut events = Vec::new();
    for raw in transaction.events.iter().filter(|raw| !double::is_ours(raw)) {
        if adapter.space_changed(raw).await {
            continue;
        }
        let raw = match adapter.open_event(raw).await {
            Ok(Some(raw)) => raw,
            Ok(None) => continue,
            Err(error) => return come_again(&error),
        };
        events.extend(intake::read(&adapter, &raw).await);
    }
    let cursor = SourceCursor {
        network: NetworkId::new(NETWORK),
        stream: "transactions".to_owned(),
        position: id,
    };
    match inbox.accept_all(events, Some(cursor)).await {
        Ok(()) => {}
        Err(error @ (AcceptError::Busy | AcceptError::Closed | AcceptError::Store(_))) => {
            let text = error.to_string();
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "M_UNAVAILABLE", &text);
        }
        Err(error) => {
            tracing::warn!(%error, "a transaction held something that cannot be taken in")
        }
    }
    for raw in transaction.ephemeral.iter().chain(&transaction.old_ephemeral) {
        match raw.deserialize() {
            Ok(EphemeralData::Presence(presence)) => adapter.user_presence_changed(&presence),
            Ok(EphemeralData::Typing(typing)) => {
                let writers = typing.content.user_ids.iter().map(ToString::to_string).collect();
                adapter.typing_changed(&typing.room_id, writers);
            }
            _ => {}
        }
    }
    Json(json!({})).into_response()
}

async fn ping(
    State(adapter): State<Arc<MatrixAdapter>>,
    Query(token): Query<OldToken>,
    headers: HeaderMap,
) -> Response {
    unauthorized(&adapter, &headers, token.access_token.as_deref())
        .unwrap_or_else(|| Json(json!({})).into_response())
}

#[derive(Deserialize)]
struct Whose {
    user_id: Option<String>,
}

/// Says how the bridge is doing, and the accounts of somebody.
async fn states(
    State(adapter): State<Arc<MatrixAdapter>>,
    Query(whose): Query<Whose>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = unauthorized(&adapter, &headers, None) {
        return refused;
    }
    let id = PersonaId::new(whose.user_id.unwrap_or_default());
    let user = model::UserId { network: NetworkId::new(NETWORK), id };
    match provision::all_states(&adapter, &user).await {
        Ok(Some(states)) => Json(states).into_response(),
        Ok(None) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, "M_UNAVAILABLE", "the bridge is starting")
        }
        Err(error) => {
            let text = error.to_string();
            refusal(StatusCode::SERVICE_UNAVAILABLE, "M_UNAVAILABLE", &text)
        }
    }
}

/// Tells whether there is a user; a ghost that stands for somebody is made when it is asked for.
async fn user(
    State(adapter): State<Arc<MatrixAdapter>>,
    Path(user): Path<String>,
    Query(token): Query<OldToken>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = unauthorized(&adapter, &headers, token.access_token.as_deref()) {
        return refused;
    }
    if user == adapter.names.bot.as_str() {
        return Json(json!({})).into_response();
    }
    let ghost = UserId::parse(user).ok().and_then(|user| adapter.names.person(&user));
    if let Some(person) = ghost
        && adapter.is_ready()
        && adapter.ghost(&person).await.is_ok()
    {
        return Json(json!({})).into_response();
    }
    refusal(StatusCode::NOT_FOUND, "M_NOT_FOUND", "there is no such user")
}

async fn nothing(
    State(adapter): State<Arc<MatrixAdapter>>,
    Query(token): Query<OldToken>,
    headers: HeaderMap,
) -> Response {
    unauthorized(&adapter, &headers, token.access_token.as_deref())
        .unwrap_or_else(|| not_found("there is no such room"))
}

pub(crate) fn not_found(text: &str) -> Response {
    refusal(StatusCode::NOT_FOUND, "M_NOT_FOUND", text)
}

async fn ready(State(adapter): State<Arc<MatrixAdapter>>) -> Response {
    if adapter.is_ready() {
        Json(json!({})).into_response()
    } else {
        refusal(StatusCode::SERVICE_UNAVAILABLE, "M_UNAVAILABLE", "not ready yet")
    }
}

/// Checks the homeserver's token, in the header or, as old servers send it, in the query; gives the
/// answer to a request that has not the right one.
pub(crate) fn unauthorized(
    adapter: &MatrixAdapter,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Option<Response> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = header.and_then(|value| value.strip_prefix("Bearer ")).or(query);
    let Some(given) = given else {
        let text = "the token is missing";
        return Some(refusal(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", text));
    };
    let wanted = adapter.hs_token.expose_secret().as_bytes();
    let right = bool::from(given.as_bytes().ct_eq(wanted));
    let text = "the token is not the hs_token of the registration";
    (!right).then(|| refusal(StatusCode::FORBIDDEN, "M_FORBIDDEN", text))
}

/// Nothing of a transaction is taken while its keys cannot be stored.
fn come_again(error: &CryptoError) -> Response {
    tracing::warn!(%error, "a transaction must come again");
    refusal(StatusCode::SERVICE_UNAVAILABLE, "M_UNAVAILABLE", "keys cannot be stored now")
}

fn refusal(status: StatusCode, code: &str, text: &str) -> Response {
    let body: Value = json!({ "errcode": code, "error": text });
    (status, Json(body)).into_response()
}
