//! What programs that watch over the bridge ask: `/health`, `/ready`, `/metrics`; and the files that
//! have an address.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use bridge_core::{Core, measures};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::Failure;

/// What Prometheus calls the form of its measures.
const TEXT_FORM: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long the store has to answer before the bridge counts as unwell.
const STORE_DEADLINE: Duration = Duration::from_secs(5);

/// Begins to count; once in a process.
pub(crate) fn recorder() -> Result<PrometheusHandle, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("metrics: {error}"));
    let times = Matcher::Suffix("_seconds".to_owned());
    let counts = Matcher::Full(measures::BATCH_ROWS.to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(times, &measures::SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(counts, &measures::COUNTS))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| failed(&error))?;
    measures::describe();
    Ok(recorder)
}

#[derive(Clone)]
struct Watched {
    core: Arc<Core>,
    metrics: PrometheusHandle,
}

/// Serves until cancelled.
pub(crate) async fn serve(
    listen: &str,
    core: Arc<Core>,
    metrics: PrometheusHandle,
    files: Router,
    cancel: CancellationToken,
) -> Result<JoinHandle<()>, Failure> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::Config(format!(
            "http.listen: cannot listen on {listen}: {error}. Stop what uses that port, or set another"
        ))
    })?;
    let router = Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(text))
        .with_state(Watched { core, metrics })
        .merge(files);
    Ok(tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(cancel.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "nobody can ask how the bridge is doing any more");
        }
    }))
}

/// Well, as long as the store answers.
async fn health(State(watched): State<Watched>) -> (StatusCode, Json<Value>) {
    if watched.core.store_answers(STORE_DEADLINE).await {
        return (StatusCode::OK, Json(json!({ "store": true })));
    }
    let why = format!("the store did not answer within {} seconds", STORE_DEADLINE.as_secs());
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "store": false, "why": [why] })))
}

/// Ready, when all networks' sides are reached and new messages are taken in.
async fn ready(State(watched): State<Watched>) -> (StatusCode, Json<Value>) {
    let networks = watched.core.networks().into_iter();
    let mut said: Map<String, Value> =
        networks.map(|(name, reached)| (name.to_string(), json!(reached))).collect();
    let troubles = watched.core.troubles();
    if troubles.is_empty() {
        return (StatusCode::OK, Json(Value::Object(said)));
    }
    said.insert("why".to_owned(), json!(troubles));
    (StatusCode::SERVICE_UNAVAILABLE, Json(Value::Object(said)))
}

async fn text(State(watched): State<Watched>) -> ([(HeaderName, &'static str); 1], String) {
    watched.core.measure().await;
    watched.metrics.run_upkeep();
    ([(CONTENT_TYPE, TEXT_FORM)], watched.metrics.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_protocol_counts_is_in_the_table() {
        for (name, label) in
            [(msnp::traffic::FRAMES, "dir"), (msnp::traffic::PROTOCOL_ERRORS, "kind")]
        {
            let listed = measures::ALL.iter().find(|measure| measure.name == name);
            assert!(listed.is_some_and(|measure| measure.labels == [label]), "{name}");
        }
    }
}
