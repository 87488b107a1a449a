//! Whose words a conversation carries, and what they are told.

use std::{sync::Arc, time::Duration};

use bridge_core::{
    CoreConfig,
    command::{Permissions, Role},
    id::{NetworkId, RoomId},
    model::{Scope, Signal},
    store::MemoryStore,
};

use super::{accept, command, restarted, says, with_bob};
use crate::support::{Given, World, config, persona};

fn some_may() -> CoreConfig {
    let roles = [("ada", Role::User), ("gil", Role::Relay), ("*", Role::None)];
    let roles = roles.map(|(name, role)| (name.to_owned(), role));
    CoreConfig { permissions: Permissions::new(roles), relay_notice: true, ..config() }
}

/// What the bridge said to somebody about her words.
fn told(world: &World, who: &str) -> Vec<String> {
    let begins = format!("Text(\"{}: what you write here", who.to_uppercase());
    world.rooms.answers().into_iter().filter(|text| text.starts_with(&begins)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_guest_is_not_carried_and_told_once() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, some_may()).await;
    for number in 0..3 {
        accept(&world, says("gil", &room, &format!("g{number}"), "hello bob")).await;
    }
    accept(&world, says("ada", &room, "a1", "it is me")).await;
    world.settle().await;
    world.until("she is told", |world| told(world, "gil").len() == 1).await;
    assert!(told(&world, "gil")[0].contains("is not carried to bob on chats"));
    assert_eq!(world.chats.texts(), ["it is me"]);
    assert!(told(&world, "ada").is_empty());
    tokio::time::sleep(Duration::from_secs(5)).await;
    // That is remembered.
    let world = restarted(world, &store, some_may()).await;
    accept(&world, says("gil", &room, "g9", "still here")).await;
    world.settle().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(told(&world, "gil").len(), 1);
    assert_eq!(world.chats.texts(), ["it is me"]);
}

#[tokio::test(start_paused = true)]
async fn with_the_owner_s_wish_and_the_role_a_guest_is_carried_by_name_and_told_once() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, some_may()).await;
    assert!(command(&world, &room, "relay").await.contains("not carried"));
    assert!(command(&world, &room, "relay on").await.contains("from now on"));
    accept(&world, says("gil", &room, "g1", "hello bob")).await;
    accept(&world, says("eve", &room, "e1", "psst")).await;
    accept(&world, says("ada", &room, "a1", "it is me")).await;
    accept(&world, says("gil", &room, "g2", "bye bob")).await;
    world.settle().await;
    assert_eq!(world.chats.texts(), ["GIL: hello bob", "it is me", "GIL: bye bob"]);
    world
        .until("both are told", |world| {
            told(world, "gil").len() == 1 && told(world, "eve").len() == 1
        })
        .await;
    assert!(told(&world, "gil")[0].contains("is carried, under your name, to bob on chats"));
    assert!(told(&world, "eve")[0].contains("is not carried"));
    // The wish outlives a restart, and can be taken back.
    let world = restarted(world, &store, some_may()).await;
    accept(&world, says("gil", &room, "g3", "once more")).await;
    world.settle().await;
    assert_eq!(world.chats.texts().last().map(String::as_str), Some("GIL: once more"));
    assert!(command(&world, &room, "relay off").await.contains("not carried any more"));
    accept(&world, says("gil", &room, "g4", "and now?")).await;
    world.settle().await;
    assert_eq!(world.chats.texts().len(), 4);
    world.until("she is told of that too", |world| told(world, "gil").len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn without_notices_nobody_is_told_that_she_is_carried() {
    let quiet = CoreConfig { relay_notice: false, ..some_may() };
    let (world, room) = with_bob(&Arc::default(), quiet).await;
    command(&world, &room, "relay on").await;
    accept(&world, says("gil", &room, "g1", "hello bob")).await;
    world.settle().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.chats.texts(), ["GIL: hello bob"]);
    assert!(told(&world, "gil").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_guest_who_is_not_carried_is_not_shown_as_writing() {
    let (world, room) = with_bob(&Arc::default(), some_may()).await;
    let scope = || Scope::Room(RoomId::new(room.as_str()));
    let network = NetworkId::new("rooms");
    let typing = |on| Signal::Typing { on };
    world.core.inbox().signal(&network, scope(), persona("rooms", "gil"), typing(true));
    world.core.inbox().signal(&network, scope(), persona("rooms", "ada"), typing(true));
    let shown = |world: &World| {
        world.chats.given().iter().filter(|given| **given == Given::Signal(true)).count()
    };
    world.until("she is shown", |world| shown(world) > 0).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(shown(&world), 1);
}
