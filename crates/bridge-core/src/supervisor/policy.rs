//! What follows when a session ends: a pure function of how it ended and what was before.

use std::time::Duration;

use super::LoginState;
use crate::connector::PuppetExit;

/// How long a link may be broken before its owner is told.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);
/// Time online after which waits begin anew.
pub(super) const STABLE: Duration = Duration::from_secs(120);
/// Wait after being signed in elsewhere, once; then two clients would fight.
const AFTER_KICK: Duration = Duration::from_secs(60);
/// Wait after a broken protocol or a panic, before one more try.
const AFTER_BUG: Duration = Duration::from_secs(600);
/// Wait after the server asked for peace.
const AFTER_DRAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(180));

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The supervisor ended it for another to begin.
    Anew,
    /// The puppet panicked.
    Panicked(String),
    /// The puppet said why.
    Said(PuppetExit),
    /// It looked connected and heard nothing for so long.
    Silent(Duration),
}

/// What was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// Whether the account had been signed in elsewhere already, not long ago.
    pub(super) kicked: bool,
    /// Whether the account is away for so long that its owner was told.
    pub(super) told_away: bool,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// How the account is doing now.
    pub(super) state: LoginState,
    /// Why, in words; not for a session that was to end.
    pub(super) reason: Option<String>,
    /// When another session begins.
    pub(super) wait: Wait,
    /// Whether the account counts as kicked from now on.
    pub(super) kicked: bool,
    /// Whether it is a bug of somebody's, to be reported with what was heard last.
    pub(super) report: bool,
    /// Whether the server is to be suspected.
    pub(super) blames_server: bool,
}

/// When another session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Somewhere between the two.
    Between(Duration, Duration),
    /// After so long.
    Exactly(Duration),
    /// Longer each time.
    Longer,
    /// When a person acted.
    UntilTold,
}

/// Decides what follows.
pub(super) fn decide(end: &End, before: History) -> Decision {
    let decision = |state, reason: Option<&str>, wait| Decision {
        state,
        reason: reason.map(str::to_owned),
        wait,
        kicked: before.kicked,
        report: false,
        blames_server: false,
    };
    // An account whose owner knows that it is away stays that until it is back.
    let away =
        if before.told_away { LoginState::Unreachable } else { LoginState::TransientDisconnect };
    let broken = |reason: &str| Decision {
        report: true,
        ..decision(LoginState::UnknownError, Some(reason), Wait::Exactly(AFTER_BUG))
    };
    match end {
        End::Anew => decision(away, None, Wait::Exactly(Duration::ZERO)),
        End::Panicked(reason) | End::Said(PuppetExit::ProtocolBug(reason)) => broken(reason),
        End::Said(PuppetExit::AuthRejected(reason)) => {
            decision(LoginState::BadCredentials, Some(reason), Wait::UntilTold)
        }
        End::Said(PuppetExit::Cancelled) => decision(LoginState::LoggedOut, None, Wait::UntilTold),
        End::Said(PuppetExit::KickedElsewhere) => {
            let reason = Some("signed in somewhere else");
            match before.kicked {
                true => Decision {
                    kicked: false,
                    ..decision(LoginState::Kicked, reason, Wait::UntilTold)
                },
                false => {
                    Decision { kicked: true, ..decision(away, reason, Wait::Exactly(AFTER_KICK)) }
                }
            }
        }
        End::Said(PuppetExit::ServerDraining) => Decision {
            blames_server: true,
            ..decision(
                away,
                Some("the server is going down"),
                Wait::Between(AFTER_DRAIN.0, AFTER_DRAIN.1),
            )
        },
        End::Said(PuppetExit::Transient { reason, after }) => Decision {
            blames_server: true,
            ..decision(away, Some(reason), after.map_or(Wait::Longer, Wait::Exactly))
        },
        End::Silent(time) => Decision {
            blames_server: true,
            ..decision(
                away,
                Some(&format!("silent: nothing was heard for {} seconds", time.as_secs())),
                Wait::Longer,
            )
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_policy() {
        use LoginState::{
            BadCredentials, Kicked, LoggedOut, TransientDisconnect, UnknownError, Unreachable,
        };
        let fresh = History::default();
        let kicked = History { kicked: true, ..fresh };
        let away = History { told_away: true, ..fresh };
        let link =
            |after| End::Said(PuppetExit::Transient { reason: "the link broke".to_owned(), after });
        let bug = End::Said(PuppetExit::ProtocolBug("odd".to_owned()));
        let refused = End::Said(PuppetExit::AuthRejected("no".to_owned()));
        let hour = Duration::from_secs(3600);
        let drain = Wait::Between(AFTER_DRAIN.0, AFTER_DRAIN.1);
        let ten_minutes = Wait::Exactly(Duration::from_secs(600));
        // End, what was before, state, wait, kicked afterwards, reported, the server is suspected.
        let table = [
            (
                End::Anew,
                fresh,
                TransientDisconnect,
                Wait::Exactly(Duration::ZERO),
                false,
                false,
                false,
            ),
            (End::Panicked("bug".to_owned()), fresh, UnknownError, ten_minutes, false, true, false),
            (bug, kicked, UnknownError, ten_minutes, true, true, false),
            (refused, fresh, BadCredentials, Wait::UntilTold, false, false, false),
            (
                End::Said(PuppetExit::Cancelled),
                fresh,
                LoggedOut,
                Wait::UntilTold,
                false,
                false,
                false,
            ),
            (
                End::Said(PuppetExit::KickedElsewhere),
                fresh,
                TransientDisconnect,
                Wait::Exactly(Duration::from_secs(60)),
                true,
                false,
                false,
            ),
            (
                End::Said(PuppetExit::KickedElsewhere),
                kicked,
                Kicked,
                Wait::UntilTold,
                false,
                false,
                false,
            ),
            (
                End::Said(PuppetExit::ServerDraining),
                fresh,
                TransientDisconnect,
                drain,
                false,
                false,
                true,
            ),
            (link(None), fresh, TransientDisconnect, Wait::Longer, false, false, true),
            (link(None), away, Unreachable, Wait::Longer, false, false, true),
            (link(Some(hour)), kicked, TransientDisconnect, Wait::Exactly(hour), true, false, true),
            (End::Silent(hour), fresh, TransientDisconnect, Wait::Longer, false, false, true),
        ];
        for (end, before, state, wait, kicked, report, blames_server) in table {
            let made = decide(&end, before);
            let seen = (made.state, made.wait, made.kicked, made.report, made.blames_server);
            assert_eq!(seen, (state, wait, kicked, report, blames_server), "{end:?} {before:?}");
        }
    }
}
