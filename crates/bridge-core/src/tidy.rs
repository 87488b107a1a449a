//! What is not needed for delivery any more, removed when it is old.
//!
//! Names and repetitions are looked through a page at a time, with other requests to the store in
//! between.

use std::{sync::Arc, time::Duration};

use crate::{
    command::remove_old_traces,
    id::{PortalId, RowId, Timestamp},
    portal::{
        delete::{after, remove_all, sweep},
        fate,
    },
    record::{AuditRecord, RowOf, Seen},
    shared::Shared,
    store::{
        Batch, CommitError, Durability, Key, KeyBuilder, KeyRange, Store, StoreError, Table,
        TableId, Value,
    },
};

/// How often old facts are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(3600);
/// Entries looked at and removed at once.
const PAGE: usize = 1000;

/// Tidies until the core ends: first what deletions left, then what is old, hour after hour.
pub(crate) async fn run(shared: Arc<Shared>) {
    let remains = std::mem::take(&mut shared.index().remains);
    for portal in remains {
        if let Err(error) = sweep(&*shared.store, portal).await {
            tracing::warn!(%portal, %error, "what a deletion left could not be removed");
        }
    }
    if let Err(error) = let_go_of_passed(&shared).await {
        tracing::warn!(%error, "rows that nobody waits for are kept");
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(TIDY_EVERY) => {}
            () = shared.cancel.cancelled() => return,
        }
        tokio::select! {
            done = forget_old(&shared) => {
                if let Err(error) = done {
                    tracing::warn!(%error, "old facts could not be tidied away");
                }
            }
            () = shared.cancel.cancelled() => return,
        }
        if let Some(place) = shared.config.traces.clone() {
            // Whether it could be looked at is in the log.
            let _ = tokio::task::spawn_blocking(move || remove_old_traces(&place)).await;
        }
    }
}

/// Removes rows that every leg has passed: what is left of a leg that was closed in the moment of a crash,
/// or while another left a row behind.
async fn let_go_of_passed(shared: &Shared) -> Result<(), StoreError> {
    let portals: Vec<(PortalId, u64)> = {
        let index = shared.index();
        index.portals.iter().map(|(id, portal)| (*id, portal.passed())).collect()
    };
    for (portal, passed) in portals {
        for table in [TableId::PortalLog, TableId::Overflow] {
            let range = KeyBuilder::new(table).portal(portal);
            let end = range.clone().number(passed).build();
            let range = KeyRange { start: range.prefix().start, end: Some(end) };
            remove_all(&*shared.store, range).await?;
        }
    }
    Ok(())
}

async fn forget_old(shared: &Shared) -> Result<(), StoreError> {
    let (store, retention) = (&*shared.store, shared.config.retention);
    let before = |life: Duration| {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        Timestamp(shared.clock.now().0.saturating_sub(life))
    };
    let oldest = before(retention.seen);
    remove_where(store, TableId::Dedupe, |_, value| {
        Table::<Seen>::decode(value).is_ok_and(|seen| seen.0 < oldest)
    })
    .await?;
    let oldest = before(retention.names);
    remove_where(store, TableId::MessageReverse, |_, value| {
        Table::<RowOf>::decode(value).is_ok_and(|row_of| row_of.row.minted() < oldest)
    })
    .await?;
    remove_where(store, TableId::MessageForward, |key, _| {
        row_of_name(key).is_some_and(|row| row.minted() < oldest)
    })
    .await?;
    let oldest = before(retention.audit);
    remove_where(store, TableId::Audit, |_, value| {
        Table::<AuditRecord>::decode(value).is_ok_and(|record| record.at < oldest)
    })
    .await?;
    let oldest = before(retention.failed);
    for failed in fate::list(store, None).await? {
        if failed.fate.at < oldest {
            commit(store, fate::removal(store, &failed).await?).await?;
        }
    }
    Ok(())
}

async fn remove_where(
    store: &dyn Store,
    table: TableId,
    old: impl Fn(&Key, &Value) -> bool,
) -> Result<(), StoreError> {
    let mut rest: KeyRange = KeyBuilder::new(table).prefix();
    loop {
        let page = store.scan(rest.clone(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        let next = after(last);
        let mut batch = Batch::new();
        for (key, value) in page {
            if old(&key, &value) {
                batch.remove(key);
            }
        }
        if !batch.is_empty() {
            commit(store, batch).await?;
        }
        rest = rest.starting_at(next);
    }
}

/// Reads the row back from the key of its names: a table byte, the row, the leg.
fn row_of_name(key: &Key) -> Option<RowId> {
    uuid::Uuid::from_slice(key.as_bytes().get(1..17)?).ok().map(RowId)
}

async fn commit(store: &dyn Store, batch: Batch) -> Result<(), StoreError> {
    match store.commit(batch, Durability::Relaxed).await {
        Ok(()) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
        Err(error) => Err(StoreError::Engine(error.to_string())),
    }
}
