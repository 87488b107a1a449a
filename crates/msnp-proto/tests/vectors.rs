//! Values that independent implementations agree on.

use std::{fs, path::Path};

use msnp_proto::{
    Version,
    auth::{
        challenge::{self, Product},
        passport::{self, LoginAnswer},
    },
    msg::{Colour, Format},
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
