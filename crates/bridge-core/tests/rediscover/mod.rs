//! Portals found again in their rooms.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bridge_core::{
    AcceptError, Core, Parts, Recovery, SealKey,
    id::{ChatId, NetworkId, PersonaId, PortalId, RoomId},
    model::{Rediscovered, RoomChat, RoomHint, RoomKind, UserId},
    store::MemoryStore,
};
use uuid::Uuid;

use crate::support::{
    FakeAdapter, FakeConnector, Given, Record, Session, World, bob, config, from_chat, from_room,
    login_id, said,
};

fn ada() -> UserId {
    UserId { network: NetworkId::new("rooms"), id: PersonaId::new("ada") }
}

/// A room that says it is of Bob's conversation, and one where Ada talks to the bridge.
fn found() -> Rediscovered {
    let chat = RoomChat { login: login_id(), chat: ChatId::new("bob"), peer: bob() };
    let hint = RoomHint {
        room: RoomId::new("old room"),
        portal: PortalId(Uuid::from_u128(1)),
        kind: RoomKind::Direct,
        name: None,
        owner: ada(),
        chats: vec![chat],
    };
    Rediscovered {
        rooms: vec![hint],
        unclear: vec![RoomId::new("odd room")],
        talks: vec![(ada(), RoomId::new("management"))],
    }
}

fn parts(rooms: &Arc<Record>, chats: &Arc<Record>, recovery: Recovery) -> Parts {
    Parts {
        adapters: vec![Arc::new(FakeAdapter(Arc::clone(rooms)))],
        connectors: vec![Arc::new(FakeConnector(Arc::clone(chats), Session::Lasts))],
        recovery,
        ..Parts::default()
    }
}

fn answers(world: &World, words: &str) -> bool {
    let given = world.rooms.given();
    given.iter().any(|given| matches!(given, Given::Answer(text) if text.contains(words)))
}

#[tokio::test(start_paused = true)]
async fn a_lost_store_gives_nobody_a_second_room() {
    let (rooms, chats): (Arc<Record>, Arc<Record>) = Default::default();
    *rooms.rooms_say.lock().unwrap() = found();
    let parts = parts(&rooms, &chats, Recovery::NewStore);
    let store = Arc::new(MemoryStore::new());
    let world = World::of(store, config(), parts, rooms, chats).await.expect("it opens");
    // Admins hear what came of it where they talk to the bridge.
    world
        .until("admins are told", |world| answers(world, "1 conversations were found again"))
        .await;
    assert!(answers(&world, "odd room") && answers(&world, "is lost"));
    world.sign_in().await;
    let inbox = world.core.inbox();
    inbox.accept_all(vec![from_chat("c", "me again")], None).await.expect("accepted");
    world.settle().await;
    assert_eq!(world.rooms.texts_in("old room"), ["me again"]);
    assert!(!world.rooms.given().contains(&Given::Room), "no room was made");
    let answer = from_room("r", "old room", said("hello"));
    inbox.accept_all(vec![answer], None).await.expect("accepted");
    world.settle().await;
    assert_eq!(world.chats.texts(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_is_never_overwritten() {
    let world = World::open(Arc::new(MemoryStore::new()), config()).await.expect("it opens");
    world.sign_in().await;
    let inbox = world.core.inbox();
    inbox.accept_all(vec![from_chat("c1", "one")], None).await.expect("accepted");
    let room = world.room().await;
    *world.rooms.rooms_say.lock().unwrap() = found();
    world.command("again", "portals rediscover").await;
    world.until("an answer", |world| answers(world, "have other rooms now: old room")).await;
    inbox.accept_all(vec![from_chat("c2", "two")], None).await.expect("accepted");
    world.settle().await;
    assert_eq!(world.rooms.texts_in(&room), ["one", "two"]);
    assert_eq!(world.core.status().portals, 1);
}

#[tokio::test(start_paused = true)]
async fn found_twice_it_is_known() {
    let (rooms, chats): (Arc<Record>, Arc<Record>) = Default::default();
    *rooms.rooms_say.lock().unwrap() = found();
    let parts = parts(&rooms, &chats, Recovery::Rescued("An old backup.".to_owned()));
    let store = Arc::new(MemoryStore::new());
    let world = World::of(store, config(), parts, rooms, chats).await.expect("it opens");
    world.until("admins are told", |world| answers(world, "An old backup.")).await;
    world.command("again", "portals rediscover").await;
    world
        .until("an answer", |world| {
            answers(world, "0 conversations were found again, 1 were known")
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn messages_of_rooms_that_may_be_known_soon_come_again() {
    let (rooms, chats): (Arc<Record>, Arc<Record>) = Default::default();
    *rooms.rooms_say.lock().unwrap() = found();
    rooms.stuck.store(true, Ordering::Relaxed);
    let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
    let parts = parts(&rooms, &chats, Recovery::NewStore);
    let core = Core::open(Arc::new(MemoryStore::new()), key, config(), parts).await;
    let mut core = core.expect("it opens");
    core.start().await.expect("it starts");
    let inbox = core.inbox();
    let message = || vec![from_room("r", "old room", said("hello"))];
    assert!(matches!(inbox.accept_all(message(), None).await, Err(AcceptError::Busy)));
    rooms.stuck.store(false, Ordering::Relaxed);
    while let Err(error) = inbox.accept_all(message(), None).await {
        assert!(matches!(error, AcceptError::Busy), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // It was asked for again until its room was known, and not dropped as one of no portal.
    assert_eq!(core.status().portals, 1);
    core.stop(Duration::from_secs(1)).await;
}
