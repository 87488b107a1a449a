//! Log lines, on standard error.

use std::{
    io::{self, IsTerminal as _},
    sync::OnceLock,
};

use bridge_core::redact;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, filter::filter_fn, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

use crate::{
    Failure,
    config::{LogConfig, LogFormat, LogPii},
};

/// Libraries that write addresses with secrets in them, and whole messages, into their own lines; what
/// matters of theirs is said by the bridge.
const SILENT: [&str; 6] = [
    "matrix_sdk_common",
    "matrix_sdk_crypto",
    "matrix_sdk_sqlite",
    "serenity",
    "tokio_tungstenite",
    "tungstenite",
];

static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Begins to log as configured; `RUST_LOG` wins over the configuration.
pub(crate) fn start(log: &LogConfig) -> Result<(), Failure> {
    redact::print_in_full(log.pii == LogPii::Full);
    let wanted = wanted(log);
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        Failure::Config(format!("log.filter: {wanted:?} is no filter: {error}"))
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        LogFormat::Json => lines.json().boxed(),
        LogFormat::Text => lines.with_ansi(coloured()).boxed(),
    };
    let speaks = filter_fn(|line| !is_silent(line.target()));
    let started = tracing_subscriber::registry().with(filter).with(lines.with_filter(speaks));
    started
        .try_init()
        .map_err(|error| Failure::Failed(format!("logging cannot begin: {error}")))?;
    // Set once, for logging begins once.
    let _ = FILTER.set(handle);
    Ok(())
}

/// Colours are for terminals, and for those who want them (`NO_COLOR`).
fn coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Says how much is said: what the environment wants, else what is configured.
pub(crate) fn wanted(log: &LogConfig) -> String {
    std::env::var("RUST_LOG").unwrap_or_else(|_| log.filter.clone())
}

/// Changes how people appear, and how much is said unless the environment decides it.
pub(crate) fn change(log: &LogConfig) -> Result<(), String> {
    redact::print_in_full(log.pii == LogPii::Full);
    set_filter(&wanted(log))
}

/// Changes how much is said.
pub(crate) fn set_filter(wanted: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(wanted).map_err(|error| error.to_string())?;
    match FILTER.get() {
        Some(handle) => handle.reload(filter).map_err(|error| error.to_string()),
        None => Ok(()), // nothing is logged here
    }
}

fn is_silent(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    SILENT.contains(&library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_write_secrets_are_silent_and_others_are_not() {
        assert!(is_silent("serenity::http::client") && is_silent("tungstenite"));
        assert!(!is_silent("bridge_discord::gateway") && !is_silent("serenity_like"));
    }
}
