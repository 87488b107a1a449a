//! What is said while somebody is away waits for her.

use msnp::{ChatId, Event, OfflineMessage, Protocol, RequestError, Text, Version};

use crate::{ADA, BOB, World, seen};

fn offline(event: &Event) -> Option<OfflineMessage> {
    match event {
        Event::OfflineMessage { message } => Some(message.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn words_for_somebody_who_is_away_wait_until_she_has_taken_them_in() {
    for version in [Version::Msnp13, Version::Msnp15, Version::Msnp16, Version::Msnp18] {
        let world = World::new().await;
        let (bob, _events) = world.connect_at(BOB, version).await;
        let said = bob.send_text(&ChatId::with(ADA), Text::plain("are you there?")).await;
        assert_eq!(said, Err(RequestError::NotOnline), "{version}");
        let long = format!("Grüße ☃\n{}", "long ".repeat(200));
        for words in ["one", "two", &long] {
            bob.leave_offline(ADA, words).await.expect("it is stored");
        }
        let nobody = bob.leave_offline("nobody@example.com", "hello").await;
        assert!(matches!(nobody, Err(RequestError::Service(_))), "{nobody:?}");

        let (ada, mut events) = world.connect_at(ADA, version).await;
        let mut ids = Vec::new();
        for words in ["one", "two", &long] {
            let message = seen(&mut events, offline).await;
            assert_eq!((message.from.as_str(), message.text.as_str()), (BOB, words), "{version}");
            assert_eq!(message.name.as_deref(), Some("Bob ☃"));
            assert!(message.sent.is_some_and(|sent| sent > 1_700_000_000));
            ids.push(message.id);
        }
        // What is not acknowledged comes again.
        ada.acknowledge_offline(vec![ids.remove(0)]).await.expect("it is deleted");
        ada.sign_out().await;
        events.finish().await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        let message = seen(&mut events, offline).await;
        assert_eq!(message.text, "two", "{version}");
        ada.acknowledge_offline(ids).await.expect("they are deleted");
        ada.sign_out().await;
        events.finish().await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        ada.sign_out().await;
        while let Some(event) = events.next().await {
            assert_eq!(offline(&event), None, "{version}");
        }
    }
}

#[tokio::test]
async fn more_than_a_notice_lists_are_asked_for_and_come_in_order() {
    let world = World::new().await;
    let (bob, _events) = world.connect_at(BOB, Version::Msnp18).await;
    for number in 0..30 {
        bob.leave_offline(ADA, &format!("line {number}")).await.expect("it is stored");
    }
    let (ada, mut events) = world.connect_at(ADA, Version::Msnp18).await;
    let mut ids = Vec::new();
    for number in 0..30 {
        let message = seen(&mut events, offline).await;
        assert_eq!(message.text, format!("line {number}"));
        ids.push(message.id);
    }
    ada.acknowledge_offline(ids).await.expect("they are deleted");
}

#[tokio::test]
async fn before_the_web_services_nothing_is_kept() {
    let world = World::new().await;
    let config = world.config(BOB, Protocol::Exactly(Version::Msnp12));
    let (bob, _events) = msnp::connect(config).await.expect("he signs in");
    let left = bob.leave_offline(ADA, "hello").await;
    assert!(matches!(left, Err(RequestError::Invalid(_))), "{left:?}");
}
