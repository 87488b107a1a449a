//! A network people sign in to, and the accounts signed in to it.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    error::DeliverError,
    id::{ChatId, LoginId, NetworkId, PersonaId},
    inbox::Inbox,
    media::PictureBounds,
    model::{Capabilities, ChatFacts, Contact, Delivery, Persona, PresenceState, Receipt, Signal},
};

/// Makes puppets; the core knows no other way to one.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// Names the network.
    fn network(&self) -> NetworkId;

    /// Begins a sign-in; the process asks for what it needs.
    fn start_login(&self) -> Box<dyn LoginProcess>;

    /// Lists what [`start_login`](Self::start_login) asks for, in its order, for programs that show a form;
    /// none where that is not known beforehand.
    fn login_form(&self) -> Vec<LoginField> {
        Vec::new()
    }

    /// Makes the puppet of a stored login; it signs in when it runs.
    ///
    /// # Errors
    /// [`LoginError::Broken`] when the stored form is not one this version understands.
    fn load(&self, login: StoredLogin) -> Result<Arc<dyn Puppet>, LoginError>;
}

/// One sign-in under way: a short dialogue that ends in a stored login.
#[async_trait]
pub trait LoginProcess: Send {
    /// Gives the next step. The first call has no answer; each later one answers the last
    /// [`LoginStep::Ask`].
    ///
    /// # Errors
    /// Ends the process; nothing is kept.
    async fn next(&mut self, answer: Option<SecretString>) -> Result<LoginStep, LoginError>;
}

/// What a sign-in needs next.
#[derive(Debug)]
pub enum LoginStep {
    /// Something only the person knows.
    Ask {
        /// The question, for people.
        prompt: String,
        /// Whether the answer must be concealed.
        secret: bool,
    },
    /// The network took the account.
    Done(StoredLogin),
}

/// Something a form asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginField {
    /// Its name for programs.
    pub id: &'static str,
    /// What it must be.
    pub kind: FieldKind,
    /// Its name for people.
    pub name: String,
    /// What can be chosen, where only that can be.
    pub options: Vec<String>,
}

/// What a field of a form must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// An address such as ada@example.com.
    Email,
    /// Something secret.
    Password,
    /// One of its options.
    Select,
}

/// An account and what it takes to sign in again.
#[derive(Clone)]
pub struct StoredLogin {
    /// The account in this bridge.
    pub id: LoginId,
    /// The account's own persona on its network.
    pub persona: Persona,
    /// What the connector needs, in its own form; sealed before it is stored.
    pub credentials: SecretString,
}

impl fmt::Debug for StoredLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredLogin").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a sign-in ended without an account.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The stored form cannot be read.
    #[error("the stored login cannot be read: {0}")]
    Broken(String),
    /// The answer cannot be right; the same question may be asked again. The text is for people.
    #[error("{0}")]
    Invalid(String),
    /// The network refused the account or password. The text is for people.
    #[error("{0}")]
    Refused(String),
    /// The network could not be asked. The text is for people.
    #[error("{0}")]
    Unreachable(String),
}

/// One signed-in account.
///
/// For one chat the core calls [`deliver`](Self::deliver) one at a time, in order. Each call ends
/// within a deadline of the puppet's own.
#[async_trait]
pub trait Puppet: Send + Sync + 'static {
    /// Names the account.
    fn login(&self) -> &LoginId;

    /// Tells what a chat of this network can show.
    fn capabilities(&self) -> Capabilities;

    /// Tells what one chat can show, where not all are alike.
    fn capabilities_in(&self, _chat: &ChatId) -> Capabilities {
        self.capabilities()
    }

    /// Tells what the account knows of one of its conversations; none where it cannot be known yet.
    fn facts_of(&self, _chat: &ChatId) -> Option<ChatFacts> {
        None
    }

    /// Names the server it signs in to; accounts of one server take turns there, and suffer together.
    fn server(&self) -> String {
        String::new()
    }

    /// Counts what the session has heard so far, keep-alives included; none without a session, or where
    /// it cannot be told. A session that hears nothing for minutes is ended by the supervisor.
    fn heard(&self) -> Option<u64> {
        None
    }

    /// Lists what went over its links last, oldest first, for a report: without secrets, words and people.
    fn last_lines(&self) -> Vec<String> {
        Vec::new()
    }

    /// Signs in, takes events in and hands them to the inbox until the session ends.
    ///
    /// Sets `cx.online` once signed in. May be called again after it ended.
    async fn run(self: Arc<Self>, cx: PuppetContext) -> PuppetExit;

    /// Says a durable event in a chat.
    async fn deliver(&self, chat: &ChatId, item: &Delivery) -> Result<Receipt, DeliverError>;

    /// Shows something ephemeral in a chat.
    async fn signal(&self, chat: &ChatId, signal: &Signal) -> Result<(), DeliverError>;

    /// Names the chat with somebody, and who she is as far as the account knows.
    ///
    /// Nothing is opened on the network until somebody speaks.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] when the text cannot be anybody's id on this network.
    async fn chat_with(&self, person: &PersonaId) -> Result<(ChatId, Persona), DeliverError>;

    /// Leaves a conversation of several.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] where it cannot be left.
    async fn leave_chat(&self, _chat: &ChatId) -> Result<(), DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Lists the contacts, by shown name; empty before the first sign-in.
    async fn contacts(&self) -> Vec<Contact>;

    /// Lists those who ask to be contacts and wait for an answer; empty while not signed in.
    async fn requests(&self) -> Vec<Persona> {
        Vec::new()
    }

    /// Lists the names of the groups of contacts; empty while not signed in.
    async fn groups(&self) -> Vec<String> {
        Vec::new()
    }

    /// Tells whether those on no list may see the account and write to it; none where that is not
    /// known, or the network has no such setting.
    async fn open_to_everybody(&self) -> Option<bool> {
        None
    }

    /// Says in plain words what the puppet knows to be wrong or odd with a signed-in account, each
    /// with its mend.
    async fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    /// Writes the contact list in the form the network's own clients exchange.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] where there is no such form, or the account is not signed in.
    async fn export_contacts(&self) -> Result<String, DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Reads addresses from text in that form, or parted by spaces.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] says what is wrong with the text.
    fn read_contacts(&self, _text: &str) -> Result<Vec<PersonaId>, DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Writes what the account's session says and hears to a file, secrets and words left out, from
    /// now on for a time; without a request, ends that.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] where there is nothing to see, or the file cannot be made.
    fn trace(&self, _request: Option<TraceRequest>) -> Result<(), DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Changes the contact list.
    ///
    /// # Errors
    /// [`DeliverError::Reject`] with the network's reason, for people.
    async fn edit_contact(&self, person: &PersonaId, edit: ContactEdit)
    -> Result<(), DeliverError>;

    /// Changes the groups of contacts.
    ///
    /// # Errors
    /// As [`edit_contact`](Self::edit_contact).
    async fn edit_group(&self, _edit: GroupEdit) -> Result<(), DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Lets those on no list see the account and write to it, or nobody but contacts allowed.
    ///
    /// # Errors
    /// As [`edit_contact`](Self::edit_contact).
    async fn set_open_to_everybody(&self, _open: bool) -> Result<(), DeliverError> {
        Err(DeliverError::unsupported())
    }

    /// Changes how the account itself appears, now and after each later sign-in of this process.
    ///
    /// # Errors
    /// As [`edit_contact`](Self::edit_contact), and nothing is changed. [`Reject::Offline`] where the
    /// account is not connected: it is taken note of, and comes true at the next sign-in.
    ///
    /// [`Reject::Offline`]: crate::model::Reject::Offline
    async fn set_self(&self, patch: SelfPatch) -> Result<(), DeliverError>;
}

/// A change of the contact list. Groups go by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContactEdit {
    /// Answer her question with yes: let her see the account and write, and put her on the list.
    Accept,
    /// Put her on it, and let her write.
    Add,
    /// Let her neither see the account nor write to it.
    Block,
    /// Answer her question with no; she may ask again.
    Decline,
    /// Put her in this group and take her out of all others; without one, only that.
    Move(Option<String>),
    /// Put her in a group too.
    PutInto(String),
    /// Take her off it.
    Remove,
    /// Give her a name on it.
    Rename(String),
    /// Take her out of a group.
    TakeOutOf(String),
    /// Let her again.
    Unblock,
}

/// A change of the groups of contacts. They go by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupEdit {
    /// Make one.
    Add(String),
    /// Take one away; contacts in it stay contacts.
    Remove(String),
    /// Give one another name.
    Rename {
        /// Its name now.
        from: String,
        /// Its name to be.
        to: String,
    },
}

/// What a capture of an account's session shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceRequest {
    /// The file, which must not be there yet.
    pub file: PathBuf,
    /// How long.
    pub time: Duration,
    /// Whether addresses and names are written as they are; else as short hashes.
    pub names: bool,
}

/// How an account shall appear; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelfPatch {
    /// Its name.
    pub name: Option<String>,
    /// Its availability; offline is to be there unseen.
    pub state: Option<PresenceState>,
    /// Its own words.
    pub status_text: Option<String>,
    /// Its display picture.
    pub picture: Option<OwnPicture>,
}

/// A display picture: a PNG or JPEG within [`OwnPicture::BOUNDS`], or none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OwnPicture(Bytes);

impl OwnPicture {
    /// How large one may be: what Messenger's own clients make of every picture (docs: protocol, objects).
    pub const BOUNDS: PictureBounds = PictureBounds { side: 96, bytes: 32 * 1024 };

    /// Takes a picture's bytes; without any it is none.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// Gives its bytes; nothing when there is none.
    pub fn bytes(&self) -> Option<&[u8]> {
        (!self.0.is_empty()).then_some(&*self.0)
    }
}

impl fmt::Debug for OwnPicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnPicture({} bytes)", self.0.len())
    }
}

/// What a puppet is given to run.
#[derive(Clone)]
pub struct PuppetContext {
    /// Where events go.
    pub inbox: Arc<dyn Inbox>,
    /// Fires when the puppet must sign out.
    pub cancel: CancellationToken,
    /// Tells the supervisor and the waiting legs whether the account is signed in.
    pub online: tokio::sync::watch::Sender<bool>,
}

/// Why a session ended; the supervisor decides what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PuppetExit {
    /// The network refused the password. The text is for people.
    AuthRejected(String),
    /// It was told to.
    Cancelled,
    /// The account signed in somewhere else.
    KickedElsewhere,
    /// The network broke its own rules, or we did. The text is for the operator.
    ProtocolBug(String),
    /// The server asked to be left alone for a while.
    ServerDraining,
    /// The link or the server failed; try again.
    Transient {
        /// What happened, for people.
        reason: String,
        /// When the server asked us to come again.
        after: Option<Duration>,
    },
}
