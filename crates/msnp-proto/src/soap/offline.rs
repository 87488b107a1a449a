//! Offline messages by web service: listed, fetched, deleted, and stored.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Call, Service, SoapError, read_answer};
use crate::{
    oim::{self, Listed, encoded_name},
    version::{Scheme, Version},
    xml::{self, escaped},
};

const READING: &str = "http://www.hotmail.msn.com/ws/2004/09/oim/rsi";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Asks for the list of what waits.
pub fn list(ticket: &SecretString) -> Call {
    // One known server answers only where there is something inside.
    reading(ticket, "GetMetadata", "<list/>")
}

/// Fetches a message, and leaves it where it is.
pub fn fetch(ticket: &SecretString, id: &str) -> Call {
    let inner =
        format!("<messageId>{}</messageId><alsoMarkAsRead>false</alsoMarkAsRead>", escaped(id));
    reading(ticket, "GetMessage", &inner)
}

/// Deletes messages.
pub fn delete(ticket: &SecretString, ids: &[String]) -> Call {
    let ids: String =
        ids.iter().map(|id| format!("<messageId>{}</messageId>", escaped(id))).collect();
    reading(ticket, "DeleteMessages", &format!("<messageIds>{ids}</messageIds>"))
}

/// Reads the list.
///
/// # Errors
/// [`SoapError`].
pub fn read_list(status: u16, body: &[u8]) -> Result<Vec<Listed>, SoapError> {
    Ok(oim::read_list(&read_answer(status, body)?.body))
}

/// Reads a message that was fetched: the mail.
///
/// # Errors
/// [`SoapError`].
pub fn read_fetched(status: u16, body: &[u8]) -> Result<String, SoapError> {
    let answer = read_answer(status, body)?;
    let mail = answer.body.find(&["GetMessageResult"]).ok_or(SoapError::Unreadable(status))?;
    Ok(mail.whole_text().to_owned())
}

fn reading(ticket: &SecretString, operation: &str, inner: &str) -> Call {
    let whole = ticket.expose_secret();
    let part = |name: &str| whole.split('&').find_map(|part| part.strip_prefix(name));
    // The Passport login of one known server gives tickets without names: they are the first part.
    let first = part("t=").unwrap_or(if part("p=").is_none() { whole } else { "" });
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{SOAP}\">\
         <soap:Header><PassportCookie xmlns=\"{READING}\"><t>{}</t><p>{}</p></PassportCookie>\
         </soap:Header><soap:Body><{operation} xmlns=\"{READING}\">{inner}</{operation}></soap:Body>\
         </soap:Envelope>",
        escaped(first),
        escaped(part("p=").unwrap_or_default())
    );
    let action = format!("{READING}/{operation}");
    Call { service: Service::OfflineInbox, action, body: body.into() }
}

/// A message to be stored for somebody who is away.
pub struct Outgoing<'a> {
    /// The account's address.
    pub from: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The address it is for.
    pub to: &'a str,
    /// The ticket of `messengersecure.live.com`, or of the sign-in.
    pub ticket: &'a SecretString,
    /// The product that answers the challenge.
    pub product: &'a str,
    /// The answer to the challenge; empty before there was one.
    pub lock_key: &'a str,
    /// Its number in its run, from 1.
    pub number: u32,
    /// The mail, as [`oim::write_message`] makes it.
    pub mail: &'a str,
}

/// Why a message was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// The service wants its challenge answered.
    Locked(String),
    /// Another reason.
    Refused(SoapError),
}

/// Stores a message.
pub fn store(version: Version, message: &Outgoing<'_>) -> Call {
    let Outgoing { from, name, to, ticket, product, lock_key, number, mail } = message;
    let (namespace, operation) = if version.scheme() == Scheme::TicketWithProof {
        ("http://messenger.live.com/ws/2006/09/oim/", "Store2")
    } else {
        ("http://messenger.msn.com/ws/2004/09/oim/", "Store")
    };
    let (from, to, name) = (escaped(from), escaped(to), encoded_name(name));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{SOAP}\">\
         <soap:Header><From memberName=\"{from}\" friendlyName=\"{name}\" xml:lang=\"en-US\" \
         proxy=\"MSNMSGR\" xmlns=\"{namespace}\" msnpVer=\"{version}\" buildVer=\"{}\"/>\
         <To memberName=\"{to}\" xmlns=\"{namespace}\"/><Ticket passport=\"{}\" appid=\"{}\" \
         lockkey=\"{}\" xmlns=\"{namespace}\"/>\
         <Sequence xmlns=\"http://schemas.xmlsoap.org/ws/2003/03/rm\">\
         <Identifier xmlns=\"http://schemas.xmlsoap.org/ws/2002/07/utility\">\
         http://messenger.msn.com</Identifier><MessageNumber>{number}</MessageNumber></Sequence>\
         </soap:Header><soap:Body><MessageType xmlns=\"{namespace}\">text</MessageType>\
         <Content xmlns=\"{namespace}\">{}</Content></soap:Body></soap:Envelope>",
        version.client_number(),
        escaped(ticket.expose_secret()),
        escaped(product),
        escaped(lock_key),
        escaped(mail)
    );
    let action = format!("{namespace}{operation}");
    Call { service: Service::OfflineMessages, action, body: body.into() }
}

/// Reads what became of a message that was to be stored.
///
/// # Errors
/// [`Unstored`].
pub fn read_stored(status: u16, body: &[u8]) -> Result<(), Unstored> {
    match read_answer(status, body) {
        Ok(answer) if answer.body.name().ends_with("Response") => Ok(()),
        Ok(_) => Err(Unstored::Refused(SoapError::Unreadable(status))),
        Err(error) => {
            let document = xml::parse(body).ok();
            let challenge =
                document.as_ref().and_then(|it| it.descendants("LockKeyChallenge").next());
            match challenge.map(|challenge| challenge.text()).filter(|text| !text.is_empty()) {
                Some(challenge) => Err(Unstored::Locked(challenge.to_owned())),
                None => Err(Unstored::Refused(error)),
            }
        }
    }
}
