//! What people are told about their own words: where they are carried, or that they are not.
//!
//! Each person is told once in each portal. That she was is stored when it was said, so that a crash
//! in between says it again rather than never.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    adapter::{CommandOrigin, Reply},
    error::DeliverError,
    id::{IdempotencyKey, MessageId, PortalId, RowId},
    model::{Content, Delivery, EventKind, Persona, UserId},
    record::{Leg, Told, told_key},
    shared::Shared,
    store::{Batch, Durability, Table},
    texts,
};

/// How often it is tried.
const ATTEMPTS: u32 = 5;
/// First wait between two attempts; each later one is twice as long.
const AGAIN: Duration = Duration::from_secs(2);

/// Somebody whose words come into a portal for the first time.
#[derive(Clone, Debug)]
pub(crate) struct Newcomer {
    pub(crate) portal: PortalId,
    /// Where she spoke.
    pub(crate) origin: u16,
    pub(crate) person: Persona,
    /// What she said, under its name there.
    pub(crate) message: Option<MessageId>,
    pub(crate) told: Told,
}

/// Tells somebody what becomes of her words, where she said them.
pub(crate) fn tell(shared: &Arc<Shared>, newcomer: Newcomer) {
    let Newcomer { person, .. } = &newcomer;
    let user = UserId { network: person.network.clone(), id: person.id.clone() };
    let legs = {
        let mut index = shared.index();
        let Some(found) = index.portals.get_mut(&newcomer.portal) else { return };
        if found.told.insert(user.clone(), newcomer.told) == Some(newcomer.told) {
            return;
        }
        found.record.legs.clone()
    };
    let task = {
        let shared = Arc::clone(shared);
        async move {
            let text = words(&newcomer, &legs);
            let mut wait = AGAIN;
            for attempt in 1..=ATTEMPTS {
                let said = say(&shared, &newcomer, &user, &legs, &text).await;
                match said {
                    Ok(()) => return remember(&shared, &newcomer, &user).await,
                    Err(DeliverError::Retry { after, .. }) if attempt < ATTEMPTS => {
                        tokio::select! {
                            () = sleep(after.unwrap_or(wait)) => wait *= 2,
                            () = shared.cancel.cancelled() => return,
                        }
                    }
                    Err(error) => {
                        return tracing::warn!(portal = %newcomer.portal, %error, "somebody was not told what becomes of her words");
                    }
                }
            }
        }
    };
    shared.tasks.spawn(task);
}

fn words(newcomer: &Newcomer, legs: &[Leg]) -> String {
    let name = newcomer.person.shown_name();
    let others = (0_u16..).zip(legs).filter(|(number, _)| *number != newcomer.origin);
    let places = others.filter_map(|(_, leg)| match leg {
        Leg::Chat { peer, .. } => Some(format!("{} on {}", peer.shown_name(), peer.network)),
        Leg::Room { network, .. } => Some(texts::portal::a_room_on_network(network)),
        Leg::Closed => None,
    });
    let places: Vec<String> = places.collect();
    match newcomer.told {
        Told::Carried => texts::portal::what_you_write_here_is_carried(name, places.join(", ")),
        Told::NotCarried => {
            texts::portal::what_you_write_here_is_not_carried(name, places.join(", "))
        }
    }
}

async fn say(
    shared: &Shared,
    newcomer: &Newcomer,
    user: &UserId,
    legs: &[Leg],
    text: &str,
) -> Result<(), DeliverError> {
    match legs.get(usize::from(newcomer.origin)) {
        Some(Leg::Room { network, room: Some(room), .. }) => {
            let Some(adapter) = shared.adapters.get(network) else { return Ok(()) };
            let message = newcomer.message.clone();
            let origin = CommandOrigin { user: user.clone(), room: room.clone(), message };
            let key = IdempotencyKey { row: RowId::new(), leg: newcomer.origin };
            adapter.reply(&origin, &Reply::Text(text.to_owned()), key).await
        }
        Some(Leg::Chat { login, chat, .. }) => {
            let Some(puppet) = shared.puppets.online(login) else {
                return Err(DeliverError::retry("the account is not signed in"));
            };
            let kind = EventKind::Message(Content::plain(text));
            let item = Delivery::of_the_bridge(login.clone(), chat.clone(), kind);
            puppet.deliver(chat, &item).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn remember(shared: &Shared, newcomer: &Newcomer, user: &UserId) {
    if !shared.index().portals.contains_key(&newcomer.portal) {
        return; // deleted meanwhile, and nothing of it is to be kept
    }
    let mut batch = Batch::new();
    let put = Table::put(&mut batch, told_key(newcomer.portal, user), &newcomer.told);
    let stored = match put {
        Ok(()) => {
            let done = shared.store.commit(batch, Durability::Relaxed).await;
            done.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = stored {
        tracing::warn!(portal = %newcomer.portal, %error, "that somebody was told is not noted");
    }
}
