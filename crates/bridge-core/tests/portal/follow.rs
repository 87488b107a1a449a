//! What platforms and accounts tell of conversations besides what is said.

use std::sync::Arc;

use bridge_core::{
    DeliverError,
    id::{ChatId, NetworkId, RoomId},
    model::{Contact, Event, Presence, RoomChange, RoomKind, Scope, UserId},
    store::MemoryStore,
};

use super::{accept, default, restarted, with_bob};
use crate::support::{Given, World, config, from_chat, login_id, persona, said};

fn ada() -> UserId {
    UserId { network: NetworkId::new("rooms"), id: bridge_core::id::PersonaId::new("ada") }
}

/// Something that Bob says in a chat of several.
fn from_several(source: &str, text: &str) -> Event {
    let scope = Scope::Chat { login: login_id(), chat: ChatId::new("several") };
    Event { scope, ..from_chat(source, text) }
}

fn rooms_made(world: &World) -> usize {
    world.rooms.given().iter().filter(|given| **given == Given::Room).count()
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_grew_goes_on_in_its_room_and_the_one_of_two_gets_another() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    let (from, to) = (ChatId::new("bob"), ChatId::new("several"));
    world.core.inbox().chat_grew(&login_id(), &from, &to).await.expect("it is stored");
    let world = restarted(world, &store, config()).await;
    accept(&world, from_several("1", "all of you")).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in(&room), ["hello", "all of you"]);
    let shown = world.core.inbox().shown_in(&NetworkId::new("rooms"), &RoomId::new(room.as_str()));
    let shown = shown.expect("it shows something");
    assert_eq!((shown.kind, shown.owner), (RoomKind::Group, Some(ada())));
    accept(&world, from_chat("2", "you alone")).await;
    world.settle().await;
    assert_eq!(world.core.portals().len(), 2);
    assert_eq!(world.rooms.texts_in(&room).len(), 2);
    // Told again, after a crash say, it changes nothing.
    world.core.inbox().chat_grew(&login_id(), &from, &to).await.expect("it is known");
    assert_eq!(world.core.portals().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_goes_on_elsewhere_takes_its_conversation_along() {
    let (world, room) = default().await;
    let network = NetworkId::new("rooms");
    let (from, to) = (RoomId::new(room.as_str()), RoomId::new("attic"));
    let change = RoomChange::Moved { from, to };
    world.core.inbox().room_changed(&network, change.clone()).await.expect("it is stored");
    accept(&world, from_chat("1", "up here")).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in("attic"), ["up here"]);
    world.core.inbox().room_changed(&network, change).await.expect("it is known");
}

#[tokio::test(start_paused = true)]
async fn a_room_its_owner_left_is_left_and_the_next_word_makes_another() {
    let (world, room) = default().await;
    let network = NetworkId::new("rooms");
    let left = |user: UserId| RoomChange::Left { room: RoomId::new(room.as_str()), user };
    let gil = UserId { id: bridge_core::id::PersonaId::new("gil"), ..ada() };
    world.core.inbox().room_changed(&network, left(gil)).await.expect("a guest may go");
    assert!(!world.rooms.given().contains(&Given::Closed(room.clone())));
    world.core.inbox().room_changed(&network, left(ada())).await.expect("it is stored");
    assert!(world.rooms.given().contains(&Given::Closed(room.clone())));
    let before = rooms_made(&world);
    accept(&world, from_chat("1", "still there?")).await;
    world.settle().await;
    assert_eq!(rooms_made(&world), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_begins_in_a_room_only_with_a_contact() {
    let (world, _) = default().await;
    let carol = persona("chats", "carol@example.com");
    let cellar = RoomId::new("cellar");
    let begun = world.core.inbox().begin_chat(&ada(), &carol, &cellar).await;
    let Err(DeliverError::Reject { tell_user, .. }) = begun else { panic!("{begun:?}") };
    assert!(tell_user.contains("is no contact of yours"), "{tell_user}");
    let contact = Contact {
        persona: carol.clone(),
        presence: Presence::default(),
        groups: Vec::new(),
        blocked: false,
    };
    world.chats.contacts.lock().expect("nobody panics").push(contact);
    world.core.inbox().begin_chat(&ada(), &carol, &cellar).await.expect("it begins");
    accept(&world, super::says("ada", "cellar", "1", "down here")).await;
    world.settle().await;
    assert_eq!(world.chats.texts_in("carol@example.com"), ["down here"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_account_says_elsewhere_is_its_owners_and_a_contacts_words_are_not() {
    let (world, _) = default().await;
    let spoken = || world.rooms.spoken_by.lock().expect("nobody panics").clone();
    let before = spoken().len();
    let carol = Event { sender: persona("chats", "carol"), ..from_chat("1", "I am Carol") };
    accept(&world, carol).await;
    world.settle().await;
    assert_eq!(spoken().len(), before);
    // The stand-in's account is Bob's.
    accept(&world, Event { kind: said("it is me"), ..from_chat("2", "") }).await;
    world.settle().await;
    assert_eq!(spoken().len(), before + 1);
    assert_eq!(spoken().last().map(String::as_str), Some("ada"));
}
