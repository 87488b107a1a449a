//! What is served over HTTP: nexus and login here, the web services and the gateway in modules of their own.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use msnp_proto::auth::passport;
use tokio::net::TcpListener;
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
    let served = axum::serve(listener, router).with_graceful_shutdown(cancel.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "the sign-in service ended");
    }
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
