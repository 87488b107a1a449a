//! The end of a portal: rooms closed, and nothing of it left in the store.

use std::{collections::BTreeSet, sync::Arc};

use super::{Change, ChangeError, change, fate};
use crate::{
    adapter::CloseReason,
    id::{PortalId, RoomId, RowId},
    record::{Leg, RowOf, portal_key},
    shared::Shared,
    store::{
        Batch, CommitError, Durability, Key, KeyBuilder, KeyRange, Store, StoreError, Table,
        TableId,
    },
};

/// Entries removed in one commit.
const PAGE: usize = 1000;

/// Deletes a portal: its rooms are closed, its messages, names and notes removed. Tells how many messages
/// waited in it.
pub(crate) async fn delete(
    shared: &Arc<Shared>,
    portal: PortalId,
    why: CloseReason,
) -> Result<u64, ChangeError> {
    let Some(gone) = change(shared, Change::Delete { portal }).await?.gone else {
        return Err(ChangeError::Gone);
    };
    // Tasks that still write about it end, for it is gone.
    gone.tasks.close();
    gone.tasks.wait().await;
    for leg in &gone.record.legs {
        if let Leg::Room { network, room: Some(room), .. } = leg {
            close_room(shared, network, room, why).await;
        }
    }
    sweep(&*shared.store, portal).await?;
    Ok(gone.waiting())
}

/// Takes the bridge out of a room, as far as the platform lets it.
pub(crate) async fn close_room(
    shared: &Shared,
    network: &crate::id::NetworkId,
    room: &RoomId,
    why: CloseReason,
) {
    let Some(adapter) = shared.adapters.get(network) else {
        return;
    };
    if let Err(error) = adapter.close_room(room, why).await {
        tracing::warn!(%network, %error, "a room could not be closed");
    }
}

/// Removes everything a portal left in the store; its record last, so that what is cut off is done again
/// by the next start.
pub(crate) async fn sweep(store: &dyn Store, portal: PortalId) -> Result<(), StoreError> {
    for table in [
        TableId::PortalLog,
        TableId::Overflow,
        TableId::Leg,
        TableId::LegMode,
        TableId::Mark,
        TableId::Told,
    ] {
        remove_all(store, KeyBuilder::new(table).portal(portal).prefix()).await?;
    }
    for range in fate::ranges_of(portal) {
        remove_all(store, range).await?;
    }
    remove_names(store, portal).await?;
    let mut batch = Batch::new();
    batch.remove(portal_key(portal));
    commit(store, batch).await
}

/// Removes the names of a portal's messages, and that their events were seen.
async fn remove_names(store: &dyn Store, portal: PortalId) -> Result<(), StoreError> {
    let mut from = KeyBuilder::new(TableId::MessageReverse).prefix();
    loop {
        let page = Table::<RowOf>::scan(store, from.clone(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        let next = after(last);
        let mut rows: BTreeSet<RowId> = BTreeSet::new();
        let mut batch = Batch::new();
        for (key, row_of) in page.iter().filter(|(_, row_of)| row_of.portal == portal) {
            rows.insert(row_of.row);
            batch.remove(key.clone());
            // A message's name is that of its event on the networks that name messages.
            batch.remove(Key::from_bytes(
                [&[TableId::Dedupe.byte()], key.as_bytes().get(1..).unwrap_or_default()].concat(),
            ));
        }
        for row in rows {
            let names = KeyBuilder::new(TableId::MessageForward).row(row).prefix();
            for (key, _) in store.scan(names, PAGE).await? {
                batch.remove(key);
            }
        }
        if !batch.is_empty() {
            commit(store, batch).await?;
        }
        from = from.starting_at(next);
    }
}

/// Removes a range, a page at a time.
pub(crate) async fn remove_all(store: &dyn Store, range: KeyRange) -> Result<(), StoreError> {
    loop {
        let page = store.scan(range.clone(), PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for (key, _) in page {
            batch.remove(key);
        }
        commit(store, batch).await?;
    }
}

/// The first key after another.
pub(crate) fn after(key: &Key) -> Key {
    Key::from_bytes([key.as_bytes(), &[0]].concat())
}

pub(crate) async fn commit(store: &dyn Store, batch: Batch) -> Result<(), StoreError> {
    match store.commit(batch, Durability::Durable).await {
        Ok(()) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
        Err(error) => Err(StoreError::Engine(error.to_string())),
    }
}
