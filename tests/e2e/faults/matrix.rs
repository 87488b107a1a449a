//! A room of Matrix and a contact: the links between the homeserver and the bridge, both ways.

use std::time::Duration;

use testkit::{End, FaultyLink, LinkFault, Place, RoomId, Seen, Way, tail, wait_until};

use super::{LONG, Talker, named};
use crate::{
    matrix::{ACCOUNT, Links, World, bob_is_online_for_ada},
    support::numbers,
};

/// Two who talk while the homeserver and the bridge have only links that may go wrong.
struct Scene {
    world: World,
    room: RoomId,
    bob: Talker,
    /// How many lines Ada said.
    ada: u32,
}

/// Which links go wrong.
#[derive(Clone, Copy, Debug)]
enum On {
    Homeserver,
    Bridge,
    Both,
}

/// When they are whole again.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// The bridge has accepted what Bob said meanwhile.
    Accepted,
    /// So many new connections were made.
    Tried(u64),
    /// What was said meanwhile has arrived, both ways.
    Arrived,
}

impl Scene {
    async fn new() -> Self {
        let world = World::over(Some(Links::start().await)).await;
        let management = world.log_in().await;
        let mut bob = Talker::new(world.bob().await, ACCOUNT);
        bob_is_online_for_ada(&world.ada, &management).await;
        bob.says().await.expect("nothing is wrong");
        let Seen::Message { room, .. } = world.ada.hears("bob 1").await else {
            panic!("a message")
        };
        Self { world, room, bob, ada: 0 }
    }

    fn links(&self, on: On) -> Vec<&FaultyLink> {
        let links = self.world.links.as_ref().expect("it was made with links");
        match on {
            On::Homeserver => vec![&links.to_homeserver],
            On::Bridge => vec![&links.to_bridge],
            On::Both => vec![&links.to_homeserver, &links.to_bridge],
        }
    }

    fn connections(&self, on: On) -> u64 {
        self.links(on).iter().map(|link| link.connections()).sum()
    }

    fn set(&self, on: On, fault: &LinkFault) {
        self.links(on).iter().for_each(|link| link.set(fault.clone()));
    }

    async fn ada_says(&mut self) {
        self.ada += 1;
        let words = format!("ada {}", self.ada);
        self.world.ada.say(&self.room, &words).await.expect("the homeserver takes it");
    }

    fn shown(&self) -> Vec<u32> {
        let ghosts = |seen| match seen {
            Seen::Message { body, sender, .. } if sender.as_str().starts_with("@msn_bob") => {
                Some(body)
            }
            _ => None,
        };
        numbers(self.world.ada.all().into_iter().filter_map(ghosts), "bob ")
    }

    /// Waits until Bob heard all that Ada said, and she all that MSN took from Bob.
    async fn all_arrived(&self) {
        wait_until(LONG, "Ada sees all that Bob said", || async {
            (self.shown().len() >= self.bob.taken.len()).then_some(())
        })
        .await;
        self.bob.hears(&format!("ada {}", self.ada)).await;
    }

    fn accepted(&self) -> usize {
        let counts = |line: &&str| {
            ["event accepted", "network=msn", "kind=\"message\""]
                .iter()
                .all(|part| line.contains(part))
        };
        self.world.log().lines().filter(counts).count()
    }

    /// Both talk; links go wrong; both talk; they are whole again; both talk.
    async fn goes_wrong(&mut self, on: On, fault: LinkFault, until: Until) {
        println!("{on:?}: {}, until {until:?}", named(&fault));
        self.both_talk().await;
        self.all_arrived().await;
        let (connections, accepted) = (self.connections(on), self.accepted());
        self.set(on, &fault);
        self.both_talk().await;
        self.both_talk().await;
        match until {
            Until::Accepted => {
                wait_until(LONG, "it is accepted", || async {
                    (self.accepted() >= accepted + 2).then_some(())
                })
                .await;
            }
            Until::Tried(times) => {
                wait_until(LONG, "it is tried again", || async {
                    (self.connections(on) >= connections + times).then_some(())
                })
                .await;
            }
            Until::Arrived => self.all_arrived().await,
        }
        self.set(on, &LinkFault::None);
        self.all_arrived().await;
    }

    async fn both_talk(&mut self) {
        self.ada_says().await;
        self.bob.says().await.expect("nothing is wrong on MSN");
    }

    /// Everything said is on the other side, in order and once.
    async fn nothing_is_lost(mut self) {
        self.both_talk().await;
        self.all_arrived().await;
        let log = &self.world.log;
        assert_eq!(self.shown(), self.bob.taken, "{}", tail(log));
        let doubles = self.bob.heard_all("ada ", self.ada);
        assert_eq!(doubles, 0, "MSN was whole: {}", tail(log));
        println!(
            "Matrix to MSN: {} said and heard, each once; MSN to Matrix: {} said and shown, each once",
            self.ada,
            self.bob.taken.len(),
        );
        let clean = self.world.bridge.take().expect("it runs").stop().await;
        assert!(clean, "{}", tail(&self.world.log));
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_links_of_the_homeserver_go_wrong() {
    let mut scene = Scene::new().await;
    let (second, none) = (Some(Duration::from_secs(1)), None);
    for (on, fault, until) in [
        (On::Both, LinkFault::Stall, Until::Accepted),
        (On::Both, LinkFault::Slow(2000), Until::Arrived),
        (On::Both, LinkFault::Cut(End::Close), Until::Tried(2)),
        (On::Both, LinkFault::Cut(End::Reset), Until::Tried(2)),
        (On::Homeserver, LinkFault::bad_gateway(), Until::Tried(2)),
        (On::Bridge, LinkFault::bad_gateway(), Until::Tried(1)),
        (On::Homeserver, LinkFault::limited(second, none), Until::Tried(2)),
        (On::Homeserver, LinkFault::limited(none, second), Until::Tried(2)),
        (On::Homeserver, LinkFault::limited(none, none), Until::Tried(2)),
        (On::Homeserver, LinkFault::Garbage(Place::Boundary), Until::Tried(1)),
        (On::Bridge, LinkFault::Garbage(Place::Middle), Until::Tried(1)),
        (On::Homeserver, LinkFault::Truncate(40), Until::Tried(1)),
        (On::Bridge, LinkFault::Truncate(10), Until::Tried(1)),
        (On::Homeserver, LinkFault::HalfOpen(Way::ToClient), Until::Accepted),
        (On::Bridge, LinkFault::HalfOpen(Way::ToServer), Until::Accepted),
    ] {
        scene.goes_wrong(on, fault, until).await;
    }
    scene.nothing_is_lost().await;
}
