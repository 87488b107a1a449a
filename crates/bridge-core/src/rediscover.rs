//! Portals found again in their rooms, when the store that knew them is lost.
//!
//! A room says which conversation it was made for; from that its portal is made again under its old
//! name. What there is already is never changed: a hint whose room or conversation belongs to some
//! portal is left alone.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::{
    adapter::Adapter,
    command,
    core::read_head,
    error::DeliverError,
    id::{NetworkId, RoomId},
    index::Portal,
    ingest::Request,
    model::{Rediscovered, RoomHint, UserId},
    record::{Endpoint, EndpointRecord, Leg, PortalRecord, Position, portal_key},
    shared::Shared,
    store::{Batch, CommitError, Durability, StoreError, Table},
    texts,
};

/// How long a start waits for the platforms to tell what they know.
const AT_START: Duration = Duration::from_secs(20);
/// How long a command waits for them.
const BY_COMMAND: Duration = Duration::from_secs(40);
/// Between two questions to a platform that is not there yet.
const AGAIN: Duration = Duration::from_millis(250);

/// What became of the store before the core was opened on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// It is as the last process left it.
    #[default]
    Needless,
    /// There was none: a first start, or it was lost.
    NewStore,
    /// It could not be read and something older stands for it; the text says what, for admins.
    Rescued(String),
}

/// What was found again.
#[derive(Debug, Default)]
struct Found {
    again: usize,
    known: usize,
    /// Rooms whose conversation is shown in another one now.
    taken: Vec<RoomId>,
    /// Rooms that do not say enough.
    unclear: Vec<RoomId>,
    /// Platforms that did not tell, and why.
    silent: Vec<(NetworkId, String)>,
}

/// What became of one hint.
pub(crate) enum Restored {
    Again,
    Known,
    Taken,
}

/// Looks for portals in the rooms. After a rescue that is done before the accounts come to life, so that
/// nobody's first message makes a second room; a new store has no accounts, and its platforms may take
/// their time. Sources of rooms nobody knows are asked to come again meanwhile.
pub(crate) async fn at_start(shared: &Arc<Shared>, recovery: &Recovery) {
    match recovery {
        Recovery::Needless => {}
        Recovery::NewStore => {
            let shared = Arc::clone(shared);
            shared.tasks.clone().spawn(async move {
                let found = find(&shared, None).await;
                // The first start of all: there is nothing to tell.
                if found.again + found.taken.len() + found.unclear.len() > 0 {
                    let lost = texts::notice::THE_STORE_OF_BEFORE_IS_GONE;
                    report(&shared, lost, &found).await;
                }
            });
        }
        Recovery::Rescued(what) => {
            let found = find(shared, Some(AT_START)).await;
            report(shared, what, &found).await;
        }
    }
}

async fn report(shared: &Shared, what: &str, found: &Found) {
    tracing::info!(again = found.again, known = found.known, "rooms were looked through");
    if let Err(error) = command::tell_admins(shared, &format!("{what}\n{}", found.text())).await {
        tracing::warn!(%error, "admins could not be told what may be missing");
    }
}

/// Does the command; gives what is answered.
pub(crate) async fn by_command(shared: &Arc<Shared>) -> String {
    find(shared, Some(BY_COMMAND)).await.text()
}

impl Found {
    fn and(mut self, other: Self) -> Self {
        self.again += other.again;
        self.known += other.known;
        self.taken.extend(other.taken);
        self.unclear.extend(other.unclear);
        self.silent.extend(other.silent);
        self
    }

    fn text(&self) -> String {
        let list = |rooms: &[RoomId]| {
            let rooms: Vec<&str> = rooms.iter().map(RoomId::as_str).collect();
            rooms.join(", ")
        };
        let mut lines = vec![texts::notice::conversations_were_found_again(self.again, self.known)];
        if !self.taken.is_empty() {
            lines.push(texts::notice::these_rooms_show_conversations(list(&self.taken)));
        }
        if !self.unclear.is_empty() {
            lines.push(texts::notice::these_rooms_do_not_say_whose(list(&self.unclear)));
        }
        for (network, why) in &self.silent {
            lines.push(texts::notice::a_network_could_not_be_asked(network, why));
        }
        lines.join("\n")
    }
}

/// Asks all platforms, at most so long; without an end, until each has told or the core ends.
async fn find(shared: &Arc<Shared>, wait: Option<Duration>) -> Found {
    let end = wait.map(|wait| Instant::now() + wait);
    let all = shared.adapters.iter().map(|(network, adapter)| async move {
        let found = find_in(shared, network, &**adapter, end).await;
        shared.rediscovering().remove(network);
        found
    });
    let all = futures_util::future::join_all(all).await;
    all.into_iter().fold(Found::default(), Found::and)
}

async fn find_in(
    shared: &Shared,
    network: &NetworkId,
    adapter: &dyn Adapter,
    end: Option<Instant>,
) -> Found {
    let mut found = Found::default();
    let told = match ask(shared, adapter, end).await {
        Ok(told) => told,
        Err(error) => {
            found.silent.push((network.clone(), error.to_string()));
            return found;
        }
    };
    found.unclear = told.unclear;
    for hint in told.rooms {
        let room = hint.room.clone();
        match hand_in(shared, network, hint).await {
            Ok(Restored::Again) => found.again += 1,
            Ok(Restored::Known) => found.known += 1,
            Ok(Restored::Taken) => found.taken.push(room),
            Err(error) => found.silent.push((network.clone(), error.to_string())),
        }
    }
    for (user, room) in told.talks {
        if let Err(error) = remember(shared, &user, &room).await {
            tracing::warn!(%error, "a room for notices could not be noted");
        }
    }
    found
}

async fn ask(
    shared: &Shared,
    adapter: &dyn Adapter,
    end: Option<Instant>,
) -> Result<Rediscovered, DeliverError> {
    loop {
        let network = adapter.network();
        let shown: Vec<RoomId> = shared
            .index()
            .endpoints
            .keys()
            .filter_map(|endpoint| match endpoint {
                Endpoint::Room(of, room) if *of == network => Some(room.clone()),
                _ => None,
            })
            .collect();
        let error = match adapter.rediscover(&shown).await {
            Ok(told) => return Ok(told),
            Err(error) => error,
        };
        let may_pass = matches!(error, DeliverError::Retry { .. } | DeliverError::Ambiguous(_));
        let over = end.is_some_and(|end| Instant::now() >= end);
        if !may_pass || over || shared.cancel.is_cancelled() {
            return Err(error);
        }
        sleep(AGAIN).await;
    }
}

/// Has the way in, which alone makes portals, make one of a hint.
async fn hand_in(
    shared: &Shared,
    network: &NetworkId,
    hint: RoomHint,
) -> Result<Restored, StoreError> {
    let (answer, answered) = oneshot::channel();
    let request = Request::Restore { network: network.clone(), hint: Box::new(hint), answer };
    shared.ingest.send(request).await.map_err(|_| StoreError::Closed)?;
    answered.await.unwrap_or(Err(StoreError::Closed))
}

/// Makes the portal of a hint, unless any part of it belongs to one already.
pub(crate) async fn restore(
    shared: &Shared,
    network: &NetworkId,
    hint: RoomHint,
) -> Result<Restored, StoreError> {
    let RoomHint { room, portal: id, kind, name, owner, chats } = hint;
    let mut legs: Vec<Leg> = chats
        .into_iter()
        .map(|chat| Leg::Chat { login: chat.login, chat: chat.chat, peer: chat.peer })
        .collect();
    let here = Endpoint::Room(network.clone(), room.clone());
    legs.push(Leg::Room { network: network.clone(), room: Some(room), owner: Some(owner) });
    let endpoints: Vec<Endpoint> = legs.iter().filter_map(Leg::endpoint).collect();
    {
        let index = shared.index();
        if index.endpoints.get(&here) == Some(&id) {
            return Ok(Restored::Known);
        }
        let taken = endpoints.iter().any(|endpoint| index.endpoints.contains_key(endpoint));
        if taken || index.portals.contains_key(&id) {
            return Ok(Restored::Taken);
        }
    }
    let record = PortalRecord { kind, name, relay: None, legs };
    let mut batch = Batch::new();
    for endpoint in &endpoints {
        batch.expect_absent(endpoint.key());
        Table::put(&mut batch, endpoint.key(), &EndpointRecord(id))?;
    }
    batch.expect_absent(portal_key(id));
    Table::put(&mut batch, portal_key(id), &record)?;
    let head = read_head(&*shared.store, id).await?;
    match shared.store.commit(batch, Durability::Durable).await {
        Ok(()) => {
            shared.index().add(id, Portal::new(record, head));
            Ok(Restored::Again)
        }
        // It was there and closed.
        Err(CommitError::Precondition(_)) => Ok(Restored::Taken),
        Err(CommitError::Store(error)) => Err(error),
        Err(error) => Err(StoreError::Engine(error.to_string())),
    }
}

/// Notes where somebody talks to the bridge, unless that is known.
async fn remember(shared: &Shared, user: &UserId, room: &RoomId) -> Result<(), StoreError> {
    let key = command::management_key(user);
    let mut batch = Batch::new();
    batch.expect_absent(key.clone());
    Table::put(&mut batch, key, &Position(room.as_str().to_owned()))?;
    match shared.store.commit(batch, Durability::Durable).await {
        Ok(()) | Err(CommitError::Precondition(_)) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
        Err(error) => Err(StoreError::Engine(error.to_string())),
    }
}
