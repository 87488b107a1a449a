//! What is said while somebody is away waits for her.

use msnp::{ChatId, Event, OfflineMessage, RequestError, Text, Version};

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
async fn before_the_web_services_messages_are_read_and_not_left_and_before_that_neither() {
    let world = World::new().await;
    let (bob, _events) = world.connect_at(BOB, Version::Msnp13).await;
    bob.leave_offline(ADA, "hello").await.expect("it is stored");
    for version in [Version::Msnp12, Version::Msnp11] {
        let (ada, mut events) = world.connect_at(ADA, version).await;
        let left = ada.leave_offline(BOB, "hello").await;
        assert!(matches!(left, Err(RequestError::Invalid(_))), "{left:?}");
        let message = seen(&mut events, offline).await;
        assert_eq!(message.text, "hello", "{version}");
        if version == Version::Msnp11 {
            ada.acknowledge_offline(vec![message.id]).await.expect("it is deleted");
        }
        ada.sign_out().await;
        events.finish().await;
    }
    let (ada, _events) = world.connect_at(ADA, Version::Msnp10).await;
    let read = ada.read_offline().await;
    assert!(matches!(read, Err(RequestError::Invalid(_))), "{read:?}");
}

#[tokio::test]
async fn what_waits_is_read_on_request_and_told_of_once() {
    let world = World::new().await;
    let (bob, _events) = world.connect_at(BOB, Version::Msnp18).await;
    for words in ["one", "two"] {
        bob.leave_offline(ADA, words).await.expect("it is stored");
    }
    let (ada, mut events) = world.connect_at(ADA, Version::Msnp15).await;
    ada.read_offline().await.expect("it is read");
    ada.read_offline().await.expect("there is nothing new");
    ada.sign_out().await;
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.extend(offline(&event).map(|message| message.text));
    }
    assert_eq!(told, ["one", "two"]);
}
