//! The account's own places and presence, from MSNP16: what this place tells, and what is told of
//! others.

use std::time::Instant;

use super::{
    Session,
    roster::circle_of,
    types::{CloseReason, Event, RequestError, RequestId},
};
use crate::{
    command::{ClientCommand, Presence, Status, Whose},
    msg::{Endpoint, Look, Object, PLACES_LIMIT, PersonalMessage, plain_id, read_endpoints},
    publication::{Document, UserPresence},
};

/// The notice that asks a place to sign out, and what it says.
const SIGN_OUT: (u32, &[u8]) = (4, b"goawyplzthxbye");
/// Another word for it.
const SIGN_OUT_ALL: &[u8] = b"gtfo";

impl Session {
    /// Tells whether an address is the account's own.
    pub(super) fn is_own(&self, account: &str) -> bool {
        account.eq_ignore_ascii_case(&self.config.account)
    }

    /// Says what this place is, in one payload each.
    pub(super) fn endpoint_payloads(&self, status: Status) -> [Vec<u8>; 2] {
        let place = self.this_place(status);
        [place.write_public(false).into_bytes(), place.write_private(false).into_bytes()]
    }

    fn this_place(&self, status: Status) -> Endpoint {
        Endpoint {
            id: plain_id(&self.config.machine_id),
            name: self.config.machine_name.clone(),
            idle: status == Status::Idle,
            client_type: "1".to_owned(),
            status: Some(status),
            capabilities: self.capabilities(),
        }
    }

    /// Writes the own personal message as the version does.
    pub(super) fn personal_payload(&self, message: &PersonalMessage) -> Vec<u8> {
        message.write_as(self.version, &self.config.machine_id, &self.notification.look)
    }

    pub(super) fn set_status(&mut self, now: Instant, request: RequestId, status: Status) {
        self.notification.status = status;
        if self.version.has_publications() {
            let trid = self.request(now, request);
            return self.publish_presence(trid, status);
        }
        if self.version.has_endpoints() {
            let [_, payload] = self.endpoint_payloads(status);
            let trid = self.notification.trid();
            self.say(&ClientCommand::SetPersonalMessage { trid, payload: &payload });
        }
        let trid = self.request(now, request);
        self.say_status(trid, status);
    }

    /// Shows another display picture, or none; nothing where the version has none.
    pub(super) fn set_picture(
        &mut self,
        now: Instant,
        request: RequestId,
        object: Option<&Object>,
    ) {
        if !self.version.has_objects() {
            return self.complete(request, Ok(()));
        }
        self.notification.object = object.map(Object::write);
        let status = self.notification.status;
        let trid = self.request(now, request);
        if self.version.has_publications() {
            return self.publish_presence(trid, status);
        }
        self.say_status(trid, status);
    }

    /// Takes another look: nothing where the version has none.
    pub(super) fn set_look(&mut self, now: Instant, request: RequestId, look: Look) {
        if !self.version.has_signature_sound() || self.version.has_publications() {
            return self.complete(request, Ok(()));
        }
        self.notification.look = look;
        let trid = self.request(now, request);
        let payload = self.personal_payload(&self.notification.personal);
        self.say(&ClientCommand::SetPersonalMessage { trid, payload: &payload });
    }

    /// Publishes the own presence as a document.
    pub(super) fn publish_presence(&mut self, trid: u32, status: Status) {
        let presence = UserPresence {
            status: Some(status),
            name: Some(self.notification.name.clone()),
            personal: Some(self.notification.personal.clone()),
            object: self.notification.object.clone(),
            endpoints: vec![self.this_place(status)],
        };
        self.publish(trid, true, &presence.write(false));
    }

    fn publish(&mut self, trid: u32, add: bool, body: &[u8]) {
        let to = format!("1:{}", self.config.account);
        let from = format!("{to};epid={{{}}}", self.config.machine_id);
        let headers = [("Uri", "/user"), ("Content-Type", "application/user+xml")];
        let payload = Document::write("Publication", &to, &from, &headers, body);
        self.say(&ClientCommand::Publish { trid, add, payload: &payload });
    }

    /// Takes what the server says of the account's own places.
    pub(super) fn own_endpoints(&mut self, payload: &[u8]) {
        let places = read_endpoints(payload);
        if self.roster.set_endpoints(places) {
            self.events.push_back(Event::EndpointsChanged);
        }
    }

    /// Asks another place to sign out.
    pub(super) fn sign_out_endpoint(&mut self, now: Instant, request: RequestId, id: &str) {
        let id = plain_id(id);
        if !self.version.has_endpoints() {
            let text = format!("{} has one place for each account", self.version);
            return self.complete(request, Err(RequestError::Service(text)));
        }
        if !self.roster.endpoints().iter().any(|place| place.id == id) {
            let text = "the account is not signed in at a place of that id".to_owned();
            return self.complete(request, Err(RequestError::Service(text)));
        }
        let trid = self.request(now, request);
        if self.version.has_publications() {
            let body = format!("<user><sep n=\"IM\" epid=\"{{{id}}}\"/></user>");
            return self.publish(trid, false, body.as_bytes());
        }
        let to = format!("{};{{{id}}}", self.config.account);
        let (kind, payload) = SIGN_OUT;
        self.say(&ClientCommand::UserNotice { trid, to: &to, kind, payload });
    }

    /// Takes a notice of another user; only those of the account itself are obeyed.
    pub(super) fn user_notice(&mut self, from: &str, kind: u32, payload: &[u8]) {
        let from = Whose::from_text(from);
        let asks = matches!(kind, 4 | 8) && (payload == SIGN_OUT.1 || payload == SIGN_OUT_ALL);
        if asks && self.is_own(from.account) {
            self.say(&ClientCommand::Goodbye);
            self.close(CloseReason::SignedInElsewhere);
        }
    }

    /// Takes a document of presence.
    pub(super) fn publication(&mut self, now: Instant, add: bool, payload: &[u8]) {
        let Some(document) = Document::read(payload) else {
            return self.odd("a publication is no document".to_owned());
        };
        let Some(whose) = document.from() else {
            return;
        };
        if let (Some((circle, None)), Some(uri)) = (circle_of(&whose), document.header("Uri")) {
            return self.circle_publication(now, add, &circle, uri, &document.body);
        }
        if document.header("Uri") != Some("/user") {
            return;
        }
        let Some(user) = UserPresence::read(&document.body) else {
            return;
        };
        if let Some((circle, member)) = circle_of(&whose) {
            return match user.status.filter(|_| add) {
                Some(status) => {
                    let name = user.name.unwrap_or_default().into();
                    let (capabilities, object) = (None, None);
                    let presence = Presence { status, whose, name, capabilities, object };
                    self.circle_presence((&circle, member), &presence);
                }
                None if add => {}
                None => self.circle_gone(&circle, member),
            };
        }
        if self.is_own(whose.account) {
            return self.own_publication(add, user);
        }
        let account = whose.account;
        if !add {
            // One place may have gone of several: who is gone herself has no status any more.
            let gone = user.endpoints.is_empty();
            let known = if gone { self.roster.set_offline(account) } else { None };
            return self.presence_changed(known);
        }
        let before = self.roster.contact(account);
        let status = before.map_or(Status::Offline, |contact| contact.status);
        let look = before.map(|contact| contact.look.clone()).unwrap_or_default();
        let presence = Presence {
            status: user.status.unwrap_or(status),
            whose,
            name: user.name.unwrap_or_default().into(),
            capabilities: user.endpoints.first().map(|place| place.capabilities),
            object: user.object.filter(|object| !object.is_empty()).map(Into::into),
        };
        let known = self.roster.set_presence(presence);
        let said =
            user.personal.and_then(|message| self.roster.set_personal(account, message, look));
        self.presence_changed(known.or(said));
    }

    fn own_publication(&mut self, add: bool, user: UserPresence) {
        let own = plain_id(&self.config.machine_id);
        if !add && user.endpoints.iter().any(|place| place.id == own) {
            self.say(&ClientCommand::Goodbye);
            return self.close(CloseReason::SignedInElsewhere);
        }
        let mut places = self.roster.endpoints().to_vec();
        for place in user.endpoints {
            places.retain(|known| known.id != place.id);
            if add && places.len() < PLACES_LIMIT {
                places.push(place);
            }
        }
        if self.roster.set_endpoints(places) {
            self.events.push_back(Event::EndpointsChanged);
        }
    }
}
