//! What the homeserver is told of how available ghosts are, and when: without I/O, by a clock that is
//! handed in.
//!
//! Only changes are sent, one at a time and at a pace that leaves the homeserver to messages. Some
//! homeservers forget (Synapse as it comes lets `unavailable` die after half a minute and `online` after a
//! minute): whether this one does is found out by reading one ghost's presence back, which is not
//! refreshed meanwhile.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use bridge_core::{
    id::{LoginId, RoomId},
    model::{Persona, PresenceState},
};
use ruma::{OwnedUserId, presence::PresenceState as MatrixPresence};
use tokio::time::Instant;

use crate::config::PresenceRefresh;

/// The least time between two requests: forty a second, a tenth of what a small homeserver can do.
const PACE: Duration = Duration::from_millis(25);
/// When what was sent is sent again, at the earliest; an `unavailable` lives for 31 seconds.
const REFRESH: Duration = Duration::from_secs(20);
/// How much later at most, so that not all come at once.
const SPREAD: Duration = Duration::from_secs(5);
/// When it is looked whether presence is taken at all.
const TAKEN: Duration = Duration::from_secs(2);
/// When it is looked whether an `unavailable` is still there, and an `online`.
const KEPT: (Duration, Duration) = (Duration::from_secs(40), Duration::from_secs(80));
/// How long a homeserver that takes no presence is left alone.
const OFF: Duration = Duration::from_secs(3600);
/// First and longest wait after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Most ghosts; past it new ones are left out.
const LIMIT: usize = 50_000;

/// Who says how somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// An account's contact list.
    List(LoginId),
    /// What is told in a room, as that of a relay.
    Room(RoomId),
}

/// How a ghost looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) state: PresenceState,
    pub(crate) text: Option<String>,
}

impl Look {
    pub(crate) const OFFLINE: Self = Self { state: PresenceState::Offline, text: None };

    /// Gives what Matrix has for it.
    pub(crate) fn presence(&self) -> MatrixPresence {
        match self.state {
            PresenceState::Offline => MatrixPresence::Offline,
            PresenceState::Online => MatrixPresence::Online,
            _ => MatrixPresence::Unavailable,
        }
    }

    fn rank(&self) -> u8 {
        match self.state {
            PresenceState::Offline => 0,
            PresenceState::Online => 2,
            _ => 1,
        }
    }
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read a ghost's presence back.
    Read { ghost: OwnedUserId },
    /// Send a ghost's presence.
    Send {
        ghost: OwnedUserId,
        persona: Persona,
        look: Look,
        /// Whether the homeserver was told just that before.
        again: bool,
    },
    /// Nothing until then, or until something is told.
    Wait(Option<Instant>),
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// It may work later.
    Failed {
        after: Option<Duration>,
    },
    /// The homeserver does not take this one.
    Refused,
    /// The homeserver has no presence.
    Unknown,
}

/// What is known of the homeserver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Homeserver {
    Forgets,
    Keeps,
    /// It takes no presence; asked again then.
    Off(Instant),
    Unknown,
}

pub(crate) struct Keeper {
    refresh: PresenceRefresh,
    homeserver: Homeserver,
    ghosts: HashMap<OwnedUserId, Ghost>,
    /// Of whom each source speaks.
    sources: HashMap<Source, HashSet<OwnedUserId>>,
    /// Ghosts that look otherwise than was sent, longest first.
    changes: VecDeque<OwnedUserId>,
    /// When what was sent is sent again; void where the ghost was sent something since.
    refreshes: VecDeque<(Instant, OwnedUserId, u64)>,
    probe: Option<Probe>,
    /// Not before this.
    free: Instant,
    failures: u32,
    sends: u64,
}

struct Ghost {
    persona: Persona,
    /// What each source says, the latest last.
    said: Vec<(Source, Look)>,
    sent: Option<Look>,
    /// The number of the last send.
    number: u64,
    queued: bool,
}

/// A ghost whose presence is read back.
struct Probe {
    ghost: OwnedUserId,
    look: Look,
    sent: Instant,
    /// Whether it was seen to be taken.
    taken: bool,
}

impl Probe {
    fn due(&self) -> Instant {
        let wait = match (self.taken, self.look.presence()) {
            (false, _) => TAKEN,
            (true, MatrixPresence::Online) => KEPT.1,
            (true, _) => KEPT.0,
        };
        self.sent + wait
    }
}

impl Ghost {
    /// The most available of what is said; of two alike the later.
    fn wanted(&self) -> Look {
        let looks = self.said.iter().map(|(_, look)| look);
        looks.max_by_key(|look| look.rank()).cloned().unwrap_or(Look::OFFLINE)
    }
}

impl Keeper {
    pub(crate) fn new(refresh: PresenceRefresh, now: Instant) -> Self {
        Self {
            refresh,
            homeserver: Homeserver::Unknown,
            ghosts: HashMap::new(),
            sources: HashMap::new(),
            changes: VecDeque::new(),
            refreshes: VecDeque::new(),
            probe: None,
            free: now,
            failures: 0,
            sends: 0,
        }
    }

    pub(crate) fn homeserver(&self) -> Homeserver {
        self.homeserver
    }

    /// Takes all that a source says; of whom it said something before and does not now, it says nothing
    /// any more.
    pub(crate) fn tell_all(
        &mut self,
        source: &Source,
        told: impl IntoIterator<Item = (OwnedUserId, Persona, Look)>,
    ) {
        let before = self.sources.remove(source).unwrap_or_default();
        for (ghost, persona, look) in told {
            self.tell(source, ghost, persona, look);
        }
        let now = self.sources.get(source);
        let silent = before.into_iter().filter(|ghost| now.is_none_or(|now| !now.contains(ghost)));
        for ghost in silent.collect::<Vec<_>>() {
            if let Some(found) = self.ghosts.get_mut(&ghost) {
                found.said.retain(|(said, _)| said != source);
            }
            self.queue(ghost);
        }
    }

    /// Takes what a source says of one.
    pub(crate) fn tell(
        &mut self,
        source: &Source,
        ghost: OwnedUserId,
        persona: Persona,
        look: Look,
    ) {
        if self.ghosts.len() >= LIMIT && !self.ghosts.contains_key(&ghost) {
            return;
        }
        let found = self.ghosts.entry(ghost.clone()).or_insert_with(|| Ghost {
            persona: persona.clone(),
            said: Vec::new(),
            sent: None,
            number: 0,
            queued: false,
        });
        // Her name goes with what is sent next; it is no reason to send something.
        if persona.name.is_some() {
            found.persona = persona;
        }
        let same = found.said.iter().any(|(said, before)| said == source && *before == look);
        if !same {
            found.said.retain(|(said, _)| said != source);
            found.said.push((source.clone(), look));
        }
        self.sources.entry(source.clone()).or_default().insert(ghost.clone());
        self.queue(ghost);
    }

    /// Gives what is to be done next.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        if let Homeserver::Off(until) = self.homeserver {
            if now < until {
                return Step::Wait(Some(until));
            }
            self.homeserver = Homeserver::Unknown;
            for ghost in self.ghosts.keys().cloned().collect::<Vec<_>>() {
                self.queue(ghost);
            }
        }
        if now < self.free {
            return Step::Wait(Some(self.free));
        }
        if let Some(probe) = &self.probe
            && probe.due() <= now
        {
            return Step::Read { ghost: probe.ghost.clone() };
        }
        while let Some(ghost) = self.changes.pop_front() {
            let Some(found) = self.ghosts.get_mut(&ghost) else { continue };
            found.queued = false;
            let look = found.wanted();
            if found.sent.as_ref() == Some(&look) {
                continue;
            }
            let persona = found.persona.clone();
            return Step::Send { ghost, persona, look, again: false };
        }
        while let Some((due, ghost, number)) = self.refreshes.front() {
            let found = self.ghosts.get(ghost).filter(|found| found.number == *number);
            let Some(found) = found.filter(|_| self.homeserver != Homeserver::Keeps) else {
                self.refreshes.pop_front();
                continue;
            };
            if *due > now {
                break;
            }
            if self.probe.as_ref().is_some_and(|probe| probe.ghost == *ghost) {
                // It is looked how long it lasts.
                let later = (now + REFRESH, ghost.clone(), *number);
                self.refreshes.pop_front();
                self.refreshes.push_back(later);
                continue;
            }
            let (look, persona, ghost) = (found.wanted(), found.persona.clone(), ghost.clone());
            self.refreshes.pop_front();
            return Step::Send { ghost, persona, look, again: true };
        }
        let refresh = self.refreshes.front().map(|(due, ..)| *due);
        let probe = self.probe.as_ref().map(Probe::due);
        Step::Wait([refresh, probe].into_iter().flatten().min())
    }

    /// Notes what came of a send. `jitter` is from 0 to 1.
    pub(crate) fn sent(
        &mut self,
        ghost: OwnedUserId,
        look: Look,
        outcome: Outcome,
        now: Instant,
        jitter: f64,
    ) {
        self.free = now + PACE;
        match outcome {
            Outcome::Done | Outcome::Refused => self.failures = 0,
            Outcome::Failed { after } => {
                let doubled = RETRY.0 * 2_u32.saturating_pow(self.failures.min(10));
                self.failures += 1;
                self.free = now + after.unwrap_or(doubled).clamp(RETRY.0, RETRY.1);
                // What the homeserver has is not known; of whom nobody speaks any more, it must still be
                // told that she is gone.
                if let Some(found) = self.ghosts.get_mut(&ghost).filter(|of| !of.said.is_empty()) {
                    found.sent = None;
                }
                self.probe = self.probe.take().filter(|probe| probe.ghost != ghost);
                return self.queue(ghost);
            }
            Outcome::Unknown => return self.switch_off(now),
        }
        self.sends += 1;
        let Some(found) = self.ghosts.get_mut(&ghost) else { return };
        found.number = self.sends;
        found.sent = Some(look.clone());
        let lives = look.state != PresenceState::Offline && outcome == Outcome::Done;
        if !lives && found.said.is_empty() {
            self.ghosts.remove(&ghost);
        } else if lives {
            let due = now + REFRESH + SPREAD.mul_f64(jitter.clamp(0.0, 1.0));
            if self.refresh != PresenceRefresh::Never {
                self.refreshes.push_back((due, ghost.clone(), self.sends));
            }
            if self.probe.as_ref().is_some_and(|probe| probe.ghost == ghost) {
                self.probe = None;
            }
            if self.homeserver == Homeserver::Unknown && self.probe.is_none() {
                self.probe = Some(Probe { ghost: ghost.clone(), look, sent: now, taken: false });
            }
        } else if self.probe.as_ref().is_some_and(|probe| probe.ghost == ghost) {
            self.probe = None;
        }
        // It may look otherwise by now.
        self.queue(ghost);
    }

    /// Notes what was read back of a ghost; none when it could not be read.
    pub(crate) fn read(
        &mut self,
        ghost: &OwnedUserId,
        found: Option<MatrixPresence>,
        now: Instant,
    ) {
        self.free = now + PACE;
        let Some(mut probe) = self.probe.take().filter(|probe| probe.ghost == *ghost) else {
            return;
        };
        let Some(found) = found else {
            // Another ghost will do.
            self.free = now + RETRY.0;
            return;
        };
        let same = found == probe.look.presence();
        match (probe.taken, self.refresh) {
            (false, _) if found == MatrixPresence::Offline => self.switch_off(now),
            (false, PresenceRefresh::Auto) => {
                probe.taken = true;
                self.probe = Some(probe);
            }
            (false, PresenceRefresh::Always) => self.homeserver = Homeserver::Forgets,
            (false, PresenceRefresh::Never) => self.homeserver = Homeserver::Keeps,
            (true, _) if same => {
                self.homeserver = Homeserver::Keeps;
                self.refreshes.clear();
            }
            (true, _) => {
                self.homeserver = Homeserver::Forgets;
                if let Some(found) = self.ghosts.get_mut(ghost) {
                    found.sent = None;
                }
                self.queue(ghost.clone());
            }
        }
    }

    fn switch_off(&mut self, now: Instant) {
        self.homeserver = Homeserver::Off(now + OFF);
        self.probe = None;
        self.changes.clear();
        self.refreshes.clear();
        self.ghosts.retain(|_, ghost| {
            (ghost.sent, ghost.queued) = (None, false);
            !ghost.said.is_empty()
        });
    }

    /// Puts a ghost in line, if it looks otherwise than was sent.
    fn queue(&mut self, ghost: OwnedUserId) {
        let Some(found) = self.ghosts.get_mut(&ghost) else { return };
        if matches!(self.homeserver, Homeserver::Off(_)) || found.queued {
            return;
        }
        if found.sent.is_none() && found.said.is_empty() {
            self.ghosts.remove(&ghost);
        } else if found.sent.as_ref() != Some(&found.wanted()) {
            found.queued = true;
            self.changes.push_back(ghost);
        }
    }
}

#[cfg(test)]
mod tests;
