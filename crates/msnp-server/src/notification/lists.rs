//! Lists, groups and privacy as a client sees them, in the form of its version.
//!
//! ```text
//! S: LST N=bob@example.com F=Bob C=00000000-… 11 1 00000000-…      (MSNP12)
//! S: LST bob@example.com Bob 11 1                                  (MSNP8)
//! ```

use std::borrow::Cow;

use msnp_proto::{
    ErrorCode, ServerCommand, Version,
    command::{GroupChange, List, ListChange, ListEntry, Lists, NumberedEntry, Place},
    datagram::CIRCLE_NETWORK,
    listing::{self, Listed},
};

use super::Client;
use crate::{
    directory::{EditError, Entry, GroupEdit, ListEdit, Privacy, Profile},
    link::Ended,
};

/// The stamp of every list: clients that send it back get the lists all the same.
const STAMP: &str = "2000-01-01T00:00:00.0-00:00";
/// The group of contacts without one, before MSNP10.
const OTHER_CONTACTS: (&str, &str) = ("0", "Other Contacts");

impl Client {
    pub(super) async fn synchronize(&self, trid: u32) -> Result<(), Ended> {
        if self.speaker.version.has_web_lists() {
            return self.speaker.refuse(trid, ErrorCode::DISABLED);
        }
        if self.speaker.version.has_numbered_lists() {
            return self.synchronize_numbered(trid).await;
        }
        let directory = &self.shared.directory;
        let (entries, groups) = directory.roster(&self.account).await;
        let privacy = directory.privacy(&self.account).await;
        let version = self.speaker.version;
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let zero = usize::from(version.has_group_zero());
        let counts = Some((count(entries.len()), count(groups.len() + zero)));
        let serial = self.serial.to_string();
        let (first, second) =
            if version.has_guids() { (STAMP, Some(STAMP)) } else { (serial.as_str(), None) };
        self.speaker.say(&ServerCommand::Synchronize { trid, first, second, counts })?;
        let settings = [
            ("GTC", if privacy.asks { "A" } else { "N" }),
            ("BLP", if privacy.everybody { "AL" } else { "BL" }),
        ];
        for (verb, value) in settings {
            self.speaker.say(&ServerCommand::Privacy { trid: None, verb, serial: None, value })?;
        }
        if version.has_guids() {
            let profile = directory.profile(&self.account).await.unwrap_or_default();
            let value = Some(profile.name.into());
            let (trid, serial, property) = (None, None, "MFN");
            self.speaker.say(&ServerCommand::Property { trid, serial, property, value })?;
        }
        if version.has_group_zero() {
            let (id, name) = OTHER_CONTACTS;
            self.speaker.say(&ServerCommand::Group { place: None, name: name.into(), id })?;
        }
        for group in &groups {
            let name = group.name.as_str().into();
            let id = &group_on_wire(&group.id, version);
            self.speaker.say(&ServerCommand::Group { place: None, name, id })?;
        }
        for entry in &entries {
            let is_contact = entry.lists.has(List::Forward);
            let groups: Vec<String> =
                entry.groups.iter().map(|id| group_on_wire(id, version)).collect();
            let mut groups = groups.join(",");
            if groups.is_empty() && is_contact && version.has_group_zero() {
                groups.push_str(OTHER_CONTACTS.0);
            }
            self.speaker.say(&ServerCommand::ListEntry(ListEntry {
                account: &entry.account,
                name: entry.name.as_str().into(),
                id: is_contact.then_some(entry.id.as_str()),
                lists: lists_on_wire(entry.lists, version),
                groups: &groups,
            }))?;
        }
        Ok(())
    }

    /// Sends the lists as versions before MSNP8 want them: each line with its number.
    async fn synchronize_numbered(&self, trid: u32) -> Result<(), Ended> {
        let directory = &self.shared.directory;
        let (entries, groups) = directory.roster(&self.account).await;
        let privacy = directory.privacy(&self.account).await;
        let version = self.speaker.version;
        let serial = self.serial;
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let first = serial.to_string();
        let (second, counts) = (None, None);
        self.speaker.say(&ServerCommand::Synchronize { trid, first: &first, second, counts })?;
        for (verb, value) in [
            ("GTC", if privacy.asks { "A" } else { "N" }),
            ("BLP", if privacy.everybody { "AL" } else { "BL" }),
        ] {
            let (trid, serial) = (Some(trid), Some(serial));
            self.speaker.say(&ServerCommand::Privacy { trid, verb, serial, value })?;
        }
        let own =
            groups.iter().map(|group| (group_on_wire(&group.id, version), group.name.as_str()));
        let zero = (OTHER_CONTACTS.0.to_owned(), OTHER_CONTACTS.1);
        let groups: Vec<(String, &str)> =
            [zero].into_iter().chain(own).filter(|_| version.has_groups()).collect();
        let count = number(groups.len());
        for (index, (id, name)) in (1..).zip(&groups) {
            let place = Some(Place { trid, serial, index, count });
            self.speaker.say(&ServerCommand::Group { place, name: (*name).into(), id })?;
        }
        for list in [List::Forward, List::Allow, List::Block, List::Reverse] {
            let on = |entry: &&Entry| lists_on_wire(entry.lists, version).has(list);
            let people: Vec<&Entry> = entries.iter().filter(on).collect();
            let count = number(people.len());
            if people.is_empty() {
                let place = Place { trid, serial, index: 0, count };
                let entry = NumberedEntry { list, place, who: None, groups: "" };
                self.speaker.say(&ServerCommand::NumberedEntry(entry))?;
            }
            for (index, entry) in (1..).zip(people) {
                let ids: Vec<String> =
                    entry.groups.iter().map(|id| group_on_wire(id, version)).collect();
                let ids = if ids.is_empty() { OTHER_CONTACTS.0.to_owned() } else { ids.join(",") };
                let groups = if list == List::Forward { ids.as_str() } else { "" };
                let place = Place { trid, serial, index, count };
                let who = Some((entry.account.as_str(), entry.name.as_str().into()));
                let entry = NumberedEntry { list, place, who, groups };
                self.speaker.say(&ServerCommand::NumberedEntry(entry))?;
            }
        }
        Ok(())
    }

    /// Takes what a client tells of its lists. The first telling only repeats what the network knows;
    /// later ones change what the web services have not changed already.
    pub(super) async fn lists_told(
        &mut self,
        trid: u32,
        add: bool,
        payload: &[u8],
    ) -> Result<(), Ended> {
        if !self.speaker.version.has_web_lists() {
            return Err(Ended);
        }
        let Some((people, initial)) = listing::read(payload) else {
            return self.speaker.refuse(trid, ErrorCode(241));
        };
        if let Err(code) = self.circles_told(add, &people).await {
            return self.speaker.refuse(trid, code);
        }
        let contacts = people.iter().filter(|listed| listed.network != CIRCLE_NETWORK);
        for listed in contacts.filter(|_| !initial) {
            let own = listed.account.eq_ignore_ascii_case(&self.account);
            for list in [List::Forward, List::Allow, List::Block] {
                if own || !listed.lists.has(list) {
                    continue;
                }
                let who = listed.account.clone();
                let edit = ListEdit { add, list, who, group: None };
                match self.shared.directory.edit(&self.account, edit).await {
                    Ok(_) | Err(EditError::AlreadyThere | EditError::NotThere) => {}
                    Err(error) => {
                        return self.speaker.refuse(trid, code(error, self.speaker.version));
                    }
                }
            }
        }
        self.speaker.say(&ServerCommand::ListsTaken { trid, add })
    }

    /// Tells which networks know an address.
    pub(super) async fn networks(&self, trid: u32, payload: &[u8]) -> Result<(), Ended> {
        if !self.speaker.version.has_network_query() {
            return Err(Ended);
        }
        let people = listing::read(payload).map(|(people, _)| people).unwrap_or_default();
        let Some(asked) = people.first() else {
            return self.speaker.refuse(trid, ErrorCode(241));
        };
        match self.shared.directory.profile(&asked.account).await {
            Some(profile) => {
                let payload = listing::write_networks(&Listed::on(&profile.account, Lists(0)));
                self.speaker.say(&ServerCommand::Networks { trid, payload: &payload })
            }
            None => self.speaker.refuse(trid, ErrorCode::INVALID_USER),
        }
    }

    /// Tells that the lists changed at another place.
    pub(super) fn tell_lists_changed(&self) -> Result<(), Ended> {
        if !self.speaker.version.has_web_lists() {
            return Ok(());
        }
        self.tell_changed("&lt;Service&gt;ABCHInternal&lt;/Service&gt;")
    }

    /// Tells that something is to be fetched again.
    pub(super) fn tell_changed(&self, what: &str) -> Result<(), Ended> {
        let payload = format!(
            "<NOTIFICATION id=\"0\" siteid=\"45705\" siteurl=\"http://contacts.msn.com\">\
             <MSG id=\"0\"><BODY>&lt;NotificationData&gt;{what}&lt;/NotificationData&gt;</BODY></MSG>\
             </NOTIFICATION>"
        );
        self.speaker.say(&ServerCommand::Notice { payload: payload.as_bytes() })
    }

    pub(super) async fn edit(&mut self, trid: u32, change: &ListChange<'_>) -> Result<(), Ended> {
        let version = self.speaker.version;
        let by_address = change.account.is_some();
        if version.has_guids() && !change.add && change.list == List::Forward && by_address {
            // Contacts are taken off by their GUIDs.
            return self.speaker.refuse(trid, ErrorCode::NOT_THERE);
        }
        let who = change.account.or(change.id).unwrap_or_default();
        let directory = &self.shared.directory;
        let edit = |group: Option<String>| {
            let edit = ListEdit { add: change.add, list: change.list, who: who.to_owned(), group };
            directory.edit(&self.account, edit)
        };
        let done = match change.group {
            None => edit(None).await,
            // To be in no group is to be in this one: only becoming a contact changes anything.
            Some(group) if version.has_group_zero() && group == OTHER_CONTACTS.0 => {
                match self.entry(who).await {
                    None if change.add => edit(None).await,
                    found => found.ok_or(EditError::NotThere),
                }
            }
            Some(group) => match edit(Some(group_kept(group, version))).await {
                // A group in the words that make her a contact.
                Err(EditError::NotThere) if change.add => match edit(None).await {
                    Ok(_) => edit(Some(group_kept(group, version))).await,
                    refused => refused,
                },
                done => done,
            },
        };
        let decided = matches!(change.list, List::Allow | List::Block | List::Forward);
        if let (Ok(entry), true, false) = (&done, change.add && decided, version.has_pending_list())
            && entry.lists.has(List::Pending)
        {
            // Clients of these versions know no questions: they answer by what they do.
            for (list, add) in [(List::Reverse, true), (List::Pending, false)] {
                let who = entry.account.clone();
                let seen = ListEdit { add, list, who, group: None };
                // There it is, a moment ago it was pending.
                let _ = directory.edit(&self.account, seen).await;
            }
        }
        match done {
            Ok(entry) => {
                let mut answer = change.clone();
                answer.serial = self.next_serial();
                if change.list == List::Forward && version.has_guids() {
                    answer.id = Some(&entry.id);
                }
                self.speaker.say(&ServerCommand::ListChanged { trid, change: answer })
            }
            Err(error) => self.speaker.refuse(trid, code(error, version)),
        }
    }

    /// Finds a contact by her address or id.
    async fn entry(&self, who: &str) -> Option<Entry> {
        let entries = self.shared.directory.roster(&self.account).await.0;
        let is_it = |entry: &Entry| entry.account.eq_ignore_ascii_case(who) || entry.id == *who;
        let mut contacts = entries.into_iter().filter(|entry| entry.lists.has(List::Forward));
        contacts.find(is_it)
    }

    pub(super) async fn edit_group(
        &mut self,
        trid: u32,
        change: GroupChange,
        words: &[Cow<'_, str>],
    ) -> Result<(), Ended> {
        let version = self.speaker.version;
        let first = words.first().map(|word| word.to_string()).unwrap_or_default();
        if version.has_group_zero() && first == OTHER_CONTACTS.0 && change != GroupChange::Add {
            return self.speaker.refuse(trid, ErrorCode::GROUP_STAYS);
        }
        let id = group_kept(&first, version);
        let name = words.get(1).map(|word| word.to_string()).unwrap_or_default();
        let edit = match change {
            GroupChange::Add => GroupEdit::Add(first),
            GroupChange::Remove => GroupEdit::Remove(id),
            GroupChange::Rename => GroupEdit::Rename(id, name),
        };
        let group = match self.shared.directory.edit_group(&self.account, edit).await {
            Ok(group) => group,
            Err(error) => return self.speaker.refuse(trid, code(error, version)),
        };
        let serial = self.next_serial().map(|serial| serial.to_string());
        let last = serial.is_some().then(|| "0".to_owned());
        let id = group_on_wire(&group.id, version);
        let said = match change {
            GroupChange::Add => [serial, Some(group.name), Some(id), last],
            GroupChange::Remove => [serial, Some(id), None, None],
            GroupChange::Rename => [serial, Some(id), Some(group.name), last],
        };
        let words = said.into_iter().flatten().map(Cow::Owned).collect();
        self.speaker.say(&ServerCommand::GroupChanged { trid, change, words })
    }

    pub(super) async fn set_contact_property(
        &self,
        trid: u32,
        id: &str,
        property: &str,
        value: Option<Cow<'_, str>>,
    ) -> Result<(), Ended> {
        if !self.speaker.version.has_contact_properties() {
            return self.speaker.refuse(trid, ErrorCode::DISABLED);
        }
        if let ("MFN", Some(name)) = (property, &value) {
            let renamed = self.shared.directory.rename_contact(&self.account, id, name).await;
            if renamed.is_err() {
                return self.speaker.refuse(trid, ErrorCode::INVALID_USER);
            }
        }
        self.speaker.say(&ServerCommand::ContactPropertySet { trid, id, property, value })
    }

    pub(super) async fn rename(
        &mut self,
        trid: u32,
        account: &str,
        name: Cow<'_, str>,
    ) -> Result<(), Ended> {
        if self.speaker.version.has_contact_properties() {
            return self.speaker.refuse(trid, ErrorCode::DISABLED);
        }
        if account.eq_ignore_ascii_case(&self.account) {
            self.shared.directory.set_name(&self.account, &name).await;
        } else {
            let renamed = self.shared.directory.rename_contact(&self.account, account, &name).await;
            if renamed.is_err() {
                return self.speaker.refuse(trid, ErrorCode::NOT_THERE);
            }
        }
        let serial = self.next_serial();
        self.speaker.say(&ServerCommand::Renamed { trid, serial, account, name })
    }

    pub(super) async fn set_privacy(
        &mut self,
        trid: u32,
        verb: &'static str,
        value: &str,
    ) -> Result<(), Ended> {
        let before = self.shared.directory.privacy(&self.account).await;
        let after = match (verb, value) {
            ("BLP", "AL" | "BL") => Privacy { everybody: value == "AL", ..before },
            ("GTC", "A" | "N") => Privacy { asks: value == "A", ..before },
            _ => return self.speaker.refuse(trid, ErrorCode::INVALID_PARAMETER),
        };
        // Clients with lists of the web services say it at each sign-in.
        if after == before && !self.speaker.version.has_web_lists() {
            return self.speaker.refuse(trid, ErrorCode::ALREADY_SET);
        }
        self.shared.directory.set_privacy(&self.account, after).await;
        let serial = self.next_serial();
        self.speaker.say(&ServerCommand::Privacy { trid: Some(trid), verb, serial, value })
    }

    /// Tells that somebody put the account on her list, or took it off.
    pub(super) fn tell_reverse(&mut self, profile: &Profile, add: bool) -> Result<(), Ended> {
        if self.speaker.version.has_web_lists() {
            let mut listed = Listed::on(&profile.account, Lists(List::Reverse.bit()));
            listed.name = add.then(|| profile.name.clone());
            let payload = listing::write_push(&listed);
            return self.speaker.say(&ServerCommand::ListsPushed { add, payload: &payload });
        }
        let change = ListChange {
            add,
            list: List::Reverse,
            serial: self.next_serial(),
            account: Some(&profile.account),
            name: add.then(|| profile.name.as_str().into()),
            id: None,
            group: None,
        };
        self.speaker.say(&ServerCommand::ListChanged { trid: 0, change })
    }

    /// Counts a change of the lists, for versions that count.
    fn next_serial(&mut self) -> Option<u32> {
        self.serial = self.serial.wrapping_add(1);
        (!self.speaker.version.has_guids()).then_some(self.serial)
    }
}

/// Questions as versions without a list for them see them.
fn lists_on_wire(lists: Lists, version: Version) -> Lists {
    if lists.has(List::Pending) && !version.has_pending_list() {
        lists.with(List::Pending, false).with(List::Reverse, true)
    } else {
        lists
    }
}

/// A group's id as a version writes it: before MSNP10 the number at its end.
fn group_on_wire(id: &str, version: Version) -> String {
    let number = id.rsplit('-').next().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match number {
        Some(number) if version.has_group_zero() => number.to_string(),
        _ => id.to_owned(),
    }
}

/// The other way round.
fn group_kept(id: &str, version: Version) -> String {
    match id.parse::<u64>() {
        Ok(number) if version.has_group_zero() => format!("00000000-0000-4000-9000-{number:012x}"),
        _ => id.to_owned(),
    }
}

fn code(error: EditError, version: Version) -> ErrorCode {
    match error {
        EditError::AlreadyThere => ErrorCode::ALREADY_THERE,
        EditError::GroupExists => ErrorCode::GROUP_EXISTS,
        EditError::GroupNameTooLong => ErrorCode::GROUP_NAME_TOO_LONG,
        EditError::GroupNotEmpty => ErrorCode::GROUP_NOT_EMPTY,
        EditError::ListFull => ErrorCode::LIST_FULL,
        EditError::NoSuchGroup => ErrorCode::NO_SUCH_GROUP,
        EditError::NotAllowed => ErrorCode::INVALID_PARAMETER,
        EditError::NotInGroup => ErrorCode::NOT_IN_GROUP,
        EditError::NotThere => ErrorCode::NOT_THERE,
        EditError::TooManyGroups => ErrorCode::TOO_MANY_GROUPS,
        EditError::Unknown if version.has_guids() => ErrorCode::INVALID_USER,
        EditError::Unknown => ErrorCode::NO_SUCH_USER,
    }
}
