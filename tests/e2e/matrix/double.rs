//! What somebody says at another place of hers appears as hers.

use msnp::{ChatId, Event, Handle, Text};
use testkit::{Seen, wait_until};

use super::{ACCOUNT, BOB, Kind, PASSWORD, World, bob_is_online_for_ada};
use crate::support::{SOON, hears};

const ADA: &str = "@ada:example.test";
const BOBS_GHOST: &str = "@msn_bob.smith=40example.com:example.test";

/// Says something to Bob at another place of Ada's; gives who says it on Matrix, and where.
async fn seen_from(
    world: &World,
    place: &Handle,
    words: &str,
) -> (String, Option<String>, testkit::RoomId) {
    place.send_text(&ChatId::with(BOB), Text::plain(words)).await.expect("it is sent");
    let Seen::Message { sender, name, room, .. } = world.ada.hears(words).await else {
        panic!("a message")
    };
    (sender.to_string(), name, room)
}

#[tokio::test]
async fn with_the_second_registration_she_is_brought_in_and_her_own_words_are_hers() {
    let kind = Kind { doubles: true, protocol: Some("21"), ..Kind::default() };
    let world = World::made(None, kind).await;
    let management = world.log_in().await;
    let (bob, mut bob_hears) = world.place(BOB, "hunter2").await;
    bob_is_online_for_ada(&world.ada, &management).await;

    // The first word is said by herself, elsewhere: the room is the one with Bob all the same.
    let (other, _other_hears) = world.place(ACCOUNT, PASSWORD).await;
    let (sender, _, room) = seen_from(&world, &other, "from my other place").await;
    assert_eq!(sender, ADA);
    hears(&mut bob_hears, "from my other place").await;
    wait_until(SOON, "the room is among her direct chats", || async {
        let chats = world.ada.direct_chats().await;
        let rooms = chats.get(BOBS_GHOST)?.as_array()?.clone();
        rooms.iter().any(|known| known.as_str() == Some(room.as_str())).then_some(())
    })
    .await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("I see")).await.expect("it is sent");
    let Seen::Message { room: again, sender, .. } = world.ada.hears("I see").await else {
        panic!("a message")
    };
    assert_eq!((again, sender.as_str()), (room.clone(), BOBS_GHOST));

    // What the bridge said as her does not go out a second time.
    world.ada.say(&room, "and from Matrix").await.expect("it is sent");
    let Event::Message { text, .. } = hears(&mut bob_hears, "").await else { panic!("a message") };
    assert_eq!(text.words, "and from Matrix");
}

#[tokio::test]
async fn with_a_token_of_hers_the_bridge_speaks_as_her_until_she_takes_it_back() {
    let world =
        World::made(None, Kind { doubles: false, protocol: Some("21"), ..Kind::default() }).await;
    let management = world.log_in().await;
    let (_bob, mut bob_hears) = world.place(BOB, "hunter2").await;
    bob_is_online_for_ada(&world.ada, &management).await;
    let (other, _other_hears) = world.place(ACCOUNT, PASSWORD).await;
    let (sender, name, room) = seen_from(&world, &other, "who am I").await;
    assert_ne!(sender, ADA);
    assert_eq!(name.as_deref(), Some("Ada (you, on MSN)"));
    hears(&mut bob_hears, "who am I").await;

    world.ada.say(&management, "login-matrix").await.expect("it is sent");
    world.ada.hears("Which access token").await;
    world.ada.say(&management, "syt_not_hers").await.expect("it is sent");
    world.ada.hears("does not take that token").await;
    world.ada.say(&management, "login-matrix").await.expect("it is sent");
    let given = world.ada.say(&management, &world.ada.token()).await.expect("it is sent");
    world.ada.hears("Done: I enter your rooms").await;
    let removed =
        |seen: &Seen| matches!(seen, Seen::Redacted { event } if *event == given).then_some(());
    world.ada.sees(SOON, "the token is removed", removed).await;
    let (sender, _, again) = seen_from(&world, &other, "it is me").await;
    assert_eq!((sender.as_str(), &again), (ADA, &room));

    world.ada.say(&management, "logout-matrix").await.expect("it is sent");
    world.ada.hears("Your token is forgotten").await;
    let (sender, ..) = seen_from(&world, &other, "who was I").await;
    assert_ne!(sender, ADA);
    assert!(!world.log().contains(&world.ada.token()));
}
