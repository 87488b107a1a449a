//! What goes into a session and what comes out of it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use secrecy::SecretString;

use super::{http::HttpRequest, services::Services};
use crate::{
    command::{GroupChange, Status},
    datagram::{CIRCLE_NETWORK, GROUP_NETWORK},
    error_code::ErrorCode,
    frame::FrameError,
    mail::Mail,
    msg::{Extra, Look, Object, PersonalMessage, Text},
    oim::OfflineMessage,
    p2p::{FileContext, PeerEvent, TransferError, TransferId, direct::DirectAction},
    payload::LinkKind,
    soap::storage::RoamingProfile,
    version::Version,
};

/// What a session needs to know.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The notification server, `host:port`.
    pub server: String,
    /// The account's address.
    pub account: String,
    /// The account's password.
    pub password: SecretString,
    /// Versions to offer, best first.
    pub versions: Vec<Version>,
    /// The web services.
    pub services: Services,
    /// Names the installation, from MSNP16: a GUID without braces. A session of the same name takes
    /// the place of an older one.
    pub machine_id: String,
    /// Names the installation to the account's other places.
    pub machine_name: String,
    /// What no other session has, for proofs.
    pub entropy: [u8; 16],
    /// The wall clock when the session begins: seconds since 1970.
    pub wall_clock: u64,
    /// The status to take once the lists are there.
    pub status: Status,
    /// How long to wait for what.
    pub deadlines: Deadlines,
    /// How fast to ask.
    pub pace: Pace,
}

/// How fast to ask for changes of lists and of the own presence.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many at once.
    pub burst: u32,
    /// How long until one more.
    pub every: Duration,
    /// How long to ask nothing after the server said that it is too much.
    pub rest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { burst: 20, every: Duration::from_millis(250), rest: Duration::from_secs(10) }
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Each step of the sign-in, and each request.
    pub step: Duration,
    /// Each step of opening a switchboard, but for the call.
    pub board_step: Duration,
    /// A called contact to come.
    pub call: Duration,
    /// A text's acknowledgement.
    pub acknowledge: Duration,
    /// Silence on the notification link before a ping.
    pub ping: Duration,
    /// The answer to a ping.
    pub pong: Duration,
    /// Silence in a conversation of two before we leave it.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(30),
            board_step: Duration::from_secs(10),
            call: Duration::from_secs(30),
            acknowledge: Duration::from_secs(30),
            ping: Duration::from_secs(45),
            pong: Duration::from_secs(20),
            idle: Duration::from_secs(300),
        }
    }
}

/// A connection of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// An HTTP request of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpId(pub u64);

/// A request of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A conversation, whatever switchboards carry it: with one person her address in lower case,
/// with several `group:` and the first switchboard's session, or the network and the id of a circle
/// (`9:`) or a temporary group (`10:`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChatId(String);

impl ChatId {
    /// Names the conversation with one person.
    pub fn with(account: &str) -> Self {
        Self(account.trim().to_lowercase())
    }

    /// Takes a name that a session gave.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn group(session: &str) -> Self {
        Self(format!("group:{session}"))
    }

    /// Names the conversation of a circle or a temporary group.
    pub(super) fn of_several(network: u32, id: &str) -> Self {
        Self(format!("{network}:{}", id.to_lowercase()))
    }

    /// Gives the network and the id of the circle or temporary group that it is with, if it is.
    pub(super) fn several(&self) -> Option<(u32, &str)> {
        let (network, id) = self.0.split_once(':')?;
        let network = network.parse().ok()?;
        matches!(network, CIRCLE_NETWORK | GROUP_NETWORK).then_some((network, id))
    }

    /// Tells whether it is with several people.
    pub fn is_group(&self) -> bool {
        ["group:", "9:", "10:"].iter().any(|prefix| self.0.starts_with(prefix))
    }

    /// Gives its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What went over a session's links so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Commands that came, whether they could be understood or not.
    pub heard: u64,
    /// Commands that were sent.
    pub said: u64,
    /// Commands that came and could not be understood; each was passed over.
    pub odd: u64,
    /// Links that ended because what came was no command at all.
    pub broken: u64,
}

/// What happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It ended; the text says how.
    Closed(String),
    /// It could not be made; the text says why.
    Failed(String),
    /// It is there.
    Opened,
}

/// What the driver must do.
#[derive(Clone)]
#[expect(missing_docs, reason = "each variant's line says what its fields are")]
pub enum Effect {
    /// Close a connection once what was sent is written.
    Close { link: LinkId },
    /// Do something about direct links; only where they are [allowed](super::Session::allow_direct).
    Direct(DirectAction),
    /// Ask by HTTP, without following redirects.
    Http { id: HttpId, request: HttpRequest },
    /// Connect to `host:port`.
    Open { link: LinkId, kind: LinkKind, address: String },
    /// Write bytes: whole commands, to be written at once.
    Send { link: LinkId, bytes: Vec<u8> },
}

/// Shows no bytes: a password's proof or a ticket may be among them.
impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close { link } => f.debug_struct("Close").field("link", link).finish(),
            Self::Direct(action) => f.debug_tuple("Direct").field(action).finish(),
            Self::Http { id, request: _ } => f.debug_struct("Http").field("id", id).finish(),
            Self::Open { link, kind, address } => {
                let mut shown = f.debug_struct("Open");
                shown.field("link", link).field("kind", kind).field("address", address).finish()
            }
            Self::Send { link, bytes } => {
                let mut shown = f.debug_struct("Send");
                shown.field("link", link).field("length", &bytes.len()).finish()
            }
        }
    }
}

/// What the application wants.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's line says what its fields are")]
pub enum Command {
    /// Let somebody who asked see the account and write to it; with `add` she becomes a contact too.
    AcceptContact { account: String, add: bool },
    /// Take a file that was offered.
    AcceptFile { transfer: TransferId },
    /// Put somebody on the contact list, in the group of that id where one is given, and let her write.
    AddContact { account: String, group: Option<String> },
    /// Make a group of contacts.
    AddGroup { name: String },
    /// Let offline messages go, from MSNP11: what was taken in is deleted at the server.
    AcknowledgeOffline { ids: Vec<String> },
    /// Answer an invitation into a circle, from MSNP18; with a yes completed when this place is in it.
    AnswerCircle { circle: ChatId, accept: bool },
    /// Ask which networks know an address, from MSNP14; [`Event::OnNetwork`] tells each.
    AskNetworks { account: String },
    /// Keep somebody from seeing the account and writing to it, or let her again.
    BlockContact { account: String, on: bool },
    /// Give a transfer up; decline it where it was offered.
    CancelTransfer { transfer: TransferId },
    /// Answer somebody who asked with no; with `block` she may neither see nor write.
    DeclineContact { account: String, block: bool },
    /// Give bytes of a file after [`PeerEvent::Wants`], no more than wanted.
    FeedFile { transfer: TransferId, bytes: Vec<u8> },
    /// Come into a circle that the account is a member of, after it [left the chat](Self::LeaveChat) or could
    /// not come in at the sign-in.
    EnterCircle { circle: ChatId },
    /// Fetch a picture, an emoticon or another object from somebody in a conversation, by its description
    /// exactly as it came. Completed when she is asked; the transfer's own events tell the rest.
    FetchObject { transfer: TransferId, chat: ChatId, account: String, description: String },
    /// Fetch the picture that the roaming profile names, from MSNP15; [`Event::KeptPicture`] brings it.
    FetchKeptPicture,
    /// Put a contact in the group of that id, or take her out of it.
    GroupContact { account: String, group: String, on: bool },
    /// As [`AddContact`](Self::AddContact), with words for her to read, which servers keep from MSNP13.
    InviteContact { account: String, group: Option<String>, words: String },
    /// Call somebody into a conversation. One of two becomes one of several then: [`Event::Joined`] has its
    /// new name, and from MSNP21, where it is a new temporary group, [`Event::Made`]. Into a circle she is
    /// asked without words. Completed when she is called; whether she comes is another matter.
    InviteToChat { chat: ChatId, account: String },
    /// Ask somebody into a circle of the account's, from MSNP18, with words for her to read. Completed when
    /// she is asked; whether she comes is another matter.
    InviteToCircle { circle: ChatId, account: String, words: String },
    /// Keep a picture in the roaming profile, from MSNP15: a PNG, JPEG or GIF of at most 256 KiB. Who it
    /// is shown to is another matter, see [`SetPicture`](Self::SetPicture).
    KeepPicture { image: Vec<u8> },
    /// Leave words for somebody who is away, from MSNP13.
    LeaveOffline { account: String, text: String },
    /// Leave a conversation. A circle is left at this place and until the next sign-in only.
    LeaveChat { chat: ChatId },
    /// Be a member of a circle no longer, from MSNP18.
    LeaveCircle { circle: ChatId },
    /// Make a circle, from MSNP18. [`Event::Made`] names it; completed when this place is in it.
    MakeCircle { name: String },
    /// Make a temporary group, from MSNP21, and call people into it. [`Event::Made`] names it; completed when
    /// this place is in it and all are called.
    MakeGroup { people: Vec<String> },
    /// Put a contact in the group of that id, or in none, and take her out of all others.
    MoveContact { account: String, group: Option<String> },
    /// Offer a file to somebody in a conversation. Completed when she is asked; the transfer's own events
    /// tell the rest.
    OfferFile { transfer: TransferId, chat: ChatId, account: String, file: FileContext },
    /// Ask what was said while the account was away, from MSNP11; [`Event::OfflineRead`] follows what was
    /// not told of before.
    ReadOffline,
    /// Read the roaming profile again, from MSNP15; [`Event::ProfileRead`] brings it.
    ReadProfile,
    /// Take somebody off the contact list; she may still write.
    RemoveContact { account: String },
    /// Take a group away; contacts in it stay contacts.
    RemoveGroup { group: String },
    /// Change the name the list has for a contact.
    RenameContact { account: String, name: String },
    /// Change a group's name.
    RenameGroup { group: String, name: String },
    /// Send something that is neither words nor an attention call, in parts where it is long.
    SendExtra { chat: ChatId, extra: Extra },
    /// Send an attention call.
    SendNudge { chat: ChatId },
    /// Say something; split where it is too long, completed when all parts are acknowledged.
    SendText { chat: ChatId, text: Text },
    /// Show that the account is writing; needs a conversation that is open.
    SendTyping { chat: ChatId },
    /// Let peers fetch an object's bytes.
    ServeObject { object: Object, bytes: Arc<[u8]> },
    /// Ask the account about each who puts it on her list, or take them silently. Servers only keep it.
    SetAsking { ask: bool },
    /// Change what the account looks and sounds like: the sound from MSNP16, all of it from MSNP18.
    SetLook { look: Look },
    /// Change the own name.
    SetName { name: String },
    /// Change the own personal message.
    SetPersonalMessage { message: PersonalMessage },
    /// Show another display picture, or none, from MSNP9. For peers to get it,
    /// [serve](Self::ServeObject) it.
    SetPicture { object: Option<Object> },
    /// Let those on no list see the account and write to it, or nobody but those allowed.
    SetPrivacy { everybody: bool },
    /// Change the own status.
    SetStatus { status: Status },
    /// Sign the account out at another place, by the place's id.
    SignOutEndpoint { id: String },
    /// Sign out and end the session.
    SignOut,
    /// Let peers fetch an object no longer, by its hash.
    WithdrawObject { hash: String },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's line says what its fields are")]
pub enum Event {
    /// Somebody put the account on her contact list.
    AddedBy { account: String, name: String },
    /// The session is over.
    Closed { reason: CloseReason },
    /// A request is done.
    Completed { request: RequestId, outcome: Result<(), RequestError> },
    /// The server speaks a version with us.
    Connected { server: String, version: Version },
    /// A contact came to the lists, left them, or changed there.
    ContactChanged { account: String, change: ContactChange },
    /// Somebody sent something that is neither words nor an attention call. An invitation was answered: the
    /// program is not there.
    Extra { chat: ChatId, from: String, name: String, extra: Extra, link: LinkId, number: u64 },
    /// A group was made, renamed or taken away; the id is its own.
    GroupChanged { group: String, name: String, change: GroupChange },
    /// A conversation of two became one of several, which has a name of its own; [`Joined`](Self::Joined) tells
    /// of each who is in it.
    Grew { from: ChatId, chat: ChatId },
    /// Somebody came into a conversation.
    Joined { chat: ChatId, account: String, name: String },
    /// The picture that the roaming profile names, as it was asked for.
    KeptPicture { image: Vec<u8> },
    /// Somebody left a conversation.
    Left { chat: ChatId, account: String },
    /// A request made a circle or a temporary group; its completion follows.
    Made { request: RequestId, chat: ChatId },
    /// The server tells of letters in the account's mailbox.
    Mail { mail: Mail },
    /// Somebody said something, or the account itself did at another of its places (from MSNP21, in circles from
    /// 18). The number counts what the conversation's link brought; with the link's own number it names the
    /// message.
    Message { chat: ChatId, from: String, name: String, text: Text, link: LinkId, number: u64 },
    /// Somebody calls for attention.
    Nudge { chat: ChatId, from: String, name: String, link: LinkId, number: u64 },
    /// Somebody came into a circle, left it or changed there, or the circle did; see the roster.
    CircleChanged { circle: String },
    /// This place is in a circle or a temporary group now, asked for or not: its words come and go.
    /// [`Joined`](Self::Joined) tells of each who is there.
    CircleEntered { chat: ChatId, name: String },
    /// The account is asked into a circle while it is signed in; the roster has those of before. `by` is who
    /// asks, where the server tells it.
    CircleInvited { chat: ChatId, circle: String, by: String, name: String, words: String },
    /// This place is out of a circle or a temporary group: it left, it was put out, or the circle ended.
    CircleLeft { chat: ChatId },
    /// This place did not come into a circle that the account is a member of.
    CircleNotEntered { chat: ChatId, why: RequestError },
    /// The account came to another place, left one, or changed there; see the roster.
    EndpointsChanged,
    /// Somebody said something while the account was away. It stays at the server until it is
    /// acknowledged, and comes again at the next sign-in.
    OfflineMessage { message: OfflineMessage },
    /// What waited when it was asked for was told of.
    OfflineRead,
    /// An address that was asked for is known on a network, by its number: 1 is this one.
    OnNetwork { account: String, network: u32 },
    /// Something came that could not be understood; it was passed over.
    Odd { what: String },
    /// The account is signed in, its lists are there, its status is set.
    Online { account: String, name: String },
    /// A contact's presence or name changed; see the roster. While one such event of a contact waits to be
    /// polled there is no second.
    Presence { account: String },
    /// A privacy setting changed; see the roster.
    PrivacyChanged,
    /// The roaming profile was read: at the sign-in, and when it was asked for.
    ProfileRead { profile: RoamingProfile },
    /// The roaming profile was not read, or a change of it not kept: the server has none, or refused.
    ProfileSkipped { why: String },
    /// Somebody took the account off her contact list.
    RemovedBy { account: String },
    /// Something happened to a transfer.
    Transfer(PeerEvent),
    /// Somebody is writing.
    Typing { chat: ChatId, from: String, name: String },
}

/// What changed of somebody on the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContactChange {
    /// She is a contact now.
    Added,
    /// She may neither see nor write now.
    Blocked,
    /// She is on other lists than before, in a way that none of the others says.
    Listed,
    /// She is in other groups.
    Moved,
    /// She is no contact any more.
    Removed,
    /// The list has another name for her.
    Renamed,
    /// She may see and write again.
    Unblocked,
}

/// What cannot be asked of any server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The address is not one.
    #[error("that is no address")]
    Address,
    /// A group has that name already.
    #[error("there is a group of that name already")]
    GroupExists,
    /// A group's name is empty or too long.
    #[error("a group's name has 1 to 61 bytes, written as the protocol does")]
    GroupName,
    /// The group cannot be renamed or taken away.
    #[error("contacts without a group are in this one: it stays as it is")]
    GroupStays,
    /// A name is empty or too long.
    #[error("a name has 1 to 387 bytes, written as the protocol does")]
    Name,
    /// The account may not ask others into the circle.
    #[error("only who administers a circle may ask others in")]
    NotAdmin,
    /// The account is not asked into the circle.
    #[error("the account is not asked into that circle")]
    NotAsked,
    /// The protocol's version has no circles.
    #[error("there are circles from MSNP18 on only")]
    NoCircles,
    /// The protocol's version has no temporary groups.
    #[error("there are temporary groups from MSNP21 on only")]
    NoGroups,
    /// The protocol's version has no roaming profile.
    #[error("a profile is kept from MSNP15 on only")]
    NoProfile,
    /// The protocol's version, or the server, keeps no messages for those who are away.
    #[error("messages for those who are away are not kept here")]
    NoOfflineMessages,
    /// The protocol's version has no switchboards, and no other way for this.
    #[error("from MSNP21 on there is no other way for this than a switchboard, and there are none")]
    NoSwitchboards,
    /// She is not on the contact list.
    #[error("that is nobody on the contact list")]
    NotAContact,
    /// It is the account itself.
    #[error("that is the account itself")]
    Oneself,
    /// What should be kept is no picture, or is too large.
    #[error("a picture is a PNG, JPEG or GIF of at most 256 KiB")]
    Picture,
    /// There are as many groups as there may be.
    #[error("there are 30 groups already, and no server takes more")]
    TooManyGroups,
    /// More people than a temporary group takes.
    #[error("a group takes 150 people")]
    TooManyPeople,
    /// There is no such circle, or the account is no member of it.
    #[error("there is no such circle, or the account is no member of it")]
    UnknownCircle,
    /// There is no such group.
    #[error("there is no such group")]
    UnknownGroup,
}

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Too much is waiting already, for this conversation or for the lists.
    #[error("too much is waiting already")]
    Busy,
    /// The call failed: the contact blocks us, or we block her.
    #[error("the contact cannot be called")]
    Blocked,
    /// The conversation is over.
    #[error("the conversation is over")]
    ChatOver,
    /// It was not sent, for no server can do it.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It was not sent: the contact is online, and her client did not come when it was called.
    #[error("the contact did not come when she was called")]
    NoAnswer,
    /// It was not sent: the switchboard did not come to be, which says nothing about the contact.
    #[error("no conversation could be opened: {0}")]
    NotOpened(String),
    /// The contact is offline, hidden, or unknown.
    #[error("the contact is not online")]
    NotOnline,
    /// The account is not signed in.
    #[error("the account is not signed in")]
    NotSignedIn,
    /// The server refused.
    #[error("the server refused: {0}")]
    Refused(ErrorCode),
    /// The web service that keeps the lists refused, or cannot be reached.
    #[error("{0}")]
    Service(String),
    /// A transfer cannot be begun or go on.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// It was sent, but nothing tells whether it arrived.
    #[error("no acknowledgement came")]
    Unconfirmed,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The account or the password was refused.
    #[error("the server refused the account or the password")]
    AuthRejected,
    /// The server wants the account to come back after so many minutes.
    #[error("the server wants the account to come back in {minutes} minutes")]
    ComeBackLater {
        /// How many.
        minutes: u32,
    },
    /// The lists could not be read.
    #[error("the contact list cannot be read: {0}")]
    Lists(String),
    /// The link broke.
    #[error("the connection to the server broke: {0}")]
    LinkLost(String),
    /// The lists were moved to another server: signing in again finds them.
    #[error("the contact list was moved: sign in again")]
    Moved,
    /// Nothing in common with the server.
    #[error("the server speaks none of the protocols offered")]
    NoCommonVersion,
    /// The account signed in elsewhere.
    #[error("the account signed in somewhere else")]
    SignedInElsewhere,
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(#[from] FrameError),
    /// The server answered a step of the sign-in with an error.
    #[error("the server refused the sign-in: {0}")]
    Refused(ErrorCode),
    /// The server is going down.
    #[error("the server is going down")]
    ServerDown,
    /// We signed out.
    #[error("signed out")]
    SignedOut,
    /// The account's owner must accept new terms of use first, at the service itself.
    #[error("the server's terms of use must be accepted first")]
    TermsOfUse,
    /// The server did not answer a step in time.
    #[error("the server did not answer in time: {0}")]
    Timeout(&'static str),
    /// The server sent us from one address to another too often.
    #[error("the server redirects without end")]
    TooManyRedirects,
    /// The server could not be reached.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The Passport login could not be used.
    #[error("the sign-in service does not work: {0}")]
    LoginService(String),
}

pub(super) fn is_due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}
