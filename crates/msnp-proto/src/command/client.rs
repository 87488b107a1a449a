//! What clients say, read.

use std::borrow::Cow;

use super::{
    AckMode, Capabilities, DecodeError, GroupChange, ListChange, Secret, Status, TransactionId,
};
use crate::{arg::Arguments, frame::Frame, payload::LinkKind, verb, version::Version};

/// A command from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's line says what its fields are")]
pub enum ClientCommand<'a> {
    /// `ANS`: takes the call of that session.
    Answer { trid: TransactionId, account: &'a str, ticket: Secret<'a>, session: &'a str },
    /// `FQY`: asks which networks know an address.
    AskNetworks { trid: TransactionId, payload: &'a [u8] },
    /// `INF`: asks for the scheme of the sign-in.
    AskSchemes { trid: TransactionId },
    /// `USR … I`: begins to sign in.
    AuthenticateAs { trid: TransactionId, scheme: &'a str, account: &'a str },
    /// `USR … SHA A`: opens the circles.
    AuthenticateCircles { trid: TransactionId, ticket: Secret<'a> },
    /// `USR … S`: proves who it is; from MSNP15 with a proof, from MSNP16 with the installation.
    AuthenticateWith {
        trid: TransactionId,
        scheme: &'a str,
        ticket: Secret<'a>,
        proof: Option<Secret<'a>>,
        machine: Option<&'a str>,
    },
    /// `CAL`: invites somebody into the conversation.
    Call { trid: TransactionId, account: &'a str },
    /// `QRY`: answers a challenge.
    ChallengeAnswer { trid: TransactionId, product: &'a str, response: &'a [u8] },
    /// `CHG`: sets the own status.
    ChangeStatus {
        trid: TransactionId,
        status: Status,
        capabilities: Option<Capabilities>,
        object: Option<Cow<'a, str>>,
    },
    /// `CVR`: says which program it is.
    ClientVersion {
        trid: TransactionId,
        program: &'a str,
        number: &'a str,
        account: &'a str,
        token: Option<&'a str>,
    },
    /// `SBP`: sets what the account keeps about a contact, such as her name (`MFN`).
    ContactProperty {
        trid: TransactionId,
        id: &'a str,
        property: &'a str,
        value: Option<Cow<'a, str>>,
    },
    /// `SDG`: says something.
    Datagram { trid: TransactionId, payload: &'a [u8] },
    /// `ADD`, `ADC`, `REM`: puts somebody on a list or takes her off.
    EditList { trid: TransactionId, change: ListChange<'a> },
    /// `ADG`, `REG`, `RMG`: makes, renames or removes a group.
    EditGroup { trid: TransactionId, change: GroupChange, words: Vec<Cow<'a, str>> },
    /// `USR` on a switchboard: comes in with a ticket.
    Enter { trid: TransactionId, account: &'a str, ticket: Secret<'a> },
    /// `OUT`.
    Goodbye,
    /// `MSG`.
    Message { trid: TransactionId, ack: AckMode, payload: &'a [u8] },
    /// `UUM`: words past the switchboard, to somebody of another network or in her absence.
    MessageElsewhere {
        trid: TransactionId,
        to: &'a str,
        network: u32,
        kind: u32,
        payload: &'a [u8],
    },
    /// `PNG`.
    Ping,
    /// `GCF`: asks for policies.
    Policies { trid: TransactionId, file: &'a str },
    /// `BLP`, `GTC`: sets a privacy setting.
    Privacy { trid: TransactionId, verb: &'static str, value: &'a str },
    /// `PRP`: sets an own property.
    Property { trid: TransactionId, property: &'a str, value: Option<Cow<'a, str>> },
    /// `PUT`, `DEL`: publishes something, or takes it back.
    Publish { trid: TransactionId, add: bool, payload: &'a [u8] },
    /// `REA`: sets a name.
    Rename { trid: TransactionId, account: &'a str, name: Cow<'a, str> },
    /// `XFR SB`: asks for a switchboard.
    RequestSwitchboard { trid: TransactionId },
    /// `UUX`: sets the personal message.
    SetPersonalMessage { trid: TransactionId, payload: &'a [u8] },
    /// `SYN`: asks for the lists.
    Synchronize { trid: TransactionId, first: &'a str, second: Option<&'a str> },
    /// `ADL`, `RML`: tells who is on the lists, or is not any more.
    TellLists { trid: TransactionId, add: bool, payload: &'a [u8] },
    /// `UUN`: sends a notice to another user.
    UserNotice { trid: TransactionId, to: &'a str, kind: u32, payload: &'a [u8] },
    /// Anything else.
    Unknown { verb: Cow<'a, str>, trid: Option<TransactionId> },
    /// `URL`: asks for a web address.
    Url { trid: TransactionId, words: Vec<&'a str> },
    /// `VER`: offers protocols, as named.
    Version { trid: TransactionId, names: Vec<&'a str> },
}

impl<'a> ClientCommand<'a> {
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
        Ok(match (verb::code(frame.verb()), kind) {
            (verb::PNG, _) => Self::Ping,
            (verb::OUT, _) => Self::Goodbye,
            (verb::MSG, _) => Self::Message {
                trid: a.number()?,
                ack: a.word("an acknowledgement mode", AckMode::from_letter)?,
                payload: frame.payload(),
            },
            (verb::CAL, _) => Self::Call { trid: a.number()?, account: a.raw()? },
            (verb::ANS, _) => Self::Answer {
                trid: a.number()?,
                account: a.raw()?,
                ticket: Secret(a.raw()?),
                session: a.raw()?,
            },
            (verb::USR, LinkKind::Switchboard) => {
                Self::Enter { trid: a.number()?, account: a.raw()?, ticket: Secret(a.raw()?) }
            }
            (verb::USR, LinkKind::Notification) => authenticate(a)?,
            (verb::VER, _) => Self::Version { trid: a.number()?, names: rest(a)? },
            (verb::CVR, _) => {
                let trid = a.number()?;
                a.skip(4); // language, system, its version, architecture
                let (program, number) = (a.raw()?, a.raw()?);
                a.skip(1); // brand
                let account = a.raw_if_any()?.unwrap_or_default();
                let token = a.raw_if_any()?.filter(|token| *token != "0");
                Self::ClientVersion { trid, program, number, account, token }
            }
            (verb::SYN, _) => {
                Self::Synchronize { trid: a.number()?, first: a.raw()?, second: a.raw_if_any()? }
            }
            (verb::CHG, _) => Self::ChangeStatus {
                trid: a.number()?,
                status: a.word("a status", Status::from_code)?,
                capabilities: a.bytes_if_any().and_then(Capabilities::from_wire),
                object: a.text_if_any().filter(|object| object != "0"),
            },
            (verb::UUX, _) => {
                Self::SetPersonalMessage { trid: a.number()?, payload: frame.payload() }
            }
            (verb::QRY, _) => Self::ChallengeAnswer {
                trid: a.number()?,
                product: a.raw()?,
                response: frame.payload(),
            },
            (verb::XFR, _) => {
                let trid = a.number()?;
                a.word("SB", |word| (word == b"SB").then_some(()))?;
                Self::RequestSwitchboard { trid }
            }
            (verb::BLP, _) => Self::Privacy { trid: a.number()?, verb: "BLP", value: a.raw()? },
            (verb::GTC, _) => Self::Privacy { trid: a.number()?, verb: "GTC", value: a.raw()? },
            (verb::PRP, _) => {
                Self::Property { trid: a.number()?, property: a.raw()?, value: a.text_if_any() }
            }
            (verb::SBP, _) => Self::ContactProperty {
                trid: a.number()?,
                id: a.raw()?,
                property: a.raw()?,
                value: a.text_if_any(),
            },
            (verb::REA, _) => {
                Self::Rename { trid: a.number()?, account: a.raw()?, name: a.text()? }
            }
            (code @ (verb::ADD | verb::ADC | verb::REM), _) => Self::EditList {
                trid: a.number()?,
                change: ListChange::decode(a, code != verb::REM, version, false)?,
            },
            (verb::ADG, _) => edit_group(a, GroupChange::Add)?,
            (verb::REG, _) => edit_group(a, GroupChange::Rename)?,
            (verb::RMG, _) => edit_group(a, GroupChange::Remove)?,
            (code @ (verb::ADL | verb::RML), _) => Self::TellLists {
                trid: a.number()?,
                add: code == verb::ADL,
                payload: frame.payload(),
            },
            (verb::FQY, _) => Self::AskNetworks { trid: a.number()?, payload: frame.payload() },
            (verb::INF, _) => Self::AskSchemes { trid: a.number()? },
            (verb::UUM, _) => Self::MessageElsewhere {
                trid: a.number()?,
                to: a.raw()?,
                network: a.number()?,
                kind: a.number()?,
                payload: frame.payload(),
            },
            (verb::UUN, _) => Self::UserNotice {
                trid: a.number()?,
                to: a.raw()?,
                kind: a.number()?,
                payload: frame.payload(),
            },
            (code @ (verb::PUT | verb::DEL), _) => Self::Publish {
                trid: a.number()?,
                add: code == verb::PUT,
                payload: frame.payload(),
            },
            (verb::SDG, _) => Self::Datagram { trid: a.number()?, payload: frame.payload() },
            (verb::GCF, _) => Self::Policies { trid: a.number()?, file: a.raw()? },
            (verb::URL, _) => Self::Url { trid: a.number()?, words: rest(a)? },
            _ => Self::Unknown {
                verb: String::from_utf8_lossy(frame.verb()),
                trid: a.number_if_any(),
            },
        })
    }
}

fn authenticate<'a>(a: &mut Arguments<'_, 'a>) -> Result<ClientCommand<'a>, DecodeError> {
    let (trid, scheme) = (a.number()?, a.raw()?);
    match a.raw()? {
        "I" => Ok(ClientCommand::AuthenticateAs { trid, scheme, account: a.raw()? }),
        "S" => Ok(ClientCommand::AuthenticateWith {
            trid,
            scheme,
            ticket: Secret(a.raw()?),
            proof: a.raw_if_any()?.map(Secret),
            machine: a.raw_if_any()?,
        }),
        "A" if scheme == "SHA" => {
            Ok(ClientCommand::AuthenticateCircles { trid, ticket: Secret(a.raw()?) })
        }
        _ => Err(a.malformed("I or S")),
    }
}

fn edit_group<'a>(
    a: &mut Arguments<'_, 'a>,
    change: GroupChange,
) -> Result<ClientCommand<'a>, DecodeError> {
    let trid = a.number()?;
    let mut words = vec![a.text()?];
    while let Some(word) = a.text_if_any() {
        words.push(word);
    }
    Ok(ClientCommand::EditGroup { trid, change, words })
}

fn rest<'a>(a: &mut Arguments<'_, 'a>) -> Result<Vec<&'a str>, DecodeError> {
    let mut words = Vec::new();
    while let Some(word) = a.raw_if_any()? {
        words.push(word);
    }
    Ok(words)
}
