//! The engine: transfers of one account with all its peers.

mod agreement;
mod bytes;
mod direct;
mod draw;
mod farewell;
mod old;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use self::farewell::Farewell;
use super::{
    Envelope, FileContext, OBJECT_LIMIT, PeerEvent, Place, TransferError, TransferId,
    direct::DirectId,
    feature,
    line::{Arrival, Came, Line},
    slp::Slp,
    transfer::{ANSWER, DECISION, KEPT, STALL, State, Transfer, What},
    v1,
};
use crate::{
    msg::{Body, Object},
    session::ChatId,
};

/// Most transfers of one account at once.
const TRANSFERS_LIMIT: usize = 256;
/// Most transfers one peer may begin.
const PEER_LIMIT: usize = 16;
/// Most lines to peers.
const LINES_LIMIT: usize = 512;
/// Bytes of a packet through a conversation, of either age.
const PACKET: usize = 1300;
/// Most objects that are served.
const SERVED_LIMIT: usize = 256;

/// All transfers of an account.
///
/// After each call drain [`poll_event`](Self::poll_event) and [`poll_direct`](Self::poll_direct), and send
/// what [`poll_payload`](Self::poll_payload) gives for each conversation, and
/// [`poll_direct_bytes`](Self::poll_direct_bytes) for each direct connection, as fast as it takes it.
#[derive(Debug)]
pub struct Peers {
    own: Place,
    entropy: [u8; 16],
    drawn: u64,
    lines: BTreeMap<Place, Line>,
    transfers: BTreeMap<TransferId, Transfer>,
    served: BTreeMap<String, (Object, Arc<[u8]>)>,
    direct: direct::Direct,
    old: old::OldFiles,
    farewells: Vec<Farewell>,
    events: VecDeque<PeerEvent>,
    last: u64,
}

impl Peers {
    /// Makes an engine without transfers. The entropy must be of this session alone.
    pub fn new(own: Place, entropy: [u8; 16]) -> Self {
        Self {
            own,
            entropy,
            drawn: 0,
            lines: BTreeMap::new(),
            transfers: BTreeMap::new(),
            served: BTreeMap::new(),
            direct: direct::Direct::default(),
            old: old::OldFiles::default(),
            farewells: Vec::new(),
            events: VecDeque::new(),
            last: 0,
        }
    }

    /// Tells whether something waits to be sent through a conversation.
    pub fn has_waiting(&self, chat: &ChatId) -> bool {
        self.lines.values().any(|line| line.chat == *chat && line.has_queued())
            || self.transfers.values().any(|it| it.chat == *chat && waits_for_chat(it))
            || self.old.waiting().any(|of| of == chat)
    }

    /// Gives the conversations through which something waits to be sent.
    pub fn waiting(&self) -> Vec<ChatId> {
        let queued = self.lines.values().filter(|line| line.has_queued()).map(|line| &line.chat);
        let ready = self.transfers.values().filter(|it| waits_for_chat(it)).map(|it| &it.chat);
        let mut chats: Vec<ChatId> =
            queued.chain(ready).chain(self.old.waiting()).cloned().collect();
        chats.sort_unstable();
        chats.dedup();
        chats
    }

    /// Names a transfer that is about to be asked for.
    pub fn new_id(&mut self) -> TransferId {
        self.last += 1;
        TransferId(self.last)
    }

    /// Takes a payload that came through a conversation from an account.
    pub fn handle_payload(&mut self, now: Instant, chat: &ChatId, sender: &str, body: &Body<'_>) {
        let Some(envelope) = Envelope::read(body) else {
            return;
        };
        let ours = envelope.to.account == self.own.account
            && (envelope.to.id.is_none() || envelope.to.id == self.own.id);
        let is_second_age = envelope.is_second_age();
        let from = envelope.from.filter(|_| is_second_age);
        let from = from.unwrap_or_else(|| Place { account: sender.to_lowercase(), id: None });
        // Everybody in a conversation of several gets everything, and each of one's places too.
        if !ours || from.account != sender.to_lowercase() {
            return;
        }
        let Some(line) = self.line(chat, &from) else {
            return;
        };
        if let Some(arrival) = line.receive(envelope.packet, v1::FOOTER_LENGTH) {
            self.heard(&from);
            self.arrived(now, chat, &from, None, arrival);
        }
    }

    /// Takes what a packet brought, through a conversation or over a direct link.
    fn arrived(
        &mut self,
        now: Instant,
        chat: &ChatId,
        from: &Place,
        link: Option<DirectId>,
        arrival: Arrival<'_>,
    ) {
        let came = match arrival.came {
            Came::Data { session, at, bytes, uncounted } => {
                let takes =
                    |it: &Transfer| it.place == *from && it.session == session && it.takes_bytes();
                // Only who takes bytes says that they are here, or who took them over a link that broke.
                let takes = self.find(takes).is_some() || self.direct.has_received(from, session);
                let line = match link {
                    Some(link) => self.direct.line(link),
                    None => self.lines.get_mut(from),
                };
                if let (Some(last), Some(line)) = (arrival.ends.filter(|_| takes), line) {
                    line.acknowledge(&last);
                }
                self.data_came(now, from, (link, session), at, bytes, uncounted);
                None
            }
            Came::Reset { session } => {
                let found = self.find(|it| it.place == *from && it.session == session);
                if let Some(transfer) = found {
                    self.end(transfer, Err(TransferError::Cancelled));
                }
                None
            }
            Came::Text(text) => Slp::read(&text),
            Came::Nothing => None,
        };
        for transfer in arrival.taken {
            self.taken(now, transfer);
        }
        if let Some(text) = came {
            self.text_came(now, chat, from, text);
        }
    }

    /// Ends what stood still for too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.direct_timeout(now);
        self.old_timeout(now);
        self.say_late_farewells(now);
        self.invite_again(now);
        let late = self.transfers.iter().filter(|(_, it)| it.deadline <= now);
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            let state = self.transfers.get(&id).map(|it| &it.state);
            let error = match state {
                Some(State::Inviting | State::Offered { .. }) => TransferError::NoAnswer,
                Some(State::Sent(_)) => TransferError::Unconfirmed,
                _ => TransferError::Stalled,
            };
            match state {
                Some(State::Offered { .. }) => self.answer(id, 603),
                _ => self.say_bye(id),
            }
            self.end(id, Err(error));
        }
    }

    /// Takes the news that a conversation's link is gone: what was under way in it ends, and a file
    /// nobody has decided about stays, and what goes over a direct link.
    pub fn handle_gone(&mut self, chat: &ChatId, error: TransferError) {
        self.lines.retain(|_, line| line.chat != *chat);
        self.farewells.retain(|it| it.chat != *chat);
        for id in self.old.cut(chat, None) {
            self.end_old(id, Err(error));
        }
        let ends = |it: &Transfer| it.chat == *chat && it.is_running() && it.link.is_none();
        let cut = self.transfers.iter().filter(|(_, it)| ends(it));
        for (id, error) in cut.map(|(id, it)| (*id, it.cut_off(error))).collect::<Vec<_>>() {
            self.end(id, Err(error));
        }
    }

    /// Takes the news that somebody left a conversation of several.
    pub fn handle_left(&mut self, chat: &ChatId, account: &str) {
        self.lines.retain(|place, line| line.chat != *chat || place.account != account);
        self.farewells.retain(|it| it.chat != *chat || it.place.account != account);
        for id in self.old.cut(chat, Some(account)) {
            self.end_old(id, Err(TransferError::Interrupted));
        }
        let hers =
            |it: &Transfer| it.chat == *chat && it.place.account == account && it.link.is_none();
        let cut = self.transfers.iter().filter(|(_, it)| hers(it));
        let cut = cut.map(|(id, it)| (*id, it.cut_off(TransferError::Interrupted)));
        for (id, error) in cut.collect::<Vec<_>>() {
            self.end(id, Err(error));
        }
    }

    /// Ends all transfers.
    pub fn handle_closed(&mut self) {
        self.lines.clear();
        self.farewells.clear();
        let cut = self.transfers.iter();
        let cut = cut.map(|(id, it)| (*id, it.cut_off(TransferError::Interrupted)));
        for (id, error) in cut.collect::<Vec<_>>() {
            self.end(id, Err(error));
        }
        self.direct_closed();
        self.old_closed();
    }

    /// Takes the news that a conversation has another name.
    pub fn handle_renamed(&mut self, before: &ChatId, after: &ChatId) {
        let lines = self.lines.values_mut().chain(self.direct.lines()).map(|line| &mut line.chat);
        let transfers = self.transfers.values_mut().map(|it| &mut it.chat);
        let farewells = self.farewells.iter_mut().map(|it| &mut it.chat);
        let others = farewells.chain(self.old.chats());
        for chat in lines.chain(transfers).chain(others).filter(|chat| **chat == *before) {
            chat.clone_from(after);
        }
    }

    /// Lets peers fetch an object; one of the same hash takes its place. False when there are too many.
    pub fn serve(&mut self, object: Object, bytes: Arc<[u8]>) -> bool {
        let room = self.served.len() < SERVED_LIMIT || self.served.contains_key(&object.hash);
        if room {
            self.served.insert(object.hash.clone(), (object, bytes));
        }
        room
    }

    /// Lets peers fetch an object no longer.
    pub fn withdraw(&mut self, hash: &str) {
        self.served.remove(hash);
    }

    /// Fetches an object from whoever described it.
    ///
    /// # Errors
    /// [`TransferError::TooLarge`], [`TransferError::Busy`].
    pub fn fetch(
        &mut self,
        now: Instant,
        id: TransferId,
        chat: &ChatId,
        place: Place,
        object: Object,
        description: &str,
    ) -> Result<(), TransferError> {
        if object.size > OBJECT_LIMIT {
            return Err(TransferError::TooLarge);
        }
        let context = [description.as_bytes(), b"\0"].concat();
        let kind = match object.kind {
            2 => 11,
            3 => 12,
            _ => 1,
        };
        let what = What::Object(object);
        self.invite(id, (now, ANSWER), chat, place, what, feature::OBJECT, kind, &context)
    }

    /// Offers a file.
    ///
    /// # Errors
    /// [`TransferError::Busy`].
    pub fn offer(
        &mut self,
        now: Instant,
        id: TransferId,
        chat: &ChatId,
        place: Place,
        file: FileContext,
    ) -> Result<(), TransferError> {
        let context = file.encode();
        self.invite(id, (now, DECISION), chat, place, What::File(file), feature::FILE, 2, &context)
    }

    /// Takes a file that was offered.
    ///
    /// # Errors
    /// [`TransferError::Unknown`].
    pub fn accept(&mut self, now: Instant, id: TransferId) -> Result<(), TransferError> {
        if self.old.has(id) {
            return self.accept_old(now, id);
        }
        let offered = |it: &Transfer| matches!(it.state, State::Offered { .. });
        if !self.transfers.get(&id).is_some_and(offered) {
            return Err(TransferError::Unknown);
        }
        self.answer(id, 200);
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.state = State::Receiving { got: 0, object: Vec::new() };
            transfer.deadline = now + STALL;
            if transfer.size() == 0 {
                self.end(id, Ok(())); // not every sender sends a packet for nothing
            }
        }
        Ok(())
    }

    /// Gives a transfer up, or declines it where it was offered.
    ///
    /// # Errors
    /// [`TransferError::Unknown`].
    pub fn cancel(&mut self, id: TransferId) -> Result<(), TransferError> {
        if self.old.has(id) {
            self.cancel_old(id, TransferError::Cancelled);
            return Ok(());
        }
        let transfer = self.transfers.get(&id).ok_or(TransferError::Unknown)?;
        match transfer.state {
            State::Offered { .. } => self.answer(id, 603),
            _ => self.say_bye(id),
        }
        self.end(id, Err(TransferError::Cancelled));
        Ok(())
    }

    /// Gives bytes of a file that were wanted.
    ///
    /// # Errors
    /// [`TransferError::Unknown`] when no file is being sent, or more is given than it has.
    pub fn feed(
        &mut self,
        now: Instant,
        id: TransferId,
        bytes: Vec<u8>,
    ) -> Result<(), TransferError> {
        if self.old.has(id) {
            return self.feed_old(now, id, &bytes);
        }
        let transfer = self.transfers.get_mut(&id).ok_or(TransferError::Unknown)?;
        let State::Sending(source) = &mut transfer.state else {
            return Err(TransferError::Unknown);
        };
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > source.missing() {
            return Err(TransferError::Unknown);
        }
        source.add(bytes, if transfer.link.is_some() { KEPT } else { 0 });
        transfer.deadline = now + STALL;
        Ok(())
    }

    /// Gives the next payload for a conversation.
    pub fn poll_payload(&mut self, now: Instant, chat: &ChatId) -> Option<Vec<u8>> {
        let mut lines = self.lines.iter_mut().filter(|(_, line)| line.chat == *chat);
        if let Some((place, packet)) =
            lines.find_map(|(place, line)| Some((place.clone(), line.poll_queued()?)))
        {
            return Some(self.wrap(&place, &packet));
        }
        let ready = self.transfers.iter().find(|(_, it)| it.chat == *chat && waits_for_chat(it));
        let (id, place) = ready.map(|(id, it)| (*id, it.place.clone()))?;
        let mut packet = Vec::with_capacity(PACKET);
        self.next_piece(now, id, &mut packet)?;
        Some(self.wrap(&place, &packet))
    }

    /// Gives the next thing that happened.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Tells when [`handle_timeout`](Self::handle_timeout) is due at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.transfers.values().map(|it| it.deadline);
        let again = self.transfers.values().filter_map(|it| it.again.as_ref().map(|(at, _)| *at));
        let others = self.direct.deadlines().chain(self.old.deadlines());
        deadlines.chain(again).chain(self.next_farewell()).chain(others).min()
    }

    fn wrap(&self, place: &Place, packet: &[u8]) -> Vec<u8> {
        let from = place.id.is_some().then(|| self.own.clone());
        Envelope { to: place.clone(), from, packet }.write()
    }

    /// Finds the way to a peer: a direct link if there is one, else a line through the conversation.
    fn way_to(&mut self, chat: &ChatId, place: &Place) -> Option<&mut Line> {
        match self.direct.link_to(place) {
            Some(link) => self.direct.line(link),
            None => self.line(chat, place),
        }
    }

    /// Finds or makes the line to a peer; what it said last tells through which conversation.
    fn line(&mut self, chat: &ChatId, place: &Place) -> Option<&mut Line> {
        if !self.lines.contains_key(place) {
            if self.lines.len() >= LINES_LIMIT {
                return None;
            }
            let random = self.draw_number();
            let line = Line::new(chat.clone(), place.id.is_some(), random);
            self.lines.insert(place.clone(), line);
        }
        let line = self.lines.get_mut(place)?;
        if line.chat != *chat {
            let [before, after] = [line.chat.clone(), chat.clone()];
            line.chat = after.clone();
            let moved = self.transfers.values_mut();
            for it in moved.filter(|it| it.place == *place && it.chat == before) {
                it.chat = after.clone();
            }
        }
        Some(line)
    }

    fn end(&mut self, id: TransferId, outcome: Result<(), TransferError>) {
        if let Some(transfer) = self.transfers.remove(&id) {
            self.direct.abandon(id);
            let unsure = |error| if transfer.unsure { TransferError::Unconfirmed } else { error };
            let outcome = outcome.map_err(unsure);
            self.events.push_back(PeerEvent::Ended { transfer: id, outcome });
        }
    }

    fn find(&self, is: impl Fn(&Transfer) -> bool) -> Option<TransferId> {
        self.transfers.iter().find(|(_, it)| is(it)).map(|(id, _)| *id)
    }
}

/// Whether a transfer has bytes to send now through its conversation.
fn waits_for_chat(transfer: &Transfer) -> bool {
    transfer.link.is_none() && is_ready(transfer)
}

/// Whether a transfer has bytes to send now.
fn is_ready(transfer: &Transfer) -> bool {
    matches!(&transfer.state, State::Sending(source)
        if source.bytes.waiting() > 0 || source.total == 0)
}
