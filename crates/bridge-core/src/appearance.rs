//! How accounts shall appear: kept, so that a restart does not forget it.

use crate::{
    connector::{OwnPicture, Puppet, SelfPatch},
    error::DeliverError,
    id::LoginId,
    model::{Reject, UserId},
    outward,
    record::{AppearanceRecord, appearance_key},
    roster,
    shared::Shared,
    store::{
        Batch, Durability, KeyBuilder, MAX_VALUE_LENGTH, Store, StoreError, Table, TableId,
        scan_all,
    },
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
    shared.outward.overridden(login, &patch);
    keep(&*shared.store, login, patch)
        .await
        .map_err(|error| DeliverError::retry(error.to_string()))?;
    roster::changed(shared, login);
    Ok(wished)
}

/// Lets an account appear as its owner does on her own platform, whatever was said before.
///
/// # Errors
/// [`StoreError`] when it could not be stored; nothing is changed then.
pub(crate) async fn let_go(
    shared: &Shared,
    login: &LoginId,
    owner: &UserId,
) -> Result<(), StoreError> {
    let key = appearance_key(login);
    let before: AppearanceRecord = Table::get(&*shared.store, &key).await?.unwrap_or_default();
    let mut batch = Batch::new();
    let now = AppearanceRecord { name: before.name, ..AppearanceRecord::default() };
    Table::put(&mut batch, key, &now)?;
    let stored = shared.store.commit(batch, Durability::Durable).await;
    stored.map_err(|error| StoreError::Engine(error.to_string()))?;
    outward::wished(shared, owner);
    Ok(())
}

async fn keep(store: &dyn Store, login: &LoginId, patch: SelfPatch) -> Result<(), StoreError> {
    let key = appearance_key(login);
    let before: AppearanceRecord = Table::get(store, &key).await?.unwrap_or_default();
    let record = AppearanceRecord {
        name: patch.name.or(before.name),
        state: patch.state.or(before.state),
        status_text: patch.status_text.or(before.status_text),
    };
    let mut batch = Batch::new();
    Table::put(&mut batch, key, &record)?;
    if let Some(picture) = &patch.picture {
        remove_picture(store, &mut batch, login).await?;
        let pieces = picture.bytes().unwrap_or_default().chunks(MAX_VALUE_LENGTH);
        for (number, piece) in (0..).zip(pieces) {
            batch.put(pieces_of(login).small(number).build(), piece.to_vec())?;
        }
    }
    let stored = store.commit(batch, Durability::Durable).await;
    stored.map_err(|error| StoreError::Engine(error.to_string()))
}

fn pieces_of(login: &LoginId) -> KeyBuilder {
    KeyBuilder::new(TableId::Picture).text(login.as_str())
}

/// Forgets the picture an account shall show.
pub(crate) async fn remove_picture(
    store: &dyn Store,
    batch: &mut Batch,
    login: &LoginId,
) -> Result<(), StoreError> {
    for (key, _) in scan_all(store, pieces_of(login).prefix()).await? {
        batch.remove(key);
    }
    Ok(())
}

/// Reads the picture an account shall show; none when nothing was ever said of one.
async fn picture(store: &dyn Store, login: &LoginId) -> Result<Option<OwnPicture>, StoreError> {
    let pieces = scan_all(store, pieces_of(login).prefix()).await?;
    let bytes: Vec<u8> = pieces.into_iter().flat_map(|(_, piece)| piece).collect();
    Ok((!bytes.is_empty()).then(|| OwnPicture::new(bytes)))
}

async fn kept(store: &dyn Store, login: &LoginId) -> Result<Option<SelfPatch>, StoreError> {
    let Some(record) = Table::<AppearanceRecord>::get(store, &appearance_key(login)).await? else {
        return Ok(None);
    };
    let AppearanceRecord { name, state, status_text } = record;
    let picture = picture(store, login).await?;
    Ok(Some(SelfPatch { name, state, status_text, picture }))
}

/// Tells a puppet that has no session yet how its account shall appear.
pub(crate) async fn restore(store: &dyn Store, puppet: &dyn Puppet) {
    let patch = match kept(store, puppet.login()).await {
        Ok(Some(patch)) => patch,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn a_picture_is_kept_whole_replaced_and_forgotten() {
        let (store, login) = (MemoryStore::new(), LoginId::new("n:a@b"));
        let shown = async |picture: &[u8]| {
            let picture = Some(OwnPicture::new(picture.to_vec()));
            let patch = SelfPatch { picture, ..SelfPatch::default() };
            keep(&store, &login, patch).await.unwrap();
            let kept = kept(&store, &login).await.unwrap().unwrap();
            kept.picture.and_then(|picture| picture.bytes().map(<[u8]>::to_vec))
        };
        let large: Vec<u8> = (0..=255).cycle().take(3 * MAX_VALUE_LENGTH + 1).collect();
        assert_eq!(shown(&large).await, Some(large));
        assert_eq!(shown(b"small").await.as_deref(), Some(&b"small"[..]));
        // Another wish leaves it as it is.
        let patch = SelfPatch { name: Some("Ada".to_owned()), ..SelfPatch::default() };
        keep(&store, &login, patch).await.unwrap();
        assert!(kept(&store, &login).await.unwrap().unwrap().picture.is_some());
        assert_eq!(shown(b"").await, None);
    }
}
