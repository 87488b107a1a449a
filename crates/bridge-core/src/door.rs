//! The inbox as adapters and puppets reach it: each call goes to whom it is for.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::{
    adapter::Reply,
    command,
    connector::ContactEdit,
    error::DeliverError,
    follow,
    id::{ChatId, LoginId, MediaId, NetworkId, PersonaId, RoomId},
    inbox::{AcceptError, Inbox, SourceCursor},
    ingest::Request,
    measures::{self, Direction, Lane},
    media::{ExpectedPicture, MediaError, MediaStream},
    model::{Event, Persona, Presence, RoomChange, Scope, ShownRoom, Signal, UserId},
    outward,
    portal::guests,
    record::Endpoint,
    roster,
    shared::Shared,
    shown,
};

#[async_trait]
impl Inbox for Arc<Shared> {
    async fn accept_all(
        &self,
        events: Vec<Event>,
        cursor: Option<SourceCursor>,
    ) -> Result<(), AcceptError> {
        if self.is_draining() {
            return Err(AcceptError::Busy);
        }
        self.echoes.park(&events).await;
        let (answer, answered) = oneshot::channel();
        let request = Request::Accept { events, cursor, answer };
        self.ingest.send(request).await.map_err(|_| AcceptError::Closed)?;
        answered.await.unwrap_or(Err(AcceptError::Closed))
    }

    async fn keep_file(&self, name: &str, stream: MediaStream) -> Result<MediaId, MediaError> {
        match &self.media {
            Some(library) => library.keep(name, stream).await,
            None => Err(MediaError::Gone),
        }
    }

    async fn expect_picture(
        &self,
        network: &NetworkId,
        picture: &MediaId,
    ) -> Option<ExpectedPicture> {
        self.media.as_ref()?.expect(network, picture).await
    }

    fn largest_file(&self) -> u64 {
        self.media.as_ref().map_or(0, |library| library.spool.max_size())
    }

    fn contacts_changed(&self, login: &LoginId) {
        roster::changed(self, login);
    }

    fn user_is(&self, user: UserId, presence: Presence) {
        outward::note(self, user, presence);
    }

    fn shown_in(&self, network: &NetworkId, room: &RoomId) -> Option<ShownRoom> {
        follow::shown_in(self, network, room)
    }

    async fn begin_chat(
        &self,
        user: &UserId,
        person: &Persona,
        room: &RoomId,
    ) -> Result<Persona, DeliverError> {
        follow::begin_chat(self, user, person, room).await
    }

    async fn room_changed(
        &self,
        network: &NetworkId,
        change: RoomChange,
    ) -> Result<(), DeliverError> {
        follow::room_changed(self, network, change).await
    }

    async fn edit_contact(
        &self,
        user: &UserId,
        login: &LoginId,
        person: &PersonaId,
        edit: ContactEdit,
    ) -> Result<(), DeliverError> {
        follow::edit_contact(self, user, login, person, edit).await
    }

    async fn tell(&self, user: &UserId, text: &str) {
        command::tell_owner(self, user, &Reply::Text(text.to_owned())).await;
    }

    async fn chat_grew(
        &self,
        login: &LoginId,
        from: &ChatId,
        to: &ChatId,
    ) -> Result<(), AcceptError> {
        follow::chat_grew(self, login, from, to).await
    }

    fn signal(&self, network: &NetworkId, scope: Scope, from: Persona, signal: Signal) {
        // A platform that shows the account's list has it from there.
        let mut told_by_list = None;
        if let (Scope::Chat { login, .. }, Signal::Presence(presence)) = (&scope, &signal) {
            self.comings.note(login, &from, presence);
            roster::changed(self, login);
            told_by_list = roster::shown_by(self, login);
        }
        let endpoint = match scope {
            Scope::Chat { login, chat } => Endpoint::Chat(login, chat),
            Scope::Room(room) => Endpoint::Room(network.clone(), room),
            Scope::Login(_) => return,
        };
        measures::event(
            network,
            Lane::Ephemeral,
            measures::label_of_signal(&signal),
            Direction::In,
        );
        let found = self.index().find(&endpoint);
        if let Some((portal, origin)) = found
            && guests::admit(self, portal, origin, &from).carried
        {
            let from = shown::persona(from);
            let others: Vec<u16> = {
                let index = self.index();
                let legs = index.portals.get(&portal).map(|found| (0..).zip(&found.record.legs));
                let others = legs.into_iter().flatten().filter(|(number, leg)| {
                    let told = told_by_list.is_some() && leg.network() == told_by_list.as_ref();
                    *number != origin && !told
                });
                others.map(|(number, _)| number).collect()
            };
            for leg in others {
                self.signals.put(portal, leg, &from, &signal);
            }
        }
    }
}
