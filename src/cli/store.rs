//! `backup`, `restore`, `verify`, `migrate`, `compact`.

use std::{fs, path::Path};

use bridge_core::store::{BackupFacts, Store as _};
use bridge_store::{BackupError, DiskStore, Engine, OpenError};

use super::bridge::load;
use crate::{Failure, app, config::Sources};

pub(super) async fn backup(sources: &Sources, file: &Path) -> Result<(), Failure> {
    let config = load(sources)?;
    if file.exists() {
        return Err(Failure::Usage(format!("{} is there already", file.display())));
    }
    let (path, options) = (app::store_of(&config.bridge.data_dir), config.store.options());
    match apart(move || DiskStore::open(&path, options)).await? {
        Ok(store) => {
            let written =
                store.backup(file).await.map_err(|error| Failure::Failed(error.to_string()));
            let closed = store.close().await.map_err(|error| Failure::Failed(error.to_string()));
            tell("written", file, &written?);
            closed
        }
        // A running bridge has it: it writes one where it keeps its own.
        Err(OpenError::Locked { .. }) => {
            let answer = app::ask(&config.bridge.data_dir, "backup").await?;
            let newest = bridge_store::backups(&app::backups_of(&config.bridge.data_dir))
                .map_err(|error| Failure::Failed(error.to_string()))?;
            let text = answer.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
            let made = newest.first().filter(|path| text.contains(&path.display().to_string()));
            let made = made.ok_or_else(|| Failure::Failed(text.to_owned()))?;
            fs::copy(made, file)
                .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
            verify(file)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn restore(sources: &Sources, file: &Path) -> Result<(), Failure> {
    let config = load(sources)?;
    let (place, options) = (app::store_of(&config.bridge.data_dir), config.store.options());
    let copy = file.to_owned();
    let restored = apart(move || bridge_store::restore(&copy, &place, options)).await??;
    if let Some(aside) = restored.aside {
        println!("the store of before is in {}", aside.display());
    }
    tell("restored", file, &restored.facts);
    Ok(())
}

pub(super) fn verify(file: &Path) -> Result<(), Failure> {
    tell("good", file, &bridge_store::verify(file)?);
    Ok(())
}

pub(super) async fn migrate(sources: &Sources, to: Engine) -> Result<(), Failure> {
    let config = load(sources)?;
    let place = app::store_of(&config.bridge.data_dir);
    let options = config.store.options().with_engine(to);
    if !to.is_built_in() {
        return Err(Failure::Usage(format!(
            "this program was built without {to}; build it with --features {to}"
        )));
    }
    let moved = match apart(move || bridge_store::migrate(&place, options)).await? {
        Err(BackupError::Unusable { path, source })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            let text = format!("there is no store in {} yet: set store.engine", path.display());
            return Err(Failure::Failed(text));
        }
        moved => moved?,
    };
    println!("{} entries moved from {} to {to}, and read back", moved.entries, moved.from);
    println!("the store of before is in {}", moved.aside.display());
    if Engine::from(config.store.engine) != to {
        println!("now set store.engine to \"{to}\", for the bridge refuses the other one's store");
    }
    Ok(())
}

pub(super) async fn compact(sources: &Sources) -> Result<(), Failure> {
    let config = load(sources)?;
    let (place, options) = (app::store_of(&config.bridge.data_dir), config.store.options());
    let done = apart(move || bridge_store::compact(&place, options)).await?;
    if let Err(BackupError::Open(OpenError::Locked { .. })) = done {
        // A running bridge has it.
        let answer = app::ask(&config.bridge.data_dir, "compact").await?;
        let text = answer.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
        println!("{text}");
        return Ok(());
    }
    let (before, after) = done?;
    println!("written anew: {before} bytes before, {after} now");
    Ok(())
}

/// Does what blocks in a thread of its own.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::Failed(error.to_string()))
}

fn tell(what: &str, file: &Path, facts: &BackupFacts) {
    let BackupFacts { schema, entries, bytes, made } = facts;
    println!(
        "{}: {what}: {entries} entries, {bytes} bytes, schema {schema}, made at {} ms",
        file.display(),
        made.0
    );
}
