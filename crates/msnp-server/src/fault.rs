//! Misdeeds on demand: what a client must survive.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use msnp_proto::{
    msg::Body,
    p2p::{Envelope, v1, v2},
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

/// What of a conversation is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// The switchboard's word that it took a message: `ACK`.
    Acknowledgement,
    /// The packet by which a peer acknowledges others, of either age; whoever sent it is told that it
    /// was taken.
    PeerAcknowledgement,
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
    /// Which one of a kind is lost, and how many there were.
    losses: HashMap<Lost, (u32, u32)>,
    half_open: bool,
    relay_delay: Option<Duration>,
    unreachable: HashSet<String>,
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

    /// Loses one of a kind: which, counted from 1 and from now on through all conversations.
    pub fn lose(&self, what: Lost, which: Option<u32>) {
        let mut knobs = self.knobs();
        match which {
            Some(which) => knobs.losses.insert(what, (which, 0)),
            None => knobs.losses.remove(&what),
        };
    }

    /// Makes all switchboards half open: they take what is said and deliver and answer nothing, in
    /// conversations that are under way too.
    pub fn half_open(&self, on: bool) {
        self.knobs().half_open = on;
    }

    /// Delivers what is said in conversations later, as from a peer who is slow; the order stays.
    pub fn relay_delay(&self, delay: Option<Duration>) {
        self.knobs().relay_delay = delay;
    }

    /// Answers calls for an account with 217, although it is online.
    pub fn unreachable(&self, account: &str, on: bool) {
        let (mut knobs, account) = (self.knobs(), account.to_lowercase());
        match on {
            true => knobs.unreachable.insert(account),
            false => knobs.unreachable.remove(&account),
        };
    }

    /// Counts one of a kind, and tells whether it is the one to be lost.
    pub(crate) fn loses(&self, what: Lost) -> bool {
        let mut knobs = self.knobs();
        let Some((which, seen)) = knobs.losses.get_mut(&what) else {
            return false;
        };
        *seen = seen.saturating_add(1);
        seen == which
    }

    pub(crate) fn is_half_open(&self) -> bool {
        self.knobs().half_open
    }

    pub(crate) fn relaying(&self) -> Option<Duration> {
        self.knobs().relay_delay
    }

    pub(crate) fn is_unreachable(&self, account: &str) -> bool {
        self.knobs().unreachable.contains(&account.to_lowercase())
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

/// Tells whether a message is nothing but a peer's acknowledgement.
pub(crate) fn is_peer_acknowledgement(payload: &[u8]) -> bool {
    let body = Body::read(payload);
    if body.content_type() != Envelope::CONTENT_TYPE {
        return false;
    }
    let Some(envelope) = Envelope::read(&body) else {
        return false;
    };
    if envelope.is_second_age() {
        let packet = v2::Packet::decode(envelope.packet);
        return packet.is_some_and(|it| it.acknowledges.is_some() && it.part.is_none());
    }
    v1::Header::decode(envelope.packet)
        .is_some_and(|(header, _)| header.has(v1::flag::ACKNOWLEDGES))
}
