//! Circles and temporary groups: made, asked into, talked in, left.

use msnp::{
    ChatId, CircleStanding, Event, Events, Handle, Invalid, Protocol, RequestError, Text, Version,
};

use crate::{ADA, BOB, World, seen, text_of};

mod groups;

const CAROL: &str = "carol@example.com";
const CIRCLES: [Version; 2] = [Version::Msnp18, Version::Msnp21];

impl World {
    pub(crate) async fn of_three() -> Self {
        let world = Self::new().await;
        world.directory.add(msnp_server::User::new(CAROL, "hunter2", "Carol", &[ADA]));
        world
    }

    pub(crate) async fn at(&self, account: &str, version: Version) -> (Handle, Events) {
        let config = self.config(account, Protocol::Exactly(version));
        msnp::connect(config).await.expect("it signs in")
    }
}

/// Waits until somebody comes into a chat; passes over everybody else.
async fn joined(events: &mut Events, chat: &ChatId, who: &str) {
    let is_it = |event: &Event| {
        matches!(event, Event::Joined { chat: into, account, .. } if into == chat && account == who)
            .then_some(())
    };
    seen(events, is_it).await;
}

async fn left(events: &mut Events, chat: &ChatId, who: &str) {
    let is_it = |event: &Event| {
        matches!(event, Event::Left { chat: of, account } if of == chat && account == who)
            .then_some(())
    };
    seen(events, is_it).await;
}

/// Waits for an invitation; gives the circle, its name and the words.
async fn invited(events: &mut Events) -> (ChatId, String, String) {
    seen(events, |event| match event {
        Event::CircleInvited { chat, circle, by, words, .. } if by == ADA => {
            Some((chat.clone(), circle.clone(), words.clone()))
        }
        _ => None,
    })
    .await
}

/// Both say something in a chat, and both hear it there.
async fn talk(chat: &ChatId, one: (&Handle, &mut Events), other: (&Handle, &mut Events)) {
    for (from, to, words) in [(one.0, &mut *other.1, "hello\nyou"), (other.0, &mut *one.1, "☃")] {
        from.send_text(chat, Text::plain(words)).await.expect("it is said");
        let heard = seen(to, |event| match event {
            Event::Message { chat, text, .. } => Some((chat.clone(), text.words.clone())),
            _ => None,
        });
        assert_eq!(heard.await, (chat.clone(), words.to_owned()));
        from.send_typing(chat).await.expect("it is said");
        from.send_nudge(chat).await.expect("it is said");
        let is_typing = |event: &Event| {
            matches!(event, Event::Typing { chat: of, .. } if of == chat).then_some(())
        };
        seen(to, is_typing).await;
        let is_nudge = |event: &Event| {
            matches!(event, Event::Nudge { chat: of, .. } if of == chat).then_some(())
        };
        seen(to, is_nudge).await;
    }
}

#[tokio::test]
async fn a_circle_is_made_asked_into_joined_talked_in_and_left() {
    for version in CIRCLES {
        let world = World::of_three().await;
        let (ada, mut ada_events) = world.at(ADA, version).await;
        let (bob, mut bob_events) = world.at(BOB, version).await;
        let circle = ada.make_circle("Book & Wine ☃").await.expect("it is made");
        assert!(circle.is_group(), "{version}");
        let known = ada.roster().circle(&circle).cloned().expect("it is known");
        assert_eq!((known.name.as_str(), known.entered), ("Book & Wine ☃", true), "{version}");
        assert_eq!(known.standing, CircleStanding::Member { is_admin: true });
        ada.invite_to_circle(&circle, BOB, "come & read").await.expect("he is asked");
        let (asked, name, words) = invited(&mut bob_events).await;
        assert_eq!(
            (&asked, name.as_str(), words.as_str()),
            (&circle, "Book & Wine ☃", "come & read")
        );
        let refused = bob.send_text(&circle, Text::plain("early")).await;
        assert_eq!(refused, Err(RequestError::ChatOver), "{version}");
        bob.answer_circle(&circle, true).await.expect("he comes");
        joined(&mut ada_events, &circle, BOB).await;
        joined(&mut bob_events, &circle, ADA).await;
        talk(&circle, (&ada, &mut ada_events), (&bob, &mut bob_events)).await;
        bob.leave_circle(&circle).await.expect("he leaves");
        left(&mut ada_events, &circle, BOB).await;
        let is_out = |event: &Event| {
            matches!(event, Event::CircleLeft { chat } if *chat == circle).then_some(())
        };
        seen(&mut bob_events, is_out).await;
        assert_eq!(bob.roster().circle(&circle).map(|circle| circle.is_member()), None);
        let over = bob.send_text(&circle, Text::plain("late")).await;
        assert_eq!(over, Err(RequestError::ChatOver), "{version}");
    }
}

#[tokio::test]
async fn three_of_two_versions_talk_and_who_signs_in_again_is_in_the_circle_still() {
    let world = World::of_three().await;
    let (ada, mut ada_events) = world.at(ADA, Version::Msnp18).await;
    let circle = ada.make_circle("Gardeners").await.expect("it is made");
    let mut others = Vec::new();
    for (who, version) in [(BOB, Version::Msnp21), (CAROL, Version::Msnp18)] {
        let (handle, mut events) = world.at(who, version).await;
        ada.invite_to_circle(&circle, who, "").await.expect("asked");
        invited(&mut events).await;
        handle.answer_circle(&circle, true).await.expect("joined");
        joined(&mut ada_events, &circle, who).await;
        others.push((handle, events));
    }
    let (carol, mut carol_events) = others.pop().expect("she is there");
    let (bob, mut bob_events) = others.pop().expect("he is there");
    joined(&mut bob_events, &circle, CAROL).await;
    joined(&mut carol_events, &circle, BOB).await;
    carol.send_text(&circle, Text::plain("to all")).await.expect("it is said");
    for events in [&mut ada_events, &mut bob_events] {
        assert_eq!(seen(events, text_of).await, (CAROL.to_owned(), "to all".to_owned()));
    }
    bob.sign_out().await;
    bob_events.finish().await;
    left(&mut ada_events, &circle, BOB).await;
    let (bob, mut bob_events) = world.at(BOB, Version::Msnp18).await;
    let entered = seen(&mut bob_events, |event| match event {
        Event::CircleEntered { chat, name } => Some((chat.clone(), name.clone())),
        _ => None,
    });
    assert_eq!(entered.await, (circle.clone(), "Gardeners".to_owned()));
    joined(&mut ada_events, &circle, BOB).await;
    talk(&circle, (&bob, &mut bob_events), (&ada, &mut ada_events)).await;
}

#[tokio::test]
async fn an_invitation_waits_for_the_next_sign_in_and_may_be_declined() {
    for version in CIRCLES {
        let world = World::of_three().await;
        let (ada, _events) = world.at(ADA, version).await;
        let circle = ada.make_circle("Gardeners").await.expect("it is made");
        ada.invite_to_circle(&circle, BOB, "dig").await.expect("he is asked");
        let (bob, mut events) = world.at(BOB, version).await;
        let roster = bob.roster();
        let known = roster.circles().next().expect("it is known");
        assert!(known.is_asked() && known.name == "Gardeners", "{version}: {known:?}");
        bob.answer_circle(&circle, false).await.expect("no");
        assert_eq!(bob.roster().circles().count(), 0, "{version}");
        let again = bob.answer_circle(&circle, true).await;
        assert_eq!(again, Err(RequestError::Invalid(Invalid::NotAsked)), "{version}");
        ada.invite_to_circle(&circle, BOB, "again").await.expect("he is asked again");
        assert_eq!(invited(&mut events).await.2, "again", "{version}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_with_a_circle_says_why() {
    let world = World::of_three().await;
    let (ada, mut ada_events) = world.at(ADA, Version::Msnp18).await;
    let circle = ada.make_circle("Gardeners").await.expect("it is made");
    let invalid = |why| Err(RequestError::Invalid(why));
    assert_eq!(ada.make_circle(" ").await, Err(RequestError::Invalid(Invalid::Name)));
    assert_eq!(ada.make_group(&[BOB]).await, Err(RequestError::Invalid(Invalid::NoGroups)));
    assert_eq!(ada.invite_to_circle(&circle, ADA, "").await, invalid(Invalid::Oneself));
    assert_eq!(ada.invite_to_circle(&circle, "bob", "").await, invalid(Invalid::Address));
    let nobody = ada.invite_to_circle(&circle, "nobody@example.com", "").await;
    let why = "the service of circles refused: nobody has that address";
    assert_eq!(nobody, Err(RequestError::Service(why.to_owned())));
    let other = ChatId::from_text("9:00000000-0000-0000-0009-00000000ffff@live.com");
    assert_eq!(ada.enter_circle(&other).await, invalid(Invalid::UnknownCircle));
    assert_eq!(ada.leave_circle(&other).await, invalid(Invalid::UnknownCircle));
    let (bob, mut bob_events) = world.at(BOB, Version::Msnp18).await;
    // Without words she is asked as into any conversation.
    ada.invite_to_chat(&circle, BOB).await.expect("he is asked");
    invited(&mut bob_events).await;
    let twice = ada.invite_to_circle(&circle, BOB, "").await;
    assert!(matches!(twice, Err(RequestError::Service(_))), "{twice:?}");
    assert_eq!(bob.invite_to_circle(&circle, CAROL, "").await, invalid(Invalid::UnknownCircle));
    bob.answer_circle(&circle, true).await.expect("he comes");
    assert_eq!(bob.invite_to_circle(&circle, CAROL, "").await, invalid(Invalid::NotAdmin));
    // Out of the chat he is a member still, and may come in again.
    bob.leave_chat(&circle).await.expect("he goes out");
    left(&mut ada_events, &circle, BOB).await;
    assert!(bob.roster().circle(&circle).is_some_and(|known| known.is_member() && !known.entered));
    bob.enter_circle(&circle).await.expect("he comes in");
    joined(&mut ada_events, &circle, BOB).await;
    bob.enter_circle(&circle).await.expect("he is in already");
    talk(&circle, (&bob, &mut bob_events), (&ada, &mut ada_events)).await;
    let (older, _events) = world.at(CAROL, Version::Msnp15).await;
    assert_eq!(older.make_circle("Old").await, Err(RequestError::Invalid(Invalid::NoCircles)));
}
