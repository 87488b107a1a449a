//! What an application asks of circles and temporary groups past the address book.

use std::time::Instant;

use super::{BLANK, MULTIPARTY, People, Step, WAITING_LIMIT};
use crate::{
    command::Whose,
    datagram::{CIRCLE_NETWORK, GROUP_NETWORK},
    error_code::ErrorCode,
    publication::Document,
    session::{
        Session,
        edit::is_address,
        roster::circle_of,
        types::{ChatId, Command, Event, Invalid, RequestError, RequestId},
    },
};

/// Most people called into a new temporary group.
const PEOPLE_LIMIT: usize = 150;

impl Session {
    /// Does what has to do with circles this place is in, and with temporary groups; gives back what has
    /// not, or is for the address book.
    pub(in crate::session) fn circle_command(
        &mut self,
        now: Instant,
        request: RequestId,
        command: Command,
    ) -> Option<Command> {
        match command {
            Command::EnterCircle { circle } => {
                let known = self.roster.circle(&circle);
                if !known.is_some_and(|known| known.lasts && known.is_member()) {
                    self.complete(request, Err(Invalid::UnknownCircle.into()));
                    return None;
                }
                self.await_circle(now, circle, request);
                self.open_again(now);
                self.circles_go_on(now);
            }
            Command::InviteToChat { chat, account } => match chat.several() {
                Some((network, _)) if network == CIRCLE_NETWORK => {
                    let words = String::new();
                    return Some(Command::InviteToCircle { circle: chat, account, words });
                }
                Some(_) => self.call_into_group(now, request, &chat, account),
                None if self.version.has_temporary_groups() && !chat.is_group() => {
                    let accounts = vec![chat.as_str().to_owned(), account];
                    self.make_group(now, People { request, accounts });
                }
                None => return Some(Command::InviteToChat { chat, account }),
            },
            Command::LeaveChat { chat } if chat.several().is_some() => {
                self.go_out(now, &chat);
                self.complete(request, Ok(()));
            }
            Command::SendTyping { ref chat }
            | Command::SendExtra { ref chat, .. }
            | Command::SendNudge { ref chat }
            | Command::SendText { ref chat, .. }
                if self.roster.circle(chat).is_some_and(|circle| self.is_missed(circle)) =>
            {
                let chat = chat.clone();
                self.wait_for_circle(now, chat, request, Some(command));
            }
            Command::MakeGroup { people } if self.version.has_temporary_groups() => {
                self.make_group(now, People { request, accounts: people });
            }
            Command::MakeGroup { .. } => self.complete(request, Err(Invalid::NoGroups.into())),
            command => return Some(command),
        }
        None
    }

    fn make_group(&mut self, now: Instant, people: People) {
        let right = people.accounts.iter().all(|account| is_address(account));
        if !right {
            return self.complete(people.request, Err(Invalid::Address.into()));
        }
        if people.accounts.len() > PEOPLE_LIMIT {
            return self.complete(people.request, Err(Invalid::TooManyPeople.into()));
        }
        if self.circles.steps.len() >= WAITING_LIMIT {
            return self.complete(people.request, Err(RequestError::Busy));
        }
        let trid = self.circle_step(now, Step::Make { people });
        self.publish_to_circle(trid, true, BLANK, ("/circle", MULTIPARTY), &[]);
    }

    /// Takes the answer that names a new group, and comes into it.
    pub(super) fn group_made(&mut self, now: Instant, people: People, payload: &[u8]) {
        let document = Document::read(payload);
        let from = document.as_ref().and_then(Document::from);
        let from = from.filter(|from| from.network == GROUP_NETWORK);
        let group = from.as_ref().map(|from| Whose { via: None, ..*from });
        let Some((chat, None)) = group.as_ref().and_then(circle_of) else {
            let why = "the server did not name the group".to_owned();
            return self.complete(people.request, Err(RequestError::Service(why)));
        };
        self.events.push_back(Event::Made { request: people.request, chat: chat.clone() });
        self.enter_circle(now, chat, Some(people));
    }

    fn call_into_group(
        &mut self,
        now: Instant,
        request: RequestId,
        chat: &ChatId,
        account: String,
    ) {
        if !is_address(&account) {
            return self.complete(request, Err(Invalid::Address.into()));
        }
        if !self.roster.circle(chat).is_some_and(|group| group.entered) {
            return self.complete(request, Err(RequestError::ChatOver));
        }
        if self.circles.steps.len() >= WAITING_LIMIT {
            return self.complete(request, Err(RequestError::Busy));
        }
        self.call_people(now, chat, People { request, accounts: vec![account] });
    }

    /// Calls people into a group that this place is in.
    pub(super) fn call_people(&mut self, now: Instant, chat: &ChatId, people: People) {
        let People { request, accounts } = people;
        if accounts.is_empty() {
            return self.complete(request, Ok(()));
        }
        self.circles.calls.insert(request, (accounts.len(), None));
        for account in accounts {
            let trid = self.circle_step(now, Step::Call { request });
            self.put_member(trid, &format!("{chat};path=IM"), MULTIPARTY, &account);
        }
    }

    /// Notes how a call into a group went; with the last of a request that is done, or what went wrong
    /// first.
    pub(super) fn called(&mut self, request: RequestId, outcome: Result<(), RequestError>) {
        let outcome = match outcome {
            // Who is there already need not be called.
            Err(RequestError::Refused(ErrorCode::ALREADY_THERE)) => Ok(()),
            Err(RequestError::Refused(ErrorCode::NOT_ONLINE)) => Err(RequestError::NotOnline),
            outcome => outcome,
        };
        let Some((left, failed)) = self.circles.calls.get_mut(&request) else {
            return;
        };
        *left = left.saturating_sub(1);
        if failed.is_none() {
            *failed = outcome.err();
        }
        if *left == 0
            && let Some((_, failed)) = self.circles.calls.remove(&request)
        {
            self.complete(request, failed.map_or(Ok(()), Err));
        }
    }
}
