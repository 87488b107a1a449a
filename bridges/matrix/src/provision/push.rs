//! Telling somebody else's server how the accounts are doing, whenever that changes.
//!
//! Only what is so now is told: an account that flickers, or a server that is away for a while, costs no
//! queue.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bridge_core::{Adapter as _, Desk, id::LoginId};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::state::{BridgeState, Whole};
use crate::adapter::MatrixAdapter;

/// How long changes are gathered.
const SETTLE: Duration = Duration::from_millis(700);
/// How often it is looked whether something must be told again because its time is over.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// First and longest wait after a server did not take something.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(120));
/// How often something is tried before it waits for the next change.
const ATTEMPTS: u32 = 12;
/// How long the last word may take.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What the other server was told last.
struct Told {
    state: BridgeState,
    at: Instant,
}

/// Tells states until cancelled.
pub(crate) async fn push_states(
    adapter: Arc<MatrixAdapter>,
    desk: Desk,
    url: String,
    cancel: CancellationToken,
) {
    let teller = Teller { adapter, desk, url };
    tokio::select! {
        () = teller.tell_all() => {}
        () = cancel.cancelled() => {
            let last = BridgeState::of_the_bridge(Whole::Unreachable);
            // Whoever is not there does not hear it.
            let _ = timeout(LAST_WORD, teller.tell(&last)).await;
        }
    }
}

struct Teller {
    adapter: Arc<MatrixAdapter>,
    desk: Desk,
    url: String,
}

impl Teller {
    async fn tell_all(&self) {
        let mut changes = self.desk.changes();
        let mut told: BTreeMap<Option<LoginId>, Told> = BTreeMap::new();
        let mut failed = 0;
        let mut ready = self.adapter.ready.subscribe();
        let mut reached_once = false;
        loop {
            changes.borrow_and_update();
            let reached = *ready.borrow_and_update();
            reached_once |= reached;
            let away = if reached_once { Whole::Unreachable } else { Whole::Starting };
            let known = self.tell_news(&mut told, (!reached).then_some(away)).await;
            failed = if known { 0 } else { failed + 1 };
            let again = AGAIN.0.saturating_mul(1 << failed.clamp(1, 16)) / 2;
            let wait = match failed {
                0 | ATTEMPTS.. => LOOK_EVERY,
                _ => again.min(AGAIN.1),
            };
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    sleep(SETTLE).await;
                }
                changed = ready.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = sleep(wait) => {}
            }
        }
    }

    /// Tells what is not known yet; tells whether everything is known now. `away` is how the bridge is
    /// doing while the homeserver does not reach it.
    async fn tell_news(
        &self,
        told: &mut BTreeMap<Option<LoginId>, Told>,
        away: Option<Whole>,
    ) -> bool {
        let accounts = match self.desk.all_accounts().await {
            Ok(accounts) => accounts,
            Err(error) => {
                tracing::warn!(%error, "how the accounts are doing cannot be read");
                return false;
            }
        };
        let whole = match away {
            Some(away) => away,
            None if accounts.is_empty() => Whole::Unconfigured,
            None => Whole::Running,
        };
        let mut now = BTreeMap::from([(None, BridgeState::of_the_bridge(whole))]);
        // Who speaks to the bridge from elsewhere is nobody on this homeserver.
        let own = accounts.iter().filter(|account| account.owner.network == self.adapter.network());
        now.extend(own.map(|account| (Some(account.login.clone()), BridgeState::of(account))));
        let mut all = true;
        let gone: Vec<_> = told.keys().filter(|login| !now.contains_key(*login)).cloned().collect();
        for login in gone {
            let last = told.get(&login).map(|last| last.state.signed_out());
            match last {
                Some(state) if !self.tell(&state).await => all = false,
                _ => drop(told.remove(&login)),
            }
        }
        for (login, state) in now {
            let fresh = told.get(&login).is_some_and(|last| {
                last.state.says(&state) && last.at.elapsed().as_secs() < state.ttl
            });
            if fresh {
                continue;
            }
            if self.tell(&state).await {
                told.insert(login, Told { state, at: Instant::now() });
            } else {
                all = false;
            }
        }
        all
    }

    /// Tells one state; tells whether it was taken.
    async fn tell(&self, state: &BridgeState) -> bool {
        match self.adapter.intent.tell(&self.url, state).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "status_url does not take how an account is doing");
                false
            }
        }
    }
}
