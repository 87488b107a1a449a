//! Servers that answer as they should, and web services that answer as they should or at random.

use msnp_proto::{
    ClientCommand, Direction, Framer, Limits, LinkKind, ServerCommand, Version,
    auth::security_token::{self, Form, Ticket},
    session::{HttpReply, HttpRequest},
    version::Scheme,
};
use secrecy::ExposeSecret as _;

pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const BOB: &str = "bob@example.com";
/// A contact of another network.
pub(crate) const EVE: &str = "eve@example.org";
/// A circle that the account is a member of, and one that it is asked into.
pub(crate) const CIRCLE: &str = "00000000-0000-0000-0009-000000000001";
pub(crate) const ASKED: &str = "00000000-0000-0000-0009-000000000002";
pub(crate) const GROUP: &str = "5d5ab0b0-0000-4000-8000-000000000001";

const NONCE: &str = "BwwRFhsgJSovNDk+Q0hNUldcYWZrcHV6f4SJjpOYnaKnrLG2u8DFys/U2d7j6O3y";

/// Answers commands.
pub(crate) fn answer(said: &[u8], version: Version, kind: LinkKind) -> Vec<u8> {
    let mut framer = Framer::new(kind, Direction::ToServer, Limits::default());
    framer.push(said);
    let mut out = Vec::new();
    while let Ok(Some(frame)) = framer.next() {
        if let Ok(command) = ClientCommand::decode(&frame, version, kind) {
            answer_one(&command, version, kind, &mut out);
        }
    }
    out
}

fn answer_one(command: &ClientCommand<'_>, version: Version, kind: LinkKind, out: &mut Vec<u8>) {
    let words = match command {
        ClientCommand::Version { trid, .. } => format!("VER {trid} {version}\r\n"),
        ClientCommand::AskSchemes { trid } => format!("INF {trid} MD5\r\n"),
        ClientCommand::ClientVersion { trid, .. } => format!("CVR {trid} a a a b c\r\n"),
        ClientCommand::AuthenticateAs { trid, scheme, .. } => match version.scheme() {
            Scheme::TicketWithProof => format!("USR {trid} {scheme} S MBI_KEY_OLD {NONCE}\r\n"),
            _ => format!("USR {trid} {scheme} S ct=1,id=507\r\n"),
        },
        ClientCommand::AuthenticateWith { trid, .. }
        | ClientCommand::AuthenticateCircles { trid, .. }
        | ClientCommand::Enter { trid, .. } => {
            let name = Some("Ada".into());
            let reply = ServerCommand::SignedIn { trid: *trid, account: ADA, name, verified: true };
            return reply.encode(version, kind, out);
        }
        ClientCommand::Synchronize { trid, .. } => lists(*trid, version),
        ClientCommand::TellLists { trid, add, .. } => {
            format!("{} {trid} OK\r\n", if *add { "ADL" } else { "RML" })
        }
        ClientCommand::ChangeStatus { trid, status, .. } => {
            format!("CHG {trid} {} 0\r\n", status.code())
        }
        ClientCommand::Publish { trid, add: true, payload }
            if payload.windows(13).any(|part| part == b"To: 10:000000")
                && payload.ends_with(b"\r\n\r\n") =>
        {
            let group = "Routing: 1.0\r\nFrom: 10:00000001-003d-0003-4136-314b00000000@live.com\r\n\r\n\
                         Reliability: 1.0\r\n\r\n";
            format!("PUT {trid} OK {}\r\n{group}", group.len())
        }
        ClientCommand::Publish { trid, add, .. } => {
            format!("{} {trid} OK 0\r\n", if *add { "PUT" } else { "DEL" })
        }
        ClientCommand::Datagram { trid, .. } => format!("SDG {trid}\r\n"),
        ClientCommand::SetPersonalMessage { trid, .. } => format!("UUX {trid} 0\r\n"),
        ClientCommand::Privacy { trid, verb, value } => format!("{verb} {trid} 9 {value}\r\n"),
        ClientCommand::Property { trid, .. } => format!("PRP {trid} MFN Ada\r\n"),
        ClientCommand::ContactProperty { trid, .. } => format!("SBP {trid} 1 MFN Bob\r\n"),
        ClientCommand::Rename { trid, .. } => format!("REA {trid} 9 {ADA} Ada\r\n"),
        ClientCommand::RequestSwitchboard { trid } => format!("XFR {trid} SB b:1864 CKI key\r\n"),
        ClientCommand::EditList { trid, change } => {
            let reply = ServerCommand::ListChanged { trid: *trid, change: change.clone() };
            return reply.encode(version, kind, out);
        }
        ClientCommand::EditGroup { trid, change, words } => {
            let mut words = words.clone();
            words.push(if version.has_guids() { GROUP.into() } else { "3".into() });
            let reply = ServerCommand::GroupChanged { trid: *trid, change: *change, words };
            return reply.encode(version, kind, out);
        }
        ClientCommand::Ping => "QNG 50\r\n".to_owned(),
        ClientCommand::AskNetworks { trid, payload } => {
            let payload = *payload;
            return ServerCommand::Networks { trid: *trid, payload }.encode(version, kind, out);
        }
        ClientCommand::UserNotice { trid, .. } => format!("UUN {trid} OK\r\n"),
        ClientCommand::ChallengeAnswer { trid, .. } => format!("QRY {trid}\r\n"),
        ClientCommand::Call { trid, account } => {
            format!("CAL {trid} RINGING 77\r\nJOI {account} Bob\r\n")
        }
        ClientCommand::Answer { trid, .. } => {
            format!("IRO {trid} 1 1 {BOB} Bob\r\nANS {trid} OK\r\n")
        }
        ClientCommand::Message { trid, .. } => format!("ACK {trid}\r\n"),
        _ => String::new(),
    };
    out.extend(words.into_bytes());
}

fn lists(trid: u32, version: Version) -> String {
    if version.has_numbered_lists() {
        let groups = if version.has_groups() { "LSG # 27 1 1 1 Friends 0\r\n" } else { "" };
        let bob = format!("27 1 1 {BOB} Bob");
        let lines = format!(
            "SYN # 27\r\nGTC # 27 A\r\nBLP # 27 AL\r\n{groups}LST # FL {bob} 1\r\nLST # AL {bob}\r\n\
             LST # BL 27 0 0\r\nLST # RL {bob}\r\n"
        );
        return lines.replace('#', &trid.to_string());
    }
    if version.has_guids() {
        return format!(
            "SYN {trid} 0 0 1 1\r\nGTC A\r\nBLP AL\r\nPRP MFN Ada\r\nLSG Friends {GROUP}\r\n\
             LST N={BOB} F=Bob C=00000000-0000-4000-8000-000000000002 11 1\r\n"
        );
    }
    format!("SYN {trid} 27 1 1\r\nGTC A\r\nBLP AL\r\nLSG 1 Friends 0\r\nLST {BOB} Bob 11 1\r\n")
}

/// Finds the number of the command said last.
pub(crate) fn last_number(said: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(said);
    text.lines().rev().find_map(|line| line.split(' ').nth(1)?.parse().ok())
}

/// Answers a request to a web service as it should be.
pub(crate) fn web(request: &HttpRequest, version: Version) -> HttpReply {
    let action = request.headers.iter().find(|(name, _)| *name == "SOAPAction");
    let action = action.map(|(_, action)| action.expose_secret().trim_matches('"').to_owned());
    let action = action.as_deref().and_then(|action| action.rsplit('/').next());
    let body = match (action, &request.body) {
        (None, None) => return passport(&request.url),
        (None, Some(_)) => tokens(&request.url),
        (Some(action), _) => service(action, version).into_bytes(),
    };
    HttpReply { status: 200, headers: Vec::new(), body, failure: None }
}

fn circle(id: &str, state: &str) -> String {
    format!(
        "<CircleInverseInfo><Content><Handle><Id>{id}</Id></Handle><Info><DisplayName>Pals</DisplayName></Info></Content><PersonalInfo><MembershipInfo><CirclePersonalMembership><Role>Admin</Role><State>{state}</State></CirclePersonalMembership></MembershipInfo></PersonalInfo></CircleInverseInfo>"
    )
}

fn passport(url: &str) -> HttpReply {
    let body = b"GIF8 a picture".to_vec();
    let headers = match url.contains("pprdr") {
        true => ("passporturls", "DALogin=http://web/login.srf"),
        false => ("authentication-info", "Passport1.4 da-status=success,from-PP='t=1&p=2'"),
    };
    let headers = vec![(headers.0.to_owned(), headers.1.to_owned())];
    HttpReply { status: 200, headers, body, failure: None }
}

fn tokens(url: &str) -> Vec<u8> {
    let form = if url.ends_with("RST2.srf") { Form::Second } else { Form::First };
    let sites = [
        "messengerclear.live.com",
        "contacts.msn.com",
        "messenger.msn.com",
        "messengersecure.live.com",
        "storage.msn.com",
    ];
    let tickets = sites.map(|site| Ticket {
        address: site.to_owned(),
        ticket: format!("t={site}&p=").into(),
        secret: site.contains("clear").then_some([7; 24].into()),
        expires: "2026-11-24T02:31:08Z".to_owned(),
    });
    let answer = security_token::answer(form, &tickets, "2026-11-23T00:00:00Z");
    answer.expose_secret().as_bytes().to_vec()
}

fn service(action: &str, version: Version) -> String {
    let inside = match action {
        "FindMembership" => return MEMBERSHIPS.to_owned(),
        "ABFindAll" | "ABFindContactsPaged" => {
            let (small, large) = (("contacts", "groups", "ab"), ("Contacts", "Groups", "Ab"));
            let (contacts, groups, own) = if version.has_circles() { large } else { small };
            let contact = |inside: &str| format!("<Contact><contactId>00000000-0000-4000-8000-00000000000{}</contactId><contactInfo>{inside}</contactInfo></Contact>", inside.len() % 10);
            format!(
                "<R><{groups}><Group><groupId>{GROUP}</groupId><groupInfo><name>Friends</name></groupInfo>\
                 </Group></{groups}><{contacts}>{}{}{}{}</{contacts}><CircleResult><Circles>{}{}</Circles>\
                 <CircleTicket>ticket</CircleTicket></CircleResult><{own}><lastChange>x</lastChange></{own}></R>",
                contact("<contactType>Me</contactType><displayName>Ada</displayName><CID>77</CID>"),
                contact(&format!("<passportName>{BOB}</passportName><isMessengerUser>true</isMessengerUser><displayName>Bob</displayName>")),
                contact(&format!("<emails><ContactEmail><email>{EVE}</email><isMessengerEnabled>true</isMessengerEnabled><Capability>32</Capability></ContactEmail></emails>")),
                contact("<passportName>ada@example.com</passportName>"),
                circle(CIRCLE, "Accepted"),
                circle(ASKED, "WaitingResponse"),
            )
        }
        "CreateCircle" => format!("<CreateCircleResult><Id>{CIRCLE}</Id></CreateCircleResult>"),
        "CreateContact" => "<CreateContactResult><contactId>c9</contactId></CreateContactResult>".to_owned(),
        "GetMetadata" => "<MD><M><I>MSG1</I><E>bob@example.com</E></M><M><I>MSG2</I></M></MD>".to_owned(),
        "GetMessage" => "<GetMessageResult>From: &lt;bob@example.com&gt;\nX-OIM-Sequence-Num: 1\n\nhello</GetMessageResult>".to_owned(),
        "GetProfile" => "<GetProfileResult><ResourceID>p!1</ResourceID><ExpressionProfile><DisplayName>Ada</DisplayName><PersonalStatus>hi</PersonalStatus><Photo><ResourceID>p!2</ResourceID><DocumentStreams><DocumentStream><DocumentStreamType>UserTileStatic</DocumentStreamType><PreAuthURL>/p</PreAuthURL></DocumentStream></DocumentStreams></Photo></ExpressionProfile></GetProfileResult>".to_owned(),
        "CreateDocument" => "<CreateDocumentResult>p!3</CreateDocumentResult>".to_owned(),
        _ => "<guid>00000000-0000-4000-8000-000000000009</guid>".to_owned(),
    };
    format!("<E><Body><{action}Response>{inside}</{action}Response></Body></E>")
}

const MEMBERSHIPS: &str = "<E><Body><FindMembershipResponse><FindMembershipResult><Services><Service><Memberships><Membership><MemberRole>Allow</MemberRole><Members><Member type=\"PassportMember\"><MembershipId>1</MembershipId><PassportName>bob@example.com</PassportName></Member></Members></Membership></Memberships><Info><Handle><Type>Messenger</Type></Handle></Info><LastChange>x</LastChange></Service></Services></FindMembershipResult></FindMembershipResponse></Body></E>";

/// Answers with any document, any status, or not at all.
pub(crate) fn any_reply(how: u8, body: &[u8]) -> HttpReply {
    let status = [200, 401, 302, 500][usize::from(how) % 4];
    let text = String::from_utf8_lossy(body).into_owned();
    let headers = ["passporturls", "authentication-info", "location"];
    let headers = headers.map(|name| (name.to_owned(), text.clone())).to_vec();
    // Most answers are documents: a piece of one is put where it belongs.
    let body = match how / 4 % 4 {
        0 => format!("<E><Body>{text}</Body></E>").into_bytes(),
        1 => format!("<E><Body><Fault>{text}</Fault></Body></E>").into_bytes(),
        _ => body.to_vec(),
    };
    let failure = (how >= 240).then(|| "unreachable".to_owned());
    let status = if failure.is_some() { 0 } else { status };
    HttpReply { status, headers, body, failure }
}
