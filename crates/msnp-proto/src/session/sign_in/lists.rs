//! The lists at the sign-in: sent by the server up to MSNP12, read from web services and told to the
//! server after.

use std::{collections::BTreeSet, time::Instant};

use super::Phase;
use crate::{
    command::{ClientCommand, List, ServerCommand},
    listing::{self, Listed},
    session::{
        Session,
        http::HttpReply,
        types::CloseReason,
        web::{Read, WebLists},
    },
};

/// What of the lists is still to come.
#[derive(Debug)]
pub(in crate::session) enum Left {
    /// The server has said nothing yet.
    All,
    /// So many contacts and groups.
    Counted { contacts: u32, groups: u32 },
    /// These lists, where each says how long it is.
    Numbered { lists: BTreeSet<&'static str> },
}

impl Left {
    pub(in crate::session) fn numbered() -> Self {
        let lists = [List::Forward, List::Allow, List::Block, List::Reverse];
        Self::Numbered { lists: lists.map(List::code).into_iter().collect() }
    }

    pub(super) fn has_begun(&self) -> bool {
        !matches!(self, Self::All)
    }

    pub(in crate::session) fn is_nothing(&self) -> bool {
        match self {
            Self::All => false,
            Self::Counted { contacts, groups } => *contacts == 0 && *groups == 0,
            Self::Numbered { lists } => lists.is_empty(),
        }
    }

    /// Counts a line of the lists.
    pub(in crate::session) fn count(&mut self, command: &ServerCommand<'_>) {
        match (self, command) {
            (Self::Counted { contacts, .. }, ServerCommand::ListEntry(_)) => {
                *contacts = contacts.saturating_sub(1);
            }
            (Self::Counted { groups, .. }, ServerCommand::Group { .. }) => {
                *groups = groups.saturating_sub(1);
            }
            (Self::Numbered { lists }, ServerCommand::NumberedEntry(entry))
                if entry.place.index >= entry.place.count =>
            {
                lists.remove(entry.list.code());
            }
            _ => {}
        }
    }
}

impl Session {
    pub(super) fn synchronize(&mut self, now: Instant) {
        if self.version.has_web_lists() {
            let reading = self.read_lists();
            return self.enter(now, Phase::ReadingLists { reading });
        }
        let trid = self.notification.trid();
        let second = self.version.has_guids().then_some("0");
        self.say(&ClientCommand::Synchronize { trid, first: "0", second });
        self.enter(now, Phase::Synchronizing { trid, left: Left::All });
    }

    pub(super) fn synchronizing_command<'a>(
        &mut self,
        now: Instant,
        command: ServerCommand<'a>,
    ) -> Option<ServerCommand<'a>> {
        let Phase::Synchronizing { trid: asked, left } = &mut self.notification.phase else {
            return Some(command);
        };
        match &command {
            ServerCommand::Synchronize { trid, counts, .. } if trid == asked => {
                *left = match counts {
                    None if self.version.has_numbered_lists() => Left::numbered(),
                    counts => {
                        let (contacts, groups) = counts.unwrap_or_default();
                        Left::Counted { contacts, groups }
                    }
                };
            }
            ServerCommand::ListEntry(entry) => self.roster.add_entry(entry),
            ServerCommand::NumberedEntry(entry) => self.roster.add_numbered(entry),
            ServerCommand::Group { name, id, .. } => self.roster.add_group(id, name),
            ServerCommand::Error { trid: Some(trid), code, .. } if trid == asked => {
                self.sign_in_refused(*code);
                return None;
            }
            _ => return Some(command),
        }
        left.count(&command);
        if left.is_nothing() {
            self.change_status(now);
        }
        None
    }

    pub(super) fn reading_reply(&mut self, now: Instant, reply: &HttpReply) {
        let phase = std::mem::replace(&mut self.notification.phase, Phase::Connecting);
        let Phase::ReadingLists { reading } = phase else {
            return;
        };
        match self.read_on(reading, reply) {
            Ok(Read::More(reading)) => self.enter(now, Phase::ReadingLists { reading }),
            Ok(Read::Done(lists)) => self.tell_lists(now, *lists),
            Err(why) => self.close(CloseReason::Lists(why)),
        }
    }

    /// Tells the server who is on the lists that the web services gave.
    fn tell_lists(&mut self, now: Instant, lists: WebLists) {
        self.roster = lists.roster;
        self.roaming.know(lists.cid);
        if let Some(name) = lists.name {
            self.notification.name = name;
        }
        let value = if self.roster.privacy().everybody == Some(false) { "BL" } else { "AL" };
        let trid = self.notification.trid();
        self.say(&ClientCommand::Privacy { trid, verb: "BLP", value });
        let mut waiting = BTreeSet::new();
        let mut payloads = Vec::new();
        if self.version.has_services_in_lists() {
            payloads.push(listing::write_oneself(&self.config.account));
        }
        let listed = |contact: &crate::session::Contact| Listed {
            account: contact.account.clone(),
            network: contact.network,
            lists: contact.lists,
            name: None,
        };
        let people: Vec<Listed> = self.roster.contacts().map(listed).collect();
        payloads.extend(listing::write(&people, true, self.version));
        for payload in payloads {
            let trid = self.notification.trid();
            waiting.insert(trid);
            self.say(&ClientCommand::TellLists { trid, add: true, payload: &payload });
        }
        self.open_circles(now, lists.circle_ticket);
        if !self.version.has_publications() {
            let trid = self.notification.trid();
            let name = self.notification.name.clone();
            let value = Some(name.as_str().into());
            self.say(&ClientCommand::Property { trid, property: "MFN", value });
        }
        self.enter(now, Phase::TellingLists { waiting });
    }
}
