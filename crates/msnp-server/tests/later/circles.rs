//! Circles, which last, and temporary groups.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    Version,
    datagram::{Address, Datagram},
    xml,
};

use super::{
    ALICE, BOB,
    books::{Book, text},
    datagrams::{arrive, put, say},
    sign_in_at,
};
use crate::{Network, Wire, network};

const DESK: &str = "6b2d1c1e-0000-4000-8000-000000000001";
const LAPTOP: &str = "6b2d1c1e-0000-4000-8000-000000000002";
const CAROL: &str = "echo@example.com";
const ROSTER: &str = "Uri: /circle\r\nContent-Type: application/circles+xml";
const MULTIPARTY: &str = "Uri: /circle\r\nContent-Type: application/multiparty+xml";
const BLANK: &str = "10:00000000-0000-0000-0000-000000000000@live.com";

const CREATE: &str = "<CreateCircle><properties><Domain>1</Domain><HostedDomain>live.com</HostedDomain>\
    <Type>2</Type><MembershipAccess>0</MembershipAccess><IsPresenceEnabled>true</IsPresenceEnabled>\
    <DisplayName>Book &amp; Wine</DisplayName></properties></CreateCircle>";

async fn find(book: &Book<'_>) -> xml::Element {
    book.call("<ABFindContactsPaged></ABFindContactsPaged>").await
}

async fn members(book: &Book<'_>, circle: &str) -> xml::Element {
    let handle = format!("<abHandle><ABId>{circle}</ABId></abHandle>");
    book.call(&format!("<ABFindContactsPaged>{handle}</ABFindContactsPaged>")).await
}

/// Writes down and asks in.
async fn invite(book: &Book<'_>, circle: &str, who: &str) -> xml::Element {
    let handle = format!("<abHandle><ABId>{circle}</ABId></abHandle>");
    let named = format!(
        "<CreateContact>{handle}<contactHandle><Email>{who}</Email></contactHandle></CreateContact>"
    );
    let id = text(&book.call(&named).await, "contactId");
    book.call(&format!(
        "<ManageWLConnection>{handle}<contactId>{id}</contactId><connection>true</connection>\
         <action>1</action><relationshipType>5</relationshipType><relationshipRole>3</relationshipRole>\
         <annotations><Annotation><Name>MSN.IM.InviteMessage</Name><Value>come in</Value></Annotation>\
         </annotations></ManageWLConnection>"
    ))
    .await
}

async fn answer(book: &Book<'_>, circle: &str, action: u8) -> xml::Element {
    book.call(&format!(
        "<ManageWLConnection><contactId>{circle}</contactId><action>{action}</action>\
         <relationshipType>5</relationshipType></ManageWLConnection>"
    ))
    .await
}

/// Shows the ticket and tells of the circle.
async fn open(wire: &mut Wire, book: &Book<'_>, circle: &str) {
    let found = find(book).await;
    let ticket = found.descendants("CircleTicket").next().expect("a ticket").whole_text();
    wire.say(&format!("USR 20 SHA A {}\r\n", STANDARD.encode(ticket))).await;
    wire.hear("USR 20 OK").await;
    tell_of(wire, 21, circle).await;
    wire.hear("ADL 21 OK").await;
}

async fn tell_of(wire: &mut Wire, trid: u32, circle: &str) {
    let payload =
        format!("<ml l=\"1\"><d n=\"live.com\"><c n=\"{circle}\" l=\"3\" t=\"9\"/></d></ml>");
    wire.say(&format!("ADL {trid} {}\r\n{payload}", payload.len())).await;
}

fn roster(account: &str) -> String {
    format!("<circle><roster><id>IM</id><user><id>1:{account}</id></user></roster></circle>")
}

async fn join(wire: &mut Wire, trid: u32, circle: &str, (account, place): (&str, &str)) {
    let from = format!("1:{account};epid={{{place}}}");
    put(wire, trid, "PUT", (circle, &from), ROSTER, &roster(account)).await;
}

async fn go_out(wire: &mut Wire, trid: u32, circle: &str, (account, place): (&str, &str)) {
    let from = format!("1:{account};epid={{{place}}}");
    let head = format!(
        "Uri: /circle/roster(IM)/user(1:{account})\r\nContent-Type: application/circles+xml"
    );
    put(wire, trid, "DEL", (circle, &from), &head, "").await;
}

fn words(to: Address, from: (&str, &str), words: &str) -> Datagram {
    Datagram::text(to, Address::at(from.0, from.1), &format!("{words}\r\n"))
}

async fn online(network: &Network, account: &str, place: &str) -> Wire {
    let mut wire = sign_in_at(network, account, 18, place).await;
    wire.say("CHG 5 NLN 2788999228:48\r\n").await;
    wire.hear("CHG 5 NLN").await;
    wire
}

#[tokio::test]
async fn a_circle_is_made_once_and_stands_in_the_book() {
    let network = network().await;
    let book = Book::open_of(&network, ALICE).await;
    let circle = text(&book.call(CREATE).await, "Id");
    assert!(circle.starts_with("00000000-0000-0000-0009-"), "{circle}");
    // One known client makes each first call twice.
    assert_eq!(text(&book.call(CREATE).await, "Id"), circle);
    let wrong = CREATE.replace("live.com", "example.com");
    assert_eq!(book.call(&wrong).await.name(), "Fault");
    let found = find(&book).await;
    let info = found.descendants("CircleInverseInfo").next().expect("a circle");
    for (name, wanted) in [
        ("Id", circle.as_str()),
        ("DisplayName", "Book & Wine"),
        ("Role", "Admin"),
        ("State", "Accepted"),
    ] {
        assert_eq!(text(info, name), wanted);
    }
    let mut contacts = found.descendants("Contact");
    let contact = contacts.find(|contact| text(contact, "contactType") == "Circle");
    let contact = contact.expect("a contact");
    assert_eq!(text(contact, "contactId"), circle);
    assert_eq!(text(contact, "RelationshipState"), "3");
    let inside = members(&book, &circle).await;
    assert_eq!(text(&inside, "passportName"), ALICE);
    // The books of others have none of it.
    let other = Book::open_of(&network, BOB).await;
    assert_eq!(find(&other).await.descendants("CircleInverseInfo").count(), 0);
    assert_eq!(members(&other, &circle).await.name(), "Fault");
    for number in 0..31 {
        book.call(&CREATE.replace("Wine", &number.to_string())).await;
    }
    assert_eq!(book.call(&CREATE.replace("Wine", "Beer")).await.name(), "Fault");
}

#[tokio::test]
async fn circles_open_by_their_ticket_and_are_told_of_before_they_are_entered() {
    let network = network().await;
    let book = Book::open_of(&network, ALICE).await;
    let circle = text(&book.call(CREATE).await, "Id");
    let address = format!("9:{circle}@live.com");
    let mut alice = online(&network, ALICE, DESK).await;
    tell_of(&mut alice, 6, &circle).await;
    alice.hear("933 6\r\n").await;
    alice.say("USR 7 SHA A dGlja2V0\r\n").await;
    alice.hear("911 7\r\n").await;
    join(&mut alice, 8, &address, (ALICE, DESK)).await;
    alice.hear("201 8\r\n").await;
    open(&mut alice, &book, &circle).await;
    tell_of(&mut alice, 9, "00000000-0000-0000-0009-ffffffffffff").await;
    alice.hear("933 9\r\n").await;
    for (trid, who, body) in [
        (10, (ALICE, LAPTOP), roster(ALICE)),
        (11, (ALICE, DESK), roster(BOB)),
        (12, (ALICE, DESK), "<circle>".to_owned()),
    ] {
        let from = format!("1:{};epid={{{}}}", who.0, who.1);
        put(&mut alice, trid, "PUT", (&address, &from), ROSTER, &body).await;
        alice.hear(&format!("201 {trid}\r\n")).await;
    }
    let to = Address::circle(&format!("{circle}@live.com"));
    say(&mut alice, 13, &words(to.clone(), (ALICE, DESK), "early"), Version::Msnp18).await;
    alice.hear("216 13\r\n").await;
    join(&mut alice, 14, &address, (ALICE, DESK)).await;
    alice.hear("PUT 14 OK 0\r\n").await;
    let heard = alice.hear_part(&roster(ALICE)).await;
    for wanted in [
        format!("NLN NLN 1:{ALICE};via={address} Alice%20A 2788999228:48\r\n"),
        format!("UBX 1:{ALICE};via={address} "),
        format!("From: {address}\r\n"),
    ] {
        assert!(heard.contains(&wanted), "{wanted}: {heard}");
    }
    let elsewhere = Address { path: None, ..to };
    say(&mut alice, 15, &words(elsewhere, (ALICE, DESK), "where"), Version::Msnp18).await;
    alice.hear("201 15\r\n").await;
    let mut older = sign_in_at(&network, ALICE, 16, LAPTOP).await;
    older.say("USR 5 SHA A dGlja2V0\r\nPNG\r\n").await;
    let heard = older.hear("QNG").await;
    assert!(!heard.contains("USR 5") && !heard.contains("911"), "{heard}");
}

#[tokio::test]
async fn who_is_asked_into_a_circle_comes_talks_and_goes() {
    let network = network().await;
    let book = Book::open_of(&network, ALICE).await;
    let others = Book::open_of(&network, BOB).await;
    let circle = text(&book.call(CREATE).await, "Id");
    let address = format!("9:{circle}@live.com");
    let mut alice = online(&network, ALICE, DESK).await;
    let mut bob = online(&network, BOB, LAPTOP).await;
    assert_eq!(answer(&others, &circle, 1).await.name(), "Fault");
    assert_eq!(text(&invite(&book, &circle, BOB).await, "RelationshipState"), "1");
    bob.hear_part("ABCHInternal").await;
    let changed = format!("CircleId&gt;{circle}&lt;/CircleId");
    alice.hear_part(&changed).await;
    let found = find(&others).await;
    let mut contacts = found.descendants("Contact");
    let contact = contacts.find(|contact| text(contact, "contactType") == "Circle");
    let contact = contact.expect("a contact");
    assert_eq!(text(contact, "InviterMessage"), "come in");
    assert_eq!(text(contact, "InviterEmail"), ALICE);
    assert_eq!(text(contact, "RelationshipState"), "1");
    assert_eq!(text(&found, "State"), "WaitingResponse");
    // Who is only asked cannot ask others.
    assert_eq!(invite(&others, &circle, CAROL).await.name(), "Fault");
    assert_eq!(answer(&others, &circle, 1).await.name(), "ManageWLConnectionResponse");
    alice.hear_part(&changed).await;
    bob.hear_part(&changed).await;
    assert_eq!(text(&find(&others).await, "State"), "Accepted");
    let inside = members(&book, &circle).await;
    assert_eq!(inside.descendants("passportName").count(), 2);

    open(&mut alice, &book, &circle).await;
    join(&mut alice, 22, &address, (ALICE, DESK)).await;
    alice.hear("PUT 22 OK").await;
    open(&mut bob, &others, &circle).await;
    join(&mut bob, 22, &address, (BOB, LAPTOP)).await;
    bob.hear("PUT 22 OK").await;
    bob.hear(&format!("NLN NLN 1:{ALICE};via={address} ")).await;
    alice.hear(&format!("NLN NLN 1:{BOB};via={address} Bob ")).await;
    alice.hear(&format!("UBX 1:{BOB};via={address} ")).await;
    let both = format!("<user><id>1:{ALICE}</id></user><user><id>1:{BOB}</id></user>");
    alice.hear_part(&both).await;

    let to = Address::circle(&format!("{circle}@live.com"));
    let said = say(&mut bob, 23, &words(to, (BOB, LAPTOP), "hello"), Version::Msnp18).await;
    bob.hear("SDG 23\r\n").await;
    let heard = alice.hear("hello").await;
    assert!(heard.ends_with(&format!("SDG 0 {}\r\n{said}", said.len())), "{heard}");
    bob.say("CHG 24 BSY 2788999228:48\r\n").await;
    alice.hear(&format!("NLN BSY 1:{BOB};via={address} Bob ")).await;
    go_out(&mut bob, 25, &address, (ALICE, LAPTOP)).await;
    bob.hear("201 25\r\n").await;
    go_out(&mut bob, 26, &address, (BOB, LAPTOP)).await;
    bob.hear("DEL 26 OK 0\r\n").await;
    let heard = alice.hear(&format!("FLN 1:{BOB};via={address} ")).await;
    assert!(heard.contains("NFY DEL ") && heard.contains(&format!("user(1:{BOB})")), "{heard}");
    // He comes again, and his link breaks.
    join(&mut bob, 27, &address, (BOB, LAPTOP)).await;
    alice.hear_part(&both).await;
    drop(bob);
    alice.hear(&format!("FLN 1:{BOB};via={address} ")).await;
    let handle = format!("<abHandle><ABId>{circle}</ABId></abHandle>");
    let inside = members(&others, &circle).await;
    let mut contacts = inside.descendants("Contact");
    let own = contacts.find(|contact| text(contact, "passportName") == BOB).expect("he is there");
    let id = text(own, "contactId");
    let quit = format!("<BreakConnection>{handle}<contactId>{id}</contactId></BreakConnection>");
    assert_eq!(book.call(&quit).await.name(), "Fault", "it is not hers");
    assert_eq!(others.call(&quit).await.name(), "BreakConnectionResponse");
    alice.hear_part(&changed).await;
    invite(&book, &circle, BOB).await;
    answer(&others, &circle, 2).await;
    assert_eq!(find(&others).await.descendants("CircleInverseInfo").count(), 0);
}

#[tokio::test]
async fn members_of_msnp21_are_seen_through_a_circle_by_document() {
    let network = network().await;
    let book = Book::open_of(&network, ALICE).await;
    let others = Book::open_of(&network, BOB).await;
    let circle = text(&book.call(CREATE).await, "Id");
    let address = format!("9:{circle}@live.com");
    invite(&book, &circle, BOB).await;
    answer(&others, &circle, 1).await;
    let mut alice = arrive(&network, ALICE, DESK).await;
    let mut bob = online(&network, BOB, LAPTOP).await;
    open(&mut alice, &book, &circle).await;
    join(&mut alice, 22, &address, (ALICE, DESK)).await;
    alice.hear("PUT 22 OK").await;
    open(&mut bob, &others, &circle).await;
    join(&mut bob, 22, &address, (BOB, LAPTOP)).await;
    bob.hear("PUT 22 OK").await;
    bob.hear(&format!("NLN NLN 1:{ALICE};via={address} ")).await;
    let heard = alice.hear(&format!("From: 1:{BOB};via={address}\r\n")).await;
    assert!(heard.contains("NFY PUT"), "{heard}");
    let to = Address::circle(&format!("{circle}@live.com"));
    say(&mut alice, 23, &words(to, (ALICE, DESK), "hello"), Version::Msnp21).await;
    bob.hear("hello").await;
    drop(bob);
    let heard = alice.hear("NFY DEL").await;
    assert!(!heard.contains("FLN"), "{heard}");
    alice.hear(&format!("user(1:{BOB})")).await;
    alice.hear(&format!("From: 1:{BOB};via={address}\r\n")).await;
}

#[tokio::test]
async fn a_temporary_group_is_made_filled_and_gone_when_it_is_empty() {
    let network = network().await;
    let mut alice = arrive(&network, ALICE, DESK).await;
    let mut bob = arrive(&network, BOB, LAPTOP).await;
    let own = format!("1:{ALICE};epid={{{DESK}}}");
    put(&mut alice, 6, "PUT", (BLANK, &own), MULTIPARTY, "").await;
    let heard = alice.hear("From: 10:").await;
    assert!(heard.contains("PUT 6 OK "), "{heard}");
    let group = heard.trim_end().rsplit_once("From: ").expect("an address").1.to_owned();
    let talk = format!("{group};path=IM");
    put(&mut alice, 7, "PUT", (&talk, &own), MULTIPARTY, &roster(BOB)).await;
    alice.hear("201 7\r\n").await;
    join(&mut alice, 8, &group, (ALICE, DESK)).await;
    alice.hear("PUT 8 OK 0\r\n").await;
    let heard = alice.hear_part(&roster(ALICE)).await;
    assert!(heard.contains("NotifType: Partial"), "{heard}");
    join(&mut bob, 6, &group, (BOB, LAPTOP)).await;
    bob.hear("216 6\r\n").await;
    // Who takes no datagrams cannot come.
    put(&mut alice, 9, "PUT", (&talk, &own), MULTIPARTY, &roster(CAROL)).await;
    alice.hear("217 9\r\n").await;
    put(&mut alice, 10, "PUT", (&talk, &own), MULTIPARTY, &roster(BOB)).await;
    alice.hear("PUT 10 OK 0\r\n").await;
    let pending = format!("<user><id>1:{BOB}</id><state>Pending</state></user>");
    let heard = bob.hear_part(&pending).await;
    assert!(heard.contains(&format!("From: {group}\r\n")), "{heard}");
    join(&mut bob, 7, &group, (BOB, LAPTOP)).await;
    bob.hear("PUT 7 OK 0\r\n").await;
    let both = format!("<user><id>1:{ALICE}</id></user><user><id>1:{BOB}</id></user>");
    alice.hear_part(&both).await;
    let to = Address::group(group.trim_start_matches("10:"));
    let said = say(&mut bob, 8, &words(to.clone(), (BOB, LAPTOP), "hello"), Version::Msnp21).await;
    bob.hear("SDG 8\r\n").await;
    assert!(alice.hear("hello").await.ends_with(&format!("SDG 0 {}\r\n{said}", said.len())));
    go_out(&mut bob, 9, &group, (BOB, LAPTOP)).await;
    bob.hear("DEL 9 OK 0\r\n").await;
    alice.hear(&format!("Uri: /circle/roster(IM)/user(1:{BOB})\r\n")).await;
    go_out(&mut alice, 11, &group, (ALICE, DESK)).await;
    alice.hear("DEL 11 OK 0\r\n").await;
    join(&mut alice, 12, &group, (ALICE, DESK)).await;
    alice.hear("216 12\r\n").await;
    say(&mut alice, 13, &words(to, (ALICE, DESK), "anybody"), Version::Msnp21).await;
    alice.hear("216 13\r\n").await;
}
