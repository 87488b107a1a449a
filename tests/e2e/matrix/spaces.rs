//! Contacts stand in spaces by their groups, and their own words over their rooms.

use msnp::{ChatId, PersonalMessage, Text};
use serde_json::{Value, json};
use testkit::{RoomId, Seen, wait_until};

use super::{ACCOUNT, BOB, DAVE, World, bob_is_online_for_ada};
use crate::support::SOON;

/// Waits until Ada is in a room of a name; gives it.
async fn room_called(world: &World, name: &str) -> RoomId {
    wait_until(SOON, &format!("she is in {name:?}"), || async {
        for room in world.ada.rooms().await {
            let room: RoomId = room.as_str().try_into().ok()?;
            let called = world.ada.state(&room, "m.room.name", "").await;
            if called.as_ref().and_then(|it| it.get("name")?.as_str()) == Some(name) {
                return Some(room);
            }
        }
        None
    })
    .await
}

/// Waits until a room is in a space, or not.
async fn stands_in(world: &World, space: &RoomId, room: &RoomId, wanted: bool) {
    wait_until(SOON, &format!("{room} in {space}: {wanted}"), || async {
        let child = world.ada.state(space, "m.space.child", room.as_str()).await;
        let child = child.unwrap_or_default();
        let there = child.get("via").and_then(Value::as_array).is_some_and(|via| !via.is_empty());
        (there == wanted).then_some(())
    })
    .await;
}

/// Says a command and waits for its answer.
async fn asks(world: &World, room: &RoomId, line: &str, answer: &str) {
    world.ada.forget();
    world.ada.say(room, line).await.expect("it is sent");
    world.ada.hears(answer).await;
}

#[tokio::test]
async fn rooms_stand_in_spaces_by_group_and_moving_one_moves_the_contact() {
    let world = World::new().await;
    let management = world.log_in().await;
    let (bob, _bob_hears) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    for (line, answer) in [
        ("contacts group add Friends", "There is a group"),
        ("contacts group add Work", "There is a group"),
        ("contacts group put bob.smith@example.com Friends", "is in"),
    ] {
        asks(&world, &management, line, answer).await;
    }
    asks(&world, &management, &format!("contacts add {DAVE} Work"), "is in").await;
    asks(&world, &management, &format!("chat {DAVE}"), "is open").await;
    bob.set_personal_message(PersonalMessage {
        text: "gone fishing".to_owned(),
        ..PersonalMessage::default()
    })
    .await
    .expect("it is set");
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("hi")).await.expect("acknowledged");
    let Seen::Message { room, .. } = world.ada.hears("hi").await else { panic!("a message") };

    let all = room_called(&world, "MSN (ada@example.com)").await;
    let (friends, work) = (room_called(&world, "Friends").await, room_called(&world, "Work").await);
    for (space, inside) in [(&all, &friends), (&all, &work), (&friends, &room)] {
        stands_in(&world, space, inside, true).await;
    }
    let created = world.ada.state(&friends, "m.room.create", "").await.expect("it was made");
    assert_eq!(created["type"], "m.space");
    wait_until(SOON, "his words are the topic", || async {
        let topic = world.ada.state(&room, "m.room.topic", "").await?;
        (topic["topic"] == "gone fishing").then_some(())
    })
    .await;

    // She moves the room by hand, as clients do; the list at the server follows.
    let via = json!({ "via": ["example.test"] });
    world.ada.put_state(&work, "m.space.child", room.as_str(), &via).await;
    world.ada.put_state(&friends, "m.space.child", room.as_str(), &json!({})).await;
    let is_moved = |seen: &Seen| match seen {
        Seen::Message { body, .. } => {
            let line = body.lines().find(|line| line.contains("bob.smith@"))?;
            (line.contains("Work") && !line.contains("Friends")).then_some(())
        }
        _ => None,
    };
    wait_until(SOON, "he is in the other group", || async {
        asks(
            &world,
            &management,
            &format!("contacts search {}", BOB.to_lowercase()),
            "Contacts of",
        )
        .await;
        world.ada.all().iter().find_map(is_moved)
    })
    .await;
    stands_in(&world, &friends, &room, false).await;
    stands_in(&world, &work, &room, true).await;

    // A group of another name is the same space.
    asks(&world, &management, "contacts group rename Work Office", "is called Office now").await;
    wait_until(SOON, "the space has the new name", || async {
        let name = world.ada.state(&work, "m.room.name", "").await?;
        (name["name"] == "Office").then_some(())
    })
    .await;
}
