//! The roster as the web services tell it: whole, or what changed since.

use std::collections::BTreeSet;

use super::{Contact, Privacy, Roster, asks, lower};
use crate::{
    command::{List, Lists, PASSPORT_NETWORK},
    soap::{
        address_book::{AddressBook, BookContact},
        sharing::{Member, MemberKind, Memberships},
    },
    version::Version,
};

impl Roster {
    /// Makes the roster of what the web services know.
    pub(in crate::session) fn of_services(
        version: Version,
        memberships: Memberships,
        book: AddressBook,
    ) -> Self {
        let mut roster = Self::of_version(version);
        roster.take_changes(memberships, book);
        roster
    }

    /// Makes the roster that it is once some changes are made.
    pub(in crate::session) fn with_changes(
        &self,
        memberships: Memberships,
        book: AddressBook,
    ) -> Self {
        let mut roster = self.clone();
        roster.take_changes(memberships, book);
        roster
    }

    /// Tells whether an answer that should hold changes only may hold everything: it names half of those
    /// who are known, or more.
    pub(in crate::session) fn may_be_whole(
        &self,
        memberships: &Memberships,
        book: &AddressBook,
    ) -> bool {
        let many = |found: usize, known: usize| found > 0 && found * 2 >= known;
        let contacts = self.contacts().filter(|contact| contact.is_contact()).count();
        many(memberships.members.len(), self.members.len())
            || many(book.contacts.len() + usize::from(book.me.is_some()), contacts)
    }

    fn take_changes(&mut self, memberships: Memberships, book: AddressBook) {
        for (id, name) in &book.groups {
            self.add_group(id, name);
        }
        let is_card = |found: &BookContact| found.is_circle || !found.is_messenger_user;
        let cards = book.contacts.iter().filter(|found| is_card(found)).map(|card| &card.id);
        let gone = book.gone_contacts.iter().chain(cards);
        self.take_off(&gone.map(String::as_str).collect(), &book.gone_groups);
        self.take_circles(book.circles, &book.gone_contacts.iter().map(String::as_str).collect());
        for contact in book.contacts.into_iter().filter(|found| !is_card(found)) {
            self.take_book_contact(contact);
        }
        for member in memberships.members {
            self.take_member(member);
        }
        if let Some(me) = book.me {
            self.privacy = Privacy { everybody: me.allows_strangers, asks: me.asks_when_added };
        }
        self.contacts.retain(|_, contact| contact.lists != Lists(0));
    }

    fn take_book_contact(&mut self, found: BookContact) {
        let Some(contact) = self.entry(&found.account) else {
            return;
        };
        contact.lists = contact.lists.with(List::Forward, true);
        contact.id = Some(found.id);
        contact.name = found.name.unwrap_or_default();
        contact.given_name = found.nickname;
        contact.groups = found.groups;
        contact.network = found.network.unwrap_or(PASSPORT_NETWORK);
    }

    /// Takes contacts and groups off by their ids: in one go, for a book may name tens of thousands that
    /// are none, and searching for each took seconds.
    fn take_off(&mut self, contacts: &BTreeSet<&str>, groups: &[String]) {
        let groups: BTreeSet<&str> = groups.iter().map(String::as_str).collect();
        self.groups.retain(|id, _| !groups.contains(id.as_str()));
        for contact in self.contacts.values_mut() {
            contact.groups.retain(|id| !groups.contains(id.as_str()));
            if contact.id.as_deref().is_some_and(|id| contacts.contains(id)) {
                contact.leave_contacts();
                // What the address book had of her it has no more.
                contact.name.clear();
                contact.network = PASSPORT_NETWORK;
            }
        }
    }

    fn take_member(&mut self, member: Member) {
        if !matches!(member.kind, MemberKind::Passport | MemberKind::Email) {
            return;
        }
        let account = lower(&member.account).into_owned();
        if member.deleted {
            if let Some(contact) = self.contacts.get_mut(&account) {
                contact.lists = contact.lists.with(member.list, false);
                contact.asks = asks(contact.lists, true);
            }
            self.members.remove(&(account, member.list.bit()));
            return;
        }
        let Some(contact) = self.entry(&account) else {
            return;
        };
        contact.lists = contact.lists.with(member.list, true);
        contact.asks = asks(contact.lists, true);
        if member.invitation.is_some() {
            contact.invitation = member.invitation;
        }
        if let (true, Some(name)) = (contact.name.is_empty(), member.name) {
            contact.name = name;
        }
        if !member.id.is_empty() {
            self.members.insert((account, member.list.bit()), member.id);
        }
    }

    /// Keeps somebody allowed or blocked who was so before the lists were read again.
    ///
    /// One known server names a contact on no list of its sharing service while she is pending.
    pub(in crate::session) fn keep_answer(&mut self, account: &str, before: Lists) {
        let Some(contact) = self.contacts.get_mut(account) else {
            return;
        };
        if contact.lists == Lists(List::Forward.bit()) {
            for list in [List::Allow, List::Block] {
                contact.lists = contact.lists.with(list, before.has(list));
            }
        }
    }

    /// Gives the sharing service's id of somebody's entry on a list.
    pub(in crate::session) fn member_id(&self, account: &str, list: List) -> Option<&str> {
        self.members.get(&(account.to_owned(), list.bit())).map(String::as_str)
    }
}

impl Contact {
    /// Takes her off the contacts; what belongs to a contact alone goes with it.
    pub(super) fn leave_contacts(&mut self) {
        self.lists = self.lists.with(List::Forward, false);
        (self.id, self.given_name) = (None, None);
        self.groups.clear();
    }
}
