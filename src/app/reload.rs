//! Reading the configuration again while the bridge runs.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{Core, Host, id::Timestamp};
use serde_json::Value;
use tokio::{sync::OnceCell, task::AbortHandle};
use tokio_util::sync::CancellationToken;

use super::{backups_of, permissions};
use crate::{
    config::{self, Sources},
    telemetry,
};

/// The configuration's file, and what it said last.
pub struct Reloader {
    sources: Sources,
    in_force: Mutex<Value>,
    core: OnceCell<Weak<Core>>,
    stop: CancellationToken,
    /// Sets the log's filter back after a time.
    back: Mutex<Option<AbortOnDrop>>,
}

/// A task that ends when nobody holds it any more.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn log_of(filter: &str) -> config::LogConfig {
    config::LogConfig { filter: filter.to_owned(), ..Default::default() }
}

impl Reloader {
    /// Remembers a configuration that was just read.
    pub fn new(sources: Sources) -> Arc<Self> {
        let in_force = config::values(&sources).unwrap_or_default();
        let (in_force, core) = (Mutex::new(in_force), OnceCell::new());
        let (stop, back) = (CancellationToken::new(), Mutex::default());
        Arc::new(Self { sources, in_force, core, stop, back })
    }

    /// Waits until a command asks the bridge to stop.
    pub async fn told_to_stop(&self) {
        self.stop.cancelled().await;
    }

    pub(super) fn attach(&self, core: &Arc<Core>) {
        // Attached once, right after the core is there.
        let _ = self.core.set(Arc::downgrade(core));
    }
}

#[async_trait]
impl Host for Reloader {
    async fn reload(&self) -> String {
        let new = match config::load(&self.sources) {
            Ok(new) => new,
            Err(error) => {
                return format!("Nothing was changed, for the configuration is wrong:\n{error}");
            }
        };
        let values = config::values(&self.sources).unwrap_or_default();
        let (done, waiting) = {
            let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
            let (done, waiting): (Vec<String>, Vec<String>) = changed_sections(&in_force, &values)
                .into_iter()
                .partition(|name| takes_effect_at_once(name, &in_force, &values));
            // What needs a restart stays named until there is one.
            for name in &done {
                if let Some(sections) = in_force.as_object_mut() {
                    sections.insert(name.clone(), values.get(name).cloned().unwrap_or_default());
                }
            }
            (done, waiting)
        };
        if let Some(core) = self.core.get().and_then(Weak::upgrade) {
            core.set_permissions(permissions(&new));
        }
        if let Err(error) = telemetry::change(&new.log) {
            return format!("The log's filter stays as it was: {error}");
        }
        let list = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| format!("[{name}]")).collect();
            names.join(", ")
        };
        match (done.as_slice(), waiting.as_slice()) {
            ([], []) => "Nothing is different.".to_owned(),
            (done, []) => format!("In force now: {}.", list(done)),
            ([], waiting) => format!("Needs a restart: {}.", list(waiting)),
            (done, waiting) => {
                format!("In force now: {}. Needs a restart: {}.", list(done), list(waiting))
            }
        }
    }

    fn set_log_filter(&self, filter: &str, time: Option<Duration>) -> String {
        if let Err(error) = telemetry::set_filter(filter) {
            return format!("{filter:?} is no level: {error}. Say one such as info or debug.");
        }
        let back = time.map(|time| {
            let configured = {
                let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
                let filter = in_force.pointer("/log/filter").and_then(Value::as_str);
                filter.map_or_else(config::LogConfig::default, log_of)
            };
            let wait = async move {
                tokio::time::sleep(time).await;
                if let Err(error) = telemetry::set_filter(&telemetry::wanted(&configured)) {
                    tracing::warn!(%error, "the log's filter could not be set back");
                }
            };
            AbortOnDrop(tokio::spawn(wait).abort_handle())
        });
        // What an earlier command set for a time is over.
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = back;
        match time {
            Some(time) => {
                format!("The log says {filter} for {} s, then what is configured.", time.as_secs())
            }
            None => format!("The log says {filter} from now on, until the next restart."),
        }
    }

    async fn verify_backup(&self, file: Option<&str>) -> String {
        let backups = match config::data_dir(&self.sources) {
            Ok(data) => backups_of(&data),
            Err(error) => return format!("The configuration is wrong:\n{error}"),
        };
        let wanted = file.map(str::to_owned);
        let read = tokio::task::spawn_blocking(move || verify(&backups, wanted.as_deref()));
        read.await.unwrap_or_else(|error| format!("The backup could not be read: {error}."))
    }

    fn shut_down(&self) {
        self.stop.cancel();
    }
}

/// Reads a backup of a directory: the one of that name, else the newest. Blocks.
fn verify(backups: &Path, wanted: Option<&str>) -> String {
    let all = match bridge_store::backups(backups) {
        Ok(all) => all,
        Err(error) => return format!("The backups cannot be listed: {error}."),
    };
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    // Only what is listed is read: a name leads nowhere else.
    let Some(path) =
        all.iter().find(|path| wanted.is_none_or(|wanted| name(path).as_deref() == Some(wanted)))
    else {
        let names: Vec<String> = all.iter().filter_map(|path| name(path)).collect();
        return match names.as_slice() {
            [] => "There is no backup yet; `backup` makes one.".to_owned(),
            names => format!("There is no such backup. There are: {}.", names.join(", ")),
        };
    };
    let shown = name(path).unwrap_or_default();
    match bridge_store::verify(path) {
        Ok(facts) => {
            let age = Timestamp::now().0.saturating_sub(facts.made.0) / 1000;
            format!("{shown} is good: {} entries, made {age} s ago.", facts.entries)
        }
        Err(error) => format!("{shown} is no good: {error}."),
    }
}

/// Tells whether a changed section needs no restart: who may do what, and how much is logged, but not
/// in which form.
fn takes_effect_at_once(name: &str, before: &Value, now: &Value) -> bool {
    let form = |values: &Value| values.pointer("/log/format").cloned();
    name == "permissions" || (name == "log" && form(before) == form(now))
}

fn changed_sections(before: &Value, now: &Value) -> Vec<String> {
    let none = serde_json::Map::new();
    let (before, now) = (before.as_object().unwrap_or(&none), now.as_object().unwrap_or(&none));
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort();
    names.dedup();
    names.into_iter().filter(|name| before.get(*name) != now.get(*name)).cloned().collect()
}
