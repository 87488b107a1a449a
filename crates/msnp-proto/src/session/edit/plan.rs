//! Finds the steps of a request, from the roster as it is.

use super::Step;
use crate::{
    command::{List, Lists},
    escape,
    session::{Contact, Session, roster::GROUP_ZERO, types::Invalid},
};

/// Most groups an account may have.
const GROUPS_LIMIT: usize = 30;
/// Longest group name, in bytes as the wire has it.
const GROUP_NAME_LIMIT: usize = 61;
/// Longest name, in bytes as the wire has it.
const NAME_LIMIT: usize = 387;
/// Longest address.
const ADDRESS_LIMIT: usize = 129;

/// Finds the steps of one request.
pub(super) struct Planner<'s> {
    pub(super) session: &'s Session,
    pub(super) steps: Vec<Step>,
}

pub(super) type Planned = Result<Vec<Step>, Invalid>;

impl Planner<'_> {
    pub(super) fn accept(mut self, account: &str, add: bool) -> Planned {
        let account = self.address(account)?;
        self.put(&account, List::Block, false);
        self.put(&account, List::Allow, true);
        self.strike_off(&account);
        if add {
            self.put(&account, List::Forward, true);
        }
        Ok(self.steps)
    }

    pub(super) fn add(mut self, account: &str, group: Option<String>) -> Planned {
        let account = self.address(account)?;
        let group = group.map(|group| self.known_group(group)).transpose()?;
        let lists = self.lists(&account);
        // Whoever is blocked stays so: adding her is another wish.
        if !lists.has(List::Block) {
            self.put(&account, List::Allow, true);
        }
        self.strike_off(&account);
        self.put(&account, List::Forward, true);
        if let Some(group) = group.filter(|group| !self.is_in(&account, group)) {
            self.steps.push(Step::Group { account, group, add: true });
        }
        Ok(self.steps)
    }

    pub(super) fn block(mut self, account: &str) -> Planned {
        let account = self.address(account)?;
        // Off one list before on the other: nobody may be on both.
        self.put(&account, List::Allow, false);
        self.put(&account, List::Block, true);
        self.strike_off(&account);
        Ok(self.steps)
    }

    pub(super) fn unblock(mut self, account: &str) -> Planned {
        let account = self.address(account)?;
        self.put(&account, List::Block, false);
        self.put(&account, List::Allow, true);
        Ok(self.steps)
    }

    pub(super) fn decline(mut self, account: &str) -> Planned {
        let account = self.address(account)?;
        self.strike_off(&account);
        Ok(self.steps)
    }

    pub(super) fn remove(mut self, account: &str) -> Planned {
        let account = self.address(account)?;
        self.put(&account, List::Forward, false);
        Ok(self.steps)
    }

    pub(super) fn rename(mut self, account: &str, name: String) -> Planned {
        let account = self.contact(account)?;
        check_name(&name)?;
        self.steps.push(Step::Rename { account, name });
        Ok(self.steps)
    }

    pub(super) fn group(mut self, account: &str, group: String, add: bool) -> Planned {
        let account = self.contact(account)?;
        let group = self.known_group(group)?;
        if self.is_in(&account, &group) != add {
            self.steps.push(Step::Group { account, group, add });
        }
        Ok(self.steps)
    }

    pub(super) fn move_to(mut self, account: &str, group: Option<String>) -> Planned {
        let account = self.contact(account)?;
        let group = group.map(|group| self.known_group(group)).transpose()?;
        let roster = &self.session.roster;
        let now = roster.contact(&account).map(|contact| contact.groups.clone());
        let now = now.unwrap_or_default();
        let zero = self.session.version.has_group_zero();
        // In the new group before out of the old ones: who is in none may be taken for removed.
        let none = || zero.then(|| GROUP_ZERO.to_owned());
        let wanted = group.or_else(none).filter(|group| roster.group_name(group).is_some());
        if let Some(group) = wanted.clone().filter(|group| !now.contains(group)) {
            self.steps.push(Step::Group { account: account.clone(), group, add: true });
        }
        for group in now.into_iter().filter(|group| Some(group) != wanted.as_ref()) {
            self.steps.push(Step::Group { account: account.clone(), group, add: false });
        }
        Ok(self.steps)
    }

    pub(super) fn add_group(mut self, name: String) -> Planned {
        self.check_group_name(&name, None)?;
        if self.session.roster.group_count() >= GROUPS_LIMIT {
            return Err(Invalid::TooManyGroups);
        }
        self.steps.push(Step::AddGroup { name });
        Ok(self.steps)
    }

    pub(super) fn rename_group(mut self, group: String, name: String) -> Planned {
        let group = self.real_group(group)?;
        self.check_group_name(&name, Some(&group))?;
        if self.session.roster.group_name(&group) != Some(name.as_str()) {
            self.steps.push(Step::RenameGroup { group, name });
        }
        Ok(self.steps)
    }

    pub(super) fn remove_group(mut self, group: String) -> Planned {
        let group = self.real_group(group)?;
        self.steps.push(Step::RemoveGroup { group });
        Ok(self.steps)
    }

    pub(super) fn privacy(
        mut self,
        verb: &'static str,
        value: &'static str,
        is_so: bool,
    ) -> Vec<Step> {
        if !is_so {
            self.steps.push(Step::Privacy { verb, value });
        }
        self.steps
    }

    /// Puts somebody on a list or takes her off, unless it is so.
    fn put(&mut self, account: &str, list: List, add: bool) {
        if self.lists(account).has(list) != add {
            self.steps.push(Step::List { account: account.to_owned(), list, add });
        }
    }

    /// Tells the server that the account has read somebody's question, where there is one.
    ///
    /// One known server ends the session over it where there is none.
    fn strike_off(&mut self, account: &str) {
        let lists = self.lists(account);
        if self.session.version.has_pending_list() && lists.has(List::Pending) {
            for (list, add) in [(List::Reverse, true), (List::Pending, false)] {
                self.steps.push(Step::List { account: account.to_owned(), list, add });
            }
        }
    }

    fn lists(&self, account: &str) -> Lists {
        self.session.roster.contact(account).map(|contact| contact.lists).unwrap_or_default()
    }

    fn is_in(&self, account: &str, group: &str) -> bool {
        let contact = self.session.roster.contact(account);
        contact.is_some_and(|contact| contact.groups.iter().any(|known| known == group))
    }

    fn address(&self, account: &str) -> Result<String, Invalid> {
        let account = account.trim().to_lowercase();
        if !is_address(&account) {
            return Err(Invalid::Address);
        }
        if account == self.session.config.account.to_lowercase() {
            return Err(Invalid::Oneself);
        }
        Ok(account)
    }

    fn contact(&self, account: &str) -> Result<String, Invalid> {
        let account = self.address(account)?;
        let contact = self.session.roster.contact(&account);
        if contact.is_some_and(Contact::is_contact) {
            Ok(account)
        } else {
            Err(Invalid::NotAContact)
        }
    }

    fn known_group(&self, group: String) -> Result<String, Invalid> {
        let known = self.session.roster.group_name(&group).is_some();
        if known { Ok(group) } else { Err(Invalid::UnknownGroup) }
    }

    /// A group that is not the one of those without.
    fn real_group(&self, group: String) -> Result<String, Invalid> {
        if self.session.version.has_group_zero() && group == GROUP_ZERO {
            return Err(Invalid::GroupStays);
        }
        self.known_group(group)
    }

    fn check_group_name(&self, name: &str, own: Option<&str>) -> Result<(), Invalid> {
        let length = escape::encode(name).len();
        if name.trim().is_empty() || length > GROUP_NAME_LIMIT {
            return Err(Invalid::GroupName);
        }
        let taken = self.session.roster.groups().any(|group| {
            Some(group.id.as_str()) != own && group.name.to_lowercase() == name.to_lowercase()
        });
        if taken { Err(Invalid::GroupExists) } else { Ok(()) }
    }
}

/// Whether a name is one that servers take: longer ones end the session.
pub(in crate::session) fn check_name(name: &str) -> Result<(), Invalid> {
    let length = escape::encode(name).len();
    if name.trim().is_empty() || length > NAME_LIMIT { Err(Invalid::Name) } else { Ok(()) }
}

/// Whether a text is an address that a command may name: with white space left out, which commands do, it
/// might be somebody else's, or nothing.
pub(in crate::session) fn is_address(text: &str) -> bool {
    let halves = text.split_once('@');
    let whole = halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    let odd = |c: char| c.is_whitespace() || c.is_control();
    whole && text.len() <= ADDRESS_LIMIT && !text.contains(odd)
}
