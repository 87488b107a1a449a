//! What servers say.

use std::borrow::Cow;

use super::{
    Capabilities, GroupChange, ListChange, ListEntry, NumberedEntry, Place, Secret, Status,
    TransactionId, Whose,
};
use crate::{error_code::ErrorCode, version::Version};

/// A command from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's line says what its fields are")]
pub enum ServerCommand<'a> {
    /// `ACK`: the message of that number was taken.
    Acknowledge { trid: TransactionId },
    /// `ANS … OK`: the call is answered; the roster is complete.
    Answered { trid: TransactionId },
    /// `USR … S`: what the sign-in goes on with; a nonce where a proof is wanted.
    AuthenticateWith {
        trid: TransactionId,
        scheme: &'a str,
        policy: &'a str,
        nonce: Option<&'a str>,
    },
    /// `QRY`: the challenge's answer was right.
    ChallengePassed { trid: TransactionId },
    /// `CHL`: prove that you are a client.
    Challenge { text: &'a str },
    /// `CVR`.
    ClientVersion {
        trid: TransactionId,
        recommended: &'a str,
        minimum: &'a str,
        download: &'a str,
        info: &'a str,
    },
    /// `BPR`: a contact's property; in the lists it belongs to the entry before it.
    ContactProperty {
        serial: Option<u32>,
        account: Option<&'a str>,
        property: &'a str,
        value: Option<Cow<'a, str>>,
    },
    /// `SBP`: what the account keeps about a contact is set.
    ContactPropertySet {
        trid: TransactionId,
        id: &'a str,
        property: &'a str,
        value: Option<Cow<'a, str>>,
    },
    /// `SDG`: words from somebody, or from a circle.
    Datagram { trid: TransactionId, payload: &'a [u8] },
    /// A three-digit number: the request of that number failed.
    Error { trid: Option<TransactionId>, code: ErrorCode, payload: &'a [u8] },
    /// `OUT`, with a reason such as `OTH` or `SSD`; with `RCT` the minutes to wait.
    Goodbye { reason: Option<&'a str>, minutes: Option<u32> },
    /// `LSG`; with its place in the list before MSNP8.
    Group { place: Option<Place>, name: Cow<'a, str>, id: &'a str },
    /// `ADG`, `REG`, `RMG` done; the words after the number differ between servers.
    GroupChanged { trid: TransactionId, change: GroupChange, words: Vec<Cow<'a, str>> },
    /// `ILN`: a contact who was there before; answers the request of that number.
    InitialPresence { trid: TransactionId, presence: Presence<'a> },
    /// `BYE`: somebody left the conversation.
    Left { account: &'a str },
    /// `ADD`, `ADC`, `REM`, asked for or not (number 0).
    ListChanged { trid: TransactionId, change: ListChange<'a> },
    /// `LST`.
    ListEntry(ListEntry<'a>),
    /// `ADL … OK`, `RML … OK`: what was told of the lists is taken.
    ListsTaken { trid: TransactionId, add: bool },
    /// `ADL 0`, `RML 0`: others put the account on their lists, or took it off.
    ListsPushed { add: bool, payload: &'a [u8] },
    /// `MSG`.
    Message { sender: &'a str, name: Cow<'a, str>, payload: &'a [u8] },
    /// `UBM`: words past the switchboard, from somebody of another network or for one's absence.
    MessageElsewhere { from: Whose<'a>, to: Whose<'a>, kind: u32, payload: &'a [u8] },
    /// `NAK`: the message of that number was not delivered.
    NotDelivered { trid: TransactionId },
    /// `FQY`: the networks that know an address.
    Networks { trid: TransactionId, payload: &'a [u8] },
    /// `NOT`: an alert.
    Notice { payload: &'a [u8] },
    /// `LST` before MSNP8: a line of one of four lists.
    NumberedEntry(NumberedEntry<'a>),
    /// `FLN`.
    Offline { whose: Whose<'a>, capabilities: Option<Capabilities> },
    /// `BLP`, `GTC`: a privacy setting, in the lists or as an answer.
    Privacy { trid: Option<TransactionId>, verb: &'static str, serial: Option<u32>, value: &'a str },
    /// `IRO`: somebody is in the conversation already.
    Present {
        trid: TransactionId,
        index: u32,
        count: u32,
        account: &'a str,
        name: Cow<'a, str>,
        capabilities: Option<Capabilities>,
    },
    /// `JOI`: somebody came into the conversation.
    Joined { account: &'a str, name: Cow<'a, str>, capabilities: Option<Capabilities> },
    /// `UBX`.
    PersonalMessage { whose: Whose<'a>, payload: &'a [u8] },
    /// `UUX … 0`: the own personal message is set.
    PersonalMessageSet { trid: TransactionId },
    /// `GCF`: policies, with the file's name when they were asked for.
    Policies { trid: TransactionId, file: Option<&'a str>, payload: &'a [u8] },
    /// `QNG`, with the seconds until the next ping.
    Pong { seconds: Option<u32> },
    /// `NLN`.
    Presence(Presence<'a>),
    /// `CHG` echoed: the own status is set.
    PresenceSet {
        trid: TransactionId,
        status: Status,
        capabilities: Option<Capabilities>,
        object: Option<Cow<'a, str>>,
    },
    /// `PRP`: an own property, in the lists or as an answer.
    Property {
        trid: Option<TransactionId>,
        serial: Option<u32>,
        property: &'a str,
        value: Option<Cow<'a, str>>,
    },
    /// `PUT … OK`, `DEL … OK`: what was published or taken back is known.
    Published { trid: TransactionId, add: bool, payload: &'a [u8] },
    /// `NFY PUT`, `NFY DEL`: somebody, or a circle, published something or took it back.
    Publication { add: bool, payload: &'a [u8] },
    /// `REA`: a name is changed.
    Renamed { trid: TransactionId, serial: Option<u32>, account: &'a str, name: Cow<'a, str> },
    /// `RNG`: somebody calls.
    Ring {
        session: &'a str,
        address: &'a str,
        ticket: Secret<'a>,
        caller: &'a str,
        name: Cow<'a, str>,
    },
    /// `CAL … RINGING`.
    Ringing { trid: TransactionId, session: &'a str },
    /// `SBS`.
    Sbs,
    /// `INF`: the scheme of the sign-in.
    Schemes { trid: TransactionId, scheme: &'a str },
    /// `USR … OK`. It is verified unless it answers the ticket of the circles.
    SignedIn { trid: TransactionId, account: &'a str, name: Option<Cow<'a, str>>, verified: bool },
    /// `SYN`: the lists follow, unless the counts are absent.
    Synchronize {
        trid: TransactionId,
        first: &'a str,
        second: Option<&'a str>,
        counts: Option<(u32, u32)>,
    },
    /// `XFR`.
    Transfer { trid: TransactionId, to: Redirect<'a> },
    /// Anything else.
    Unknown { verb: Cow<'a, str>, payload: &'a [u8] },
    /// `UBN`: a notice of another user.
    UserNotice { from: &'a str, kind: u32, payload: &'a [u8] },
    /// `UUN … OK`: the notice is on its way.
    UserNoticeSent { trid: TransactionId },
    /// `URL`.
    Url { trid: TransactionId, words: Vec<&'a str> },
    /// `VER`; no version when nothing is in common.
    Version { trid: TransactionId, version: Option<Version> },
}

/// Where `XFR` sends us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect<'a> {
    /// To another notification server.
    Notification {
        /// Its host, with a port or without.
        address: &'a str,
        /// What to say there, in `CVR`, from MSNP21.
        token: Option<&'a str>,
    },
    /// To a switchboard.
    Switchboard {
        /// Its host and port.
        address: &'a str,
        /// What lets us in.
        ticket: Secret<'a>,
    },
}

/// How a contact is, in `NLN` and `ILN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence<'a> {
    /// Her status.
    pub status: Status,
    /// Who.
    pub whose: Whose<'a>,
    /// Her own name.
    pub name: Cow<'a, str>,
    /// What her client can do.
    pub capabilities: Option<Capabilities>,
    /// Her display picture's description.
    pub object: Option<Cow<'a, str>>,
}
