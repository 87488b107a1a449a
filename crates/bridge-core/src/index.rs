//! What the core knows of its portals while it runs: where each leads, and how far each leg is.
//!
//! Everything here can be made again from the store; the lock around it is held for moments and
//! never across a wait.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{
    id::{MessageId, NetworkId, PortalId, Timestamp},
    loop_guard::LoopGuard,
    model::UserId,
    record::{Endpoint, InFlight, Leg, LegMode, LogRow, Mark, PortalRecord, Told},
};

/// Portals in memory.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) portals: HashMap<PortalId, Portal>,
    pub(crate) endpoints: HashMap<Endpoint, PortalId>,
    /// Portals that were deleted and left something in the store.
    pub(crate) remains: Vec<PortalId>,
}

/// A portal in memory.
pub(crate) struct Portal {
    pub(crate) record: PortalRecord,
    /// The number the next accepted row gets.
    pub(crate) head: u64,
    /// The newest row and its number, as long as a leg needs it: most legs take it at once, and need
    /// not read it then.
    pub(crate) newest: Option<(u64, Arc<LogRow>)>,
    pub(crate) legs: Vec<LegNow>,
    /// Wakes the tasks of its legs.
    pub(crate) rows: Arc<Notify>,
    /// Keeps words from going round in circles.
    pub(crate) guard: LoopGuard,
    /// Held while a leg leaves a row behind.
    pub(crate) leaving: Arc<tokio::sync::Mutex<()>>,
    /// Held while a room is made, so that it is made once.
    pub(crate) making: Arc<tokio::sync::Mutex<()>>,
    /// What is to be done otherwise with rows that wait, by their number.
    pub(crate) marks: HashMap<u64, Mark>,
    /// Who was told what becomes of her words here.
    pub(crate) told: HashMap<UserId, Told>,
    /// Tasks that write about it; who sweeps up its remains waits for them.
    pub(crate) tasks: TaskTracker,
}

/// A leg in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct LegNow {
    /// The next row to pass, by the store.
    pub(crate) cursor: u64,
    /// What a former process left under way.
    pub(crate) left_over: Option<InFlight>,
    /// The last message its network named.
    pub(crate) last: Option<MessageId>,
    /// When the row was accepted that it tries to pass now.
    pub(crate) works_on: Option<Timestamp>,
    /// Whether a task pumps it.
    pub(crate) pumped: bool,
    /// How it treats its people.
    pub(crate) mode: LegMode,
}

impl Portal {
    pub(crate) fn new(record: PortalRecord, head: u64) -> Self {
        let legs = vec![LegNow::default(); record.legs.len()];
        Self {
            record,
            head,
            newest: None,
            legs,
            rows: Arc::default(),
            guard: LoopGuard::default(),
            leaving: Arc::default(),
            making: Arc::default(),
            marks: HashMap::new(),
            told: HashMap::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// The number below which every row has been passed by every leg.
    pub(crate) fn passed(&self) -> u64 {
        self.passed_but(u16::MAX)
    }

    /// As [`passed`](Self::passed), whatever one leg has passed.
    pub(crate) fn passed_but(&self, but: u16) -> u64 {
        let open = (0_u16..).zip(self.record.legs.iter().zip(&self.legs));
        let open = open.filter(|(number, (leg, _))| !matches!(leg, Leg::Closed) && *number != but);
        open.map(|(_, (_, now))| now.cursor).min().unwrap_or(self.head)
    }

    /// Rows that some leg still needs.
    pub(crate) fn waiting(&self) -> u64 {
        self.head.saturating_sub(self.passed())
    }
}

impl Index {
    pub(crate) fn add(&mut self, id: PortalId, portal: Portal) {
        for endpoint in portal.record.legs.iter().filter_map(Leg::endpoint) {
            self.endpoints.insert(endpoint, id);
        }
        self.portals.insert(id, portal);
    }

    /// Rows that some leg of some portal still needs.
    pub(crate) fn waiting(&self) -> u64 {
        self.portals.values().map(Portal::waiting).sum()
    }

    /// Rows that wait for each network, counted for each leg.
    pub(crate) fn waiting_for(&self) -> BTreeMap<NetworkId, u64> {
        let mut waiting = BTreeMap::new();
        for portal in self.portals.values() {
            for (leg, now) in portal.record.legs.iter().zip(&portal.legs) {
                if let Some(network) = leg.network() {
                    *waiting.entry(network.clone()).or_default() +=
                        portal.head.saturating_sub(now.cursor);
                }
            }
        }
        waiting
    }

    /// When the row was accepted that waits longest, of those that legs have looked at.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let legs = self.portals.values().flat_map(|portal| &portal.legs);
        legs.filter_map(|now| now.works_on).min()
    }

    /// Gives a row for a leg if it is in memory, and the store has what became of the row before: a leg
    /// whose store fails does not go on from memory.
    pub(crate) fn row(&self, portal: PortalId, leg: u16, number: u64) -> Option<Arc<LogRow>> {
        let portal = self.portals.get(&portal)?;
        let settled = portal.legs.get(usize::from(leg))?.cursor == number;
        let (newest, row) = portal.newest.as_ref()?;
        (settled && *newest == number).then(|| Arc::clone(row))
    }

    /// Finds the portal of a place, and the leg that leads there.
    pub(crate) fn find(&self, endpoint: &Endpoint) -> Option<(PortalId, u16)> {
        let id = *self.endpoints.get(endpoint)?;
        let legs = &self.portals.get(&id)?.record.legs;
        let leg = legs.iter().position(|leg| leg.endpoint().as_ref() == Some(endpoint))?;
        Some((id, u16::try_from(leg).ok()?))
    }

    pub(crate) fn leg(&self, portal: PortalId, leg: u16) -> Option<&Leg> {
        self.portals.get(&portal)?.record.legs.get(usize::from(leg))
    }

    /// Tells whether a leg is open: it has not been closed, and its portal is there.
    pub(crate) fn is_open(&self, portal: PortalId, leg: u16) -> bool {
        self.leg(portal, leg).is_some_and(|leg| !matches!(leg, Leg::Closed))
    }

    /// Tells what is to be done otherwise with a row.
    pub(crate) fn mark(&self, portal: PortalId, number: u64) -> Option<Mark> {
        self.portals.get(&portal)?.marks.get(&number).copied()
    }

    pub(crate) fn leg_now(&mut self, portal: PortalId, leg: u16) -> Option<&mut LegNow> {
        self.portals.get_mut(&portal)?.legs.get_mut(usize::from(leg))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Portals that nobody speaks in are many, and only these structs and what their legs are called are
    /// kept of them.
    #[test]
    fn an_idle_portal_is_small() {
        let size = size_of::<PortalId>() + size_of::<Portal>() + 2 * size_of::<(Leg, LegNow)>();
        assert!(size <= 1024, "{size} bytes");
    }
}
