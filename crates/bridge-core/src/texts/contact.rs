//! The contact list.

use std::fmt::Display;

pub(crate) const THERE_IS_NOBODY_TO_SHOW: &str =
    "There is nobody to show, or the account is not connected yet.";

pub(crate) fn contacts_of_login(login: impl Display) -> String {
    format!("Contacts of {login}")
}

pub(crate) fn it_is_done_but_could_not_be_noted(error: impl Display) -> String {
    format!("It is done, but could not be noted here: {error}.")
}

pub(crate) fn is_your_contact_now_and_may_see(person: impl Display) -> String {
    format!("{person} is your contact now, and may see you and write.")
}

pub(crate) fn is_on_your_list_now(person: impl Display) -> String {
    format!("{person} is on your list now.")
}

pub(crate) fn neither_sees_you_nor_writes(person: impl Display) -> String {
    format!("{person} neither sees you nor writes to you any more.")
}

pub(crate) fn is_not_your_contact(person: impl Display) -> String {
    format!("{person} is not your contact. `contacts block` is stronger.")
}

pub(crate) fn is_in_group_now(person: impl Display, group: impl Display) -> String {
    format!("{person} is in {group} now.")
}

pub(crate) fn is_in_no_group_now(person: impl Display) -> String {
    format!("{person} is in no group now.")
}

pub(crate) fn is_off_your_list(person: impl Display) -> String {
    format!("{person} is off your list; she may still write to you.")
}

pub(crate) fn is_called_name_now(person: impl Display, name: impl Display) -> String {
    format!("{person} is called {name} now.")
}

pub(crate) fn is_not_in_group_any_more(person: impl Display, group: impl Display) -> String {
    format!("{person} is not in {group} any more.")
}

pub(crate) fn may_see_you_and_write_to_you_again(person: impl Display) -> String {
    format!("{person} may see you and write to you again.")
}

pub(crate) const NOBODY_ASKS: &str = "Nobody asks.";

pub(crate) const WHO_ASKS: &str =
    "Who asks: `contacts accept ADDRESS`, `decline` or `block` answers";

pub(crate) const THERE_ARE_NO_GROUPS: &str =
    "There are no groups, or the account is not connected yet.";

pub(crate) fn there_is_a_group_name_now(name: impl Display) -> String {
    format!("There is a group {name} now.")
}

pub(crate) fn the_group_name_is_gone(name: impl Display) -> String {
    format!("The group {name} is gone.")
}

pub(crate) fn the_group_has_another_name(to: impl Display) -> String {
    format!("The group is called {to} now.")
}

pub(crate) const EVERYBODY_YOU_DO_NOT_BLOCK_MAY_SEE: &str =
    "Everybody you do not block may see you and write to you.";

pub(crate) const ONLY_THOSE_YOU_ALLOW_MAY_SEE: &str =
    "Only those you allow may see you and write to you.";

pub(crate) const THAT_IS_NOT_KNOWN: &str =
    "That is not known: the account is not connected, or has no such setting.";

pub(crate) fn that_could_not_be_kept(error: impl Display) -> String {
    format!("That could not be kept: {error}.")
}

pub(crate) fn i_tell_you(person: impl Display) -> String {
    format!("I tell you when {person} comes and goes.")
}

pub(crate) fn i_do_not_tell_you(person: impl Display) -> String {
    format!("I do not tell you when {person} comes and goes.")
}

pub(crate) fn contacts_were_imported(
    added: impl Display,
    there: impl Display,
    failed: impl Display,
) -> String {
    format!("{added} added, {there} there already, {failed} failed.")
}

pub(crate) fn was_nudged(peer: impl Display) -> String {
    format!("{peer} was nudged.")
}

pub(crate) fn the_account_is_away(login: impl Display) -> String {
    format!("{login} is not connected now")
}

pub(crate) fn was_not_moved(person: impl Display, why: impl Display) -> String {
    format!("{person} was not moved: {why}.")
}
