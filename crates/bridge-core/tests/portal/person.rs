//! Accounts and what is kept of their owners.

use std::{sync::Arc, time::Duration};

use bridge_core::{CoreConfig, OnLogout, store::MemoryStore};

use super::{accept, command, connected, default, restarted, says, with_bob};
use crate::support::{Given, PASSWORD, World, bytes_of, config, from_chat};

#[tokio::test(start_paused = true)]
async fn a_person_who_deletes_herself_leaves_nothing_in_the_store() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    let asleep = bridge_core::DeliverError::Reject {
        reason: bridge_core::model::Reject::Offline,
        tell_user: "Bob sleeps.".to_owned(),
    };
    world.chats.fail_next([asleep]);
    accept(&world, says("ada", &room, "1", "fails")).await;
    accept(&world, says("ada", &room, "2", "arrives")).await;
    let mut named = from_chat("chats:bob/1/2", "named after the account");
    named.network = bridge_core::id::NetworkId::new("chats");
    accept(&world, named).await;
    world.settle().await;
    let said = command(&world, "management", "account delete").await;
    assert!(said.contains("chats:bob") && said.contains("1 conversations"), "{said}");
    assert_eq!(world.core.portals().len(), 1, "it only asks");
    let said = command(&world, "management", "account delete everything").await;
    assert!(said.contains("is deleted: 1 accounts, 1 conversations"), "{said}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(world.core.portals().is_empty() && world.core.status().logins.is_empty());
    assert!(world.rooms.given().contains(&Given::Closed(room.clone())));
    let left = bytes_of(&store).await;
    let portal: uuid::Uuid = room.parse().expect("rooms are named after portals");
    for what in [&b"ada"[..], b"bob", b"fails", b"arrives", b"Bob sleeps", portal.as_bytes()] {
        let holds = left.windows(what.len()).any(|window| window == what);
        assert!(!holds, "{} is left", what.escape_ascii());
    }
    // And she may come back.
    sign_in_again(&world, 1).await;
}

/// Signs in once more, after so many questions for the password.
async fn sign_in_again(world: &World, asked: usize) {
    let questions = |world: &World| {
        world.rooms.answers().iter().filter(|said| said.contains("the password?")).count()
    };
    assert_eq!(questions(world), asked);
    world.command(&format!("login-{asked}-again"), "login").await;
    world.until("a question", |world| questions(world) > asked).await;
    world.command(&format!("password-{asked}-again"), PASSWORD).await;
    let signed_in = |world: &World| {
        world.rooms.answers().iter().filter(|said| said.contains("Signed in as")).count()
    };
    world.until("signed in", |world| signed_in(world) > asked).await;
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_leaves_deletes_or_keeps_as_it_is_told() {
    for (said, closed, portals) in [("keep", false, 1), ("leave", true, 1), ("delete", true, 0)] {
        let (world, room) = default().await;
        let line = format!("logout chats:bob {said}");
        assert!(command(&world, "management", &line).await.contains("Signed out"), "{said}");
        assert_eq!(world.rooms.given().contains(&Given::Closed(room)), closed, "{said}");
        assert_eq!(world.core.portals().len(), portals, "{said}");
    }
    let leave = CoreConfig { on_logout: OnLogout::Leave, ..config() };
    let (world, room) = with_bob(&Arc::default(), leave).await;
    command(&world, "management", "logout").await;
    assert!(world.rooms.given().contains(&Given::Closed(room.clone())), "the configuration's wish");
    // Signed in again, the same conversation gets a new room.
    let portals = world.core.portals();
    sign_in_again(&world, 1).await;
    connected(&world).await;
    accept(&world, from_chat("back", "are you back?")).await;
    world.settle().await;
    assert_eq!(world.core.portals(), portals);
    assert_eq!(world.rooms.texts_in(&room), ["hello"]);
    assert_eq!(world.rooms.texts(), ["hello", "are you back?"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_an_account_that_is_signed_out_is_reported() {
    let (world, room) = default().await;
    command(&world, "management", "logout chats:bob keep").await;
    accept(&world, says("ada", &room, "1", "are you there?")).await;
    world.settle().await;
    assert!(world.chats.texts().is_empty());
    let failed = world.core.execute("queue").await;
    let told = format!("{failed:?}");
    assert!(told.contains("is signed out. Say "), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_new_sign_in_to_the_same_account_keeps_its_conversations() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    let portals = world.core.portals();
    // As after a change of the password.
    sign_in_again(&world, 1).await;
    world
        .until("signed in", |world| {
            world.rooms.answers().iter().filter(|said| said.contains("Signed in as")).count() == 2
        })
        .await;
    connected(&world).await;
    accept(&world, from_chat("1", "as before")).await;
    accept(&world, says("ada", &room, "2", "yes")).await;
    world.settle().await;
    assert_eq!(world.core.portals(), portals);
    assert_eq!(world.rooms.texts_in(&room), ["hello", "as before"]);
    let world = restarted(world, &store, config()).await;
    assert_eq!(world.core.portals(), portals);
}

#[tokio::test(start_paused = true)]
async fn a_changed_address_keeps_its_conversations() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    let portals = world.core.portals();
    *world.chats.account.lock().expect("no panic") = "chats:robert".to_owned();
    sign_in_again(&world, 1).await;
    world.until("two accounts", |world| world.core.status().logins.len() == 2).await;
    // Something waits for the old account, which is not let in any more.
    world.chats.fail_next((0..5).map(|_| bridge_core::DeliverError::retry("not now")));
    accept(&world, says("ada", &room, "1", "waits")).await;
    // And somebody has written to the new one already.
    accept(&world, to_robert("2", "new address?")).await;
    world.until("a second room", |world| world.rooms.texts().len() == 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let said = command(&world, "management", "account move chats:nobody chats:robert").await;
    assert!(said.contains("chats:bob, chats:robert"), "{said}");
    world.settle().await;
    let said = command(&world, "management", "account move chats:bob chats:robert").await;
    assert!(said.contains("1 conversations are with chats:robert now"), "{said}");
    world.settle().await;
    assert_eq!(world.core.portals(), portals, "the older one stays");
    assert_eq!(world.core.status().logins.len(), 1);
    assert_eq!(world.chats.texts(), ["waits"]);
    accept(&world, to_robert("3", "here")).await;
    accept(&world, says("ada", &room, "4", "good")).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in(&room), ["hello", "here"]);
    assert_eq!(world.chats.texts(), ["waits", "good"]);
}

fn to_robert(source: &str, text: &str) -> bridge_core::model::Event {
    let mut event = from_chat(source, text);
    event.scope = bridge_core::model::Scope::Chat {
        login: bridge_core::id::LoginId::new("chats:robert"),
        chat: bridge_core::id::ChatId::new("bob"),
    };
    event
}
