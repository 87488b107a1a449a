//! Conversations past the switchboards: with circles from MSNP18, with everybody from MSNP21.
//!
//! ```text
//! C: SDG 11 323⏎Routing: 1.0⏎To: 1:bob@example.com⏎…      S: SDG 11
//! S: SDG 0 323⏎…
//! ```
//! No server that is independent of the documents speaks MSNP21: what is here for it is unconfirmed. How this
//! place comes into circles is in [`circles`](super::circles).

use std::time::Instant;

use super::{
    Session,
    edit::is_address,
    peer::WINDOW,
    types::{ChatId, Command, Invalid, RequestError, RequestId},
};
use crate::{
    command::{ClientCommand, Status},
    datagram::{Address, CIRCLE_NETWORK, Channel, Datagram, GROUP_NETWORK, Kind},
    msg::{self, Body, Extra, Said, Text},
    p2p::{Envelope, Place},
};

impl Session {
    /// Says what goes past the switchboards; gives back what does not.
    pub(super) fn converse_past_boards(
        &mut self,
        now: Instant,
        request: RequestId,
        command: Command,
    ) -> Option<Command> {
        let (Command::SendExtra { chat, .. }
        | Command::SendNudge { chat }
        | Command::SendText { chat, .. }
        | Command::SendTyping { chat }) = &command
        else {
            return Some(command);
        };
        let several = several(chat);
        if several.is_some() && !self.roster.circle(chat).is_some_and(|circle| circle.entered) {
            self.complete(request, Err(RequestError::ChatOver));
            return None;
        }
        if several.is_none() && self.version.has_switchboards() {
            return Some(command);
        }
        let Some(to) = several.or_else(|| somebody(chat)) else {
            self.complete(request, Err(Invalid::Address.into()));
            return None;
        };
        let from = Address::at(&self.config.account, &self.config.machine_id);
        let waits = !matches!(command, Command::SendTyping { .. });
        let datagrams: Vec<Datagram> = match command {
            Command::SendExtra { extra, .. } => {
                in_datagram(to.clone(), from, &extra).into_iter().collect()
            }
            command => {
                let payloads = match command {
                    Command::SendNudge { .. } => vec![msg::write_nudge()],
                    Command::SendText { text, .. } => {
                        msg::split(text).iter().map(Text::write).collect()
                    }
                    _ => vec![msg::write_typing(&self.config.account)],
                };
                let datagram =
                    |payload: &Vec<u8>| Datagram::from_message(to.clone(), from.clone(), payload);
                payloads.iter().filter_map(datagram).collect()
            }
        };
        if datagrams.is_empty() {
            self.complete(request, Err(Invalid::NoSwitchboards.into()));
            return None;
        }
        let (channel, last) = (self.channel_to(&to), datagrams.len());
        for (number, datagram) in (1..).zip(datagrams) {
            let segment = if to.path.is_some() { self.circles.next_segment() } else { 0 };
            let datagram = Datagram { channel: channel.clone(), segment, ..datagram };
            let answers = (waits && number == last).then_some(request);
            self.say_datagram(now, answers, &datagram);
        }
        if !waits {
            self.complete(request, Ok(()));
        }
        None
    }

    /// Takes words that came past the switchboards.
    pub(super) fn datagram_came(&mut self, now: Instant, payload: &[u8]) {
        let (Some(datagram), Some(link)) = (Datagram::read(payload), self.notification.link) else {
            return self.odd("a datagram that is none".to_owned());
        };
        let from = datagram.from.account.to_lowercase();
        // Said at another place of the account's.
        let own = self.is_own(&from);
        let chat = match datagram.to.network {
            CIRCLE_NETWORK | GROUP_NETWORK => {
                ChatId::of_several(datagram.to.network, &datagram.to.account)
            }
            _ if own => ChatId::with(&datagram.to.account),
            _ => ChatId::with(&from),
        };
        // What places say to each other is no conversation, and their files are their own.
        if own && (self.is_own(chat.as_str()) || datagram.kind == Kind::Data) {
            return;
        }
        let mut by = self.speaker(chat.clone(), &from);
        if own {
            by.name.clone_from(&self.notification.name);
        } else if chat.several().is_some() {
            match self.speaks_in_circle(&chat, &from) {
                Ok(name) if name.is_empty() => {}
                Ok(name) => by.name = name,
                Err(what) => return self.odd(what.to_owned()),
            }
        }
        if datagram.kind == Kind::Data {
            for packet in datagram.packets() {
                let to = Place { account: self.config.account.to_lowercase(), id: None };
                let payload = Envelope { to, from: None, packet }.write();
                self.peers.handle_payload(now, &chat, &from, &Body::read(&payload));
            }
            return self.peers_move(now);
        }
        // What has no words is between the account's own places, or in no conversation.
        if let Some(said) = said(&datagram)
            && let Err(what) = self.heard(link, by, said)
        {
            self.odd(what);
        }
    }

    /// Sends packets as long as the server takes them.
    pub(super) fn pump_past_boards(&mut self, now: Instant, chat: &ChatId) {
        while self.in_flight.len() < WINDOW
            && let Some(payload) = self.peers.poll_payload(now, chat)
        {
            let body = Body::read(&payload);
            let Some(envelope) = Envelope::read(&body) else {
                continue;
            };
            let datagram = Datagram {
                to: Address::passport(&envelope.to.account),
                from: Address::at(&self.config.account, &self.config.machine_id),
                channel: Some(Channel::Peer),
                kind: Kind::Data,
                body: envelope.packet.to_vec(),
                ..Datagram::default()
            };
            let trid = self.notification.trid();
            self.in_flight.insert(trid, now + self.config.deadlines.acknowledge);
            let payload = datagram.write(self.version);
            self.say(&ClientCommand::Datagram { trid, payload: &payload });
        }
    }

    /// Takes the answer to a datagram.
    pub(super) fn datagram_answered(
        &mut self,
        now: Instant,
        trid: u32,
        outcome: Result<(), RequestError>,
    ) {
        if self.in_flight.remove(&trid).is_some() {
            return self.peers_move(now);
        }
        self.answered(Some(trid), outcome);
    }

    /// Stops waiting for answers that do not come.
    pub(super) fn datagrams_timeout(&mut self, now: Instant) {
        self.in_flight.retain(|_, until| *until > now);
    }

    fn say_datagram(&mut self, now: Instant, request: Option<RequestId>, datagram: &Datagram) {
        let trid = match request {
            // One known server answers nothing but a refusal, to circles.
            Some(request) if self.version.has_switchboards() => {
                self.request_without_answer(now, request)
            }
            Some(request) => self.request(now, request),
            None => self.notification.trid(),
        };
        let payload = datagram.write(self.version);
        self.say(&ClientCommand::Datagram { trid, payload: &payload });
    }

    fn channel_to(&self, to: &Address) -> Option<Channel> {
        if to.path.is_some() {
            return None;
        }
        let status = self.roster.contact(&to.account).map(|contact| contact.status);
        match status {
            Some(Status::Offline) | None => Some(Channel::Offline),
            Some(_) => Some(Channel::Online),
        }
    }
}

/// Reads the name of a conversation with several that has an address.
fn several(chat: &ChatId) -> Option<Address> {
    let (network, account) = chat.several()?;
    match network {
        CIRCLE_NETWORK => Some(Address::circle(account)),
        GROUP_NETWORK => Some(Address::group(account)),
        _ => None,
    }
}

fn somebody(chat: &ChatId) -> Option<Address> {
    is_address(chat.as_str()).then(|| Address::passport(chat.as_str()))
}

/// Puts in a datagram what is neither words nor an attention call; none for what has none.
fn in_datagram(to: Address, from: Address, extra: &Extra) -> Option<Datagram> {
    let (kind, content_type, body) = match extra {
        Extra::Wink(description) => (Kind::Wink, String::new(), description.as_bytes().to_vec()),
        Extra::Emoticons(_) => {
            let payload = extra.write();
            let body = Body::read(&payload);
            (Kind::CustomEmoticon, body.content_type(), body.content().to_vec())
        }
        _ => return None,
    };
    Some(Datagram { to, from, kind, content_type, body, ..Datagram::default() })
}

/// Reads what a datagram says; none where it says nothing to people.
fn said(datagram: &Datagram) -> Option<Said> {
    match &datagram.kind {
        Kind::CustomEmoticon => {
            let kind = match datagram.content_type.as_str() {
                "" => "text/x-mms-emoticon",
                kind => kind,
            };
            let head = format!("Content-Type: {}\r\n\r\n", kind.replace(['\r', '\n'], ""));
            Some(Said::read(&[head.as_bytes(), &datagram.body].concat()))
        }
        Kind::Wink => Some(Said::Extra(Extra::Wink(datagram.words()))),
        _ => Some(Said::read(&datagram.to_message()?)),
    }
}
