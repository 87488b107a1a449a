//! Changes of portals: each whole or not at all, one after another.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::fate;
use crate::{
    id::{ChatId, LoginId, PortalId, RoomId, RowId, Timestamp},
    index::{LegNow, Portal},
    ingest::Request,
    model::RoomKind,
    record::{
        Endpoint, EndpointRecord, Leg, LegMode, LegState, LogRow, Mark, Names, PortalRecord, RowOf,
        get_row, leg_key, leg_mode_key, mark_key, names_key, portal_key, put_row, remove_row,
        row_of_key,
    },
    roster,
    shared::Shared,
    store::{Batch, CommitError, Durability, StoreError, Table},
};

/// What is changed.
pub(crate) enum Change {
    /// A leg's account becomes another, which sees the same chats.
    Account { portal: PortalId, from: LoginId, to: LoginId },
    /// A chat's leg leads to another chat of the account, which is one of several.
    Chat { portal: PortalId, login: LoginId, from: ChatId, to: ChatId },
    /// A leg is taken away; what waited for it waits no more.
    Close { portal: PortalId, leg: u16 },
    /// A portal goes: nothing reaches it from then on. Its remains are swept up after.
    Delete { portal: PortalId },
    /// A leg treats its people otherwise.
    Mode { portal: PortalId, leg: u16, relay: bool },
    /// A portal gets a further leg, which begins with what is said from now on.
    Open { portal: PortalId, leg: Leg },
    /// A message that failed is put in line again, under a new name.
    Retry { portal: PortalId, row: RowId, leg: u16 },
    /// A leg leads to another room, or to one that is made when somebody speaks. What waits goes there.
    Room { portal: PortalId, leg: u16, room: Option<RoomId> },
    /// The room that a leg waited for is made.
    RoomMade { portal: PortalId, leg: u16, room: RoomId, state: LegState },
    /// A message that waits is not to be sent.
    Withdraw { portal: PortalId, number: u64 },
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Changed {
    /// The room that a leg led to before.
    pub(crate) before: Option<Endpoint>,
    /// A portal that went.
    pub(crate) gone: Option<Portal>,
    /// Messages that waited for a leg that was closed.
    pub(crate) waited: u64,
}

/// Why nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ChangeError {
    /// There is no such portal, leg or message, or not any more.
    #[error("it is not there any more")]
    Gone,
    /// The store failed, or the bridge is stopping.
    #[error("the bridge could not store it: {0}")]
    Store(#[from] StoreError),
    /// The place belongs to another portal.
    #[error("the place belongs to another conversation already")]
    Taken(PortalId),
}

impl From<CommitError> for ChangeError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => Self::Store(error),
            error @ (CommitError::Fenced { .. } | CommitError::Precondition(_)) => {
                Self::Store(StoreError::Engine(error.to_string()))
            }
        }
    }
}

/// Has a change made, in its turn.
pub(crate) async fn change(shared: &Shared, change: Change) -> Result<Changed, ChangeError> {
    let (answer, answered) = oneshot::channel();
    let request = Request::Change { change: Box::new(change), answer };
    shared.ingest.send(request).await.map_err(|_| StoreError::Closed)?;
    answered.await.unwrap_or(Err(ChangeError::Store(StoreError::Closed)))
}

/// Makes a change; for the task that takes events in, and nobody else.
pub(crate) async fn apply(shared: &Arc<Shared>, change: Change) -> Result<Changed, ChangeError> {
    match change {
        Change::Account { portal, from, to } => change_account(shared, portal, &from, &to).await,
        Change::Chat { portal, login, from, to } => {
            change_chat(shared, portal, &login, &from, &to).await
        }
        Change::Close { portal, leg } => close(shared, portal, leg).await,
        Change::Delete { portal } => delete(shared, portal).await,
        Change::Mode { portal, leg, relay } => set_mode(shared, portal, leg, relay).await,
        Change::Open { portal, leg } => open(shared, portal, leg).await,
        Change::Retry { portal, row, leg } => retry(shared, portal, row, leg).await,
        Change::Room { portal, leg, room } => lead_to(shared, portal, leg, room).await,
        Change::RoomMade { portal, leg, room, state } => {
            note_made(shared, portal, leg, room, &state).await
        }
        Change::Withdraw { portal, number } => withdraw(shared, portal, number).await,
    }
}

fn record_of(shared: &Shared, portal: PortalId) -> Result<PortalRecord, ChangeError> {
    let index = shared.index();
    index.portals.get(&portal).map(|found| found.record.clone()).ok_or(ChangeError::Gone)
}

/// Refuses a place that another leg has.
fn free(shared: &Shared, endpoint: &Endpoint) -> Result<(), ChangeError> {
    match shared.index().endpoints.get(endpoint) {
        Some(portal) => Err(ChangeError::Taken(*portal)),
        None => Ok(()),
    }
}

async fn commit(shared: &Shared, batch: Batch) -> Result<(), ChangeError> {
    Ok(shared.store.commit(batch, Durability::Durable).await?)
}

/// Makes true in memory what is stored now, and lets the legs' tasks see it. `more` is given the number
/// below which every leg had passed every row before.
fn publish(
    shared: &Arc<Shared>,
    portal: PortalId,
    record: PortalRecord,
    more: impl FnOnce(&mut Portal, u64),
) {
    let legs = record.legs.clone();
    {
        let mut index = shared.index();
        let Some(found) = index.portals.get_mut(&portal) else {
            return;
        };
        let passed = found.passed();
        let before = std::mem::replace(&mut found.record, record);
        let now: Vec<Endpoint> = found.record.legs.iter().filter_map(Leg::endpoint).collect();
        more(found, passed);
        for endpoint in before.legs.iter().filter_map(Leg::endpoint) {
            index.endpoints.remove(&endpoint);
        }
        for endpoint in now {
            index.endpoints.insert(endpoint, portal);
        }
    }
    roster::moved(shared, &legs);
    shared.wake(portal);
}

async fn lead_to(
    shared: &Arc<Shared>,
    portal: PortalId,
    leg: u16,
    room: Option<RoomId>,
) -> Result<Changed, ChangeError> {
    let mut record = record_of(shared, portal)?;
    let found = record.legs.get_mut(usize::from(leg)).ok_or(ChangeError::Gone)?;
    let before = found.endpoint();
    let Leg::Room { room: slot, .. } = found else {
        return Err(ChangeError::Gone);
    };
    if *slot == room {
        return Ok(Changed::default());
    }
    *slot = room;
    let mode = LegMode { relay: false, since: Some(Timestamp::now()) };
    let mut batch = Batch::new();
    if let Some(endpoint) = found.endpoint() {
        free(shared, &endpoint)?;
        Table::put(&mut batch, endpoint.key(), &EndpointRecord(portal))?;
    }
    if let Some(endpoint) = &before {
        batch.remove(endpoint.key());
    }
    Table::put(&mut batch, leg_mode_key(portal, leg), &mode)?;
    Table::put(&mut batch, portal_key(portal), &record)?;
    commit(shared, batch).await?;
    publish(shared, portal, record, |found, _| {
        if let Some(now) = found.legs.get_mut(usize::from(leg)) {
            (now.left_over, now.last, now.mode) = (None, None, mode);
        }
    });
    Ok(Changed { before, ..Changed::default() })
}

async fn note_made(
    shared: &Arc<Shared>,
    portal: PortalId,
    leg: u16,
    room: RoomId,
    state: &LegState,
) -> Result<Changed, ChangeError> {
    let mut record = record_of(shared, portal)?;
    let found = record.legs.get_mut(usize::from(leg)).ok_or(ChangeError::Gone)?;
    match found {
        Leg::Room { room: slot @ None, .. } => *slot = Some(room),
        _ => return Err(ChangeError::Gone),
    }
    let mut batch = Batch::new();
    if let Some(endpoint) = found.endpoint() {
        free(shared, &endpoint)?;
        Table::put(&mut batch, endpoint.key(), &EndpointRecord(portal))?;
    }
    Table::put(&mut batch, portal_key(portal), &record)?;
    Table::put(&mut batch, leg_key(portal, leg), state)?;
    commit(shared, batch).await?;
    publish(shared, portal, record, |_, _| {});
    Ok(Changed::default())
}

async fn open(shared: &Arc<Shared>, portal: PortalId, leg: Leg) -> Result<Changed, ChangeError> {
    let mut record = record_of(shared, portal)?;
    let many = || StoreError::Engine("a conversation has too many places".to_owned());
    let number = u16::try_from(record.legs.len()).map_err(|_| many())?;
    let cursor = shared.index().portals.get(&portal).map_or(0, |found| found.head);
    let mut batch = Batch::new();
    if let Some(endpoint) = leg.endpoint() {
        free(shared, &endpoint)?;
        Table::put(&mut batch, endpoint.key(), &EndpointRecord(portal))?;
    }
    record.legs.push(leg);
    let state = LegState { cursor, ..LegState::default() };
    Table::put(&mut batch, leg_key(portal, number), &state)?;
    Table::put(&mut batch, portal_key(portal), &record)?;
    commit(shared, batch).await?;
    publish(shared, portal, record, |found, _| {
        found.legs.push(LegNow { cursor, ..LegNow::default() });
    });
    Ok(Changed::default())
}

async fn close(shared: &Arc<Shared>, portal: PortalId, leg: u16) -> Result<Changed, ChangeError> {
    let mut record = record_of(shared, portal)?;
    let found = record.legs.get_mut(usize::from(leg)).ok_or(ChangeError::Gone)?;
    if matches!(found, Leg::Closed) {
        return Err(ChangeError::Gone);
    }
    let before = found.endpoint();
    *found = Leg::Closed;
    let mut batch = Batch::new();
    if let Some(endpoint) = &before {
        batch.remove(endpoint.key());
    }
    batch.remove(leg_mode_key(portal, leg));
    Table::put(&mut batch, portal_key(portal), &record)?;
    commit(shared, batch).await?;
    let (mut let_go, mut waited) = (0..0, 0);
    publish(shared, portal, record, |found, passed| {
        let_go = passed..found.passed();
        let cursor = found.legs.get(usize::from(leg)).map_or(found.head, |now| now.cursor);
        waited = found.head.saturating_sub(cursor);
        if let Some(now) = found.legs.get_mut(usize::from(leg)) {
            now.works_on = None;
        }
    });
    let_go_of(shared, portal, let_go).await?;
    Ok(Changed { before, waited, ..Changed::default() })
}

/// Removes rows that nobody waits for any more.
async fn let_go_of(
    shared: &Shared,
    portal: PortalId,
    rows: std::ops::Range<u64>,
) -> Result<(), ChangeError> {
    let mut batch = Batch::new();
    for number in rows {
        if let Some(row) = get_row(&*shared.store, portal, number).await? {
            remove_row(&mut batch, portal, number, &row);
        }
    }
    if batch.is_empty() {
        return Ok(());
    }
    Ok(shared.store.commit(batch, Durability::Relaxed).await?)
}

/// Closes all legs in one commit; a portal without any is what deletion left, also after a crash.
async fn delete(shared: &Arc<Shared>, portal: PortalId) -> Result<Changed, ChangeError> {
    let mut record = record_of(shared, portal)?;
    let mut batch = Batch::new();
    for leg in &mut record.legs {
        if let Some(endpoint) = leg.endpoint() {
            batch.remove(endpoint.key());
        }
        *leg = Leg::Closed;
    }
    record.relay = None;
    Table::put(&mut batch, portal_key(portal), &record)?;
    commit(shared, batch).await?;
    let mut index = shared.index();
    let gone = index.portals.remove(&portal);
    if let Some(gone) = &gone {
        for endpoint in gone.record.legs.iter().filter_map(Leg::endpoint) {
            index.endpoints.remove(&endpoint);
        }
        gone.rows.notify_waiters();
    }
    drop(index);
    if let Some(gone) = &gone {
        roster::moved(shared, &gone.record.legs);
    }
    Ok(Changed { gone, ..Changed::default() })
}

async fn change_account(
    shared: &Arc<Shared>,
    portal: PortalId,
    from: &LoginId,
    to: &LoginId,
) -> Result<Changed, ChangeError> {
    let mut record = record_of(shared, portal)?;
    let mut batch = Batch::new();
    for leg in &mut record.legs {
        let before = leg.endpoint();
        let Leg::Chat { login, .. } = leg else { continue };
        if login != from {
            continue;
        }
        *login = to.clone();
        if let (Some(before), Some(now)) = (before, leg.endpoint()) {
            free(shared, &now)?;
            batch.remove(before.key());
            Table::put(&mut batch, now.key(), &EndpointRecord(portal))?;
        }
    }
    if batch.is_empty() {
        return Ok(Changed::default());
    }
    Table::put(&mut batch, portal_key(portal), &record)?;
    commit(shared, batch).await?;
    publish(shared, portal, record, |_, _| {});
    Ok(Changed::default())
}

async fn change_chat(
    shared: &Arc<Shared>,
    portal: PortalId,
    from_login: &LoginId,
    from: &ChatId,
    to: &ChatId,
) -> Result<Changed, ChangeError> {
    let mut record = record_of(shared, portal)?;
    let found = record.legs.iter_mut().find_map(|leg| match leg {
        Leg::Chat { login, chat, .. } if login == from_login && chat == from => Some(chat),
        _ => None,
    });
    *found.ok_or(ChangeError::Gone)? = to.clone();
    record.kind = RoomKind::Group;
    let before = Endpoint::Chat(from_login.clone(), from.clone());
    let now = Endpoint::Chat(from_login.clone(), to.clone());
    free(shared, &now)?;
    let mut batch = Batch::new();
    batch.remove(before.key());
    Table::put(&mut batch, now.key(), &EndpointRecord(portal))?;
    Table::put(&mut batch, portal_key(portal), &record)?;
    commit(shared, batch).await?;
    publish(shared, portal, record, |_, _| {});
    Ok(Changed::default())
}

async fn set_mode(
    shared: &Arc<Shared>,
    portal: PortalId,
    leg: u16,
    relay: bool,
) -> Result<Changed, ChangeError> {
    let now = shared.index().leg_now(portal, leg).cloned().ok_or(ChangeError::Gone)?;
    let mode = LegMode { relay, ..now.mode };
    let mut batch = Batch::new();
    Table::put(&mut batch, leg_mode_key(portal, leg), &mode)?;
    commit(shared, batch).await?;
    if let Some(now) = shared.index().leg_now(portal, leg) {
        now.mode = mode;
    }
    Ok(Changed::default())
}

async fn retry(
    shared: &Arc<Shared>,
    portal: PortalId,
    row: RowId,
    leg: u16,
) -> Result<Changed, ChangeError> {
    let record = record_of(shared, portal)?;
    if !shared.index().is_open(portal, leg) {
        return Err(ChangeError::Gone);
    }
    let kept = fate::take(&*shared.store, portal, row, leg).await?;
    let Some(fate::Kept { fate, row: old, mut removal }) = kept else {
        return Err(ChangeError::Gone);
    };
    let new = LogRow { row: RowId::new(), accepted: shared.clock.now(), only: Some(leg), ..old };
    let head = shared.index().portals.get(&portal).map_or(0, |found| found.head);
    put_row(&mut removal, portal, head, &new)?;
    if let (Some(message), Some(origin)) = (&new.event.message, new.origin) {
        removal.remove(names_key(row, origin));
        Table::put(&mut removal, names_key(new.row, origin), &Names(vec![message.clone()]))?;
        let key = row_of_key(&new.event.network, message);
        Table::put(&mut removal, key, &RowOf { portal, row: new.row })?;
    }
    let doubtful = fate.doubtful;
    if doubtful {
        Table::put(&mut removal, mark_key(portal, head), &Mark::Doubtful)?;
    }
    commit(shared, removal).await?;
    publish(shared, portal, record, |found, _| {
        found.head = head + 1;
        if doubtful {
            found.marks.insert(head, Mark::Doubtful);
        }
    });
    Ok(Changed::default())
}

async fn withdraw(
    shared: &Arc<Shared>,
    portal: PortalId,
    number: u64,
) -> Result<Changed, ChangeError> {
    let waits = |shared: &Shared| {
        let index = shared.index();
        index
            .portals
            .get(&portal)
            .is_some_and(|found| (found.passed()..found.head).contains(&number))
    };
    if !waits(shared) {
        return Err(ChangeError::Gone);
    }
    let mut batch = Batch::new();
    Table::put(&mut batch, mark_key(portal, number), &Mark::Withdrawn)?;
    commit(shared, batch).await?;
    {
        let mut index = shared.index();
        if let Some(found) = index.portals.get_mut(&portal) {
            found.marks.insert(number, Mark::Withdrawn);
            found.rows.notify_waiters();
        }
    }
    if waits(shared) {
        return Ok(Changed::default());
    }
    // The last leg passed it in this very moment.
    let mut batch = Batch::new();
    batch.remove(mark_key(portal, number));
    commit(shared, batch).await?;
    if let Some(found) = shared.index().portals.get_mut(&portal) {
        found.marks.remove(&number);
    }
    Err(ChangeError::Gone)
}
