//! What a replay shows.

use std::fmt;

use msnp_proto::p2p::TransferError;

/// What became of a transfer when one side was the engine.
pub(crate) enum Became {
    /// The engine got an object of so many bytes, each as recorded.
    Fetched(usize),
    /// The engine sent an object; what it knows of it when the conversation is over.
    Served(usize, Result<(), TransferError>),
    /// The engine got a file.
    Received(usize),
    /// The engine sent a file.
    Sent(usize, Result<(), TransferError>),
    /// The side that was offered a file declined it.
    Declined,
    /// The recording has no bytes of it.
    Nothing,
}

impl fmt::Display for Became {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = |outcome: &Result<(), TransferError>| match outcome {
            Ok(()) => "",
            Err(TransferError::Unconfirmed) => " unconfirmed",
            Err(error) => panic!("{error}"),
        };
        match self {
            Self::Fetched(length) => write!(f, "fetched {length}"),
            Self::Served(length, outcome) => write!(f, "served {length}{}", how(outcome)),
            Self::Received(length) => write!(f, "received {length}"),
            Self::Sent(length, outcome) => write!(f, "sent {length}{}", how(outcome)),
            Self::Declined => f.write_str("declined"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}
