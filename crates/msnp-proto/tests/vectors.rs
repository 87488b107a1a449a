//! Values that independent implementations agree on.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    Version,
    auth::{
        challenge::{self, Product},
        md5_hash,
        passport::{self, LoginAnswer},
        security_token::{self, Form, MESSENGER_CLEAR, Site, TokenError},
        sso,
    },
    command::List,
    datagram::{Address, Channel, Datagram, Kind},
    msg::{Colour, Format},
    soap::{
        self, Call, Caller, Service, SoapError, address_book,
        sharing::{self, MemberKind},
    },
    xml,
};
use secrecy::ExposeSecret as _;
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    serde_json::from_str(&fs::read_to_string(path).expect("it is there")).expect("it is JSON")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).expect(name)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).expect(name)
}

#[test]
fn challenges_of_both_kinds_are_answered() {
    let mut answered = 0;
    for (file, version) in
        [("challenge_msnp11.json", Version::Msnp12), ("challenge_msnp6_10.json", Version::Msnp8)]
    {
        let document = vectors(file);
        for product in list(&document, "products") {
            let id = String::leak(text(product, "product_id").to_owned());
            let key = String::leak(text(product, "product_key").to_owned());
            for case in list(product, "cases") {
                let (challenge, response) = (text(case, "challenge"), text(case, "response"));
                assert_eq!(
                    challenge::answer(version, Product { id, key }, challenge),
                    response,
                    "{id}"
                );
                answered += 1;
            }
        }
    }
    assert!(answered >= 10);
}

#[test]
fn the_products_we_know_are_the_vectors_products() {
    for (version, file) in
        [(Version::Msnp11, "challenge_msnp11.json"), (Version::Msnp10, "challenge_msnp6_10.json")]
    {
        let ours = Product::for_version(version);
        let document = vectors(file);
        let known = list(&document, "products").iter();
        let known = known.into_iter().find(|product| text(product, "product_id") == ours.id);
        assert_eq!(known.map(|product| text(product, "product_key")), Some(ours.key));
    }
}

#[test]
fn a_right_answer_passes_and_others_do_not() {
    let product = Product::for_version(Version::Msnp11);
    let answer = challenge::answer(Version::Msnp11, product, "22210219642164014968");
    let verify = |given: &str| {
        challenge::verify(Version::Msnp11, product.id, "22210219642164014968", given.as_bytes())
    };
    assert!(verify(&answer));
    assert!(!verify("0000000000000000000000000000000000"));
    assert!(!challenge::verify(Version::Msnp11, "NOBODY", "1", answer.as_bytes()));
}

#[test]
fn authorizations_are_written_as_others_write_them_and_read_back() {
    let document = vectors("passport14_authorization.json");
    for case in list(&document, "cases") {
        let (account, password) = (text(case, "account"), text(case, "password"));
        let policy = text(case, "usr_challenge");
        let header = passport::authorization(account, &password.to_owned().into(), policy);
        let accepted = list(case, "authorization_accepted");
        assert!(accepted.iter().any(|value| value == header.expose_secret()), "{account}");
        let (name, word) = passport::read_authorization(header.expose_secret()).expect("it reads");
        assert_eq!((name.as_str(), word.expose_secret()), (account, password));
    }
}

#[test]
fn nexus_and_login_answers_are_read() {
    let document = vectors("passport14_responses.json");
    for case in list(&document, "nexus_cases") {
        assert_eq!(passport::login_url(text(case, "value")).as_deref(), case["login_url"].as_str());
    }
    for case in list(&document, "login_ok_cases") {
        let value = text(case, "value");
        let answer =
            passport::read_login(200, |name| (name == "authentication-info").then_some(value));
        let LoginAnswer::Granted(ticket) = answer else { panic!("{}", text(case, "name")) };
        assert_eq!(ticket.expose_secret(), text(case, "ticket"));
    }
    for case in list(&document, "login_fail_cases") {
        let status = u16::try_from(case["status"].as_u64().expect("a status")).expect("a status");
        let answer = passport::read_login(status, |_| None);
        assert!(!matches!(answer, LoginAnswer::Granted(_)), "{}", text(case, "name"));
    }
}

#[test]
fn looks_are_read() {
    let document = vectors("msg-im-format.json");
    for case in list(&document, "cases") {
        let format = Format::read(text(case, "header"));
        let Colour { red, green, blue } = format.colour;
        let flag = |name: &str| case[name].as_bool().unwrap_or_default();
        assert_eq!(format.font, case["font"].as_str().unwrap_or_default(), "{case}");
        assert_eq!(
            format!("#{red:02x}{green:02x}{blue:02x}"),
            text(case, "rgb").to_lowercase(),
            "{case}"
        );
        assert_eq!(
            (format.bold, format.italic, format.underline, format.strike, format.right_to_left),
            (flag("bold"), flag("italic"), flag("underline"), flag("strike"), flag("rtl")),
            "{case}",
        );
    }
}

#[test]
fn md5_challenges_are_answered() {
    let document = vectors("md5_login.json");
    for case in list(&document, "cases") {
        let answer =
            md5_hash::answer(text(case, "challenge"), &text(case, "password").to_owned().into());
        assert_eq!(answer.expose_secret(), text(case, "response"));
    }
}

#[test]
fn sso_nonces_are_proved_and_checked() {
    let document = vectors("sso_mbi_blob.json");
    for case in list(&document, "cases") {
        let bytes = |name| STANDARD.decode(text(case, name)).expect("it is base64");
        let secret = bytes("binary_secret").try_into().expect("24 bytes");
        let (nonce, blob) = (text(case, "nonce"), text(case, "blob"));
        let iv = bytes("iv").try_into().expect("8 bytes");
        assert_eq!(sso::proof(&secret, nonce, iv), blob);
        assert!(sso::verify(&secret, nonce, blob));
        assert!(!sso::verify(&secret, &nonce.replacen(|_| true, "~", 1), blob));
        assert!(!sso::verify(&[0; 24], nonce, blob));
        assert!(!sso::verify(&secret, nonce, &blob[..40]));
        assert!(!sso::verify(&secret, nonce, ""));
    }
}

fn recorded(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    fs::read(path).expect("it is there")
}

#[test]
fn tickets_are_read_from_what_servers_answered() {
    for name in ["rst/first-answer.xml", "rst/second-answer.xml"] {
        let tickets = security_token::read_answer(&recorded(name)).expect(name);
        let clear = tickets.iter().find(|ticket| ticket.address == MESSENGER_CLEAR).expect(name);
        assert!(clear.ticket.expose_secret().starts_with("t="), "{name}");
        assert!(clear.secret.is_some() && clear.expires.ends_with('Z'), "{name}");
        assert!(!format!("{tickets:?}").contains("t="), "{name}");
    }
    let refused = security_token::read_answer(&recorded("rst/first-refusal.xml")).map(drop);
    assert_eq!(refused, Err(TokenError::Refused));
}

#[test]
fn requests_and_answers_of_both_forms_read_back() {
    for (form, recording) in
        [(Form::First, "rst/first-request.xml"), (Form::Second, "rst/second-request.xml")]
    {
        let asked = security_token::read_request(&recorded(recording)).expect(recording);
        assert_eq!(asked.account, "alice@example.com");
        assert!(asked.sites.iter().any(|site| site == MESSENGER_CLEAR), "{recording}");

        let password = "pass<word>&\"'ß".to_owned().into();
        let sites = [Site { address: MESSENGER_CLEAR, policy: "MBI_KEY_OLD" }];
        let times = ("2026-11-24T02:45:35Z", "2026-11-24T02:50:35Z");
        let ours = security_token::request(form, "ada+1@example.com", &password, &sites, times);
        let asked = security_token::read_request(ours.expose_secret().as_bytes()).expect("ours");
        assert_eq!(asked.account, "ada+1@example.com");
        assert_eq!(asked.password.expose_secret(), password.expose_secret());
        assert_eq!(asked.sites, ["http://Passport.NET/tb", MESSENGER_CLEAR]);

        let granted = security_token::Ticket {
            address: MESSENGER_CLEAR.to_owned(),
            ticket: "t=a&p=".to_owned().into(),
            secret: Some([7; 24].into()),
            expires: times.1.to_owned(),
        };
        let answer = security_token::answer(form, &[granted], times.0);
        let tickets = security_token::read_answer(answer.expose_secret().as_bytes()).expect("ours");
        assert_eq!(tickets[0].ticket.expose_secret(), "t=a&p=");
        assert_eq!(tickets[0].secret.as_deref(), Some(&[7; 24]));
        // libpurple goes by the number, not by the address.
        assert!(answer.expose_secret().contains("Id=\"Compact1\""));
        let refusal = security_token::refusal(form);
        let refused = security_token::read_answer(refusal.as_bytes()).map(drop);
        assert_eq!(refused, Err(TokenError::Refused));
    }
}

/// The same elements in the same order, but for the order of the envelope's own namespaces.
#[test]
fn our_request_is_as_recorded_ones() {
    let sites = [
        (MESSENGER_CLEAR, "MBI_KEY_OLD"),
        ("messenger.msn.com", "?id=507"),
        ("contacts.msn.com", "MBI"),
        ("messengersecure.live.com", "MBI_SSL"),
        ("storage.msn.com", "MBI"),
    ];
    let sites = sites.map(|(address, policy)| Site { address, policy });
    let password = "password123".to_owned().into();
    let ours =
        security_token::request(Form::First, "alice@example.com", &password, &sites, ("", ""));
    let [ours, theirs] = [ours.expose_secret().as_bytes(), &recorded("rst/first-request.xml")]
        .map(|document| shape(&xml::parse(document).expect("it is XML")));
    assert_eq!(ours, theirs);
}

#[test]
fn answers_that_are_none_are_told_apart() {
    let fault = |inner: &str| format!("<Envelope><Body><Fault>{inner}</Fault></Body></Envelope>");
    let read = |text: &str| security_token::read_answer(text.as_bytes()).map(drop).unwrap_err();
    let moved = fault("<faultcode>psf:Redirect</faultcode><redirectUrl>https://x/</redirectUrl>");
    assert_eq!(read(&moved), TokenError::MovedTo("https://x/".to_owned()));
    let client = fault("<faultcode>S:Client</faultcode>");
    assert_eq!(read(&client), TokenError::Fault("Client".to_owned()));
    let busy = fault("<faultcode>a b&lt;c:d e</faultcode>");
    assert_eq!(read(&busy), TokenError::Fault("de".to_owned()));
    for none in ["", "<html>", "<html></html>", "<Envelope><Body/></Envelope>"] {
        assert_eq!(read(none), TokenError::Unreadable, "{none}");
    }
}

/// The names and own texts of a document's elements, in order.
fn shape(element: &xml::Element) -> Vec<(String, String)> {
    let own = (element.name().to_owned(), element.text().to_owned());
    [own].into_iter().chain(element.children().iter().flat_map(shape)).collect()
}

#[test]
fn address_books_are_read_from_what_servers_answered() {
    let read = |name| soap::read_answer(200, &recorded(name)).expect(name);
    let answer = read("soap/find-membership.xml");
    let lists = sharing::read_memberships(&answer);
    let bobs: Vec<_> = lists.members.iter().map(|m| (m.list, m.account.as_str(), m.kind)).collect();
    let bob = ("bob@example.com", MemberKind::Passport);
    assert_eq!(bobs, [(List::Allow, bob.0, bob.1), (List::Reverse, bob.0, bob.1)]);
    assert!(lists.members[0].id.starts_with("Allow/"));
    assert_eq!(lists.owner_cid.as_deref(), Some("-773782961094512512"));
    assert!(answer.cache_key.is_some_and(|key| key.starts_with("12r1:")));

    for name in ["soap/ab-find-all.xml", "soap/ab-find-contacts-paged.xml"] {
        let book = address_book::read_address_book(&read(name));
        let [bob] = book.contacts.as_slice() else { panic!("{name}: {book:?}") };
        assert_eq!(
            (bob.account.as_str(), bob.is_messenger_user),
            ("bob@example.com", true),
            "{name}"
        );
        assert!(!bob.is_circle && bob.network.is_none(), "{name}");
        let me = book.me.expect(name);
        assert_eq!(me.name.as_deref(), Some("alice@example.com"), "{name}");
        assert_eq!((me.allows_strangers, me.asks_when_added), (None, None), "{name}");
        let circles = book.circle_ticket.is_some_and(|ticket| ticket.ends_with("</SignedTicket>"));
        assert_eq!(circles, name.contains("paged"), "{name}");
    }
    let fault = soap::read_answer(500, &recorded("soap/fault.xml"));
    assert_eq!(fault, Err(SoapError::Fault("Client".to_owned())));
    assert_eq!(soap::read_answer(403, b""), Err(SoapError::Unreadable(403)));
}

#[test]
fn calls_are_written_as_others_write_them() {
    let caller = Caller { ticket: "t=a&p=".to_owned().into(), cache_key: Some("k<".to_owned()) };
    let document = vectors("soap/requests.json");
    let theirs = |name: &str| {
        let body = document.get("bodies").map(|bodies| text(bodies, name)).expect(name);
        shape(&xml::parse(body.as_bytes()).expect(name))
    };
    let contact = "1773157b-4ffe-48ae-8b9a-79d4860ff32b";
    let (passport, bob) = (MemberKind::Passport, "bob@example.com");
    let calls = [
        sharing::delete_member(&caller, List::Allow, passport, bob, None),
        sharing::add_member(&caller, List::Block, passport, bob),
        address_book::add_group(&caller, "Friends"),
        address_book::delete_group(&caller, "3f7d2b8a-6607-4131-806c-46a728dce7ff"),
        address_book::delete_contact(&caller, contact),
    ];
    for call in &calls {
        let envelope = xml::parse(call.body.expose_secret().as_bytes()).expect("it is XML");
        assert_eq!(envelope.text_of(&["Header", "ABAuthHeader", "TicketToken"]), Some("t=a&p="));
        assert_eq!(envelope.text_of(&["Header", "ABApplicationHeader", "CacheKey"]), Some("k<"));
        let body = envelope.find(&["Body"]).and_then(|body| body.children().first());
        let body = body.expect("a body");
        assert_eq!(
            call.action,
            format!("http://www.msn.com/webservices/AddressBook/{}", body.name())
        );
        assert_eq!(shape(body), theirs(body.name()));
        let sharing = body.name().ends_with("Member");
        assert_eq!(call.service == Service::Sharing, sharing);
        assert!(!format!("{call:?}").contains("t=a"));
    }
}

#[test]
fn hostile_texts_stay_texts_in_calls() {
    let hostile = "]]></Value><x a=\"b\">&amp;\u{0}";
    let caller = Caller::default();
    let inner = |call: &Call, path: &[&str]| {
        let envelope = xml::parse(call.body.expose_secret().as_bytes()).expect("it is XML");
        envelope
            .find(&["Body"])
            .and_then(|body| body.children().first()?.text_of(path).map(str::to_owned))
    };
    let renamed = address_book::rename_group(&caller, "1", hostile);
    let name = inner(&renamed, &["groups", "Group", "groupInfo", "name"]);
    assert_eq!(name.as_deref(), Some("]]></Value><x a=\"b\">&amp;"));
    let added = address_book::add_contact(&caller, "b@c.d", hostile, hostile);
    let path = ["contacts", "Contact", "contactInfo", "MessengerMemberInfo", "DisplayName"];
    assert_eq!(inner(&added, &path), name);
    assert_eq!(soap::read_answer(200, b"<a><Body><Fault><detail><errorcode>FullSyncRequired</errorcode></detail></Fault></Body></a>"), Err(SoapError::FullSyncRequired));
}

#[test]
fn the_inbox_wants_a_ticket_in_parts_and_takes_one_without_names() {
    for (ticket, parts) in [
        ("t=53*1hAu8ADuD3&p=5eKBBC!yBH6", ["53*1hAu8ADuD3", "5eKBBC!yBH6"]),
        ("t=53*1hAu8ADuD3", ["53*1hAu8ADuD3", ""]),
        ("0fd2b4c6a81e90375c24", ["0fd2b4c6a81e90375c24", ""]),
    ] {
        let call = soap::offline::list(&ticket.to_owned().into());
        let sent = xml::parse(call.body.expose_secret().as_bytes()).expect("a document");
        let part = |name| sent.text_of(&["Header", "PassportCookie", name]).unwrap_or_default();
        assert_eq!([part("t"), part("p")], parts, "{ticket}");
    }
}

/// Gives a case's payload: as it is, or put together from its parts.
fn datagram_payload(case: &Value) -> Vec<u8> {
    if let Some(payload) = case.get("payload").and_then(Value::as_str) {
        return payload.as_bytes().to_vec();
    }
    let block = |name: &str| {
        let headers = case.get(name).and_then(Value::as_object).expect("a block");
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\r\n", value.as_str().expect("a text")));
        // The first line of each names its block.
        let mut lines: Vec<String> = lines.collect();
        lines.sort_by_key(|line| !line.ends_with(": 1.0\r\n") && !line.ends_with(": 2.0\r\n"));
        lines.concat() + "\r\n"
    };
    let head = ["routing", "reliability", "content"].map(block).concat();
    [head.as_bytes(), text(case, "body_as_printed").as_bytes()].concat()
}

#[test]
fn datagrams_are_read_as_their_headers_say_and_written_alike() {
    let (document, mut known) = (vectors("msg-sdg.json"), 0);
    for case in list(&document, "cases") {
        let content = case.get("content").expect("a block");
        let routing = case.get("routing").expect("a block");
        if content.get("Messaging").is_none() {
            continue;
        }
        let payload = datagram_payload(case);
        let read = Datagram::read(&payload).expect("it is one");
        let named = |address: &Address| address.to_string();
        assert_eq!(named(&read.to), text(routing, "To"));
        assert_eq!(named(&read.from), text(routing, "From"));
        let channel = routing.get("Service-Channel").and_then(Value::as_str);
        assert_eq!(read.channel.as_ref().map(Channel::name), channel);
        let kind = match text(content, "Message-Type") {
            "Control" => Kind::Typing,
            "Nudge" => Kind::Nudge,
            "Text" => Kind::Text,
            signal => Kind::Signal(signal.trim_start_matches("Signal/").to_owned()),
        };
        assert_eq!(read.kind, kind);
        let body = case.get("body").or_else(|| case.get("body_as_printed"));
        assert_eq!(
            Some(String::from_utf8_lossy(&read.body).as_ref()),
            body.and_then(Value::as_str)
        );
        if case.get("payload").is_some() {
            let again =
                Datagram { content_type: text(content, "Content-Type").into(), ..read.clone() };
            assert_eq!(
                String::from_utf8_lossy(&again.write(Version::Msnp18)),
                String::from_utf8_lossy(&payload)
            );
        } else {
            assert_eq!(Datagram::read(&read.write(Version::Msnp21)), Some(read));
        }
        known += 1;
    }
    assert_eq!(known, 6);
}
