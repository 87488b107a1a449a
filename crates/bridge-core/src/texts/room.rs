//! Rooms of conversations.

use std::fmt::Display;

pub(crate) const IT_IS_NOT_THERE_ANY_MORE: &str = "It is not there any more.";

pub(crate) fn that_did_not_work(error: impl Display) -> String {
    format!("That did not work: {error}. Try again.")
}

pub(crate) const THIS_CONVERSATION_IS_A_RELAY: &str = "This conversation is a relay: its rooms and who is carried in them \
                                  are set by the bridge's operator, in its configuration.";

pub(crate) const THIS_ROOM_SHOWS_THAT_CONVERSATION: &str =
    "This room shows that conversation already.";

pub(crate) const THE_ACCOUNT_WAS_SIGNED_OUT: &str = "The account was signed out.";

pub(crate) const THIS_ROOM_SHOWS_ANOTHER: &str = "This room shows another conversation already. `unbridge` takes it out of \
                             that, if it is yours.";

pub(crate) const SAY_THAT_IN_THE_ROOM_THAT_SHALL: &str =
    "Say that in the room that shall show the conversation.";

pub(crate) fn this_room_shows_your_conversation(peer: impl Display) -> String {
    format!(
        "This room shows your conversation with {peer} now. Others here are not carried unless you say \
             `relay on`."
    )
}

pub(crate) const THIS_ROOM_IS_OUT: &str = "This room is out of the conversation now.";

pub(crate) fn this_room_is_out(waited: impl Display) -> String {
    format!(
        "This room is out of the conversation now; {waited} messages that waited for it are not \
             shown here any more."
    )
}

pub(crate) const OTHERS_ARE_CARRIED: &str =
    "What others say here goes out from your account, under their names.";

pub(crate) const OTHERS_ARE_NOT_CARRIED: &str = "What others say here is not carried.";

pub(crate) const OTHERS_ARE_CARRIED_FROM_NOW_ON: &str = "What others say here goes out from your account from now on, under their names, where the \
             bridge's operator gave them the role `relay`. Each is told so once.";

pub(crate) const OTHERS_ARE_NOT_CARRIED_ANY_MORE: &str =
    "What others say here is not carried any more.";

pub(crate) fn is_invited(whom: impl Display) -> String {
    format!("{whom} is invited.")
}

pub(crate) const THERE_IS_NO_CONVERSATION_YET: &str =
    "There is no conversation yet. `chat ADDRESS` opens one.";

pub(crate) const SHOWN_IN: &str = "shown in";

pub(crate) const THERE_IS_NO_SUCH_CONVERSATION: &str =
    "There is no such conversation. `chat list` lists yours.";

pub(crate) const THE_ROOM_IS_CLOSED: &str =
    "The room is closed; what is said next makes a new one.";

pub(crate) fn conversations_are_as_they_should(portals: impl Display) -> String {
    format!("{portals} conversations are as they should be.")
}

pub(crate) const THE_CONVERSATION_IS_DELETED: &str = "The conversation is deleted.";

pub(crate) fn the_conversation_is_deleted(waited: impl Display) -> String {
    format!("The conversation is deleted, and with it {waited} messages that waited.")
}

pub(crate) const SIGN_IN_BEFORE_YOU_ASK_SOMEBODY_IN: &str =
    "You are not signed in to an account. Say `login` to the bridge first, then ask again.";

pub(crate) fn is_no_contact_of_yours(person: impl Display) -> String {
    format!("{person} is no contact of yours. Say `contacts add {person}` first, then ask again.")
}
