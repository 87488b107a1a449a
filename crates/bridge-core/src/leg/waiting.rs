//! A message that takes longer than a moment: its sender is told that it is still on its way.

use std::time::Duration;

use tokio::{sync::oneshot, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::Pump;
use crate::{
    id::{PersonaId, SourceId, Timestamp},
    ingest::Request,
    model::{DeliveryState, Event, EventKind, Persona},
    record::LogRow,
    store::Batch,
};

/// How long a message may take before that is worth a word.
const MOMENT: Duration = Duration::from_secs(5);

impl Pump {
    /// Tells the place a row came from, after a moment, that it waits; not once the handle is dropped.
    ///
    /// Nothing is lost with it: what becomes of the row in the end is told by itself.
    pub(super) fn tell_if_it_waits(&self, row: &LogRow) -> Option<AbortOnDropHandle<()>> {
        let origin = row.origin.filter(|_| row.event.kind.says_something())?;
        if row.event.message.is_none() || !self.shows(origin, &DeliveryState::Waiting) {
            return None;
        }
        let (shared, portal, leg) = (self.shared.clone(), self.portal, self.leg);
        let (network, id) = (row.event.network.clone(), PersonaId::new("bridge"));
        let event = Event {
            network: network.clone(),
            source: SourceId::new(format!("waits-{}-{leg}", row.row)),
            message: None,
            at: Timestamp::now(),
            scope: row.event.scope.clone(),
            sender: Persona { network, id, name: None },
            kind: EventKind::Delivery {
                target: row.event.message.clone(),
                state: DeliveryState::Waiting,
            },
        };
        Some(AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(MOMENT).await;
            let (answer, answered) = oneshot::channel();
            let event = Box::new(event);
            let request =
                Request::Report { portal, batch: Batch::new(), only: origin, event, answer };
            // The core ends, or its store fails: then this is the least of what is not said.
            if shared.ingest.send(request).await.is_ok() {
                let _ = answered.await;
            }
        })))
    }
}
