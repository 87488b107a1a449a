//! Commands about all that is kept of a person: moved to another address, deleted.

use futures_util::FutureExt as _;

use super::{
    ArgumentKind, ArgumentSpec, Arguments, Caller, CommandSpec, Role, Run, answer, is_called,
};
use crate::{
    adapter::Reply,
    id::LoginId,
    model::UserId,
    portal::person::{self, Holdings, Moved},
};

const FROM: ArgumentSpec = ArgumentSpec::needed("FROM", ArgumentKind::Word);
const TO: ArgumentSpec = ArgumentSpec::needed("TO", ArgumentKind::Word);
const WORD: ArgumentSpec = ArgumentSpec::optional("WORD", ArgumentKind::Word);

/// What must be said for everything to be deleted.
const CONFIRM: &str = "everything";

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "account move",
        aliases: &[],
        arguments: &[FROM, TO],
        help: "gives the conversations of one account of yours to another, as after a change of address.",
        role: Role::User,
        run: Run::Person(|caller, user, arguments| move_account(caller, user, arguments).boxed()),
    },
    CommandSpec {
        name: "account delete",
        aliases: &[],
        arguments: &[WORD],
        help: "deletes all that I keep of you; I say what that is and ask first.",
        role: Role::User,
        run: Run::Person(|caller, user, arguments| delete(caller, user, arguments).boxed()),
    },
];

async fn move_account(caller: &Caller<'_>, user: &UserId, arguments: Arguments) -> Reply {
    let held = match person::holdings(caller.shared, user).await {
        Ok(held) => held,
        Err(error) => return Reply::Text(format!("That could not be looked up: {error}.")),
    };
    let named = |name: &str| held.logins.iter().find(|login| is_called(login, name)).cloned();
    let (Some(from), Some(to)) = (named(arguments.text("FROM")), named(arguments.text("TO")))
    else {
        return Reply::Text(format!(
            "I know these accounts of yours: {}. Say `login` to sign in to the new one first.",
            listed(&held.logins)
        ));
    };
    if from == to {
        return answer::text("These are the same account.");
    }
    match person::move_account(caller.shared, &from, &to).await {
        Ok(Moved { moved, stayed: 0 }) => Reply::Text(format!(
            "{moved} conversations are with {to} now, in the rooms they had. {from} is signed out and \
             forgotten."
        )),
        Ok(Moved { moved, stayed }) => Reply::Text(format!(
            "{moved} conversations are with {to} now, in the rooms they had. {stayed} stay with {from}: \
             messages wait in the conversations of {to} with the same people. Say it again when none do."
        )),
        Err(error) => Reply::Text(format!("That did not work: {error}. Try again.")),
    }
}

async fn delete(caller: &Caller<'_>, user: &UserId, arguments: Arguments) -> Reply {
    if arguments.given("WORD") != Some(CONFIRM) {
        return match person::holdings(caller.shared, user).await {
            Ok(held) => Reply::Text(what_goes(&held)),
            Err(error) => Reply::Text(format!("That could not be looked up: {error}.")),
        };
    }
    match person::delete_person(caller.shared, user).await {
        Ok(held) => Reply::Text(format!(
            "Everything I kept of you is deleted: {} accounts, {} conversations. Backups of the store \
             hold it until its operator's last old one is gone. Goodbye.",
            held.logins.len(),
            held.portals.len()
        )),
        Err(error) => Reply::Text(format!("Not everything could be deleted: {error}. Try again.")),
    }
}

fn what_goes(held: &Holdings) -> String {
    format!(
        "This signs you out of {} and forgets the passwords; deletes {} conversations, with {} messages \
         that wait in them, the names of their messages and what failed; and I leave their rooms. It \
         cannot be undone. Say `account delete {CONFIRM}` if you want that.",
        listed(&held.logins),
        held.portals.len(),
        held.waiting
    )
}

fn listed(logins: &[LoginId]) -> String {
    match logins {
        [] => "no account".to_owned(),
        logins => logins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
