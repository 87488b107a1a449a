//! What a bridge does for itself while it runs: backups, a watch over the store, word to systemd.

use std::{path::PathBuf, process, sync::Arc, time::Duration};

use bridge_core::store::Store;
use bridge_store::{new_backup, prune_backups};
use sd_notify::NotifyState;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

/// How often a backup is made, if anything changed.
const BACKUP_EVERY: Duration = Duration::from_secs(3600);
/// How often the store is asked whether it lives, and how long it has to answer.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(10);
/// The exit code of a bridge whose store does not answer any more: a restart is cheaper than a bridge
/// that hangs.
const STORE_STUCK: i32 = 70;

/// Watches until cancelled.
pub(super) fn begin(
    store: Arc<dyn Store>,
    backups: PathBuf,
    cancel: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let watch = async {
            tokio::join!(keep_backups(&*store, &backups), watch_over(&*store));
        };
        cancel.run_until_cancelled(watch).await;
    })
}

/// Tells systemd, if it started us, that we are there.
pub(super) fn say_ready() {
    notify(NotifyState::Ready);
}

/// Tells it that we are going.
pub(super) fn say_stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    // Without systemd nobody listens, which is no failure.
    let _ = sd_notify::notify(false, &[state]);
}

async fn watch_over(store: &dyn Store) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        match timeout(DEADLINE, store.stats()).await {
            Ok(Ok(_)) => notify(NotifyState::Watchdog),
            // It is closed: the bridge stops.
            Ok(Err(error)) => return tracing::warn!(%error, "the store cannot be watched"),
            Err(_) => {
                tracing::error!(
                    "the store does not answer any more; the bridge ends, to be restarted"
                );
                process::exit(STORE_STUCK);
            }
        }
    }
}

async fn keep_backups(store: &dyn Store, backups: &std::path::Path) {
    let mut due = interval(BACKUP_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once; what is there then is in the store of before.
    due.tick().await;
    let mut commits = commits_of(store).await;
    loop {
        due.tick().await;
        let now = commits_of(store).await;
        if now == commits {
            continue;
        }
        let made = async {
            let path = new_backup(backups).map_err(|error| error.to_string())?;
            let facts = store.backup(&path).await.map_err(|error| error.to_string())?;
            prune_backups(backups).map_err(|error| error.to_string())?;
            Ok::<_, String>(facts)
        };
        match made.await {
            Ok(facts) => {
                tracing::debug!(entries = facts.entries, "a backup was made");
                commits = now;
            }
            Err(error) => tracing::error!(%error, "a backup could not be made"),
        }
    }
}

async fn commits_of(store: &dyn Store) -> u64 {
    store.stats().await.map(|stats| stats.commits).unwrap_or_default()
}
