//! Which commands carry a payload, and where its length stands.
//!
//! ```text
//! S: UBX ada@example.com 60⏎<Data><PSM>in the garden</PSM>…
//! S: CHL 0 15570131571988941333          (ends in digits, has none)
//! ```
//! "The last argument is a number" decides nothing: the verb, the kind of link and the direction
//! do.

use crate::verb;

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
    /// In the last argument, unless that is no number: `OK` for one.
    LastIfNumber,
    /// In the last argument if there are this many arguments, and it is a number.
    LastOf(usize),
}

/// Tells where the length of a command's payload stands.
pub(crate) fn payload_rule(verb: &[u8], kind: LinkKind, direction: Direction) -> PayloadRule {
    use LinkKind::{Notification, Switchboard};

    let rule = match (verb::code(verb), direction) {
        (verb::MSG, Direction::ToClient) | (verb::UUX, _) => PayloadRule::Last,
        (verb::MSG, Direction::ToServer) if kind == Switchboard => PayloadRule::Last,
        (
            verb::NOT
            | verb::IPG
            | verb::GCF
            | verb::UBX
            | verb::UBN
            | verb::UBM
            | verb::FQY
            | verb::NFY,
            Direction::ToClient,
        ) => PayloadRule::Last,
        (verb::ADL | verb::RML, Direction::ToClient) => PayloadRule::LastIfNumber,
        (verb::PUT | verb::DEL, Direction::ToClient) => PayloadRule::LastOf(3),
        (verb::SDG, Direction::ToClient) => PayloadRule::LastOf(2),
        (
            verb::QRY
            | verb::PAG
            | verb::PGD
            | verb::SDC
            | verb::ADL
            | verb::RML
            | verb::FQY
            | verb::UUN
            | verb::UUM
            | verb::PUT
            | verb::DEL
            | verb::SDG
            | verb::VAS,
            Direction::ToServer,
        ) => PayloadRule::Last,
        (_, Direction::ToClient) if verb.first().is_some_and(u8::is_ascii_digit) => {
            let number = verb.iter().all(u8::is_ascii_digit);
            return if number { PayloadRule::LastOf(2) } else { PayloadRule::Absent };
        }
        _ => PayloadRule::Absent,
    };
    // Switchboards have messages only.
    if kind == Notification || verb == b"MSG" { rule } else { PayloadRule::Absent }
}
