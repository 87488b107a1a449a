//! Circles and temporary groups, as a client asks for them and hears of them.
//!
//! ```text
//! C: USR 5 SHA A PD94bWwg…                           S: USR 5 OK ada@example.com 0 0
//! C: ADL 6 93⏎<ml>…<c n="00000000-…" l="3" t="9"/>…  S: ADL 6 OK
//! C: PUT 7 362⏎… Uri: /circle …                      S: NFY PUT 326⏎…  PUT 7 OK 0
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    ErrorCode, ServerCommand,
    command::{Capabilities, PASSPORT_NETWORK, Status, Whose},
    datagram::{
        Address, CIRCLE_NETWORK, Datagram, RosterMember, member_of_uri, read_roster, roster_uri,
        write_roster,
    },
    listing::Listed,
    publication::Document,
};

use super::Client;
use crate::{
    circle::{CircleError, CircleId, CircleNews},
    directory::PresenceOf,
    link::Ended,
    services,
};

/// The circle is not opened, or not the account's.
const NOT_OPENED: ErrorCode = ErrorCode(933);
/// What a group is made and asked into with.
const MULTIPARTY: &str = "application/multiparty+xml";
/// What everything else is about.
const CIRCLES: &str = "application/circles+xml";

impl Client {
    /// Takes the ticket that opens circles.
    pub(super) async fn open_circles(&mut self, trid: u32, ticket: &str) -> Result<(), Ended> {
        let circles = self.shared.directory.circles(&self.account).await;
        let wanted = services::circle_ticket(&self.shared, &self.account, &circles);
        if ticket != STANDARD.encode(wanted) {
            return self.speaker.refuse(trid, ErrorCode::AUTHENTICATION_FAILED);
        }
        self.circles_open = true;
        let (account, name) = (self.account.as_str(), None);
        self.speaker.say(&ServerCommand::SignedIn { trid, account, name, verified: false })?;
        for circle in circles.iter().filter(|circle| circle.id.lasts() && circle.has(account)) {
            self.tell_circle(&circle.id, true, "/circle", "Full", &[])?;
        }
        Ok(())
    }

    /// Takes the circles among those whom a client tells of.
    pub(super) async fn circles_told(
        &mut self,
        add: bool,
        people: &[Listed],
    ) -> Result<(), ErrorCode> {
        let told = people.iter().filter(|listed| listed.network == CIRCLE_NETWORK);
        let told: Vec<Address> = told
            .map(|listed| Address { network: CIRCLE_NETWORK, ..Address::passport(&listed.account) })
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        let circles = self.shared.directory.circles(&self.account).await;
        for address in &told {
            let own = |id: &CircleId| {
                circles.iter().any(|circle| circle.id == *id && circle.has(&self.account))
            };
            let id = CircleId::from_address(address);
            let id = id.filter(|id| self.circles_open && own(id)).ok_or(NOT_OPENED)?;
            if add {
                self.circles_told.insert(id);
            } else if self.circles_told.remove(&id) {
                // It may be out already.
                let _ = self.shared.directory.step_out(&id, &self.account, self.session).await;
            }
        }
        Ok(())
    }

    /// Takes a document to a circle or group: to make it, to come in, or to ask somebody in.
    pub(super) async fn publish_to_circle(
        &self,
        trid: u32,
        to: &Address,
        document: &Document,
    ) -> Result<(), Ended> {
        match self.published_to_circle(to, document).await {
            Ok(made) => {
                let payload = made.map(|id| self.written(&id)).unwrap_or_default();
                self.speaker.say(&ServerCommand::Published { trid, add: true, payload: &payload })
            }
            Err(code) => self.speaker.refuse(trid, code),
        }
    }

    /// Does what a document says; gives the group where one was made.
    async fn published_to_circle(
        &self,
        to: &Address,
        document: &Document,
    ) -> Result<Option<CircleId>, ErrorCode> {
        let id = self.circle_of(to, document)?;
        if document.header("Uri") != Some("/circle") {
            return Err(ErrorCode::INVALID_PARAMETER);
        }
        let directory = &self.shared.directory;
        let content = document.header("Content-Type").unwrap_or_default();
        if content == MULTIPARTY && id.is_blank() {
            return directory.make_circle(&self.account, None).await.map(Some).map_err(code);
        }
        let members = read_roster(&document.body).ok_or(ErrorCode::INVALID_PARAMETER)?;
        let member = match members.as_slice() {
            [] if content == CIRCLES && id.lasts() => return Ok(None),
            [member] if member.address.network == PASSPORT_NETWORK => &member.address,
            _ => return Err(ErrorCode::INVALID_PARAMETER),
        };
        match content {
            CIRCLES if member.is_of(&self.account) => {
                if id.lasts() && !self.circles_told.contains(&id) {
                    return Err(ErrorCode::INVALID_PARAMETER);
                }
                directory.enter_circle(&id, &self.account, self.session).await.map_err(code)?;
            }
            MULTIPARTY if !id.lasts() && to.path.as_deref() == Some("IM") => {
                let asked = directory.invite_member(&id, &self.account, &member.account, "");
                asked.await.map_err(code)?;
            }
            _ => return Err(ErrorCode::INVALID_PARAMETER),
        }
        Ok(None)
    }

    /// Takes the word that a client goes out.
    pub(super) async fn withdraw_from_circle(
        &self,
        trid: u32,
        to: &Address,
        document: &Document,
    ) -> Result<(), Ended> {
        let left = match (self.circle_of(to, document), document.header("Uri")) {
            (Ok(id), Some(uri)) if member_of_uri(uri).is_some_and(|it| it.is_of(&self.account)) => {
                let left = self.shared.directory.step_out(&id, &self.account, self.session);
                left.await.map_err(code)
            }
            _ => Err(ErrorCode::INVALID_PARAMETER),
        };
        match left {
            Ok(()) => {
                self.speaker.say(&ServerCommand::Published { trid, add: false, payload: &[] })
            }
            Err(code) => self.speaker.refuse(trid, code),
        }
    }

    /// Passes a datagram on to a circle or group.
    pub(super) async fn say_to_circle(
        &self,
        datagram: &Datagram,
        payload: &[u8],
    ) -> Result<(), ErrorCode> {
        let id = CircleId::from_address(&datagram.to).ok_or(ErrorCode::INVALID_PARAMETER)?;
        if datagram.to.path.as_deref() != Some("IM") || !self.knows(&id) {
            return Err(ErrorCode::INVALID_PARAMETER);
        }
        let (account, session) = (&self.account, self.session);
        let said = self.shared.directory.say_to_circle(&id, account, session, payload.into());
        said.await.map_err(code)
    }

    /// Reads which circle or group a document is to, and checks that it is from this client.
    fn circle_of(&self, to: &Address, document: &Document) -> Result<CircleId, ErrorCode> {
        let from = document.header("From").and_then(Address::read);
        let is_own = from.is_some_and(|from| self.is_own(&from));
        let id = CircleId::from_address(to).filter(|id| is_own && self.knows(id));
        id.ok_or(ErrorCode::INVALID_PARAMETER)
    }

    /// Whether the client's version has such.
    fn knows(&self, id: &CircleId) -> bool {
        let version = self.speaker.version;
        version.has_circles() && (id.lasts() || version.has_publications())
    }

    /// Writes the answer that names a group.
    fn written(&self, id: &CircleId) -> Vec<u8> {
        let place = self.place.as_deref().unwrap_or_default();
        let to = Address::at(&self.account, place);
        format!("Routing: 1.0\r\nTo: {to}\r\nFrom: {id}\r\n\r\nReliability: 1.0\r\n\r\n")
            .into_bytes()
    }

    /// Tells what is new of a circle or group.
    pub(super) fn tell_news(&self, id: &CircleId, news: CircleNews) -> Result<(), Ended> {
        if !self.knows(id) {
            return Ok(());
        }
        match news {
            CircleNews::Changed => self.tell_changed(&format!(
                "&lt;HasNewItem&gt;true&lt;/HasNewItem&gt;&lt;CircleId&gt;{}&lt;/CircleId&gt;",
                id.guid()
            )),
            CircleNews::Left(account) => {
                self.tell_circle(id, false, &roster_uri(&account), "Partial", &[])?;
                if id.lasts() { self.tell_gone(&account, id) } else { Ok(()) }
            }
            CircleNews::Presence(of) => self.tell_member(&of, id),
            CircleNews::Roster(members) => {
                let member = |(account, is_pending): &(String, bool)| RosterMember {
                    address: Address::passport(account),
                    is_pending: *is_pending,
                };
                let members: Vec<RosterMember> = members.iter().map(member).collect();
                self.tell_circle(id, true, "/circle", "Partial", &write_roster(&members))
            }
        }
    }

    fn tell_circle(
        &self,
        id: &CircleId,
        add: bool,
        uri: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<(), Ended> {
        let (to, from) = (format!("1:{}", self.account), id.to_string());
        let headers =
            [("NotifNum", "0"), ("Uri", uri), ("NotifType", kind), ("Content-Type", CIRCLES)];
        let payload = Document::write("Notification", &to, &from, &headers, body);
        self.speaker.say(&ServerCommand::Publication { add, payload: &payload })
    }

    fn tell_member(&self, of: &PresenceOf, id: &CircleId) -> Result<(), Ended> {
        if of.status == Status::Offline {
            return self.tell_gone(&of.profile.account, id);
        }
        let via = id.to_string();
        self.tell_presence_via(of, Some(&via))
    }

    fn tell_gone(&self, account: &str, id: &CircleId) -> Result<(), Ended> {
        let via = id.to_string();
        if self.speaker.version.has_publications() {
            return self.tell_document_gone(account, Some(&via));
        }
        let whose = Whose { via: Some(&via), ..Whose::passport(account) };
        let capabilities = Some(Capabilities::default());
        self.speaker.say(&ServerCommand::Offline { whose, capabilities })
    }
}

fn code(error: CircleError) -> ErrorCode {
    match error {
        CircleError::AlreadyThere => ErrorCode::ALREADY_THERE,
        CircleError::Full => ErrorCode::LIST_FULL,
        CircleError::NotAllowed => ErrorCode::INVALID_PARAMETER,
        CircleError::NotThere => ErrorCode::NOT_THERE,
        CircleError::Unknown => ErrorCode::NOT_ONLINE,
    }
}
