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
    /// Since when changes are asked for; absent where everything is.
    since: Option<Since>,
    /// Who may see and write; absent while that is asked for.
    memberships: Option<Memberships>,
}

/// When each service last said that something changed.
#[derive(Clone, Debug)]
pub(super) struct Since {
    memberships: String,
    book: String,
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
    /// The account's own id, a signed number.
    pub(super) cid: Option<String>,
    /// What opens the circles, in base64.
    pub(super) circle_ticket: Option<String>,
}

impl Session {
    /// Begins to read the lists.
    pub(super) fn read_lists(&mut self) -> Reading {
        self.since = None;
        self.begin_reading(None)
    }

    /// Begins to read what changed of the lists since they were read last, where the services tell that;
    /// else everything.
    pub(super) fn read_changes(&mut self) -> Reading {
        let since = self.since.clone();
        self.begin_reading(since)
    }

    fn begin_reading(&mut self, since: Option<Since>) -> Reading {
        let changed = since.as_ref().map(|since| since.memberships.as_str());
        let call = sharing::find_membership(&self.caller(), changed);
        Reading { http: self.call(call), since, memberships: None }
    }

    /// Takes an answer of the services.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn read_on(&mut self, reading: Reading, reply: &HttpReply) -> Result<Read, String> {
        let Reading { since, memberships, .. } = reading;
        let answer = match self.answer(reply) {
            Err(SoapError::FullSyncRequired) if since.is_some() => return Ok(self.read_anew()),
            answer => answer,
        };
        let Some(memberships) = memberships else {
            let memberships = match answer {
                Ok(answer) => sharing::read_memberships(&answer),
                Err(SoapError::NoAddressBook) => Memberships::default(),
                Err(error) => return Err(failure("sharing service", reply, &error)),
            };
            let (caller, changed) = (self.caller(), since.as_ref().map(|since| &*since.book));
            let call = match self.version.has_circles() {
                true => address_book::find_contacts_paged(&caller, changed),
                false => address_book::find_all(&caller, changed),
            };
            let (http, memberships) = (self.call(call), Some(memberships));
            return Ok(Read::More(Reading { http, since, memberships }));
        };
        let book = match answer {
            Ok(answer) => address_book::read_address_book(&answer),
            Err(SoapError::NoAddressBook) => AddressBook::default(),
            Err(error) => return Err(failure("address book", reply, &error)),
        };
        if since.is_some() && self.roster.may_be_whole(&memberships, &book) {
            // Whoever is missing may have been taken off: this server may not look at the question.
            return Ok(self.read_anew());
        }
        self.since = match (&memberships.last_change, &book.last_change) {
            (Some(memberships), Some(book)) if self.tells_changes => {
                Some(Since { memberships: memberships.clone(), book: book.clone() })
            }
            _ => since.clone(),
        };
        let circle_ticket = book.circle_ticket.as_ref().map(|ticket| STANDARD.encode(ticket));
        let me = book.me.as_ref();
        let (name, cid) = (me.and_then(|me| me.name.clone()), me.and_then(|me| me.cid.clone()));
        let roster = match since {
            Some(_) => self.roster.with_changes(memberships, book),
            None => Roster::of_services(self.version, memberships, book),
        };
        Ok(Read::Done(Box::new(WebLists { roster, name, cid, circle_ticket })))
    }

    /// Reads everything where changes alone were not to be had, now and from now on.
    fn read_anew(&mut self) -> Read {
        self.tells_changes = false;
        Read::More(self.read_lists())
    }

    /// Gives what every call carries.
    pub(super) fn caller(&self) -> Caller {
        Caller { ticket: self.tickets.contacts(), cache_key: self.cache_key.clone() }
    }

    /// Sends a call.
    pub(super) fn call(&mut self, call: Call) -> HttpId {
        let service = call.service;
        let url = self.config.services.url(service);
        let mut request = HttpRequest::post(url, "text/xml; charset=utf-8", call.body);
        request.headers.push(("SOAPAction", format!("\"{}\"", call.action).into()));
        let id = self.ask(request.clone());
        self.note_call(id, service, request);
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
