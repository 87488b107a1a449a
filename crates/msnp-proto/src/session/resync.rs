//! The lists, asked for again while the account is online, and what others say of theirs.

use std::time::Instant;

use super::{
    Session,
    http::HttpReply,
    roster::Roster,
    sign_in::Left,
    types::{ContactChange, Event, HttpId},
    web::{Read, Reading},
};
use crate::{
    command::{ClientCommand, List, ListChange, Lists, ServerCommand},
    listing,
};

/// What a notice holds when the address book changed at another place.
const BOOK_CHANGED: &[u8] = b"ABCHInternal";
/// What a notice holds when a circle changed.
const CIRCLE_CHANGED: &[u8] = b"CircleId";

/// The lists that are being asked for.
#[derive(Debug)]
pub(super) struct Resync {
    source: Source,
    fresh: Roster,
    deadline: Instant,
    /// Whether they changed once more meanwhile.
    stale: bool,
}

/// Somebody who put the account on her list, told once it is known what she wrote.
#[derive(Debug)]
pub(super) struct Newcomer {
    account: String,
    name: Option<String>,
    /// Whether she asked before, and is known to.
    asked: bool,
    /// The lists she was on before.
    lists: Lists,
}

/// Most newcomers that wait to be told of.
const NEWCOMERS_LIMIT: usize = 1024;

#[derive(Debug)]
enum Source {
    /// The server, by the request of that number.
    Server { trid: u32, left: Left },
    /// The web services; nothing while an answer is read.
    Services(Option<Reading>),
}

impl Resync {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn wait_until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    pub(super) fn fresh(&mut self) -> &mut Roster {
        &mut self.fresh
    }
}

impl Session {
    /// Asks for the lists again, because what a server said about them is not enough.
    pub(super) fn resynchronize(&mut self, now: Instant) {
        if !self.notification.is_online() {
            return;
        }
        if let Some(resync) = &mut self.resync {
            resync.stale = true;
            return;
        }
        let source = if self.version.has_web_lists() {
            Source::Services(Some(self.read_changes()))
        } else {
            let trid = self.notification.trid();
            let second = self.version.has_guids().then_some("0");
            self.say(&ClientCommand::Synchronize { trid, first: "0", second });
            Source::Server { trid, left: Left::All }
        };
        let deadline = now + self.config.deadlines.step;
        let fresh = Roster::of_version(self.version);
        self.resync = Some(Resync { source, fresh, deadline, stale: false });
    }

    /// Tells whether lists were asked for by the request of a number.
    pub(super) fn resync_awaits(&self, number: u32) -> bool {
        let source = self.resync.as_ref().map(|resync| &resync.source);
        matches!(source, Some(Source::Server { trid, .. }) if *trid == number)
    }

    pub(super) fn resync_begins(&mut self, now: Instant, number: u32, counts: Option<(u32, u32)>) {
        let numbered = self.version.has_numbered_lists();
        match self.resync.as_mut().map(|resync| &mut resync.source) {
            Some(Source::Server { trid, left }) if *trid == number => match counts {
                Some((contacts, groups)) => *left = Left::Counted { contacts, groups },
                None if numbered => *left = Left::numbered(),
                // Without counts the server says that nothing changed.
                None => self.resync = None,
            },
            _ => return,
        }
        self.resync_ends(now);
    }

    /// Takes a line of the lists.
    pub(super) fn resync_line(&mut self, now: Instant, command: &ServerCommand<'_>) {
        let resync = self.resync.as_mut();
        let (roster, left) = match resync.map(|resync| (&mut resync.fresh, &mut resync.source)) {
            Some((fresh, Source::Server { left, .. })) => (fresh, Some(left)),
            _ => (&mut self.roster, None),
        };
        let asked_for = left.is_some();
        let account = match command {
            ServerCommand::ListEntry(entry) => {
                roster.add_entry(entry);
                Some(entry.account)
            }
            ServerCommand::NumberedEntry(entry) => {
                roster.add_numbered(entry);
                entry.who.as_ref().map(|(account, _)| *account)
            }
            ServerCommand::Group { name, id, .. } => {
                roster.add_group(id, name);
                None
            }
            _ => None,
        };
        if let Some(left) = left {
            left.count(command);
        }
        if let (Some(account), false) = (account, asked_for) {
            let (account, change) = (account.to_lowercase(), ContactChange::Listed);
            self.events.push_back(Event::ContactChanged { account, change });
        }
        self.resync_ends(now);
    }

    /// Takes an answer of the web services; gives it back when it is none to this.
    pub(super) fn resync_reply(
        &mut self,
        now: Instant,
        id: HttpId,
        reply: HttpReply,
    ) -> Option<HttpReply> {
        let Some(Source::Services(reading)) = self.resync.as_mut().map(|resync| &mut resync.source)
        else {
            return Some(reply);
        };
        let Some(reading) = reading.take_if(|reading| reading.http == id) else {
            return Some(reply);
        };
        match self.read_on(reading, &reply) {
            Ok(Read::More(more)) => {
                if let Some(resync) = &mut self.resync {
                    resync.source = Source::Services(Some(more));
                }
            }
            Ok(Read::Done(lists)) => {
                if let Some(resync) = self.resync.take() {
                    self.replace_roster(lists.roster);
                    self.tell_newcomers(now);
                    if resync.stale {
                        self.resynchronize(now);
                    }
                    self.circles_read(now, lists.circle_ticket);
                }
            }
            Err(why) => {
                self.resync_fails(now);
                self.odd(format!("the lists could not be read again: {why}"));
            }
        }
        None
    }

    fn resync_ends(&mut self, now: Instant) {
        let done = self.resync.take_if(
            |resync| matches!(&resync.source, Source::Server { left, .. } if left.is_nothing()),
        );
        let Some(resync) = done else {
            return;
        };
        self.replace_roster(resync.fresh);
        if resync.stale {
            self.resynchronize(now);
        }
    }

    /// Takes a new roster in the place of the one that is known, and tells what differs.
    fn replace_roster(&mut self, fresh: Roster) {
        let old = std::mem::replace(&mut self.roster, fresh);
        let keeps_names = self.version.has_web_lists();
        self.events.extend(self.roster.replace(&old, keeps_names));
        self.circles_replaced(&old);
    }

    /// Takes what others did with the account on their lists.
    pub(super) fn lists_pushed(&mut self, now: Instant, add: bool, payload: &[u8]) {
        let Some((people, _)) = listing::read(payload) else {
            return self.odd("a list that was pushed is no document".to_owned());
        };
        let people = people.into_iter().filter(|listed| listed.lists.has(List::Reverse));
        if add && self.notification.is_online() {
            for listed in people.take(NEWCOMERS_LIMIT.saturating_sub(self.newcomers.len())) {
                let known = self.roster.contact(&listed.account);
                let asked = known.is_some_and(|contact| contact.asks);
                let lists = known.map(|contact| contact.lists).unwrap_or_default();
                let (account, name) = (listed.account, listed.name);
                self.newcomers.push(Newcomer { account, name, asked, lists });
            }
            // What she wrote stands in the lists.
            return self.resynchronize(now);
        }
        for listed in people {
            let change = ListChange {
                add,
                list: List::Reverse,
                serial: None,
                account: Some(&listed.account),
                name: listed.name.as_deref().map(Into::into),
                id: None,
                group: None,
            };
            self.list_changed(now, 0, &change);
        }
    }

    /// Tells of those who put the account on their lists, unless the lists did.
    fn tell_newcomers(&mut self, now: Instant) {
        for newcomer in std::mem::take(&mut self.newcomers) {
            self.roster.keep_answer(&newcomer.account, newcomer.lists);
            let known = self.roster.contact(&newcomer.account);
            if known.is_some_and(|contact| contact.asks) && !newcomer.asked {
                continue;
            }
            let change = ListChange {
                add: true,
                list: List::Reverse,
                serial: None,
                account: Some(&newcomer.account),
                name: newcomer.name.as_deref().map(Into::into),
                id: None,
                group: None,
            };
            self.list_changed(now, 0, &change);
        }
    }

    /// Gives the reading up: what else is known is told without it.
    pub(super) fn resync_fails(&mut self, now: Instant) {
        self.resync = None;
        self.tell_newcomers(now);
        self.circles_go_on(now);
    }

    /// Takes an alert: some tell that the address book changed at another place.
    pub(super) fn notice(&mut self, now: Instant, payload: &[u8]) {
        let holds = |part: &[u8]| memchr::memmem::find(payload, part).is_some();
        let changed = holds(BOOK_CHANGED) || (self.version.has_circles() && holds(CIRCLE_CHANGED));
        if changed && self.version.has_web_lists() {
            self.resynchronize(now);
        }
    }
}
