//! The store is lost; the rooms know.

use std::fs;

use msnp::{ChatId, Text};
use testkit::{Seen, tail};

use super::{ACCOUNT, PASSWORD, World, bob_is_online_for_ada};
use crate::support::hears;

#[tokio::test]
async fn rooms_are_known_again_when_the_store_is_lost() {
    let mut world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_events) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("before")).await.expect("acknowledged");
    let Seen::Message { room, .. } = world.ada.hears("before").await else { panic!("a message") };

    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
    fs::remove_dir_all(world.config.with_file_name("data").join("store")).expect("it is there");
    world.start_bridge().await;

    // The account is gone with the store; the room with the bot is still one with the bot.
    world.ada.forget();
    world.ada.say(&management, "login").await.expect("it is sent");
    world.ada.hears("Which address").await;
    world.ada.say(&management, ACCOUNT).await.expect("it is sent");
    world.ada.hears("the password").await;
    world.ada.say(&management, PASSWORD).await.expect("it is sent");
    world.ada.hears("Signed in as").await;
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("after")).await.expect("acknowledged");
    let Seen::Message { room: again, .. } = world.ada.hears("after").await else {
        panic!("a message")
    };
    assert_eq!(again, room, "{}", tail(&world.log));
    world.ada.say(&room, "here I am").await.expect("it is sent");
    hears(&mut bob_events, "here I am").await;
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
}
