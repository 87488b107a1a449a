//! Lists by web service, from MSNP13: read at the sign-in and whenever they changed elsewhere.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Session,
    http::{HttpReply, HttpRequest},
    roster::Roster,
    sign_in::without_answer,
    types::HttpId,
};
use crate::soap::{
    self, Answer, Call, Caller, SoapError,
    address_book::{self, AddressBook},
    sharing::{self, Memberships},
};

/// Lists that are being read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) http: HttpId,
    /// Who may see and write; absent while that is asked for.
    memberships: Option<Memberships>,
}

/// How far the reading is.
pub(super) enum Read {
    /// There is more to be asked for.
    More(Reading),
    /// It is all there.
    Done(Box<WebLists>),
}

/// What the web services know of an account.
pub(super) struct WebLists {
    pub(super) roster: Roster,
    /// The account's own name, where it has one.
    pub(super) name: Option<String>,
    /// What opens the circles, in base64.
    pub(super) circle_ticket: Option<String>,
}

impl Session {
    /// Begins to read the lists.
    pub(super) fn read_lists(&mut self) -> Reading {
        let call = sharing::find_membership(&self.caller());
        Reading { http: self.call(call), memberships: None }
    }

    /// Takes an answer of the services.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn read_on(&mut self, reading: Reading, reply: &HttpReply) -> Result<Read, String> {
        let Some(memberships) = reading.memberships else {
            let memberships = match self.answer(reply) {
                Ok(answer) => sharing::read_memberships(&answer),
                Err(SoapError::NoAddressBook) => Memberships::default(),
                Err(error) => return Err(failure("sharing service", reply, &error)),
            };
            let caller = self.caller();
            let call = match self.version.has_circles() {
                true => address_book::find_contacts_paged(&caller),
                false => address_book::find_all(&caller),
            };
            let (http, memberships) = (self.call(call), Some(memberships));
            return Ok(Read::More(Reading { http, memberships }));
        };
        let book = match self.answer(reply) {
            Ok(answer) => address_book::read_address_book(&answer),
            Err(SoapError::NoAddressBook) => AddressBook::default(),
            Err(error) => return Err(failure("address book", reply, &error)),
        };
        let circle_ticket = book.circle_ticket.as_ref().map(|ticket| STANDARD.encode(ticket));
        let name = book.me.as_ref().and_then(|me| me.name.clone());
        let roster = Roster::of_services(self.version, memberships, book);
        Ok(Read::Done(Box::new(WebLists { roster, name, circle_ticket })))
    }

    /// Gives what every call carries.
    pub(super) fn caller(&self) -> Caller {
        Caller { ticket: self.tickets.contacts(), cache_key: self.cache_key.clone() }
    }

    /// Sends a call.
    pub(super) fn call(&mut self, call: Call) -> HttpId {
        let url = self.config.services.url(call.service);
        let mut request = HttpRequest::post(url, "text/xml; charset=utf-8", call.body);
        request.headers.push(("SOAPAction", format!("\"{}\"", call.action).into()));
        let id = self.ask(request.clone());
        self.note_call(id, request);
        id
    }

    /// Reads the answer to a call.
    pub(super) fn answer(&mut self, reply: &HttpReply) -> Result<Answer, SoapError> {
        let answer = soap::read_answer(reply.status, &reply.body)?;
        if answer.cache_key.is_some() {
            self.cache_key.clone_from(&answer.cache_key);
        }
        Ok(answer)
    }
}

pub(super) fn failure(what: &str, reply: &HttpReply, error: &SoapError) -> String {
    match error {
        SoapError::Unreadable(_) => without_answer(what, reply),
        error => format!("the {what} refused: {error}"),
    }
}
