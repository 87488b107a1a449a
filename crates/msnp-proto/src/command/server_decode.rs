//! What servers say, read.

use std::borrow::Cow;

use super::{
    Capabilities, DecodeError, GroupChange, ListChange, ListEntry, NumberedEntry, Place, Presence,
    Redirect, Secret, ServerCommand, Status, Whose,
};
use crate::{
    arg::Arguments, error_code::ErrorCode, frame::Frame, payload::LinkKind, verb, version::Version,
};

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
            (verb::OUT, _) => Self::Goodbye { reason: a.raw_if_any()?, minutes: a.number_if_any() },
            (verb::UBM, _) => Self::MessageElsewhere {
                from: elsewhere(a)?,
                to: elsewhere(a)?,
                kind: a.number()?,
                payload,
            },
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
            let verified = a.raw_if_any()? != Some("0");
            Ok(ServerCommand::SignedIn { trid, account, name, verified })
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

/// `bob@example.com 32`, or joined as `32:bob@example.com`.
fn elsewhere<'a>(a: &mut Arguments<'_, 'a>) -> Result<Whose<'a>, DecodeError> {
    let text = a.raw()?;
    let mut whose = Whose::from_text(text);
    let joined = whose.account.len() != text.split(';').next().unwrap_or_default().len();
    if whose.account.is_empty() {
        return Err(a.malformed("an address"));
    }
    if !joined {
        whose.network = a.number()?;
    }
    Ok(whose)
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
