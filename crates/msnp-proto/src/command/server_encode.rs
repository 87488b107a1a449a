//! What servers say, written.

use super::{Line, ListEntry, Presence, Redirect, ServerCommand};
use crate::{payload::LinkKind, version::Version};

impl ServerCommand<'_> {
    /// Writes the command, with its line's end and its payload, at the end of `out`.
    ///
    /// Words that are not escaped on the wire lose spaces and line ends, so nothing can forge a
    /// second command.
    pub fn encode(&self, version: Version, kind: LinkKind, out: &mut Vec<u8>) {
        match self {
            Self::Acknowledge { trid } => Line::new(out, "ACK").number(trid).end(),
            Self::Answered { trid } => Line::new(out, "ANS").number(trid).raw("OK").end(),
            Self::AuthenticateWith { trid, scheme, policy } => {
                Line::new(out, "USR").number(trid).raw(scheme).raw("S").raw(policy).end();
            }
            Self::ChallengePassed { trid } => Line::new(out, "QRY").number(trid).end(),
            Self::Challenge { text } => Line::new(out, "CHL").raw("0").raw(text).end(),
            Self::ClientVersion { trid, recommended, minimum, download, info } => {
                let line = Line::new(out, "CVR").number(trid).raw(recommended).raw(recommended);
                line.raw(minimum).raw(download).raw(info).end();
            }
            Self::ContactProperty { account, property, value } => {
                let line = Line::new(out, "BPR").raw_if(*account).raw(property);
                text_if(line, value.as_deref()).end();
            }
            Self::ContactPropertySet { trid, id, property, value } => {
                let line = Line::new(out, "SBP").number(trid).raw(id).raw(property);
                text_if(line, value.as_deref()).end();
            }
            Self::Error { trid, code, payload } => {
                let code = format!("{:03}", code.0);
                let line = Line::new(out, &code).number(trid.unwrap_or_default());
                if payload.is_empty() { line.end() } else { line.payload(payload) }
            }
            Self::Goodbye { reason } => Line::new(out, "OUT").raw_if(*reason).end(),
            Self::Group { name, id } if version.has_guids() => {
                Line::new(out, "LSG").text(name).raw(id).end();
            }
            Self::Group { name, id } => Line::new(out, "LSG").raw(id).text(name).raw("0").end(),
            Self::GroupChanged { trid, change, words } => {
                let line = Line::new(out, change.verb()).number(trid);
                words.iter().fold(line, |line, word| line.text(word)).end();
            }
            Self::InitialPresence { trid, presence } => {
                write_presence(Line::new(out, "ILN").number(trid), presence, version);
            }
            Self::Left { account } => Line::new(out, "BYE").raw(account).end(),
            Self::ListChanged { trid, change } => change.encode(*trid, version, out),
            Self::ListEntry(entry) => ListEntry::encode(entry, version, out),
            Self::Message { sender, name, payload } => {
                Line::new(out, "MSG").raw(sender).text(name).payload(payload);
            }
            Self::NotDelivered { trid } => Line::new(out, "NAK").number(trid).end(),
            Self::Notice { payload } => Line::new(out, "NOT").payload(payload),
            Self::Offline { account } => Line::new(out, "FLN").raw(account).end(),
            Self::Privacy { trid, verb, serial, value } => {
                let line = number_if(number_if(Line::new(out, verb), *trid), *serial);
                line.raw(value).end();
            }
            Self::Present { trid, index, count, account, name, capabilities } => {
                let line = Line::new(out, "IRO").number(trid).number(index).number(count);
                let line = line.raw(account).text(name);
                number_if(line, capabilities.filter(|_| version.has_roster_capabilities())).end();
            }
            Self::Joined { account, name, capabilities } => {
                let line = Line::new(out, "JOI").raw(account).text(name);
                number_if(line, capabilities.filter(|_| version.has_roster_capabilities())).end();
            }
            Self::PersonalMessage { account, payload } => {
                Line::new(out, "UBX").raw(account).payload(payload);
            }
            Self::PersonalMessageSet { trid } => Line::new(out, "UUX").number(trid).raw("0").end(),
            Self::Policies { trid, file, payload } => {
                Line::new(out, "GCF").number(trid).raw_if(*file).payload(payload);
            }
            Self::Pong { seconds } => {
                let seconds = seconds.filter(|_| version.has_ping_interval());
                number_if(Line::new(out, "QNG"), seconds).end();
            }
            Self::Presence(presence) => write_presence(Line::new(out, "NLN"), presence, version),
            Self::PresenceSet { trid, status, capabilities, object } => {
                let line = Line::new(out, "CHG").number(trid).raw(status.code());
                text_if(number_if(line, *capabilities), object.as_deref()).end();
            }
            Self::Property { trid, property, value } => {
                let line = number_if(Line::new(out, "PRP"), *trid).raw(property);
                text_if(line, value.as_deref()).end();
            }
            Self::Renamed { trid, serial, account, name } => {
                let line = number_if(Line::new(out, "REA").number(trid), *serial);
                line.raw(account).text(name).end();
            }
            Self::Ring { session, address, ticket, caller, name } => {
                let line = Line::new(out, "RNG").raw(session).raw(address).raw("CKI");
                line.raw(ticket.0).raw(caller).text(name).end();
            }
            Self::Ringing { trid, session } => {
                Line::new(out, "CAL").number(trid).raw("RINGING").raw(session).end();
            }
            Self::Sbs => Line::new(out, "SBS").raw("0").raw("null").end(),
            Self::SignedIn { trid, account, name } => {
                let line = Line::new(out, "USR").number(trid).raw("OK").raw(account);
                match (kind, version.has_name_in_sign_in()) {
                    (LinkKind::Switchboard, _) => text_if(line, name.as_deref()).end(),
                    (_, true) => text_if(line, name.as_deref()).raw("1").raw("0").end(),
                    (_, false) => line.raw("1").raw("0").end(),
                }
            }
            Self::Synchronize { trid, first, second, counts } => {
                let line = Line::new(out, "SYN").number(trid).raw(first).raw_if(*second);
                match counts {
                    Some((contacts, groups)) => line.number(contacts).number(groups).end(),
                    None => line.end(),
                }
            }
            Self::Transfer { trid, to: Redirect::Notification { address } } => {
                let line = Line::new(out, "XFR").number(trid).raw("NS").raw(address);
                line.raw("0").raw(address).end();
            }
            Self::Transfer { trid, to: Redirect::Switchboard { address, ticket } } => {
                let line = Line::new(out, "XFR").number(trid).raw("SB").raw(address);
                line.raw("CKI").raw(ticket.0).end();
            }
            Self::Unknown { verb, payload } => {
                let line = Line::new(out, verb);
                if payload.is_empty() { line.end() } else { line.payload(payload) }
            }
            Self::Url { trid, words } => {
                let line = Line::new(out, "URL").number(trid);
                words.iter().fold(line, |line, word| line.raw(word)).end();
            }
            Self::Version { trid, version } => {
                let line = Line::new(out, "VER").number(trid);
                match version {
                    Some(version) => line.raw(&version.to_string()).end(),
                    None => line.raw("0").end(),
                }
            }
        }
    }
}

fn write_presence(line: Line<'_>, presence: &Presence<'_>, version: Version) {
    let line = line.raw(presence.status.code()).raw(presence.account).text(&presence.name);
    let line = number_if(line, presence.capabilities);
    let object = presence.object.as_deref().filter(|_| version.has_objects());
    text_if(line, object).end();
}

fn number_if<'o>(line: Line<'o>, number: Option<impl std::fmt::Display>) -> Line<'o> {
    match number {
        Some(number) => line.number(number),
        None => line,
    }
}

fn text_if<'o>(line: Line<'o>, text: Option<&str>) -> Line<'o> {
    match text {
        Some(text) => line.text(text),
        None => line,
    }
}
