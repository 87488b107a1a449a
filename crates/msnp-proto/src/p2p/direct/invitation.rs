//! The texts that agree on a direct link: bodies of `…-transreqbody` and `…-transrespbody`.
//!
//! ```text
//! Bridges: TCPv1                       Bridge: TCPv1
//! NetID: 0                             Listening: true
//! Conn-Type: Direct-Connect            Hashed-Nonce: {2258A782-…}
//! UPnPNat: false                       IPv4Internal-Addrs: 192.168.0.2 10.0.0.5
//! ICF: false                           IPv4Internal-Port: 6891
//! Hashed-Nonce: {791D2F52-…}           IPv4External-Addrs: 203.0.113.9
//!                                      IPv4External-Port: 6891
//! ```
//! Later clients write the names and values of addresses from behind: `srddA-lanretnI4vPI: 2.0.861.291`.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{DirectRules, Nonce, Proof, is_nearby};
use crate::p2p::slp::Slp;

/// Most addresses of one answer that are looked at.
pub const ADDRESSES_LIMIT: usize = 4;
/// The only kind of link.
const TCP: &str = "TCPv1";

/// What is said of a nonce: itself, or its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys(pub Proof);

impl Keys {
    fn read(text: &Slp) -> Option<Self> {
        let hashed = text.line("Hashed-Nonce").and_then(Nonce::read).map(Proof::Hashed);
        let plain = || text.line("Nonce").and_then(Nonce::read).map(Proof::Plain);
        hashed.or_else(plain).map(Self)
    }

    fn line(self) -> (String, String) {
        match self.0 {
            Proof::Hashed(hash) => ("Hashed-Nonce".to_owned(), hash.write()),
            Proof::Plain(nonce) => ("Nonce".to_owned(), nonce.write()),
        }
    }
}

/// Somebody asks for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether it may be TCP.
    pub tcp: bool,
    /// What she says of her nonce; older clients leave it out, the answer names one for both then.
    pub keys: Option<Keys>,
}

impl Request {
    /// Reads a request.
    pub fn read(text: &Slp) -> Self {
        let bridges = text.line("Bridges").unwrap_or_default();
        let tcp = bridges.split_ascii_whitespace().any(|name| name.eq_ignore_ascii_case(TCP));
        Self { tcp, keys: Keys::read(text) }
    }

    /// Writes a request's body, with the hash of a nonce.
    pub fn write(session: u32, hash: Nonce, second: bool) -> Vec<(String, String)> {
        let mut body = lines([
            ("Bridges", TCP),
            ("NetID", "0"),
            ("Conn-Type", "Direct-Connect"),
            ("UPnPNat", "false"),
            ("ICF", "false"),
        ]);
        body.push(Keys(Proof::Hashed(hash)).line());
        body.push(("SessionID".to_owned(), session.to_string()));
        body.extend(lines([("SChannelState", "0"), ("Capabilities-Flags", "1")]));
        if second {
            body.extend(lines([("Nat-Trav-Msg-Type", "WLX-Nat-Trav-Msg-Direct-Connect-Req")]));
        }
        body
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where to connect to; nowhere when there is to be no link.
    pub addresses: Vec<SocketAddrV4>,
    /// What is said of the nonce.
    pub keys: Option<Keys>,
}

impl Answer {
    /// Reads an answer: of its addresses the first [`ADDRESSES_LIMIT`] that the rules allow.
    pub fn read(text: &Slp, rules: &DirectRules) -> Self {
        let is = |name, value| {
            text.line(name).is_some_and(|line| line.trim().eq_ignore_ascii_case(value))
        };
        let keys = Keys::read(text);
        let mut addresses = Vec::new();
        if is("Bridge", TCP) && is("Listening", "true") {
            for network in ["IPv4Internal", "IPv4External"] {
                let port = value(text, &format!("{network}-Port"));
                let Some(port) = port.and_then(|port| port.parse().ok()).filter(|port| *port > 0)
                else {
                    continue;
                };
                let named = value(text, &format!("{network}-Addrs")).unwrap_or_default();
                let named = named.split_ascii_whitespace().filter_map(|name| name.parse().ok());
                addresses.extend(
                    named
                        .filter(|address| rules.allows(*address))
                        .map(|address| SocketAddrV4::new(address, port)),
                );
            }
        }
        addresses.dedup();
        addresses.truncate(ADDRESSES_LIMIT);
        Self { addresses, keys }
    }

    /// Writes the body that says: connect to these.
    pub fn listening(addresses: &[Ipv4Addr], port: u16, keys: Keys) -> Vec<(String, String)> {
        let mut body = lines([
            ("Bridge", TCP),
            ("Listening", "true"),
            ("Conn-Type", "Direct-Connect"),
            ("UPnPNat", "false"),
            ("ICF", "false"),
        ]);
        body.push(keys.line());
        for (network, nearby) in [("IPv4Internal", true), ("IPv4External", false)] {
            let named = addresses.iter().filter(|address| is_nearby(**address) == nearby);
            let named: Vec<String> = named.map(ToString::to_string).collect();
            if !named.is_empty() {
                body.push((format!("{network}-Addrs"), named.join(" ")));
                body.push((format!("{network}-Port"), port.to_string()));
            }
        }
        body
    }

    /// Writes the body that says: no direct link, through the conversation, please.
    pub fn none(request: &Slp) -> Vec<(String, String)> {
        let none = Nonce([0; 16]);
        let keys = match request.line("Hashed-Nonce") {
            Some(_) => Keys(Proof::Hashed(none)),
            None => Keys(Proof::Plain(none)),
        };
        let mut body = lines([("Bridge", TCP), ("Listening", "false")]);
        body.push(keys.line());
        // msnp11-sdk takes an answer that names no address for the one to its first invitation, and asks
        // again without end.
        body.extend(lines([("IPv4Internal-Addrs", "0.0.0.0"), ("IPv4Internal-Port", "0")]));
        body
    }
}

/// Finds a line about addresses, written either way round.
fn value(text: &Slp, name: &str) -> Option<String> {
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let found = text.line(name).map(str::to_owned);
    found.or_else(|| text.line(&backwards(name)).map(backwards))
}

fn lines<const N: usize>(lines: [(&str, &str); N]) -> Vec<(String, String)> {
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}
