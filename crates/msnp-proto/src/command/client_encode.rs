//! What clients say, written.

use super::{ClientCommand, Line, server_encode::write_shown};
use crate::version::Version;

impl ClientCommand<'_> {
    /// Writes the command, with its line's end and its payload, at the end of `out`.
    ///
    /// Words that are not escaped on the wire lose spaces and line ends, so nothing can forge a
    /// second command.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        match self {
            Self::Answer { trid, account, ticket, session } => {
                Line::new(out, "ANS").number(trid).raw(account).raw(ticket.0).raw(session).end();
            }
            Self::AskNetworks { trid, payload } => {
                Line::new(out, "FQY").number(trid).payload(payload);
            }
            Self::AskSchemes { trid } => Line::new(out, "INF").number(trid).end(),
            Self::AuthenticateAs { trid, scheme, account } => {
                Line::new(out, "USR").number(trid).raw(scheme).raw("I").raw(account).end();
            }
            Self::AuthenticateCircles { trid, ticket } => {
                Line::new(out, "USR").number(trid).raw("SHA").raw("A").raw(ticket.0).end();
            }
            Self::AuthenticateWith { trid, scheme, ticket, proof, machine } => {
                let line = Line::new(out, "USR").number(trid).raw(scheme).raw("S").raw(ticket.0);
                line.raw_if(proof.map(|proof| proof.0)).raw_if(*machine).end();
            }
            Self::Call { trid, account } => Line::new(out, "CAL").number(trid).raw(account).end(),
            Self::ChallengeAnswer { trid, product, response } => {
                Line::new(out, "QRY").number(trid).raw(product).payload(response);
            }
            Self::ChangeStatus { trid, status, capabilities, object } => {
                let line = Line::new(out, "CHG").number(trid).raw(status.code());
                write_shown(line, *capabilities, object.as_deref(), version);
            }
            Self::ClientVersion { trid, program, number, account, token } => {
                let line = Line::new(out, "CVR").number(trid);
                let line = line.raw("0x0409").raw("winnt").raw("5.1").raw("i386");
                let line = line.raw(program).raw(number).raw("msmsgs");
                if account.is_empty() {
                    return line.end(); // what follows would be taken for it
                }
                let token = token.or(version.has_redirect_token().then_some("0"));
                line.raw(account).raw_if(token).end();
            }
            Self::ContactProperty { trid, id, property, value } => {
                let line = Line::new(out, "SBP").number(trid).raw(id).raw(property);
                match value {
                    Some(value) => line.text(value).end(),
                    None => line.end(),
                }
            }
            Self::Datagram { trid, payload } => {
                Line::new(out, "SDG").number(trid).payload(payload);
            }
            Self::EditList { trid, change } => change.encode(*trid, version, out),
            Self::EditGroup { trid, change, words } => {
                let line = Line::new(out, change.verb()).number(trid);
                words.iter().fold(line, |line, word| line.text(word)).end();
            }
            Self::Enter { trid, account, ticket } => {
                Line::new(out, "USR").number(trid).raw(account).raw(ticket.0).end();
            }
            Self::Goodbye => Line::new(out, "OUT").end(),
            Self::Message { trid, ack, payload } => {
                Line::new(out, "MSG").number(trid).raw(ack.letter()).payload(payload);
            }
            Self::MessageElsewhere { trid, to, network, kind, payload } => {
                let line = Line::new(out, "UUM").number(trid).raw(to).number(network);
                line.number(kind).payload(payload);
            }
            Self::Ping => Line::new(out, "PNG").end(),
            Self::Policies { trid, file } => Line::new(out, "GCF").number(trid).raw(file).end(),
            Self::Privacy { trid, verb, value } => {
                Line::new(out, verb).number(trid).raw(value).end();
            }
            Self::Property { trid, property, value } => {
                let line = Line::new(out, "PRP").number(trid).raw(property);
                match value {
                    Some(value) => line.text(value).end(),
                    None => line.end(),
                }
            }
            Self::Publish { trid, add, payload } => {
                Line::new(out, if *add { "PUT" } else { "DEL" }).number(trid).payload(payload);
            }
            Self::Rename { trid, account, name } => {
                Line::new(out, "REA").number(trid).raw(account).text(name).end();
            }
            Self::RequestSwitchboard { trid } => Line::new(out, "XFR").number(trid).raw("SB").end(),
            Self::SetPersonalMessage { trid, payload } => {
                Line::new(out, "UUX").number(trid).payload(payload);
            }
            Self::Synchronize { trid, first, second } => {
                Line::new(out, "SYN").number(trid).raw(first).raw_if(*second).end();
            }
            Self::TellLists { trid, add, payload } => {
                Line::new(out, if *add { "ADL" } else { "RML" }).number(trid).payload(payload);
            }
            Self::UserNotice { trid, to, kind, payload } => {
                Line::new(out, "UUN").number(trid).raw(to).number(kind).payload(payload);
            }
            Self::Unknown { verb, trid } => {
                let line = Line::new(out, verb);
                match trid {
                    Some(trid) => line.number(trid).end(),
                    None => line.end(),
                }
            }
            Self::Url { trid, words } => {
                let line = Line::new(out, "URL").number(trid);
                words.iter().fold(line, |line, word| line.raw(word)).end();
            }
            Self::Version { trid, names } => {
                let line = Line::new(out, "VER").number(trid);
                names.iter().fold(line, |line, name| line.raw(name)).end();
            }
        }
    }
}
