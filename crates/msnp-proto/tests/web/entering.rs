//! Coming into circles and temporary groups, word for word; and servers that refuse, are silent, or lie.

use msnp_proto::{
    ErrorCode, Version,
    msg::Text,
    session::{ChatId, Command, Event, LinkId, RequestError},
    xml,
};

use super::{BOB, online_with, services::reply};
use crate::Scene;

const VERSIONS: [Version; 2] = [Version::Msnp18, Version::Msnp21];
const GROUP: &str = "588e793a-003d-0003-4136-314b00000000@live.com";

fn id(number: u32) -> String {
    format!("00000000-0000-0000-0009-{number:012x}")
}

fn chat(number: u32) -> ChatId {
    ChatId::from_text(&format!("9:{}@live.com", id(number)))
}

/// Answers with a ticket and circles: number, name, state.
fn book(ticket: &str, circles: &[(u32, &str, &str)]) -> String {
    let circle = |(number, name, state): &(u32, &str, &str)| {
        format!(
            "<CircleInverseInfo><Content><Handle><Id>{}</Id></Handle><Info>\
             <HostedDomain>live.com</HostedDomain><DisplayName>{name}</DisplayName></Info></Content>\
             <PersonalInfo><MembershipInfo><CirclePersonalMembership><Role>Member</Role>\
             <State>{state}</State></CirclePersonalMembership></MembershipInfo></PersonalInfo>\
             </CircleInverseInfo>",
            id(*number)
        )
    };
    let circles: String = circles.iter().map(circle).collect();
    format!(
        "<E><Body><R><X><Contacts><Contact><contactId>c1</contactId><contactInfo><passportName>{BOB}\
         </passportName><isMessengerUser>true</isMessengerUser></contactInfo></Contact></Contacts>\
         <CircleResult><Circles>{circles}</Circles><CircleTicket>{ticket}</CircleTicket></CircleResult>\
         </X></R></Body></E>"
    )
}

/// Signs in with a book that is as each reading says; after the last it stays so.
fn online(version: Version, books: Vec<String>) -> (Scene, LinkId) {
    let mut books = books.into_iter().peekable();
    let mut last = String::new();
    let answer = move |operation: &str, _: &xml::Element| {
        let text = match operation {
            "FindMembership" => "<E><Body><R/></Body></E>".to_owned(),
            _ => {
                last = books.next().unwrap_or_else(|| last.clone());
                last.clone()
            }
        };
        reply(200, text.into_bytes())
    };
    let prepare = |scene: &mut Scene| scene.web.lists = Some(Box::new(answer));
    let (mut scene, link) = online_with(version, prepare);
    scene.events.clear();
    (scene, link)
}

/// The number of the command in which the ticket was shown.
fn shown(version: Version) -> u32 {
    if version.has_services_in_lists() { 8 } else { 7 }
}

/// The number of what was said last.
fn number(said: &str, verb: &str) -> String {
    let rest = said.rsplit_once(verb).unwrap_or_else(|| panic!("{verb}: {said}")).1;
    rest.split(' ').nth(1).expect("a number").to_owned()
}

fn circle_text(head: &str, from: &str, body: &str) -> String {
    format!(
        "Routing: 1.0\r\nTo: 1:ada@example.com\r\nFrom: {from}\r\n\r\nReliability: 1.0\r\n\r\n\
         Publication: 1.0\r\n{head}\r\n\r\n{body}"
    )
}

fn notify(
    scene: &mut Scene,
    link: LinkId,
    verb: &str,
    from: &str,
    uri: &str,
    body: &str,
) -> String {
    let payload = circle_text(&format!("Uri: {uri}"), from, body);
    scene.hear(link, &format!("NFY {verb} {}\r\n{payload}", payload.len()))
}

fn roster(users: impl Iterator<Item = String>) -> String {
    let users: String = users.map(|user| format!("<user>{user}</user>")).collect();
    format!("<circle><roster><id>IM</id>{users}</roster></circle>")
}

fn words(to: &ChatId, from: &str, text: &str) -> String {
    let payload = format!(
        "Routing: 1.0\r\nTo: {to};path=IM\r\nFrom: 1:{from}\r\n\r\nReliability: 1.0\r\n\r\n\
         Messaging: 1.0\r\nMessage-Type: Text\r\nContent-Type: Text/plain\r\n\r\n{text}"
    );
    format!("SDG 0 {}\r\n{payload}", payload.len())
}

/// Signs in, and comes into a circle.
fn inside(version: Version, number_of_circle: u32) -> (Scene, LinkId) {
    let (mut scene, link) =
        online(version, vec![book("t1", &[(number_of_circle, "Gardeners", "Accepted")])]);
    let said = scene.hear(link, &format!("USR {} OK ada@example.com 0 0\r\n", shown(version)));
    let said = scene.hear(link, &format!("ADL {} OK\r\n", number(&said, "ADL")));
    scene.hear(link, &format!("PUT {} OK 0\r\n", number(&said, "PUT")));
    let entered =
        Event::CircleEntered { chat: chat(number_of_circle), name: "Gardeners".to_owned() };
    assert!(scene.events.contains(&entered), "{version}: {:?}", scene.events);
    scene.events.clear();
    (scene, link)
}

#[test]
fn each_circle_is_told_of_and_entered_by_itself() {
    for version in VERSIONS {
        let circles = [
            (1, "Gardeners", "Accepted"),
            (2, "Lost", "Accepted"),
            (3, "Asked", "WaitingResponse"),
        ];
        let (mut scene, link) = online(version, vec![book("t1", &circles)]);
        let said = scene.hear(link, &format!("USR {} OK ada@example.com 0 0\r\n", shown(version)));
        let lists = match version.has_services_in_lists() {
            true => " t=\"9\"><s l=\"3\" n=\"IM\"/><s l=\"3\" n=\"PE\"/></c>",
            false => " l=\"3\" t=\"9\"/>",
        };
        let payload = |number| {
            format!("<ml l=\"1\"><d n=\"live.com\"><c n=\"{}\"{lists}</d></ml>", id(number))
        };
        let both = [payload(1), payload(2)];
        assert!(both.iter().all(|told| said.contains(told)), "{version}: {said}");
        assert_eq!(said.matches("ADL ").count(), 2, "{version}: who is asked does not come");
        let second = number(&said, "ADL").parse::<u32>().expect("a number");
        let said = scene.hear(link, &format!("ADL {} OK\r\n", second - 1));
        let trid = number(&said, "PUT");
        let document = format!(
            "Routing: 1.0\r\nTo: 9:{}@live.com\r\n\
             From: 1:ada@example.com;epid={{6b2d1c1e-4c0a-4e0b-9e57-0c4b7a9f2d11}}\r\n\r\n\
             Reliability: 1.0\r\n\r\nPublication: 1.0\r\nUri: /circle\r\n\
             Content-Type: application/circles+xml\r\nContent-Length: 84\r\n\r\n\
             <circle><roster><id>IM</id><user><id>1:ada@example.com</id></user></roster></circle>",
            id(1)
        );
        assert_eq!(said, format!("PUT {trid} {}\r\n{document}", document.len()), "{version}");
        scene.hear(link, &format!("933 {second}\r\n"));
        let why = RequestError::Refused(ErrorCode(933));
        assert_eq!(scene.events, [Event::CircleNotEntered { chat: chat(2), why }], "{version}");
        scene.events.clear();
        let from = format!("9:{}@live.com", id(1));
        let there = ["ada@example.com", BOB].map(|who| format!("<id>1:{who}</id>"));
        notify(&mut scene, link, "PUT", &from, "/circle", &roster(there.into_iter()));
        scene.hear(link, &format!("PUT {trid} OK 0\r\n"));
        let entered = Event::CircleEntered { chat: chat(1), name: "Gardeners".to_owned() };
        let joined = Event::Joined { chat: chat(1), account: BOB.to_owned(), name: BOB.to_owned() };
        assert_eq!(scene.events.split_off(1), [entered, joined], "{version}");
        let known = scene.session.roster().circle(&chat(1)).expect("it is known");
        assert_eq!(known.members.len(), 1, "the account is no other");
    }
}

#[test]
fn a_server_that_answers_nothing_about_circles_keeps_the_session() {
    let (mut scene, link) = online(Version::Msnp18, vec![book("t1", &[(1, "G", "Accepted")])]);
    let (request, _) =
        scene.ask(Command::SendText { chat: chat(1), text: Text::plain("in a moment") });
    scene.session.handle_bytes(scene.now, link, b"QNG 50\r\n");
    scene.wait(31);
    let why = RequestError::Unconfirmed;
    assert_eq!(scene.outcome(request), Some(Err(why.clone())));
    assert!(scene.events.contains(&Event::CircleNotEntered { chat: chat(1), why }));
    assert_eq!(scene.end(), None);
    let (late, said) = scene.ask(Command::SendText { chat: chat(1), text: Text::plain("late") });
    assert_eq!((scene.outcome(late), said.as_str()), (Some(Err(RequestError::ChatOver)), ""));
    // Asked to, it tries again, with the ticket that the book has then.
    scene.asked.clear();
    let (again, said) = scene.ask(Command::EnterCircle { circle: chat(1) });
    assert!(scene.asked.contains(&"ABFindContactsPaged".to_owned()) && said.contains("SHA A"));
    let said =
        scene.hear(link, &format!("USR {} OK ada@example.com 0 0\r\n", number(&said, "USR")));
    let said = scene.hear(link, &format!("ADL {} OK\r\n", number(&said, "ADL")));
    scene.hear(link, &format!("216 {}\r\n", number(&said, "PUT")));
    let why = RequestError::Refused(ErrorCode::NOT_THERE);
    assert_eq!(scene.outcome(again), Some(Err(why)));
}

#[test]
fn a_ticket_that_is_refused_gives_way_to_the_next() {
    let version = Version::Msnp18;
    let circles = [(1, "G", "Accepted")];
    let books = vec![book("t1", &circles), book("t2", &circles)];
    let (mut scene, link) = online(version, books);
    scene.hear(link, &format!("911 {}\r\n", shown(version)));
    let why = RequestError::Refused(ErrorCode::AUTHENTICATION_FAILED);
    assert_eq!(scene.events, [Event::CircleNotEntered { chat: chat(1), why }]);
    let notice = format!("<NOTIFICATION>&lt;CircleId&gt;{}&lt;/CircleId&gt;</NOTIFICATION>", id(1));
    let said = scene.hear(link, &format!("NOT {}\r\n{notice}", notice.len()));
    assert!(said.contains("SHA A dDI=\r\n"), "{said}");
    let said =
        scene.hear(link, &format!("USR {} OK ada@example.com 0 0\r\n", number(&said, "USR")));
    let (request, nothing) =
        scene.ask(Command::SendText { chat: chat(1), text: Text::plain("in a moment") });
    assert_eq!((scene.outcome(request), nothing.as_str()), (None, ""), "it waits for the circle");
    let said = scene.hear(link, &format!("ADL {} OK\r\n", number(&said, "ADL")));
    let said = scene.hear(link, &format!("PUT {} OK 0\r\n", number(&said, "PUT")));
    assert!(said.starts_with("SDG ") && said.ends_with("in a moment"), "{said}");
    assert!(said.contains("Segment: 0\r\n") && said.contains(";path=IM\r\n"), "{said}");
    scene.hear(link, &format!("SDG {}\r\n", number(&said, "SDG")));
    assert_eq!(scene.outcome(request), Some(Ok(())));
}

#[test]
fn a_circle_that_no_book_has_any_more_is_left() {
    let books = vec![book("t1", &[(1, "Gardeners", "Accepted")]), book("t2", &[])];
    let (mut scene, link) = online(Version::Msnp18, books);
    let said = scene.hear(link, "USR 7 OK ada@example.com 0 0\r\n");
    let said = scene.hear(link, &format!("ADL {} OK\r\n", number(&said, "ADL")));
    scene.hear(link, &format!("PUT {} OK 0\r\n", number(&said, "PUT")));
    scene.events.clear();
    let notice = "<NOTIFICATION>&lt;CircleId&gt;1&lt;/CircleId&gt;</NOTIFICATION>";
    scene.hear(link, &format!("NOT {}\r\n{notice}", notice.len()));
    assert!(scene.events.contains(&Event::CircleLeft { chat: chat(1) }), "{:?}", scene.events);
    assert_eq!(scene.session.roster().circle(&chat(1)), None);
    scene.events.clear();
    scene.hear(link, &words(&chat(1), BOB, "still here?"));
    assert!(matches!(scene.events.as_slice(), [Event::Odd { .. }]), "{:?}", scene.events);
}

#[test]
fn whoever_speaks_in_a_circle_is_there_and_nobody_speaks_in_others() {
    let (mut scene, link) = inside(Version::Msnp18, 1);
    scene.hear(link, &words(&chat(1), "Carol@example.org", "hello"));
    let carol = "carol@example.org".to_owned();
    let [
        Event::Joined { account, .. },
        Event::CircleChanged { .. },
        Event::Message { from, chat: to, .. },
    ] = scene.events.as_slice()
    else {
        panic!("{:?}", scene.events);
    };
    assert_eq!((account, from, to), (&carol, &carol, &chat(1)));
    scene.events.clear();
    let group = ChatId::from_text(&format!("10:{GROUP}"));
    for other in [chat(2), group] {
        scene.hear(link, &words(&other, BOB, "psst"));
    }
    let odd = |event: &Event| matches!(event, Event::Odd { .. });
    assert!(scene.events.len() == 2 && scene.events.iter().all(odd), "{:?}", scene.events);
    assert_eq!(scene.session.roster().circles().count(), 1);
}

#[test]
fn ten_thousand_members_are_no_more_than_a_thousand() {
    let (mut scene, link) = inside(Version::Msnp18, 1);
    let from = format!("9:{}@live.com", id(1));
    for part in 0..10 {
        let users = (0..1000).map(|number| format!("<id>1:u{part}-{number}@example.com</id>"));
        notify(&mut scene, link, "PUT", &from, "/circle", &roster(users));
    }
    let joined = scene.events.iter().filter(|event| matches!(event, Event::Joined { .. })).count();
    let members = scene.session.roster().circle(&chat(1)).map(|circle| circle.members.len());
    assert_eq!((joined, members), (1024, Some(1024)));
    scene.events.clear();
    scene.hear(link, &words(&chat(1), "one-more@example.com", "hello"));
    assert!(matches!(scene.events.as_slice(), [Event::Odd { .. }]), "{:?}", scene.events);
    let long = format!("1:{}@example.com", "x".repeat(60_000));
    notify(&mut scene, link, "DEL", &from, "/circle", "");
    notify(
        &mut scene,
        link,
        "PUT",
        &from,
        "/circle",
        &roster([format!("<id>{long}</id>")].into_iter()),
    );
    let members = scene.session.roster().circle(&chat(1)).map(|circle| circle.members.len());
    assert_eq!(members, Some(0), "nobody has an address of that length");
}

#[test]
fn circles_that_are_heard_of_and_groups_that_call_are_counted() {
    let (mut scene, link) = inside(Version::Msnp21, 1);
    for number in 100..10_100 {
        let from = format!("9:{}@live.com", id(number));
        notify(&mut scene, link, "PUT", &from, "/circle", "");
    }
    assert!(scene.session.roster().circles().count() <= 65);
    let (mut scene, link) = inside(Version::Msnp21, 1);
    let mut said = String::new();
    for number in 0..1000 {
        let from = format!("10:{number:08x}-003d-0003-4136-314b00000000@live.com");
        let own = "<id>1:ada@example.com</id><state>Pending</state>".to_owned();
        let people = [own, format!("<id>1:{BOB}</id>")];
        said += &notify(&mut scene, link, "PUT", &from, "/circle", &roster(people.into_iter()));
    }
    assert_eq!(said.matches("PUT ").count(), 64);
    let numbers: Vec<String> = said
        .split("PUT ")
        .filter_map(|rest| Some(rest.split_once(' ')?.0.to_owned()))
        .filter(|number| number.parse::<u32>().is_ok())
        .collect();
    for number in numbers {
        scene.hear(link, &format!("PUT {number} OK 0\r\n"));
    }
    let joined = scene.events.iter().filter(|event| matches!(event, Event::Joined { .. })).count();
    let groups = scene.session.roster().circles().filter(|circle| circle.entered).count();
    assert_eq!((groups, joined), (65, 64), "who is there before this place is told of");
    scene.events.clear();
    // One that does not call the account is nothing to it.
    let bob = format!("<id>1:{BOB}</id>");
    let said = notify(
        &mut scene,
        link,
        "PUT",
        &format!("10:{GROUP}"),
        "/circle",
        &roster([bob].into_iter()),
    );
    assert_eq!(said, "");
    assert!(matches!(scene.events.as_slice(), [Event::Odd { .. }]), "{:?}", scene.events);
}

#[test]
fn a_group_is_made_word_for_word_and_ends_for_whoever_is_put_out() {
    let (mut scene, link) = online(Version::Msnp21, vec![book("t1", &[])]);
    let (request, said) = scene.ask(Command::MakeGroup { people: vec![BOB.to_owned()] });
    let blank = "To: 10:00000000-0000-0000-0000-000000000000@live.com\r\n";
    let multiparty = "Uri: /circle\r\nContent-Type: application/multiparty+xml\r\n";
    assert!(said.contains(blank) && said.contains(multiparty), "{said}");
    let answer = format!(
        "Routing: 1.0\r\nTo: 1:ada@example.com\r\nFrom: 10:{GROUP}\r\n\r\nReliability: 1.0\r\n\r\n"
    );
    let number_of = number(&said, "PUT");
    let said = scene.hear(link, &format!("PUT {number_of} OK {}\r\n{answer}", answer.len()));
    assert!(said.contains(&format!("To: 10:{GROUP}\r\n")), "{said}");
    assert!(said.contains("circles+xml") && said.contains("1:ada@example.com</id>"), "{said}");
    let said = scene.hear(link, &format!("PUT {} OK 0\r\n", number(&said, "PUT")));
    assert!(said.contains(&format!("To: 10:{GROUP};path=IM\r\n")), "{said}");
    assert!(said.contains(multiparty) && said.contains(&format!("1:{BOB}</id>")), "{said}");
    assert_eq!(scene.outcome(request), None);
    scene.hear(link, &format!("217 {}\r\n", number(&said, "PUT")));
    assert_eq!(scene.outcome(request), Some(Err(RequestError::NotOnline)));
    let group = ChatId::from_text(&format!("10:{GROUP}"));
    assert!(scene.events.contains(&Event::Made { request, chat: group.clone() }));
    let uri = "/circle/roster(IM)/user(1:ada@example.com)";
    notify(&mut scene, link, "DEL", &format!("10:{GROUP}"), uri, "");
    assert!(scene.events.contains(&Event::CircleLeft { chat: group.clone() }));
    let (over, _) = scene.ask(Command::SendNudge { chat: group });
    assert_eq!(scene.outcome(over), Some(Err(RequestError::ChatOver)));
    // A server that names no group made none.
    let (request, said) = scene.ask(Command::MakeGroup { people: Vec::new() });
    scene.hear(link, &format!("PUT {} OK 0\r\n", number(&said, "PUT")));
    assert!(matches!(scene.outcome(request), Some(Err(RequestError::Service(_)))));
}

#[test]
fn what_is_left_on_the_way_in_is_left_once_it_is_reached() {
    let (mut scene, link) = inside(Version::Msnp21, 1);
    let from = format!("10:{GROUP}");
    let group = ChatId::from_text(&from);
    let call =
        || roster(["<id>1:ada@example.com</id><state>Pending</state>".to_owned()].into_iter());
    let coming = notify(&mut scene, link, "PUT", &from, "/circle", &call());
    scene.ask(Command::LeaveChat { chat: group.clone() });
    let said = scene.hear(link, &format!("PUT {} OK 0\r\n", number(&coming, "PUT")));
    assert!(said.starts_with("DEL ") && said.contains(&format!("To: {from}\r\n")), "{said}");
    assert!(scene.events.contains(&Event::CircleLeft { chat: group.clone() }));
    assert_eq!(scene.session.roster().circle(&group), None);
    // Called again it comes again, and stays out where the server does not let it in.
    scene.events.clear();
    let coming = notify(&mut scene, link, "PUT", &from, "/circle", &call());
    scene.hear(link, &format!("216 {}\r\n", number(&coming, "PUT")));
    let why = RequestError::Refused(ErrorCode::NOT_THERE);
    assert_eq!(scene.events.last(), Some(&Event::CircleNotEntered { chat: group.clone(), why }));
    assert_eq!(scene.session.roster().circle(&group), None);
}

#[test]
fn a_session_that_ends_answers_for_what_waits_for_circles() {
    let (mut scene, link) = online(Version::Msnp21, vec![book("t1", &[(1, "G", "Accepted")])]);
    let text = Text::plain("in a moment");
    let (said, _) = scene.ask(Command::SendText { chat: chat(1), text });
    let (entering, _) = scene.ask(Command::EnterCircle { circle: chat(1) });
    let (made, _) = scene.ask(Command::MakeGroup { people: Vec::new() });
    scene.hear(link, "OUT SSD\r\n");
    assert_eq!(scene.outcome(said), Some(Err(RequestError::NotSignedIn)), "it was never said");
    for request in [entering, made] {
        assert_eq!(scene.outcome(request), Some(Err(RequestError::Unconfirmed)));
    }
}
