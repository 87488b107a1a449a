//! That the account's owner writes: MSN's clients say it again and again as long as it is so, and others
//! forget it a few seconds after.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bridge_core::id::ChatId;
use msnp::{Handle, RequestError};
use tokio::time::{Instant, interval};
use tokio_util::task::AbortOnDropHandle;

/// How often it is said (docs: protocol, typing).
const PULSE: Duration = Duration::from_secs(5);
/// How long at most, should nobody say that it is over.
const LONGEST: Duration = Duration::from_secs(120);
/// Most chats somebody writes in at once.
const CHATS: usize = 32;

/// The chats that somebody writes in now.
#[derive(Default)]
pub(super) struct Writing(Mutex<HashMap<ChatId, AbortOnDropHandle<()>>>);

impl Writing {
    /// Says that somebody writes in a chat, now and until she stops.
    pub(super) async fn begin(&self, handle: Handle, chat: &ChatId) -> Result<(), RequestError> {
        let to = msnp::ChatId::from_text(chat.as_str());
        handle.send_typing(&to).await?;
        let mut all = self.all();
        all.retain(|_, pulses| !pulses.is_finished());
        if all.len() >= CHATS && !all.contains_key(chat) {
            return Ok(());
        }
        let pulses = tokio::spawn(async move {
            let end = Instant::now() + LONGEST;
            let mut pulses = interval(PULSE);
            // The first is said already.
            pulses.tick().await;
            while pulses.tick().await < end && handle.send_typing(&to).await.is_ok() {}
        });
        all.insert(chat.clone(), AbortOnDropHandle::new(pulses));
        Ok(())
    }

    /// Says it no more: she stopped, or what she wrote is sent.
    pub(super) fn end(&self, chat: &ChatId) {
        self.all().remove(chat);
    }

    /// As [`end`](Self::end), in all chats: the session is over.
    pub(super) fn end_all(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ChatId, AbortOnDropHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
