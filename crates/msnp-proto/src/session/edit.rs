//! Changes of lists and groups: one request after the other, each in steps, each step one command.
//!
//! ```text
//! C: REM 12 AL bob@example.com      S: REM 12 AL bob@example.com
//! C: ADC 13 BL N=bob@example.com    S: ADC 13 BL N=bob@example.com
//! ```
//! A request's steps are found when its turn comes, from the roster as it is then. An answer is known
//! by its number, for servers differ in what else they put into it. What is done already counts as
//! done; a step that needs another first gets it, once.

mod circles;
mod plan;
mod web;

use std::{borrow::Cow, collections::VecDeque, time::Instant};

pub(super) use self::plan::{check_name, is_address};
use self::{circles::CircleStep, plan::Planner};
use super::{
    Session,
    resync::Resync,
    roster::Roster,
    types::{Command, Event, HttpId, Invalid, RequestError, RequestId, is_due},
};
use crate::{
    command::{ClientCommand, GroupChange, List, ListChange, Lists, new_group_id},
    error_code::ErrorCode,
};

/// Most requests that wait for their turn.
const WAITING_LIMIT: usize = 1024;
/// Longest invitation, in characters.
const INVITATION_LIMIT: usize = 255;

/// Requests on their way.
#[derive(Debug, Default)]
pub(super) struct Edits {
    active: Option<Active>,
    /// What nobody asked for has no number: nothing is told when it is done.
    waiting: VecDeque<(Option<RequestId>, Command)>,
}

#[derive(Debug)]
struct Active {
    request: Option<RequestId>,
    /// The number of the step under way; 0 while the web services are asked.
    trid: u32,
    /// The call of the step under way.
    http: Option<HttpId>,
    /// Words for whoever is added to read.
    invitation: String,
    /// The id that the web services gave to what the step adds.
    added: Option<String>,
    /// The step under way, and those after it.
    steps: VecDeque<Step>,
    /// Whether a step got what it needed first already.
    mended: bool,
    deadline: Instant,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A call about a circle.
    Circle(CircleStep),
    /// `ADG`.
    AddGroup { name: String },
    /// `ADD`, `ADC`, `REM` with a group.
    Group { account: String, group: String, add: bool },
    /// `ADD`, `ADC`, `REM`.
    List { account: String, list: List, add: bool },
    /// `BLP`, `GTC`.
    Privacy { verb: &'static str, value: &'static str },
    /// `RMG`.
    RemoveGroup { group: String },
    /// `REA`, `SBP`.
    Rename { account: String, name: String },
    /// `REG`.
    RenameGroup { group: String, name: String },
}

impl Edits {
    pub(super) fn is_active(&self, trid: u32) -> bool {
        trid != 0 && self.active.as_ref().is_some_and(|active| active.trid == trid)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.active.as_ref().map(|active| active.deadline)
    }

    /// Lets the call of the step under way take so long, where there is one.
    pub(super) fn wait_until(&mut self, deadline: Instant) {
        if let Some(active) = self.active.as_mut().filter(|active| active.http.is_some()) {
            active.deadline = deadline;
        }
    }

    /// Gives all requests, and what is to be said of each, when no answer can come any more.
    pub(super) fn into_unanswered(self) -> impl Iterator<Item = (RequestId, RequestError)> {
        let active = self.active.and_then(|active| active.request);
        let active = active.map(|request| (request, RequestError::Unconfirmed));
        let waiting = self.waiting.into_iter().filter_map(|(request, _)| request);
        active.into_iter().chain(waiting.map(|request| (request, RequestError::NotSignedIn)))
    }
}

impl Session {
    /// Takes a request that changes lists or groups.
    pub(super) fn edit(&mut self, now: Instant, request: RequestId, command: Command) {
        if self.edits.waiting.len() >= WAITING_LIMIT {
            return self.complete(request, Err(RequestError::Busy));
        }
        self.edits.waiting.push_back((Some(request), command));
        self.edit_next(now);
    }

    /// Strikes off the question of somebody who is allowed or blocked: she has her answer.
    ///
    /// Servers take it for answered themselves, but for one: it hides her from all other lists until a
    /// client does this.
    pub(super) fn strike_off(&mut self, now: Instant, account: String) {
        if self.edits.waiting.len() < WAITING_LIMIT {
            self.edits.waiting.push_back((None, Command::DeclineContact { account, block: false }));
            self.edit_next(now);
        }
    }

    /// Strikes off the questions that had their answer before the account signed in.
    pub(super) fn strike_off_answered(&mut self, now: Instant) {
        let waits = |lists: Lists| lists.has(List::Pending) && lists.answered();
        let contacts = self.roster.contacts().filter(|contact| waits(contact.lists));
        let accounts: Vec<String> = contacts.map(|contact| contact.account.clone()).collect();
        for account in accounts {
            self.strike_off(now, account);
        }
    }

    pub(super) fn edits_timeout(&mut self, now: Instant) {
        if is_due(self.resync.as_ref().map(Resync::deadline), now) {
            self.resync_fails(now);
        }
        if is_due(self.edits.deadline(), now) {
            let asked_the_server =
                self.edits.active.as_ref().is_some_and(|edit| edit.http.is_none());
            self.edit_ends(now, Err(RequestError::Unconfirmed));
            if asked_the_server && !self.closed {
                self.went_unanswered();
            }
        }
    }

    /// Begins the next request, if none is under way.
    fn edit_next(&mut self, now: Instant) {
        while self.edits.active.is_none() {
            let Some((request, command)) = self.edits.waiting.pop_front() else {
                return;
            };
            let invitation = match &command {
                Command::InviteContact { words, .. } => {
                    words.chars().take(INVITATION_LIMIT).collect()
                }
                _ => String::new(),
            };
            match self.plan(command) {
                Ok(steps) if steps.is_empty() => self.edit_done(request, Ok(())),
                Ok(steps) => {
                    let (trid, deadline) = (0, now);
                    let steps = steps.into();
                    self.edits.active = Some(Active {
                        request,
                        trid,
                        http: None,
                        invitation,
                        added: None,
                        steps,
                        mended: false,
                        deadline,
                    });
                    self.say_step(now);
                }
                Err(invalid) => self.edit_done(request, Err(invalid.into())),
            }
        }
    }

    fn edit_done(&mut self, request: Option<RequestId>, outcome: Result<(), RequestError>) {
        if let Some(request) = request {
            self.complete(request, outcome);
        }
    }

    /// Ends the request under way.
    fn edit_ends(&mut self, now: Instant, outcome: Result<(), RequestError>) {
        if let Some(active) = self.edits.active.take() {
            self.edit_done(active.request, outcome);
        }
        self.edit_next(now);
    }

    /// Finds the steps of a request; none when all is so already.
    fn plan(&self, command: Command) -> Result<Vec<Step>, Invalid> {
        let planner = Planner { session: self, steps: Vec::new() };
        match command {
            Command::AcceptContact { account, add } => planner.accept(&account, add),
            Command::AddContact { account, group }
            | Command::InviteContact { account, group, .. } => planner.add(&account, group),
            Command::AddGroup { name } => planner.add_group(name),
            Command::BlockContact { account, on: true }
            | Command::DeclineContact { account, block: true } => planner.block(&account),
            Command::BlockContact { account, on: false } => planner.unblock(&account),
            Command::DeclineContact { account, block: false } => planner.decline(&account),
            Command::GroupContact { account, group, on } => planner.group(&account, group, on),
            Command::MoveContact { account, group } => planner.move_to(&account, group),
            Command::RemoveContact { account } => planner.remove(&account),
            Command::RemoveGroup { group } => planner.remove_group(group),
            Command::RenameContact { account, name } => planner.rename(&account, name),
            Command::RenameGroup { group, name } => planner.rename_group(group, name),
            Command::SetAsking { ask } => {
                let now = self.roster.privacy().asks;
                Ok(planner.privacy("GTC", if ask { "A" } else { "N" }, now == Some(ask)))
            }
            Command::SetPrivacy { everybody } => {
                let now = self.roster.privacy().everybody;
                let value = if everybody { "AL" } else { "BL" };
                Ok(planner.privacy("BLP", value, now == Some(everybody)))
            }
            command @ (Command::AnswerCircle { .. }
            | Command::InviteToCircle { .. }
            | Command::LeaveCircle { .. }
            | Command::MakeCircle { .. }) => self.plan_circle(command),
            // What is no change of lists never comes here.
            _ => Ok(Vec::new()),
        }
    }

    /// Says the step that is due.
    fn say_step(&mut self, now: Instant) {
        if self.version.has_web_lists() {
            return self.call_step(now);
        }
        let trid = self.notification.trid();
        let deadline = now + self.config.deadlines.step;
        let Some(active) = &mut self.edits.active else {
            return;
        };
        (active.trid, active.deadline) = (trid, deadline);
        let Some(step) = active.steps.front().cloned() else {
            return;
        };
        let guids = self.version.has_guids();
        // Servers before MSNP10 want the zero that once was the group's place.
        let zero = (!guids).then_some(Cow::Borrowed("0"));
        match &step {
            // Without web services there is none.
            Step::Circle(_) => {}
            Step::AddGroup { name } => {
                let words = [Cow::Borrowed(name.as_str())].into_iter().chain(zero).collect();
                self.say(&ClientCommand::EditGroup { trid, change: GroupChange::Add, words });
            }
            Step::RemoveGroup { group } => {
                let words = vec![Cow::Borrowed(group.as_str())];
                self.say(&ClientCommand::EditGroup { trid, change: GroupChange::Remove, words });
            }
            Step::RenameGroup { group, name } => {
                let words = [Cow::Borrowed(group.as_str()), Cow::Borrowed(name.as_str())];
                let words = words.into_iter().chain(zero).collect();
                self.say(&ClientCommand::EditGroup { trid, change: GroupChange::Rename, words });
            }
            Step::Privacy { verb, value } => {
                self.say(&ClientCommand::Privacy { trid, verb, value });
            }
            Step::Rename { account, name } => {
                let known = self.roster.contact(account).and_then(|contact| contact.id.clone());
                match known.filter(|_| self.version.has_contact_properties()) {
                    Some(id) => self.say(&ClientCommand::ContactProperty {
                        trid,
                        id: &id,
                        property: "MFN",
                        value: Some(name.as_str().into()),
                    }),
                    None => {
                        let name = name.as_str().into();
                        self.say(&ClientCommand::Rename { trid, account, name });
                    }
                }
            }
            Step::Group { account, group, add } => {
                self.say_list(trid, account, List::Forward, *add, Some(group));
            }
            Step::List { account, list, add } => self.say_list(trid, account, *list, *add, None),
        }
    }

    fn say_list(&mut self, trid: u32, account: &str, list: List, add: bool, group: Option<&str>) {
        let guids = self.version.has_guids();
        let known = self.roster.contact(account);
        let id = known.and_then(|contact| contact.id.clone());
        let name = known.map(|contact| contact.shown_name().to_owned());
        // Contacts are taken off the forward list, and put into groups, by their GUIDs.
        let id = id.filter(|_| guids && list == List::Forward && (!add || group.is_some()));
        // A name goes with a new contact, and before GUIDs with everybody.
        let named = add && id.is_none() && (list == List::Forward || !guids);
        let name = name.unwrap_or_else(|| account.to_owned());
        self.say(&ClientCommand::EditList {
            trid,
            change: ListChange {
                add,
                list,
                serial: None,
                account: if guids && id.is_some() { None } else { Some(account) },
                name: named.then(|| name.as_str().into()),
                id: id.as_deref(),
                group,
            },
        });
    }

    /// Takes `ADD`, `ADC`, `REM`: an answer, or news.
    pub(super) fn list_changed(&mut self, now: Instant, trid: u32, change: &ListChange<'_>) {
        if self.edits.is_active(trid) {
            self.list_step_done(change.id, change.name.as_deref());
            return self.step_follows(now);
        }
        let Some(account) = self.roster.account_of(change.account, change.id) else {
            // One known server does not say who took the account off her list.
            return self.resynchronize(now);
        };
        let before = self.roster.contact(&account).map(|contact| contact.lists).unwrap_or_default();
        let told = self.roster.change(&account, change);
        let reverse = trid == 0 && change.list == List::Reverse;
        if reverse && change.add {
            let listed = self.roster.contact(&account).map(|contact| contact.lists);
            let known = [List::Forward, List::Allow, List::Block];
            let stranger = listed.is_some_and(|lists| !known.iter().any(|list| lists.has(*list)));
            let answered = before.answered() && !before.has(List::Reverse);
            if (stranger || answered) && self.version.has_pending_list() {
                // The server put her on the pending list as well, and says so at the next sign-in.
                let pending = ListChange { list: List::Pending, group: None, ..change.clone() };
                self.roster.change(&account, &pending);
            }
            let name = change.name.clone().unwrap_or_default().into_owned();
            self.events.push_back(Event::AddedBy { account: account.clone(), name });
            if answered {
                self.strike_off(now, account);
            }
        } else if reverse {
            let pending = ListChange { list: List::Pending, group: None, ..change.clone() };
            self.roster.change(&account, &pending);
            self.events.push_back(Event::RemovedBy { account });
        } else if let Some(change) = told {
            self.events.push_back(Event::ContactChanged { account, change });
        }
    }

    /// Takes `ADG`, `REG`, `RMG`.
    pub(super) fn group_changed(&mut self, now: Instant, trid: u32, words: &[Cow<'_, str>]) {
        if !self.edits.is_active(trid) {
            return;
        }
        let step = self.edits.active.as_ref().and_then(|active| active.steps.front().cloned());
        if let Some(Step::AddGroup { name }) = step {
            match new_group_id(words, &name, self.version) {
                Some(group) => {
                    self.roster.add_group(group, &name);
                    let (group, change) = (group.to_owned(), GroupChange::Add);
                    self.events.push_back(Event::GroupChanged { group, name, change });
                }
                // It is there; what it is called for programs only the lists can tell.
                None => self.resynchronize(now),
            }
            return self.step_follows(now);
        }
        self.step_done(now, trid);
    }

    /// Takes `BLP`, `GTC`: an answer, or part of the lists.
    pub(super) fn privacy_changed(
        &mut self,
        now: Instant,
        trid: Option<u32>,
        verb: &str,
        value: &str,
    ) {
        if let Some(trid) = trid.filter(|trid| self.edits.is_active(*trid)) {
            return self.step_done(now, trid);
        }
        if let Some(resync) = &mut self.resync {
            resync.fresh().set_privacy(verb, value);
        } else if self.roster.set_privacy(verb, value) && self.notification.is_online() {
            self.events.push_back(Event::PrivacyChanged);
        }
    }

    /// Notes that the step under way is done, as its own words say, and goes on.
    pub(super) fn step_done(&mut self, now: Instant, trid: u32) {
        if !self.edits.is_active(trid) {
            return;
        }
        let step = self.edits.active.as_ref().and_then(|active| active.steps.front().cloned());
        match step {
            Some(Step::Privacy { verb, value }) => {
                if self.roster.set_privacy(verb, value) {
                    self.events.push_back(Event::PrivacyChanged);
                }
            }
            Some(Step::RemoveGroup { group }) => {
                let name = self.roster.group_name(&group).unwrap_or_default().to_owned();
                self.roster.remove_group(&group);
                let change = GroupChange::Remove;
                self.events.push_back(Event::GroupChanged { group, name, change });
            }
            Some(Step::RenameGroup { group, name }) => {
                self.roster.add_group(&group, &name);
                let change = GroupChange::Rename;
                self.events.push_back(Event::GroupChanged { group, name, change });
            }
            Some(Step::Rename { account, name }) => {
                if let Some(change) = self.roster.rename(&account, &name) {
                    self.events.push_back(Event::ContactChanged { account, change });
                }
            }
            Some(Step::Group { .. } | Step::List { .. }) => {
                let active = self.edits.active.as_mut();
                let added = active.and_then(|active| active.added.take());
                self.list_step_done(added.as_deref(), None);
            }
            Some(Step::AddGroup { .. } | Step::Circle(_)) | None => {}
        }
        self.step_follows(now);
    }

    /// Applies the list step under way, with what the server added to it.
    fn list_step_done(&mut self, id: Option<&str>, name: Option<&str>) {
        let step = self.edits.active.as_ref().and_then(|active| active.steps.front().cloned());
        let (account, list, add, group) = match &step {
            Some(Step::Group { account, group, add }) => {
                (account, List::Forward, *add, Some(group.as_str()))
            }
            Some(Step::List { account, list, add }) => (account, *list, *add, None),
            _ => return,
        };
        let name = name.map(Cow::Borrowed);
        let account_known = Some(account.as_str());
        let change =
            ListChange { add, list, serial: None, account: account_known, name, id, group };
        if let Some(change) = self.roster.change(account, &change) {
            self.events.push_back(Event::ContactChanged { account: account.clone(), change });
        }
    }

    /// Goes on with the step after the one that is done.
    fn step_follows(&mut self, now: Instant) {
        let Some(active) = &mut self.edits.active else {
            return;
        };
        active.steps.pop_front();
        if active.steps.is_empty() { self.edit_ends(now, Ok(())) } else { self.say_step(now) }
    }

    /// Takes a refusal of the step under way.
    pub(super) fn step_refused(&mut self, now: Instant, code: ErrorCode) {
        let Some(active) = &mut self.edits.active else {
            return;
        };
        let Some(step) = active.steps.front().cloned() else {
            return;
        };
        let trid = active.trid;
        if is_done_already(&step, code) {
            return self.step_done(now, trid);
        }
        let first = std::mem::replace(&mut active.mended, true);
        let needed = if first { Vec::new() } else { needed_first(&step, code, &self.roster) };
        if !needed.is_empty() {
            for step in needed.into_iter().rev() {
                active.steps.push_front(step);
            }
            return self.say_step(now);
        }
        if matches!(&step, Step::List { list: List::Pending | List::Reverse, .. }) {
            // Whether the question is struck off is the server's business: what matters is said.
            return self.step_follows(now);
        }
        let unknown_group = matches!(code.0, 224 | 231);
        self.edit_ends(now, Err(RequestError::Refused(code)));
        if unknown_group {
            self.resynchronize(now);
        }
    }
}

/// Whether a refusal says that things are as the step wants them.
fn is_done_already(step: &Step, code: ErrorCode) -> bool {
    match step {
        Step::Group { add: true, .. } | Step::List { add: true, .. } => {
            code == ErrorCode::ALREADY_THERE
        }
        Step::Group { add: false, .. } => {
            matches!(code, ErrorCode::NOT_THERE | ErrorCode::NOT_IN_GROUP)
        }
        Step::List { add: false, .. } => {
            matches!(code, ErrorCode::NOT_THERE | ErrorCode::NO_SUCH_USER | ErrorCode::INVALID_USER)
        }
        Step::Privacy { .. } => code == ErrorCode::ALREADY_SET,
        _ => false,
    }
}

/// What must be done before a refused step can succeed.
fn needed_first(step: &Step, code: ErrorCode, roster: &Roster) -> Vec<Step> {
    match (step, code) {
        (
            Step::List { account, list: list @ (List::Allow | List::Block), add: true },
            ErrorCode::ON_OPPOSITE_LIST,
        ) => {
            let list = if *list == List::Allow { List::Block } else { List::Allow };
            vec![Step::List { account: account.clone(), list, add: false }]
        }
        (Step::RemoveGroup { group }, ErrorCode::GROUP_IN_USE | ErrorCode::GROUP_NOT_EMPTY) => {
            let inside = roster.contacts().filter(|contact| contact.groups.contains(group));
            let out = inside.map(|contact| Step::Group {
                account: contact.account.clone(),
                group: group.clone(),
                add: false,
            });
            out.collect()
        }
        _ => Vec::new(),
    }
}
