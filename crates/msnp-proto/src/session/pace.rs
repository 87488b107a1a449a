//! How fast we ask: changes of lists and of the own presence, so that no server is run down.
//!
//! Some may be asked for at once; after those one follows the other. Of what only the latest matters for,
//! such as the status, an older wish that still waits gives way. Messages are not held back.

use std::{collections::VecDeque, mem::discriminant, time::Instant};

use super::{
    Session,
    types::{Command, Pace, RequestError, RequestId},
};

/// Most wishes that wait.
const WAITING_LIMIT: usize = 1024;

/// What may be asked for now, and what waits.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Pace,
    /// How many may be asked for at once.
    left: u32,
    /// When one more may.
    next: Instant,
    waiting: VecDeque<(RequestId, Command)>,
}

impl Pacer {
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self { pace, left: pace.burst, next: now, waiting: VecDeque::new() }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.next)
    }

    /// Gives what waits, when nothing can be asked for any more.
    pub(super) fn into_unasked(self) -> impl Iterator<Item = RequestId> {
        self.waiting.into_iter().map(|(request, _)| request)
    }

    /// Takes one of those that may be asked for now, if there is one.
    fn take(&mut self, now: Instant) -> bool {
        while self.left < self.pace.burst && self.next <= now {
            self.left += 1;
            self.next += self.pace.every;
        }
        if self.left == 0 {
            return false;
        }
        if self.left == self.pace.burst {
            self.next = now + self.pace.every;
        }
        self.left -= 1;
        true
    }
}

impl Session {
    /// Does what is asked for when its turn comes.
    pub(super) fn paced_command(&mut self, now: Instant, request: RequestId, command: Command) {
        if !is_paced(&command) || (self.pacer.waiting.is_empty() && self.pacer.take(now)) {
            return self.online_command(now, request, command);
        }
        let is_older = |(_, waiting): &(RequestId, Command)| {
            is_overtaken(&command) && discriminant(waiting) == discriminant(&command)
        };
        if let Some(at) = self.pacer.waiting.iter().position(is_older)
            && let Some((older, _)) = self.pacer.waiting.remove(at)
        {
            self.complete(older, Ok(()));
        }
        if self.pacer.waiting.len() >= WAITING_LIMIT {
            return self.complete(request, Err(RequestError::Busy));
        }
        self.pacer.waiting.push_back((request, command));
    }

    pub(super) fn pace_timeout(&mut self, now: Instant) {
        while !self.closed && !self.pacer.waiting.is_empty() && self.pacer.take(now) {
            if let Some((request, command)) = self.pacer.waiting.pop_front() {
                self.online_command(now, request, command);
            }
        }
    }

    /// Rests because the server said that it is too much.
    pub(super) fn rest(&mut self, now: Instant) {
        self.pacer.left = 0;
        self.pacer.next = now + self.pacer.pace.rest;
    }
}

/// Whether a wish makes a command that servers count.
fn is_paced(command: &Command) -> bool {
    !matches!(
        command,
        Command::AcceptFile { .. }
            | Command::AcknowledgeOffline { .. }
            | Command::CancelTransfer { .. }
            | Command::FeedFile { .. }
            | Command::FetchObject { .. }
            | Command::InviteToChat { .. }
            | Command::LeaveChat { .. }
            | Command::LeaveOffline { .. }
            | Command::OfferFile { .. }
            | Command::SendExtra { .. }
            | Command::SendNudge { .. }
            | Command::SendText { .. }
            | Command::SendTyping { .. }
            | Command::ServeObject { .. }
            | Command::SignOut
            | Command::WithdrawObject { .. }
    )
}

/// Whether only the latest wish of the kind matters.
fn is_overtaken(command: &Command) -> bool {
    matches!(
        command,
        Command::SetLook { .. }
            | Command::SetName { .. }
            | Command::SetPersonalMessage { .. }
            | Command::SetPicture { .. }
            | Command::SetStatus { .. }
    )
}
