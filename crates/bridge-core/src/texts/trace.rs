//! Captures of sessions.

use std::fmt::Display;

pub(crate) const THERE_IS_NO_PLACE_FOR_CAPTURES: &str = "There is no place for captures here.";

pub(crate) const THERE_IS_NO_SUCH_ACCOUNT: &str = "There is no such account.";

pub(crate) fn is_not_captured_any_more(login: impl Display) -> String {
    format!("{login} is not captured any more.")
}

pub(crate) const HOW_TO_CAPTURE: &str =
    "Say a time such as 10m, at most 1h, or `off`: `trace 10m`.";

pub(crate) const THE_PLACE_FOR_CAPTURES_CANNOT: &str = "The place for captures cannot be made.";

pub(crate) fn the_session_is_captured(
    login: impl Display,
    file: impl Display,
    seconds: impl Display,
) -> String {
    format!(
        "The session of {login} is written to {file} for {seconds} minutes. The file is removed a day after."
    )
}

pub(crate) const THERE_IS_NO_SUCH_ACCOUNT_LOGINS_LISTS_YOURS: &str =
    "There is no such account; `logins` lists yours.";

pub(crate) const WHICH_ACCOUNT: &str = "Which account? Say `trace 10m ACCOUNT`.";

pub(crate) const THERE_ARE_NO_CAPTURES: &str = "There are no captures. `trace USUAL` begins one.";

pub(crate) const WRITTEN_BEFORE: &str = "written before";
