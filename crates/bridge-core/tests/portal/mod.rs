//! Portals while they run: rooms joined and let go, whose words are carried, what failed, what is
//! deleted.

mod fate;
mod follow;
mod guest;
mod person;
mod room;

use std::sync::Arc;

use bridge_core::{CoreConfig, LoginState, model::Event, store::MemoryStore};

use crate::support::{Record, Session, World, config, from_chat, from_room, persona, said};

/// A person with an account that is connected, and a room with Bob.
async fn with_bob(store: &Arc<MemoryStore>, config: CoreConfig) -> (World, String) {
    let world = World::open(store.clone(), config).await.expect("it opens");
    world.sign_in().await;
    connected(&world).await;
    accept(&world, from_chat("hello", "hello")).await;
    let room = world.room().await;
    (world, room)
}

async fn default() -> (World, String) {
    with_bob(&Arc::default(), config()).await
}

/// The next process, on what the store kept and the networks remember.
async fn restarted(world: World, store: &Arc<MemoryStore>, config: CoreConfig) -> World {
    let (rooms, chats): (Arc<Record>, Arc<Record>) = (world.rooms.clone(), world.chats.clone());
    world.core.stop(std::time::Duration::from_secs(10)).await;
    let world = World::with(store.clone(), config, rooms, chats, Session::Lasts);
    let world = world.await.expect("it opens again");
    connected(&world).await;
    world
}

async fn connected(world: &World) {
    let state = |world: &World| world.core.status().logins.first().map(|login| login.state);
    world
        .until("the account is connected", |world| state(world) == Some(LoginState::Connected))
        .await;
}

async fn accept(world: &World, event: Event) {
    world.core.inbox().accept_all(vec![event], None).await.expect("it is accepted");
}

/// Something that somebody says in a room.
fn says(who: &str, room: &str, source: &str, text: &str) -> Event {
    let sender =
        bridge_core::model::Persona { name: Some(who.to_uppercase()), ..persona("rooms", who) };
    Event { sender, ..from_room(source, room, said(text)) }
}

/// Gives a command in a room; gives its answer.
async fn command(world: &World, room: &str, line: &str) -> String {
    let before = world.rooms.answers().len();
    world.command_in(&format!("{room} {line} {before}"), room, line).await;
    world.until(line, |world| world.rooms.answers().len() > before).await;
    world.rooms.answers().pop().expect("an answer")
}
