//! People an account can write to, and the rooms with them.

use std::sync::Arc;

use super::{Desk, DeskError, Thing};
use crate::{
    command::is_address,
    connector::Puppet,
    id::{ChatId, LoginId, PersonaId, RoomId},
    model::{Persona, UserId},
    portal::link,
    record::{Endpoint, Leg},
    shared::Shared,
};

/// Somebody an account can write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub persona: Persona,
    /// The room with her, where there is one.
    pub room: Option<RoomId>,
}

impl Desk {
    /// Lists the contacts of somebody's account, by shown name.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] and [`DeskError::NoAccount`] when there is none.
    pub async fn contacts(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
    ) -> Result<Vec<Found>, DeskError> {
        self.matching(user, login, "").await
    }

    /// Looks for people by name, address or group: contacts, and whoever has just this address.
    ///
    /// # Errors
    /// As [`contacts`](Self::contacts).
    pub async fn search(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
        words: &str,
    ) -> Result<Vec<Found>, DeskError> {
        let wanted = words.trim().to_lowercase();
        let mut found = self.matching(user, login, &wanted).await?;
        let known = found.iter().any(|found| found.persona.id.as_str().to_lowercase() == wanted);
        if is_address(&wanted) && !known {
            match self.resolve(user, login, &PersonaId::new(wanted)).await {
                Ok(person) => found.push(person),
                // The network knows no such address.
                Err(DeskError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn matching(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
        wanted: &str,
    ) -> Result<Vec<Found>, DeskError> {
        let (login, puppet) = self.puppet(user, login).await?;
        let mut contacts = puppet.contacts().await;
        contacts.retain(|contact| contact.says(wanted));
        let mut found = Vec::new();
        for contact in contacts {
            let chat = puppet.chat_with(&contact.persona.id).await.ok();
            let room = chat.and_then(|(chat, _)| room_of(&self.shared, user, &login, &chat));
            found.push(Found { persona: contact.persona, room });
        }
        Ok(found)
    }

    /// Finds somebody by her id on the account's network.
    ///
    /// # Errors
    /// [`DeskError::Refused`] when it cannot be anybody's.
    pub async fn resolve(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
        person: &PersonaId,
    ) -> Result<Found, DeskError> {
        let (login, puppet) = self.puppet(user, login).await?;
        let (chat, persona) = puppet.chat_with(person).await?;
        let room = room_of(&self.shared, user, &login, &chat);
        Ok(Found { persona, room })
    }

    /// Opens the room with somebody; tells whether it was made for that.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve); [`DeskError::Unavailable`] when the room could not be made yet.
    pub async fn open_chat(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
        person: &PersonaId,
    ) -> Result<(Found, bool), DeskError> {
        let before = self.resolve(user, login, person).await?;
        if before.room.is_some() {
            return Ok((before, false));
        }
        let (login, puppet) = self.puppet(user, login).await?;
        let (shared, person) = (Arc::clone(&self.shared), person.clone());
        let (of, account) = (login.clone(), Arc::clone(&puppet));
        self.apart(async move { link::open_chat(&shared, &of, &*account, &person).await })
            .await??;
        let found = self.resolve(user, Some(&login), &before.persona.id).await?;
        match found.room {
            Some(_) => Ok((found, true)),
            None => {
                Err(DeskError::Unavailable("the room could not be made yet: try again".to_owned()))
            }
        }
    }

    async fn puppet(
        &self,
        user: &UserId,
        login: Option<&LoginId>,
    ) -> Result<(LoginId, Arc<dyn Puppet>), DeskError> {
        let login = self.account(user, login).await?;
        let puppet = self.shared.puppets.get(&login);
        Ok((login, puppet.ok_or(DeskError::NotFound(Thing::Account))?))
    }
}

/// Finds the room that somebody has for a chat.
fn room_of(shared: &Shared, user: &UserId, login: &LoginId, chat: &ChatId) -> Option<RoomId> {
    let index = shared.index();
    let (portal, _) = index.find(&Endpoint::Chat(login.clone(), chat.clone()))?;
    let legs = &index.portals.get(&portal)?.record.legs;
    legs.iter().find_map(|leg| match leg {
        Leg::Room { network, room, owner: Some(owner) }
            if *network == user.network && owner == user =>
        {
            room.clone()
        }
        _ => None,
    })
}
