//! What a bridge does for itself while it runs: backups, a watch over the store, word to systemd.

use std::{path::PathBuf, process, sync::Arc, time::Duration};

use bridge_core::{
    measures,
    store::{Store, StoreError},
};
use bridge_store::{new_backup, prune_backups};
use sd_notify::NotifyState;
use tokio::{
    sync::watch,
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

/// What is kept up.
pub(super) struct Upkeep {
    pub(super) store: Arc<dyn Store>,
    /// Where its backups are.
    pub(super) backups: PathBuf,
    /// How many of them stay.
    pub(super) kept: usize,
}

impl Upkeep {
    /// Watches until cancelled; ends the process when the store is stuck. The second half of the answer
    /// tells when the store fails, so that the bridge ends in order and is started again: what it knows
    /// and what is stored may differ by then.
    pub(super) fn begin(
        self,
        cancel: CancellationToken,
    ) -> (JoinHandle<()>, watch::Receiver<Option<String>>) {
        // systemd wants to hear from us more often than it is patient.
        let watch = Watch {
            every: patience_of_systemd().map_or(WATCH.every, |its| WATCH.every.min(its / 3)),
            ..WATCH
        };
        let (failed, told) = watch::channel(None);
        let task = tokio::spawn(async move {
            let watched = async {
                tokio::join!(self.keep_backups(BACKUP_EVERY), async {
                    if let Some(why) = end_when_stuck(&*self.store, watch).await {
                        failed.send_replace(Some(why));
                    }
                });
            };
            cancel.run_until_cancelled(watched).await;
        });
        (task, told)
    }

    async fn keep_backups(&self, every: Duration) {
        let mut due = interval(every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once; what is there then is in the store of before.
        due.tick().await;
        let mut commits = self.commits().await;
        loop {
            due.tick().await;
            let now = self.commits().await;
            if now == commits {
                continue;
            }
            let made = async {
                let path = new_backup(&self.backups).map_err(|error| error.to_string())?;
                let facts = self.store.backup(&path).await.map_err(|error| error.to_string())?;
                prune_backups(&self.backups, self.kept).map_err(|error| error.to_string())?;
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

    async fn commits(&self) -> u64 {
        self.store.stats().await.map(|stats| stats.commits).unwrap_or_default()
    }
}

fn patience_of_systemd() -> Option<Duration> {
    let mut micros = 0;
    sd_notify::watchdog_enabled(false, &mut micros).then(|| Duration::from_micros(micros))
}

/// Gives why the store failed, if it did.
async fn end_when_stuck(store: &dyn Store, watch: Watch) -> Option<String> {
    match watch_over(store, watch).await {
        Watched::Closed => None,
        Watched::Failed(why) => Some(why),
        Watched::Stuck => {
            tracing::error!("the store does not answer any more; the bridge ends, to be restarted");
            process::exit(STORE_STUCK);
        }
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
#[derive(Clone, Debug, PartialEq, Eq)]
enum Watched {
    /// The store is closed: the bridge stops.
    Closed,
    /// It takes nothing any more.
    Failed(String),
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
            Ok(Err(StoreError::Closed)) => return Watched::Closed,
            Ok(Err(error)) => {
                tracing::error!(%error, "the store fails; the bridge ends, to be restarted");
                return Watched::Failed(error.to_string());
            }
            Err(_) => return Watched::Stuck,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use async_trait::async_trait;
    use bridge_core::store::{
        BackupFacts, Batch, CommitError, Durability, Key, KeyBuilder, KeyRange, MemoryStore,
        StoreStats, TableId, Value,
    };
    use bridge_store::{DiskStore, StoreOptions, backups};
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
        /// Whether its answers are failures.
        fails: bool,
        inner: MemoryStore,
    }

    impl Hangs {
        fn after(answers: usize) -> Self {
            Self { answers: Semaphore::new(answers), fails: false, inner: MemoryStore::new() }
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

        async fn last_key(&self, range: KeyRange) -> Result<Option<Key>, StoreError> {
            self.answer().await;
            self.inner.last_key(range).await
        }

        async fn commit(&self, batch: Batch, durability: Durability) -> Result<(), CommitError> {
            self.answer().await;
            self.inner.commit(batch, durability).await
        }

        async fn stats(&self) -> Result<StoreStats, StoreError> {
            self.answer().await;
            if self.fails {
                return Err(StoreError::Engine("the disk is full".to_owned()));
            }
            self.inner.stats().await
        }

        async fn backup(&self, to: &Path) -> Result<BackupFacts, StoreError> {
            self.answer().await;
            self.inner.backup(to).await
        }

        async fn compact_at_next_open(&self) -> Result<(), StoreError> {
            self.answer().await;
            self.inner.compact_at_next_open().await
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
            let why = end_when_stuck(&Hangs::after(1), QUICK).await;
            panic!("it went on: {why:?}");
        }
        let name = "app::upkeep::tests::a_bridge_whose_store_hangs_ends_with_its_own_code";
        let own = std::env::current_exe().expect("it is known");
        let mut child = tokio::process::Command::new(own);
        child.args(["--exact", name]).env(HANGS, "1").kill_on_drop(true);
        let ended = timeout(Duration::from_secs(60), child.output()).await;
        let ended = ended.expect("it ends").expect("it runs");
        assert_eq!(ended.status.code(), Some(70));
    }

    #[tokio::test]
    async fn a_store_that_fails_is_told_of() {
        let store = Hangs { fails: true, ..Hangs::after(5) };
        let why = timeout(Duration::from_secs(30), end_when_stuck(&store, QUICK)).await;
        assert!(why.unwrap().unwrap().contains("the disk is full"));
    }

    #[tokio::test]
    async fn backups_are_made_when_something_changed_and_only_some_are_kept() {
        const SOON: Duration = Duration::from_millis(5);
        let home = tempfile::tempdir().unwrap();
        let store = DiskStore::open(&home.path().join("store"), StoreOptions::default()).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let place = home.path().join("backups");
        let upkeep = Upkeep { store: Arc::clone(&store), backups: place.clone(), kept: 2 };
        let keeping = tokio::spawn(async move { upkeep.keep_backups(SOON).await });
        let mut seen = std::collections::BTreeSet::new();
        let mut number = 0;
        let five = async {
            while seen.len() < 5 {
                let mut batch = Batch::new();
                number += 1;
                let key = KeyBuilder::new(TableId::Cursor).number(number).build();
                batch.put(key, vec![1]).unwrap();
                store.commit(batch, Durability::Relaxed).await.unwrap();
                tokio::time::sleep(SOON).await;
                let now = backups(&place).unwrap();
                // One more for a moment, before the oldest goes.
                assert!(now.len() <= 3, "{now:?}");
                seen.extend(now);
            }
        };
        timeout(Duration::from_secs(60), five).await.expect("backups are made");
        keeping.abort();
        store.close().await.unwrap();
    }
}
