//! Messages whose fate is told later, such as files that wait to be taken.
//!
//! A puppet that gives such a receipt names the event that will tell. Beside the receipt an event of that
//! name is kept which says that nobody knows; it goes when the other one comes. Whatever is left of these
//! at a start is told then: the session that was to tell is gone.

use std::sync::Arc;

use crate::{
    id::{SourceId, Timestamp},
    inbox::{AcceptError, Inbox as _},
    model::{DeliveryState, Event, EventKind, Scope},
    record::{Endpoint, Leg, LogRow, Seen, UnderwayRecord, dedupe_key, underway_key},
    shared::Shared,
    store::{
        Batch, CommitError, Durability, Key, KeyBuilder, Store, StoreError, Table, TableId,
        scan_all,
    },
    texts,
};

/// Adds what is told of a row at a leg should `told_by` never come; nothing where it came already.
pub(crate) async fn note(
    store: &dyn Store,
    batch: &mut Batch,
    leg: &Leg,
    row: &LogRow,
    told_by: SourceId,
) -> Result<(), StoreError> {
    let Leg::Chat { login, chat, peer } = leg else {
        return Ok(());
    };
    if Table::<Seen>::get(store, &dedupe_key(&peer.network, &told_by)).await?.is_some() {
        return Ok(());
    }
    let tell_user = texts::delivery::THE_BRIDGE_ENDED_BEFORE_IT_WAS_TAKEN.to_owned();
    let event = Event {
        network: peer.network.clone(),
        source: told_by,
        message: None,
        at: Timestamp::now(),
        scope: Scope::Chat { login: login.clone(), chat: chat.clone() },
        sender: peer.clone(),
        kind: EventKind::Delivery {
            target: row.event.message.clone(),
            state: DeliveryState::Unknown { tell_user },
        },
    };
    Table::put(batch, underway_key(&event.network, &event.source), &UnderwayRecord(event))
}

/// Reads what a former process left; to be asked before any account of this one is there.
pub(crate) async fn left(shared: &Shared) -> Result<Vec<(Key, Event)>, StoreError> {
    let all = KeyBuilder::new(TableId::Underway).prefix();
    let rows = scan_all(&*shared.store, all).await?;
    let rows = rows.into_iter().map(|(key, value)| {
        let UnderwayRecord(event) = Table::decode(&value)?;
        Ok((key, event))
    });
    rows.collect()
}

/// Tells it. What belongs to an account or a conversation that is gone is forgotten.
pub(crate) async fn tell(shared: &Arc<Shared>, left: Vec<(Key, Event)>) -> Result<(), StoreError> {
    for (key, event) in left {
        if has_conversation(shared, &event.scope) {
            match shared.accept_all(vec![event], None).await {
                Ok(()) | Err(AcceptError::UnknownLogin(_)) => {}
                Err(error) => {
                    tracing::warn!(%error, "what became of a file is told at the next start");
                    continue;
                }
            }
        }
        let mut batch = Batch::new();
        batch.remove(key);
        let removed = shared.store.commit(batch, Durability::Relaxed).await;
        removed.map_err(|error| match error {
            CommitError::Store(error) => error,
            error => StoreError::Engine(error.to_string()),
        })?;
    }
    Ok(())
}

fn has_conversation(shared: &Shared, scope: &Scope) -> bool {
    let Scope::Chat { login, chat } = scope else {
        return false;
    };
    shared.index().find(&Endpoint::Chat(login.clone(), chat.clone())).is_some()
}
