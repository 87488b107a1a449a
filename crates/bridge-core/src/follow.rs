//! What platforms and accounts tell of conversations besides what is said: rooms that are left or go on
//! elsewhere, people who are asked in, contacts that are moved by hand.
//!
//! Each is done at once and is durable when the call ends; who calls sees to it that it is called again
//! after a crash.

use std::sync::Arc;

use crate::{
    adapter::{CloseReason, Reply},
    command::{self, Role},
    connector::ContactEdit,
    error::DeliverError,
    id::{ChatId, LoginId, NetworkId, PersonaId, RoomId},
    inbox::AcceptError,
    model::{Persona, Reject, RoomChange, RoomChat, RoomKind, ShownRoom, UserId},
    options,
    portal::{
        Change, ChangeError, change,
        link::{self, Join, LinkError},
    },
    record::{Endpoint, Leg},
    shared::Shared,
    store::StoreError,
    supervisor::Owner,
    texts,
};

/// Finds the portal that a room shows.
pub(crate) fn shown_in(shared: &Shared, network: &NetworkId, room: &RoomId) -> Option<ShownRoom> {
    let index = shared.index();
    let (id, leg) = index.find(&Endpoint::Room(network.clone(), room.clone()))?;
    let record = &index.portals.get(&id)?.record;
    let owner = match record.legs.get(usize::from(leg))? {
        Leg::Room { owner, .. } => owner.clone(),
        Leg::Chat { .. } | Leg::Closed => None,
    };
    let chats = record.legs.iter().filter_map(|leg| match leg {
        Leg::Chat { login, chat, peer } => {
            Some(RoomChat { login: login.clone(), chat: chat.clone(), peer: peer.clone() })
        }
        Leg::Closed | Leg::Room { .. } => None,
    });
    let (kind, name) = (record.kind, record.name.clone());
    Some(ShownRoom { portal: id, kind, name, owner, chats: chats.collect() })
}

/// Lets a room show the conversation with somebody who was asked into it.
pub(crate) async fn begin_chat(
    shared: &Arc<Shared>,
    user: &UserId,
    person: &Persona,
    room: &RoomId,
) -> Result<Persona, DeliverError> {
    if shared.role(user) < Role::User {
        return Err(refused(texts::general::YOU_MAY_NOT_USE_THIS_BRIDGE.to_owned()));
    }
    let of_network = format!("{}:", person.network);
    let mut own = shared.puppets.of(user);
    own.retain(|(login, _)| login.as_str().starts_with(&of_network));
    if own.is_empty() {
        return Err(refused(texts::room::SIGN_IN_BEFORE_YOU_ASK_SOMEBODY_IN.to_owned()));
    }
    let preferred = options::preferred(shared, user).await;
    own.sort_by_key(|(login, _)| Some(login) != preferred.as_ref());
    for (login, puppet) in own {
        let known = puppet.contacts().await;
        if !known.iter().any(|contact| contact.persona.id == person.id) {
            continue;
        }
        let joined =
            link::link(shared, user, &login, &*puppet, &person.id, room, Join::Instead).await;
        return joined.map_err(|error| match error {
            LinkError::Network(error) => error,
            LinkError::Change(ChangeError::Store(error)) => DeliverError::retry(error.to_string()),
            LinkError::Taken => refused(texts::room::THIS_ROOM_SHOWS_ANOTHER.to_owned()),
            error => refused(texts::room::that_did_not_work(error)),
        });
    }
    Err(refused(texts::room::is_no_contact_of_yours(&person.id)))
}

/// Follows what became of a room.
pub(crate) async fn room_changed(
    shared: &Arc<Shared>,
    network: &NetworkId,
    news: RoomChange,
) -> Result<(), DeliverError> {
    match news {
        RoomChange::Left { room, user } => left(shared, network, &room, &user).await,
        RoomChange::Moved { from, to } => {
            let here = Endpoint::Room(network.clone(), from);
            let Some((portal, leg)) = shared.index().find(&here) else { return Ok(()) };
            let wanted = Change::Room { portal, leg, room: Some(to) };
            match change(shared, wanted).await {
                Ok(_) | Err(ChangeError::Gone) => Ok(()),
                Err(ChangeError::Taken(_)) => {
                    Err(refused(texts::room::THIS_ROOM_SHOWS_ANOTHER.to_owned()))
                }
                Err(ChangeError::Store(error)) => Err(DeliverError::retry(error.to_string())),
            }
        }
    }
}

async fn left(
    shared: &Arc<Shared>,
    network: &NetworkId,
    room: &RoomId,
    user: &UserId,
) -> Result<(), DeliverError> {
    let Some(shown) = shown_in(shared, network, room) else { return Ok(()) };
    if shown.owner.as_ref() != Some(user) {
        return Ok(());
    }
    match link::unlink(shared, shown.portal, network, room, CloseReason::Left).await {
        Ok(_) | Err(LinkError::Change(ChangeError::Gone) | LinkError::Configured) => {}
        Err(error) => return Err(DeliverError::retry(error.to_string())),
    }
    if shown.kind == RoomKind::Group {
        for RoomChat { login, chat, .. } in shown.chats {
            let Some(puppet) = shared.puppets.online(&login) else { continue };
            if let Err(error) = puppet.leave_chat(&chat).await {
                tracing::debug!(?login, %error, "a conversation of several was not left");
            }
        }
    }
    Ok(())
}

/// Changes the contact list as a user wished it by what she did on her platform.
pub(crate) async fn edit_contact(
    shared: &Arc<Shared>,
    user: &UserId,
    login: &LoginId,
    person: &PersonaId,
    edit: ContactEdit,
) -> Result<(), DeliverError> {
    if shared.puppets.owner(login) != Some(Owner::Person(user.clone())) {
        return Err(DeliverError::Gone("the account is signed out".into()));
    }
    let edited = match shared.puppets.online(login) {
        Some(puppet) => puppet.edit_contact(person, edit).await,
        None => Err(refused(texts::contact::the_account_is_away(login))),
    };
    if let Err(error) = &edited {
        let text = texts::contact::was_not_moved(person, error.for_people());
        command::tell_owner(shared, user, &Reply::Text(text)).await;
    }
    edited
}

/// Gives the portal of a conversation to the one it became.
pub(crate) async fn chat_grew(
    shared: &Arc<Shared>,
    login: &LoginId,
    from: &ChatId,
    to: &ChatId,
) -> Result<(), AcceptError> {
    let here = Endpoint::Chat(login.clone(), from.clone());
    let Some((portal, _)) = shared.index().find(&here) else { return Ok(()) };
    let (login, from, to) = (login.clone(), from.clone(), to.clone());
    match change(shared, Change::Chat { portal, login, from, to }).await {
        Ok(_) | Err(ChangeError::Gone) => Ok(()),
        Err(ChangeError::Taken(_)) => {
            tracing::debug!(%portal, "a conversation that grew has a portal already");
            Ok(())
        }
        Err(ChangeError::Store(StoreError::Closed)) => Err(AcceptError::Closed),
        Err(ChangeError::Store(error)) => Err(AcceptError::Store(error)),
    }
}

fn refused(tell_user: String) -> DeliverError {
    DeliverError::Reject { reason: Reject::Forbidden, tell_user }
}
