//! Every sentence of this side that people read.
//!
//! A translation is a second set of the same names: make a module for each language with these consts
//! and functions, and choose among them where they are used, by the reader's choice. What differs with
//! a number or a name is a function, so that a language may say it in its own order. What goes to logs
//! and to programs is not here.

use std::fmt::Display;

pub(crate) fn not_everybody_got_your_last(tell_user: impl Display) -> String {
    format!("(Not everybody got your last message: {tell_user})")
}

pub(crate) const MSN_CANNOT_CARRY_THIS: &str = "MSN cannot carry this.";

pub(crate) fn wants_to_send_a_file_too_large(name: impl Display, size: impl Display) -> String {
    format!("wanted to send a file: {name}, {size}. It is larger than the bridge carries.")
}

pub(crate) fn a_file_did_not_arrive(name: impl Display, error: impl Display) -> String {
    format!("tried to send a file, {name}, but it did not arrive: {error}.")
}

pub(crate) fn the_file_may_have_arrived(file: impl Display) -> String {
    format!("All of the file {file} was sent, and the other side did not say that it arrived.")
}

pub(crate) fn the_file_was_not_delivered(file: impl Display, error: impl Display) -> String {
    format!("The file {file} was not delivered: {error}. Send it again if it matters.")
}

pub(crate) const SENT_A_DRAWING: &str = "sent a drawing that cannot be shown here";

/// Instead of a voice clip that did not come.
pub(crate) const SENT_A_VOICE_CLIP: &str = "sent a voice clip, which did not arrive";

/// Under one in a codec that browsers do not play.
pub(crate) const A_VOICE_CLIP: &str =
    "A voice clip in Messenger's own codec (Siren): save it and open it with VLC or ffmpeg.";

pub(crate) const A_WINK: &str = "a wink";

pub(crate) const THAT_IS_NO_ADDRESS: &str = "That is no address. It looks like bob@example.com.";

pub(crate) fn cannot_be_written(file: impl Display, error: impl Display) -> String {
    format!("{file} cannot be written: {error}.")
}

pub(crate) const THE_ACCOUNT_IS_NOT_CONNECTED_NOW: &str =
    "The account is not connected now. Try again when it is.";

pub(crate) fn msn_did_not_do_it(error: impl Display) -> String {
    format!("MSN did not do it: {error}.")
}

pub(crate) const THE_SERVER_REFUSED_THE_ADDRESS: &str =
    "The server refused the address or the password.";

pub(crate) const THE_SERVER_WANTS_ITS_TERMS_OF_USE: &str =
    "The server wants its terms of use accepted first, in its own client or on its website.";

pub(crate) const MAYBE_SAID_BEFORE: &str = " (maybe said before)";

pub(crate) fn is_not_online_and_messages(name: impl Display) -> String {
    format!("{name} is not online, and messages are not kept for later. Send it again then.")
}

pub(crate) fn seems_to_be_online_but_did(name: impl Display) -> String {
    format!("{name} seems to be online, but did not answer. Send it again later.")
}

pub(crate) fn does_not_take_messages_from_you(name: impl Display) -> String {
    format!("{name} does not take messages from you.")
}

pub(crate) const THAT_CONVERSATION_IS_OVER: &str =
    "That conversation is over; somebody must begin a new one.";

pub(crate) fn could_not_be_reached(name: impl Display, error: impl Display) -> String {
    format!("{name} could not be reached: {error}. Send it again later.")
}

pub(crate) const WHICH_ADDRESS_DO_YOU_SIGN: &str = "Which address do you sign in to MSN with? Send it as a message, such as ada@example.com. \
             `cancel` ends this.";

pub(crate) const THE_BRIDGE_KNOWS_NO_MSN_SERVER: &str = "The bridge knows no MSN server.";

pub(crate) fn which_network(names: impl Display) -> String {
    format!("Which network? Send one of: {names}.")
}

pub(crate) const THAT_IS_NONE_OF_THEM: &str = "That is none of them. Which network?";

pub(crate) const THAT_IS_NO_ADDRESS_IT_LOOKS_LIKE_ADA_EXAMPLE_COM: &str =
    "That is no address. It looks like ada@example.com; try again, or `cancel`.";

pub(crate) const AND_THE_PASSWORD: &str = "And the password? I remove your message at once.";

pub(crate) fn the_sign_in_did_not_work(error: impl Display) -> String {
    format!("The sign-in did not work: {error}.")
}

pub(crate) const THERE_IS_NO_SUCH_GROUP: &str =
    "There is no such group. `contacts groups` lists them.";

pub(crate) fn that_cannot_be_read(error: impl Display) -> String {
    format!("That cannot be read: {error}.")
}

pub(crate) const THERE_IS_NO_ADDRESS_IN_IT: &str = "There is no address in it.";

pub(crate) const ONLY_THOSE_YOU_ALLOW_MAY_WRITE: &str = "only those you allow may write to you; strangers get no answer. `contacts privacy \
                 everybody` changes it.";

pub(crate) fn only_those_you_allow_may_write(some: impl Display) -> String {
    format!(
        "only those you allow may write to you, and {some} of your contacts are not among \
                 them. `contacts accept ADDRESS` allows one, `contacts privacy everybody` all."
    )
}

pub(crate) fn contacts_are_more_than_some(contacts: impl Display) -> String {
    format!("{contacts} contacts are more than some servers take: adding may fail.")
}

pub(crate) fn wait_for_an_answer(asking: impl Display) -> String {
    format!("{asking} wait for an answer: `contacts requests` lists them.")
}

/// Names of the fields of the form that signs in.
pub(crate) const FORM_SERVER: &str = "Network";
pub(crate) const FORM_ADDRESS: &str = "Address";
pub(crate) const FORM_PASSWORD: &str = "Password";
