//! Who exists, who knows whom, who talks to whom: what the servers ask and what they are told.
//!
//! The seam between the protocol and the people. A signed-in client is attached with a channel of
//! [`Push`]es, and so is anybody else who takes part: a scripted contact, or later people of other
//! networks.

use std::sync::Arc;

use async_trait::async_trait;
use msnp_proto::{
    command::{Capabilities, List, Lists, Status},
    msg::Endpoint,
};
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::{
    circle::{CircleId, CircleNews},
    datagrams::Datagrams,
};

/// One attachment of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// One conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TalkId(pub u64);

/// An account as others see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its address, as it was made.
    pub account: String,
    /// Its name.
    pub name: String,
}

/// Somebody on an account's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Her address.
    pub account: String,
    /// Her name.
    pub name: String,
    /// Her id among this account's contacts.
    pub id: String,
    /// The lists she is on.
    pub lists: Lists,
    /// Ids of the account's groups she is in.
    pub groups: Vec<String>,
    /// What she wrote when she asked to be a contact.
    pub invitation: Option<String>,
}

/// A group of contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// How an account is, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceOf {
    /// The account.
    pub profile: Profile,
    /// Its status; [`Status::Offline`] when it is not attached or hides.
    pub status: Status,
    /// What its client can do.
    pub capabilities: Capabilities,
    /// The places where it is signed in, as far as they have names.
    pub endpoints: Vec<Endpoint>,
    /// Its display picture's description.
    pub object: Option<String>,
    /// Its personal message, as its client wrote it.
    pub personal: Arc<[u8]>,
}

/// A message kept for somebody who was away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The name it is fetched and deleted by.
    pub id: String,
    /// Who left it.
    pub from: Profile,
    /// The mail, as her client wrote it.
    pub content: String,
    /// When, in seconds since 1970.
    pub sent: u64,
}

impl Stored {
    /// Writes when it was said: `2026-11-24T02:45:35Z`.
    pub(crate) fn time(&self) -> String {
        msnp_proto::oim::time(self.sent)
    }
}

/// What an account keeps for all its places, beside its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its personal message; empty where it has none.
    pub message: String,
    /// Its picture.
    pub picture: Option<Picture>,
}

/// A picture that an account keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The name it is fetched by, which nobody guesses.
    pub id: String,
    /// PNG, JPEG or GIF.
    pub image: Arc<[u8]>,
}

/// A change of what an account keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Another name.
    Name(String),
    /// Another personal message; none where it is empty.
    Message(String),
    /// Another picture.
    Picture(Picture),
}

/// What a client tells of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The status.
    pub status: Status,
    /// What the client can do.
    pub capabilities: Capabilities,
    /// The display picture's description.
    pub object: Option<String>,
}

/// A change of an account's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEdit {
    /// Whether somebody is put on a list.
    pub add: bool,
    /// The list.
    pub list: List,
    /// Her address, or her id.
    pub who: String,
    /// The group, when only that changes.
    pub group: Option<String>,
}

/// A change of an account's groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEdit {
    /// Make one of that name.
    Add(String),
    /// Take the one of that id away.
    Remove(String),
    /// Give the one of that id a name.
    Rename(String, String),
}

/// Why lists stayed as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// She is there already.
    AlreadyThere,
    /// A group has that name.
    GroupExists,
    /// The group's name is too long.
    GroupNameTooLong,
    /// The group still has contacts.
    GroupNotEmpty,
    /// The list holds as many as it may.
    ListFull,
    /// There is no such group.
    NoSuchGroup,
    /// The list is not the account's to change.
    NotAllowed,
    /// She is not in that group.
    NotInGroup,
    /// She is not there.
    NotThere,
    /// There are as many groups as there may be.
    TooManyGroups,
    /// There is no such account.
    Unknown,
}

/// Who may see an account, and whether its client asks about newcomers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privacy {
    /// Whether those on no list may see it and write to it.
    pub everybody: bool,
    /// Whether its client asks about each who puts it on her list; only kept.
    pub asks: bool,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { everybody: true, asks: true }
    }
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// She is in the conversation.
    AlreadyThere,
    /// She is offline, hidden, unknown, or blocks the caller.
    NotOnline,
}

/// Somebody in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub profile: Profile,
    /// What her client can do.
    pub capabilities: Capabilities,
    /// The place her client is at, where it has a name.
    pub place: Option<String>,
}

/// What an attached account is told.
#[derive(Clone, Debug)]
pub enum Push {
    /// Somebody put the account on her list.
    AddedBy(Profile),
    /// Something about a circle or a temporary group.
    Circle(CircleId, CircleNews),
    /// Words past the switchboard, as they were sent.
    Datagram(Arc<[u8]>),
    /// A contact changed her presence, or came, or went.
    Presence(PresenceOf),
    /// The account itself changed, at whatever place.
    Own(PresenceOf),
    /// The account's lists changed, at whatever place.
    ListsChanged,
    /// A notice of another user: from, kind, words.
    Notice(String, u32, Arc<[u8]>),
    /// Words past the conversations: from, kind, the message as it was sent.
    Message(String, u32, Arc<[u8]>),
    /// A contact changed her personal message.
    Personal(PresenceOf),
    /// Somebody left a message, although the account is there.
    Offline(Stored),
    /// Somebody took the account off her list.
    RemovedBy(Profile),
    /// Somebody calls into a conversation.
    Ring {
        /// The conversation.
        talk: TalkId,
        /// Who calls.
        caller: Profile,
    },
    /// The account was attached somewhere else.
    SignedInElsewhere,
    /// The operator signs the account out.
    Kicked,
}

/// What somebody in a conversation is told.
#[derive(Clone, Debug)]
pub enum ChatPush {
    /// Somebody came.
    Joined(Member),
    /// Somebody left.
    Left(String),
    /// Somebody said something.
    Said {
        /// Who.
        from: Profile,
        /// The message, as it was sent.
        payload: Arc<[u8]>,
    },
}

/// The people of a network.
///
/// Accounts are compared without regard to case. Channels given in are bounded: whoever does not
/// take what is pushed is detached.
#[async_trait]
pub trait Directory: Datagrams {
    /// Checks a password.
    async fn authenticate(&self, account: &str, password: &SecretString) -> Option<Profile>;

    /// Checks the MD5 of a challenge and the password, in hexadecimal digits.
    async fn verify_hash(&self, account: &str, challenge: &str, hash: &str) -> Option<Profile>;

    /// Finds an account.
    async fn profile(&self, account: &str) -> Option<Profile>;

    /// Lets an account take part; an earlier attachment is told and ends.
    async fn attach(
        &self,
        account: &str,
        place: Option<String>,
        pushes: mpsc::Sender<Push>,
    ) -> SessionId;

    /// Ends an attachment; contacts see the account go.
    async fn detach(&self, account: &str, session: SessionId);

    /// Gives an account's lists and groups.
    async fn roster(&self, account: &str) -> (Vec<Entry>, Vec<Group>);

    /// Gives who was on an account's lists and is on none now, and groups that were taken away: as far
    /// back as is remembered, for those who ask what changed.
    async fn gone(&self, account: &str) -> (Vec<Entry>, Vec<Group>);

    /// Changes an account's lists; gives the entry as it is now.
    async fn edit(&self, account: &str, edit: ListEdit) -> Result<Entry, EditError>;

    /// Keeps what somebody writes to one whom she is about to make a contact.
    async fn invite(&self, from: &str, to: &str, words: &str);

    /// Changes an account's groups; gives the group as it is now, or was.
    async fn edit_group(&self, account: &str, edit: GroupEdit) -> Result<Group, EditError>;

    /// Changes the name an account's list has for a contact.
    async fn rename_contact(&self, account: &str, who: &str, name: &str) -> Result<(), EditError>;

    /// Gives an account's privacy settings.
    async fn privacy(&self, account: &str) -> Privacy;

    /// Sets an account's privacy settings; those who may see it now, or may no more, are told.
    async fn set_privacy(&self, account: &str, privacy: Privacy);

    /// Sets an account's presence and tells those who may see it. What the client says that spoke last
    /// counts; once that is gone, what the one before it said.
    async fn set_presence(&self, account: &str, session: SessionId, shown: Shown);

    /// Says what a place is, where it has a name; those who may see the account are told.
    async fn set_place(&self, account: &str, session: SessionId, place: Endpoint);

    /// Passes a notice to another user, to one of her places or to all; tells whether she is there
    /// and sees the sender.
    async fn notify(&self, from: &str, to: &str, place: Option<&str>, push: Push) -> bool;

    /// Sets an account's personal message and tells those who may see it.
    async fn set_personal(&self, account: &str, personal: Arc<[u8]>);

    /// Sets an account's name and tells those who may see it.
    async fn set_name(&self, account: &str, name: &str);

    /// Keeps a message for somebody who is away; not for one who does not exist, does not see the sender,
    /// or has as many as are kept.
    async fn store_offline(&self, from: &str, to: &str, content: &str) -> Result<(), CallError>;

    /// Gives the messages kept for an account, oldest first.
    async fn offline(&self, account: &str) -> Vec<Stored>;

    /// Deletes messages by their ids, in lower case.
    async fn delete_offline(&self, account: &str, ids: &[String]);

    /// Gives what an account keeps for all its places.
    async fn kept(&self, account: &str) -> Kept;

    /// Changes what an account keeps; nobody is told.
    async fn keep(&self, account: &str, change: Keep);

    /// Finds a picture by its id.
    async fn picture(&self, id: &str) -> Option<Picture>;

    /// Gives the presence of an account's contacts who are there.
    async fn contacts_present(&self, account: &str) -> Vec<PresenceOf>;

    /// Begins a conversation.
    async fn open_talk(&self) -> TalkId;

    /// Calls somebody into a conversation.
    async fn call(&self, talk: TalkId, caller: &str, callee: &str) -> Result<(), CallError>;

    /// Comes into a conversation; gives who is there already.
    async fn join(
        &self,
        talk: TalkId,
        account: &str,
        pushes: mpsc::Sender<ChatPush>,
    ) -> Vec<Member>;

    /// Says something to the others; tells whether anybody is there. Whoever is behind is waited for, for a
    /// while.
    async fn say(&self, talk: TalkId, from: &str, payload: Arc<[u8]>) -> bool;

    /// Leaves a conversation.
    async fn leave(&self, talk: TalkId, account: &str);
}
