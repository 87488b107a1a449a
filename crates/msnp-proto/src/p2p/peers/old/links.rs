//! The connections of files in the old way: who is let in, and what goes over them.

use std::time::Instant;

use super::{OldFile, Stage};
use crate::p2p::{
    PeerEvent, Peers, TransferError, TransferId,
    direct::{DirectAction, DirectId, DirectNews},
    msnftp::{Exchange, Step},
    transfer::{FEED, STALL},
};

/// Most connections that are tried for one file at once.
const TRIES_LIMIT: usize = 4;

impl Peers {
    /// Takes the news of a connection; false when it is of none of these files.
    pub(in crate::p2p::peers) fn old_news(&mut self, now: Instant, news: DirectNews<'_>) -> bool {
        match news {
            DirectNews::Bytes(id, bytes) => {
                let Some(transfer) = self.old.of(id) else {
                    return self.old.closing.contains_key(&id);
                };
                self.old_bytes(now, transfer, id, bytes);
            }
            DirectNews::Closed(id) => {
                if let Some(transfer) = self.old.listening(id) {
                    self.cancel_old(transfer, TransferError::NotReached);
                } else if let Some(transfer) = self.old.of(id) {
                    self.old_closed_by_peer(transfer, id);
                } else {
                    return self.old.closing.remove(&id).is_some();
                }
            }
            DirectNews::Listening(id, port) => {
                let Some(transfer) = self.old.listening(id) else {
                    return false;
                };
                let address = self.direct.address().map(|ip| ip.to_string()).unwrap_or_default();
                let Some(auth) = self.old.files.get(&transfer).map(|it| self.auth(it)) else {
                    return true;
                };
                self.old.say(
                    transfer,
                    &[
                        ("Invitation-Command", "ACCEPT".to_owned()),
                        ("IP-Address", address),
                        ("Port", port.to_string()),
                        ("AuthCookie", auth),
                        ("Launch-Application", "FALSE".to_owned()),
                        ("Request-Data", "IP-Address:".to_owned()),
                    ],
                );
            }
            DirectNews::Opened(id) => return self.old.of(id).is_some(),
        }
        true
    }

    fn old_closed_by_peer(&mut self, transfer: TransferId, id: DirectId) {
        let Some(it) = self.old.files.get_mut(&transfer) else {
            return;
        };
        it.tries.remove(&id);
        // Somebody who came in vain leaves room for the right one.
        if !matches!(it.stage, Stage::Listening { .. }) {
            self.end_old(transfer, Err(TransferError::Interrupted));
        }
    }

    /// Gives the number that proves who connects: of nobody else, and the same whenever it is asked for.
    fn auth(&self, it: &OldFile) -> String {
        let [a, b, c, d, ..] = self.secret_of(it.cookie.as_bytes());
        (u32::from_be_bytes([a, b, c, d]) >> 1).to_string()
    }

    pub(in crate::p2p::peers) fn old_accepted(&mut self, listening: DirectId) -> Option<DirectId> {
        let transfer = self.old.listening(listening)?;
        let auth = self.old.files.get(&transfer).map(|it| self.auth(it))?;
        let id = self.direct.new_id();
        let it = self.old.files.get_mut(&transfer)?;
        if it.tries.len() >= TRIES_LIMIT
            && let Some((oldest, _)) = it.tries.pop_first()
        {
            self.direct.act(DirectAction::Close(oldest));
        }
        it.tries.insert(id, Exchange::new(true, &it.account, &auth, it.file.size));
        Some(id)
    }

    fn old_bytes(&mut self, now: Instant, transfer: TransferId, id: DirectId, bytes: &[u8]) {
        let Some(it) = self.old.files.get_mut(&transfer) else {
            return;
        };
        let Some(exchange) = it.tries.get_mut(&id) else {
            return;
        };
        let steps = exchange.receive(bytes);
        let proven = exchange.is_proven();
        if let Stage::Listening { at } = it.stage {
            if proven {
                let others: Vec<DirectId> =
                    it.tries.keys().copied().filter(|of| *of != id).collect();
                it.tries.retain(|of, _| *of == id);
                it.stage = Stage::Connected { asked: false };
                others
                    .into_iter()
                    .chain([at])
                    .for_each(|id| self.direct.act(DirectAction::Close(id)));
            } else if steps.iter().any(|step| matches!(step, Step::Ended(_))) {
                it.tries.remove(&id);
                return self.direct.act(DirectAction::Close(id));
            }
        }
        let moves = |step: &Step| match step {
            Step::Data(bytes) => !bytes.is_empty(),
            Step::Ended(_) => false,
            Step::Wanted => true,
        };
        if steps.iter().any(moves) {
            it.deadline = now + STALL;
        }
        for step in steps {
            match step {
                Step::Data(bytes) if bytes.is_empty() => {}
                Step::Data(bytes) => {
                    self.events.push_back(PeerEvent::Data { transfer, bytes });
                }
                Step::Ended(outcome) => self.end_old(transfer, outcome),
                Step::Wanted => self.want_old(transfer),
            }
        }
    }

    /// Asks the application for bytes, if there are any to come.
    fn want_old(&mut self, transfer: TransferId) {
        let Some(it) = self.old.files.get_mut(&transfer) else {
            return;
        };
        let missing = it.tries.values().next().map(Exchange::missing).unwrap_or_default();
        if missing > 0 && it.stage == (Stage::Connected { asked: false }) {
            it.stage = Stage::Connected { asked: true };
            let most = usize::try_from(missing).unwrap_or(FEED).min(FEED);
            self.events.push_back(PeerEvent::Wants { transfer, most });
        }
    }

    pub(in crate::p2p::peers) fn poll_old(&mut self, id: DirectId) -> Option<Vec<u8>> {
        if let Some((last, _)) = self.old.closing.get_mut(&id) {
            return Some(std::mem::take(last)).filter(|last| !last.is_empty());
        }
        let transfer = self.old.of(id)?;
        let exchange = self.old.files.get_mut(&transfer)?.tries.get_mut(&id)?;
        let out = exchange.poll()?;
        if exchange.is_asked() {
            self.want_old(transfer);
        }
        Some(out)
    }
}
