//! Circles, from MSNP18, and temporary groups, from MSNP21: opened, told of, entered, left.
//!
//! ```text
//! C: USR 9 SHA A PD94bWwg…                           S: USR 9 OK ada@example.com 0 0
//! C: ADL 12 93⏎<ml l="1">…<c n="00000000-…" t="9"/>… S: ADL 12 OK
//! C: PUT 13 362⏎… Uri: /circle …                     S: NFY PUT 326⏎…  PUT 13 OK 0
//! ```
//! Once the account is online this place comes into every circle that it is a member of, each by itself, so
//! that one refusal keeps it out of one alone: [`opening`]. What happens in them is in [`news`], requests in
//! [`wishes`].

mod news;
mod opening;
mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{
    Circle, Session,
    roster::Roster,
    types::{ChatId, Command, Event, RequestError, RequestId},
};
use crate::datagram::{CIRCLE_NETWORK, roster_uri};

/// Most requests that wait for this place to be in a circle.
const WAITING_LIMIT: usize = 64;
/// How many steps' time a circle may take from the address book until this place is in it.
const STEPS: u32 = 3;
/// What is said of rosters.
const CIRCLES: &str = "application/circles+xml";
/// What a temporary group is made and asked into with.
const MULTIPARTY: &str = "application/multiparty+xml";
/// Stands for a temporary group that is to be made.
const BLANK: &str = "10:00000000-0000-0000-0000-000000000000@live.com";

/// What is under way about circles.
#[derive(Debug, Default)]
pub(super) struct Circles {
    /// The ticket that opens them, in base64: each change of them has another.
    ticket: Option<String>,
    opened: Opened,
    /// Those that the server was told of.
    told: BTreeSet<ChatId>,
    /// Those that this place left, or was put out of: it comes in again when it is asked to.
    left: BTreeSet<ChatId>,
    /// Those that it could not come into with this ticket.
    failed: BTreeSet<ChatId>,
    /// Steps under way, by transaction, with the time to stop waiting.
    steps: BTreeMap<u32, (Step, Instant)>,
    /// Requests that wait for this place to be in a circle.
    waiting: Vec<Waiting>,
    /// Calls into a temporary group, by request: how many are under way, and what went wrong.
    calls: BTreeMap<RequestId, (usize, Option<RequestError>)>,
    /// Counts what is said to circles.
    segment: u32,
}

/// Whether the server opened the circles to this place.
#[derive(Debug, Default)]
enum Opened {
    /// It was not asked, or has not answered.
    #[default]
    No,
    /// It would not, for this ticket.
    Refused(RequestError),
    Yes,
}

#[derive(Debug)]
enum Step {
    /// `PUT` of whom to call into a temporary group.
    Call { request: RequestId },
    /// `PUT` of this place into a circle, and whom to call once it is there.
    Enter { chat: ChatId, people: Option<People> },
    /// `DEL` of this place: nothing is left to be done.
    Leave,
    /// `PUT` of a new temporary group.
    Make { people: People },
    /// `USR SHA A`.
    Open,
    /// `ADL`.
    Tell { chat: ChatId },
}

/// A request that waits for this place to be in a circle.
#[derive(Debug)]
struct Waiting {
    chat: ChatId,
    request: RequestId,
    /// What is asked for then; without it the request is done.
    then: Option<Command>,
    until: Instant,
}

/// People to be called, and the request that is done when they are.
#[derive(Debug)]
struct People {
    request: RequestId,
    accounts: Vec<String>,
}

impl Step {
    fn is_about(&self, circle: &ChatId) -> bool {
        matches!(self, Self::Enter { chat, .. } | Self::Tell { chat } if chat == circle)
    }
}

impl Circles {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let steps = self.steps.values().map(|(_, until)| *until);
        steps.chain(self.waiting.iter().map(|waiting| waiting.until)).min()
    }

    pub(super) fn awaits(&self, trid: u32) -> bool {
        self.steps.contains_key(&trid)
    }

    /// Gives the number of the next thing that is said to circles.
    pub(super) fn next_segment(&mut self) -> u32 {
        let segment = self.segment;
        self.segment = self.segment.wrapping_add(1);
        segment
    }

    /// Gives the requests whose answers cannot come any more, and what is to be said of each.
    pub(super) fn into_unanswered(self) -> impl Iterator<Item = (RequestId, RequestError)> {
        let steps = self.steps.into_values().filter_map(|(step, _)| match step {
            Step::Enter { people, .. } => people.map(|people| people.request),
            Step::Make { people } => Some(people.request),
            _ => None,
        });
        let asked = steps.chain(self.calls.into_keys());
        let asked = asked.map(|request| (request, RequestError::Unconfirmed));
        // What was to be said was not.
        let waiting = self.waiting.into_iter().map(|waiting| match waiting.then {
            Some(_) => (waiting.request, RequestError::NotSignedIn),
            None => (waiting.request, RequestError::Unconfirmed),
        });
        asked.chain(waiting)
    }
}

impl Session {
    fn circle_step(&mut self, now: Instant, step: Step) -> u32 {
        let trid = self.notification.trid();
        self.circles.steps.insert(trid, (step, now + self.config.deadlines.step));
        trid
    }

    /// Takes the answer to a step; `payload` is what came with it.
    pub(super) fn circle_step_done(&mut self, now: Instant, trid: u32, payload: &[u8]) {
        let Some((step, _)) = self.circles.steps.remove(&trid) else {
            return;
        };
        match step {
            Step::Open => self.circles.opened = Opened::Yes,
            Step::Tell { chat } => drop(self.circles.told.insert(chat)),
            Step::Enter { chat, people } => self.circle_entered(now, &chat, people),
            Step::Make { people } => self.group_made(now, people, payload),
            Step::Call { request } => self.called(request, Ok(())),
            Step::Leave => {}
        }
        self.circles_go_on(now);
    }

    /// Takes the refusal of a step, or its silence.
    pub(super) fn circle_step_failed(&mut self, now: Instant, trid: u32, why: RequestError) {
        let Some((step, _)) = self.circles.steps.remove(&trid) else {
            return;
        };
        match step {
            Step::Open => self.circles.opened = Opened::Refused(why),
            Step::Tell { chat } => self.circle_failed(&chat, why),
            Step::Enter { chat, people } => self.not_entered(&chat, people, why),
            Step::Make { people } => self.complete(people.request, Err(why)),
            Step::Call { request } => self.called(request, Err(why)),
            Step::Leave => {}
        }
        self.circles_go_on(now);
    }

    pub(super) fn circles_timeout(&mut self, now: Instant) {
        let steps = self.circles.steps.iter().filter(|(_, (_, until))| *until <= now);
        for trid in steps.map(|(trid, _)| *trid).collect::<Vec<_>>() {
            self.circle_step_failed(now, trid, RequestError::Unconfirmed);
        }
        let is_due = |waiting: &Waiting| waiting.until <= now;
        let (due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.circles.waiting).into_iter().partition(is_due);
        self.circles.waiting = waiting;
        for Waiting { request, then, .. } in due {
            let why = match then {
                Some(_) => RequestError::ChatOver,
                None => RequestError::Unconfirmed,
            };
            self.complete(request, Err(why));
        }
    }

    /// Lets a request be done when this place is in a circle.
    pub(super) fn await_circle(&mut self, now: Instant, chat: ChatId, request: RequestId) {
        self.circles.left.remove(&chat);
        self.circles.failed.remove(&chat);
        if self.roster.circle(&chat).is_some_and(|circle| circle.entered) {
            return self.complete(request, Ok(()));
        }
        self.wait_for_circle(now, chat, request, None);
    }

    /// Lets a request wait for this place to be in a circle.
    fn wait_for_circle(
        &mut self,
        now: Instant,
        chat: ChatId,
        request: RequestId,
        then: Option<Command>,
    ) {
        if self.circles.waiting.len() >= WAITING_LIMIT {
            return self.complete(request, Err(RequestError::Busy));
        }
        let until = now + self.config.deadlines.step * STEPS;
        self.circles.waiting.push(Waiting { chat, request, then, until });
    }

    fn circle_entered(&mut self, now: Instant, chat: &ChatId, people: Option<People>) {
        let Some(circle) = self.roster.enter_circle(chat) else {
            return self.not_entered(chat, people, RequestError::Busy);
        };
        let name = circle.name.clone();
        let there: Vec<(String, String)> = circle
            .members
            .iter()
            .map(|(account, member)| (account.clone(), member.name.clone()))
            .collect();
        self.events.push_back(Event::CircleEntered { chat: chat.clone(), name });
        there.into_iter().for_each(|who| self.came(chat, who));
        for Waiting { request, then, .. } in self.take_waiting(chat) {
            match then {
                Some(command) => self.online_command(now, request, command),
                None => self.complete(request, Ok(())),
            }
        }
        if let Some(people) = people {
            self.call_people(now, chat, people);
        }
        if self.circles.left.contains(chat) {
            // It was left while this place was coming.
            self.go_out(now, chat);
            if !lasts(chat) {
                self.circles.left.remove(chat);
            }
        }
    }

    /// Notes that this place could not come into a circle, or a temporary group.
    fn not_entered(&mut self, chat: &ChatId, people: Option<People>, why: RequestError) {
        if !lasts(chat) {
            self.roster.forget_circle(chat);
            self.circles.left.remove(chat);
        }
        match people {
            Some(people) => self.complete(people.request, Err(why)),
            None => self.circle_failed(chat, why),
        }
    }

    /// Notes that this place is not in a circle for now.
    fn circle_failed(&mut self, chat: &ChatId, why: RequestError) {
        if self.roster.circle(chat).is_some_and(|circle| circle.lasts) {
            self.circles.failed.insert(chat.clone());
        }
        let waiting = self.take_waiting(chat);
        let is_told = waiting.iter().any(|waiting| waiting.then.is_none());
        for Waiting { request, .. } in waiting {
            self.complete(request, Err(why.clone()));
        }
        if !is_told {
            self.events.push_back(Event::CircleNotEntered { chat: chat.clone(), why });
        }
    }

    /// Gives what waited for a circle.
    fn take_waiting(&mut self, chat: &ChatId) -> Vec<Waiting> {
        let is_it = |waiting: &Waiting| waiting.chat == *chat;
        let (taken, left) = std::mem::take(&mut self.circles.waiting).into_iter().partition(is_it);
        self.circles.waiting = left;
        taken
    }

    /// Goes out of a circle; the account stays a member.
    pub(super) fn go_out(&mut self, now: Instant, chat: &ChatId) {
        for Waiting { request, .. } in self.take_waiting(chat) {
            self.complete(request, Err(RequestError::ChatOver));
        }
        if !self.roster.circle(chat).is_some_and(|circle| circle.entered) {
            return self.is_out(chat);
        }
        let uri = roster_uri(&self.config.account);
        // One known server does not answer it.
        let trid = self.circle_step(now, Step::Leave);
        self.publish_to_circle(trid, false, &chat.to_string(), (&uri, CIRCLES), &[]);
        self.is_out(chat);
    }

    /// Notes that this place is out of a circle, until it is asked to come in again.
    pub(super) fn is_out(&mut self, chat: &ChatId) {
        let known = self.roster.circle(chat).is_some_and(|circle| circle.lasts);
        if self.roster.step_out(chat) {
            self.events.push_back(Event::CircleLeft { chat: chat.clone() });
        }
        if known || self.is_coming(chat) {
            self.circles.left.insert(chat.clone());
        }
    }

    /// Forgets a circle that is none of the account's any more.
    pub(super) fn forget_circle(&mut self, chat: &ChatId) {
        let Some(circle) = self.roster.forget_circle(chat) else {
            return;
        };
        self.circles.told.remove(chat);
        self.circles.left.remove(chat);
        self.circles.failed.remove(chat);
        self.events.push_back(Event::CircleChanged { circle: circle.id });
    }

    /// Tells how the circles differ from before: lists that were read again say so.
    pub(super) fn circles_replaced(&mut self, old: &Roster) {
        for before in old.circles() {
            let chat = before.chat();
            if self.roster.circle(&chat).is_some() {
                continue;
            }
            self.circles.told.remove(&chat);
            self.circles.left.remove(&chat);
            self.circles.failed.remove(&chat);
            if before.entered {
                self.events.push_back(Event::CircleLeft { chat });
            }
            self.events.push_back(Event::CircleChanged { circle: before.id.clone() });
        }
        let changed = self.roster.circles().filter_map(|circle| {
            let was = old.circle(&circle.chat());
            invited(circle, was).or_else(|| {
                let same = was.is_some_and(|was| {
                    (&was.standing, &was.name) == (&circle.standing, &circle.name)
                });
                (!same).then(|| Event::CircleChanged { circle: circle.id.clone() })
            })
        });
        self.events.extend(changed.collect::<Vec<_>>());
    }
}

/// Whether a conversation is a circle's, not a temporary group's.
fn lasts(chat: &ChatId) -> bool {
    chat.several().is_some_and(|(network, _)| network == CIRCLE_NETWORK)
}

/// Tells of an invitation that was not there before.
fn invited(circle: &Circle, before: Option<&Circle>) -> Option<Event> {
    let super::CircleStanding::Asked(invitation) = &circle.standing else {
        return None;
    };
    let is_new = before.is_none_or(|before| before.standing != circle.standing);
    is_new.then(|| Event::CircleInvited {
        chat: circle.chat(),
        circle: circle.name.clone(),
        by: invitation.by.clone(),
        name: invitation.name.clone(),
        words: invitation.words.clone(),
    })
}
