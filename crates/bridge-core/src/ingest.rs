//! The way in: one task takes what sources hand in, stores it in one commit, then answers.
//!
//! Whatever waits while a commit is synced goes into the next one, so that many sources share a
//! sync. The task alone numbers rows and makes portals.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, oneshot};

use crate::{
    adapter::CommandOrigin,
    command::{Queued, front},
    id::{ChatId, LoginId, NetworkId, PortalId, RoomId, RowId, SourceId},
    inbox::{AcceptError, SourceCursor},
    index::Portal,
    loop_guard::{self, Verdict},
    measures::{self, Direction, Lane},
    model::{Event, EventKind, RoomHint, Scope, UserId},
    notice,
    portal::{
        self, Change, ChangeError, Changed, Newcomer,
        guests::{self, Admission},
    },
    record::{
        CommandRecord, Endpoint, EndpointRecord, LogRow, Names, PortalRecord, Position, RowOf,
        Seen, command_key, cursor_key, dedupe_key, names_key, portal_key, put_row, row_of_key,
        underway_key,
    },
    rediscover::{self, Restored},
    relay,
    shared::Shared,
    shown,
    store::{Batch, CommitError, Durability, StoreError, Table},
    supervisor::Owner,
};

/// Longest command line, in characters.
const LINE_LIMIT: usize = 800;
/// Most requests stored in one commit.
const GROUP_LIMIT: usize = 256;

/// What the task is asked.
pub(crate) enum Request {
    /// Take events in.
    Accept {
        events: Vec<Event>,
        cursor: Option<SourceCursor>,
        answer: oneshot::Sender<Result<(), AcceptError>>,
    },
    /// Store a leg's progress together with an event for another leg.
    Report {
        portal: PortalId,
        batch: Batch,
        only: u16,
        event: Box<Event>,
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Make a portal for a chat, unless it has one.
    Open {
        endpoint: Endpoint,
        record: PortalRecord,
        answer: oneshot::Sender<Result<PortalId, StoreError>>,
    },
    /// Make the portal that a room says it is of; made alone, after what came before it.
    Restore {
        network: NetworkId,
        hint: Box<RoomHint>,
        answer: oneshot::Sender<Result<Restored, StoreError>>,
    },
    /// Change a portal; made alone, after what came before it.
    Change { change: Box<Change>, answer: oneshot::Sender<Result<Changed, ChangeError>> },
}

/// Serves requests until nobody can ask any more, or nobody needs to: legs that end still report.
pub(crate) async fn run(shared: Arc<Shared>, mut requests: mpsc::Receiver<Request>) {
    let mut group = Vec::with_capacity(GROUP_LIMIT);
    let mut events = Vec::with_capacity(GROUP_LIMIT);
    loop {
        let taken = tokio::select! {
            taken = requests.recv_many(&mut group, GROUP_LIMIT) => taken,
            () = shared.closed.cancelled() => return,
        };
        if taken == 0 {
            return;
        }
        for request in group.drain(..) {
            match request {
                Request::Restore { network, hint, answer } => {
                    store(&shared, &mut events).await;
                    // Whoever asked may have given up waiting; it is made all the same.
                    drop(answer.send(rediscover::restore(&shared, &network, *hint).await));
                }
                Request::Change { change, answer } => {
                    store(&shared, &mut events).await;
                    // Whoever asked may have given up waiting; it is made all the same.
                    drop(answer.send(portal::apply(&shared, *change).await));
                }
                request => events.push(request),
            }
        }
        store(&shared, &mut events).await;
    }
}

async fn store(shared: &Arc<Shared>, group: &mut Vec<Request>) {
    if group.is_empty() {
        return;
    }
    let mut seen = HashSet::new();
    let staged = loop {
        let staged = match stage(shared, group, &seen) {
            Ok(staged) => staged,
            Err(error) => return refuse_all(group, &error),
        };
        if staged.batch.is_empty() {
            break staged;
        }
        match shared.store.commit(staged.batch.clone(), Durability::Durable).await {
            Ok(()) => break staged,
            Err(CommitError::Precondition(_)) => {
                // Some source tells again what it told before: find out what, and leave that out.
                match seen_before(shared, group).await {
                    Ok(found) if found.is_subset(&seen) => {
                        let odd = "a precondition fails without cause".to_owned();
                        return refuse_all(group, &StoreError::Engine(odd));
                    }
                    Ok(found) => seen.extend(found),
                    Err(error) => return refuse_all(group, &error),
                }
            }
            Err(CommitError::Store(error)) => {
                tracing::error!(%error, "events could not be stored");
                return refuse_all(group, &error);
            }
            Err(error @ CommitError::Fenced { .. }) => {
                tracing::error!(%error, "events could not be stored");
                return refuse_all(group, &StoreError::Engine(error.to_string()));
            }
        }
    };
    publish(shared, group, staged).await;
}

/// What one commit will change, in the store and in memory.
struct Staged {
    batch: Batch,
    heads: HashMap<PortalId, u64>,
    /// The last row of each portal, and its number.
    newest: HashMap<PortalId, (u64, Arc<LogRow>)>,
    portals: Vec<(PortalId, PortalRecord)>,
    commands: Vec<Queued>,
    /// Whether somebody is to be told something.
    notices: bool,
    /// Who wrote to an account of the bridge's own outside of its relays.
    strangers: Vec<(LoginId, ChatId)>,
    /// Portals whose words go round in circles, which admins are to be told.
    circles: Vec<PortalId>,
    /// Who is to be told what becomes of her words.
    newcomers: Vec<Newcomer>,
    /// For each request, what keeps it from being answered well, or the portal it asked for.
    outcomes: Vec<Result<Option<PortalId>, AcceptError>>,
    rows: Vec<(RowId, NetworkId, SourceId, &'static str)>,
}

impl Staged {
    /// Finds the portal of a place, made just now or before.
    fn find(&self, shared: &Shared, endpoint: &Endpoint) -> Option<(PortalId, u16)> {
        let made = self.portals.iter().find_map(|(id, record)| {
            let leg =
                record.legs.iter().position(|leg| leg.endpoint().as_ref() == Some(endpoint))?;
            Some((*id, u16::try_from(leg).ok()?))
        });
        made.or_else(|| shared.index().find(endpoint))
    }

    fn open(&mut self, endpoint: &Endpoint, record: PortalRecord) -> Result<PortalId, StoreError> {
        let id = PortalId::new();
        Table::put(&mut self.batch, portal_key(id), &record)?;
        Table::put(&mut self.batch, endpoint.key(), &EndpointRecord(id))?;
        self.heads.insert(id, 0);
        self.portals.push((id, record));
        Ok(id)
    }

    /// Adds a row at the end of a portal's log.
    fn append(&mut self, shared: &Shared, portal: PortalId, row: LogRow) -> Result<(), StoreError> {
        let head = self
            .heads
            .entry(portal)
            .or_insert_with(|| shared.index().portals.get(&portal).map_or(0, |portal| portal.head));
        put_row(&mut self.batch, portal, *head, &row)?;
        let Event { network, source, .. } = &row.event;
        let kind = measures::label_of(&row.event.kind);
        self.rows.push((row.row, network.clone(), source.clone(), kind));
        self.newest.insert(portal, (*head, Arc::new(row)));
        *head += 1;
        Ok(())
    }
}

fn stage(
    shared: &Shared,
    group: &[Request],
    seen: &HashSet<(NetworkId, SourceId)>,
) -> Result<Staged, StoreError> {
    let mut staged = Staged {
        batch: Batch::new(),
        heads: HashMap::new(),
        newest: HashMap::new(),
        portals: Vec::new(),
        commands: Vec::new(),
        notices: false,
        strangers: Vec::new(),
        circles: Vec::new(),
        newcomers: Vec::new(),
        outcomes: Vec::new(),
        rows: Vec::new(),
    };
    let mut told = HashSet::new();
    for request in group {
        let outcome = match request {
            Request::Accept { events, cursor, .. } => match admits(shared, events) {
                Ok(()) => {
                    for event in events {
                        let name = (event.network.clone(), event.source.clone());
                        if !seen.contains(&name) && told.insert(name) {
                            stage_event(shared, &mut staged, &with_fit_name(event))?;
                        }
                    }
                    if let Some(SourceCursor { network, stream, position }) = cursor {
                        let key = cursor_key(network, stream);
                        Table::put(&mut staged.batch, key, &Position(position.clone()))?;
                    }
                    Ok(None)
                }
                Err(error) => Err(error),
            },
            // Nobody is left to be told.
            Request::Report { portal, .. } if !shared.index().portals.contains_key(portal) => {
                Ok(None)
            }
            Request::Report { portal, batch, only, event, .. } => {
                staged.batch.operations.extend(batch.operations.iter().cloned());
                let row = LogRow {
                    row: RowId::new(),
                    accepted: shared.clock.now(),
                    origin: None,
                    only: Some(*only),
                    event: Event::clone(event),
                };
                staged.append(shared, *portal, row)?;
                Ok(None)
            }
            Request::Open { endpoint, record, .. } => match staged.find(shared, endpoint) {
                Some((portal, _)) => Ok(Some(portal)),
                None => Ok(Some(staged.open(endpoint, record.clone())?)),
            },
            // Made by itself, never in a group.
            Request::Restore { .. } => Ok(None),
            Request::Change { .. } => Ok(None),
        };
        staged.outcomes.push(outcome);
    }
    Ok(staged)
}

/// Tells whether there is room for a request's events and whether their logins are known.
fn admits(shared: &Shared, events: &[Event]) -> Result<(), AcceptError> {
    let index = shared.index();
    for event in events {
        let endpoint = match &event.scope {
            Scope::Chat { login, chat } => {
                if shared.puppets.owner(login).is_none() {
                    return Err(AcceptError::UnknownLogin(login.clone()));
                }
                Endpoint::Chat(login.clone(), chat.clone())
            }
            Scope::Room(room) => Endpoint::Room(event.network.clone(), room.clone()),
            Scope::Login(_) => continue,
        };
        let portal = index.endpoints.get(&endpoint).and_then(|id| index.portals.get(id));
        // It may turn out in a moment whose room this is.
        if portal.is_none()
            && matches!(event.scope, Scope::Room(_))
            && !matches!(event.kind, EventKind::Command(_))
            && shared.rediscovering().contains(&event.network)
        {
            return Err(AcceptError::Busy);
        }
        if portal.is_some_and(|portal| portal.waiting() >= shared.config.high_water) {
            return Err(AcceptError::Busy);
        }
    }
    Ok(())
}

fn stage_event(shared: &Shared, staged: &mut Staged, event: &Event) -> Result<(), StoreError> {
    let (portal, origin) = match (&event.scope, &event.kind) {
        (Scope::Room(room), EventKind::Command(line)) => {
            return take_command(shared, staged, event, room.clone(), &line.0);
        }
        (Scope::Room(room), _) => {
            let endpoint = Endpoint::Room(event.network.clone(), room.clone());
            match staged.find(shared, &endpoint) {
                Some(found) => found,
                None => {
                    tracing::debug!(network = %event.network, "an event in a room of no portal");
                    return Ok(());
                }
            }
        }
        (Scope::Chat { login, chat }, _) => {
            let endpoint = Endpoint::Chat(login.clone(), chat.clone());
            let found = staged.find(shared, &endpoint);
            if let Some(line) = front::line(shared, login, event, found.is_some()) {
                let place = front::place(login, chat);
                return take_command(shared, staged, event, place, line.expose_secret());
            }
            match found {
                Some(found) => found,
                // Neither a fate makes a conversation, nor that somebody comes or goes.
                None if matches!(
                    event.kind,
                    EventKind::Delivery { .. } | EventKind::Membership(_)
                ) =>
                {
                    return Ok(());
                }
                None => match shared.portal_of_chat(login, chat, event.sender.clone()) {
                    Some(record) => (staged.open(&endpoint, record)?, 0),
                    None => {
                        if shared.puppets.owner(login) == Some(Owner::Bridge) {
                            staged.strangers.push((login.clone(), chat.clone()));
                        }
                        return Ok(()); // or signed out meanwhile
                    }
                },
            }
        }
        (Scope::Login(login), _) => {
            staged.notices |= notice::stage(shared, &mut staged.batch, login, event)?;
            return Ok(());
        }
    };
    note_seen(shared, staged, event)?;
    if matches!(event.kind, EventKind::Delivery { .. }) {
        staged.batch.remove(underway_key(&event.network, &event.source));
    }
    let Admission { carried, tell } = guests::admit(shared, portal, origin, &event.sender);
    if let Some(told) = tell.filter(|_| event.kind.says_something()) {
        let (person, message) = (event.sender.clone(), event.message.clone());
        staged.newcomers.push(Newcomer { portal, origin, person, message, told });
    }
    if !carried {
        return Ok(());
    }
    let verdict = shared
        .index()
        .portals
        .get_mut(&portal)
        .map_or(Verdict::Take, |portal| portal.guard.judge(&event.kind, origin));
    if let Verdict::BeginToLeaveOut { tell } = verdict {
        tracing::error!(%portal, "the same words go round in circles; they are left out for a minute");
        staged.circles.extend(tell.then_some(portal));
    }
    if verdict != Verdict::Take {
        return Ok(());
    }
    let row = LogRow {
        row: RowId::new(),
        accepted: shared.clock.now(),
        origin: Some(origin),
        only: None,
        event: event.clone(),
    };
    if let Some(message) = &event.message {
        let names = Names(vec![message.clone()]);
        Table::put(&mut staged.batch, names_key(row.row, origin), &names)?;
        let key = row_of_key(&event.network, message);
        // A message that has a row already is the echo of one of ours.
        staged.batch.expect_absent(key.clone());
        Table::put(&mut staged.batch, key, &RowOf { portal, row: row.row })?;
    }
    staged.append(shared, portal, row)
}

/// Takes in a line that was said to the bridge itself.
fn take_command(
    shared: &Shared,
    staged: &mut Staged,
    event: &Event,
    room: RoomId,
    line: &str,
) -> Result<(), StoreError> {
    let row = RowId::new();
    let user = UserId { network: event.network.clone(), id: event.sender.id.clone() };
    let origin = CommandOrigin { user, room, message: event.message.clone() };
    // No command is so long; what is cut off could not be stored in one piece, and whoever sent it would
    // be asked to send it again for ever.
    let end = line.char_indices().nth(LINE_LIMIT).map_or(line.len(), |(end, _)| end);
    let line = SecretString::from(line.get(..end).unwrap_or_default());
    note_seen(shared, staged, event)?;
    stage_command(shared, staged, row, &origin, &line)?;
    staged.commands.push(Queued { row, origin, line, again: false });
    Ok(())
}

/// Makes the speaker's name fit to be shown wherever it comes to.
fn with_fit_name(event: &Event) -> Cow<'_, Event> {
    let sender = shown::persona(event.sender.clone());
    if sender == event.sender {
        Cow::Borrowed(event)
    } else {
        Cow::Owned(Event { sender, ..event.clone() })
    }
}

fn note_seen(shared: &Shared, staged: &mut Staged, event: &Event) -> Result<(), StoreError> {
    let key = dedupe_key(&event.network, &event.source);
    staged.batch.expect_absent(key.clone());
    Table::put(&mut staged.batch, key, &Seen(shared.clock.now()))
}

fn stage_command(
    shared: &Shared,
    staged: &mut Staged,
    row: RowId,
    origin: &CommandOrigin,
    line: &SecretString,
) -> Result<(), StoreError> {
    let key = command_key(row);
    let sealed = shared.key.seal(key.as_bytes(), line);
    let record = CommandRecord {
        user: origin.user.clone(),
        room: origin.room.clone(),
        message: origin.message.clone(),
        sealed: sealed.map_err(|error| StoreError::Engine(error.to_string()))?,
    };
    Table::put(&mut staged.batch, key, &record)
}

async fn seen_before(
    shared: &Shared,
    group: &[Request],
) -> Result<HashSet<(NetworkId, SourceId)>, StoreError> {
    let mut found = HashSet::new();
    for request in group {
        let Request::Accept { events, .. } = request else {
            continue;
        };
        for event in events {
            let key = notice::seen_key(event);
            let named = match &event.message {
                Some(message) => {
                    shared.store.get(&row_of_key(&event.network, message)).await?.is_some()
                }
                None => false,
            };
            if named || shared.store.get(&key).await?.is_some() {
                found.insert((event.network.clone(), event.source.clone()));
            }
        }
    }
    Ok(found)
}

/// Makes what is stored now true in memory, then answers and wakes.
async fn publish(shared: &Arc<Shared>, group: &mut Vec<Request>, mut staged: Staged) {
    {
        let mut index = shared.index();
        for (id, record) in staged.portals {
            index.add(id, Portal::new(record, 0));
        }
        for (portal, head) in &staged.heads {
            if let Some(found) = index.portals.get_mut(portal) {
                found.head = *head;
                found.newest = staged.newest.remove(portal);
            }
        }
    }
    for (row, network, source, kind) in &staged.rows {
        measures::event(network, Lane::Durable, kind, Direction::In);
        tracing::debug!(%row, %network, kind, ?source, "event accepted");
    }
    for (request, outcome) in group.drain(..).zip(staged.outcomes) {
        // Whoever asked may have given up waiting; it is stored all the same.
        match request {
            Request::Accept { answer, .. } => drop(answer.send(outcome.map(drop))),
            Request::Report { answer, .. } => drop(answer.send(Ok(()))),
            Request::Open { answer, .. } => {
                let opened = outcome.ok().flatten();
                drop(answer.send(opened.ok_or(StoreError::Closed)));
            }
            Request::Restore { answer, .. } => drop(answer.send(Err(StoreError::Closed))),
            Request::Change { answer, .. } => drop(answer.send(Err(StoreError::Closed.into()))),
        }
    }
    for newcomer in staged.newcomers {
        portal::tell(shared, newcomer);
    }
    for (login, chat) in &staged.strangers {
        relay::turn_away(shared, login, chat);
    }
    for portal in staged.circles {
        loop_guard::tell(shared, portal);
    }
    if staged.notices {
        shared.notices.wake();
    }
    for portal in staged.heads.into_keys() {
        shared.wake(portal);
    }
    for command in staged.commands {
        if shared.commands.send(command).await.is_err() {
            return; // the core ends; the command is stored
        }
    }
}

fn refuse_all(group: &mut Vec<Request>, error: &StoreError) {
    for request in group.drain(..) {
        // Whoever asked may have given up waiting.
        match request {
            Request::Accept { answer, .. } => drop(answer.send(Err(error.clone().into()))),
            Request::Report { answer, .. } => drop(answer.send(Err(error.clone()))),
            Request::Open { answer, .. } => drop(answer.send(Err(error.clone()))),
            Request::Restore { answer, .. } => drop(answer.send(Err(error.clone()))),
            Request::Change { answer, .. } => drop(answer.send(Err(error.clone().into()))),
        }
    }
}
