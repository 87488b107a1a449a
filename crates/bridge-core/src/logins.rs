//! Accounts that are signed in: kept, loaded, forgotten.

use std::sync::Arc;

use crate::{
    appearance,
    connector::StoredLogin,
    id::LoginId,
    model::UserId,
    notice,
    record::{LoginRecord, appearance_key, login_key, standing_key},
    roster,
    shared::Shared,
    store::{Batch, CommitError, Durability, KeyBuilder, StoreError, Table, TableId},
    supervisor::{
        Owner,
        standing::{self, Standing},
        supervise,
    },
    texts,
};

/// Keeps a login, its credentials sealed, and brings its puppet to life.
pub(crate) async fn add(
    shared: &Arc<Shared>,
    owner: &UserId,
    login: StoredLogin,
) -> Result<(), String> {
    let own = Owner::Person(owner.clone());
    if shared.puppets.owner(&login.id).is_some_and(|other| other != own) {
        return Err("somebody else is signed in to that account here.".to_owned());
    }
    if let Some(many) = too_many(shared, owner, Some(&login.id)) {
        return Err(texts::account::you_have_as_many_accounts(many));
    }
    let key = login_key(&login.id);
    let sealed =
        shared.key.seal(key.as_bytes(), &login.credentials).map_err(|error| error.to_string())?;
    let record = LoginRecord {
        network: login.persona.network.clone(),
        owner: owner.clone(),
        persona: login.persona.clone(),
        sealed,
    };
    let mut batch = Batch::new();
    Table::put(&mut batch, key, &record).map_err(|error| error.to_string())?;
    // Whatever kept it away, a person has acted.
    batch.remove(standing_key(&login.id));
    shared.store.commit(batch, Durability::Durable).await.map_err(|error| error.to_string())?;
    bring_to_life(shared, owner.clone(), login, None).await
}

/// Tells whether somebody has as many accounts as she may have, and how many that is; one of hers that is
/// signed in again counts for none.
pub(crate) fn too_many(shared: &Shared, owner: &UserId, again: Option<&LoginId>) -> Option<usize> {
    let own = shared.puppets.of(owner);
    let known = own.iter().any(|(login, _)| Some(login) == again);
    (!known && own.len() >= shared.config.accounts_each).then_some(own.len())
}

/// Brings the puppets of all kept logins to life.
pub(crate) async fn load_all(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let all = KeyBuilder::new(TableId::Login).prefix();
    for (key, record) in Table::<LoginRecord>::scan(&*shared.store, all, 100_000).await? {
        let Some(id) = login_of(key.as_bytes()) else {
            continue;
        };
        if shared.puppets.owner(&id) == Some(Owner::Bridge) {
            tracing::error!(login = ?id, "an account of the bridge's own is also somebody's; hers waits");
            continue;
        }
        let credentials = match shared.key.open(key.as_bytes(), &record.sealed) {
            Ok(credentials) => credentials,
            Err(error) => {
                tracing::error!(login = ?id, %error, "a login cannot be used; its owner must `login` again");
                continue;
            }
        };
        let login = StoredLogin { id, persona: record.persona, credentials };
        let standing = standing::load(&*shared.store, &login.id).await?;
        if let Err(error) = bring_to_life(shared, record.owner, login, standing).await {
            tracing::error!(%error, "a login cannot be used");
        }
    }
    Ok(())
}

/// Signs an account out and forgets it.
pub(crate) async fn remove(shared: &Shared, login: &LoginId) -> Result<(), CommitError> {
    let mut batch = Batch::new();
    batch.remove(login_key(login));
    batch.remove(standing_key(login));
    batch.remove(appearance_key(login));
    appearance::remove_picture(&*shared.store, &mut batch, login).await?;
    notice::forget_account(shared, &mut batch, login).await?;
    shared.store.commit(batch, Durability::Durable).await?;
    let owner = shared.puppets.owner(login);
    shared.puppets.remove(login);
    if let Some(Owner::Person(owner)) = owner {
        let last = shared.puppets.of(&owner).is_empty();
        shared.outward.forget(login, last.then_some(&owner));
        roster::gone(shared, login, &owner);
    }
    Ok(())
}

async fn bring_to_life(
    shared: &Arc<Shared>,
    owner: UserId,
    login: StoredLogin,
    standing: Option<Standing>,
) -> Result<(), String> {
    let connector = shared.connectors.get(&login.persona.network);
    let connector = connector.ok_or_else(|| "its network is switched off".to_owned())?;
    shared.echoes.know(&login.id, &login.persona.id);
    shared.outward.forget(&login.id, None);
    let puppet = connector.load(login).map_err(|error| error.to_string())?;
    appearance::restore(&*shared.store, &*puppet).await;
    supervise(shared, Owner::Person(owner), puppet, standing);
    Ok(())
}

/// Reads a login's id back from its key: a table byte, the text, two zeros.
pub(crate) fn login_of(key: &[u8]) -> Option<LoginId> {
    let text = key.get(1..)?.strip_suffix(&[0, 0])?;
    str::from_utf8(text).ok().map(LoginId::new)
}
