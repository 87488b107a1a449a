//! Direct links: TCP from peer to peer, past the server.
//!
//! ```text
//! A: 04 00 00 00  66 6f 6f 00          every frame has its length before it; "foo" greets
//! A: 10 00 00 00  the sixteen bytes of a nonce, or a header of the first age with them at its end
//! B: 10 00 00 00  the other nonce      from here on frames are packets without footers
//! ```
//! The one who is asked listens, the one who asks connects. [`Handshake`] proves to both that the other
//! end is who agreed on the link; [`Peers`](super::Peers) decides when there is one and what goes over it.
//! Nothing here connects or listens: [`DirectAction`] says what is to be done (docs: protocol, p2p).

mod frames;
mod handshake;
mod invitation;
mod nonce;

use std::net::{Ipv4Addr, SocketAddrV4};

pub(super) use self::frames::frame_with;
pub use self::{
    frames::{FRAME_LIMIT, Frames, TooLong, frame},
    handshake::{Handshake, HandshakeError, Proof},
    invitation::{ADDRESSES_LIMIT, Answer, Keys, Request},
    nonce::Nonce,
};

/// What is allowed of direct links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectRules {
    /// The addresses that peers are told to connect to; without any nobody is told to.
    pub addresses: Vec<Ipv4Addr>,
    /// Whether to connect to addresses that only mean something nearby: private networks, this machine.
    pub nearby: bool,
}

impl DirectRules {
    /// Tells whether an address that a peer named may be connected to.
    pub fn allows(&self, address: Ipv4Addr) -> bool {
        let never = address.is_unspecified() || address.is_broadcast() || address.is_multicast();
        !never && (self.nearby || !is_nearby(address))
    }
}

/// Whether an address only means something in some network.
pub(super) fn is_nearby(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b); // carriers' networks, RFC 6598
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        || a >= 240
        || shared
}

/// Names a connection, or a place where connections are listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectId(pub u64);

/// What is to be done about direct links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectAction {
    /// Close a connection, whatever was not written; or listen there no longer.
    Close(DirectId),
    /// Connect, and tell whether it succeeded.
    Connect(DirectId, SocketAddrV4),
    /// Listen for connections, and tell at which port.
    Listen(DirectId),
}

/// What happened to what a [`DirectAction`] asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectNews<'a> {
    /// Bytes came.
    Bytes(DirectId, &'a [u8]),
    /// A connection ended, or did not come to be; listening did not.
    Closed(DirectId),
    /// Connections are listened for, at this port.
    Listening(DirectId, u16),
    /// A connection is there.
    Opened(DirectId),
}
