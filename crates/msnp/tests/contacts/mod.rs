//! Two clients change their lists; both see it.

mod offline;
mod roaming;
mod trace;

use msnp::{ContactChange, Event, List, Protocol, RequestError, Status, Text, Version};

use crate::{ADA, BOB, ECHO, World, seen};

const STRANGER: &str = "carol@example.com";

impl World {
    async fn with_a_stranger() -> Self {
        let world = Self::new().await;
        world.directory.add(msnp_server::User::new(STRANGER, "hunter2", "Carol", &[]));
        world
    }

    async fn connect_at(&self, account: &str, version: Version) -> (msnp::Handle, msnp::Events) {
        let config = self.config(account, Protocol::Exactly(version));
        msnp::connect(config).await.expect("it signs in")
    }
}

#[tokio::test]
async fn who_asks_is_heard_live_and_at_the_next_sign_in_until_answered() {
    for version in Version::ALL {
        let world = World::with_a_stranger().await;
        let (carol, carol_events) = world.connect_at(STRANGER, version).await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        carol.add_contact(ADA, None).await.expect("she is added");
        let asked = seen(&mut events, |event| match event {
            Event::AddedBy { account, name } => Some((account.clone(), name.clone())),
            _ => None,
        });
        assert_eq!(asked.await, (STRANGER.to_owned(), "Carol".to_owned()), "{version}");
        let asking = |ada: &msnp::Handle| -> Vec<String> {
            ada.roster().requests().map(|contact| contact.account.clone()).collect()
        };
        assert_eq!(asking(&ada), [STRANGER], "{version}");
        ada.sign_out().await;
        events.finish().await;
        let (ada, events) = world.connect_at(ADA, version).await;
        assert_eq!(asking(&ada), [STRANGER], "{version}: she still waits");
        ada.accept_contact(STRANGER, true).await.expect("she is let in");
        assert_eq!(asking(&ada), [""; 0], "{version}");
        ada.sign_out().await;
        events.finish().await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        assert_eq!(asking(&ada), [""; 0], "{version}: an answer is for good");
        let lists = ada.roster().contact(STRANGER).map(|contact| contact.lists.0);
        assert_eq!(lists, Some(1 + 2 + 8), "{version}");
        carol.remove_contact(ADA).await.expect("she is gone");
        let gone = |event: &Event| {
            matches!(event, Event::RemovedBy { account } if account == STRANGER).then_some(())
        };
        seen(&mut events, gone).await;
        drop((carol_events, carol));
    }
}

#[tokio::test]
async fn who_is_declined_does_not_ask_again_and_who_is_blocked_sees_nothing() {
    for version in [Version::Msnp12, Version::Msnp11] {
        let world = World::with_a_stranger().await;
        let (carol, _carol_events) = world.connect_at(STRANGER, version).await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        carol.add_contact(ADA, None).await.expect("she is added");
        seen(&mut events, |event| matches!(event, Event::AddedBy { .. }).then_some(())).await;
        ada.decline_contact(STRANGER, false).await.expect("no");
        let lists = |ada: &msnp::Handle| ada.roster().contact(STRANGER).map(|carol| carol.lists.0);
        assert_eq!(lists(&ada), Some(8), "{version}");
        ada.decline_contact(STRANGER, true).await.expect("never");
        assert_eq!(lists(&ada), Some(4 + 8), "{version}");
        let said = carol.send_text(&msnp::ChatId::with(ADA), Text::plain("please")).await;
        assert!(said.is_err(), "{version}");
    }
}

#[tokio::test]
async fn groups_live_as_long_as_the_account_in_every_version() {
    for version in Version::ALL.into_iter().filter(|version| version.has_groups()) {
        let world = World::new().await;
        let (ada, mut events) = world.connect_at(ADA, version).await;
        let names = |ada: &msnp::Handle, who: &str| {
            let roster = ada.roster();
            roster.contact(who).map(|contact| roster.group_names(contact)).unwrap_or_default()
        };
        let id = |ada: &msnp::Handle, name: &str| {
            ada.roster().group_id(name).map(str::to_owned).expect("it is there")
        };
        ada.add_group("Old pals").await.expect("it is made");
        ada.add_group("Work ☃").await.expect("it is made");
        ada.group_contact(BOB, &id(&ada, "Old pals"), true).await.expect("he is in");
        assert_eq!(names(&ada, BOB), ["Old pals"], "{version}");
        ada.move_contact(BOB, Some(&id(&ada, "work ☃"))).await.expect("he is moved");
        assert_eq!(names(&ada, BOB), ["Work ☃"], "{version}");
        ada.rename_group(&id(&ada, "Old pals"), "Pals").await.expect("it is renamed");
        ada.group_contact(ECHO, &id(&ada, "Pals"), true).await.expect("it is in");
        ada.rename_contact(BOB, "Bob the Builder").await.expect("he is renamed");
        let moved = |event: &Event| {
            let moved = ContactChange::Moved;
            matches!(event, Event::ContactChanged { change, .. } if *change == moved).then_some(())
        };
        seen(&mut events, moved).await;
        ada.sign_out().await;
        events.finish().await;
        let (ada, _events) = world.connect_at(ADA, version).await;
        assert_eq!(names(&ada, BOB), ["Work ☃"], "{version}");
        assert_eq!(names(&ada, ECHO), ["Pals"], "{version}");
        let roster = ada.roster();
        assert_eq!(roster.contact(BOB).map(msnp::Contact::shown_name), Some("Bob the Builder"));
        // The server wants it empty; the client empties it.
        ada.remove_group(&id(&ada, "Pals")).await.expect("it is gone");
        assert_eq!(names(&ada, ECHO), [""; 0], "{version}");
        ada.move_contact(BOB, None).await.expect("he is in none");
        assert_eq!(names(&ada, BOB), [""; 0], "{version}");
        assert!(ada.roster().contact(BOB).is_some_and(msnp::Contact::is_contact), "{version}");
    }
}

#[tokio::test]
async fn who_is_on_no_list_sees_what_the_privacy_setting_lets_her() {
    for version in [Version::Msnp12, Version::Msnp8] {
        let world = World::with_a_stranger().await;
        let (ada, _ada_events) = world.connect_at(ADA, version).await;
        let (carol, mut events) = world.connect_at(STRANGER, version).await;
        carol.add_contact(ADA, None).await.expect("she is added");
        let until = async |events: &mut msnp::Events, wanted: Status| {
            let is = || carol.roster().contact(ADA).is_some_and(|ada| ada.status == wanted);
            while !is() {
                seen(events, |_| Some(())).await;
            }
        };
        until(&mut events, Status::Online).await;
        ada.set_privacy(false).await.expect("only those allowed");
        assert_eq!(ada.roster().privacy().everybody, Some(false));
        until(&mut events, Status::Offline).await;
        ada.accept_contact(STRANGER, false).await.expect("she is allowed");
        until(&mut events, Status::Online).await;
        ada.set_asking(false).await.expect("it is kept");
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_is_silent_is_told_of_in_plain_words() {
    let world = World::new().await;
    let (ada, _events) = world.connect_at(ADA, Version::Msnp12).await;
    let refused = ada.add_contact("nobody@example.com", None).await.expect_err("nobody");
    assert_eq!(refused.to_string(), "the server refused: 208 (there is no such account)");
    let silent = Some(msnp_server::Misdeed::Silence);
    world.faults.on("ADC", silent);
    assert_eq!(ada.block_contact(BOB, true).await, Err(RequestError::Unconfirmed));
    world.faults.on("ADC", None);
    let lists = ada.roster().contact(BOB).map(|bob| bob.lists);
    assert!(lists.is_some_and(|lists| !lists.has(List::Allow) && !lists.has(List::Block)));
    ada.block_contact(BOB, true).await.expect("the next one is served");
    for name in 1..30 {
        ada.add_group(&format!("Group {name}")).await.expect("there is room");
    }
    let full = ada.add_group("one more").await.expect_err("no room");
    assert!(full.to_string().contains("too many groups"), "{full}");
}
