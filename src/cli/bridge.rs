//! `run`, `config`, `registration`.

use std::sync::Arc;

use bridge_core::Host as _;

use crate::{
    Failure,
    app::{App, Reloader},
    config::{self, Config, ConfigError, Sources},
    telemetry,
};

pub(super) async fn run(sources: Sources) -> Result<(), Failure> {
    let config = load(&sources)?;
    telemetry::start(&config.log)?;
    let mut reloads = super::ReloadSignals::new();
    let reloader = Reloader::new(sources);
    let app = App::start(&config, Arc::clone(&reloader)).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "running");
    let outcome = loop {
        tokio::select! {
            failure = app.failed() => break Err(failure),
            () = super::stop_signal() => break Ok(()),
            () = reloader.told_to_stop() => break Ok(()),
            () = reloads.next() => {
                let said = reloader.reload().await;
                tracing::info!(%said, "the configuration was read again");
            }
        }
    };
    tracing::info!("stopping");
    tokio::select! {
        () = app.stop() => outcome,
        () = super::stop_signal() => Err(Failure::Failed("stopped at once".to_owned())),
    }
}

pub(super) fn config(sources: &Sources, origins: bool) -> Result<(), Failure> {
    let text = config::effective(sources, origins).map_err(|error| failure(&error))?;
    print!("{text}");
    Ok(())
}

#[cfg(feature = "matrix")]
pub(super) fn registration(sources: &Sources) -> Result<(), Failure> {
    print!("{}", registration_text(sources)?);
    Ok(())
}

#[cfg(feature = "matrix")]
pub(super) fn double_puppets(sources: &Sources) -> Result<(), Failure> {
    let config = load(sources)?;
    let matrix = config.matrix.ok_or_else(|| Failure::Config("matrix: is missing".to_owned()))?;
    let data = &config.bridge.data_dir;
    let (_, hs_token) = crate::app::matrix_tokens(&matrix, data)?;
    let token = crate::app::double_puppet_token(&matrix, data)?;
    print!("{}", bridge_matrix::DoublePuppets::new(matrix, token, hs_token).to_yaml());
    Ok(())
}

#[cfg(feature = "matrix")]
pub(super) fn registration_text(sources: &Sources) -> Result<String, Failure> {
    let config = load(sources)?;
    let matrix = config.matrix.ok_or_else(|| Failure::Config("matrix: is missing".to_owned()))?;
    let (as_token, hs_token) = crate::app::matrix_tokens(&matrix, &config.bridge.data_dir)?;
    Ok(bridge_matrix::Registration::new(matrix, as_token, hs_token).to_yaml())
}

pub(super) fn load(sources: &Sources) -> Result<Config, Failure> {
    config::load(sources).map_err(|error| failure(&error))
}

pub(super) fn failure(error: &ConfigError) -> Failure {
    Failure::Config(error.to_string())
}
