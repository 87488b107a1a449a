//! The one way in.

use async_trait::async_trait;

use crate::{
    id::{LoginId, MediaId, NetworkId},
    media::{ExpectedPicture, MediaError, MediaStream},
    model::{Event, Persona, Presence, Scope, Signal, UserId},
};

/// What adapters and puppets hand their events to.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores the events, and the place in the source's stream they end at, in one commit.
    ///
    /// `Ok` means durable: the source may be told now. Events seen before are dropped silently, so
    /// the same batch may be handed in again after any error. Order is kept. Not cancel safe in one
    /// sense only: a call that is dropped may or may not have stored its events.
    ///
    /// # Errors
    /// [`AcceptError::Busy`] asks the source to come again later; nothing was stored.
    async fn accept_all(
        &self,
        events: Vec<Event>,
        cursor: Option<SourceCursor>,
    ) -> Result<(), AcceptError>;

    /// Keeps the bytes of a file whose network cannot be asked for them again, before the event that tells of
    /// it is handed in; gives the name they have in it.
    ///
    /// # Errors
    /// Those of the stream; [`MediaError::TooLarge`], [`MediaError::NoRoom`], [`MediaError::Disk`], and
    /// [`MediaError::Gone`] where no files are kept.
    async fn keep_file(&self, _name: &str, _stream: MediaStream) -> Result<MediaId, MediaError> {
        Err(MediaError::Gone)
    }

    /// Makes a place for a picture that stands for letters, before the event that names it is handed in:
    /// what it is shown by waits a moment for it. None where the picture is here, somebody fetches it
    /// already, or no files are kept.
    async fn expect_picture(
        &self,
        _network: &NetworkId,
        _picture: &MediaId,
    ) -> Option<ExpectedPicture> {
        None
    }

    /// Tells how many bytes such a file may have; 0 where none are kept.
    fn largest_file(&self) -> u64 {
        0
    }

    /// Notes that something of an account's contact list changed that no signal and no event tells.
    fn contacts_changed(&self, _login: &LoginId) {}

    /// Notes how a user of the bridge is on her own platform; her accounts show it, as far as she wishes.
    fn user_is(&self, _user: UserId, _presence: Presence) {}

    /// Passes on something ephemeral; dropped when nobody can show it.
    fn signal(&self, network: &NetworkId, scope: Scope, from: Persona, signal: Signal);
}

/// A place in a source's stream, stored with the events that lead up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCursor {
    /// Whose stream.
    pub network: NetworkId,
    /// Which stream of that network.
    pub stream: String,
    /// The place; compared for nothing but equality.
    pub position: String,
}

/// Why events were not taken in.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// Too much is waiting already; nothing was stored; come again.
    #[error("too many messages wait for delivery; come again")]
    Busy,
    /// The bridge is stopping; come again to the next process.
    #[error("the bridge is stopping")]
    Closed,
    /// The disk did not take it.
    #[error("the store failed: {0}")]
    Store(#[from] crate::store::StoreError),
    /// An event names a login this bridge does not have.
    #[error("no such login: {0:?}")]
    UnknownLogin(LoginId),
}
