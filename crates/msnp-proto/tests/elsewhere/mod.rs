//! Words past the switchboard, and networks that know an address.

use msnp_proto::{
    Version,
    msg::Text,
    session::{ChatId, Command, Event, LinkId, RequestError},
};

use crate::{Scene, web};

const EVE: &str = "eve@example.org";

/// Signs in with a contact of another network.
fn with_eve(version: Version) -> (Scene, LinkId) {
    web::online_with(version, |scene| {
        scene.web.lists = Some(Box::new(|operation, _| {
            let inside = match operation {
                "FindMembership" => "",
                _ => {
                    "<contacts><Contact><contactId>7</contactId><contactInfo><emails><ContactEmail>\
                     <email>eve@example.org</email><isMessengerEnabled>true</isMessengerEnabled>\
                     <Capability>32</Capability></ContactEmail></emails></contactInfo></Contact>\
                     </contacts>"
                }
            };
            let text = format!("<E><Body><R><X>{inside}</X></R></Body></E>");
            web::services::reply(200, text.into_bytes())
        }));
    })
}

fn versions() -> impl Iterator<Item = Version> {
    [14, 15, 18].into_iter().filter_map(Version::from_number)
}

#[test]
fn words_for_another_network_go_past_the_switchboard_and_only_a_refusal_is_an_answer() {
    for version in versions() {
        let (mut scene, link) = with_eve(version);
        let text = Text::plain("hello");
        let (request, said) = scene.ask(Command::SendText { chat: ChatId::with(EVE), text });
        let number = said.strip_prefix("UUM ").and_then(|rest| rest.split(' ').next());
        let number = number.unwrap_or_else(|| panic!("{version}: {said}"));
        let line = said.lines().next().unwrap_or_default();
        assert!(line.starts_with(&format!("UUM {number} eve@example.org 32 1 ")), "{line}");
        assert!(said.ends_with("\r\n\r\nhello"), "{said}");
        scene.wait(9);
        assert_eq!(scene.outcome(request), None);
        scene.wait(2);
        assert_eq!(scene.outcome(request), Some(Ok(())), "{version}");
        let (request, said) = scene.ask(Command::SendNudge { chat: ChatId::with(EVE) });
        let number = said.split(' ').nth(1).unwrap_or_default();
        scene.hear(link, &format!("217 {number}\r\n"));
        assert!(matches!(scene.outcome(request), Some(Err(RequestError::Refused(_)))));
    }
}

#[test]
fn a_long_text_for_another_network_is_answered_once() {
    let (mut scene, link) = with_eve(Version::Msnp18);
    let text = Text::plain("word ".repeat(800));
    let (request, said) = scene.ask(Command::SendText { chat: ChatId::with(EVE), text });
    let lines: Vec<&str> =
        said.match_indices("UUM ").filter_map(|(at, _)| said[at..].split(' ').nth(1)).collect();
    assert!(lines.len() > 2, "{said}");
    scene.hear(link, &format!("508 {}\r\n", lines[0]));
    scene.hear(link, &format!("508 {}\r\n", lines[1]));
    scene.wait(20);
    assert!(matches!(scene.outcome(request), Some(Err(RequestError::Refused(_)))));
}

#[test]
fn white_space_for_another_network_is_answered_too() {
    let (mut scene, _) = with_eve(Version::Msnp18);
    let text = Text::plain(" ".repeat(4000));
    let (request, said) = scene.ask(Command::SendText { chat: ChatId::with(EVE), text });
    assert_eq!(said.matches("UUM ").count(), 1, "{said}");
    scene.wait(20);
    assert_eq!(scene.outcome(request), Some(Ok(())));
}

#[test]
fn words_that_come_past_the_switchboard_are_heard_in_both_forms() {
    for version in versions() {
        let (mut scene, link) = with_eve(version);
        let payload = "Content-Type: text/plain\r\n\r\nhello";
        for (number, from) in (1..).zip(["eve@example.org 32", "32:eve@example.org"]) {
            let to = "ada@example.com 1";
            scene.hear(link, &format!("UBM {from} {to} 1 {}\r\n{payload}", payload.len()));
            let chat = ChatId::with(EVE);
            let (from, name, text) = (EVE.to_owned(), EVE.to_owned(), Text::plain("hello"));
            let said = Event::Message { chat, from, name, text, link, number };
            assert!(scene.events.contains(&said), "{version}: {:?}", scene.events);
        }
    }
}

#[test]
fn the_networks_of_an_address_are_told() {
    let (mut scene, link) = with_eve(Version::Msnp18);
    let (request, said) = scene.ask(Command::AskNetworks { account: EVE.to_owned() });
    assert!(said.ends_with("<ml><d n=\"example.org\"><c n=\"eve\"/></d></ml>"), "{said}");
    let number = said.split(' ').nth(1).expect("a number").to_owned();
    let payload = "<ml><d n=\"example.org\"><c n=\"eve\" t=\"32\" /></d></ml>";
    scene.hear(link, &format!("FQY {number} {}\r\n{payload}", payload.len()));
    assert_eq!(scene.outcome(request), Some(Ok(())));
    assert!(scene.events.contains(&Event::OnNetwork { account: EVE.to_owned(), network: 32 }));
    let (request, said) = scene.ask(Command::AskNetworks { account: "nobody@x.org".to_owned() });
    let number = said.split(' ').nth(1).expect("a number").to_owned();
    scene.hear(link, &format!("208 {number}\r\n"));
    assert!(matches!(scene.outcome(request), Some(Err(RequestError::Refused(_)))));
}
