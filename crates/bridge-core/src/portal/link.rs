//! Rooms joined to portals and let go.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Change, ChangeError, change, delete::close_room};
use crate::{
    adapter::CloseReason,
    connector::Puppet,
    error::DeliverError,
    id::{LoginId, NetworkId, PersonaId, PortalId, RoomId},
    ingest::Request,
    leg,
    model::{Membership, Persona, UserId},
    record::{Endpoint, Leg, PortalRecord},
    shared::Shared,
    store::StoreError,
};

/// Why a room was not joined to a portal, or not let go.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LinkError {
    /// The store failed, or what was meant went meanwhile.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The conversation is the configuration's.
    #[error("the configuration says which rooms it has")]
    Configured,
    /// A network did not do its part.
    #[error(transparent)]
    Network(#[from] DeliverError),
    /// The room shows this conversation already.
    #[error("the room shows it already")]
    Same,
    /// The account is not signed in here.
    #[error("the account is signed out")]
    SignedOut,
    /// The room shows another conversation.
    #[error("the room shows another conversation")]
    Taken,
}

/// How a room is joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// Beside the rooms that show the conversation.
    Also,
    /// In place of the room the bridge made, or would make.
    Instead,
}

/// Joins a room to the portal with somebody, made if there is none; gives her.
pub(crate) async fn link(
    shared: &Arc<Shared>,
    user: &UserId,
    login: &LoginId,
    puppet: &dyn Puppet,
    person: &PersonaId,
    room: &RoomId,
    how: Join,
) -> Result<Persona, LinkError> {
    let network = user.network.clone();
    let here = Endpoint::Room(network.clone(), room.clone());
    let adapter = shared.adapters.get(&network).cloned();
    let adapter =
        adapter.ok_or_else(|| DeliverError::Gone("the network is switched off".into()))?;
    let (chat, peer) = puppet.chat_with(person).await?;
    let there = Endpoint::Chat(login.clone(), chat.clone());
    {
        let index = shared.index();
        match (index.endpoints.get(&here), index.endpoints.get(&there)) {
            (Some(one), Some(other)) if one == other => return Err(LinkError::Same),
            (Some(_), _) => return Err(LinkError::Taken),
            (None, _) => {}
        }
    }
    adapter.may_show(room).await?;
    let record = shared.portal_of_chat(login, &chat, peer.clone()).ok_or(LinkError::SignedOut)?;
    let portal = open(shared, there, record).await?;
    let slot = {
        let index = shared.index();
        let legs = index.portals.get(&portal).map(|found| found.record.legs.as_slice());
        let found = (0..).zip(legs.unwrap_or_default()).find(|(_, leg)| match leg {
            Leg::Room { owner, room, .. } => {
                owner.as_ref() == Some(user) && (how == Join::Instead || room.is_none())
            }
            Leg::Chat { .. } | Leg::Closed => false,
        });
        found.map(|(number, _)| number)
    };
    let wanted = match slot {
        Some(leg) => Change::Room { portal, leg, room: Some(room.clone()) },
        None => {
            let owner = Some(user.clone());
            let leg = Leg::Room { network: network.clone(), room: Some(room.clone()), owner };
            Change::Open { portal, leg }
        }
    };
    let changed = change(shared, wanted).await.map_err(|error| match error {
        ChangeError::Taken(_) => LinkError::Taken,
        error => LinkError::Change(error),
    })?;
    if let Some(Endpoint::Room(network, before)) = changed.before {
        close_room(shared, &network, &before, CloseReason::Moved).await;
    }
    // She enters before anybody speaks; whoever speaks first brings her in otherwise.
    if let Err(error) = adapter.set_membership(room, &peer, Membership::Join).await {
        tracing::warn!(%portal, %error, "a contact did not enter a room yet");
    }
    Ok(peer)
}

/// Opens the portal of a chat, unless it is open.
pub(crate) async fn open(
    shared: &Shared,
    endpoint: Endpoint,
    record: PortalRecord,
) -> Result<PortalId, ChangeError> {
    let (answer, answered) = oneshot::channel();
    let request = Request::Open { endpoint, record, answer };
    shared.ingest.send(request).await.map_err(|_| StoreError::Closed)?;
    Ok(answered.await.unwrap_or(Err(StoreError::Closed))?)
}

/// Takes a room out of its portal. Where it was the last of a personal one, the next message makes a new
/// room, so that nothing is lost. Tells how many messages waited for a room that is not replaced.
pub(crate) async fn unlink(
    shared: &Arc<Shared>,
    portal: PortalId,
    network: &NetworkId,
    room: &RoomId,
    why: CloseReason,
) -> Result<u64, LinkError> {
    let here = Endpoint::Room(network.clone(), room.clone());
    let (leg, owned, others) = {
        let index = shared.index();
        let (_, leg) =
            index.find(&here).filter(|(found, _)| *found == portal).ok_or(ChangeError::Gone)?;
        let found = index.portals.get(&portal).ok_or(ChangeError::Gone)?;
        if found.record.relay.is_some() {
            return Err(LinkError::Configured);
        }
        let rooms = (0..).zip(&found.record.legs).filter(|(number, other)| {
            *number != leg && matches!(other, Leg::Room { owner: Some(_), .. })
        });
        let owned = index.leg(portal, leg);
        let owned = matches!(owned, Some(Leg::Room { owner: Some(_), .. }));
        (leg, owned, rooms.count())
    };
    let wanted = if owned && others == 0 {
        Change::Room { portal, leg, room: None }
    } else {
        Change::Close { portal, leg }
    };
    let changed = change(shared, wanted).await?;
    close_room(shared, network, room, why).await;
    Ok(changed.waited)
}

/// Lets the owner's wish take effect who is carried in a room.
pub(crate) async fn set_relay(
    shared: &Arc<Shared>,
    portal: PortalId,
    network: &NetworkId,
    room: &RoomId,
    on: bool,
) -> Result<(), LinkError> {
    let here = Endpoint::Room(network.clone(), room.clone());
    let leg = {
        let index = shared.index();
        let configured =
            index.portals.get(&portal).is_none_or(|found| found.record.relay.is_some());
        if configured {
            return Err(LinkError::Configured);
        }
        index.find(&here).map(|(_, leg)| leg).ok_or(ChangeError::Gone)?
    };
    change(shared, Change::Mode { portal, leg, relay: on }).await?;
    Ok(())
}

/// Opens the rooms of the portal with somebody; gives her.
pub(crate) async fn open_chat(
    shared: &Arc<Shared>,
    login: &LoginId,
    puppet: &dyn Puppet,
    person: &PersonaId,
) -> Result<Persona, LinkError> {
    let (chat, peer) = puppet.chat_with(person).await?;
    let record = shared.portal_of_chat(login, &chat, peer.clone()).ok_or(LinkError::SignedOut)?;
    let portal = open(shared, Endpoint::Chat(login.clone(), chat), record).await?;
    leg::open_rooms(shared, portal).await?;
    Ok(peer)
}
