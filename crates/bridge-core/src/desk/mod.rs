//! What a program does for a person outside of a chat: her accounts, a sign-in, her contacts, a room.
//!
//! The chat's commands and this meet in the same functions; nothing is decided here twice. Whoever holds
//! a [`Desk`] has made sure who the person is.

mod people;
mod sign_in;

use std::{fmt, sync::Arc};

use serde::Serialize;
use tokio::sync::watch;

pub use self::people::Found;
pub(crate) use self::sign_in::SignIns;
use crate::{
    command::{Role, management_room},
    error::DeliverError,
    id::{LoginId, NetworkId, PersonaId, RoomId, Timestamp},
    logins,
    model::UserId,
    options,
    portal::{link::LinkError, person},
    record::{LoginRecord, login_key},
    shared::Shared,
    store::{StoreError, Table},
    supervisor::{LoginState, Owner},
};

/// A place to do things for people; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

/// An account somebody is signed in to here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account in this bridge.
    pub login: LoginId,
    /// Whose it is.
    pub owner: UserId,
    /// Its network.
    pub network: NetworkId,
    /// Its own id there.
    pub id: PersonaId,
    /// Its name there, as it was at the sign-in.
    pub name: Option<String>,
    /// How it is doing.
    pub state: LoginState,
    /// Since when.
    pub since: Timestamp,
    /// Why it is not connected, in words for people.
    pub reason: Option<String>,
}

/// Why something was not done. Every text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The sign-in was cancelled, or took too long.
    #[error("the sign-in is over: begin another")]
    Ended,
    /// What was said cannot be right.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing of hers.
    #[error("there is no such {0}")]
    NotFound(Thing),
    /// She has no account here.
    #[error("you are not signed in to any account")]
    NoAccount,
    /// The network refused it.
    #[error("{0}")]
    Refused(String),
    /// She has as many accounts as she may have.
    #[error("you have {0} accounts here, and may have no more")]
    TooManyAccounts(usize),
    /// Too many sign-ins are under way.
    #[error("too many sign-ins are under way: try again in some minutes")]
    TooManySignIns,
    /// It did not work, and may later.
    #[error("{0}")]
    Unavailable(String),
}

/// What was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Thing {
    /// An account of hers.
    Account,
    /// A network to sign in to.
    Flow,
    /// A sign-in under way.
    SignIn,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account of yours",
            Self::Flow => "way to sign in",
            Self::SignIn => "sign-in under way",
        })
    }
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Tells whether somebody may sign in here.
    pub fn may_sign_in(&self, user: &UserId) -> bool {
        self.shared.role(user) >= Role::User
    }

    /// Gives something whose value changes whenever an account comes, goes, or does otherwise.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.puppets.changes()
    }

    /// Lists the accounts of everybody, in order; the bridge's own are left out.
    ///
    /// # Errors
    /// [`StoreError`] when their names cannot be read.
    pub async fn all_accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut accounts = Vec::new();
        for status in self.shared.puppets.status() {
            let login = status.login;
            let Some(Owner::Person(owner)) = self.shared.puppets.owner(&login) else { continue };
            let record = Table::<LoginRecord>::get(&*self.shared.store, &login_key(&login)).await?;
            // Signed out just now.
            let Some(LoginRecord { persona, network, .. }) = record else { continue };
            let (id, name) = (persona.id, persona.name);
            let (state, since, reason) = (status.state, status.since, status.reason);
            accounts.push(Account { login, owner, network, id, name, state, since, reason });
        }
        Ok(accounts)
    }

    /// Lists somebody's accounts, in order.
    ///
    /// # Errors
    /// As [`all_accounts`](Self::all_accounts).
    pub async fn accounts(&self, user: &UserId) -> Result<Vec<Account>, StoreError> {
        let mut accounts = self.all_accounts().await?;
        accounts.retain(|account| account.owner == *user);
        Ok(accounts)
    }

    /// Gives the room where somebody gave commands last.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn management_room(&self, user: &UserId) -> Result<Option<RoomId>, StoreError> {
        Ok(management_room(&self.shared, user).await?.map(|origin| origin.room))
    }

    /// Signs somebody's account out and forgets it; its conversations become what the configuration says.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] when it is not hers.
    pub async fn log_out(&self, user: &UserId, login: &LoginId) -> Result<(), DeskError> {
        let login = self.account(user, Some(login)).await?;
        let shared = Arc::clone(&self.shared);
        self.apart(async move {
            let policy = shared.config.on_logout;
            person::log_out(&shared, &login, policy).await
        })
        .await?
        .map_err(|error| DeskError::Unavailable(error.to_string()))
    }

    /// Chooses the account that is meant: the one named, the one she prefers, one that is connected, any.
    async fn account(&self, user: &UserId, named: Option<&LoginId>) -> Result<LoginId, DeskError> {
        let own: Vec<LoginId> =
            self.shared.puppets.of(user).into_iter().map(|(login, _)| login).collect();
        if let Some(named) = named {
            let found = own.into_iter().find(|login| login == named);
            return found.ok_or(DeskError::NotFound(Thing::Account));
        }
        let preferred = options::preferred(&self.shared, user).await;
        let connected = |login: &&LoginId| self.shared.puppets.online(login).is_some();
        let chosen = own
            .iter()
            .find(|login| Some(*login) == preferred.as_ref())
            .or_else(|| own.iter().find(connected))
            .or_else(|| own.first());
        chosen.cloned().ok_or(DeskError::NoAccount)
    }

    /// Refuses an account more than somebody may have.
    fn room_for_another(&self, user: &UserId) -> Result<(), DeskError> {
        match logins::too_many(&self.shared, user, None) {
            Some(many) => Err(DeskError::TooManyAccounts(many)),
            None => Ok(()),
        }
    }

    /// Does something to its end, whether or not somebody still waits for it.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, DeskError> {
        if self.shared.cancel.is_cancelled() {
            return Err(DeskError::Unavailable("the bridge is stopping".to_owned()));
        }
        let done = self.shared.tasks.spawn(work).await;
        done.map_err(|error| {
            tracing::error!(%error, "something done for a person panicked");
            DeskError::Unavailable("something went wrong here; the log says more".to_owned())
        })
    }
}

impl From<DeliverError> for DeskError {
    fn from(error: DeliverError) -> Self {
        match error {
            DeliverError::Reject { tell_user, .. } => Self::Refused(tell_user),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<LinkError> for DeskError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Network(error) => error.into(),
            LinkError::SignedOut => Self::NotFound(Thing::Account),
            error => Self::Unavailable(error.to_string()),
        }
    }
}
