//! Words past the switchboard: who takes them, and whom they reach.
//!
//! The part of the directory that is about conversations without a conversation: from MSNP21 all, from
//! MSNP18 those of circles.

use std::sync::Arc;

use async_trait::async_trait;

use crate::directory::SessionId;

/// Who is there to hear a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Whether clients took it.
    pub taken: bool,
    /// Whether there are clients that take no datagrams, but can be called.
    pub can_be_called: bool,
}

/// The people of a network, as datagrams find them.
#[async_trait]
pub trait Datagrams: Send + Sync + 'static {
    /// Says that a client takes datagrams. It is called into conversations only where the account has
    /// no client that takes none.
    async fn take_datagrams(&self, account: &str, session: SessionId);

    /// Passes a datagram on to an account's clients that take them, at one place or at all, and where it
    /// is for all of them to the sender's other clients too. Nobody hears it who is away, hides, or
    /// blocks the sender.
    async fn send(
        &self,
        sender: (&str, Option<SessionId>),
        to: &str,
        place: Option<&str>,
        payload: Arc<[u8]>,
    ) -> Heard;
}
