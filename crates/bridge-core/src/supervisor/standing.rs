//! What its owner was told of an account last, kept so that a restart neither says it again nor tries in
//! vain what a person must mend first.

use serde::{Deserialize, Serialize};

use super::LoginState;
use crate::{
    id::{LoginId, Timestamp},
    record::standing_key,
    shared::Shared,
    store::{Batch, Durability, Store, StoreError, Table},
};

/// A state that lasts over restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) trouble: Trouble,
    pub(crate) reason: Option<String>,
    pub(crate) since: Timestamp,
}

/// What keeps an account away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trouble {
    /// Its owner was told that it is not reached.
    Away,
    /// It signed in somewhere else, twice.
    Kicked,
    /// The password is refused.
    Refused,
}

impl Trouble {
    /// Tells whether nothing is tried until a person acts.
    pub(super) fn waits_for_a_person(self) -> bool {
        matches!(self, Self::Kicked | Self::Refused)
    }

    pub(super) fn state(self) -> LoginState {
        match self {
            Self::Away => LoginState::Unreachable,
            Self::Kicked => LoginState::Kicked,
            Self::Refused => LoginState::BadCredentials,
        }
    }
}

/// Reads what a former process noted.
pub(crate) async fn load(
    store: &dyn Store,
    login: &LoginId,
) -> Result<Option<Standing>, StoreError> {
    Table::get(store, &standing_key(login)).await
}

/// Notes a trouble.
pub(super) async fn note(shared: &Shared, login: &LoginId, standing: &Standing) {
    let mut batch = Batch::new();
    let staged = Table::put(&mut batch, standing_key(login), standing);
    commit(shared, staged.map(|()| batch)).await;
}

/// Notes that there is no trouble any more; writes only where there was one.
pub(super) async fn clear(shared: &Shared, login: &LoginId) {
    let mut batch = Batch::new();
    batch.remove(standing_key(login));
    match load(&*shared.store, login).await {
        Ok(None) => {}
        Ok(Some(_)) => commit(shared, Ok(batch)).await,
        Err(error) => commit(shared, Err(error)).await,
    }
}

async fn commit(shared: &Shared, batch: Result<Batch, StoreError>) {
    let noted = match batch {
        Ok(batch) => shared.store.commit(batch, Durability::Durable).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = noted {
        tracing::warn!(%error, "how an account is doing could not be noted");
    }
}
