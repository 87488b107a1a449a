//! Relays: conversations that belong to nobody but the bridge. The operator names them in the
//! configuration: chats of the bridge's own accounts, and rooms that exist already.
//!
//! Before anything starts, what the configuration says now is compared with the portals of before:
//! legs and portals that went are closed, new ones begin with what is said from now on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    id::{ChatId, LoginId, NetworkId, PortalId, RoomId},
    index::{Index, LegNow, Portal},
    model::{Content, Delivery, EventKind, Persona, RoomKind},
    portal::delete::{commit, sweep},
    record::{
        EndpointRecord, Leg, LegState, PortalRecord, get_row, leg_key, portal_key, remove_row,
    },
    shared::Shared,
    store::{Batch, Store, StoreError, Table},
    texts,
};

/// How often a stranger is told that nobody reads her.
const STRANGER_EVERY: Duration = Duration::from_secs(3600);
/// Most strangers remembered.
const STRANGERS_LIMIT: usize = 1000;

/// Chats of the bridge's own accounts and rooms that see each other's messages.
#[derive(Clone, Debug)]
pub struct Relay {
    /// What the configuration calls it; its portal is found again by this name.
    pub name: String,
    /// Conversations of the bridge's own accounts, and who is at their other end.
    pub chats: Vec<(LoginId, ChatId, Persona)>,
    /// Rooms, each with its network.
    pub rooms: Vec<(NetworkId, RoomId)>,
}

impl Relay {
    fn legs(&self) -> Vec<Leg> {
        let chats = self.chats.iter().cloned();
        let chats = chats.map(|(login, chat, peer)| Leg::Chat { login, chat, peer });
        let rooms = self.rooms.iter().cloned();
        let rooms =
            rooms.map(|(network, room)| Leg::Room { network, room: Some(room), owner: None });
        chats.chain(rooms).collect()
    }
}

/// Makes the portals what the configuration says.
pub(crate) async fn reconcile(
    store: &dyn Store,
    index: &mut Index,
    relays: &[Relay],
) -> Result<(), StoreError> {
    let before = index.portals.iter();
    let before: HashMap<String, PortalId> =
        before.filter_map(|(id, portal)| Some((portal.record.relay.clone()?, *id))).collect();
    for (name, portal) in &before {
        match relays.iter().find(|relay| relay.name == *name) {
            Some(relay) => close_legs(store, index, *portal, &relay.legs()).await?,
            None => remove(store, index, *portal, name).await?,
        }
    }
    for relay in relays {
        open_legs(store, index, before.get(&relay.name).copied(), relay).await?;
    }
    Ok(())
}

/// Closes the legs of a portal that are not wanted any more, and lets go of what only they waited for.
async fn close_legs(
    store: &dyn Store,
    index: &mut Index,
    id: PortalId,
    wanted: &[Leg],
) -> Result<(), StoreError> {
    let Some(portal) = index.portals.get_mut(&id) else {
        return Ok(());
    };
    let passed = portal.passed();
    let mut batch = Batch::new();
    let mut gone = Vec::new();
    for leg in &mut portal.record.legs {
        let Some(endpoint) = leg.endpoint() else {
            continue;
        };
        if !wanted.iter().any(|other| other.endpoint().as_ref() == Some(&endpoint)) {
            *leg = Leg::Closed;
            batch.remove(endpoint.key());
            gone.push(endpoint);
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    Table::put(&mut batch, portal_key(id), &portal.record)?;
    for number in passed..portal.passed() {
        if let Some(row) = get_row(store, id, number).await? {
            remove_row(&mut batch, id, number, &row);
        }
    }
    commit(store, batch).await?;
    for endpoint in gone {
        index.endpoints.remove(&endpoint);
    }
    Ok(())
}

/// Opens the legs of a relay that are not there yet.
async fn open_legs(
    store: &dyn Store,
    index: &mut Index,
    before: Option<PortalId>,
    relay: &Relay,
) -> Result<(), StoreError> {
    let id = before.unwrap_or_else(PortalId::new);
    let mut new = Vec::new();
    for leg in relay.legs() {
        let Some(endpoint) = leg.endpoint() else {
            continue;
        };
        match index.endpoints.get(&endpoint) {
            Some(owner) if *owner == id => {}
            Some(_) => tracing::error!(
                relay = %relay.name,
                ?endpoint,
                "this place shows another conversation already and is left out",
            ),
            None => new.push((endpoint, leg)),
        }
    }
    let fresh = || PortalRecord {
        kind: RoomKind::Group,
        name: Some(relay.name.clone()),
        relay: Some(relay.name.clone()),
        legs: Vec::new(),
    };
    let portal = index.portals.entry(id).or_insert_with(|| Portal::new(fresh(), 0));
    let mut batch = Batch::new();
    for (endpoint, leg) in new {
        let number = u16::try_from(portal.legs.len())
            .map_err(|_| StoreError::Engine("a relay has too many places".to_owned()))?;
        let state = LegState { cursor: portal.head, ..LegState::default() };
        Table::put(&mut batch, leg_key(id, number), &state)?;
        Table::put(&mut batch, endpoint.key(), &EndpointRecord(id))?;
        portal.record.legs.push(leg);
        portal.legs.push(LegNow { cursor: portal.head, ..LegNow::default() });
        index.endpoints.insert(endpoint, id);
    }
    if batch.is_empty() {
        return Ok(());
    }
    Table::put(&mut batch, portal_key(id), &portal.record)?;
    commit(store, batch).await
}

/// Forgets a portal whose relay is not in the configuration any more.
async fn remove(
    store: &dyn Store,
    index: &mut Index,
    id: PortalId,
    name: &str,
) -> Result<(), StoreError> {
    let Some(portal) = index.portals.remove(&id) else {
        return Ok(());
    };
    let waiting = portal.waiting();
    if waiting > 0 {
        tracing::warn!(relay = name, waiting, "a relay was taken out with messages still waiting");
    }
    for endpoint in portal.record.legs.iter().filter_map(Leg::endpoint) {
        let mut batch = Batch::new();
        batch.remove(endpoint.key());
        commit(store, batch).await?;
        index.endpoints.remove(&endpoint);
    }
    sweep(store, id).await
}

/// Who wrote to an account of the bridge's own outside of its relays, and when she was told.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<HashMap<(LoginId, ChatId), Instant>>);

impl Strangers {
    /// Tells whether it is time to tell her (again).
    fn is_due(&self, login: &LoginId, chat: &ChatId) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| at.elapsed() < STRANGER_EVERY);
        let place = (login.clone(), chat.clone());
        if told.len() >= STRANGERS_LIMIT || told.contains_key(&place) {
            return false;
        }
        told.insert(place, Instant::now());
        true
    }
}

/// Tells a stranger that nobody reads what she wrote.
pub(crate) fn turn_away(shared: &Arc<Shared>, login: &LoginId, chat: &ChatId) {
    let Some(puppet) = shared.puppets.online(login) else {
        return;
    };
    if !shared.strangers.is_due(login, chat) {
        return;
    }
    tracing::info!(
        ?login,
        "somebody writes to an account of the bridge's own outside of its relays"
    );
    let (login, chat) = (login.clone(), chat.clone());
    shared.tasks.spawn(async move {
        let kind = EventKind::Message(Content::plain(texts::notice::NOBODY_READS_YOU));
        let item = Delivery::of_the_bridge(login, chat.clone(), kind);
        if let Err(error) = puppet.deliver(&chat, &item).await {
            tracing::debug!(%error, "a stranger was not told");
        }
    });
}
