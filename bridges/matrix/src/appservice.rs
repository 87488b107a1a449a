//! What the homeserver pushes to us: transactions, stored before they are acknowledged.

use std::{collections::HashSet, sync::Arc, time::Duration};

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
    id::{MessageId, NetworkId, PersonaId, RoomId, SourceId, Timestamp},
    inbox::SourceCursor,
    model::{CommandLine, Event, EventKind, Persona, Scope, Signal},
};
use ruma::{
    OwnedRoomId,
    api::appservice::event::push_events::v1::EphemeralData,
    events::{
        AnyMessageLikeEvent, AnyStateEvent, AnyTimelineEvent, MessageLikeEvent, StateEvent,
        room::{member::MembershipState, redaction::RoomRedactionEvent},
    },
    serde::Raw,
};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::time::timeout;

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    convert::from_matrix::{self, Said},
    texts::Untaken,
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
        .route("/_matrix/mau/live", get(|| async { Json(json!({})) }))
        .route("/_matrix/mau/ready", get(ready))
        .fallback(|| async {
            refusal(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "there is nothing at this path")
        })
        .with_state(adapter)
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
    let mut events = Vec::new();
    for raw in &transaction.events {
        match raw.deserialize() {
            Ok(event) => events.extend(read_event(&adapter, event).await),
            Err(_) => {
                let kind = raw.get_field::<String>("type").ok().flatten();
                let kind: String = kind.unwrap_or_default().chars().take(64).collect();
                tracing::debug!(%kind, "an event could not be read and is passed over");
            }
        }
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
        if let Ok(EphemeralData::Typing(typing)) = raw.deserialize() {
            let writers = typing.content.user_ids.iter().map(ToString::to_string).collect();
            adapter.typing_changed(&typing.room_id, writers);
        }
    }
    Json(json!({})).into_response()
}

/// Makes neutral events of one of Matrix; what is not for the core is done here.
async fn read_event(adapter: &Arc<MatrixAdapter>, event: AnyTimelineEvent) -> Option<Event> {
    if adapter.names.is_own(event.sender().as_str()) {
        return None;
    }
    match event {
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomMessage(
            MessageLikeEvent::Original(event),
        )) => {
            let line = event.content.body().to_owned();
            let command = adapter.command_in(&event.room_id, &line).await;
            let kind = match (command, from_matrix::read(event.content)) {
                (_, Said::Nothing) => return None,
                (None, Said::File(file)) => EventKind::File(file),
                (Some(_), Said::File(_)) => {
                    adapter.explain_untaken(
                        event.room_id.clone(),
                        event.event_id.clone(),
                        Untaken::Files,
                    );
                    return None;
                }
                (Some(command), _) => EventKind::Command(CommandLine(command)),
                (None, Said::Content(content)) => EventKind::Message(content),
                (None, Said::Edit { target, content }) => {
                    EventKind::Edit { target: MessageId::new(target.as_str()), content }
                }
                (None, Said::Untaken(what)) => {
                    adapter.explain_untaken(event.room_id.clone(), event.event_id.clone(), what);
                    return None;
                }
            };
            Some(Event {
                network: NetworkId::new(NETWORK),
                source: SourceId::new(event.event_id.as_str()),
                message: Some(MessageId::new(event.event_id.as_str())),
                at: Timestamp(event.origin_server_ts.0.into()),
                scope: Scope::Room(RoomId::new(event.room_id.as_str())),
                sender: adapter.persona(&event.room_id, &event.sender).await,
                kind,
            })
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomRedaction(
            RoomRedactionEvent::Original(event),
        )) => {
            let target = event.content.redacts.or(event.redacts)?;
            Some(Event {
                network: NetworkId::new(NETWORK),
                source: SourceId::new(event.event_id.as_str()),
                message: None,
                at: Timestamp(event.origin_server_ts.0.into()),
                scope: Scope::Room(RoomId::new(event.room_id.as_str())),
                sender: adapter.persona(&event.room_id, &event.sender).await,
                kind: EventKind::Redact { target: MessageId::new(target.as_str()) },
            })
        }
        AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::RoomEncrypted(
            MessageLikeEvent::Original(event),
        )) => {
            adapter.explain_untaken(event.room_id, event.event_id, Untaken::Encrypted);
            None
        }
        AnyTimelineEvent::State(AnyStateEvent::RoomMember(StateEvent::Original(event))) => {
            adapter.members.changed(&event.room_id, event.state_key.as_str(), &event.content);
            let invited = event.content.membership == MembershipState::Invite;
            if invited && event.state_key == adapter.names.bot {
                let direct = event.content.is_direct.unwrap_or_default();
                adapter.invited(event.room_id, event.sender, direct);
            }
            None
        }
        _ => None,
    }
}

fn persona(user: &str) -> Persona {
    let localpart = user.strip_prefix('@').and_then(|rest| rest.split(':').next());
    Persona {
        network: NetworkId::new(NETWORK),
        id: PersonaId::new(user),
        name: localpart.map(str::to_owned),
    }
}

impl MatrixAdapter {
    /// Compares who writes in a room with who wrote before, and tells the difference.
    fn typing_changed(&self, room: &OwnedRoomId, writers: HashSet<String>) {
        let writers: HashSet<String> =
            writers.into_iter().filter(|user| !self.names.is_own(user)).collect();
        let before = self.remember_writers(room, &writers);
        let Some(inbox) = self.inbox() else { return };
        let tell = |user: &String, on: bool| {
            let scope = Scope::Room(RoomId::new(room.as_str()));
            inbox.signal(&NetworkId::new(NETWORK), scope, persona(user), Signal::Typing { on });
        };
        writers.difference(&before).for_each(|user| tell(user, true));
        before.difference(&writers).for_each(|user| tell(user, false));
    }
}

async fn ping(State(adapter): State<Arc<MatrixAdapter>>, headers: HeaderMap) -> Response {
    unauthorized(&adapter, &headers, None).unwrap_or_else(|| Json(json!({})).into_response())
}

/// Ghosts are made when somebody of theirs speaks; asked for earlier, they are not there.
async fn user(
    State(adapter): State<Arc<MatrixAdapter>>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = unauthorized(&adapter, &headers, None) {
        return refused;
    }
    if user == adapter.names.bot.as_str() {
        return Json(json!({})).into_response();
    }
    refusal(StatusCode::NOT_FOUND, "M_NOT_FOUND", "there is no such user")
}

async fn nothing(State(adapter): State<Arc<MatrixAdapter>>, headers: HeaderMap) -> Response {
    unauthorized(&adapter, &headers, None)
        .unwrap_or_else(|| refusal(StatusCode::NOT_FOUND, "M_NOT_FOUND", "there is no such room"))
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
fn unauthorized(
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

fn refusal(status: StatusCode, code: &str, text: &str) -> Response {
    let body: Value = json!({ "errcode": code, "error": text });
    (status, Json(body)).into_response()
}
