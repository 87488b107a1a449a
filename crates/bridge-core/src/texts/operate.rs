//! Answers to those who run the bridge.

use std::fmt::Display;

pub(crate) fn accounts_and_conversations(portals: impl Display, waiting: impl Display) -> String {
    format!("Accounts; {portals} conversations, {waiting} messages waiting")
}

pub(crate) const YOUR_ACCOUNTS: &str = "Your accounts";

pub(crate) fn is_not_reached(network: impl Display) -> String {
    format!("{network} is not reached: the log says why, and I keep trying.")
}

pub(crate) const YOU_ARE_NOT_SIGNED_IN: &str = "You are not signed in: say `login`.";

pub(crate) const SAY_LOGIN_AND_GIVE_THE_PASSWORD: &str = "say `login` and give the password again";

pub(crate) const SIGN_THE_ACCOUNT_OUT_ELSEWHERE: &str =
    "sign the account out elsewhere, then say `relogin`";

pub(crate) const SAY_LOGIN_WHEN_IT_SHALL_COME_BACK: &str = "say `login` when it shall come back";

pub(crate) const I_KEEP_TRYING: &str = "I keep trying; `relogin` tries at once";

pub(crate) fn is_not_connected(
    login: impl Display,
    why: impl Display,
    mend: impl Display,
) -> String {
    format!("{login} is not connected ({why}): {mend}.")
}

pub(crate) fn messages_wait_for(
    waiting: impl Display,
    place: impl Display,
    seconds: impl Display,
) -> String {
    format!("{waiting} messages for {place} wait since {seconds} s: `queue` shows them all.")
}

pub(crate) const ALL_IS_WELL: &str = "All is well.";

pub(crate) const MESSAGES_WAITING: &str = "messages waiting";

pub(crate) const KIB_ON_DISK: &str = "KiB on disk";

pub(crate) const COMMITS_SINCE_THE_START: &str = "commits since the start";

pub(crate) const SYNCS_SINCE_THE_START: &str = "syncs since the start";

pub(crate) const WHAT_THERE_IS: &str = "What there is";

pub(crate) const HOW_MANY: &str = "how many";

pub(crate) fn who_may_do_what(role: impl Display) -> String {
    format!("Who may do what; your role is {role}")
}

pub(crate) const THERE_IS_NO_LOG_HERE: &str = "There is no log here.";

pub(crate) const THERE_IS_NO_PLACE_FOR_BACKUPS_HERE: &str = "There is no place for backups here.";

pub(crate) fn the_backup_is_written(entries: impl Display, path: impl Display) -> String {
    format!(
        "{entries} entries are in {path}. Keep seal.key beside it: without it the passwords do not open."
    )
}

pub(crate) fn the_backup_failed(error: impl Display) -> String {
    format!("The backup failed: {error}.")
}

pub(crate) const THE_STORE_IS_WRITTEN_ANEW: &str =
    "The store is written anew at the next start; everybody would wait for it now.";

pub(crate) const THERE_IS_NO_CONFIGURATION_HERE: &str = "There is no configuration here.";

pub(crate) const NOTHING_WAITS_ANY_MORE: &str = "Nothing waits any more.";

pub(crate) fn messages_still_wait(left: impl Display) -> String {
    format!("{left} messages still wait; `queue` says where.")
}

pub(crate) const STOPPING: &str = "Stopping. What waits is delivered after the next start.";

pub(crate) const THERE_IS_NO_PROGRAM_TO_STOP_HERE: &str = "There is no program to stop here.";

pub(crate) fn may_not_use_this_bridge(name: impl Display) -> String {
    format!("{name} may not use this bridge.")
}

pub(crate) const ONE_NAME_AT_A_TIME: &str = "One name at a time: say whom you mean at once.";

pub(crate) const AN_UNKNOWN_COMMAND: &str = "an unknown command";

pub(crate) fn it_could_not_be_recorded(error: impl Display) -> String {
    format!("Nothing was done, for it could not be recorded: {error}.")
}

pub(crate) fn on_which_network(name: impl Display) -> String {
    format!("On which network? Say such as `matrix:{name}`.")
}

pub(crate) fn the_record_cannot_be_read(error: impl Display) -> String {
    format!("The record cannot be read: {error}.")
}

pub(crate) const NOBODY_DID_ANYTHING_IN_ANOTHERS: &str = "Nobody did anything in another's name.";

pub(crate) const THE_OPERATOR: &str = "the operator";

pub(crate) const DONE_IN_OTHERS_NAMES: &str = "Done in others' names";
