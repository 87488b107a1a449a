//! Any story of messages, failures, crashes, rooms joined and let go, messages sent again and given up:
//! what Bob says is in some room of his, once; what Ada says reaches Bob, is kept as failed, or was given
//! up, and a repetition has its mark.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use bridge_core::{
    DeliverError, LoginState,
    adapter::Reply,
    id::ChatId,
    model::{Event, Reject, Scope},
    store::MemoryStore,
};
use proptest::prelude::*;

use super::ALIVE;
use crate::support::{
    Given, MortalStore, Record, Session, World, config, from_chat, from_room, login_id, said,
};

const BOB: &str = "bob@example.com";

#[derive(Clone, Copy, Debug)]
enum Op {
    Ada,
    Bob,
    /// A new room takes the place of the one there is.
    Bridge,
    Crash(i64),
    Drop,
    Fail(Failure),
    Pass(u64),
    Retry,
    Stop,
    Unbridge,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Reject,
    Retry,
    Unsure,
}

fn any_op() -> impl Strategy<Value = Op> {
    let failure = prop_oneof![Just(Failure::Reject), Just(Failure::Retry), Just(Failure::Unsure)];
    prop_oneof![
        4 => Just(Op::Ada),
        4 => Just(Op::Bob),
        2 => Just(Op::Bridge),
        1 => (0_i64..12).prop_map(Op::Crash),
        1 => Just(Op::Drop),
        2 => failure.prop_map(Op::Fail),
        1 => (0_u64..3000).prop_map(Op::Pass),
        1 => Just(Op::Retry),
        1 => Just(Op::Stop),
        1 => Just(Op::Unbridge),
    ]
}

struct Kept {
    store: Arc<MemoryStore>,
    rooms: Arc<Record>,
    chats: Arc<Record>,
}

impl Kept {
    async fn open(&self, commits: i64) -> Option<World> {
        let store = Arc::new(MortalStore::new(Arc::clone(&self.store), commits));
        let (rooms, chats) = (Arc::clone(&self.rooms), Arc::clone(&self.chats));
        World::with(store, config(), rooms, chats, Session::Lasts).await.ok()
    }

    async fn open_alive(&self) -> World {
        let world = self.open(ALIVE).await.expect("a healthy store opens");
        let state = |world: &World| world.core.status().logins.first().map(|login| login.state);
        world.until("connected", |world| state(world) == Some(LoginState::Connected)).await;
        world
    }
}

/// A story under way.
struct Told {
    kept: Kept,
    world: World,
    /// The room that shows the conversation, where it is known.
    room: Option<String>,
    rooms: u32,
    commands: u32,
    ada: u32,
    bob: u32,
    /// Messages that were given up before they were seen to arrive.
    dropped: BTreeSet<u32>,
}

impl Told {
    async fn begin() -> Self {
        let kept = Kept { store: Arc::default(), rooms: Arc::default(), chats: Arc::default() };
        let world = kept.open(ALIVE).await.expect("it opens");
        world.sign_in().await;
        world.core.stop(Duration::from_secs(1)).await;
        let world = kept.open_alive().await;
        let dropped = BTreeSet::new();
        Self { kept, world, room: None, rooms: 0, commands: 0, ada: 0, bob: 0, dropped }
    }

    async fn reopen(&mut self, commits: i64) {
        let store = Arc::new(MemoryStore::new());
        let (rooms, chats) = (Arc::default(), Arc::default());
        let other = World::with(store, config(), rooms, chats, Session::Lasts).await;
        let before = std::mem::replace(&mut self.world, other.expect("it opens"));
        before.core.stop(Duration::from_secs(1)).await;
        let opened = if commits == ALIVE { None } else { self.kept.open(commits).await };
        let world = match opened {
            Some(world) => world,
            None => self.kept.open_alive().await,
        };
        std::mem::replace(&mut self.world, world).core.stop(Duration::from_secs(1)).await;
        // What was left unanswered is answered now, before anything new.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    /// Hands an event in until it is heard.
    async fn accept(&mut self, event: Event) {
        while self.world.core.inbox().accept_all(vec![event.clone()], None).await.is_err() {
            self.reopen(ALIVE).await;
        }
    }

    /// Gives a command in a room and waits until it is done, whoever dies meanwhile.
    async fn command(&mut self, room: &str, line: &str) -> String {
        self.commands += 1;
        let before = self.kept.rooms.answers().len();
        let kind = bridge_core::model::EventKind::Command(bridge_core::model::CommandLine(
            line.to_owned(),
        ));
        self.accept(from_room(&format!("command {}", self.commands), room, kind)).await;
        for _ in 0..200 {
            match self.kept.rooms.answers().into_iter().nth(before) {
                // It is not forgotten then either.
                Some(answer) if answer.contains("the store") => break,
                Some(answer) => return answer,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        // The store died with it half done: the next process does it.
        let before = self.kept.rooms.answers().len();
        self.reopen(ALIVE).await;
        self.world.until("an answer", |world| world.rooms.answers().len() > before).await;
        self.kept.rooms.answers().into_iter().nth(before).expect("an answer")
    }

    async fn tell(&mut self, op: Op) {
        match op {
            Op::Ada => {
                let Some(room) = self.room.clone() else { return };
                let (source, words) = (format!("ada {}", self.ada), format!("{:04}", self.ada));
                self.accept(from_room(&source, &room, said(&words))).await;
                self.ada += 1;
            }
            Op::Bob => {
                let scope = Scope::Chat { login: login_id(), chat: ChatId::new(BOB) };
                let (source, words) = (format!("bob {}", self.bob), format!("{:04}", self.bob));
                self.accept(Event { scope, ..from_chat(&source, &words) }).await;
                self.bob += 1;
            }
            Op::Bridge => {
                let room = format!("den {}", self.rooms);
                self.rooms += 1;
                let before = self.kept.rooms.answers().len();
                let mut said = self.command(&room, &format!("bridge {BOB}")).await;
                if !said.contains("This room shows") {
                    // What let the last room go is answered again, as below.
                    self.world
                        .until("its own answer", |world| world.rooms.answers().len() > before + 1)
                        .await;
                    said = self.kept.rooms.answers().pop().expect("an answer");
                }
                assert!(said.contains("This room shows"), "{said}");
                self.room = Some(room);
            }
            Op::Unbridge => {
                let Some(room) = self.room.take() else { return };
                let before = self.kept.rooms.answers().len();
                let mut said = self.command(&room, "unbridge").await;
                if said.contains("This room shows") {
                    // What joined the room is answered again: a crash lost the note of its answer.
                    self.world
                        .until("its own answer", |world| world.rooms.answers().len() > before + 1)
                        .await;
                    said = self.kept.rooms.answers().pop().expect("an answer");
                }
                // Done before a crash that lost only its answer, it finds nothing left to do.
                let done = said.contains("out of the conversation now")
                    || said.contains("in the room of a conversation");
                assert!(done, "{said}");
            }
            Op::Crash(commits) => self.reopen(commits).await,
            Op::Stop => {
                self.reopen(ALIVE).await;
            }
            Op::Pass(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Op::Fail(failure) => self.kept.chats.fail_next([match failure {
                Failure::Reject => DeliverError::Reject {
                    reason: Reject::Offline,
                    tell_user: "Bob sleeps.".to_owned(),
                },
                Failure::Retry => DeliverError::retry("not now"),
                Failure::Unsure => DeliverError::Ambiguous("its answer was lost".into()),
            }]),
            Op::Retry => drop(self.world.core.execute("queue retry").await),
            Op::Drop => self.give_one_up().await,
        }
    }

    /// Gives the first message up that waits for Bob.
    async fn give_one_up(&mut self) {
        let Reply::Table { rows, .. } = self.world.core.execute("queue").await else { return };
        let waiting = rows.iter().find_map(|row| match row.as_slice() {
            [id, state, _, place, ..] if state == "waits" && place.contains("chats:bob") => {
                Some(id.clone())
            }
            _ => None,
        });
        let Some(id) = waiting else { return };
        // Which it is cannot be seen: all that is not there yet may be meant.
        let Reply::Text(said) = self.world.core.execute(&format!("queue drop {id}")).await else {
            panic!("words");
        };
        if said.contains("is given up") {
            let there: BTreeSet<u32> = self.heard().into_iter().map(|(number, _)| number).collect();
            self.dropped.extend((0..self.ada).filter(|number| !there.contains(number)));
        }
    }

    /// What Bob heard, each with whether it was marked.
    fn heard(&self) -> Vec<(u32, bool)> {
        let given = self.kept.chats.given();
        let heard = given.iter().filter_map(|given| match given {
            Given::Message { text, maybe_double, .. } => {
                Some((text.parse().expect("a number"), *maybe_double))
            }
            _ => None,
        });
        heard.collect()
    }

    async fn end(mut self) {
        self.kept.chats.heal();
        self.reopen(ALIVE).await;
        self.world.settle().await;
        self.world.core.execute("queue retry").await;
        self.world.settle().await;
        let (mut seen, mut on_rooms) = (HashSet::new(), Vec::new());
        for given in self.kept.rooms.given().iter() {
            if let Given::Message { key, text, .. } = given
                && seen.insert(*key)
            {
                on_rooms.push(text.parse::<u32>().expect("a number"));
            }
        }
        assert_eq!(on_rooms, (0..self.bob).collect::<Vec<_>>(), "what Bob said");
        let (mut once, mut there) = (HashSet::new(), BTreeSet::new());
        for (number, marked) in self.heard() {
            assert!(marked || once.insert(number), "{number} is repeated without its mark");
            there.insert(number);
        }
        let lost: Vec<u32> =
            (0..self.ada).filter(|n| !there.contains(n) && !self.dropped.contains(n)).collect();
        assert!(lost.is_empty(), "Bob never heard {lost:?} of {}", self.ada);
        self.world.core.stop(Duration::from_secs(1)).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_story_with_changing_rooms_keeps_what_was_accepted(
        ops in prop::collection::vec(any_op(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut told = Told::begin().await;
            for op in ops {
                told.tell(op).await;
            }
            told.end().await;
        });
    }
}
