//! Signing in and out, and how an account appears.

use std::fmt::Display;

pub(crate) const ITS_CONVERSATIONS_ARE_DELETED: &str = "Its conversations are deleted.";

pub(crate) const ITS_ROOMS_STAY_AS_THEY_ARE: &str = "Its rooms stay as they are.";

pub(crate) const I_HAVE_LEFT_ITS_ROOMS: &str = "I have left its rooms.";

pub(crate) fn signed_out(login: impl Display, rooms: impl Display) -> String {
    format!("Signed out of {login}; its password is forgotten. {rooms}")
}

pub(crate) fn the_account_could_not_be_forgotten(error: impl Display) -> String {
    format!("The account could not be forgotten: {error}. Try again.")
}

pub(crate) fn you_appear_as_word_now(word: impl Display) -> String {
    format!("You appear as {word} now.")
}

pub(crate) const YOU_APPEAR_AS_YOU_ARE_HERE: &str =
    "You appear as you are here from now on, as far as I am told how that is.";

pub(crate) fn it_holds_once_connected(done: impl Display, login: impl Display) -> String {
    format!("{done} It holds when {login} is connected again.")
}

pub(crate) const ONLY_SHE_WHO_SIGNS_IN: &str =
    "Only she who signs in can say that: I ask for a password.";

pub(crate) const SIGNING_IN_AGAIN: &str = "Signing in again; `logins` shows how it goes.";

pub(crate) const YOUR_OWN_WORDS_ARE_CHANGED: &str = "Your own words are changed.";

pub(crate) const YOUR_NAME_IS_CHANGED: &str = "Your name is changed.";

pub(crate) const YOUR_PICTURE_IS_CHANGED: &str = "Your picture is changed.";

pub(crate) const YOU_SHOW_NO_PICTURE: &str = "You show no picture now.";

pub(crate) const YOU_HAVE_NO_PICTURE_HERE: &str =
    "You have no picture here. Give yourself one in your profile, then say `avatar` again.";

pub(crate) const WHICH_TOKEN: &str = "Which access token? Your client shows yours in its settings, mostly under \"Help & about\"; better \
     make a session for this alone. I remove your message when I have it. `cancel` ends this.";

pub(crate) const I_SPEAK_AS_YOU_FROM_NOW_ON: &str = "Done: I enter your rooms for you, and what you write on MSN from elsewhere appears as yours. \
     `logout-matrix` ends it.";

pub(crate) const YOUR_TOKEN_IS_FORGOTTEN: &str =
    "Your token is forgotten. End its session in your client too, if it was for this alone.";

pub(crate) const I_HAVE_NO_TOKEN_OF_YOURS: &str = "I have no token of yours.";

pub(crate) fn you_have_as_many_accounts(many: impl Display) -> String {
    format!("you have {many} accounts here, and may have no more; `logout` makes room.")
}
