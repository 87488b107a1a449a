//! A contact's own words as the topic of the room with her, not more often than people read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bridge_core::{DeliverError, model::ContactList};
use ruma::{OwnedEventId, OwnedRoomId, RoomId, events::room::message::RoomMessageEventContent};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::{adapter::MatrixAdapter, texts};

/// The least time between two topics of one room.
const GAP: Duration = Duration::from_secs(20);
/// Most rooms whose last change is remembered; past it all are forgotten.
const LIMIT: usize = 10_000;

/// When topics were changed last, and what they shall be next.
#[derive(Default)]
pub(crate) struct Topics(Mutex<HashMap<OwnedRoomId, Slot>>);

struct Slot {
    /// Before then it is not changed again.
    rests_until: Instant,
    /// What it shall be when that is over.
    next: Option<String>,
}

impl Topics {
    fn slots(&self) -> MutexGuard<'_, HashMap<OwnedRoomId, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when a room's topic may be changed: now, or later, or not by whoever asks, for somebody
    /// waits already and takes the new words along.
    fn may_change(&self, room: &OwnedRoomId, words: &str) -> Turn {
        let mut slots = self.slots();
        let now = Instant::now();
        if slots.len() >= LIMIT && !slots.contains_key(room) {
            slots.retain(|_, slot| slot.rests_until > now);
        }
        match slots.get_mut(room) {
            Some(slot) if slot.rests_until > now => {
                let waits = slot.next.replace(words.to_owned()).is_some();
                if waits { Turn::Taken } else { Turn::Later(slot.rests_until) }
            }
            _ => {
                slots.insert(room.clone(), Slot { rests_until: now + GAP, next: None });
                Turn::Now
            }
        }
    }

    fn take_next(&self, room: &OwnedRoomId) -> Option<String> {
        let mut slots = self.slots();
        let slot = slots.get_mut(room)?;
        slot.rests_until = Instant::now() + GAP;
        slot.next.take()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Later(Instant),
    Now,
    Taken,
}

/// Where it is noted what a room's topic is.
pub(crate) fn topic_fact(room: &RoomId) -> String {
    format!("topic {room}")
}

/// Where it is noted that a room is of the bridge's making.
pub(crate) fn made_fact(room: &RoomId) -> String {
    format!("made {room}")
}

/// Where it is noted that somebody was told that names stay on Matrix.
pub(crate) fn told_fact(room: &RoomId) -> String {
    format!("told name {room}")
}

impl MatrixAdapter {
    /// Shows the own words of a list's contacts as topics.
    pub(crate) async fn show_topics(
        self: &Arc<Self>,
        list: &ContactList,
    ) -> Result<(), DeliverError> {
        if !self.with_topics {
            return Ok(());
        }
        for entry in &list.entries {
            let room = entry.room.as_ref().map(|room| OwnedRoomId::try_from(room.as_str()));
            let Some(Ok(room)) = room else { continue };
            let words = entry.contact.presence.status_text.clone().unwrap_or_default();
            let before = self.fact(&topic_fact(&room)).await?;
            if before.unwrap_or_default() == words || self.fact(&made_fact(&room)).await?.is_none()
            {
                continue;
            }
            match self.topics.may_change(&room, &words) {
                Turn::Now => self.set_topic(&room, &words).await?,
                Turn::Later(then) => self.set_topic_later(room, then),
                Turn::Taken => {}
            }
        }
        Ok(())
    }

    fn set_topic_later(self: &Arc<Self>, room: OwnedRoomId, then: Instant) {
        let adapter = Arc::clone(self);
        self.tasks.spawn(async move {
            let Some(cancel) = adapter.context.get().map(|cx| cx.cancel.clone()) else { return };
            tokio::select! {
                () = sleep_until(then) => {}
                () = cancel.cancelled() => return,
            }
            if let Some(words) = adapter.topics.take_next(&room)
                && let Err(error) = adapter.set_topic(&room, &words).await
            {
                tracing::debug!(%error, "a topic was not shown");
            }
        });
    }

    async fn set_topic(&self, room: &OwnedRoomId, words: &str) -> Result<(), DeliverError> {
        self.put_state(room, "m.room.topic", "", &json!({ "topic": words })).await?;
        self.set_fact(&topic_fact(room), Some(words)).await
    }

    /// Says once in a room of the bridge's making that what it is called stays on Matrix.
    pub(crate) async fn room_facts_changed(self: &Arc<Self>, room: &RoomId, event: &ruma::EventId) {
        let told = told_fact(room);
        let made = self.fact(&made_fact(room)).await.is_ok_and(|made| made.is_some());
        let silent = !made || self.fact(&told).await.is_ok_and(|told| told.is_some());
        if silent || self.shown_in(room).is_none() || self.set_fact(&told, Some("")).await.is_err()
        {
            return;
        }
        let (adapter, room, event) = (Arc::clone(self), room.to_owned(), event.to_owned());
        // The homeserver does not wait for it; the request has a deadline of its own.
        self.tasks.spawn(async move { adapter.tell_of_names(&room, &event).await });
    }

    async fn tell_of_names(&self, room: &OwnedRoomId, event: &OwnedEventId) {
        let content = RoomMessageEventContent::notice_plain(texts::NAMES_STAY_HERE);
        let bot = self.names.bot.clone();
        let said = self.say(&bot, room, &format!("names-{event}"), &content, None).await;
        if let Err(error) = said {
            tracing::debug!(%error, "a notice was not delivered");
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::owned_room_id;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_contact_who_changes_her_words_all_the_time_is_shown_now_and_then() {
        let (topics, room) = (Topics::default(), owned_room_id!("!r:hs"));
        assert_eq!(topics.may_change(&room, "one"), Turn::Now);
        let then = Instant::now() + GAP;
        assert_eq!(topics.may_change(&room, "two"), Turn::Later(then));
        assert_eq!(topics.may_change(&room, "three"), Turn::Taken);
        sleep_until(then).await;
        assert_eq!(topics.take_next(&room).as_deref(), Some("three"));
        assert_eq!(topics.may_change(&room, "four"), Turn::Later(then + GAP));
    }
}
