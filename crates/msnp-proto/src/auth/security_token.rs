//! Tickets by web service: `RST.srf` (SOAP 1.1) and `RST2.srf` (SOAP 1.2).
//!
//! ```text
//! POST /RST.srf   …<wsa:Address>messengerclear.live.com</wsa:Address>…
//! 200             …<wsse:BinarySecurityToken Id="Compact1">t=…&amp;p=</wsse:BinarySecurityToken>…
//!                 …<wst:BinarySecret>dsG9feXX…</wst:BinarySecret>…
//! ```
//! One request asks for tickets of several sites. An answer is matched by the site's address, for
//! servers number tickets differently; whether it is a refusal is told by the document, for servers
//! answer 200 all the same (docs: protocol, SSO).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::sso::SECRET_LENGTH;
use crate::xml::{self, Element, escaped};

/// The site whose ticket signs in to the notification server.
pub const MESSENGER_CLEAR: &str = "messengerclear.live.com";
/// The site every request asks for first.
const PASSPORT: &str = "http://Passport.NET/tb";

/// The form of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `RST.srf`, SOAP 1.1.
    First,
    /// `RST2.srf`, SOAP 1.2.
    Second,
}

impl Form {
    /// Gives the request's `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::First => "text/xml; charset=utf-8",
            Self::Second => "application/soap+xml; charset=utf-8",
        }
    }
}

/// A site a ticket is asked for, and by what policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site<'a> {
    /// Its address, such as `contacts.msn.com`.
    pub address: &'a str,
    /// The policy, such as `MBI`.
    pub policy: &'a str,
}

/// A ticket of one site.
#[derive(Clone)]
pub struct Ticket {
    /// The site's address.
    pub address: String,
    /// The ticket, opaque; empty for the passport itself, whose ticket is enciphered.
    pub ticket: SecretString,
    /// What a proof is made of; absent where the site needs none.
    pub secret: Option<Zeroizing<[u8; SECRET_LENGTH]>>,
    /// When it ends, as the server writes it: `2026-11-24T02:45:35Z`.
    pub expires: String,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("address", &self.address)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Why there are no tickets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The request must be repeated there.
    #[error("the sign-in service moved")]
    MovedTo(String),
    /// The account or the password is wrong.
    #[error("the account or the password was refused")]
    Refused,
    /// The service did not understand, or cannot serve now. The text is the server's own code.
    #[error("the sign-in service answered with a fault: {0}")]
    Fault(String),
    /// The answer is not what a service says.
    #[error("the sign-in service's answer cannot be read")]
    Unreadable,
}

/// Writes a request for tickets; it holds the password. `now` is the time of the wall clock, written
/// as `2026-11-24T02:45:35Z`, and `soon` when the request ends.
pub fn request(
    form: Form,
    account: &str,
    password: &SecretString,
    sites: &[Site<'_>],
    (now, soon): (&str, &str),
) -> SecretString {
    let names = Names::of(form);
    let Names { envelope, security, trust, policy, addressing, policy_prefix, .. } = names;
    let (account, password) = (escaped(account), Zeroizing::new(escaped(password.expose_secret())));
    let password = password.as_str();
    let (id, version, headers, timestamp) = match form {
        Form::First => ("Id", 4, String::new(), String::new()),
        Form::Second => (
            "wsu:Id",
            5,
            "<wsa:Action S:mustUnderstand=\"1\">http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue\
             </wsa:Action><wsa:To S:mustUnderstand=\"1\">HTTPS://login.live.com:443//RST2.srf</wsa:To>"
                .to_owned(),
            format!(
                "<wsu:Timestamp wsu:Id=\"Timestamp\"><wsu:Created>{}</wsu:Created>\
                 <wsu:Expires>{}</wsu:Expires></wsu:Timestamp>",
                escaped(now),
                escaped(soon)
            ),
        ),
    };
    let passport = Site { address: PASSPORT, policy: "" };
    let asked = [passport].into_iter().chain(sites.iter().copied()).enumerate();
    let asked: String = asked
        .map(|(number, site)| {
            let policy = match site.policy {
                "" => String::new(),
                policy => format!(
                    "<{policy_prefix}:PolicyReference URI=\"{}\"></{policy_prefix}:PolicyReference>",
                    escaped(policy)
                ),
            };
            format!(
                "<wst:RequestSecurityToken Id=\"RST{number}\"><wst:RequestType>{}</wst:RequestType>\
                 <wsp:AppliesTo><wsa:EndpointReference><wsa:Address>{}</wsa:Address>\
                 </wsa:EndpointReference></wsp:AppliesTo>{policy}</wst:RequestSecurityToken>",
                names.issue,
                escaped(site.address)
            )
        })
        .collect();
    let ps = "http://schemas.microsoft.com/Passport/SoapServices/PPCRL";
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><S:Envelope xmlns:S=\"{envelope}\" \
         xmlns:wsse=\"{security}\" xmlns:wsp=\"{policy}\" xmlns:wsu=\"{UTILITY}\" \
         xmlns:wsa=\"{addressing}\" xmlns:wst=\"{trust}\"><S:Header>{headers}\
         <ps:AuthInfo xmlns:ps=\"{ps}\" Id=\"PPAuthInfo\">\
         <ps:HostingApp>{{7108E71A-9926-4FCB-BCC9-9A9D3F32E423}}</ps:HostingApp>\
         <ps:BinaryVersion>{version}</ps:BinaryVersion><ps:UIVersion>1</ps:UIVersion>\
         <ps:Cookies></ps:Cookies><ps:RequestParams>AQAAAAIAAABsYwQAAAAxMDMz</ps:RequestParams>\
         </ps:AuthInfo><wsse:Security><wsse:UsernameToken {id}=\"user\">\
         <wsse:Username>{account}</wsse:Username><wsse:Password>{password}</wsse:Password>\
         </wsse:UsernameToken>{timestamp}</wsse:Security></S:Header><S:Body>\
         <ps:RequestMultipleSecurityTokens xmlns:ps=\"{ps}\" Id=\"RSTS\">{asked}\
         </ps:RequestMultipleSecurityTokens></S:Body></S:Envelope>"
    )
    .into()
}

/// Reads an answer: the tickets, by site.
///
/// # Errors
/// [`TokenError`]; a fault of one site only leaves that site out.
pub fn read_answer(body: &[u8]) -> Result<Vec<Ticket>, TokenError> {
    let envelope = xml::parse(body).map_err(|_| TokenError::Unreadable)?;
    let whole = envelope.find(&["Fault"]).or_else(|| envelope.find(&["Body", "Fault"]));
    if let Some(fault) = whole {
        return Err(read_fault(fault));
    }
    let answers = envelope.descendants("RequestSecurityTokenResponse");
    let tickets: Vec<Ticket> = answers.filter_map(read_ticket).collect();
    if tickets.is_empty() { Err(TokenError::Unreadable) } else { Ok(tickets) }
}

fn read_ticket(answer: &Element) -> Option<Ticket> {
    let address = answer.text_of(&["AppliesTo", "EndpointReference", "Address"])?.to_owned();
    let token = answer.find(&["RequestedSecurityToken"])?;
    let ticket = token.text_of(&["BinarySecurityToken"]).unwrap_or_default().to_owned().into();
    let secret = answer.text_of(&["RequestedProofToken", "BinarySecret"]);
    let secret = secret.and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
    let secret = secret.and_then(|bytes| Some(Zeroizing::new(*bytes.first_chunk()?)));
    let expires =
        ["LifeTime", "Lifetime"].iter().find_map(|name| answer.text_of(&[name, "Expires"]));
    Some(Ticket { address, ticket, secret, expires: expires.unwrap_or_default().to_owned() })
}

fn read_fault(fault: &Element) -> TokenError {
    let local = |code: &str| code.rsplit(':').next().unwrap_or_default().to_owned();
    let code = fault
        .text_of(&["faultcode"])
        .or_else(|| fault.text_of(&["Code", "Subcode", "Value"]))
        .or_else(|| fault.text_of(&["Subcode", "Value"]))
        .or_else(|| fault.text_of(&["Code", "Value"]))
        .map(local)
        .unwrap_or_default();
    match code.as_str() {
        "FailedAuthentication" => TokenError::Refused,
        "Redirect" => match fault.text_of(&["redirectUrl"]) {
            Some(url) => TokenError::MovedTo(url.to_owned()),
            None => TokenError::Unreadable,
        },
        // The server's code is a name, whatever it wrote: no more of it is kept.
        _ => TokenError::Fault(code.chars().filter(char::is_ascii_alphanumeric).take(64).collect()),
    }
}

/// What a service is asked for: the other side of [`request`].
pub struct Asked {
    /// The account.
    pub account: String,
    /// Its password.
    pub password: SecretString,
    /// Addresses of sites, in the order they were asked for.
    pub sites: Vec<String>,
}

/// Reads a request, as a service must; none when it is not one.
pub fn read_request(body: &[u8]) -> Option<Asked> {
    let envelope = xml::parse(body).ok()?;
    let text =
        |name| envelope.descendants(name).next().map(|element| element.whole_text().to_owned());
    let sites = envelope.descendants("Address").map(|site| site.text().to_owned()).collect();
    Some(Asked { account: text("Username")?, password: text("Password")?.into(), sites })
}

/// Writes a service's answer with tickets.
pub fn answer(form: Form, tickets: &[Ticket], now: &str) -> SecretString {
    let Names { envelope, security, trust, policy, addressing, lifetime, .. } = Names::of(form);
    // libpurple puts tickets in place by these numbers, which count from 1 without the passport's own.
    let tickets: String = (1..)
        .zip(tickets)
        .map(|(number, ticket)| {
            let secret = ticket.secret.as_ref().map(|secret| {
                let secret = Zeroizing::new(STANDARD.encode(**secret));
                format!(
                    "<wst:RequestedProofToken><wst:BinarySecret>{}</wst:BinarySecret>\
                     </wst:RequestedProofToken>",
                    secret.as_str()
                )
            });
            format!(
                "<wst:RequestSecurityTokenResponse><wst:TokenType>urn:passport:compact</wst:TokenType>\
                 <wsp:AppliesTo><wsa:EndpointReference><wsa:Address>{}</wsa:Address>\
                 </wsa:EndpointReference></wsp:AppliesTo><wst:{lifetime}><wsu:Created>{}</wsu:Created>\
                 <wsu:Expires>{}</wsu:Expires></wst:{lifetime}><wst:RequestedSecurityToken>\
                 <wsse:BinarySecurityToken Id=\"Compact{number}\">{}</wsse:BinarySecurityToken>\
                 </wst:RequestedSecurityToken>{}</wst:RequestSecurityTokenResponse>",
                escaped(&ticket.address),
                escaped(now),
                escaped(&ticket.expires),
                escaped(ticket.ticket.expose_secret()),
                secret.unwrap_or_default()
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><S:Envelope xmlns:S=\"{envelope}\"><S:Header>\
         <psf:pp xmlns:psf=\"{FAULTS}\"><psf:reqstatus>0x0</psf:reqstatus></psf:pp></S:Header><S:Body>\
         <wst:RequestSecurityTokenResponseCollection xmlns:wst=\"{trust}\" xmlns:wsse=\"{security}\" \
         xmlns:wsu=\"{UTILITY}\" xmlns:wsp=\"{policy}\" xmlns:wsa=\"{addressing}\">{tickets}\
         </wst:RequestSecurityTokenResponseCollection></S:Body></S:Envelope>"
    )
    .into()
}

/// Writes a service's refusal of an account or a password.
pub fn refusal(form: Form) -> String {
    let Names { envelope, security, trust, .. } = Names::of(form);
    match form {
        Form::First => format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><S:Envelope xmlns:S=\"{envelope}\" \
             xmlns:wsse=\"{security}\" xmlns:psf=\"{FAULTS}\"><S:Header><psf:pp>\
             <psf:reqstatus>0x80048823</psf:reqstatus></psf:pp></S:Header><S:Fault>\
             <faultcode>wsse:FailedAuthentication</faultcode>\
             <faultstring>Authentication Failure</faultstring></S:Fault></S:Envelope>"
        ),
        Form::Second => format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><S:Envelope xmlns:S=\"{envelope}\" \
             xmlns:wst=\"{trust}\" xmlns:psf=\"{FAULTS}\"><S:Body><S:Fault><S:Code>\
             <S:Value>S:Sender</S:Value><S:Subcode><S:Value>wst:FailedAuthentication</S:Value>\
             </S:Subcode></S:Code><S:Reason><S:Text xml:lang=\"en-US\">Authentication Failure</S:Text>\
             </S:Reason><S:Detail><psf:error><psf:value>0x80048821</psf:value></psf:error></S:Detail>\
             </S:Fault></S:Body></S:Envelope>"
        ),
    }
}

const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const FAULTS: &str = "http://schemas.microsoft.com/Passport/SoapServices/SOAPFault";

/// The namespaces of a form, and the names that differ with it.
struct Names {
    envelope: &'static str,
    security: &'static str,
    trust: &'static str,
    issue: &'static str,
    policy: &'static str,
    policy_prefix: &'static str,
    addressing: &'static str,
    lifetime: &'static str,
}

impl Names {
    fn of(form: Form) -> Self {
        match form {
            Form::First => Self {
                envelope: "http://schemas.xmlsoap.org/soap/envelope/",
                security: "http://schemas.xmlsoap.org/ws/2003/06/secext",
                trust: "http://schemas.xmlsoap.org/ws/2004/04/trust",
                issue: "http://schemas.xmlsoap.org/ws/2004/04/security/trust/Issue",
                policy: "http://schemas.xmlsoap.org/ws/2002/12/policy",
                policy_prefix: "wsse",
                addressing: "http://schemas.xmlsoap.org/ws/2004/03/addressing",
                lifetime: "LifeTime",
            },
            Form::Second => Self {
                envelope: "http://www.w3.org/2003/05/soap-envelope",
                security: "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
                trust: "http://schemas.xmlsoap.org/ws/2005/02/trust",
                issue: "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
                policy: "http://schemas.xmlsoap.org/ws/2004/09/policy",
                policy_prefix: "wsp",
                addressing: "http://www.w3.org/2005/08/addressing",
                lifetime: "Lifetime",
            },
        }
    }
}
