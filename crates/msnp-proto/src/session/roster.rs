//! Contacts and groups, whatever the version calls them.
//!
//! Only what a server says changes them: at the sign-in, as the answer to a request, or unasked.

mod circles;
mod difference;
mod services;

use std::{borrow::Cow, collections::BTreeMap};

pub use self::circles::{Circle, CircleMember, CircleStanding};
pub(super) use self::circles::{CircleNews, circle_of};
use self::difference::difference;
use super::types::{ChatId, ContactChange};
use crate::{
    command::{
        Capabilities, List, ListChange, ListEntry, Lists, NumberedEntry, PASSPORT_NETWORK,
        Presence, Status,
    },
    msg::{Endpoint, Look, Media, Object, PersonalMessage},
    version::Version,
};

/// Most people on the lists: more than any server takes, so that none can fill the memory. Whoever comes
/// after them is passed over.
const CONTACTS_LIMIT: usize = 100_000;
/// Most groups, likewise.
const GROUPS_LIMIT: usize = 1_000;
/// The group of contacts who are in none, before MSNP10.
pub(super) const GROUP_ZERO: &str = "0";

/// Somebody on the account's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Her address, in lower case.
    pub account: String,
    /// Her name: her own as presence tells it, or as the list has it.
    pub name: String,
    /// The name the account gave her in this session, which goes before her own.
    pub given_name: Option<String>,
    /// Her GUID, where the version has them.
    pub id: Option<String>,
    /// The lists she is on.
    pub lists: Lists,
    /// Whether she asks to be a contact and waits for an answer: she is on the pending list and neither
    /// allowed nor blocked, or, before there was one, has the account on hers and is on none of the
    /// account's own.
    pub asks: bool,
    /// The number of her network: 1 unless it is another one.
    pub network: u32,
    /// What she wrote when she asked, where the server tells it.
    pub invitation: Option<String>,
    /// Ids of the groups she is in.
    pub groups: Vec<String>,
    /// Her status; offline until presence says otherwise.
    pub status: Status,
    /// What her client can do, as presence told last.
    pub capabilities: Capabilities,
    /// The description of her display picture, as presence told last.
    pub object: Option<String>,
    /// Her personal message and what is playing.
    pub personal: PersonalMessage,
    /// What else she looks and sounds like.
    pub look: Look,
    /// The round of events that tells of her presence already.
    told: u64,
}

/// A group of contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id: a GUID, or before MSNP10 a number.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Who may see the account, and whether it is asked about newcomers; absent until the server said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// `BLP`: whether those on no list may see the account and write to it.
    pub everybody: Option<bool>,
    /// `GTC`: whether a client asks about each who puts the account on her list.
    pub asks: Option<bool>,
}

/// The account's contacts, groups and privacy settings.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// By address; boxed, for the map holds room for more than it has.
    contacts: BTreeMap<String, Box<Contact>>,
    groups: BTreeMap<String, String>,
    privacy: Privacy,
    /// Ids of entries of the sharing service, by address and list.
    members: BTreeMap<(String, u8), String>,
    /// Circles and temporary groups.
    circles: BTreeMap<ChatId, Circle>,
    /// Where the account itself is signed in.
    endpoints: Vec<Endpoint>,
    /// Whether those who ask are on a list of their own.
    pending_list: bool,
    /// Which round of events is not taken yet.
    round: u64,
}

impl Roster {
    /// Gives everybody, by address.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values().map(Box::as_ref)
    }

    /// Finds somebody by her address, in any case.
    pub fn contact(&self, account: &str) -> Option<&Contact> {
        self.contacts.get(&*lower(account)).map(Box::as_ref)
    }

    /// Gives those who ask to be contacts and wait for an answer.
    pub fn requests(&self) -> impl Iterator<Item = &Contact> {
        self.contacts().filter(|contact| contact.asks)
    }

    /// Gives the groups, by id, without the one of contacts who are in none.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        let groups = self.groups.iter().filter(|(id, _)| *id != GROUP_ZERO);
        groups.map(|(id, name)| Group { id: id.clone(), name: name.clone() })
    }

    /// Gives the names of the groups a contact is in.
    pub fn group_names(&self, contact: &Contact) -> Vec<String> {
        let groups = contact.groups.iter().filter(|id| *id != GROUP_ZERO);
        groups.map(|id| self.group_name(id).unwrap_or(id).to_owned()).collect()
    }

    /// Gives the name of a group.
    pub fn group_name(&self, id: &str) -> Option<&str> {
        self.groups.get(id).map(String::as_str)
    }

    /// Finds a group's id by its name, in any case, or by the id itself.
    pub fn group_id(&self, name: &str) -> Option<&str> {
        let exact = self.groups.iter().find(|(id, known)| *known == name || *id == name);
        let alike = || {
            let name = name.to_lowercase();
            self.groups.iter().find(|(_, known)| known.to_lowercase() == name)
        };
        exact.or_else(alike).map(|(id, _)| id.as_str())
    }

    /// Gives the privacy settings.
    pub fn privacy(&self) -> Privacy {
        self.privacy
    }

    /// Gives the places where the account is signed in, this one among them, from MSNP16.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Makes the roster of a version, empty.
    pub(super) fn of_version(version: Version) -> Self {
        Self { pending_list: version.has_pending_list(), round: 1, ..Self::default() }
    }

    /// Takes where the account is signed in; tells whether it is news.
    pub(super) fn set_endpoints(&mut self, endpoints: Vec<Endpoint>) -> bool {
        let differ = self.endpoints != endpoints;
        self.endpoints = endpoints;
        differ
    }

    /// Takes a line of lists whose lines are numbered.
    pub(super) fn add_numbered(&mut self, entry: &NumberedEntry<'_>) {
        let Some((account, name)) = &entry.who else {
            return;
        };
        let pending_list = self.pending_list;
        let Some(contact) = self.entry(account) else {
            return;
        };
        contact.lists = contact.lists.with(entry.list, true);
        if contact.name.is_empty() {
            contact.name = name.clone().into_owned();
        }
        if entry.list == List::Forward {
            let groups = entry.groups.split(',').filter(|id| !id.is_empty());
            contact.groups = groups.map(str::to_owned).collect();
        }
        contact.asks = asks(contact.lists, pending_list);
    }

    pub(super) fn group_count(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn add_group(&mut self, id: &str, name: &str) {
        if self.groups.len() < GROUPS_LIMIT || self.groups.contains_key(id) {
            self.groups.insert(id.to_owned(), name.to_owned());
        }
    }

    pub(super) fn remove_group(&mut self, id: &str) {
        self.groups.remove(id);
        for contact in self.contacts.values_mut() {
            contact.groups.retain(|group| group != id);
        }
    }

    /// Takes a privacy setting; tells whether it is news.
    pub(super) fn set_privacy(&mut self, verb: &str, value: &str) -> bool {
        let before = self.privacy;
        match (verb, value) {
            ("BLP", "AL" | "BL") => self.privacy.everybody = Some(value == "AL"),
            ("GTC", "A" | "N") => self.privacy.asks = Some(value == "A"),
            _ => {}
        }
        self.privacy != before
    }

    pub(super) fn add_entry(&mut self, entry: &ListEntry<'_>) {
        // One known server keeps those who were taken off as entries on no list.
        if entry.lists == Lists(0) {
            self.contacts.remove(&*lower(entry.account));
            return;
        }
        let pending_list = self.pending_list;
        let Some(contact) = self.entry(entry.account) else {
            return;
        };
        contact.name = entry.name.clone().into_owned();
        contact.id = entry.id.map(str::to_owned);
        contact.lists = entry.lists;
        contact.groups =
            entry.groups.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        contact.asks = asks(contact.lists, pending_list);
    }

    /// Finds out whom a server's words are about: her address, or her id.
    pub(super) fn account_of(&self, account: Option<&str>, id: Option<&str>) -> Option<String> {
        match (account, id) {
            (Some(account), _) if account.contains('@') => Some(account.to_lowercase()),
            (_, Some(id)) => {
                let mut known = self.contacts.values();
                let known = known.find(|contact| contact.id.as_deref() == Some(id))?;
                Some(known.account.clone())
            }
            _ => None,
        }
    }

    /// Applies a change of somebody's lists; tells what it comes to.
    pub(super) fn change(
        &mut self,
        account: &str,
        change: &ListChange<'_>,
    ) -> Option<ContactChange> {
        let before = self.contact(account).cloned();
        let pending_list = self.pending_list;
        let contact = self.entry(account)?;
        match change.group {
            Some(group) if change.add => {
                if !contact.groups.iter().any(|known| known == group) {
                    contact.groups.push(group.to_owned());
                }
                contact.lists = contact.lists.with(List::Forward, true);
            }
            Some(group) => contact.groups.retain(|known| known != group),
            None => contact.lists = contact.lists.with(change.list, change.add),
        }
        if let (Some(id), true) = (change.id, change.add) {
            contact.id = Some(id.to_owned());
        }
        if let (Some(name), true) = (&change.name, contact.name.is_empty()) {
            contact.name = name.clone().into_owned();
        }
        if !contact.lists.has(List::Forward) {
            contact.leave_contacts();
        }
        contact.asks = asks(contact.lists, pending_list);
        if contact.lists == Lists(0) {
            self.contacts.remove(&*lower(account));
        }
        difference(before.as_ref(), self.contact(account))
    }

    /// Takes the name the account gave somebody.
    pub(super) fn rename(&mut self, account: &str, name: &str) -> Option<ContactChange> {
        let contact = self.contacts.get_mut(&*lower(account))?;
        let before = contact.clone();
        contact.given_name = Some(name.to_owned());
        difference(Some(&before), Some(contact))
    }

    /// Begins a new round of events: what the last one told is taken.
    pub(super) fn begin_round(&mut self) {
        self.round += 1;
    }

    /// Takes a presence; tells whose, if it is a contact's, changes anything, and is not told yet.
    pub(super) fn set_presence(&mut self, presence: Presence<'_>) -> Option<String> {
        let contact = self.contacts.get_mut(&*lower(presence.whose.account))?;
        let renamed = !presence.name.is_empty() && contact.name != presence.name;
        let capabilities = presence.capabilities.unwrap_or(contact.capabilities);
        let same = contact.status == presence.status
            && contact.capabilities == capabilities
            && contact.object.as_deref() == presence.object.as_deref();
        if same && !renamed {
            return None;
        }
        contact.status = presence.status;
        contact.capabilities = capabilities;
        contact.object = presence.object.map(Cow::into_owned);
        if renamed {
            contact.name = presence.name.into_owned();
        }
        contact.tell(self.round)
    }

    pub(super) fn set_offline(&mut self, account: &str) -> Option<String> {
        let contact = self.contacts.get_mut(&*lower(account))?;
        let was = std::mem::replace(&mut contact.status, Status::Offline);
        if was == Status::Offline {
            return None;
        }
        contact.tell(self.round)
    }

    pub(super) fn set_personal(
        &mut self,
        account: &str,
        message: PersonalMessage,
        look: Look,
    ) -> Option<String> {
        let contact = self.contacts.get_mut(&*lower(account))?;
        if contact.personal == message && contact.look == look {
            return None;
        }
        (contact.personal, contact.look) = (message, look);
        contact.tell(self.round)
    }

    /// Gives somebody's entry, made where there is room for one more.
    fn entry(&mut self, account: &str) -> Option<&mut Contact> {
        let account = lower(account).into_owned();
        if self.contacts.len() >= CONTACTS_LIMIT && !self.contacts.contains_key(&account) {
            return None;
        }
        let entry = self.contacts.entry(account).or_insert_with_key(|account| {
            Box::new(Contact {
                account: account.clone(),
                name: String::new(),
                given_name: None,
                id: None,
                lists: Lists(0),
                asks: false,
                network: PASSPORT_NETWORK,
                invitation: None,
                groups: Vec::new(),
                status: Status::Offline,
                capabilities: Capabilities::default(),
                object: None,
                personal: PersonalMessage::default(),
                look: Look::default(),
                told: 0,
            })
        });
        Some(entry)
    }
}

impl Contact {
    /// Tells whether she is one of the account's contacts, not only on another list.
    pub fn is_contact(&self) -> bool {
        self.lists.has(List::Forward)
    }

    /// Gives her display picture's description, if she shows one.
    pub fn picture(&self) -> Option<Object> {
        self.object.as_deref().and_then(Object::read)
    }

    /// Gives what is playing at hers.
    pub fn media(&self) -> Option<Media> {
        Media::read(&self.personal.media)
    }

    /// Gives her address once in a round of events: an event that waits says "see the roster", and a
    /// second one would say no more. Lines that come in blocks cost a tenth fewer instructions for it.
    fn tell(&mut self, round: u64) -> Option<String> {
        (std::mem::replace(&mut self.told, round) != round).then(|| self.account.clone())
    }

    /// Gives the name to show: what the account calls her, her own, or her address.
    pub fn shown_name(&self) -> &str {
        match &self.given_name {
            Some(name) => name,
            None if self.name.is_empty() => &self.account,
            None => &self.name,
        }
    }
}

/// Whoever is allowed or blocked has her answer, though one known server keeps her pending; it does so
/// at MSNP10 too, which has no pending list.
fn asks(lists: Lists, pending_list: bool) -> bool {
    let waits = lists.has(List::Pending) || (!pending_list && lists.has(List::Reverse));
    waits && !lists.answered() && (pending_list || !lists.has(List::Forward))
}

/// An address as the roster keeps it; borrowed where it is so already.
fn lower(account: &str) -> Cow<'_, str> {
    let may_be_upper = |byte: &u8| byte.is_ascii_uppercase() || !byte.is_ascii();
    // All bytes, not as far as the first: so many are looked at together.
    if account.as_bytes().iter().fold(false, |found, byte| found | may_be_upper(byte)) {
        account.to_lowercase().into()
    } else {
        account.into()
    }
}
