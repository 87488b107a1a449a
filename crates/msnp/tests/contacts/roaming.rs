//! What an account keeps for all its places, and what comes while it is there.

use msnp::{Event, PersonalMessage, Protocol, RequestError, RoamingProfile, Version};

use crate::{ADA, BOB, World, seen};

/// The beginning of a picture, which is all that is looked at.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest";

fn read(event: &Event) -> Option<RoamingProfile> {
    match event {
        Event::ProfileRead { profile } => Some(profile.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn name_message_and_picture_follow_the_account_to_its_next_place() {
    for version in [Version::Msnp15, Version::Msnp16, Version::Msnp18, Version::Msnp21] {
        let world = World::new().await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        let profile = seen(&mut events, read).await;
        assert_eq!((profile.message, profile.picture), (None, None), "{version}");
        let none = ada.fetch_kept_picture().await;
        assert!(matches!(none, Err(RequestError::Service(_))), "{none:?}");
        ada.keep_picture(PNG.to_vec()).await.expect("it is kept");
        let message =
            PersonalMessage { text: "a <b> ☃".to_owned(), ..PersonalMessage::default() };
        ada.set_personal_message(message).await.expect("it is shown");
        // It is kept beside; the next reading follows it.
        ada.read_profile().await.expect("it is read");
        ada.sign_out().await;
        events.finish().await;

        let (bob, mut bob_events) = world.connect_at(BOB, version).await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        let profile = seen(&mut events, read).await;
        assert_eq!(profile.message.as_deref(), Some("a <b> ☃"), "{version}");
        assert!(profile.picture.is_some_and(|picture| picture.size == Some(16)), "{version}");
        // Shown again, though this place never said it.
        let shows = |bob: &msnp::Handle| {
            bob.roster().contact(ADA).is_some_and(|ada| ada.personal.text == "a <b> ☃")
        };
        while !shows(&bob) {
            seen(&mut bob_events, |_| Some(())).await;
        }
        ada.fetch_kept_picture().await.expect("it is fetched");
        let picture = seen(&mut events, |event| match event {
            Event::KeptPicture { image } => Some(image.clone()),
            _ => None,
        });
        assert_eq!(picture.await, PNG, "{version}");
    }
}

#[tokio::test]
async fn who_is_there_hears_of_an_offline_message_at_once() {
    let world = World::new().await;
    let (ada, mut events) = world.connect_at(ADA, Version::Msnp15).await;
    let (bob, _bob_events) = world.connect_at(BOB, Version::Msnp18).await;
    bob.leave_offline(ADA, "for later").await.expect("it is stored");
    let message = seen(&mut events, |event| match event {
        Event::OfflineMessage { message } => Some(message.clone()),
        _ => None,
    });
    let message = message.await;
    assert_eq!((message.from.as_str(), message.text.as_str()), (BOB, "for later"));
    ada.acknowledge_offline(vec![message.id]).await.expect("it is deleted");
}

#[tokio::test]
async fn before_there_were_profiles_none_is_kept() {
    let world = World::new().await;
    let config = world.config(ADA, Protocol::Exactly(Version::Msnp13));
    let (ada, _events) = msnp::connect(config).await.expect("she signs in");
    let refused = ada.keep_picture(PNG.to_vec()).await;
    assert!(matches!(refused, Err(RequestError::Invalid(_))), "{refused:?}");
}
