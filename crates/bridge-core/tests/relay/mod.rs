//! Relays: conversations of the bridge's own accounts.

use std::sync::{Arc, atomic::Ordering};

use bridge_core::{
    CoreConfig, DeliverError, Parts, Relay,
    command::{Permissions, Role},
    id::{ChatId, LoginId, MessageId, NetworkId, RoomId},
    model::{Content, Event, EventKind, Persona, Reject, Scope, Signal},
    store::MemoryStore,
};

use crate::support::{
    FakeAdapter, FakePuppet, Given, Record, Session, World, config, from_chat, from_room, persona,
    said,
};

fn account() -> LoginId {
    LoginId::new("chats:bridge")
}

fn relay(chats: &[&str], rooms: &[&str]) -> Relay {
    let chat = |name: &&str| (account(), ChatId::new(*name), persona("chats", name));
    let room = |name: &&str| (NetworkId::new("rooms"), RoomId::new(*name));
    Relay {
        name: "lounge".to_owned(),
        chats: chats.iter().map(chat).collect(),
        rooms: rooms.iter().map(room).collect(),
    }
}

/// Opens a core with one account of the bridge's own and the relays given, on what was kept.
async fn open(store: &Arc<MemoryStore>, relays: Vec<Relay>) -> World {
    open_with(store, relays, config()).await
}

async fn open_with(store: &Arc<MemoryStore>, relays: Vec<Relay>, settings: CoreConfig) -> World {
    let (rooms, chats) = (Arc::new(Record::default()), Arc::new(Record::default()));
    let puppet = FakePuppet {
        login: account(),
        record: Arc::clone(&chats),
        session: Session::Lasts,
        began: tokio::time::Instant::now(),
    };
    let parts = Parts {
        adapters: vec![Arc::new(FakeAdapter(Arc::clone(&rooms)))],
        accounts: vec![Arc::new(puppet)],
        relays,
        ..Parts::default()
    };
    World::of(store.clone(), settings, parts, rooms, chats).await.expect("it opens")
}

/// Something a contact of the bridge's own account says.
fn says(who: &str, source: &str, text: &str) -> Event {
    Event {
        scope: Scope::Chat { login: account(), chat: ChatId::new(who) },
        sender: Persona { name: Some(who.to_uppercase()), ..persona("chats", who) },
        ..from_chat(source, text)
    }
}

async fn accept(world: &World, event: Event) {
    world.core.inbox().accept_all(vec![event], None).await.expect("it is accepted");
}

#[tokio::test(start_paused = true)]
async fn everybody_in_a_relay_reads_everybody_else_once_and_by_name() {
    let store = Arc::new(MemoryStore::new());
    let world = open(&store, vec![relay(&["bob", "carol"], &["one", "two"])]).await;
    accept(&world, says("bob", "1", "hi all")).await;
    accept(&world, from_room("2", "one", said("hi bob"))).await;
    accept(&world, says("carol", "3", "and me")).await;
    accept(&world, from_room("4", "two", said("four"))).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in("one"), ["hi all", "and me", "four"]);
    assert_eq!(world.rooms.texts_in("two"), ["hi all", "hi bob", "and me"]);
    assert_eq!(world.chats.texts_in("bob"), ["ada: hi bob", "CAROL: and me", "ada: four"]);
    assert_eq!(world.chats.texts_in("carol"), ["BOB: hi all", "ada: hi bob", "ada: four"]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_finds_the_message_under_its_names_in_each_place() {
    let world = open(&Arc::default(), vec![relay(&["bob"], &["one", "two"])]).await;
    accept(&world, from_room("first", "one", said("helo"))).await;
    let edit = |target: &str| EventKind::Edit {
        target: MessageId::new(target),
        content: Content::plain("hello"),
    };
    accept(&world, from_room("second", "one", edit("first"))).await;
    accept(&world, from_room("third", "one", edit("never carried"))).await;
    let gone = EventKind::Redact { target: MessageId::new("never carried") };
    accept(&world, from_room("fourth", "one", gone)).await;
    world.settle().await;
    let given = world.rooms.given();
    let first = given.iter().find_map(|given| match given {
        Given::Message { key, .. } => Some(*key),
        _ => None,
    });
    let key = first.expect("it was said");
    let wanted = [MessageId::new(key.to_string())];
    let edited = |given: &Given| {
        matches!(given, Given::Edit { place, about, text, .. }
            if place == "two" && *about == wanted && text == "hello")
    };
    assert!(given.iter().any(edited), "{given:?}");
    drop(given);
    assert_eq!(world.rooms.texts_in("two"), ["helo", "* hello"]);
    assert_eq!(world.chats.texts_in("bob"), ["ada: helo", "ada: * hello", "ada: * hello"]);
}

#[tokio::test(start_paused = true)]
async fn two_bridges_that_answer_each_other_come_to_rest() {
    let world = open(&Arc::default(), vec![relay(&["bob"], &["one"])]).await;
    for number in 0..50 {
        accept(&world, says("bob", &format!("b{number}"), "echo")).await;
        accept(&world, from_room(&format!("o{number}"), "one", said("echo"))).await;
    }
    accept(&world, says("bob", "other", "something else")).await;
    world.settle().await;
    let heard = world.rooms.texts_in("one");
    assert!(heard.len() < 10 && heard.last().is_some_and(|last| last == "something else"));
}

#[tokio::test(start_paused = true)]
async fn one_contact_who_cannot_be_reached_holds_up_nobody_else() {
    let world = open(&Arc::default(), vec![relay(&["bob", "carol"], &["one"])]).await;
    let away = DeliverError::Reject { reason: Reject::Offline, tell_user: "Away.".to_owned() };
    world.chats.fail_next([away]);
    accept(&world, from_room("1", "one", said("hello"))).await;
    world.settle().await;
    assert_eq!(world.chats.texts(), ["ada: hello"]);
    let told = |given: &&Given| matches!(given, Given::Fate(fate) if fate.contains("Away."));
    assert_eq!(world.rooms.given().iter().filter(told).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_relay_follows_its_configuration_over_restarts() {
    let store = Arc::new(MemoryStore::new());
    let world = open(&store, vec![relay(&["bob", "carol"], &["one"])]).await;
    accept(&world, says("bob", "1", "before")).await;
    world.settle().await;
    // Something waits for Carol, who goes; the others' rows must not wait with it.
    world.chats.stuck.store(true, Ordering::Relaxed);
    accept(&world, says("bob", "2", "waits for carol")).await;
    world.until("the room has it", |world| world.rooms.texts().len() == 2).await;
    let portal = world.core.portals();
    world.core.stop(std::time::Duration::from_secs(1)).await;

    let world = open(&store, vec![relay(&["bob"], &["one", "two"])]).await;
    assert_eq!(world.core.portals(), portal, "the same relay is the same portal");
    assert_eq!(world.core.status().waiting_rows, 0, "nobody waits for one who went");
    accept(&world, says("bob", "3", "after")).await;
    accept(&world, from_room("4", "two", said("new here"))).await;
    world.settle().await;
    assert_eq!(world.rooms.texts_in("one"), ["after", "new here"]);
    assert_eq!(world.rooms.texts_in("two"), ["after"], "a new room begins with what is said now");
    assert_eq!(world.chats.texts_in("bob"), ["ada: new here"]);
    assert!(world.chats.texts_in("carol").is_empty());
    world.core.stop(std::time::Duration::from_secs(1)).await;

    let world = open(&store, Vec::new()).await;
    assert!(world.core.portals().is_empty());
    accept(&world, from_room("5", "one", said("nobody listens"))).await;
    world.settle().await;
    assert!(world.chats.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_told_once_that_nobody_reads_her() {
    let world = open(&Arc::default(), vec![relay(&["bob"], &["one"])]).await;
    let told = || world.chats.texts_in("eve");
    world
        .until("the account is signed in", |world| {
            world.core.status().logins[0].state == bridge_core::LoginState::Connected
        })
        .await;
    for number in 0..3 {
        accept(&world, says("eve", &format!("{number}"), "psst")).await;
    }
    world.until("she is told", |world| !world.chats.texts_in("eve").is_empty()).await;
    accept(&world, says("eve", "last", "psst")).await;
    world.settle().await;
    assert_eq!(told().len(), 1);
    assert!(told()[0].contains("nobody has read your message"), "{:?}", told());
    assert!(world.rooms.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_hide_passwords_takes_none_and_warns_who_types_one() {
    let store = Arc::new(MemoryStore::new());
    let world = open(&store, Vec::new()).await;
    world.rooms.no_passwords.store(true, Ordering::Relaxed);
    let answer = async |number: usize, line: &str| {
        world.command(&format!("c{number}"), line).await;
        world.until("an answer", |world| world.rooms.given().len() > number).await;
        match world.rooms.given().get(number) {
            Some(Given::Answer(text)) => text.clone(),
            given => panic!("{given:?}"),
        }
    };
    let refused = answer(0, "login").await;
    assert!(refused.contains("No passwords here.") && !refused.contains("delete"), "{refused}");
    assert!(answer(1, "hunter2").await.contains("delete your message"));
    assert!(answer(2, "version").await.contains("msn-bridge"));
    assert!(answer(3, "hunter2 again").await.contains("delete your message"));
    let refused = answer(4, "login ada@example.com hunter2").await;
    assert!(refused.contains("No passwords here.") && refused.contains("delete your message"));
    let bytes = crate::support::bytes_of(&store).await;
    assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    assert!(world.core.status().logins.iter().all(|login| login.login == account()));
}

#[tokio::test(start_paused = true)]
async fn the_latest_of_each_signal_wins_at_each_leg_and_a_slow_one_holds_up_only_itself() {
    let world = open(&Arc::default(), vec![relay(&["bob"], &["slow", "one"])]).await;
    let bob = || persona("chats", "bob");
    let scope = || Scope::Chat { login: account(), chat: ChatId::new("bob") };
    let network = NetworkId::new("chats");
    let shown = |world: &World, room: &str| -> Vec<String> {
        let given = world.rooms.given();
        let wishes = given.iter().filter_map(|given| match given {
            Given::Wish(wish) if wish.starts_with(room) => Some(wish.clone()),
            _ => None,
        });
        wishes.collect()
    };
    for round in 0..4 {
        let on = round % 2 == 0;
        world.core.inbox().signal(&network, scope(), bob(), Signal::Typing { on });
        world.until("the quick one shows it", |world| shown(world, "one").len() == round + 1).await;
    }
    assert!(shown(&world, "slow").len() <= 1, "the slow one is still at it");
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    // It shows the first and, of all that came meanwhile, the last.
    assert_eq!(shown(&world, "slow"), ["slow true", "slow false"]);
}

/// Waits until somebody in a chat with the bridge's account hears something, and gives the last of it.
async fn hears(world: &World, who: &str, many: usize) -> String {
    world.until("an answer", |world| world.chats.texts_in(who).len() >= many).await;
    world.chats.texts_in(who).pop().expect("an answer")
}

#[tokio::test(start_paused = true)]
async fn whoever_is_named_in_the_permissions_gives_commands_in_a_chat() {
    let named = [("ops", Role::Admin), ("bob", Role::User), ("*", Role::User)];
    let permissions = Permissions::new(named.map(|(who, role)| (who.to_owned(), role)));
    let settings = CoreConfig { permissions, ..config() };
    let store = Arc::new(MemoryStore::new());
    let world = open_with(&store, vec![relay(&["bob"], &["one"])], settings).await;
    accept(&world, says("ops", "1", "whoami")).await;
    assert!(hears(&world, "ops", 1).await.contains("You are ops on chats; your role is admin."));
    accept(&world, says("ops", "2", "!msn portals")).await;
    let portals = hears(&world, "ops", 2).await;
    assert!(portals.starts_with("Conversations\n") && portals.contains("relay lounge"));
    // No secret is taken: neither asked for nor left without a warning.
    accept(&world, says("ops", "3", "login")).await;
    assert!(hears(&world, "ops", 3).await.contains("I take no passwords in this chat"));
    accept(&world, says("ops", "4", "hunter2")).await;
    assert!(hears(&world, "ops", 4).await.contains("delete your message"));
    accept(&world, says("ops", "5", "name \"Ada")).await;
    assert!(hears(&world, "ops", 5).await.contains("A quotation mark is missing"));
    // In a relay's own conversation all is carried but what begins with the word for the bridge.
    accept(&world, says("bob", "6", "ping")).await;
    accept(&world, says("bob", "7", "!msn ping")).await;
    accept(&world, says("bob", "8", "!msnbots are odd")).await;
    assert!(hears(&world, "bob", 1).await.starts_with("Pong. rooms is reached."));
    world.settle().await;
    assert_eq!(world.rooms.texts_in("one"), ["ping", "!msnbots are odd"]);
    // A line for everybody is a line for nobody here.
    accept(&world, says("eve", "9", "ping")).await;
    assert!(hears(&world, "eve", 1).await.contains("nobody has read your message"));
    let bytes = crate::support::bytes_of(&store).await;
    assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_hostile_name_reaches_no_room_as_it_came() {
    let world = open(&Arc::default(), vec![relay(&["bob", "carol"], &["one"])]).await;
    let mut event = says("bob", "1", "hi");
    event.sender.name =
        Some(format!("@everyone\n\u{202e}\u{0}`x` **b** <i>{}", "y".repeat(10_000)));
    accept(&world, event).await;
    world.settle().await;
    let heard = world.chats.texts_in("carol").pop().expect("carol hears it");
    assert!(heard.starts_with("@everyone 'x' **b** <i>yyy") && heard.ends_with("y: hi"), "{heard}");
    assert!(heard.chars().count() < 300 && !heard.contains(['\n', '\u{202e}', '`']));
}

#[tokio::test(start_paused = true)]
async fn words_that_go_round_in_circles_are_told_to_admins_once() {
    let world = open(&Arc::default(), vec![relay(&["bob"], &["one", "two"])]).await;
    // Where an admin talks to the bridge is known by her first command.
    world.command("first", "ping").await;
    world.until("an answer", |world| !world.rooms.answers().is_empty()).await;
    let inbox = world.core.inbox();
    for words in ["ping", "pong"] {
        for turn in 0..10 {
            let room = if turn % 2 == 0 { "one" } else { "two" };
            let echo = from_room(&format!("{words} {turn}"), room, said(words));
            inbox.accept_all(vec![echo], None).await.expect("accepted");
        }
    }
    let circles = |world: &World| {
        let answers = world.rooms.answers();
        answers.iter().filter(|text| text.contains("go round in circles")).count()
    };
    world.until("an admin is told", |world| circles(world) > 0).await;
    world.settle().await;
    assert_eq!(circles(&world), 1);
    // Six times each, and then no more.
    assert_eq!(world.chats.texts().len(), 12);
}
