//! `new-keys`: the keys of encrypted rooms are put aside, so that the next start makes others.

use std::{
    fs, io,
    time::{SystemTime, UNIX_EPOCH},
};

use bridge_store::{DiskStore, OpenError};

use super::{bridge::load, store::apart};
use crate::{Failure, app, config::Sources};

pub(super) async fn renew(sources: &Sources) -> Result<(), Failure> {
    let config = load(sources)?;
    let data = &config.bridge.data_dir;
    // Whoever has the store has the keys, too.
    let (path, options) = (app::store_of(data), config.store.options());
    let store = match apart(move || DiskStore::open(&path, options)).await? {
        Ok(store) => Some(store),
        Err(OpenError::Locked { .. }) => {
            return Err(Failure::Failed("the bridge runs: stop it first".to_owned()));
        }
        // No store that can be opened, no bridge that runs on it.
        Err(_) => None,
    };
    let keys = bridge_matrix::keys_of(data);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let aside = data.join(format!("matrix-keys.{}", now.as_secs()));
    let moved = fs::rename(&keys, &aside);
    if let Some(store) = store {
        use bridge_core::store::Store as _;

        store.close().await.map_err(|error| Failure::Failed(error.to_string()))?;
    }
    match moved {
        Ok(()) => {
            println!("the keys of before are in {}", aside.display());
            println!(
                "the next start makes new devices; what was encrypted for the old ones only cannot be read"
            );
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("there are no keys in {}", keys.display());
            Ok(())
        }
        Err(error) => Err(Failure::Failed(format!("{}: {error}", keys.display()))),
    }
}
