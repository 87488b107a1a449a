//! `backup`, `restore`, `verify`.

use std::{fs, path::Path};

use bridge_core::{
    id::Timestamp,
    store::{BackupFacts, Store as _},
};
use bridge_store::{BackupError, OpenError, StoreOptions, DiskStore};

use super::bridge::load;
use crate::{Failure, app, config::Sources};

pub(super) async fn backup(sources: &Sources, file: &Path) -> Result<(), Failure> {
    let config = load(sources)?;
    if file.exists() {
        return Err(Failure::Usage(format!("{} is there already", file.display())));
    }
    let place = config.bridge.data_dir.join("store");
    let path = place.clone();
    let opened =
        tokio::task::spawn_blocking(move || DiskStore::open(&path, StoreOptions::default()));
    match opened.await {
        Ok(Ok(store)) => {
            let written =
                store.backup(file).await.map_err(|error| Failure::Failed(error.to_string()));
            let closed = store.close().await.map_err(|error| Failure::Failed(error.to_string()));
            tell("written", file, &written?);
            closed
        }
        // A running bridge has it: it writes one where it keeps its own.
        Ok(Err(OpenError::Locked { .. })) => {
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
        Ok(Err(error)) => Err(Failure::Failed(error.to_string())),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

pub(super) async fn restore(sources: &Sources, file: &Path) -> Result<(), Failure> {
    let config = load(sources)?;
    let place = config.bridge.data_dir.join("store");
    // Read to the end before anything is moved.
    bridge_store::verify(file).map_err(failure)?;
    if place.exists() {
        let aside = place.with_extension(format!("before-restore-{}", Timestamp::now().0));
        let failed =
            |error: std::io::Error| Failure::Failed(format!("{}: {error}", place.display()));
        // Nobody may be writing to it.
        match DiskStore::open(&place, StoreOptions::default()) {
            Err(error @ OpenError::Locked { .. }) => {
                return Err(Failure::Failed(error.to_string()));
            }
            Ok(store) => store.close().await.map_err(|error| Failure::Failed(error.to_string()))?,
            Err(_) => {} // it is to be replaced because it cannot be read
        }
        fs::rename(&place, &aside).map_err(failed)?;
        println!("the store of before is in {}", aside.display());
    }
    let copy = file.to_owned();
    let restored = tokio::task::spawn_blocking(move || bridge_store::restore(&copy, &place));
    let facts = restored.await.map_err(|error| Failure::Failed(error.to_string()))?;
    tell("restored", file, &facts.map_err(failure)?);
    Ok(())
}

pub(super) fn verify(file: &Path) -> Result<(), Failure> {
    tell("good", file, &bridge_store::verify(file).map_err(failure)?);
    Ok(())
}

fn tell(what: &str, file: &Path, facts: &BackupFacts) {
    let BackupFacts { schema, entries, bytes, made } = facts;
    println!(
        "{}: {what}: {entries} entries, {bytes} bytes, schema {schema}, made at {} ms",
        file.display(),
        made.0
    );
}

fn failure(error: BackupError) -> Failure {
    Failure::Failed(error.to_string())
}
