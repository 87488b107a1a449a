//! Contacts: who asks, who comes and goes, and what is said to the list.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use bridge_core::{
    id::{NetworkId, PersonaId, SourceId, Timestamp},
    model::{
        ContactChange, ContactDelta, Event, EventKind, Persona, Presence, PresenceState, Scope,
        Signal,
    },
    store::MemoryStore,
};
use tokio::time::sleep;

use crate::{
    commands::{answer, answers, signed_in},
    support::{Given, World, config, login_id, persona},
};

fn carol() -> Persona {
    Persona { name: Some("Carol\n`logout`".to_owned()), ..persona("chats", "carol@example.com") }
}

fn delta(source: &str, change: ContactChange) -> Event {
    Event {
        network: NetworkId::new("chats"),
        source: SourceId::new(source),
        message: None,
        at: Timestamp(1),
        scope: Scope::Login(login_id()),
        sender: carol(),
        kind: EventKind::ContactDelta(ContactDelta { person: carol(), change }),
    }
}

async fn tell(world: &World, source: &str, change: ContactChange) {
    let told = world.core.inbox().accept_all(vec![delta(source, change)], None).await;
    told.expect("it is accepted");
}

fn questions(world: &World) -> Vec<String> {
    answers(world).into_iter().filter(|text| text.contains("asks to be a contact")).collect()
}

fn asking(world: &World, who: Vec<Persona>) {
    *world.chats.asking.lock().unwrap_or_else(PoisonError::into_inner) = who;
}

#[tokio::test(start_paused = true)]
async fn a_question_is_told_once_with_its_answers_until_it_is_answered() {
    let mut number = 0;
    let world = signed_in(config()).await;
    asking(&world, vec![carol()]);
    tell(&world, "1", ContactChange::AddedUs).await;
    world.until("she is told", |world| questions(world).len() == 1).await;
    let said = questions(&world).pop().expect("a question");
    for wanted in [
        "Carol 'logout' (carol@example.com)",
        "contacts accept carol@example.com --account ",
        "contacts decline carol@example.com --account ",
        "contacts block carol@example.com --account ",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    // The network tells it again at each sign-in, under whatever name.
    tell(&world, "2", ContactChange::AddedUs).await;
    world.settle().await;
    assert_eq!(questions(&world).len(), 1);
    assert!(answer(&world, &mut number, "contacts requests").await.contains("carol@example.com"));
    assert!(answer(&world, &mut number, "doctor").await.contains("1 wait for an answer"));
    let said = answer(&world, &mut number, "contacts accept carol@example.com").await;
    assert!(said.contains("is your contact now"), "{said}");
    // Asked anew, it is told anew.
    tell(&world, "3", ContactChange::AddedUs).await;
    world.until("she is told again", |world| questions(world).len() == 2).await;
    // A no that the network does not keep is kept here.
    answer(&world, &mut number, "contacts decline carol@example.com").await;
    tell(&world, "4", ContactChange::AddedUs).await;
    world.settle().await;
    assert_eq!(questions(&world).len(), 2);
    assert!(answer(&world, &mut number, "contacts requests").await.contains("Nobody asks"));
    // Taken back and asked again, it is another question.
    tell(&world, "5", ContactChange::RemovedUs).await;
    tell(&world, "6", ContactChange::AddedUs).await;
    world.until("she is told again", |world| questions(world).len() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_outlives_a_room_in_trouble_and_a_restart() {
    let store = Arc::new(MemoryStore::new());
    let world = World::open(store.clone(), config()).await.expect("it opens");
    world.sign_in().await;
    world.settle().await;
    asking(&world, vec![carol()]);
    world.rooms.stuck.store(true, std::sync::atomic::Ordering::Relaxed);
    tell(&world, "1", ContactChange::AddedUs).await;
    sleep(Duration::from_secs(120)).await;
    assert_eq!(questions(&world).len(), 0);
    world.core.stop(Duration::from_secs(5)).await;
    let rooms = Arc::default();
    let chats = Arc::clone(&world.chats);
    let session = crate::support::Session::Lasts;
    let world = World::with(store, config(), rooms, chats, session).await.expect("it opens");
    world.until("it is told by the next process", |world| questions(world).len() == 1).await;
    tell(&world, "2", ContactChange::AddedUs).await;
    sleep(Duration::from_secs(120)).await;
    assert_eq!(questions(&world).len(), 1, "and not twice");
}

#[tokio::test(start_paused = true)]
async fn who_comes_and_goes_is_told_on_wish_and_not_for_a_flicker() {
    let mut number = 0;
    let world = signed_in(config()).await;
    let is = |name: &str, state| {
        let from = persona("chats", name);
        let chat = bridge_core::id::ChatId::new(name);
        let scope = Scope::Chat { login: login_id(), chat };
        let presence = Presence { state, ..Presence::default() };
        world.core.inbox().signal(
            &NetworkId::new("chats"),
            scope,
            from,
            Signal::Presence(presence),
        );
    };
    let told = || -> Vec<String> {
        let all = answers(&world).into_iter();
        all.filter(|text| text.contains("is online") || text.contains("went offline")).collect()
    };
    is("bob@example.com", PresenceState::Online);
    sleep(Duration::from_secs(60)).await;
    is("bob@example.com", PresenceState::Offline);
    sleep(Duration::from_secs(60)).await;
    assert!(told().is_empty(), "nobody wished it");
    answer(&world, &mut number, "contacts notify bob@example.com on").await;
    is("bob@example.com", PresenceState::Away);
    is("carol@example.com", PresenceState::Online);
    sleep(Duration::from_secs(15)).await;
    assert_eq!(told(), ["Text(\"bob@example.com is online.\")"]);
    // A link that flickers is not news.
    is("bob@example.com", PresenceState::Offline);
    sleep(Duration::from_secs(5)).await;
    is("bob@example.com", PresenceState::Busy);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(told().len(), 1);
    answer(&world, &mut number, "set notices on").await;
    answer(&world, &mut number, "contacts notify bob@example.com off").await;
    is("bob@example.com", PresenceState::Offline);
    is("carol@example.com", PresenceState::Offline);
    sleep(Duration::from_secs(15)).await;
    assert_eq!(
        told().last().map(String::as_str),
        Some("Text(\"carol@example.com went offline.\")")
    );
    assert_eq!(told().len(), 2);
    // After a new sign-in, who is there is no news.
    answer(&world, &mut number, "relogin").await;
    world.settle().await;
    is("carol@example.com", PresenceState::Online);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(told().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_contact_command_says_its_wish() {
    let mut number = 0;
    let traces = tempfile::tempdir().expect("a place");
    let config = bridge_core::CoreConfig { traces: Some(traces.path().join("traces")), ..config() };
    let world = signed_in(config).await;
    for (line, wanted, wish) in [
        (
            "contacts add bob@example.com \"Old pals\"",
            "is in Old pals now",
            "PutInto(\"Old pals\") bob@example.com",
        ),
        ("contacts accept bob@example.com", "is your contact now", "Accept bob@example.com"),
        ("contacts decline bob@example.com", "is not your contact", "Decline bob@example.com"),
        (
            "contacts rename bob@example.com Bob the Builder",
            "is called Bob the Builder",
            "Rename(\"Bob the Builder\") bob@example.com",
        ),
        ("contacts move bob@example.com", "is in no group", "Move(None) bob@example.com"),
        (
            "contacts move bob@example.com Pals",
            "is in Pals",
            "Move(Some(\"Pals\")) bob@example.com",
        ),
        ("contacts group add Old pals", "There is a group Old pals", "Add(\"Old pals\")"),
        (
            "contacts group rename \"Old pals\" Pals",
            "is called Pals",
            "Rename { from: \"Old pals\", to: \"Pals\" }",
        ),
        ("contacts group remove Pals", "is gone", "Remove(\"Pals\")"),
        (
            "contacts group put bob@example.com Pals",
            "is in Pals",
            "PutInto(\"Pals\") bob@example.com",
        ),
        (
            "contacts group take bob@example.com Pals",
            "is not in Pals",
            "TakeOutOf(\"Pals\") bob@example.com",
        ),
        ("contacts privacy allowed", "Only those you allow", "open to everybody: false"),
        ("trace 2h", "for 60 minutes", "trace Some((3600s, false))"),
        ("trace 5m bob names", "for 5 minutes", "trace Some((300s, true))"),
        ("trace off", "is not captured any more", "trace None"),
    ] {
        let said = answer(&world, &mut number, line).await;
        assert!(said.contains(wanted), "{line}: {said}");
        let wishes = world.chats.given();
        let last = wishes.iter().rev().find_map(|given| match given {
            Given::Wish(wish) => Some(wish.clone()),
            _ => None,
        });
        assert_eq!(last.as_deref(), Some(wish), "{line}");
    }
    for (line, wanted) in [
        ("contacts privacy", "That is not known"),
        ("contacts privacy some", "is none of everybody, allowed"),
        ("contacts groups", "There are no groups"),
        ("contacts export", "<messenger/>"),
        ("contacts import a@b full@example.com", "1 added, 0 there already, 1 failed."),
        (
            "contacts rename bob@example.com",
            "NAME is missing. Say it like this: `contacts rename ADDRESS NAME…`",
        ),
        ("trace soon", "Say a time such as 10m"),
        ("trace 10m eve@example.com", "There is no such account"),
        ("trace", "There are no captures"),
    ] {
        let said = answer(&world, &mut number, line).await;
        assert!(said.contains(wanted), "{line}: {said}");
    }
    let people = [PersonaId::new("a@b")];
    let added =
        world.chats.given().iter().any(
            |given| matches!(given, Given::Wish(wish) if *wish == format!("Add {}", people[0])),
        );
    assert!(added);
}
