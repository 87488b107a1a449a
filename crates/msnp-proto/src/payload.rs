//! Which commands carry a payload, and where its length stands.
//!
//! ```text
//! S: UBX ada@example.com 60⏎<Data><PSM>in the garden</PSM>…
//! S: CHL 0 15570131571988941333          (ends in digits, has none)
//! ```
//! "The last argument is a number" decides nothing: the verb, the kind of link and the direction
//! do.

/// Which server a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// Sign-in, contacts, presence.
    Notification,
    /// One conversation.
    Switchboard,
}

/// Which way a command travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From server to client.
    ToClient,
    /// From client to server.
    ToServer,
}

/// Where a command's payload length stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PayloadRule {
    /// There is no payload.
    Absent,
    /// In the last argument.
    Last,
    /// In the last argument if there are this many arguments, and it is a number.
    LastOf(usize),
}

/// Tells where the length of a command's payload stands.
pub(crate) fn payload_rule(verb: &[u8], kind: LinkKind, direction: Direction) -> PayloadRule {
    use {
        Direction::{ToClient, ToServer},
        LinkKind::{Notification, Switchboard},
        PayloadRule::{Absent, Last, LastOf},
    };

    match (verb, kind, direction) {
        (b"MSG", Switchboard, _) | (b"MSG", Notification, ToClient) => Last,
        (b"NOT" | b"IPG" | b"GCF" | b"UBX", Notification, ToClient) => Last,
        (b"UUX", Notification, _) => Last,
        (b"QRY" | b"PAG" | b"PGD" | b"SDC", Notification, ToServer) => Last,
        (verb, _, ToClient) if verb.iter().all(u8::is_ascii_digit) => LastOf(2),
        _ => Absent,
    }
}
