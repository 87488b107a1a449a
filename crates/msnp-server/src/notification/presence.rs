//! Presence as a client tells it and hears it, in the form of its version.

use std::sync::Arc;

use msnp_proto::{
    ErrorCode, ServerCommand,
    command::{Capabilities, PASSPORT_NETWORK, Presence, Status, Whose},
    datagram::{Address, CIRCLE_NETWORK, GROUP_NETWORK},
    msg::{Look, PersonalMessage, plain_id, read_endpoints},
    publication::{Document, UserPresence},
    xml::escaped,
};

use super::Client;
use crate::{
    directory::{PresenceOf, Push, Shown, Stored},
    link::Ended,
    offline,
};

impl Client {
    pub(super) async fn change_status(
        &mut self,
        trid: u32,
        status: Status,
        capabilities: Option<Capabilities>,
        object: Option<&str>,
    ) -> Result<(), Ended> {
        if status == Status::Offline {
            return self.speaker.refuse(trid, ErrorCode::INVALID_PARAMETER);
        }
        let first = !std::mem::replace(&mut self.visible, status != Status::Hidden);
        let (bits, picture) = (capabilities.unwrap_or_default(), object.map(str::to_owned));
        let shown = Shown { status, capabilities: bits, object: picture };
        self.shared.directory.set_presence(&self.account, self.session, shown).await;
        let object = object.map(Into::into);
        self.speaker.say(&ServerCommand::PresenceSet { trid, status, capabilities, object })?;
        if first {
            self.tell_who_is_there(trid).await?;
        }
        Ok(())
    }

    async fn tell_who_is_there(&self, trid: u32) -> Result<(), Ended> {
        let stored = self.shared.directory.offline(&self.account).await;
        match self.speaker.version.has_switchboards() {
            true => self.tell_offline(&stored, offline::notice)?,
            false => self.tell_kept(&stored).await?,
        }
        for of in self.shared.directory.contacts_present(&self.account).await {
            if self.speaker.version.has_initial_presence() {
                let presence = presence(&of);
                self.speaker.say(&ServerCommand::InitialPresence { trid, presence })?;
            } else {
                self.tell_presence(&of)?;
            }
            self.tell_personal(&of)?;
        }
        Ok(())
    }

    /// Tells of messages that wait, in a notice of one kind or the other.
    pub(super) fn tell_offline(
        &self,
        stored: &[Stored],
        notice: fn(&[Stored]) -> Option<String>,
    ) -> Result<(), Ended> {
        let Some(payload) = notice(stored).filter(|_| self.speaker.version.has_offline_inbox())
        else {
            return Ok(());
        };
        let (sender, payload) = ("Hotmail", payload.as_bytes());
        self.speaker.say(&ServerCommand::Message { sender, name: sender.into(), payload })
    }

    /// Takes what a client shows beside its presence: its place, or its personal message.
    pub(super) async fn set_personal(&self, payload: &[u8]) {
        let directory = &self.shared.directory;
        let starts = |name: &str| payload.starts_with(name.as_bytes());
        if starts("<EndpointData") || starts("<PrivateEndpointData") {
            if let Some(place) = read_endpoints(payload).into_iter().next() {
                directory.set_place(&self.account, self.session, place).await;
            }
            return;
        }
        directory.set_personal(&self.account, payload.into()).await;
    }

    /// Takes a presence that is published as a document.
    pub(super) async fn publish(&mut self, trid: u32, payload: &[u8]) -> Result<(), Ended> {
        let document = Document::read(payload);
        if let Some((document, to)) = document.as_ref().and_then(to_circle) {
            return self.publish_to_circle(trid, &to, document).await;
        }
        let document = document.filter(|document| document.header("Uri") == Some("/user"));
        let user = document.and_then(|document| UserPresence::read(&document.body));
        let Some(user) = user else {
            return self.speaker.refuse(trid, ErrorCode::INVALID_PARAMETER);
        };
        let directory = Arc::clone(&self.shared.directory);
        let places = user.endpoints.first();
        let capabilities = places.map(|place| place.capabilities).unwrap_or_default();
        if let Some(place) = places {
            directory.set_place(&self.account, self.session, place.clone()).await;
        }
        if let Some(name) = &user.name {
            directory.set_name(&self.account, name).await;
        }
        if let Some(personal) = &user.personal {
            directory.set_personal(&self.account, personal.write().into()).await;
        }
        let status = user.status.unwrap_or(Status::Online);
        let first = !std::mem::replace(&mut self.visible, status != Status::Hidden);
        let object = user.object.filter(|object| !object.is_empty());
        let shown = Shown { status, capabilities, object };
        directory.set_presence(&self.account, self.session, shown).await;
        self.speaker.say(&ServerCommand::Published { trid, add: true, payload: &[] })?;
        if first {
            self.tell_who_is_there(trid).await?;
        }
        Ok(())
    }

    /// Takes a presence back: one of the account's places is asked to go.
    pub(super) async fn withdraw(&self, trid: u32, payload: &[u8]) -> Result<(), Ended> {
        let document = Document::read(payload);
        if let Some((document, to)) = document.as_ref().and_then(to_circle) {
            return self.withdraw_from_circle(trid, &to, document).await;
        }
        let user = document.and_then(|document| UserPresence::read(&document.body));
        let places = user.map(|user| user.endpoints).unwrap_or_default();
        for place in places {
            let push = Push::SignedInElsewhere;
            let at = Some(place.id.as_str());
            self.shared.directory.notify(&self.account, &self.account, at, push).await;
        }
        self.speaker.say(&ServerCommand::Published { trid, add: false, payload: &[] })
    }

    /// Passes a notice on.
    pub(super) async fn notify(
        &self,
        trid: u32,
        to: &str,
        kind: u32,
        payload: &[u8],
    ) -> Result<(), Ended> {
        if !self.speaker.version.has_user_notices() {
            return Err(Ended);
        }
        let (account, place) = match to.split_once(';') {
            Some((account, place)) => (account, Some(plain_id(place))),
            None => (to, None),
        };
        let from = match (&self.place, &place) {
            (Some(own), Some(_)) => format!("{};{{{own}}}", self.account),
            _ => self.account.clone(),
        };
        let push = Push::Notice(from, kind, payload.into());
        let directory = &self.shared.directory;
        match directory.notify(&self.account, account, place.as_deref(), push).await {
            true => self.speaker.say(&ServerCommand::UserNoticeSent { trid }),
            false => self.speaker.refuse(trid, ErrorCode::NOT_ONLINE),
        }
    }

    /// Passes words on that go past the switchboard: whoever takes them answers nothing.
    pub(super) async fn pass_on(
        &self,
        trid: u32,
        to: &str,
        network: u32,
        kind: u32,
        payload: &[u8],
    ) -> Result<(), Ended> {
        if !self.speaker.version.has_messages_elsewhere() || !(1..=4).contains(&kind) {
            return Err(Ended);
        }
        if network != PASSPORT_NETWORK {
            return self.speaker.refuse(trid, ErrorCode::NO_SUCH_NETWORK);
        }
        let push = Push::Message(self.account.clone(), kind, payload.into());
        match self.shared.directory.notify(&self.account, to, None, push).await {
            true => Ok(()),
            false => self.speaker.refuse(trid, ErrorCode::NOT_ONLINE),
        }
    }

    pub(super) fn tell_presence(&self, of: &PresenceOf) -> Result<(), Ended> {
        let version = self.speaker.version;
        let gone = of.status == Status::Offline;
        if gone {
            if version.has_publications() {
                return self.tell_document_gone(&of.profile.account, None);
            }
            let whose = Whose::passport(&of.profile.account);
            let capabilities = Some(Capabilities::default());
            return self.speaker.say(&ServerCommand::Offline { whose, capabilities });
        }
        if version.has_publications() {
            return self.tell_document(of, None, false);
        }
        self.speaker.say(&ServerCommand::Presence(presence(of)))
    }

    /// Tells how somebody is, and what she says beside it, as it is seen through a circle.
    pub(super) fn tell_presence_via(
        &self,
        of: &PresenceOf,
        via: Option<&str>,
    ) -> Result<(), Ended> {
        if self.speaker.version.has_publications() {
            return self.tell_document(of, via, false);
        }
        let whose = Whose { via, ..Whose::passport(&of.profile.account) };
        self.speaker.say(&ServerCommand::Presence(Presence { whose, ..presence(of) }))?;
        self.tell_data(of, via, false)
    }

    pub(super) fn tell_personal(&self, of: &PresenceOf) -> Result<(), Ended> {
        let version = self.speaker.version;
        if version.has_publications() {
            return self.tell_document(of, None, false);
        }
        if !version.has_personal_messages() {
            return Ok(());
        }
        self.tell_data(of, None, false)
    }

    /// Tells the account itself how it is, and where.
    pub(super) fn tell_own(&self, of: &PresenceOf) -> Result<(), Ended> {
        let version = self.speaker.version;
        if !version.has_endpoints() || of.status == Status::Offline {
            return Ok(());
        }
        if version.has_publications() {
            return self.tell_document(of, None, true);
        }
        self.speaker.say(&ServerCommand::Presence(presence(of)))?;
        self.tell_data(of, None, true)
    }

    fn tell_data(&self, of: &PresenceOf, via: Option<&str>, own: bool) -> Result<(), Ended> {
        let version = self.speaker.version;
        let mut data = PersonalMessage::read(&of.personal).elements();
        data.push_str(&Look::read(&of.personal).elements(version));
        if version.has_scenes() {
            // One client takes the picture from here alone.
            let object = of.object.as_deref().map(escaped).unwrap_or_default();
            data.push_str(&format!("<UserTileLocation>{object}</UserTileLocation>"));
        }
        if version.has_endpoints() {
            let public = of.endpoints.iter().map(|place| place.write_public(true));
            let private =
                of.endpoints.iter().filter(|_| own).map(|place| place.write_private(true));
            data.extend(public.chain(private));
        }
        let payload = format!("<Data>{data}</Data>");
        let whose = Whose { via, ..Whose::passport(&of.profile.account) };
        let payload = payload.as_bytes();
        self.speaker.say(&ServerCommand::PersonalMessage { whose, payload })
    }

    fn tell_document(&self, of: &PresenceOf, via: Option<&str>, own: bool) -> Result<(), Ended> {
        let mut endpoints = of.endpoints.clone();
        if !own {
            // Names of places are the account's own business.
            endpoints.iter_mut().for_each(|place| place.name.clear());
        }
        let user = UserPresence {
            status: Some(of.status),
            name: Some(of.profile.name.clone()),
            personal: Some(PersonalMessage::read(&of.personal)),
            object: of.object.clone(),
            endpoints,
        };
        self.tell_user(true, &of.profile.account, via, &user.write(true))
    }

    pub(super) fn tell_document_gone(&self, account: &str, via: Option<&str>) -> Result<(), Ended> {
        self.tell_user(false, account, via, b"<user><s n=\"IM\"/></user>")
    }

    fn tell_user(
        &self,
        add: bool,
        account: &str,
        via: Option<&str>,
        body: &[u8],
    ) -> Result<(), Ended> {
        let from = Address { via: via.map(str::to_owned), ..Address::passport(account) };
        let (to, from) = (Address::passport(&self.account).to_string(), from.to_string());
        let headers =
            [("Uri", "/user"), ("NotifType", "Full"), ("Content-Type", "application/user+xml")];
        let payload = Document::write("Notification", &to, &from, &headers, body);
        self.speaker.say(&ServerCommand::Publication { add, payload: &payload })
    }
}

/// Tells whether a document is to a circle or group, and which.
fn to_circle(document: &Document) -> Option<(&Document, Address)> {
    let to = Address::read(document.header("To")?)?;
    matches!(to.network, CIRCLE_NETWORK | GROUP_NETWORK).then_some((document, to))
}

fn presence(of: &PresenceOf) -> Presence<'_> {
    Presence {
        status: of.status,
        whose: Whose::passport(&of.profile.account),
        name: of.profile.name.as_str().into(),
        capabilities: Some(of.capabilities),
        object: of.object.as_deref().map(Into::into),
    }
}
