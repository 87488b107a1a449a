//! From the first word to being online.
//!
//! ```text
//! C: VER 1 MSNP12 MSNP11 CVR0     S: VER 1 MSNP12
//! C: CVR 2 …                      S: CVR 2 …                    (INF before MSNP8)
//! C: USR 3 TWN I ada@example.com  S: USR 3 TWN S lc=1033,…      (then a ticket, by HTTP)
//! C: USR 4 TWN S t=…              S: USR 4 OK ada@example.com 1 0
//! C: SYN 5 0 0                    S: SYN, LSG, LST …            (web services and ADL from MSNP13)
//! C: UUX 6, CHG 7 NLN …           S: CHG 7 NLN …
//! ```

mod lists;
mod proof;
mod tickets;

use std::{collections::BTreeSet, time::Instant};

use self::proof::Wanted;
pub(super) use self::{
    lists::Left,
    proof::without_answer,
    tickets::{SITES, Tickets},
};
use super::{
    Session,
    http::{HttpReply, HttpRequest},
    roster::Roster,
    types::{CloseReason, Effect, Event, HttpId},
    web::Reading,
};
use crate::{
    auth::passport::MAX_REDIRECTS,
    command::{Capabilities, ClientCommand, Redirect, ServerCommand, Status},
    error_code::ErrorCode,
    msg::PersonalMessage,
};

/// What our client can do before MSNP16: drawings as pictures, parts of messages, winks, of the generation
/// of Messenger 7.0.
const CAPABILITIES: Capabilities = Capabilities::of(0x4000_8024);
/// The same with places: the generation of 2009, and packets of the second age between places.
const CAPABILITIES_OF_PLACES: Capabilities =
    Capabilities { bits: 0xA000_8024, extended: Some(0x20) };
/// The same with temporary groups.
const CAPABILITIES_OF_GROUPS: Capabilities =
    Capabilities { bits: 0xA000_8024, extended: Some(0x8000_0020) };
/// Which program we say we are.
const PROGRAM: &str = "MSNMSGR";

/// How far the sign-in is.
#[derive(Debug)]
pub(super) enum Phase {
    Connecting,
    Negotiating { trid: u32 },
    AskingSchemes { trid: u32 },
    Greeting { trid: u32 },
    Identifying { trid: u32 },
    Proving { http: HttpId, wanted: Wanted },
    Authenticating { trid: u32 },
    Synchronizing { trid: u32, left: Left },
    ReadingLists { reading: Reading },
    TellingLists { waiting: BTreeSet<u32> },
    ChangingStatus { trid: u32 },
    Online,
}

impl Phase {
    fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connect",
            Self::Negotiating { .. } => "VER",
            Self::AskingSchemes { .. } => "INF",
            Self::Greeting { .. } => "CVR",
            Self::Identifying { .. } => "USR I",
            Self::Proving { wanted, .. } => wanted.name(),
            Self::Authenticating { .. } => "USR S",
            Self::Synchronizing { .. } => "SYN",
            Self::ReadingLists { .. } => "address book",
            Self::TellingLists { .. } => "ADL",
            Self::ChangingStatus { .. } => "CHG",
            Self::Online => "online",
        }
    }

    /// The number of the request whose answer the sign-in waits for.
    fn awaits(&self, number: u32) -> bool {
        match self {
            Self::Negotiating { trid }
            | Self::AskingSchemes { trid }
            | Self::Greeting { trid }
            | Self::Identifying { trid }
            | Self::Authenticating { trid }
            | Self::Synchronizing { trid, .. }
            | Self::ChangingStatus { trid } => *trid == number,
            Self::TellingLists { waiting } => waiting.contains(&number),
            _ => false,
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
            | (Phase::AskingSchemes { trid: asked }, ServerCommand::Schemes { trid, .. })
                if trid == *asked =>
            {
                self.identify(now);
            }
            (
                Phase::Identifying { trid: asked },
                ServerCommand::AuthenticateWith { trid, policy, nonce, .. },
            ) if trid == *asked => {
                let (policy, nonce) = (policy.to_owned(), nonce.unwrap_or_default().to_owned());
                self.prove(now, policy, nonce);
            }
            (
                Phase::Identifying { .. } | Phase::Authenticating { .. },
                ServerCommand::Transfer { to: Redirect::Notification { address, token }, .. },
            ) => {
                let (address, token) = (address.to_owned(), token.map(str::to_owned));
                self.redirected(now, &address, token);
            }
            (Phase::Authenticating { trid: asked }, ServerCommand::SignedIn { trid, name, .. })
                if trid == *asked =>
            {
                let name = name.map(|name| name.into_owned());
                self.notification.name = name.unwrap_or_else(|| self.config.account.clone());
                self.synchronize(now);
            }
            (Phase::Synchronizing { .. }, command) => {
                return self.synchronizing_command(now, command);
            }
            (Phase::TellingLists { waiting }, ServerCommand::ListsTaken { trid, .. })
                if waiting.contains(&trid) =>
            {
                waiting.remove(&trid);
                if waiting.is_empty() {
                    self.change_status(now);
                }
            }
            (
                Phase::ChangingStatus { trid: asked },
                ServerCommand::PresenceSet { trid, .. } | ServerCommand::Published { trid, .. },
            ) if trid == *asked => self.now_online(now),
            (phase, ServerCommand::Error { trid: Some(trid), code, .. }) if phase.awaits(trid) => {
                self.sign_in_refused(code);
            }
            (_, command) => return Some(command),
        }
        None
    }

    /// Takes the answer to a request of the sign-in; gives it back when it is none.
    pub(super) fn sign_in_http(
        &mut self,
        now: Instant,
        id: HttpId,
        reply: HttpReply,
    ) -> Option<HttpReply> {
        match &self.notification.phase {
            Phase::Proving { http, .. } if *http == id => self.proving_reply(now, &reply),
            Phase::ReadingLists { reading } if reading.http == id => {
                self.reading_reply(now, &reply);
            }
            _ => return Some(reply),
        }
        None
    }

    pub(super) fn sign_in_timeout(&mut self, now: Instant) {
        match &self.notification.phase {
            // Lists that stay incomplete are used as they are.
            Phase::Synchronizing { left, .. } if left.has_begun() => self.change_status(now),
            Phase::TellingLists { .. } => self.change_status(now),
            Phase::Online => self.notification.step = None,
            phase => {
                let name = phase.name();
                self.close(CloseReason::Timeout(name));
            }
        }
    }

    fn greet(&mut self, now: Instant) {
        let trid = self.notification.trid();
        let server = self.config.server.clone();
        self.events.push_back(Event::Connected { server, version: self.version });
        if self.version.has_scheme_question() {
            self.say(&ClientCommand::AskSchemes { trid });
            return self.enter(now, Phase::AskingSchemes { trid });
        }
        let account = self.config.account.clone();
        let token = self.notification.token.clone();
        self.say(&ClientCommand::ClientVersion {
            trid,
            program: PROGRAM,
            number: self.version.client_number(),
            account: &account,
            token: token.as_deref(),
        });
        self.enter(now, Phase::Greeting { trid });
    }

    fn identify(&mut self, now: Instant) {
        let trid = self.notification.trid();
        let account = self.config.account.clone();
        let scheme = self.version.scheme().word();
        self.say(&ClientCommand::AuthenticateAs { trid, scheme, account: &account });
        self.enter(now, Phase::Identifying { trid });
    }

    fn redirected(&mut self, now: Instant, address: &str, token: Option<String>) {
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
        self.notification.token = token;
    }

    /// Says who is at this place, and takes the status: the last step.
    fn change_status(&mut self, now: Instant) {
        let status = self.config.status;
        if self.version.has_publications() {
            let trid = self.notification.trid();
            self.publish_presence(trid, status);
            return self.enter(now, Phase::ChangingStatus { trid });
        }
        if self.version.has_endpoints() {
            for payload in self.endpoint_payloads(status) {
                let trid = self.notification.trid();
                self.say(&ClientCommand::SetPersonalMessage { trid, payload: &payload });
            }
        }
        if self.version.has_personal_messages() {
            let trid = self.notification.trid();
            let payload = self.personal_payload(&PersonalMessage::default());
            self.say(&ClientCommand::SetPersonalMessage { trid, payload: &payload });
        }
        let trid = self.notification.trid();
        self.say_status(trid, status);
        self.enter(now, Phase::ChangingStatus { trid });
    }

    /// What our client can do.
    pub(super) fn capabilities(&self) -> Capabilities {
        match self.version {
            version if version.has_temporary_groups() => CAPABILITIES_OF_GROUPS,
            version if version.has_endpoints() => CAPABILITIES_OF_PLACES,
            _ => CAPABILITIES,
        }
    }

    pub(super) fn say_status(&mut self, trid: u32, status: Status) {
        let capabilities = Some(self.capabilities());
        let object = self.notification.object.clone().map(Into::into);
        self.say(&ClientCommand::ChangeStatus { trid, status, capabilities, object });
    }

    fn now_online(&mut self, now: Instant) {
        self.notification.phase = Phase::Online;
        self.notification.step = None;
        self.notification.status = self.config.status;
        self.notification.ping = Some(now + self.config.deadlines.ping);
        let (account, name) = (self.config.account.clone(), self.notification.name.clone());
        self.events.push_back(Event::Online { account, name });
        self.read_roaming(now);
        self.circles_go_on(now);
        if !self.version.has_web_lists() {
            self.strike_off_answered(now);
        }
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

    pub(super) fn ask(&mut self, request: HttpRequest) -> HttpId {
        let id = HttpId(self.next_id());
        self.effects.push_back(Effect::Http { id, request });
        id
    }

    pub(super) fn enter(&mut self, now: Instant, phase: Phase) {
        self.notification.phase = phase;
        self.notification.step = Some(now + self.config.deadlines.step);
    }
}
