//! Who is there and what she says about it, both ways, and the contact list as a room.

use msnp::{ChatId, Media, PersonalMessage, Status, Text};
use serde_json::Value;
use testkit::{Seen, tail, wait_until};

use super::{ACCOUNT, BOB, World, bob_is_online_for_ada};
use crate::support::SOON;

#[tokio::test]
async fn contacts_and_their_friends_on_matrix_see_how_each_other_are() {
    let mut world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_hears) = world.bob().await;
    tokio::spawn(async move { while bob_hears.next().await.is_some() {} });
    bob_is_online_for_ada(&world.ada, &management).await;
    bob.send_text(&ChatId::with(ACCOUNT), Text::plain("good morning")).await.expect("acknowledged");
    let Seen::Message { room, sender: ghost, .. } = world.ada.hears("good morning").await else {
        panic!("a message")
    };

    // His status, his words and his music are presence of his ghost, and in its profile.
    bob.set_status(Status::Busy).await.expect("it is set");
    let media = Media {
        program: String::new(),
        kind: "Music".to_owned(),
        format: "{0} - {1}".to_owned(),
        words: vec!["Song".to_owned(), "Band".to_owned()],
    };
    let message = PersonalMessage { text: "at work".to_owned(), media: media.write() };
    bob.set_personal_message(message).await.expect("it is set");
    let wanted = "Busy · at work · 🎵 Song - Band";
    let busy = |seen: &Seen| match seen {
        Seen::Presence { user, state, words } => {
            let is = *user == ghost && state == "unavailable";
            (is && words.as_deref() == Some(wanted)).then_some(())
        }
        _ => None,
    };
    world.ada.sees(SOON, "Bob is busy", busy).await;
    let status = wait_until(SOON, "it is in his profile", || {
        world.ada.profile_field(&ghost, "net.msnbridge.status")
    });
    assert_eq!(status.await.get("state").and_then(Value::as_str), Some("busy"));

    // The list has its groups, leads to the room with him, and follows what changes.
    world.ada.say(&management, "contacts group add Friends").await.expect("it is sent");
    world.ada.hears("Friends").await;
    world.ada.say(&management, &format!("contacts group put {BOB} Friends")).await.expect("sent");
    world.ada.hears("is in Friends").await;
    world.ada.say(&management, "set buddies on").await.expect("it is sent");
    let Seen::Message { room: list, event, body, notice, .. } =
        world.ada.hears("Friends (1/1)").await
    else {
        panic!("a message")
    };
    assert!(notice && list != management && body.contains("🔴 Bob ☃ Smith · Busy"), "{body}");
    world.ada.say(&list, "may I?").await.expect_err("nobody but the bot writes there");
    bob.set_status(Status::Online).await.expect("it is set");
    let edited = wait_until(SOON, "the list follows", || async {
        let now = world.ada.reads_now(&list, &event).await?;
        let body = now.get("body").and_then(Value::as_str)?.to_owned();
        body.contains("🟢 Bob ☃ Smith · at work").then_some(now)
    });
    let html = edited.await.get("formatted_body").map(Value::to_string).unwrap_or_default();
    assert!(html.contains(&format!("https://matrix.to/#/{room}?via=example.test")), "{html}");

    // How she is on Matrix is how her account is, with her words; until she wishes otherwise.
    world.ada.is("online", "in the garden").await;
    let says = |wanted: &'static str| {
        let bob = bob.clone();
        wait_until(SOON, "Bob reads her words", move || {
            let her = bob.contact(ACCOUNT);
            async move { her.filter(|her| her.personal.text == wanted) }
        })
    };
    says("in the garden").await;
    world.ada.say(&management, "set presence in").await.expect("it is sent");
    says("").await;

    world.ada.say(&management, "set buddies off").await.expect("it is sent");
    wait_until(SOON, "the room is closed to her", || async {
        (!world.ada.is_in(&list).await).then_some(())
    })
    .await;
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
}
