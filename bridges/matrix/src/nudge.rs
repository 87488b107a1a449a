//! Attention calls: shown so that phones buzz, and asked for by a finger.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bridge_core::{DeliverError, model::Delivery};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId,
    events::{Mentions, MessageLikeEventContent, MessageLikeEventType},
};
use serde::Serialize;
use tokio::time::Instant;

use crate::{adapter::MatrixAdapter, texts};

/// How often a contact's call rings; those between are shown without it.
const RINGS_EVERY: Duration = Duration::from_secs(10);
/// Most contacts whose last call is remembered; past it all are forgotten.
const REMEMBERED: usize = 1024;
/// The sign that calls back, without a colour of skin.
const FINGER: char = '👉';

/// Tells whether a sign under a message calls whoever is in the conversation.
pub(crate) fn calls(sign: &str) -> bool {
    let mut signs = sign.chars();
    let tone = |c: char| matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{fe0f}');
    signs.next() == Some(FINGER) && signs.all(tone)
}

/// When each contact's call rang last.
#[derive(Default)]
pub(crate) struct Nudges(Mutex<HashMap<(OwnedRoomId, OwnedUserId), Instant>>);

impl Nudges {
    fn last(&self) -> MutexGuard<'_, HashMap<(OwnedRoomId, OwnedUserId), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether a contact's call may ring, and notes that it does.
    fn may_ring(&self, room: &RoomId, ghost: &UserId) -> bool {
        let (place, now) = ((room.to_owned(), ghost.to_owned()), Instant::now());
        let mut last = self.last();
        if last.get(&place).is_some_and(|at| now.duration_since(*at) < RINGS_EVERY) {
            return false;
        }
        if last.len() >= REMEMBERED {
            last.clear();
        }
        last.insert(place, now);
        true
    }
}

/// A call as a message: what everybody can read, and what says that it is one.
#[derive(Debug, Serialize)]
struct Call {
    msgtype: &'static str,
    body: &'static str,
    #[serde(rename = "net.msnbridge.nudge")]
    nudge: bool,
    #[serde(rename = "m.mentions")]
    mentions: Mentions,
}

impl MessageLikeEventContent for Call {
    fn event_type(&self) -> MessageLikeEventType {
        MessageLikeEventType::RoomMessage
    }
}

impl MatrixAdapter {
    /// Shows a contact's call to the one whose room it is.
    pub(crate) async fn nudge(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
    ) -> Result<OwnedEventId, DeliverError> {
        let owner = item.owner.as_ref();
        let owner = owner.and_then(|owner| OwnedUserId::try_from(owner.id.as_str()).ok());
        let ghost = self.names.ghost(&item.event.sender);
        let rings = ghost.is_some_and(|ghost| self.nudges.may_ring(room, &ghost));
        let mentions = Mentions::with_user_ids(owner.filter(|_| rings));
        let call = Call { msgtype: "m.emote", body: texts::SENT_A_NUDGE, nudge: true, mentions };
        self.say_as_ghost(room, item, &call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finger_calls_in_any_colour_and_nothing_else_does() {
        for sign in ["👉", "👉🏽", "👉\u{fe0f}", "👉🏿"] {
            assert!(calls(sign), "{sign}");
        }
        for sign in ["", "👈", "👉👉", "👍", "x👉", "👉x"] {
            assert!(!calls(sign), "{sign}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_in_a_row_ring_once_each_ten_seconds() {
        let (room, bob) = (RoomId::parse("!r:hs").unwrap(), UserId::parse("@bob:hs").unwrap());
        let nudges = Nudges::default();
        assert_eq!([(); 3].map(|()| nudges.may_ring(&room, &bob)), [true, false, false]);
        assert!(nudges.may_ring(&room, &UserId::parse("@carol:hs").unwrap()));
        tokio::time::advance(RINGS_EVERY).await;
        assert!(nudges.may_ring(&room, &bob));
    }
}
