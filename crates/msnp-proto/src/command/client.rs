//! What clients say, read.

use std::borrow::Cow;

use super::{AckMode, DecodeError, GroupChange, ListChange, Secret, Status, TransactionId};
use crate::{arg::Arguments, frame::Frame, payload::LinkKind, version::Version};

/// A command from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's line says what its fields are")]
pub enum ClientCommand<'a> {
    /// `ANS`: takes the call of that session.
    Answer {
        trid: TransactionId,
        account: &'a str,
        ticket: Secret<'a>,
        session: &'a str,
    },
    /// `USR … I`: begins to sign in.
    AuthenticateAs {
        trid: TransactionId,
        scheme: &'a str,
        account: &'a str,
    },
    /// `USR … S`: proves who it is.
    AuthenticateWith {
        trid: TransactionId,
        scheme: &'a str,
        ticket: Secret<'a>,
    },
    /// `CAL`: invites somebody into the conversation.
    Call {
        trid: TransactionId,
        account: &'a str,
    },
    /// `QRY`: answers a challenge.
    ChallengeAnswer {
        trid: TransactionId,
        product: &'a str,
        response: &'a [u8],
    },
    /// `CHG`: sets the own status.
    ChangeStatus {
        trid: TransactionId,
        status: Status,
        capabilities: Option<u64>,
        object: Option<Cow<'a, str>>,
    },
    /// `CVR`: says which program it is.
    ClientVersion {
        trid: TransactionId,
        program: &'a str,
        number: &'a str,
        account: &'a str,
    },
    /// `ADD`, `ADC`, `REM`: puts somebody on a list or takes her off.
    EditList {
        trid: TransactionId,
        change: ListChange<'a>,
    },
    /// `ADG`, `REG`, `RMG`: makes, renames or removes a group.
    EditGroup {
        trid: TransactionId,
        change: GroupChange,
        words: Vec<Cow<'a, str>>,
    },
    /// `USR` on a switchboard: comes in with a ticket.
    Enter {
        trid: TransactionId,
        account: &'a str,
        ticket: Secret<'a>,
    },
    /// `OUT`.
    Goodbye,
    /// `MSG`.
    Message {
        trid: TransactionId,
        ack: AckMode,
        payload: &'a [u8],
    },
    /// `PNG`.
    Ping,
    /// `BLP`, `GTC`: sets a privacy setting.
    Privacy {
        trid: TransactionId,
        verb: &'static str,
        value: &'a str,
    },
    /// `PRP`: sets an own property.
    Property {
        trid: TransactionId,
        property: &'a str,
        value: Option<Cow<'a, str>>,
    },
    /// `REA`: sets a name.
    Rename {
        trid: TransactionId,
        account: &'a str,
        name: Cow<'a, str>,
    },
    /// `XFR SB`: asks for a switchboard.
    RequestSwitchboard { trid: TransactionId },
    /// `UUX`: sets the personal message.
    SetPersonalMessage {
        trid: TransactionId,
        payload: &'a [u8],
    },
    /// `SYN`: asks for the lists.
    Synchronize {
        trid: TransactionId,
        first: &'a str,
        second: Option<&'a str>,
    },
    /// Anything else.
    Unknown {
        verb: Cow<'a, str>,
        trid: Option<TransactionId>,
    },
    /// `URL`: asks for a web address.
    Url {
        trid: TransactionId,
        words: Vec<&'a str>,
    },
    /// `VER`: offers protocols, as named.
    Version {
        trid: TransactionId,
        names: Vec<&'a str>,
    },
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
        Ok(match (frame.verb(), kind) {
            (b"PNG", _) => Self::Ping,
            (b"OUT", _) => Self::Goodbye,
            (b"MSG", _) => Self::Message {
                trid: a.number()?,
                ack: a.word("an acknowledgement mode", AckMode::from_letter)?,
                payload: frame.payload(),
            },
            (b"CAL", _) => Self::Call {
                trid: a.number()?,
                account: a.raw()?,
            },
            (b"ANS", _) => Self::Answer {
                trid: a.number()?,
                account: a.raw()?,
                ticket: Secret(a.raw()?),
                session: a.raw()?,
            },
            (b"USR", LinkKind::Switchboard) => Self::Enter {
                trid: a.number()?,
                account: a.raw()?,
                ticket: Secret(a.raw()?),
            },
            (b"USR", LinkKind::Notification) => authenticate(a)?,
            (b"VER", _) => Self::Version {
                trid: a.number()?,
                names: rest(a)?,
            },
            (b"CVR", _) => {
                let trid = a.number()?;
                a.skip(4); // language, system, its version, architecture
                let (program, number) = (a.raw()?, a.raw()?);
                a.skip(1); // brand
                let account = a.raw_if_any()?.unwrap_or_default();
                Self::ClientVersion {
                    trid,
                    program,
                    number,
                    account,
                }
            }
            (b"SYN", _) => Self::Synchronize {
                trid: a.number()?,
                first: a.raw()?,
                second: a.raw_if_any()?,
            },
            (b"CHG", _) => Self::ChangeStatus {
                trid: a.number()?,
                status: a.word("a status", Status::from_code)?,
                capabilities: a.number_if_any(),
                object: a.text_if_any().filter(|object| object != "0"),
            },
            (b"UUX", _) => Self::SetPersonalMessage {
                trid: a.number()?,
                payload: frame.payload(),
            },
            (b"QRY", _) => Self::ChallengeAnswer {
                trid: a.number()?,
                product: a.raw()?,
                response: frame.payload(),
            },
            (b"XFR", _) => {
                let trid = a.number()?;
                a.word("SB", |word| (word == b"SB").then_some(()))?;
                Self::RequestSwitchboard { trid }
            }
            (b"BLP", _) => Self::Privacy {
                trid: a.number()?,
                verb: "BLP",
                value: a.raw()?,
            },
            (b"GTC", _) => Self::Privacy {
                trid: a.number()?,
                verb: "GTC",
                value: a.raw()?,
            },
            (b"PRP", _) => Self::Property {
                trid: a.number()?,
                property: a.raw()?,
                value: a.text_if_any(),
            },
            (b"REA", _) => Self::Rename {
                trid: a.number()?,
                account: a.raw()?,
                name: a.text()?,
            },
            (verb @ (b"ADD" | b"ADC" | b"REM"), _) => Self::EditList {
                trid: a.number()?,
                change: ListChange::decode(a, verb != b"REM", version, false)?,
            },
            (b"ADG", _) => edit_group(a, GroupChange::Add)?,
            (b"REG", _) => edit_group(a, GroupChange::Rename)?,
            (b"RMG", _) => edit_group(a, GroupChange::Remove)?,
            (b"URL", _) => Self::Url {
                trid: a.number()?,
                words: rest(a)?,
            },
            (verb, _) => Self::Unknown {
                verb: String::from_utf8_lossy(verb),
                trid: a.number_if_any(),
            },
        })
    }
}

fn authenticate<'a>(a: &mut Arguments<'_, 'a>) -> Result<ClientCommand<'a>, DecodeError> {
    let (trid, scheme) = (a.number()?, a.raw()?);
    match a.raw()? {
        "I" => Ok(ClientCommand::AuthenticateAs {
            trid,
            scheme,
            account: a.raw()?,
        }),
        "S" => Ok(ClientCommand::AuthenticateWith {
            trid,
            scheme,
            ticket: Secret(a.raw()?),
        }),
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
    Ok(ClientCommand::EditGroup {
        trid,
        change,
        words,
    })
}

fn rest<'a>(a: &mut Arguments<'_, 'a>) -> Result<Vec<&'a str>, DecodeError> {
    let mut words = Vec::new();
    while let Some(word) = a.raw_if_any()? {
        words.push(word);
    }
    Ok(words)
}
