//! What the core promises, on a paused clock, between stand-ins.

mod clock;
mod commands;
mod contacts;
mod model;
mod outward;
mod portal;
mod rediscover;
mod relay;
mod roster;
mod supervise;
mod support;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bridge_core::{
    AcceptError, CoreConfig, DeliverError, LoginState,
    id::NetworkId,
    model::{Progress, Reject, Scope, Signal, Stage},
    store::MemoryStore,
};
use support::{
    Given, MortalStore, Record, Session, World, bob, bytes_of, config, distinct, from_chat,
    from_room, said,
};

async fn world() -> World {
    let world = World::open(Arc::new(MemoryStore::new()), config()).await.expect("it opens");
    world.sign_in().await;
    world
}

#[tokio::test(start_paused = true)]
async fn messages_cross_both_ways_once_and_in_order() {
    let world = world().await;
    let inbox = world.core.inbox();
    for number in 0..50 {
        let event = from_chat(&format!("c{number}"), &format!("hello {number}"));
        inbox.accept_all(vec![event], None).await.expect("it is accepted");
    }
    let room = world.room().await;
    let wanted: Vec<String> = (0..50).map(|number| format!("hello {number}")).collect();
    assert_eq!(world.rooms.texts(), wanted);
    let events = (0..50)
        .map(|number| from_room(&format!("r{number}"), &room, said(&format!("hi {number}"))));
    inbox.accept_all(events.collect(), None).await.expect("they are accepted");
    world.settle().await;
    let wanted: Vec<String> = (0..50).map(|number| format!("hi {number}")).collect();
    assert_eq!(world.chats.texts(), wanted);
    // Each answer's fate came back to its room, and nothing else did.
    let fates = world.rooms.given().iter().filter(|given| matches!(given, Given::Fate(_))).count();
    assert_eq!(fates, 50);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_again_is_dropped() {
    let world = world().await;
    let inbox = world.core.inbox();
    let first = || from_chat("one", "once");
    inbox.accept_all(vec![first(), first()], None).await.expect("accepted");
    inbox
        .accept_all(vec![first(), from_chat("two", "then"), first()], None)
        .await
        .expect("accepted");
    world.settle().await;
    assert_eq!(world.rooms.texts(), ["once", "then"]);
}

#[tokio::test(start_paused = true)]
async fn order_is_kept_while_a_leg_backs_off() {
    let world = world().await;
    let again = || DeliverError::retry("not now");
    world.rooms.fail_next([again(), again(), again()]);
    for number in 0..5 {
        let event = from_chat(&format!("c{number}"), &format!("{number}"));
        world.core.inbox().accept_all(vec![event], None).await.expect("accepted");
    }
    world.settle().await;
    assert_eq!(world.rooms.texts(), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_leg_holds_up_only_itself() {
    let world = world().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "before")], None).await.expect("accepted");
    let room = world.room().await;
    world.chats.stuck.store(true, Ordering::Relaxed);
    world
        .core
        .inbox()
        .accept_all(vec![from_room("r1", &room, said("stuck"))], None)
        .await
        .expect("accepted");
    world.core.inbox().accept_all(vec![from_chat("c2", "after")], None).await.expect("accepted");
    world.until("the other leg goes on", |world| world.rooms.texts().len() == 2).await;
    assert!(world.chats.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_arrive_is_told_where_it_came_from() {
    let world = world().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    let room = world.room().await;
    let refusal =
        DeliverError::Reject { reason: Reject::Offline, tell_user: "Bob sleeps.".to_owned() };
    world.chats.fail_next([refusal]);
    world
        .core
        .inbox()
        .accept_all(vec![from_room("r1", &room, said("awake?"))], None)
        .await
        .expect("accepted");
    world
        .core
        .inbox()
        .accept_all(vec![from_room("r2", &room, said("hello?"))], None)
        .await
        .expect("accepted");
    world.settle().await;
    let told = |text: &str| {
        world
            .rooms
            .given()
            .iter()
            .any(|given| matches!(given, Given::Fate(fate) if fate.contains(text)))
    };
    assert!(told("Bob sleeps."));
    assert_eq!(world.chats.texts(), ["hello?"], "one that fails does not hold up the next");
}

#[tokio::test(start_paused = true)]
async fn an_unsure_attempt_is_repeated_once_with_its_mark_and_then_said_to_be_unsure() {
    let world = world().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    let room = world.room().await;
    let unsure = || DeliverError::Ambiguous("the link broke".into());
    world.chats.fail_next([unsure()]);
    world
        .core
        .inbox()
        .accept_all(vec![from_room("r1", &room, said("one"))], None)
        .await
        .expect("accepted");
    world.settle().await;
    assert!(matches!(&world.chats.given()[..], [Given::Message { maybe_double: true, .. }]));
    world.chats.fail_next([unsure(), unsure()]);
    world
        .core
        .inbox()
        .accept_all(vec![from_room("r2", &room, said("two"))], None)
        .await
        .expect("accepted");
    world.settle().await;
    assert_eq!(world.chats.texts(), ["one"]);
    let unknown = |given: &Given| matches!(given, Given::Fate(fate) if fate.contains("Unknown"));
    assert!(world.rooms.given().iter().any(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waited_too_long_is_reported_and_never_silent() {
    let short = CoreConfig { max_age: Duration::from_secs(600), ..config() };
    let world = World::open(Arc::new(MemoryStore::new()), short).await.expect("it opens");
    world.sign_in().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    let room = world.room().await;
    // One that fails again and again, and one behind it that has its own time.
    world.chats.fail_next((0..10_000).map(|_| DeliverError::retry("never")));
    let accepted = async |source: &str| {
        let event = from_room(source, &room, said(source));
        world.core.inbox().accept_all(vec![event], None).await.expect("accepted");
    };
    accepted("r1").await;
    tokio::time::sleep(Duration::from_secs(540)).await;
    accepted("r2").await;
    let too_old = |given: &Given| matches!(given, Given::Fate(fate) if fate.contains("TooOld"));
    let told = || world.rooms.given().iter().filter(|given| too_old(given)).count();
    assert_eq!(told(), 0);
    tokio::time::sleep(Duration::from_secs(180)).await;
    assert_eq!(told(), 1);
    tokio::time::sleep(Duration::from_secs(540)).await;
    assert_eq!(told(), 2);
    assert!(world.chats.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn sources_are_asked_to_come_again_when_too_much_waits() {
    let low = CoreConfig { high_water: 10, ..config() };
    let world = World::open(Arc::new(MemoryStore::new()), low).await.expect("it opens");
    world.sign_in().await;
    world.rooms.stuck.store(true, Ordering::Relaxed);
    let mut outcomes = Vec::new();
    for number in 0..20 {
        let event = from_chat(&format!("c{number}"), "more");
        outcomes.push(world.core.inbox().accept_all(vec![event], None).await);
    }
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(AcceptError::Busy))).count();
    assert_eq!(busy, 10);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_an_unknown_account_is_refused() {
    let world = World::open(Arc::new(MemoryStore::new()), config()).await.expect("it opens");
    let refused = world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await;
    assert!(matches!(refused, Err(AcceptError::UnknownLogin(_))));
}

#[tokio::test(start_paused = true)]
async fn a_message_longer_than_a_stored_value_crosses_whole() {
    let store = Arc::new(MemoryStore::new());
    let world = World::open(store.clone(), config()).await.expect("it opens");
    world.sign_in().await;
    let long = "long words ☃ ".repeat(5000);
    world.core.inbox().accept_all(vec![from_chat("c1", &long)], None).await.expect("accepted");
    world.settle().await;
    assert_eq!(world.rooms.texts(), [long]);
    let left = bytes_of(&store).await;
    assert!(left.len() < 4096, "{} bytes are left of it", left.len());
}

#[tokio::test(start_paused = true)]
async fn a_password_is_concealed_and_nowhere_in_the_store() {
    let store = Arc::new(MemoryStore::new());
    let world = World::open(store.clone(), config()).await.expect("it opens");
    world.sign_in().await;
    assert!(world.rooms.given().contains(&Given::Concealed));
    let bytes = bytes_of(&store).await;
    let password = support::PASSWORD.as_bytes();
    assert!(!bytes.windows(password.len()).any(|window| window == password));
    assert!(
        world
            .rooms
            .given()
            .iter()
            .all(|given| !matches!(given, Given::Answer(text) if text.contains(support::PASSWORD)))
    );
}

#[tokio::test(start_paused = true)]
async fn typing_is_passed_on_both_ways_and_stored_nowhere() {
    let store = Arc::new(MemoryStore::new());
    let world = World::open(store.clone(), config()).await.expect("it opens");
    world.sign_in().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    let room = world.room().await;
    let before = bytes_of(&store).await;
    let inbox = world.core.inbox();
    let chat =
        Scope::Chat { login: support::login_id(), chat: bridge_core::id::ChatId::new("bob") };
    inbox.signal(&NetworkId::new("chats"), chat, bob(), Signal::Typing { on: true });
    let room = Scope::Room(bridge_core::id::RoomId::new(room));
    let ada = support::persona("rooms", "ada");
    inbox.signal(&NetworkId::new("rooms"), room, ada, Signal::Typing { on: true });
    let shown = |record: &Record| record.given().contains(&Given::Signal(true));
    world.until("both see it", |world| shown(&world.rooms) && shown(&world.chats)).await;
    assert_eq!(bytes_of(&store).await, before);
}

#[tokio::test(start_paused = true)]
async fn how_far_each_of_two_files_went_is_shown_where_fates_are() {
    let world = World::open(Arc::new(MemoryStore::new()), config()).await.expect("it opens");
    world.sign_in().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    world.room().await;
    let chat =
        Scope::Chat { login: support::login_id(), chat: bridge_core::id::ChatId::new("bob") };
    for (file, done) in [("a", 1), ("b", 2), ("a", 3)] {
        let progress = Progress {
            target: bridge_core::id::MessageId::new(file),
            name: file.to_owned(),
            done,
            size: 4,
            stage: Stage::Running,
        };
        let inbox = world.core.inbox();
        inbox.signal(&NetworkId::new("chats"), chat.clone(), bob(), Signal::Progress(progress));
    }
    let shown =
        |record: &Record, text: &str| record.given().contains(&Given::Wish(text.to_owned()));
    let both = |world: &World| shown(&world.rooms, "a 75 %") && shown(&world.rooms, "b 50 %");
    world.until("both files are shown", both).await;
    assert!(!shown(&world.rooms, "a 25 %"), "the latest wins");
}

#[tokio::test(start_paused = true)]
async fn a_message_waits_for_an_account_that_is_away_for_hours() {
    let store = Arc::new(MemoryStore::new());
    let away = Session::Late(Duration::from_secs(5 * 3600));
    let world = World::with(store, config(), Arc::default(), Arc::default(), away);
    let world = world.await.expect("it opens");
    world.sign_in().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    world.until("a room", |world| !world.rooms.texts().is_empty()).await;
    let room = world.core.portals().first().expect("a portal").to_string();
    world
        .core
        .inbox()
        .accept_all(vec![from_room("r1", &room, said("hi"))], None)
        .await
        .expect("accepted");
    tokio::time::sleep(Duration::from_secs(4 * 3600)).await;
    assert!(world.chats.texts().is_empty());
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    assert!(matches!(&world.chats.given()[..], [Given::Message { maybe_double: false, .. }]));
}

#[tokio::test(start_paused = true)]
async fn an_orderly_stop_doubles_nothing_and_needs_no_mark() {
    let store = Arc::new(MemoryStore::new());
    let (rooms, chats) = (Arc::new(Record::default()), Arc::new(Record::default()));
    for round in 0..5 {
        let (rooms, chats) = (rooms.clone(), chats.clone());
        let world = World::with(store.clone(), config(), rooms, chats, Session::Lasts);
        let world = world.await.expect("it opens");
        if round == 0 {
            world.sign_in().await;
            world
                .core
                .inbox()
                .accept_all(vec![from_chat("c", "hello")], None)
                .await
                .expect("accepted");
            world.settle().await;
        }
        let room = world.core.portals().first().expect("a portal").to_string();
        let events = (0..20).map(|number| {
            from_room(&format!("r{round}-{number}"), &room, said(&format!("{round}-{number:02}")))
        });
        world.core.inbox().accept_all(events.collect(), None).await.expect("accepted");
        // Wherever the deliveries are by then.
        for _ in 0..round * 7 {
            tokio::task::yield_now().await;
        }
        world.core.stop(Duration::from_secs(10)).await;
    }
    let world = World::with(store, config(), rooms, chats.clone(), Session::Lasts).await;
    world.expect("it opens").settle().await;
    let marked = |given: &Given| matches!(given, Given::Message { maybe_double: true, .. });
    assert!(!chats.given().iter().any(marked));
    let texts = chats.texts();
    assert!(texts.len() == 100 && texts.is_sorted() && distinct(&texts), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_puppet_that_panics_ends_alone() {
    let store = Arc::new(MemoryStore::new());
    let world = World::with(store, config(), Arc::default(), Arc::default(), Session::Panics)
        .await
        .expect("it opens");
    world.sign_in().await;
    world
        .until("it is seen", |world| {
            world.core.status().logins[0].state == LoginState::UnknownError
        })
        .await;
    world.command("after", "version").await;
    let answered =
        |given: &Given| matches!(given, Given::Answer(text) if text.contains("msn-bridge"));
    world.until("the core lives", |world| world.rooms.given().iter().any(answered)).await;
}

/// Runs the same story with a store that dies after each possible number of commits, then goes on
/// with what it kept: whatever was accepted arrives, in order, doubled only with its mark.
#[tokio::test(start_paused = true)]
async fn death_between_any_two_commits_loses_nothing_accepted() {
    let mut stories = 0;
    for commits in 1..60 {
        let kept = Arc::new(MemoryStore::new());
        let (rooms, chats) = (Arc::new(Record::default()), Arc::new(Record::default()));
        let mut accepted = (BTreeSet::new(), BTreeSet::new());
        {
            let mortal = Arc::new(MortalStore::new(Arc::clone(&kept), 1000));
            let world = World::with(mortal, config(), rooms.clone(), chats.clone(), Session::Lasts)
                .await
                .expect("it opens");
            world.sign_in().await;
            world.core.stop(Duration::from_secs(1)).await;
        }
        {
            let mortal = Arc::new(MortalStore::new(Arc::clone(&kept), commits));
            let world = World::with(mortal, config(), rooms.clone(), chats.clone(), Session::Lasts)
                .await
                .expect("it opens");
            let inbox = world.core.inbox();
            for number in 0..6 {
                let text = format!("{number}");
                if inbox
                    .accept_all(vec![from_chat(&format!("c{number}"), &text)], None)
                    .await
                    .is_ok()
                {
                    accepted.0.insert(text.clone());
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                // A room that was not noted is no room of the bridge's.
                let noted = !rooms.texts().is_empty();
                let room = world.core.portals().first().filter(|_| noted).map(ToString::to_string);
                let Some(room) = room else { continue };
                if inbox
                    .accept_all(vec![from_room(&format!("r{number}"), &room, said(&text))], None)
                    .await
                    .is_ok()
                {
                    accepted.1.insert(text);
                }
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
            world.core.stop(Duration::from_secs(1)).await;
        }
        let world = World::with(kept, config(), rooms.clone(), chats.clone(), Session::Lasts)
            .await
            .expect("it opens");
        world.settle().await;

        // To rooms: attempts with one key are one message there.
        let mut seen = Vec::new();
        for given in rooms.given().iter() {
            if let Given::Message { key, text, .. } = given
                && seen.last() != Some(&(*key, text.clone()))
            {
                seen.push((*key, text.clone()));
            }
        }
        let texts: Vec<String> = seen.iter().map(|(_, text)| text.clone()).collect();
        assert!(texts.is_sorted() && distinct(&seen), "{commits}: {seen:?}");
        assert!(
            accepted.0.iter().all(|text| texts.contains(text)),
            "{commits}: {accepted:?} {texts:?}"
        );

        // To chats: in order; a repetition has its mark.
        let mut before: Option<String> = None;
        let mut texts = BTreeSet::new();
        for given in chats.given().iter() {
            let Given::Message { text, maybe_double, .. } = given else {
                continue;
            };
            if before.as_ref() == Some(text) {
                assert!(maybe_double, "{commits}: {text} is doubled without its mark");
            }
            assert!(before.as_ref() <= Some(text), "{commits}: {text} after {before:?}");
            before = Some(text.clone());
            texts.insert(text.clone());
        }
        assert!(accepted.1.is_subset(&texts), "{commits}: {accepted:?} {texts:?}");
        stories += 1;
    }
    assert_eq!(stories, 59);
}
