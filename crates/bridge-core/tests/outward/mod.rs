//! How somebody is on her own platform, shown by her account.

use std::time::Duration;

use bridge_core::model::{Presence, PresenceState, UserId};
use tokio::time::sleep;

use crate::{
    commands::{answer, signed_in},
    support::{Given, World, config, persona},
};

/// Tells how Ada is.
fn is(world: &World, state: PresenceState, words: Option<&str>) {
    tells(world, "ada", state, words);
}

fn tells(world: &World, who: &str, state: PresenceState, words: Option<&str>) {
    let somebody = persona("rooms", who);
    let user = UserId { network: somebody.network, id: somebody.id };
    let status_text = words.map(str::to_owned);
    world.core.inbox().user_is(user, Presence { state, status_text, ..Presence::default() });
}

/// What the account was told to appear as: state and words.
fn wishes(world: &World) -> Vec<String> {
    let given = world.chats.given();
    let wishes = given.iter().filter_map(|given| match given {
        Given::Wish(wish) => {
            let part = |name: &str| {
                let rest = wish.split(&format!("{name}: Some(")).nth(1)?;
                rest.split([')', ',']).next().map(|text| text.replace('"', ""))
            };
            let (state, words) = (part("state"), part("status_text"));
            Some([state, words].into_iter().flatten().collect::<Vec<_>>().join("/"))
        }
        _ => None,
    });
    wishes.collect()
}

#[tokio::test(start_paused = true)]
async fn an_account_appears_as_its_owner_once_she_is_steady() {
    let world = signed_in(config()).await;
    is(&world, PresenceState::Idle, None);
    sleep(Duration::from_secs(5)).await;
    is(&world, PresenceState::Online, Some("in the\ngarden"));
    sleep(Duration::from_secs(9)).await;
    assert!(wishes(&world).is_empty(), "she flickers");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(wishes(&world), ["Online/in the garden"]);
    // The same again is no news; nor is what somebody does who has no account.
    is(&world, PresenceState::Online, Some("in the garden"));
    tells(&world, "eve", PresenceState::Idle, Some("hello"));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world).len(), 1);
    is(&world, PresenceState::Offline, None);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world).last().map(String::as_str), Some("Away/"));
}

#[tokio::test(start_paused = true)]
async fn what_was_commanded_goes_before_until_it_is_let_go() {
    let mut number = 0;
    let world = signed_in(config()).await;
    is(&world, PresenceState::Idle, None);
    sleep(Duration::from_secs(60)).await;
    answer(&world, &mut number, "presence busy").await;
    is(&world, PresenceState::Online, None);
    sleep(Duration::from_secs(60)).await;
    is(&world, PresenceState::Idle, None);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world), ["Idle", "Busy"]);
    answer(&world, &mut number, "presence auto").await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world), ["Idle", "Busy", "Idle"]);
    // Her words, likewise.
    answer(&world, &mut number, "psm at work").await;
    is(&world, PresenceState::Online, Some("at home"));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world)[3..], ["at work", "Online"]);
}

#[tokio::test(start_paused = true)]
async fn who_wishes_not_to_be_shown_is_not_and_may_say_what_gone_is() {
    let mut number = 0;
    let world = signed_in(config()).await;
    answer(&world, &mut number, "set presence in").await;
    is(&world, PresenceState::Idle, Some("secret"));
    sleep(Duration::from_secs(60)).await;
    assert!(wishes(&world).is_empty());
    answer(&world, &mut number, "set offline-as hidden").await;
    answer(&world, &mut number, "set presence both").await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world), ["Idle/secret"]);
    is(&world, PresenceState::Offline, Some("secret"));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world).last().map(String::as_str), Some("Offline"));
    // What was shown is taken back.
    answer(&world, &mut number, "set presence off").await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(wishes(&world).last().map(String::as_str), Some("Online/"));
}
