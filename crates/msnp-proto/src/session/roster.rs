//! Contacts, whatever the version calls them.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    command::{List, ListChange, ListEntry, Lists, Presence, Status},
    msg::PersonalMessage,
};

/// Somebody on the account's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Her address, in lower case.
    pub account: String,
    /// Her name: her own as presence tells it, or as the list has it.
    pub name: String,
    /// Her GUID, where the version has them.
    pub id: Option<String>,
    /// The lists she is on.
    pub lists: Lists,
    /// Ids of the groups she is in.
    pub groups: Vec<String>,
    /// Her status; offline until presence says otherwise.
    pub status: Status,
    /// Her personal message and what is playing.
    pub personal: PersonalMessage,
}

/// The account's contacts and groups.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    contacts: BTreeMap<String, Contact>,
    groups: BTreeMap<String, String>,
}

impl Roster {
    /// Gives everybody, by address.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    /// Finds somebody by her address, in any case.
    pub fn contact(&self, account: &str) -> Option<&Contact> {
        self.contacts.get(&*lower(account))
    }

    /// Gives the name of a group.
    pub fn group_name(&self, id: &str) -> Option<&str> {
        self.groups.get(id).map(String::as_str)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn add_group(&mut self, id: &str, name: &str) {
        self.groups.insert(id.to_owned(), name.to_owned());
    }

    pub(super) fn add_entry(&mut self, entry: &ListEntry<'_>) {
        let contact = self.entry(entry.account);
        contact.name = entry.name.clone().into_owned();
        contact.id = entry.id.map(str::to_owned);
        contact.lists = entry.lists;
        contact.groups =
            entry.groups.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
    }

    /// Applies a change and tells whom it concerns; nobody when the account is not told.
    pub(super) fn change(&mut self, change: &ListChange<'_>) -> Option<String> {
        let account = match (change.account, change.id) {
            (Some(account), _) if account.contains('@') => account.to_lowercase(),
            (_, Some(id)) => {
                let known = self.contacts.values();
                known.into_iter().find(|contact| contact.id.as_deref() == Some(id))?.account.clone()
            }
            _ => return None,
        };
        let contact = self.entry(&account);
        match change.group {
            Some(group) if change.add => contact.groups.push(group.to_owned()),
            Some(group) => contact.groups.retain(|known| known != group),
            None => contact.lists = contact.lists.with(change.list, change.add),
        }
        if let (Some(id), true) = (change.id, change.add) {
            contact.id = Some(id.to_owned());
        }
        if let (Some(name), true) = (&change.name, contact.name.is_empty()) {
            contact.name = name.clone().into_owned();
        }
        Some(account)
    }

    /// Takes a presence; tells whose, if it is a contact's and changes anything.
    pub(super) fn set_presence(&mut self, presence: &Presence<'_>) -> Option<String> {
        let contact = self.contacts.get_mut(&*lower(presence.account))?;
        let renamed = !presence.name.is_empty() && contact.name != presence.name;
        if contact.status == presence.status && !renamed {
            return None;
        }
        contact.status = presence.status;
        if renamed {
            contact.name = presence.name.clone().into_owned();
        }
        Some(contact.account.clone())
    }

    pub(super) fn set_offline(&mut self, account: &str) -> Option<String> {
        let contact = self.contacts.get_mut(&*lower(account))?;
        let was = std::mem::replace(&mut contact.status, Status::Offline);
        (was != Status::Offline).then(|| contact.account.clone())
    }

    pub(super) fn set_personal(
        &mut self,
        account: &str,
        message: PersonalMessage,
    ) -> Option<String> {
        let contact = self.contacts.get_mut(&*lower(account))?;
        if contact.personal == message {
            return None;
        }
        contact.personal = message;
        Some(contact.account.clone())
    }

    fn entry(&mut self, account: &str) -> &mut Contact {
        let account = account.to_lowercase();
        self.contacts.entry(account.clone()).or_insert_with(|| Contact {
            account,
            name: String::new(),
            id: None,
            lists: Lists(0),
            groups: Vec::new(),
            status: Status::Offline,
            personal: PersonalMessage::default(),
        })
    }
}

impl Contact {
    /// Tells whether she is one of the account's contacts, not only on another list.
    pub fn is_contact(&self) -> bool {
        self.lists.has(List::Forward)
    }

    /// Gives the name to show: her own, or her address.
    pub fn shown_name(&self) -> &str {
        if self.name.is_empty() { &self.account } else { &self.name }
    }
}

/// An address as the roster keeps it; borrowed where it is so already.
fn lower(account: &str) -> Cow<'_, str> {
    if account.chars().any(char::is_uppercase) {
        account.to_lowercase().into()
    } else {
        account.into()
    }
}
