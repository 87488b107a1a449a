//! What is stored about a row when it was tried: names, fates, how far the leg is.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, time::sleep};

use super::Pump;
use crate::{
    error::DeliverError,
    id::{PersonaId, SourceId, Timestamp},
    ingest::Request,
    measures::{self, Direction, Lane},
    model::{DeliveryState, Event, EventKind, Persona, Receipt, Reject},
    portal::fate,
    record::{
        InFlight, Leg, LegState, LogRow, Names, RowOf, leg_key, mark_key, names_key, remove_row,
        row_of_key,
    },
    store::{Batch, CommitError, Durability, StoreError, Table},
    underway,
};

impl Pump {
    pub(super) async fn note_in_flight(&self, what: InFlight) -> Result<(), DeliverError> {
        let state = self.state(Some(what));
        let mut batch = Batch::new();
        Table::put(&mut batch, leg_key(self.portal, self.leg), &state).map_err(retry_store)?;
        self.shared.store.commit(batch, Durability::Durable).await.map_err(retry_commit)
    }

    /// Notes a delivery; `lost` tells the sender what did not come with it.
    pub(super) async fn note_delivered(
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
        let later = receipt.told_by.is_some();
        if let Some(told_by) = receipt.told_by
            && let Err(error) =
                underway::note(&*self.shared.store, &mut batch, leg, row, told_by).await
        {
            tracing::warn!(%error, "that a fate is to come could not be kept");
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
        // A network that people sign in to may keep it for whoever is away: that is worth a word too.
        let taken = matches!(leg, Leg::Chat { .. }) && !later;
        let told = (taken || !people.is_empty())
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

    pub(super) async fn note_fate(&mut self, row: &LogRow, state: DeliveryState, doubtful: bool) {
        tracing::info!(row = %row.row, leg = self.leg, "not delivered");
        let told = !matches!(row.event.kind, EventKind::Delivery { .. });
        let to = self.shared.index().leg(self.portal, self.leg).and_then(Leg::network).cloned();
        let to = to.map(|network| network.to_string()).unwrap_or_default();
        let fate =
            if matches!(state, DeliveryState::Unknown { .. }) { "unknown" } else { "failed" };
        metrics::counter!(measures::FAILURES, "to" => to, "fate" => fate).increment(1);
        let mut batch = Batch::new();
        if told
            && !self.shared.config.retention.failed.is_zero()
            && let Err(error) = fate::put(
                &mut batch,
                &self.shared.clock,
                self.portal,
                self.leg,
                row,
                &state,
                doubtful,
            )
        {
            tracing::warn!(%error, "a failed message could not be kept");
        }
        self.leave(row, batch, Durability::Durable, told.then_some(state)).await;
    }

    /// Leaves a row out.
    pub(super) async fn advance(&mut self, row: Option<&LogRow>) {
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
            self.unmark(&mut batch, number);
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

    fn unmark(&self, batch: &mut Batch, number: u64) {
        let mut index = self.shared.index();
        let marked =
            index.portals.get_mut(&self.portal).and_then(|found| found.marks.remove(&number));
        if marked.is_some() {
            batch.remove(mark_key(self.portal, number));
        }
    }

    /// Tells whether the place a message came from shows what became of it.
    pub(super) fn shows(&self, origin: u16, state: &DeliveryState) -> bool {
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
            scope: row.event.scope.clone(),
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
            if now.mode.since == self.since {
                now.last.clone_from(&self.last);
            }
        }
        let portal = index.portals.get_mut(&self.portal);
        if let Some(portal) = portal.filter(|portal| portal.waiting() == 0) {
            portal.newest = None;
        }
    }

    pub(super) fn state(&self, in_flight: Option<InFlight>) -> LegState {
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

    pub(super) async fn wait_for_store(&self, error: &StoreError) {
        tracing::error!(%error, "the store fails; trying again");
        tokio::select! {
            () = sleep(self.shared.config.retry.0) => {}
            () = self.shared.cancel.cancelled() => {}
        }
    }
}

fn retry_store(error: StoreError) -> DeliverError {
    DeliverError::retry(error.to_string())
}

fn retry_commit(error: CommitError) -> DeliverError {
    DeliverError::retry(error.to_string())
}
