//! Messages that did not arrive, or may not have: kept for a while, seen, sent again, given up.
//!
//! A message that waits is a row of its portal's log and needs no other note. One that failed, or may
//! have, leaves the log and is kept here with its words until it is sent again, or too old.

use crate::{
    clock::Clock,
    id::{PortalId, RowId},
    model::{DeliveryState, UserId},
    record::{FateRecord, LogRow, fate_key},
    store::{
        Batch, Key, KeyBuilder, KeyRange, MAX_VALUE_LENGTH, Store, StoreError, Table, TableId,
        scan_all,
    },
};

/// Longest text kept about why.
const TEXT_LIMIT: usize = 500;

/// A message that failed at a leg, as it is kept.
pub(crate) struct Kept {
    pub(crate) fate: FateRecord,
    pub(crate) row: LogRow,
    /// What removes it.
    pub(crate) removal: Batch,
}

/// A message that failed, where it is named.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) portal: PortalId,
    pub(crate) row: RowId,
    pub(crate) leg: u16,
    pub(crate) fate: FateRecord,
}

/// Adds what became of a row at a leg, and the row itself; `doubtful` where an attempt may have arrived all
/// the same.
pub(crate) fn put(
    batch: &mut Batch,
    clock: &Clock,
    portal: PortalId,
    leg: u16,
    row: &LogRow,
    state: &DeliveryState,
    doubtful: bool,
) -> Result<(), StoreError> {
    let cut = |text: &String| text.chars().take(TEXT_LIMIT).collect::<String>();
    let state = match state {
        DeliveryState::Failed { reason, tell_user } => {
            DeliveryState::Failed { reason: *reason, tell_user: cut(tell_user) }
        }
        DeliveryState::Unknown { tell_user } => {
            DeliveryState::Unknown { tell_user: cut(tell_user) }
        }
        state @ (DeliveryState::Delivered { .. } | DeliveryState::Waiting) => state.clone(),
    };
    let sender = &row.event.sender;
    let sender = UserId { network: sender.network.clone(), id: sender.id.clone() };
    let fate = FateRecord { at: clock.now(), state, sender, doubtful };
    Table::put(batch, fate_key(portal, row.row, leg), &fate)?;
    for (number, piece) in (0..).zip(Table::encode(row)?.chunks(MAX_VALUE_LENGTH)) {
        batch.put(pieces(portal, row.row, leg).small(number).build(), piece.to_vec())?;
    }
    Ok(())
}

/// Reads a message that failed; none when there is none, or not any more.
pub(crate) async fn take(
    store: &dyn Store,
    portal: PortalId,
    row: RowId,
    leg: u16,
) -> Result<Option<Kept>, StoreError> {
    let key = fate_key(portal, row, leg);
    let Some(fate) = Table::<FateRecord>::get(store, &key).await? else {
        return Ok(None);
    };
    let pieces = scan_all(store, pieces(portal, row, leg).prefix()).await?;
    let mut removal = Batch::new();
    removal.remove(key);
    let mut bytes = Vec::new();
    for (key, piece) in pieces {
        removal.remove(key);
        bytes.extend(piece);
    }
    Ok(Some(Kept { fate, row: Table::decode(&bytes)?, removal }))
}

/// Lists messages that failed in one portal, or in all, the oldest first within each.
pub(crate) async fn list(
    store: &dyn Store,
    portal: Option<PortalId>,
) -> Result<Vec<Failed>, StoreError> {
    let all = KeyBuilder::new(TableId::Fate);
    let range = match portal {
        Some(portal) => all.portal(portal).prefix(),
        None => all.prefix(),
    };
    let rows = scan_all(store, range).await?;
    let failed = rows.into_iter().filter_map(|(key, value)| {
        let (portal, row, leg) = parts_of(&key)?;
        Some(Table::decode(&value).map(|fate| Failed { portal, row, leg, fate }))
    });
    failed.collect()
}

/// Gives what removes everything kept of a message that failed.
pub(crate) async fn removal(store: &dyn Store, failed: &Failed) -> Result<Batch, StoreError> {
    let Failed { portal, row, leg, .. } = failed;
    let mut batch = Batch::new();
    batch.remove(fate_key(*portal, *row, *leg));
    for (key, _) in scan_all(store, pieces(*portal, *row, *leg).prefix()).await? {
        batch.remove(key);
    }
    Ok(batch)
}

/// Removes everything kept of a message that failed.
pub(crate) async fn forget(store: &dyn Store, failed: &Failed) -> Result<(), StoreError> {
    super::delete::commit(store, removal(store, failed).await?).await
}

/// All that is kept of messages that failed in a portal.
pub(crate) fn ranges_of(portal: PortalId) -> [KeyRange; 2] {
    [TableId::Fate, TableId::FateRow].map(|table| KeyBuilder::new(table).portal(portal).prefix())
}

fn pieces(portal: PortalId, row: RowId, leg: u16) -> KeyBuilder {
    KeyBuilder::new(TableId::FateRow).portal(portal).row(row).small(leg)
}

/// Reads a key back: a table byte, the portal, the row, the leg.
fn parts_of(key: &Key) -> Option<(PortalId, RowId, u16)> {
    let bytes = key.as_bytes();
    let id = |from: usize| uuid::Uuid::from_slice(bytes.get(from..from + 16)?).ok();
    let leg = bytes.get(33..35)?.try_into().ok()?;
    Some((PortalId(id(1)?), RowId(id(17)?), u16::from_be_bytes(leg)))
}
