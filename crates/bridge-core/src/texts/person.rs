//! What is kept of a person.

use std::fmt::Display;

pub(crate) fn that_could_not_be_looked_up(error: impl Display) -> String {
    format!("That could not be looked up: {error}.")
}

pub(crate) fn i_know_these_accounts_of_yours(logins: impl Display) -> String {
    format!(
        "I know these accounts of yours: {logins}. Say `login` to sign in to the new one first."
    )
}

pub(crate) const THESE_ARE_THE_SAME_ACCOUNT: &str = "These are the same account.";

pub(crate) fn conversations_have_moved(
    moved: impl Display,
    to: impl Display,
    from: impl Display,
) -> String {
    format!(
        "{moved} conversations are with {to} now, in the rooms they had. {from} is signed out and \
             forgotten."
    )
}

pub(crate) fn some_conversations_have_moved(
    moved: impl Display,
    to: impl Display,
    stayed: impl Display,
    from: impl Display,
) -> String {
    format!(
        "{moved} conversations are with {to} now, in the rooms they had. {stayed} stay with {from}: \
             messages wait in the conversations of {to} with the same people. Say it again when none do."
    )
}

pub(crate) fn everything_i_kept(logins: impl Display, portals: impl Display) -> String {
    format!(
        "Everything I kept of you is deleted: {logins} accounts, {portals} conversations. Backups of the store \
             hold it until its operator's last old one is gone. Goodbye."
    )
}

pub(crate) fn not_everything_could_be_deleted(error: impl Display) -> String {
    format!("Not everything could be deleted: {error}. Try again.")
}

pub(crate) fn what_would_be_deleted(
    logins: impl Display,
    portals: impl Display,
    waiting: impl Display,
    confirm: impl Display,
) -> String {
    format!(
        "This signs you out of {logins} and forgets the passwords; deletes {portals} conversations, with {waiting} messages \
         that wait in them, the names of their messages and what failed; and I leave their rooms. It \
         cannot be undone. Say `account delete {confirm}` if you want that."
    )
}

pub(crate) const NO_ACCOUNT: &str = "no account";
