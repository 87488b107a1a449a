//! Rooms on a real homeserver: joined to a conversation, opened to others, let go, deleted.

use msnp::{ChatId, Event, Text};
use testkit::{MatrixUser, Seen, wait_until};

use crate::{
    matrix::{ACCOUNT, BOB, World, bob_is_online_for_ada},
    support::{SOON, hears},
};

/// Waits until somebody's words are seen; gives the room they were said in.
async fn room_of(user: &MatrixUser, words: &str) -> testkit::RoomId {
    match user.hears(words).await {
        Seen::Message { room, .. } => room,
        other => panic!("a message, not {other:?}"),
    }
}

#[tokio::test]
async fn a_room_of_her_own_shows_a_conversation_to_others_until_she_lets_it_go() {
    let world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_hears) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    let ada_to = ChatId::with(ACCOUNT);
    let bob_says = async |words: &str| {
        bob.send_text(&ada_to, Text::plain(words)).await.expect("acknowledged");
    };
    world.synapse.register_user("gil", "secret").await.expect("a new user");
    let gil = MatrixUser::sign_in(&world.synapse.url(), "gil", "secret").await;
    let gil = gil.expect("he signs in");

    // A room with a friend in it becomes the conversation's.
    let den = world.ada.new_room("den").await.expect("a room");
    let bot = world.bot.as_str().try_into().expect("a user id");
    world.ada.invite(&den, bot).await.expect("it is invited");
    world.ada.hears("Here I listen to what begins with").await;
    let friend = "@gil:example.test".try_into().expect("a user id");
    world.ada.invite(&den, friend).await.expect("he is invited");
    world.ada.say(&den, &format!("!msn bridge {BOB}")).await.expect("it is sent");
    world.ada.hears("This room shows your conversation with").await;
    bob_says("into the den").await;
    assert_eq!(room_of(&world.ada, "into the den").await, den);
    world.ada.say(&den, "from the den").await.expect("it is sent");
    hears(&mut bob_hears, "from the den").await;

    // The friend is not carried unless she wishes it, and is told so either way.
    wait_until(SOON, "he is in", || async { gil.say(&den, "me too").await.ok() }).await;
    gil.hears("what you write here is not carried to Bob").await;
    world.ada.say(&den, "after him").await.expect("it is sent");
    let Event::Message { text, .. } = hears(&mut bob_hears, "").await else { panic!("a message") };
    assert_eq!(text.words, "after him");
    world.ada.say(&den, "!msn relay on").await.expect("it is sent");
    world.ada.hears("goes out from your account from now on").await;
    gil.say(&den, "hello Bob").await.expect("it is sent");
    hears(&mut bob_hears, "gil: hello Bob").await;
    gil.hears("what you write here is carried, under your name, to Bob").await;

    // Let go, the room stays hers, and what comes next is in a room of its own.
    world.ada.say(&den, "!msn unbridge").await.expect("it is sent");
    world.ada.hears("This room is out of the conversation now").await;
    bob_says("where are you?").await;
    let next = room_of(&world.ada, "where are you?").await;
    assert!(next != den && next != management);

    // Deleted, its room is left with a word; who writes then begins anew.
    world.ada.say(&next, "!msn portal delete").await.expect("it is sent");
    assert_eq!(room_of(&world.ada, "I leave this room").await, next);
    bob_says("and again").await;
    let last = room_of(&world.ada, "and again").await;
    assert!(last != next && last != den);
    assert!(world.ada.all().iter().all(|seen| {
        !matches!(seen, Seen::Message { room, body, .. } if *room == den && body == "and again")
    }));
}
