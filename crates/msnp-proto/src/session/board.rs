//! Switchboards: one link each, opened by us or by a call.
//!
//! ```text
//! C: USR 1 ada@example.com ticket      S: USR 1 OK ada@example.com Ada
//! C: CAL 2 bob@example.com             S: CAL 2 RINGING 11752013
//!                                      S: JOI bob@example.com Bob
//! C: MSG 3 A 130⏎…                     S: ACK 3
//! ```

mod messages;
mod people;

use std::{collections::BTreeMap, time::Instant};

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Session,
    types::{ChatId, Effect, Event, LinkChange, LinkId, RequestError, RequestId, is_due},
};
use crate::{
    command::{Capabilities, ClientCommand, Secret, ServerCommand},
    error_code::ErrorCode,
    frame::{Framer, Limits},
    p2p::TransferError,
    payload::{Direction, LinkKind},
};

/// Most people counted in one conversation.
const MEMBERS_LIMIT: usize = 256;

/// A switchboard.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) link: LinkId,
    /// The conversation it carries; a call that is not answered yet carries the caller's.
    chat: ChatId,
    state: State,
    framer: Framer,
    next_trid: u32,
    members: BTreeMap<String, String>,
    /// The places of each, with what her client can do there, from MSNP16.
    pub(super) places: BTreeMap<String, BTreeMap<String, Capabilities>>,
    /// The session's name, once known.
    session: String,
    /// Messages sent whose fate is not known, by transaction.
    pub(super) awaiting: BTreeMap<u32, Awaiting>,
    sent: BTreeMap<u64, Sent>,
    /// Those called into the conversation, by transaction.
    calls: BTreeMap<u32, (RequestId, Instant)>,
    /// Packets from peer to peer that the server has not taken yet, with the time to stop waiting.
    pub(super) in_flight: BTreeMap<u32, Instant>,
    last_sent: u64,
    received: u64,
    pub(super) touched: Instant,
    idle_after: std::time::Duration,
}

#[derive(Debug)]
enum State {
    /// The link is not there yet.
    Opening { entry: Entry, until: Instant },
    /// `USR` or `ANS` is sent.
    Entering { until: Instant, called: bool },
    /// `CAL` is sent; nobody came yet.
    Calling { trid: u32, until: Instant },
    /// Somebody is there.
    Ready,
}

#[derive(Debug)]
struct Entry {
    ticket: SecretString,
    /// The session of the call we answer; none when we call.
    answers: Option<String>,
}

/// A part of a message that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaiting {
    pub(super) sent: u64,
    pub(super) deadline: Instant,
}

/// A message that was sent, in parts.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) request: RequestId,
    pub(super) left: usize,
    pub(super) failed: bool,
}

impl Board {
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready) && !self.members.is_empty()
    }

    pub(super) fn is_between_frames(&self) -> bool {
        self.framer.is_between_frames()
    }

    pub(super) fn trid(&mut self) -> u32 {
        let trid = self.next_trid;
        self.next_trid = self.next_trid.checked_add(1).unwrap_or(1);
        trid
    }

    pub(super) fn note_sent(&mut self, sent: Sent) -> u64 {
        self.last_sent += 1;
        self.sent.insert(self.last_sent, sent);
        self.last_sent
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = match self.state {
            State::Opening { until, .. }
            | State::Entering { until, .. }
            | State::Calling { until, .. } => Some(until),
            State::Ready if self.chat.is_group() => None,
            State::Ready => Some(self.touched + self.idle_after),
        };
        let said = self.awaiting.values().map(|awaiting| awaiting.deadline);
        let called = self.calls.values().map(|(_, until)| *until);
        said.chain(called).chain(self.in_flight.values().copied()).chain(state).min()
    }

    pub(super) fn count_message(&mut self) -> u64 {
        self.received += 1;
        self.received
    }

    /// Gives the requests whose messages were sent and not answered.
    pub(super) fn unanswered(self) -> impl Iterator<Item = RequestId> {
        let called = self.calls.into_values().map(|(request, _)| request);
        self.sent.into_values().map(|sent| sent.request).chain(called)
    }
}

impl Session {
    /// Opens the switchboard that a transfer named, to call somebody.
    pub(super) fn open_board(&mut self, now: Instant, chat: ChatId, address: &str, ticket: &str) {
        let entry = Entry { ticket: ticket.to_owned().into(), answers: None };
        let link = self.new_board(now, chat.clone(), address, entry);
        self.chats.entry(chat).or_default().board = Some(link);
    }

    /// Takes a call.
    pub(super) fn answer_ring(
        &mut self,
        now: Instant,
        session: &str,
        address: &str,
        ticket: &str,
        caller: &str,
        _name: &str,
    ) {
        let entry = Entry { ticket: ticket.to_owned().into(), answers: Some(session.to_owned()) };
        self.new_board(now, ChatId::with(caller), address, entry);
    }

    pub(super) fn board_changed(&mut self, now: Instant, link: LinkId, change: LinkChange) {
        match change {
            LinkChange::Opened => self.enter_board(now, link),
            LinkChange::Closed(why) | LinkChange::Failed(why) => self.board_lost(now, link, &why),
        }
    }

    pub(super) fn board_bytes(&mut self, now: Instant, link: LinkId, bytes: &[u8]) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        let mut framer = std::mem::replace(&mut board.framer, framer());
        framer.push(bytes);
        while self.boards.contains_key(&link) {
            match framer.next() {
                Ok(Some(frame)) => {
                    self.traffic.heard += 1;
                    match ServerCommand::decode(&frame, self.version, LinkKind::Switchboard) {
                        Ok(command) => self.board_command(now, link, command),
                        Err(error) => self.odd(error.to_string()),
                    }
                }
                Ok(None) => {
                    if let Some(board) = self.boards.get_mut(&link) {
                        board.framer = framer;
                    }
                    return;
                }
                Err(error) => {
                    self.traffic.broken += 1;
                    self.events.push_back(Event::Odd { what: error.to_string() });
                    return self.board_lost(now, link, &error.to_string());
                }
            }
        }
    }

    pub(super) fn boards_timeout(&mut self, now: Instant) {
        let due = self.transfers.iter().filter(|(_, (_, deadline))| *deadline <= now);
        let due: Vec<u32> = due.map(|(trid, _)| *trid).collect();
        for (chat, _) in
            due.into_iter().filter_map(|trid| self.transfers.remove(&trid)).collect::<Vec<_>>()
        {
            self.board_impossible(now, &chat, not_opened("no answer to XFR"));
        }
        for link in self.boards.due(now) {
            self.board_timeout(now, link);
        }
    }

    /// Leaves a switchboard that is not needed any more.
    pub(super) fn end_board(&mut self, link: LinkId) {
        let Some(board) = self.boards.remove(&link) else {
            return;
        };
        self.say_on(link, &ClientCommand::Goodbye);
        self.effects.push_back(Effect::Close { link });
        if let Some(chat) = self.chats.get_mut(&board.chat).filter(|chat| chat.board == Some(link))
        {
            chat.board = None;
            self.peers.handle_gone(&board.chat, TransferError::Interrupted);
        }
        for request in board.unanswered() {
            self.complete(request, Err(RequestError::Unconfirmed));
        }
    }

    fn new_board(&mut self, now: Instant, chat: ChatId, address: &str, entry: Entry) -> LinkId {
        let link = LinkId(self.next_id());
        let until = now + self.config.deadlines.board_step;
        self.boards.insert(
            link,
            Board {
                link,
                chat,
                session: entry.answers.clone().unwrap_or_default(),
                state: State::Opening { entry, until },
                framer: framer(),
                next_trid: 1,
                members: BTreeMap::new(),
                places: BTreeMap::new(),
                in_flight: BTreeMap::new(),
                calls: BTreeMap::new(),
                awaiting: BTreeMap::new(),
                sent: BTreeMap::new(),
                last_sent: 0,
                received: 0,
                touched: now,
                idle_after: self.config.deadlines.idle,
            },
        );
        let address = address.to_owned();
        self.effects.push_back(Effect::Open { link, kind: LinkKind::Switchboard, address });
        link
    }

    fn enter_board(&mut self, now: Instant, link: LinkId) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        let until = now + self.config.deadlines.board_step;
        let called =
            matches!(&board.state, State::Opening { entry: Entry { answers: Some(_), .. }, .. });
        let before = std::mem::replace(&mut board.state, State::Entering { until, called });
        let State::Opening { entry, .. } = before else {
            return;
        };
        let trid = board.trid();
        let account = match self.version.has_endpoints() {
            true => format!("{};{{{}}}", self.config.account, self.config.machine_id),
            false => self.config.account.clone(),
        };
        let ticket = Secret(entry.ticket.expose_secret());
        match &entry.answers {
            Some(session) => {
                self.say_on(
                    link,
                    &ClientCommand::Answer { trid, account: &account, ticket, session },
                );
            }
            None => self.say_on(link, &ClientCommand::Enter { trid, account: &account, ticket }),
        }
    }

    fn board_command(&mut self, now: Instant, link: LinkId, command: ServerCommand<'_>) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        board.touched = now;
        match command {
            ServerCommand::SignedIn { .. } if matches!(board.state, State::Entering { .. }) => {
                let trid = board.trid();
                board.state = State::Calling { trid, until: now + self.config.deadlines.call };
                let account = board.chat.as_str().to_owned();
                self.say_on(link, &ClientCommand::Call { trid, account: &account });
            }
            ServerCommand::Ringing { trid, session } => {
                session.clone_into(&mut board.session);
                if let Some((request, _)) = board.calls.remove(&trid) {
                    self.complete(request, Ok(()));
                }
            }
            ServerCommand::Present { account, name, capabilities, .. }
            | ServerCommand::Joined { account, name, capabilities } => {
                board.note_place(account, capabilities);
                self.member_came(now, link, account, &name);
            }
            ServerCommand::Answered { .. } => {
                board.state = State::Ready;
                let chat = board.chat.clone();
                self.adopt_board(now, &chat, link);
            }
            ServerCommand::Message { sender, name, payload } => {
                self.message_came(now, link, sender, &name, payload);
            }
            ServerCommand::Acknowledge { trid } => self.message_answered(link, trid, false),
            ServerCommand::NotDelivered { trid } => self.message_answered(link, trid, true),
            ServerCommand::Left { account } => self.member_left(link, account),
            ServerCommand::Error { trid, code, .. } => self.board_refused(now, link, trid, code),
            ServerCommand::Goodbye { .. } => self.board_lost(now, link, "the server said OUT"),
            ServerCommand::Unknown { verb, .. } => {
                self.odd(format!("unknown command {}", verb.chars().take(8).collect::<String>()));
            }
            _ => {}
        }
    }

    fn board_refused(&mut self, now: Instant, link: LinkId, trid: Option<u32>, code: ErrorCode) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        let ours =
            |trid: &u32| board.awaiting.contains_key(trid) || board.in_flight.contains_key(trid);
        if let Some(trid) = trid.filter(ours) {
            return self.message_answered(link, trid, true);
        }
        if let Some((request, _)) = trid.and_then(|trid| board.calls.remove(&trid)) {
            let outcome = match code {
                ErrorCode::ALREADY_THERE => Ok(()),
                code => Err(call_failed(code)),
            };
            return self.complete(request, outcome);
        }
        let why = match (&board.state, code) {
            (State::Calling { trid: asked, .. }, code) if trid == Some(*asked) => call_failed(code),
            (State::Entering { .. }, code) => not_opened(&format!("the switchboard said {code}")),
            _ => return,
        };
        let chat = board.chat.clone();
        self.end_board(link);
        self.board_impossible(now, &chat, why);
    }

    fn board_timeout(&mut self, now: Instant, link: LinkId) {
        let Some(board) = self.boards.get_mut(&link) else {
            return;
        };
        let late: Vec<u32> = board
            .awaiting
            .iter()
            .filter(|(_, awaiting)| awaiting.deadline <= now)
            .map(|(trid, _)| *trid)
            .collect();
        let silent = !late.is_empty();
        board.in_flight.retain(|_, until| *until > now);
        let due = board.calls.iter().filter(|(_, (_, until))| *until <= now);
        for trid in due.map(|(trid, _)| *trid).collect::<Vec<_>>() {
            if let Some((request, _)) = board.calls.remove(&trid) {
                let outcome = Err(RequestError::NoAnswer);
                self.events.push_back(Event::Completed { request, outcome });
            }
        }
        for trid in late {
            let sent = board.awaiting.remove(&trid).and_then(|late| board.sent.remove(&late.sent));
            if let Some(sent) = sent {
                self.events.push_back(Event::Completed {
                    request: sent.request,
                    outcome: Err(RequestError::Unconfirmed),
                });
            }
        }
        // What is said to a link that lost something is lost too; the next word takes another.
        if silent && !board.chat.is_group() {
            let chat = board.chat.clone();
            self.end_board(link);
            return self.speak(now, &chat);
        }
        if !is_due(board.deadline(), now) {
            return;
        }
        let (chat, called) =
            (board.chat.clone(), matches!(board.state, State::Entering { called: true, .. }));
        let why = match board.state {
            State::Opening { .. } => not_opened("the switchboard cannot be reached in time"),
            State::Entering { .. } => not_opened("the switchboard does not answer"),
            State::Calling { .. } => RequestError::NoAnswer,
            State::Ready => return self.end_board(link),
        };
        self.end_board(link);
        if !called {
            self.board_impossible(now, &chat, why);
        }
    }

    fn board_lost(&mut self, now: Instant, link: LinkId, why: &str) {
        let Some(board) = self.boards.get(&link) else {
            return;
        };
        let (chat, ready) = (board.chat.clone(), board.is_ready());
        let ours = self.chats.get(&chat).is_some_and(|chat| chat.board == Some(link));
        self.end_board(link);
        if chat.is_group() {
            self.leave_chat(&chat);
        } else if ours && !ready {
            self.board_impossible(now, &chat, not_opened(why));
        } else if ours {
            self.speak(now, &chat);
        }
    }
}

fn framer() -> Framer {
    Framer::new(LinkKind::Switchboard, Direction::ToClient, Limits::default())
}

fn not_opened(why: &str) -> RequestError {
    RequestError::NotOpened(why.to_owned())
}

fn call_failed(code: ErrorCode) -> RequestError {
    match code {
        ErrorCode::NOT_ONLINE => RequestError::NotOnline,
        ErrorCode::NOT_THERE => RequestError::Blocked,
        code => RequestError::Refused(code),
    }
}
