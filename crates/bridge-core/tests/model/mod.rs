//! Any story of arrivals, answers, edits, failures, crashes and restarts keeps the guarantee: what is
//! accepted is in every other place, in order, once where the place takes keys, else repeated only with
//! its mark; or who said it was told that it is not there. Answers and edits find the message they are
//! about under its names in each place.

mod rooms;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bridge_core::{
    DeliverError, Parts, Relay,
    id::{ChatId, IdempotencyKey, LoginId, MessageId, NetworkId, RoomId},
    model::{Content, Event, EventKind, Quote, Reject, Scope},
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
    /// Somebody changes an earlier message of hers in a room, some way back.
    Edit { place: &'static str, back: usize },
    /// Something goes wrong with the next delivery to the rooms, or to the chat.
    Fail { chat: bool, how: Failure },
    /// Time passes.
    Pass(u64),
    /// Somebody in a room answers an earlier message, some way back.
    Reply { place: &'static str, back: usize },
    /// A source tells an earlier event again, some way back.
    Retell { back: usize },
    /// Somebody says something in a place.
    Say(&'static str),
    /// The process ends in order, and the next begins.
    Stop,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    /// It arrives, and its answer is lost.
    AnswerLost,
    /// It does not arrive, and nobody knows.
    Doubtful,
    /// As before, and the repetition too.
    DoubtfulTwice,
    /// It does not arrive, and that is known.
    NotNow,
    /// The chat will not take it. Rooms take everything.
    Refused,
}

fn any_op() -> impl Strategy<Value = Op> {
    let room = || prop::sample::select(&PLACES[..2]);
    let failure = prop::sample::select(&[
        Failure::AnswerLost,
        Failure::Doubtful,
        Failure::DoubtfulTwice,
        Failure::NotNow,
        Failure::Refused,
    ]);
    prop_oneof![
        8 => prop::sample::select(&PLACES[..]).prop_map(Op::Say),
        2 => (room(), 0_usize..8).prop_map(|(place, back)| Op::Reply { place, back }),
        2 => (room(), 0_usize..8).prop_map(|(place, back)| Op::Edit { place, back }),
        1 => (0_usize..8).prop_map(|back| Op::Retell { back }),
        3 => (any::<bool>(), failure).prop_map(|(chat, how)| Op::Fail { chat, how }),
        2 => (0_i64..12).prop_map(Op::Crash),
        1 => (0_u64..3000).prop_map(Op::Pass),
        1 => Just(Op::Stop),
    ]
}

/// Something accepted.
#[derive(Clone, Debug)]
struct Accepted {
    origin: &'static str,
    event: Event,
    /// The number of the message it is about.
    about: Option<usize>,
    edit: bool,
}

impl Accepted {
    /// How what became of it begins, where that is told.
    fn told_as(&self) -> String {
        format!("{:?} ", Vec::from_iter(&self.event.message))
    }
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

    /// The names a room has for a message, as far as it was shown there.
    fn names_in(&self, place: &str, number: usize, accepted: &[Accepted]) -> Option<MessageId> {
        let message = accepted.get(number)?;
        if message.origin == place {
            return message.event.message.clone();
        }
        let key = self.shown(place).into_iter().find(|(shown, ..)| *shown == number)?.1;
        Some(MessageId::new(key.to_string()))
    }

    /// Everything a place was given: number, key, whether it bears the mark, what it is about.
    fn shown(&self, place: &str) -> Vec<(usize, IdempotencyKey, bool, Vec<MessageId>, bool)> {
        let record = if place == "bob" { &self.chats } else { &self.rooms };
        let given = record.given();
        let shown = given.iter().filter_map(|given| match given {
            Given::Message { place: at, key, text, maybe_double, about } if at == place => {
                Some((number_in(text), *key, *maybe_double, about.clone(), false))
            }
            Given::Edit { place: at, key, about, text } if at == place => {
                Some((number_in(text), *key, false, about.clone(), true))
            }
            _ => None,
        });
        shown.collect()
    }

    fn fail(&self, chat: bool, how: Failure) {
        let record = if chat { &self.chats } else { &self.rooms };
        if !record.has_failed_enough() {
            return;
        }
        let lost = || DeliverError::Ambiguous("its answer was lost".into());
        match how {
            Failure::AnswerLost => record.fail_after_next(lost()),
            Failure::Doubtful => record.fail_next([lost(), DeliverError::retry("not yet")]),
            Failure::DoubtfulTwice => record.fail_next([lost(), lost()]),
            Failure::Refused if chat => record.fail_next([DeliverError::Reject {
                reason: Reject::Offline,
                tell_user: "Bob sleeps.".to_owned(),
            }]),
            Failure::NotNow | Failure::Refused => {
                record.fail_next([DeliverError::retry("not now")])
            }
        }
    }
}

fn number_in(text: &str) -> usize {
    text.split_whitespace().last().expect("a word").parse().expect("a number")
}

/// Makes the next event: something new, or something about an earlier message, where there is one.
fn next(kept: &Kept, accepted: &[Accepted], op: &Op) -> Option<Accepted> {
    let number = accepted.len();
    let (source, words) = (format!("source {number}"), format!("{number:04}"));
    let earlier = |back: &usize, fits: &dyn Fn(&Accepted) -> bool| {
        let mut fitting = accepted.iter().enumerate().rev().filter(|(_, it)| !it.edit && fits(it));
        fitting.nth(*back).map(|(number, _)| number)
    };
    let room = |place: &'static str, kind, about, edit| Accepted {
        origin: place,
        event: from_room(&source, place, kind),
        about,
        edit,
    };
    Some(match op {
        Op::Say("bob") => {
            let chat = ChatId::new("bob");
            let scope = Scope::Chat { login: LoginId::new("chats:bridge"), chat };
            let event = Event { scope, ..from_chat(&source, &words) };
            Accepted { origin: "bob", event, about: None, edit: false }
        }
        Op::Say(place) => room(place, said(&words), None, false),
        Op::Reply { place, back } => {
            let about = earlier(back, &|_| true)?;
            let message = kept.names_in(place, about, accepted)?;
            let reply_to = Some(Quote { message, sender: None, excerpt: None });
            let content = Content { reply_to, ..Content::plain(words.as_str()) };
            room(place, EventKind::Message(content), Some(about), false)
        }
        Op::Edit { place, back } => {
            let about = earlier(back, &|it| it.origin == *place)?;
            let target = kept.names_in(place, about, accepted)?;
            let content = Content::plain(words.as_str());
            room(place, EventKind::Edit { target, content }, Some(about), true)
        }
        _ => return None,
    })
}

async fn story(ops: Vec<Op>) {
    let kept = Kept { store: Arc::default(), rooms: Arc::default(), chats: Arc::default() };
    let mut world = kept.open_alive().await;
    let mut accepted: Vec<Accepted> = Vec::new();
    for op in ops {
        match &op {
            Op::Say(_) | Op::Reply { .. } | Op::Edit { .. } => {
                let Some(new) = next(&kept, &accepted, &op) else { continue };
                // Its source tells it again until it is heard.
                while world.core.inbox().accept_all(vec![new.event.clone()], None).await.is_err() {
                    world.core.stop(Duration::from_secs(1)).await;
                    world = kept.open_alive().await;
                }
                accepted.push(new);
            }
            Op::Retell { back } => {
                let Some(old) = accepted.iter().rev().nth(*back) else { continue };
                // A process that dies over it is of no matter: it was heard before.
                let _ = world.core.inbox().accept_all(vec![old.event.clone()], None).await;
            }
            Op::Fail { chat, how } => kept.fail(*chat, *how),
            Op::Pass(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Op::Crash(commits) => {
                world.core.stop(Duration::from_secs(1)).await;
                world = match kept.open(*commits).await {
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

fn check(kept: &Kept, place: &str, accepted: &[Accepted]) {
    let keyed = place != "bob";
    let mut keys = HashMap::new();
    let mut shown: Vec<usize> = Vec::new();
    for (number, key, marked, about, edit) in kept.shown(place) {
        if keyed && keys.insert(key, number).is_some() {
            continue; // the same key is the same message there
        }
        if shown.last() == Some(&number) {
            assert!(!keyed, "{place}: {number} has two keys");
            assert!(marked, "{place}: {number} is repeated without its mark");
            continue;
        }
        shown.push(number);
        if keyed {
            let message = accepted.get(number).expect("it was said");
            let wanted = message.about.and_then(|about| kept.names_in(place, about, accepted));
            // Who answers a message before its name here came back answers nothing the core knows.
            let target = message.about.and_then(|about| accepted.get(about));
            let foreign = target.is_some_and(|target| target.origin != message.origin);
            if !(foreign && about.is_empty()) {
                assert_eq!(about, Vec::from_iter(wanted), "{place}: what {number} is about");
            }
            assert_eq!(edit, message.edit, "{place}: {number}");
        }
    }
    let wanted = accepted.iter().enumerate().filter(|(_, message)| message.origin != place);
    let wanted: Vec<usize> = wanted.map(|(number, _)| number).collect();
    assert!(shown.is_sorted_by(|a, b| a < b), "{place}: {shown:?}");
    assert!(shown.iter().all(|number| wanted.contains(number)), "{place}: {shown:?}");
    for number in wanted.into_iter().filter(|number| !shown.contains(number)) {
        // Rooms take keys, so that no doubt remains, and refuse nothing.
        assert!(!keyed, "{place}: {number} is missing from {shown:?}");
        let message = accepted.get(number).expect("it was said");
        let name = message.told_as();
        let told = |given: &Given| {
            matches!(given, Given::Fate(fate)
                if fate.starts_with(&name) && (fate.contains("Failed") || fate.contains("Unknown")))
        };
        assert!(kept.rooms.given().iter().any(told), "{place}: nobody was told about {number}");
    }
    if keyed {
        // What became of each message is told where it was said.
        let fates: Vec<String> = kept
            .rooms
            .given()
            .iter()
            .filter_map(|given| match given {
                Given::Fate(fate) => Some(fate.clone()),
                _ => None,
            })
            .collect();
        for (number, message) in accepted.iter().enumerate().filter(|(_, it)| it.origin == place) {
            let name = message.told_as();
            let told = fates.iter().any(|fate| fate.starts_with(&name));
            assert!(told || message.edit, "{place}: nothing was told of {number}: {fates:?}");
        }
    }
}

proptest! {
    // 256 stories; `cargo xtask model` runs more, by PROPTEST_CASES.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

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
