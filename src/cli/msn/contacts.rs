//! `msn contacts …`: the contact list, looked at and changed.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Subcommand;
use msnp::{Handle, RequestError, ctt};
use serde_json::json;
use tokio::time::sleep;

use super::Show;
use crate::Failure;

/// Time between two contacts that are added: servers count what is asked of them.
const BETWEEN: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Say yes to somebody who asks.
    Accept {
        /// Her address.
        address: String,
        /// Let her see you and write, but do not put her on the list.
        #[arg(long)]
        only_allow: bool,
    },
    /// Put somebody on the list.
    Add {
        /// Her address.
        address: String,
        /// A group to put her into.
        #[arg(long)]
        group: Option<String>,
        /// Words for her to read, which servers keep from MSNP13.
        #[arg(long)]
        message: Option<String>,
    },
    /// Let somebody neither see you nor write to you.
    Block {
        /// Her address.
        address: String,
    },
    /// Say no to somebody who asks.
    Decline {
        /// Her address.
        address: String,
        /// And block her.
        #[arg(long)]
        block: bool,
    },
    /// Write the list to a new file that Messenger reads (.ctt).
    Export {
        /// The file.
        file: PathBuf,
    },
    /// Make, rename, remove and fill groups.
    Group {
        #[command(subcommand)]
        action: GroupAction,
    },
    /// List the groups.
    Groups,
    /// Add those of a file that Messenger wrote (.ctt) who are missing.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// List the contacts.
    List,
    /// Put somebody into one group alone, or into none.
    Move {
        /// Her address.
        address: String,
        /// The group.
        group: Option<String>,
    },
    /// Show or say who may see you and write to you: `everybody` or `allowed`.
    Privacy {
        /// Who.
        #[arg(value_parser = ["everybody", "allowed"])]
        who: Option<String>,
    },
    /// Take somebody off the list.
    Remove {
        /// Her address.
        address: String,
    },
    /// Give somebody a name on the list.
    Rename {
        /// Her address.
        address: String,
        /// The name.
        name: String,
    },
    /// List those who ask to be contacts.
    Requests,
    /// Let somebody who is blocked see you and write again.
    Unblock {
        /// Her address.
        address: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum GroupAction {
    /// Make one.
    Add {
        /// Its name.
        name: String,
    },
    /// Put somebody into one.
    Put {
        /// Her address.
        address: String,
        /// The group.
        group: String,
    },
    /// Take one away; its contacts stay.
    Remove {
        /// Its name.
        name: String,
    },
    /// Give one another name.
    Rename {
        /// Its name now.
        group: String,
        /// Its name to be.
        name: String,
    },
    /// Take somebody out of one.
    Take {
        /// Her address.
        address: String,
        /// The group.
        group: String,
    },
}

pub(super) async fn run(show: &Show, handle: &Handle, action: Action) -> Result<(), Failure> {
    match action {
        Action::List => {
            for contact in handle.roster().contacts().filter(|contact| contact.is_contact()) {
                show.contact(contact, handle);
            }
            Ok(())
        }
        Action::Requests => {
            for contact in handle.roster().requests() {
                show.contact(contact, handle);
            }
            Ok(())
        }
        Action::Groups => {
            groups(show, handle);
            Ok(())
        }
        Action::Privacy { who: None } => {
            privacy(show, handle);
            Ok(())
        }
        Action::Privacy { who: Some(who) } => {
            done(handle.set_privacy(who == "everybody").await)?;
            privacy(show, handle);
            Ok(())
        }
        Action::Group { action } => change_groups(show, handle, action).await,
        Action::Export { file } => export(handle, &file),
        Action::Import { file } => import(show, handle, &file).await,
        Action::Accept { address, only_allow } => {
            changed(show, handle, &address, handle.accept_contact(&address, !only_allow).await)
        }
        Action::Add { address, group, message } => {
            let group = group.map(|name| group_id(handle, &name)).transpose()?;
            let words = message.unwrap_or_default();
            let added = handle.invite_contact(&address, group.as_deref(), &words).await;
            changed(show, handle, &address, added)
        }
        Action::Block { address } => {
            changed(show, handle, &address, handle.block_contact(&address, true).await)
        }
        Action::Decline { address, block } => {
            changed(show, handle, &address, handle.decline_contact(&address, block).await)
        }
        Action::Move { address, group } => {
            let group = group.map(|name| group_id(handle, &name)).transpose()?;
            changed(show, handle, &address, handle.move_contact(&address, group.as_deref()).await)
        }
        Action::Remove { address } => {
            changed(show, handle, &address, handle.remove_contact(&address).await)
        }
        Action::Rename { address, name } => {
            changed(show, handle, &address, handle.rename_contact(&address, &name).await)
        }
        Action::Unblock { address } => {
            changed(show, handle, &address, handle.block_contact(&address, false).await)
        }
    }
}

async fn change_groups(show: &Show, handle: &Handle, action: GroupAction) -> Result<(), Failure> {
    match action {
        GroupAction::Add { name } => done(handle.add_group(&name).await)?,
        GroupAction::Remove { name } => {
            done(handle.remove_group(&group_id(handle, &name)?).await)?;
        }
        GroupAction::Rename { group, name } => {
            done(handle.rename_group(&group_id(handle, &group)?, &name).await)?;
        }
        GroupAction::Put { address, group } => {
            let group = group_id(handle, &group)?;
            let put = handle.group_contact(&address, &group, true).await;
            return changed(show, handle, &address, put);
        }
        GroupAction::Take { address, group } => {
            let group = group_id(handle, &group)?;
            let taken = handle.group_contact(&address, &group, false).await;
            return changed(show, handle, &address, taken);
        }
    }
    groups(show, handle);
    Ok(())
}

fn groups(show: &Show, handle: &Handle) {
    let roster = handle.roster();
    for group in roster.groups() {
        let contacts =
            roster.contacts().filter(|contact| contact.groups.contains(&group.id)).count();
        show.value(&json!({ "event": "group", "name": group.name, "contacts": contacts }));
        if !show.json {
            println!("{}  ({contacts})", group.name);
        }
    }
}

fn privacy(show: &Show, handle: &Handle) {
    let privacy = handle.roster().privacy();
    show.value(
        &json!({ "event": "privacy", "everybody": privacy.everybody, "asks": privacy.asks }),
    );
    if !show.json {
        println!(
            "{} may see you and write to you",
            match privacy.everybody {
                Some(true) => "everybody you do not block",
                Some(false) => "only those you allow",
                None => "it is not known who",
            }
        );
    }
}

/// Shows somebody as the list has her after a change.
fn changed(
    show: &Show,
    handle: &Handle,
    address: &str,
    outcome: Result<(), RequestError>,
) -> Result<(), Failure> {
    if let Err(error) = &outcome {
        show.value(&json!({ "event": "error", "address": address, "reason": error.to_string() }));
    }
    done(outcome)?;
    match handle.contact(address) {
        Some(contact) => show.contact(&contact, handle),
        None => show.value(&json!({ "event": "contact", "address": address, "lists": 0 })),
    }
    Ok(())
}

fn done(outcome: Result<(), RequestError>) -> Result<(), Failure> {
    outcome.map_err(|error| match error {
        RequestError::Unconfirmed | RequestError::Busy => Failure::Temporary(error.to_string()),
        RequestError::Invalid(_) => Failure::Usage(error.to_string()),
        error => Failure::Failed(error.to_string()),
    })
}

fn group_id(handle: &Handle, name: &str) -> Result<String, Failure> {
    let roster = handle.roster();
    let found = roster.group_id(name).map(str::to_owned);
    found.ok_or_else(|| Failure::Usage(format!("there is no group {name}")))
}

fn export(handle: &Handle, file: &Path) -> Result<(), Failure> {
    let roster = handle.roster();
    let contacts = roster.contacts().filter(|contact| contact.is_contact());
    let text = ctt::write(contacts.map(|contact| contact.account.as_str()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))
}

async fn import(show: &Show, handle: &Handle, file: &Path) -> Result<(), Failure> {
    let failed = |error: String| Failure::Usage(format!("{}: {error}", file.display()));
    let mut bytes = Vec::new();
    // A file that is too long is not read to its end.
    let limit = u64::try_from(ctt::SIZE_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    let opened = File::open(file).map_err(|error| failed(error.to_string()))?;
    opened.take(limit).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    let addresses = ctt::read(&bytes).map_err(|error| failed(error.to_string()))?;
    let (mut added, mut there, mut refused) = (0_usize, 0_usize, 0_usize);
    for address in addresses {
        let listed = handle.contact(&address).is_some_and(|contact| contact.is_contact());
        if listed {
            there += 1;
            continue;
        }
        match handle.add_contact(&address, None).await {
            Ok(()) => {
                added += 1;
                if let Some(contact) = handle.contact(&address) {
                    show.contact(&contact, handle);
                }
            }
            Err(error @ RequestError::NotSignedIn) => {
                return Err(Failure::Temporary(format!("{error}; {added} were added")));
            }
            Err(error) => {
                refused += 1;
                let reason = error.to_string();
                show.value(&json!({ "event": "error", "address": address, "reason": reason }));
                if !show.json {
                    println!("{address}: {reason}");
                }
            }
        }
        sleep(BETWEEN).await;
    }
    if !show.json {
        println!("{added} added, {there} there already, {refused} refused");
    }
    match refused {
        0 => Ok(()),
        some => Err(Failure::Failed(format!("{some} contacts were not added"))),
    }
}
