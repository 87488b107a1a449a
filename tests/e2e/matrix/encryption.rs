//! Encrypted rooms: what people say to the bridge there, and what it says.

use std::fs;

use msnp::{ChatId, PeerEvent, Text};
use testkit::{Seen, VerificationLevel, VerificationState, tail, wait_until};

use super::{
    ACCOUNT, BOB, PASSWORD, World, bob_is_online_for_ada,
    files::{next, noise, offered, send},
};
use crate::support::{SOON, hears, tells_nobody};

const ON: &str = "[matrix.encryption]\nmode = \"default\"";

/// Holds to it that a message was encrypted, by somebody of whom a client has nothing bad to say.
async fn is_beyond_doubt(world: &World, message: &Seen) {
    let Seen::Message { room, event, .. } = message else { panic!("a message") };
    let fine = [
        VerificationState::Verified,
        VerificationState::Unverified(VerificationLevel::UnverifiedIdentity),
    ];
    // A device is new to the client for a moment after it was made.
    wait_until(SOON, "it is certain who wrote it", || async {
        let certainty = world.ada.certainty_of(room, event).await.expect("it is encrypted");
        fine.contains(&certainty).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_encrypted_conversation_goes_both_ways_and_nobody_is_under_suspicion() {
    let mut world = World::with(ON).await;
    let bot = world.bot.as_str().try_into().expect("a user id");
    // She signs in where nobody but the bot reads it, and even there the password is removed.
    let management = world.ada.encrypted_chat_with(bot).await.expect("a room");
    world.log_in_at(management.clone()).await;
    is_beyond_doubt(&world, &world.ada.hears("Signed in as").await).await;
    let (bob, mut bob_events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;

    // The room that is made is encrypted, and the contact speaks with a device of his own.
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("Hi Ada!")).await.expect("acknowledged");
    let first = world.ada.hears("Hi Ada!").await;
    is_beyond_doubt(&world, &first).await;
    let Seen::Message { room, sender, .. } = first else { panic!("a message") };
    assert_eq!(sender.as_str(), "@msn_bob.smith=40example.com:example.test");
    world.ada.say(&room, "Hello Bob").await.expect("it is sent");
    hears(&mut bob_events, "Hello Bob").await;

    // Files too.
    let bytes = noise(300_000);
    assert_eq!(send(&bob, &mut bob_events, "cat.bin", &bytes).await, Ok(()));
    let file = |seen: &Seen| match seen {
        Seen::File { name, address, .. } => Some((name.clone(), address.clone())),
        _ => None,
    };
    let (name, address) = world.ada.sees(SOON, "Bob's file", file).await;
    assert!(world.ada.is_encrypted(&address), "{name}");
    assert_eq!(world.ada.fetch(&address).await, bytes);
    let picture = noise(50_000);
    world.ada.send_encrypted_picture(&room, "dog.png", &picture).await.expect("it is sent");
    let (transfer, told) = offered(&mut bob_events).await;
    assert_eq!(told.size, 50_000);
    bob.accept_file(transfer).await.expect("it is offered");
    let mut received = Vec::new();
    loop {
        match next(&mut bob_events).await {
            PeerEvent::Data { transfer: of, bytes } if of == transfer => received.extend(bytes),
            PeerEvent::Ended { transfer: of, outcome } if of == transfer => {
                assert_eq!(outcome, Ok(()));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(received, picture);

    // A key that comes while the bridge is away is not lost; the homeserver pushes it once only.
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
    world.ada.change_key(&room).await.expect("it is forgotten");
    world.ada.say(&room, "are you there?").await.expect("it is sent");
    world.start_bridge().await;
    hears(&mut bob_events, "are you there?").await;
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("yes, again")).await.expect("acknowledged");
    is_beyond_doubt(&world, &world.ada.hears("yes, again").await).await;

    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
    let secrets = [PASSWORD];
    let people = [
        "Hello Bob",
        "are you there?",
        ACCOUNT,
        "@ada:",
        "bob.smith@",
        BOB,
        "Hi Ada!",
        "bob.smith=40",
        "dog.png",
    ];
    tells_nobody(&world.log, &world.data(), &secrets, &people);
}

#[tokio::test]
async fn keys_that_are_lost_are_made_anew_and_what_cannot_be_read_is_said() {
    let mut world = World::with(ON).await;
    let management = world.log_in().await;
    // Whoever turns encryption on in a room is answered so from then on.
    world.ada.encrypt(&management).await.expect("she may");
    world.ada.say(&management, "version").await.expect("it is sent");
    is_beyond_doubt(&world, &world.ada.hears("msn-bridge ").await).await;
    let (bob, mut bob_events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("Hi Ada!")).await.expect("acknowledged");
    let Seen::Message { room, .. } = world.ada.hears("Hi Ada!").await else { panic!("a message") };
    world.ada.say(&room, "Hello Bob").await.expect("it is sent");
    hears(&mut bob_events, "Hello Bob").await;
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
    fs::remove_dir_all(world.data().join("matrix-keys")).expect("there are keys");
    let lost = world.ada.say(&room, "you cannot read this").await.expect("it is sent");
    world.start_bridge().await;

    // What was encrypted for the device of before nobody can read, and it is said.
    let told = world.ada.hears_within(2 * SOON, "its key has not come").await;
    is_beyond_doubt(&world, &told).await;
    assert!(world.log().contains("the keys of a device of before are lost"));
    // The new device is known by then.
    world.ada.say(&room, "but this").await.expect("it is sent");
    hears(&mut bob_events, "but this").await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("and you this")).await.expect("acknowledged");
    is_beyond_doubt(&world, &world.ada.hears("and you this").await).await;
    assert!(!world.log().contains(lost.as_str()));
}
