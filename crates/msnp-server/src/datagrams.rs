//! Words past the switchboard: who takes them, and whom they reach.
//!
//! The part of the directory that is about conversations without a conversation: from MSNP21 all, from
//! MSNP18 those of circles.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    circle::{Circle, CircleError, CircleId},
    directory::SessionId,
};

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

    /// Gives the circles and groups an account is in or asked to.
    async fn circles(&self, account: &str) -> Vec<Circle>;

    /// Makes an account a circle of a name, or without one a temporary group. The circle it has of that
    /// name is the same one.
    async fn make_circle(&self, account: &str, name: Option<&str>)
    -> Result<CircleId, CircleError>;

    /// Writes somebody down to be asked into a circle.
    async fn name_member(&self, circle: &CircleId, by: &str, who: &str) -> Result<(), CircleError>;

    /// Asks somebody in: into a circle who is written down, into a group who is there.
    async fn invite_member(
        &self,
        circle: &CircleId,
        by: &str,
        who: &str,
        words: &str,
    ) -> Result<(), CircleError>;

    /// Becomes a member, or does not.
    async fn answer_invitation(
        &self,
        circle: &CircleId,
        account: &str,
        accept: bool,
    ) -> Result<(), CircleError>;

    /// Ends being a member; without members a circle ends.
    async fn quit_circle(&self, circle: &CircleId, account: &str) -> Result<(), CircleError>;

    /// Comes in with a client; everybody there is told, and she of them.
    async fn enter_circle(
        &self,
        circle: &CircleId,
        account: &str,
        session: SessionId,
    ) -> Result<(), CircleError>;

    /// Goes out with a client; a member of a circle stays one.
    async fn step_out(
        &self,
        circle: &CircleId,
        account: &str,
        session: SessionId,
    ) -> Result<(), CircleError>;

    /// Passes a datagram on to all other clients that came in.
    async fn say_to_circle(
        &self,
        circle: &CircleId,
        account: &str,
        session: SessionId,
        payload: Arc<[u8]>,
    ) -> Result<(), CircleError>;
}
