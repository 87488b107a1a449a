//! Puppets and their lives: one task each, a policy for each way to end.
//!
//! Here is who is there and how each is doing; [`life`] runs the sessions, [`policy`] decides what follows
//! when one ends, [`gate`] holds back a herd, [`standing`] keeps what a restart must not forget.

mod gate;
mod life;
mod policy;
pub(crate) mod standing;
mod state;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use self::state::{LoginState, LoginStatus};
pub(crate) use self::{gate::Gates, life::supervise};
use crate::{
    connector::Puppet,
    id::ChatId,
    id::{LoginId, Timestamp},
    model::{Capabilities, UserId},
};

/// Whose an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The bridge's own, from its configuration.
    Bridge,
    /// Somebody's who signed in.
    Person(UserId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge => f.write_str("the bridge"),
            Self::Person(user) => user.fmt(f),
        }
    }
}

/// All puppets of a core.
#[derive(Default)]
pub(crate) struct Puppets {
    /// Counts whenever an account comes, goes, or does otherwise.
    changes: watch::Sender<u64>,
    entries: Mutex<BTreeMap<LoginId, Entry>>,
}

struct Entry {
    owner: Owner,
    puppet: Arc<dyn Puppet>,
    online: watch::Sender<bool>,
    cancel: CancellationToken,
    /// Ends the session, or the wait for the next.
    anew: Arc<Notify>,
    state: LoginState,
    since: Timestamp,
    reason: Option<String>,
}

impl Puppets {
    pub(crate) fn owner(&self, login: &LoginId) -> Option<Owner> {
        self.entries().get(login).map(|entry| entry.owner.clone())
    }

    pub(crate) fn capabilities(&self, login: &LoginId, chat: &ChatId) -> Option<Capabilities> {
        self.entries().get(login).map(|entry| entry.puppet.capabilities_in(chat))
    }

    /// Gives a puppet that is signed in now.
    pub(crate) fn online(&self, login: &LoginId) -> Option<Arc<dyn Puppet>> {
        let entries = self.entries();
        entries
            .get(login)
            .filter(|entry| *entry.online.borrow())
            .map(|entry| Arc::clone(&entry.puppet))
    }

    /// Gives a puppet, signed in or not.
    pub(crate) fn get(&self, login: &LoginId) -> Option<Arc<dyn Puppet>> {
        self.entries().get(login).map(|entry| Arc::clone(&entry.puppet))
    }

    /// Waits for a puppet to be signed in; none when there is no such login, or it is signed out.
    pub(crate) async fn wait_online(&self, login: &LoginId) -> Option<Arc<dyn Puppet>> {
        loop {
            let (puppet, mut online) = {
                let entries = self.entries();
                let entry = entries.get(login)?;
                (Arc::clone(&entry.puppet), entry.online.subscribe())
            };
            // The sender goes when the login is replaced or signed out: look again then.
            if online.wait_for(|online| *online).await.is_ok() {
                return Some(puppet);
            }
        }
    }

    /// Gives the puppets of one owner.
    pub(crate) fn of(&self, owner: &UserId) -> Vec<(LoginId, Arc<dyn Puppet>)> {
        let entries = self.entries();
        let own = entries
            .iter()
            .filter(|(_, entry)| matches!(&entry.owner, Owner::Person(user) if user == owner));
        own.map(|(login, entry)| (login.clone(), Arc::clone(&entry.puppet))).collect()
    }

    /// Lists the people who are signed in to some account, in order.
    pub(crate) fn owners(&self) -> Vec<UserId> {
        let entries = self.entries();
        let owners = entries.values().filter_map(|entry| match &entry.owner {
            Owner::Person(user) => Some(user.clone()),
            Owner::Bridge => None,
        });
        let mut owners: Vec<UserId> = owners.collect();
        owners.sort();
        owners.dedup();
        owners
    }

    pub(crate) fn status(&self) -> Vec<LoginStatus> {
        let entries = self.entries();
        let all = entries.iter().map(|(login, entry)| LoginStatus {
            login: login.clone(),
            owner: entry.owner.to_string(),
            state: entry.state,
            since: entry.since,
            reason: entry.reason.clone(),
        });
        all.collect()
    }

    /// Tells how an account is doing, and why.
    pub(crate) fn state(&self, login: &LoginId) -> (Option<LoginState>, Option<String>) {
        let entries = self.entries();
        let entry = entries.get(login);
        (entry.map(|entry| entry.state), entry.and_then(|entry| entry.reason.clone()))
    }

    /// Ends an account's session, so that another begins at once.
    pub(crate) fn begin_anew(&self, login: &LoginId) {
        if let Some(entry) = self.entries().get(login) {
            entry.anew.notify_one();
        }
    }

    /// Signs an account out and forgets it; its rows are reported undeliverable.
    pub(crate) fn remove(&self, login: &LoginId) -> bool {
        let removed = self.entries().remove(login);
        self.note_change();
        removed.inspect(|entry| entry.cancel.cancel()).is_some()
    }

    /// Tells how an account is doing; tells whether that is news.
    fn set(&self, login: &LoginId, state: LoginState, reason: Option<String>) -> bool {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(login) else {
            return false;
        };
        entry.reason = reason;
        let news = std::mem::replace(&mut entry.state, state) != state;
        if news {
            self.note_change();
            entry.since = Timestamp::now();
            tracing::info!(?login, ?state, "account changed");
        }
        news
    }

    /// Gives something whose value changes with every account.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn note_change(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<LoginId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
