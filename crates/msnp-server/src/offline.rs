//! Offline messages: kept for those who are away, told of when they sign in, read and left by web service.
//!
//! ```text
//! POST /OimWS/oim.asmx      Store, Store2
//! POST /rsi/rsi.asmx        GetMetadata, GetMessage, DeleteMessages
//! ```

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use msnp_proto::{
    Version,
    auth::challenge::{self, Product},
    oim::encoded_name,
    xml::{self, escaped},
};

use crate::{directory::Stored, network::Shared, soap};

const READING: &str = "http://www.hotmail.msn.com/ws/2004/09/oim/rsi";
const STORING: &str = "http://messenger.msn.com/ws/2004/09/oim/";
/// What everybody who stores is asked to compute a key from; real servers ask the same for years too.
const LOCK: &str = "1850937852";
/// Most messages that a notice lists.
const LISTED: usize = 25;
/// Seconds from 1601, where Windows begins to count, to 1970.
const WINDOWS_EPOCH: u64 = 11_644_473_600;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/rsi/rsi.asmx", post(read)).route("/OimWS/oim.asmx", post(store))
}

/// Writes the payload that tells of what waits; none when nothing does.
pub(crate) fn notice(stored: &[Stored]) -> Option<String> {
    let data = match stored.len() {
        0 => return None,
        1..=LISTED => list(stored),
        _ => "too-large".to_owned(),
    };
    Some(format!(
        "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsinitialmdatanotification; \
         charset=UTF-8\r\n\r\nMail-Data: {data}\r\nInbox-URL: /cgi-bin/HoTMaiL\r\n\
         Folders-URL: /cgi-bin/folders\r\nPost-URL: http://www.hotmail.com\r\n"
    ))
}

/// Writes the payload that tells of what came just now; none when nothing did.
pub(crate) fn arrival(stored: &[Stored]) -> Option<String> {
    (!stored.is_empty()).then(|| {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: text/x-msmsgsoimnotification; charset=UTF-8\r\n\
             \r\nMail-Data: {}\r\n",
            list(stored)
        )
    })
}

fn list(stored: &[Stored]) -> String {
    let messages: String = stored
        .iter()
        .map(|message| {
            format!(
                "<M><T>11</T><S>6</S><RT>{}</RT><RS>0</RS><SZ>{}</SZ><E>{}</E><I>{}</I>\
                 <F>00000000-0000-0000-0000-000000000009</F><N>{}</N><SU> </SU></M>",
                message.time(),
                message.content.len(),
                escaped(&message.from.account),
                message.id,
                encoded_name(&message.from.name)
            )
        })
        .collect();
    let count = stored.len();
    format!("<MD><E><I>{count}</I><IU>{count}</IU><O>0</O><OU>0</OU></E>{messages}</MD>")
}

async fn read(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(envelope) = xml::parse(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let ticket = envelope.text_of(&["Header", "PassportCookie", "t"]);
    let Some(account) = ticket.and_then(|ticket| shared.account_of(ticket)) else {
        return fault("soap:Client", "AuthenticationFailed", "");
    };
    let operation = envelope.find(&["Body"]).and_then(|body| body.children().first());
    let Some(operation) = operation else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let stored = shared.directory.offline(&account).await;
    let ids = |name: &str| -> Vec<String> {
        operation.descendants(name).map(|id| id.text().to_lowercase()).collect()
    };
    let inner = match operation.name() {
        // As text, which some servers do and clients must read.
        "GetMetadata" => escaped(&list(&stored)),
        "GetMessage" => {
            let wanted = ids("messageId");
            let found = stored.iter().find(|message| wanted.contains(&message.id.to_lowercase()));
            let Some(found) = found else {
                return fault("soap:Client", "Schema validation error", "");
            };
            format!("<GetMessageResult>{}</GetMessageResult>", escaped(&mail(found, &account)))
        }
        "DeleteMessages" => {
            shared.directory.delete_offline(&account, &ids("messageId")).await;
            String::new()
        }
        _ => return fault("soap:Client", "Schema validation error", ""),
    };
    let name = operation.name();
    answer(&format!("<{name}Response xmlns=\"{READING}\">{inner}</{name}Response>"))
}

/// Writes the mail that a message is fetched as.
fn mail(message: &Stored, to: &str) -> String {
    let ticks = (message.sent + WINDOWS_EPOCH) * 10_000_000;
    format!(
        "From: {} <{}>\r\nTo: {to}\r\nSubject: \r\nX-OIM-originatingSource: 127.0.0.1\r\n\
         X-OriginalArrivalTime: {} FILETIME=[{:08X}:{:08X}]\r\n{}",
        encoded_name(&message.from.name),
        message.from.account,
        message.time(),
        ticks & 0xFFFF_FFFF,
        ticks >> 32,
        message.content
    )
}

async fn store(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(envelope) = xml::parse(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let attribute = |element: &str, name: &str| {
        let found = envelope.find(&["Header", element]).and_then(|it| it.attribute(name));
        found.unwrap_or_default().to_owned()
    };
    let from = attribute("From", "memberName");
    let account = shared.account_of(&attribute("Ticket", "passport"));
    let product = Product::by_id(&attribute("Ticket", "appid"));
    let key = product.map(|product| challenge::answer(Version::Msnp15, product, LOCK));
    let is_theirs = account.as_ref().is_some_and(|account| account.eq_ignore_ascii_case(&from));
    if !is_theirs || key != Some(attribute("Ticket", "lockkey")) {
        // What is not wanted is not there: one known client takes the text of all of it for the challenge.
        let detail = if is_theirs {
            format!("<LockKeyChallenge xmlns=\"{STORING}\">{LOCK}</LockKeyChallenge>")
        } else {
            format!("<TweenerChallenge xmlns=\"{STORING}\">?id=507</TweenerChallenge>")
        };
        return fault("q0:AuthenticationFailed", "Exception", &detail);
    }
    let content = envelope.text_of(&["Body", "Content"]).unwrap_or_default();
    let number = envelope.find(&["Header", "Sequence"]);
    let number = number.and_then(|number| number.text_of(&["MessageNumber"])).unwrap_or_default();
    if !is_fit(content, number) {
        return fault("q0:InvalidContent", "Exception", "");
    }
    let to = attribute("To", "memberName");
    match shared.directory.store_offline(&from, &to, content).await {
        Ok(()) => {
            // One known client reads here that it arrived.
            let head = format!(
                "<SequenceAcknowledgment xmlns=\"http://schemas.xmlsoap.org/ws/2003/03/rm\">\
                 <Identifier xmlns=\"http://schemas.xmlsoap.org/ws/2002/07/utility\">\
                 http://messenger.msn.com</Identifier><AcknowledgmentRange Upper=\"{0}\" \
                 Lower=\"{0}\"/></SequenceAcknowledgment>",
                escaped(number)
            );
            let body = format!("<StoreResponse xmlns=\"{STORING}\"/>");
            soap::envelope(StatusCode::OK, &head, &body)
        }
        Err(_) => fault("q0:SystemUnavailable", "Exception", ""),
    }
}

/// Whether a content is as servers want it.
fn is_fit(content: &str, number: &str) -> bool {
    let numbered = format!("X-OIM-Sequence-Num: {number}");
    content.starts_with("MIME-Version: 1.0")
        && content.lines().all(|line| line.len() <= 77)
        && content.lines().any(|line| line == numbered)
        && content.contains("X-OIM-Message-Type: OfflineMessage")
        && content.contains("Content-Transfer-Encoding: base64")
}

fn answer(inner: &str) -> Response {
    soap::envelope(StatusCode::OK, "", inner)
}

fn fault(code: &str, words: &str, detail: &str) -> Response {
    let inner = format!(
        "<soap:Fault><faultcode xmlns:q0=\"{STORING}\">{code}</faultcode>\
         <faultstring>{words}</faultstring><detail>{detail}</detail></soap:Fault>"
    );
    soap::envelope(StatusCode::INTERNAL_SERVER_ERROR, "", &inner)
}
