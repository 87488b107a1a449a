//! The web services' side of a scene: what is asked for, and what they answer.

use msnp_proto::{
    auth::security_token::{self, Form, Ticket},
    session::{HttpReply, HttpRequest},
    xml,
};
use secrecy::ExposeSecret as _;

/// What the services do that is out of the ordinary.
#[derive(Default)]
pub(crate) struct Web {
    /// How often tickets were given: the address book's is `t=contacts&p=`, then `t=contacts-2&p=`.
    pub(crate) given: u32,
    /// Tickets that are refused, and how.
    pub(crate) refused: Vec<(&'static str, HttpReply)>,
    /// Whether the token service refuses the password from now on.
    pub(crate) locked: bool,
    /// When tickets end; else a day after the sign-in.
    pub(crate) expires: Option<&'static str>,
    /// Lists of the test's own, in place of the recorded ones: the operation and what was asked.
    pub(crate) lists: Option<ListsAnswer>,
    /// The roaming profile; without it the network has none.
    pub(crate) storage: Option<ListsAnswer>,
}

/// Answers a call, by its operation.
pub(crate) type ListsAnswer = Box<dyn FnMut(&str, &xml::Element) -> HttpReply>;

/// Answers a request; gives what it was for, and the answer.
pub(crate) fn answer(request: &HttpRequest, web: &mut Web) -> (String, HttpReply) {
    let body = request.body.as_ref().map(|body| body.expose_secret().to_owned());
    let body = body.unwrap_or_default();
    let action = request.headers.iter().find(|(name, _)| *name == "SOAPAction");
    let Some((_, action)) = action else {
        return (request.url.clone(), reply(200, tokens(&request.url, &body, web)));
    };
    let action = action.expose_secret().trim_matches('"').rsplit('/').next().unwrap_or_default();
    let sent = xml::parse(body.as_bytes()).expect("a call is a document");
    if let Some(ticket) = sent.text_of(&["Header", "StorageUserHeader", "TicketToken"]) {
        assert_eq!(ticket, "t=storage&p=");
        let call = sent.find(&["Body"]).and_then(|body| body.children().first()).expect("a call");
        return match &mut web.storage {
            Some(storage) => (action.to_owned(), storage(action, call)),
            None => (String::new(), reply(500, Vec::new())),
        };
    }
    let ticket = sent.text_of(&["Header", "ABAuthHeader", "TicketToken"]).unwrap_or_default();
    assert!(ticket.starts_with("t=contacts"), "{ticket}");
    if let Some((_, refusal)) = web.refused.iter().find(|(refused, _)| *refused == ticket) {
        return (format!("{action} {ticket}"), refusal.clone());
    }
    if let (Some(lists), "FindMembership" | "ABFindAll" | "ABFindContactsPaged") =
        (&mut web.lists, action)
    {
        let asked = sent.find(&["Body"]).and_then(|body| body.children().first());
        return (action.to_owned(), lists(action, asked.expect("a question")));
    }
    let recorded = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/soap/");
        std::fs::read(format!("{folder}{name}.xml")).expect("it is recorded")
    };
    let body = match action {
        "FindMembership" => recorded("find-membership"),
        "ABFindAll" => recorded("ab-find-all"),
        "ABFindContactsPaged" => recorded("ab-find-contacts-paged"),
        action => {
            let added = "<guid>00000000-0000-4000-8000-000000000009</guid>";
            format!("<E><Body><{action}Response>{added}</{action}Response></Body></E>").into_bytes()
        }
    };
    (action.to_owned(), reply(200, body))
}

pub(crate) fn reply(status: u16, body: Vec<u8>) -> HttpReply {
    HttpReply { status, headers: Vec::new(), body, failure: None }
}

fn tokens(url: &str, body: &str, web: &mut Web) -> Vec<u8> {
    let asked = security_token::read_request(body.as_bytes()).expect("a request for tokens");
    let form = if url.ends_with("RST2.srf") { Form::Second } else { Form::First };
    if asked.password.expose_secret() != "secret" || web.locked {
        return security_token::refusal(form).into_bytes();
    }
    web.given += 1;
    let contacts = match web.given {
        1 => "t=contacts&p=".to_owned(),
        number => format!("t=contacts-{number}&p="),
    };
    let expires = web.expires.unwrap_or("2026-11-24T02:31:08Z").to_owned();
    let ticket = |address: &String| Ticket {
        address: address.clone(),
        ticket: match address.as_str() {
            "contacts.msn.com" => contacts.clone().into(),
            "storage.msn.com" => "t=storage&p=".to_owned().into(),
            _ => "t=messenger&p=".to_owned().into(),
        },
        secret: address.contains("clear").then_some([7; 24].into()),
        expires: expires.clone(),
    };
    let tickets: Vec<Ticket> = asked.sites.iter().skip(1).map(ticket).collect();
    let answer = security_token::answer(form, &tickets, "2026-11-26T00:00:00Z");
    answer.expose_secret().as_bytes().to_vec()
}
