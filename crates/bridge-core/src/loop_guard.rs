//! Keeps two bridges from telling each other the same thing for ever.
//!
//! The same words, from one leg and then from another and back again, are an echo that no id could
//! tell. Too many of them in a short time, and they are not taken in any more for a while.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{command::tell_admins, id::PortalId, model::EventKind, shared::Shared, texts};

/// How often words may go from leg to leg.
const TURNS: u32 = 5;
/// Within what time.
const WINDOW: Duration = Duration::from_secs(10);
/// How long they are left out then.
const REST: Duration = Duration::from_secs(60);
/// Most words remembered for one portal.
const LIMIT: usize = 64;
/// How long a portal's circles are one story, told once.
const EPISODE: Duration = Duration::from_secs(600);

/// What one portal's legs said lately.
#[derive(Debug, Default)]
pub(crate) struct LoopGuard {
    heard: HashMap<u64, Heard>,
    /// When there was a circle last.
    circle: Option<Instant>,
}

#[derive(Debug)]
struct Heard {
    /// The leg they came from last.
    origin: u16,
    turns: u32,
    since: Instant,
    /// Until when they are left out.
    out_until: Option<Instant>,
}

/// What is to be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes round in circles, and this is the first to be left out; somebody is to be told where it
    /// is the first circle for a while.
    BeginToLeaveOut { tell: bool },
    /// It goes round in circles.
    LeaveOut,
    /// It is taken in.
    Take,
}

impl LoopGuard {
    /// Judges an event from a leg.
    pub(crate) fn judge(&mut self, kind: &EventKind, origin: u16) -> Verdict {
        let EventKind::Message(content) = kind else {
            return Verdict::Take;
        };
        let now = Instant::now();
        let mut hasher = DefaultHasher::new();
        content.text.plain.hash(&mut hasher);
        let words = hasher.finish();
        if self.heard.len() >= LIMIT && !self.heard.contains_key(&words) {
            self.heard.retain(|_, heard| {
                now.duration_since(heard.since) < WINDOW
                    || heard.out_until.is_some_and(|until| until > now)
            });
            if self.heard.len() >= LIMIT {
                self.heard.clear();
            }
        }
        let fresh = || Heard { origin, turns: 0, since: now, out_until: None };
        let heard = self.heard.entry(words).or_insert_with(fresh);
        if let Some(until) = heard.out_until {
            if until > now {
                return Verdict::LeaveOut;
            }
            *heard = fresh();
        }
        if now.duration_since(heard.since) >= WINDOW {
            *heard = fresh();
        }
        if heard.origin != origin {
            heard.turns += 1;
            heard.origin = origin;
        }
        if heard.turns > TURNS {
            heard.out_until = Some(now + REST);
            let before = self.circle.replace(now);
            let tell = before.is_none_or(|before| now.duration_since(before) >= EPISODE);
            return Verdict::BeginToLeaveOut { tell };
        }
        Verdict::Take
    }
}

/// Tells the admins that words go round in circles in a portal.
pub(crate) fn tell(shared: &Arc<Shared>, portal: PortalId) {
    let name = shared.index().portals.get(&portal).and_then(|found| found.record.name.clone());
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    let text = texts::notice::words_go_round_in_circles(portal, &name);
    let told = Arc::clone(shared);
    shared.tasks.spawn(async move {
        if let Err(error) = tell_admins(&told, &text).await {
            tracing::warn!(%error, "admins could not be told of a circle");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Content;

    fn said(words: &str) -> EventKind {
        EventKind::Message(Content::plain(words))
    }

    #[tokio::test(start_paused = true)]
    async fn words_that_go_round_in_circles_are_left_out_for_a_while() {
        let mut guard = LoopGuard::default();
        let verdicts: Vec<Verdict> =
            (0..8_u16).map(|turn| guard.judge(&said("ping"), turn % 2)).collect();
        assert_eq!(verdicts[..6], [Verdict::Take; 6]);
        assert_eq!(verdicts[6..], [Verdict::BeginToLeaveOut { tell: true }, Verdict::LeaveOut]);
        assert_eq!(guard.judge(&said("something else"), 0), Verdict::Take);
        tokio::time::advance(REST).await;
        assert_eq!(guard.judge(&said("ping"), 0), Verdict::Take);
    }

    #[tokio::test(start_paused = true)]
    async fn circles_are_told_once_while_they_go_on() {
        let mut guard = LoopGuard::default();
        let mut circle = |words: &str| {
            let verdicts = (0..7_u16).map(|turn| guard.judge(&said(words), turn % 2));
            verdicts.last().expect("seven")
        };
        assert_eq!(circle("ping"), Verdict::BeginToLeaveOut { tell: true });
        for number in 0..5 {
            tokio::time::advance(EPISODE / 2).await;
            assert_eq!(circle(&number.to_string()), Verdict::BeginToLeaveOut { tell: false });
        }
        tokio::time::advance(EPISODE).await;
        assert_eq!(circle("ping"), Verdict::BeginToLeaveOut { tell: true });
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_says_often_or_two_say_slowly_is_no_circle() {
        let mut guard = LoopGuard::default();
        assert!((0..100).all(|_| guard.judge(&said("ok"), 1) == Verdict::Take));
        for turn in 0..100_u16 {
            tokio::time::advance(Duration::from_secs(3)).await;
            assert_eq!(guard.judge(&said("good night"), turn % 2), Verdict::Take, "{turn}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_different_words_do_not_fill_the_memory() {
        let mut guard = LoopGuard::default();
        for number in 0..10_000 {
            guard.judge(&said(&number.to_string()), 0);
        }
        assert!(guard.heard.len() <= LIMIT);
    }
}
