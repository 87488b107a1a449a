//! Reading the configuration again while the bridge runs.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use async_trait::async_trait;
use bridge_core::{Core, Host};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::permissions;
use crate::{config, telemetry};

/// The configuration's file, and what it said last.
pub struct Reloader {
    file: PathBuf,
    environment: HashMap<String, String>,
    in_force: Mutex<Value>,
    core: OnceCell<Weak<Core>>,
    stop: CancellationToken,
}

impl Reloader {
    /// Remembers a configuration that was just read.
    pub fn new(file: PathBuf, environment: HashMap<String, String>) -> Arc<Self> {
        let in_force = config::values(&file, &environment).unwrap_or_default();
        let (in_force, core) = (Mutex::new(in_force), OnceCell::new());
        Arc::new(Self { file, environment, in_force, core, stop: CancellationToken::new() })
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
        let new = match config::load(&self.file, &self.environment) {
            Ok(new) => new,
            Err(error) => {
                return format!("Nothing was changed, for the configuration is wrong:\n{error}");
            }
        };
        let values = config::values(&self.file, &self.environment).unwrap_or_default();
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
        if let Err(error) = telemetry::set_filter(&new.log) {
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

    fn set_log_filter(&self, filter: &str) -> String {
        let wanted = config::LogConfig { filter: filter.to_owned(), ..Default::default() };
        match telemetry::set_filter(&wanted) {
            Ok(()) => format!("The log says {filter} from now on, until the next restart."),
            Err(error) => {
                format!("{filter:?} is no level: {error}. Say one such as info or debug.")
            }
        }
    }

    fn shut_down(&self) {
        self.stop.cancel();
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
