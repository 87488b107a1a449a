//! From the first word to being online.
//!
//! ```text
//! C: VER 1 MSNP12 MSNP11 CVR0     S: VER 1 MSNP12
//! C: CVR 2 …                      S: CVR 2 …
//! C: USR 3 TWN I ada@example.com  S: USR 3 TWN S lc=1033,…   (then nexus and login, by HTTP)
//! C: USR 4 TWN S t=…              S: USR 4 OK ada@example.com 1 0
//! C: SYN 5 0 0                    S: SYN, LSG, LST …
//! C: UUX 6, CHG 7 NLN …           S: CHG 7 NLN …
//! ```

use std::time::Instant;

use secrecy::ExposeSecret as _;

use super::{
    Session,
    roster::Roster,
    types::{CloseReason, Effect, Event, HttpId, HttpReply, HttpRequest},
};
use crate::{
    auth::passport::{self, LoginAnswer, MAX_REDIRECTS},
    command::{ClientCommand, Redirect, Secret, ServerCommand, Status},
    error_code::ErrorCode,
    msg::PersonalMessage,
};

/// What our client can do, for `CHG`: a client of the version that came with display pictures.
const CAPABILITIES: u64 = 0x1000_0000;
/// Which program we say we are.
const PROGRAM: &str = "MSNMSGR";
const PROGRAM_VERSION: &str = "7.5.0324";

/// How far the sign-in is.
#[derive(Debug)]
pub(super) enum Phase {
    Connecting,
    Negotiating { trid: u32 },
    Greeting { trid: u32 },
    Identifying { trid: u32 },
    AskingNexus { http: HttpId, policy: String },
    LoggingIn { http: HttpId, policy: String, redirects: u8 },
    Authenticating { trid: u32 },
    Synchronizing { trid: u32, left: Option<(u32, u32)> },
    ChangingStatus { trid: u32 },
    Online,
}

impl Phase {
    fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connect",
            Self::Negotiating { .. } => "VER",
            Self::Greeting { .. } => "CVR",
            Self::Identifying { .. } => "USR I",
            Self::AskingNexus { .. } => "nexus",
            Self::LoggingIn { .. } => "login",
            Self::Authenticating { .. } => "USR S",
            Self::Synchronizing { .. } => "SYN",
            Self::ChangingStatus { .. } => "CHG",
            Self::Online => "online",
        }
    }

    /// The number of the request whose answer the sign-in waits for.
    fn trid(&self) -> Option<u32> {
        match self {
            Self::Negotiating { trid }
            | Self::Greeting { trid }
            | Self::Identifying { trid }
            | Self::Authenticating { trid }
            | Self::Synchronizing { trid, .. }
            | Self::ChangingStatus { trid } => Some(*trid),
            _ => None,
        }
    }
}

impl Session {
    pub(super) fn sign_in_opened(&mut self, now: Instant) {
        let trid = self.notification.trid();
        let versions: Vec<String> = self.config.versions.iter().map(ToString::to_string).collect();
        let names = versions.iter().map(String::as_str).chain(["CVR0"]).collect();
        self.say(&ClientCommand::Version { trid, names });
        self.enter(now, Phase::Negotiating { trid });
    }

    /// Takes a command while signing in; gives back what is none of the sign-in's business.
    pub(super) fn sign_in_command<'a>(
        &mut self,
        now: Instant,
        command: ServerCommand<'a>,
    ) -> Option<ServerCommand<'a>> {
        match (&mut self.notification.phase, command) {
            (Phase::Negotiating { trid: asked }, ServerCommand::Version { trid, version })
                if trid == *asked =>
            {
                match version.filter(|version| self.config.versions.contains(version)) {
                    Some(version) => {
                        self.version = version;
                        self.roster = Roster::of_version(version);
                        self.greet(now);
                    }
                    None => self.close(CloseReason::NoCommonVersion),
                }
            }
            (Phase::Greeting { trid: asked }, ServerCommand::ClientVersion { trid, .. })
                if trid == *asked =>
            {
                self.identify(now);
            }
            (
                Phase::Identifying { trid: asked },
                ServerCommand::AuthenticateWith { trid, policy, .. },
            ) if trid == *asked => {
                let policy = policy.to_owned();
                self.ask_for_ticket(now, policy);
            }
            (
                Phase::Identifying { .. } | Phase::Authenticating { .. },
                ServerCommand::Transfer { to: Redirect::Notification { address }, .. },
            ) => {
                let address = address.to_owned();
                self.redirected(now, &address);
            }
            (Phase::Authenticating { trid: asked }, ServerCommand::SignedIn { trid, name, .. })
                if trid == *asked =>
            {
                let name = name.map(|name| name.into_owned());
                self.notification.name = name.unwrap_or_else(|| self.config.account.clone());
                self.synchronize(now);
            }
            (
                Phase::Synchronizing { trid: asked, left },
                ServerCommand::Synchronize { trid, counts, .. },
            ) if trid == *asked => {
                *left = Some(counts.unwrap_or_default());
                self.synchronized(now);
            }
            (Phase::Synchronizing { left, .. }, ServerCommand::ListEntry(entry)) => {
                if let Some((contacts, _)) = left {
                    *contacts = contacts.saturating_sub(1);
                }
                self.roster.add_entry(&entry);
                self.synchronized(now);
            }
            (Phase::Synchronizing { left, .. }, ServerCommand::Group { name, id }) => {
                if let Some((_, groups)) = left {
                    *groups = groups.saturating_sub(1);
                }
                self.roster.add_group(id, &name);
                self.synchronized(now);
            }
            (Phase::ChangingStatus { trid: asked }, ServerCommand::PresenceSet { trid, .. })
                if trid == *asked =>
            {
                self.now_online(now);
            }
            (phase, ServerCommand::Error { trid, code, .. })
                if trid.is_some() && trid == phase.trid() =>
            {
                self.sign_in_refused(code);
            }
            (_, command) => return Some(command),
        }
        None
    }

    pub(super) fn sign_in_http(&mut self, now: Instant, id: HttpId, reply: HttpReply) {
        match &mut self.notification.phase {
            Phase::AskingNexus { http, policy } if *http == id => {
                let policy = std::mem::take(policy);
                match reply.header("passporturls").and_then(passport::login_url) {
                    Some(url) => self.log_in(now, url, policy, 0),
                    None => self.close(CloseReason::LoginService(without_answer("nexus", &reply))),
                }
            }
            Phase::LoggingIn { http, policy, redirects } if *http == id => {
                let (policy, redirects) = (std::mem::take(policy), *redirects);
                match passport::read_login(reply.status, |name| reply.header(name)) {
                    LoginAnswer::Granted(ticket) => {
                        let trid = self.notification.trid();
                        let ticket = Secret(ticket.expose_secret());
                        self.say(&ClientCommand::AuthenticateWith { trid, scheme: "TWN", ticket });
                        self.enter(now, Phase::Authenticating { trid });
                    }
                    LoginAnswer::MovedTo(_) if redirects >= MAX_REDIRECTS => {
                        self.close(CloseReason::TooManyRedirects);
                    }
                    LoginAnswer::MovedTo(url) => self.log_in(now, url, policy, redirects + 1),
                    LoginAnswer::Refused => self.close(CloseReason::AuthRejected),
                    LoginAnswer::Unusable { .. } => {
                        self.close(CloseReason::LoginService(without_answer("login", &reply)));
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn sign_in_timeout(&mut self, now: Instant) {
        match self.notification.phase {
            // Lists that stay incomplete are used as they are.
            Phase::Synchronizing { left: Some(_), .. } => self.change_status(now),
            Phase::Online => self.notification.step = None,
            ref phase => self.close(CloseReason::Timeout(phase.name())),
        }
    }

    fn greet(&mut self, now: Instant) {
        let trid = self.notification.trid();
        let account = self.config.account.clone();
        self.say(&ClientCommand::ClientVersion {
            trid,
            program: PROGRAM,
            number: PROGRAM_VERSION,
            account: &account,
        });
        let server = self.config.server.clone();
        self.events.push_back(Event::Connected { server, version: self.version });
        self.enter(now, Phase::Greeting { trid });
    }

    fn identify(&mut self, now: Instant) {
        let trid = self.notification.trid();
        let account = self.config.account.clone();
        self.say(&ClientCommand::AuthenticateAs { trid, scheme: "TWN", account: &account });
        self.enter(now, Phase::Identifying { trid });
    }

    fn ask_for_ticket(&mut self, now: Instant, policy: String) {
        if let Some(url) = self.config.login_url.clone() {
            return self.log_in(now, url, policy, 0);
        }
        let request = HttpRequest { url: self.config.nexus_url.clone(), authorization: None };
        let http = self.ask(request);
        self.enter(now, Phase::AskingNexus { http, policy });
    }

    fn log_in(&mut self, now: Instant, url: String, policy: String, redirects: u8) {
        let config = &self.config;
        let authorization = passport::authorization(&config.account, &config.password, &policy);
        let http = self.ask(HttpRequest { url, authorization: Some(authorization) });
        self.enter(now, Phase::LoggingIn { http, policy, redirects });
    }

    fn redirected(&mut self, now: Instant, address: &str) {
        self.notification.redirects += 1;
        if self.notification.redirects > MAX_REDIRECTS {
            return self.close(CloseReason::TooManyRedirects);
        }
        if let Some(link) = self.notification.link.take() {
            self.effects.push_back(Effect::Close { link });
        }
        self.roster = Roster::of_version(self.version);
        let port = self.config.server.rsplit_once(':').map_or("1863", |(_, port)| port);
        let has_port = address.contains(':');
        let address = if has_port { address.to_owned() } else { format!("{address}:{port}") };
        self.open_notification(now, address);
    }

    fn synchronize(&mut self, now: Instant) {
        let trid = self.notification.trid();
        let second = self.version.has_guids().then_some("0");
        self.say(&ClientCommand::Synchronize { trid, first: "0", second });
        self.enter(now, Phase::Synchronizing { trid, left: None });
    }

    fn synchronized(&mut self, now: Instant) {
        if let Phase::Synchronizing { left: Some((0, 0)), .. } = self.notification.phase {
            self.change_status(now);
        }
    }

    fn change_status(&mut self, now: Instant) {
        if self.version.has_personal_messages() {
            let trid = self.notification.trid();
            let payload = PersonalMessage::default().write();
            self.say(&ClientCommand::SetPersonalMessage { trid, payload: &payload });
        }
        let trid = self.notification.trid();
        let status = self.config.status;
        self.say_status(trid, status);
        self.enter(now, Phase::ChangingStatus { trid });
    }

    pub(super) fn say_status(&mut self, trid: u32, status: Status) {
        self.say(&ClientCommand::ChangeStatus {
            trid,
            status,
            capabilities: Some(CAPABILITIES),
            object: None,
        });
    }

    fn now_online(&mut self, now: Instant) {
        self.notification.phase = Phase::Online;
        self.notification.step = None;
        self.notification.ping = Some(now + self.config.deadlines.ping);
        let (account, name) = (self.config.account.clone(), self.notification.name.clone());
        self.events.push_back(Event::Online { account, name });
    }

    fn sign_in_refused(&mut self, code: ErrorCode) {
        let at_identity = matches!(
            self.notification.phase,
            Phase::Identifying { .. } | Phase::Authenticating { .. }
        );
        self.say(&ClientCommand::Goodbye);
        self.close(match code {
            code if at_identity && code.refuses_account() => CloseReason::AuthRejected,
            code => CloseReason::Refused(code),
        });
    }

    fn ask(&mut self, request: HttpRequest) -> HttpId {
        let id = HttpId(self.next_id());
        self.effects.push_back(Effect::Http { id, request });
        id
    }

    fn enter(&mut self, now: Instant, phase: Phase) {
        self.notification.phase = phase;
        self.notification.step = Some(now + self.config.deadlines.step);
    }
}

fn without_answer(what: &str, reply: &HttpReply) -> String {
    match &reply.failure {
        Some(why) => format!("the {what} cannot be reached: {why}"),
        None => format!("the {what} answered {} without what it must say", reply.status),
    }
}
