//! The devices that are open.
//!
//! The bot's stays; those of ghosts are opened when they are needed, and closed when they were not for a
//! while, or when others need the room. No device is ever open twice: two would go different ways with
//! the same keys.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ruma::{OwnedUserId, UserId};
use tokio::{sync::OnceCell, time::Instant};

use super::{Crypto, CryptoError, Machine};
use crate::intent::Intent;

/// Most devices open at once, while not all of them are in use.
const OPEN: usize = 64;
/// How long a device stays open that nobody needs.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// Devices by user.
#[derive(Default)]
pub(super) struct Machines(Mutex<HashMap<OwnedUserId, Slot>>);

struct Slot {
    machine: Arc<OnceCell<Arc<Machine>>>,
    used: Instant,
}

impl Slot {
    /// Tells whether nobody opens it or has it now.
    fn is_free(&self) -> bool {
        Arc::strong_count(&self.machine) == 1
            && self.machine.get().is_none_or(|machine| Arc::strong_count(machine) == 1)
    }
}

impl Crypto {
    /// Gives a user's device, opening it first unless it is open.
    pub(crate) async fn machine(
        &self,
        intent: &Intent,
        user: &UserId,
    ) -> Result<Arc<Machine>, CryptoError> {
        let cell = self.machines.slot(user);
        let open = || async {
            let machine = Machine::open(intent, user, &self.home, &self.decryption()).await?;
            Ok::<_, CryptoError>(Arc::new(machine))
        };
        let machine = cell.get_or_try_init(open).await?;
        Ok(Arc::clone(machine))
    }

    /// Gives a user's device if it is open.
    pub(super) fn open_machine(&self, user: &UserId) -> Option<Arc<Machine>> {
        self.machines.all().get(user).and_then(|slot| slot.machine.get().cloned())
    }

    /// Gives all devices that are open.
    pub(super) fn open_machines(&self) -> Vec<Arc<Machine>> {
        self.machines.all().values().filter_map(|slot| slot.machine.get().cloned()).collect()
    }

    /// Closes the devices that nobody needed for a while.
    pub(crate) fn close_idle(&self, bot: &UserId) {
        let stays = |user: &OwnedUserId, slot: &mut Slot| {
            *user == *bot || slot.used.elapsed() < IDLE || !slot.is_free()
        };
        self.machines.all().retain(stays);
    }
}

impl Machines {
    fn slot(&self, user: &UserId) -> Arc<OnceCell<Arc<Machine>>> {
        let mut all = self.all();
        let now = Instant::now();
        if let Some(slot) = all.get_mut(user) {
            slot.used = now;
            return Arc::clone(&slot.machine);
        }
        if all.len() >= OPEN {
            // The bot's is used with each transaction, and is never the one longest unused.
            let free = all.iter().filter(|(_, slot)| slot.is_free());
            let oldest = free.min_by_key(|(_, slot)| slot.used).map(|(user, _)| user.clone());
            oldest.and_then(|user| all.remove(&user));
        }
        let machine = Arc::default();
        all.insert(user.to_owned(), Slot { machine: Arc::clone(&machine), used: now });
        machine
    }

    fn all(&self) -> MutexGuard<'_, HashMap<OwnedUserId, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_longest_unused_gives_way_and_none_that_is_in_use() {
        let machines = Machines::default();
        let user = |number: usize| UserId::parse(format!("@msn_{number}:hs")).unwrap();
        let in_use = machines.slot(&user(0));
        for number in 1..OPEN {
            machines.slot(&user(number));
        }
        machines.slot(&user(1));
        machines.slot(&user(OPEN));
        let all = machines.all();
        let there = |number| all.contains_key(&user(number));
        assert_eq!(all.len(), OPEN);
        assert!(there(0) && there(1) && !there(2) && there(OPEN));
        drop(in_use);
    }
}
