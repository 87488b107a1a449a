//! The engine: transfers of one account with all its peers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

use super::{
    Envelope, FileContext, OBJECT_LIMIT, PeerEvent, Place, TransferError, TransferId, feature,
    reassembly::{Came, Line, Piece},
    slp::{Slp, Start, content},
    transfer::{ANSWER, DECISION, FEED, STALL, Source, State, Transfer, What},
    v1,
};
use crate::{
    escape::lossy,
    msg::{Body, Object},
    session::ChatId,
};

/// Most transfers of one account at once.
const TRANSFERS_LIMIT: usize = 256;
/// Most transfers one peer may begin.
const PEER_LIMIT: usize = 16;
/// Most lines to peers.
const LINES_LIMIT: usize = 512;
/// Most objects that are served.
const SERVED_LIMIT: usize = 256;

/// All transfers of an account.
///
/// After each call drain [`poll_event`](Self::poll_event), and send what
/// [`poll_payload`](Self::poll_payload) gives for each conversation as fast as it takes it.
#[derive(Debug)]
pub struct Peers {
    own: Place,
    entropy: [u8; 16],
    drawn: u64,
    lines: BTreeMap<Place, Line>,
    transfers: BTreeMap<TransferId, Transfer>,
    served: BTreeMap<String, (Object, Arc<[u8]>)>,
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
            events: VecDeque::new(),
            last: 0,
        }
    }

    /// Tells whether something waits to be sent through a conversation.
    pub fn has_waiting(&self, chat: &ChatId) -> bool {
        self.lines.values().any(|line| line.chat == *chat && line.has_queued())
            || self.transfers.values().any(|it| it.chat == *chat && is_ready(it))
    }

    /// Gives the conversations through which something waits to be sent.
    pub fn waiting(&self) -> Vec<ChatId> {
        if self.lines.is_empty() {
            return Vec::new();
        }
        let queued = self.lines.values().filter(|line| line.has_queued()).map(|line| &line.chat);
        let ready = self.transfers.values().filter(|it| is_ready(it)).map(|it| &it.chat);
        let mut chats: Vec<ChatId> = queued.chain(ready).cloned().collect();
        chats.sort_unstable();
        chats.dedup();
        chats
    }

    /// Gives a GUID that nothing else of the session has.
    pub fn new_guid(&mut self) -> String {
        self.draw_guid()
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
        let from = envelope.from.filter(|_| envelope.to.id.is_some());
        let from = from.unwrap_or_else(|| Place { account: sender.to_lowercase(), id: None });
        // Everybody in a conversation of several gets everything, and each of one's places too.
        if !ours || from.account != sender.to_lowercase() {
            return;
        }
        let Some(line) = self.line(chat, &from) else {
            return;
        };
        let Some(arrival) = line.receive(envelope.packet) else {
            return;
        };
        let came = match arrival.came {
            Came::Data { session, offset, bytes } => {
                self.data_came(now, &from, session, offset, bytes);
                None
            }
            Came::Reset { session } => {
                let found = self.find(|it| it.place == from && it.session == session);
                if let Some(transfer) = found {
                    self.end(transfer, Err(TransferError::Cancelled));
                }
                None
            }
            Came::Text(text) => Slp::read(&text),
            Came::Nothing => None,
        };
        for transfer in arrival.taken {
            self.taken(transfer);
        }
        if let Some(text) = came {
            self.text_came(now, chat, &from, text);
        }
    }

    /// Ends what stood still for too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late = self.transfers.iter().filter(|(_, it)| it.deadline <= now);
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            let state = self.transfers.get(&id).map(|it| &it.state);
            let error = match state {
                Some(State::Inviting | State::Offered { .. }) => TransferError::NoAnswer,
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
    /// nobody has decided about stays.
    pub fn handle_gone(&mut self, chat: &ChatId, error: TransferError) {
        self.lines.retain(|_, line| line.chat != *chat);
        let cut = self.transfers.iter().filter(|(_, it)| it.chat == *chat && it.is_running());
        for id in cut.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end(id, Err(error));
        }
    }

    /// Takes the news that somebody left a conversation of several.
    pub fn handle_left(&mut self, chat: &ChatId, account: &str) {
        self.lines.retain(|place, line| line.chat != *chat || place.account != account);
        let hers = |it: &Transfer| it.chat == *chat && it.place.account == account;
        let cut = self.transfers.iter().filter(|(_, it)| hers(it));
        for id in cut.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.end(id, Err(TransferError::Interrupted));
        }
    }

    /// Ends all transfers.
    pub fn handle_closed(&mut self) {
        self.lines.clear();
        for id in self.transfers.keys().copied().collect::<Vec<_>>() {
            self.end(id, Err(TransferError::Interrupted));
        }
    }

    /// Takes the news that a conversation has another name.
    pub fn handle_renamed(&mut self, before: &ChatId, after: &ChatId) {
        let lines = self.lines.values_mut().map(|line| &mut line.chat);
        let transfers = self.transfers.values_mut().map(|it| &mut it.chat);
        for chat in lines.chain(transfers).filter(|chat| **chat == *before) {
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
        let kind = if object.kind == 3 { 12 } else { 1 };
        let kind = if object.kind == 2 { 11 } else { kind };
        let what = What::Object(object);
        self.invite(id, now + ANSWER, chat, place, what, feature::OBJECT, kind, &context)
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
        self.invite(id, now + DECISION, chat, place, What::File(file), feature::FILE, 2, &context)
    }

    /// Takes a file that was offered.
    ///
    /// # Errors
    /// [`TransferError::Unknown`].
    pub fn accept(&mut self, now: Instant, id: TransferId) -> Result<(), TransferError> {
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
        bytes: &[u8],
    ) -> Result<(), TransferError> {
        let transfer = self.transfers.get_mut(&id).ok_or(TransferError::Unknown)?;
        let State::Sending(source) = &mut transfer.state else {
            return Err(TransferError::Unknown);
        };
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > source.missing() {
            return Err(TransferError::Unknown);
        }
        source.bytes.drain(..source.at);
        source.at = 0;
        source.bytes.extend_from_slice(bytes);
        source.asked = false;
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
        let ready = self.transfers.iter().find(|(_, it)| it.chat == *chat && is_ready(it));
        let (id, place) = ready.map(|(id, it)| (*id, it.place.clone()))?;
        let packet = self.next_piece(now, id)?;
        Some(self.wrap(&place, &packet))
    }

    /// Gives the next thing that happened.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// Tells when [`handle_timeout`](Self::handle_timeout) is due at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.transfers.values().map(|it| it.deadline).min()
    }

    fn next_piece(&mut self, now: Instant, id: TransferId) -> Option<Vec<u8>> {
        let transfer = self.transfers.get_mut(&id)?;
        let line = self.lines.get_mut(&transfer.place)?;
        let is_file = matches!(transfer.what, What::File(_));
        let State::Sending(source) = &mut transfer.state else {
            return None;
        };
        let bytes = source.waiting();
        let bytes = bytes.get(..bytes.len().min(v1::ROOM)).unwrap_or_default();
        let footer = if is_file { 2 } else { 1 };
        let piece = Piece {
            transfer: id,
            session: transfer.session,
            is_file,
            footer,
            message: source.message,
            key: source.key,
            offset: source.sent,
            total: source.total,
        };
        let (packet, length) = (line.data(piece, bytes), bytes.len());
        source.at += length;
        source.sent += u64::try_from(length).unwrap_or_default();
        transfer.deadline = now + STALL;
        let missing = source.missing();
        if missing > 0 && !source.asked && source.waiting().len() < FEED / 2 {
            source.asked = true;
            let most = usize::try_from(missing).unwrap_or(FEED).min(FEED);
            self.events.push_back(PeerEvent::Wants { transfer: id, most });
        }
        if source.sent >= source.total {
            transfer.state = State::Sent;
        }
        Some(packet)
    }

    fn wrap(&self, place: &Place, packet: &[u8]) -> Vec<u8> {
        let from = place.id.is_some().then(|| self.own.clone());
        Envelope { to: place.clone(), from, packet }.write()
    }

    /// Finds or makes the line to a peer; what it said last tells through which conversation.
    fn line(&mut self, chat: &ChatId, place: &Place) -> Option<&mut Line> {
        if !self.lines.contains_key(place) {
            if self.lines.len() >= LINES_LIMIT {
                return None;
            }
            let [a, b, c, d, ..] = self.draw();
            let random = u32::from_le_bytes([a, b, c, d]);
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

    #[expect(clippy::too_many_arguments, reason = "an invitation is made of so many things")]
    fn invite(
        &mut self,
        id: TransferId,
        deadline: Instant,
        chat: &ChatId,
        place: Place,
        what: What,
        feature: &str,
        kind: u32,
        context: &[u8],
    ) -> Result<(), TransferError> {
        if self.transfers.len() >= TRANSFERS_LIMIT {
            return Err(TransferError::Busy);
        }
        let (call, branch) = (self.draw_guid(), self.draw_guid());
        let [a, b, c, d, ..] = self.draw();
        let session = (u32::from_le_bytes([a, b, c, d]) & 0x7FFF_FFFF).max(1);
        let flags = if kind == 2 { 16 } else { 18 };
        let lines = [
            ("EUF-GUID", format!("{{{feature}}}")),
            ("SessionID", session.to_string()),
            ("AppID", kind.to_string()),
            ("RequestFlags", flags.to_string()),
            ("Context", STANDARD.encode(context)),
        ];
        let text = Slp {
            start: Start::Request("INVITE".to_owned()),
            to: place.clone(),
            from: self.own_for(&place),
            branch,
            sequence: 0,
            call: call.clone(),
            content_type: content::SESSION.to_owned(),
            body: lines.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        self.say(chat, &place, &text);
        let (chat, state) = (chat.clone(), State::Inviting);
        self.transfers.insert(id, Transfer { chat, place, session, call, what, state, deadline });
        Ok(())
    }

    fn own_for(&self, place: &Place) -> Place {
        let id = self.own.id.clone().filter(|_| place.id.is_some());
        Place { account: self.own.account.clone(), id }
    }

    fn say(&mut self, chat: &ChatId, place: &Place, text: &Slp) {
        let [a, b, c, d, ..] = self.draw();
        let (text, key) = (text.write(), u32::from_le_bytes([a, b, c, d]));
        if let Some(line) = self.line(chat, place) {
            line.send_text(&text, key);
        }
    }

    /// Answers a file that was offered.
    fn answer(&mut self, id: TransferId, code: u16) {
        let Some(transfer) = self.transfers.get(&id) else {
            return;
        };
        let State::Offered { invitation } = &transfer.state else {
            return;
        };
        let (chat, place) = (transfer.chat.clone(), transfer.place.clone());
        let answer = session_answer(invitation, code);
        self.say(&chat, &place, &answer);
    }

    fn say_bye(&mut self, id: TransferId) {
        let branch = self.draw_guid();
        let Some(transfer) = self.transfers.get(&id) else {
            return;
        };
        let (chat, place) = (transfer.chat.clone(), transfer.place.clone());
        let text = Slp {
            start: Start::Request("BYE".to_owned()),
            to: place.clone(),
            from: self.own_for(&place),
            branch,
            sequence: 0,
            call: transfer.call.clone(),
            content_type: content::CLOSE.to_owned(),
            body: vec![("SessionID".to_owned(), transfer.session.to_string())],
        };
        self.say(&chat, &place, &text);
    }

    fn end(&mut self, id: TransferId, outcome: Result<(), TransferError>) {
        if self.transfers.remove(&id).is_some() {
            self.events.push_back(PeerEvent::Ended { transfer: id, outcome });
        }
    }

    fn find(&self, is: impl Fn(&Transfer) -> bool) -> Option<TransferId> {
        self.transfers.iter().find(|(_, it)| is(it)).map(|(id, _)| *id)
    }

    fn text_came(&mut self, now: Instant, chat: &ChatId, from: &Place, text: Slp) {
        match &text.start {
            Start::Request(method) if method == "INVITE" => self.invited(now, chat, from, text),
            Start::Request(method) if method == "BYE" => self.bye_came(from, &text),
            Start::Request(_) => {}
            Start::Status(code) => self.status_came(now, from, &text, *code),
        }
    }

    fn status_came(&mut self, now: Instant, from: &Place, text: &Slp, code: u16) {
        let asked = |it: &Transfer| {
            it.place == *from
                && it.call.eq_ignore_ascii_case(&text.call)
                && matches!(it.state, State::Inviting)
        };
        let Some(id) = self.find(asked) else {
            return;
        };
        match code {
            200 => self.started(now, id),
            603 => {
                let is_file =
                    self.transfers.get(&id).is_some_and(|it| matches!(it.what, What::File(_)));
                let error =
                    if is_file { TransferError::Declined } else { TransferError::Unavailable };
                self.end(id, Err(error));
            }
            _ => self.end(id, Err(TransferError::Unavailable)),
        }
    }

    /// The peer said yes: a file's bytes go, or an object's come.
    fn started(&mut self, now: Instant, id: TransferId) {
        let [a, b, c, d, ..] = self.draw();
        let key = u32::from_le_bytes([a, b, c, d]);
        let Some(transfer) = self.transfers.get_mut(&id) else {
            return;
        };
        transfer.deadline = now + STALL;
        let total = match &transfer.what {
            What::Object(_) => {
                transfer.state = State::Receiving { got: 0, object: Vec::new() };
                return;
            }
            What::File(file) => file.size,
        };
        let (chat, place) = (transfer.chat.clone(), transfer.place.clone());
        self.events.push_back(PeerEvent::Accepted { transfer: id });
        self.send(id, &chat, &place, total, Vec::new(), key);
    }

    fn send(
        &mut self,
        id: TransferId,
        chat: &ChatId,
        place: &Place,
        total: u64,
        bytes: Vec<u8>,
        key: u32,
    ) {
        let Some(message) = self.line(chat, place).map(Line::next_message) else {
            return;
        };
        let source = Source { total, sent: 0, bytes, at: 0, asked: false, message, key };
        let missing = source.missing();
        if let Some(transfer) = self.transfers.get_mut(&id) {
            transfer.state = State::Sending(Source { asked: missing > 0, ..source });
            if missing > 0 {
                let most = usize::try_from(missing).unwrap_or(FEED).min(FEED);
                self.events.push_back(PeerEvent::Wants { transfer: id, most });
            }
        }
    }

    fn bye_came(&mut self, from: &Place, text: &Slp) {
        let about = |it: &Transfer| {
            it.place == *from
                && (it.call.eq_ignore_ascii_case(&text.call) || Some(it.session) == text.session())
        };
        let Some(id) = self.find(about) else {
            return;
        };
        let state = self.transfers.get(&id).map(|it| &it.state);
        // Some say goodbye before they acknowledge the last byte.
        let outcome = match state {
            Some(State::Sent) => Ok(()),
            Some(State::Inviting) => Err(TransferError::Declined),
            _ => Err(TransferError::Cancelled),
        };
        self.end(id, outcome);
    }

    /// All bytes of a transfer were taken by the peer.
    fn taken(&mut self, id: TransferId) {
        let Some(transfer) = self.transfers.get(&id) else {
            return;
        };
        if matches!(transfer.what, What::File(_)) {
            self.say_bye(id);
        }
        self.end(id, Ok(()));
    }

    fn invited(&mut self, now: Instant, chat: &ChatId, from: &Place, text: Slp) {
        if text.content_type == content::TRANSPORT {
            let answer = no_direct_link(&text);
            return self.say(chat, from, &answer);
        }
        let known = |it: &Transfer| it.place == *from && it.call.eq_ignore_ascii_case(&text.call);
        if self.find(known).is_some() {
            return; // asked again: the answer is on its way
        }
        let session = text.session().unwrap_or_default();
        let begun = self.transfers.values().filter(|it| it.place.account == from.account).count();
        let busy = begun >= PEER_LIMIT || self.transfers.len() >= TRANSFERS_LIMIT;
        let used = self.find(|it| it.place == *from && it.session == session).is_some();
        let feature = text.line("EUF-GUID").unwrap_or_default();
        let feature = feature.trim_matches(['{', '}']).to_ascii_uppercase();
        let context = text.line("Context").unwrap_or_default();
        let context = STANDARD.decode(context).unwrap_or_default();
        if text.to.account != self.own.account {
            return self.say(chat, from, &session_answer(&text, 404));
        }
        if session == 0 || busy || used {
            return self.say(chat, from, &session_answer(&text, 603));
        }
        match feature.as_str() {
            feature::OBJECT => self.object_asked(now, chat, from, &text, session, &context),
            feature::FILE => match FileContext::decode(&context) {
                Some(file) => self.file_offered(now, chat, from, text, session, file),
                None => self.say(chat, from, &text.answer(500, content::FAILURE, Vec::new())),
            },
            _ => {
                self.say(chat, from, &session_answer(&text, 603));
                let (chat, from) = (chat.clone(), from.account.clone());
                let feature = feature.chars().take(36).collect();
                self.events.push_back(PeerEvent::Unsupported { chat, from, feature });
            }
        }
    }

    fn object_asked(
        &mut self,
        now: Instant,
        chat: &ChatId,
        from: &Place,
        text: &Slp,
        session: u32,
        context: &[u8],
    ) {
        let description = lossy(context);
        let asked = Object::read(description.trim_end_matches('\0'));
        let served = asked.and_then(|asked| self.served.get(&asked.hash)).cloned();
        let Some((object, bytes)) = served else {
            return self.say(chat, from, &session_answer(text, 603));
        };
        self.say(chat, from, &session_answer(text, 200));
        let kind = text.line("AppID").and_then(|kind| kind.parse().ok()).unwrap_or(1);
        let [a, b, c, d, e, f, g, h, ..] = self.draw();
        let keys = [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])];
        if let Some(line) = self.line(chat, from) {
            line.send_preparation(session, kind, keys[0]);
        }
        let total = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let id = self.new_id();
        self.transfers.insert(
            id,
            Transfer {
                chat: chat.clone(),
                place: from.clone(),
                session,
                call: text.call.clone(),
                what: What::Object(object),
                state: State::Sent,
                deadline: now + STALL,
            },
        );
        self.send(id, chat, from, total, bytes.to_vec(), keys[1]);
    }

    fn file_offered(
        &mut self,
        now: Instant,
        chat: &ChatId,
        from: &Place,
        text: Slp,
        session: u32,
        file: FileContext,
    ) {
        let id = self.new_id();
        let told = file.clone();
        self.transfers.insert(
            id,
            Transfer {
                chat: chat.clone(),
                place: from.clone(),
                session,
                call: text.call.clone(),
                what: What::File(FileContext { preview: Vec::new(), ..file }),
                state: State::Offered { invitation: Box::new(text) },
                deadline: now + DECISION,
            },
        );
        let (chat, from) = (chat.clone(), from.account.clone());
        self.events.push_back(PeerEvent::Offered { transfer: id, chat, from, file: told });
    }

    fn data_came(
        &mut self,
        now: Instant,
        from: &Place,
        session: u32,
        offset: Option<u64>,
        bytes: &[u8],
    ) {
        let Some(id) = self.find(|it| it.place == *from && it.session == session) else {
            return;
        };
        let Some(transfer) = self.transfers.get_mut(&id) else {
            return;
        };
        // Some send bytes right behind their yes, and the yes is then not read yet.
        if matches!((&transfer.state, &transfer.what), (State::Inviting, What::Object(_))) {
            transfer.state = State::Receiving { got: 0, object: Vec::new() };
        }
        let size = transfer.size();
        let State::Receiving { got, object } = &mut transfer.state else {
            return;
        };
        // What came before is passed over; with a gap the rest is worth nothing.
        let seen = offset.map_or(Some(0), |offset| got.checked_sub(offset));
        let Some(seen) = seen.and_then(|seen| usize::try_from(seen).ok()) else {
            self.say_bye(id);
            return self.end(id, Err(TransferError::Corrupt));
        };
        let new = bytes.get(seen..).unwrap_or_default();
        transfer.deadline = now + STALL;
        *got += u64::try_from(new.len()).unwrap_or_default();
        let got = *got;
        if got > size {
            self.say_bye(id);
            return self.end(id, Err(TransferError::TooLarge));
        }
        match &transfer.what {
            What::Object(_) => object.extend_from_slice(new),
            What::File(_) if new.is_empty() => {}
            What::File(_) => {
                self.events.push_back(PeerEvent::Data { transfer: id, bytes: new.to_vec() });
            }
        }
        if got == size {
            self.received(id);
        }
    }

    /// All bytes are there.
    fn received(&mut self, id: TransferId) {
        self.say_bye(id);
        let Some(transfer) = self.transfers.get_mut(&id) else {
            return;
        };
        let outcome = match (&transfer.what, &mut transfer.state) {
            (What::Object(wanted), State::Receiving { object: bytes, .. }) => {
                let whole = STANDARD.encode(Sha1::digest(&bytes)) == wanted.hash;
                if whole {
                    let (from, object) = (transfer.place.account.clone(), wanted.clone());
                    let bytes = std::mem::take(bytes);
                    let event = PeerEvent::Object { transfer: id, from, object, bytes };
                    self.events.push_back(event);
                }
                whole.then_some(()).ok_or(TransferError::Corrupt)
            }
            _ => Ok(()),
        };
        self.end(id, outcome);
    }

    /// Gives bytes that nobody else has: they name calls and number packets, and protect nothing.
    fn draw(&mut self) -> [u8; 20] {
        self.drawn += 1;
        let mut hash = Sha1::new();
        hash.update(b"peer to peer");
        hash.update(self.entropy);
        hash.update(self.drawn.to_le_bytes());
        hash.finalize().into()
    }

    fn draw_guid(&mut self) -> String {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.draw();
        format!(
            "{:08X}-{:04X}-4{:03X}-{:04X}-{:012X}",
            u32::from_be_bytes([a, b, c, d]),
            u16::from_be_bytes([e, f]),
            u16::from_be_bytes([g, h]) & 0x0FFF,
            u16::from_be_bytes([i, j]) & 0x3FFF | 0x8000,
            u64::from_be_bytes([0, 0, k, l, m, n, o, p])
        )
    }
}

/// Whether a transfer has bytes to send now.
fn is_ready(transfer: &Transfer) -> bool {
    matches!(&transfer.state, State::Sending(source)
        if !source.waiting().is_empty() || source.total == 0)
}

fn session_answer(invitation: &Slp, code: u16) -> Slp {
    let session = invitation.session().unwrap_or_default().to_string();
    invitation.answer(code, content::SESSION, vec![("SessionID".to_owned(), session)])
}

/// The answer that says: no direct link, through the conversation, please.
fn no_direct_link(request: &Slp) -> Slp {
    let none = "{00000000-0000-0000-0000-000000000000}".to_owned();
    let nonce = match request.line("Hashed-Nonce") {
        Some(_) => "Hashed-Nonce",
        None => "Nonce",
    };
    let mut body = vec![
        ("Bridge".to_owned(), "TCPv1".to_owned()),
        ("Listening".to_owned(), "false".to_owned()),
        (nonce.to_owned(), none),
    ];
    if let Some(session) = request.session() {
        body.push(("SessionID".to_owned(), session.to_string()));
    }
    request.answer(200, content::TRANSPORT_ANSWER, body)
}
