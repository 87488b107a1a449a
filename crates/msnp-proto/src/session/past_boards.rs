//! Conversations past the switchboards: with circles from MSNP18, with everybody from MSNP21.
//!
//! ```text
//! C: SDG 11 323⏎Routing: 1.0⏎To: 1:bob@example.com⏎…      S: SDG 11
//! S: SDG 0 323⏎…
//! ```
//! No server that is independent of the documents speaks MSNP21: what is here for it is unconfirmed.

use std::time::Instant;

use super::{
    Session,
    peer::PeerAsk,
    types::{ChatId, Command, Event, Invalid, RequestError, RequestId},
};
use crate::{
    command::{ClientCommand, Status},
    datagram::{Address, CIRCLE_NETWORK, Channel, Datagram, GROUP_NETWORK, Kind},
    msg::{self, Body, Extra, Format, Said, Text},
    p2p::{Envelope, Place},
};

/// Packets from peer to peer that may be under way to the server.
const WINDOW: usize = 16;

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
        | Command::SendTyping { chat }
        | Command::InviteToChat { chat, .. }) = &command
        else {
            return Some(command);
        };
        let several = several(chat);
        if several.is_none() && self.version.has_switchboards() {
            return Some(command);
        }
        let Some(to) = several.or_else(|| self.somebody(chat)) else {
            self.complete(request, Err(Invalid::Address.into()));
            return None;
        };
        let from = Address::at(&self.config.account, &self.config.machine_id);
        let channel = self.channel_to(&to);
        let make = |kind| Datagram {
            to: to.clone(),
            from: from.clone(),
            channel: channel.clone(),
            kind,
            ..Datagram::default()
        };
        match command {
            Command::SendText { text, .. } => {
                let parts = msg::split(text);
                let last = parts.len();
                for (number, part) in (1..).zip(parts) {
                    let datagram = words(make(Kind::Text), part);
                    self.say_datagram(now, (number == last).then_some(request), &datagram);
                }
            }
            Command::SendNudge { .. } => self.say_datagram(now, Some(request), &make(Kind::Nudge)),
            Command::SendTyping { .. } => {
                self.say_datagram(now, None, &make(Kind::Typing));
                self.complete(request, Ok(()));
            }
            Command::SendExtra { extra, .. } => match in_datagram(make(Kind::Wink), &extra) {
                Some(datagram) => self.say_datagram(now, Some(request), &datagram),
                None => self.complete(request, Err(Invalid::NoSwitchboards.into())),
            },
            _ => self.complete(request, Err(Invalid::NoSwitchboards.into())),
        }
        None
    }

    /// Takes words that came past the switchboards.
    pub(super) fn datagram_came(&mut self, now: Instant, payload: &[u8]) {
        let (Some(datagram), Some(link)) = (Datagram::read(payload), self.notification.link) else {
            return self.odd("a datagram that is none".to_owned());
        };
        let from = datagram.from.account.to_lowercase();
        if self.is_own(&from) {
            return; // said at another place of the account's
        }
        let chat = match datagram.to.network {
            CIRCLE_NETWORK | GROUP_NETWORK => {
                ChatId::of_several(datagram.to.network, &datagram.to.account)
            }
            _ => ChatId::with(&from),
        };
        if datagram.kind == Kind::Data {
            for packet in datagram.packets() {
                let to = Place { account: self.config.account.to_lowercase(), id: None };
                let payload = Envelope { to, from: None, packet }.write();
                self.peers.handle_payload(now, &chat, &from, &Body::read(&payload));
            }
            return self.peers_move(now);
        }
        let known = self.roster.contact(&from).map(|contact| contact.shown_name().to_owned());
        let name = known.unwrap_or_else(|| from.clone());
        let number = self.notification.count_message();
        let event = match &datagram.kind {
            Kind::Text => {
                let format = datagram.format.as_deref().map(Format::read).unwrap_or_default();
                let text = Text { words: datagram.words(), format, shown_as: None };
                Event::Message { chat, from, name, text, link, number }
            }
            Kind::Nudge => Event::Nudge { chat, from, name, link, number },
            Kind::Typing => Event::Typing { chat, from, name },
            Kind::Wink => {
                let extra = Extra::Wink(datagram.words());
                Event::Extra { chat, from, name, extra, link, number }
            }
            Kind::CustomEmoticon => match as_said(&datagram) {
                Said::Extra(extra) => Event::Extra { chat, from, name, extra, link, number },
                _ => return,
            },
            // Between the account's own places, and what has no conversation.
            _ => return,
        };
        self.events.push_back(event);
    }

    /// Asks a peer at once: there is no conversation to wait for.
    pub(super) fn ask_past_boards(&mut self, now: Instant, chat: &ChatId, ask: PeerAsk) {
        let place = Place { account: ask.account.to_lowercase(), id: None };
        self.begin_with_peer(now, chat, place, ask);
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

    fn somebody(&self, chat: &ChatId) -> Option<Address> {
        super::edit::is_address(chat.as_str()).then(|| Address::passport(chat.as_str()))
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
    let (network, account) = chat.as_str().split_once(':')?;
    match network.parse().ok()? {
        CIRCLE_NETWORK => Some(Address::circle(account)),
        GROUP_NETWORK => Some(Address::group(account)),
        _ => None,
    }
}

fn words(datagram: Datagram, text: Text) -> Datagram {
    let payload = text.write();
    let format = Body::read(&payload).header("X-MMS-IM-Format").map(str::to_owned);
    Datagram { format, body: text.words.replace('\n', "\r\n").into_bytes(), ..datagram }
}

/// Puts in a datagram what is neither words nor an attention call; none for what has none.
fn in_datagram(datagram: Datagram, extra: &Extra) -> Option<Datagram> {
    let (kind, content_type, body) = match extra {
        Extra::Wink(description) => (Kind::Wink, String::new(), description.as_bytes().to_vec()),
        Extra::Emoticons(_) => {
            let payload = extra.write();
            let body = Body::read(&payload);
            (Kind::CustomEmoticon, body.content_type(), body.content().to_vec())
        }
        _ => return None,
    };
    Some(Datagram { kind, content_type, body, ..datagram })
}

fn as_said(datagram: &Datagram) -> Said {
    let kind = match datagram.content_type.as_str() {
        "" => "text/x-mms-emoticon",
        kind => kind,
    };
    let head = format!("Content-Type: {}\r\n\r\n", kind.replace(['\r', '\n'], ""));
    Said::read(&[head.as_bytes(), &datagram.body].concat())
}
