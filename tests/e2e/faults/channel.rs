//! A channel of Discord and a contact: the links to the notification server, the switchboard,
//! Discord's REST and its gateway.

use std::time::Duration;

use fake_discord::Fault;
use testkit::{End, FaultyLink, LinkFault, Place, Way, wait_until};

use super::{LONG, Talker, named};
use crate::{
    discord::{ACCOUNT, BOB, World},
    support::numbers,
};

/// What a message of a contact is sent by.
const EXECUTE: &str = "POST /webhooks/{}/{}";

/// Two who talk while the bridge between them has only links that may go wrong.
struct Scene {
    world: World,
    links: Links,
    bob: Talker,
    /// How many lines Grace said.
    grace: u32,
}

struct Links {
    session: FaultyLink,
    board: FaultyLink,
    rest: FaultyLink,
    gateway: FaultyLink,
}

/// Which links go wrong.
#[derive(Clone, Copy, Debug)]
enum On {
    Session,
    Board,
    SessionAndBoard,
    Rest,
    Gateway,
    RestAndGateway,
}

/// When they are whole again.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// The bridge has accepted what was said meanwhile on the other network.
    Accepted,
    /// The bridge has connected again.
    Again,
    /// What was said meanwhile on the other network has arrived.
    Arrived,
}

impl Links {
    async fn to(world: &World) -> Self {
        let addresses = world.network.addresses();
        let to = async |address| FaultyLink::to(address).await.expect("a free port");
        Self {
            session: to(addresses.notification).await,
            board: to(addresses.switchboard).await,
            rest: to(world.discord.front()).await,
            gateway: to(world.discord.gateway()).await,
        }
    }

    fn these(&self, on: On) -> Vec<&FaultyLink> {
        match on {
            On::Session => vec![&self.session],
            On::Board => vec![&self.board],
            On::SessionAndBoard => vec![&self.session, &self.board],
            On::Rest => vec![&self.rest],
            On::Gateway => vec![&self.gateway],
            On::RestAndGateway => vec![&self.rest, &self.gateway],
        }
    }
}

impl On {
    /// The network beyond these links.
    fn network(self) -> &'static str {
        match self {
            Self::Session | Self::Board | Self::SessionAndBoard => "msn",
            Self::Rest | Self::Gateway | Self::RestAndGateway => "discord",
        }
    }
}

impl Scene {
    async fn new() -> Self {
        let mut world = World::prepared(&[BOB]).await;
        let links = Links::to(&world).await;
        world.misdeeds.detour(ACCOUNT, links.board.address());
        world.discord.detour(links.gateway.address());
        // A gateway that went silent is found out by its heartbeats.
        world.discord.heartbeat(Duration::from_secs(2));
        (world.msn_at, world.discord_at) = (links.session.address(), links.rest.address());
        world.level = "info,bridge_core=debug,bridge_msn=debug,bridge_discord=debug,msnp=debug";
        world.start().await;
        let bob = Talker::new(world.person(BOB).await, ACCOUNT);
        Self { world, links, bob, grace: 0 }
    }

    fn grace_says(&mut self) {
        self.grace += 1;
        self.world.grace_says(&format!("grace {}", self.grace));
    }

    /// Waits until Bob has heard all that Grace said.
    async fn grace_is_heard(&self) {
        self.bob.hears(&format!("Amazing Grace: grace {}", self.grace)).await;
    }

    fn shown(&self) -> Vec<u32> {
        let messages = self.world.discord.messages(self.world.channel);
        numbers(messages.into_iter().map(|message| message.content), "bob ")
    }

    /// Counts the messages of Bob's that the channel shows, garbage and all, and those he was told
    /// are not there.
    fn settled(&self) -> usize {
        let messages = self.world.discord.messages(self.world.channel);
        let shown = messages.iter().filter(|message| message.webhook.is_some()).count();
        let heard = self.bob.heard();
        let told = heard.iter().filter(|line| !line.starts_with("Amazing Grace: ")).count();
        shown + told
    }

    /// Waits until all of Bob's messages that the bridge has accepted are shown, or he was told.
    async fn bob_is_settled(&self) {
        wait_until(LONG, "all that Bob said is settled", || async {
            (self.settled() >= self.accepted("msn")).then_some(())
        })
        .await;
    }

    async fn both_get_through(&mut self) {
        self.grace_says();
        self.grace_is_heard().await;
        let (world, bob) = (&self.world, &mut self.bob);
        bob.gets_through(async |number| {
            let words = format!("bob {number}");
            wait_until(LONG, &words, || async {
                let messages = world.discord.messages(world.channel);
                messages.iter().any(|message| message.content == words).then_some(())
            })
            .await;
        })
        .await;
    }

    /// Tells how many messages from a network the bridge has accepted.
    fn accepted(&self, network: &str) -> usize {
        let network = format!("network={network}");
        let counts = |line: &&str| {
            ["event accepted", &network, "kind=\"message\""].iter().all(|part| line.contains(part))
        };
        self.world.log().lines().filter(counts).count()
    }

    /// Both talk; links go wrong; both talk; they are whole again; both talk.
    async fn goes_wrong(&mut self, on: On, fault: LinkFault, until: Until) {
        println!("{on:?}: {}, until {until:?}", named(&fault));
        self.both_get_through().await;
        let links = self.links.these(on);
        let connections = || links.iter().map(|link| link.connections()).sum::<u64>();
        let before = connections();
        let other = if on.network() == "msn" { "discord" } else { "msn" };
        let accepted = self.accepted(other);
        links.iter().for_each(|link| link.set(fault.clone()));
        self.grace += 2;
        for number in self.grace - 1..=self.grace {
            self.world.grace_says(&format!("grace {number}"));
        }
        self.bob.tries_to_say().await;
        self.bob.tries_to_say().await;
        match until {
            Until::Accepted => {
                wait_until(LONG, "it is accepted", || async {
                    (self.accepted(other) >= accepted + 2).then_some(())
                })
                .await;
            }
            Until::Again => {
                wait_until(LONG, "it connects again", || async {
                    (connections() > before).then_some(())
                })
                .await;
            }
            Until::Arrived if other == "discord" => self.grace_is_heard().await,
            Until::Arrived => self.bob_is_settled().await,
        }
        links.iter().for_each(|link| link.set(LinkFault::None));
        self.grace_is_heard().await;
        self.bob_is_settled().await;
        self.both_get_through().await;
    }

    /// Everything accepted is on the other side.
    async fn nothing_is_lost(mut self) {
        self.both_get_through().await;
        let doubles = self.bob.heard_all("Amazing Grace: grace ", self.grace);
        let shown = self.shown();
        assert!(shown.is_sorted_by(|a, b| a < b), "in order and once: {shown:?}");
        assert_eq!(self.settled(), self.accepted("msn"), "all that was accepted: {shown:?}");
        println!(
            "Discord to MSN: {} said, all heard, {doubles} repeated with a mark; MSN to Discord: {} \
             tried, {} acknowledged by the network, {} accepted, {} of them shown, each once",
            self.grace,
            self.bob.tried,
            self.bob.taken.len(),
            self.accepted("msn"),
            shown.len(),
        );
        self.world.stop().await;
        self.world.keeps_its_secrets();
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_session_goes_wrong() {
    let mut scene = Scene::new().await;
    for (on, fault, until) in [
        (On::SessionAndBoard, LinkFault::Stall, Until::Accepted),
        (On::SessionAndBoard, LinkFault::Slow(500), Until::Arrived),
        (On::SessionAndBoard, LinkFault::Cut(End::Close), Until::Again),
        (On::Session, LinkFault::Cut(End::Reset), Until::Again),
        (On::Session, LinkFault::Garbage(Place::Boundary), Until::Arrived),
        (On::Session, LinkFault::Garbage(Place::Middle), Until::Arrived),
        (On::SessionAndBoard, LinkFault::HalfOpen(Way::ToClient), Until::Again),
    ] {
        scene.goes_wrong(on, fault, until).await;
    }
    scene.nothing_is_lost().await;
}

#[tokio::test]
async fn nothing_is_lost_when_conversations_go_wrong() {
    let mut scene = Scene::new().await;
    for (fault, until) in [
        (LinkFault::Stall, Until::Accepted),
        (LinkFault::Slow(300), Until::Arrived),
        (LinkFault::Cut(End::Close), Until::Again),
        (LinkFault::Cut(End::Reset), Until::Again),
        (LinkFault::Garbage(Place::Boundary), Until::Again),
        (LinkFault::Garbage(Place::Middle), Until::Again),
        (LinkFault::Truncate(20), Until::Again),
        (LinkFault::HalfOpen(Way::ToServer), Until::Accepted),
        (LinkFault::HalfOpen(Way::ToClient), Until::Accepted),
    ] {
        scene.goes_wrong(On::Board, fault, until).await;
    }
    scene.nothing_is_lost().await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_links_to_discord_go_wrong() {
    let mut scene = Scene::new().await;
    for (on, fault, until) in [
        (On::RestAndGateway, LinkFault::Stall, Until::Accepted),
        (On::RestAndGateway, LinkFault::Slow(4000), Until::Arrived),
        (On::RestAndGateway, LinkFault::Cut(End::Close), Until::Accepted),
        (On::RestAndGateway, LinkFault::Cut(End::Reset), Until::Again),
        (On::Rest, LinkFault::Garbage(Place::Middle), Until::Accepted),
        (On::Gateway, LinkFault::Garbage(Place::Boundary), Until::Again),
        (On::Rest, LinkFault::Truncate(100), Until::Again),
        (On::Gateway, LinkFault::Truncate(30), Until::Again),
        (On::Gateway, LinkFault::HalfOpen(Way::ToClient), Until::Again),
        (On::Rest, LinkFault::HalfOpen(Way::ToClient), Until::Accepted),
    ] {
        scene.goes_wrong(on, fault, until).await;
    }
    scene.nothing_is_lost().await;
}

#[tokio::test]
async fn nothing_is_lost_when_discord_refuses_and_falls_silent() {
    let mut scene = Scene::new().await;
    scene.both_get_through().await;
    for fault in [
        Fault::bad_gateway(),
        Fault::error(500, 0, "500: Internal Server Error"),
        Fault::error(503, 0, "upstream connect error"),
        Fault::limited(Some(Duration::from_millis(700)), false),
        Fault::limited(None, false),
        Fault::limited(Some(Duration::from_millis(700)), true),
        Fault::Delay(Duration::from_secs(2)),
        Fault::Cut,
        Fault::Hang,
    ] {
        println!("{fault:?}");
        scene.world.discord.fault(EXECUTE, fault);
        for _ in 0..3 {
            scene.bob.says().await.expect("nothing is wrong on MSN");
        }
        scene.bob_is_settled().await;
        scene.both_get_through().await;
    }
    assert_eq!(scene.shown(), scene.bob.taken, "what MSN took is there");
    scene.nothing_is_lost().await;
}
