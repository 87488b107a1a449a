//! One leg of a portal: a task that passes the portal's rows to one place, in order.
//!
//! A leg in trouble holds up only itself. It leaves a row behind when the place took it, or when it
//! was reported back to where it came from. `attempt` is one try at the place, `note` what is stored
//! about it.

mod attempt;
mod carry;
mod gather;
mod look;
mod note;
mod quiet;
mod waiting;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use self::carry::Carried;
use crate::{
    backoff::Backoff,
    downgrade::{Voice, downgrade},
    error::DeliverError,
    id::{IdempotencyKey, MessageId, PortalId, Timestamp},
    index::LegNow,
    loop_guard::LoopGuard,
    model::{
        Attachment, Capabilities, Delivery, DeliveryState, Event, EventKind, Persona, ProfilePatch,
        Receipt, Reject, Scope, UserId, Wink,
    },
    record::{InFlight, Leg, LogRow, Mark, Names, RowOf, get_row, names_key, row_of_key},
    shared::{OnAmbiguous, Shared},
    store::{StoreError, Table},
    supervisor::Owner,
    texts,
};

/// How often a message of unknown fate is sent again.
const MAX_DOUBTS: u32 = 1;

/// Passes rows until there are none for a while, the leg is closed, or the core ends: then between two
/// rows, so that what was delivered is noted.
pub(crate) async fn pump(shared: Arc<Shared>, portal: PortalId, leg: u16) {
    let span = tracing::error_span!("portal", id = %portal);
    Pump::new(shared, portal, leg).run().instrument(span).await;
}

/// Makes the rooms of a portal, before anybody speaks, and invites their owners.
pub(crate) async fn open_rooms(shared: &Arc<Shared>, portal: PortalId) -> Result<(), DeliverError> {
    let (legs, tasks) = {
        let index = shared.index();
        let Some(found) = index.portals.get(&portal) else {
            return Err(DeliverError::Gone(texts::delivery::THE_PORTAL_IS_GONE.into()));
        };
        (found.record.legs.clone(), found.tasks.clone())
    };
    for (number, leg) in (0..).zip(legs) {
        let Leg::Room { network, room, owner: Some(owner) } = leg else {
            continue;
        };
        let adapter = shared.adapters.get(&network).cloned();
        let adapter = adapter.ok_or_else(|| {
            DeliverError::Gone(texts::delivery::THE_NETWORK_IS_SWITCHED_OFF.into())
        })?;
        match room {
            Some(room) => adapter.invite(&room, &owner).await?,
            None => {
                let mut pump = Pump::new(Arc::clone(shared), portal, number);
                tasks.track_future(pump.make_room(&*adapter, &owner)).await?;
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
    /// Since when the leg leads where it does.
    since: Option<Timestamp>,
    /// Rows below this one are told already, with one before them.
    told_until: u64,
    backoff: Backoff,
}

/// What became of an attempt.
enum Passed {
    /// The leg leads elsewhere now: the same row once more.
    Again,
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
        let LegNow { cursor, left_over, last, mode, .. } = now;
        let (backoff, since) = (Backoff::new(least, longest), mode.since);
        let told_until = 0;
        Self { shared, portal, leg, cursor, left_over, last, since, told_until, backoff }
    }

    async fn run(&mut self) {
        while !self.shared.cancel.is_cancelled() {
            let rows = {
                let index = self.shared.index();
                let found = index.portals.get(&self.portal);
                let found = found.filter(|_| index.is_open(self.portal, self.leg));
                found.map(|portal| Arc::clone(&portal.rows))
            };
            let Some(rows) = rows else { return };
            // Asked for before the head is read, so that no row comes in between unseen.
            let news = rows.notified();
            if self.cursor >= self.head() {
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
            self.look_where_it_leads();
            match self.row().await {
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

    /// Gives the next row, from memory or from the store.
    async fn row(&self) -> Result<Option<Arc<LogRow>>, StoreError> {
        let kept = self.shared.index().row(self.portal, self.leg, self.cursor);
        match kept {
            Some(row) => Ok(Some(row)),
            None => Ok(get_row(&*self.shared.store, self.portal, self.cursor).await?.map(Arc::new)),
        }
    }

    fn head(&self) -> u64 {
        self.shared.index().portals.get(&self.portal).map_or(0, |portal| portal.head)
    }

    /// Ends the task unless a row came meanwhile.
    fn retire(&self) -> bool {
        let mut index = self.shared.index();
        let Some(portal) = index.portals.get_mut(&self.portal) else {
            return true;
        };
        if portal.head > self.cursor {
            return false;
        }
        portal.guard = LoopGuard::default();
        if let Some(now) = portal.legs.get_mut(usize::from(self.leg)) {
            now.pumped = false;
        }
        true
    }

    /// Forgets what it knew of another room, where the leg was led to a new one.
    fn look_where_it_leads(&mut self) {
        let now = self.shared.index().leg_now(self.portal, self.leg).cloned();
        let Some(now) = now.filter(|now| now.mode.since != self.since) else {
            return;
        };
        (self.left_over, self.last, self.since) = (now.left_over, now.last, now.mode.since);
    }

    /// Passes one row: leaves it out, delivers it, or reports it.
    async fn pass(&mut self, row: &LogRow) {
        let told = self.cursor < self.told_until;
        if told || row.origin == Some(self.leg) || row.only.is_some_and(|only| only != self.leg) {
            return self.advance(Some(row)).await;
        }
        let Some(leg) = self.shared.index().leg(self.portal, self.leg).cloned() else {
            return;
        };
        // What became of a message, or a face, is of no use where the room it was said in is not shown any more.
        if matches!(
            (&row.event.kind, &leg),
            (EventKind::Delivery { .. } | EventKind::Profile(_), Leg::Room { room: None, .. })
        ) {
            return self.advance(Some(row)).await;
        }
        let voice = self.voice(&leg, &row.event.sender);
        let about = match self.named_here(&row.event).await {
            Ok(about) => about,
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%error, "an earlier message cannot be read; the row goes without its name");
                Some(Vec::new())
            }
            Err(error) => return self.wait_for_store(&error).await,
        };
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
            return self.miss(row, &leg).await;
        };
        // A file says nothing of whose it is.
        to.files &= to.speakers || voice == Voice::Own;
        if self.is_kept_quiet(&row.event, &leg, to, known).await {
            return self.advance(Some(row)).await;
        }
        let mut event = Cow::Borrowed(&row.event);
        let mut told_until = 0;
        if matches!(row.event.kind, EventKind::React { .. }) && !(to.reactions && known) {
            let (all, after) = self.gathered(row).await;
            told_until = after;
            let Some(all) = all else {
                self.told_until = told_until;
                return self.advance(Some(row)).await;
            };
            event = Cow::Owned(all);
        }
        let (mut media, mut lost) = (None, None);
        if let EventKind::File(file) = &row.event.kind {
            match self.carry(row, file, to).await {
                Carried::Failed(reason, tell_user) => {
                    let state = DeliveryState::Failed { reason, tell_user };
                    return self.note_fate(row, state, false).await;
                }
                Carried::Stopped => return,
                Carried::Whole(file) => media = Some(file),
                Carried::Words(link) => {
                    to.files = false;
                    lost = link.is_none().then_some(texts::delivery::ONLY_THE_NAME_ARRIVED);
                    let kind = EventKind::File(Attachment { link, ..file.clone() });
                    event = Cow::Owned(Event { kind, ..row.event.clone() });
                }
            }
        }
        if let EventKind::Profile(ProfilePatch { avatar: Some(Some(picture)), .. }) =
            &row.event.kind
            && to.profiles
        {
            media = self.face(row, picture).await;
            if media.is_none() {
                return self.advance(Some(row)).await;
            }
        }
        if let EventKind::Wink(Wink { media: Some(picture), .. }) = &row.event.kind
            && to.winks
        {
            // Without it words say what it was.
            media = self.face(row, picture).await;
        }
        let Some(mut event) = downgrade(&event, to, voice, known) else {
            return self.advance(Some(row)).await;
        };
        let pictures = self.pictures(row, &mut event.kind, to).await;
        let event = self.with_look(event, &leg, to, voice).await;
        if let Some(now) = self.shared.index().leg_now(self.portal, self.leg) {
            now.works_on = Some(row.accepted);
        }
        let doubtful = self.left_over.take() == Some(InFlight::Row(self.cursor));
        let marked = self.shared.index().mark(self.portal, self.cursor) == Some(Mark::Doubtful);
        let key = IdempotencyKey { row: row.row, leg: self.leg };
        let owner = match &leg {
            Leg::Room { owner, .. } => owner.clone(),
            Leg::Chat { .. } | Leg::Closed => None,
        };
        let mut item = Delivery {
            key,
            row: row.row,
            accepted: row.accepted,
            after: self.last.clone(),
            event,
            about,
            media,
            pictures,
            owner,
            spoken_by: self.spoken_by(&leg, &row.event),
            maybe_double: doubtful || marked,
        };
        // Held until the names that come of it are stored.
        let shared = Arc::clone(&self.shared);
        let _sending = match &leg {
            Leg::Chat { login, chat, .. } => Some(shared.echoes.begin(login, chat)),
            Leg::Closed | Leg::Room { .. } => None,
        };
        let passed = if doubtful && self.shall_ask(&leg) {
            let cause = texts::delivery::THE_BRIDGE_ENDED_WHILE_IT_WAS_SENT;
            Passed::Unknown(self.maybe(row, &cause))
        } else {
            self.deliver(row, &leg, &mut item).await
        };
        self.backoff.reset();
        if !matches!(passed, Passed::Again | Passed::Stopped) {
            self.told_until = told_until;
        }
        match passed {
            // What may have arrived may have arrived at the same place under another name.
            Passed::Again if item.maybe_double && !marked => {
                self.left_over = Some(InFlight::Row(self.cursor));
            }
            // The mark of a doubtful attempt stays in the store.
            Passed::Again | Passed::Stopped => {}
            Passed::Delivered(receipt) => self.note_delivered(row, &leg, receipt, lost).await,
            Passed::Failed(reason, tell_user) => {
                // A refusal of one attempt says nothing of the one before it.
                let state = DeliveryState::Failed { reason, tell_user };
                self.note_fate(row, state, item.maybe_double).await;
            }
            Passed::Unknown(tell_user) => {
                self.note_fate(row, DeliveryState::Unknown { tell_user }, true).await;
            }
        }
    }

    async fn deliver(&mut self, row: &LogRow, leg: &Leg, item: &mut Delivery) -> Passed {
        let _waits = self.tell_if_it_waits(row);
        let mut doubts = 0;
        let mut attempt = 0_u64;
        loop {
            attempt += 1;
            if let Some(failed) = self.too_old(row) {
                return failed;
            }
            if self.shared.index().mark(self.portal, self.cursor) == Some(Mark::Withdrawn) {
                let maybe =
                    if doubts > 0 { texts::delivery::IT_MAY_HAVE_ARRIVED_ALL_THE_SAME } else { "" };
                let text = texts::delivery::it_was_taken_back(maybe);
                return Passed::Failed(Reject::Withdrawn, text);
            }
            if self.shared.cancel.is_cancelled() {
                return Passed::Stopped;
            }
            if self.shared.index().leg(self.portal, self.leg) != Some(leg) {
                return Passed::Again;
            }
            let span = tracing::error_span!("deliver", row = %row.row, leg = self.leg, attempt);
            span.in_scope(|| tracing::debug!("delivering"));
            let error = match self.attempt(row, leg, item).instrument(span.clone()).await {
                Ok(receipt) => return Passed::Delivered(receipt),
                Err(error) => error,
            };
            span.in_scope(|| tracing::debug!(%error, "not delivered yet"));
            let wait = match error {
                _ if self.shared.index().leg(self.portal, self.leg) != Some(leg) => {
                    item.maybe_double |= matches!(error, DeliverError::Ambiguous(_));
                    return Passed::Again;
                }
                DeliverError::Reject { reason, tell_user } => {
                    return Passed::Failed(reason, tell_user);
                }
                DeliverError::Gone(cause) => {
                    let tell_user = texts::delivery::the_room_or_conversation_is_gone(&cause);
                    return Passed::Failed(Reject::UnknownRecipient, tell_user);
                }
                // The same key again is the same message there: there is no doubt to live with.
                DeliverError::Ambiguous(_) if self.takes_keys(leg) => None,
                DeliverError::Ambiguous(cause) if doubts >= MAX_DOUBTS || self.shall_ask(leg) => {
                    return Passed::Unknown(self.maybe(row, &cause));
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
                () = self.until_changed(leg) => {}
                () = self.shared.cancel.cancelled() => return Passed::Stopped,
            }
        }
    }

    /// Waits until the leg leads elsewhere, or the row under way is not wanted any more.
    fn until_changed(&self, leg: &Leg) -> impl Future<Output = ()> + Send + use<> {
        let (shared, portal, number) = (Arc::clone(&self.shared), self.portal, self.leg);
        let (row, leg) = (self.cursor, leg.clone());
        async move {
            loop {
                let rows = shared.index().portals.get(&portal).map(|found| Arc::clone(&found.rows));
                let Some(rows) = rows else { return };
                let news = rows.notified();
                let changed = {
                    let index = shared.index();
                    let withdrawn = index.mark(portal, row) == Some(Mark::Withdrawn);
                    withdrawn || index.leg(portal, number) != Some(&leg)
                };
                if changed {
                    return;
                }
                news.await;
            }
        }
    }

    /// Says that a message may not have arrived, and what its sender can do where she can do something.
    fn maybe(&self, row: &LogRow, cause: &dyn fmt::Display) -> String {
        let index = self.shared.index();
        let origin = row.origin.and_then(|origin| index.leg(self.portal, origin));
        let ask = match origin {
            Some(Leg::Room { .. }) => texts::delivery::RETRY_SENDS_IT_AGAIN,
            _ => "",
        };
        texts::delivery::it_may_or_may_not_have_arrived(cause, ask)
    }

    fn too_old(&self, row: &LogRow) -> Option<Passed> {
        self.time_left(row).is_none().then(|| {
            let text = texts::delivery::TOO_OLD;
            Passed::Failed(Reject::TooOld, text.to_owned())
        })
    }

    /// Tells how long a row may still wait; none when that is over.
    fn time_left(&self, row: &LogRow) -> Option<Duration> {
        let age = Duration::from_millis(self.shared.clock.age(row.accepted));
        self.shared.config.max_age.checked_sub(age).filter(|left| !left.is_zero())
    }

    /// Gives the names this leg's network has for the earlier message an event is about: empty when it
    /// has no such message, none when the bridge never carried it.
    async fn named_here(&self, event: &Event) -> Result<Option<Vec<MessageId>>, StoreError> {
        let Some(target) = event.kind.target() else {
            return Ok(Some(Vec::new()));
        };
        // A fate is told where the message came from, under the name it has there.
        if matches!(event.kind, EventKind::Delivery { .. }) {
            return Ok(Some(vec![target.clone()]));
        }
        let store = &*self.shared.store;
        let key = row_of_key(&event.network, target);
        let Some(row) = Table::<RowOf>::get(store, &key).await? else {
            return Ok(None);
        };
        // Said before the leg led here: the names are another room's.
        if self.since.is_some_and(|since| row.row.minted() < since) {
            return Ok(Some(Vec::new()));
        }
        let names: Option<Names> = Table::get(store, &names_key(row.row, self.leg)).await?;
        Ok(Some(names.map(|Names(names)| names).unwrap_or_default()))
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

    /// Finds who of the leg's platform said something at another place of her account.
    fn spoken_by(&self, leg: &Leg, event: &Event) -> Option<UserId> {
        let (Leg::Room { network, .. }, Scope::Chat { login, .. }) = (leg, &event.scope) else {
            return None;
        };
        if !self.shared.echoes.is_account(login, &event.sender.id) {
            return None;
        }
        match self.shared.puppets.owner(login) {
            Some(Owner::Person(user)) if user.network == *network => Some(user),
            _ => None,
        }
    }

    /// Leaves a row that nobody can take: its account is signed out, or its network switched off. What
    /// was said is reported, not passed over.
    async fn miss(&mut self, row: &LogRow, leg: &Leg) {
        let tell_user = match leg {
            Leg::Chat { login, .. } => texts::delivery::the_account_login_is_signed_out(login),
            Leg::Room { network, .. } => texts::delivery::the_bridge_does_not_work(network),
            Leg::Closed => return self.advance(Some(row)).await,
        };
        if !row.event.kind.says_something() {
            return self.advance(Some(row)).await;
        }
        let state = DeliveryState::Failed { reason: Reject::UnknownRecipient, tell_user };
        self.note_fate(row, state, false).await;
    }

    fn takes_keys(&self, leg: &Leg) -> bool {
        self.capabilities(leg).is_some_and(|to| to.idempotent)
    }

    /// Tells whether its sender is asked what to do about a message of unknown fate: where a second
    /// one could be a double, and somebody wishes so.
    fn shall_ask(&self, leg: &Leg) -> bool {
        let ask = self.shared.config.on_ambiguous == OnAmbiguous::Ask;
        ask && self.capabilities(leg).is_some_and(|to| !to.idempotent && !to.probes)
    }

    fn capabilities(&self, leg: &Leg) -> Option<Capabilities> {
        match leg {
            Leg::Closed => None,
            Leg::Chat { login, chat, .. } => self.shared.puppets.capabilities(login, chat),
            Leg::Room { network, .. } => {
                self.shared.adapters.get(network).map(|adapter| adapter.capabilities())
            }
        }
    }
}
