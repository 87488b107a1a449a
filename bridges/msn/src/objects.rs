//! What contacts' clients offer beside files: pictures for letters, spoken messages, animations. They are
//! fetched when their contact shows them, for the client has them as long as it is there.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use msnp::{ChatId, Handle, PeerEvent, RequestError, TransferError, TransferId};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

/// How long one may take to come.
const DEADLINE: Duration = Duration::from_secs(120);
/// Most on their way to one account.
const COMING: usize = 64;
/// How long one that did not come is not asked for again.
const GIVEN_UP: Duration = Duration::from_secs(600);
/// Most that are remembered as not having come; past that all are forgotten.
const REMEMBERED: usize = 256;

type Teller = oneshot::Sender<Result<Vec<u8>, TransferError>>;

/// Objects on their way, and those that did not come.
#[derive(Default)]
pub(crate) struct Objects {
    coming: Mutex<HashMap<TransferId, Teller>>,
    given_up: Mutex<HashMap<String, Instant>>,
}

impl Objects {
    fn coming(&self) -> MutexGuard<'_, HashMap<TransferId, Teller>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given_up(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches an object by its description; the bytes are what that says.
    pub(crate) async fn fetch(
        &self,
        handle: &Handle,
        chat: &ChatId,
        account: &str,
        description: &str,
    ) -> Result<Vec<u8>, RequestError> {
        let transfer = handle.new_transfer();
        let (teller, told) = oneshot::channel();
        {
            let mut coming = self.coming();
            if coming.len() >= COMING {
                return Err(RequestError::Busy);
            }
            coming.insert(transfer, teller);
        }
        let asked = handle.fetch_object_as(transfer, chat, account, description).await;
        let fetched = match asked {
            Ok(()) => match timeout(DEADLINE, told).await {
                Ok(Ok(outcome)) => outcome.map_err(RequestError::from),
                Ok(Err(_)) => Err(TransferError::Interrupted.into()),
                Err(_) => Err(TransferError::Stalled.into()),
            },
            Err(error) => Err(error),
        };
        self.coming().remove(&transfer);
        fetched
    }

    /// Tells whether an object that somebody has did not come a moment ago.
    pub(crate) fn is_given_up(&self, account: &str, hash: &str) -> bool {
        let given_up = self.given_up();
        given_up.get(&key(account, hash)).is_some_and(|at| at.elapsed() < GIVEN_UP)
    }

    /// Notes that an object did not come.
    pub(crate) fn give_up(&self, account: &str, hash: &str) {
        let mut given_up = self.given_up();
        if given_up.len() >= REMEMBERED {
            given_up.clear();
        }
        given_up.insert(key(account, hash), Instant::now());
    }

    /// Takes what happened to a transfer; gives it back where it is none of these.
    pub(crate) fn take(&self, event: PeerEvent) -> Option<PeerEvent> {
        let transfer = match &event {
            PeerEvent::Object { transfer, .. } | PeerEvent::Ended { transfer, .. } => *transfer,
            _ => return Some(event),
        };
        let Some(teller) = self.coming().remove(&transfer) else {
            return Some(event);
        };
        let outcome = match event {
            PeerEvent::Object { bytes, .. } => Ok(bytes),
            PeerEvent::Ended { outcome: Err(error), .. } => Err(error),
            _ => Err(TransferError::Unavailable),
        };
        // Whoever waited may have given up, and says so himself.
        let _ = teller.send(outcome);
        None
    }

    /// Takes the news that the session is over, and its transfers with it.
    pub(crate) fn interrupt(&self) {
        self.coming().clear();
    }
}

fn key(account: &str, hash: &str) -> String {
    format!("{} {hash}", account.to_lowercase())
}
