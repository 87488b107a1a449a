//! Contact lists: shown whole when something changed, coalesced, tried again, taken away.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use bridge_core::{
    DeliverError, LoginState,
    id::{ChatId, NetworkId},
    model::{
        Contact, ContactList, CurrentMedia, Persona, Presence, PresenceState, Reject, Scope, Signal,
    },
};
use tokio::time::sleep;

use crate::{
    commands::{answer, signed_in},
    support::{World, config, from_chat, login_id, persona},
};

fn lists(world: &World) -> Vec<ContactList> {
    world.rooms.lists.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn last(world: &World) -> ContactList {
    lists(world).pop().expect("a list")
}

fn contact(id: &str, name: &str) -> Contact {
    let persona = Persona { name: Some(name.to_owned()), ..persona("chats", id) };
    Contact { persona, presence: Presence::default(), groups: Vec::new(), blocked: false }
}

fn know(world: &World, contacts: Vec<Contact>) {
    *world.chats.contacts.lock().unwrap_or_else(PoisonError::into_inner) = contacts;
}

fn fail(world: &World, errors: impl IntoIterator<Item = DeliverError>) {
    world.rooms.list_errors.lock().unwrap_or_else(PoisonError::into_inner).extend(errors);
}

/// Tells that somebody is otherwise.
fn is(world: &World, id: &str, state: PresenceState) {
    let chat = Scope::Chat { login: login_id(), chat: ChatId::new(id) };
    let presence = Signal::Presence(Presence { state, ..Presence::default() });
    world.core.inbox().signal(&NetworkId::new("chats"), chat, persona("chats", id), presence);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_shown_after_the_sign_in_and_a_burst_of_changes_is_one_more() {
    let world = signed_in(config()).await;
    world.until("a list", |world| !lists(world).is_empty()).await;
    let list = last(&world);
    assert_eq!((list.owner.id.as_str(), &list.login), ("ada", &login_id()));
    let own = list.own.expect("an account");
    assert_eq!((own.state, own.presence.state), (LoginState::Connected, PresenceState::Online));
    assert!(list.wishes.presence && !list.wishes.live_list);

    let mut hostile = contact("bob", "Bob\n\u{202e}@everyone");
    hostile.presence.status_text = Some("at\nhome".to_owned());
    let kind = "Music".to_owned();
    hostile.presence.media = Some(CurrentMedia { text: "A\u{0} – B".to_owned(), kind });
    hostile.groups = vec!["Old\npals".to_owned()];
    know(&world, vec![hostile, contact("carol", "Carol")]);
    let before = lists(&world).len();
    for _ in 0..500 {
        is(&world, "bob", PresenceState::Busy);
    }
    sleep(Duration::from_secs(30)).await;
    assert_eq!(lists(&world).len(), before + 1);
    let entries = last(&world).entries;
    let bob = &entries.first().expect("bob").contact;
    assert_eq!(bob.persona.name.as_deref(), Some("Bob @everyone"));
    assert_eq!(bob.presence.status_text.as_deref(), Some("at home"));
    assert_eq!(bob.presence.media.as_ref().map(|media| media.text.as_str()), Some("A – B"));
    assert_eq!(bob.groups, ["Old pals"]);
    assert!(entries.iter().all(|entry| entry.room.is_none()));
}

#[tokio::test(start_paused = true)]
async fn lists_of_one_account_come_a_second_apart_and_the_newest_comes_always() {
    let world = signed_in(config()).await;
    world.until("a list", |world| !lists(world).is_empty()).await;
    let before = lists(&world).len();
    for number in 0..100 {
        know(&world, vec![contact("bob", &format!("Bob {number}"))]);
        world.core.inbox().contacts_changed(&login_id());
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(5)).await;
    let shown = lists(&world).len() - before;
    assert!((5..=12).contains(&shown), "{shown}");
    assert_eq!(last(&world).entries[0].contact.persona.name.as_deref(), Some("Bob 99"));
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_and_what_is_refused_is_not() {
    let world = signed_in(config()).await;
    world.until("a list", |world| !lists(world).is_empty()).await;
    let before = lists(&world).len();
    fail(&world, (0..3).map(|_| DeliverError::retry("not now")));
    world.core.inbox().contacts_changed(&login_id());
    sleep(Duration::from_secs(120)).await;
    assert_eq!(lists(&world).len(), before + 1);
    let tell_user = "no".to_owned();
    fail(&world, [DeliverError::Reject { reason: Reject::Forbidden, tell_user }]);
    world.core.inbox().contacts_changed(&login_id());
    sleep(Duration::from_secs(1200)).await;
    assert_eq!(lists(&world).len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_hangs_holds_up_no_message() {
    let world = signed_in(config()).await;
    // What is told of presence hangs; what is said does not.
    fail(&world, [DeliverError::retry("not now")]);
    world.rooms.stuck.store(true, Ordering::Relaxed);
    world.core.inbox().contacts_changed(&login_id());
    sleep(Duration::from_secs(10)).await;
    world.rooms.stuck.store(false, Ordering::Relaxed);
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    world.settle().await;
    assert_eq!(world.rooms.texts(), ["hello"]);
    // The one that hung is given up, and the list comes.
    let before = lists(&world).len();
    world.until("a list", |world| lists(world).len() > before).await;
}

#[tokio::test(start_paused = true)]
async fn a_contact_leads_to_her_room_once_there_is_one() {
    let world = signed_in(config()).await;
    know(&world, vec![contact("bob", "Bob")]);
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    let room = world.room().await;
    let leads = |world: &World| {
        let entries = lists(world).pop().map(|list| list.entries).unwrap_or_default();
        entries.first().and_then(|entry| entry.room.as_ref().map(ToString::to_string))
    };
    world.until("it leads there", |world| leads(world) == Some(room.clone())).await;
    world.command_in("gone", &room, "portal delete").await;
    world.until("it does not any more", |world| leads(world).is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_break_is_no_news_and_a_sign_out_takes_the_list_away() {
    let mut number = 0;
    let world = signed_in(config()).await;
    know(&world, vec![contact("bob", "Bob")]);
    world.until("a list", |world| lists(world).iter().any(|list| !list.entries.is_empty())).await;
    let before = lists(&world).len();
    answer(&world, &mut number, "relogin").await;
    sleep(Duration::from_secs(60)).await;
    assert!(lists(&world).len() > before);
    assert!(lists(&world)[before..].iter().all(|list| !list.entries.is_empty()));
    answer(&world, &mut number, "logout chats:bob").await;
    world.until("it is taken away", |world| last(world).own.is_none()).await;
    let after = lists(&world).len();
    world.core.inbox().contacts_changed(&login_id());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(lists(&world).len(), after);
}

#[tokio::test(start_paused = true)]
async fn wishes_are_told_with_the_list() {
    let mut number = 0;
    let world = signed_in(config()).await;
    for (line, presence, live_list) in [
        ("set presence out", false, false),
        ("set buddies on", false, true),
        ("set presence in", true, true),
        ("unset buddies", true, false),
    ] {
        answer(&world, &mut number, line).await;
        let told = |world: &World| {
            let wishes = lists(world).pop().map(|list| list.wishes);
            wishes.is_some_and(|told| told.presence == presence && told.live_list == live_list)
        };
        world.until(line, told).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_shows_no_lists_is_not_asked() {
    let world = signed_in(config()).await;
    world.until("a list", |world| !lists(world).is_empty()).await;
    world.rooms.no_lists.store(true, Ordering::Relaxed);
    let before = lists(&world).len();
    is(&world, "bob", PresenceState::Online);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(lists(&world).len(), before);
}
