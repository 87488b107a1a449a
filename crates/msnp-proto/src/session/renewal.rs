//! Tickets that ended: a call refused for its ticket is made once more with a new one.
//!
//! Whoever made the call does not notice: it is repeated under its own id. A new ticket is asked for
//! with the password, as at the sign-in. One known server takes only the tickets of the sign-in, so
//! nothing is renewed before a refusal, and where a new ticket is refused without a word the former ones
//! are taken back for good (docs: protocol, SSO, renewal).

use std::time::Instant;

use super::{
    Session,
    http::{HttpReply, HttpRequest},
    sign_in::{SITES, Tickets},
    types::{Effect, HttpId, is_due},
};
use crate::{
    auth::{
        passport::MAX_REDIRECTS,
        security_token::{self, TokenError},
    },
    soap::{self, Service, SoapError},
};

/// A call that is under way.
#[derive(Debug)]
pub(super) struct Pending {
    request: HttpRequest,
    /// The tickets it was made with.
    with: Tickets,
    tried: Tried,
    /// Whether a status alone may mean the ticket: a service that servers do without says nothing by it.
    silence_refuses: bool,
}

/// How often a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tried {
    Once,
    Renewed,
    FormerAgain,
}

/// How a ticket was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// In a fault.
    Said,
    /// By a status alone.
    Silent,
}

/// Codes of faults that refuse a ticket, beside those that [`SoapError::Expired`] stands for.
const REFUSING: [&str; 4] =
    ["AuthenticationFault", "FailedAuthentication", "InvalidSecurityToken", "MessageExpired"];
/// What a fault has that wants a computed word, and no other ticket.
const LOCKED: &[u8] = b"LockKeyChallenge";

impl Refusal {
    /// Reads an answer; `ended` says that the ticket's time was over, as far as that is known.
    fn of(reply: &HttpReply, ended: bool) -> Option<Self> {
        let has = |word: &[u8]| memchr::memmem::find(&reply.body, word).is_some();
        // Lists are long: they are not read twice.
        if reply.failure.is_some() || (reply.status == 200 && !has(b"Fault")) || has(LOCKED) {
            return None;
        }
        match soap::read_answer(reply.status, &reply.body) {
            Err(SoapError::Expired) => Some(Self::Said),
            Err(SoapError::Fault(code)) if REFUSING.contains(&code.as_str()) => Some(Self::Said),
            Err(SoapError::Unreadable(401 | 403)) => Some(Self::Silent),
            Err(SoapError::Unreadable(500..)) if ended => Some(Self::Silent),
            _ => None,
        }
    }
}

/// New tickets that are being asked for.
#[derive(Debug)]
pub(super) struct Renewal {
    http: HttpId,
    redirects: u8,
    /// Calls that were refused, with the refusals.
    waiting: Vec<(HttpId, Pending, HttpReply)>,
    deadline: Instant,
}

impl Renewal {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Session {
    /// Notes a call whose ticket may turn out to be none any more.
    pub(super) fn note_call(&mut self, id: HttpId, service: Service, request: HttpRequest) {
        let (with, silence_refuses) = (self.tickets.clone(), service != Service::Storage);
        self.calls.insert(id, Pending { request, with, tried: Tried::Once, silence_refuses });
    }

    /// Takes an answer where it is one to a renewal, or refuses a ticket; else gives it back.
    pub(super) fn renewal_reply(
        &mut self,
        now: Instant,
        id: HttpId,
        reply: HttpReply,
    ) -> Option<HttpReply> {
        if let Some(renewal) = self.renewal.take_if(|renewal| renewal.http == id) {
            self.renewed(now, renewal, &reply);
            return None;
        }
        let Some(mut pending) = self.calls.remove(&id) else {
            return Some(reply);
        };
        let refusal = Refusal::of(&reply, pending.with.have_ended(now));
        let counts = |refusal: &Refusal| *refusal == Refusal::Said || pending.silence_refuses;
        let Some(refusal) = refusal.filter(counts) else {
            return Some(reply);
        };
        match pending.tried {
            // Another call's refusal brought new tickets meanwhile.
            Tried::Once if !pending.with.are_as_new_as(&self.tickets) => {
                self.call_again(id, pending);
            }
            Tried::Once if self.tickets.may_be_renewed() => match &mut self.renewal {
                Some(renewal) => renewal.waiting.push((id, pending, reply)),
                None => self.renew(now, vec![(id, pending, reply)], None),
            },
            Tried::Renewed if refusal == Refusal::Silent && self.tickets.take_former_back() => {
                pending.tried = Tried::FormerAgain;
                self.call_again(id, pending);
            }
            Tried::Once | Tried::Renewed | Tried::FormerAgain => {
                self.tickets.stay();
                return Some(reply);
            }
        }
        None
    }

    pub(super) fn renewal_timeout(&mut self, now: Instant) {
        if let Some(renewal) = self.renewal.take_if(|renewal| is_due(Some(renewal.deadline), now)) {
            self.give_up(now, renewal, "nothing came in time");
        }
    }

    /// Asks for tickets; at another address where one is given.
    fn renew(
        &mut self,
        now: Instant,
        waiting: Vec<(HttpId, Pending, HttpReply)>,
        moved: Option<(String, u8)>,
    ) {
        let (url, redirects) = moved.unwrap_or_else(|| (self.token_service().0, 0));
        let request = self.token_request(now, &url, &SITES);
        let http = self.ask(request);
        let deadline = now + self.config.deadlines.step;
        self.renewal = Some(Renewal { http, redirects, waiting, deadline });
        self.wait_longer(now);
    }

    fn renewed(&mut self, now: Instant, renewal: Renewal, reply: &HttpReply) {
        match security_token::read_answer(&reply.body) {
            Ok(tickets) if self.take_renewed(now, &tickets) => {
                for (id, pending, _) in renewal.waiting {
                    self.call_again(id, pending);
                }
            }
            Ok(_) => self.give_up(now, renewal, "no ticket came for the address book"),
            Err(TokenError::MovedTo(url)) if renewal.redirects < MAX_REDIRECTS => {
                let moved = Some((url, renewal.redirects + 1));
                self.renew(now, renewal.waiting, moved);
            }
            Err(error) => {
                let why = error.to_string();
                self.give_up(now, renewal, &why);
            }
        }
    }

    fn give_up(&mut self, now: Instant, renewal: Renewal, why: &str) {
        self.tickets.stay();
        self.odd(format!("the tickets could not be renewed: {why}"));
        for (id, _, refusal) in renewal.waiting {
            self.take_http(now, id, refusal);
        }
    }

    fn call_again(&mut self, id: HttpId, mut pending: Pending) {
        if let Some(body) = &mut pending.request.body {
            *body = self.tickets.put_into(body, &pending.with);
        }
        if pending.tried == Tried::Once {
            pending.tried = Tried::Renewed;
        }
        pending.with = self.tickets.clone();
        let request = pending.request.clone();
        self.calls.insert(id, pending);
        self.effects.push_back(Effect::Http { id, request });
    }

    /// Lets whoever waits for a call wait for its repetition too.
    fn wait_longer(&mut self, now: Instant) {
        let deadline = now + self.config.deadlines.step;
        if let Some(step) = &mut self.notification.step {
            *step = deadline;
        }
        if let Some(resync) = &mut self.resync {
            resync.wait_until(deadline);
        }
        self.edits.wait_until(deadline);
        self.offline.wait_until(deadline);
        self.roaming.wait_until(deadline);
    }
}
