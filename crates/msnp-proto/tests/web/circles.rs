//! What is told of circles, and of people through them.

use msnp_proto::{Version, command::Status, session::Event};

use super::{BOB, online};

const CIRCLE: &str = "00000000-0000-0000-0009-000000000001@live.com";

#[test]
fn presence_through_a_circle_stays_with_the_circle() {
    let (mut scene, link) = online(Version::Msnp18);
    scene.hear(link, "NLN BSY 1:bob@example.com Bob 0:0\r\n");
    scene.events.clear();
    let via = format!("1:Bob@example.com;via=9:{CIRCLE}");
    scene.hear(link, &format!("NLN NLN 9:{CIRCLE} Gardeners 0:0\r\nNLN AWY {via} Bob%20B 0:0\r\n"));
    let changed = Event::CircleChanged { circle: CIRCLE.to_owned() };
    assert_eq!(scene.events, [changed.clone(), changed.clone()]);
    let payload = "<Data><PSM>in the circle</PSM></Data>";
    scene.hear(link, &format!("UBX {via} {}\r\n{payload}", payload.len()));
    let roster = scene.session.roster();
    let bob = roster.contact(BOB).expect("he is there");
    assert_eq!((bob.status, bob.personal.text.as_str()), (Status::Busy, ""));
    let circle = roster.circles().next().expect("a circle");
    assert_eq!((circle.name.as_str(), circle.online), ("Gardeners", true));
    let member = circle.members.get(BOB).expect("he is in it");
    assert_eq!((member.name.as_str(), member.status), ("Bob B", Status::Away));
    scene.events.clear();
    scene.hear(link, &format!("FLN {via} 0:0\r\nFLN {via} 0:0\r\n"));
    assert_eq!(scene.events, [changed]);
    let roster = scene.session.roster();
    assert!(roster.circles().all(|circle| circle.members.is_empty()));
    assert_eq!(roster.contact(BOB).map(|bob| bob.status), Some(Status::Busy));
}

#[test]
fn a_circles_roster_is_read_and_who_leaves_is_noted() {
    let (mut scene, link) = online(Version::Msnp18);
    let hear = |scene: &mut crate::Scene, verb: &str, uri: &str, body: &str| {
        let payload = format!(
            "Routing: 1.0\r\nTo: 1:ada@example.com\r\nFrom: 9:{CIRCLE}\r\n\r\nReliability: 1.0\r\n\r\n\
             Publication: 1.0\r\nUri: {uri}\r\n\r\n{body}"
        );
        scene.hear(link, &format!("NFY {verb} {}\r\n{payload}", payload.len()));
    };
    let people = "<circle><roster><id>IM</id><user><id>1:bob@example.com</id></user><user>\
                  <id>1:carol@example.org</id></user></roster></circle>";
    hear(&mut scene, "PUT", "/circle", people);
    let members = |scene: &crate::Scene| {
        let circles: Vec<_> = scene.session.roster().circles().cloned().collect();
        circles.into_iter().flat_map(|circle| circle.members.into_keys()).collect::<Vec<_>>()
    };
    assert_eq!(members(&scene), [BOB, "carol@example.org"]);
    hear(&mut scene, "DEL", "/circle/roster(IM)/user(1:bob@example.com)", "");
    assert_eq!(members(&scene), ["carol@example.org"]);
    hear(&mut scene, "PUT", "/circle", "");
    assert_eq!(members(&scene), ["carol@example.org"]);
    hear(&mut scene, "DEL", "/circle", "");
    assert!(members(&scene).is_empty());
}
