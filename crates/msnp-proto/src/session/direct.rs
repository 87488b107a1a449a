//! Direct links of peers, handed through to the engine of transfers.

use std::time::Instant;

use super::{Session, types::Effect};
use crate::p2p::direct::{DirectId, DirectNews, DirectRules};

impl Session {
    /// Allows direct links. Without it none is asked for, and peers who ask are told no.
    pub fn allow_direct(&mut self, rules: DirectRules) {
        self.peers.allow_direct(rules);
    }

    /// Takes the news of what an [`Effect::Direct`] asked for.
    pub fn handle_direct(&mut self, now: Instant, news: DirectNews<'_>) {
        if !self.closed {
            self.peers.handle_direct(now, news);
            self.peers_move(now);
        }
    }

    /// Takes a connection that came where one is listened for, and names it; without a name it is to be
    /// closed.
    pub fn handle_accepted(&mut self, listening: DirectId) -> Option<DirectId> {
        let accepted = if self.closed { None } else { self.peers.handle_accepted(listening) };
        self.direct_effects();
        accepted
    }

    /// Puts bytes to write to a direct connection into `out`, `most` at most; false when there are none now.
    /// Ask after every call, once what was given before is written, or is about to be.
    pub fn poll_direct(
        &mut self,
        now: Instant,
        id: DirectId,
        most: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let given = !self.closed && self.peers.poll_direct_bytes(now, id, most, out);
        if given {
            self.peers_move(now);
        }
        given
    }

    /// Passes on what is to be done about direct links.
    pub(super) fn direct_effects(&mut self) {
        while let Some(action) = self.peers.poll_direct() {
            self.effects.push_back(Effect::Direct(action));
        }
    }
}
