//! Words, their looks and what becomes of them, between a Matrix user and her MSN contact.

use msnp::{ChatId, Colour, Event, Text};
use testkit::Seen;

use super::{ACCOUNT, World, bob_is_online_for_ada};
use crate::support::{SOON, hears};

/// Waits for the status of a message.
async fn status(world: &World, event: &str, wanted: &str) -> serde_json::Value {
    let found = |seen: &Seen| match seen {
        Seen::Status { of, content } if of == event && content["status"] == wanted => {
            Some(content.clone())
        }
        _ => None,
    };
    world.ada.sees(SOON, &format!("{wanted} of {event}"), found).await
}

#[tokio::test]
async fn looks_answers_changes_and_signs_cross() {
    let mut world = World::new().await;
    let management = world.log_in().await;
    let (bob, mut bob_hears) = world.bob().await;
    bob_is_online_for_ada(&world.ada, &management).await;
    let to_ada = ChatId::with(ACCOUNT);

    // A look of all the words is one on both sides.
    let mut styled = Text::plain("shall we?");
    styled.format.bold = true;
    styled.format.colour = Colour { red: 255, green: 0, blue: 127 };
    bob.send_text(&to_ada, styled).await.expect("acknowledged");
    let Seen::Message { room, event: asked, .. } = world.ada.hears("shall we?").await else {
        panic!("a message")
    };
    let html = "<font data-mx-color=\"#ff007f\"><strong>of course</strong></font>";
    let said = world.ada.say_html(&room, "**of course**", html).await.expect("it is sent");
    let Event::Message { text, .. } = hears(&mut bob_hears, "of course").await else {
        panic!("a message")
    };
    assert!(text.format.bold && text.words == "of course", "{text:?}");
    assert_eq!(text.format.colour, Colour { red: 255, green: 0, blue: 127 });
    let told = status(&world, said.as_str(), "SUCCESS").await;
    let ghost = "@msn_bob.smith=40example.com:example.test";
    assert_eq!(told["delivered_to_users"], serde_json::json!([ghost]));

    // A colour of her own, where she gives none.
    world.ada.say(&room, "!msn set colour #00aa00").await.expect("it is sent");
    world.ada.hears("#00aa00").await;

    // What has no form on MSN is said in words.
    let relation = serde_json::json!({ "m.in_reply_to": { "event_id": asked } });
    let answer = serde_json::json!({
        "msgtype": "m.text", "body": "yes", "m.relates_to": relation,
    });
    world.ada.send(&room, "m.room.message", answer).await.expect("it is sent");
    let answered = "[to Bob ☃ Smith: shall we?] yes";
    let Event::Message { text, .. } = hears(&mut bob_hears, answered).await else {
        panic!("a message")
    };
    assert_eq!(text.format.colour, Colour { red: 0, green: 170, blue: 0 });
    let edit = serde_json::json!({
        "msgtype": "m.text", "body": "* never",
        "m.new_content": { "msgtype": "m.text", "body": "never" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": said },
    });
    world.ada.send(&room, "m.room.message", edit).await.expect("it is sent");
    hears(&mut bob_hears, "* never").await;
    for sign in ["👍", "🎉"] {
        world.ada.react(&room, asked.as_str(), sign).await.expect("it is sent");
    }
    hears(&mut bob_hears, "reacted with").await;
    world.ada.redact(&room, &said).await.expect("it is sent");
    hears(&mut bob_hears, "took a message back").await;
    assert!(world.bridge.take().expect("it runs").stop().await);
}
