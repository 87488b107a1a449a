//! The public face of a session: connect, ask, listen.

mod circles;
mod transfers;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use msnp_proto::{
    command::Status,
    msg::{Extra, Look, Object, PersonalMessage, Text},
    session::{ChatId, CloseReason, Command, Contact, Event, RequestError, Roster},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tracing::Instrument as _;

use crate::{
    config::Config,
    dial::{Dial, TcpDial},
    driver::{Answer, Asked, Driver, SharedSession},
    gateway::GatewayDial,
    http,
};

/// Why a sign-in did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The session ended before it was online.
    #[error(transparent)]
    Ended(#[from] CloseReason),
    /// No HTTP client could be made.
    #[error("the HTTP client cannot be made: {0}")]
    Http(String),
}

/// Asks things of a session. Cheap to clone; when the last one is gone, the session signs out.
#[derive(Clone, Debug)]
pub struct Handle {
    asked: mpsc::Sender<Box<Asked>>,
    session: SharedSession,
    heard: Arc<AtomicU64>,
}

/// Tells what happens in a session. When it is dropped, the session signs out.
#[derive(Debug)]
pub struct Events {
    /// Those that were taken from the driver.
    taken: std::vec::IntoIter<Event>,
    events: mpsc::Receiver<Vec<Event>>,
    driver: JoinHandle<()>,
}

/// Signs in over TCP, or through the gateway where one is named.
///
/// Returns once the account is online: its lists are there and its status is set.
///
/// # Errors
/// [`ConnectError`] when the sign-in ended otherwise; each step has a deadline.
pub async fn connect(config: Config) -> Result<(Handle, Events), ConnectError> {
    let dial: Arc<dyn Dial> = match &config.gateway_url {
        Some(url) => Arc::new(GatewayDial::new(url)),
        None => Arc::new(TcpDial),
    };
    connect_with(config, dial).await
}

/// Signs in over connections of the caller's making.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    config: Config,
    dial: Arc<dyn Dial>,
) -> Result<(Handle, Events), ConnectError> {
    match connect_once(config.clone(), Arc::clone(&dial)).await {
        // A server may speak a version and not have the web services it needs.
        Err(ConnectError::Ended(CloseReason::Lists(_) | CloseReason::LoginService(_)))
            if config.may_fall_back() =>
        {
            connect_once(config.without_services(), dial).await
        }
        outcome => outcome,
    }
}

async fn connect_once(
    config: Config,
    dial: Arc<dyn Dial>,
) -> Result<(Handle, Events), ConnectError> {
    let http = http::client().map_err(|error| ConnectError::Http(error.to_string()))?;
    // Requests wait for the session's task only for as long as it takes one step.
    let (asking, asked) = mpsc::channel(64);
    // Behind a slow listener events wait with the driver, see there.
    let (telling, events) = mpsc::channel(1);
    let session = SharedSession::new(config.session());
    let trace = config.trace.clone();
    let heard = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&heard);
    let mut driver = Driver::new(session.clone(), trace, dial, http, asked, telling, counted);
    if let Some(direct) = config.direct {
        driver = driver.with_direct(direct);
    }
    let driver = tokio::spawn(driver.run().in_current_span());
    let handle = Handle { asked: asking, session, heard };
    let mut events = Events { taken: Vec::new().into_iter(), events, driver };
    let mut first = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Closed { reason } => return Err(reason.into()),
            event => {
                let online = matches!(event, Event::Online { .. });
                first.push(event);
                if online {
                    first.extend(events.taken);
                    events.taken = first.into_iter();
                    return Ok((handle, events));
                }
            }
        }
    }
    Err(CloseReason::LinkLost("the session ended".to_owned()).into())
}

impl Events {
    /// Gives the next event, beginning with those of the sign-in; none after the last.
    ///
    /// The last event of a session is [`Event::Closed`]. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.taken.next() {
                return Some(event);
            }
            self.taken = self.events.recv().await?.into_iter();
        }
    }

    /// Waits until the session has let go of its connections.
    pub async fn finish(mut self) {
        while self.next().await.is_some() {}
        // A panic in the driver has been reported by the runtime; there is nothing left to end.
        let _ = self.driver.await;
    }
}

impl Handle {
    /// Gives the contacts as they are now, copied.
    pub fn roster(&self) -> Roster {
        self.session.held().roster().clone()
    }

    /// Finds a contact as she is now, by her address.
    pub fn contact(&self, account: &str) -> Option<Contact> {
        self.session.held().roster().contact(account).cloned()
    }

    /// Counts the commands the server sent so far, its answers to pings among them.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Says something; done when the server acknowledged all of it.
    ///
    /// # Errors
    /// [`RequestError::Unconfirmed`] leaves open whether it arrived.
    pub async fn send_text(&self, chat: &ChatId, text: Text) -> Result<(), RequestError> {
        self.ask(Command::SendText { chat: chat.clone(), text }).await
    }

    /// Calls for attention.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub async fn send_nudge(&self, chat: &ChatId) -> Result<(), RequestError> {
        self.ask(Command::SendNudge { chat: chat.clone() }).await
    }

    /// Sends something that is neither words nor an attention call: an action, a drawing, a wink, pictures that
    /// stand for letters in the words that follow.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub async fn send_extra(&self, chat: &ChatId, extra: Extra) -> Result<(), RequestError> {
        self.ask(Command::SendExtra { chat: chat.clone(), extra }).await
    }

    /// Calls somebody into a conversation, which becomes one of several then: [`Event::Joined`] has its new
    /// name. Done when she is called.
    ///
    /// # Errors
    /// [`RequestError::NotOnline`], [`RequestError::Blocked`]; as [`send_text`](Self::send_text).
    pub async fn invite_to_chat(&self, chat: &ChatId, account: &str) -> Result<(), RequestError> {
        let (chat, account) = (chat.clone(), account.to_owned());
        self.ask(Command::InviteToChat { chat, account }).await
    }

    /// As [`invite_to_chat`](Self::invite_to_chat); gives the conversation it is now, where that is a new one
    /// at once (MSNP21). Elsewhere [`Event::Grew`](crate::Event::Grew) tells it.
    ///
    /// # Errors
    /// As that.
    pub async fn grow_chat(
        &self,
        chat: &ChatId,
        account: &str,
    ) -> Result<Option<ChatId>, RequestError> {
        let (chat, account) = (chat.clone(), account.to_owned());
        let Answer { outcome, made } =
            self.answer_to(Command::InviteToChat { chat, account }).await;
        outcome.map(|()| made)
    }

    /// Leaves words for somebody who is away, from MSNP13; done when the service has stored them.
    ///
    /// # Errors
    /// [`RequestError::Unconfirmed`] leaves open whether they are stored.
    pub async fn leave_offline(&self, account: &str, text: &str) -> Result<(), RequestError> {
        let (account, text) = (account.to_owned(), text.to_owned());
        self.ask(Command::LeaveOffline { account, text }).await
    }

    /// Asks what was said while the account was away, from MSNP11; [`Event::OfflineRead`] comes behind all
    /// that was not told of before in this session.
    ///
    /// # Errors
    /// [`RequestError::Service`] says why it cannot be read.
    pub async fn read_offline(&self) -> Result<(), RequestError> {
        self.ask(Command::ReadOffline).await
    }

    /// Lets offline messages go that were taken in: they are deleted at the server.
    ///
    /// # Errors
    /// [`RequestError::Service`]: they come again at the next sign-in.
    pub async fn acknowledge_offline(&self, ids: Vec<String>) -> Result<(), RequestError> {
        self.ask(Command::AcknowledgeOffline { ids }).await
    }

    /// Reads the roaming profile again, from MSNP15; [`Event::ProfileRead`] brings it.
    ///
    /// # Errors
    /// [`RequestError::Service`] says why there is none.
    pub async fn read_profile(&self) -> Result<(), RequestError> {
        self.ask(Command::ReadProfile).await
    }

    /// Keeps a picture in the roaming profile, from MSNP15: PNG, JPEG or GIF, at most 256 KiB.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] or [`RequestError::Service`]: it is not kept.
    pub async fn keep_picture(&self, image: Vec<u8>) -> Result<(), RequestError> {
        self.ask(Command::KeepPicture { image }).await
    }

    /// Fetches the picture of the roaming profile; [`Event::KeptPicture`] brings it.
    ///
    /// # Errors
    /// [`RequestError::Service`] where there is none.
    pub async fn fetch_kept_picture(&self) -> Result<(), RequestError> {
        self.ask(Command::FetchKeptPicture).await
    }

    /// Shows that the account is writing, if the conversation is open.
    ///
    /// # Errors
    /// [`RequestError::NotSignedIn`].
    pub async fn send_typing(&self, chat: &ChatId) -> Result<(), RequestError> {
        self.ask(Command::SendTyping { chat: chat.clone() }).await
    }

    /// Leaves a conversation.
    ///
    /// # Errors
    /// [`RequestError::NotSignedIn`].
    pub async fn leave_chat(&self, chat: &ChatId) -> Result<(), RequestError> {
        self.ask(Command::LeaveChat { chat: chat.clone() }).await
    }

    /// Puts somebody on the contact list, in the group of that id where one is given, and lets her
    /// write, unless she is blocked.
    ///
    /// # Errors
    /// [`RequestError::Refused`] with the server's reason; [`RequestError::Invalid`] for what no server
    /// takes. The same goes for all that changes lists.
    pub async fn add_contact(
        &self,
        account: &str,
        group: Option<&str>,
    ) -> Result<(), RequestError> {
        let group = group.map(str::to_owned);
        self.ask(Command::AddContact { account: account.to_owned(), group }).await
    }

    /// As [`add_contact`](Self::add_contact), with words for her to read, 255 characters at most; servers
    /// keep them from MSNP13.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn invite_contact(
        &self,
        account: &str,
        group: Option<&str>,
        words: &str,
    ) -> Result<(), RequestError> {
        let (account, words) = (account.to_owned(), words.to_owned());
        let group = group.map(str::to_owned);
        self.ask(Command::InviteContact { account, group, words }).await
    }

    /// Lets somebody who asked see the account and write to it; with `add` she becomes a contact too.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn accept_contact(&self, account: &str, add: bool) -> Result<(), RequestError> {
        self.ask(Command::AcceptContact { account: account.to_owned(), add }).await
    }

    /// Answers somebody who asked with no; with `block` she may neither see the account nor write.
    ///
    /// Before MSNP11 servers keep no answer but a block: without one nothing is sent.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn decline_contact(&self, account: &str, block: bool) -> Result<(), RequestError> {
        self.ask(Command::DeclineContact { account: account.to_owned(), block }).await
    }

    /// Asks which networks know an address, from MSNP14; [`Event::OnNetwork`] tells each.
    ///
    /// # Errors
    /// [`RequestError::Refused`] when none does; [`RequestError::Service`] before MSNP14.
    pub async fn ask_networks(&self, account: &str) -> Result<(), RequestError> {
        self.ask(Command::AskNetworks { account: account.to_owned() }).await
    }

    /// Takes somebody off the contact list; she may still write.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn remove_contact(&self, account: &str) -> Result<(), RequestError> {
        self.ask(Command::RemoveContact { account: account.to_owned() }).await
    }

    /// Keeps somebody from seeing the account and writing to it, or lets her again.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn block_contact(&self, account: &str, on: bool) -> Result<(), RequestError> {
        self.ask(Command::BlockContact { account: account.to_owned(), on }).await
    }

    /// Gives a contact another name on the list. Her own may take its place after the next sign-in:
    /// servers of these versions keep one name for each.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn rename_contact(&self, account: &str, name: &str) -> Result<(), RequestError> {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.ask(Command::RenameContact { account, name }).await
    }

    /// Puts a contact in the group of that id, or takes her out of it.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn group_contact(
        &self,
        account: &str,
        group: &str,
        on: bool,
    ) -> Result<(), RequestError> {
        let (account, group) = (account.to_owned(), group.to_owned());
        self.ask(Command::GroupContact { account, group, on }).await
    }

    /// Puts a contact in the group of that id, or in none, and takes her out of all others.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn move_contact(
        &self,
        account: &str,
        group: Option<&str>,
    ) -> Result<(), RequestError> {
        let (account, group) = (account.to_owned(), group.map(str::to_owned));
        self.ask(Command::MoveContact { account, group }).await
    }

    /// Makes a group; the roster has its id afterwards.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn add_group(&self, name: &str) -> Result<(), RequestError> {
        self.ask(Command::AddGroup { name: name.to_owned() }).await
    }

    /// Changes the name of the group of that id.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn rename_group(&self, group: &str, name: &str) -> Result<(), RequestError> {
        let (group, name) = (group.to_owned(), name.to_owned());
        self.ask(Command::RenameGroup { group, name }).await
    }

    /// Takes away the group of that id; contacts in it stay contacts.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn remove_group(&self, group: &str) -> Result<(), RequestError> {
        self.ask(Command::RemoveGroup { group: group.to_owned() }).await
    }

    /// Lets those on no list see the account and write to it, or nobody but those allowed.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn set_privacy(&self, everybody: bool) -> Result<(), RequestError> {
        self.ask(Command::SetPrivacy { everybody }).await
    }

    /// Asks about each who puts the account on her list, or takes them silently; servers only keep it.
    ///
    /// # Errors
    /// As [`add_contact`](Self::add_contact).
    pub async fn set_asking(&self, ask: bool) -> Result<(), RequestError> {
        self.ask(Command::SetAsking { ask }).await
    }

    /// Changes the own status.
    ///
    /// # Errors
    /// [`RequestError::Refused`] with the server's reason.
    pub async fn set_status(&self, status: Status) -> Result<(), RequestError> {
        self.ask(Command::SetStatus { status }).await
    }

    /// Changes the own name.
    ///
    /// # Errors
    /// [`RequestError::Refused`] with the server's reason.
    pub async fn set_name(&self, name: &str) -> Result<(), RequestError> {
        self.ask(Command::SetName { name: name.to_owned() }).await
    }

    /// Changes the own personal message; does nothing where the version has none.
    ///
    /// # Errors
    /// [`RequestError::Refused`] with the server's reason.
    pub async fn set_personal_message(&self, message: PersonalMessage) -> Result<(), RequestError> {
        self.ask(Command::SetPersonalMessage { message }).await
    }

    /// Shows another display picture, or none; does nothing before MSNP9. For peers to get it,
    /// [serve](Self::serve_object) it first.
    ///
    /// # Errors
    /// [`RequestError::Refused`] with the server's reason.
    pub async fn set_picture(&self, object: Option<Object>) -> Result<(), RequestError> {
        self.ask(Command::SetPicture { object }).await
    }

    /// Changes what the account looks and sounds like; does nothing where the version has none of it.
    ///
    /// # Errors
    /// [`RequestError::Refused`] with the server's reason.
    pub async fn set_look(&self, look: Look) -> Result<(), RequestError> {
        self.ask(Command::SetLook { look }).await
    }

    /// Signs the account out at another place, by the place's id.
    ///
    /// # Errors
    /// [`RequestError::Service`] where there is no such place, or the version knows none.
    pub async fn sign_out_endpoint(&self, id: &str) -> Result<(), RequestError> {
        self.ask(Command::SignOutEndpoint { id: id.to_owned() }).await
    }

    /// Signs out; [`Event::Closed`] follows.
    pub async fn sign_out(&self) {
        // Signed out already is signed out.
        let _ = timeout(Duration::from_secs(5), self.ask(Command::SignOut)).await;
    }

    async fn ask(&self, command: Command) -> Result<(), RequestError> {
        self.answer_to(command).await.outcome
    }

    /// Asks for a conversation that is made; gives it.
    async fn ask_for_chat(&self, command: Command) -> Result<ChatId, RequestError> {
        let Answer { outcome, made } = self.answer_to(command).await;
        outcome.and_then(|()| made.ok_or(RequestError::Unconfirmed))
    }

    async fn answer_to(&self, command: Command) -> Answer {
        let (answer, told) = oneshot::channel();
        let asked = Box::new(Asked { command, answer });
        if self.asked.send(asked).await.is_err() {
            return Answer { outcome: Err(RequestError::NotSignedIn), made: None };
        }
        // A session that ends completes all its requests first; only a driver that died does not.
        told.await.unwrap_or(Answer { outcome: Err(RequestError::Unconfirmed), made: None })
    }
}
