//! Every sentence of this side that people on Discord read, or that others read about it.
//!
//! A translation is a second set of the same names: make a module for each language with these consts
//! and functions, and choose among them where they are used, by the reader's choice. What differs with
//! a number or a name is a function, so that a language may say it in its own order. What goes to logs,
//! to programs and to the operator's check is not here.

pub(crate) const NO_PASSWORDS: &str = "I take no passwords on Discord: what you write here I cannot remove. Sign in from a Matrix room \
     with the bridge, or ask its operator for a relay, which has an account of its own.";
pub(crate) const CANNOT_REMOVE: &str = "A bot cannot remove what others write to it.";
/// Where messages come without their words.
pub(crate) const WORDS_WITHHELD: &str = "I cannot read what is said here, so it does not cross. My operator must switch on \"Message \
     Content Intent\" for me in Discord's developer portal.";
pub(crate) const UNSUPPORTED: &str = "Discord does not get this through the bridge yet.";
pub(crate) const WORDLESS: &str = "This answer has no words here.";

/// What `/msn` says of itself; at most 100 letters each.
pub(crate) const THE_BRIDGE: &str =
    "The bridge to MSN Messenger: your accounts, contacts and conversations.";
pub(crate) const COMMANDS_OF_ONE_KIND: &str = "Commands about one thing.";
pub(crate) const ANY_COMMAND: &str = "does any command, written as one line; `help` lists them.";
pub(crate) const A_LINE: &str = "a command and what follows it";

/// Answers to what cannot be done.
pub(crate) const A_COMMAND_OF_BEFORE: &str =
    "I do not know that command any more. Reload Discord, or say it by `/msn do`.";
pub(crate) const NOT_TO_BE_PRESSED: &str =
    "That does nothing any more. Say `/msn help` to see what I can do.";
pub(crate) const GIVE_IT_AGAIN: &str =
    "I could not keep that command, and did nothing. Give it again in a minute.";

/// What is answered, where its words are not known.
pub(crate) const AN_EARLIER_MESSAGE: &str = "an earlier message";

/// Names of those whose names are not known.
pub(crate) const SOME_CHANNEL: &str = "a channel";
pub(crate) const SOME_ROLE: &str = "a role";
pub(crate) const SOMEBODY: &str = "somebody";

pub(crate) fn not_delivered(why: &str) -> String {
    format!("Not delivered: {why}")
}

pub(crate) fn perhaps_not_delivered(why: &str) -> String {
    format!("Perhaps not delivered: {why}")
}

pub(crate) fn forbidden(error: &str) -> String {
    format!("The bridge may not do that on Discord ({error}); an administrator there can allow it.")
}

pub(crate) fn refused(error: &str) -> String {
    format!("Discord did not take it ({error}).")
}

/// What a message forwards; its words may be none.
pub(crate) fn forwarded(words: &str) -> String {
    format!("(forwarded) {words}").trim_end().to_owned()
}

pub(crate) fn sticker(name: &str) -> String {
    format!("(sticker: {name})")
}

pub(crate) fn poll(question: &str, answers: &[String]) -> String {
    format!("(poll) {question} {}", answers.join(" / "))
}

/// Where a sign cannot be put under a message.
pub(crate) fn reacted(key: &str) -> String {
    format!("reacted with {key}")
}
