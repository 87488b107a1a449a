//! What people are told without asking.

use std::fmt::Display;

pub(crate) const SET_THE_RIGHT_ONE_IN_THE_RELAYS: &str =
    "Set the right one in the relay's password_file, and restart.";

pub(crate) const USE_LOGIN_TO_ENTER_THE_PASSWORD: &str = "Use `login` to enter the password again.";

pub(crate) const THE_ACCOUNT_SIGNED_IN_SOMEWHERE: &str = "The account signed in somewhere else again, and the bridge leaves it \
                            alone. Use `relogin` when it shall come back.";

pub(crate) const THE_SERVER_DOES_NOT_ANSWER: &str = "the server does not answer";

pub(crate) fn has_not_been_connected_for_minutes(
    login: impl Display,
    minutes: impl Display,
    why: impl Display,
) -> String {
    format!(
        "{login} has not been connected for {minutes} minutes: {why}. I keep trying, and what you write waits."
    )
}

pub(crate) fn is_connected_again(login: impl Display) -> String {
    format!("{login} is connected again.")
}

pub(crate) const WITHOUT_A_WORD: &str = "without a word";

pub(crate) const SOMETHING_HAPPENED_THAT_THIS: &str =
    "Something happened that this version cannot say.";

pub(crate) fn is_on_your_contact_list_now(who: impl Display) -> String {
    format!("{who} is on your contact list now.")
}

pub(crate) fn asks_to_be_a_contact_of_login(who: impl Display, login: impl Display) -> String {
    format!("{who} asks to be a contact of {login}.")
}

pub(crate) fn is_blocked_now(who: impl Display) -> String {
    format!("{who} is blocked now.")
}

pub(crate) fn is_off_your_contact_list(who: impl Display) -> String {
    format!("{who} is off your contact list.")
}

pub(crate) fn took_you_off_the_contact_list(who: impl Display) -> String {
    format!("{who} took you off the contact list.")
}

pub(crate) fn is_not_blocked_any_more(who: impl Display) -> String {
    format!("{who} is not blocked any more.")
}

pub(crate) const IS_ONLINE: &str = "is online";

pub(crate) const WENT_OFFLINE: &str = "went offline";

pub(crate) const THE_STORE_OF_BEFORE_IS_GONE: &str = "The store of before is gone. Accounts must `login` again, and what \
                                waited in it is lost.";

pub(crate) fn conversations_were_found_again(again: impl Display, known: impl Display) -> String {
    format!("{again} conversations were found again, {known} were known.")
}

pub(crate) fn these_rooms_show_conversations(taken: impl Display) -> String {
    format!("These rooms show conversations that have other rooms now: {taken}.")
}

pub(crate) fn these_rooms_do_not_say_whose(unclear: impl Display) -> String {
    format!("These rooms do not say whose they are: {unclear}.")
}

pub(crate) fn a_network_could_not_be_asked(network: impl Display, why: impl Display) -> String {
    format!("{network} could not be asked ({why}): say `portals rediscover` when it is reached.")
}

pub(crate) fn words_go_round_in_circles(portal: impl Display, name: impl Display) -> String {
    format!(
        "In the conversation {portal}{name} the same words go round in circles: another bridge or bot \
         passes on what I pass on. I leave such words out for a minute each time. Take the other \
         bridge out of one of its rooms; `portals show {portal}` lists them."
    )
}

/// What she is told.
pub(crate) const NOBODY_READS_YOU: &str = "This account belongs to a bridge. It passes on only the conversations \
                             its operator chose, and nobody has read your message.";
