//! Somebody asks to be a contact, and is called what no name should be.

use msnp::{ChatId, Text};
use testkit::{Seen, tail, wait_until};

use super::{ACCOUNT, DAVE, World};
use crate::support::{SOON, hears, is_tame};

/// Says something in a room again until the answer is a wanted one; gives that.
async fn until_answered(world: &World, room: &testkit::RoomId, line: &str, wanted: &str) -> String {
    wait_until(SOON, &format!("{line} is answered with {wanted:?}"), || async {
        world.ada.forget();
        world.ada.say(room, line).await.expect("it is sent");
        let answer = |seen: &Seen| match seen {
            Seen::Message { sender, body, .. } if sender == &world.bot => {
                body.contains(wanted).then(|| body.clone())
            }
            _ => None,
        };
        Some(world.ada.sees(SOON, wanted, answer).await)
    })
    .await
}

#[tokio::test]
async fn who_asks_is_accepted_from_the_chat_and_a_hostile_name_does_no_harm() {
    let mut world = World::new().await;
    let management = world.log_in().await;
    let (dave, mut dave_hears) = world.person(DAVE).await;
    dave.add_contact(ACCOUNT, None).await.expect("she is added");

    // What the bot says of it is what it is to be answered with.
    let Seen::Message { body, notice, .. } = world.ada.hears("asks to be a contact of").await
    else {
        panic!("a message")
    };
    let accept = format!("contacts accept {DAVE} --account ");
    assert!(notice && body.contains(&accept), "{body}");
    let said = body.lines().next().expect("a line");
    is_tame(said);
    assert!(said.contains(DAVE), "{said}");
    let line = body.split('`').find(|part| part.starts_with(&accept)).expect("it is written out");
    world.ada.say(&management, line).await.expect("it is sent");
    wait_until(SOON, "Dave sees her", || async {
        let roster = dave.roster();
        let her = roster.contacts().find(|contact| contact.account == ACCOUNT)?;
        (her.status != msnp::Status::Offline).then_some(())
    })
    .await;
    let listed = until_answered(&world, &management, "contacts", "Contacts of").await;
    listed.lines().for_each(is_tame);

    // He writes: the room and his ghost bear a name that is fit to be read.
    let text = Text::plain("hi");
    dave.send_text(&ChatId::with(ACCOUNT), text).await.expect("acknowledged");
    let Seen::Message { room, name, .. } = world.ada.hears("hi").await else { panic!("a message") };
    is_tame(&name.expect("his ghost has a name"));
    world.ada.say(&room, "hello").await.expect("it is sent");
    hears(&mut dave_hears, "hello").await;
    for line in ["portal", "chat list", "queue"] {
        let answer = until_answered(&world, &room, &format!("!msn {line}"), "").await;
        answer.lines().for_each(is_tame);
    }
    assert!(world.bridge.take().expect("it runs").stop().await, "{}", tail(&world.log));
}
