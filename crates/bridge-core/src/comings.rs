//! Who comes and goes, for owners who want to hear of it.
//!
//! Off unless wished. Whoever is there when the account signs in did not come, and who goes and comes
//! back within moments did neither: a link that flickers is not news.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    adapter::Reply,
    command::tell_owner,
    id::{LoginId, PersonaId},
    model::{Persona, Presence, PresenceState, UserId},
    options,
    record::{WatchRecord, watch_key},
    shared::Shared,
    shown,
    store::{StoreError, Table},
    supervisor::Owner,
    texts,
};

/// How long somebody must stay as she is to be told of.
const STEADY: Duration = Duration::from_secs(10);
/// How long after a sign-in those who are there are only noted.
const SETTLING: Duration = Duration::from_secs(30);
/// Most people kept in mind; past it new ones are not told of.
const LIMIT: usize = 50_000;

/// Who is there, as far as it was told.
#[derive(Default)]
pub(crate) struct Comings {
    now: Mutex<Now>,
    news: Notify,
}

#[derive(Default)]
struct Now {
    people: HashMap<(LoginId, PersonaId), Seen>,
    /// Until when what an account hears is how it found things.
    settled: HashMap<LoginId, Instant>,
}

struct Seen {
    name: String,
    here: bool,
    /// What her owner knows, or found at the sign-in.
    told: bool,
    since: Instant,
}

/// Somebody came or went.
struct News {
    login: LoginId,
    person: PersonaId,
    name: String,
    here: bool,
}

impl Comings {
    /// Notes that an account signed in: what it hears first is no news.
    pub(crate) fn signed_in(&self, login: &LoginId) {
        let mut now = self.now();
        now.people.retain(|(known, _), _| known != login);
        now.settled.insert(login.clone(), Instant::now() + SETTLING);
    }

    /// Notes how somebody is.
    pub(crate) fn note(&self, login: &LoginId, person: &Persona, presence: &Presence) {
        let here = presence.state != PresenceState::Offline;
        let at = Instant::now();
        let mut now = self.now();
        let settled = now.settled.get(login).is_none_or(|until| *until <= at);
        let key = (login.clone(), person.id.clone());
        if now.people.len() >= LIMIT && !now.people.contains_key(&key) {
            return;
        }
        let seen = now.people.entry(key).or_insert_with(|| Seen {
            name: String::new(),
            here: false,
            told: false,
            since: at,
        });
        seen.name = shown::name(person.shown_name());
        if !settled {
            seen.told = here;
        }
        if seen.here != here {
            (seen.here, seen.since) = (here, at);
            self.news.notify_one();
        }
    }

    /// Takes those who have been otherwise than told for long enough; gives when the next will have.
    fn take(&self) -> (Vec<News>, Option<Instant>) {
        let at = Instant::now();
        let mut due = Vec::new();
        let mut next: Option<Instant> = None;
        for ((login, person), seen) in &mut self.now().people {
            if seen.here == seen.told {
                continue;
            }
            let ripe = seen.since + STEADY;
            if ripe <= at {
                seen.told = seen.here;
                let (login, person) = (login.clone(), person.clone());
                due.push(News { login, person, name: seen.name.clone(), here: seen.here });
            } else {
                next = Some(next.map_or(ripe, |next| next.min(ripe)));
            }
        }
        (due, next)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells owners until the core ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let (due, next) = shared.comings.take();
        for News { login, person, name, here } in due {
            let Some(Owner::Person(owner)) = shared.puppets.owner(&login) else {
                continue;
            };
            match is_wished(&shared, &owner, &login, &person).await {
                Ok(true) => {
                    let text =
                        if here { texts::notice::IS_ONLINE } else { texts::notice::WENT_OFFLINE };
                    tell_owner(&shared, &owner, &Reply::Text(format!("{name} {text}."))).await;
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(?login, %error, "a wish could not be read"),
            }
        }
        let ripe = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.comings.news.notified() => {}
            () = ripe => {}
            () = shared.cancel.cancelled() => return,
        }
    }
}

/// Tells whether an owner wants to hear of somebody: what she said of her, else of all.
async fn is_wished(
    shared: &Shared,
    owner: &UserId,
    login: &LoginId,
    person: &PersonaId,
) -> Result<bool, StoreError> {
    match Table::get(&*shared.store, &watch_key(login, person)).await? {
        Some(WatchRecord(on)) => Ok(on),
        None => Ok(options::notices(shared, owner).await),
    }
}
