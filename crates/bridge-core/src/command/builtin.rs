//! The commands every bridge has.

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{ArgumentSpec, Caller, CommandSpec, Role, help, look, wish};
use crate::{
    adapter::Reply,
    connector::ContactEdit,
    error::DeliverError,
    id::{LoginId, PersonaId, Timestamp},
    ingest::Request,
    logins,
    model::Contact,
    record::Endpoint,
};

const ADDRESS: ArgumentSpec = ArgumentSpec { name: "ADDRESS", optional: false, rest: false };
const ACCOUNT: ArgumentSpec = ArgumentSpec { name: "ACCOUNT", optional: true, rest: false };
const WORDS: ArgumentSpec = ArgumentSpec { name: "WORDS", optional: false, rest: true };
const STATE: ArgumentSpec = ArgumentSpec { name: "STATE", optional: false, rest: false };
const LEVEL: ArgumentSpec = ArgumentSpec { name: "LEVEL", optional: false, rest: false };

/// A command that takes an address and nothing else.
macro_rules! on_address {
    ($name:literal, $help:literal, $edit:ident) => {
        CommandSpec {
            name: $name,
            arguments: &[ADDRESS],
            help: $help,
            role: Role::User,
            run: |caller, arguments| {
                wish::edit_contact(caller, arguments, ContactEdit::$edit).boxed()
            },
        }
    };
}

/// A command that looks at something and takes no arguments.
macro_rules! a_look {
    ($name:literal, $help:literal, $role:ident, $look:ident) => {
        CommandSpec {
            name: $name,
            arguments: &[],
            help: $help,
            role: Role::$role,
            run: |caller, _| look::$look(caller).boxed(),
        }
    };
}

/// The table, in the order of `help`.
pub(super) const TABLE: &[CommandSpec] = &[
    CommandSpec {
        name: "help",
        arguments: &[],
        help: "shows what I can do.",
        role: Role::User,
        run: |caller, _| async move { Reply::Text(help(caller.role)) }.boxed(),
    },
    CommandSpec {
        name: "login",
        arguments: &[],
        help: "signs in to an account; I ask for what I need.",
        role: Role::User,
        // A dialogue needs a room: the centre takes it there, so this is the control socket.
        run: |_, _| say("Say `login` to the bridge in a chat: it asks for a password."),
    },
    CommandSpec {
        name: "logout",
        arguments: &[ACCOUNT],
        help: "signs out and forgets the account and its password.",
        role: Role::User,
        run: |caller, arguments| logout(caller, arguments).boxed(),
    },
    CommandSpec {
        name: "status",
        arguments: &[],
        help: "shows your accounts and how they are doing.",
        role: Role::User,
        run: |caller, _| async move { status(caller) }.boxed(),
    },
    CommandSpec {
        name: "contacts",
        arguments: &[],
        help: "lists your contacts and who is online.",
        role: Role::User,
        run: |caller, _| contacts(caller).boxed(),
    },
    CommandSpec {
        name: "contacts search",
        arguments: &[WORDS],
        help: "lists contacts whose name or address holds the words.",
        role: Role::User,
        run: |caller, arguments| search(caller, arguments).boxed(),
    },
    on_address!("contacts add", "puts somebody on your contact list.", Add),
    on_address!("contacts remove", "takes somebody off your contact list.", Remove),
    on_address!("contacts block", "lets somebody neither see you nor write to you.", Block),
    on_address!("contacts unblock", "lets somebody again.", Unblock),
    CommandSpec {
        name: "nudge",
        arguments: &[ADDRESS],
        help: "calls for somebody's attention.",
        role: Role::User,
        run: |caller, arguments| wish::nudge(caller, arguments).boxed(),
    },
    CommandSpec {
        name: "presence",
        arguments: &[STATE],
        help: "shows your account as online, away, busy, brb, phone, lunch, idle or hidden.",
        role: Role::User,
        run: |caller, arguments| wish::presence(caller, arguments).boxed(),
    },
    CommandSpec {
        name: "psm",
        arguments: &[WORDS],
        help: "changes your account's own words.",
        role: Role::User,
        run: |caller, arguments| wish::status_text(caller, arguments).boxed(),
    },
    CommandSpec {
        name: "name",
        arguments: &[WORDS],
        help: "changes your account's name.",
        role: Role::User,
        run: |caller, arguments| wish::name(caller, arguments).boxed(),
    },
    CommandSpec {
        name: "avatar",
        arguments: &[],
        help: "is for your account's picture, later.",
        role: Role::User,
        run: |_, _| say("Display pictures are not supported yet."),
    },
    CommandSpec {
        name: "relogin",
        arguments: &[ACCOUNT],
        help: "ends the account's session and begins another.",
        role: Role::User,
        run: |caller, arguments| wish::relogin(caller, arguments).boxed(),
    },
    a_look!("doctor", "says in plain words what is wrong.", User, doctor),
    a_look!("ping", "says that I am here, and who else is.", User, ping),
    a_look!("portals", "lists the conversations and where each leads.", Admin, portals),
    a_look!("queue", "lists what waits, where, and for how long.", Admin, queue),
    a_look!("stats", "counts what there is.", Admin, stats),
    a_look!("permissions", "lists who may do what.", Admin, permissions),
    CommandSpec {
        name: "drain",
        arguments: &[],
        help: "waits up to a minute until nothing waits any more.",
        role: Role::Admin,
        run: |caller, _| look::drain(caller).boxed(),
    },
    CommandSpec {
        name: "log level",
        arguments: &[LEVEL],
        help: "says more or less in the log, such as `debug`, until the next restart.",
        role: Role::Admin,
        run: |caller, arguments| {
            async move {
                let level = arguments.first().map(String::as_str).unwrap_or_default();
                Reply::Text(match &caller.shared.host {
                    Some(host) => host.set_log_filter(level),
                    None => "There is no log here.".to_owned(),
                })
            }
            .boxed()
        },
    },
    CommandSpec {
        name: "shutdown",
        arguments: &[],
        help: "stops the bridge in order.",
        role: Role::Admin,
        run: |caller, _| {
            async move {
                match &caller.shared.host {
                    Some(host) => {
                        host.shut_down();
                        Reply::Text(
                            "Stopping. What waits is delivered after the next start.".to_owned(),
                        )
                    }
                    None => Reply::Text("There is no program to stop here.".to_owned()),
                }
            }
            .boxed()
        },
    },
    CommandSpec {
        name: "chat",
        arguments: &[ADDRESS],
        help: "opens a room with somebody.",
        role: Role::User,
        run: |caller, arguments| chat(caller, arguments).boxed(),
    },
    CommandSpec {
        name: "backup",
        arguments: &[],
        help: "writes a copy of the store to its backups.",
        role: Role::Admin,
        run: |caller, _| backup(caller).boxed(),
    },
    CommandSpec {
        name: "reload",
        arguments: &[],
        help: "reads the configuration again and says what needs a restart.",
        role: Role::Admin,
        run: |caller, _| {
            async move {
                match &caller.shared.host {
                    Some(host) => Reply::Text(host.reload().await),
                    None => Reply::Text("There is no configuration here.".to_owned()),
                }
            }
            .boxed()
        },
    },
    CommandSpec {
        name: "cancel",
        arguments: &[],
        help: "ends a sign-in that is under way.",
        role: Role::User,
        run: |_, _| say("There is nothing to cancel."),
    },
    CommandSpec {
        name: "version",
        arguments: &[],
        help: "shows which version of the bridge this is.",
        role: Role::User,
        run: |caller, _| {
            async move { Reply::Text(format!("msn-bridge {}", caller.shared.config.version)) }
                .boxed()
        },
    },
];

fn say(text: &'static str) -> BoxFuture<'static, Reply> {
    async move { Reply::Text(text.to_owned()) }.boxed()
}

fn status(caller: &Caller<'_>) -> Reply {
    let all = caller.shared.puppets.status();
    let seen = all.into_iter().filter(|login| {
        caller
            .user
            .filter(|_| caller.role < Role::Admin)
            .is_none_or(|user| login.owner == user.to_string())
    });
    let rows: Vec<Vec<String>> = seen
        .map(|login| {
            let reason = login.reason.unwrap_or_default();
            vec![login.login.to_string(), login.owner, login.state.to_string(), reason]
        })
        .collect();
    if rows.is_empty() {
        return Reply::Text("You are not signed in. Say `login` to sign in.".to_owned());
    }
    let (portals, waiting) = {
        let index = caller.shared.index();
        (index.portals.len(), index.waiting())
    };
    let title = match caller.role {
        Role::Admin => format!("Accounts; {portals} conversations, {waiting} messages waiting"),
        _ => "Your accounts".to_owned(),
    };
    Reply::Table { title, columns: columns(&["account", "owner", "state", "reason"]), rows }
}

async fn logout(caller: &Caller<'_>, arguments: Vec<String>) -> Reply {
    let Some(user) = caller.user else {
        return Reply::Text("Say `logout` to the bridge in a chat.".to_owned());
    };
    let own: Vec<LoginId> =
        caller.shared.puppets.of(user).into_iter().map(|(login, _)| login).collect();
    let named = |login: &&LoginId| {
        arguments.first().is_none_or(|name| {
            login.as_str() == name || login.as_str().ends_with(&format!(":{name}"))
        })
    };
    let meant: Vec<&LoginId> = own.iter().filter(named).collect();
    match meant.as_slice() {
        [] => Reply::Text("You have no such account. `status` lists yours.".to_owned()),
        [login] => match logins::remove(caller.shared, login).await {
            Ok(()) => Reply::Text(format!("Signed out of {login}; its password is forgotten.")),
            Err(error) => Reply::Text(format!("The account could not be forgotten: {error}")),
        },
        _ => {
            Reply::Text("You have several accounts: say which, as `status` names them.".to_owned())
        }
    }
}

async fn contacts(caller: &Caller<'_>) -> Reply {
    list_contacts(caller, |_| true).await
}

async fn search(caller: &Caller<'_>, arguments: Vec<String>) -> Reply {
    let words = arguments.join(" ").to_lowercase();
    list_contacts(caller, |contact| {
        let name = contact.persona.shown_name().to_lowercase();
        name.contains(&words) || contact.persona.id.as_str().to_lowercase().contains(&words)
    })
    .await
}

async fn list_contacts(caller: &Caller<'_>, wanted: impl Fn(&Contact) -> bool) -> Reply {
    let own = caller.user.map(|user| caller.shared.puppets.of(user)).unwrap_or_default();
    if own.is_empty() {
        return Reply::Text("You are not signed in. Say `login` to sign in.".to_owned());
    }
    let mut rows = Vec::new();
    for (_, puppet) in own {
        let mut contacts = puppet.contacts().await;
        contacts.retain(&wanted);
        contacts.sort_by_key(|contact| {
            let offline = contact.presence.state == crate::model::PresenceState::Offline;
            (offline, contact.persona.shown_name().to_lowercase())
        });
        rows.extend(contacts.into_iter().map(|contact| {
            vec![
                contact.persona.shown_name().to_owned(),
                contact.persona.id.to_string(),
                if contact.blocked {
                    "blocked".to_owned()
                } else {
                    contact.presence.state.to_string()
                },
                contact.presence.status_text.unwrap_or_default(),
            ]
        }));
    }
    if rows.is_empty() {
        return Reply::Text(
            "There is nobody to show, or the account is not connected yet.".to_owned(),
        );
    }
    let columns = columns(&["name", "address", "state", "says"]);
    Reply::Table { title: "Your contacts".to_owned(), columns, rows }
}

async fn backup(caller: &Caller<'_>) -> Reply {
    let Some(directory) = &caller.shared.config.backups else {
        return Reply::Text("There is no place for backups here.".to_owned());
    };
    let made = async {
        tokio::fs::create_dir_all(directory).await.map_err(|error| error.to_string())?;
        let path = directory.join(format!("{:015}.backup", Timestamp::now().0));
        let facts = caller.shared.store.backup(&path).await.map_err(|error| error.to_string())?;
        Ok::<_, String>((path, facts))
    };
    Reply::Text(match made.await {
        Ok((path, facts)) => format!(
            "{} entries are in {}. Keep seal.key beside it: without it the passwords do not open.",
            facts.entries,
            path.display()
        ),
        Err(error) => format!("The backup failed: {error}."),
    })
}

/// Opens the portal with somebody, and its room.
async fn chat(caller: &Caller<'_>, arguments: Vec<String>) -> Reply {
    let own = caller.user.map(|user| caller.shared.puppets.of(user)).unwrap_or_default();
    let (Some((login, puppet)), Some(address)) =
        (own.into_iter().next(), arguments.into_iter().next())
    else {
        return Reply::Text("You are not signed in. Say `login` to sign in.".to_owned());
    };
    let (chat, peer) = match puppet.chat_with(&PersonaId::new(address)).await {
        Ok(found) => found,
        Err(DeliverError::Reject { tell_user, .. }) => return Reply::Text(tell_user),
        Err(error) => return Reply::Text(format!("That did not work: {error}.")),
    };
    let name = peer.shown_name().to_owned();
    let Some(record) = caller.shared.portal_of_chat(&login, &chat, peer) else {
        return Reply::Text("The account was signed out.".to_owned());
    };
    let (answer, answered) = tokio::sync::oneshot::channel();
    let request = Request::Open { endpoint: Endpoint::Chat(login, chat), record, answer };
    let asked = caller.shared.ingest.send(request).await;
    let opened = match (asked, answered.await) {
        (Ok(()), Ok(Ok(portal))) => crate::leg::open_rooms(caller.shared, portal).await,
        _ => return Reply::Text("The bridge could not store the room; try again.".to_owned()),
    };
    match opened {
        Ok(()) => Reply::Text(format!("The room with {name} is open; you are invited.")),
        Err(error) => Reply::Text(format!("The room could not be made: {error}. Try again.")),
    }
}

pub(super) fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
