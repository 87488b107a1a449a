//! What becomes of messages and files, and what stands for what a network cannot show.

use std::fmt::Display;

pub(crate) const WANTS_TO_SHARE_A_GAME_OR_A_PROGRAM: &str =
    "wants to share a game or a program, which does not cross";

pub(crate) const IS_CALLING: &str = "is calling; calls do not cross";

pub(crate) const WANTS_TO_SHOW_A_CAMERA: &str = "wants to show a camera, which does not cross";

pub(crate) fn sees_person_come_in(person: impl Display) -> String {
    format!("sees {person} come in")
}

pub(crate) fn sees_person_leave(person: impl Display) -> String {
    format!("sees {person} leave")
}

pub(crate) const NOBODY_IS_SPOKEN_AS_HERE: &str =
    "On this platform the bridge cannot speak as you: its own account speaks for everybody.";

pub(crate) const YOUR_PICTURE_IS_NOT_SEEN_HERE: &str =
    "The bridge does not see the picture you have here.";

pub(crate) const THE_BRIDGE_ENDED_BEFORE_IT_WAS_TAKEN: &str =
    "The bridge was stopped before it was known whether this was taken.";

pub(crate) const SENT_A_NUDGE: &str = "sent a nudge";

pub(crate) fn reacted_with_key(key: impl Display) -> String {
    format!("reacted with {key}")
}

pub(crate) const TOOK_A_MESSAGE_BACK: &str = "took a message back";

pub(crate) fn sent_a_wink(wink: impl Display) -> String {
    format!("sent a wink: {wink}")
}

pub(crate) const SOMETHING_WRITTEN_BY_HAND: &str = "something written by hand";

pub(crate) const A_SPOKEN_MESSAGE: &str = "a spoken message";

pub(crate) fn until_date_at_address(date: impl Display, address: impl Display) -> String {
    format!(", until {date} at {address}")
}

pub(crate) const THE_PORTAL_IS_GONE: &str = "the portal is gone";

pub(crate) const THE_NETWORK_IS_SWITCHED_OFF: &str = "the network is switched off";

pub(crate) const THE_BRIDGE_ENDED_WHILE_IT_WAS_SENT: &str = "the bridge ended while it was sent";

pub(crate) const IT_MAY_HAVE_ARRIVED_ALL_THE_SAME: &str = " It may have arrived all the same.";

pub(crate) fn it_was_taken_back(maybe: impl Display) -> String {
    format!("It was taken back before it was delivered.{maybe}")
}

pub(crate) fn the_room_or_conversation_is_gone(cause: impl Display) -> String {
    format!("The room or conversation is gone: {cause}.")
}

pub(crate) const RETRY_SENDS_IT_AGAIN: &str = " `retry` sends it again.";

pub(crate) fn it_may_or_may_not_have_arrived(cause: impl Display, ask: impl Display) -> String {
    format!("It may or may not have arrived: {cause}.{ask}")
}

pub(crate) const TOO_OLD: &str =
    "It could not be delivered for too long and was given up. Send it again.";

pub(crate) fn the_account_login_is_signed_out(login: impl Display) -> String {
    format!("The account {login} is signed out. Say `login` to sign in again.")
}

pub(crate) fn the_bridge_does_not_work(network: impl Display) -> String {
    format!("The bridge does not work with {network} now.")
}

pub(crate) fn the_file_is_not_there_any_more(cause: impl Display) -> String {
    format!("The file is not there any more: {cause}.")
}

pub(crate) fn the_file_could_not_be_fetched(cause: impl Display) -> String {
    format!("The file could not be fetched: {cause}. Send it again.")
}

pub(crate) fn the_file_is_too_large(limit: impl Display) -> String {
    format!("The file is too large for where it was to go, which takes at most {limit}.")
}

pub(crate) const ITS_NETWORK_IS_SWITCHED_OFF: &str = "its network is switched off";

pub(crate) const THE_FILE_IS_DAMAGED: &str = "The file is damaged, or somebody changed it on the way: it is not what was encrypted. Send it again.";

pub(crate) const THE_PICTURE_CANNOT_BE_READ: &str = "The picture cannot be read.";

pub(crate) fn the_file_is_too_large_the_bridge_carries_at_most(limit: impl Display) -> String {
    format!("The file is too large: the bridge carries at most {limit}.")
}

pub(crate) const THIS_NETWORK_CANNOT_DO_THAT: &str = "This network cannot do that.";

pub(crate) const HERE_THE_BRIDGES_OPERATOR_CHOOSES: &str =
    "Here the bridge's operator chooses which rooms show conversations.";

pub(crate) const THIS_PLATFORM_HAS_NO_FILES: &str = "this platform has no files";

/// What somebody is told whose file goes where no files go.
pub(crate) const ONLY_THE_NAME_ARRIVED: &str = "Only the file's name arrived: files do not cross to there. The bridge's \
                         operator can set media.public_url; then an address does.";

pub(crate) const A_PICTURE: &str = "a picture";

pub(crate) const A_FILE: &str = "a file";
