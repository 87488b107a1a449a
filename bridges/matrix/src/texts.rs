//! Every sentence of this side that people on Matrix read.
//!
//! A translation is a second set of the same names: make a module for each language with these consts
//! and functions, and choose among them where they are used, by the reader's choice. What differs with
//! a number or a name is a function, so that a language may say it in its own order. What goes to logs,
//! to programs and to the operator's check is not here.

use std::fmt::Display;

use bridge_core::model::{PresenceState, Stage};

/// The bot's own name.
pub(crate) const BOT: &str = "MSN bridge";
/// In the bot's own room, after it was invited.
pub(crate) const HELLO: &str = "Hello! I bridge MSN Messenger. Say `login` to sign in to your account, or \
                                `help` to see what else I can do.";
/// Why a message of somebody's was removed.
pub(crate) const HELD_A_PASSWORD: &str = "it held a password";
/// How the bridge's devices are called.
pub(crate) const DEVICE: &str = "MSN bridge";
/// Under a message whose key takes long.
pub(crate) const NO_KEY: &str = "I cannot read this message: its key has not come, and nobody on MSN saw it. If \
                                 the key still comes, the message goes on; else write it again.";
/// Why nothing is said in a room.
pub(crate) const ROOM_MUST_BE_ENCRYPTED: &str =
    "This bridge writes in encrypted rooms only, and may not encrypt this one.";
pub(crate) const UNSUPPORTED: &str = "Matrix does not get this through the bridge yet.";
pub(crate) const FORBIDDEN: &str = "The homeserver does not let the bridge write there.";
pub(crate) const WORDLESS: &str = "This answer has no words here.";

pub(crate) const SENT_A_NUDGE: &str = "sent a nudge";

/// Instead of an animation, or under its picture.
pub(crate) fn sent_a_wink(name: &str) -> String {
    format!("sent a wink: {name}")
}

/// Below a file that a contact takes.
pub(crate) fn takes_a_file(name: &str, file: &str, percent: u64, stage: Stage) -> String {
    match stage {
        Stage::Running => format!("{name} is taking {file}: {percent} %"),
        Stage::Stopped => format!("{name} took {percent} % of {file}."),
        Stage::Taken => format!("{name} has {file}."),
    }
}

/// What a contact's pack of emoticons is called.
pub(crate) fn emoticons_of(name: &str) -> String {
    format!("Emoticons of {name}")
}

/// Beside a contact's presence, where Matrix has no state for hers.
pub(crate) fn status(state: PresenceState) -> Option<&'static str> {
    Some(match state {
        PresenceState::Away => "Away",
        PresenceState::BeRightBack => "Be right back",
        PresenceState::Busy => "Busy",
        PresenceState::Idle => "Idle",
        PresenceState::OnThePhone => "On the phone",
        PresenceState::OutToLunch => "Out to lunch",
        _ => return None,
    })
}

/// What a contact listens to, plays or uses.
pub(crate) fn playing(kind: &str, what: &str) -> String {
    let sign = match kind {
        "Games" => "🎮",
        "Office" => "💼",
        _ => "🎵",
    };
    format!("{sign} {what}")
}

/// The room of a contact list.
pub(crate) fn list_room(name: &str) -> String {
    format!("MSN contacts of {name}")
}

pub(crate) const LIST_TOPIC: &str =
    "Your contacts, kept up to date. Say `set buddies off` to me to close this room.";
/// Beside an edit of the list, for clients that show none.
pub(crate) const LIST_CHANGED: &str = "The contact list changed.";
/// Why somebody is put out of the room of her list.
pub(crate) const LIST_IS_OFF: &str = "this contact list is switched off";
/// How the account itself is while nobody sees it.
pub(crate) const HIDDEN: &str = "online, seen by nobody";
pub(crate) const CONTACTS: &str = "Contacts";
pub(crate) const OTHER_CONTACTS: &str = "Other contacts";

/// A group of the list.
pub(crate) fn group_heading(name: &str, there: usize, all: usize) -> String {
    format!("{name} ({there}/{all})")
}

/// After a group that does not fit.
pub(crate) fn and_more(many: usize) -> String {
    format!("and {many} more")
}

/// In place of the list, while the account is not connected.
pub(crate) fn list_is_not_there(state: impl Display) -> String {
    format!("{state}. Your contacts are shown when the account is connected.")
}

/// In the place of the rest of a message.
pub(crate) const TOO_LONG: &str = "(The rest is too long for this room.)";

/// Under a message that cannot be read.
pub(crate) const UNREADABLE: &str =
    "Your client wrote this in a form that the bridge cannot read; nobody saw it. Write it again.";

/// A place that somebody shows; its name may be missing.
pub(crate) fn place(name: &str, coordinates: &str, link: &str) -> String {
    match name {
        "" => format!("Place: {coordinates} {link}"),
        name => format!("Place: {name} ({coordinates}) {link}"),
    }
}

pub(crate) fn place_without_coordinates(name: &str) -> String {
    match name {
        "" => "Place: I shared one that cannot be read".to_owned(),
        name => format!("Place: {name}"),
    }
}

/// A question with answers to choose from, where nobody can choose.
pub(crate) fn poll(question: &str, answers: impl Iterator<Item = String>) -> String {
    let lines = answers.zip(1..).map(|(answer, number)| format!("\n{number}. {answer}"));
    let answers: String = lines.collect();
    format!("Poll: {question}{answers}\n(Say your answer; votes do not cross.)")
}

/// In a room of others, after it was invited.
pub(crate) fn hello_among_others(prefix: &str) -> String {
    format!("Hello! I bridge MSN Messenger. Here I listen to what begins with `{prefix}`.")
}

/// Under a message that does not cross.
pub(crate) fn untaken(what: Untaken) -> String {
    let what = match what {
        Untaken::Forged => return FORGED.to_owned(),
        Untaken::Plain => return PLAIN.to_owned(),
        Untaken::Undecryptable => return UNDECRYPTABLE.to_owned(),
        Untaken::Untrusted => return UNTRUSTED.to_owned(),
        Untaken::Encrypted => "encrypted messages",
        Untaken::EncryptedFiles => "encrypted files",
        Untaken::FileChanges => "changes of a file",
        Untaken::Files => "files",
        Untaken::Other => "messages of this kind",
        Untaken::Unreadable => return UNREADABLE.to_owned(),
    };
    format!("MSN does not get {what} through this bridge yet; nobody saw this.")
}

const FORGED: &str = "This message was encrypted with somebody else's keys. It was not passed on.";
const PLAIN: &str = "This bridge takes encrypted messages only. Turn encryption on in this room and write it \
                     again; nobody on MSN saw this.";
const UNDECRYPTABLE: &str =
    "This message cannot be decrypted. Write it again; nobody on MSN saw it.";
const UNTRUSTED: &str = "This message comes from a device that you have not verified as yours, and this bridge \
                         takes none from such. Verify the device and write it again; nobody on MSN saw this.";

/// What does not cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untaken {
    Encrypted,
    EncryptedFiles,
    FileChanges,
    Files,
    /// Encrypted by somebody else than its sender.
    Forged,
    Other,
    /// Not encrypted where all must be.
    Plain,
    /// What is in it is none that any key opens.
    Undecryptable,
    Unreadable,
    /// From a device that is not trusted.
    Untrusted,
}

pub(crate) fn not_delivered(why: &str) -> String {
    format!("Not delivered: {why}")
}

pub(crate) fn perhaps_not_delivered(why: &str) -> String {
    format!("Perhaps not delivered: {why}")
}

/// After what went wrong with a message, where it may go well another time.
pub(crate) fn with_next_step(text: &str) -> String {
    format!("{text} (React to it with 🔁, and it is sent again.)")
}

pub(crate) fn refused(error: &str) -> String {
    format!("The homeserver refused it: {error}.")
}

pub(crate) const THE_HOMESERVER_DOES_NOT_TAKE_THAT_TOKEN: &str =
    "The homeserver does not take that token. Say `login-matrix` to try another.";
pub(crate) const THAT_TOKEN_IS_SOMEBODY_ELSES: &str =
    "That token is somebody else's. Say `login-matrix` and give one of your own.";
pub(crate) const YOUR_TOKEN_IS_NOT_TAKEN_ANY_MORE: &str = "The homeserver does not take your access token any more, so I do not act as you. Say `login-matrix` to give \
     me another.";

/// The name of a user's own words from elsewhere, where the bridge cannot speak as her.
pub(crate) fn you_elsewhere(name: &str) -> String {
    format!("{name} (you, on MSN)")
}

pub(crate) const NOBODY_OF_THAT_NAME: &str = "This user stands for nobody on MSN.";
pub(crate) const ONLY_ITS_OWNER_ASKS_SOMEBODY_IN: &str =
    "Only the one whose conversation this is can ask somebody into it.";
/// Why a ghost left that was asked in.
pub(crate) const DID_NOT_COME: &str = "could not be called into the conversation";

/// Where a conversation began in a room that the bot is not in.
pub(crate) fn ask_me_in_too(bot: impl Display) -> String {
    format!(
        "I cannot enter the room you began a conversation in, so I do not see what you write there: invite \
         {bot} too."
    )
}

/// In a room with somebody, after its name, topic or picture was changed.
pub(crate) const NAMES_STAY_HERE: &str = "Conversations of MSN have no name, topic or picture of their own: what you set here stays here, and a \
                                          topic gives way when your contact changes her own words.";

/// The name of an account's space.
pub(crate) fn space_of(account: &str) -> String {
    format!("MSN ({account})")
}

/// What programs that sign people in show them.
pub(crate) const FLOW_NAME: &str = "Address and password";
pub(crate) const FLOW: &str = "Sign in with the address and password of your MSN account";
pub(crate) const FILL_IN_THE_FORM: &str = "Give the address and the password of your MSN account.";

pub(crate) fn signed_in_to(login: impl Display) -> String {
    format!("Signed in to {login}.")
}
