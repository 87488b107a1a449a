//! The one way in.

use async_trait::async_trait;

use crate::{
    connector::ContactEdit,
    error::DeliverError,
    id::{ChatId, LoginId, MediaId, NetworkId, PersonaId, RoomId},
    media::{ExpectedPicture, MediaError, MediaStream},
    model::{Event, Persona, Presence, RoomChange, Scope, ShownRoom, Signal, UserId},
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

    /// Tells which portal a room shows; none where it shows none.
    fn shown_in(&self, _network: &NetworkId, _room: &RoomId) -> Option<ShownRoom> {
        None
    }

    /// Lets a room show the conversation with somebody, because its owner asked her into it; gives her as
    /// the owner's account knows her. The account is the one that has her as a contact.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] with the reason, for people.
    async fn begin_chat(
        &self,
        _user: &UserId,
        _person: &Persona,
        _room: &RoomId,
    ) -> Result<Persona, DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Follows what became of a room that shows a portal; durable when it is done.
    ///
    /// # Errors
    /// [`DeliverError::Retry`] where the store failed; [`DeliverError::Reject`] where it cannot be so.
    async fn room_changed(
        &self,
        _network: &NetworkId,
        _change: RoomChange,
    ) -> Result<(), DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Changes the contact list of a user's account as she wished it by other means than a command. What
    /// goes wrong is told to her.
    ///
    /// # Errors
    /// As [`Puppet::edit_contact`](crate::Puppet::edit_contact).
    async fn edit_contact(
        &self,
        _user: &UserId,
        _login: &LoginId,
        _person: &PersonaId,
        _edit: ContactEdit,
    ) -> Result<(), DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Says something to a user where she talks to the bridge; to one who never did, nothing.
    async fn tell(&self, _user: &UserId, _text: &str) {}

    /// Follows a conversation of an account that its owner made one of several: its portal is the new one's
    /// from then on. Durable when it is done.
    ///
    /// # Errors
    /// [`AcceptError::Store`], [`AcceptError::Closed`].
    async fn chat_grew(
        &self,
        _login: &LoginId,
        _from: &ChatId,
        _to: &ChatId,
    ) -> Result<(), AcceptError> {
        Ok(())
    }

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
