//! Conversations: what waits to be said, and the switchboard that carries it.

use std::{collections::VecDeque, time::Instant};

use super::{
    Session,
    board::{Awaiting, Sent},
    edit::is_address,
    peer::PeerAsk,
    types::{ChatId, Event, Invalid, LinkId, RequestError, RequestId},
};
use crate::{
    command::{AckMode, ClientCommand},
    msg::{self, Extra, PAYLOAD_LIMIT, Text},
    p2p::TransferError,
};

/// Most messages that wait for a conversation to open.
pub(super) const OUTBOX_LIMIT: usize = 64;

/// A conversation with somebody, with or without a switchboard at present.
#[derive(Debug, Default)]
pub(super) struct Chat {
    /// The switchboard to speak on: open, or on its way.
    pub(super) board: Option<LinkId>,
    /// What waits for it.
    outbox: VecDeque<Outgoing>,
    /// What is to be asked of peers once it is there.
    pub(super) asks: Vec<PeerAsk>,
    /// Whether a second switchboard was tried for what waits.
    retried: bool,
}

#[derive(Debug)]
struct Outgoing {
    request: RequestId,
    parts: Vec<Vec<u8>>,
}

impl Chat {
    /// Gives the requests that were never sent.
    pub(super) fn unsent(self) -> impl Iterator<Item = RequestId> {
        let asks = self.asks.into_iter().map(|ask| ask.request);
        self.outbox.into_iter().map(|outgoing| outgoing.request).chain(asks)
    }
}

impl Session {
    pub(super) fn send_text(&mut self, now: Instant, request: RequestId, chat: ChatId, text: Text) {
        let parts = msg::split(text).iter().map(Text::write).collect();
        self.send(now, chat, Outgoing { request, parts });
    }

    pub(super) fn send_nudge(&mut self, now: Instant, request: RequestId, chat: ChatId) {
        self.send(now, chat, Outgoing { request, parts: vec![msg::write_nudge()] });
    }

    pub(super) fn send_extra(
        &mut self,
        now: Instant,
        request: RequestId,
        chat: ChatId,
        extra: &Extra,
    ) {
        let id = self.peers.new_guid();
        let parts = msg::chunk::cut(extra.write(), &id, PAYLOAD_LIMIT);
        self.send(now, chat, Outgoing { request, parts });
    }

    pub(super) fn send_typing(&mut self, chat: &ChatId) {
        let Some(link) = self.ready_board(chat) else {
            return;
        };
        let payload = msg::write_typing(&self.config.account);
        if let Some(board) = self.boards.get_mut(&link) {
            let trid = board.trid();
            self.say_on(
                link,
                &ClientCommand::Message { trid, ack: AckMode::Never, payload: &payload },
            );
        }
    }

    pub(super) fn leave_chat(&mut self, chat: &ChatId) {
        let Some(chat) = self.chats.remove(chat) else {
            return;
        };
        if let Some(link) = chat.board {
            self.end_board(link);
        }
        for request in chat.unsent().collect::<Vec<_>>() {
            self.complete(request, Err(RequestError::ChatOver));
        }
    }

    fn send(&mut self, now: Instant, id: ChatId, outgoing: Outgoing) {
        if let Err(error) = self.may_speak(&id) {
            return self.complete(outgoing.request, Err(error));
        }
        let chat = self.chats.entry(id.clone()).or_default();
        if chat.outbox.len() >= OUTBOX_LIMIT {
            return self.complete(outgoing.request, Err(RequestError::Busy));
        }
        chat.outbox.push_back(outgoing);
        self.speak(now, &id);
    }

    /// Whether there is a way to a conversation, or can be one.
    pub(super) fn may_speak(&self, id: &ChatId) -> Result<(), RequestError> {
        if id.is_group() && self.ready_board(id).is_none() {
            return Err(RequestError::ChatOver);
        }
        if !id.is_group() && !is_address(id.as_str()) {
            return Err(Invalid::Address.into());
        }
        Ok(())
    }

    /// Says what waits, or sees to it that there is a switchboard to say it on.
    pub(super) fn speak(&mut self, now: Instant, id: &ChatId) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        if chat.outbox.is_empty() && chat.asks.is_empty() && !self.peers.has_waiting(id) {
            return;
        }
        let Some(link) = chat.board else {
            if id.is_group() {
                return self.peers.handle_gone(id, TransferError::Interrupted);
            }
            let asked = self.transfers.values().any(|(asked, _)| asked == id);
            if !asked {
                let trid = self.notification.trid();
                let deadline = now + self.config.deadlines.board_step;
                self.transfers.insert(trid, (id.clone(), deadline));
                self.say(&ClientCommand::RequestSwitchboard { trid });
            }
            return;
        };
        let Some(board) = self.boards.get_mut(&link).filter(|board| board.is_ready()) else {
            return;
        };
        chat.retried = false;
        let deadline = now + self.config.deadlines.acknowledge;
        let mut said = Vec::new();
        for outgoing in chat.outbox.drain(..) {
            let sent =
                Sent { request: outgoing.request, left: outgoing.parts.len(), failed: false };
            let sent = board.note_sent(sent);
            for payload in outgoing.parts {
                let trid = board.trid();
                board.awaiting.insert(trid, Awaiting { sent, deadline });
                said.push((trid, payload));
            }
        }
        board.touched = now;
        for (trid, payload) in said {
            let ack = AckMode::Always;
            self.say_on(link, &ClientCommand::Message { trid, ack, payload: &payload });
        }
        self.invite_peers(now, id, link);
        self.pump_peers(now, id, link);
    }

    /// Ends the wait of everything that was to be said, because there is no way to say it.
    pub(super) fn board_impossible(&mut self, now: Instant, id: &ChatId, why: RequestError) {
        let Some(chat) = self.chats.get_mut(id) else {
            return;
        };
        chat.board = None;
        let silent = matches!(why, RequestError::NotOpened(_) | RequestError::NoAnswer);
        if silent && !std::mem::replace(&mut chat.retried, true) {
            return self.speak(now, id);
        }
        chat.retried = false;
        let asks = chat.asks.drain(..).map(|ask| ask.request);
        let waiting: Vec<RequestId> =
            chat.outbox.drain(..).map(|outgoing| outgoing.request).chain(asks).collect();
        for request in waiting {
            self.complete(request, Err(why.clone()));
        }
        self.peers.handle_gone(id, TransferError::NotReached);
    }

    /// The link of a conversation's switchboard, if one can speak on it.
    fn ready_board(&self, id: &ChatId) -> Option<LinkId> {
        let link = self.chats.get(id)?.board?;
        self.boards.get(&link).filter(|board| board.is_ready()).map(|_| link)
    }

    /// Hands what waits for one switchboard to another that came to be meanwhile.
    pub(super) fn adopt_board(&mut self, now: Instant, id: &ChatId, link: LinkId) {
        let chat = self.chats.entry(id.clone()).or_default();
        let before = chat.board.replace(link);
        let before = before.filter(|before| *before != link);
        let half_open =
            |link: &LinkId| self.boards.get(link).is_some_and(|board| !board.is_ready());
        if let Some(before) = before.filter(half_open) {
            self.end_board(before);
        }
        self.transfers.retain(|_, (asked, _)| asked != id);
        self.speak(now, id);
    }

    pub(super) fn joined(&mut self, chat: ChatId, account: &str, name: &str) {
        let (account, name) = (account.to_lowercase(), name.to_owned());
        self.events.push_back(Event::Joined { chat, account, name });
    }
}
