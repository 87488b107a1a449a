//! Sign-ins that a program does for a person: a form filled in, tried out, kept only when it worked.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Desk, DeskError, Thing};
use crate::{
    connector::{Connector, LoginError, LoginField, LoginStep, StoredLogin},
    id::{LoginId, NetworkId, RowId},
    logins,
    model::UserId,
    portal::person,
    shared::Shared,
};

/// How long a sign-in may take from its beginning, and how long its outcome can be asked for.
const TIME: Duration = Duration::from_secs(600);
/// Most sign-ins under way at once of one person; her oldest gives way.
const OF_ONE: usize = 4;
/// Most sign-ins under way at once.
const OF_ALL: usize = 256;

/// The sign-ins under way.
#[derive(Default)]
pub(crate) struct SignIns(Mutex<HashMap<String, Arc<SignIn>>>);

struct SignIn {
    user: UserId,
    network: NetworkId,
    /// The account that is to be signed in again.
    again: Option<LoginId>,
    ends: Instant,
    cancel: CancellationToken,
    /// One try at a time; what came of it, once it worked.
    done: tokio::sync::Mutex<Option<LoginId>>,
}

impl SignIns {
    /// Gives those whose time is not over.
    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<SignIn>>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // One that is being tried ends by itself then.
        all.retain(|_, sign_in| sign_in.ends > now);
        all
    }
}

impl Desk {
    /// Lists the networks one can sign in to, each with what it asks for.
    pub fn flows(&self) -> Vec<(NetworkId, Vec<LoginField>)> {
        let connectors = self.shared.connectors.iter();
        let forms =
            connectors.map(|(network, connector)| (network.clone(), connector.login_form()));
        forms.filter(|(_, form)| !form.is_empty()).collect()
    }

    /// Begins a sign-in, or with `again` one to an account she has; gives its name.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] for a network or an account that is not there,
    /// [`DeskError::TooManyAccounts`], [`DeskError::TooManySignIns`].
    pub async fn begin_sign_in(
        &self,
        user: &UserId,
        network: &NetworkId,
        again: Option<&LoginId>,
    ) -> Result<String, DeskError> {
        let known = self.flows().into_iter().any(|(flow, _)| flow == *network);
        if !known {
            return Err(DeskError::NotFound(Thing::Flow));
        }
        match again {
            Some(login) => drop(self.account(user, Some(login)).await?),
            None => self.room_for_another(user)?,
        }
        let mut all = self.shared.sign_ins.all();
        let own = all.iter().filter(|(_, other)| other.user == *user);
        let mut own: Vec<(Instant, String)> =
            own.map(|(name, other)| (other.ends, name.clone())).collect();
        own.sort();
        if own.len() >= OF_ONE
            && let Some((_, oldest)) = own.first()
            && let Some(oldest) = all.remove(oldest)
        {
            oldest.cancel.cancel();
        }
        if all.len() >= OF_ALL {
            return Err(DeskError::TooManySignIns);
        }
        let name = RowId::new().to_string();
        let sign_in = SignIn {
            user: user.clone(),
            network: network.clone(),
            again: again.cloned(),
            ends: Instant::now() + TIME,
            cancel: CancellationToken::new(),
            done: tokio::sync::Mutex::default(),
        };
        all.insert(name.clone(), Arc::new(sign_in));
        Ok(name)
    }

    /// Tries a filled-in form; gives the account, which is kept and signs in now. Nothing is kept unless it
    /// worked. What worked already is only told again.
    ///
    /// # Errors
    /// [`DeskError::Invalid`]: the form can be filled in again. [`DeskError::Refused`],
    /// [`DeskError::Unavailable`], [`DeskError::Ended`]: the sign-in is over.
    pub async fn sign_in(
        &self,
        user: &UserId,
        name: &str,
        answers: BTreeMap<String, SecretString>,
    ) -> Result<LoginId, DeskError> {
        let sign_in = self.under_way(user, name)?;
        let shared = Arc::clone(&self.shared);
        let tried = self.apart(async move { sign_in.attempt(&shared, &answers).await }).await?;
        if matches!(
            tried,
            Err(DeskError::Refused(_)
                | DeskError::Unavailable(_)
                | DeskError::Ended
                | DeskError::TooManyAccounts(_))
        ) {
            self.shared.sign_ins.all().remove(name);
        }
        tried
    }

    /// Ends a sign-in. What it reached already stays.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] when there is no such one of hers.
    pub fn cancel_sign_in(&self, user: &UserId, name: &str) -> Result<(), DeskError> {
        self.under_way(user, name)?.cancel.cancel();
        self.shared.sign_ins.all().remove(name);
        Ok(())
    }

    /// Gives what a sign-in asks for.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] when there is no such one of hers.
    pub fn form_of(&self, user: &UserId, name: &str) -> Result<Vec<LoginField>, DeskError> {
        let network = self.under_way(user, name)?.network.clone();
        let form = self.flows().into_iter().find(|(flow, _)| *flow == network);
        form.map(|(_, form)| form).ok_or(DeskError::NotFound(Thing::Flow))
    }

    fn under_way(&self, user: &UserId, name: &str) -> Result<Arc<SignIn>, DeskError> {
        let found = self.shared.sign_ins.all().get(name).cloned();
        found.filter(|found| found.user == *user).ok_or(DeskError::NotFound(Thing::SignIn))
    }
}

impl SignIn {
    async fn attempt(
        &self,
        shared: &Arc<Shared>,
        answers: &BTreeMap<String, SecretString>,
    ) -> Result<LoginId, DeskError> {
        let mut done = self.done.lock().await;
        if let Some(login) = &*done {
            return Ok(login.clone());
        }
        let connector = shared.connectors.get(&self.network);
        let connector = connector.ok_or(DeskError::NotFound(Thing::Flow))?;
        let stored = tokio::select! {
            filled_in = fill_in(&**connector, answers) => filled_in?,
            () = self.cancel.cancelled() => return Err(DeskError::Ended),
            () = shared.cancel.cancelled() => return Err(DeskError::Ended),
            () = sleep_until(self.ends) => return Err(DeskError::Ended),
        };
        let login = stored.id.clone();
        if let Some(many) = logins::too_many(shared, &self.user, Some(&login)) {
            return Err(DeskError::TooManyAccounts(many));
        }
        logins::add(shared, &self.user, stored).await.map_err(DeskError::Refused)?;
        *done = Some(login.clone());
        if let Some(before) = self.again.as_ref().filter(|before| **before != login) {
            let policy = shared.config.on_logout;
            if let Err(error) = person::log_out(shared, before, policy).await {
                tracing::warn!(login = ?before, %error, "the account of before stays signed in");
            }
        }
        Ok(login)
    }
}

/// Leads the dialogue of a sign-in with the answers of a form.
async fn fill_in(
    connector: &dyn Connector,
    answers: &BTreeMap<String, SecretString>,
) -> Result<StoredLogin, DeskError> {
    let form = connector.login_form();
    if let Some(missing) = form.iter().find(|field| !answers.contains_key(field.id)) {
        return Err(DeskError::Invalid(format!("{} is missing", missing.name)));
    }
    let mut given = form.iter().filter_map(|field| answers.get(field.id).cloned());
    let mut process = connector.start_login();
    let mut answer = None;
    loop {
        match process.next(answer.take()).await {
            Ok(LoginStep::Done(login)) => return Ok(login),
            Ok(LoginStep::Ask { prompt, .. }) => match given.next() {
                Some(next) => answer = Some(next),
                None => return Err(DeskError::Invalid(prompt)),
            },
            Err(LoginError::Invalid(text)) => return Err(DeskError::Invalid(text)),
            Err(LoginError::Unreachable(text)) => return Err(DeskError::Unavailable(text)),
            Err(error) => return Err(DeskError::Refused(error.to_string())),
        }
    }
}
