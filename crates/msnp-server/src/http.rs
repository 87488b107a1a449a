//! What is served over HTTP: nexus and login here, the web services and the gateway in modules of their own.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderName, Request, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::{
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use msnp_proto::auth::passport;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    fault::HttpFault,
    gateway,
    network::{Admits, Shared},
    offline, services, storage,
};

pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, cancel: CancellationToken) {
    let router = Router::new()
        .route("/rdr/pprdr.asp", get(nexus))
        .route("/login.srf", get(login))
        .merge(services::routes())
        .merge(gateway::routes())
        .merge(offline::routes())
        .merge(storage::routes())
        .with_state(shared);
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = cancel.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a request");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        connections.spawn(answer(stream, router.clone(), cancel.clone()));
    }
    while connections.join_next().await.is_some() {}
}

/// Answers what one connection asks. Header names are written as `Content-Length`: libpurple knows no
/// other writing.
async fn answer(stream: TcpStream, router: Router, cancel: CancellationToken) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<_>| {
        if let Some(uri) = with_single_slashes(request.uri()) {
            *request.uri_mut() = uri;
        }
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a web connection ended");
    }
}

/// The address with each run of slashes in its path made one, where there is such a run: libpurple
/// asks for `//RST.srf`.
fn with_single_slashes(uri: &Uri) -> Option<Uri> {
    if !uri.path().contains("//") {
        return None;
    }
    let mut path = String::new();
    for letter in uri.path().chars() {
        if letter != '/' || !path.ends_with('/') {
            path.push(letter);
        }
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    path.parse().ok()
}

/// Nothing but the login's address: some clients take the whole header for it.
async fn nexus(State(shared): State<Arc<Shared>>) -> Response {
    let urls = format!("DALogin=http://{}/login.srf", shared.addresses.http);
    spoiled(shared.faults.http().0, "/rdr/pprdr.asp").unwrap_or_else(|| {
        (StatusCode::OK, [(HeaderName::from_static("passporturls"), urls)]).into_response()
    })
}

async fn login(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let location = format!("http://{}/login.srf", shared.addresses.http);
    if let Some(response) = spoiled(shared.faults.http().1, &location) {
        return response;
    }
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((account, password)) = header.and_then(passport::read_authorization) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match shared.directory.authenticate(&account, &password).await {
        Some(profile) => {
            let ticket = shared.ticket(Admits::SignIn { account: profile.account });
            let info = format!("Passport1.4 da-status=success,from-PP='t={ticket}&p='");
            (StatusCode::OK, [(HeaderName::from_static("authentication-info"), info)])
                .into_response()
        }
        None => {
            let refused = "Passport1.4 da-status=failed,srealm=Passport.NET,prompt";
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, refused)]).into_response()
        }
    }
}

fn spoiled(fault: HttpFault, location: &str) -> Option<Response> {
    match fault {
        HttpFault::None => None,
        HttpFault::RedirectForEver => {
            Some((StatusCode::FOUND, [(header::LOCATION, location.to_owned())]).into_response())
        }
        HttpFault::Status(code) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some(status.into_response())
        }
    }
}
