//! Tickets that end, and calls that are made again with new ones.

use msnp_proto::{
    Version,
    session::{Command, Event, HttpReply, LinkId, RequestError},
};

use super::{BOB, on_the_web, online, services::reply};
use crate::Scene;

const FORMER: &str = "t=contacts&p=";
const RENEWED: &str = "t=contacts-2&p=";

/// A fault of the address book.
fn fault(code: &str) -> HttpReply {
    let text = format!(
        "<s:Envelope xmlns:s=\"s\"><s:Body><s:Fault><faultcode>q0:{code}</faultcode><faultstring>x\
         </faultstring></s:Fault></s:Body></s:Envelope>"
    );
    reply(500, text.into_bytes())
}

/// Blocks Bob, with the server's answers where there are any.
fn block(scene: &mut Scene, link: LinkId) -> Option<Result<(), RequestError>> {
    scene.asked.clear();
    let (request, mut said) =
        scene.ask(Command::BlockContact { account: BOB.to_owned(), on: true });
    while let Some((verb, rest)) = said.split_once(' ') {
        let number = rest.split(' ').next().unwrap_or_default();
        let answer = format!("{verb} {number} OK\r\n");
        said = scene.hear(link, &answer);
    }
    scene.outcome(request)
}

#[test]
fn a_refused_ticket_is_renewed_once_and_the_call_made_again() {
    for version in on_the_web() {
        for refusal in
            [fault("BadContextToken"), fault("AuthenticationFault"), reply(403, b"no".to_vec())]
        {
            let (mut scene, link) = online(version);
            scene.web.refused.push((FORMER, refusal));
            assert_eq!(block(&mut scene, link), Some(Ok(())), "{version}");
            let service = if version.has_endpoints() { "RST2" } else { "RST" };
            let wanted = [&format!("DeleteMember {FORMER}"), &format!("http://web/{service}.srf")];
            assert_eq!(scene.asked[..2].iter().collect::<Vec<_>>(), wanted, "{version}");
            assert_eq!(scene.asked[2..], ["DeleteMember", "AddMember"], "{version}");
        }
    }
}

#[test]
fn a_new_ticket_that_is_refused_too_is_not_renewed_again() {
    let (mut scene, link) = online(Version::Msnp15);
    scene.web.refused =
        vec![(FORMER, fault("BadContextToken")), (RENEWED, fault("BadContextToken"))];
    assert!(matches!(block(&mut scene, link), Some(Err(RequestError::Service(_)))));
    assert_eq!(scene.web.given, 2);
    assert!(matches!(block(&mut scene, link), Some(Err(RequestError::Service(_)))));
    assert_eq!(scene.web.given, 2, "it was of no use the first time");
    assert_eq!(scene.end(), None);
}

#[test]
fn a_server_that_takes_only_the_sign_ins_ticket_is_given_it_back() {
    // A second after the sign-in its time is over, so that an empty 500 may mean the ticket.
    let prepare = |scene: &mut Scene| scene.web.expires = Some("2026-11-23T02:31:09Z");
    let (mut scene, link) = super::online_with(Version::Msnp18, prepare);
    scene.web.refused = vec![(FORMER, reply(500, Vec::new())), (RENEWED, reply(403, Vec::new()))];
    let answered = |scene: &mut Scene| {
        assert!(matches!(block(scene, link), Some(Err(RequestError::Service(_)))));
        scene.asked.len()
    };
    assert_eq!(answered(&mut scene), 4, "{:?}", scene.asked);
    assert!(scene.asked[3].ends_with(FORMER), "{:?}", scene.asked);
    scene.web.refused.clear();
    assert_eq!(block(&mut scene, link), Some(Ok(())));
    assert_eq!(scene.web.given, 2);
}

#[test]
fn a_fault_that_is_not_about_the_ticket_renews_nothing() {
    for refusal in [fault("Forbidden"), reply(500, Vec::new())] {
        let (mut scene, link) = online(Version::Msnp18);
        scene.web.refused.push((FORMER, refusal));
        assert!(matches!(block(&mut scene, link), Some(Err(RequestError::Service(_)))));
        assert_eq!(scene.web.given, 1);
    }
}

#[test]
fn a_password_that_is_refused_meanwhile_leaves_the_session_and_is_said() {
    let (mut scene, link) = online(Version::Msnp18);
    scene.web.refused.push((FORMER, fault("BadContextToken")));
    scene.web.locked = true;
    assert!(matches!(block(&mut scene, link), Some(Err(RequestError::Service(_)))));
    assert!(scene.events.iter().any(|event| matches!(event, Event::Odd { .. })));
    assert_eq!(scene.end(), None);
}

#[test]
fn lists_are_read_with_a_new_ticket_where_the_sign_ins_is_refused() {
    for version in on_the_web() {
        let (scene, _) = super::online_with(version, |scene| {
            scene.web.refused.push((FORMER, fault("BadContextToken")));
        });
        assert!(scene.session.roster().contact(BOB).is_some(), "{version}");
        assert_eq!(scene.web.given, 2, "{version}");
    }
}
