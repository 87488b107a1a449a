//! Clients as they were recorded, against the embedded network: it answers what they waited for.
//!
//! Tickets, proofs and addresses are the network's own; everything else is said as it was recorded. The
//! recordings are of another server: answers are compared by their verbs and numbers, and what people say
//! byte by byte.

#[path = "../../../msnp-proto/tests/transcript/mod.rs"]
mod transcript;

use std::collections::{BTreeMap, BTreeSet};

use msnp_proto::{
    Direction, Framer, Limits, LinkKind,
    auth::{
        security_token::{MESSENGER_CLEAR, Site},
        sso,
    },
};
use msnp_server::{MemoryDirectory, Network, Options, User};
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use self::transcript::{Transcript, Unit};
use crate::{SOON, Wire, later};

/// What a server says once or more about the same: places count, and servers differ in them.
const REPEATED: [&str; 3] = ["IRO", "JOI", "BYE"];

async fn network() -> Network {
    let people = ["alice@example.com", "bob@example.com", "carol@example.com"];
    let users = people.map(|address| User::new(address, "secret", "", &people));
    let directory = MemoryDirectory::new(users.into());
    Network::bind(directory, Options::default()).await.expect("the loopback is free")
}

fn recording(name: &str) -> Transcript {
    transcript::all().into_iter().find(|it| it.name == name).expect("it is there")
}

fn words(unit: &Unit) -> Vec<String> {
    let (line, _) = unit.parts();
    String::from_utf8_lossy(line).split_whitespace().map(str::to_owned).collect()
}

/// One client's link to a switchboard.
struct Board {
    stream: TcpStream,
    framer: Framer,
}

impl Board {
    async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let framer = Framer::new(LinkKind::Switchboard, Direction::ToClient, Limits::default());
        Self { stream, framer }
    }

    /// Gives the next line, and its payload.
    async fn hear(&mut self, wanted: &str) -> (String, Vec<u8>) {
        loop {
            if let Some(frame) = self.framer.next().expect("it frames") {
                let line = String::from_utf8_lossy(frame.line()).into_owned();
                return (line, frame.payload().to_vec());
            }
            let mut bytes = Vec::with_capacity(4096);
            let read = timeout(SOON, self.stream.read_buf(&mut bytes)).await;
            let read = read.unwrap_or_else(|_| panic!("{wanted} does not come"));
            assert!(read.expect("the link lives") > 0, "closed before {wanted}");
            self.framer.push(&bytes);
        }
    }
}

/// Where somebody is to go on: address, ticket, and the conversation she is called into.
type Next = (String, String, String);

struct Replay {
    network: Network,
    signed_in: BTreeMap<String, Wire>,
    next: BTreeMap<String, Next>,
    boards: BTreeMap<String, Board>,
    /// Who called herself, and is told that she came.
    called_self: BTreeSet<String>,
    /// What each link heard last.
    last: BTreeMap<String, String>,
    /// What was compared.
    compared: usize,
}

impl Replay {
    async fn begin(recording: &Transcript) -> Self {
        let (network, mut signed_in) = (network().await, BTreeMap::new());
        let accounts: BTreeSet<String> = recording.units.iter().map(Unit::account).collect();
        for account in accounts {
            let version = recording.version.number();
            let mut wire = later::sign_in_at(&network, &account, version, &account).await;
            wire.say("CHG 5 NLN 0\r\n").await;
            wire.hear("CHG 5").await;
            signed_in.insert(account, wire);
        }
        let (next, boards, last) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let called_self = BTreeSet::new();
        Self { network, signed_in, next, boards, called_self, last, compared: 0 }
    }

    async fn play(&mut self, unit: &Unit) {
        let (words, account) = (words(unit), unit.account());
        let word = |index: usize| words.get(index).map_or("", String::as_str);
        let on_board = unit.is_on_a_switchboard();
        match (on_board, unit.side, word(0)) {
            (false, 'C', "XFR") => {
                let wire = self.signed_in.get_mut(&account).expect("she is signed in");
                wire.say(&format!("{}\r\n", words.join(" "))).await;
                let heard = wire.hear(&format!("XFR {} SB ", word(1))).await;
                let (_, told) = heard.split_once(" SB ").expect("an answer");
                let told: Vec<&str> = told.split_whitespace().collect();
                let [address, _, ticket, ..] = told.as_slice() else { panic!("{heard}") };
                let next = ((*address).to_owned(), (*ticket).to_owned(), String::new());
                self.next.insert(account, next);
            }
            (false, 'S', "RNG") => {
                let wire = self.signed_in.get_mut(&account).expect("she is signed in");
                let heard = wire.hear("RNG ").await;
                let (_, told) = heard.split_once("RNG ").expect("a call");
                let told: Vec<&str> = told.split_whitespace().collect();
                let [session, address, _, ticket, ..] = told.as_slice() else { panic!("{heard}") };
                let next = ((*address).to_owned(), (*ticket).to_owned(), (*session).to_owned());
                self.next.insert(account, next);
            }
            (true, '#', _) => {
                self.boards.remove(&unit.link);
            }
            (true, 'C', "USR" | "ANS") => {
                let (address, ticket, session) = self.next.remove(&account).expect("a ticket");
                let mut board = Board::connect(&address).await;
                let said = format!("{} {} {} {ticket} {session}", word(0), word(1), word(2));
                let said = format!("{}\r\n", said.trim_end());
                board.stream.write_all(said.as_bytes()).await.expect("it is said");
                self.boards.insert(unit.link.clone(), board);
            }
            (true, 'C', verb) => {
                if verb == "CAL" && word(2) == account {
                    self.called_self.insert(account);
                }
                let board = self.boards.get_mut(&unit.link).expect("it is open");
                board.stream.write_all(&unit.bytes).await.expect("it is said");
            }
            (true, 'S', verb) => {
                let of_self = verb == "JOI" && word(1).starts_with(&account);
                if !of_self || self.called_self.contains(&account) {
                    self.compare(unit, verb).await;
                }
            }
            _ => {}
        }
    }

    /// Hears what the client heard.
    async fn compare(&mut self, unit: &Unit, verb: &str) {
        let last = self.last.insert(unit.link.clone(), verb.to_owned()).unwrap_or_default();
        if REPEATED.contains(&verb) && last == verb {
            return;
        }
        let (recorded, said) = unit.parts();
        let recorded = String::from_utf8_lossy(recorded);
        let place = format!("{}: {}", unit.link, recorded.trim_end());
        let Some(board) = self.boards.get_mut(&unit.link) else {
            return; // it was closed already
        };
        let (line, payload) = loop {
            let (line, payload) = board.hear(&place).await;
            let heard = line.split(' ').next().unwrap_or_default();
            if heard == verb || heard != last || !REPEATED.contains(&heard) {
                break (line, payload);
            }
        };
        match verb {
            "MSG" => {
                assert!(line.starts_with("MSG "), "{place}: {line}");
                assert_eq!(payload, said, "{place}: what people say is passed on as it is");
            }
            "ACK" | "NAK" => assert_eq!(line, recorded.trim_end(), "{place}"),
            _ => assert!(line.starts_with(verb), "{place}: {line}"),
        }
        self.compared += 1;
    }
}

#[tokio::test]
async fn conversations_of_other_clients_go_on_as_they_were_recorded() {
    for name in [
        "amsn-group-chat-msnp18",
        "amsn-text-msnp18",
        "libpurple-group-chat-msnp15",
        "libpurple-group-chat-msnp18",
        "libpurple-text-msnp15",
        "msnpsharp-text-msnp18",
    ] {
        let recording = recording(name);
        let mut replay = Replay::begin(&recording).await;
        for unit in &recording.units {
            replay.play(unit).await;
        }
        assert!(replay.compared > 10, "{name}: {} answers", replay.compared);
        replay.network.shutdown().await;
    }
}

#[tokio::test]
async fn other_clients_sign_in_as_they_were_recorded() {
    for (name, link) in [
        ("libpurple-login-presence-msnp15", "alice-NS"),
        ("libpurple-login-presence-msnp15", "bob-NS"),
        ("libpurple-two-places-msnp18", "alice-NS"),
        ("msnpsharp-login-msnp21", "alice-NS1"),
    ] {
        let (recording, network) = (recording(name), network().await);
        let mut wire = Wire::connect(network.addresses().notification).await;
        let (mut said, mut answered) = (BTreeSet::new(), Vec::new());
        let mut nonce = String::new();
        for unit in recording.units.iter().filter(|unit| unit.link == link) {
            let words = words(unit);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match (unit.side, words.as_slice()) {
                ('C', ["OUT", ..]) => break,
                // They answer a challenge and show a ticket of the other server.
                ('C', ["QRY", ..] | ["USR", _, "SHA", ..]) => {}
                ('C', ["USR", number, "SSO", "S", ..]) => {
                    said.insert((*number).to_owned());
                    let sites = [Site { address: MESSENGER_CLEAR, policy: "MBI_KEY_OLD" }];
                    let tickets = later::tickets(&network, &unit.account(), &sites).await;
                    let ticket = tickets.first().expect("a ticket");
                    let secret = ticket.secret.as_ref().expect("a secret");
                    let proof = sso::proof(secret, &nonce, [7; 8]);
                    let (ticket, proof) = (ticket.ticket.expose_secret(), proof.as_str());
                    let place = words.get(6).copied().unwrap_or_default();
                    let line = format!("USR {number} SSO S {ticket} {proof} {place}");
                    wire.say(&format!("{}\r\n", line.trim_end())).await;
                }
                ('C', [_, rest @ ..]) => {
                    said.extend(rest.first().map(|number| (*number).to_owned()));
                    wire.stream.write_all(&unit.bytes).await.expect("it is said");
                }
                ('S', ["QNG", ..]) => answered.push(wire.hear("QNG ").await),
                ('S', [verb, number, ..]) if said.contains(*number) => {
                    let heard = wire.hear(&format!("{verb} {number}")).await;
                    if words.get(2..4) == Some(&["SSO", "S"]) {
                        nonce = heard.split_whitespace().last().expect("a nonce").to_owned();
                    }
                    answered.push(heard);
                }
                _ => {}
            }
        }
        assert!(answered.len() >= 7, "{name}: {answered:?}");
        network.shutdown().await;
    }
}
