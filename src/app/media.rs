//! Files of a running bridge: their spool, its key, its tidying.

use std::{path::Path, time::Duration};

use bridge_media::{FileSpool, MediaConfig, Signer};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::Failure;

/// How often files that are too old are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Opens the spool in the data directory; with a public address its files have addresses.
pub(super) async fn open_spool(media: &MediaConfig, data: &Path) -> Result<FileSpool, Failure> {
    let (limits, public_url) = (media.limits(), media.public_url.clone());
    let (directory, key) = (data.join("media"), data.join("media.key"));
    let opened = spawn_blocking(move || {
        let signer = public_url.map(|url| Signer::load_or_create(&key, &url, limits.keep));
        let signer = signer.transpose().map_err(|error| Failure::Failed(error.to_string()))?;
        FileSpool::open(&directory, limits, signer)
            .map_err(|error| Failure::Failed(format!("{}: {error}", directory.display())))
    });
    opened.await.map_err(|error| Failure::Failed(format!("opening the files failed: {error}")))?
}

/// Throws out what is too old, from time to time, until cancelled.
pub(super) fn keep_tidy(spool: FileSpool, cancel: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut due = interval(SWEEP_EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while cancel.run_until_cancelled(due.tick()).await.is_some() {
            let spool = spool.clone();
            if let Err(error) = spawn_blocking(move || spool.sweep()).await {
                tracing::error!(%error, "old files could not be thrown out");
            }
        }
    })
}
