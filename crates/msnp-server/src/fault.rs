//! Misdeeds on demand: what a client must survive.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What the servers do when a client says a certain verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Close the link.
    Drop,
    /// Answer with an error number.
    Error(u16),
    /// Say an endless line.
    EndlessLine,
    /// Announce a payload with a length that lies.
    LyingLength,
    /// Answer nothing.
    Silence,
}

/// What the sign-in over HTTP does instead of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpFault {
    /// Its work.
    #[default]
    None,
    /// Redirect to itself without end.
    RedirectForEver,
    /// Answer with a status.
    Status(u16),
}

/// Misdeeds of a running network; cheap to clone, all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Knobs>>);

#[derive(Debug, Default)]
struct Knobs {
    split: Option<usize>,
    delay: Option<Duration>,
    misdeeds: HashMap<String, Misdeed>,
    nexus: HttpFault,
    login: HttpFault,
    challenge: bool,
    detours: HashMap<String, SocketAddr>,
    /// How often all tickets ended before their time.
    ended: u32,
}

impl Faults {
    /// Writes in pieces of so many bytes.
    pub fn split(&self, bytes: Option<usize>) {
        self.knobs().split = bytes.filter(|bytes| *bytes > 0);
    }

    /// Waits before each write.
    pub fn delay(&self, delay: Option<Duration>) {
        self.knobs().delay = delay;
    }

    /// Does something bad whenever a client says a verb, such as `CAL`, or `USR S` for the second
    /// step of signing in.
    pub fn on(&self, verb: &str, misdeed: Option<Misdeed>) {
        let mut knobs = self.knobs();
        match misdeed {
            Some(misdeed) => knobs.misdeeds.insert(verb.to_owned(), misdeed),
            None => knobs.misdeeds.remove(verb),
        };
    }

    /// Spoils the nexus.
    pub fn nexus(&self, fault: HttpFault) {
        self.knobs().nexus = fault;
    }

    /// Spoils the login.
    pub fn login(&self, fault: HttpFault) {
        self.knobs().login = fault;
    }

    /// Challenges each client that signs in and closes on a wrong answer.
    pub fn challenge(&self, on: bool) {
        self.knobs().challenge = on;
    }

    /// Tells an account another address for its conversations than the switchboard's own, as a
    /// server behind something that forwards does.
    pub fn detour(&self, account: &str, address: SocketAddr) {
        self.knobs().detours.insert(account.to_lowercase(), address);
    }

    /// Ends all tickets for the web services that were given so far.
    pub fn expire_tickets(&self) {
        let mut knobs = self.knobs();
        knobs.ended = knobs.ended.wrapping_add(1);
    }

    pub(crate) fn ended(&self) -> u32 {
        self.knobs().ended
    }

    pub(crate) fn detour_of(&self, account: &str) -> Option<SocketAddr> {
        self.knobs().detours.get(&account.to_lowercase()).copied()
    }

    pub(crate) fn writing(&self) -> (Option<usize>, Option<Duration>) {
        let knobs = self.knobs();
        (knobs.split, knobs.delay)
    }

    pub(crate) fn misdeed(&self, verb: &str) -> Option<Misdeed> {
        self.knobs().misdeeds.get(verb).copied()
    }

    pub(crate) fn http(&self) -> (HttpFault, HttpFault) {
        let knobs = self.knobs();
        (knobs.nexus, knobs.login)
    }

    pub(crate) fn challenges(&self) -> bool {
        self.knobs().challenge
    }

    fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
