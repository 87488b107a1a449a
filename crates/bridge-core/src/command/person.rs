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
    texts,
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
        Err(error) => return Reply::Text(texts::person::that_could_not_be_looked_up(&error)),
    };
    let named = |name: &str| held.logins.iter().find(|login| is_called(login, name)).cloned();
    let (Some(from), Some(to)) = (named(arguments.text("FROM")), named(arguments.text("TO")))
    else {
        return Reply::Text(texts::person::i_know_these_accounts_of_yours(listed(&held.logins)));
    };
    if from == to {
        return answer::text(texts::person::THESE_ARE_THE_SAME_ACCOUNT);
    }
    match person::move_account(caller.shared, &from, &to).await {
        Ok(Moved { moved, stayed: 0 }) => {
            Reply::Text(texts::person::conversations_have_moved(moved, &to, &from))
        }
        Ok(Moved { moved, stayed }) => {
            Reply::Text(texts::person::some_conversations_have_moved(moved, &to, stayed, &from))
        }
        Err(error) => Reply::Text(texts::room::that_did_not_work(&error)),
    }
}

async fn delete(caller: &Caller<'_>, user: &UserId, arguments: Arguments) -> Reply {
    if arguments.given("WORD") != Some(CONFIRM) {
        return match person::holdings(caller.shared, user).await {
            Ok(held) => Reply::Text(what_goes(&held)),
            Err(error) => Reply::Text(texts::person::that_could_not_be_looked_up(&error)),
        };
    }
    match person::delete_person(caller.shared, user).await {
        Ok(held) => {
            Reply::Text(texts::person::everything_i_kept(held.logins.len(), held.portals.len()))
        }
        Err(error) => Reply::Text(texts::person::not_everything_could_be_deleted(&error)),
    }
}

fn what_goes(held: &Holdings) -> String {
    texts::person::what_would_be_deleted(
        listed(&held.logins),
        held.portals.len(),
        held.waiting,
        CONFIRM,
    )
}

fn listed(logins: &[LoginId]) -> String {
    match logins {
        [] => texts::person::NO_ACCOUNT.to_owned(),
        logins => logins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
