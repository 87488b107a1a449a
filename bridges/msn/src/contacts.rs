//! Wishes about contacts and groups, in MSN's words. Groups go by name outside, by id inside.

use bridge_core::{
    DeliverError,
    connector::{ContactEdit, GroupEdit},
    id::PersonaId,
    model::Reject,
};
use msnp::{Handle, Roster, ctt};

use crate::{login::is_address, puppet::unwilling, texts};

/// Most addresses read at once.
const ADDRESSES: usize = 1000;
/// As many contacts as the servers that are known take.
const CONTACTS: usize = 600;

pub(crate) async fn edit(
    handle: &Handle,
    account: &str,
    edit: ContactEdit,
) -> Result<(), DeliverError> {
    let done = match edit {
        ContactEdit::Accept => handle.accept_contact(account, true).await,
        ContactEdit::Add => handle.add_contact(account, None).await,
        ContactEdit::Block => handle.block_contact(account, true).await,
        ContactEdit::Decline => handle.decline_contact(account, false).await,
        ContactEdit::Move(group) => {
            let group = group.map(|name| group_id(handle, &name)).transpose()?;
            handle.move_contact(account, group.as_deref()).await
        }
        ContactEdit::PutInto(group) => {
            let group = group_id(handle, &group)?;
            handle.add_contact(account, Some(&group)).await
        }
        ContactEdit::Remove => handle.remove_contact(account).await,
        ContactEdit::Rename(name) => handle.rename_contact(account, &name).await,
        ContactEdit::TakeOutOf(group) => {
            let group = group_id(handle, &group)?;
            handle.group_contact(account, &group, false).await
        }
        ContactEdit::Unblock => handle.block_contact(account, false).await,
        _ => return Err(DeliverError::unsupported()),
    };
    done.map_err(unwilling)
}

pub(crate) async fn edit_group(handle: &Handle, edit: GroupEdit) -> Result<(), DeliverError> {
    let done = match edit {
        GroupEdit::Add(name) => handle.add_group(&name).await,
        GroupEdit::Remove(name) => handle.remove_group(&group_id(handle, &name)?).await,
        GroupEdit::Rename { from, to } => handle.rename_group(&group_id(handle, &from)?, &to).await,
        _ => return Err(DeliverError::unsupported()),
    };
    done.map_err(unwilling)
}

fn group_id(handle: &Handle, name: &str) -> Result<String, DeliverError> {
    handle.roster().group_id(name).map(str::to_owned).ok_or_else(|| DeliverError::Reject {
        reason: Reject::UnknownRecipient,
        tell_user: texts::THERE_IS_NO_SUCH_GROUP.to_owned(),
    })
}

/// Reads the addresses of an exported list, or of words.
pub(crate) fn read(text: &str) -> Result<Vec<PersonaId>, DeliverError> {
    // An exported list is shown between such marks, and may come back with them.
    let text = text.trim_matches(['`', ' ', '\n']);
    let addresses = if text.starts_with('<') {
        ctt::read(text.as_bytes()).map_err(|error| reject(texts::that_cannot_be_read(&error)))?
    } else {
        text.split([' ', ',', ';', '\n', '\t', '\r']).map(str::to_owned).collect()
    };
    let mut people: Vec<PersonaId> = Vec::new();
    for address in addresses.iter().map(|address| address.trim().to_lowercase()) {
        let person = PersonaId::new(address.as_str());
        if is_address(&address) && !people.contains(&person) && people.len() < ADDRESSES {
            people.push(person);
        }
    }
    if people.is_empty() {
        return Err(reject(texts::THERE_IS_NO_ADDRESS_IN_IT.to_owned()));
    }
    Ok(people)
}

fn reject(tell_user: String) -> DeliverError {
    DeliverError::Reject { reason: Reject::Unsupported, tell_user }
}

/// Says what the lists show to be odd.
pub(crate) fn troubles(roster: &Roster) -> Vec<String> {
    let mut found = Vec::new();
    if roster.privacy().everybody == Some(false) {
        let unseen = roster
            .contacts()
            .filter(|contact| contact.is_contact() && !contact.lists.has(msnp::List::Allow));
        match unseen.filter(|contact| !contact.lists.has(msnp::List::Block)).count() {
            0 => found.push(texts::ONLY_THOSE_YOU_ALLOW_MAY_WRITE.to_owned()),
            some => found.push(texts::only_those_you_allow_may_write(some)),
        }
    }
    let contacts = roster.contacts().filter(|contact| contact.is_contact()).count();
    if contacts >= CONTACTS {
        found.push(texts::contacts_are_more_than_some(contacts));
    }
    let asking = roster.requests().count();
    if asking > 0 {
        found.push(texts::wait_for_an_answer(asking));
    }
    found
}
