//! The whole: opened on a store, started, asked, stopped.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde::Serialize;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    adapter::{Adapter, AdapterContext, AdapterExit, Reply},
    comings,
    command::{self, Caller, Permissions, Role},
    connector::{Connector, Puppet},
    desk::Desk,
    id::{NetworkId, PortalId},
    inbox::Inbox,
    index::{Index, Portal},
    ingest, logins, measures,
    media::Spool,
    notice, outward, portal,
    record::{Leg, LegState, PortalRecord, leg_key},
    rediscover::{self, Recovery},
    relay::{self, Relay},
    roster,
    seal::SealKey,
    shared::{CoreConfig, Shared},
    signals,
    store::{KeyBuilder, Namespace, Store, StoreError, Table, TableId, scan_all},
    supervisor::{LoginState, LoginStatus, Owner, standing, supervise},
    tidy, underway,
};

/// What the accounts have to sign out when the deliveries took all the time there was.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// A bridge's heart.
pub struct Core {
    shared: Arc<Shared>,
    inputs: Option<Inputs>,
    accounts: Vec<Arc<dyn Puppet>>,
    recovery: Recovery,
    ingest: Option<JoinHandle<()>>,
    failed: watch::Sender<Option<AdapterExit>>,
    /// Platforms whose side cannot work any more, and why.
    ended: Arc<Mutex<BTreeMap<NetworkId, String>>>,
}

struct Inputs {
    requests: mpsc::Receiver<ingest::Request>,
    commands: mpsc::Receiver<command::Queued>,
}

/// What a core joins: its networks, and what the configuration gives it to do by itself.
#[derive(Default)]
pub struct Parts {
    /// Platforms that show rooms.
    pub adapters: Vec<Arc<dyn Adapter>>,
    /// Networks people sign in to.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// The bridge's own accounts.
    pub accounts: Vec<Arc<dyn Puppet>>,
    /// Conversations of those accounts.
    pub relays: Vec<Relay>,
    /// Where files rest; without one no files cross.
    pub media: Option<Arc<dyn Spool>>,
    /// The program around the core, for commands that concern it.
    pub host: Option<Arc<dyn Host>>,
    /// What became of the store before.
    pub recovery: Recovery,
}

/// The program around a core.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Reads the configuration again; says what changed and what needs a restart.
    async fn reload(&self) -> String;

    /// Says more or less in the log from now on, or for a time; says what came of it.
    fn set_log_filter(&self, filter: &str, time: Option<Duration>) -> String;

    /// Reads one of the store's backups, by its file's name or the newest, to its end; says whether it
    /// is good.
    async fn verify_backup(&self, file: Option<&str>) -> String;

    /// Begins to stop, in order.
    fn shut_down(&self);
}

/// How a bridge is doing.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its accounts.
    pub logins: Vec<LoginStatus>,
    /// How many conversations it knows.
    pub portals: usize,
    /// How many accepted events wait for some leg.
    pub waiting_rows: u64,
}

impl Core {
    /// Reads what a former process left in the store, and makes the relays what they are to be now.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written.
    pub async fn open(
        store: Arc<dyn Store>,
        key: SealKey,
        config: CoreConfig,
        parts: Parts,
    ) -> Result<Self, StoreError> {
        // Sources that find it full wait with their own work: back-pressure begins here.
        let (ingest, requests) = mpsc::channel(1024);
        // Commands are stored already; past this the way in waits for answers.
        let (queue, commands) = mpsc::channel(1024);
        let mut index = read_index(&*store).await?;
        relay::reconcile(&*store, &mut index, &parts.relays).await?;
        let Parts { adapters, connectors, accounts, relays: _, media, host, recovery } = parts;
        let adapters: BTreeMap<_, _> =
            adapters.into_iter().map(|adapter| (adapter.network(), adapter)).collect();
        let connectors: BTreeMap<_, _> =
            connectors.into_iter().map(|connector| (connector.network(), connector)).collect();
        let shared = Shared::new(
            store, key, config, adapters, connectors, host, media, ingest, queue, index,
        );
        if recovery != Recovery::Needless {
            shared.rediscovering().extend(shared.adapters.keys().cloned());
        }
        Ok(Self {
            shared: Arc::new(shared),
            recovery,
            inputs: Some(Inputs { requests, commands }),
            accounts,
            ingest: None,
            failed: watch::channel(None).0,
            ended: Arc::default(),
        })
    }

    /// Starts everything: the way in, adapters, puppets, what was waiting.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn start(&mut self) -> Result<(), StoreError> {
        let Some(inputs) = self.inputs.take() else {
            return Ok(());
        };
        let shared = &self.shared;
        self.ingest = Some(tokio::spawn(ingest::run(Arc::clone(shared), inputs.requests)));
        shared.tasks.spawn(command::run(Arc::clone(shared), inputs.commands));
        shared.tasks.spawn(signals::run(Arc::clone(shared)));
        shared.tasks.spawn(notice::run(Arc::clone(shared)));
        shared.tasks.spawn(comings::run(Arc::clone(shared)));
        shared.tasks.spawn(roster::run(Arc::clone(shared)));
        shared.tasks.spawn(outward::run(Arc::clone(shared)));
        shared.tasks.spawn(tidy::run(Arc::clone(shared)));
        let alive = Arc::new(AtomicUsize::new(shared.adapters.len()));
        for adapter in shared.adapters.values() {
            let cx = AdapterContext {
                inbox: Arc::new(Arc::clone(shared)),
                cancel: shared.cancel.child_token(),
                store: Namespace::new(Arc::clone(&shared.store), adapter.network())
                    .with_key(shared.key.clone()),
            };
            let (adapter, failed) = (Arc::clone(adapter), self.failed.clone());
            let (network, alive) = (adapter.network(), Arc::clone(&alive));
            let ended = Arc::clone(&self.ended);
            shared.tasks.spawn(async move {
                let exit = match tokio::spawn(adapter.run(cx)).await {
                    Ok(AdapterExit::Cancelled) => return,
                    Ok(AdapterExit::Failed(reason)) => {
                        AdapterExit::Failed(format!("{network}: {reason}"))
                    }
                    Ok(AdapterExit::Refused(reason)) => {
                        AdapterExit::Refused(format!("{network}: {reason}"))
                    }
                    Err(error) => AdapterExit::Failed(format!("{network}: it panicked: {error}")),
                };
                tracing::error!(?exit, "a network's side cannot work");
                if let AdapterExit::Failed(reason) | AdapterExit::Refused(reason) = &exit {
                    let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                    ended.insert(network, reason.clone());
                }
                // The others go on; the bridge has failed when none is left.
                if alive.fetch_sub(1, Ordering::Relaxed) == 1 {
                    failed.send_replace(Some(exit));
                }
            });
        }
        rediscover::at_start(shared, &self.recovery).await;
        for account in self.accounts.drain(..) {
            let standing = standing::load(&*shared.store, account.login()).await?;
            supervise(shared, Owner::Bridge, account, standing);
        }
        let left = underway::left(shared).await?;
        logins::load_all(shared).await?;
        underway::tell(shared, left).await?;
        command::resume(shared).await?;
        shared.wake_all();
        Ok(())
    }

    /// Gives the way in, for sources that are no adapters and for tests.
    pub fn inbox(&self) -> Arc<dyn Inbox> {
        Arc::new(Arc::clone(&self.shared))
    }

    /// Gives the place where programs do things for people.
    pub fn desk(&self) -> Desk {
        Desk::new(Arc::clone(&self.shared))
    }

    /// Does an operator's command.
    pub async fn execute(&self, line: &str) -> Reply {
        let caller = Caller { shared: &self.shared, user: None, role: Role::Admin, origin: None };
        command::execute(&caller, line).await
    }

    /// Tells how the bridge is doing.
    pub fn status(&self) -> Status {
        let index = self.shared.index();
        Status {
            version: self.shared.config.version.clone(),
            logins: self.shared.puppets.status(),
            portals: index.portals.len(),
            waiting_rows: index.waiting(),
        }
    }

    /// Tells of each platform whether it is reached now.
    pub fn networks(&self) -> BTreeMap<NetworkId, bool> {
        let adapters = self.shared.adapters.iter();
        adapters.map(|(network, adapter)| (network.clone(), adapter.is_ready())).collect()
    }

    /// Tells whether the store answers in time.
    pub async fn store_answers(&self, deadline: Duration) -> bool {
        matches!(timeout(deadline, self.shared.store.stats()).await, Ok(Ok(_)))
    }

    /// Changes who may use the bridge.
    pub fn set_permissions(&self, permissions: Permissions) {
        self.shared.set_permissions(permissions);
    }

    /// Sets the measures that are looked up when somebody asks for them.
    pub async fn measure(&self) {
        let status = self.status();
        let number = |many: usize| f64::from(u32::try_from(many).unwrap_or(u32::MAX));
        let big = |many: u64| f64::from(u32::try_from(many).unwrap_or(u32::MAX));
        metrics::gauge!(measures::PORTALS).set(number(status.portals));
        let (mut waiting, oldest) = {
            let index = self.shared.index();
            (index.waiting_for(), index.oldest())
        };
        // A network for which nothing waits any more says so.
        for network in self.shared.adapters.keys().chain(self.shared.connectors.keys()) {
            waiting.entry(network.clone()).or_default();
        }
        for (network, rows) in waiting {
            let gauge = metrics::gauge!(measures::WAITING, "leg_network" => network.to_string());
            gauge.set(big(rows));
        }
        let oldest = oldest.map_or(0, |at| self.shared.clock.age(at));
        metrics::gauge!(measures::OLDEST).set(Duration::from_millis(oldest).as_secs_f64());
        for state in LoginState::ALL {
            let many = status.logins.iter().filter(|login| login.state == state).count();
            metrics::gauge!(measures::PUPPETS, "state" => state.label()).set(number(many));
        }
        if let Some(library) = &self.shared.media {
            metrics::gauge!(measures::SPOOL).set(big(library.spool.size() / 1024) * 1024.0);
        }
        if let Ok(stats) = self.shared.store.stats().await {
            // Kibibytes fit where bytes may not.
            metrics::gauge!(measures::DISK).set(big(stats.disk_bytes / 1024) * 1024.0);
            metrics::counter!(measures::COMMITS).absolute(stats.commits);
            metrics::counter!(measures::SYNCS).absolute(stats.syncs);
        }
    }

    /// Names the conversations, oldest first.
    pub fn portals(&self) -> Vec<PortalId> {
        let mut portals: Vec<PortalId> = self.shared.index().portals.keys().copied().collect();
        portals.sort();
        portals
    }

    /// Waits until no adapter can work any more, and tells why the last cannot.
    pub async fn failed(&self) -> AdapterExit {
        let mut failed = self.failed.subscribe();
        let found = failed.wait_for(Option::is_some).await;
        found.ok().and_then(|exit| exit.clone()).unwrap_or(AdapterExit::Cancelled)
    }

    /// Asks all sources to come again until nothing waits for delivery, at most so long; tells whether
    /// that came about. Afterwards sources are taken from again.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.shared.drain(deadline).await == 0
    }

    /// Says what keeps the bridge from being ready, each in words; nothing when it is.
    pub fn troubles(&self) -> Vec<String> {
        let ended = self.ended();
        let away = self.shared.adapters.iter().filter(|(_, adapter)| !adapter.is_ready());
        let away = away.map(|(network, _)| match ended.get(network) {
            Some(reason) => reason.clone(),
            None => format!("{network}: it is not reached; the log says more"),
        });
        let drained = self.shared.is_draining().then(|| "it is drained before a stop".to_owned());
        away.chain(drained).collect()
    }

    fn ended(&self) -> MutexGuard<'_, BTreeMap<NetworkId, String>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends everything in order: sources, deliveries under way, accounts, the way in. What is accepted
    /// stays in the store, which stays open.
    pub async fn stop(self, deadline: Duration) {
        let end = Instant::now() + deadline;
        // Sources end now; a delivery under way ends by itself, and its account is still there for it.
        self.shared.cancel.cancel();
        self.shared.legs.close();
        if timeout_at(end, self.shared.legs.wait()).await.is_err() {
            tracing::warn!("some deliveries did not end in time");
        }
        // What the accounts hear until they are gone is still taken in.
        self.shared.sign_out.cancel();
        self.shared.tasks.close();
        let last = end.max(Instant::now() + LAST_GRACE);
        if timeout_at(last, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("some tasks did not end in time");
        }
        self.shared.closed.cancel();
        if let Some(ingest) = self.ingest {
            // A panic there has been reported by the runtime; there is nothing left to end.
            let _ = ingest.await;
        }
    }
}

/// Reads all portals, how far their legs are, and where their logs end.
///
/// Waiting rows are not read, however many there are: each log is asked for its last key only.
async fn read_index(store: &dyn Store) -> Result<Index, StoreError> {
    let mut index = Index::default();
    let mut states = HashMap::new();
    for (key, value) in scan_all(store, KeyBuilder::new(TableId::Leg).prefix()).await? {
        states.insert(key, Table::<LegState>::decode(&value)?);
    }
    for (key, value) in scan_all(store, KeyBuilder::new(TableId::Portal).prefix()).await? {
        let Some(id) = portal_of(key.as_bytes()) else {
            continue;
        };
        let record = Table::<PortalRecord>::decode(&value)?;
        if record.relay.is_none() && record.legs.iter().all(|leg| matches!(leg, Leg::Closed)) {
            index.remains.push(id);
            continue;
        }
        let mut portal = Portal::new(record, read_head(store, id).await?);
        for (number, now) in (0..).zip(&mut portal.legs) {
            let state = states.remove(&leg_key(id, number)).unwrap_or_default();
            (now.cursor, now.left_over, now.last) = (state.cursor, state.in_flight, state.last);
        }
        let furthest = portal.legs.iter().map(|leg| leg.cursor).max().unwrap_or_default();
        portal.head = portal.head.max(furthest);
        index.add(id, portal);
    }
    portal::recall(store, &mut index).await?;
    Ok(index)
}

/// Finds the number after the last row of a log.
pub(crate) async fn read_head(store: &dyn Store, id: PortalId) -> Result<u64, StoreError> {
    let log = KeyBuilder::new(TableId::PortalLog).portal(id).prefix();
    let last = store.last_key(log).await?;
    let number = last.as_ref().and_then(|key| key.as_bytes().get(17..));
    let number = number.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    Ok(number.map_or(0, |number| u64::from_be_bytes(number) + 1))
}

fn portal_of(key: &[u8]) -> Option<PortalId> {
    key.get(1..17).and_then(|bytes| uuid::Uuid::from_slice(bytes).ok()).map(PortalId)
}
