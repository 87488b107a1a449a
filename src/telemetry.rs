//! Log lines, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    Failure,
    config::{LogConfig, LogFormat},
};

/// Libraries that write addresses with secrets in them, and whole messages, into their own lines; what
/// matters of theirs is said by the bridge.
const SILENT: [&str; 3] = ["serenity", "tokio_tungstenite", "tungstenite"];

/// Begins to log as configured; `RUST_LOG` wins over the configuration.
pub(crate) fn start(log: &LogConfig) -> Result<(), Failure> {
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| log.filter.clone());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        Failure::Config(format!("log.filter: {wanted:?} is no filter: {error}"))
    })?;
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        LogFormat::Json => lines.json().boxed(),
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
    };
    let speaks = filter_fn(|line| !is_silent(line.target()));
    let started = tracing_subscriber::registry().with(filter).with(lines.with_filter(speaks));
    started.try_init().map_err(|error| Failure::Failed(format!("logging cannot begin: {error}")))
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
