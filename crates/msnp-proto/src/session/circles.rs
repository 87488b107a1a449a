//! Circles, from MSNP18, and temporary groups, from MSNP21: opened, told of, entered, left.
//!
//! ```text
//! C: USR 9 SHA A PD94bWwg…                           S: USR 9 OK ada@example.com 0 0
//! C: ADL 12 93⏎<ml l="1">…<c n="00000000-…" t="9"/>… S: ADL 12 OK
//! C: PUT 13 362⏎… Uri: /circle …                     S: NFY PUT 326⏎…  PUT 13 OK 0
//! ```
//! Once the account is online this place comes into every circle that it is a member of, each by itself, so
//! that one refusal keeps it out of one alone. What happens in them is in [`news`], requests in [`wishes`].

mod news;
mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{
    Circle, Session,
    roster::Roster,
    types::{ChatId, Event, RequestError, RequestId},
};
use crate::{
    command::{ClientCommand, Lists, Secret},
    datagram::{Address, CIRCLE_NETWORK, RosterMember, roster_uri, write_roster},
    listing::{self, Listed},
    publication::Document,
};

/// Most steps under way at once; what comes after them waits for their answers.
const AT_ONCE: usize = 8;
/// Most requests that wait for this place to be in a circle.
const WAITING_LIMIT: usize = 64;
/// How many steps' time a circle may take from the address book until this place is in it.
const STEPS: u32 = 3;
/// On the lists of a circle that is told of: forward and allow.
const MEMBER_LISTS: Lists = Lists(3);
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
    /// Requests that are done when this place is in a circle.
    waiting: Vec<(ChatId, RequestId, Instant)>,
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
        steps.chain(self.waiting.iter().map(|(_, _, until)| *until)).min()
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

    /// Gives the requests whose answers cannot come any more.
    pub(super) fn into_unanswered(self) -> impl Iterator<Item = RequestId> {
        let steps = self.steps.into_values().filter_map(|(step, _)| match step {
            Step::Enter { people, .. } => people.map(|people| people.request),
            Step::Make { people } => Some(people.request),
            _ => None,
        });
        let waiting = self.waiting.into_iter().map(|(_, request, _)| request);
        steps.chain(waiting).chain(self.calls.into_keys())
    }
}

impl Session {
    /// Shows the ticket of the circles, where there is one.
    pub(super) fn open_circles(&mut self, now: Instant, ticket: Option<String>) {
        self.circles.ticket = ticket;
        (self.circles.opened, self.circles.failed) = (Opened::No, BTreeSet::new());
        if let Some(ticket) = self.circles.ticket.clone() {
            let trid = self.circle_step(now, Step::Open);
            self.say(&ClientCommand::AuthenticateCircles { trid, ticket: Secret(&ticket) });
        }
    }

    /// Takes what lists that were read again say of circles.
    pub(super) fn circles_read(&mut self, now: Instant, ticket: Option<String>) {
        if ticket.is_some() && ticket != self.circles.ticket {
            // A step of opening that is under way is for the ticket before.
            self.circles.steps.retain(|_, (step, _)| !matches!(step, Step::Open));
            self.open_circles(now, ticket);
        }
        self.circles_go_on(now);
    }

    /// Does what is next for this place to come into the circles of the account.
    pub(super) fn circles_go_on(&mut self, now: Instant) {
        if !self.notification.is_online() || !self.version.has_circles() {
            return;
        }
        let circles = &self.circles;
        let is_missed = |circle: &&Circle| circle.lasts && circle.is_member() && !circle.entered;
        let missed = self.roster.circles().filter(is_missed).map(Circle::chat);
        let missed = missed.filter(|chat| {
            let mut steps = circles.steps.values();
            !(circles.left.contains(chat)
                || circles.failed.contains(chat)
                || steps.any(|(step, _)| step.is_about(chat)))
        });
        let missed: Vec<ChatId> = missed.collect();
        let why = match &self.circles.opened {
            Opened::Yes => None,
            Opened::Refused(why) => Some(why.clone()),
            Opened::No if self.circles.ticket.is_some() => return,
            Opened::No => Some(RequestError::Service("the address book opens no circles".into())),
        };
        if let Some(why) = why {
            // Lists that are being read bring another ticket.
            if self.resync.is_none() {
                missed.iter().for_each(|chat| self.circle_failed(chat, why.clone()));
            }
            return;
        }
        let room = AT_ONCE.saturating_sub(self.circles.steps.len());
        for chat in missed.into_iter().take(room) {
            if self.circles.told.contains(&chat) {
                self.enter_circle(now, chat, None);
            } else {
                self.tell_circle(now, chat);
            }
        }
    }

    fn tell_circle(&mut self, now: Instant, chat: ChatId) {
        let Some((_, id)) = chat.several() else {
            return;
        };
        let listed = Listed { network: CIRCLE_NETWORK, ..Listed::on(id, MEMBER_LISTS) };
        for payload in listing::write(&[listed], true, self.version) {
            let trid = self.circle_step(now, Step::Tell { chat: chat.clone() });
            self.say(&ClientCommand::TellLists { trid, add: true, payload: &payload });
        }
    }

    fn enter_circle(&mut self, now: Instant, chat: ChatId, people: Option<People>) {
        let (to, own) = (chat.to_string(), self.config.account.clone());
        let trid = self.circle_step(now, Step::Enter { chat, people });
        self.put_member(trid, &to, CIRCLES, &own);
    }

    fn put_member(&mut self, trid: u32, to: &str, content: &str, account: &str) {
        let member = RosterMember { address: Address::passport(account), is_pending: false };
        self.publish_to_circle(trid, true, to, ("/circle", content), &write_roster(&[member]));
    }

    fn publish_to_circle(
        &mut self,
        trid: u32,
        add: bool,
        to: &str,
        (uri, content): (&str, &str),
        body: &[u8],
    ) {
        let from = Address::at(&self.config.account, &self.config.machine_id).to_string();
        let headers = [("Uri", uri), ("Content-Type", content)];
        let payload = Document::write("Publication", to, &from, &headers, body);
        self.say(&ClientCommand::Publish { trid, add, payload: &payload });
    }

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
            Step::Enter { chat, people } => match people {
                Some(people) => self.complete(people.request, Err(why)),
                None => self.circle_failed(&chat, why),
            },
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
        let is_due = |(_, _, until): &(ChatId, RequestId, Instant)| *until <= now;
        let (due, waiting) =
            std::mem::take(&mut self.circles.waiting).into_iter().partition(is_due);
        self.circles.waiting = waiting;
        let due: Vec<_> = due;
        for (_, request, _) in due {
            self.complete(request, Err(RequestError::Unconfirmed));
        }
    }

    /// Lets a request be done when this place is in a circle.
    pub(super) fn await_circle(&mut self, now: Instant, chat: ChatId, request: RequestId) {
        self.circles.left.remove(&chat);
        self.circles.failed.remove(&chat);
        if self.roster.circle(&chat).is_some_and(|circle| circle.entered) {
            return self.complete(request, Ok(()));
        }
        if self.circles.waiting.len() >= WAITING_LIMIT {
            return self.complete(request, Err(RequestError::Busy));
        }
        let until = now + self.config.deadlines.step * STEPS;
        self.circles.waiting.push((chat, request, until));
    }

    fn circle_entered(&mut self, now: Instant, chat: &ChatId, people: Option<People>) {
        let Some(circle) = self.roster.enter_circle(chat) else {
            return match people {
                Some(people) => self.complete(people.request, Err(RequestError::Busy)),
                None => self.circle_failed(chat, RequestError::Busy),
            };
        };
        let name = circle.name.clone();
        let there: Vec<(String, String)> = circle
            .members
            .iter()
            .map(|(account, member)| (account.clone(), member.name.clone()))
            .collect();
        self.events.push_back(Event::CircleEntered { chat: chat.clone(), name });
        there.into_iter().for_each(|who| self.came(chat, who));
        self.complete_waiting(chat, &Ok(()));
        if let Some(people) = people {
            self.call_people(now, chat, people);
        }
    }

    /// Notes that this place could not come into a circle.
    fn circle_failed(&mut self, chat: &ChatId, why: RequestError) {
        if self.roster.circle(chat).is_some_and(|circle| circle.lasts) {
            self.circles.failed.insert(chat.clone());
        }
        if !self.complete_waiting(chat, &Err(why.clone())) {
            self.events.push_back(Event::CircleNotEntered { chat: chat.clone(), why });
        }
    }

    /// Completes what waited for a circle; tells whether anything did.
    fn complete_waiting(&mut self, chat: &ChatId, outcome: &Result<(), RequestError>) -> bool {
        let is_it = |(waiting, _, _): &(ChatId, RequestId, Instant)| waiting == chat;
        let (done, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.circles.waiting).into_iter().partition(is_it);
        self.circles.waiting = waiting;
        for (_, request, _) in &done {
            self.complete(*request, outcome.clone());
        }
        !done.is_empty()
    }

    /// Goes out of a circle; the account stays a member.
    pub(super) fn go_out(&mut self, now: Instant, chat: &ChatId) {
        if !self.roster.circle(chat).is_some_and(|circle| circle.entered) {
            return;
        }
        let uri = roster_uri(&self.config.account);
        // One known server does not answer it.
        let trid = self.circle_step(now, Step::Leave);
        self.publish_to_circle(trid, false, &chat.to_string(), (&uri, CIRCLES), &[]);
        self.is_out(chat);
    }

    /// Notes that this place is out of a circle, until it is asked to come in again.
    pub(super) fn is_out(&mut self, chat: &ChatId) {
        let lasts = self.roster.circle(chat).is_some_and(|circle| circle.lasts);
        if self.roster.step_out(chat) {
            self.events.push_back(Event::CircleLeft { chat: chat.clone() });
        }
        if lasts {
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
