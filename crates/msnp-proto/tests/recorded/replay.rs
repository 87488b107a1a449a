//! One side of a recording is our engine, the other is the client that was recorded.
//!
//! What the client says goes to the engine as it was recorded, but for what it repeats of the other side:
//! the ids of calls the engine began, and the numbers of packets that are acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    msg::{Body, Object},
    p2p::{
        FileContext, PeerEvent, Peers, Place, TransferError, TransferId, feature,
        slp::{Slp, Start, content},
        v1, v2,
    },
    session::ChatId,
};

use super::{
    assembled::{Assembled, Packet},
    became::Became,
};

/// What somebody invited to, in a recording.
struct Invited {
    by: String,
    session: u32,
    call: String,
    is_file: bool,
    context: Vec<u8>,
}

pub(crate) struct Replay {
    packets: Vec<Packet>,
    /// Texts of the recording, by the packet that makes them whole.
    texts: BTreeMap<usize, Slp>,
    recorded: Assembled,
    invited: Vec<Invited>,
    own: Place,
    other: String,
    now: Instant,
    peers: Peers,
    said: Vec<Packet>,
    events: Vec<PeerEvent>,
    /// By the recording's call: the engine's transfer, and the invitation it sent if it began it.
    transfers: BTreeMap<String, (TransferId, Option<Slp>)>,
    /// Bytes of files to be sent, and how many were given.
    files: BTreeMap<TransferId, (Vec<u8>, usize)>,
}

impl Replay {
    /// Prepares the replay of packets in which the engine is `own`.
    pub(crate) fn new(packets: Vec<Packet>, own: &str, other: &str) -> Self {
        let (mut recorded, mut texts) = (Assembled::default(), BTreeMap::new());
        let (mut invited, mut calls): (Vec<Invited>, _) = (Vec::new(), BTreeSet::new());
        for (index, packet) in packets.iter().enumerate() {
            let Some(text) = recorded.take(packet) else {
                continue;
            };
            let is_session = text.asks("INVITE") && text.content_type == content::SESSION;
            let about = text.line("EUF-GUID").unwrap_or_default().to_owned();
            let [is_file, is_object] =
                [feature::FILE, feature::OBJECT].map(|feature| about.contains(feature));
            if is_session && (is_file || is_object) && calls.insert(text.call.to_lowercase()) {
                let context = text.line("Context").expect("a context");
                invited.push(Invited {
                    by: packet.sender.clone(),
                    session: text.session().expect("a session"),
                    call: text.call.to_lowercase(),
                    is_file,
                    context: STANDARD.decode(context).expect("it is base64"),
                });
            }
            texts.insert(index, text);
        }
        let mut replay = Self {
            own: Place { account: own.to_owned(), id: None },
            other: other.to_owned(),
            now: Instant::now(),
            peers: Peers::new(Place::default(), [0; 16]),
            said: Vec::new(),
            events: Vec::new(),
            transfers: BTreeMap::new(),
            files: BTreeMap::new(),
            packets,
            texts,
            recorded,
            invited,
        };
        replay.own = replay.place(own);
        replay.peers = Peers::new(replay.own.clone(), [9; 16]);
        replay.serve();
        replay
    }

    /// Where somebody is, as she says herself.
    fn place(&self, account: &str) -> Place {
        let own = self.packets.iter().find(|it| it.sender == account && it.is_second_age());
        let place = own.and_then(|packet| packet.from.clone());
        place.unwrap_or_else(|| Place { account: account.to_owned(), id: None })
    }

    /// Gives the engine the objects that its side has in the recording.
    fn serve(&mut self) {
        for invited in self.invited.iter().filter(|it| it.by == self.other && !it.is_file) {
            let bytes = self.recorded.sent(&self.own.account, invited.session);
            let object = object(&invited.context);
            if u64::try_from(bytes.len()) == Ok(object.size) {
                assert!(self.peers.serve(object, Arc::from(bytes)));
            }
        }
    }

    /// Plays all packets and ends the conversation; tells what became of each transfer.
    pub(crate) fn run(mut self) -> Vec<Became> {
        for (index, packet) in self.packets.clone().into_iter().enumerate() {
            let text = self.texts.get(&index).cloned();
            if packet.sender == self.own.account {
                self.act(&packet, text.as_ref());
            } else {
                let packet = self.rewritten(index, &packet, text.as_ref());
                let payload = packet.write();
                let (chat, body) = (ChatId::with(&self.other), Body::read(&payload));
                self.peers.handle_payload(self.now, &chat, &self.other, &body);
                let before = self.events.len();
                self.drain();
                let offered = self.events.iter().skip(before).find_map(|event| match event {
                    PeerEvent::Offered { transfer, .. } => Some(*transfer),
                    _ => None,
                });
                if let (Some(transfer), Some(text)) = (offered, text) {
                    self.transfers.insert(text.call.to_lowercase(), (transfer, None));
                }
            }
            self.drain();
        }
        self.peers.handle_gone(&ChatId::with(&self.other), TransferError::Interrupted);
        self.drain();
        self.invited.iter().map(|invited| self.became(invited)).collect()
    }

    /// Does what the engine's side did in the recording.
    fn act(&mut self, packet: &Packet, text: Option<&Slp>) {
        let Some(text) = text else {
            return;
        };
        let call = text.call.to_lowercase();
        let invited = self.invited.iter().find(|it| it.call == call);
        let known = self.transfers.get(&call).map(|(transfer, _)| *transfer);
        match (&text.start, known, invited) {
            (Start::Request(_), None, Some(invited))
                if text.content_type == content::SESSION && invited.by == self.own.account =>
            {
                let place = match packet.is_second_age() {
                    true => self.place(&self.other),
                    false => Place { account: self.other.clone(), id: None },
                };
                let (id, chat) = (self.peers.new_id(), ChatId::with(&self.other));
                let begun = if invited.is_file {
                    let file = FileContext::decode(&invited.context).expect("a file");
                    let bytes = self.recorded.sent(&self.own.account, invited.session);
                    self.files.insert(id, (bytes.to_vec(), 0));
                    self.peers.offer(self.now, id, &chat, place, file)
                } else {
                    let object = object(&invited.context);
                    let description = String::from_utf8_lossy(&invited.context);
                    let description = description.trim_end_matches('\0');
                    self.peers.fetch(self.now, id, &chat, place, object, description)
                };
                begun.expect("it may begin");
                let before = self.said.len();
                self.drain();
                let mut own = Assembled::default();
                let texts = self.said.iter().skip(before).filter_map(|packet| own.take(packet));
                let invitation = texts.last().expect("an invitation");
                self.transfers.insert(call, (id, Some(invitation)));
            }
            (Start::Status(200), Some(transfer), Some(invited))
                if text.content_type == content::SESSION && invited.by == self.other =>
            {
                // Some say it twice.
                let _ = self.peers.accept(self.now, transfer);
            }
            (Start::Status(603), Some(transfer), _) => {
                self.peers.cancel(transfer).expect("it is offered");
            }
            _ => {}
        }
    }

    fn drain(&mut self) {
        loop {
            let before = self.said.len() + self.events.len();
            while let Some(event) = self.peers.poll_event() {
                if let PeerEvent::Wants { transfer, most } = event {
                    let (bytes, given) = self.files.get_mut(&transfer).expect("a file");
                    let end = (*given + most).min(bytes.len());
                    let part = bytes.get(*given..end).expect("they are there").to_vec();
                    self.peers.feed(self.now, transfer, part).expect("they are wanted");
                    *given = end;
                }
                self.events.push(event);
            }
            let chat = ChatId::with(&self.other);
            while let Some(payload) = self.peers.poll_payload(self.now, &chat) {
                let packet = Packet::read(&self.own.account, &payload).expect("a packet");
                self.said.push(packet);
            }
            if self.said.len() + self.events.len() == before {
                return;
            }
        }
    }

    /// Gives a packet of the client the numbers that the engine's side has now.
    fn rewritten(&self, index: usize, packet: &Packet, text: Option<&Slp>) -> Packet {
        let mut packet = packet.clone();
        let call = text.and_then(|text| self.transfers.get(&text.call.to_lowercase()));
        if let (Some(text), Some((_, Some(own)))) = (text, call) {
            return self.with_text(&packet, text, own);
        }
        if packet.is_second_age() {
            let mut read = packet.second_age();
            if let Some(sequence) = read.acknowledges {
                read.acknowledges = Some(self.acknowledged(index, sequence));
            }
            if let Some(part) = &mut read.part {
                part.session = self.session(part.session);
            }
            packet.bytes = read.encode();
            return packet;
        }
        let (mut header, rest) = packet.first_age();
        if header.has(v1::flag::ACKNOWLEDGES) {
            // It names a message of the engine's side; the one with a session's bytes matters.
            let is_named = |it: &&Packet| {
                it.sender == self.own.account
                    && it.data().is_some()
                    && it.first_age().0.message == header.key
            };
            if let Some(named) = self.packets.iter().take(index).find(is_named) {
                let session = self.session(named.first_age().0.session);
                let of_session = |it: &&Packet| it.data().is_some_and(|it| it.0 == session);
                let own = self.said.iter().rfind(of_session).expect("it is sent");
                header.key = own.first_age().0.message;
            }
        }
        header.session = self.session(header.session);
        packet.bytes = [&header.encode(), rest].concat();
        packet
    }

    /// Gives the engine's session for one that its side began in the recording.
    fn session(&self, recorded: u32) -> u32 {
        let own = self.invited.iter().find(|it| it.session == recorded && it.by != self.other);
        let own = own.and_then(|invited| self.transfers.get(&invited.call));
        own.and_then(|(_, invitation)| invitation.as_ref()?.session()).unwrap_or(recorded)
    }

    /// Gives the sequence that acknowledges what the engine sent instead: all of it, once all bytes of a
    /// session were acknowledged in the recording, and nothing before.
    fn acknowledged(&self, index: usize, sequence: u32) -> u32 {
        let own = |it: &Packet| it.sender == self.own.account && it.is_second_age();
        let before = self.packets.iter().take(index);
        let reached =
            before.clone().rposition(|it| own(it) && it.second_age().next_sequence() == sequence);
        let last_bytes = before.clone().position(|it| {
            own(it)
                && it.data().is_some()
                && it.second_age().part.is_some_and(|it| it.remaining == 0)
        });
        let mut said = self.said.iter().filter(|packet| packet.is_second_age());
        match (reached, last_bytes) {
            (Some(reached), Some(last)) if reached >= last => {
                said.next_back().map_or(sequence, |last| last.second_age().next_sequence())
            }
            _ => said.map(|first| first.second_age().sequence).next().unwrap_or(sequence),
        }
    }

    /// Puts the engine's ids into a text about a call that it began.
    fn with_text(&self, packet: &Packet, text: &Slp, own: &Slp) -> Packet {
        let replaced = |bytes: &[u8]| {
            let session = |text: &Slp| format!("SessionID: {}", text.session().unwrap_or_default());
            let mut words = String::from_utf8_lossy(bytes).replace(&text.call, &own.call);
            if matches!(text.start, Start::Status(_)) {
                words = words.replace(&text.branch, &own.branch);
            }
            words.replace(&session(text), &session(own)).into_bytes()
        };
        let mut packet = packet.clone();
        if packet.is_second_age() {
            let mut read = packet.second_age();
            let part = read.part.as_mut().expect("a text");
            assert!(part.kind & v2::kind::FIRST != 0, "it is in one packet");
            let bytes = replaced(part.bytes);
            part.bytes = &bytes;
            let bytes = read.encode();
            packet.bytes = bytes;
            return packet;
        }
        let (mut header, rest) = packet.first_age();
        assert_eq!(header.offset, 0, "it is in one packet");
        let bytes = replaced(v1::body(&header, rest));
        header.length = u32::try_from(bytes.len()).expect("it is small");
        header.total = u64::from(header.length);
        packet.bytes = v1::packet(&header, &bytes, 0);
        packet
    }

    fn became(&self, invited: &Invited) -> Became {
        let (by_us, session) = (invited.by == self.own.account, self.session(invited.session));
        let transfer = self.transfers.get(&invited.call).map(|(transfer, _)| *transfer);
        let sender = if by_us == invited.is_file { &self.own.account } else { &self.other };
        let recorded = self.recorded.sent(sender, invited.session);
        let size = match invited.is_file {
            true => FileContext::decode(&invited.context).expect("a file").size,
            false => object(&invited.context).size,
        };
        let outcome = self.events.iter().find_map(|event| match event {
            PeerEvent::Ended { transfer: over, outcome } if Some(*over) == transfer => {
                Some(*outcome)
            }
            _ => None,
        });
        if size == 0 || u64::try_from(recorded.len()) != Ok(size) {
            let declines = |text: &Slp| {
                text.start == Start::Status(603) && text.call.eq_ignore_ascii_case(&invited.call)
            };
            if self.texts.values().any(declines) {
                assert!(outcome.is_some_and(|outcome| outcome.is_err()), "{outcome:?}");
                return Became::Declined;
            }
            return Became::Nothing;
        }
        if *sender == self.own.account {
            let mut said = Assembled::default();
            self.said.iter().for_each(|packet| drop(said.take(packet)));
            let sent = said.sent(&self.own.account, session);
            assert!(sent == recorded, "{} bytes for {}", sent.len(), recorded.len());
            let outcome = if invited.is_file { outcome } else { self.served_outcome() };
            let outcome = outcome.expect("it is over");
            return match invited.is_file {
                true => Became::Sent(sent.len(), outcome),
                false => Became::Served(sent.len(), outcome),
            };
        }
        assert_eq!(outcome, Some(Ok(())), "session {}", invited.session);
        let got: Vec<u8> = self
            .events
            .iter()
            .flat_map(|event| match event {
                PeerEvent::Data { transfer: of, bytes } if Some(*of) == transfer => bytes.clone(),
                PeerEvent::Object { transfer: of, bytes, .. } if Some(*of) == transfer => {
                    bytes.clone()
                }
                _ => Vec::new(),
            })
            .collect();
        assert!(got == recorded, "{} bytes for {}", got.len(), recorded.len());
        match invited.is_file {
            true => Became::Received(got.len()),
            false => Became::Fetched(got.len()),
        }
    }

    /// How a transfer ended that the engine has no other name for than that it serves.
    fn served_outcome(&self) -> Option<Result<(), TransferError>> {
        let named = |id: &TransferId| self.transfers.values().any(|(known, _)| known == id);
        self.events.iter().find_map(|event| match event {
            PeerEvent::Ended { transfer, outcome } if !named(transfer) => Some(*outcome),
            _ => None,
        })
    }
}

fn object(context: &[u8]) -> Object {
    let description = String::from_utf8_lossy(context);
    Object::read(description.trim_end_matches('\0')).expect("a description")
}
