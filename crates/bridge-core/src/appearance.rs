//! How accounts shall appear: kept, so that a restart does not forget it.

use crate::{
    connector::{Puppet, SelfPatch},
    error::DeliverError,
    id::LoginId,
    model::Reject,
    record::{AppearanceRecord, appearance_key},
    shared::Shared,
    store::{Batch, Durability, Store, StoreError, Table},
};

/// What came of a wish.
pub(crate) enum Wished {
    /// Everybody sees it.
    Now,
    /// The account is away; it comes true at the next sign-in.
    Later,
}

/// Changes how an account appears, now and after each later sign-in.
///
/// # Errors
/// The network's refusal; nothing is kept then.
pub(crate) async fn change(
    shared: &Shared,
    login: &LoginId,
    puppet: &dyn Puppet,
    patch: SelfPatch,
) -> Result<Wished, DeliverError> {
    let wished = match puppet.set_self(patch.clone()).await {
        Ok(()) => Wished::Now,
        Err(DeliverError::Reject { reason: Reject::Offline, .. }) => Wished::Later,
        Err(error) => return Err(error),
    };
    keep(shared, login, patch).await.map_err(|error| DeliverError::retry(error.to_string()))?;
    Ok(wished)
}

async fn keep(shared: &Shared, login: &LoginId, patch: SelfPatch) -> Result<(), StoreError> {
    let key = appearance_key(login);
    let before: AppearanceRecord = Table::get(&*shared.store, &key).await?.unwrap_or_default();
    let record = AppearanceRecord {
        name: patch.name.or(before.name),
        state: patch.state.or(before.state),
        status_text: patch.status_text.or(before.status_text),
    };
    let mut batch = Batch::new();
    Table::put(&mut batch, key, &record)?;
    let stored = shared.store.commit(batch, Durability::Durable).await;
    stored.map_err(|error| StoreError::Engine(error.to_string()))
}

/// Tells a puppet that has no session yet how its account shall appear.
pub(crate) async fn restore(store: &dyn Store, puppet: &dyn Puppet) {
    let kept = Table::<AppearanceRecord>::get(store, &appearance_key(puppet.login())).await;
    let patch = match kept {
        Ok(Some(AppearanceRecord { name, state, status_text })) => {
            SelfPatch { name, state, status_text }
        }
        Ok(None) => return,
        Err(error) => return tracing::warn!(%error, "how an account shall appear cannot be read"),
    };
    // It takes note; that it is not connected yet is no failure.
    if let Err(error) = puppet.set_self(patch).await
        && !matches!(error, DeliverError::Reject { reason: Reject::Offline, .. })
    {
        tracing::warn!(login = ?puppet.login(), %error, "an account does not appear as it shall");
    }
}
