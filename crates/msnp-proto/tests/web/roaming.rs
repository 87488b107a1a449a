//! The roaming profile: read, changed, and done without.

use std::{cell::RefCell, rc::Rc};

use msnp_proto::{
    Version,
    msg::PersonalMessage,
    session::{Command, Event, HttpReply, Invalid, RequestError},
    soap::storage::RoamingProfile,
    xml::Element,
};

use super::{on_the_web, online, online_with, services::reply};
use crate::Scene;

/// The beginning of a picture, which is all that is looked at.
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What was asked of the service: the operation and its text.
type Asked = Rc<RefCell<Vec<(String, Element)>>>;

/// A profile with a message and the picture where it is asked for.
fn storage(asked: &Asked, photo: &str) -> impl FnMut(&str, &Element) -> HttpReply + 'static {
    let (asked, photo) = (Rc::clone(asked), photo.to_owned());
    move |action, call| {
        asked.borrow_mut().push((action.to_owned(), call.clone()));
        let inside = match action {
            "GetProfile" => format!(
                "<GetProfileResult><ResourceID>5!106</ResourceID><ExpressionProfile>\
                 <ResourceID>5!118</ResourceID><DisplayName>Ada &amp; Co</DisplayName>\
                 <PersonalStatus>gone fishing</PersonalStatus>{photo}</ExpressionProfile>\
                 </GetProfileResult>"
            ),
            "CreateDocument" => "<CreateDocumentResult>5!300</CreateDocumentResult>".to_owned(),
            _ => String::new(),
        };
        let body = format!("<E><Body><{action}Response>{inside}</{action}Response></Body></E>");
        reply(200, body.into_bytes())
    }
}

fn photo(size: u32) -> String {
    format!(
        "<Photo><ResourceID>5!205</ResourceID><DocumentStreams><DocumentStream>\
         <DocumentStreamType>Named</DocumentStreamType><PreAuthURL>/small</PreAuthURL>\
         </DocumentStream><DocumentStream><DataSize>{size}</DataSize>\
         <PreAuthURL>/picture/5</PreAuthURL><DocumentStreamType>UserTileStatic</DocumentStreamType>\
         </DocumentStream></DocumentStreams></Photo>"
    )
}

fn profile(scene: &Scene) -> Option<RoamingProfile> {
    scene.events.iter().rev().find_map(|event| match event {
        Event::ProfileRead { profile } => Some(profile.clone()),
        _ => None,
    })
}

fn skipped(scene: &Scene) -> Option<String> {
    scene.events.iter().find_map(|event| match event {
        Event::ProfileSkipped { why } => Some(why.clone()),
        _ => None,
    })
}

fn ask(scene: &mut Scene, command: Command) -> Option<Result<(), RequestError>> {
    let request = scene.session.command(scene.now, command);
    scene.drain();
    scene.outcome(request)
}

fn with_profiles() -> impl Iterator<Item = Version> {
    on_the_web().filter(|version| version.number() >= 15)
}

#[test]
fn a_profile_is_read_at_the_sign_in_and_its_message_shown() {
    for version in with_profiles() {
        let asked = Asked::default();
        let (scene, _) = online_with(version, |scene| {
            scene.web.storage = Some(Box::new(storage(&asked, &photo(8))));
        });
        let read = profile(&scene).expect("it is read");
        assert_eq!(read.message.as_deref(), Some("gone fishing"), "{version}");
        assert_eq!(read.name.as_deref(), Some("Ada & Co"));
        assert_eq!(read.picture.map(|picture| picture.url).as_deref(), Some("/picture/5"));
        let (_, call) = asked.borrow().first().cloned().expect("a call");
        let cid = call.text_of(&["profileHandle", "Alias", "Name"]).map(str::to_owned);
        assert!(cid.is_some_and(|cid| cid.parse::<i64>().is_ok()), "{version}");
        assert!(scene.said.contains("<PSM>gone fishing</PSM>"), "{version}: {}", scene.said);
    }
}

#[test]
fn a_message_and_a_name_that_the_server_took_are_kept_and_an_empty_one_taken_away() {
    let asked = Asked::default();
    let (mut scene, link) = online_with(Version::Msnp18, |scene| {
        scene.web.storage = Some(Box::new(storage(&asked, "")));
    });
    let number = |said: &str| said.split(' ').nth(1).unwrap_or_default().to_owned();
    scene.said.clear();
    let set = |text: &str| Command::SetPersonalMessage {
        message: PersonalMessage { text: text.to_owned(), media: String::new() },
    };
    for text in ["back <soon>", ""] {
        assert_eq!(ask(&mut scene, set(text)), None);
        let said = std::mem::take(&mut scene.said);
        assert_eq!(
            asked.borrow().last().map(|(action, _)| action == "UpdateProfile"),
            Some(text.is_empty())
        );
        scene.hear(link, &format!("UUX {} 0\r\n", number(&said)));
        let (_, call) = asked.borrow().last().cloned().expect("a call");
        let kept = call.text_of(&["profile", "ExpressionProfile", "PersonalStatus"]);
        assert_eq!(kept.unwrap_or_default(), text);
        let gone = ["profileAttributesToDelete", "ExpressionProfileAttributes", "PersonalStatus"];
        assert_eq!(call.text_of(&gone).is_some(), text.is_empty());
        assert_eq!(call.text_of(&["profile", "ResourceID"]), Some("5!106"));
    }
    let before = asked.borrow().len();
    ask(&mut scene, Command::SetName { name: "Ada L".to_owned() });
    let said = std::mem::take(&mut scene.said);
    scene.hear(link, &format!("PRP {} MFN Ada%20L\r\n", number(&said)));
    let (_, call) = asked.borrow().last().cloned().expect("a call");
    let name = call.text_of(&["profile", "ExpressionProfile", "DisplayName"]);
    assert_eq!(name, Some("Ada L"));
    // What the server refuses is not kept.
    ask(&mut scene, Command::SetName { name: "Ada Bad".to_owned() });
    let said = std::mem::take(&mut scene.said);
    scene.hear(link, &format!("209 {}\r\n", number(&said)));
    assert_eq!(asked.borrow().len(), before + 1);
}

#[test]
fn a_picture_takes_the_place_of_the_old_one_and_is_fetched_where_it_is() {
    let asked = Asked::default();
    let (mut scene, _) = online_with(Version::Msnp18, |scene| {
        scene.web.storage = Some(Box::new(storage(&asked, &photo(8))));
    });
    let picture = Command::KeepPicture { image: PNG.to_vec() };
    assert_eq!(ask(&mut scene, picture), Some(Ok(())));
    let calls: Vec<String> = asked.borrow().iter().map(|(action, _)| action.clone()).collect();
    let delete = "DeleteRelationships";
    let wanted =
        ["GetProfile", delete, delete, "CreateDocument", "CreateRelationships", "GetProfile"];
    assert_eq!(calls, wanted);
    let relationship = asked.borrow()[4].1.clone();
    let relationship = relationship.find(&["relationships", "Relationship"]).cloned();
    let part = |name| relationship.as_ref().and_then(|it| it.text_of(&[name]));
    assert_eq!((part("SourceID"), part("TargetID")), (Some("5!118"), Some("5!300")));
    assert_eq!(ask(&mut scene, Command::FetchKeptPicture), Some(Ok(())));
    // The address has no host: it is the service's own.
    assert_eq!(scene.asked.last().map(String::as_str), Some("http://web/picture/5"));
    let came = |event: &Event| matches!(event, Event::KeptPicture { image } if image == PNG);
    assert!(scene.events.iter().any(came));
    for image in [b"<svg/>".to_vec(), [PNG, &vec![0; 256 * 1024]].concat(), Vec::new()] {
        let refused = Some(Err(Invalid::Picture.into()));
        assert_eq!(ask(&mut scene, Command::KeepPicture { image }), refused);
    }
}

#[test]
fn a_network_without_profiles_is_asked_once_and_the_reason_told() {
    let (mut scene, link) = online(Version::Msnp15);
    let why = "the roaming profile answered 500 without what it must say";
    assert_eq!(skipped(&scene).as_deref(), Some(why));
    let refused = ask(&mut scene, Command::KeepPicture { image: PNG.to_vec() });
    assert!(matches!(&refused, Some(Err(RequestError::Service(_)))), "{refused:?}");
    let before = scene.events.len();
    scene.hear(link, "UUX 9 0\r\n");
    assert_eq!(scene.events.len(), before, "nothing is asked for again");
    // Before there were profiles nothing is asked for at all.
    let (mut scene, _) = online(Version::Msnp13);
    assert_eq!(skipped(&scene), None);
    let refused = ask(&mut scene, Command::ReadProfile);
    assert_eq!(refused, Some(Err(Invalid::NoProfile.into())));
}

#[test]
fn a_profile_without_a_picture_has_none_to_fetch() {
    for photo in [String::new(), photo(0)] {
        let asked = Asked::default();
        let (mut scene, _) = online_with(Version::Msnp16, |scene| {
            scene.web.storage = Some(Box::new(storage(&asked, &photo)));
        });
        assert_eq!(profile(&scene).and_then(|profile| profile.picture), None);
        let refused = ask(&mut scene, Command::FetchKeptPicture);
        assert!(matches!(refused, Some(Err(RequestError::Service(_)))), "{refused:?}");
    }
}
