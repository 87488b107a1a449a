//! One account's life: a session after the other, each with a watch over it, until it is signed out.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinError},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Entry, LoginState, Owner,
    gate::{Gate, Turn},
    policy::{Decision, End, History, PATIENCE, STABLE, Wait, decide},
    standing::{self, Standing, Trouble},
};
use crate::{
    adapter::Reply,
    backoff::Backoff,
    command::tell_owner,
    connector::{Puppet, PuppetContext, PuppetExit},
    id::{LoginId, Timestamp},
    measures, notice, outward, roster,
    shared::Shared,
    texts,
};

/// First and longest wait before signing in again.
const RECONNECT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long a session that was told to end may take.
const GRACE: Duration = Duration::from_secs(5);

/// Takes a puppet in and keeps it alive; an older one of the same login ends.
///
/// What a former process noted of the account is in force again: one whose password was refused waits
/// for a person, and nobody is told twice. The bridge's own accounts are tried all the same, for their
/// operator mends them by a restart.
pub(crate) fn supervise(
    shared: &Arc<Shared>,
    owner: Owner,
    puppet: Arc<dyn Puppet>,
    standing: Option<Standing>,
) {
    let login = puppet.login().clone();
    let (online, _) = watch::channel(false);
    let cancel = shared.sign_out.child_token();
    let anew = Arc::new(Notify::new());
    let standing = standing
        .filter(|standing| !(standing.trouble.waits_for_a_person() && owner == Owner::Bridge));
    let entry = Entry {
        owner: owner.clone(),
        puppet: Arc::clone(&puppet),
        online: online.clone(),
        cancel: cancel.clone(),
        anew: Arc::clone(&anew),
        state: standing.as_ref().map_or(LoginState::Starting, |kept| kept.trouble.state()),
        since: standing.as_ref().map_or_else(Timestamp::now, |kept| kept.since),
        reason: standing.as_ref().and_then(|kept| kept.reason.clone()),
    };
    let before = shared.puppets.entries().insert(login.clone(), entry);
    shared.puppets.note_change();
    if let Some(before) = before {
        before.cancel.cancel();
    }
    roster::went(shared, &login);
    let span = tracing::error_span!("puppet", ?login);
    let life = Life {
        gate: shared.gates.to(puppet.server()),
        shared: Arc::clone(shared),
        login,
        owner,
        puppet,
        online,
        cancel,
        anew,
        history: History::default(),
        standing,
        down: None,
    };
    shared.tasks.spawn(life.run().instrument(span));
}

struct Life {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    login: LoginId,
    owner: Owner,
    puppet: Arc<dyn Puppet>,
    online: watch::Sender<bool>,
    cancel: CancellationToken,
    anew: Arc<Notify>,
    history: History,
    /// What a former process noted.
    standing: Option<Standing>,
    /// Since when the account is away, and why.
    down: Option<(Instant, Option<String>)>,
}

/// How a session went, and how long it was online.
struct Session {
    end: End,
    lasted: Option<Duration>,
}

impl Life {
    async fn run(mut self) {
        let mut backoff = Backoff::new(RECONNECT.0, RECONNECT.1);
        let trouble = self.standing.take().map(|standing| standing.trouble);
        self.history.told_away = trouble == Some(Trouble::Away);
        let waits = trouble.is_some_and(Trouble::waits_for_a_person);
        if waits && !self.wait(Duration::MAX).await {
            return;
        }
        loop {
            let Some(turn) = self.turn().await else { return };
            if !self.history.told_away {
                self.set(LoginState::Connecting, None);
            }
            let Session { end, lasted } = self.session(turn).await;
            self.online.send_replace(false);
            if self.cancel.is_cancelled() {
                return;
            }
            if lasted.is_some() {
                roster::went(&self.shared, &self.login);
            }
            if lasted.is_some_and(|lasted| lasted >= STABLE) {
                backoff.reset();
                self.history.kicked = false;
            }
            let decision = decide(&end, self.history);
            if decision.blames_server && lasted.is_some() {
                self.gate.lost(&self.login);
            }
            self.history.kicked = decision.kicked;
            let wait = match decision.wait {
                Wait::Between(least, longest) => Backoff::new(least, longest).next_wait(),
                Wait::Exactly(time) => time,
                Wait::Longer => backoff.next_wait(),
                Wait::UntilTold => Duration::MAX,
            };
            tracing::debug!(?end, ?wait, "a session ended");
            self.come_to_terms(decision).await;
            if !self.wait(wait).await {
                return;
            }
        }
    }

    /// Makes a decision known to whom it concerns.
    async fn come_to_terms(&mut self, decision: Decision) {
        let Decision { state, reason, wait, report, .. } = decision;
        let since = self.down.take().map_or_else(Instant::now, |(since, _)| since);
        self.down = Some((since, reason.clone()));
        if report {
            tracing::error!(
                reason = reason.as_deref().unwrap_or_default(),
                last = ?self.puppet.last_lines(),
                "the protocol broke",
            );
        }
        self.set(state, reason.clone());
        if wait != Wait::UntilTold {
            return;
        }
        // Nobody waits in vain for what has ended: the next trouble is told anew.
        self.down = None;
        self.history.told_away = false;
        let reason = reason.unwrap_or_default();
        match state {
            LoginState::BadCredentials => {
                let mend = match self.owner {
                    Owner::Bridge => texts::notice::SET_THE_RIGHT_ONE_IN_THE_RELAYS,
                    Owner::Person(_) => texts::notice::USE_LOGIN_TO_ENTER_THE_PASSWORD,
                };
                self.tell(format!("{reason} {mend}")).await;
                self.note(Trouble::Refused, Some(reason)).await;
            }
            LoginState::Kicked => {
                let text = texts::notice::THE_ACCOUNT_SIGNED_IN_SOMEWHERE;
                self.tell(text.to_owned()).await;
                self.note(Trouble::Kicked, Some(reason)).await;
            }
            _ => {}
        }
    }

    /// Waits for the server's gate; none when the account is signed out meanwhile.
    async fn turn(&mut self) -> Option<Turn> {
        let gate = Arc::clone(&self.gate);
        let mut turn = std::pin::pin!(gate.turn());
        loop {
            tokio::select! {
                turn = &mut turn => return Some(turn),
                () = self.cancel.cancelled() => return None,
                () = self.patience() => self.lose_patience().await,
            }
        }
    }

    /// Waits so long, or until the account is asked for; tells whether it is to go on.
    async fn wait(&mut self, time: Duration) -> bool {
        let anew = Arc::clone(&self.anew);
        let mut end = std::pin::pin!(sleep(time));
        loop {
            tokio::select! {
                () = &mut end => return true,
                () = anew.notified() => return true,
                () = self.cancel.cancelled() => return false,
                () = self.patience() => self.lose_patience().await,
            }
        }
    }

    /// Ends when the owner is to be told that the account is away.
    async fn patience(&self) {
        match &self.down {
            Some((since, _)) if !self.history.told_away => sleep_until(*since + PATIENCE).await,
            _ => std::future::pending().await,
        }
    }

    async fn lose_patience(&mut self) {
        self.history.told_away = true;
        let reason = self.down.as_ref().and_then(|(_, reason)| reason.clone());
        self.set(LoginState::Unreachable, reason.clone());
        let why = reason.as_deref().unwrap_or(texts::notice::THE_SERVER_DOES_NOT_ANSWER);
        let text = texts::notice::has_not_been_connected_for_minutes(
            &self.login,
            PATIENCE.as_secs() / 60,
            why,
        );
        self.tell(text).await;
        self.note(Trouble::Away, reason).await;
    }

    async fn came_online(&mut self) {
        self.set(LoginState::Connected, None);
        self.shared.comings.signed_in(&self.login);
        roster::came(&self.shared, &self.login);
        outward::came(&self.shared, &self.login);
        let (shared, login) = (Arc::clone(&self.shared), self.login.clone());
        let puppet = Arc::clone(&self.puppet);
        self.shared.tasks.spawn(async move {
            notice::forget_withdrawn(&shared, &login, &*puppet).await;
        });
        self.down = None;
        metrics::counter!(measures::LOGINS, "outcome" => "connected").increment(1);
        if std::mem::take(&mut self.history.told_away) {
            self.tell(texts::notice::is_connected_again(&self.login)).await;
        }
        standing::clear(&self.shared, &self.login).await;
    }

    /// Runs one session in a task of its own, so that a panic there ends only it, and watches over it.
    async fn session(&mut self, turn: Turn) -> Session {
        let cx = PuppetContext {
            inbox: Arc::new(Arc::clone(&self.shared)),
            cancel: self.cancel.child_token(),
            online: self.online.clone(),
        };
        let ends = cx.cancel.clone();
        let run = Arc::clone(&self.puppet).run(cx).in_current_span();
        let mut session = tokio::spawn(run);
        let _ends_with_us = AbortOnDrop(session.abort_handle());
        let mut online = self.online.subscribe();
        let anew = Arc::clone(&self.anew);
        let mut turn = Some(turn);
        let mut began = None;
        let mut watch = Watch::new(self.shared.config.silence);
        let mut forced = None;
        let end = loop {
            tokio::select! {
                ended = &mut session => break forced.unwrap_or_else(|| said(ended)),
                () = anew.notified(), if forced.is_none() => {
                    forced = Some(End::Anew);
                    ends.cancel();
                }
                changed = online.changed() => {
                    if changed.is_ok() && *online.borrow_and_update() {
                        began = Some(Instant::now());
                        if let Some(turn) = turn.take() {
                            turn.worked();
                        }
                        self.came_online().await;
                    }
                }
                silent = watch.over(&*self.puppet), if forced.is_none() => {
                    tracing::warn!(?silent, "an account looks connected and hears nothing");
                    forced = Some(End::Silent(silent));
                    ends.cancel();
                }
                () = ended_late(&ends) => {
                    tracing::warn!("a session does not end when told to; it is cut off");
                    session.abort();
                    // One that holds its thread cannot be ended; it is left behind.
                    let ended = timeout(GRACE, &mut session).await.ok();
                    break forced.unwrap_or_else(|| ended.map_or(End::Anew, said));
                }
                () = self.patience() => self.lose_patience().await,
            }
        };
        let lasted = began.map(|began| began.elapsed());
        if let Some(turn) = turn {
            conclude(turn, &self.login, &end);
        }
        Session { end, lasted }
    }

    fn set(&self, state: LoginState, reason: Option<String>) {
        // Whoever stands in its place by now speaks for the account.
        if !self.cancel.is_cancelled() && self.shared.puppets.set(&self.login, state, reason) {
            roster::changed(&self.shared, &self.login);
        }
    }

    async fn note(&self, trouble: Trouble, reason: Option<String>) {
        if !self.cancel.is_cancelled() {
            let standing = Standing { trouble, reason, since: Timestamp::now() };
            standing::note(&self.shared, &self.login, &standing).await;
        }
    }

    /// Tells the owner; the bridge's own accounts are its operator's, who reads the log.
    async fn tell(&self, text: String) {
        match &self.owner {
            Owner::Bridge => {
                let (state, reason) = self.shared.puppets.state(&self.login);
                tracing::error!(
                    ?state,
                    reason,
                    "an account of the bridge's own needs its operator"
                );
            }
            Owner::Person(user) => tell_owner(&self.shared, user, &Reply::Text(text)).await,
        }
    }
}

/// Says what a sign-in that did not succeed tells of its server.
fn conclude(turn: Turn, login: &LoginId, end: &End) {
    let outcome = match end {
        // Nobody knows how it would have gone: the turn is given back.
        End::Anew | End::Said(PuppetExit::Cancelled) => return,
        End::Panicked(_) => {
            metrics::counter!(measures::LOGINS, "outcome" => "broken").increment(1);
            return;
        }
        End::Said(PuppetExit::AuthRejected(_)) => "refused",
        End::Said(PuppetExit::KickedElsewhere) => "kicked",
        End::Said(PuppetExit::ProtocolBug(_)) => "broken",
        End::Said(PuppetExit::ServerDraining | PuppetExit::Transient { .. }) | End::Silent(_) => {
            "unreachable"
        }
    };
    metrics::counter!(measures::LOGINS, "outcome" => outcome).increment(1);
    if outcome == "unreachable" { turn.failed(login) } else { turn.worked() }
}

fn said(ended: Result<PuppetExit, JoinError>) -> End {
    match ended {
        Ok(exit) => End::Said(exit),
        Err(error) => {
            let payload = error.try_into_panic().ok();
            let words = payload.as_ref().and_then(|payload| {
                let text = payload.downcast_ref::<String>().map(String::as_str);
                text.or_else(|| payload.downcast_ref::<&str>().copied())
            });
            End::Panicked(format!(
                "the puppet panicked: {}",
                words.unwrap_or(texts::notice::WITHOUT_A_WORD)
            ))
        }
    }
}

/// Ends a while after a session was told to end.
async fn ended_late(ends: &CancellationToken) {
    ends.cancelled().await;
    sleep(GRACE).await;
}

/// A session goes when nobody watches over it any more.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks now and then whether a session still hears something.
struct Watch {
    look: tokio::time::Interval,
    allowed: Duration,
    heard: Option<u64>,
    since: Instant,
}

impl Watch {
    fn new(allowed: Duration) -> Self {
        let mut look = interval((allowed / 4).max(Duration::from_millis(1)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { look, allowed, heard: None, since: Instant::now() }
    }

    /// Ends when nothing was heard for longer than allowed. Cancel safe.
    async fn over(&mut self, puppet: &dyn Puppet) -> Duration {
        loop {
            self.look.tick().await;
            let heard = puppet.heard();
            if heard.is_none() || heard != self.heard {
                (self.heard, self.since) = (heard, Instant::now());
            } else if self.since.elapsed() >= self.allowed {
                return self.since.elapsed();
            }
        }
    }
}
