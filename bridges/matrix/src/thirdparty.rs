//! Who of the network is who on Matrix: what the homeserver asks for clients that look people up.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bridge_core::{
    id::{NetworkId, PersonaId},
    model::Persona,
};
use serde_json::{Value, json};

use crate::{
    adapter::MatrixAdapter,
    appservice::{not_found, unauthorized},
};

/// The protocol, as the registration names it.
const PROTOCOL: &str = "msn";

/// Makes the routes, below each of the paths that homeservers know.
pub(crate) fn router(adapter: Arc<MatrixAdapter>) -> Router {
    let mut router = Router::new();
    for base in ["/_matrix/app/v1", "/_matrix/app/unstable", ""] {
        router = router
            .route(&format!("{base}/thirdparty/protocol/{{protocol}}"), get(protocol))
            .route(&format!("{base}/thirdparty/user/{{protocol}}"), get(user_of))
            .route(&format!("{base}/thirdparty/user"), get(who))
            .route(&format!("{base}/thirdparty/location/{{protocol}}"), get(place_of))
            .route(&format!("{base}/thirdparty/location"), get(place));
    }
    router.with_state(adapter)
}

type Fields = Query<HashMap<String, String>>;

async fn protocol(
    State(adapter): State<Arc<MatrixAdapter>>,
    Path(protocol): Path<String>,
    Query(query): Fields,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused(&adapter, &headers, &query) {
        return refused;
    }
    if protocol != PROTOCOL {
        return not_found("there is no such protocol");
    }
    let answer = json!({
        "user_fields": ["email"],
        "location_fields": [],
        "icon": "",
        "field_types": {
            "email": { "regexp": "[^\\s@]+@[^\\s@]+", "placeholder": "bob@example.com" },
        },
        "instances": [{ "desc": "MSN Messenger", "network_id": PROTOCOL, "fields": {} }],
    });
    Json(answer).into_response()
}

async fn user_of(
    State(adapter): State<Arc<MatrixAdapter>>,
    Path(protocol): Path<String>,
    Query(query): Fields,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused(&adapter, &headers, &query) {
        return refused;
    }
    let address = query.get("email").map(|address| address.trim());
    let address = address.filter(|address| protocol == PROTOCOL && address.contains('@'));
    users(&adapter, address)
}

async fn who(
    State(adapter): State<Arc<MatrixAdapter>>,
    Query(query): Fields,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused(&adapter, &headers, &query) {
        return refused;
    }
    let address = query.get("userid").and_then(|user| adapter.names.address_of(user));
    users(&adapter, address.as_deref())
}

/// Answers with the ghost of an address.
fn users(adapter: &MatrixAdapter, address: Option<&str>) -> Response {
    let found = address.and_then(|address| {
        let persona = Persona {
            network: NetworkId::new(PROTOCOL),
            id: PersonaId::new(address.to_lowercase()),
            name: None,
        };
        let ghost = adapter.names.ghost(&persona)?;
        Some(json!({
            "userid": ghost,
            "protocol": PROTOCOL,
            "fields": { "email": persona.id.as_str() },
        }))
    });
    match found {
        Some(user) => Json(json!([user])).into_response(),
        None => not_found("there is nobody like that"),
    }
}

/// Rooms are people's own here; none can be looked up.
async fn place_of(
    State(adapter): State<Arc<MatrixAdapter>>,
    Path(_): Path<String>,
    Query(query): Fields,
    headers: HeaderMap,
) -> Response {
    places(&adapter, &headers, &query)
}

async fn place(
    State(adapter): State<Arc<MatrixAdapter>>,
    Query(query): Fields,
    headers: HeaderMap,
) -> Response {
    places(&adapter, &headers, &query)
}

fn places(
    adapter: &MatrixAdapter,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
) -> Response {
    let none: [Value; 0] = [];
    refused(adapter, headers, query).unwrap_or_else(|| Json(none).into_response())
}

fn refused(
    adapter: &MatrixAdapter,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
) -> Option<Response> {
    unauthorized(adapter, headers, query.get("access_token").map(String::as_str))
}
