use bridge_core::id::{NetworkId, PersonaId};

use super::*;

/// A homeserver that lets presence die after a time, on a clock that jumps.
struct World {
    keeper: Keeper,
    now: Instant,
    /// How long an `online` and an `unavailable` live; none for ever.
    lives: Option<(Duration, Duration)>,
    /// Whether it has presence at all.
    off: bool,
    has: HashMap<OwnedUserId, (MatrixPresence, Instant)>,
    sends: Vec<(Instant, String, bool)>,
    reads: usize,
}

const SYNAPSE: Option<(Duration, Duration)> =
    Some((Duration::from_secs(66), Duration::from_secs(31)));

fn list() -> Source {
    Source::List(LoginId::new("msn:ada@example.com"))
}

fn ghost(name: &str) -> OwnedUserId {
    OwnedUserId::try_from(format!("@msn_{name}:hs")).unwrap()
}

fn told(name: &str, state: PresenceState) -> (OwnedUserId, Persona, Look) {
    let (network, id) = (NetworkId::new("msn"), PersonaId::new(name));
    (ghost(name), Persona { network, id, name: None }, Look { state, text: None })
}

impl World {
    fn new(refresh: PresenceRefresh, lives: Option<(Duration, Duration)>) -> Self {
        let now = Instant::now();
        let keeper = Keeper::new(refresh, now);
        let (has, sends) = (HashMap::new(), Vec::new());
        Self { keeper, now, lives, off: false, has, sends, reads: 0 }
    }

    fn seen(&self, who: &OwnedUserId) -> MatrixPresence {
        match self.has.get(who) {
            Some((presence, since)) => {
                let lives = self.lives.map(|(online, unavailable)| match presence {
                    MatrixPresence::Online => online,
                    _ => unavailable,
                });
                let dead = self.off || lives.is_some_and(|lives| self.now - *since >= lives);
                if dead { MatrixPresence::Offline } else { presence.clone() }
            }
            None => MatrixPresence::Offline,
        }
    }

    /// Lets time pass; `look` is called at each moment when something is done.
    fn pass(&mut self, time: Duration, mut look: impl FnMut(&Self)) {
        let end = self.now + time;
        loop {
            match self.keeper.next(self.now) {
                Step::Wait(Some(until)) if until <= end => self.now = until,
                Step::Wait(_) => break,
                Step::Read { ghost } => {
                    self.reads += 1;
                    let seen = self.seen(&ghost);
                    self.keeper.read(&ghost, Some(seen), self.now);
                }
                Step::Send { ghost, look, again, .. } => {
                    self.sends.push((self.now, ghost.localpart().to_owned(), again));
                    self.has.insert(ghost.clone(), (look.presence(), self.now));
                    self.keeper.sent(ghost, look, Outcome::Done, self.now, 0.5);
                }
            }
            look(self);
        }
        self.now = end;
    }

    fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds), |_| {});
    }
}

#[test]
fn only_changes_are_sent() {
    let mut world = World::new(PresenceRefresh::Never, None);
    for _ in 0..10 {
        world.keeper.tell_all(&list(), [told("bob", PresenceState::Busy)]);
        world.seconds(10);
    }
    world.keeper.tell_all(&list(), [told("bob", PresenceState::Online)]);
    world.keeper.tell_all(&list(), [told("bob", PresenceState::Away)]);
    world.seconds(10);
    assert_eq!(world.sends.len(), 2, "{:?}", world.sends);
    assert_eq!(world.seen(&ghost("bob")), MatrixPresence::Unavailable);
    // Who is not spoken of any more is offline, and forgotten.
    world.keeper.tell_all(&list(), []);
    world.seconds(10);
    assert_eq!(world.seen(&ghost("bob")), MatrixPresence::Offline);
    assert!(world.keeper.ghosts.is_empty());
}

#[test]
fn where_the_homeserver_forgets_it_is_told_again_and_nobody_goes_away_by_herself() {
    let mut world = World::new(PresenceRefresh::Auto, SYNAPSE);
    let all = || {
        (0..50).map(|number| {
            let state = if number % 2 == 0 { PresenceState::Busy } else { PresenceState::Online };
            told(&format!("c{number}"), state)
        })
    };
    world.keeper.tell_all(&list(), all());
    world.seconds(120);
    assert_eq!(world.keeper.homeserver(), Homeserver::Forgets);
    let mut moments = 0;
    world.pass(Duration::from_secs(600), |world| {
        moments += 1;
        let gone = (0..50)
            .find(|number| world.seen(&ghost(&format!("c{number}"))) == MatrixPresence::Offline);
        assert_eq!(gone, None);
    });
    assert!(moments > 1000, "{moments}");
    // Paced, and each about every twenty-two seconds.
    let again = world.sends.iter().filter(|(_, _, again)| *again).count();
    assert!((50 * 25..50 * 40).contains(&again), "{again}");
    let gaps = world.sends.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(gaps.min().unwrap() >= PACE);
}

#[test]
fn where_the_homeserver_keeps_it_is_found_out_and_left_at_that() {
    let mut world = World::new(PresenceRefresh::Auto, None);
    world.keeper.tell_all(&list(), (0..20).map(|n| told(&format!("c{n}"), PresenceState::Online)));
    world.seconds(100);
    assert_eq!(world.keeper.homeserver(), Homeserver::Keeps);
    let before = world.sends.len();
    world.seconds(3600);
    assert_eq!((world.sends.len(), world.reads), (before, 2));
}

#[test]
fn one_contact_alone_is_enough_to_find_out() {
    let mut world = World::new(PresenceRefresh::Auto, SYNAPSE);
    world.keeper.tell_all(&list(), [told("bob", PresenceState::Away)]);
    world.seconds(45);
    assert_eq!(world.keeper.homeserver(), Homeserver::Forgets);
    assert_eq!(world.seen(&ghost("bob")), MatrixPresence::Unavailable);
}

#[test]
fn a_homeserver_without_presence_is_left_alone_for_an_hour() {
    let mut world = World::new(PresenceRefresh::Auto, None);
    world.off = true;
    world.keeper.tell_all(&list(), [told("bob", PresenceState::Online)]);
    world.seconds(10);
    assert!(matches!(world.keeper.homeserver(), Homeserver::Off(_)));
    let before = world.sends.len();
    world.keeper.tell_all(&list(), [told("bob", PresenceState::Busy)]);
    world.seconds(3000);
    assert_eq!(world.sends.len(), before);
    world.off = false;
    world.seconds(3600);
    assert_eq!(world.seen(&ghost("bob")), MatrixPresence::Unavailable);
}

#[test]
fn of_two_who_speak_of_her_the_one_who_sees_her_is_believed() {
    let mut world = World::new(PresenceRefresh::Never, None);
    let other = Source::List(LoginId::new("msn:eve@example.com"));
    world.keeper.tell_all(&list(), [told("bob", PresenceState::Online)]);
    world.keeper.tell_all(&other, [told("bob", PresenceState::Offline)]);
    world.seconds(1);
    assert_eq!(world.seen(&ghost("bob")), MatrixPresence::Online);
    world.keeper.tell_all(&list(), []);
    world.seconds(1);
    assert_eq!(world.seen(&ghost("bob")), MatrixPresence::Offline);
}

#[test]
fn what_fails_is_sent_later_and_a_farewell_is_not_lost() {
    let mut world = World::new(PresenceRefresh::Never, None);
    world.keeper.tell_all(&list(), [told("bob", PresenceState::Online)]);
    world.seconds(1);
    world.keeper.tell_all(&list(), []);
    for _ in 0..3 {
        let step = world.keeper.next(world.now);
        let Step::Send { ghost, look, .. } = step else { panic!("{step:?}") };
        let failed = Outcome::Failed { after: None };
        world.keeper.sent(ghost, look, failed, world.now, 0.5);
        assert!(matches!(world.keeper.next(world.now), Step::Wait(Some(_))));
        world.now += RETRY.1;
    }
    world.seconds(1);
    assert_eq!(world.seen(&ghost("bob")), MatrixPresence::Offline);
}

#[test]
fn a_thousand_changes_go_at_the_pace_and_the_last_of_each_wins() {
    let mut world = World::new(PresenceRefresh::Never, None);
    for state in [PresenceState::Online, PresenceState::Busy] {
        let all = (0..1000).map(|number| told(&format!("c{number}"), state));
        world.keeper.tell_all(&list(), all);
    }
    world.seconds(24);
    assert!((900..=1000).contains(&world.sends.len()), "{}", world.sends.len());
    world.seconds(3);
    assert_eq!(world.sends.len(), 1000);
    assert_eq!(world.seen(&ghost("c999")), MatrixPresence::Unavailable);
}
