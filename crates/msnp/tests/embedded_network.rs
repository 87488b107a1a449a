//! The client against the embedded network: real sockets, every version, every misdeed.

mod circles;
mod contacts;
mod faults;
mod gateway;
mod many;
mod outdated;
mod presence;
mod scripted;
mod transfers;

use std::time::Duration;

use msnp::{
    ChatId, CloseReason, Config, ConnectError, Deadlines, Event, Events, Handle, Protocol,
    RequestError, Status, Text, Version,
};
use msnp_server::{Faults, HttpFault, MemoryDirectory, Misdeed, Network, Options, Script, User};
use tokio::time::timeout;

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const ECHO: &str = "echo@example.com";

struct World {
    network: Network,
    directory: MemoryDirectory,
    faults: Faults,
}

impl World {
    async fn new() -> Self {
        Self::of(vec![User::new(ECHO, "x", "Echo", &[ADA]).with_script(Script::Echo)]).await
    }

    /// Ada, Bob, and others whom Ada knows.
    async fn of(others: Vec<User>) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let faults = Faults::default();
        let addresses = others.iter().map(|user| user.address.as_str());
        let contacts: Vec<&str> = [BOB].into_iter().chain(addresses).collect();
        let ada = User::new(ADA, "secret, with = and %", "Ada & friends", &contacts);
        let bob = User::new(BOB, "hunter2", "Bob ☃", &[ADA]);
        let directory = MemoryDirectory::new([vec![ada, bob], others].concat());
        let options = Options { faults: faults.clone(), ..Options::default() };
        let network = Network::bind(directory.clone(), options).await.expect("a free port");
        Self { network, directory, faults }
    }

    fn config(&self, account: &str, protocol: Protocol) -> Config {
        let password = if account == ADA { "secret, with = and %" } else { "hunter2" };
        let server = self.network.addresses().notification.to_string();
        let mut config = Config::new(server, account, password.to_owned().into());
        config.protocol = protocol;
        config.nexus_url = Some(self.network.nexus_url());
        // Named, they let the client offer later versions by itself.
        if matches!(protocol, Protocol::Exactly(version) if version.has_offline_inbox()) {
            config.services_url = Some(self.network.services_url());
        }
        config.deadlines = Deadlines {
            step: Duration::from_millis(2500),
            board_step: Duration::from_millis(1000),
            call: Duration::from_millis(1500),
            acknowledge: Duration::from_millis(1500),
            ..Deadlines::default()
        };
        config
    }

    async fn connect(&self, account: &str) -> (Handle, Events) {
        msnp::connect(self.config(account, Protocol::Auto)).await.expect("it signs in")
    }
}

/// Waits for an event that `wanted` makes something of.
async fn seen<T>(events: &mut Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let found = async {
        loop {
            let event = events.next().await.expect("the session goes on");

            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    timeout(Duration::from_secs(10), found).await.expect("the event comes")
}

fn text_of(event: &Event) -> Option<(String, String)> {
    match event {
        Event::Message { from, text, .. } => Some((from.clone(), text.words.clone())),
        _ => None,
    }
}

#[tokio::test]
async fn each_version_signs_in_and_talks() {
    let world = World::new().await;
    for version in Version::ALL {
        let config = world.config(ADA, Protocol::Exactly(version));
        let (ada, mut events) = msnp::connect(config).await.unwrap();
        let roster = ada.roster();
        let names: Vec<_> = roster.contacts().map(|contact| contact.shown_name()).collect();
        assert_eq!(names, ["Bob ☃", "Echo"], "{version}");
        let spoken = seen(&mut events, |event| match event {
            Event::Connected { version, .. } => Some(*version),
            _ => None,
        });
        assert_eq!(spoken.await, version);
        ada.send_text(&ChatId::with(ECHO), Text::plain("Hello\nyou")).await.unwrap();
        let answer = seen(&mut events, text_of).await;
        assert_eq!(answer, (ECHO.to_owned(), "Hello\nyou".to_owned()), "{version}");
        ada.sign_out().await;
        events.finish().await;
    }
    world.network.shutdown().await;
}

#[tokio::test]
async fn two_clients_see_each_other_come_speak_nudge_and_go() {
    let world = World::new().await;
    let (ada, mut ada_events) = world.connect(ADA).await;
    let (bob, mut bob_events) = world.connect(BOB).await;
    seen(&mut ada_events, |event| {
        let online = ada.roster().contact(BOB)?.status == Status::Online;
        matches!(event, Event::Presence { account } if account == BOB && online).then_some(())
    })
    .await;
    for number in 1..=20 {
        ada.send_text(&ChatId::with(BOB), Text::plain(format!("line {number}"))).await.unwrap();
    }
    for number in 1..=20 {
        let said = seen(&mut bob_events, text_of).await;
        assert_eq!(said, (ADA.to_owned(), format!("line {number}")));
    }
    bob.send_typing(&ChatId::with(ADA)).await.unwrap();
    bob.send_nudge(&ChatId::with(ADA)).await.unwrap();
    let writes =
        |event: &Event| matches!(event, Event::Typing { from, .. } if from == BOB).then_some(());
    seen(&mut ada_events, writes).await;
    let nudges =
        |event: &Event| matches!(event, Event::Nudge { from, .. } if from == BOB).then_some(());
    seen(&mut ada_events, nudges).await;
    bob.sign_out().await;
    seen(&mut ada_events, |_| (ada.roster().contact(BOB)?.status == Status::Offline).then_some(()))
        .await;
    let outcome = ada.send_text(&ChatId::with(BOB), Text::plain("are you there?")).await;
    assert_eq!(outcome, Err(RequestError::NotOnline));
}

#[tokio::test]
async fn a_long_text_arrives_whole_in_parts() {
    let world = World::new().await;
    let (ada, _events) = world.connect(ADA).await;
    let (_bob, mut bob_events) = world.connect(BOB).await;
    let text: String = (0..800).map(|number| format!("wörd{number} ")).collect();
    ada.send_text(&ChatId::with(BOB), Text::plain(text.clone())).await.unwrap();
    let mut words = Vec::new();
    while words.len() < 800 {
        let (_, part) = seen(&mut bob_events, text_of).await;
        words.extend(part.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test]
async fn answers_in_single_bytes_are_read() {
    let world = World::new().await;
    world.faults.split(Some(1));
    world.faults.challenge(true);
    for version in Version::ALL.into_iter().filter(|version| version.has_switchboards()) {
        let config = world.config(ADA, Protocol::Exactly(version));
        let (ada, mut events) = msnp::connect(config).await.unwrap();
        ada.send_text(&ChatId::with(ECHO), Text::plain("ping")).await.unwrap();
        assert_eq!(seen(&mut events, text_of).await.1, "ping", "{version}");
        ada.sign_out().await;
        events.finish().await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let world = World::new().await;
    for version in Version::ALL {
        let mut config = world.config(ADA, Protocol::Exactly(version));
        config.password = "wrong".to_owned().into();
        let refused = msnp::connect(config).await.map(drop);
        assert_eq!(refused, Err(ConnectError::Ended(CloseReason::AuthRejected)), "{version}");
    }
}

#[tokio::test]
async fn people_of_any_two_versions_see_each_other_and_talk() {
    let world = World::new().await;
    let versions = [2, 7, 8, 12, 14, 15, 18].map(|number| Version::from_number(number).unwrap());
    for version in versions {
        for other in versions {
            let (ada, mut events) =
                msnp::connect(world.config(ADA, Protocol::Exactly(version))).await.unwrap();
            let (bob, _bob_events) =
                msnp::connect(world.config(BOB, Protocol::Exactly(other))).await.unwrap();
            seen(&mut events, |event| {
                let there = ada.roster().contact(BOB)?.status == Status::Online;
                matches!(event, Event::Presence { account } if account == BOB && there)
                    .then_some(())
            })
            .await;
            bob.send_text(&ChatId::with(ADA), Text::plain("hello")).await.unwrap();
            assert_eq!(seen(&mut events, text_of).await.1, "hello", "{version} {other}");
            bob.sign_out().await;
            ada.sign_out().await;
        }
    }
}

#[tokio::test]
async fn a_server_without_the_later_web_services_is_spoken_to_in_an_older_version() {
    let world = World::new().await;
    let mut config = world.config(ADA, Protocol::Auto);
    // Nothing answers where the token service should be.
    config.services_url = Some(format!("{}/elsewhere", world.network.services_url()));
    let (_ada, mut events) = msnp::connect(config).await.expect("it signs in");
    let spoken = seen(&mut events, |event| match event {
        Event::Connected { version, .. } => Some(*version),
        _ => None,
    });
    assert_eq!(spoken.await, Version::Msnp12);
}

#[tokio::test]
async fn a_ticket_that_ends_is_renewed_without_a_word() {
    let world = World::new().await;
    for version in Version::ALL.into_iter().filter(|version| version.has_web_lists()) {
        let config = world.config(ADA, Protocol::Exactly(version));
        let (ada, events) = msnp::connect(config).await.unwrap();
        world.faults.expire_tickets();
        assert_eq!(ada.add_group("Pals").await, Ok(()), "{version}");
        let group = ada.roster().group_id("Pals").map(str::to_owned).unwrap();
        assert_eq!(ada.remove_group(&group).await, Ok(()), "{version}");
        ada.sign_out().await;
        drop(events);
    }
}

#[tokio::test]
async fn the_network_knows_its_own_addresses() {
    let world = World::new().await;
    let config = world.config(ADA, Protocol::Exactly(Version::Msnp18));
    let (ada, mut events) = msnp::connect(config).await.unwrap();
    ada.ask_networks(BOB).await.unwrap();
    let told = seen(&mut events, |event| match event {
        Event::OnNetwork { account, network } => Some((account.clone(), *network)),
        _ => None,
    });
    assert_eq!(told.await, (BOB.to_owned(), 1));
    assert!(matches!(ada.ask_networks("nobody@example.com").await, Err(RequestError::Refused(_))));
}

#[tokio::test]
async fn an_account_is_at_two_places_until_one_signs_the_other_out() {
    let world = World::new().await;
    let config = world.config(ADA, Protocol::Exactly(Version::Msnp18));
    let mut other = config.clone();
    other.machine_id = "00000000-0000-4000-8000-000000000002".to_owned();
    let (desk, mut events) = msnp::connect(config).await.unwrap();
    let (sofa, mut sofa_events) = msnp::connect(other.clone()).await.unwrap();
    seen(&mut events, |event| {
        let both = desk.roster().endpoints().len() == 2;
        matches!(event, Event::EndpointsChanged).then_some(()).filter(|()| both)
    })
    .await;
    desk.add_group("Pals").await.unwrap();
    seen(&mut sofa_events, |event| {
        matches!(event, Event::GroupChanged { name, .. } if name == "Pals").then_some(())
    })
    .await;
    for name in ["Robert", "Rob"] {
        // The second time the services are known to tell no changes.
        desk.rename_contact(BOB, name).await.unwrap();
        seen(&mut sofa_events, |event| {
            let sofa = sofa.roster();
            let changed = matches!(event, Event::ContactChanged { account, .. } if account == BOB);
            changed.then(|| sofa.contact(BOB).unwrap().shown_name() == name).filter(|is| *is)
        })
        .await;
    }
    desk.block_contact(BOB, true).await.unwrap();
    seen(&mut sofa_events, |_| {
        sofa.roster().contact(BOB).unwrap().lists.has(msnp::List::Block).then_some(())
    })
    .await;
    desk.set_privacy(false).await.unwrap();
    seen(&mut sofa_events, |_| (sofa.roster().privacy().everybody == Some(false)).then_some(()))
        .await;
    desk.sign_out_endpoint(&other.machine_id).await.unwrap();
    let reason = seen(&mut sofa_events, |event| match event {
        Event::Closed { reason } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason.await, CloseReason::SignedInElsewhere);
}

#[tokio::test]
async fn each_step_of_the_sign_in_may_fall_silent_or_break() {
    let world = World::new().await;
    for verb in ["VER", "CVR", "USR I", "USR S", "SYN", "CHG"] {
        for misdeed in [Misdeed::Drop, Misdeed::Silence, Misdeed::EndlessLine, Misdeed::LyingLength]
        {
            world.faults.on(verb, Some(misdeed));
            let ended = msnp::connect(world.config(ADA, Protocol::Auto)).await.err();
            let Some(ConnectError::Ended(reason)) = ended else { panic!("{verb} {misdeed:?}") };
            match misdeed {
                Misdeed::Drop => {
                    assert!(matches!(reason, CloseReason::LinkLost(_)), "{verb} {reason:?}")
                }
                Misdeed::Silence => {
                    assert!(matches!(reason, CloseReason::Timeout(_)), "{verb} {reason:?}")
                }
                _ => assert!(matches!(reason, CloseReason::Protocol(_)), "{verb} {reason:?}"),
            }
            world.faults.on(verb, None);
        }
    }
    // Afterwards the network is as good as before.
    world.connect(ADA).await;
}

#[tokio::test]
async fn a_sign_in_service_that_fails_is_named() {
    let world = World::new().await;
    let connect = || async {
        match msnp::connect(world.config(ADA, Protocol::Auto)).await.err() {
            Some(ConnectError::Ended(reason)) => reason,
            other => panic!("{other:?}"),
        }
    };
    world.faults.nexus(HttpFault::RedirectForEver);
    assert!(matches!(connect().await, CloseReason::LoginService(_)));
    world.faults.nexus(HttpFault::Status(500));
    assert!(matches!(connect().await, CloseReason::LoginService(_)));
    world.faults.nexus(HttpFault::None);
    world.faults.login(HttpFault::RedirectForEver);
    assert_eq!(connect().await, CloseReason::TooManyRedirects);
    world.faults.login(HttpFault::Status(503));
    assert!(matches!(connect().await, CloseReason::LoginService(_)));
}

#[tokio::test]
async fn each_step_of_a_switchboard_may_fall_silent_or_break() {
    let world = World::new().await;
    let (ada, _events) = world.connect(ADA).await;
    for verb in ["XFR", "SB USR", "CAL", "SB MSG"] {
        for misdeed in [Misdeed::Drop, Misdeed::Silence, Misdeed::Error(500), Misdeed::EndlessLine]
        {
            if (verb, misdeed) == ("XFR", Misdeed::Drop)
                || (verb, misdeed) == ("XFR", Misdeed::EndlessLine)
            {
                continue; // that ends the session itself
            }
            world.faults.on(verb, Some(misdeed));
            let outcome = ada.send_text(&ChatId::with(ECHO), Text::plain("hello?")).await;
            assert!(outcome.is_err(), "{verb} {misdeed:?}: {outcome:?}");
            world.faults.on(verb, None);
            let outcome = ada.send_text(&ChatId::with(ECHO), Text::plain("hello again")).await;
            assert_eq!(outcome, Ok(()), "after {verb} {misdeed:?}");
            ada.leave_chat(&ChatId::with(ECHO)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_sign_in_and_a_kick_end_the_first_with_their_reasons() {
    let world = World::new().await;
    let (_first, mut first_events) = world.connect(ADA).await;
    let (_second, mut second_events) = world.connect(ADA).await;
    let closed = |event: &Event| match event {
        Event::Closed { reason } => Some(reason.clone()),
        _ => None,
    };
    assert_eq!(seen(&mut first_events, closed).await, CloseReason::SignedInElsewhere);
    world.directory.kick(ADA);
    assert_eq!(seen(&mut second_events, closed).await, CloseReason::ServerDown);
}

#[tokio::test]
async fn nobody_listening_is_said_to_be_unreachable() {
    let world = World::new().await;
    let config = world.config(ADA, Protocol::Auto);
    world.network.shutdown().await;
    let ended = msnp::connect(config).await.err();
    assert!(matches!(ended, Some(ConnectError::Ended(CloseReason::Unreachable(_)))), "{ended:?}");
}

#[tokio::test]
async fn a_version_the_server_lacks_is_said() {
    let world = World::new().await;
    world.faults.on("VER", Some(Misdeed::Error(715)));
    let ended = msnp::connect(world.config(ADA, Protocol::Auto)).await.err();
    assert!(matches!(ended, Some(ConnectError::Ended(CloseReason::Refused(_)))), "{ended:?}");
}

#[tokio::test]
async fn lists_are_changed_in_each_version_and_a_blocked_contact_sees_nothing() {
    for version in Version::ALL {
        let world = World::new().await;
        let config = world.config(ADA, Protocol::Exactly(version));
        let (ada, ada_events) = msnp::connect(config).await.expect("she signs in");
        let (bob, mut bob_events) = world.connect(BOB).await;
        let ada_is = |wanted: Status, roster: &msnp::Roster| {
            roster.contact(ADA).is_some_and(|contact| contact.status == wanted)
        };
        let sees = async |events: &mut Events, wanted: Status| {
            while !ada_is(wanted, &bob.roster()) {
                timeout(Duration::from_secs(10), events.next()).await.expect("it changes");
            }
        };
        sees(&mut bob_events, Status::Online).await;
        let lists = || ada.roster().contact(BOB).map(|contact| contact.lists);
        let has = |list| lists().is_some_and(|lists| lists.has(list));
        ada.block_contact(BOB, true).await.expect("he is blocked");
        assert!(has(msnp::List::Block) && !has(msnp::List::Allow), "{version}");
        sees(&mut bob_events, Status::Offline).await;
        let refused = bob.send_text(&ChatId::with(ADA), Text::plain("hello?")).await;
        assert!(refused.is_err(), "{version}: a blocked contact is not heard");
        // Done already is as good as done.
        ada.block_contact(BOB, true).await.expect("he is blocked");
        ada.block_contact(BOB, false).await.expect("he is free");
        assert!(!has(msnp::List::Block) && has(msnp::List::Allow), "{version}");
        sees(&mut bob_events, Status::Online).await;
        ada.remove_contact(BOB).await.expect("he is taken off");
        assert!(!has(msnp::List::Forward), "{version}");
        ada.add_contact(BOB, None).await.expect("he is back");
        assert!(has(msnp::List::Forward), "{version}");
        drop(ada_events);
    }
}
