//! Direct links of the engine: when one is tried for, and what goes over it.
//!
//! Only files are worth one. Whoever sends asks for it behind the yes, and connects; whoever receives
//! listens. No byte of a file goes before that is settled, and all of them go through the conversation when
//! nothing comes of it. When a link breaks, what it may have lost is sent again through the conversation.

mod agreement;

use std::{
    collections::{BTreeMap, VecDeque},
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use super::{Peers, is_ready};
use crate::p2p::{
    PeerEvent, Place, TransferId,
    direct::{
        DirectAction, DirectId, DirectNews, DirectRules, Frames, Handshake, Nonce, Proof, frame,
        frame_with,
    },
    line::Line,
    slp::Slp,
    transfer::{STALL, State, Transfer},
    v1,
};

/// Bytes of a message in one packet over a direct link.
pub(super) const ROOM: usize = 1352;
/// Bytes of a packet's frame over a direct link, of either age.
const FRAME: usize = 1500;
/// How long a link that nothing uses is kept.
const LINGER: Duration = Duration::from_secs(30);
/// Most links of an account, tried for or there.
pub(super) const LINKS_LIMIT: usize = 8;
/// Most connections that are tried for one link at once; the newest makes the oldest go.
const TRIES_LIMIT: usize = 4;

/// Most transfers that are remembered after they came whole.
const RECEIVED_LIMIT: usize = 16;

/// The direct links of an account.
#[derive(Debug, Default)]
pub(super) struct Direct {
    rules: Option<DirectRules>,
    attempts: BTreeMap<TransferId, Attempt>,
    links: BTreeMap<DirectId, Link>,
    actions: VecDeque<DirectAction>,
    /// What came whole over links of late: a peer who did not hear so sends the end again.
    received: VecDeque<(Place, u32)>,
    last: u64,
}

/// A link that is tried for, on account of a transfer.
#[derive(Debug)]
struct Attempt {
    deadline: Instant,
    way: Way,
    own: Nonce,
    tries: BTreeMap<DirectId, Try>,
}

#[derive(Debug)]
enum Way {
    /// The peer was asked, in a request of this branch.
    Asked { branch: String },
    /// The peer listens.
    Connecting,
    /// The peer is to connect; what she asked is answered once it is known where to.
    Listening { at: DirectId, request: Box<Slp>, proof: Proof },
}

#[derive(Debug)]
struct Try {
    handshake: Handshake,
    outgoing: Vec<u8>,
}

#[derive(Debug)]
struct Link {
    place: Place,
    line: Line,
    frames: Frames,
    outgoing: Vec<u8>,
    deadline: Instant,
}

impl Direct {
    pub(super) fn line(&mut self, id: DirectId) -> Option<&mut Line> {
        self.links.get_mut(&id).map(|link| &mut link.line)
    }

    pub(super) fn lines(&mut self) -> impl Iterator<Item = &mut Line> {
        self.links.values_mut().map(|link| &mut link.line)
    }

    pub(super) fn note_received(&mut self, place: Place, session: u32) {
        if self.received.len() >= RECEIVED_LIMIT {
            self.received.pop_front();
        }
        self.received.push_back((place, session));
    }

    pub(super) fn has_received(&self, place: &Place, session: u32) -> bool {
        self.received.iter().any(|(whose, of)| whose == place && *of == session)
    }

    /// Finds the link to a peer.
    pub(super) fn link_to(&self, place: &Place) -> Option<DirectId> {
        self.links.iter().find(|(_, link)| link.place == *place).map(|(id, _)| *id)
    }

    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        let links = self.links.values().map(|link| link.deadline);
        self.attempts.values().map(|attempt| attempt.deadline).chain(links)
    }

    pub(super) fn is_allowed(&self) -> bool {
        self.rules.is_some()
    }

    /// Gives the address that peers are told.
    pub(super) fn address(&self) -> Option<Ipv4Addr> {
        self.rules.as_ref()?.addresses.first().copied()
    }

    pub(super) fn allows(&self, address: Ipv4Addr) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.allows(address))
    }

    pub(super) fn act(&mut self, action: DirectAction) {
        self.actions.push_back(action);
    }

    fn has_room(&self) -> bool {
        self.attempts.len() + self.links.len() < LINKS_LIMIT
    }

    pub(super) fn new_id(&mut self) -> DirectId {
        self.last += 1;
        DirectId(self.last)
    }

    /// Tries no longer.
    pub(super) fn abandon(&mut self, transfer: TransferId) {
        let Some(attempt) = self.attempts.remove(&transfer) else {
            return;
        };
        let listening = match attempt.way {
            Way::Listening { at, .. } => Some(at),
            Way::Asked { .. } | Way::Connecting => None,
        };
        let over = attempt.tries.into_keys().chain(listening);
        self.actions.extend(over.map(DirectAction::Close));
    }

    /// Finds the attempt that a connection belongs to.
    fn attempt_of(&self, id: DirectId) -> Option<TransferId> {
        let tried = |(_, attempt): &(&TransferId, &Attempt)| attempt.tries.contains_key(&id);
        self.attempts.iter().find(tried).map(|(transfer, _)| *transfer)
    }
}

impl Peers {
    /// Allows direct links; without rules none is asked for, and the answer to each request is no.
    pub fn allow_direct(&mut self, rules: DirectRules) {
        self.direct.rules = Some(rules);
    }

    /// Tells whether direct links are allowed.
    pub fn allows_direct(&self) -> bool {
        self.direct.is_allowed()
    }

    /// Takes the news of what a [`DirectAction`] asked for.
    pub fn handle_direct(&mut self, now: Instant, news: DirectNews<'_>) {
        if self.old_news(now, news) {
            return;
        }
        match news {
            DirectNews::Bytes(id, bytes) => {
                if let Some(link) = self.direct.links.get_mut(&id) {
                    let frames = std::mem::take(&mut link.frames);
                    self.link_frames(now, id, frames, bytes);
                } else {
                    self.try_bytes(now, id, bytes);
                }
            }
            DirectNews::Closed(id) => {
                self.link_down(now, id);
                self.try_failed(now, id);
                self.not_listening(id);
            }
            DirectNews::Listening(id, port) => self.listening(id, port),
            DirectNews::Opened(id) => {
                let message = self.draw_number();
                let transfer = self.direct.attempt_of(id);
                let attempt = transfer.and_then(|id| self.direct.attempts.get_mut(&id));
                if let Some(it) = attempt.and_then(|attempt| attempt.tries.get_mut(&id)) {
                    it.outgoing.extend(it.handshake.opening(message));
                }
            }
        }
    }

    /// Takes a connection that came where one is listened for, and names it; none when nobody is waited
    /// for there any more.
    pub fn handle_accepted(&mut self, listening: DirectId) -> Option<DirectId> {
        if let Some(id) = self.old_accepted(listening) {
            return Some(id);
        }
        let id = self.direct.new_id();
        let mut attempts = self.direct.attempts.iter_mut();
        let (transfer, attempt, proof) = attempts.find_map(|(transfer, it)| match it.way {
            Way::Listening { at, proof, .. } if at == listening => Some((transfer, it, proof)),
            _ => None,
        })?;
        let second = self.transfers.get(transfer)?.place.id.is_some();
        if attempt.tries.len() >= TRIES_LIMIT
            && let Some((oldest, _)) = attempt.tries.pop_first()
        {
            self.direct.actions.push_back(DirectAction::Close(oldest));
        }
        let handshake = Handshake::new(false, second, attempt.own, proof);
        attempt.tries.insert(id, Try { handshake, outgoing: Vec::new() });
        Some(id)
    }

    /// Gives the next thing that is to be done about direct links.
    pub fn poll_direct(&mut self) -> Option<DirectAction> {
        self.direct.actions.pop_front()
    }

    /// Puts bytes to write to a connection into `out`, some more than `most` only where an answer in the old
    /// way is longer; false when there are none now.
    pub fn poll_direct_bytes(
        &mut self,
        now: Instant,
        id: DirectId,
        most: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let before = out.len();
        if let Some(old) = self.poll_old(id) {
            out.extend_from_slice(&old);
            return true;
        }
        let transfer = self.direct.attempt_of(id);
        let attempt = transfer.and_then(|id| self.direct.attempts.get_mut(&id));
        if let Some(it) = attempt.and_then(|attempt| attempt.tries.get_mut(&id)) {
            out.append(&mut it.outgoing);
            return out.len() > before;
        }
        let Some(link) = self.direct.links.get_mut(&id) else {
            return false;
        };
        out.append(&mut link.outgoing);
        while out.len() - before + FRAME <= most.max(FRAME) {
            if let Some(packet) = self.direct.line(id).and_then(Line::poll_queued) {
                let end = packet.len().saturating_sub(v1::FOOTER_LENGTH);
                frame(out, packet.split_at(end).0);
            } else if let Some(ready) = self.find(|it| it.link == Some(id) && is_ready(it)) {
                frame_with(out, |out| {
                    self.next_piece(now, ready, out);
                });
            } else {
                break;
            }
        }
        let given = out.len() > before;
        if let Some(link) = self.direct.links.get_mut(&id).filter(|_| given) {
            link.deadline = now + LINGER;
        }
        given
    }

    fn try_bytes(&mut self, now: Instant, id: DirectId, bytes: &[u8]) {
        let message = self.draw_number();
        let Some(transfer) = self.direct.attempt_of(id) else {
            return;
        };
        let attempt = self.direct.attempts.get_mut(&transfer);
        let Some(it) = attempt.and_then(|attempt| attempt.tries.get_mut(&id)) else {
            return;
        };
        match it.handshake.receive(bytes, message) {
            Ok(None) => {}
            Ok(Some(proof)) => {
                it.outgoing.extend(proof);
                self.link_up(now, transfer, id);
            }
            Err(_) => {
                self.direct.actions.push_back(DirectAction::Close(id));
                self.try_failed(now, id);
            }
        }
    }

    /// A connection came to nothing; when there are no others, so did connecting.
    fn try_failed(&mut self, now: Instant, id: DirectId) {
        let Some(transfer) = self.direct.attempt_of(id) else {
            return;
        };
        if let Some(attempt) = self.direct.attempts.get_mut(&transfer) {
            attempt.tries.remove(&id);
            if attempt.tries.is_empty() && matches!(attempt.way, Way::Connecting) {
                self.give_up(now, transfer);
            }
        }
    }

    /// Sends a file through the conversation, or waits for one no longer.
    fn give_up(&mut self, now: Instant, id: TransferId) {
        self.direct.abandon(id);
        self.link_settled(now, id);
    }

    fn link_up(&mut self, now: Instant, transfer: TransferId, id: DirectId) {
        let random = self.draw_number();
        let attempt = self.direct.attempts.get_mut(&transfer);
        let won = attempt.and_then(|attempt| attempt.tries.remove(&id));
        self.direct.abandon(transfer);
        let (Some(won), Some(it)) = (won, self.transfers.get(&transfer)) else {
            return self.direct.actions.push_back(DirectAction::Close(id));
        };
        let place = it.place.clone();
        let line = Line::new(it.chat.clone(), place.id.is_some(), random);
        let (outgoing, frames) = (won.outgoing, won.handshake.into_frames());
        let link =
            Link { place, line, frames: Frames::default(), outgoing, deadline: now + LINGER };
        self.direct.links.insert(id, link);
        self.link_settled(now, transfer);
        self.link_frames(now, id, frames, &[]);
    }

    /// Begins to send a file that waited for a link, over the link if there is one.
    fn link_settled(&mut self, now: Instant, id: TransferId) {
        let waited = |it: &&mut Transfer| matches!(it.state, State::Linking);
        if let Some(it) = self.transfers.get_mut(&id).filter(waited) {
            it.deadline = now + STALL;
            let (chat, place, size) = (it.chat.clone(), it.place.clone(), it.size());
            self.send(id, &chat, &place, size, Vec::new());
        }
    }

    /// Takes what frames of a link have brought whole.
    fn link_frames(&mut self, now: Instant, id: DirectId, mut frames: Frames, mut bytes: &[u8]) {
        let Some(link) = self.direct.links.get(&id) else {
            return;
        };
        let (chat, place) = (link.line.chat.clone(), link.place.clone());
        while let Some(link) = self.direct.links.get_mut(&id) {
            match frames.next_frame(&mut bytes) {
                Ok(Some(frame)) => {
                    link.deadline = now + LINGER;
                    if let Some(arrival) = link.line.receive(frame, 0) {
                        self.arrived(now, &chat, &place, Some(id), arrival);
                    }
                }
                Ok(None) => {
                    link.frames = frames;
                    break;
                }
                Err(_) => {
                    self.direct.actions.push_back(DirectAction::Close(id));
                    self.link_down(now, id);
                    break;
                }
            }
        }
        if let Some(PeerEvent::Data { bytes, .. }) = self.events.back_mut() {
            bytes.shrink_to_fit();
        }
    }

    /// A link is gone: what it carried goes on through the conversation, from the oldest byte that is kept
    /// on. Whoever has some of them passes over those.
    fn link_down(&mut self, now: Instant, id: DirectId) {
        let Some(link) = self.direct.links.remove(&id) else {
            return;
        };
        for it in self.transfers.values_mut().filter(|it| it.link == Some(id)) {
            it.link = None;
            it.deadline = now + STALL;
            let state = std::mem::replace(&mut it.state, State::Linking);
            it.unsure |= matches!(state, State::Sent(_));
            it.state = match state {
                State::Sending(mut source) | State::Sent(mut source) => {
                    source.rewind();
                    State::Sending(source)
                }
                state => state,
            };
        }
        let goes_on = self.transfers.values().any(|it| it.place == link.place);
        let chat = link.line.chat.clone();
        if (goes_on || link.line.has_queued())
            && let Some(line) = self.line(&chat, &link.place)
        {
            line.adopt(link.line);
        }
    }

    pub(super) fn direct_timeout(&mut self, now: Instant) {
        let late = self.direct.attempts.iter().filter(|(_, it)| it.deadline <= now);
        for transfer in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.give_up(now, transfer);
        }
        let late = self.direct.links.iter_mut().filter(|(_, it)| it.deadline <= now);
        let mut idle = Vec::new();
        for (id, link) in late {
            if self.transfers.values().any(|it| it.link == Some(*id)) {
                link.deadline = now + LINGER;
            } else {
                idle.push(*id);
            }
        }
        for id in idle {
            self.direct.links.remove(&id);
            self.direct.actions.push_back(DirectAction::Close(id));
        }
    }

    pub(super) fn direct_closed(&mut self) {
        for id in std::mem::take(&mut self.direct.links).into_keys() {
            self.direct.actions.push_back(DirectAction::Close(id));
        }
    }
}
