//! One leg of a portal: a task that passes the portal's rows to one place, in order.
//!
//! A leg in trouble holds up only itself. It leaves a row behind when the place took it, or when it
//! was reported back to where it came from.

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use tracing::Instrument as _;

use self::carry::Carried;
use crate::{
    backoff::Backoff,
    downgrade::{Voice, downgrade},
    error::DeliverError,
    id::{IdempotencyKey, MessageId, PersonaId, PortalId, RoomId, SourceId, Timestamp},
    ingest::Request,
    measures::{self, Direction, Lane},
    model::{
        Attachment, Capabilities, Delivery, DeliveryState, Event, EventKind, Persona, Receipt,
        Reject, RoomChat, RoomSpec, Scope, UserId,
    },
    record::{
        Endpoint, EndpointRecord, InFlight, Leg, LegState, LogRow, Names, RowOf, get_row, leg_key,
        names_key, portal_key, remove_row, row_of_key,
    },
    shared::Shared,
    store::{Batch, CommitError, Durability, StoreError, Table},
    supervisor::Owner,
};

mod carry;

/// How long one delivery may take before it counts as ambiguous: places have shorter ones.
const DELIVERY_DEADLINE: Duration = Duration::from_secs(120);

/// Slowest way a file may take beside that, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// What somebody is told whose file goes where no files go.
const NAME_ONLY: &str = "Only the file's name arrived: files do not cross to there. The bridge's \
                         operator can set media.public_url; then an address does.";

/// How often a message of unknown fate is sent again.
const MAX_DOUBTS: u32 = 1;

/// Passes rows until there are none for a while, or the core ends: then between two rows, so that what
/// was delivered is noted.
pub(crate) async fn pump(shared: Arc<Shared>, portal: PortalId, leg: u16) {
    let span = tracing::error_span!("portal", id = %portal);
    Pump::new(shared, portal, leg).run().instrument(span).await;
}

/// Makes the rooms of a portal, before anybody speaks, and invites their owners.
pub(crate) async fn open_rooms(shared: &Arc<Shared>, portal: PortalId) -> Result<(), DeliverError> {
    let legs = shared.index().portals.get(&portal).map(|portal| portal.record.legs.clone());
    for (number, leg) in (0..).zip(legs.unwrap_or_default()) {
        let Leg::Room { network, room, owner: Some(owner) } = leg else {
            continue;
        };
        let adapter = shared.adapters.get(&network).cloned();
        let adapter =
            adapter.ok_or_else(|| DeliverError::Gone("the network is switched off".into()))?;
        match room {
            Some(room) => adapter.invite(&room, &owner).await?,
            None => {
                let mut pump = Pump::new(Arc::clone(shared), portal, number);
                pump.make_room(&*adapter, &owner).await?;
            }
        }
    }
    Ok(())
}

struct Pump {
    shared: Arc<Shared>,
    portal: PortalId,
    leg: u16,
    cursor: u64,
    /// What a former process left under way, until it is dealt with.
    left_over: Option<InFlight>,
    /// The last message the leg's network named.
    last: Option<MessageId>,
    backoff: Backoff,
}

/// What became of an attempt.
enum Passed {
    /// The place has it.
    Delivered(Receipt),
    /// It will not get it.
    Failed(Reject, String),
    /// The core ends; it is tried again by the next process.
    Stopped,
    /// It may have it.
    Unknown(String),
}

impl Pump {
    fn new(shared: Arc<Shared>, portal: PortalId, leg: u16) -> Self {
        let now = shared.index().leg_now(portal, leg).cloned().unwrap_or_default();
        let (least, longest) = shared.config.retry;
        Self {
            shared,
            portal,
            leg,
            cursor: now.cursor,
            left_over: now.left_over,
            last: now.last,
            backoff: Backoff::new(least, longest),
        }
    }

    async fn run(&mut self) {
        while !self.shared.cancel.is_cancelled() {
            let rows = self
                .shared
                .index()
                .portals
                .get(&self.portal)
                .map(|portal| Arc::clone(&portal.rows));
            let Some(rows) = rows else { return };
            let news = rows.notified();
            let head = self.head();
            if self.cursor >= head {
                tokio::select! {
                    waited = timeout(self.shared.config.portal_idle, news) => {
                        if waited.is_err() && self.retire() {
                            return;
                        }
                    }
                    () = self.shared.cancel.cancelled() => return,
                }
                continue;
            }
            drop(news);
            match get_row(&*self.shared.store, self.portal, self.cursor).await {
                Ok(Some(row)) => self.pass(&row).await,
                // Passed before a crash that lost only the note of it.
                Ok(None) => self.advance(None).await,
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(%error, "a row cannot be read and is left out");
                    self.advance(None).await;
                }
                Err(error) => self.wait_for_store(&error).await,
            }
        }
    }

    fn head(&self) -> u64 {
        self.shared.index().portals.get(&self.portal).map_or(0, |portal| portal.head)
    }

    /// Ends the task unless a row came meanwhile.
    fn retire(&self) -> bool {
        let mut index = self.shared.index();
        let head = index.portals.get(&self.portal).map_or(0, |portal| portal.head);
        if head > self.cursor {
            return false;
        }
        if let Some(now) = index.leg_now(self.portal, self.leg) {
            now.pumped = false;
        }
        true
    }

    /// Passes one row: leaves it out, delivers it, or reports it.
    async fn pass(&mut self, row: &LogRow) {
        if row.origin == Some(self.leg) || row.only.is_some_and(|only| only != self.leg) {
            return self.advance(Some(row)).await;
        }
        let Some(leg) = self.shared.index().leg(self.portal, self.leg).cloned() else {
            return self.advance(Some(row)).await;
        };
        let voice = self.voice(&leg, &row.event.sender);
        let about = self.named_here(&row.event).await;
        let of_nothing = about.is_none()
            && matches!(
                row.event.kind,
                EventKind::React { .. } | EventKind::Redact { .. } | EventKind::Unreact { .. }
            );
        if of_nothing {
            return self.advance(Some(row)).await;
        }
        let about = about.unwrap_or_default();
        let known = !about.is_empty();
        let Some(mut to) = self.capabilities(&leg) else {
            return self.advance(Some(row)).await;
        };
        let mut event = Cow::Borrowed(&row.event);
        let (mut media, mut lost) = (None, None);
        if let EventKind::File(file) = &row.event.kind {
            match self.carry(row, file, to).await {
                Carried::Failed(reason, tell_user) => {
                    return self.note_fate(row, DeliveryState::Failed { reason, tell_user }).await;
                }
                Carried::Stopped => return,
                Carried::Whole(file) => media = Some(file),
                Carried::Words(link) => {
                    to.files = false;
                    lost = link.is_none().then_some(NAME_ONLY);
                    let kind = EventKind::File(Attachment { link, ..file.clone() });
                    event = Cow::Owned(Event { kind, ..row.event.clone() });
                }
            }
        }
        let Some(event) = downgrade(&event, to, voice, known) else {
            return self.advance(Some(row)).await;
        };
        if let Some(now) = self.shared.index().leg_now(self.portal, self.leg) {
            now.works_on = Some(row.accepted);
        }
        let doubtful = self.left_over.take() == Some(InFlight::Row(self.cursor));
        let key = IdempotencyKey { row: row.row, leg: self.leg };
        let mut item = Delivery {
            key,
            row: row.row,
            accepted: row.accepted,
            after: self.last.clone(),
            event,
            about,
            media,
            maybe_double: doubtful,
        };
        let passed = self.deliver(row, &mut item).await;
        self.backoff.reset();
        match passed {
            Passed::Delivered(receipt) => self.note_delivered(row, &leg, receipt, lost).await,
            Passed::Failed(reason, tell_user) => {
                self.note_fate(row, DeliveryState::Failed { reason, tell_user }).await;
            }
            // The mark of a doubtful attempt stays in the store.
            Passed::Stopped => {}
            Passed::Unknown(tell_user) => {
                self.note_fate(row, DeliveryState::Unknown { tell_user }).await;
            }
        }
    }

    async fn deliver(&mut self, row: &LogRow, item: &mut Delivery) -> Passed {
        let mut doubts = 0;
        let mut attempt = 0_u64;
        loop {
            attempt += 1;
            if let Some(failed) = self.too_old(row) {
                return failed;
            }
            if self.shared.cancel.is_cancelled() {
                return Passed::Stopped;
            }
            let span = tracing::error_span!("deliver", row = %row.row, leg = self.leg, attempt);
            span.in_scope(|| tracing::debug!("delivering"));
            let error = match self.attempt(row, item).instrument(span.clone()).await {
                Ok(receipt) => return Passed::Delivered(receipt),
                Err(error) => error,
            };
            span.in_scope(|| tracing::debug!(%error, "not delivered yet"));
            let wait = match error {
                DeliverError::Reject { reason, tell_user } => {
                    return Passed::Failed(reason, tell_user);
                }
                DeliverError::Gone(cause) => {
                    let tell_user = format!("The room or conversation is gone: {cause}.");
                    return Passed::Failed(Reject::UnknownRecipient, tell_user);
                }
                // The same key again is the same message there: there is no doubt to live with.
                DeliverError::Ambiguous(_) if self.takes_keys() => None,
                DeliverError::Ambiguous(cause) if doubts >= MAX_DOUBTS => {
                    return Passed::Unknown(format!("It may not have arrived: {cause}."));
                }
                DeliverError::Ambiguous(_) => {
                    doubts += 1;
                    item.maybe_double = true;
                    None
                }
                DeliverError::Retry { after, .. } => after,
                DeliverError::AuthLost(_) => None,
            };
            // Whoever asks for longer than the message may wait is not asked again: it is reported then.
            let left = self.time_left(row).unwrap_or_default();
            let wait = wait.unwrap_or_else(|| self.backoff.next_wait()).min(left);
            tokio::select! {
                () = sleep(wait) => {}
                () = self.shared.cancel.cancelled() => return Passed::Stopped,
            }
        }
    }

    fn too_old(&self, row: &LogRow) -> Option<Passed> {
        self.time_left(row).is_none().then(|| {
            let text = "It could not be delivered for too long and was given up. Send it again.";
            Passed::Failed(Reject::TooOld, text.to_owned())
        })
    }

    /// Tells how long a row may still wait; none when that is over.
    fn time_left(&self, row: &LogRow) -> Option<Duration> {
        let age = Duration::from_millis(self.shared.clock.age(row.accepted));
        self.shared.config.max_age.checked_sub(age).filter(|left| !left.is_zero())
    }

    async fn attempt(&mut self, row: &LogRow, item: &Delivery) -> Result<Receipt, DeliverError> {
        let leg = self.shared.index().leg(self.portal, self.leg).cloned();
        match leg {
            Some(Leg::Chat { login, chat, .. }) => {
                let left = self.time_left(row).unwrap_or_default();
                let puppet = tokio::select! {
                    puppet = timeout(left, self.shared.puppets.wait_online(&login)) => puppet,
                    () = self.shared.cancel.cancelled() => {
                        return Err(DeliverError::retry("the bridge is stopping"));
                    }
                };
                let puppet = puppet
                    .map_err(|_| DeliverError::retry("it waited too long"))?
                    .ok_or_else(|| DeliverError::Gone("the account is signed out".into()))?;
                if !puppet.capabilities().idempotent {
                    self.note_in_flight(InFlight::Row(self.cursor)).await?;
                }
                in_time(item, puppet.deliver(&chat, item)).await
            }
            Some(Leg::Closed) => Err(DeliverError::Gone("it was taken out of the portal".into())),
            Some(Leg::Room { network, room, owner }) => {
                let adapter = self.shared.adapters.get(&network).cloned();
                let adapter = adapter
                    .ok_or_else(|| DeliverError::Gone("the network is switched off".into()))?;
                let room = match (room, owner) {
                    (Some(room), _) => room,
                    (None, Some(owner)) => self.make_room(&*adapter, &owner).await?,
                    (None, None) => return Err(DeliverError::Gone("it has no room".into())),
                };
                if !adapter.capabilities().idempotent {
                    self.note_in_flight(InFlight::Row(self.cursor)).await?;
                }
                in_time(item, adapter.deliver(&room, item)).await
            }
            None => Err(DeliverError::Gone("the portal is gone".into())),
        }
    }

    /// Gives the names this leg's network has for the earlier message an event is about: empty when it
    /// has no such message, none when the bridge never carried it.
    async fn named_here(&self, event: &Event) -> Option<Vec<MessageId>> {
        let Some(target) = event.kind.target() else {
            return Some(Vec::new());
        };
        // A fate is told where the message came from, under the name it has there.
        if matches!(event.kind, EventKind::Delivery { .. }) {
            return Some(vec![target.clone()]);
        }
        let store = &*self.shared.store;
        let found = async {
            let key = row_of_key(&event.network, target);
            let Some(row) = Table::<RowOf>::get(store, &key).await? else {
                return Ok::<_, StoreError>(None);
            };
            let names: Option<Names> = Table::get(store, &names_key(row.row, self.leg)).await?;
            Ok(Some(names.map(|Names(names)| names).unwrap_or_default()))
        };
        found.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "an earlier message cannot be looked up");
            Some(Vec::new())
        })
    }

    /// Tells whether a leg's account speaks for itself or for somebody else.
    fn voice(&self, leg: &Leg, sender: &Persona) -> Voice {
        let owner = match leg {
            Leg::Chat { login, .. } => self.shared.puppets.owner(login),
            Leg::Closed | Leg::Room { .. } => None,
        };
        match owner {
            Some(Owner::Person(user)) if user.network == sender.network && user.id == sender.id => {
                Voice::Own
            }
            _ => Voice::Anothers,
        }
    }

    fn takes_keys(&self) -> bool {
        let leg = self.shared.index().leg(self.portal, self.leg).cloned();
        leg.and_then(|leg| self.capabilities(&leg)).is_some_and(|to| to.idempotent)
    }

    fn capabilities(&self, leg: &Leg) -> Option<Capabilities> {
        match leg {
            Leg::Closed => None,
            Leg::Chat { login, .. } => self.shared.puppets.capabilities(login),
            Leg::Room { network, .. } => {
                self.shared.adapters.get(network).map(|adapter| adapter.capabilities())
            }
        }
    }

    /// Makes the leg's room, or finds the one a former process made and lost sight of.
    async fn make_room(
        &mut self,
        adapter: &dyn crate::Adapter,
        owner: &UserId,
    ) -> Result<RoomId, DeliverError> {
        let making =
            self.shared.index().portals.get(&self.portal).map(|portal| Arc::clone(&portal.making));
        let making = making.ok_or_else(|| DeliverError::Gone("the portal is gone".into()))?;
        let _made_once = making.lock().await;
        let record =
            self.shared.index().portals.get(&self.portal).map(|portal| portal.record.clone());
        let record = record.ok_or_else(|| DeliverError::Gone("the portal is gone".into()))?;
        if let Some(Leg::Room { room: Some(room), .. }) = record.legs.get(usize::from(self.leg)) {
            return Ok(room.clone());
        }
        let found = if self.left_over == Some(InFlight::Room) {
            adapter.find_room(self.portal).await?
        } else {
            self.note_in_flight(InFlight::Room).await?;
            // Until it is noted otherwise, a failed attempt may have made it.
            self.left_over = Some(InFlight::Room);
            None
        };
        let room = match found {
            Some(room) => room,
            None => {
                let chats = record.legs.iter().filter_map(|leg| match leg {
                    Leg::Chat { login, chat, peer } => {
                        let (login, chat) = (login.clone(), chat.clone());
                        Some(RoomChat { login, chat, peer: peer.clone() })
                    }
                    Leg::Closed | Leg::Room { .. } => None,
                });
                let chats: Vec<RoomChat> = chats.collect();
                let spec = RoomSpec {
                    portal: self.portal,
                    kind: record.kind,
                    name: record.name.clone(),
                    personas: chats.iter().map(|chat| chat.peer.clone()).collect(),
                    invite: vec![owner.clone()],
                    chats,
                };
                adapter.create_room(&spec).await?
            }
        };
        let mut record = record;
        if let Some(Leg::Room { room: slot, .. }) = record.legs.get_mut(usize::from(self.leg)) {
            *slot = Some(room.clone());
        }
        let endpoint = Endpoint::Room(adapter.network(), room.clone());
        let mut batch = Batch::new();
        let state = self.state(None);
        Table::put(&mut batch, portal_key(self.portal), &record).map_err(retry_store)?;
        Table::put(&mut batch, endpoint.key(), &EndpointRecord(self.portal))
            .map_err(retry_store)?;
        Table::put(&mut batch, leg_key(self.portal, self.leg), &state).map_err(retry_store)?;
        self.shared.store.commit(batch, Durability::Durable).await.map_err(retry_commit)?;
        self.left_over = None;
        let mut index = self.shared.index();
        index.endpoints.insert(endpoint, self.portal);
        if let Some(portal) = index.portals.get_mut(&self.portal) {
            portal.record = record;
        }
        Ok(room)
    }

    async fn note_in_flight(&self, what: InFlight) -> Result<(), DeliverError> {
        let state = self.state(Some(what));
        let mut batch = Batch::new();
        Table::put(&mut batch, leg_key(self.portal, self.leg), &state).map_err(retry_store)?;
        self.shared.store.commit(batch, Durability::Durable).await.map_err(retry_commit)
    }

    /// Notes a delivery; `lost` tells the sender what did not come with it.
    async fn note_delivered(
        &mut self,
        row: &LogRow,
        leg: &Leg,
        receipt: Receipt,
        lost: Option<&str>,
    ) {
        tracing::debug!(row = %row.row, leg = self.leg, "delivered");
        let mut batch = Batch::new();
        let network = leg.network();
        let row_of = RowOf { portal: self.portal, row: row.row };
        for (network, message) in network
            .into_iter()
            .flat_map(|network| receipt.messages.iter().map(move |message| (network, message)))
        {
            self.add(&mut batch, row_of_key(network, message), &row_of);
        }
        if let Some(last) = receipt.messages.last() {
            self.last = Some(last.clone());
            self.add(&mut batch, names_key(row.row, self.leg), &Names(receipt.messages));
        }
        if let Some(to) = network {
            let kind = measures::label_of(&row.event.kind);
            measures::event(to, Lane::Durable, kind, Direction::Out);
            let waited = self.shared.clock.age(row.accepted);
            let (from, to) = (row.event.network.to_string(), to.to_string());
            metrics::histogram!(measures::DELIVERY, "from" => from, "to" => to)
                .record(Duration::from_millis(waited));
        }
        let idempotent = self.capabilities(leg).is_some_and(|to| to.idempotent);
        let durability = if idempotent { Durability::Relaxed } else { Durability::Durable };
        let people = receipt.delivered_to;
        let told = !people.is_empty()
            && matches!(
                row.event.kind,
                EventKind::File(_) | EventKind::Message(_) | EventKind::Nudge
            );
        let state = match lost {
            Some(text) => Some(DeliveryState::Failed {
                reason: Reject::Unsupported,
                tell_user: text.to_owned(),
            }),
            None => told.then_some(DeliveryState::Delivered { to: people }),
        };
        self.leave(row, batch, durability, state).await;
    }

    async fn note_fate(&mut self, row: &LogRow, state: DeliveryState) {
        tracing::info!(row = %row.row, leg = self.leg, "not delivered");
        let told = !matches!(row.event.kind, EventKind::Delivery { .. });
        let to = self.shared.index().leg(self.portal, self.leg).and_then(Leg::network).cloned();
        let to = to.map(|network| network.to_string()).unwrap_or_default();
        let fate =
            if matches!(state, DeliveryState::Unknown { .. }) { "unknown" } else { "failed" };
        metrics::counter!(measures::FAILURES, "to" => to, "fate" => fate).increment(1);
        self.leave(row, Batch::new(), Durability::Durable, told.then_some(state)).await;
    }

    /// Leaves a row out.
    async fn advance(&mut self, row: Option<&LogRow>) {
        match row {
            Some(row) => self.leave(row, Batch::new(), Durability::Relaxed, None).await,
            None => {
                self.cursor += 1;
                let mut batch = Batch::new();
                self.add_state(&mut batch);
                if self.commit(batch, Durability::Relaxed).await {
                    self.settle();
                }
            }
        }
    }

    /// Leaves a row behind: moves the cursor, removes the row after the last leg, and tells its
    /// origin what became of it, all in one commit.
    ///
    /// One leg of a portal does so at a time, and counts as past the row when that is stored: another
    /// that removed the row before would leave nothing to say its fate from after a crash.
    async fn leave(
        &mut self,
        row: &LogRow,
        mut batch: Batch,
        durability: Durability,
        state: Option<DeliveryState>,
    ) {
        let leaving =
            self.shared.index().portals.get(&self.portal).map(|portal| Arc::clone(&portal.leaving));
        let Some(leaving) = leaving else { return };
        let _one_at_a_time = leaving.lock().await;
        let number = self.cursor;
        self.cursor += 1;
        self.add_state(&mut batch);
        let others_passed = {
            let index = self.shared.index();
            index
                .portals
                .get(&self.portal)
                .is_some_and(|portal| portal.passed_but(self.leg) > number)
        };
        if others_passed {
            remove_row(&mut batch, self.portal, number, row);
        }
        let state = state.zip(row.origin).filter(|(state, origin)| self.shows(*origin, state));
        let stored = match state {
            Some((state, origin)) => self.report(row, batch, origin, state).await,
            _ => self.commit(batch, durability).await,
        };
        if stored {
            self.settle();
        }
    }

    /// Tells whether the place a message came from shows what became of it.
    fn shows(&self, origin: u16, state: &DeliveryState) -> bool {
        let leg = self.shared.index().leg(self.portal, origin).cloned();
        leg.and_then(|leg| self.capabilities(&leg)).is_some_and(|to| to.fates.show(state))
    }

    /// Stores a leg's progress with the event that tells of it; tells whether that came about.
    async fn report(&self, row: &LogRow, batch: Batch, origin: u16, state: DeliveryState) -> bool {
        let people = match &state {
            DeliveryState::Delivered { to } => to.first().cloned(),
            _ => None,
        };
        let leg = self.shared.index().leg(self.portal, self.leg).cloned();
        let sender = match leg {
            Some(Leg::Chat { peer, .. }) => peer,
            _ => Persona {
                network: row.event.network.clone(),
                id: people.unwrap_or_else(|| PersonaId::new("bridge")),
                name: None,
            },
        };
        let event = Event {
            network: sender.network.clone(),
            source: SourceId::new(format!("fate-{}-{}", row.row, self.leg)),
            message: None,
            at: Timestamp::now(),
            scope: scope_of(&row.event),
            sender,
            kind: EventKind::Delivery { target: row.event.message.clone(), state },
        };
        loop {
            let (answer, answered) = oneshot::channel();
            let request = Request::Report {
                portal: self.portal,
                batch: batch.clone(),
                only: origin,
                event: Box::new(event.clone()),
                answer,
            };
            if self.shared.ingest.send(request).await.is_err() {
                return false; // the core ends; the row is still there and is passed again
            }
            match answered.await {
                Ok(Ok(())) => return true,
                // Passed again after the next start: the store did not take the note of it.
                Ok(Err(_)) if self.shared.cancel.is_cancelled() => return false,
                Ok(Err(error)) => self.wait_for_store(&error).await,
                Err(_) => return false,
            }
        }
    }

    /// Notes in memory how far the leg is by the store.
    fn settle(&self) {
        let mut index = self.shared.index();
        if let Some(now) = index.leg_now(self.portal, self.leg) {
            now.cursor = self.cursor;
            now.left_over = None;
            now.works_on = None;
            now.last.clone_from(&self.last);
        }
    }

    fn state(&self, in_flight: Option<InFlight>) -> LegState {
        LegState { cursor: self.cursor, in_flight, last: self.last.clone() }
    }

    fn add_state(&self, batch: &mut Batch) {
        let state = self.state(None);
        self.add(batch, leg_key(self.portal, self.leg), &state);
    }

    /// Adds a record that is short by its nature; one that is not is left out and said.
    fn add<R: crate::store::Record>(&self, batch: &mut Batch, key: crate::store::Key, record: &R) {
        if let Err(error) = Table::put(batch, key, record) {
            tracing::warn!(%error, "a name could not be kept");
        }
    }

    /// Stores something; tells whether that came about, which it does unless the core ends.
    async fn commit(&self, batch: Batch, durability: Durability) -> bool {
        while let Err(error) = self.shared.store.commit(batch.clone(), durability).await {
            match error {
                CommitError::Store(StoreError::Closed) => return false,
                _ if self.shared.cancel.is_cancelled() => return false,
                error => self.wait_for_store(&StoreError::Engine(error.to_string())).await,
            }
        }
        true
    }

    async fn wait_for_store(&self, error: &StoreError) {
        tracing::error!(%error, "the store fails; trying again");
        tokio::select! {
            () = sleep(self.shared.config.retry.0) => {}
            () = self.shared.cancel.cancelled() => {}
        }
    }
}

/// Ends a delivery that takes too long: nobody knows then whether it arrived.
async fn in_time(
    item: &Delivery,
    delivery: impl Future<Output = Result<Receipt, DeliverError>>,
) -> Result<Receipt, DeliverError> {
    let late = || DeliverError::Ambiguous("the place does not answer".into());
    let size = item.media.as_ref().map_or(0, |media| media.size);
    let deadline = DELIVERY_DEADLINE + Duration::from_secs(size / SLOWEST);
    timeout(deadline, delivery).await.unwrap_or_else(|_| Err(late()))
}

fn scope_of(event: &Event) -> Scope {
    event.scope.clone()
}

fn retry_store(error: StoreError) -> DeliverError {
    DeliverError::retry(error.to_string())
}

fn retry_commit(error: CommitError) -> DeliverError {
    DeliverError::retry(error.to_string())
}
