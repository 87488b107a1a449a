//! Messages that wait, and those that did not arrive.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bridge_core::{
    CoreConfig, DeliverError, OnAmbiguous, Retention,
    id::{MessageId, PersonaId},
    model::{DeliveryState, Event, EventKind, Reject},
    store::MemoryStore,
};

use super::{accept, command, default, restarted, says, with_bob};
use crate::support::{Given, World, bytes_of, config, from_chat};

fn asleep() -> DeliverError {
    DeliverError::Reject { reason: Reject::Offline, tell_user: "Bob sleeps.".to_owned() }
}

fn unsure() -> DeliverError {
    DeliverError::Ambiguous("the link broke".into())
}

fn fates(world: &World) -> Vec<String> {
    let given = world.rooms.given();
    let fates = given.iter().filter_map(|given| match given {
        Given::Fate(fate) => Some(fate.clone()),
        _ => None,
    });
    fates.collect()
}

/// The id of the only message that `queue` shows.
async fn id_in_queue(world: &World) -> String {
    let said = command(world, "management", "queue").await;
    let rows = said.split("rows: [[\"").nth(1).unwrap_or_else(|| panic!("{said}"));
    rows.chars().take_while(|c| *c != '"').collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_is_seen_and_sent_again_once() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    world.chats.fail_next([asleep()]);
    accept(&world, says("ada", &room, "1", "awake?")).await;
    accept(&world, says("ada", &room, "2", "hello?")).await;
    world.settle().await;
    let said = command(&world, "management", "queue").await;
    assert!(said.contains("failed") && said.contains("Bob sleeps."), "{said}");
    // It outlives a restart.
    let world = restarted(world, &store, config()).await;
    assert!(command(&world, &room, "retry").await.contains("is sent again"));
    world.settle().await;
    assert_eq!(world.chats.texts(), ["hello?", "awake?"]);
    let told = fates(&world);
    assert!(told.last().is_some_and(|fate| fate.starts_with("[1] Delivered")), "{told:?}");
    // What arrived is not sent again.
    assert!(command(&world, &room, "retry").await.contains("No message of yours failed"));
    assert!(command(&world, "management", "queue").await.contains("Nothing waits"));
    assert!(command(&world, "management", "queue retry").await.contains("No message that failed"));
    world.settle().await;
    assert_eq!(world.chats.texts().len(), 2);
    let left = bytes_of(&store).await;
    assert!(!left.windows(6).any(|window| window == b"awake?"), "its words are gone with its fate");
}

#[tokio::test(start_paused = true)]
async fn two_wishes_to_send_again_make_one_message() {
    let (world, room) = default().await;
    world.chats.fail_next([asleep()]);
    accept(&world, says("ada", &room, "1", "awake?")).await;
    world.settle().await;
    let (one, two) =
        tokio::join!(world.core.execute("queue retry"), world.core.execute("queue retry"));
    let answers = format!("{one:?} {two:?}");
    assert_eq!(answers.matches("It is sent again").count(), 1, "{answers}");
    world.settle().await;
    assert_eq!(world.chats.texts(), ["awake?"]);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_message_is_seen_given_up_and_its_sender_told() {
    let (world, room) = default().await;
    world.chats.fail_next((0..1000).map(|_| DeliverError::retry("not now")));
    accept(&world, says("ada", &room, "1", "waits")).await;
    accept(&world, says("ada", &room, "2", "comes after")).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let said = command(&world, "management", "queue").await;
    assert!(said.contains("waits") && said.contains("5 min"), "{said}");
    let id = id_in_queue(&world).await;
    let said = command(&world, "management", &format!("queue drop {id}")).await;
    assert!(said.contains("is given up, and ADA is told"), "{said}");
    world
        .until("she is told", |world| {
            fates(world).iter().any(|fate| fate.contains("taken back before it was delivered"))
        })
        .await;
    world.chats.heal();
    world.settle().await;
    assert_eq!(world.chats.texts(), ["comes after"]);
    // It counts as failed, and can be forgotten.
    let said = command(&world, "management", &format!("queue drop {id}")).await;
    assert!(said.contains("It is forgotten"), "{said}");
    let said = command(&world, "management", &format!("queue drop {id}")).await;
    assert!(said.contains("No message is called so"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_message_given_up_stays_given_up_after_a_crash() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    world.chats.stuck.store(true, Ordering::Relaxed);
    accept(&world, says("ada", &room, "1", "stuck")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let id = id_in_queue(&world).await;
    command(&world, "management", &format!("queue drop {id}")).await;
    world.chats.stuck.store(false, Ordering::Relaxed);
    let world = restarted(world, &store, config()).await;
    world.settle().await;
    assert!(world.chats.texts().is_empty());
    assert!(fates(&world).iter().any(|fate| fate.contains("Withdrawn")));
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_message_is_asked_about_where_that_is_wished_and_marked_when_sent_again() {
    let ask = CoreConfig { on_ambiguous: OnAmbiguous::Ask, ..config() };
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, ask.clone()).await;
    world.chats.fail_next([unsure()]);
    accept(&world, says("ada", &room, "1", "perhaps")).await;
    world.settle().await;
    assert!(world.chats.texts().is_empty(), "it is not sent twice unasked");
    assert!(fates(&world).iter().any(|fate| fate.contains("`retry` sends it again")));
    assert!(command(&world, "management", "queue").await.contains("unknown"));
    // The doubt is remembered, also when the process ends before it is sent.
    command(&world, &room, "retry").await;
    world.settle().await;
    let sent = world.chats.given().iter().find_map(|given| match given {
        Given::Message { text, maybe_double, .. } => Some((text.clone(), *maybe_double)),
        _ => None,
    });
    assert_eq!(sent, Some(("perhaps".to_owned(), true)));
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_at_a_crash_is_asked_about_where_that_is_wished() {
    let ask = CoreConfig { on_ambiguous: OnAmbiguous::Ask, ..config() };
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, ask.clone()).await;
    world.chats.stuck.store(true, Ordering::Relaxed);
    accept(&world, says("ada", &room, "1", "on its way")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.chats.stuck.store(false, Ordering::Relaxed);
    let kept = Arc::new(MemoryStore::new());
    crate::support::copy(&store, &kept).await;
    // The process dies; another begins with what was stored by then.
    world.core.stop(Duration::from_secs(1)).await;
    let (rooms, chats) = (world.rooms.clone(), Arc::default());
    let world = World::with(kept, ask, rooms, chats, crate::support::Session::Lasts).await;
    let world = world.expect("it opens");
    world.settle().await;
    assert!(world.chats.texts().is_empty());
    assert!(fates(&world).iter().any(|fate| fate.contains("ended while it was sent")));
}

#[tokio::test(start_paused = true)]
async fn what_is_old_is_forgotten_when_its_time_is_over() {
    let day = Duration::from_secs(24 * 3600);
    let retention =
        Retention { failed: day, names: 10 * day, seen: 2 * day, ..Retention::default() };
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, CoreConfig { retention, ..config() }).await;
    world.chats.fail_next([asleep()]);
    accept(&world, says("ada", &room, "failed-source", "words that failed")).await;
    world.settle().await;
    let holds =
        async |what: &[u8]| bytes_of(&store).await.windows(what.len()).any(|window| window == what);
    assert!(holds(b"words that failed").await);
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    assert!(holds(b"words that failed").await);
    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    assert!(!holds(b"words that failed").await, "failed messages go first");
    assert!(holds(b"failed-source").await);
    tokio::time::sleep(2 * day).await;
    let names = bytes_of(&store).await;
    let count = names.windows(13).filter(|window| *window == b"failed-source").count();
    assert_eq!(count, 2, "its name is there both ways, and that it was seen is not");
    tokio::time::sleep(8 * day).await;
    assert!(!holds(b"failed-source").await, "names go last");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_failed_messages_where_that_is_wished() {
    let retention = Retention { failed: Duration::ZERO, ..Retention::default() };
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, CoreConfig { retention, ..config() }).await;
    world.chats.fail_next([asleep()]);
    accept(&world, says("ada", &room, "1", "words that failed")).await;
    world.settle().await;
    assert!(fates(&world).iter().any(|fate| fate.contains("Bob sleeps.")));
    let left = bytes_of(&store).await;
    assert!(!left.windows(17).any(|window| window == b"words that failed"));
    accept(&world, from_chat("2", "and on")).await;
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_account_hears_itself_say_is_not_told_again() {
    let (world, room) = default().await;
    world.chats.echoes.store(true, Ordering::Relaxed);
    for number in 0..5 {
        accept(&world, says("ada", &room, &format!("{number}"), &format!("words {number}"))).await;
    }
    world.settle().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    world.settle().await;
    assert_eq!(world.chats.texts().len(), 5);
    assert_eq!(world.rooms.texts(), ["hello"], "no echo comes back");
    // What the account says elsewhere is no echo.
    let mut own = from_chat("own", "from another place");
    own.message = Some(MessageId::new("said elsewhere"));
    accept(&world, own).await;
    world.settle().await;
    assert_eq!(world.rooms.texts(), ["hello", "from another place"]);
}

#[tokio::test(start_paused = true)]
async fn a_fate_that_is_to_come_is_told_by_the_next_process_where_it_did_not_come() {
    let store = Arc::new(MemoryStore::new());
    let (world, room) = with_bob(&store, config()).await;
    world.chats.later.store(true, Ordering::Relaxed);
    accept(&world, says("ada", &room, "1", "take this")).await;
    accept(&world, says("ada", &room, "2", "and this")).await;
    world.settle().await;
    assert_eq!(fates(&world), [""; 0]);
    let taken = EventKind::Delivery {
        target: Some(MessageId::new("1")),
        state: DeliveryState::Delivered { to: vec![PersonaId::new("bob")] },
    };
    accept(&world, Event { kind: taken, ..from_chat("fate of 1", "") }).await;
    world.settle().await;
    let world = restarted(world, &store, config()).await;
    world.settle().await;
    let world = restarted(world, &store, config()).await;
    world.settle().await;
    let told = fates(&world);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("[1] Delivered"), "{told:?}");
    assert!(told[1].starts_with("[2] Unknown") && told[1].contains("was stopped"), "{told:?}");
}
