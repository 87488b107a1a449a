//! What servers say, written.

use super::{Capabilities, Line, ListEntry, Place, Presence, Redirect, ServerCommand};
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
            Self::AuthenticateWith { trid, scheme, policy, nonce } => {
                let line = Line::new(out, "USR").number(trid).raw(scheme).raw("S").raw(policy);
                line.raw_if(*nonce).end();
            }
            Self::ChallengePassed { trid } => Line::new(out, "QRY").number(trid).end(),
            Self::Challenge { text } => Line::new(out, "CHL").raw("0").raw(text).end(),
            Self::ClientVersion { trid, recommended, minimum, download, info } => {
                let line = Line::new(out, "CVR").number(trid).raw(recommended).raw(recommended);
                line.raw(minimum).raw(download).raw(info).end();
            }
            Self::ContactProperty { serial, account, property, value } => {
                let line = number_if(Line::new(out, "BPR"), *serial);
                let line = line.raw_if(*account).raw(property);
                text_if(line, value.as_deref()).end();
            }
            Self::ContactPropertySet { trid, id, property, value } => {
                let line = Line::new(out, "SBP").number(trid).raw(id).raw(property);
                text_if(line, value.as_deref()).end();
            }
            Self::Datagram { trid, payload } => {
                let line = Line::new(out, "SDG").number(trid);
                if payload.is_empty() { line.end() } else { line.payload(payload) }
            }
            Self::Error { trid, code, payload } => {
                let code = format!("{:03}", code.0);
                let line = Line::new(out, &code).number(trid.unwrap_or_default());
                if payload.is_empty() { line.end() } else { line.payload(payload) }
            }
            Self::Goodbye { reason, minutes } => {
                number_if(Line::new(out, "OUT").raw_if(*reason), *minutes).end();
            }
            Self::Group { name, id, .. } if version.has_guids() => {
                Line::new(out, "LSG").text(name).raw(id).end();
            }
            Self::Group { place, name, id } => {
                let mut line = Line::new(out, "LSG");
                if let Some(Place { trid, serial, index, count }) = place {
                    line = line.number(trid).number(serial).number(index).number(count);
                }
                line.raw(id).text(name).raw("0").end();
            }
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
            Self::ListsTaken { trid, add } => {
                Line::new(out, if *add { "ADL" } else { "RML" }).number(trid).raw("OK").end();
            }
            Self::ListsPushed { add, payload } => {
                Line::new(out, if *add { "ADL" } else { "RML" }).raw("0").payload(payload);
            }
            Self::Message { sender, name, payload } => {
                Line::new(out, "MSG").raw(sender).name(name, version).payload(payload);
            }
            Self::MessageElsewhere { from, to, kind, payload } => {
                let line = to.encode_apart(from.encode_apart(Line::new(out, "UBM")));
                line.number(kind).payload(payload);
            }
            Self::Networks { trid, payload } => {
                Line::new(out, "FQY").number(trid).payload(payload);
            }
            Self::NotDelivered { trid } => Line::new(out, "NAK").number(trid).end(),
            Self::Notice { payload } => Line::new(out, "NOT").payload(payload),
            Self::NumberedEntry(entry) => entry.encode(version, out),
            Self::Offline { whose, capabilities } => {
                let line = whose.encode(Line::new(out, "FLN"), version);
                let told = capabilities.filter(|_| version.has_network_in_presence());
                capabilities_if(line, told, version).end();
            }
            Self::Privacy { trid, verb, serial, value } => {
                let line = number_if(number_if(Line::new(out, verb), *trid), *serial);
                line.raw(value).end();
            }
            Self::Present { trid, index, count, account, name, capabilities } => {
                let line = Line::new(out, "IRO").number(trid).number(index).number(count);
                let line = line.raw(account).name(name, version);
                let told = capabilities.filter(|_| version.has_roster_capabilities());
                capabilities_if(line, told, version).end();
            }
            Self::Joined { account, name, capabilities } => {
                let line = Line::new(out, "JOI").raw(account).name(name, version);
                let told = capabilities.filter(|_| version.has_roster_capabilities());
                capabilities_if(line, told, version).end();
            }
            Self::PersonalMessage { whose, payload } => {
                whose.encode(Line::new(out, "UBX"), version).payload(payload);
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
                write_shown(line, *capabilities, object.as_deref(), version);
            }
            Self::Property { trid, serial, property, value } => {
                let line = number_if(number_if(Line::new(out, "PRP"), *trid), *serial);
                let line = line.raw(property);
                match value {
                    Some(value) => line.name(value, version).end(),
                    None => line.end(),
                }
            }
            Self::Published { trid, add, payload } => {
                let line = Line::new(out, if *add { "PUT" } else { "DEL" });
                line.number(trid).raw("OK").payload(payload);
            }
            Self::Publication { add, payload } => {
                let line = Line::new(out, "NFY").raw(if *add { "PUT" } else { "DEL" });
                line.payload(payload);
            }
            Self::Renamed { trid, serial, account, name } => {
                let line = number_if(Line::new(out, "REA").number(trid), *serial);
                line.raw(account).text(name).end();
            }
            Self::Ring { session, address, ticket, caller, name } => {
                let line = Line::new(out, "RNG").raw(session).raw(address).raw("CKI");
                let line = line.raw(ticket.0).raw(caller).name(name, version);
                service(line, RING_SERVICE, version).end();
            }
            Self::Ringing { trid, session } => {
                Line::new(out, "CAL").number(trid).raw("RINGING").raw(session).end();
            }
            Self::Sbs => Line::new(out, "SBS").raw("0").raw("null").end(),
            Self::Schemes { trid, scheme } => {
                Line::new(out, "INF").number(trid).raw(scheme).end();
            }
            Self::SignedIn { trid, account, name, verified } => {
                let line = Line::new(out, "USR").number(trid).raw("OK").raw(account);
                let board = kind == LinkKind::Switchboard;
                let named = board || version.has_name_in_sign_in();
                // Without a name what follows would be taken for it.
                let line = text_if(line, named.then(|| name.as_deref().unwrap_or(account)));
                let verified = if *verified { "1" } else { "0" };
                let verified = (!board && version.has_verified_in_sign_in()).then_some(verified);
                let restricted = (!board && version.has_restricted_in_sign_in()).then_some("0");
                line.raw_if(verified).raw_if(restricted).end();
            }
            Self::Synchronize { trid, first, second, counts } => {
                let line = Line::new(out, "SYN").number(trid).raw(first).raw_if(*second);
                match counts {
                    Some((contacts, groups)) => line.number(contacts).number(groups).end(),
                    None => line.end(),
                }
            }
            Self::Transfer { trid, to: Redirect::Notification { address, token } } => {
                let line = Line::new(out, "XFR").number(trid).raw("NS").raw(address);
                let (kind, from) = match version.has_web_lists() {
                    true => ("U", Some("D")),
                    false => ("0", Some(*address).filter(|_| version.has_origin_in_redirect())),
                };
                let token = token.filter(|_| version.has_redirect_token());
                line.raw(kind).raw_if(from).raw_if(token).end();
            }
            Self::Transfer { trid, to: Redirect::Switchboard { address, ticket } } => {
                let line = Line::new(out, "XFR").number(trid).raw("SB").raw(address);
                service(line.raw("CKI").raw(ticket.0), TRANSFER_SERVICE, version).end();
            }
            Self::Unknown { verb, payload } => {
                let line = Line::new(out, verb);
                if payload.is_empty() { line.end() } else { line.payload(payload) }
            }
            Self::UserNotice { from, kind, payload } => {
                Line::new(out, "UBN").raw(from).number(kind).payload(payload);
            }
            Self::UserNoticeSent { trid } => Line::new(out, "UUN").number(trid).raw("OK").end(),
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
    let line = presence.whose.encode(line.raw(presence.status.code()), version);
    let line = line.name(&presence.name, version);
    write_shown(line, presence.capabilities, presence.object.as_deref(), version);
}

/// Ends a line with capabilities and a picture's description, as far as the version has them. A
/// description alone would be taken for capabilities, so it never is.
pub(super) fn write_shown(
    line: Line<'_>,
    capabilities: Option<Capabilities>,
    object: Option<&str>,
    version: Version,
) {
    let object = object.filter(|_| version.has_objects());
    let told = capabilities.or(object.map(|_| Capabilities::default()));
    let line = capabilities_if(line, told.filter(|_| version.has_capabilities()), version);
    text_if(line, object).end();
}

/// The service that opens a switchboard, as `XFR` and `RNG` name it.
const TRANSFER_SERVICE: &str = "messenger.msn.com";
const RING_SERVICE: &str = "messenger.hotmail.com";

fn service<'o>(line: Line<'o>, name: &str, version: Version) -> Line<'o> {
    if !version.has_service_in_ticket() {
        return line;
    }
    line.raw("U").raw(name).raw_if(version.has_reach_in_ticket().then_some("1"))
}

fn capabilities_if(
    line: Line<'_>,
    capabilities: Option<Capabilities>,
    version: Version,
) -> Line<'_> {
    number_if(line, capabilities.map(|capabilities| capabilities.for_version(version)))
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
