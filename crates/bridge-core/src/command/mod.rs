//! What people say to the bridge itself, and what it answers.
//!
//! One table serves every front: a Matrix room, a Discord direct message, the control socket. A line
//! is cut into words (`parse`), the words are bound to the arguments of a command (`bind`), and the
//! command is given what it needs (`spec`). Each area of commands has a file of its own. A line from
//! a chat is stored sealed before its source is acknowledged, for it may be a password; it goes when it
//! is answered.

mod account;
mod adopt;
mod answer;
mod bind;
mod centre;
mod choice;
mod contact;
pub(crate) mod front;
mod general;
mod help;
mod operate;
mod parse;
mod permission;
mod person;
mod portal;
mod queue;
mod room;
mod spec;
mod sudo;
mod trace;

use std::sync::Arc;

pub(crate) use self::{
    bind::Arguments,
    centre::{Queued, management_key, management_room, resume, run, tell_admins, tell_owner},
    spec::{Account, Run, is_address},
    trace::remove_old as remove_old_traces,
};
use self::{bind::BindError, parse::Word};
pub use self::{
    help::{help, reference},
    permission::{Permissions, Role},
    spec::{ArgumentKind, ArgumentSpec, CommandSpec, Need},
};
use crate::{
    adapter::{Button, CommandOrigin, Reply},
    id::{LoginId, PortalId},
    model::UserId,
    options,
    record::{Endpoint, Leg},
    shared::Shared,
    shown, texts,
};

/// Longest line that is looked at, in bytes: no command is so long.
const LINE_LIMIT: usize = 16 * 1024;

/// Commands of one area, in the order of `help`.
pub struct Area {
    /// What they are about.
    pub title: &'static str,
    /// The commands.
    pub commands: &'static [CommandSpec],
}

/// Who gives a command, and where.
pub(crate) struct Caller<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    /// The person; none at the control socket.
    pub(crate) user: Option<&'a UserId>,
    pub(crate) role: Role,
    /// Where the line was said; nowhere at the control socket.
    pub(crate) origin: Option<&'a CommandOrigin>,
}

impl Caller<'_> {
    /// Finds the conversation of the room that the line was said in.
    pub(crate) fn portal(&self) -> Option<PortalId> {
        let origin = self.origin?;
        let endpoint = match front::chat(&origin.room) {
            Some((login, chat)) => Endpoint::Chat(login, chat),
            None => Endpoint::Room(origin.user.network.clone(), origin.room.clone()),
        };
        self.shared.index().find(&endpoint).map(|(portal, _)| portal)
    }

    /// Tells whether a conversation is the caller's: it is with an account of hers, or its room was
    /// made for her, or she may steer everything.
    pub(crate) fn owns(&self, portal: PortalId) -> bool {
        if self.role == Role::Admin {
            return true;
        }
        let own = self.logins();
        let index = self.shared.index();
        let legs = index.portals.get(&portal).map(|portal| portal.record.legs.as_slice());
        legs.unwrap_or_default().iter().any(|leg| match leg {
            Leg::Chat { login, .. } => own.contains(login),
            Leg::Room { owner, .. } => owner.is_some() && owner.as_ref() == self.user,
            Leg::Closed => false,
        })
    }

    /// Lists the caller's accounts.
    pub(crate) fn logins(&self) -> Vec<LoginId> {
        self.accounts().into_iter().map(|account| account.login).collect()
    }

    fn accounts(&self) -> Vec<Account> {
        let own = self.user.map(|user| self.shared.puppets.of(user)).unwrap_or_default();
        own.into_iter().map(|(login, puppet)| Account { login, puppet }).collect()
    }

    /// Chooses the account that a command acts on: the one it names, the one of the conversation it
    /// was said in, the one she prefers, the only one. Else asks which, with a button for each.
    async fn account(&self, named: Option<&str>, line: &str) -> Result<Account, Reply> {
        let mut own = self.accounts();
        if own.is_empty() {
            return Err(answer::nobody(self));
        }
        if let Some(name) = named {
            own.retain(|account| is_called(&account.login, name));
            let kind = ArgumentKind::Account;
            let wrong = BindError::Wrong { said: name.to_owned(), kind };
            return own.pop().ok_or_else(|| Reply::Text(wrong.to_string()));
        }
        if let Some(login) = self.portal().and_then(|portal| self.login_of(portal))
            && let Some(here) = own.iter().find(|account| account.login == login)
        {
            return Ok(here.clone());
        }
        if let Some(user) = self.user
            && let Some(preferred) = options::preferred(self.shared, user).await
            && let Some(account) = own.iter().find(|account| account.login == preferred)
        {
            return Ok(account.clone());
        }
        if own.len() == 1
            && let Some(only) = own.pop()
        {
            return Ok(only);
        }
        let button = |account: &Account| Button {
            label: account.login.to_string(),
            line: format!("{} --account {}", line.trim(), account.login),
            sign: None,
        };
        Err(Reply::Buttons {
            text: texts::general::YOU_HAVE_SEVERAL_ACCOUNTS.to_owned(),
            buttons: own.iter().map(button).collect(),
        })
    }

    /// The account whose conversation a portal is.
    fn login_of(&self, portal: PortalId) -> Option<LoginId> {
        let index = self.shared.index();
        let mut legs = index.portals.get(&portal)?.record.legs.iter();
        legs.find_map(|leg| match leg {
            Leg::Chat { login, .. } => Some(login.clone()),
            _ => None,
        })
    }
}

/// Tells whether somebody means an account by a name: the account's own, or what follows its network.
fn is_called(login: &LoginId, name: &str) -> bool {
    let (login, name) = (login.as_str().to_lowercase(), name.to_lowercase());
    login == name || login.strip_suffix(&name).is_some_and(|network| network.ends_with(':'))
}

/// Gives the areas, in the order of `help`.
pub fn areas() -> &'static [Area] {
    &[
        Area { title: "General", commands: general::COMMANDS },
        Area { title: "Accounts", commands: account::COMMANDS },
        Area { title: "Your options", commands: choice::COMMANDS },
        Area { title: "Contacts", commands: contact::COMMANDS },
        Area { title: "Conversations", commands: portal::COMMANDS },
        Area { title: "Rooms", commands: room::COMMANDS },
        Area { title: "Messages", commands: queue::COMMANDS },
        Area { title: "What is kept of you", commands: person::COMMANDS },
        Area { title: "The bridge", commands: operate::COMMANDS },
        Area { title: "Captures", commands: trace::COMMANDS },
    ]
}

/// Gives the table, in the order of `help`.
pub fn table() -> impl Iterator<Item = &'static CommandSpec> {
    areas().iter().flat_map(|area| area.commands)
}

/// Does what a line asks and gives the answer, fit to be shown. Nothing of an unknown line is said back.
pub(crate) async fn execute(caller: &Caller<'_>, line: &str) -> Reply {
    shown::reply(answer_to(caller, line).await)
}

async fn answer_to(caller: &Caller<'_>, line: &str) -> Reply {
    if line.len() > LINE_LIMIT {
        return answer::text(texts::general::I_DO_NOT_READ_SO_LONG_A_LINE);
    }
    let words = match parse::words(line) {
        Ok(words) => words,
        Err(error) => return Reply::Text(error.to_string()),
    };
    if words.is_empty() {
        return answer::text(texts::general::SAY_HELP_TO_SEE_WHAT_I_CAN_DO);
    }
    let Some((spec, words)) = find(&words).filter(|(spec, _)| spec.role <= caller.role) else {
        return answer::text(texts::general::I_DO_NOT_KNOW_THAT_COMMAND);
    };
    match given_what_it_needs(caller, spec, words, line).await {
        Ok(reply) => reply,
        Err(error) => Reply::Text(texts::general::say_it_like_this(&error, spec.form())),
    }
}

/// Binds a command's arguments, finds what it needs, and does it.
async fn given_what_it_needs(
    caller: &Caller<'_>,
    spec: &'static CommandSpec,
    mut words: Vec<Word>,
    line: &str,
) -> Result<Reply, BindError> {
    let named = match spec.run {
        Run::Login(_) => bind::take_account(&mut words)?,
        Run::Always(_) | Run::Person(_) | Run::Portal(_) => None,
    };
    let arguments = bind::bind(spec.arguments, words)?;
    Ok(match (spec.run, caller.user) {
        (Run::Always(run), _) => run(caller, arguments).await,
        (Run::Person(run), Some(user)) => run(caller, user, arguments).await,
        (Run::Login(run), Some(_)) => {
            let named = named.or_else(|| arguments.account().map(str::to_owned));
            match caller.account(named.as_deref(), line).await {
                Ok(account) => run(caller, account, arguments).await,
                Err(reply) => reply,
            }
        }
        (Run::Portal(run), Some(_)) => match caller.portal() {
            Some(portal) if caller.owns(portal) => run(caller, portal, arguments).await,
            Some(_) => answer::text(texts::general::THIS_IS_SOMEBODY_ELSES),
            None => answer::text(texts::general::SAY_THAT_IN_THE_ROOM),
        },
        (Run::Login(_) | Run::Person(_) | Run::Portal(_), None) => {
            Reply::Text(texts::general::say_form_to_the_bridge_in_a_chat(spec.form()))
        }
    })
}

/// Finds the command that words begin with, the one of most words; gives the words after it.
fn find(words: &[Word]) -> Option<(&'static CommandSpec, Vec<Word>)> {
    let begins = |name: &&str| {
        let mut given = words.iter();
        name.split(' ')
            .all(|part| given.next().is_some_and(|word| word.text.eq_ignore_ascii_case(part)))
    };
    let length = |name: &str| name.split(' ').count();
    let named = table().flat_map(|spec| spec.names().map(move |name| (spec, name)));
    let (spec, name) =
        named.filter(|(_, name)| begins(name)).max_by_key(|(_, name)| length(name))?;
    Some((spec, words.get(length(name)..).unwrap_or_default().to_vec()))
}

/// Tells whether a line begins with a command's name.
pub(crate) fn is_known(line: &str) -> bool {
    let word = |text: &str| Word { text: text.to_owned(), quoted: false };
    // No name has so many words.
    find(&line.split_whitespace().take(4).map(word).collect::<Vec<_>>()).is_some()
}

#[cfg(test)]
mod tests;
