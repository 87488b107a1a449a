//! What a bridge does for itself while it runs: backups, a watch over the store, word to systemd.

use std::{path::PathBuf, process, sync::Arc, time::Duration};

use bridge_core::{measures, store::Store};
use bridge_store::{new_backup, prune_backups};
use sd_notify::NotifyState;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

/// How often a backup is made, if anything changed.
const BACKUP_EVERY: Duration = Duration::from_secs(3600);
/// How the store of a running bridge is watched.
const WATCH: Watch = Watch {
    every: Duration::from_secs(10),
    slow: Duration::from_secs(1),
    stuck: Duration::from_secs(10),
};
/// The exit code of a bridge whose store does not answer any more: a restart is cheaper than a bridge
/// that hangs.
const STORE_STUCK: i32 = 70;

/// How a store is watched.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// How often it is asked whether it lives.
    every: Duration,
    /// Later answers are counted.
    slow: Duration,
    /// When it counts as stuck.
    stuck: Duration,
}

/// Watches until cancelled; ends the process when the store is stuck.
pub(super) fn begin(
    store: Arc<dyn Store>,
    backups: PathBuf,
    cancel: CancellationToken,
) -> JoinHandle<()> {
    // systemd wants to hear from us more often than it is patient.
    let watch = Watch {
        every: patience_of_systemd().map_or(WATCH.every, |its| WATCH.every.min(its / 3)),
        ..WATCH
    };
    tokio::spawn(async move {
        let watched = async {
            tokio::join!(keep_backups(&*store, &backups), end_when_stuck(&*store, watch));
        };
        cancel.run_until_cancelled(watched).await;
    })
}

fn patience_of_systemd() -> Option<Duration> {
    let mut micros = 0;
    sd_notify::watchdog_enabled(false, &mut micros).then(|| Duration::from_micros(micros))
}

async fn end_when_stuck(store: &dyn Store, watch: Watch) {
    if watch_over(store, watch).await == Watched::Stuck {
        tracing::error!("the store does not answer any more; the bridge ends, to be restarted");
        process::exit(STORE_STUCK);
    }
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

/// What a watch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    /// The store is closed: the bridge stops.
    Closed,
    /// It does not answer any more.
    Stuck,
}

async fn watch_over(store: &dyn Store, watch: Watch) -> Watched {
    let mut look = interval(watch.every);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let mut asked = store.stats();
        let answered = match timeout(watch.slow, &mut asked).await {
            Ok(answered) => Ok(answered),
            Err(_) => {
                metrics::counter!(measures::STALLS).increment(1);
                tracing::warn!(waited = ?watch.slow, "the store is slow to answer");
                timeout(watch.stuck.saturating_sub(watch.slow), asked).await
            }
        };
        match answered {
            Ok(Ok(_)) => notify(NotifyState::Watchdog),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store cannot be watched");
                return Watched::Closed;
            }
            Err(_) => return Watched::Stuck,
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use async_trait::async_trait;
    use bridge_core::store::{
        BackupFacts, Batch, CommitError, Durability, Key, KeyRange, MemoryStore, StoreError,
        StoreStats, Value,
    };
    use tokio::sync::Semaphore;

    use super::*;

    /// Tells the test's own process to be the one that hangs.
    const HANGS: &str = "MSN_BRIDGE_TEST_STORE_HANGS";
    const QUICK: Watch = Watch {
        every: Duration::from_millis(5),
        slow: Duration::from_millis(20),
        stuck: Duration::from_millis(60),
    };

    /// A store that answers so many questions, and then none.
    struct Hangs {
        answers: Semaphore,
        inner: MemoryStore,
    }

    impl Hangs {
        fn after(answers: usize) -> Self {
            Self { answers: Semaphore::new(answers), inner: MemoryStore::new() }
        }

        async fn answer(&self) {
            if let Ok(one) = self.answers.acquire().await {
                one.forget();
            }
        }
    }

    #[async_trait]
    impl Store for Hangs {
        async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
            self.answer().await;
            self.inner.get(key).await
        }

        async fn scan(
            &self,
            range: KeyRange,
            limit: usize,
        ) -> Result<Vec<(Key, Value)>, StoreError> {
            self.answer().await;
            self.inner.scan(range, limit).await
        }

        async fn commit(&self, batch: Batch, durability: Durability) -> Result<(), CommitError> {
            self.answer().await;
            self.inner.commit(batch, durability).await
        }

        async fn stats(&self) -> Result<StoreStats, StoreError> {
            self.answer().await;
            self.inner.stats().await
        }

        async fn backup(&self, to: &Path) -> Result<BackupFacts, StoreError> {
            self.answer().await;
            self.inner.backup(to).await
        }

        async fn close(&self) -> Result<(), StoreError> {
            self.inner.close().await
        }
    }

    #[tokio::test]
    async fn a_store_that_hangs_is_found() {
        let store = Hangs::after(5);
        let found = timeout(Duration::from_secs(30), watch_over(&store, QUICK)).await;
        assert_eq!(found, Ok(Watched::Stuck));
        assert_eq!(store.answers.available_permits(), 0, "it was asked before");
    }

    #[tokio::test]
    async fn a_bridge_whose_store_hangs_ends_with_its_own_code() {
        if std::env::var_os(HANGS).is_some() {
            end_when_stuck(&Hangs::after(1), QUICK).await;
            return;
        }
        let name = "app::upkeep::tests::a_bridge_whose_store_hangs_ends_with_its_own_code";
        let own = std::env::current_exe().expect("it is known");
        let mut child = tokio::process::Command::new(own);
        child.args(["--exact", name]).env(HANGS, "1").kill_on_drop(true);
        let ended = timeout(Duration::from_secs(60), child.output()).await;
        let ended = ended.expect("it ends").expect("it runs");
        assert_eq!(ended.status.code(), Some(70));
    }
}
