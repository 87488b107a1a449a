//! Words of the later versions.

mod books;
mod circles;
mod datagrams;

use msnp_proto::auth::{
    security_token::{self, Form, MESSENGER_CLEAR, Site, Ticket},
    sso,
};
use secrecy::ExposeSecret as _;
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::{Network, SOON, Wire, network, sign_in};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// Signs in with a proof, at a place; from MSNP16.
pub(crate) async fn sign_in_at(network: &Network, account: &str, version: u8, place: &str) -> Wire {
    let mut wire = Wire::connect(network.addresses().notification).await;
    wire.say(&format!("VER 1 MSNP{version} CVR0\r\n")).await;
    wire.hear("VER 1").await;
    wire.say(&format!("USR 2 SSO I {account}\r\n")).await;
    let asked = wire.hear("USR 2 SSO S").await;
    let nonce = asked.split_whitespace().last().expect("a nonce").to_owned();
    let sites = [Site { address: MESSENGER_CLEAR, policy: "MBI_KEY_OLD" }];
    let tickets = tickets(network, account, &sites).await;
    let ticket = tickets.first().expect("a ticket");
    prove(&mut wire, ticket, &nonce, place).await;
    wire
}

async fn prove(wire: &mut Wire, ticket: &Ticket, nonce: &str, place: &str) {
    let proof = sso::proof(ticket.secret.as_ref().expect("a secret"), nonce, [7; 8]);
    let ticket = ticket.ticket.expose_secret();
    let proof = proof.as_str();
    wire.say(&format!("USR 3 SSO S {ticket} {proof} {{{place}}}\r\n")).await;
    wire.hear("USR 3 OK").await;
}

pub(crate) async fn tickets(network: &Network, account: &str, sites: &[Site<'_>]) -> Vec<Ticket> {
    let password = "secret".to_owned().into();
    let body = security_token::request(Form::Second, account, &password, sites, ("", ""));
    let document = post(network, "/RST2.srf", body.expose_secret()).await;
    security_token::read_answer(document.as_bytes()).expect("tickets")
}

/// Posts a document; gives the answer's.
async fn post(network: &Network, path: &str, body: &str) -> String {
    let mut http = Wire::connect(network.addresses().http).await;
    let length = body.len();
    http.say(&format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
    .await;
    let mut answer = String::new();
    let read = http.stream.read_to_string(&mut answer);
    timeout(SOON, read).await.expect("it answers").expect("it is text");
    answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

#[tokio::test]
async fn a_ticket_with_its_proof_signs_in_again() {
    let network = network().await;
    let sites = [Site { address: MESSENGER_CLEAR, policy: "MBI_KEY_OLD" }];
    let tickets = tickets(&network, ALICE, &sites).await;
    let ticket = tickets.first().expect("a ticket");
    for place in ["a", "b"] {
        let mut wire = Wire::connect(network.addresses().notification).await;
        wire.say(&format!("VER 1 MSNP18 CVR0\r\nUSR 2 SSO I {ALICE}\r\n")).await;
        let asked = wire.hear("USR 2 SSO S").await;
        let nonce = asked.split_whitespace().last().expect("a nonce").to_owned();
        prove(&mut wire, ticket, &nonce, place).await;
    }
}

#[tokio::test]
async fn names_are_plain_from_msnp13_and_all_escaped_before() {
    let network = network().await;
    let mut old = sign_in(&network, BOB, 12).await;
    old.say("SYN 4 0 0\r\nCHG 5 NLN 0\r\n").await;
    old.hear("CHG 5").await;
    let mut alice = sign_in_at(&network, ALICE, 18, "a").await;
    alice.say("BLP 4 AL\r\nCHG 5 NLN 0:0\r\nPRP 6 MFN A%20\u{e9}%20(100%25)\r\n").await;
    // It is so already, and said at each sign-in.
    alice.hear("BLP 4 AL\r\n").await;
    alice.hear("PRP 6 MFN A%20\u{e9}%20(100%25)\r\n").await;
    old.hear("NLN NLN alice@example.com A%20%C3%A9%20%28100%25%29 ").await;
    let mut other = sign_in_at(&network, ALICE, 18, "b").await;
    other.say("CHG 5 NLN 0:0\r\n").await;
    other.hear("NLN NLN 1:alice@example.com A%20\u{e9}%20(100%25) ").await;
}

#[tokio::test]
async fn whoever_calls_herself_first_is_there_from_msnp16() {
    let network = network().await;
    for (version, wanted) in [(18, "JOI alice@example.com Alice%20A 0:0\r\n"), (15, "215 2\r\n")] {
        let mut alice = sign_in_at(&network, ALICE, version, "a").await;
        alice.say("CHG 5 NLN 0\r\nXFR 6 SB\r\n").await;
        let board = alice.hear("XFR 6 SB").await;
        // Payloads before it end in no line.
        let (_, board) = board.split_once("XFR 6 SB ").expect("an answer");
        let words: Vec<&str> = board.trim_end().split(' ').collect();
        let address = words[0].parse().expect("an address");
        let mut board = Wire::connect(address).await;
        board.say(&format!("USR 1 {ALICE} {}\r\nCAL 2 {ALICE}\r\n", words[2])).await;
        let heard = board.hear(wanted).await;
        assert_eq!(heard.contains("CAL 2 RINGING"), version == 18, "{heard}");
    }
}

#[tokio::test]
async fn words_past_the_switchboard_reach_who_is_there() {
    let network = network().await;
    let mut bob = sign_in(&network, BOB, 14).await;
    bob.say("CHG 5 NLN 0\r\n").await;
    bob.hear("CHG 5").await;
    let mut alice = sign_in_at(&network, ALICE, 18, "a").await;
    let payload = "Content-Type: text/plain\r\n\r\nhello";
    let length = payload.len();
    alice.say(&format!("UUM 5 {BOB} 1 1 {length}\r\n{payload}")).await;
    let heard = bob.hear("UBM").await;
    assert!(heard.ends_with(&format!("UBM {ALICE} 1 {BOB} 1 1 {length}\r\n")), "{heard}");
    bob.say("OUT\r\n").await;
    assert!(bob.is_closed().await);
    alice.say(&format!("UUM 6 {BOB} 1 1 {length}\r\n{payload}")).await;
    alice.hear("217 6").await;
    alice.say(&format!("UUM 7 eve@example.org 32 1 {length}\r\n{payload}")).await;
    alice.hear("204 7").await;
}
