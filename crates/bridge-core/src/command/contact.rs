//! Commands about the people on an account's contact list.

use std::{collections::HashSet, time::Duration};

use futures_util::FutureExt as _;

use super::{
    Account, ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer,
};
use crate::{
    adapter::Reply,
    connector::{ContactEdit, GroupEdit},
    error::DeliverError,
    id::PersonaId,
    model::{Contact, Delivery, EventKind, PresenceState},
    notice,
    record::{WatchRecord, watch_key},
    shown,
    store::{Batch, CommitError, Durability, Table},
    texts,
};

/// Time between two contacts that are added.
const BETWEEN: Duration = Duration::from_millis(500);
const ADDRESS: ArgumentSpec = ArgumentSpec::needed("ADDRESS", ArgumentKind::Address);
const WORDS: ArgumentSpec = ArgumentSpec::needed("WORDS", ArgumentKind::Rest);

const GROUP: ArgumentSpec = ArgumentSpec::needed("GROUP", ArgumentKind::Word);
const SOME_GROUP: ArgumentSpec = ArgumentSpec::optional("GROUP", ArgumentKind::Word);
const NAME: ArgumentSpec = ArgumentSpec::needed("NAME", ArgumentKind::Rest);
const ON: ArgumentSpec = ArgumentSpec::needed("ON", ArgumentKind::Choice(&["on", "off"]));
const WHO: ArgumentSpec =
    ArgumentSpec::optional("WHO", ArgumentKind::Choice(&["everybody", "allowed"]));

/// A command of a person with an account.
macro_rules! contact {
    ($name:literal, [$($argument:expr),*], $help:literal, $run:expr) => {
        CommandSpec {
            name: $name,
            aliases: &[],
            arguments: &[$($argument),*],
            help: $help,
            role: Role::User,
            run: Run::Login($run),
        }
    };
}

/// A command that changes what the list says of somebody.
macro_rules! edit {
    ($name:literal, [$($argument:expr),*], $help:literal, $edit:expr) => {
        contact!($name, [ADDRESS $(, $argument)*], $help, |caller, account, arguments| {
            let edit: fn(&Arguments) -> ContactEdit = $edit;
            edit_contact(caller, account, arguments, edit).boxed()
        })
    };
}

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "contacts",
        aliases: &["contacts list"],
        arguments: &[],
        help: "lists your contacts and who is online.",
        role: Role::User,
        run: Run::Login(|_, account, _| list(account, String::new()).boxed()),
    },
    contact!(
        "contacts search",
        [WORDS],
        "lists contacts whose name, address or group holds the words.",
        |_, account, arguments| list(account, arguments.text("WORDS").to_lowercase()).boxed()
    ),
    edit!(
        "contacts add",
        [SOME_GROUP],
        "puts somebody on your contact list, and into a group.",
        |arguments| {
            match arguments.given("GROUP") {
                Some(group) => ContactEdit::PutInto(group.to_owned()),
                None => ContactEdit::Add,
            }
        }
    ),
    contact!(
        "contacts requests",
        [],
        "lists who asks to be your contact.",
        |caller, account, _| { requests(caller, account).boxed() }
    ),
    edit!("contacts accept", [], "answers somebody who asks with yes.", |_| ContactEdit::Accept),
    edit!("contacts decline", [], "answers somebody who asks with no.", |_| ContactEdit::Decline),
    edit!("contacts remove", [], "takes somebody off your contact list.", |_| ContactEdit::Remove),
    edit!("contacts block", [], "lets somebody neither see you nor write to you.", |_| {
        ContactEdit::Block
    }),
    edit!("contacts unblock", [], "lets somebody again.", |_| ContactEdit::Unblock),
    edit!("contacts rename", [NAME], "gives somebody a name on your list.", |arguments| {
        ContactEdit::Rename(arguments.text("NAME").to_owned())
    }),
    edit!(
        "contacts move",
        [SOME_GROUP],
        "puts somebody into one group alone, or into none.",
        |arguments| { ContactEdit::Move(arguments.given("GROUP").map(str::to_owned)) }
    ),
    contact!("contacts groups", [], "lists your groups of contacts.", |_, account, _| {
        groups(account).boxed()
    }),
    contact!(
        "contacts group add",
        [NAME],
        "makes a group of contacts.",
        |_, account, arguments| {
            edit_group(account, GroupEdit::Add(arguments.text("NAME").to_owned())).boxed()
        }
    ),
    contact!(
        "contacts group rename",
        [GROUP, NAME],
        "gives a group another name.",
        |_, account, arguments| {
            let (from, to) =
                (arguments.text("GROUP").to_owned(), arguments.text("NAME").to_owned());
            edit_group(account, GroupEdit::Rename { from, to }).boxed()
        }
    ),
    contact!(
        "contacts group remove",
        [NAME],
        "takes a group away; its contacts stay.",
        |_, account, arguments| {
            edit_group(account, GroupEdit::Remove(arguments.text("NAME").to_owned())).boxed()
        }
    ),
    edit!("contacts group put", [GROUP], "puts somebody into a group too.", |arguments| {
        ContactEdit::PutInto(arguments.text("GROUP").to_owned())
    }),
    edit!("contacts group take", [GROUP], "takes somebody out of a group.", |arguments| {
        ContactEdit::TakeOutOf(arguments.text("GROUP").to_owned())
    }),
    contact!(
        "contacts privacy",
        [WHO],
        "shows or says who may see you and write to you: everybody you do not block, or only those \
         you allow.",
        |_, account, arguments| privacy(account, arguments).boxed()
    ),
    contact!(
        "contacts notify",
        [ADDRESS, ON],
        "tells you here when somebody comes and goes, or not; `set notices` says it of all others.",
        |caller, account, arguments| notify(caller, account, arguments).boxed()
    ),
    contact!(
        "contacts export",
        [],
        "shows your contact list as a file that MSN Messenger reads.",
        |_, account, _| export(account).boxed()
    ),
    contact!(
        "contacts import",
        [WORDS],
        "adds the contacts of such a file's text, or addresses parted by spaces.",
        |_, account, arguments| import(account, arguments).boxed()
    ),
    CommandSpec {
        name: "nudge",
        aliases: &[],
        arguments: &[ADDRESS],
        help: "calls for somebody's attention.",
        role: Role::User,
        run: Run::Login(|_, account, arguments| nudge(account, arguments).boxed()),
    },
];

async fn list(account: Account, wanted: String) -> Reply {
    let mut contacts = account.puppet.contacts().await;
    contacts.retain(|contact| contact.says(&wanted));
    contacts.sort_by_key(|contact| {
        let offline = contact.presence.state == PresenceState::Offline;
        (offline, contact.persona.shown_name().to_lowercase())
    });
    if contacts.is_empty() {
        return answer::text(texts::contact::THERE_IS_NOBODY_TO_SHOW);
    }
    let row = |contact: Contact| {
        let state = contact.presence.state.to_string();
        vec![
            shown::name(contact.persona.shown_name()),
            contact.persona.id.to_string(),
            if contact.blocked { "blocked".to_owned() } else { state },
            contact.groups.join(", "),
            contact.presence.status_text.unwrap_or_default(),
        ]
    };
    let rows = contacts.into_iter().map(row).collect();
    let title = texts::contact::contacts_of_login(&account.login);
    answer::table(&title, &["name", "address", "state", "groups", "says"], rows)
}

async fn edit_contact(
    caller: &Caller<'_>,
    account: Account,
    arguments: Arguments,
    edit: fn(&Arguments) -> ContactEdit,
) -> Reply {
    let (person, edit) = (arguments.person("ADDRESS"), edit(&arguments));
    let Account { login, puppet } = account;
    if let Err(error) = puppet.edit_contact(&person, edit.clone()).await {
        return answer::failure(&error);
    }
    let settled = match edit {
        ContactEdit::Decline => Some(true),
        ContactEdit::Accept | ContactEdit::Add | ContactEdit::Block | ContactEdit::PutInto(_) => {
            Some(false)
        }
        _ => None,
    };
    if let Some(declined) = settled
        && let Err(error) = notice::answered(caller.shared, &login, &person, declined).await
    {
        return Reply::Text(texts::contact::it_is_done_but_could_not_be_noted(&error));
    }
    let short = |text: &str| shown::name(text);
    Reply::Text(match edit {
        ContactEdit::Accept => texts::contact::is_your_contact_now_and_may_see(&person),
        ContactEdit::Add => texts::contact::is_on_your_list_now(&person),
        ContactEdit::Block => texts::contact::neither_sees_you_nor_writes(&person),
        ContactEdit::Decline => texts::contact::is_not_your_contact(&person),
        ContactEdit::Move(Some(group)) => texts::contact::is_in_group_now(&person, short(&group)),
        ContactEdit::Move(None) => texts::contact::is_in_no_group_now(&person),
        ContactEdit::PutInto(group) => texts::contact::is_in_group_now(&person, short(&group)),
        ContactEdit::Remove => texts::contact::is_off_your_list(&person),
        ContactEdit::Rename(name) => texts::contact::is_called_name_now(&person, short(&name)),
        ContactEdit::TakeOutOf(group) => {
            texts::contact::is_not_in_group_any_more(&person, short(&group))
        }
        ContactEdit::Unblock => texts::contact::may_see_you_and_write_to_you_again(&person),
    })
}

async fn requests(caller: &Caller<'_>, account: Account) -> Reply {
    let Account { login, puppet } = account;
    let mut rows = Vec::new();
    for person in puppet.requests().await {
        if !notice::is_declined(caller.shared, &login, &person.id).await {
            rows.push(vec![shown::name(person.shown_name()), person.id.to_string()]);
        }
    }
    if rows.is_empty() {
        return answer::text(texts::contact::NOBODY_ASKS);
    }
    let title = texts::contact::WHO_ASKS;
    answer::table(title, &["name", "address"], rows)
}

async fn groups(account: Account) -> Reply {
    let names = account.puppet.groups().await;
    if names.is_empty() {
        return answer::text(texts::contact::THERE_ARE_NO_GROUPS);
    }
    let contacts = account.puppet.contacts().await;
    let count =
        |name: &String| contacts.iter().filter(|contact| contact.groups.contains(name)).count();
    let rows = names.iter().map(|name| vec![shown::name(name), count(name).to_string()]);
    answer::table("Groups", &["name", "contacts"], rows.collect())
}

async fn edit_group(account: Account, edit: GroupEdit) -> Reply {
    answer::outcome(account.puppet.edit_group(edit.clone()).await, || match edit {
        GroupEdit::Add(name) => texts::contact::there_is_a_group_name_now(shown::name(&name)),
        GroupEdit::Remove(name) => texts::contact::the_group_name_is_gone(shown::name(&name)),
        GroupEdit::Rename { to, .. } => {
            texts::contact::the_group_has_another_name(shown::name(&to))
        }
    })
}

async fn privacy(account: Account, arguments: Arguments) -> Reply {
    let said = |open: bool| match open {
        true => texts::contact::EVERYBODY_YOU_DO_NOT_BLOCK_MAY_SEE,
        false => texts::contact::ONLY_THOSE_YOU_ALLOW_MAY_SEE,
    };
    let Some(who) = arguments.given("WHO") else {
        return answer::text(match account.puppet.open_to_everybody().await {
            Some(open) => said(open),
            None => texts::contact::THAT_IS_NOT_KNOWN,
        });
    };
    let open = who == "everybody";
    answer::outcome(account.puppet.set_open_to_everybody(open).await, || said(open).to_owned())
}

async fn notify(caller: &Caller<'_>, account: Account, arguments: Arguments) -> Reply {
    let on = arguments.text("ON") == "on";
    let person = PersonaId::new(arguments.text("ADDRESS").to_lowercase());
    let mut batch = Batch::new();
    let put = Table::put(&mut batch, watch_key(&account.login, &person), &WatchRecord(on));
    let stored = match put {
        Ok(()) => caller.shared.store.commit(batch, Durability::Durable).await,
        Err(error) => Err(CommitError::Store(error)),
    };
    if let Err(error) = stored {
        return Reply::Text(texts::contact::that_could_not_be_kept(&error));
    }
    Reply::Text(match on {
        true => texts::contact::i_tell_you(&person),
        false => texts::contact::i_do_not_tell_you(&person),
    })
}

async fn export(account: Account) -> Reply {
    match account.puppet.export_contacts().await {
        // As it is: what reads like markup is the file's.
        Ok(text) => Reply::Text(format!("```\n{text}```")),
        Err(error) => answer::failure(&error),
    }
}

/// Adds those who are missing, one after the other: servers count what is asked of them.
async fn import(account: Account, arguments: Arguments) -> Reply {
    let people = match account.puppet.read_contacts(arguments.text("WORDS")) {
        Ok(people) => people,
        Err(error) => return answer::failure(&error),
    };
    let known: HashSet<PersonaId> =
        account.puppet.contacts().await.into_iter().map(|contact| contact.persona.id).collect();
    let missing: Vec<PersonaId> =
        people.iter().filter(|person| !known.contains(person)).cloned().collect();
    let (there, mut added, mut failed) = (people.len() - missing.len(), 0_usize, Vec::new());
    for person in missing {
        match account.puppet.edit_contact(&person, ContactEdit::Add).await {
            Ok(()) => added += 1,
            Err(error) => {
                let why = match error {
                    DeliverError::Reject { tell_user, .. } => tell_user,
                    error => error.to_string(),
                };
                failed.push(format!("{}: {why}", shown::name(person.as_str())));
            }
        }
        tokio::time::sleep(BETWEEN).await;
    }
    let mut lines = vec![texts::contact::contacts_were_imported(added, there, failed.len())];
    lines.extend(failed);
    Reply::Text(lines.join("\n"))
}

async fn nudge(account: Account, arguments: Arguments) -> Reply {
    let (chat, peer) = match account.puppet.chat_with(&arguments.person("ADDRESS")).await {
        Ok(found) => found,
        Err(error) => return answer::failure(&error),
    };
    let item = Delivery::of_the_bridge(account.login, chat.clone(), EventKind::Nudge);
    let sent = account.puppet.deliver(&chat, &item).await;
    answer::outcome(sent.map(drop), || texts::contact::was_nudged(shown::name(peer.shown_name())))
}
