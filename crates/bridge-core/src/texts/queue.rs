//! Messages that wait or failed.

use std::fmt::Display;

pub(crate) const NOTHING_WAITS_AND_NOTHING_FAILED: &str =
    "Nothing waits, and nothing failed lately.";

pub(crate) const NO_MESSAGE_THAT_FAILED_IS_CALLED: &str =
    "No message that failed is called so. `queue` lists them.";

pub(crate) const THE_PLACE_IT_WAS_FOR_IS_NOT_THERE: &str =
    "The place it was for is not there any more.";

pub(crate) const IT_IS_SENT_AGAIN: &str = "It is sent again.";

pub(crate) fn some_are_sent_again(again: impl Display, all: impl Display) -> String {
    format!("{again} of {all} messages are sent again.")
}

pub(crate) const NO_MESSAGE_OF_YOURS_FAILED_HERE: &str = "No message of yours failed here lately.";

pub(crate) const YOUR_MESSAGE_IS_SENT_AGAIN: &str = "Your message is sent again.";

pub(crate) fn it_is_given_up(from: impl Display) -> String {
    format!("It is given up, and {from} is told.")
}

pub(crate) const DELIVERED_JUST_NOW: &str = "It was delivered in this very moment.";

pub(crate) const NO_MESSAGE_IS_CALLED_SO: &str = "No message is called so. `queue` lists them.";

pub(crate) const IT_IS_FORGOTTEN: &str = "It is forgotten.";

pub(crate) fn the_bridge_could_not_look_it_up(error: impl Display) -> String {
    format!("The bridge could not look it up: {error}. Try again.")
}

pub(crate) const THAT_MESSAGE_DID_NOT_FAIL: &str =
    "That message is none of yours that failed here. `queue` lists those.";
