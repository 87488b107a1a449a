//! Temporary groups, at MSNP21.

use msnp::{ChatId, Event, Events, Invalid, RequestError, Text, Version};

use super::{CAROL, joined, left, talk};
use crate::{ADA, BOB, ECHO, World, seen, text_of};

const LAST: Version = Version::Msnp21;

/// Waits until this place is put into a group; gives it.
async fn put_into(events: &mut Events) -> ChatId {
    seen(events, |event| match event {
        Event::CircleEntered { chat, .. } => Some(chat.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_group_is_made_filled_talked_in_and_left() {
    let world = World::of_three().await;
    let (ada, mut ada_events) = world.at(ADA, LAST).await;
    let (bob, mut bob_events) = world.at(BOB, LAST).await;
    let (carol, mut carol_events) = world.at(CAROL, LAST).await;
    let many = ada.make_group(&[BOB; 151]).await;
    assert_eq!(many, Err(Invalid::TooManyPeople.into()));
    let group = ada.make_group(&[BOB]).await.expect("it is made");
    assert_eq!(put_into(&mut bob_events).await, group);
    joined(&mut ada_events, &group, BOB).await;
    joined(&mut bob_events, &group, ADA).await;
    talk(&group, (&ada, &mut ada_events), (&bob, &mut bob_events)).await;
    // Whoever is in it may call others.
    bob.invite_to_chat(&group, CAROL).await.expect("she is called");
    assert_eq!(put_into(&mut carol_events).await, group);
    for events in [&mut ada_events, &mut bob_events] {
        joined(events, &group, CAROL).await;
    }
    carol.send_text(&group, Text::plain("to all")).await.expect("it is said");
    for events in [&mut ada_events, &mut bob_events] {
        assert_eq!(seen(events, text_of).await, (CAROL.to_owned(), "to all".to_owned()));
    }
    bob.leave_chat(&group).await.expect("he leaves");
    left(&mut ada_events, &group, BOB).await;
    assert_eq!(bob.roster().circle(&group), None);
    let over = bob.send_text(&group, Text::plain("late")).await;
    assert_eq!(over, Err(RequestError::ChatOver));
    carol.sign_out().await;
    left(&mut ada_events, &group, CAROL).await;
    // He may be called again.
    ada.invite_to_chat(&group, BOB).await.expect("he is called");
    joined(&mut ada_events, &group, BOB).await;
}

#[tokio::test]
async fn a_third_makes_a_conversation_of_two_a_group() {
    let world = World::of_three().await;
    let (ada, mut ada_events) = world.at(ADA, LAST).await;
    let (_bob, mut bob_events) = world.at(BOB, LAST).await;
    let (_carol, mut carol_events) = world.at(CAROL, LAST).await;
    ada.invite_to_chat(&ChatId::with(BOB), CAROL).await.expect("both are called");
    let group = put_into(&mut ada_events).await;
    assert_eq!(put_into(&mut bob_events).await, group);
    assert_eq!(put_into(&mut carol_events).await, group);
    for who in [BOB, CAROL] {
        joined(&mut ada_events, &group, who).await;
    }
}

#[tokio::test]
async fn who_cannot_come_into_a_group_is_told_of() {
    let world = World::of_three().await;
    let (ada, mut ada_events) = world.at(ADA, LAST).await;
    let refused = ada.make_group(&[ECHO]).await;
    assert_eq!(refused, Err(RequestError::NotOnline));
    let group = put_into(&mut ada_events).await;
    assert_eq!(ada.invite_to_chat(&group, BOB).await, Err(RequestError::NotOnline));
    let (_bob, _events) = world.at(BOB, LAST).await;
    ada.invite_to_chat(&group, BOB).await.expect("he is there now");
    joined(&mut ada_events, &group, BOB).await;
}
