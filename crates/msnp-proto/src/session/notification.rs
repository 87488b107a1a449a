//! The notification link: its bytes, its keep-alive, its end.

use std::time::Instant;

use super::{
    Session,
    sign_in::Phase,
    types::{CloseReason, Effect, LinkChange, LinkId, RequestError, RequestId, is_due},
};
use crate::{
    command::{ClientCommand, ServerCommand, Status},
    frame::{Framer, Limits},
    msg::{Look, PersonalMessage},
    payload::{Direction, LinkKind},
};

/// Most bytes read before frames are looked at again, so that one push cannot grow without bound.
const LIMITS: Limits = Limits { line: 64 * 1024 - 1, payload: 1024 * 1024 };

/// After so many requests in a row without an answer, nor any other word, the session is over.
const UNANSWERED_LIMIT: u32 = 3;

#[derive(Debug)]
pub(super) struct Notification {
    pub(super) link: Option<LinkId>,
    pub(super) phase: Phase,
    /// The end of the wait for the present step of the sign-in.
    pub(super) step: Option<Instant>,
    pub(super) framer: Framer,
    pub(super) next_trid: u32,
    /// When to ping, and when the answer must be there.
    pub(super) ping: Option<Instant>,
    pub(super) pong: Option<Instant>,
    pub(super) redirects: u8,
    /// What a redirect gave to say in `CVR`.
    pub(super) token: Option<String>,
    pub(super) name: String,
    /// The own status, as the server knows it.
    pub(super) status: Status,
    /// The own personal message.
    pub(super) personal: PersonalMessage,
    /// The own display picture's description.
    pub(super) object: Option<String>,
    pub(super) look: Look,
    /// How many requests went by without an answer since the server said anything but that it is there.
    unanswered: u32,
    /// How many messages came past the switchboards.
    received: u64,
}

/// A request of the application that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    request: RequestId,
    pub(super) deadline: Instant,
    /// Whether silence means that it is done: only refusals are said then.
    silent: bool,
}

impl Waiting {
    pub(super) fn request(self) -> RequestId {
        self.request
    }
}

impl Notification {
    pub(super) fn new(step: Instant) -> Self {
        Self {
            link: None,
            phase: Phase::Connecting,
            step: Some(step),
            framer: framer(),
            next_trid: 1,
            ping: None,
            pong: None,
            redirects: 0,
            token: None,
            name: String::new(),
            status: Status::Offline,
            personal: PersonalMessage::default(),
            object: None,
            look: Look::default(),
            unanswered: 0,
            received: 0,
        }
    }

    pub(super) fn count_message(&mut self) -> u64 {
        self.received += 1;
        self.received
    }

    pub(super) fn is_online(&self) -> bool {
        matches!(self.phase, Phase::Online)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.step, self.ping, self.pong].into_iter().flatten().min()
    }

    pub(super) fn trid(&mut self) -> u32 {
        let trid = self.next_trid;
        self.next_trid = self.next_trid.checked_add(1).unwrap_or(1);
        trid
    }
}

pub(super) fn framer() -> Framer {
    Framer::new(LinkKind::Notification, Direction::ToClient, LIMITS)
}

impl Session {
    pub(super) fn open_notification(&mut self, now: Instant, address: String) {
        let link = LinkId(self.next_id());
        let redirects = self.notification.redirects;
        self.notification = Notification::new(now + self.config.deadlines.step);
        self.notification.redirects = redirects;
        self.notification.link = Some(link);
        self.effects.push_back(Effect::Open { link, kind: LinkKind::Notification, address });
    }

    pub(super) fn notification_changed(&mut self, now: Instant, change: LinkChange) {
        match change {
            LinkChange::Opened => self.sign_in_opened(now),
            LinkChange::Failed(why) => {
                self.notification.link = None;
                self.close(CloseReason::Unreachable(why));
            }
            LinkChange::Closed(why) => {
                self.notification.link = None;
                self.close(CloseReason::LinkLost(why));
            }
        }
    }

    pub(super) fn notification_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let mut framer = std::mem::replace(&mut self.notification.framer, framer());
        let link = self.notification.link;
        framer.push(bytes);
        let mut heard = false;
        while !self.closed && self.notification.link == link {
            match framer.next() {
                Ok(Some(frame)) => {
                    self.traffic.heard += 1;
                    heard = true;
                    if frame.verb() != b"QNG" {
                        self.notification.unanswered = 0;
                    }
                    match ServerCommand::decode(&frame, self.version, LinkKind::Notification) {
                        Ok(command) => self.notification_command(now, command),
                        Err(error) => self.odd(error.to_string()),
                    }
                }
                Ok(None) => {
                    // Whatever came whole shows that the server lives.
                    if heard && self.notification.is_online() {
                        self.notification.pong = None;
                        self.notification.ping = Some(now + self.config.deadlines.ping);
                    }
                    self.notification.framer = framer;
                    return;
                }
                Err(error) => {
                    self.traffic.broken += 1;
                    return self.close(CloseReason::Protocol(error));
                }
            }
        }
    }

    pub(super) fn notification_timeout(&mut self, now: Instant) {
        if is_due(self.notification.step, now) {
            return self.sign_in_timeout(now);
        }
        if is_due(self.notification.pong, now) {
            return self.close(CloseReason::Timeout("ping"));
        }
        if is_due(self.notification.ping, now) {
            self.notification.ping = None;
            self.notification.pong = Some(now + self.config.deadlines.pong);
            self.say(&ClientCommand::Ping);
        }
    }

    /// Notes a request whose answer completes it.
    pub(super) fn request(&mut self, now: Instant, request: RequestId) -> u32 {
        let deadline = now + self.config.deadlines.step;
        self.note_request(Waiting { request, deadline, silent: false })
    }

    /// Notes a request that nothing answers but a refusal.
    pub(super) fn request_without_answer(&mut self, now: Instant, request: RequestId) -> u32 {
        let deadline = now + self.config.deadlines.board_step;
        self.note_request(Waiting { request, deadline, silent: true })
    }

    fn note_request(&mut self, waiting: Waiting) -> u32 {
        let trid = self.notification.trid();
        self.requests.insert(trid, waiting);
        trid
    }

    pub(super) fn answered(&mut self, trid: Option<u32>, outcome: Result<(), RequestError>) {
        if let Some(Waiting { request, .. }) = trid.and_then(|trid| self.requests.remove(&trid)) {
            // It may have been said in several parts.
            self.requests.retain(|_, waiting| waiting.request != request);
            self.complete(request, outcome);
        }
    }

    pub(super) fn requests_timeout(&mut self, now: Instant) {
        let due = self.requests.iter().filter(|(_, waiting)| waiting.deadline <= now);
        let due: Vec<(u32, bool)> = due.map(|(trid, waiting)| (*trid, waiting.silent)).collect();
        for (trid, silent) in due {
            let outcome = if silent { Ok(()) } else { Err(RequestError::Unconfirmed) };
            self.answered(Some(trid), outcome);
            if !silent {
                self.went_unanswered();
            }
        }
    }

    /// Notes that a request had no answer: a server that says nothing but that it is there is none.
    pub(super) fn went_unanswered(&mut self) {
        self.notification.unanswered += 1;
        if self.notification.unanswered >= UNANSWERED_LIMIT {
            self.close(CloseReason::Timeout("requests"));
        }
    }

    pub(super) fn sign_out(&mut self) {
        self.say(&ClientCommand::Goodbye);
        let boards: Vec<LinkId> = self.boards.keys().copied().collect();
        for link in boards {
            self.say_on(link, &ClientCommand::Goodbye);
        }
        self.close(CloseReason::SignedOut);
    }

    /// Sends a command on the notification link.
    pub(super) fn say(&mut self, command: &ClientCommand<'_>) {
        if let Some(link) = self.notification.link {
            self.say_on(link, command);
        }
    }

    pub(super) fn say_on(&mut self, link: LinkId, command: &ClientCommand<'_>) {
        let mut bytes = Vec::new();
        command.encode(self.version, &mut bytes);
        self.traffic.said += 1;
        self.effects.push_back(Effect::Send { link, bytes });
    }

    pub(super) fn odd(&mut self, what: String) {
        self.traffic.odd += 1;
        self.events.push_back(super::Event::Odd { what });
    }
}
