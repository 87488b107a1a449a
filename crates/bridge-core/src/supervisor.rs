//! Puppets and their lives: one task each, a policy for each way to end.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    adapter::Reply,
    backoff::Backoff,
    command::tell_owner,
    connector::{Puppet, PuppetContext, PuppetExit},
    id::{LoginId, Timestamp},
    model::{Capabilities, UserId},
    shared::Shared,
};

/// First and longest wait before signing in again.
const RECONNECT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long a link may be broken before its owner is told.
const PATIENCE: Duration = Duration::from_secs(180);
/// Time between two accounts' sign-ins: a server that comes back must not be run down by all at once.
const SIGN_IN_EVERY: Duration = Duration::from_millis(50);
/// Time online after which waits begin anew.
const STABLE: Duration = Duration::from_secs(120);
/// Wait after being signed in elsewhere, once; then two clients would fight.
const AFTER_KICK: Duration = Duration::from_secs(60);
/// Wait after a broken protocol or a panic.
const AFTER_BUG: Duration = Duration::from_secs(600);
/// Wait for a person to act; a `relogin` ends it.
const UNTIL_TOLD: Duration = Duration::MAX;
/// Wait after the server asked for peace.
const AFTER_DRAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(180));

/// Whose an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The bridge's own, from its configuration.
    Bridge,
    /// Somebody's who signed in.
    Person(UserId),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge => f.write_str("the bridge"),
            Self::Person(user) => user.fmt(f),
        }
    }
}

/// How an account is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum LoginState {
    /// The network refuses the password; `login` again.
    BadCredentials,
    /// Signed in.
    Connected,
    /// Signing in.
    Connecting,
    /// Signed in somewhere else, twice; `relogin` brings it back.
    Kicked,
    /// Signed out by its owner.
    LoggedOut,
    /// Not begun yet.
    Starting,
    /// The link broke; signing in again soon.
    TransientDisconnect,
    /// The network broke the protocol; trying again later.
    UnknownError,
    /// The link has been broken for minutes; still trying.
    Unreachable,
}

impl LoginState {
    pub(crate) const ALL: [Self; 9] = [
        Self::BadCredentials,
        Self::Connected,
        Self::Connecting,
        Self::Kicked,
        Self::LoggedOut,
        Self::Starting,
        Self::TransientDisconnect,
        Self::UnknownError,
        Self::Unreachable,
    ];

    /// Its name for programs.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::BadCredentials => "BAD_CREDENTIALS",
            Self::Connected => "CONNECTED",
            Self::Connecting => "CONNECTING",
            Self::Kicked => "KICKED",
            Self::LoggedOut => "LOGGED_OUT",
            Self::Starting => "STARTING",
            Self::TransientDisconnect => "TRANSIENT_DISCONNECT",
            Self::UnknownError => "UNKNOWN_ERROR",
            Self::Unreachable => "UNREACHABLE",
        }
    }
}

impl fmt::Display for LoginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadCredentials => "the password is refused",
            Self::Connected => "connected",
            Self::Connecting => "connecting",
            Self::Kicked => "signed in somewhere else",
            Self::LoggedOut => "logged out",
            Self::Starting => "starting",
            Self::TransientDisconnect => "disconnected, trying again",
            Self::UnknownError => "failed, trying again later",
            Self::Unreachable => "not reached for a while, still trying",
        })
    }
}

/// An account as `status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct LoginStatus {
    /// The account.
    pub login: LoginId,
    /// Whose it is.
    pub owner: String,
    /// How it is doing.
    pub state: LoginState,
    /// Since when.
    pub since: Timestamp,
    /// Why it is not connected, in words.
    pub reason: Option<String>,
}

/// All puppets of a core.
#[derive(Default)]
pub(crate) struct Puppets {
    entries: Mutex<BTreeMap<LoginId, Entry>>,
    /// When the next account may sign in.
    next_sign_in: Mutex<Option<Instant>>,
}

struct Entry {
    owner: Owner,
    puppet: Arc<dyn Puppet>,
    online: watch::Sender<bool>,
    cancel: CancellationToken,
    /// Ends the session, or the wait for the next.
    anew: Arc<Notify>,
    state: LoginState,
    since: Timestamp,
    reason: Option<String>,
}

impl Puppets {
    pub(crate) fn owner(&self, login: &LoginId) -> Option<Owner> {
        self.entries().get(login).map(|entry| entry.owner.clone())
    }

    pub(crate) fn capabilities(&self, login: &LoginId) -> Option<Capabilities> {
        self.entries().get(login).map(|entry| entry.puppet.capabilities())
    }

    /// Gives a puppet that is signed in now.
    pub(crate) fn online(&self, login: &LoginId) -> Option<Arc<dyn Puppet>> {
        let entries = self.entries();
        entries
            .get(login)
            .filter(|entry| *entry.online.borrow())
            .map(|entry| Arc::clone(&entry.puppet))
    }

    /// Waits for a puppet to be signed in; none when there is no such login, or it is signed out.
    pub(crate) async fn wait_online(&self, login: &LoginId) -> Option<Arc<dyn Puppet>> {
        loop {
            let (puppet, mut online) = {
                let entries = self.entries();
                let entry = entries.get(login)?;
                (Arc::clone(&entry.puppet), entry.online.subscribe())
            };
            // The sender goes when the login is replaced or signed out: look again then.
            if online.wait_for(|online| *online).await.is_ok() {
                return Some(puppet);
            }
        }
    }

    /// Gives the puppets of one owner.
    pub(crate) fn of(&self, owner: &UserId) -> Vec<(LoginId, Arc<dyn Puppet>)> {
        let entries = self.entries();
        let own = entries
            .iter()
            .filter(|(_, entry)| matches!(&entry.owner, Owner::Person(user) if user == owner));
        own.map(|(login, entry)| (login.clone(), Arc::clone(&entry.puppet))).collect()
    }

    /// Lists the people who are signed in to some account, in order.
    pub(crate) fn owners(&self) -> Vec<UserId> {
        let entries = self.entries();
        let owners = entries.values().filter_map(|entry| match &entry.owner {
            Owner::Person(user) => Some(user.clone()),
            Owner::Bridge => None,
        });
        let mut owners: Vec<UserId> = owners.collect();
        owners.sort();
        owners.dedup();
        owners
    }

    pub(crate) fn status(&self) -> Vec<LoginStatus> {
        let entries = self.entries();
        let all = entries.iter().map(|(login, entry)| LoginStatus {
            login: login.clone(),
            owner: entry.owner.to_string(),
            state: entry.state,
            since: entry.since,
            reason: entry.reason.clone(),
        });
        all.collect()
    }

    /// Ends an account's session, so that another begins at once.
    pub(crate) fn begin_anew(&self, login: &LoginId) {
        if let Some(entry) = self.entries().get(login) {
            entry.anew.notify_one();
        }
    }

    /// Signs an account out and forgets it; its rows are reported undeliverable.
    pub(crate) fn remove(&self, login: &LoginId) -> bool {
        let removed = self.entries().remove(login);
        removed.inspect(|entry| entry.cancel.cancel()).is_some()
    }

    /// Tells how an account is doing; tells whether that is news.
    fn set(&self, login: &LoginId, state: LoginState, reason: Option<String>) -> bool {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(login) else {
            return false;
        };
        entry.reason = reason;
        let news = std::mem::replace(&mut entry.state, state) != state;
        if news {
            entry.since = Timestamp::now();
            tracing::info!(%login, ?state, "account");
        }
        news
    }

    /// Waits for the account's turn to sign in.
    async fn turn(&self) {
        let turn = {
            let mut next = self.next_sign_in.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(turn + SIGN_IN_EVERY);
            turn
        };
        sleep_until(turn).await;
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<LoginId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a puppet in and keeps it alive; an older one of the same login ends.
pub(crate) fn supervise(shared: &Arc<Shared>, owner: Owner, puppet: Arc<dyn Puppet>) {
    let login = puppet.login().clone();
    let (online, _) = watch::channel(false);
    let cancel = shared.cancel.child_token();
    let anew = Arc::new(Notify::new());
    let entry = Entry {
        owner: owner.clone(),
        puppet: Arc::clone(&puppet),
        online: online.clone(),
        cancel: cancel.clone(),
        anew: Arc::clone(&anew),
        state: LoginState::Starting,
        since: Timestamp::now(),
        reason: None,
    };
    let before = shared.puppets.entries().insert(login.clone(), entry);
    if let Some(before) = before {
        before.cancel.cancel();
    }
    let life = Life {
        shared: Arc::clone(shared),
        login,
        owner,
        puppet,
        online,
        cancel,
        anew,
        again: AtomicBool::default(),
        told_away: AtomicBool::default(),
    };
    shared.tasks.spawn(life.run());
}

struct Life {
    shared: Arc<Shared>,
    login: LoginId,
    owner: Owner,
    puppet: Arc<dyn Puppet>,
    online: watch::Sender<bool>,
    cancel: CancellationToken,
    anew: Arc<Notify>,
    /// Whether the session was ended for another to begin.
    again: AtomicBool,
    /// Whether the owner was told that the account is away.
    told_away: AtomicBool,
}

impl Life {
    async fn run(self) {
        let mut backoff = Backoff::new(RECONNECT.0, RECONNECT.1);
        let mut kicked_before = false;
        let mut down_since: Option<Instant> = None;
        loop {
            tokio::select! {
                () = self.shared.puppets.turn() => {}
                () = self.cancel.cancelled() => return,
            }
            if !self.told_away.load(Ordering::Relaxed) {
                self.set(LoginState::Connecting, None);
            }
            let began = Instant::now();
            let exit = self.session().await;
            self.online.send_replace(false);
            if self.cancel.is_cancelled() {
                return;
            }
            if began.elapsed() >= STABLE {
                backoff.reset();
                kicked_before = false;
                down_since = None;
            }
            let down = down_since.get_or_insert_with(Instant::now).elapsed();
            let wait = match exit {
                PuppetExit::Cancelled if self.again.swap(false, Ordering::Relaxed) => {
                    Duration::ZERO
                }
                PuppetExit::Cancelled => return self.set(LoginState::LoggedOut, None),
                PuppetExit::AuthRejected(reason) => {
                    self.set(LoginState::BadCredentials, Some(reason.clone()));
                    let mend = match self.owner {
                        Owner::Bridge => {
                            "Set the right one in the relay's password_file, and restart."
                        }
                        Owner::Person(_) => "Use `login` to enter the password again.",
                    };
                    let text = format!("{reason} {mend}");
                    self.tell(text).await;
                    UNTIL_TOLD
                }
                PuppetExit::KickedElsewhere if kicked_before => {
                    self.set(LoginState::Kicked, Some("signed in somewhere else".to_owned()));
                    let text = "The account signed in somewhere else again, and the bridge leaves \
                                it alone. Use `relogin` when it shall come back.";
                    self.tell(text.to_owned()).await;
                    kicked_before = false;
                    UNTIL_TOLD
                }
                PuppetExit::KickedElsewhere => {
                    kicked_before = true;
                    let reason = "signed in somewhere else".to_owned();
                    self.set(LoginState::TransientDisconnect, Some(reason));
                    AFTER_KICK
                }
                PuppetExit::ProtocolBug(reason) => {
                    tracing::error!(login = %self.login, %reason, "the protocol broke");
                    self.set(LoginState::UnknownError, Some(reason));
                    AFTER_BUG
                }
                PuppetExit::ServerDraining => {
                    let reason = "the server is going down".to_owned();
                    self.set(LoginState::TransientDisconnect, Some(reason));
                    Backoff::new(AFTER_DRAIN.0, AFTER_DRAIN.1).next_wait()
                }
                PuppetExit::Transient { reason, after } if down < PATIENCE => {
                    self.set(LoginState::TransientDisconnect, Some(reason));
                    after.unwrap_or_else(|| backoff.next_wait())
                }
                PuppetExit::Transient { reason, after } => {
                    self.set(LoginState::Unreachable, Some(reason.clone()));
                    if !self.told_away.swap(true, Ordering::Relaxed) {
                        let minutes = down.as_secs() / 60;
                        self.tell(format!(
                            "{} has not been connected for {minutes} minutes: {reason}. I keep trying, \
                             and what you write waits.",
                            self.login
                        ))
                        .await;
                    }
                    after.unwrap_or_else(|| backoff.next_wait())
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.anew.notified() => {}
                () = self.cancel.cancelled() => return,
            }
        }
    }

    /// Runs one session in a task of its own, so that a panic there ends only it.
    async fn session(&self) -> PuppetExit {
        let cx = PuppetContext {
            inbox: Arc::new(Arc::clone(&self.shared)),
            cancel: self.cancel.child_token(),
            online: self.online.clone(),
        };
        let session_ends = cx.cancel.clone();
        let mut session = tokio::spawn(Arc::clone(&self.puppet).run(cx));
        let mut online = self.online.subscribe();
        loop {
            tokio::select! {
                ended = &mut session => {
                    return ended.unwrap_or_else(|error| {
                        PuppetExit::ProtocolBug(format!("the puppet panicked: {error}"))
                    });
                }
                () = self.anew.notified() => {
                    self.again.store(true, Ordering::Relaxed);
                    session_ends.cancel();
                }
                changed = online.changed() => {
                    if changed.is_ok() && *online.borrow_and_update() {
                        self.set(LoginState::Connected, None);
                        if self.told_away.swap(false, Ordering::Relaxed) {
                            self.tell(format!("{} is connected again.", self.login)).await;
                        }
                    }
                }
            }
        }
    }

    fn set(&self, state: LoginState, reason: Option<String>) {
        self.shared.puppets.set(&self.login, state, reason);
    }

    /// Tells the owner; the bridge's own accounts are its operator's, who reads the log.
    async fn tell(&self, text: String) {
        match &self.owner {
            Owner::Bridge => tracing::error!(login = %self.login, "{text}"),
            Owner::Person(user) => tell_owner(&self.shared, user, &Reply::Text(text)).await,
        }
    }
}
