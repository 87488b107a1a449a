//! Who is in a conversation: called, coming, at which places, leaving.

use std::{collections::BTreeSet, time::Instant};

use super::{Board, MEMBERS_LIMIT, State};
use crate::{
    command::{Capabilities, ClientCommand},
    msg::PLACES_LIMIT,
    p2p::Place,
    session::{
        Session,
        types::{ChatId, Event, LinkId, RequestError, RequestId},
    },
};

impl Board {
    /// Notes one of somebody's places, where one is told.
    pub(super) fn note_place(&mut self, account: &str, capabilities: Option<Capabilities>) {
        let place = Place::read(account);
        let known = self.places.len() < MEMBERS_LIMIT || self.places.contains_key(&place.account);
        if let (Some(id), Some(capabilities), true) = (place.id, capabilities, known) {
            let places = self.places.entry(place.account).or_default();
            if places.len() < PLACES_LIMIT {
                places.insert(id, capabilities);
            }
        }
    }
}

impl Session {
    /// Calls somebody into a conversation that is open.
    pub(in crate::session) fn call_into(
        &mut self,
        now: Instant,
        link: LinkId,
        request: RequestId,
        account: &str,
    ) {
        let Some(board) = self.boards.get_mut(&link) else {
            return self.complete(request, Err(RequestError::ChatOver));
        };
        let trid = board.trid();
        board.calls.insert(trid, (request, now + self.config.deadlines.call));
        self.say_on(link, &ClientCommand::Call { trid, account });
    }

    pub(super) fn member_came(&mut self, now: Instant, link: LinkId, account: &str, name: &str) {
        // One person may come once for each place she is signed in at.
        let account = account.split(';').next().unwrap_or(account).to_lowercase();
        if account == self.config.account.to_lowercase() {
            return;
        }
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        if board.members.len() >= MEMBERS_LIMIT {
            return;
        }
        let new = board.members.insert(account.clone(), name.to_owned()).is_none();
        if matches!(board.state, State::Calling { .. }) {
            board.state = State::Ready;
        }
        let ready = board.is_ready();
        if new && board.members.len() > 1 {
            self.grew(link, &account);
        }
        let Some(board) = self.boards.get(&link) else {
            return;
        };
        let chat = board.chat.clone();
        if ready {
            self.adopt_board(now, &chat, link);
        }
        if new && chat.is_group() {
            self.joined(chat, &account, name);
        }
    }

    /// A conversation of two became one of several: it gets a name of its own.
    fn grew(&mut self, link: LinkId, newcomer: &str) {
        let Some(board) = self.boards.get_mut(&link).filter(|board| !board.chat.is_group()) else {
            return;
        };
        let name =
            if board.session.is_empty() { link.0.to_string() } else { board.session.clone() };
        let group = ChatId::group(&name);
        let before = std::mem::replace(&mut board.chat, group.clone());
        let others: BTreeSet<(String, String)> = board
            .members
            .iter()
            .filter(|(account, _)| account.as_str() != newcomer)
            .map(|(account, name)| (account.clone(), name.clone()))
            .collect();
        if let Some(chat) = self.chats.get_mut(&before).filter(|chat| chat.board == Some(link)) {
            chat.board = None;
        }
        self.chats.entry(group.clone()).or_default().board = Some(link);
        self.peers.handle_renamed(&before, &group);
        self.events.push_back(Event::Grew { from: before, chat: group.clone() });
        for (account, name) in others {
            self.joined(group.clone(), &account, &name);
        }
    }

    pub(super) fn member_left(&mut self, link: LinkId, account: &str) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        if self.version.has_endpoints() && account.contains(';') {
            // One of her places; that she is gone herself is said without it.
            let place = Place::read(account);
            if let (Some(places), Some(id)) = (board.places.get_mut(&place.account), place.id) {
                places.remove(&id);
            }
            return;
        }
        let account = account.split(';').next().unwrap_or(account).to_lowercase();
        board.places.remove(&account);
        if board.members.remove(&account).is_none() {
            return;
        }
        let (chat, empty) = (board.chat.clone(), board.members.is_empty());
        if chat.is_group() {
            self.peers.handle_left(&chat, &account);
            self.events.push_back(Event::Left { chat: chat.clone(), account });
        }
        if empty {
            self.end_board(link);
            if chat.is_group() {
                self.chats.remove(&chat);
            }
        }
    }
}
