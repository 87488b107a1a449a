//! Any story of arrivals, failures, crashes and restarts keeps the guarantee: what is accepted is in
//! every other place, in order, once where the place takes keys, else repeated only with its mark.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bridge_core::{
    DeliverError, Parts, Relay,
    id::{ChatId, LoginId, NetworkId, RoomId},
    model::{Event, Scope},
    store::MemoryStore,
};
use proptest::prelude::*;

use crate::support::{
    FakeAdapter, FakePuppet, Given, MortalStore, Record, Session, World, config, from_chat,
    from_room, persona, said,
};

/// The places: two rooms whose platform takes keys, and a chat that takes none.
const PLACES: [&str; 3] = ["one", "two", "bob"];
const ALIVE: i64 = i64::MAX;

#[derive(Clone, Debug)]
enum Op {
    /// The store dies after so many more commits, and all with it; then the next process begins.
    Crash(i64),
    /// The next delivery to the rooms, or to the chat, fails.
    Fail { chat: bool, unsure: bool },
    /// Time passes.
    Pass(u64),
    /// Somebody says something in a place.
    Say(&'static str),
    /// The process ends in order, and the next begins.
    Stop,
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => prop::sample::select(&PLACES[..]).prop_map(Op::Say),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(chat, unsure)| Op::Fail { chat, unsure }),
        1 => (0_i64..12).prop_map(Op::Crash),
        1 => (0_u64..3000).prop_map(Op::Pass),
        1 => Just(Op::Stop),
    ]
}

/// What stays when a process dies.
struct Kept {
    store: Arc<MemoryStore>,
    rooms: Arc<Record>,
    chats: Arc<Record>,
}

impl Kept {
    async fn open(&self, commits: i64) -> Option<World> {
        let login = LoginId::new("chats:bridge");
        let puppet = FakePuppet {
            login: login.clone(),
            record: Arc::clone(&self.chats),
            session: Session::Lasts,
            began: tokio::time::Instant::now(),
        };
        let room = |name: &str| (NetworkId::new("rooms"), RoomId::new(name));
        let relay = Relay {
            name: "all".to_owned(),
            chats: vec![(login, ChatId::new("bob"), persona("chats", "bob"))],
            rooms: vec![room("one"), room("two")],
        };
        let parts = Parts {
            adapters: vec![Arc::new(FakeAdapter(Arc::clone(&self.rooms)))],
            accounts: vec![Arc::new(puppet)],
            relays: vec![relay],
            ..Parts::default()
        };
        let store = Arc::new(MortalStore::new(Arc::clone(&self.store), commits));
        let (rooms, chats) = (Arc::clone(&self.rooms), Arc::clone(&self.chats));
        World::of(store, config(), parts, rooms, chats).await.ok()
    }

    /// Opens again and again until the process lives long enough to begin.
    async fn open_alive(&self) -> World {
        self.open(ALIVE).await.expect("a healthy store opens")
    }
}

fn event(number: u32, place: &str) -> Event {
    let (source, words) = (format!("source {number}"), format!("{number:04}"));
    if place == "bob" {
        Event {
            scope: Scope::Chat { login: LoginId::new("chats:bridge"), chat: ChatId::new("bob") },
            ..from_chat(&source, &words)
        }
    } else {
        from_room(&source, place, said(&words))
    }
}

async fn story(ops: Vec<Op>) {
    let kept = Kept { store: Arc::default(), rooms: Arc::default(), chats: Arc::default() };
    let mut world = kept.open_alive().await;
    let mut accepted: Vec<&str> = Vec::new();
    for op in ops {
        match op {
            Op::Say(place) => {
                let number = u32::try_from(accepted.len()).expect("few");
                // Its source tells it again until it is heard.
                while world.core.inbox().accept_all(vec![event(number, place)], None).await.is_err()
                {
                    world.core.stop(Duration::from_secs(1)).await;
                    world = kept.open_alive().await;
                }
                accepted.push(place);
            }
            Op::Fail { chat, unsure } => {
                let record = if chat { &kept.chats } else { &kept.rooms };
                let error = if unsure {
                    DeliverError::Ambiguous("its answer was lost".into())
                } else {
                    DeliverError::retry("not now")
                };
                // A second doubt about one message would end it: it is told as unsure then.
                if record.has_failed_enough() {
                    record.fail_next([error, DeliverError::retry("not yet")]);
                }
            }
            Op::Pass(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Op::Crash(commits) => {
                world.core.stop(Duration::from_secs(1)).await;
                world = match kept.open(commits).await {
                    Some(world) => world,
                    None => kept.open_alive().await,
                };
            }
            Op::Stop => {
                world.core.stop(Duration::from_secs(10)).await;
                world = kept.open_alive().await;
            }
        }
    }
    world.core.stop(Duration::from_secs(1)).await;
    let world = kept.open_alive().await;
    world.settle().await;
    for place in PLACES {
        check(&kept, place, &accepted);
    }
    world.core.stop(Duration::from_secs(1)).await;
}

fn check(kept: &Kept, place: &str, accepted: &[&str]) {
    let keyed = place != "bob";
    let record = if keyed { &kept.rooms } else { &kept.chats };
    let mut keys = HashMap::new();
    let mut said: Vec<u32> = Vec::new();
    for given in record.given().iter() {
        let Given::Message { place: at, key, text, maybe_double } = given else {
            continue;
        };
        if at != place {
            continue;
        }
        let number: u32 = text.rsplit(' ').next().expect("a word").parse().expect("a number");
        if keyed && keys.insert(*key, number).is_some() {
            continue; // the same key is the same message there
        }
        if said.last() == Some(&number) {
            assert!(*maybe_double, "{place}: {number} is repeated without its mark");
            continue;
        }
        said.push(number);
    }
    let wanted: Vec<u32> = (0..)
        .zip(accepted)
        .filter(|(_, origin)| **origin != place)
        .map(|(number, _)| number)
        .collect();
    assert_eq!(said, wanted, "{place}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_story_keeps_what_was_accepted(ops in prop::collection::vec(any_op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(story(ops));
    }
}
