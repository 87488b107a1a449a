//! `run`, `check`, `config`, `registration`, `ctl`.

use std::{collections::HashMap, path::Path, sync::Arc};

use bridge_core::Host as _;
use serde_json::Value;

use crate::{
    Failure,
    app::{self, App, Reloader},
    config::{self, Config, ConfigError},
    telemetry,
};

pub(super) async fn run(file: &Path) -> Result<(), Failure> {
    let config = load(file)?;
    telemetry::start(&config.log)?;
    let reloader = Reloader::new(file.to_owned(), environment());
    let app = App::start(&config, Arc::clone(&reloader)).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "running");
    let outcome = loop {
        tokio::select! {
            failure = app.failed() => break Err(failure),
            () = super::stop_signal() => break Ok(()),
            () = reloader.told_to_stop() => break Ok(()),
            () = super::reload_signal() => {
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

pub(super) fn config(file: &Path, default: bool) -> Result<(), Failure> {
    if default {
        print!("{}", config::example());
        return Ok(());
    }
    let text = config::effective(file, &environment()).map_err(failure)?;
    print!("{text}");
    Ok(())
}

#[cfg(feature = "matrix")]
pub(super) fn registration(file: &Path) -> Result<(), Failure> {
    print!("{}", registration_text(file)?);
    Ok(())
}

#[cfg(feature = "matrix")]
pub(super) fn registration_text(file: &Path) -> Result<String, Failure> {
    let config = load(file)?;
    let matrix = config.matrix.ok_or_else(|| Failure::Config("matrix: is missing".to_owned()))?;
    let (as_token, hs_token) = app::matrix_tokens(&matrix, &config.bridge.data_dir)?;
    Ok(bridge_matrix::Registration::new(matrix, as_token, hs_token).to_yaml())
}

pub(super) async fn ctl(file: &Path, json: bool, words: &[String]) -> Result<(), Failure> {
    let config = load(file)?;
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let mut line = words.join(" ");
    if json && line == "status" {
        line.push_str(" --json");
    }
    let answer = app::ask(&config.bridge.data_dir, &line).await?;
    if json {
        println!("{answer}");
    } else {
        print_answer(&answer);
    }
    Ok(())
}

pub(super) fn load(file: &Path) -> Result<Config, Failure> {
    config::load(file, &environment()).map_err(failure)
}

fn environment() -> HashMap<String, String> {
    std::env::vars().filter(|(name, _)| name.starts_with("MSN_BRIDGE__")).collect()
}

fn failure(error: ConfigError) -> Failure {
    Failure::Config(error.to_string())
}

fn quoted(word: &str) -> String {
    if word.chars().any(char::is_whitespace) { format!("\"{word}\"") } else { word.to_owned() }
}

fn print_answer(answer: &Value) {
    if let Some(text) = answer.get("text").and_then(Value::as_str) {
        println!("{text}");
    }
    for button in answer.get("buttons").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| button.get(name).and_then(Value::as_str).unwrap_or_default();
        println!("  {}: {}", part("label"), part("line"));
    }
    if let Some(title) = answer.get("title").and_then(Value::as_str) {
        println!("{title}");
    }
    let rows = answer.get("rows").and_then(Value::as_array).into_iter().flatten();
    for row in answer.get("columns").into_iter().chain(rows) {
        let cells = row.as_array().into_iter().flatten().filter_map(Value::as_str);
        println!("  {}", cells.collect::<Vec<_>>().join("  "));
    }
}
