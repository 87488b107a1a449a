//! Files between a Matrix user and her MSN contact.

use std::sync::Arc;

use msnp::{
    ChatId, Event, Events, FileContext, Handle, Object, PeerEvent, Text, TransferError, TransferId,
};
use testkit::{Seen, wait_until};
use tokio::time::timeout;

use super::{ACCOUNT, BOB, World, bob_is_online_for_ada};
use crate::support::SOON;

pub(super) fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap_or_default()).collect()
}

pub(super) async fn next(events: &mut Events) -> PeerEvent {
    let next = async {
        loop {
            if let Event::Transfer(event) = events.next().await.expect("the session goes on") {
                return event;
            }
        }
    };
    timeout(SOON, next).await.expect("a transfer goes on")
}

/// Sends a file to the account of the bridge.
pub(super) async fn send(
    bob: &Handle,
    events: &mut Events,
    name: &str,
    bytes: &[u8],
) -> Result<(), TransferError> {
    let size = u64::try_from(bytes.len()).expect("it is small");
    let file = FileContext { size, name: name.to_owned(), preview: Vec::new() };
    let chat = ChatId::with(ACCOUNT);
    let own = bob.offer_file(&chat, ACCOUNT, file).await.expect("she is asked");
    let mut left = bytes;
    loop {
        match next(events).await {
            PeerEvent::Wants { transfer, most } if transfer == own => {
                let (piece, after) = left.split_at(most.min(left.len()));
                left = after;
                bob.feed_file(own, piece.to_vec()).await.expect("it is wanted");
            }
            PeerEvent::Ended { transfer, outcome } if transfer == own => return outcome,
            _ => {}
        }
    }
}

pub(super) async fn offered(events: &mut Events) -> (TransferId, FileContext) {
    loop {
        if let PeerEvent::Offered { transfer, file, .. } = next(events).await {
            return (transfer, file);
        }
    }
}

/// A picture of one colour: a bitmap of 96 by 96 pixels.
fn face() -> Vec<u8> {
    const PIXELS: u32 = 96 * 96 * 3;
    let mut bitmap = b"BM".to_vec();
    for word in [54 + PIXELS, 0, 54, 40, 96, 96, 1 | 24 << 16, 0, PIXELS, 0, 0, 0, 0] {
        bitmap.extend_from_slice(&word.to_le_bytes());
    }
    bitmap.extend_from_slice(&[30, 30, 200].repeat(96 * 96));
    bitmap
}

#[tokio::test]
async fn a_contact_who_talks_has_her_face() {
    let world = World::new().await;
    let management = world.log_in().await;
    let (bob, _events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    let picture = face();
    let object = Object::describing(BOB, 3, "TFR1.tmp", &picture);
    bob.serve_object(object.clone(), Arc::from(picture)).await.expect("there is room");
    bob.set_picture(Some(object)).await.expect("it is shown");
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("do you know me?"))
        .await
        .expect("it is said");
    let Seen::Message { sender, .. } = world.ada.hears("do you know me?").await else {
        panic!("a message")
    };
    let address = wait_until(SOON, "Bob's ghost has a face", || world.ada.face_of(&sender)).await;
    let shown = world.ada.fetch(&address).await;
    assert!(shown.starts_with(b"\x89PNG") || shown.starts_with(b"\xFF\xD8"), "a safe picture");
    world.network.shutdown().await;
}

#[tokio::test]
async fn her_own_face_is_her_accounts_when_she_says_so() {
    let world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    let ada = &world.ada;
    ada.say(&management, "avatar").await.expect("it is said");
    ada.hears("You have no picture here").await;
    ada.show_face(&face()).await.expect("it is shown");
    ada.say(&management, "avatar").await.expect("it is said");
    ada.hears("Your picture is changed.").await;
    let shown = || async { bob.contact(ACCOUNT).and_then(|contact| contact.object) };
    let description = wait_until(SOON, "the account has a picture", shown).await;
    bob.fetch_object(&ChatId::with(ACCOUNT), ACCOUNT, &description).await.expect("it is asked for");
    let picture = loop {
        match next(&mut events).await {
            PeerEvent::Object { bytes, .. } => break bytes,
            PeerEvent::Ended { outcome, .. } => outcome.expect("it comes"),
            _ => {}
        }
    };
    assert!(picture.starts_with(b"\x89PNG") || picture.starts_with(b"\xFF\xD8"), "a safe picture");

    world.ada.say(&management, "avatar none").await.expect("it is said");
    world.ada.hears("You show no picture now.").await;
    let gone = || async { shown().await.is_none().then_some(()) };
    wait_until(SOON, "it is shown no more", gone).await;
    world.network.shutdown().await;
}

#[tokio::test]
async fn files_go_both_ways_and_what_is_not_taken_is_said() {
    let world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("I have a file")).await.expect("it is said");
    let Seen::Message { room, .. } = world.ada.hears("I have a file").await else {
        panic!("a message")
    };

    let bytes = noise(300_000);
    assert_eq!(send(&bob, &mut events, "..\\Käse.bin", &bytes).await, Ok(()));
    let file = |seen: &Seen| match seen {
        Seen::File { name, address, .. } => Some((name.clone(), address.clone())),
        _ => None,
    };
    let (name, address) = world.ada.sees(SOON, "Bob's file", file).await;
    assert_eq!((name.as_str(), world.ada.fetch(&address).await), ("Käse.bin", bytes));

    let picture = noise(50_000);
    let sent = world.ada.send_picture(&room, "cat.png", &picture, Some("look")).await;
    sent.expect("it is sent");
    let (transfer, told) = offered(&mut events).await;
    assert_eq!(told.size, 50_000);
    bob.accept_file(transfer).await.expect("it is offered");
    let mut received = Vec::new();
    loop {
        match next(&mut events).await {
            PeerEvent::Data { transfer: of, bytes } if of == transfer => received.extend(bytes),
            PeerEvent::Ended { transfer: of, outcome } if of == transfer => {
                assert_eq!(outcome, Ok(()));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(received, picture);

    let sent = world.ada.send_picture(&room, "dog.png", &noise(1000), None).await;
    sent.expect("it is sent");
    let (transfer, _) = offered(&mut events).await;
    bob.cancel_transfer(transfer).await.expect("it is offered");
    world.ada.hears("the other side declined").await;
    world.network.shutdown().await;
}
