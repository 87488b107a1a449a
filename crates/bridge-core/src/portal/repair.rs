//! Portals compared with what is there: rooms, who is in them, under which names.

use std::sync::Arc;

use super::{Change, change};
use crate::{
    adapter::RoomCondition,
    error::DeliverError,
    id::{ChatId, LoginId, PortalId},
    leg,
    model::{ChatFacts, Membership, Persona, RoomKind},
    record::Leg,
    shared::Shared,
    shown, texts,
};

/// What was found at one leg, in words for people; nothing where all is well.
pub(crate) async fn repair(shared: &Arc<Shared>, portal: PortalId) -> Vec<String> {
    let mut found = Vec::new();
    let (legs, relay) = {
        let index = shared.index();
        let Some(portal) = index.portals.get(&portal) else { return found };
        (portal.record.legs.clone(), portal.record.relay.is_some())
    };
    let peers = peers(shared, &legs).await;
    for (number, leg) in (0_u16..).zip(&legs) {
        match leg {
            Leg::Chat { login, .. } if shared.puppets.owner(login).is_none() => {
                found.push(texts::portal::is_signed_out(login));
            }
            Leg::Chat { .. } | Leg::Closed => {}
            Leg::Room { network, .. } if !shared.adapters.contains_key(network) => {
                found.push(texts::portal::is_switched_off(network));
            }
            Leg::Room { room: None, .. } => {}
            Leg::Room { network, room: Some(room), owner } => {
                let Some(adapter) = shared.adapters.get(network) else { continue };
                match adapter.look_at(room).await {
                    Ok(RoomCondition::Here) => {
                        let mended = people(&**adapter, room, owner.as_ref(), &peers).await;
                        if let Err(error) = mended {
                            found.push(texts::portal::not_everybody_is_in_room(
                                network,
                                room,
                                error.for_people(),
                            ));
                        }
                    }
                    Ok(RoomCondition::Gone) if relay || owner.is_none() => {
                        found.push(texts::portal::room_is_gone_or_i_am_out_of_it(network, room))
                    }
                    Ok(RoomCondition::Gone) => {
                        let reset = Change::Room { portal, leg: number, room: None };
                        match change(shared, reset).await {
                            Ok(_) => found.push(texts::portal::room_was_gone_or_i_was_out_of_it(
                                network, room,
                            )),
                            Err(error) => {
                                found.push(texts::portal::room_is_gone(network, room, &error))
                            }
                        }
                    }
                    Err(error) => {
                        let why = error.for_people();
                        found.push(texts::portal::room_cannot_be_looked_at(network, room, &why))
                    }
                }
            }
        }
    }
    if !relay && let Err(error) = leg::open_rooms(shared, portal).await {
        found.push(texts::portal::a_room_could_not_be_made(error.for_people()));
    }
    found
}

/// Shows the people of a portal under their names of now, and brings them in.
pub(crate) async fn sync(shared: &Arc<Shared>, portal: PortalId) -> Result<(), DeliverError> {
    let legs = {
        let index = shared.index();
        index.portals.get(&portal).map(|found| found.record.legs.clone()).unwrap_or_default()
    };
    let peers = peers(shared, &legs).await;
    for leg in &legs {
        if let Leg::Room { network, room: Some(room), owner } = leg
            && let Some(adapter) = shared.adapters.get(network)
        {
            people(&**adapter, room, owner.as_ref(), &peers).await?;
        }
    }
    Ok(())
}

/// The people of a portal's chats, as their accounts know them now.
async fn peers(shared: &Shared, legs: &[Leg]) -> Vec<Persona> {
    let mut peers = Vec::new();
    for leg in legs {
        let Leg::Chat { login, chat, peer } = leg else { continue };
        if puppet_facts(shared, login, chat).is_some_and(|facts| facts.kind == RoomKind::Group) {
            peers.extend(people_of(shared, login, chat, peer));
            continue;
        }
        let known = match shared.puppets.online(login) {
            Some(puppet) => puppet.chat_with(&peer.id).await.ok(),
            None => None,
        };
        peers.push(known.map_or_else(|| peer.clone(), |(_, peer)| peer));
    }
    peers
}

/// Lists the others in a chat: those its account knows to be there, or the one it is known to be with.
pub(crate) fn people_of(
    shared: &Shared,
    login: &LoginId,
    chat: &ChatId,
    peer: &Persona,
) -> Vec<Persona> {
    match puppet_facts(shared, login, chat) {
        Some(facts) if facts.kind == RoomKind::Group && !facts.people.is_empty() => {
            facts.people.into_iter().map(shown::persona).collect()
        }
        _ => vec![peer.clone()],
    }
}

fn puppet_facts(shared: &Shared, login: &LoginId, chat: &ChatId) -> Option<ChatFacts> {
    shared.puppets.get(login)?.facts_of(chat)
}

async fn people(
    adapter: &dyn crate::Adapter,
    room: &crate::id::RoomId,
    owner: Option<&crate::model::UserId>,
    peers: &[Persona],
) -> Result<(), DeliverError> {
    for peer in peers {
        adapter.set_membership(room, peer, Membership::Join).await?;
    }
    match owner {
        Some(owner) => adapter.invite(room, owner).await,
        None => Ok(()),
    }
}
