//! The goodbye after a file: the other side's, or after a while our own.
//!
//! Either side may say it. msnp11-sdk takes one that comes before its own is on its way for the
//! peer's giving up, and tells its user that a file that arrived whole was cancelled.

use std::time::{Duration, Instant};

use super::Peers;
use crate::{
    p2p::{Place, TransferId, slp::Slp},
    session::ChatId,
};

/// How long the other side has to say it first.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most that wait; beyond it, goodbye is said at once.
const LIMIT: usize = 64;

/// A file that is over, and of which nobody has said so yet.
#[derive(Debug)]
pub(super) struct Farewell {
    until: Instant,
    pub(super) chat: ChatId,
    pub(super) place: Place,
    session: u32,
    call: String,
}

impl Peers {
    /// Says goodbye to a transfer unless the peer does so first.
    pub(super) fn say_bye_later(&mut self, now: Instant, id: TransferId) {
        if self.farewells.len() >= LIMIT {
            return self.say_bye(id);
        }
        if let Some(it) = self.transfers.get(&id) {
            self.farewells.push(Farewell {
                until: now + PATIENCE,
                chat: it.chat.clone(),
                place: it.place.clone(),
                session: it.session,
                call: it.call.clone(),
            });
        }
    }

    /// Takes the peer's goodbye; tells whether it was waited for.
    pub(super) fn farewell_came(&mut self, from: &Place, text: &Slp) -> bool {
        let before = self.farewells.len();
        self.farewells.retain(|it| {
            it.place != *from
                || !(it.call.eq_ignore_ascii_case(&text.call) || Some(it.session) == text.session())
        });
        self.farewells.len() < before
    }

    /// Says what was waited for in vain.
    pub(super) fn say_late_farewells(&mut self, now: Instant) {
        for it in self.farewells.extract_if(.., |it| it.until <= now).collect::<Vec<_>>() {
            self.say_goodbye(&it.chat, &it.place, &it.call, it.session);
        }
    }

    /// Tells when [`say_late_farewells`](Self::say_late_farewells) is due.
    pub(super) fn next_farewell(&self) -> Option<Instant> {
        self.farewells.iter().map(|it| it.until).min()
    }
}
