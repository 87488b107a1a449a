//! What servers say, read.

use std::borrow::Cow;

use super::{
    Capabilities, DecodeError, GroupChange, ListChange, ListEntry, NumberedEntry, Place, Secret,
    Status, TransactionId, Whose,
};
use crate::{
    arg::Arguments, error_code::ErrorCode, frame::Frame, payload::LinkKind, verb, version::Version,
};

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
    /// `OUT`, with a reason such as `OTH` or `SSD`.
    Goodbye { reason: Option<&'a str> },
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
    /// `USR … OK`.
    SignedIn { trid: TransactionId, account: &'a str, name: Option<Cow<'a, str>> },
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

impl<'a> ServerCommand<'a> {
    /// Reads a command from its frame.
    ///
    /// # Errors
    /// [`DecodeError`] when a known command is not as the protocol says.
    pub fn decode(
        frame: &Frame<'a>,
        version: Version,
        kind: LinkKind,
    ) -> Result<Self, DecodeError> {
        let mut arguments = Arguments::new(frame);
        let a = &mut arguments;
        let payload = frame.payload();
        Ok(match (verb::code(frame.verb()), kind) {
            (verb::NLN, _) => Self::Presence(presence(a, version)?),
            (verb::ILN, _) => {
                Self::InitialPresence { trid: a.number()?, presence: presence(a, version)? }
            }
            (verb::FLN, _) => {
                let whose = Whose::decode(a, version)?;
                Self::Offline { whose, capabilities: capabilities(a) }
            }
            (verb::UBX, _) => Self::PersonalMessage { whose: Whose::decode(a, version)?, payload },
            (verb::MSG, _) => Self::Message { sender: a.raw()?, name: a.text()?, payload },
            (verb::ACK, _) => Self::Acknowledge { trid: a.number()? },
            (verb::NAK, _) => Self::NotDelivered { trid: a.number()? },
            (verb::JOI, _) => {
                Self::Joined { account: a.raw()?, name: a.text()?, capabilities: capabilities(a) }
            }
            (verb::BYE, _) => Self::Left { account: a.raw()? },
            (verb::IRO, _) => Self::Present {
                trid: a.number()?,
                index: a.number()?,
                count: a.number()?,
                account: a.raw()?,
                name: a.text()?,
                capabilities: capabilities(a),
            },
            (verb::ANS, _) => Self::Answered { trid: a.number()? },
            (verb::CAL, _) => Self::Ringing { trid: a.number()?, session: second(a)? },
            (verb::QNG, _) => Self::Pong { seconds: a.number_if_any() },
            (verb::CHL, _) => Self::Challenge { text: second(a)? },
            (verb::QRY, _) => Self::ChallengePassed { trid: a.number()? },
            (verb::LST, _) if version.has_numbered_lists() => {
                Self::NumberedEntry(NumberedEntry::decode(a, version)?)
            }
            (verb::LST, _) => Self::ListEntry(ListEntry::decode(a, version)?),
            (verb::LSG, _) => group(a, version)?,
            (verb::PRP, _) => property(a, version)?,
            (verb::BPR, _) => contact_property(a)?,
            (verb::BLP, _) => privacy(a, "BLP")?,
            (verb::GTC, _) => privacy(a, "GTC")?,
            (verb::VER, _) => version_answer(a)?,
            (verb::CVR, _) => Self::ClientVersion {
                trid: a.number()?,
                recommended: a.raw()?,
                minimum: {
                    a.skip(1);
                    a.raw()?
                },
                download: a.raw_if_any()?.unwrap_or_default(),
                info: a.raw_if_any()?.unwrap_or_default(),
            },
            (verb::USR, _) => sign_in(a, version, kind)?,
            (verb::XFR, _) => Self::Transfer { trid: a.number()?, to: redirect(a)? },
            (verb::SYN, _) => synchronize(a, version)?,
            (verb::CHG, _) => Self::PresenceSet {
                trid: a.number()?,
                status: a.word("a status", Status::from_code)?,
                capabilities: capabilities(a),
                object: object(a),
            },
            (verb::UUX, _) => Self::PersonalMessageSet { trid: a.number()? },
            (verb::RNG, _) => Self::Ring {
                session: a.raw()?,
                address: a.raw()?,
                ticket: {
                    a.skip(1);
                    Secret(a.raw()?)
                },
                caller: a.raw()?,
                name: a.text()?,
            },
            (code @ (verb::ADD | verb::ADC | verb::REM), _) => Self::ListChanged {
                trid: a.number()?,
                change: ListChange::decode(a, code != verb::REM, version, true)?,
            },
            (verb::ADG, _) => group_changed(a, GroupChange::Add)?,
            (verb::REG, _) => group_changed(a, GroupChange::Rename)?,
            (verb::RMG, _) => group_changed(a, GroupChange::Remove)?,
            (verb::SBP, _) => Self::ContactPropertySet {
                trid: a.number()?,
                id: a.raw()?,
                property: a.raw()?,
                value: a.text_if_any(),
            },
            (verb::REA, _) => Self::Renamed {
                trid: a.number()?,
                serial: if a.next_is_number() { Some(a.number()?) } else { None },
                account: a.raw()?,
                name: a.text()?,
            },
            (verb::NOT, _) => Self::Notice { payload },
            (code @ (verb::ADL | verb::RML), _) => match a.number()? {
                0 => Self::ListsPushed { add: code == verb::ADL, payload },
                trid => Self::ListsTaken { trid, add: code == verb::ADL },
            },
            (verb::FQY, _) => Self::Networks { trid: a.number()?, payload },
            (verb::INF, _) => {
                Self::Schemes { trid: a.number()?, scheme: a.raw_if_any()?.unwrap_or_default() }
            }
            (verb::UBN, _) => Self::UserNotice { from: a.raw()?, kind: a.number()?, payload },
            (verb::UUN, _) => Self::UserNoticeSent { trid: a.number()? },
            (verb::SDG, _) => Self::Datagram { trid: a.number()?, payload },
            (code @ (verb::PUT | verb::DEL), _) => {
                Self::Published { trid: a.number()?, add: code == verb::PUT, payload }
            }
            (verb::NFY, _) => {
                if a.next_is_number() {
                    a.skip(1); // one document has a number here, no capture
                }
                let add = a.word("PUT or DEL", |word| match word {
                    b"PUT" => Some(true),
                    b"DEL" => Some(false),
                    _ => None,
                })?;
                Self::Publication { add, payload }
            }
            (verb::GCF, _) => Self::Policies {
                trid: a.number()?,
                file: if a.left() > 1 { a.raw_if_any()? } else { None },
                payload,
            },
            (verb::SBS, _) => Self::Sbs,
            (verb::URL, _) => Self::Url { trid: a.number()?, words: rest(a)? },
            (verb::OUT, _) => Self::Goodbye { reason: a.raw_if_any()? },
            _ => match ErrorCode::from_verb(frame.verb()) {
                Some(code) => Self::Error { trid: a.number_if_any(), code, payload },
                None => Self::Unknown { verb: String::from_utf8_lossy(frame.verb()), payload },
            },
        })
    }
}

fn presence<'a>(a: &mut Arguments<'_, 'a>, version: Version) -> Result<Presence<'a>, DecodeError> {
    Ok(Presence {
        status: a.word("a status", Status::from_code)?,
        whose: Whose::decode(a, version)?,
        name: a.text()?,
        capabilities: capabilities(a),
        object: object(a),
    })
}

fn capabilities(a: &mut Arguments<'_, '_>) -> Option<Capabilities> {
    Capabilities::from_wire(a.bytes_if_any()?)
}

/// A display picture's description; `0` and nothing both mean none.
fn object<'a>(a: &mut Arguments<'_, 'a>) -> Option<Cow<'a, str>> {
    a.text_if_any().filter(|object| object != "0")
}

/// The argument after the next one.
fn second<'a>(a: &mut Arguments<'_, 'a>) -> Result<&'a str, DecodeError> {
    a.skip(1);
    a.raw()
}

fn rest<'a>(a: &mut Arguments<'_, 'a>) -> Result<Vec<&'a str>, DecodeError> {
    let mut words = Vec::new();
    while let Some(word) = a.raw_if_any()? {
        words.push(word);
    }
    Ok(words)
}

/// `PRP MFN Ada` in the lists, `PRP 7 MFN Ada` as an answer; below MSNP10 `PRP 7 27 PHH 555`, and in
/// the lists of one server `PRP 27 PHH 555`.
fn property<'a>(
    a: &mut Arguments<'_, 'a>,
    version: Version,
) -> Result<ServerCommand<'a>, DecodeError> {
    let first = if a.next_is_number() { Some(a.number()?) } else { None };
    let second = if a.next_is_number() { Some(a.number()?) } else { None };
    let (trid, serial) = match (first, second) {
        (Some(serial), None) if version.has_numbered_lists() => (None, Some(serial)),
        numbers => numbers,
    };
    Ok(ServerCommand::Property { trid, serial, property: a.raw()?, value: a.text_if_any() })
}

fn group<'a>(
    a: &mut Arguments<'_, 'a>,
    version: Version,
) -> Result<ServerCommand<'a>, DecodeError> {
    if version.has_guids() {
        return Ok(ServerCommand::Group { place: None, name: a.text()?, id: a.raw()? });
    }
    let place = if version.has_numbered_lists() { Some(Place::decode(a)?) } else { None };
    let id = a.raw()?;
    Ok(ServerCommand::Group { place, name: a.text()?, id })
}

fn group_changed<'a>(
    a: &mut Arguments<'_, 'a>,
    change: GroupChange,
) -> Result<ServerCommand<'a>, DecodeError> {
    let trid = a.number()?;
    let mut words = Vec::new();
    while let Some(word) = a.text_if_any() {
        words.push(word);
    }
    Ok(ServerCommand::GroupChanged { trid, change, words })
}

/// `BPR PHH 555`, `BPR ada@example.com PHH 555` or `BPR 12 ada@example.com PHH 555`.
fn contact_property<'a>(a: &mut Arguments<'_, 'a>) -> Result<ServerCommand<'a>, DecodeError> {
    let serial = if a.next_is_number() { Some(a.number()?) } else { None };
    let first = a.raw()?;
    let (account, property) =
        if first.contains('@') { (Some(first), a.raw()?) } else { (None, first) };
    Ok(ServerCommand::ContactProperty { serial, account, property, value: a.text_if_any() })
}

/// `BLP AL` in the lists; `BLP 5 AL` or, below MSNP10, `BLP 5 7 AL` as an answer.
fn privacy<'a>(
    a: &mut Arguments<'_, 'a>,
    verb: &'static str,
) -> Result<ServerCommand<'a>, DecodeError> {
    let trid = if a.left() > 1 { Some(a.number()?) } else { None };
    let serial = if a.left() > 1 { Some(a.number()?) } else { None };
    Ok(ServerCommand::Privacy { trid, verb, serial, value: a.raw()? })
}

fn version_answer<'a>(a: &mut Arguments<'_, 'a>) -> Result<ServerCommand<'a>, DecodeError> {
    let trid = a.number()?;
    let offered = rest(a)?.into_iter().filter_map(|word| word.parse().ok());
    Ok(ServerCommand::Version { trid, version: offered.max() })
}

fn sign_in<'a>(
    a: &mut Arguments<'_, 'a>,
    version: Version,
    kind: LinkKind,
) -> Result<ServerCommand<'a>, DecodeError> {
    let trid = a.number()?;
    match a.raw()? {
        "OK" => {
            let account = a.raw()?;
            let named = version.has_name_in_sign_in() || kind == LinkKind::Switchboard;
            let name = if named { a.text_if_any() } else { None };
            Ok(ServerCommand::SignedIn { trid, account, name })
        }
        scheme => {
            let policy = {
                a.skip(1);
                a.raw()?
            };
            let nonce = a.raw_if_any()?;
            Ok(ServerCommand::AuthenticateWith { trid, scheme, policy, nonce })
        }
    }
}

fn redirect<'a>(a: &mut Arguments<'_, 'a>) -> Result<Redirect<'a>, DecodeError> {
    match a.raw()? {
        "NS" => {
            let address = a.raw()?;
            a.skip(2); // what kinds of address these are, and where they come from
            Ok(Redirect::Notification { address, token: a.raw_if_any()? })
        }
        "SB" => {
            let address = a.raw()?;
            a.skip(1); // the name of the scheme, always CKI
            Ok(Redirect::Switchboard { address, ticket: Secret(a.raw()?) })
        }
        _ => Err(a.malformed("NS or SB")),
    }
}

fn synchronize<'a>(
    a: &mut Arguments<'_, 'a>,
    version: Version,
) -> Result<ServerCommand<'a>, DecodeError> {
    let (trid, first) = (a.number()?, a.raw()?);
    let second = if version.has_guids() { a.raw_if_any()? } else { None };
    let counts = if a.left() > 0 { Some((a.number()?, a.number()?)) } else { None };
    Ok(ServerCommand::Synchronize { trid, first, second, counts })
}
