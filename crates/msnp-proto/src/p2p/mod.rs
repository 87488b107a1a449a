//! Peer to peer: pictures, emoticons and files, inside conversations.
//!
//! Two ages of binary packets ([`v1`], [`v2`]) carry the texts that agree on a transfer ([`slp`]) and
//! the bytes themselves. [`Peers`] is the engine: it takes packets and times, and hands back packets
//! and events; it knows of no link. What a conversation's payload looks like around a packet:
//!
//! ```text
//! MIME-Version: 1.0
//! Content-Type: application/x-msnmsgrp2p
//! P2P-Dest: bob@example.com;{d9fd161b-…}        (the place's id from MSNP16 on, on both sides)
//! P2P-Src: ada@example.com;{7edf9d24-…}
//!
//! packet, then four bytes of footer
//! ```
//! The long explanation is in the protocol book, page p2p.

mod context;
pub mod direct;
mod line;
pub mod msnftp;
mod peers;
mod pieces;
mod place;
pub mod slp;
mod transfer;
pub mod v1;
pub mod v2;

pub use self::{
    context::FileContext,
    peers::Peers,
    place::{Envelope, Place},
    transfer::{OBJECT_LIMIT, PeerEvent, TransferError, TransferId},
};

/// What a transfer is about, as its invitation says.
pub mod feature {
    /// Pictures, emoticons, winks, voice clips: whatever an object describes.
    pub const OBJECT: &str = "A4268EEC-FEC5-49E5-95C3-F126696BDBF6";
    /// To look through the sender's camera, and through the other's.
    pub const CAMERAS: [&str; 2] =
        ["4BD96FC0-AB17-4425-A14A-439185962DC8", "1C9AA97E-9C05-4583-A3BD-908A196F1E92"];
    /// A file.
    pub const FILE: &str = "5D3E02AB-6190-11D3-BBBB-00C04F795683";
}
