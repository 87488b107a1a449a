//! Proving who signs in: by hash, by a ticket of Passport or of the token service, by a ticket with a
//! proof.

use std::time::Instant;

use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{Phase, tickets::SITES};
use crate::{
    auth::{
        md5_hash,
        passport::{self, LoginAnswer, MAX_REDIRECTS},
        security_token::{self, Form, MESSENGER_CLEAR, Site, TokenError},
        sso,
    },
    clock,
    command::{ClientCommand, Secret},
    session::{
        Session,
        http::{HttpReply, HttpRequest},
        types::CloseReason,
    },
    version::Scheme,
};

/// The site of tickets for the notification server, before there were proofs.
const MESSENGER: &str = "messenger.msn.com";
/// How long a request for tickets is good, in seconds.
const REQUEST_LIFE: u64 = 300;

/// What is asked for by HTTP, and what is done with it.
#[derive(Debug)]
pub(in crate::session) enum Wanted {
    /// The login's address.
    Nexus { policy: String },
    /// A ticket of Passport.
    Login { policy: String, redirects: u8 },
    /// Tickets of the token service.
    Tokens { policy: String, nonce: String, redirects: u8 },
}

impl Wanted {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Nexus { .. } => "nexus",
            Self::Login { .. } => "login",
            Self::Tokens { .. } => "token service",
        }
    }
}

impl Session {
    /// Takes what the server wants to be proved.
    pub(super) fn prove(&mut self, now: Instant, policy: String, nonce: String) {
        match self.version.scheme() {
            Scheme::Hash => {
                let answer = md5_hash::answer(&policy, &self.config.password);
                self.authenticate(now, &answer, None);
            }
            Scheme::Ticket if !self.version.has_web_lists() => {
                match self.config.services.login.clone() {
                    Some(url) => self.log_in(now, url, policy, 0),
                    None => {
                        let nexus = self.config.services.nexus.clone();
                        let http = self.ask(HttpRequest::get(nexus));
                        self.enter(now, Phase::Proving { http, wanted: Wanted::Nexus { policy } });
                    }
                }
            }
            Scheme::Ticket | Scheme::TicketWithProof => {
                let (url, _) = self.token_service();
                self.ask_for_tokens(now, &url, policy, nonce, 0);
            }
        }
    }

    pub(super) fn proving_reply(&mut self, now: Instant, reply: &HttpReply) {
        // What was asked for is done, whatever came: the next phase is one of its own.
        let Phase::Proving { wanted, .. } =
            std::mem::replace(&mut self.notification.phase, Phase::Connecting)
        else {
            return;
        };
        match wanted {
            Wanted::Nexus { policy } => {
                match reply.header("passporturls").and_then(passport::login_url) {
                    Some(url) => self.log_in(now, url, policy, 0),
                    None => self.close(CloseReason::LoginService(without_answer("nexus", reply))),
                }
            }
            Wanted::Login { policy, redirects } => {
                match passport::read_login(reply.status, |name| reply.header(name)) {
                    LoginAnswer::Granted(ticket) => {
                        self.take_only_ticket(ticket.clone());
                        self.authenticate(now, &ticket, None);
                    }
                    LoginAnswer::MovedTo(_) if redirects >= MAX_REDIRECTS => {
                        self.close(CloseReason::TooManyRedirects);
                    }
                    LoginAnswer::MovedTo(url) => self.log_in(now, url, policy, redirects + 1),
                    LoginAnswer::Refused => self.close(CloseReason::AuthRejected),
                    LoginAnswer::Unusable { .. } => {
                        self.close(CloseReason::LoginService(without_answer("login", reply)));
                    }
                }
            }
            Wanted::Tokens { policy, nonce, redirects } => {
                match security_token::read_answer(&reply.body) {
                    Ok(tickets) => self.use_tokens(now, tickets, &nonce),
                    Err(TokenError::MovedTo(_)) if redirects >= MAX_REDIRECTS => {
                        self.close(CloseReason::TooManyRedirects);
                    }
                    Err(TokenError::MovedTo(url)) => {
                        self.ask_for_tokens(now, &url, policy, nonce, redirects + 1);
                    }
                    Err(TokenError::Refused) => self.close(CloseReason::AuthRejected),
                    Err(TokenError::Unreadable) => {
                        self.close(CloseReason::LoginService(without_answer(
                            "token service",
                            reply,
                        )));
                    }
                    Err(error) => self.close(CloseReason::LoginService(error.to_string())),
                }
            }
        }
    }

    fn log_in(&mut self, now: Instant, url: String, policy: String, redirects: u8) {
        let config = &self.config;
        let authorization = passport::authorization(&config.account, &config.password, &policy);
        let mut request = HttpRequest::get(url);
        request.headers.push(("Authorization", authorization));
        let http = self.ask(request);
        self.enter(now, Phase::Proving { http, wanted: Wanted::Login { policy, redirects } });
    }

    /// Gives where the token service is, and how it is spoken to.
    pub(in crate::session) fn token_service(&self) -> (String, Form) {
        let services = &self.config.services;
        match services.tokens_2.clone().filter(|_| self.version.has_endpoints()) {
            Some(url) => (url, Form::Second),
            None => (services.tokens.clone(), Form::First),
        }
    }

    fn ask_for_tokens(
        &mut self,
        now: Instant,
        url: &str,
        policy: String,
        nonce: String,
        redirects: u8,
    ) {
        let query = format!("?{}", policy.replace(',', "&"));
        let site = match self.version.scheme() {
            Scheme::TicketWithProof => Site { address: MESSENGER_CLEAR, policy: &policy },
            _ => Site { address: MESSENGER, policy: &query },
        };
        let others = SITES.into_iter().filter(|other| other.address != site.address);
        let sites: Vec<Site<'_>> = [site].into_iter().chain(others).collect();
        let request = self.token_request(now, url, &sites);
        let http = self.ask(request);
        let wanted = Wanted::Tokens { policy, nonce, redirects };
        self.enter(now, Phase::Proving { http, wanted });
    }

    /// Writes a request for tickets.
    pub(in crate::session) fn token_request(
        &self,
        now: Instant,
        url: &str,
        sites: &[Site<'_>],
    ) -> HttpRequest {
        let (_, form) = self.token_service();
        let clock = self.wall_clock(now);
        let times = (clock::text(clock), clock::text(clock.saturating_add(REQUEST_LIFE)));
        let (account, password) = (&self.config.account, &self.config.password);
        let times = (times.0.as_str(), times.1.as_str());
        let body = security_token::request(form, account, password, sites, times);
        HttpRequest::post(url, form.content_type(), body)
    }

    fn use_tokens(&mut self, now: Instant, tickets: Vec<security_token::Ticket>, nonce: &str) {
        let with_proof = self.version.scheme() == Scheme::TicketWithProof;
        let site = if with_proof { MESSENGER_CLEAR } else { MESSENGER };
        let of = |address: &str| tickets.iter().find(|ticket| ticket.address == address);
        let Some(ticket) = of(site).cloned() else {
            let text = format!("the token service gave no ticket for {site}");
            return self.close(CloseReason::LoginService(text));
        };
        self.take_tickets(now, tickets, ticket.ticket.clone());
        let proof = match (&ticket.secret, with_proof) {
            (Some(secret), true) => {
                Some(Zeroizing::new(sso::proof(secret, nonce, self.initialization_vector())))
            }
            (None, true) => {
                let text = "the token service gave a ticket without its secret";
                return self.close(CloseReason::LoginService(text.to_owned()));
            }
            (_, false) => None,
        };
        self.authenticate(now, &ticket.ticket, proof.as_ref().map(|proof| proof.as_str()));
    }

    fn authenticate(&mut self, now: Instant, ticket: &SecretString, proof: Option<&str>) {
        let trid = self.notification.trid();
        let machine = format!("{{{}}}", self.config.machine_id);
        self.say(&ClientCommand::AuthenticateWith {
            trid,
            scheme: self.version.scheme().word(),
            ticket: Secret(ticket.expose_secret()),
            proof: proof.map(Secret),
            machine: self.version.has_machine_id().then_some(machine.as_str()),
        });
        self.enter(now, Phase::Authenticating { trid });
    }

    /// Gives eight bytes that no other proof has.
    fn initialization_vector(&mut self) -> [u8; sso::IV_LENGTH] {
        let number = self.next_id();
        let hash = Md5::new().chain_update(self.config.entropy).chain_update(number.to_le_bytes());
        let mut bytes = [0; sso::IV_LENGTH];
        for (place, byte) in bytes.iter_mut().zip(hash.finalize()) {
            *place = byte;
        }
        bytes
    }

    pub(in crate::session) fn wall_clock(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.started);
        self.config.wall_clock.saturating_add(passed.as_secs())
    }
}

pub(in crate::session) fn without_answer(what: &str, reply: &HttpReply) -> String {
    match &reply.failure {
        Some(why) => format!("the {what} cannot be reached: {why}"),
        None => format!("the {what} answered {} without what it must say", reply.status),
    }
}
