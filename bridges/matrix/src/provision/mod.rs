//! Programs that sign people in and open chats for them, over HTTP.
//!
//! The paths and shapes are those of the bridges that most managers know (bridgev2's `v3`). One table
//! gives the routes and their description ([`openapi`]); what is done is the core's
//! [`Desk`](bridge_core::Desk).

mod account;
mod auth;
mod failure;
mod forms;
mod openapi;
mod people;
mod push;
mod state;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};
use bridge_core::{Desk, id::LoginId, model::UserId};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use schemars::{Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

pub(crate) use self::{auth::Guard, push::push_states, state::all_states};
use self::{failure::Failure, openapi::document};
use crate::adapter::MatrixAdapter;

/// Where all routes begin.
const BASE: &str = "/_matrix/provision/v3";
/// Largest body that is read.
const BODY_LIMIT: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(20);

/// What the adapter holds for this.
pub(crate) struct Provisioning {
    /// Whether it is on at all.
    pub(crate) on: bool,
    /// Set once the core is there.
    pub(crate) desk: OnceLock<Desk>,
    pub(crate) guard: Guard,
}

/// One thing that can be asked for.
struct Route {
    verb: Verb,
    /// Below [`BASE`].
    path: &'static str,
    /// Its name for programs that read the description.
    id: &'static str,
    /// What it does, in a sentence.
    does: &'static str,
    /// What may follow the question mark.
    query: &'static [(&'static str, &'static str)],
    /// The shape of its body, where it has one.
    asks: Option<Shape>,
    /// The shape of its answer.
    answers: Shape,
    run: fn(Call) -> BoxFuture<'static, Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Get,
    Post,
}

type Shape = fn(&mut SchemaGenerator) -> Schema;
type Outcome = Result<(StatusCode, Value), Failure>;

const LOGIN: (&str, &str) = ("login_id", "the account that is meant; left out, the one you prefer");

/// All routes. `user_id` may follow each of them: with the shared secret it must.
const ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/whoami",
        id: "whoami",
        does: "Tells of the bridge, and of your accounts and how each is doing.",
        query: &[],
        asks: None,
        answers: |all| all.subschema_for::<forms::Whoami>(),
        run: |call| Box::pin(account::whoami(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/capabilities",
        id: "capabilities",
        does: "Tells what the network allows.",
        query: &[],
        asks: None,
        answers: |all| all.subschema_for::<forms::Capabilities>(),
        run: |_| Box::pin(people::capabilities()),
    },
    Route {
        verb: Verb::Get,
        path: "/login/flows",
        id: "getLoginFlows",
        does: "Lists the ways to sign in.",
        query: &[],
        asks: None,
        answers: |all| all.subschema_for::<forms::Flows>(),
        run: |call| Box::pin(account::flows(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/login/start/{flow}",
        id: "startLogin",
        does: "Begins a sign-in; gives its first step.",
        query: &[("login_id", "an account of yours that is to be signed in again")],
        asks: None,
        answers: |all| all.subschema_for::<forms::LoginStep>(),
        run: |call| Box::pin(account::start(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/login/step/{process}/{step}/{type}",
        id: "submitLoginStep",
        does: "Answers a step; gives the next, or says that you are signed in.",
        query: &[("txn_id", "the step's transaction, so that asking twice does it once")],
        asks: Some(|all| all.subschema_for::<forms::Answers>()),
        answers: |all| all.subschema_for::<forms::LoginStep>(),
        run: |call| Box::pin(account::step(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/login/cancel/{process}",
        id: "cancelLogin",
        does: "Ends a sign-in that is under way.",
        query: &[],
        asks: None,
        answers: |all| all.subschema_for::<forms::Nothing>(),
        run: |call| Box::pin(account::cancel(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/logout/{login}",
        id: "logout",
        does: "Signs an account out and forgets it and its password; `all` means all of yours.",
        query: &[],
        asks: None,
        answers: |all| all.subschema_for::<forms::Nothing>(),
        run: |call| Box::pin(account::logout(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/logins",
        id: "getLoginIDs",
        does: "Names your accounts.",
        query: &[],
        asks: None,
        answers: |all| all.subschema_for::<forms::Logins>(),
        run: |call| Box::pin(account::logins(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/contacts",
        id: "getContacts",
        does: "Lists an account's contacts.",
        query: &[LOGIN],
        asks: None,
        answers: |all| all.subschema_for::<forms::Contacts>(),
        run: |call| Box::pin(people::contacts(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/search_users",
        id: "searchUsers",
        does: "Looks for people by name, address or group.",
        query: &[LOGIN],
        asks: Some(|all| all.subschema_for::<forms::Search>()),
        answers: |all| all.subschema_for::<forms::Results>(),
        run: |call| Box::pin(people::search(call)),
    },
    Route {
        verb: Verb::Get,
        path: "/resolve_identifier/{identifier}",
        id: "resolveIdentifier",
        does: "Finds somebody by her address, or by her user id on Matrix.",
        query: &[LOGIN],
        asks: None,
        answers: |all| all.subschema_for::<forms::Resolved>(),
        run: |call| Box::pin(people::resolve(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/create_dm/{identifier}",
        id: "createDM",
        does: "Opens the room with somebody; 201 when it was made for that.",
        query: &[LOGIN],
        asks: None,
        answers: |all| all.subschema_for::<forms::Resolved>(),
        run: |call| Box::pin(people::create_dm(call)),
    },
    Route {
        verb: Verb::Post,
        path: "/create_group/{type}",
        id: "createGroup",
        does: "Makes a group; this network has none that can be made beforehand, so it answers 501.",
        query: &[LOGIN],
        asks: None,
        answers: |all| all.subschema_for::<forms::Nothing>(),
        run: |_| Box::pin(people::create_group()),
    },
];

/// What a request is, once it is known who asks.
struct Call {
    adapter: Arc<MatrixAdapter>,
    desk: Desk,
    user: UserId,
    path: HashMap<String, String>,
    query: HashMap<String, String>,
    body: Bytes,
}

impl Call {
    /// Gives a part of the path; the route has it.
    fn part(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Gives the account that is named.
    fn login(&self) -> Option<LoginId> {
        self.query.get("login_id").map(|login| LoginId::new(login.as_str()))
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| Failure::NotJson)
    }
}

/// Answers with a value.
fn answer(status: StatusCode, value: &impl Serialize) -> Outcome {
    match serde_json::to_value(value) {
        Ok(value) => Ok((status, value)),
        Err(error) => Err(Failure::Unavailable(error.to_string())),
    }
}

/// Makes the routes; where provisioning is off, nothing is at their paths.
pub(crate) fn router(adapter: Arc<MatrixAdapter>) -> Router {
    if !adapter.provisioning.on {
        return Router::new();
    }
    let mut router =
        Router::new().route(&format!("{BASE}/openapi.json"), get(|| async { Json(document()) }));
    for route in ROUTES {
        let handler = async move |State(adapter): State<Arc<MatrixAdapter>>,
                                  path: Option<Path<HashMap<String, String>>>,
                                  query: Result<Query<HashMap<String, String>>, QueryRejection>,
                                  headers: HeaderMap,
                                  body: Body| {
            let path = path.map(|Path(path)| path).unwrap_or_default();
            let query = query.map(|Query(query)| query).unwrap_or_default();
            serve(route, adapter, path, query, headers, body).await
        };
        let methods: MethodRouter<Arc<MatrixAdapter>> = match route.verb {
            Verb::Get => get(handler),
            Verb::Post => post(handler),
        };
        // Browsers ask first whether they may.
        let methods = methods.options(async || StatusCode::NO_CONTENT);
        router = router.route(&format!("{BASE}{}", route.path), methods);
    }
    router
        .method_not_allowed_fallback(async || Failure::NoSuchMethod.into_response())
        .layer(map_response(for_browsers))
        .with_state(adapter)
}

async fn serve(
    route: &'static Route,
    adapter: Arc<MatrixAdapter>,
    path: HashMap<String, String>,
    query: HashMap<String, String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let asked = async {
        let desk = adapter.provisioning.desk.get().cloned().ok_or_else(Failure::starting)?;
        let user = adapter.whoever_asks(&headers, query.get("user_id")).await?;
        if !desk.may_sign_in(&user) {
            return Err(Failure::MayNot);
        }
        let body = timeout(BODY_DEADLINE, to_bytes(body, BODY_LIMIT)).await;
        let body = body.map_err(|_| Failure::Slow)?.map_err(|_| Failure::TooLarge)?;
        (route.run)(Call { adapter: Arc::clone(&adapter), desk, user, path, query, body }).await
    };
    match asked.await {
        Ok((status, value)) => (status, Json(value)).into_response(),
        Err(failure) => {
            tracing::debug!(route = route.id, ?failure, "a program's request was refused");
            failure.into_response()
        }
    }
}

/// Lets pages of other places ask: what lets somebody in is in a header that no browser sends by itself.
async fn for_browsers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl MatrixAdapter {
    /// Lets programs do things for people from now on.
    pub fn open_desk(&self, desk: Desk) {
        // Opened once, when the core is there.
        let _ = self.provisioning.desk.set(desk);
    }
}

/// Writes the description of the routes, as the book has it.
pub fn openapi() -> Value {
    document()
}

#[cfg(test)]
mod tests;
