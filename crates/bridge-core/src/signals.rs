//! The ephemeral lane: the latest of each kind from each person for each leg, shown where it can be. A
//! leg that is slow to show holds up only itself.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::JoinSet, time::timeout};

use crate::{
    id::{MessageId, PersonaId, PortalId},
    measures::{self, Direction, Lane},
    model::{Persona, ShownFates, Signal},
    record::Leg,
    shared::Shared,
};

/// Most signals kept; past it new ones are dropped.
const LIMIT: usize = 4096;
/// How long showing one may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Signals on their way.
#[derive(Default)]
pub(crate) struct Signals {
    slots: Mutex<HashMap<Slot, (Persona, Signal)>>,
    news: Notify,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    portal: PortalId,
    /// The leg it is shown at.
    to: u16,
    from: PersonaId,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Presence,
    /// Of one file: several may be under way.
    Progress(MessageId),
    Read,
    Typing,
}

impl Signals {
    /// Puts a signal in line for one leg.
    pub(crate) fn put(&self, portal: PortalId, to: u16, from: &Persona, signal: &Signal) {
        let kind = match signal {
            Signal::Presence(_) => Kind::Presence,
            Signal::Progress(progress) => Kind::Progress(progress.target.clone()),
            Signal::Read { .. } => Kind::Read,
            Signal::Typing { .. } => Kind::Typing,
        };
        let slot = Slot { portal, to, from: from.id.clone(), kind };
        let mut slots = self.slots();
        if slots.len() < LIMIT || slots.contains_key(&slot) {
            slots.insert(slot, (from.clone(), signal.clone()));
            self.news.notify_one();
        }
    }

    /// Takes what waits, but for slots that are being shown: order within one slot is kept.
    fn take(&self, busy: &HashSet<Slot>) -> Vec<(Slot, Persona, Signal)> {
        let mut slots = self.slots();
        let free: Vec<Slot> = slots.keys().filter(|slot| !busy.contains(slot)).cloned().collect();
        free.into_iter()
            .filter_map(|slot| slots.remove(&slot).map(|(from, signal)| (slot, from, signal)))
            .collect()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Slot, (Persona, Signal)>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows signals until the core ends; one that is slow to show holds up only its own slot.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut busy = HashSet::new();
    let mut showing = JoinSet::new();
    loop {
        tokio::select! {
            () = shared.signals.news.notified() => {}
            Some(shown) = showing.join_next() => {
                if let Ok(slot) = shown {
                    busy.remove(&slot);
                }
            }
            () = shared.cancel.cancelled() => return showing.shutdown().await,
        }
        for (slot, from, signal) in shared.signals.take(&busy) {
            busy.insert(slot.clone());
            let shared = Arc::clone(&shared);
            showing.spawn(async move {
                if timeout(DEADLINE, show(&shared, &slot, &from, &signal)).await.is_err() {
                    tracing::debug!(portal = %slot.portal, "a signal took too long to show");
                }
                slot
            });
        }
    }
}

async fn show(shared: &Shared, slot: &Slot, from: &Persona, signal: &Signal) {
    let leg = shared.index().leg(slot.portal, slot.to).cloned();
    let Some((leg, network)) = leg.and_then(|leg| leg.network().cloned().map(|of| (leg, of)))
    else {
        return;
    };
    let shown = match leg {
        Leg::Chat { login, chat, .. } => match shared.puppets.online(&login) {
            Some(puppet) if takes(puppet.capabilities(), signal) => {
                puppet.signal(&chat, signal).await
            }
            _ => return,
        },
        Leg::Room { network, room: Some(room), .. } => match shared.adapters.get(&network) {
            Some(adapter) if takes(adapter.capabilities(), signal) => {
                adapter.signal(&room, from, signal).await
            }
            _ => return,
        },
        Leg::Closed | Leg::Room { room: None, .. } => return,
    };
    match shown {
        Ok(()) => {
            let kind = measures::label_of_signal(signal);
            measures::event(&network, Lane::Ephemeral, kind, Direction::Out);
        }
        Err(error) => {
            tracing::debug!(portal = %slot.portal, %error, "a signal was not shown");
        }
    }
}

fn takes(capabilities: crate::model::Capabilities, signal: &Signal) -> bool {
    match signal {
        Signal::Presence(_) => capabilities.presence,
        Signal::Progress(_) => capabilities.fates == ShownFates::All,
        // Nobody shows what was read yet.
        Signal::Read { .. } => false,
        Signal::Typing { .. } => capabilities.typing,
    }
}
