//! Answers that any command may give, and talk around the commands.

use std::fmt::Display;

pub(crate) fn that_did_not_work(error: impl Display) -> String {
    format!("That did not work: {error}.")
}

pub(crate) const YOU_ARE_NOT_SIGNED_IN: &str = "You are not signed in. Say `login` to sign in.";

pub(crate) const NOBODY_IS_SIGNED_IN: &str = "Nobody is signed in.";

pub(crate) const YOU_HAVE_SEVERAL_ACCOUNTS: &str =
    "You have several accounts; with which? `set account ACCOUNT` chooses one for good.";

pub(crate) const I_DO_NOT_READ_SO_LONG_A_LINE: &str =
    "I do not read so long a line. Say `help` to see what I can do.";

pub(crate) const SAY_HELP_TO_SEE_WHAT_I_CAN_DO: &str = "Say `help` to see what I can do.";

pub(crate) const I_DO_NOT_KNOW_THAT_COMMAND: &str =
    "I do not know that command. Say `help` to see what I can do.";

pub(crate) fn say_it_like_this(error: impl Display, form: impl Display) -> String {
    format!("{error} Say it like this: `{form}`")
}

pub(crate) const THIS_IS_SOMEBODY_ELSES: &str = "This is somebody else's conversation.";

pub(crate) const SAY_THAT_IN_THE_ROOM: &str = "Say that in the room of a conversation.";

pub(crate) fn say_form_to_the_bridge_in_a_chat(form: impl Display) -> String {
    format!("Say `{form}` to the bridge in a chat.")
}

pub(crate) const NOT_REACHED: &str = "not reached";

pub(crate) const THE_OPERATOR_OF_THIS_MACHINE: &str = "the operator of this machine";

pub(crate) const YOU_ARE_NOT_SIGNED_IN_TO_ANY: &str = "You are not signed in to any account.";

pub(crate) fn your_accounts(logins: impl Display) -> String {
    format!("Your accounts: {logins}.")
}

pub(crate) const YOU_ARE_TOLD_WHEN_CONTACTS_COME: &str = " You are told when contacts come and go.";

pub(crate) fn who_you_are(
    who: impl Display,
    role: impl Display,
    accounts: impl Display,
    notices: impl Display,
) -> String {
    format!("You are {who}; your role is {role}. {accounts}{notices}")
}

pub(crate) const YOU_MAY_NOT_USE_THIS_BRIDGE: &str =
    "You may not use this bridge. Its operator can allow it.";

pub(crate) const THE_BRIDGE_RESTARTED_IN_BETWEEN: &str =
    "The bridge restarted in between. If you were signing in, say `login` again.";

pub(crate) const THERE_IS_NOTHING_TO_CANCEL: &str = "There is nothing to cancel.";

pub(crate) const YOU_MAY_NOT_SIGN_IN_HERE: &str =
    "You may not sign in here. The bridge's operator can allow it.";

pub(crate) const THERE_IS_NO_NETWORK_TO_SIGN_IN_TO: &str = "There is no network to sign in to.";

pub(crate) fn signed_in_as_name_rooms_appear(name: impl Display) -> String {
    format!(
        "Signed in as {name}. Rooms appear when somebody writes; `contacts` lists your \
                     contacts, and `chat ADDRESS` opens a room."
    )
}

pub(crate) fn the_sign_in_could_not_be_kept(error: impl Display) -> String {
    format!("The sign-in could not be kept: {error}")
}

pub(crate) fn say_login_to_try_again(error: impl Display) -> String {
    format!("{error} Say `login` to try again.")
}

pub(crate) const I_COULD_NOT_REMOVE_YOUR_LAST: &str =
    "I could not remove your last message, and it holds a password: delete it yourself.";

pub(crate) const YOUR_OPTIONS: &str = "Your options";

pub(crate) const WHAT_IT_DOES: &str = "what it does";

pub(crate) const THERE_IS_NO_SUCH_OPTION: &str = "There is no such option. `get` lists them.";

pub(crate) fn is_chosen(name: impl Display, value: impl Display) -> String {
    format!("`{name}` is {value} now.")
}

pub(crate) fn as_if_never_chosen(name: impl Display) -> String {
    format!("`{name}` is as if you had never chosen.")
}

pub(crate) fn that_could_not_be_stored(error: impl Display) -> String {
    format!("That could not be stored: {error}. Try again.")
}

pub(crate) fn more_does_not_fit_here(short: impl Display) -> String {
    format!("{short}\n(More does not fit here.)")
}

pub(crate) fn more_more_lines_do_not_fit_here(short: impl Display, more: impl Display) -> String {
    format!("{short}\n({more} more lines do not fit here.)")
}

/// Why no password is taken here.
pub(crate) const NO_PASSWORDS_HERE: &str = "I take no passwords in this chat: what you write here I cannot remove. Sign in from a Matrix \
     room with the bridge.";

/// What is said to somebody who may have typed a password where it cannot be removed.
pub(crate) const DELETE_A_PASSWORD: &str = " If what you wrote was a password, delete your message now, for I cannot, and \
                       change the password.";

pub(crate) fn i_know_no_command(words: impl Display) -> String {
    format!("I know no command \"{words}\". Say `help` to see them all.")
}

pub(crate) const IT_MAY_BE_LEFT_OUT: &str = " It may be left out.";

pub(crate) const OF_SEVERAL_ACCOUNTS: &str =
    "\nOf several accounts, `--account ACCOUNT` says which is meant.";

pub(crate) fn see_also(more: impl Display) -> String {
    format!("\nSee also {more}.")
}
