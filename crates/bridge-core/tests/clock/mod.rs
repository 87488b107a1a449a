//! Wall clocks that are set by hours, ahead and back: nothing expires by that, and nothing stays.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bridge_core::{CoreConfig, id::Timestamp, store::MemoryStore};
use tokio::time::sleep;

use crate::support::{Given, Record, Session, World, config, from_chat, from_room, said};

const HOUR: u64 = 3_600_000;
const BEGIN: u64 = 1_000_000 * HOUR;

fn hours(many: u64) -> Duration {
    Duration::from_millis(many * HOUR)
}

/// Two people and a room, and an account that is away for so many hours.
async fn away(store: &Arc<MemoryStore>, many: u64, wall_clock: fn() -> Timestamp) -> World {
    let config = CoreConfig { wall_clock, ..config() };
    let (rooms, chats) = (Arc::new(Record::default()), Arc::new(Record::default()));
    let session = Session::Late(hours(many));
    World::with(store.clone(), config, rooms, chats, session).await.expect("it opens")
}

/// Lets Bob open a room, and Ada answer there.
async fn ada_answers(world: &World) {
    world.sign_in().await;
    let inbox = world.core.inbox();
    inbox.accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    world.until("a room", |world| !world.rooms.texts().is_empty()).await;
    let room = world.core.portals().first().expect("a portal").to_string();
    inbox.accept_all(vec![from_room("r1", &room, said("hi"))], None).await.expect("accepted");
}

fn told_too_old(world: &World) -> bool {
    let too_old = |given: &Given| matches!(given, Given::Fate(fate) if fate.contains("TooOld"));
    world.rooms.given().iter().any(too_old)
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_ahead_expires_nothing_that_waits() {
    static WALL: AtomicU64 = AtomicU64::new(BEGIN);
    let store = Arc::new(MemoryStore::new());
    let world = away(&store, 3, || Timestamp(WALL.load(Ordering::Relaxed))).await;
    ada_answers(&world).await;
    WALL.fetch_add(30 * HOUR, Ordering::Relaxed);
    sleep(hours(4)).await;
    assert_eq!(world.chats.texts(), ["hi"]);
    assert!(!told_too_old(&world));
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_set_back_keeps_nothing_for_ever() {
    static WALL: AtomicU64 = AtomicU64::new(BEGIN);
    let store = Arc::new(MemoryStore::new());
    let world = away(&store, 40, || Timestamp(WALL.load(Ordering::Relaxed))).await;
    ada_answers(&world).await;
    WALL.fetch_sub(30 * HOUR, Ordering::Relaxed);
    sleep(hours(23)).await;
    assert!(!told_too_old(&world));
    sleep(hours(2)).await;
    assert!(told_too_old(&world));
    sleep(hours(20)).await;
    assert!(world.chats.texts().is_empty(), "what was given up does not come after all");
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_before_a_restart_keeps_nothing_for_ever_either() {
    static WALL: AtomicU64 = AtomicU64::new(BEGIN);
    let clock = || Timestamp(WALL.load(Ordering::Relaxed));
    let store = Arc::new(MemoryStore::new());
    let world = away(&store, 400, clock).await;
    ada_answers(&world).await;
    world.core.stop(Duration::from_secs(5)).await;
    WALL.fetch_sub(300 * HOUR, Ordering::Relaxed);
    let world = away(&store, 400, clock).await;
    sleep(hours(23)).await;
    assert!(!told_too_old(&world), "it has not waited a day that anybody could know of");
    sleep(hours(2)).await;
    assert!(told_too_old(&world));
}

#[tokio::test(start_paused = true)]
async fn what_was_told_before_is_known_whatever_the_wall_clock_says() {
    static WALL: AtomicU64 = AtomicU64::new(BEGIN);
    let clock = || Timestamp(WALL.load(Ordering::Relaxed));
    let store = Arc::new(MemoryStore::new());
    let mut world = away(&store, 0, clock).await;
    world.sign_in().await;
    let tell = async |world: &World| {
        let event = from_chat("c1", "hello");
        world.core.inbox().accept_all(vec![event], None).await.expect("accepted");
        world.settle().await;
        world.rooms.texts().len()
    };
    assert_eq!(tell(&world).await, 1);
    for set in [10 * 24 * HOUR, 0] {
        WALL.store(BEGIN - 10 * 24 * HOUR + 2 * set, Ordering::Relaxed);
        // Old facts are tidied away meanwhile.
        sleep(hours(3)).await;
        assert_eq!(tell(&world).await, 1, "it is known");
    }
    // The clock is set back, and the next process begins with that.
    world.core.stop(Duration::from_secs(5)).await;
    world = away(&store, 0, clock).await;
    sleep(hours(3)).await;
    assert_eq!(tell(&world).await, 0, "it is known to the next process, which shows nothing anew");
    // A week by the core's own time later it is forgotten all the same.
    sleep(hours(24 * 20)).await;
    assert_eq!(tell(&world).await, 1);
}
