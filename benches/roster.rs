//! A contact list of 10,000 by web service, from the answers to being online, against finding the ends of
//! its lines and parsing its XML once.

mod shared;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use msnp_proto::{
    Version,
    auth::security_token::{self, Form, Ticket},
    command::Status,
    session::{
        Deadlines, Effect, Event, HttpId, HttpReply, LinkChange, LinkId, Pace, Services, Session,
        SessionConfig,
    },
};
use quick_xml::{events::Event as Xml, reader::Reader};
use secrecy::ExposeSecret as _;

use shared::{median, ratio, report};

/// Pairs measured in turn.
const PAIRS: usize = 40;
/// Contacts of the list.
const CONTACTS: usize = 10_000;

fn main() {
    let (members, book) = (memberships(), address_book());
    let ratios = (0..PAIRS).map(|_| {
        let bare = time(|| scan(&members) + scan(&book));
        ratio(sign_in(&members, &book), bare)
    });
    report("roster_of_10000", median(ratios.collect()), 3.0);
}

fn time<T>(what: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    black_box(what());
    began.elapsed()
}

/// The least that must be done with a document.
fn scan(document: &str) -> usize {
    let lines = memchr::memchr_iter(b'\n', document.as_bytes()).count();
    let mut reader = Reader::from_str(document);
    let mut count = lines;
    loop {
        match reader.read_event().expect("it is well formed") {
            Xml::Eof => return count,
            event => count += event.len(),
        }
    }
}

fn account(number: usize) -> String {
    format!("contact{number}@example.com")
}

fn memberships() -> String {
    let role = |role: &str| {
        let members: String = (0..CONTACTS)
            .map(|number| {
                format!(
                    "<Member xsi:type=\"PassportMember\"><MembershipId>{role}/{number}</MembershipId>\n\
                     <Type>Passport</Type><State>Accepted</State><Deleted>false</Deleted>\n\
                     <PassportName>{}</PassportName><PassportId>0</PassportId></Member>\n",
                    account(number)
                )
            })
            .collect();
        format!(
            "<Membership><MemberRole>{role}</MemberRole><Members>{members}</Members></Membership>"
        )
    };
    let lists = [role("Allow"), role("Reverse")].concat();
    answer(
        "FindMembership",
        &format!(
            "<Services><Service><Memberships>{lists}</Memberships><Info><Handle><Id>1</Id>\
             <Type>Messenger</Type></Handle></Info></Service></Services>"
        ),
    )
}

fn address_book() -> String {
    let contacts: String = (0..CONTACTS)
        .map(|number| {
            format!(
                "<Contact><contactId>{number:08x}-0000-4000-8000-000000000000</contactId>\n\
                 <contactInfo><contactType>Regular</contactType><passportName>{0}</passportName>\n\
                 <displayName>Contact &amp; {number}</displayName><CID>{number}</CID>\n\
                 <isMobileIMEnabled>false</isMobileIMEnabled><isFavorite>false</isFavorite>\n\
                 <isMessengerUser>true</isMessengerUser></contactInfo>\n\
                 <propertiesChanged/><fDeleted>false</fDeleted></Contact>\n",
                account(number)
            )
        })
        .collect();
    answer("ABFindContactsPaged", &format!("<Groups/><Contacts>{contacts}</Contacts>"))
}

fn answer(operation: &str, inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope \
         xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"x\"><s:Body>\
         <{operation}Response><{operation}Result>{inside}</{operation}Result></{operation}Response>\
         </s:Body></s:Envelope>"
    )
}

/// Signs in, and gives how long the lists took: from their answers to being online.
fn sign_in(members: &str, book: &str) -> Duration {
    let now = Instant::now();
    let mut session = Session::new(config(), now);
    let mut spent = Duration::ZERO;
    let mut link = None;
    loop {
        let Some(effect) = session.poll_effect() else {
            panic!("the sign-in stands still: {:?}", session.poll_event());
        };
        match effect {
            Effect::Open { link: opened, .. } => {
                link = Some(opened);
                session.handle_link(now, opened, LinkChange::Opened);
            }
            Effect::Http { id, request } => {
                let action = request.headers.iter().find(|(name, _)| *name == "SOAPAction");
                let action = action.map(|(_, action)| action.expose_secret().to_owned());
                match action.as_deref().unwrap_or_default() {
                    action if action.contains("FindMembership") => {
                        spent += heard(&mut session, now, id, members.as_bytes());
                    }
                    action if action.contains("ABFind") => {
                        spent += heard(&mut session, now, id, book.as_bytes());
                    }
                    _ => {
                        let body = request.body.expect("a question for tokens");
                        let body = tokens(body.expose_secret());
                        heard(&mut session, now, id, &body);
                    }
                }
            }
            Effect::Send { bytes, .. } => {
                let link = link.expect("it is open");
                spent += told(&mut session, now, link, &bytes);
            }
            Effect::Direct(_) => panic!("direct links are not allowed"),
            Effect::Close { .. } => panic!("the sign-in ended: {:?}", session.poll_event()),
        }
        while let Some(event) = session.poll_event() {
            if matches!(event, Event::Online { .. }) {
                assert_eq!(session.roster().contacts().count(), CONTACTS);
                return spent;
            }
        }
    }
}

fn heard(session: &mut Session, now: Instant, id: HttpId, body: &[u8]) -> Duration {
    let reply = HttpReply { status: 200, headers: Vec::new(), body: body.to_vec(), failure: None };
    time(|| session.handle_http(now, id, reply))
}

/// Answers what the client says; gives how long it took to hear what belongs to the lists.
fn told(session: &mut Session, now: Instant, link: LinkId, bytes: &[u8]) -> Duration {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.split_whitespace();
    let verb = words.next().unwrap_or_default().to_owned();
    let number = words.next().unwrap_or_default().to_owned();
    let third = words.nth(1).unwrap_or_default();
    let answer = match verb.as_str() {
        "VER" => format!("VER {number} MSNP18\r\n"),
        "CVR" => format!("CVR {number} 1 1 1 x x\r\n"),
        "USR" if third == "I" => format!("USR {number} SSO S MBI_KEY_OLD bm9uY2U=\r\n"),
        "USR" => format!("USR {number} OK ada@example.com 1 0\r\n"),
        "ADL" => format!("ADL {number} OK\r\n"),
        "CHG" => format!("CHG {number} NLN\r\n"),
        _ => return Duration::ZERO,
    };
    let took = time(|| session.handle_bytes(now, link, answer.as_bytes()));
    if verb == "ADL" { took } else { Duration::ZERO }
}

fn tokens(asked: &str) -> Vec<u8> {
    let asked = security_token::read_request(asked.as_bytes()).expect("a request for tokens");
    let ticket = |address: &String| Ticket {
        address: address.clone(),
        ticket: "t=1&p=".to_owned().into(),
        secret: address.contains("clear").then_some([7; 24].into()),
        expires: "2036-01-01T00:00:00Z".to_owned(),
    };
    let tickets: Vec<Ticket> = asked.sites.iter().skip(1).map(ticket).collect();
    let answer = security_token::answer(Form::Second, &tickets, "2026-01-01T00:00:00Z");
    answer.expose_secret().as_bytes().to_vec()
}

fn config() -> SessionConfig {
    SessionConfig {
        server: "server:1863".to_owned(),
        account: "ada@example.com".to_owned(),
        password: "secret".to_owned().into(),
        versions: vec![Version::Msnp18],
        services: Services::at("http://web"),
        machine_id: "6b2d1c1e-4c0a-4e0b-9e57-0c4b7a9f2d11".to_owned(),
        machine_name: "desk".to_owned(),
        entropy: [7; 16],
        wall_clock: 1_795_401_068,
        status: Status::Online,
        deadlines: Deadlines::default(),
        pace: Pace::default(),
    }
}
