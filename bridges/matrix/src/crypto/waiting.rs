//! Encrypted events whose keys are not here yet.
//!
//! They are kept durably before their transaction is acknowledged, tried again when keys come, and told
//! of when these take long. One that is read at last goes on as if it came just now; what came after it
//! may have overtaken it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use bridge_core::{DeliverError, id::Timestamp};
use ruma::{
    OwnedEventId, OwnedTransactionId,
    api::client::redact::redact_event,
    events::{
        AnyTimelineEvent,
        relation::Reply,
        room::message::{Relation, RoomMessageEventContent},
    },
    serde::Raw,
};
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    CryptoError,
    open::{Envelope, Opened},
};
use crate::{adapter::MatrixAdapter, intake, texts, texts::Untaken};

/// Most events kept; one more is told of at once and not kept.
const KEPT: usize = 500;
/// When the homeserver is asked once more.
const ASKED_AGAIN: Duration = Duration::from_secs(3);
/// When its writer is told.
const TOLD: Duration = Duration::from_secs(25);
/// When nobody waits any more: by then the event would not be known for the one it is.
const GIVEN_UP: Duration = Duration::from_secs(7 * 24 * 3600);
/// How soon what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// Where they are noted.
const FACT: &str = "unread ";

/// Events that wait, and what else waits for the homeserver.
#[derive(Default)]
pub(super) struct Waiting {
    events: Mutex<BTreeMap<OwnedEventId, Unread>>,
    woken: Notify,
    echo: AtomicU8,
    pub(super) echoed: Notify,
}

/// One that waits.
#[derive(Clone, Serialize, Deserialize)]
struct Unread {
    /// When it came, in milliseconds.
    since: u64,
    /// The notice that tells of it.
    notice: Option<OwnedEventId>,
    event: Raw<AnyTimelineEvent>,
    #[serde(skip)]
    asked: bool,
}

impl Unread {
    fn age(&self) -> Duration {
        Duration::from_millis(Timestamp::now().0.saturating_sub(self.since))
    }

    /// Tells how long until something is due.
    fn due(&self) -> Duration {
        let at = match (self.asked, &self.notice) {
            (false, None) => ASKED_AGAIN,
            (true, None) => TOLD,
            (_, Some(_)) => GIVEN_UP,
        };
        at.saturating_sub(self.age())
    }
}

impl Waiting {
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    fn events(&self) -> MutexGuard<'_, BTreeMap<OwnedEventId, Unread>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the homeserver pushes; `counted` when it also tells how many keys are left.
    pub(super) fn heard_echo(&self, counted: bool) {
        self.echo.store(if counted { 2 } else { 1 }, Ordering::Relaxed);
        self.echoed.notify_one();
    }

    /// Tells whether the homeserver pushes messages to devices, and whether all that belongs to them.
    pub(super) fn pushes(&self) -> (bool, bool) {
        let heard = self.echo.load(Ordering::Relaxed);
        (heard > 0, heard > 1)
    }
}

impl MatrixAdapter {
    /// Keeps an event until its key comes.
    pub(super) async fn keep_unread(
        self: &Arc<Self>,
        id: &OwnedEventId,
        event: &Raw<AnyTimelineEvent>,
    ) -> Result<(), CryptoError> {
        let Some(crypto) = &self.crypto else { return Ok(()) };
        {
            let kept = crypto.waiting.events();
            if kept.contains_key(id) {
                return Ok(()); // its transaction came again
            }
            if kept.len() >= KEPT {
                drop(kept);
                tracing::warn!("too many messages wait for their keys; one more is not kept");
                if let Some(envelope) = Envelope::of(event) {
                    self.explain_untaken(envelope.room, envelope.event, Untaken::Undecryptable);
                }
                return Ok(());
            }
        }
        let since = Timestamp::now().0;
        let unread = Unread { since, notice: None, event: event.clone(), asked: false };
        self.note_unread(id, &unread).await?;
        tracing::info!("a message waits for its key");
        crypto.waiting.events().insert(id.clone(), unread);
        crypto.waiting.wake();
        Ok(())
    }

    async fn note_unread(&self, id: &OwnedEventId, unread: &Unread) -> Result<(), CryptoError> {
        let text = serde_json::to_string(unread);
        let text = text.map_err(|error| CryptoError::Store(error.to_string()))?;
        let store = self.store().map_err(|_| CryptoError::Unfit("the adapter is starting"))?;
        let noted = store.put(&format!("{FACT}{id}"), &text).await;
        noted.map_err(|error| CryptoError::Store(error.to_string()))
    }

    /// Reads what waited when the bridge was stopped.
    pub(super) async fn recall_unread(&self) -> Result<(), DeliverError> {
        let Some(crypto) = &self.crypto else { return Ok(()) };
        let found = self.store()?.list(FACT, KEPT).await;
        let found = found.map_err(|error| DeliverError::retry(error.to_string()))?;
        let mut events = crypto.waiting.events();
        for (name, text) in found {
            let id = name.strip_prefix(FACT).and_then(|id| OwnedEventId::try_from(id).ok());
            if let (Some(id), Ok(unread)) = (id, serde_json::from_str(&text)) {
                events.insert(id, unread);
            }
        }
        Ok(())
    }

    /// Looks after what waits, until cancelled.
    pub(super) async fn look_after_unread(self: Arc<Self>, cancel: CancellationToken) {
        let Some(crypto) = &self.crypto else { return };
        loop {
            let due = crypto.waiting.events().values().map(Unread::due).min();
            tokio::select! {
                () = cancel.cancelled() => return,
                () = crypto.waiting.woken.notified() => {}
                () = sleep(due.unwrap_or(GIVEN_UP)) => {}
            }
            let all: Vec<_> = crypto.waiting.events().clone().into_iter().collect();
            for (id, unread) in all {
                if let Err(error) = self.try_unread(&id, unread).await {
                    tracing::debug!(%error, "a message that waits for its key could not be looked after");
                    tokio::select! {
                        () = cancel.cancelled() => return,
                        () = sleep(AGAIN) => {}
                    }
                }
            }
        }
    }

    async fn try_unread(
        self: &Arc<Self>,
        id: &OwnedEventId,
        mut unread: Unread,
    ) -> Result<(), DeliverError> {
        let Some(crypto) = &self.crypto else { return Ok(()) };
        let Some(envelope) = Envelope::of(&unread.event) else {
            return self.forget_unread(id).await;
        };
        let machine = crypto.machine(&self.intent, &self.names.bot).await?;
        let due = unread.due() == Duration::ZERO;
        if due && unread.notice.is_none() {
            unread.asked = true;
            machine.catch_up(&self.intent, &crypto.decryption()).await?;
            if let Some(kept) = crypto.waiting.events().get_mut(id) {
                kept.asked = true;
            }
        }
        match crypto.open(&machine, &envelope, &unread.event).await? {
            Opened::Event(event) => {
                if let Some(event) = intake::read(self, &event).await
                    && let Some(inbox) = self.inbox()
                {
                    let accepted = inbox.accept_all(vec![event], None).await;
                    accepted.map_err(|error| DeliverError::retry(error.to_string()))?;
                }
                tracing::info!("a message that waited for its key is read");
                self.forget_unread(id).await?;
                match unread.notice {
                    Some(notice) => self.withdraw(&envelope, notice).await,
                    None => Ok(()),
                }
            }
            Opened::Refused(what) => {
                self.explain_untaken(envelope.room, envelope.event, what);
                self.forget_unread(id).await
            }
            Opened::NoKey if unread.age() >= GIVEN_UP => self.forget_unread(id).await,
            Opened::NoKey if unread.age() >= TOLD && unread.notice.is_none() => {
                let mut content = RoomMessageEventContent::notice_plain(texts::NO_KEY);
                content.relates_to = Some(Relation::Reply(Reply::with_event_id(id.clone())));
                let (bot, transaction) = (self.names.bot.clone(), format!("unread-{id}"));
                let notice = self.say(&bot, &envelope.room, &transaction, &content, None).await?;
                unread.notice = Some(notice);
                self.note_unread(id, &unread).await?;
                crypto.waiting.events().insert(id.clone(), unread);
                Ok(())
            }
            Opened::NoKey => Ok(()),
        }
    }

    async fn forget_unread(&self, id: &OwnedEventId) -> Result<(), DeliverError> {
        let removed = self.store()?.remove(&format!("{FACT}{id}")).await;
        removed.map_err(|error| DeliverError::retry(error.to_string()))?;
        if let Some(crypto) = &self.crypto {
            crypto.waiting.events().remove(id);
        }
        Ok(())
    }

    /// Removes a notice that is true no more.
    async fn withdraw(
        &self,
        envelope: &Envelope,
        notice: OwnedEventId,
    ) -> Result<(), DeliverError> {
        let transaction = OwnedTransactionId::from(format!("read-{notice}"));
        let request = redact_event::v3::Request::new(envelope.room.clone(), notice, transaction);
        self.intent.send(&self.names.bot, request).await?;
        Ok(())
    }
}
