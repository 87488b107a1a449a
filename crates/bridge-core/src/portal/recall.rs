//! What is remembered of portals besides where they lead, read at the start.

use crate::{
    id::{NetworkId, PersonaId, PortalId},
    index::Index,
    model::UserId,
    record::{LegMode, Mark, Told},
    store::{Key, KeyBuilder, Store, StoreError, Table, TableId, scan_all},
};

/// Reads how legs treat their people, which waiting rows are marked, and who was told what.
pub(crate) async fn recall(store: &dyn Store, index: &mut Index) -> Result<(), StoreError> {
    for (key, value) in scan_all(store, KeyBuilder::new(TableId::LegMode).prefix()).await? {
        let mode = Table::<LegMode>::decode(&value)?;
        let leg = key.as_bytes().get(17..19).and_then(|bytes| bytes.try_into().ok());
        let found = portal_of(&key).zip(leg.map(u16::from_be_bytes));
        if let Some(now) = found.and_then(|(portal, leg)| index.leg_now(portal, leg)) {
            now.mode = mode;
        }
    }
    for (key, value) in scan_all(store, KeyBuilder::new(TableId::Mark).prefix()).await? {
        let mark = Table::<Mark>::decode(&value)?;
        let number = key.as_bytes().get(17..25).and_then(|bytes| bytes.try_into().ok());
        let found = portal_of(&key).and_then(|portal| index.portals.get_mut(&portal));
        if let (Some(found), Some(number)) = (found, number.map(u64::from_be_bytes))
            && number >= found.passed()
        {
            found.marks.insert(number, mark);
        }
    }
    for (key, value) in scan_all(store, KeyBuilder::new(TableId::Told).prefix()).await? {
        let told = Table::<Told>::decode(&value)?;
        let found = portal_of(&key).and_then(|portal| index.portals.get_mut(&portal));
        if let (Some(found), Some(person)) = (found, person_of(&key)) {
            found.told.insert(person, told);
        }
    }
    Ok(())
}

/// Reads a portal back from a key: a table byte, then the portal.
fn portal_of(key: &Key) -> Option<PortalId> {
    uuid::Uuid::from_slice(key.as_bytes().get(1..17)?).ok().map(PortalId)
}

/// Reads a person back from a key: a table byte, the portal, her network, her id, each ended by two
/// zeros. Ids with zeros in them are nobody's.
fn person_of(key: &Key) -> Option<UserId> {
    let text = str::from_utf8(key.as_bytes().get(17..)?).ok()?;
    let (network, id) = text.strip_suffix("\0\0")?.split_once("\0\0")?;
    Some(UserId { network: NetworkId::new(network), id: PersonaId::new(id) })
}
