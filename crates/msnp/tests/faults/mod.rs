//! What a network loses, delays and denies, and what the client makes of it.

use std::time::Duration;

use msnp::{
    ChatId, Event, Events, FileContext, Handle, Object, PeerEvent, Protocol, RequestError, Text,
    TransferError, Version,
};
use msnp_server::Lost;

use crate::{
    ADA, BOB, ECHO, World, seen, text_of,
    transfers::{noise, offered, receive, send},
};

fn file(size: u64) -> FileContext {
    FileContext { size, name: "a.bin".to_owned(), preview: Vec::new() }
}

async fn both(world: &World, version: Version) -> [(Handle, Events); 2] {
    let connect = |account| msnp::connect(world.config(account, Protocol::Exactly(version)));
    [connect(ADA).await.expect("Ada"), connect(BOB).await.expect("Bob")]
}

/// A file goes from Ada to Bob: what each of them has at the end.
async fn pass(
    [(ada, ada_events), (bob, bob_events)]: &mut [(Handle, Events); 2],
    bytes: &[u8],
) -> (Result<(), TransferError>, Result<Vec<u8>, TransferError>) {
    let size = u64::try_from(bytes.len()).expect("it is small");
    let own = ada.offer_file(&ChatId::with(BOB), BOB, file(size)).await.expect("it goes on");
    let (transfer, _) = seen(bob_events, offered).await;
    bob.accept_file(transfer).await.expect("it goes on");
    tokio::join!(send(ada, ada_events, own, bytes), receive(bob_events, transfer))
}

#[tokio::test]
async fn what_is_said_into_a_half_open_switchboard_is_never_called_delivered() {
    let world = World::new().await;
    let (ada, mut events) = world.connect(ADA).await;
    let echo = ChatId::with(ECHO);
    ada.send_text(&echo, Text::plain("before")).await.unwrap();
    assert_eq!(seen(&mut events, text_of).await.1, "before");
    world.faults.half_open(true);
    // In the conversation there is, the words may have arrived or not.
    let outcome = ada.send_text(&echo, Text::plain("into nothing")).await;
    assert_eq!(outcome, Err(RequestError::Unconfirmed));
    // In a new one nobody comes: they were not sent.
    let outcome = ada.send_text(&echo, Text::plain("into nothing")).await;
    assert_eq!(outcome, Err(RequestError::NoAnswer));
    world.faults.half_open(false);
    assert_eq!(ada.send_text(&echo, Text::plain("after")).await, Ok(()));
    // Nothing of it comes late, and nothing twice.
    assert_eq!(seen(&mut events, text_of).await.1, "after");
    world.network.shutdown().await;
}

#[tokio::test]
async fn a_transfer_ends_with_the_half_open_switchboard_that_carries_it() {
    let world = World::new().await;
    let [(ada, mut events), (bob, mut bob_events)] = both(&world, Version::Msnp15).await;
    let own = ada.offer_file(&ChatId::with(BOB), BOB, file(1_000_000)).await.unwrap();
    let (transfer, _) = seen(&mut bob_events, offered).await;
    bob.accept_file(transfer).await.unwrap();
    let accepted =
        |event: &Event| matches!(event, Event::Transfer(PeerEvent::Accepted { .. })).then_some(());
    seen(&mut events, accepted).await;
    world.faults.half_open(true);
    ada.feed_file(own, noise(50_000)).await.unwrap();
    // The next word finds the switchboard dead, and the transfer goes with it.
    let outcome = ada.send_text(&ChatId::with(BOB), Text::plain("are you there?")).await;
    assert_eq!(outcome, Err(RequestError::Unconfirmed));
    let ended = |event: &Event| match event {
        Event::Transfer(PeerEvent::Ended { transfer, outcome }) if *transfer == own => {
            Some(*outcome)
        }
        _ => None,
    };
    assert_eq!(seen(&mut events, ended).await, Err(TransferError::Interrupted));
    world.network.shutdown().await;
}

#[tokio::test]
async fn a_lost_acknowledgement_leaves_a_text_unconfirmed() {
    let world = World::new().await;
    let [(ada, _events), (_bob, mut bob_events)] = both(&world, Version::Msnp18).await;
    world.faults.lose(Lost::Acknowledgement, Some(2));
    let bob = ChatId::with(BOB);
    assert_eq!(ada.send_text(&bob, Text::plain("one")).await, Ok(()));
    let outcome = ada.send_text(&bob, Text::plain("two")).await;
    assert_eq!(outcome, Err(RequestError::Unconfirmed));
    assert_eq!(ada.send_text(&bob, Text::plain("three")).await, Ok(()));
    // It had arrived, which nobody could know.
    for words in ["one", "two", "three"] {
        assert_eq!(seen(&mut bob_events, text_of).await.1, words);
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn a_file_arrives_whichever_acknowledgement_of_the_server_is_lost() {
    let world = World::new().await;
    let bytes = noise(30_000);
    for version in [Version::Msnp15, Version::Msnp18] {
        let mut both = both(&world, version).await;
        for which in [1, 2, 9] {
            world.faults.lose(Lost::Acknowledgement, Some(which));
            let outcome = pass(&mut both, &bytes).await;
            assert_eq!(outcome, (Ok(()), Ok(bytes.clone())), "{version}: {which}");
        }
        world.faults.lose(Lost::Acknowledgement, None);
        for (handle, events) in both {
            handle.sign_out().await;
            events.finish().await;
        }
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn a_file_arrives_whichever_acknowledgement_of_a_peer_is_lost() {
    let world = World::new().await;
    let bytes = noise(30_000);
    for version in [Version::Msnp15, Version::Msnp18] {
        let mut both = both(&world, version).await;
        for which in 1..=6 {
            world.faults.lose(Lost::PeerAcknowledgement, Some(which));
            let outcome = pass(&mut both, &bytes).await;
            assert_eq!(outcome, (Ok(()), Ok(bytes.clone())), "{version}: {which}");
        }
        world.faults.lose(Lost::PeerAcknowledgement, None);
        for (handle, events) in both {
            handle.sign_out().await;
            events.finish().await;
        }
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn a_contact_who_is_online_and_cannot_be_called_is_not_reached() {
    let world = World::new().await;
    let [(ada, mut events), (_bob, mut bob_events)] = both(&world, Version::Msnp15).await;
    let bob = ChatId::with(BOB);
    world.faults.unreachable(BOB, true);
    let outcome = ada.send_text(&bob, Text::plain("hello?")).await;
    assert_eq!(outcome, Err(RequestError::NotOnline));
    let outcome = ada.offer_file(&bob, BOB, file(10)).await;
    assert!(outcome.is_err(), "{outcome:?}");
    // Others are called as before.
    assert_eq!(ada.send_text(&ChatId::with(ECHO), Text::plain("echo?")).await, Ok(()));
    assert_eq!(seen(&mut events, text_of).await.1, "echo?");
    world.faults.unreachable(BOB, false);
    assert_eq!(ada.send_text(&bob, Text::plain("there you are")).await, Ok(()));
    assert_eq!(seen(&mut bob_events, text_of).await.1, "there you are");
    world.network.shutdown().await;
}

#[tokio::test]
async fn words_and_files_of_a_slow_peer_come_in_order_and_whole() {
    let world = World::new().await;
    world.faults.relay_delay(Some(Duration::from_millis(40)));
    for version in [Version::Msnp15, Version::Msnp18] {
        let mut both = both(&world, version).await;
        let bytes = noise(60_000);
        let outcome = pass(&mut both, &bytes).await;
        assert_eq!(outcome, (Ok(()), Ok(bytes)), "{version}");
        let [(ada, mut events), (bob, mut bob_events)] = both;
        for number in 1..=10 {
            let text = Text::plain(number.to_string());
            ada.send_text(&ChatId::with(BOB), text).await.unwrap();
        }
        for number in 1..=10 {
            assert_eq!(seen(&mut bob_events, text_of).await.1, number.to_string(), "{version}");
        }
        let image = noise(25_000);
        let picture = Object::describing(BOB, 3, "a.png", &image);
        bob.serve_object(picture.clone(), image.clone().into()).await.unwrap();
        ada.fetch_object(&ChatId::with(BOB), BOB, &picture.write()).await.unwrap();
        let came = seen(&mut events, |event| match event {
            Event::Transfer(PeerEvent::Object { bytes, .. }) => Some(bytes.clone()),
            _ => None,
        });
        assert_eq!(came.await, image, "{version}");
        ada.sign_out().await;
        bob.sign_out().await;
        tokio::join!(events.finish(), bob_events.finish());
    }
    world.network.shutdown().await;
}
