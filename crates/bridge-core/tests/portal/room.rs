//! Rooms joined to conversations and let go.

use std::sync::{Arc, atomic::Ordering};

use bridge_core::{
    DeliverError,
    id::MessageId,
    model::{Content, EventKind},
    store::MemoryStore,
};

use super::{accept, command, default, restarted, says, with_bob};
use crate::support::{Given, bytes_of, config, from_chat, from_room, said};

#[tokio::test(start_paused = true)]
async fn a_room_becomes_that_of_a_conversation_and_stays_it() {
    let store = Arc::new(MemoryStore::new());
    let (world, before) = with_bob(&store, config()).await;
    let said = command(&world, "den", "bridge bob@example.com").await;
    assert!(said.contains("shows your conversation with"), "{said}");
    // The stand-in's chats are named after who is in them: this is another conversation than Bob's.
    accept(&world, says("ada", "den", "1", "to the new one")).await;
    world.settle().await;
    assert_eq!(world.chats.texts_in("bob@example.com"), ["to the new one"]);

    let said = command(&world, "lair", "bridge bob").await;
    assert!(said.contains("no address"), "{said}");
    drop(before);
    let world = restarted(world, &store, config()).await;
    accept(&world, says("ada", "den", "2", "still")).await;
    world.settle().await;
    assert_eq!(world.chats.texts_in("bob@example.com"), ["to the new one", "still"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_takes_the_place_of_the_one_before_and_what_waits_goes_there() {
    let (world, _) = default().await;
    command(&world, "den", "bridge carol@example.com").await;
    world.rooms.fail_next((0..8).map(|_| DeliverError::retry("not now")));
    let carol = |source: &str, text: &str| {
        let mut event = from_chat(source, text);
        let login = crate::support::login_id();
        let chat = bridge_core::id::ChatId::new("carol@example.com");
        event.scope = bridge_core::model::Scope::Chat { login, chat };
        event
    };
    accept(&world, carol("1", "waits")).await;
    let said = command(&world, "lair", "bridge carol@example.com").await;
    assert!(said.contains("This room shows"), "{said}");
    world.settle().await;
    assert_eq!(world.rooms.texts_in("lair"), ["waits"]);
    assert!(world.rooms.texts_in("den").is_empty());
    assert!(world.rooms.given().contains(&Given::Closed("den".to_owned())));
    // What is said in the old room is in no conversation any more.
    accept(&world, says("ada", "den", "2", "nobody hears")).await;
    accept(&world, says("ada", "lair", "3", "carol hears")).await;
    world.settle().await;
    assert_eq!(world.chats.texts_in("carol@example.com"), ["carol hears"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_shows_something_else_is_not_joined() {
    let (world, room) = default().await;
    let said = command(&world, &room, "bridge carol@example.com").await;
    assert!(said.contains("another conversation already"), "{said}");
    command(&world, "den", "bridge carol@example.com").await;
    let said = command(&world, "den", "bridge carol@example.com").await;
    assert!(said.contains("shows that conversation already"), "{said}");
    let said = command(&world, "management", "bridge carol@example.com").await;
    assert!(said.contains("This room is for commands"), "{said}");
    let said = command(&world, "elsewhere", "unbridge").await;
    assert!(said.contains("in the room of a conversation"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn two_rooms_show_one_conversation_and_each_other() {
    let (world, _) = default().await;
    command(&world, "den", "bridge carol@example.com").await;
    command(&world, "lair", "bridge add carol@example.com").await;
    accept(&world, says("ada", "den", "1", "from the den")).await;
    world.settle().await;
    assert_eq!(world.chats.texts_in("carol@example.com"), ["from the den"]);
    assert_eq!(world.rooms.texts_in("lair"), ["from the den"]);
    // One of two goes without another in its place.
    command(&world, "lair", "unbridge").await;
    accept(&world, says("ada", "den", "2", "again")).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in("lair"), ["from the den"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_room_is_let_go_the_next_message_makes_a_new_one() {
    let (world, room) = default().await;
    world.rooms.fail_next((0..8).map(|_| DeliverError::retry("not now")));
    accept(&world, from_chat("1", "waits")).await;
    let said = command(&world, &room, "unbridge").await;
    assert!(said.contains("out of the conversation now"), "{said}");
    world.settle().await;
    assert_eq!(world.rooms.texts(), ["hello", "waits"], "nothing is lost");
    assert_eq!(world.rooms.texts_in(&room), ["hello"]);
    accept(&world, says("ada", &room, "2", "into nowhere")).await;
    world.settle().await;
    assert!(world.chats.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_conversation_closed_by_a_command_gets_a_new_room_later() {
    let (world, room) = default().await;
    let said = command(&world, &room, "chat close").await;
    assert!(said.contains("what is said next makes a new one"), "{said}");
    assert!(world.rooms.given().contains(&Given::Closed(room.clone())));
    accept(&world, from_chat("1", "back")).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in(&room), ["hello"]);
    assert_eq!(world.rooms.texts(), ["hello", "back"]);
    assert!(command(&world, "management", "chat list").await.contains("bob"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_conversation_leaves_nothing_in_the_store() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    let refusal = DeliverError::Reject {
        reason: bridge_core::model::Reject::Offline,
        tell_user: "Bob sleeps.".to_owned(),
    };
    world.chats.fail_next([refusal]);
    accept(&world, says("ada", &room, "1", "fails")).await;
    accept(&world, says("ada", &room, "2", "arrives")).await;
    world.settle().await;
    // One is stuck on its way while the conversation goes.
    world.chats.stuck.store(true, Ordering::Relaxed);
    accept(&world, says("ada", &room, "3", "on its way")).await;
    let said = command(&world, &room, "portal delete").await;
    assert!(said.contains("is deleted, and with it 1 messages"), "{said}");
    assert!(world.core.portals().is_empty());
    assert!(world.rooms.given().contains(&Given::Closed(room.clone())));
    let portal: uuid::Uuid = room.parse().expect("rooms are named after portals");
    let left = bytes_of(&store).await;
    let holds = |bytes: &[u8]| left.windows(bytes.len()).any(|window| window == bytes);
    assert!(!holds(portal.as_bytes()) && !holds(b"fails") && !holds(b"arrives"));
    // Who writes then begins a new one.
    world.chats.stuck.store(false, Ordering::Relaxed);
    accept(&world, from_chat("4", "anew")).await;
    world.settle().await;
    assert_eq!(world.core.portals().len(), 1);
    assert_eq!(world.rooms.texts().last().map(String::as_str), Some("anew"));
}

#[tokio::test(start_paused = true)]
async fn what_a_deletion_left_when_it_was_cut_off_is_swept_up_by_the_next_start() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    let (rooms, chats) = (world.rooms.clone(), world.chats.clone());
    world.core.stop(std::time::Duration::from_secs(1)).await;
    for commits in 1..12 {
        let copy = Arc::new(MemoryStore::new());
        crate::support::copy(&store, &copy).await;
        let mortal = Arc::new(crate::support::MortalStore::new(copy.clone(), commits));
        let session = crate::support::Session::Lasts;
        let world =
            crate::support::World::with(mortal, config(), rooms.clone(), chats.clone(), session);
        if let Ok(world) = world.await {
            world.core.execute("ping").await;
            let event = from_room(
                &format!("delete {commits}"),
                &room,
                EventKind::Command(bridge_core::model::CommandLine("portal delete".to_owned())),
            );
            // It may die while it takes the command.
            let _ = world.core.inbox().accept_all(vec![event], None).await;
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            world.core.stop(std::time::Duration::from_secs(1)).await;
        }
        let world = crate::support::World::with(
            copy.clone(),
            config(),
            rooms.clone(),
            chats.clone(),
            session,
        );
        let world = world.await.expect("it opens");
        // The command was stored, and is done by now, or was not taken.
        let portal: uuid::Uuid = room.parse().expect("rooms are named after portals");
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let left = bytes_of(&copy).await;
        let there = left.windows(16).any(|window| window == portal.as_bytes());
        assert_eq!(there, !world.core.portals().is_empty(), "{commits}");
        world.core.stop(std::time::Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_gone_is_made_again() {
    let (world, room) = default().await;
    world.rooms.gone.lock().expect("no panic").insert(room.clone());
    let said = command(&world, "management", "portals repair").await;
    assert!(said.contains("a new room is made"), "{said}");
    accept(&world, from_chat("1", "here again")).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in(&room), ["hello"]);
    assert_eq!(world.rooms.texts(), ["hello", "here again"]);
    let said = command(&world, "management", "portals repair").await;
    assert!(said.contains("all is well"), "{said}");
    let end = &room[room.len() - 6..];
    assert!(
        command(&world, "management", &format!("portals show {end}")).await.contains("leads to")
    );
    assert!(command(&world, "management", "portals show ffff").await.contains("No conversation"));
}

#[tokio::test(start_paused = true)]
async fn names_of_messages_in_a_former_room_are_not_taken_for_this_one_s() {
    let (world, _) = default().await;
    command(&world, "den", "bridge carol@example.com").await;
    let carol = |source: &str, name: &str, kind| {
        let mut event = from_chat(source, "");
        let login = crate::support::login_id();
        let chat = bridge_core::id::ChatId::new("carol@example.com");
        event.scope = bridge_core::model::Scope::Chat { login, chat };
        event.message = Some(MessageId::new(name));
        event.kind = kind;
        event
    };
    accept(&world, carol("1", "m1", said("helo"))).await;
    world.settle().await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    std::thread::sleep(std::time::Duration::from_millis(3));
    command(&world, "lair", "bridge carol@example.com").await;
    let edit = EventKind::Edit { target: MessageId::new("m1"), content: Content::plain("hello") };
    accept(&world, carol("2", "m2", edit)).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in("den"), ["helo"]);
    assert_eq!(world.rooms.texts_in("lair"), ["* hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_any_part_of_a_message_finds_the_whole() {
    let (world, room) = default().await;
    world.rooms.parts.store(3, Ordering::Relaxed);
    accept(&world, from_chat("1", "a very long message")).await;
    world.settle().await;
    let first = {
        let given = world.rooms.given();
        given.iter().rev().find_map(|given| match given {
            Given::Message { key, .. } => Some(key.to_string()),
            _ => None,
        })
    };
    let first = first.expect("it was said");
    // Bob's own message, in three parts there: Ada answers the second.
    for (number, part) in ["-part 1", "-part 2", ""].into_iter().enumerate() {
        let target = MessageId::new(format!("{first}{part}"));
        let gone = EventKind::Redact { target };
        accept(&world, from_room(&format!("gone {number}"), &room, gone)).await;
    }
    accept(&world, from_room("other", &room, EventKind::Redact { target: MessageId::new("none") }))
        .await;
    world.settle().await;
    // MSN knows no removals: each that found its message is said in words.
    assert_eq!(world.chats.texts().len(), 3, "{:?}", world.chats.texts());
}
