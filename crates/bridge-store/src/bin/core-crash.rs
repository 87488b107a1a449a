//! Kills a working core again and again, and counts what is missing, doubled or out of order.
//!
//! `core-crash --kills 20 --seed 1`: a child runs a core on a store of its own, with two platforms and
//! an account in one relay, under a stream of numbered messages from all three, in groups; places fail
//! at random. The parent kills it at random moments. A message counts as accepted when the core said
//! so; its source tells it again until then. At the end every accepted message must be in each other
//! place and in no place it came from: on the platform with idempotency keys exactly once, elsewhere at
//! least once, repetitions marked, and everywhere in order. The last line is `N kills, A accepted, M missing, D duplicated`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{
    AcceptError, Adapter, AdapterContext, AdapterExit, Core, CoreConfig, DeliverError, Parts,
    Puppet, PuppetContext, PuppetExit, Relay, SealKey,
    adapter::{CommandOrigin, Reply},
    connector::{ContactEdit, SelfPatch},
    id::{
        ChatId, IdempotencyKey, LoginId, MessageId, NetworkId, PersonaId, PortalId, RoomId,
        SourceId, Timestamp,
    },
    model::{
        Capabilities, Contact, Content, Delivery, Event, EventKind, Membership, Persona, Receipt,
        RoomSpec, Scope, Signal, UserId,
    },
};
use bridge_store::{DiskStore, StoreOptions};

/// The places; the first takes keys, so that a repetition there is none.
const PLACES: [&str; 3] = ["keyed", "plain", "chats"];
/// Most messages told at once.
const GROUP: u64 = 12;
/// Longest life of a child before it is killed.
const LIFE: u64 = 220;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let mut words = arguments.iter().skip_while(|word| *word != name).skip(1);
        words.next().cloned()
    };
    let number =
        |name: &str, default| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let outcome = match value("--work") {
        Some(path) => work(Path::new(&path), number("--seed", 1), number("--messages", u64::MAX)),
        None => kill_and_count(number("--kills", 20), number("--seed", 1)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("core-crash: {error}");
            ExitCode::FAILURE
        }
    }
}

/// xorshift: the same seed, the same story.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// A place that writes down what it is given, and fails now and then.
struct Place {
    name: &'static str,
    written: Mutex<File>,
    dice: Mutex<u64>,
}

impl Place {
    fn open(home: &Path, name: &'static str, seed: u64) -> std::io::Result<Arc<Self>> {
        let file = OpenOptions::new().create(true).append(true).open(home.join(name))?;
        // Each place has luck of its own.
        let own = name.bytes().fold(seed, |seed, byte| seed.rotate_left(9) ^ u64::from(byte));
        Ok(Arc::new(Self { name, written: Mutex::new(file), dice: Mutex::new(own | 1) }))
    }

    fn roll(&self) -> u64 {
        random(&mut self.dice.lock().unwrap_or_else(PoisonError::into_inner)) % 100
    }

    async fn take(&self, item: &Delivery) -> Result<Receipt, DeliverError> {
        let EventKind::Message(content) = &item.event.kind else {
            return Ok(Receipt::default());
        };
        let luck = self.roll();
        if luck < 3 {
            return Err(DeliverError::retry("not now"));
        }
        let words = &content.text.plain;
        let message = words.rsplit(' ').next().unwrap_or_default();
        let line = format!("{message} {} {}\n", item.key, item.maybe_double);
        {
            let mut file = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(line.as_bytes())
                .map_err(|error| DeliverError::retry(error.to_string()))?;
        }
        // A moment in which a kill finds it said and not noted.
        tokio::time::sleep(Duration::from_micros(200)).await;
        if luck < 5 {
            return Err(DeliverError::Ambiguous("its answer was lost".into()));
        }
        Ok(Receipt {
            messages: vec![MessageId::new(format!("{message}-{}", self.name))],
            ..Receipt::default()
        })
    }
}

struct Platform(Arc<Place>);

#[async_trait]
impl Adapter for Platform {
    fn network(&self) -> NetworkId {
        NetworkId::new(self.0.name)
    }

    fn capabilities(&self) -> Capabilities {
        let idempotent = self.0.name == PLACES[0];
        Capabilities { idempotent, speakers: true, ..Capabilities::NONE }
    }

    fn is_ready(&self) -> bool {
        true
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        cx.cancel.cancelled().await;
        AdapterExit::Cancelled
    }

    async fn create_room(&self, _: &RoomSpec) -> Result<RoomId, DeliverError> {
        Err(DeliverError::Gone("relays have their rooms".into()))
    }

    async fn find_room(&self, _: PortalId) -> Result<Option<RoomId>, DeliverError> {
        Ok(None)
    }

    async fn invite(&self, _: &RoomId, _: &UserId) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn set_membership(
        &self,
        _: &RoomId,
        _: &Persona,
        _: Membership,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn deliver(&self, _: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        self.0.take(item).await
    }

    async fn signal(&self, _: &RoomId, _: &Persona, _: &Signal) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn reply(
        &self,
        _: &CommandOrigin,
        _: &Reply,
        _: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn conceal(&self, _: &CommandOrigin) -> Result<(), DeliverError> {
        Ok(())
    }
}

struct Account(Arc<Place>, LoginId);

#[async_trait]
impl Puppet for Account {
    fn login(&self) -> &LoginId {
        &self.1
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    async fn run(self: Arc<Self>, cx: PuppetContext) -> PuppetExit {
        cx.online.send_replace(true);
        cx.cancel.cancelled().await;
        PuppetExit::Cancelled
    }

    async fn deliver(&self, _: &ChatId, item: &Delivery) -> Result<Receipt, DeliverError> {
        self.0.take(item).await
    }

    async fn signal(&self, _: &ChatId, _: &Signal) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn chat_with(&self, _: &PersonaId) -> Result<(ChatId, Persona), DeliverError> {
        Err(DeliverError::Gone("nobody asks".into()))
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

/// Runs a core and feeds it until killed, or until all it was to say is said and delivered.
#[tokio::main(flavor = "current_thread")]
async fn work(home: &Path, seed: u64, messages: u64) -> Result<bool, Failure> {
    let place = |name| Place::open(home, name, seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let [keyed, plain, chats] = [place(PLACES[0])?, place(PLACES[1])?, place(PLACES[2])?];
    let login = LoginId::new("chats:account");
    let bob = persona("chats", "bob");
    let relay = Relay {
        name: "all".to_owned(),
        chats: vec![(login.clone(), ChatId::new("bob"), bob)],
        rooms: vec![
            (NetworkId::new(PLACES[0]), RoomId::new("room")),
            (NetworkId::new(PLACES[1]), RoomId::new("room")),
        ],
    };
    let parts = Parts {
        adapters: vec![Arc::new(Platform(keyed)), Arc::new(Platform(plain))],
        accounts: vec![Arc::new(Account(chats, login))],
        relays: vec![relay],
        ..Parts::default()
    };
    let config = CoreConfig {
        retry: (Duration::from_millis(1), Duration::from_millis(5)),
        relay_notice: false,
        ..CoreConfig::default()
    };
    let store = Arc::new(DiskStore::open(&home.join("store"), StoreOptions::default())?);
    let key = SealKey::from_bytes(&[7; 32]).ok_or("32 bytes make a key")?;
    let mut core = Core::open(store, key, config, parts).await?;
    core.start().await?;
    let accepted_file = home.join("accepted");
    let mut accepted = OpenOptions::new().create(true).append(true).open(&accepted_file)?;
    let first = fs::read_to_string(&accepted_file)?.lines().count();
    let inbox = core.inbox();
    let mut next = u64::try_from(first)?;
    let mut dice = seed | 1;
    while next < messages {
        let end = messages.min(next + 1 + random(&mut dice) % GROUP);
        // Told again after a kill under the same names, as a source that heard no answer does; the
        // group may be another then.
        let group: Result<Vec<Event>, Failure> = (next..end).map(event).collect();
        match inbox.accept_all(group?, None).await {
            Ok(()) => {}
            Err(AcceptError::Busy) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let lines: String = (next..end).map(|number| format!("{number}\n")).collect();
        accepted.write_all(lines.as_bytes())?;
        next = end;
    }
    Ok(core.drain(Duration::from_secs(120)).await)
}

fn persona(network: &str, id: &str) -> Persona {
    Persona { network: NetworkId::new(network), id: PersonaId::new(id), name: None }
}

/// Where the message of a number comes from.
fn origin(number: u64) -> Result<&'static str, Failure> {
    let place = usize::try_from(number.wrapping_mul(0x9E37_79B9) / 7 % 3)?;
    PLACES.get(place).copied().ok_or_else(|| "a place for each".into())
}

fn event(number: u64) -> Result<Event, Failure> {
    let network = origin(number)?;
    let scope = if network == PLACES[2] {
        Scope::Chat { login: LoginId::new("chats:account"), chat: ChatId::new("bob") }
    } else {
        Scope::Room(RoomId::new("room"))
    };
    Ok(Event {
        network: NetworkId::new(network),
        source: SourceId::new(number.to_string()),
        message: Some(MessageId::new(format!("said-{number}"))),
        at: Timestamp::now(),
        scope,
        sender: persona(network, "somebody"),
        kind: EventKind::Message(Content::plain(number.to_string())),
    })
}

fn kill_and_count(kills: u64, seed: u64) -> Result<bool, Failure> {
    let home = std::env::temp_dir().join(format!("core-crash-{}", std::process::id()));
    fs::create_dir_all(&home)?;
    let mut dice = seed | 1;
    for _ in 0..kills {
        let mut child = spawn(&home, random(&mut dice), u64::MAX)?;
        std::thread::sleep(Duration::from_millis(20 + random(&mut dice) % LIFE));
        if let Some(status) = child.try_wait()? {
            return Err(format!("a child ended by itself: {status}").into());
        }
        child.kill()?;
        child.wait()?;
    }
    let accepted = fs::read_to_string(home.join("accepted"))?.lines().count();
    let accepted = u64::try_from(accepted)?;
    // A group may have been accepted without its source hearing of it: it is told again.
    let mut child = spawn(&home, seed, accepted + GROUP)?;
    if !child.wait()?.success() {
        return Err("what was accepted is not all delivered in two minutes".into());
    }
    let (mut missing, mut duplicated, mut broken) = (0, 0, Vec::new());
    for place in PLACES {
        let found = count(&home.join(place), place, accepted)?;
        missing += found.missing;
        duplicated += found.duplicated;
        broken.extend(found.broken.into_iter().map(|what| format!("{place}: {what}")));
    }
    for what in &broken {
        println!("{what}");
    }
    println!("{kills} kills, {accepted} accepted, {missing} missing, {duplicated} duplicated");
    if missing == 0 && broken.is_empty() {
        fs::remove_dir_all(&home)?;
        return Ok(true);
    }
    println!("everything is left in {}", home.display());
    Ok(false)
}

fn spawn(home: &Path, seed: u64, messages: u64) -> std::io::Result<std::process::Child> {
    Command::new(std::env::current_exe()?)
        .args(["--seed", &seed.to_string(), "--messages", &messages.to_string(), "--work"])
        .arg(home)
        .stdin(Stdio::null())
        .spawn()
}

/// What one place got.
#[derive(Default)]
struct Found {
    missing: u64,
    /// Repetitions, each with its mark.
    duplicated: u64,
    broken: Vec<String>,
}

fn count(file: &PathBuf, place: &str, accepted: u64) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    let mut keys: BTreeMap<String, u64> = BTreeMap::new();
    let mut last = None;
    for line in fs::read_to_string(file)?.lines() {
        let mut words = line.split(' ');
        let (Some(message), Some(key), Some(marked)) = (words.next(), words.next(), words.next())
        else {
            continue; // cut by a kill in the middle of the write
        };
        let number: u64 = message.parse()?;
        if place == PLACES[0] {
            // The same key is the same message there; another key would be another one.
            let first = *keys.entry(key.to_owned()).or_insert(number);
            if first != number {
                found.broken.push(format!("one key for {first} and {number}"));
            }
            if seen.contains(&number) && keys.values().filter(|other| **other == number).count() > 1
            {
                found.broken.push(format!("{number} has two keys"));
            }
        } else if seen.contains(&number) {
            found.duplicated += 1;
            if marked != "true" {
                found.broken.push(format!("{number} is repeated without its mark"));
            }
        }
        if origin(number)? == place {
            found.broken.push(format!("{number} came back to where it was said"));
        }
        if last.is_some_and(|last| number < last) {
            found.broken.push(format!("{number} comes after {}", last.unwrap_or_default()));
        }
        last = last.max(Some(number));
        seen.insert(number);
    }
    for number in 0..accepted {
        if origin(number)? != place && !seen.contains(&number) {
            found.missing += 1;
        }
    }
    Ok(found)
}
