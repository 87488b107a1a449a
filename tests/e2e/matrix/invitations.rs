//! Ghosts that are asked into rooms, conversations of several, and rooms that go on elsewhere.

use msnp::{ChatId, Event, Text};
use testkit::{RoomId, Seen, wait_until};

use super::{ACCOUNT, BOB, DAVE, World, bob_is_online_for_ada};
use crate::support::{SOON, hears};

const BOBS_GHOST: &str = "@msn_bob.smith=40example.com:example.test";
const DAVES_GHOST: &str = "@msn_dave=40example.com:example.test";

/// Waits until somebody is in a room, or not.
async fn is_in(world: &World, room: &RoomId, user: &str, wanted: bool) {
    wait_until(SOON, &format!("{user} in {room}: {wanted}"), || async {
        let there = world.ada.members(room).await.iter().any(|member| member == user);
        (there == wanted).then_some(())
    })
    .await;
}

async fn seen_in(world: &World, words: &str) -> RoomId {
    match world.ada.hears(words).await {
        Seen::Message { room, .. } => room,
        other => panic!("a message, not {other:?}"),
    }
}

#[tokio::test]
async fn asking_a_ghost_in_begins_a_conversation_and_a_second_makes_it_one_of_several() {
    let world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_hears) = world.bob().await;
    let (dave, mut dave_hears) = world.person(DAVE).await;
    bob_is_online_for_ada(&world.ada, &management).await;

    // Who is no contact does not come, and she is told why.
    let daves = DAVES_GHOST.try_into().expect("a user id");
    let vain = world.ada.direct_chat_with(daves).await.expect("a room");
    assert_eq!(seen_in(&world, "is no contact of yours").await, management);
    is_in(&world, &vain, DAVES_GHOST, false).await;

    // Who is one comes, with the bot, and the conversation is there.
    let bobs = BOBS_GHOST.try_into().expect("a user id");
    let room = world.ada.direct_chat_with(bobs).await.expect("a room");
    is_in(&world, &room, BOBS_GHOST, true).await;
    is_in(&world, &room, &world.bot, true).await;
    world.ada.say(&room, "hello from a room of mine").await.expect("it is sent");
    hears(&mut bob_hears, "hello from a room of mine").await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("hello you")).await.expect("acknowledged");
    assert_eq!(seen_in(&world, "hello you").await, room);

    // A second one is called into it on MSN; all hear all.
    world.ada.invite(&room, daves).await.expect("it is asked");
    is_in(&world, &room, DAVES_GHOST, true).await;
    world.ada.say(&room, "both of you").await.expect("it is sent");
    hears(&mut bob_hears, "both of you").await;
    let Event::Message { chat, .. } = hears(&mut dave_hears, "both of you").await else {
        panic!("a message")
    };
    dave.send_text(&chat, Text::plain("me too")).await.expect("acknowledged");
    let Seen::Message { room: there, sender, .. } = world.ada.hears("me too").await else {
        panic!("a message")
    };
    assert_eq!((&there, sender.as_str()), (&room, DAVES_GHOST));
    let Event::Message { chat: bobs_chat, .. } = hears(&mut bob_hears, "me too").await else {
        panic!("a message")
    };

    // Who goes there goes here; what he says to her alone is in another room.
    bob.leave_chat(&bobs_chat).await.expect("he leaves");
    is_in(&world, &room, BOBS_GHOST, false).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("alone")).await.expect("acknowledged");
    assert_ne!(seen_in(&world, "alone").await, room);

    // She leaves the room, and with it the conversation.
    world.ada.leave(&room).await;
    let left = async {
        loop {
            if let Some(Event::Left { account, .. }) = dave_hears.next().await
                && account == ACCOUNT
            {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, left).await.expect("Dave sees her go");
}

#[tokio::test]
async fn a_room_that_is_upgraded_is_followed() {
    let world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_hears) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    let ada_to = ChatId::with(ACCOUNT);
    let den = world.ada.new_room("den").await.expect("a room");
    let bot = world.bot.as_str().try_into().expect("a user id");
    world.ada.invite(&den, bot).await.expect("it is invited");
    world.ada.hears("Here I listen to what begins with").await;
    world.ada.say(&den, &format!("!msn bridge {BOB}")).await.expect("it is sent");
    world.ada.hears("This room shows your conversation with").await;
    bob.send_text(&ada_to, Text::plain("in the den")).await.expect("acknowledged");
    assert_eq!(seen_in(&world, "in the den").await, den);

    let new: RoomId = world.ada.upgrade(&den).await.as_str().try_into().expect("a room");
    world.ada.invite(&new, bot).await.expect("it is invited");
    is_in(&world, &new, BOBS_GHOST, true).await;
    is_in(&world, &den, BOBS_GHOST, false).await;
    bob.send_text(&ada_to, Text::plain("in the new den")).await.expect("acknowledged");
    assert_eq!(seen_in(&world, "in the new den").await, new);
    world.ada.say(&new, "so it is").await.expect("it is sent");
    hears(&mut bob_hears, "so it is").await;
}
