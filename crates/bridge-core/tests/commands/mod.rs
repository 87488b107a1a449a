//! What people and operators say to the bridge.

use std::{sync::Arc, time::Duration};

use bridge_core::{
    CoreConfig, LoginState,
    adapter::Reply,
    command::{Permissions, Role},
    store::MemoryStore,
};

use crate::support::{Given, Session, World, config, from_chat};

/// Says a line and gives the answer.
pub(crate) async fn answer(world: &World, number: &mut u32, line: &str) -> String {
    *number += 1;
    let before = answers(world).len();
    world.command(&format!("command {number}"), line).await;
    world.until(line, |world| answers(world).len() > before).await;
    answers(world).pop().expect("an answer")
}

pub(crate) fn answers(world: &World) -> Vec<String> {
    let given = world.rooms.given();
    let answers = given.iter().filter_map(|given| match given {
        Given::Answer(text) => Some(text.clone()),
        _ => None,
    });
    answers.collect()
}

pub(crate) async fn signed_in(config: CoreConfig) -> World {
    let world = World::open(Arc::new(MemoryStore::new()), config).await.expect("it opens");
    world.sign_in().await;
    let connected = |world: &World| {
        let login = world.core.status().logins.into_iter().next();
        login.is_some_and(|login| login.state == LoginState::Connected)
    };
    world.until("the account is signed in", connected).await;
    world
}

#[tokio::test(start_paused = true)]
async fn each_command_does_what_it_says_and_shows_its_form_when_it_is_said_wrongly() {
    let world = signed_in(config()).await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    world.settle().await;
    let mut number = 0;
    for (line, wanted) in [
        ("help", "`contacts block ADDRESS`"),
        ("contacts add", "ADDRESS is missing. Say it like this: `contacts add ADDRESS [GROUP]`"),
        ("contacts block bob@example.com carol@example.com", "That is more than I need. Say it"),
        ("contacts add bob", "\\\"bob\\\" is no address such as bob@example.com. Say it like this"),
        ("contacts add bob@example.com", "bob@example.com is on your list now"),
        ("CONTACTS Block bob@example.com", "neither sees you nor writes to you"),
        ("contacts unblock bob@example.com", "may see you and write to you again"),
        ("contacts remove bob@example.com", "is off your list"),
        ("contacts search bob", "There is nobody to show"),
        ("contacts", "There is nobody to show"),
        ("presence", "Say it like this: `presence STATE`"),
        ("presence asleep", "\\\"asleep\\\" is none of online, away"),
        ("presence brb", "You appear as brb now"),
        ("psm in the garden", "Your own words are changed"),
        ("psm", "Say it like this: `psm WORDS…`"),
        ("name \"Ada L\"", "Your name is changed"),
        ("name \"Ada", "A quotation mark is missing its second one"),
        ("avatar", "does not see the picture you have here"),
        ("avatar none", "You show no picture now."),
        ("avatar cat", "is none of mine, none"),
        ("nudge bob@example.com", "was nudged"),
        ("ping", "Pong. rooms is reached."),
        ("doctor", "All is well."),
        ("portal", "Say that in the room of a conversation."),
        ("portals", "chats:bob with bob ⇄ rooms"),
        ("queue", "Nothing waits, and nothing failed lately."),
        ("stats", "conversations"),
        ("permissions", "admin"),
        ("drain", "Nothing waits any more."),
        ("backup", "There is no place for backups here."),
        ("reload", "There is no configuration here."),
        ("log level debug", "There is no log here."),
        ("log level debug soon", "\\\"soon\\\" is no time such as 30s"),
        ("help contacts add", "ADDRESS is an address such as"),
        ("help log", "`log level LEVEL [DURATION]`"),
        ("help nonsense", "I know no command"),
        ("? ping", "says that I am here"),
        ("whoami", "You are ada on rooms; your role is admin. Your accounts: chats:bob."),
        ("logins", "chats:bob"),
        ("get", "notices"),
        ("set notices", "VALUE is missing. Say it like this: `set OPTION VALUE`"),
        ("set notices perhaps", "\\\"perhaps\\\" is none of on, off."),
        (
            "set shape round",
            "\\\"shape\\\" is none of account, buddies, changes, colour, font, notices, offline-as, presence, \
             reactions.",
        ),
        ("set colour blue", "\\\"blue\\\" is no colour such as #cc0066."),
        ("set account eve@example.com", "is none of your accounts"),
        ("set account bob", "`account` is chats:bob now."),
        ("set notices on", "`notices` is on now."),
        ("whoami", "You are told when contacts come and go."),
        ("get notices", "\"notices\", \"on\""),
        ("unset notices", "as if you had never chosen"),
        ("audit", "Nobody did anything in another's name."),
        ("sudo", "USER is missing. Say it like this: `sudo USER COMMAND…`"),
        ("sudo ada whoami", "You are ada on rooms; your role is admin."),
        ("sudo chats:eve logins", "You are not signed in"),
        ("sudo ada sudo eve ping", "One name at a time"),
        ("sudo ada login", "I ask for a password"),
        ("sudo ada psm \"in  the \\\"hall\\\"\"", "Your own words are changed"),
        ("audit", "[\"0 s ago\", \"ada\", \"ada\", \"psm\"]"),
        ("permissions", "Who may do what; your role is admin"),
        ("backup verify", "There is no place for backups here."),
        ("psm out --account", "must be followed by one of your accounts"),
        ("psm out --account eve@example.com", "is none of your accounts"),
        ("psm --account bob out", "Your own words are changed"),
        ("shutdown", "There is no program to stop here."),
        ("log", "I do not know that command"),
        ("hunter2", "I do not know that command"),
    ] {
        let said = answer(&world, &mut number, line).await;
        assert!(said.contains(wanted), "{line}: {said}");
        assert!(!said.contains("hunter2"));
    }
    let wishes: Vec<String> = {
        let given = world.chats.given();
        let wishes = given.iter().filter_map(|given| match given {
            Given::Wish(wish) => Some(wish.clone()),
            _ => None,
        });
        wishes.collect()
    };
    assert_eq!(
        wishes[..4],
        [
            "Add bob@example.com",
            "Block bob@example.com",
            "Unblock bob@example.com",
            "Remove bob@example.com"
        ]
    );
    assert!(wishes[4].contains("BeRightBack") && wishes[5].contains("in the garden"));
    assert!(wishes[6].contains("Ada L") && wishes[7].contains("OwnPicture(0 bytes)"), "{wishes:?}");
    assert!(wishes[8].contains("in  the \\\"hall\\\""), "{wishes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_of_a_megabyte_and_of_odd_letters_is_answered_and_not_repeated() {
    let world = signed_in(config()).await;
    let mut number = 0;
    let long = "x".repeat(1024 * 1024);
    assert!(answer(&world, &mut number, &long).await.contains("I do not know that command"));
    for odd in ["\u{0}\u{7f}", "\\", "\"\"", "\u{202e}help"] {
        assert!(answer(&world, &mut number, odd).await.len() < 200, "{odd:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hostile_name_is_cut_and_holds_up_nothing() {
    let world = signed_in(config()).await;
    let mut event = from_chat("c1", "hello");
    event.sender.name = Some("\u{202e}☃\n".repeat(100_000));
    world.core.inbox().accept_all(vec![event], None).await.expect("it is accepted");
    world.core.inbox().accept_all(vec![from_chat("c2", "and on")], None).await.expect("accepted");
    world.settle().await;
    assert_eq!(world.rooms.texts(), ["hello", "and on"]);
}

#[tokio::test(start_paused = true)]
async fn a_user_may_not_what_an_admin_may() {
    let users =
        CoreConfig { permissions: Permissions::new([("*".to_owned(), Role::User)]), ..config() };
    let world = signed_in(users).await;
    let mut number = 0;
    let help = answer(&world, &mut number, "help").await;
    for line in ["portals", "stats", "permissions", "backup", "reload", "drain", "shutdown"] {
        assert!(!help.contains(&format!("`{line}`")), "{line}");
        let said = answer(&world, &mut number, line).await;
        assert!(said.contains("I do not know that command"), "{line}: {said}");
    }
    // Her own account, and nobody else's, is what she sees.
    assert!(answer(&world, &mut number, "status").await.contains("chats:bob"));
}

#[tokio::test(start_paused = true)]
async fn the_role_relay_signs_in_nowhere_and_sees_nothing() {
    let guests =
        CoreConfig { permissions: Permissions::new([("*".to_owned(), Role::Relay)]), ..config() };
    let store = Arc::new(MemoryStore::new());
    let world = World::open(store, guests).await.expect("it opens");
    let mut number = 0;
    for (line, wanted) in [
        ("help", "`ping`"),
        ("ping", "Pong."),
        ("whoami", "your role is relay"),
        ("login", "You may not sign in here."),
        ("signin", "You may not sign in here."),
        ("logins", "I do not know that command"),
        ("set notices on", "I do not know that command"),
        ("help portals", "I know no command"),
    ] {
        let said = answer(&world, &mut number, line).await;
        assert!(said.contains(wanted), "{line}: {said}");
    }
    assert!(!answer(&world, &mut number, "help").await.contains("`login`"));
}

#[tokio::test(start_paused = true)]
async fn how_an_account_appears_and_what_was_chosen_survive_a_restart() {
    let store = Arc::new(MemoryStore::new());
    let world = World::open(store.clone(), config()).await.expect("it opens");
    world.sign_in().await;
    let mut number = 0;
    answer(&world, &mut number, "presence busy").await;
    answer(&world, &mut number, "psm in the garden").await;
    answer(&world, &mut number, "name Ada L").await;
    answer(&world, &mut number, "set notices on").await;
    world.core.stop(Duration::from_secs(1)).await;
    let world = World::open(store.clone(), config()).await.expect("it opens again");
    let wish = |world: &World| match world.chats.given().first() {
        Some(Given::Wish(wish)) => Some(wish.clone()),
        _ => None,
    };
    world.until("it appears as before", |world| wish(world).is_some()).await;
    let wish = wish(&world).expect("a wish");
    assert!(["Busy", "in the garden", "Ada L"].iter().all(|part| wish.contains(part)), "{wish}");
    let mut number = 100;
    assert!(answer(&world, &mut number, "get").await.contains("\"notices\", \"on\""));
    answer(&world, &mut number, "logout").await;
    world.core.stop(Duration::from_secs(1)).await;
    let bytes = crate::support::bytes_of(&store).await;
    assert!(!bytes.windows(13).any(|window| window == b"in the garden"), "it is forgotten too");
}

#[tokio::test(start_paused = true)]
async fn a_session_begins_anew_when_it_is_told_to() {
    let world = signed_in(config()).await;
    let since = world.core.status().logins[0].since;
    let mut number = 0;
    // The wall clock moves on while the other does.
    while bridge_core::id::Timestamp::now() <= since {
        std::hint::spin_loop();
    }
    assert!(answer(&world, &mut number, "relogin").await.contains("Signing in again"));
    world
        .until("it is connected again", |world| {
            let login = &world.core.status().logins[0];
            login.state == LoginState::Connected && login.since > since
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn the_operator_has_the_same_commands_without_a_person() {
    let world = signed_in(config()).await;
    let text = async |line: &str| match world.core.execute(line).await {
        Reply::Text(text) => text,
        reply => format!("{reply:?}"),
    };
    assert!(text("doctor").await.contains("All is well."));
    assert!(text("portals").await.contains("Conversations"));
    assert!(text("contacts add bob@example.com").await.contains("to the bridge in a chat"));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_away_for_minutes_is_told_of_and_when_it_is_back() {
    let away = Session::Unreachable(Duration::from_secs(600));
    let store = Arc::new(MemoryStore::new());
    let world = World::with(store, config(), Arc::default(), Arc::default(), away);
    let world = world.await.expect("it opens");
    world.sign_in().await;
    let state = |world: &World| world.core.status().logins.first().map(|login| login.state);
    world.until("it is away", |world| state(world) == Some(LoginState::Unreachable)).await;
    world.until("it is back", |world| state(world) == Some(LoginState::Connected)).await;
    world.until("both are said", |world| answers(world).len() >= 4).await;
    let said = answers(&world);
    let told: Vec<&String> = said.iter().filter(|text| text.contains("connected")).collect();
    assert!(told.len() == 2, "{said:?}");
    assert!(told[0].contains("has not been connected for") && told[0].contains("nobody answers"));
    assert!(told[1].contains("is connected again"));
}
