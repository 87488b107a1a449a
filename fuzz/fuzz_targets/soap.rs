//! Answers of web services and of the sign-in: read or refused with a typed error. What we ask is a
//! document whatever stands in it, tickets read back, and no error tells a whole body.
//!
//! The first byte chooses the status, and whether we ask too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    Version,
    auth::{
        challenge::{self, Product},
        passport::{self, LoginAnswer},
        security_token::{self, Form, Site},
        sso,
    },
    soap::{
        self, Call, Caller, address_book, offline, sharing,
        storage::{self, Hold},
    },
    xml,
};
use secrecy::{ExposeSecret as _, SecretString};

const STATUSES: [u16; 8] = [200, 302, 401, 403, 404, 500, 503, 0];

fn is_document(call: &Call) {
    let body = call.body.expose_secret();
    let document = xml::parse(body.as_bytes()).expect("what we ask is a document");
    assert!(document.find(&["Body"]).is_some_and(|body| !body.children().is_empty()));
    assert!(!format!("{call:?}").contains("Envelope"), "a call shows its body");
}

fn answers(status: u16, body: &[u8]) {
    match soap::read_answer(status, body) {
        Ok(answer) => {
            let book = address_book::read_address_book(&answer);
            assert!(book.contacts.iter().all(|contact| !contact.account.is_empty()));
            let lists = sharing::read_memberships(&answer);
            assert!(lists.members.iter().all(|member| !member.account.is_empty()));
            let _ = address_book::read_added(&answer);
            let _ = storage::read_created(&answer);
            let caller =
                Caller { ticket: "t=x&p=y".to_owned().into(), cache_key: answer.cache_key.clone() };
            is_document(&address_book::find_all(&caller, book.last_change.as_deref()));
            is_document(&address_book::find_contacts_paged(&caller, book.last_change.as_deref()));
            is_document(&sharing::find_membership(&caller, lists.last_change.as_deref()));
            for member in lists.members.iter().take(4) {
                let (kind, account, id) = (member.kind, &member.account, Some(&*member.id));
                is_document(&sharing::delete_member(&caller, member.list, kind, account, id));
            }
            if let Some(profile) = storage::read_profile(&answer) {
                assert!(!profile.id.is_empty());
                let (name, message) = (profile.name.as_deref(), profile.message.as_deref());
                is_document(&storage::update_profile(&caller.ticket, &profile, name, message));
            }
        }
        Err(error) => assert!(error.to_string().len() < 200, "an error tells too much: {error}"),
    }
    if let Ok(listed) = offline::read_list(status, body) {
        assert!(listed.len() <= 100);
        let ids: Vec<String> = listed.into_iter().map(|listed| listed.id).collect();
        is_document(&offline::delete(&"t=x&p=y".to_owned().into(), &ids));
    }
    let _ = offline::read_fetched(status, body);
    let _ = offline::read_stored(status, body);
}

fn tokens(body: &[u8]) {
    let tickets = match security_token::read_answer(body) {
        Ok(tickets) => tickets,
        Err(error) => {
            if !matches!(error, security_token::TokenError::MovedTo(_)) {
                assert!(error.to_string().len() < 200, "an error tells too much: {error}");
            }
            return;
        }
    };
    for form in [Form::First, Form::Second] {
        let written = security_token::answer(form, &tickets, "2026-11-24T02:45:35Z");
        let again = security_token::read_answer(written.expose_secret().as_bytes());
        let again = again.expect("what we answer reads");
        assert_eq!(again.len(), tickets.len());
        for (ticket, again) in tickets.iter().zip(&again) {
            assert_eq!(ticket.secret.as_deref(), again.secret.as_deref());
            assert_eq!(plain(&ticket.address), plain(&again.address));
            let (ticket, again) = (ticket.ticket.expose_secret(), again.ticket.expose_secret());
            assert_eq!(plain(ticket), plain(again));
        }
    }
    for ticket in &tickets {
        let secret = ticket.ticket.expose_secret();
        let rest = format!("{}{}TicketaddressexpiresSecretBox", ticket.address, ticket.expires);
        if secret.len() > 8 && !rest.contains(secret) {
            assert!(!format!("{ticket:?}").contains(secret), "a ticket shows itself");
        }
    }
}

/// What of a text XML can hold, without what is lost at its ends.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

/// What we ask, with a text of the other side, or of somebody, in every place.
fn questions(text: &str) {
    let ticket: SecretString = format!("t={text}&p={text}").into();
    let caller = Caller { ticket: ticket.clone(), cache_key: Some(text.to_owned()) };
    for call in [
        address_book::add_contact(&caller, text, text, text),
        address_book::rename_contact(&caller, text, text),
        address_book::rename_group(&caller, text, text),
        address_book::add_to_group(&caller, text, text),
        address_book::add_group(&caller, text),
        offline::fetch(&ticket, text),
        storage::get_profile(&ticket, text),
        storage::delete_relationship(&ticket, Hold::Shown(text), text),
        storage::create_relationship(&ticket, text, text),
    ] {
        is_document(&call);
    }
    for version in [Version::Msnp13, Version::Msnp18] {
        let message = offline::Outgoing {
            from: text,
            name: text,
            to: text,
            ticket: &ticket,
            product: text,
            lock_key: text,
            number: 1,
            mail: text,
        };
        is_document(&offline::store(version, &message));
        let answer = challenge::answer(version, Product::for_version(version), text);
        assert!(challenge::verify(version, version.product_id(), text, answer.as_bytes()));
    }
    let site = Site { address: text, policy: text };
    for form in [Form::First, Form::Second] {
        let asked =
            security_token::request(form, text, &text.to_owned().into(), &[site], (text, text));
        let asked = security_token::read_request(asked.expose_secret().as_bytes());
        let asked = asked.expect("what we ask for tickets reads");
        assert_eq!(plain(&asked.account), plain(text));
        assert_eq!(plain(asked.password.expose_secret()), plain(text));
    }
    let secret = [7; sso::SECRET_LENGTH];
    let proof = sso::proof(&secret, text, [1; sso::IV_LENGTH]);
    assert!(sso::verify(&secret, text, &proof));
    let _ = sso::verify(&secret, "nonce", text);
}

fn passports(status: u16, text: &str) {
    if let Some(url) = passport::login_url(text) {
        assert!(url.starts_with("http"));
    }
    match passport::read_login(status, |_| Some(text)) {
        LoginAnswer::Granted(ticket) => assert!(!ticket.expose_secret().is_empty()),
        LoginAnswer::MovedTo(url) => assert!(url.starts_with("http")),
        _ => {}
    }
    let header = passport::authorization(text, &text.to_owned().into(), "ct=1,id=507");
    let (account, password) =
        passport::read_authorization(header.expose_secret()).expect("what we say reads");
    assert_eq!((account.as_str(), password.expose_secret()), (text, text));
    let _ = passport::read_authorization(text);
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let status = STATUSES[usize::from(*choice) % STATUSES.len()];
    answers(status, data);
    tokens(data);
    if let Ok(text) = str::from_utf8(data) {
        passports(status, text);
        // To ask costs the most, so it is not done each time.
        if *choice >= 128 && text.len() < 256 {
            questions(text);
        }
    }
    let _ = security_token::read_request(data);
});
