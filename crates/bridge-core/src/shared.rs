//! What the parts of a running core share.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    adapter::Adapter,
    clock::Clock,
    comings::Comings,
    command::{Permissions, Queued, Role},
    connector::Connector,
    core::Host,
    desk::SignIns,
    echo::Echoes,
    id::{ChatId, LoginId, NetworkId, PersonaId, PortalId, Timestamp},
    index::Index,
    ingest::Request,
    leg,
    media::{Library, Spool},
    model::{Persona, RoomKind, UserId},
    notice::Notices,
    outward::Outward,
    record::{Leg, PortalRecord},
    relay::Strangers,
    roster::Roster,
    seal::SealKey,
    shown,
    signals::Signals,
    store::Store,
    supervisor::{Gates, Owner, Puppets},
};

/// How often a drain looks whether anything waits.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a core behaves.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// How long a message may wait at the head of a leg before it is reported undeliverable.
    pub max_age: Duration,
    /// How many rows may wait in one portal before its sources are asked to come again.
    pub high_water: u64,
    /// What is done about a message that may have arrived.
    pub on_ambiguous: OnAmbiguous,
    /// How long what is not needed for delivery any more is kept.
    pub retention: Retention,
    /// What becomes of an account's conversations when it is signed out, unless the person says.
    pub on_logout: OnLogout,
    /// Whether people whose words a relay carries are told so, once each.
    pub relay_notice: bool,
    /// How long a leg's task stays without work.
    pub portal_idle: Duration,
    /// The first and the longest wait between attempts.
    pub retry: (Duration, Duration),
    /// How many accounts may sign in to one server in a second.
    pub sign_ins_per_second: u32,
    /// How many accounts one person may have here.
    pub accounts_each: usize,
    /// How long a session may hear nothing at all, keep-alives included.
    pub silence: Duration,
    /// Who may use the bridge.
    pub permissions: Permissions,
    /// Where `backup` puts a copy of the store; none where there is no such place.
    pub backups: Option<PathBuf>,
    /// Where captures of sessions are put; none where there is no such place.
    pub traces: Option<PathBuf>,
    /// The program's version, for `version`.
    pub version: String,
    /// Reads the wall clock, once at the start; the core counts on from there by itself.
    pub wall_clock: fn() -> Timestamp,
}

/// What becomes of an account's conversations when it is signed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLogout {
    /// They go, with everything that is stored of them.
    Delete,
    /// They stay as they are.
    Keep,
    /// The bridge leaves their rooms; the conversations stay known, and get new rooms when the account is
    /// back.
    Leave,
}

/// What is done about a message that may have arrived, where a second one could be a double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAmbiguous {
    /// Its sender is told, and decides.
    Ask,
    /// It is sent once more, marked as a possible repetition; then its sender is told.
    Resend,
}

/// How long what is not needed for delivery any more is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What admins did in somebody's name.
    pub audit: Duration,
    /// Messages that did not arrive, so that they can be sent again; zero keeps none.
    pub failed: Duration,
    /// Names of messages: what an edit, an answer or a removal finds its message by.
    pub names: Duration,
    /// Which events were seen, against repetitions.
    pub seen: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { audit: 90 * day, failed: day, names: 90 * day, seen: 7 * day }
    }
}

impl Default for CoreConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(24 * 3600),
            high_water: 10_000,
            on_ambiguous: OnAmbiguous::Resend,
            retention: Retention::default(),
            on_logout: OnLogout::Keep,
            relay_notice: true,
            portal_idle: Duration::from_secs(15 * 60),
            retry: (Duration::from_secs(1), Duration::from_secs(60)),
            sign_ins_per_second: 20,
            accounts_each: 10,
            silence: Duration::from_secs(180),
            permissions: Permissions::default(),
            backups: None,
            traces: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            wall_clock: Timestamp::now,
        }
    }
}

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: SealKey,
    pub(crate) clock: Clock,
    pub(crate) config: CoreConfig,
    pub(crate) adapters: BTreeMap<NetworkId, Arc<dyn Adapter>>,
    pub(crate) connectors: BTreeMap<NetworkId, Arc<dyn Connector>>,
    pub(crate) host: Option<Arc<dyn Host>>,
    /// Files, where the program keeps any.
    pub(crate) media: Option<Library>,
    /// As they are now; those of the start are in the configuration.
    permissions: RwLock<Permissions>,
    pub(crate) puppets: Puppets,
    pub(crate) gates: Gates,
    pub(crate) signals: Signals,
    pub(crate) strangers: Strangers,
    pub(crate) notices: Notices,
    pub(crate) comings: Comings,
    pub(crate) roster: Roster,
    pub(crate) outward: Outward,
    pub(crate) sign_ins: SignIns,
    /// Networks whose rooms that nobody knows may be known in a moment.
    rediscovering: Mutex<BTreeSet<NetworkId>>,
    pub(crate) echoes: Echoes,
    pub(crate) ingest: mpsc::Sender<Request>,
    pub(crate) commands: mpsc::Sender<Queued>,
    /// How many drains are under way: nothing new is taken in meanwhile.
    draining: AtomicUsize,
    /// Fires when everything must end, but for what the deliveries under way need.
    pub(crate) cancel: CancellationToken,
    /// Fires after that, when the accounts must sign out.
    pub(crate) sign_out: CancellationToken,
    /// Fires after that, when nobody needs the way in any more.
    pub(crate) closed: CancellationToken,
    /// The legs' tasks; whoever stops the core waits for them first.
    pub(crate) legs: TaskTracker,
    /// All other tasks.
    pub(crate) tasks: TaskTracker,
    index: Mutex<Index>,
}

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "called once, from the one place that has them")]
    pub(crate) fn new(
        store: Arc<dyn Store>,
        key: SealKey,
        config: CoreConfig,
        adapters: BTreeMap<NetworkId, Arc<dyn Adapter>>,
        connectors: BTreeMap<NetworkId, Arc<dyn Connector>>,
        host: Option<Arc<dyn Host>>,
        media: Option<Arc<dyn Spool>>,
        ingest: mpsc::Sender<Request>,
        commands: mpsc::Sender<Queued>,
        index: Index,
    ) -> Self {
        let permissions = RwLock::new(config.permissions.clone());
        let gates = Gates::new(config.sign_ins_per_second);
        Self {
            store,
            key,
            clock: Clock::starting_at((config.wall_clock)()),
            config,
            adapters,
            connectors,
            host,
            media: media.map(Library::new),
            permissions,
            puppets: Puppets::default(),
            gates,
            signals: Signals::default(),
            strangers: Strangers::default(),
            notices: Notices::default(),
            comings: Comings::default(),
            roster: Roster::default(),
            outward: Outward::default(),
            sign_ins: SignIns::default(),
            rediscovering: Mutex::default(),
            echoes: Echoes::default(),
            ingest,
            commands,
            draining: AtomicUsize::new(0),
            cancel: CancellationToken::new(),
            sign_out: CancellationToken::new(),
            closed: CancellationToken::new(),
            legs: TaskTracker::new(),
            tasks: TaskTracker::new(),
            index: Mutex::new(index),
        }
    }

    /// Asks all sources to come again until nothing waits, or the time is over; gives how much still
    /// waits then. Cancel safe: sources are taken from again when it is dropped.
    pub(crate) async fn drain(&self, deadline: Duration) -> u64 {
        let _sources_wait = Draining::begin(&self.draining);
        let empty = async {
            while self.index().waiting() > 0 {
                sleep(LOOK_EVERY).await;
            }
        };
        // What is left then is told.
        let _ = timeout(deadline, empty).await;
        self.index().waiting()
    }

    /// Tells whether sources are asked to come again for now.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn role(&self, user: &UserId) -> Role {
        self.permissions.read().unwrap_or_else(PoisonError::into_inner).role(user)
    }

    /// Gives the role of somebody who is meant by name; see [`Permissions::role_by_name`].
    pub(crate) fn role_by_name(&self, user: &UserId) -> Role {
        self.permissions.read().unwrap_or_else(PoisonError::into_inner).role_by_name(user)
    }

    /// Lists who may do what.
    pub(crate) fn patterns(&self) -> Vec<(String, Role)> {
        self.permissions.read().unwrap_or_else(PoisonError::into_inner).patterns()
    }

    pub(crate) fn set_permissions(&self, permissions: Permissions) {
        *self.permissions.write().unwrap_or_else(PoisonError::into_inner) = permissions;
    }

    pub(crate) fn rediscovering(&self) -> MutexGuard<'_, BTreeSet<NetworkId>> {
        self.rediscovering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that each leg of a portal that is behind has a task.
    pub(crate) fn wake(self: &Arc<Self>, portal: PortalId) {
        let mut index = self.index();
        let Some(found) = index.portals.get_mut(&portal) else {
            return;
        };
        let head = found.head;
        found.rows.notify_waiters();
        for ((number, leg), now) in (0_u16..).zip(&found.record.legs).zip(&mut found.legs) {
            let behind = now.cursor < head && !matches!(leg, Leg::Closed);
            if behind && !std::mem::replace(&mut now.pumped, true) {
                let pump = leg::pump(Arc::clone(self), portal, number);
                self.legs.spawn(found.tasks.track_future(pump));
            }
        }
    }

    /// Wakes every portal that has rows waiting.
    pub(crate) fn wake_all(self: &Arc<Self>) {
        let all: Vec<PortalId> = self.index().portals.keys().copied().collect();
        for portal in all {
            self.wake(portal);
        }
    }

    /// A new portal of a chat: the chat itself, and a room for the account's owner.
    pub(crate) fn portal_of_chat(
        &self,
        login: &LoginId,
        chat: &ChatId,
        peer: Persona,
    ) -> Option<PortalRecord> {
        let Owner::Person(owner) = self.puppets.owner(login)? else {
            return None;
        };
        let facts = self.puppets.get(login).and_then(|puppet| puppet.facts_of(chat));
        let (kind, name) = facts
            .as_ref()
            .map_or((RoomKind::Direct, None), |facts| (facts.kind, facts.name.clone()));
        // The account itself spoke first, at another of its places.
        let peer = if self.echoes.is_account(login, &peer.id) {
            let other = facts.and_then(|facts| facts.people.into_iter().next());
            let id = PersonaId::new(chat.as_str());
            other.unwrap_or(Persona { network: peer.network, id, name: None })
        } else {
            peer
        };
        Some(PortalRecord {
            kind,
            name: name.map(|name| shown::name(&name)),
            relay: None,
            legs: vec![
                Leg::Chat { login: login.clone(), chat: chat.clone(), peer: shown::persona(peer) },
                Leg::Room { network: owner.network.clone(), room: None, owner: Some(owner) },
            ],
        })
    }
}

/// A drain under way.
struct Draining<'a>(&'a AtomicUsize);

impl<'a> Draining<'a> {
    fn begin(many: &'a AtomicUsize) -> Self {
        many.fetch_add(1, Ordering::Relaxed);
        Self(many)
    }
}

impl Drop for Draining<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
