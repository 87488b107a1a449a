//! What becomes of accounts whose servers and sessions fail, on a paused clock.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{
    AcceptError, Connector, CoreConfig, DeliverError, LoginState, LoginStatus, Parts, Puppet,
    PuppetContext, PuppetExit,
    connector::{ContactEdit, LoginError, LoginProcess, LoginStep, SelfPatch, StoredLogin},
    id::{ChatId, LoginId, NetworkId, PersonaId},
    model::{Capabilities, Contact, Delivery, Persona, Receipt, Signal},
    store::{MemoryStore, Store},
};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::support::{
    FakeAdapter, Given, Record, World, bob, config, from_chat, from_room, login_id, said,
};

type Run = Pin<Box<dyn Future<Output = PuppetExit> + Send>>;
/// What an account does in its session of a number, the first being one.
type Behaviour = Arc<dyn Fn(usize, PuppetContext) -> Run + Send + Sync>;

struct Account {
    login: LoginId,
    behaviour: Behaviour,
    sessions: Arc<AtomicUsize>,
    /// What it says it heard; none when it cannot tell.
    hears: Option<u64>,
    /// What happened to it, in order.
    story: Arc<Mutex<Vec<&'static str>>>,
}

impl Account {
    fn new(name: &str, behaviour: Behaviour) -> Self {
        Self {
            login: LoginId::new(name),
            behaviour,
            sessions: Arc::default(),
            hears: None,
            story: Arc::default(),
        }
    }

    fn tells(&self, what: &'static str) {
        self.story.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

#[async_trait]
impl Puppet for Account {
    fn login(&self) -> &LoginId {
        &self.login
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    fn heard(&self) -> Option<u64> {
        self.hears
    }

    async fn run(self: Arc<Self>, cx: PuppetContext) -> PuppetExit {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let exit = (self.behaviour)(number, cx).await;
        self.tells("signed out");
        exit
    }

    async fn deliver(&self, _: &ChatId, _: &Delivery) -> Result<Receipt, DeliverError> {
        self.tells("delivery begins");
        sleep(Duration::from_secs(2)).await;
        self.tells("delivery ends");
        Ok(Receipt::default())
    }

    async fn signal(&self, _: &ChatId, _: &Signal) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn chat_with(&self, person: &PersonaId) -> Result<(ChatId, Persona), DeliverError> {
        Ok((ChatId::new(person.as_str()), bob()))
    }

    async fn contacts(&self) -> Vec<Contact> {
        Vec::new()
    }

    async fn edit_contact(&self, _: &PersonaId, _: ContactEdit) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn set_self(&self, _: SelfPatch) -> Result<(), DeliverError> {
        Ok(())
    }
}

/// Makes one account, Bob's, for whoever says `login` and any password.
struct OneAccount(Arc<Account>);

struct AnyPassword;

#[async_trait]
impl LoginProcess for AnyPassword {
    async fn next(&mut self, answer: Option<SecretString>) -> Result<LoginStep, LoginError> {
        Ok(match answer {
            None => LoginStep::Ask { prompt: "the password?".to_owned(), secret: true },
            Some(credentials) => {
                LoginStep::Done(StoredLogin { id: login_id(), persona: bob(), credentials })
            }
        })
    }
}

impl Connector for OneAccount {
    fn network(&self) -> NetworkId {
        NetworkId::new("chats")
    }

    fn start_login(&self) -> Box<dyn LoginProcess> {
        Box::new(AnyPassword)
    }

    fn load(&self, _: StoredLogin) -> Result<Arc<dyn Puppet>, LoginError> {
        Ok(self.0.clone())
    }
}

async fn world_of_one(store: &Arc<MemoryStore>, account: &Arc<Account>) -> World {
    let rooms = Arc::new(Record::default());
    let parts = Parts {
        adapters: vec![Arc::new(FakeAdapter(Arc::clone(&rooms)))],
        connectors: vec![Arc::new(OneAccount(Arc::clone(account)))],
        ..Parts::default()
    };
    let store: Arc<dyn Store> = store.clone();
    World::of(store, config(), parts, rooms, Arc::default()).await.expect("it opens")
}

async fn world_of(accounts: Vec<Arc<Account>>, config: CoreConfig) -> World {
    let mut own: Vec<Arc<dyn Puppet>> = Vec::new();
    for account in accounts {
        own.push(account);
    }
    let parts = Parts { accounts: own, ..Parts::default() };
    let store = Arc::new(MemoryStore::new());
    let world = World::of(store, config, parts, Arc::default(), Arc::default()).await;
    world.expect("it opens")
}

fn status(world: &World, name: &str) -> LoginStatus {
    let all = world.core.status().logins;
    all.into_iter().find(|login| login.login.as_str() == name).expect("it is there")
}

fn all_are(world: &World, state: LoginState) -> bool {
    world.core.status().logins.iter().all(|login| login.state == state)
}

fn told(world: &World, words: &str) -> usize {
    let given = world.rooms.given();
    let answers =
        given.iter().filter(|given| matches!(given, Given::Answer(text) if text.contains(words)));
    answers.count()
}

/// Comes online and stays.
async fn lasts(cx: PuppetContext) -> PuppetExit {
    cx.online.send_replace(true);
    cx.cancel.cancelled().await;
    PuppetExit::Cancelled
}

fn unreachable() -> PuppetExit {
    PuppetExit::Transient { reason: "nobody answers".to_owned(), after: None }
}

/// A server with many accounts: whether it is there, and who tries it.
#[derive(Default)]
struct Server {
    down: AtomicBool,
    trying: AtomicUsize,
    most_trying: AtomicUsize,
    tries: Mutex<Vec<Instant>>,
}

impl Server {
    fn account(self: &Arc<Self>, name: &str) -> Arc<Account> {
        let server = Arc::clone(self);
        let behaviour: Behaviour = Arc::new(move |_, cx| {
            let server = Arc::clone(&server);
            Box::pin(async move {
                server.tries.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                let trying = server.trying.fetch_add(1, Ordering::Relaxed) + 1;
                server.most_trying.fetch_max(trying, Ordering::Relaxed);
                sleep(Duration::from_millis(300)).await;
                server.trying.fetch_sub(1, Ordering::Relaxed);
                if server.down.load(Ordering::Relaxed) {
                    return unreachable();
                }
                cx.online.send_replace(true);
                loop {
                    tokio::select! {
                        () = cx.cancel.cancelled() => return PuppetExit::Cancelled,
                        () = sleep(Duration::from_secs(1)) => {
                            if server.down.load(Ordering::Relaxed) {
                                return unreachable();
                            }
                        }
                    }
                }
            })
        });
        Arc::new(Account::new(name, behaviour))
    }

    fn tries(&self) -> usize {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_is_not_run_down_by_its_accounts_and_gets_them_back_in_turn() {
    let server = Arc::new(Server::default());
    let accounts = (0..200).map(|number| server.account(&format!("account {number}"))).collect();
    let world = world_of(accounts, config()).await;
    world.until("all are there", |world| all_are(world, LoginState::Connected)).await;

    server.down.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(5)).await;
    let (before, began) = (server.tries(), Instant::now());
    server.most_trying.store(0, Ordering::Relaxed);
    sleep(Duration::from_secs(3600)).await;
    let tries = server.tries() - before;
    assert!((10..300).contains(&tries), "{tries} tries of 200 accounts in an hour");
    assert_eq!(server.most_trying.load(Ordering::Relaxed), 1, "one at a time");
    assert!(all_are(&world, LoginState::Unreachable));

    server.down.store(false, Ordering::Relaxed);
    server.tries.lock().unwrap_or_else(PoisonError::into_inner).clear();
    world.until("all are back", |world| all_are(world, LoginState::Connected)).await;
    let tries = server.tries.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let most = tries.windows(22).filter(|some| some[21] - some[0] < Duration::from_secs(1)).count();
    assert_eq!(most, 0, "at most twenty in a second");
    assert!(began.elapsed() < Duration::from_secs(3600 + 400));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_looks_connected_and_hears_nothing_is_started_again() {
    // The first session hangs, and does not even end when it is told to.
    let behaviour: Behaviour = Arc::new(|number, cx| {
        Box::pin(async move {
            cx.online.send_replace(true);
            if number == 1 {
                std::future::pending::<()>().await;
            }
            lasts(cx).await
        })
    });
    let hangs = Arc::new(Account { hears: Some(7), ..Account::new("hangs", behaviour) });
    let cannot_tell: Behaviour = Arc::new(|_, cx| Box::pin(lasts(cx)));
    let fine = Arc::new(Account::new("fine", cannot_tell));
    let silence = CoreConfig { silence: Duration::from_secs(60), ..config() };
    let world = world_of(vec![hangs.clone(), fine.clone()], silence).await;
    world.until("it is online", |world| all_are(world, LoginState::Connected)).await;
    sleep(Duration::from_secs(59)).await;
    assert_eq!(hangs.sessions.load(Ordering::Relaxed), 1, "its time is not over");
    let found = |world: &World| {
        status(world, "hangs").reason.is_some_and(|reason| reason.contains("silent"))
    };
    world.until("it is found", found).await;
    world.until("it is back", |world| all_are(world, LoginState::Connected)).await;
    assert_eq!(fine.sessions.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_touches_no_other_account_and_is_tried_again_after_ten_minutes() {
    let panics: Behaviour = Arc::new(|number, cx| {
        Box::pin(async move {
            cx.online.send_replace(true);
            sleep(Duration::from_secs(1)).await;
            assert!(number > 2, "a bug in a puppet");
            lasts(cx).await
        })
    });
    let fine: Behaviour = Arc::new(|_, cx| Box::pin(lasts(cx)));
    let panics = Arc::new(Account::new("panics", panics));
    let others: Vec<_> = (0..5)
        .map(|number| Arc::new(Account::new(&format!("fine {number}"), fine.clone())))
        .collect();
    let all = others.iter().cloned().chain([panics.clone()]).collect();
    let world = world_of(all, config()).await;
    let broken = |world: &World| status(world, "panics").state == LoginState::UnknownError;
    world.until("it panics", broken).await;
    let reason = status(&world, "panics").reason.expect("it is said");
    assert!(reason.contains("a bug in a puppet"), "{reason}");
    sleep(Duration::from_secs(599)).await;
    assert_eq!(panics.sessions.load(Ordering::Relaxed), 1, "the circuit is open");
    let lives = |world: &World| status(world, "panics").state == LoginState::Connected;
    world.until("it lives in the end", |_| panics.sessions.load(Ordering::Relaxed) == 3).await;
    world.until("it lives", lives).await;
    assert!(others.iter().all(|other| other.sessions.load(Ordering::Relaxed) == 1));
}

#[tokio::test(start_paused = true)]
async fn signed_in_elsewhere_twice_is_left_alone() {
    let kicked: Behaviour = Arc::new(|_, cx| {
        Box::pin(async move {
            cx.online.send_replace(true);
            sleep(Duration::from_secs(1)).await;
            PuppetExit::KickedElsewhere
        })
    });
    let account = Arc::new(Account::new("chats:bob", kicked));
    let store = Arc::new(MemoryStore::new());
    let world = world_of_one(&store, &account).await;
    world.sign_in().await;
    let is_kicked = |world: &World| status(world, "chats:bob").state == LoginState::Kicked;
    world.until("it is left alone", is_kicked).await;
    sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(account.sessions.load(Ordering::Relaxed), 2);
    assert_eq!(told(&world, "signed in somewhere else again"), 1);
    world.core.stop(Duration::from_secs(10)).await;
    // Nor does a restart begin the fight again.
    let world = world_of_one(&store, &account).await;
    sleep(Duration::from_secs(24 * 3600)).await;
    assert!(is_kicked(&world) && account.sessions.load(Ordering::Relaxed) == 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_told_once_and_not_tried_after_a_restart_until_asked_for() {
    let refused: Behaviour = Arc::new(|_, _| {
        Box::pin(async { PuppetExit::AuthRejected("The server refused it.".to_owned()) })
    });
    let account = Arc::new(Account::new("chats:bob", refused));
    let store = Arc::new(MemoryStore::new());
    let is_refused = |world: &World| status(world, "chats:bob").state == LoginState::BadCredentials;
    let world = world_of_one(&store, &account).await;
    world.sign_in().await;
    world.until("it is refused", is_refused).await;
    world.until("she is told", |world| told(world, "The server refused it.") == 1).await;
    sleep(Duration::from_secs(3600)).await;
    world.core.stop(Duration::from_secs(10)).await;
    for _ in 0..3 {
        let world = world_of_one(&store, &account).await;
        sleep(Duration::from_secs(3600)).await;
        assert!(is_refused(&world), "it is known at once");
        assert_eq!(told(&world, "refused"), 0, "nobody is told again");
        world.core.stop(Duration::from_secs(10)).await;
    }
    assert_eq!(account.sessions.load(Ordering::Relaxed), 1, "nothing was tried");
    let world = world_of_one(&store, &account).await;
    world.command("again", "relogin").await;
    world.until("it is tried", |_| account.sessions.load(Ordering::Relaxed) == 2).await;
    world.until("she is told", |world| told(world, "The server refused it.") == 1).await;
}

#[tokio::test(start_paused = true)]
async fn short_breaks_are_silent_and_long_ones_are_told_once_over_restarts_too() {
    let server = Arc::new(Server::default());
    let account = server.account("chats:bob");
    let store = Arc::new(MemoryStore::new());
    let is = |state| move |world: &World| status(world, "chats:bob").state == state;
    let world = world_of_one(&store, &account).await;
    world.sign_in().await;
    world.until("it is there", is(LoginState::Connected)).await;
    for _ in 0..5 {
        server.down.store(true, Ordering::Relaxed);
        world.until("it is away", is(LoginState::TransientDisconnect)).await;
        sleep(Duration::from_secs(20)).await;
        server.down.store(false, Ordering::Relaxed);
        world.until("it is back", is(LoginState::Connected)).await;
        sleep(Duration::from_secs(150)).await;
    }
    assert_eq!(told(&world, "not been connected") + told(&world, "connected again"), 0);
    server.down.store(true, Ordering::Relaxed);
    world.until("it is away for long", is(LoginState::Unreachable)).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(told(&world, "has not been connected for 3 minutes"), 1);
    world.core.stop(Duration::from_secs(10)).await;

    let world = world_of_one(&store, &account).await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(told(&world, "not been connected"), 0, "she knows");
    server.down.store(false, Ordering::Relaxed);
    world.until("it is back", is(LoginState::Connected)).await;
    world.until("she is told", |world| told(world, "connected again") == 1).await;
    world.core.stop(Duration::from_secs(10)).await;
    let world = world_of_one(&store, &account).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(told(&world, "connected again"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_delivery_under_way_end_before_the_account_signs_out() {
    let fine: Behaviour = Arc::new(|_, cx| Box::pin(lasts(cx)));
    let account = Arc::new(Account::new("chats:bob", fine));
    let store = Arc::new(MemoryStore::new());
    let world = world_of_one(&store, &account).await;
    world.sign_in().await;
    world.core.inbox().accept_all(vec![from_chat("c1", "hello")], None).await.expect("accepted");
    let room = world.room().await;
    let event = from_room("r1", &room, said("hi"));
    world.core.inbox().accept_all(vec![event], None).await.expect("accepted");
    let story = Arc::clone(&account.story);
    let story = || story.lock().unwrap_or_else(PoisonError::into_inner).clone();
    world.until("it is under way", |_| story() == ["delivery begins"]).await;
    let inbox = world.core.inbox();
    world.core.stop(Duration::from_secs(10)).await;
    assert_eq!(story(), ["delivery begins", "delivery ends", "signed out"]);
    let late = inbox.accept_all(vec![from_chat("c2", "late")], None).await;
    assert!(matches!(late, Err(AcceptError::Closed)), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_takes_nothing_new_in_until_nothing_waits() {
    let fine: Behaviour = Arc::new(|_, cx| Box::pin(lasts(cx)));
    let account = Arc::new(Account::new("chats:bob", fine));
    let store = Arc::new(MemoryStore::new());
    let world = world_of_one(&store, &account).await;
    world.sign_in().await;
    let inbox = world.core.inbox();
    world.rooms.fail_next((0..5).map(|_| DeliverError::retry("not now")));
    inbox.accept_all(vec![from_chat("c1", "before")], None).await.expect("accepted");
    let newcomer = async {
        sleep(Duration::from_millis(10)).await;
        assert_eq!(world.core.troubles(), ["it is drained before a stop"]);
        inbox.accept_all(vec![from_chat("c2", "new")], None).await
    };
    let (drained, refused) = tokio::join!(world.core.drain(Duration::from_secs(600)), newcomer);
    assert!(drained && matches!(refused, Err(AcceptError::Busy)), "{refused:?}");
    assert_eq!(world.rooms.texts(), ["before"]);
    // Afterwards it is taken, and one that has no end ends in time.
    inbox.accept_all(vec![from_chat("c2", "new")], None).await.expect("accepted");
    world.settle().await;
    world.rooms.stuck.store(true, Ordering::Relaxed);
    inbox.accept_all(vec![from_chat("c3", "stuck")], None).await.expect("accepted");
    let began = Instant::now();
    assert!(!world.core.drain(Duration::from_secs(60)).await);
    assert!(began.elapsed() < Duration::from_secs(61) && world.core.troubles().is_empty());
}
