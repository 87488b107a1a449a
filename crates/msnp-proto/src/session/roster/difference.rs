//! How two rosters differ, as events.

use super::{Contact, GROUP_ZERO, Roster};
use crate::{
    command::{GroupChange, List, Status},
    session::types::{ContactChange, Event},
};

impl Roster {
    /// Tells what makes this roster of an earlier one: people in the order of their addresses, then
    /// groups, then the privacy settings. Presence is none of it.
    ///
    /// Somebody who asks to be a contact and did not before is [`Event::AddedBy`]; of any other change of
    /// a person the weightiest counts.
    pub fn differences(&self, before: &Self) -> Vec<Event> {
        let mut all: Vec<&String> = before.contacts.keys().chain(self.contacts.keys()).collect();
        all.sort_unstable();
        all.dedup();
        let people = all.into_iter().filter_map(|account| {
            let (was, is) = (before.contact(account), self.contact(account));
            let change = difference(was, is)?;
            let account = account.clone();
            let asks = is.filter(|is| is.asks && !was.is_some_and(|was| was.asks));
            Some(match asks {
                Some(contact) => Event::AddedBy { name: contact.name.clone(), account },
                None => Event::ContactChanged { account, change },
            })
        });
        let mut events: Vec<Event> = people.collect();
        let event = |(group, name): (&String, &String), change| {
            let (group, name) = (group.clone(), name.clone());
            Event::GroupChanged { group, name, change }
        };
        let real = |(id, _): &(&String, &String)| *id != GROUP_ZERO;
        let gone = before.groups.iter().filter(real);
        let gone = gone.filter(|(id, _)| !self.groups.contains_key(*id));
        events.extend(gone.map(|group| event(group, GroupChange::Remove)));
        let changed =
            self.groups.iter().filter(real).filter_map(|group| match before.groups.get(group.0) {
                None => Some(event(group, GroupChange::Add)),
                Some(name) if name != group.1 => Some(event(group, GroupChange::Rename)),
                Some(_) => None,
            });
        events.extend(changed);
        if self.privacy != before.privacy {
            events.push(Event::PrivacyChanged);
        }
        events
    }

    /// Takes the place of an older roster: what lists do not say is kept. Gives what differs.
    ///
    /// `keeps_names` says that the lists have the names the account gave.
    pub(in crate::session) fn replace(&mut self, old: &Self, keeps_names: bool) -> Vec<Event> {
        self.endpoints.clone_from(&old.endpoints);
        self.keep_circles(old);
        if self.privacy.everybody.is_none() && self.privacy.asks.is_none() {
            self.privacy = old.privacy;
        }
        for contact in self.contacts.values_mut() {
            if let Some(before) = old.contacts.get(&contact.account) {
                contact.keep_presence(before);
                if contact.given_name.is_none() && !keeps_names {
                    contact.given_name.clone_from(&before.given_name);
                }
            }
        }
        self.differences(old)
    }
}

impl Contact {
    fn keep_presence(&mut self, before: &Self) {
        self.status = before.status;
        self.capabilities = before.capabilities;
        self.object.clone_from(&before.object);
        (self.personal, self.look) = (before.personal.clone(), before.look.clone());
        if before.status != Status::Offline {
            self.name.clone_from(&before.name);
        }
    }
}

/// Says how somebody on the lists differs from before; the weightiest change counts.
pub(super) fn difference(
    before: Option<&Contact>,
    after: Option<&Contact>,
) -> Option<ContactChange> {
    let lists =
        |contact: Option<&Contact>| contact.map(|contact| contact.lists).unwrap_or_default();
    let (was, is) = (lists(before), lists(after));
    let turned = |list: List| (was.has(list) != is.has(list)).then(|| is.has(list));
    let groups = |contact: Option<&Contact>| contact.map(|contact| contact.groups.clone());
    let given = |contact: Option<&Contact>| contact.map(|contact| contact.shown_name().to_owned());
    Some(match (turned(List::Forward), turned(List::Block)) {
        (Some(true), _) => ContactChange::Added,
        (Some(false), _) => ContactChange::Removed,
        (None, Some(true)) => ContactChange::Blocked,
        (None, Some(false)) => ContactChange::Unblocked,
        _ if was != is => ContactChange::Listed,
        _ if groups(before) != groups(after) => ContactChange::Moved,
        _ if given(before) != given(after) => ContactChange::Renamed,
        _ => return None,
    })
}
