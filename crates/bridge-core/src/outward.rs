//! How people are on their own platforms, shown by their accounts.
//!
//! A change is shown once it is ten steady seconds old. What somebody said her account shall appear as
//! (`presence`, `psm`) goes before it until she says `presence auto`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    connector::{Puppet, SelfPatch},
    error::DeliverError,
    id::LoginId,
    model::{Presence, PresenceState, Reject, UserId},
    options::{self, Gone},
    record::{AppearanceRecord, appearance_key},
    roster,
    shared::Shared,
    shown,
    store::{StoreError, Table},
    supervisor::Owner,
};

/// How long somebody must stay as she is for her accounts to show it.
const STEADY: Duration = Duration::from_secs(10);
/// How long an account may take to show it.
const DEADLINE: Duration = Duration::from_secs(30);

/// Most people shown at once.
const AT_ONCE: usize = 16;

/// How those who have accounts are, and what these show of it.
#[derive(Default)]
pub(crate) struct Outward {
    people: Mutex<People>,
    news: Notify,
}

/// Bounded by the accounts that are signed in, and those who own them.
#[derive(Default)]
struct People {
    told: HashMap<UserId, Told>,
    shown: HashMap<LoginId, Shown>,
}

struct Told {
    presence: Presence,
    /// When it is to be shown; none once it is.
    due: Option<Instant>,
}

/// What an account shows by itself, without having been told to by its owner's command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shown {
    state: Option<PresenceState>,
    words: Option<String>,
}

impl Outward {
    /// Gives how an account appears because its owner does.
    pub(crate) fn shown(&self, login: &LoginId) -> (Option<PresenceState>, Option<String>) {
        let shown = self.people().shown.get(login).cloned().unwrap_or_default();
        (shown.state, shown.words.filter(|words| !words.is_empty()))
    }

    /// Forgets an account that is signed out for good, and its owner when it was her last.
    pub(crate) fn forget(&self, login: &LoginId, last_of: Option<&UserId>) {
        let mut people = self.people();
        people.shown.remove(login);
        if let Some(owner) = last_of {
            people.told.remove(owner);
        }
    }

    /// Notes that a command says how an account shall appear.
    pub(crate) fn overridden(&self, login: &LoginId, by: &SelfPatch) {
        if let Some(shown) = self.people().shown.get_mut(login) {
            shown.state = shown.state.filter(|_| by.state.is_none());
            shown.words = shown.words.take().filter(|_| by.status_text.is_none());
        }
    }

    /// Takes those who are to be shown now and are not being shown; gives when the next will be.
    fn take(&self, busy: &HashSet<UserId>) -> (Vec<UserId>, Option<Instant>) {
        let now = Instant::now();
        let mut room = AT_ONCE.saturating_sub(busy.len());
        let (mut ready, mut next) = (Vec::new(), None::<Instant>);
        for (user, told) in &mut self.people().told {
            match told.due {
                // When one of those under way is done, it is looked at again.
                Some(due) if due <= now && (room == 0 || busy.contains(user)) => {}
                Some(due) if due <= now => {
                    (told.due, room) = (None, room - 1);
                    ready.push(user.clone());
                }
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => {}
            }
        }
        (ready, next)
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes how a user of the bridge is on her platform.
pub(crate) fn note(shared: &Shared, user: UserId, presence: Presence) {
    if shared.puppets.of(&user).is_empty() {
        return;
    }
    let words = presence.status_text.map(|text| shown::line(&text));
    let presence = Presence { status_text: words.filter(|text| !text.is_empty()), ..presence };
    let due = Some(Instant::now() + STEADY);
    let mut people = shared.outward.people();
    match people.told.get_mut(&user) {
        Some(told) if told.presence == presence => return,
        Some(told) => *told = Told { presence, due },
        None => drop(people.told.insert(user, Told { presence, due })),
    }
    drop(people);
    shared.outward.news.notify_one();
}

/// Notes that an account signed in: it shows its owner as she is.
pub(crate) fn came(shared: &Shared, login: &LoginId) {
    if let Some(Owner::Person(owner)) = shared.puppets.owner(login)
        && let Some(told) = shared.outward.people().told.get_mut(&owner)
    {
        told.due.get_or_insert_with(Instant::now);
    }
    shared.outward.news.notify_one();
}

/// Sees to it that somebody's accounts show her as she wishes now.
pub(crate) fn wished(shared: &Shared, user: &UserId) {
    if shared.puppets.of(user).is_empty() {
        return;
    }
    let mut people = shared.outward.people();
    let told = people.told.entry(user.clone()).or_insert_with(|| {
        // Nothing is known of her, which is shown as if she were there.
        let presence = Presence { state: PresenceState::Online, ..Presence::default() };
        Told { presence, due: None }
    });
    told.due = Some(Instant::now());
    drop(people);
    shared.outward.news.notify_one();
}

/// Shows people until the core ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut busy = HashSet::new();
    let mut showing = JoinSet::new();
    loop {
        let (ready, next) = shared.outward.take(&busy);
        for user in ready {
            busy.insert(user.clone());
            let shared = Arc::clone(&shared);
            showing.spawn(async move {
                for (login, puppet) in shared.puppets.of(&user) {
                    show(&shared, &user, &login, &*puppet).await;
                }
                user
            });
        }
        let ripe = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.outward.news.notified() => {}
            Some(done) = showing.join_next() => match done {
                Ok(user) => drop(busy.remove(&user)),
                // Who it was is not known any more; she would be left out for ever.
                Err(error) => {
                    tracing::error!(%error, "showing how somebody is panicked");
                    if showing.is_empty() {
                        busy.clear();
                    }
                }
            },
            () = ripe => {}
            () = shared.cancel.cancelled() => return showing.shutdown().await,
        }
    }
}

async fn show(shared: &Shared, user: &UserId, login: &LoginId, puppet: &dyn Puppet) {
    let wanted = match wanted(shared, user, login).await {
        Ok(wanted) => wanted,
        Err(error) => {
            return tracing::warn!(?login, %error, "how an account shall appear is not known");
        }
    };
    let before = shared.outward.people().shown.get(login).cloned().unwrap_or_default();
    let patch = SelfPatch {
        state: wanted.state.filter(|state| before.state != Some(*state)),
        status_text: wanted.words.clone().filter(|words| before.words.as_ref() != Some(words)),
        ..SelfPatch::default()
    };
    if patch == SelfPatch::default() {
        return;
    }
    let set = timeout(DEADLINE, puppet.set_self(patch)).await;
    match set.unwrap_or_else(|_| Err(DeliverError::retry("it took too long"))) {
        // One that is away takes note of it.
        Ok(()) | Err(DeliverError::Reject { reason: Reject::Offline, .. }) => {
            shared.outward.people().shown.insert(login.clone(), wanted);
            roster::changed(shared, login);
        }
        Err(error) => {
            tracing::debug!(?login, %error, "an account does not appear as its owner does")
        }
    }
}

/// Finds out how an account shall appear by itself; none is as it is.
async fn wanted(shared: &Shared, user: &UserId, login: &LoginId) -> Result<Shown, StoreError> {
    let by_command: AppearanceRecord =
        Table::get(&*shared.store, &appearance_key(login)).await?.unwrap_or_default();
    let told = shared.outward.people().told.get(user).map(|told| told.presence.clone());
    let told = told.unwrap_or_default();
    let before = shared.outward.people().shown.get(login).cloned().unwrap_or_default();
    let (state, words) = match options::shows_herself(shared, user).await {
        Some(gone) => (Some(seen_as(told.state, gone)), told.status_text),
        // What was shown is taken back; where nothing was, there is nothing to take.
        None => (before.state.map(|_| PresenceState::Online), None),
    };
    // Words that she has not said are not taken away: they may be from somewhere else.
    let had_words = before.words.is_some_and(|words| !words.is_empty());
    let words = words.or_else(|| had_words.then(String::new));
    Ok(Shown {
        state: state.filter(|_| by_command.state.is_none()),
        words: words.filter(|_| by_command.status_text.is_none()),
    })
}

fn seen_as(state: PresenceState, gone: Gone) -> PresenceState {
    match (state, gone) {
        (PresenceState::Offline, Gone::Away) => PresenceState::Away,
        (PresenceState::Offline, Gone::Hidden) => PresenceState::Offline,
        (PresenceState::Offline, Gone::Online) => PresenceState::Online,
        (state, _) => state,
    }
}
