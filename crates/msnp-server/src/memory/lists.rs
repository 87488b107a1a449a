//! Lists, groups and privacy, on both sides: whoever puts somebody on her list appears on his.

use std::collections::{BTreeSet, VecDeque};

use msnp_proto::command::{List, Lists, Status};

use super::{Account, Inner, key};
use crate::directory::{EditError, Entry, Group, GroupEdit, ListEdit, Privacy, Profile, Push};

/// Most contacts of an account.
const CONTACTS_LIMIT: usize = 1000;
/// Most groups of an account, and the first number that is none: 0 is for contacts without one.
const GROUPS_LIMIT: usize = 30;
/// Longest group name, in bytes as the wire has it.
const GROUP_NAME_LIMIT: usize = 61;
/// Most people, and groups, that are remembered after they are gone.
const GONE_LIMIT: usize = 200;

impl Inner {
    /// Makes somebody a contact of another who exists, allowed and without a question.
    pub(super) fn befriend(&mut self, owner: &str, contact: &str) {
        if !self.accounts.contains_key(contact) {
            return;
        }
        self.put(owner, contact, List::Forward, true);
        self.put(owner, contact, List::Allow, true);
        self.put(contact, owner, List::Reverse, true);
    }

    fn put(&mut self, owner: &str, contact: &str, list: List, add: bool) -> Option<Entry> {
        let Profile { account, name } = self.accounts.get(contact)?.profile();
        let id = self.id();
        let owner = self.accounts.get_mut(owner)?;
        let (entries, gone) = (&mut owner.entries, &mut owner.gone);
        let entry = entries.entry(contact.to_owned()).or_insert_with(|| {
            let before = gone.iter().position(|gone| gone.account == account);
            let before = before.and_then(|place| gone.remove(place)).map(|before| before.id);
            Entry {
                account,
                name,
                // Whoever comes back keeps her id, for clients remember it.
                id: before.unwrap_or_else(|| format!("00000000-0000-4000-8000-{id:012x}")),
                lists: Lists(0),
                groups: Vec::new(),
                invitation: None,
            }
        });
        entry.lists = entry.lists.with(list, add);
        if !entry.lists.has(List::Forward) {
            entry.groups.clear();
        }
        let entry = entry.clone();
        if entry.lists == Lists(0) {
            entries.remove(contact);
            remember(gone, entry.clone());
        }
        Some(entry)
    }

    /// Finds a contact by her address, or by her id.
    fn resolve(&self, owner: &str, who: &str) -> Option<String> {
        if who.contains('@') {
            return Some(key(who));
        }
        let entries = &self.accounts.get(owner)?.entries;
        entries.iter().find(|(_, entry)| entry.id == who).map(|(key, _)| key.clone())
    }

    fn lists(&self, owner: &str, contact: &str) -> Lists {
        let entry = self.accounts.get(owner).and_then(|found| found.entries.get(contact));
        entry.map(|entry| entry.lists).unwrap_or_default()
    }

    pub(super) fn edit(&mut self, owner: &str, edit: &ListEdit) -> Result<Entry, EditError> {
        let who = self.resolve(owner, &edit.who).ok_or(EditError::NotThere)?;
        if let Some(group) = &edit.group {
            return self.edit_membership(owner, &who, group, edit.add);
        }
        let lists = self.lists(owner, &who);
        // Reverse and pending are the server's: a client may only say that it has seen a question.
        let question = match (edit.list, edit.add) {
            // Some take her off the one list before they put her on the other.
            (List::Reverse, true) if !lists.has(List::Reverse) => {
                Some(self.lists(&who, owner).has(List::Forward))
            }
            (List::Pending, false) => Some(lists.has(List::Pending)),
            (List::Reverse | List::Pending, _) => Some(false),
            _ => None,
        };
        if question == Some(false) {
            return Err(EditError::NotAllowed);
        }
        if !self.accounts.contains_key(&who) {
            return Err(EditError::Unknown);
        }
        // She may be on the opposite list: clients of today block before they stop to allow, and the
        // servers of today take it. Who is blocked stays so.
        let there = lists.has(edit.list);
        if there == edit.add {
            return Err(if there { EditError::AlreadyThere } else { EditError::NotThere });
        }
        if edit.add && edit.list == List::Forward && self.contacts(owner) >= CONTACTS_LIMIT {
            return Err(EditError::ListFull);
        }
        let seen_before = self.sees(&who, owner);
        let entry = self.put(owner, &who, edit.list, edit.add).ok_or(EditError::Unknown)?;
        self.tell_if_otherwise(owner, &who, seen_before);
        if edit.list == List::Forward {
            self.mirror(owner, &who, edit.add);
        }
        Ok(entry)
    }

    /// Shows on somebody's lists that she was put on another's, or taken off.
    fn mirror(&mut self, owner: &str, who: &str, add: bool) {
        let known = self.lists(who, owner);
        let decided = [List::Forward, List::Allow, List::Block];
        let asks = add && !decided.iter().any(|list| known.has(*list));
        if add {
            self.put(who, owner, if asks { List::Pending } else { List::Reverse }, true);
        } else {
            self.put(who, owner, List::Pending, false);
            self.put(who, owner, List::Reverse, false);
        }
        let Some(profile) = self.accounts.get(owner).map(Account::profile) else {
            return;
        };
        let push = if add { Push::AddedBy(profile) } else { Push::RemovedBy(profile) };
        self.tell(who, push);
        if add && self.sees(owner, who) {
            let presence = self.accounts.get(who).map(Account::presence);
            if let Some(presence) = presence {
                self.tell(owner, Push::Presence(presence.clone()));
                self.tell(owner, Push::Personal(presence));
            }
        }
    }

    fn edit_membership(
        &mut self,
        owner: &str,
        who: &str,
        group: &str,
        add: bool,
    ) -> Result<Entry, EditError> {
        let found = self.accounts.get_mut(owner).ok_or(EditError::Unknown)?;
        if !found.groups.iter().any(|known| known.id == group) {
            return Err(EditError::NoSuchGroup);
        }
        let entry = found.entries.get_mut(who).filter(|entry| entry.lists.has(List::Forward));
        let entry = entry.ok_or(EditError::NotThere)?;
        let there = entry.groups.iter().any(|known| known == group);
        match (there, add) {
            (true, true) => return Err(EditError::AlreadyThere),
            (false, false) => return Err(EditError::NotInGroup),
            (false, true) => entry.groups.push(group.to_owned()),
            (true, false) => entry.groups.retain(|known| known != group),
        }
        Ok(entry.clone())
    }

    pub(super) fn edit_group(&mut self, owner: &str, edit: GroupEdit) -> Result<Group, EditError> {
        let found = self.accounts.get_mut(owner).ok_or(EditError::Unknown)?;
        let place = |groups: &[Group], id: &str| groups.iter().position(|group| group.id == *id);
        if let GroupEdit::Add(name) | GroupEdit::Rename(_, name) = &edit {
            let own = if let GroupEdit::Rename(id, _) = &edit { Some(id) } else { None };
            if msnp_proto::escape::encode(name).len() > GROUP_NAME_LIMIT {
                return Err(EditError::GroupNameTooLong);
            }
            let mut others = found.groups.iter().filter(|group| Some(&group.id) != own);
            if others.any(|group| group.name == *name) {
                return Err(EditError::GroupExists);
            }
        }
        match edit {
            GroupEdit::Add(name) => {
                let taken: BTreeSet<&str> =
                    found.groups.iter().map(|group| group.id.as_str()).collect();
                let free = (1..GROUPS_LIMIT).map(group_id).find(|id| !taken.contains(id.as_str()));
                let group = Group { id: free.ok_or(EditError::TooManyGroups)?, name };
                found.gone_groups.retain(|gone| gone.id != group.id);
                found.groups.push(group.clone());
                Ok(group)
            }
            GroupEdit::Remove(id) => {
                let place = place(&found.groups, &id).ok_or(EditError::NoSuchGroup)?;
                if found.entries.values().any(|entry| entry.groups.contains(&id)) {
                    return Err(EditError::GroupNotEmpty);
                }
                let group = found.groups.remove(place);
                remember(&mut found.gone_groups, group.clone());
                Ok(group)
            }
            GroupEdit::Rename(id, name) => {
                let mut groups = found.groups.iter_mut();
                let group = groups.find(|group| group.id == id).ok_or(EditError::NoSuchGroup)?;
                group.name = name;
                Ok(group.clone())
            }
        }
    }

    pub(super) fn rename_contact(
        &mut self,
        owner: &str,
        who: &str,
        name: &str,
    ) -> Result<(), EditError> {
        let who = self.resolve(owner, who).ok_or(EditError::NotThere)?;
        let found = self.accounts.get_mut(owner).ok_or(EditError::Unknown)?;
        let entry = found.entries.get_mut(&who).ok_or(EditError::NotThere)?;
        name.clone_into(&mut entry.name);
        Ok(())
    }

    pub(super) fn set_privacy(&mut self, owner: &str, privacy: Privacy) {
        let all: Vec<(String, bool)> =
            self.accounts.keys().map(|who| (who.clone(), self.sees(who, owner))).collect();
        if let Some(found) = self.accounts.get_mut(owner) {
            found.privacy = privacy;
        }
        for (who, seen_before) in all {
            self.tell_if_otherwise(owner, &who, seen_before);
        }
    }

    fn contacts(&self, owner: &str) -> usize {
        let entries = self.accounts.get(owner).map(|found| &found.entries);
        let contacts = entries.into_iter().flat_map(|entries| entries.values());
        contacts.filter(|entry| entry.lists.has(List::Forward)).count()
    }

    /// Whether somebody who has an account as a contact sees it there now.
    fn sees(&self, who: &str, account: &str) -> bool {
        let knows = self.lists(who, account).has(List::Forward);
        let shown = self.accounts.get(account);
        knows && shown.is_some_and(|account| account.is_shown() && !account.blocks(who))
    }

    /// Tells somebody that an account came or went for her, when it did.
    fn tell_if_otherwise(&self, account: &str, who: &str, seen_before: bool) {
        let sees = self.sees(who, account);
        let Some(found) = self.accounts.get(account).filter(|_| sees != seen_before) else {
            return;
        };
        let mut presence = found.presence();
        if sees {
            self.tell(who, Push::Presence(presence.clone()));
            self.tell(who, Push::Personal(presence));
        } else {
            presence.status = Status::Offline;
            self.tell(who, Push::Presence(presence));
        }
    }

    fn tell(&self, who: &str, push: Push) {
        if let Some(found) = self.accounts.get(who) {
            found.tell(&push);
        }
    }
}

/// Remembers what is no more, and forgets what has been so the longest.
fn remember<T>(gone: &mut VecDeque<T>, one: T) {
    if gone.len() >= GONE_LIMIT {
        gone.pop_front();
    }
    gone.push_back(one);
}

/// The id of the group of a number: the form of MSNP10, from which the number can be read back.
fn group_id(number: usize) -> String {
    format!("00000000-0000-4000-9000-{number:012x}")
}
