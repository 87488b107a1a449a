//! Peer to peer inside conversations: which conversation carries it, and how fast.

use std::time::Instant;

use super::{
    Session,
    edit::is_address,
    types::{ChatId, Command, Event, Invalid, LinkId, RequestError, RequestId},
};
use crate::{
    command::{AckMode, ClientCommand},
    msg::Object,
    p2p::{FileContext, Place, TransferError, TransferId},
};

/// The bit of the second capabilities that says: packets of the second age.
const SECOND_AGE: u64 = 0x20;
/// Packets that may be under way to the server. Clients keep four or five; with 32 a file through a server on
/// the loopback takes a tenth to a quarter longer than with these.
pub(super) const WINDOW: usize = 48;

/// What waits for a conversation to be open, for only then is known where the peer is.
#[derive(Debug)]
pub(super) struct PeerAsk {
    pub(super) request: RequestId,
    account: String,
    what: What,
}

#[derive(Debug)]
enum What {
    Call,
    Fetch { transfer: TransferId, object: Object, description: String },
    Offer { transfer: TransferId, file: FileContext },
}

impl Session {
    /// Names a transfer that is about to be asked for.
    pub fn new_transfer(&mut self) -> TransferId {
        self.peers.new_id()
    }

    /// Does what has to do with peers; gives back what has not.
    pub(super) fn peer_command(
        &mut self,
        now: Instant,
        request: RequestId,
        command: Command,
    ) -> Option<Command> {
        let outcome = match command {
            Command::AcceptFile { transfer } => self.peers.accept(now, transfer),
            Command::CancelTransfer { transfer } => self.peers.cancel(transfer),
            Command::FeedFile { transfer, bytes } => self.peers.feed(now, transfer, bytes),
            Command::FetchObject { transfer, chat, account, description } => {
                let Some(object) = Object::read(&description) else {
                    self.complete(request, Err(TransferError::Unavailable.into()));
                    return None;
                };
                let what = What::Fetch { transfer, object, description };
                self.ask_peer(now, chat, PeerAsk { request, account, what });
                return None;
            }
            Command::InviteToChat { chat, account } => {
                if !is_address(&account) {
                    self.complete(request, Err(Invalid::Address.into()));
                    return None;
                }
                let what = What::Call;
                self.ask_peer(now, chat, PeerAsk { request, account, what });
                return None;
            }
            Command::OfferFile { transfer, chat, account, file } => {
                let what = What::Offer { transfer, file };
                self.ask_peer(now, chat, PeerAsk { request, account, what });
                return None;
            }
            Command::ServeObject { object, bytes } => {
                let served = self.peers.serve(object, bytes);
                served.then_some(()).ok_or(TransferError::Busy)
            }
            Command::WithdrawObject { hash } => {
                self.peers.withdraw(&hash);
                Ok(())
            }
            command => return Some(command),
        };
        self.complete(request, outcome.map_err(Into::into));
        None
    }

    fn ask_peer(&mut self, now: Instant, chat: ChatId, ask: PeerAsk) {
        if !self.version.has_switchboards() {
            return self.ask_now(now, &chat, None, ask);
        }
        if let Err(error) = self.may_speak(&chat) {
            return self.complete(ask.request, Err(error));
        }
        let waiting = self.chats.entry(chat.clone()).or_default();
        if waiting.asks.len() >= super::chat::OUTBOX_LIMIT {
            return self.complete(ask.request, Err(RequestError::Busy));
        }
        waiting.asks.push(ask);
        self.speak(now, &chat);
    }

    /// Asks the peers of a conversation that is open what waited for it.
    pub(super) fn invite_peers(&mut self, now: Instant, id: &ChatId, link: LinkId) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        for ask in std::mem::take(&mut chat.asks) {
            self.ask_now(now, id, Some(link), ask);
        }
    }

    /// Asks a peer, through a switchboard where there is one.
    fn ask_now(&mut self, now: Instant, chat: &ChatId, link: Option<LinkId>, ask: PeerAsk) {
        let place = self.place_of_peer(link, &ask.account);
        let begun = match ask.what {
            What::Call => {
                return match link {
                    Some(link) => self.call_into(now, link, ask.request, &ask.account),
                    None => self.complete(ask.request, Err(Invalid::NoSwitchboards.into())),
                };
            }
            What::Fetch { transfer, object, description } => {
                self.peers.fetch(now, transfer, chat, place, object, &description)
            }
            What::Offer { transfer, file } if self.offers_old() => {
                self.peers.offer_old(now, transfer, chat, &place.account, file)
            }
            What::Offer { transfer, file } => self.peers.offer(now, transfer, chat, place, file),
        };
        self.complete(ask.request, begun.map_err(Into::into));
    }

    /// Whether files are offered in the way of before MSNP9: where links are allowed, there is no other.
    fn offers_old(&self) -> bool {
        !self.version.has_objects() && self.peers.allows_direct()
    }

    /// Where to speak to somebody: at one of her places where both sides know the second age.
    fn place_of_peer(&self, link: Option<LinkId>, account: &str) -> Place {
        let account = account.to_lowercase();
        let board = link.and_then(|link| self.boards.get(&link));
        let places = board.and_then(|board| board.places.get(&account));
        let able = places.into_iter().flatten().find(|(_, capabilities)| {
            capabilities.extended.is_some_and(|extended| extended & SECOND_AGE != 0)
        });
        let id = able.map(|(id, _)| id.clone()).filter(|_| self.version.has_endpoints());
        Place { account, id }
    }

    /// Tells what happened to transfers, and sees to it that what waits is sent.
    pub(super) fn peers_move(&mut self, now: Instant) {
        for chat in self.peers.waiting() {
            if !self.version.has_switchboards() {
                self.pump_past_boards(now, &chat);
                continue;
            }
            self.chats.entry(chat.clone()).or_default();
            self.speak(now, &chat);
        }
        while let Some(event) = self.peers.poll_event() {
            self.events.push_back(Event::Transfer(event));
        }
        self.direct_effects();
    }

    /// Sends packets as long as the server takes them.
    pub(super) fn pump_peers(&mut self, now: Instant, id: &ChatId, link: LinkId) {
        while let Some(payload) = self.peers.poll_invitation(id) {
            let Some(board) = self.boards.get_mut(&link) else {
                return;
            };
            let (trid, ack) = (board.trid(), AckMode::Never);
            self.say_on(link, &ClientCommand::Message { trid, ack, payload: &payload });
        }
        while let Some(board) = self.boards.get_mut(&link) {
            if board.in_flight.len() >= WINDOW {
                return;
            }
            let Some(payload) = self.peers.poll_payload(now, id) else {
                return;
            };
            let trid = board.trid();
            board.in_flight.insert(trid, now + self.config.deadlines.acknowledge);
            board.touched = now;
            self.say_on(
                link,
                &ClientCommand::Message { trid, ack: AckMode::Data, payload: &payload },
            );
        }
    }
}
