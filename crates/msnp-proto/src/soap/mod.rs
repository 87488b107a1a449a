//! The web services beside the notification server, from MSNP13 on: address book, sharing, offline messages.
//!
//! ```text
//! POST /abservice/abservice.asmx
//! SOAPAction: "http://www.msn.com/webservices/AddressBook/ABFindAll"
//! ```
//! Calls are written and answers read here; who sends them is the driver's business. Answers are read
//! by names without prefixes, and told apart from faults by the document, for servers answer faults
//! with 200 and answers with 500 (docs: protocol, web services).

pub mod address_book;
pub mod circles;
pub mod offline;
pub mod sharing;
pub mod storage;

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::xml::{self, Element, escaped};

/// The namespace of address book and sharing.
const NAMESPACE: &str = "http://www.msn.com/webservices/AddressBook";
/// The program we say we are; servers look at it for statistics only.
const APPLICATION: &str = "996CDE1E-AA53-4477-B943-2BE802EA6166";
/// What "since when" says for everything.
const NEVER: &str = "0001-01-01T00:00:00.0000000-08:00";

/// A service, each at an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Contacts and groups: `ABService.asmx`.
    AddressBook,
    /// Offline messages, to be read: `rsi.asmx`.
    OfflineInbox,
    /// Offline messages, to be sent: `oim.asmx`.
    OfflineMessages,
    /// Who may see and write: `SharingService.asmx`.
    Sharing,
    /// The roaming profile: `SchematizedStore.asmx`.
    Storage,
}

/// A call of a service.
pub struct Call {
    /// Which.
    pub service: Service,
    /// The value of the `SOAPAction` header, without quotation marks.
    pub action: String,
    /// The document; it holds the ticket.
    pub body: SecretString,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("action", &self.action).finish_non_exhaustive()
    }
}

/// What every call of a session carries.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The ticket of `contacts.msn.com`, as it came.
    pub ticket: SecretString,
    /// The cache key of an earlier answer.
    pub cache_key: Option<String>,
}

impl Caller {
    fn call(&self, service: Service, operation: &str, scenario: &str, inner: &str) -> Call {
        let cache = self.cache_key.as_ref();
        let cache = cache.map(|key| format!("<CacheKey>{}</CacheKey>", escaped(key)));
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soap:Header>\
             <ABApplicationHeader xmlns=\"{NAMESPACE}\"><ApplicationId>{APPLICATION}</ApplicationId>\
             <IsMigration>false</IsMigration><PartnerScenario>{scenario}</PartnerScenario>{}\
             </ABApplicationHeader><ABAuthHeader xmlns=\"{NAMESPACE}\">\
             <ManagedGroupRequest>false</ManagedGroupRequest><TicketToken>{}</TicketToken>\
             </ABAuthHeader></soap:Header><soap:Body><{operation} xmlns=\"{NAMESPACE}\">{inner}\
             </{operation}></soap:Body></soap:Envelope>",
            cache.unwrap_or_default(),
            escaped(self.ticket.expose_secret()),
        );
        Call { service, action: format!("{NAMESPACE}/{operation}"), body: body.into() }
    }
}

/// Why a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SoapError {
    /// What should be added is there already; the contact's id where it is told.
    #[error("it is there already")]
    AlreadyThere(Option<String>),
    /// Everything must be asked for anew, not only what changed.
    #[error("the server wants a full synchronization")]
    FullSyncRequired,
    /// The service does not know the ticket any more.
    #[error("the ticket is not accepted any more")]
    Expired,
    /// The account has no address book yet.
    #[error("the account has no address book yet")]
    NoAddressBook,
    /// Nobody has that address.
    #[error("nobody has that address")]
    NoSuchAccount,
    /// What should be changed is not there.
    #[error("it is not there")]
    NotThere,
    /// The service does not do that.
    #[error("the server does not do that")]
    NotServed,
    /// A name is too long.
    #[error("the name is too long")]
    TooLong,
    /// Another fault; the service's own code.
    #[error("the service answered with a fault: {0}")]
    Fault(String),
    /// No document; the status of the answer.
    #[error("the service answered {0} without a document")]
    Unreadable(u16),
}

/// An answer: what the body holds, and the cache key to hold from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The body's own element, such as `ABFindAllResponse`.
    pub body: Element,
    /// The cache key, where the service changed it.
    pub cache_key: Option<String>,
}

/// Reads an answer, whatever its status.
///
/// # Errors
/// [`SoapError`].
pub fn read_answer(status: u16, body: &[u8]) -> Result<Answer, SoapError> {
    let envelope = xml::parse(body).map_err(|_| SoapError::Unreadable(status))?;
    let header = envelope.find(&["Header", "ServiceHeader"]);
    let changed = header.filter(|header| header.text_of(&["CacheKeyChanged"]) == Some("true"));
    let cache_key = changed.and_then(|header| header.text_of(&["CacheKey"])).map(str::to_owned);
    // An address book may be large: it is not copied.
    let body = envelope.into_child("Body").and_then(Element::into_first_child);
    let body = body.ok_or(SoapError::Unreadable(status))?;
    if body.name() == "Fault" {
        return Err(read_fault(&body));
    }
    Ok(Answer { body, cache_key })
}

fn read_fault(fault: &Element) -> SoapError {
    let code = fault.text_of(&["detail", "errorcode"]).or_else(|| fault.text_of(&["faultcode"]));
    let code = code.and_then(|code| code.rsplit(':').next()).unwrap_or_default();
    match code {
        "ContactAlreadyExists" | "GroupAlreadyExists" | "MemberAlreadyExists" => {
            let found = fault.descendants("conflictObjectId").next();
            SoapError::AlreadyThere(found.map(|id| id.text().to_owned()))
        }
        "FullSyncRequired" => SoapError::FullSyncRequired,
        "AuthenticationFailed" | "BadContextToken" => SoapError::Expired,
        "ABDoesNotExist" => SoapError::NoAddressBook,
        "BadEmailArgument" | "InvalidPassportUser" | "UserDoesNotExist" => SoapError::NoSuchAccount,
        "ContactDoesNotExist" | "GroupDoesNotExist" | "ItemDoesNotExist" | "MemberDoesNotExist" => {
            SoapError::NotThere
        }
        "Forbidden" => SoapError::NotServed,
        "BadArgumentLength" => SoapError::TooLong,
        code => {
            let says = fault.text_of(&["faultstring"]).unwrap_or_default().to_lowercase();
            if says.contains("full sync required") || says.contains("need to do full sync") {
                return SoapError::FullSyncRequired;
            }
            let code = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
            SoapError::Fault(code)
        }
    }
}

/// Says why lists are asked for.
fn scenario(since: Option<&str>) -> &'static str {
    if since.is_some() { "ABChangeNotifyAlert" } else { "Initial" }
}

/// Writes elements with a text each; those without a text are left out.
fn fields(fields: &[(&str, Option<&str>)]) -> String {
    let written = fields
        .iter()
        .filter_map(|(name, text)| text.map(|text| format!("<{name}>{}</{name}>", escaped(text))));
    written.collect()
}
