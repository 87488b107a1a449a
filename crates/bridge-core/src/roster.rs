//! Contact lists on their way to the platforms that show them: the latest of each, whole.
//!
//! What changes is gathered for a moment, so that a burst is one list. Each account has one list under
//! way at a time, with a second at least between two; a platform that fails is tried again later, with
//! what is true then. Messages do not pass here and wait for none of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    adapter::Adapter,
    backoff::Backoff,
    connector::Puppet,
    error::DeliverError,
    id::{LoginId, NetworkId, RoomId},
    model::{
        Contact, ContactList, CurrentMedia, Listed, OwnAccount, Presence, PresenceState, UserId,
    },
    options,
    record::{AppearanceRecord, Endpoint, Leg, LoginRecord, appearance_key, login_key},
    shared::Shared,
    shown,
    store::{StoreError, Table},
    supervisor::{LoginState, Owner},
};

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(300);
/// The least time between two lists of one account.
const GAP: Duration = Duration::from_secs(1);
/// How long an account may be away before its list is taken away: a link that flickers is not news.
const AWAY: Duration = Duration::from_secs(10);
/// How long after a sign-in the first list waits: who is there is told one by one.
const SETTLING: Duration = Duration::from_secs(2);
/// First and longest wait after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));
/// How often it is tried to take away the list of an account that is gone.
const FAREWELLS: u32 = 20;
/// How long a platform may take.
const DEADLINE: Duration = Duration::from_secs(120);
/// Most lists under way at once.
const AT_ONCE: usize = 16;

/// Lists that are to be shown; one slot for each account that has an owner, and no more.
#[derive(Default)]
pub(crate) struct Roster {
    slots: Mutex<HashMap<LoginId, Slot>>,
    news: Notify,
}

struct Slot {
    owner: UserId,
    /// Since when something is not shown that changed.
    changed: Option<Instant>,
    /// Not before this.
    wait: Instant,
    /// Until when it is left open whether the account is here or away.
    settled: Instant,
    /// Whether one is under way.
    showing: bool,
    /// Whether the account is signed out for good.
    gone: bool,
    failures: u32,
    backoff: Backoff,
}

/// A list to be shown now.
struct Due {
    login: LoginId,
    owner: UserId,
    gone: bool,
}

impl Slot {
    fn new(owner: UserId) -> Self {
        let now = Instant::now();
        Self {
            owner,
            changed: None,
            wait: now,
            settled: now,
            showing: false,
            gone: false,
            failures: 0,
            backoff: Backoff::new(RETRY.0, RETRY.1),
        }
    }

    fn due(&self) -> Option<Instant> {
        let changed = self.changed.filter(|_| !self.showing)?;
        Some((changed + GATHER).max(self.wait).max(self.settled))
    }
}

impl Roster {
    fn change(&self, login: &LoginId, owner: UserId, more: impl FnOnce(&mut Slot)) {
        let mut slots = self.slots();
        let slot = slots.entry(login.clone()).or_insert_with(|| Slot::new(owner.clone()));
        slot.owner = owner;
        slot.changed.get_or_insert_with(Instant::now);
        more(slot);
        self.news.notify_one();
    }

    /// Takes what is due, at most so many; gives when the next will be.
    fn take(&self, most: usize) -> (Vec<Due>, Option<Instant>) {
        let now = Instant::now();
        let (mut ready, mut next) = (Vec::new(), None::<Instant>);
        for (login, slot) in self.slots().iter_mut() {
            match slot.due() {
                Some(due) if due <= now && ready.len() < most => {
                    (slot.changed, slot.showing) = (None, true);
                    let (login, owner) = (login.clone(), slot.owner.clone());
                    ready.push(Due { login, owner, gone: slot.gone });
                }
                // When one of those under way is done, it is looked at again.
                Some(due) if due <= now => {}
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => {}
            }
        }
        (ready, next)
    }

    /// Notes what came of a list.
    fn done(&self, Due { login, gone, .. }: &Due, shown: Result<(), DeliverError>) {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(login) else { return };
        let now = Instant::now();
        slot.showing = false;
        let finished = match shown {
            Ok(()) => true,
            Err(DeliverError::Reject { reason, .. }) => {
                tracing::debug!(?login, ?reason, "a contact list is refused");
                true
            }
            Err(error) => {
                slot.failures += 1;
                let mut wait = slot.backoff.next_wait();
                if let DeliverError::Retry { after: Some(after), .. } = error {
                    wait = wait.max(after.min(RETRY.1));
                }
                tracing::debug!(?login, %error, ?wait, "a contact list is not shown yet");
                slot.changed.get_or_insert(now);
                slot.wait = now + wait;
                false
            }
        };
        if finished {
            slot.failures = 0;
            slot.backoff.reset();
            slot.wait = now + GAP;
        }
        // An account that came back meanwhile is not gone.
        if *gone && slot.gone && (finished || slot.failures >= FAREWELLS) {
            slots.remove(login);
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<LoginId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the network whose platform shows an account's list, if one does.
pub(crate) fn shown_by(shared: &Shared, login: &LoginId) -> Option<NetworkId> {
    owner(shared, login).map(|owner| owner.network)
}

/// The owner of an account whose platform shows lists.
fn owner(shared: &Shared, login: &LoginId) -> Option<UserId> {
    let Some(Owner::Person(owner)) = shared.puppets.owner(login) else {
        return None;
    };
    adapter(shared, &owner).is_some().then_some(owner)
}

fn adapter(shared: &Shared, owner: &UserId) -> Option<Arc<dyn Adapter>> {
    let adapter = shared.adapters.get(&owner.network)?;
    adapter.capabilities().contact_lists.then(|| Arc::clone(adapter))
}

/// Notes that something of an account's list changed.
pub(crate) fn changed(shared: &Shared, login: &LoginId) {
    if let Some(owner) = owner(shared, login) {
        shared.roster.change(login, owner, |slot| slot.gone = false);
    }
}

/// Notes that somebody wishes to see her lists otherwise.
pub(crate) fn wished(shared: &Shared, user: &UserId) {
    for (login, _) in shared.puppets.of(user) {
        changed(shared, &login);
    }
}

/// Notes that an account signed in.
pub(crate) fn came(shared: &Shared, login: &LoginId) {
    settles(shared, login, SETTLING);
}

/// Notes that an account is not connected, at the beginning or after a break.
pub(crate) fn went(shared: &Shared, login: &LoginId) {
    settles(shared, login, AWAY);
}

fn settles(shared: &Shared, login: &LoginId, time: Duration) {
    if let Some(owner) = owner(shared, login) {
        shared.roster.change(login, owner, |slot| {
            slot.gone = false;
            slot.settled = Instant::now() + time;
        });
    }
}

/// Notes that an account of somebody's is signed out for good.
pub(crate) fn gone(shared: &Shared, login: &LoginId, owner: &UserId) {
    if adapter(shared, owner).is_some() {
        shared.roster.change(login, owner.clone(), |slot| {
            slot.gone = true;
            slot.settled = Instant::now();
        });
    }
}

/// Shows lists until the core ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut under_way: JoinSet<()> = JoinSet::new();
    loop {
        let (ready, next) = shared.roster.take(AT_ONCE.saturating_sub(under_way.len()));
        for due in ready {
            let shared = Arc::clone(&shared);
            under_way.spawn(async move {
                let mut showing = Showing { shared, due, shown: None };
                let shown = timeout(DEADLINE, show(&showing.shared, &showing.due)).await;
                showing.shown = shown.ok();
            });
        }
        let ripe = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.roster.news.notified() => {}
            Some(ended) = under_way.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "showing a contact list panicked");
            },
            () = ripe => {}
            () = shared.cancel.cancelled() => return under_way.shutdown().await,
        }
    }
}

/// A list under way; what came of it is noted however it ends.
struct Showing {
    shared: Arc<Shared>,
    due: Due,
    shown: Option<Result<(), DeliverError>>,
}

impl Drop for Showing {
    fn drop(&mut self) {
        let shown = self.shown.take();
        let shown = shown.unwrap_or_else(|| Err(DeliverError::retry("it did not end in time")));
        self.shared.roster.done(&self.due, shown);
    }
}

async fn show(shared: &Shared, due: &Due) -> Result<(), DeliverError> {
    let Some(adapter) = adapter(shared, &due.owner) else {
        return Ok(());
    };
    let list = match due.gone {
        true => Some(ContactList::of(due.owner.clone(), due.login.clone())),
        false => compose(shared, &due.login, &due.owner)
            .await
            .map_err(|error| DeliverError::retry(error.to_string()))?,
    };
    match list {
        Some(list) => adapter.show_contacts(&list).await,
        None => Ok(()),
    }
}

/// Puts a list together as it is now; none when the account is not there any more.
async fn compose(
    shared: &Shared,
    login: &LoginId,
    owner: &UserId,
) -> Result<Option<ContactList>, StoreError> {
    let (Some(state), _) = shared.puppets.state(login) else {
        return Ok(None);
    };
    let Some(record) = Table::<LoginRecord>::get(&*shared.store, &login_key(login)).await? else {
        return Ok(None);
    };
    let appearance = Table::<AppearanceRecord>::get(&*shared.store, &appearance_key(login)).await?;
    let mut persona = record.persona;
    let AppearanceRecord { name, state: wished, status_text } = appearance.unwrap_or_default();
    let (by_itself, own_words) = shared.outward.shown(login);
    let (wished, status_text) = (wished.or(by_itself), status_text.or(own_words));
    persona.name = name.or(persona.name);
    let puppet = shared.puppets.online(login);
    let presence = match puppet {
        Some(_) => Presence {
            state: wished.unwrap_or(PresenceState::Online),
            status_text,
            ..Presence::default()
        },
        None => Presence::default(),
    };
    // A session that is over may not be noted as such yet.
    let state = match state {
        LoginState::Connected if puppet.is_none() => LoginState::TransientDisconnect,
        state => state,
    };
    let mut list = ContactList::of(owner.clone(), login.clone());
    list.own = Some(OwnAccount {
        persona: shown::persona(persona),
        state,
        presence: fit_presence(presence),
    });
    list.wishes = options::list_wishes(shared, owner).await;
    if let Some(puppet) = puppet {
        let groups = puppet.groups().await;
        list.groups = groups.iter().map(|group| shown::name(group)).collect();
        list.entries = entries(shared, login, owner, &*puppet).await;
    }
    Ok(Some(list))
}

async fn entries(
    shared: &Shared,
    login: &LoginId,
    owner: &UserId,
    puppet: &dyn Puppet,
) -> Vec<Listed> {
    let mut entries = Vec::new();
    for contact in puppet.contacts().await {
        let chat = puppet.chat_with(&contact.persona.id).await.ok();
        let room =
            chat.and_then(|(chat, _)| room_of(shared, owner, &Endpoint::Chat(login.clone(), chat)));
        entries.push(Listed { contact: fit(contact), room });
    }
    entries
}

/// Finds the room on somebody's platform that shows a chat: her own rather than another.
fn room_of(shared: &Shared, owner: &UserId, chat: &Endpoint) -> Option<RoomId> {
    let index = shared.index();
    let (portal, _) = index.find(chat)?;
    let legs = &index.portals.get(&portal)?.record.legs;
    let rooms = legs.iter().filter_map(|leg| match leg {
        Leg::Room { network, room: Some(room), owner: of } if *network == owner.network => {
            Some((room, of.as_ref() != Some(owner)))
        }
        _ => None,
    });
    rooms.min_by_key(|(_, others)| *others).map(|(room, _)| room.clone())
}

fn fit(contact: Contact) -> Contact {
    let Contact { persona, presence, groups, blocked } = contact;
    Contact {
        persona: shown::persona(persona),
        presence: fit_presence(presence),
        groups: groups.iter().map(|group| shown::name(group)).collect(),
        blocked,
    }
}

fn fit_presence(Presence { state, status_text, media }: Presence) -> Presence {
    let line = |text: String| Some(shown::line(&text)).filter(|text| !text.is_empty());
    Presence {
        state,
        status_text: status_text.and_then(line),
        media: media.and_then(|CurrentMedia { text, kind }| {
            Some(CurrentMedia { text: line(text)?, kind: shown::name(&kind) })
        }),
    }
}

/// Notes that a conversation has another room, or none: the lists of its accounts say so.
pub(crate) fn moved<'a>(shared: &Shared, legs: impl IntoIterator<Item = &'a Leg>) {
    for leg in legs {
        if let Leg::Chat { login, .. } = leg {
            changed(shared, login);
        }
    }
}
