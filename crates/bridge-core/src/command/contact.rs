//! Commands about the people on an account's contact list.

use futures_util::FutureExt as _;

use super::{
    Account, ArgumentKind, ArgumentSpec, Arguments, CommandSpec, Role, Run, answer, shown,
};
use crate::{
    adapter::Reply,
    connector::ContactEdit,
    model::{Contact, Delivery, EventKind, PresenceState},
};

const ADDRESS: ArgumentSpec = ArgumentSpec::needed("ADDRESS", ArgumentKind::Address);
const WORDS: ArgumentSpec = ArgumentSpec::needed("WORDS", ArgumentKind::Rest);

/// A command that takes an address and changes the list.
macro_rules! edit {
    ($name:literal, $help:literal, $edit:ident) => {
        CommandSpec {
            name: $name,
            aliases: &[],
            arguments: &[ADDRESS],
            help: $help,
            role: Role::User,
            run: Run::Login(|_, account, arguments| {
                edit_contact(account, arguments, ContactEdit::$edit).boxed()
            }),
        }
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
    CommandSpec {
        name: "contacts search",
        aliases: &[],
        arguments: &[WORDS],
        help: "lists contacts whose name or address holds the words.",
        role: Role::User,
        run: Run::Login(|_, account, arguments| {
            list(account, arguments.text("WORDS").to_lowercase()).boxed()
        }),
    },
    edit!("contacts add", "puts somebody on your contact list.", Add),
    edit!("contacts remove", "takes somebody off your contact list.", Remove),
    edit!("contacts block", "lets somebody neither see you nor write to you.", Block),
    edit!("contacts unblock", "lets somebody again.", Unblock),
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
    let fits = |contact: &Contact| {
        let (name, id) = (contact.persona.shown_name(), contact.persona.id.as_str());
        name.to_lowercase().contains(&wanted) || id.to_lowercase().contains(&wanted)
    };
    contacts.retain(fits);
    contacts.sort_by_key(|contact| {
        let offline = contact.presence.state == PresenceState::Offline;
        (offline, contact.persona.shown_name().to_lowercase())
    });
    if contacts.is_empty() {
        return answer::text("There is nobody to show, or the account is not connected yet.");
    }
    let row = |contact: Contact| {
        let state = contact.presence.state.to_string();
        vec![
            shown::name(contact.persona.shown_name()),
            contact.persona.id.to_string(),
            if contact.blocked { "blocked".to_owned() } else { state },
            contact.presence.status_text.unwrap_or_default(),
        ]
    };
    let rows = contacts.into_iter().map(row).collect();
    let title = format!("Contacts of {}", account.login);
    answer::table(&title, &["name", "address", "state", "says"], rows)
}

async fn edit_contact(account: Account, arguments: Arguments, edit: ContactEdit) -> Reply {
    let person = arguments.person("ADDRESS");
    answer::outcome(account.puppet.edit_contact(&person, edit).await, || match edit {
        ContactEdit::Add => format!("{person} is on your list now."),
        ContactEdit::Block => format!("{person} neither sees you nor writes to you any more."),
        ContactEdit::Remove => format!("{person} is off your list; she may still write to you."),
        ContactEdit::Unblock => format!("{person} may see you and write to you again."),
    })
}

async fn nudge(account: Account, arguments: Arguments) -> Reply {
    let (chat, peer) = match account.puppet.chat_with(&arguments.person("ADDRESS")).await {
        Ok(found) => found,
        Err(error) => return answer::failure(&error),
    };
    let item = Delivery::of_the_bridge(account.login, chat.clone(), EventKind::Nudge);
    let sent = account.puppet.deliver(&chat, &item).await;
    answer::outcome(sent.map(drop), || format!("{} was nudged.", shown::name(peer.shown_name())))
}
