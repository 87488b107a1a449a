//! Files, pictures and other objects, from peer to peer.

use std::sync::Arc;

use msnp_proto::{
    msg::Object,
    p2p::{FileContext, TransferId},
    session::{ChatId, Command, RequestError},
};

use super::Handle;

impl Handle {
    /// Offers a file to somebody in a conversation; done when she is asked. [`PeerEvent`](crate::PeerEvent)s with the id given
    /// back tell the rest: each [`PeerEvent::Wants`](crate::PeerEvent::Wants) is to be answered with [`feed_file`](Self::feed_file).
    ///
    /// # Errors
    /// [`RequestError::Transfer`] when too many are under way; as [`send_text`](Self::send_text).
    pub async fn offer_file(
        &self,
        chat: &ChatId,
        account: &str,
        file: FileContext,
    ) -> Result<TransferId, RequestError> {
        let transfer = self.new_transfer();
        self.offer_file_as(transfer, chat, account, file).await?;
        Ok(transfer)
    }

    /// Names a transfer, so that its events can be waited for before it begins.
    pub fn new_transfer(&self) -> TransferId {
        self.session.held().new_transfer()
    }

    /// As [`offer_file`](Self::offer_file), under a [name](Self::new_transfer) that is known before.
    ///
    /// # Errors
    /// As [`offer_file`](Self::offer_file).
    pub async fn offer_file_as(
        &self,
        transfer: TransferId,
        chat: &ChatId,
        account: &str,
        file: FileContext,
    ) -> Result<(), RequestError> {
        let (chat, account) = (chat.clone(), account.to_owned());
        self.ask(Command::OfferFile { transfer, chat, account, file }).await
    }

    /// Gives bytes of a file that are wanted, no more than were.
    ///
    /// # Errors
    /// [`RequestError::Transfer`] when it is over.
    pub async fn feed_file(
        &self,
        transfer: TransferId,
        bytes: Vec<u8>,
    ) -> Result<(), RequestError> {
        self.ask(Command::FeedFile { transfer, bytes }).await
    }

    /// Takes a file that was offered: [`PeerEvent::Data`](crate::PeerEvent::Data) brings it.
    ///
    /// # Errors
    /// [`RequestError::Transfer`] when it is offered no longer.
    pub async fn accept_file(&self, transfer: TransferId) -> Result<(), RequestError> {
        self.ask(Command::AcceptFile { transfer }).await
    }

    /// Gives a transfer up, or declines a file that was offered.
    ///
    /// # Errors
    /// [`RequestError::Transfer`] when it is over.
    pub async fn cancel_transfer(&self, transfer: TransferId) -> Result<(), RequestError> {
        self.ask(Command::CancelTransfer { transfer }).await
    }

    /// Fetches a picture, an emoticon or another object from somebody in a conversation, by its description
    /// exactly as it came; done when she is asked. [`PeerEvent::Object`](crate::PeerEvent::Object) brings it, checked.
    ///
    /// # Errors
    /// As [`offer_file`](Self::offer_file).
    pub async fn fetch_object(
        &self,
        chat: &ChatId,
        account: &str,
        description: &str,
    ) -> Result<TransferId, RequestError> {
        let transfer = self.new_transfer();
        self.fetch_object_as(transfer, chat, account, description).await?;
        Ok(transfer)
    }

    /// As [`fetch_object`](Self::fetch_object), under a [name](Self::new_transfer) that is known before.
    ///
    /// # Errors
    /// As [`fetch_object`](Self::fetch_object).
    pub async fn fetch_object_as(
        &self,
        transfer: TransferId,
        chat: &ChatId,
        account: &str,
        description: &str,
    ) -> Result<(), RequestError> {
        let (chat, account) = (chat.clone(), account.to_owned());
        let description = description.to_owned();
        self.ask(Command::FetchObject { transfer, chat, account, description }).await
    }

    /// Lets peers fetch an object's bytes as long as the session lasts.
    ///
    /// # Errors
    /// [`RequestError::Transfer`] when there are too many.
    pub async fn serve_object(&self, object: Object, bytes: Arc<[u8]>) -> Result<(), RequestError> {
        self.ask(Command::ServeObject { object, bytes }).await
    }

    /// Lets peers fetch an object no longer.
    ///
    /// # Errors
    /// [`RequestError::NotSignedIn`].
    pub async fn withdraw_object(&self, hash: &str) -> Result<(), RequestError> {
        self.ask(Command::WithdrawObject { hash: hash.to_owned() }).await
    }
}
