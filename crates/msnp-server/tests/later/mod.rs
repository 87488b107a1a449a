//! Words of the later versions.

use msnp_proto::auth::{
    security_token::{self, Form, MESSENGER_CLEAR, Site},
    sso,
};
use secrecy::ExposeSecret as _;
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::{Network, SOON, Wire, network, sign_in};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// Signs in with a proof, at a place; from MSNP16.
async fn sign_in_at(network: &Network, account: &str, version: u8, place: &str) -> Wire {
    let mut wire = Wire::connect(network.addresses().notification).await;
    wire.say(&format!("VER 1 MSNP{version} CVR0\r\n")).await;
    wire.hear("VER 1").await;
    wire.say(&format!("USR 2 SSO I {account}\r\n")).await;
    let asked = wire.hear("USR 2 SSO S").await;
    let nonce = asked.split_whitespace().last().expect("a nonce").to_owned();
    let mut http = Wire::connect(network.addresses().http).await;
    let sites = [Site { address: MESSENGER_CLEAR, policy: "MBI_KEY_OLD" }];
    let password = "secret".to_owned().into();
    let body = security_token::request(Form::Second, account, &password, &sites, ("", ""));
    let body = body.expose_secret();
    http.say(&format!(
        "POST /RST2.srf HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let mut answer = String::new();
    let read = http.stream.read_to_string(&mut answer);
    timeout(SOON, read).await.expect("it answers").expect("it is text");
    let (_, document) = answer.split_once("\r\n\r\n").expect("a body");
    let tickets = security_token::read_answer(document.as_bytes()).expect("tickets");
    let ticket = tickets.first().expect("a ticket");
    let proof = sso::proof(ticket.secret.as_ref().expect("a secret"), &nonce, [7; 8]);
    let ticket = ticket.ticket.expose_secret();
    let proof = proof.as_str();
    wire.say(&format!("USR 3 SSO S {ticket} {proof} {{{place}}}\r\n")).await;
    wire.hear("USR 3 OK").await;
    wire
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

#[tokio::test]
async fn the_ticket_of_the_circles_is_answered_from_msnp18() {
    let network = network().await;
    let mut alice = sign_in_at(&network, ALICE, 18, "a").await;
    alice.say("USR 5 SHA A dGlja2V0\r\n").await;
    let heard = alice.hear("USR 5 OK").await;
    assert!(heard.ends_with("USR 5 OK alice@example.com 0 0\r\n"), "{heard}");
    let mut older = sign_in_at(&network, ALICE, 16, "b").await;
    older.say("USR 5 SHA A dGlja2V0\r\nPNG\r\n").await;
    let heard = older.hear("QNG").await;
    assert!(!heard.contains("USR 5"), "{heard}");
}
