//! The gate to a server: so many sign-ins a second, and one at a time while it seems to be down.
//!
//! When a server goes, all its accounts lose it at once. The gate counts those losses: after several of
//! different accounts the server counts as down, and one account at a time tries while the others wait
//! here. The first success lets everybody through again, at the usual rate.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

use crate::{backoff::Backoff, id::LoginId};

/// Losses of so many accounts…
const LOSSES: usize = 5;
/// …within this time, and the server counts as down.
const WINDOW: Duration = Duration::from_secs(60);
/// Waits between two tries of a server that is down.
const PROBE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The gates to all servers.
pub(crate) struct Gates {
    per_second: NonZeroU32,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

impl Gates {
    /// Takes how many accounts may sign in to one server in a second; none of it is one.
    pub(crate) fn new(per_second: u32) -> Self {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        Self { per_second, gates: Mutex::default() }
    }

    pub(super) fn to(&self, server: String) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates.entry(server).or_insert_with(|| Arc::new(Gate::new(self.per_second)));
        Arc::clone(gate)
    }
}

/// The gate to one server.
pub(super) struct Gate {
    limiter: Limiter,
    clock: SinceStart,
    /// Held while somebody waits for the next turn, so that turns are given in order.
    turnstile: tokio::sync::Mutex<()>,
    breaker: Mutex<Breaker>,
    /// Wakes who waits for the end of somebody else's try.
    news: Notify,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, SinceStart, NoOpMiddleware<Nanos>>;

/// The runtime's clock, so that tests may stop it.
#[derive(Clone, Debug)]
struct SinceStart(Instant);

impl Clock for SinceStart {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

/// Somebody's turn. Dropped without a word of how it went, it is given back.
pub(super) struct Turn {
    gate: Arc<Gate>,
    probe: bool,
}

impl Gate {
    fn new(per_second: NonZeroU32) -> Self {
        let clock = SinceStart(Instant::now());
        // One at a time: what may come in a burst comes in a burst to the server.
        let quota = Quota::per_second(per_second).allow_burst(NonZeroU32::MIN);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            turnstile: tokio::sync::Mutex::default(),
            breaker: Mutex::new(Breaker::new()),
            news: Notify::new(),
        }
    }

    /// Waits for a turn to sign in. Cancel safe.
    pub(super) async fn turn(self: &Arc<Self>) -> Turn {
        loop {
            let news = self.news.notified();
            let answer = self.breaker().ask(Instant::now());
            match answer {
                Answer::Go { probe } => {
                    let turn = Turn { gate: Arc::clone(self), probe };
                    self.keep_to_the_rate().await;
                    // While it waited, the server may have gone.
                    if probe || !self.breaker().is_open() {
                        return turn;
                    }
                }
                Answer::At(moment) => tokio::select! {
                    () = sleep_until(moment) => {}
                    () = news => {}
                },
                Answer::AfterNews => news.await,
            }
        }
    }

    async fn keep_to_the_rate(&self) {
        let _in_order = self.turnstile.lock().await;
        while let Err(early) = self.limiter.check() {
            sleep(early.wait_time_from(self.clock.now())).await;
        }
    }

    /// Notes that an account lost the server after it was signed in.
    pub(super) fn lost(&self, login: &LoginId) {
        self.breaker().failed(Instant::now(), login, false);
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The server answered.
    pub(super) fn worked(mut self) {
        self.probe = false;
        if self.gate.breaker().worked() {
            tracing::info!("the server is back");
        }
        self.gate.news.notify_waiters();
    }

    /// The server did not.
    pub(super) fn failed(mut self, login: &LoginId) {
        let probe = std::mem::replace(&mut self.probe, false);
        if self.gate.breaker().failed(Instant::now(), login, probe) {
            tracing::warn!("the server counts as down; one account at a time tries it");
        }
        self.gate.news.notify_waiters();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.probe {
            self.gate.breaker().given_back();
            self.gate.news.notify_waiters();
        }
    }
}

/// Whether a server counts as down; without a clock of its own.
struct Breaker {
    state: State,
    waits: Backoff,
}

enum State {
    /// It is up, as far as anybody knows; who lost it lately, and when.
    Closed(VecDeque<(Instant, LoginId)>),
    /// It is down; when the next may try, and whether somebody tries now.
    Open { next: Instant, trying: bool },
}

/// What somebody who wants to sign in is told.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// When somebody else's try has ended.
    AfterNews,
    /// Not before this moment.
    At(Instant),
    /// Now; as the one who tries whether the server is back, or as everybody.
    Go { probe: bool },
}

impl Breaker {
    fn new() -> Self {
        let (least, longest) = PROBE;
        Self { state: State::Closed(VecDeque::new()), waits: Backoff::new(least, longest) }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    fn ask(&mut self, now: Instant) -> Answer {
        match &mut self.state {
            State::Closed(_) => Answer::Go { probe: false },
            State::Open { trying: true, .. } => Answer::AfterNews,
            State::Open { next, .. } if now < *next => Answer::At(*next),
            State::Open { trying, .. } => {
                *trying = true;
                Answer::Go { probe: true }
            }
        }
    }

    /// Notes a loss; tells whether the server counts as down just since then.
    fn failed(&mut self, now: Instant, login: &LoginId, probe: bool) -> bool {
        match &mut self.state {
            State::Closed(losses) => {
                losses.retain(|(at, other)| now - *at < WINDOW && other != login);
                losses.push_back((now, login.clone()));
                if losses.len() < LOSSES {
                    return false;
                }
                self.state = State::Open { next: now + self.waits.next_wait(), trying: false };
                true
            }
            State::Open { next, trying } => {
                if probe {
                    (*next, *trying) = (now + self.waits.next_wait(), false);
                }
                false
            }
        }
    }

    /// Notes a success; tells whether the server counted as down.
    fn worked(&mut self) -> bool {
        let down = self.is_open();
        if down {
            self.state = State::Closed(VecDeque::new());
            self.waits.reset();
        }
        down
    }

    fn given_back(&mut self) {
        if let State::Open { trying, .. } = &mut self.state {
            *trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(number: usize) -> LoginId {
        LoginId::new(format!("login {number}"))
    }

    #[tokio::test(start_paused = true)]
    async fn one_account_alone_never_makes_a_server_count_as_down() {
        let mut breaker = Breaker::new();
        for _ in 0..100 {
            assert!(!breaker.failed(Instant::now(), &login(1), false));
        }
        for number in 0..LOSSES - 1 {
            assert!(!breaker.failed(Instant::now(), &login(number), false));
        }
        // Losses of long ago are forgotten.
        assert!(!breaker.failed(Instant::now() + WINDOW, &login(9), false));
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_down_one_tries_at_a_time_and_success_lets_all_through() {
        let mut breaker = Breaker::new();
        let now = Instant::now();
        for number in 0..LOSSES {
            assert_eq!(breaker.failed(now, &login(number), false), number + 1 == LOSSES);
        }
        let Answer::At(next) = breaker.ask(now) else { panic!("nobody may try yet") };
        assert_eq!(breaker.ask(next), Answer::Go { probe: true });
        assert_eq!(breaker.ask(next), Answer::AfterNews);
        breaker.failed(next, &login(0), true);
        let Answer::At(later) = breaker.ask(next) else { panic!("nobody may try yet") };
        assert!(later > next);
        assert_eq!(breaker.ask(later), Answer::Go { probe: true });
        breaker.given_back();
        assert_eq!(breaker.ask(later), Answer::Go { probe: true }, "another takes the turn");
        assert!(breaker.worked());
        assert_eq!(breaker.ask(later), Answer::Go { probe: false });
        assert!(!breaker.worked());
    }

    #[tokio::test(start_paused = true)]
    async fn turns_keep_to_the_rate() {
        let gate = Gates::new(20).to("server".to_owned());
        let began = Instant::now();
        for _ in 0..41 {
            gate.turn().await.worked();
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(2) && took < Duration::from_millis(2200), "{took:?}");
    }
}
