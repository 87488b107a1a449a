//! Log lines, on standard error.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::{
    Failure,
    config::{LogConfig, LogFormat},
};

/// Begins to log as configured; `RUST_LOG` wins over the configuration.
pub(crate) fn start(log: &LogConfig) -> Result<(), Failure> {
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| log.filter.clone());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        Failure::Config(format!("log.filter: {wanted:?} is no filter: {error}"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
    };
    started.map_err(|error| Failure::Failed(format!("logging cannot begin: {error}")))
}
