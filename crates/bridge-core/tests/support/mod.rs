//! Stand-ins for the networks and the store: they do as told and remember what they were given.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bridge_core::{
    Adapter, AdapterContext, AdapterExit, Connector, Core, CoreConfig, DeliverError, Inbox, Parts,
    Puppet, PuppetContext, PuppetExit, SealKey,
    adapter::{CloseReason, CommandOrigin, Reply, RoomCondition},
    command::{Permissions, Role},
    connector::{
        ContactEdit, GroupEdit, LoginError, LoginProcess, LoginStep, SelfPatch, StoredLogin,
        TraceRequest,
    },
    id::{
        ChatId, IdempotencyKey, LoginId, MessageId, NetworkId, PersonaId, PortalId, RoomId,
        SourceId, Timestamp,
    },
    model::{
        Capabilities, CommandLine, Contact, ContactList, Content, Delivery, Event, EventKind,
        Membership, Persona, Receipt, Rediscovered, Reject, RoomSpec, Scope, ShownFates, Signal,
        UserId,
    },
    store::{
        BackupFacts, Batch, CommitError, Durability, Key, KeyRange, MemoryStore, Store, StoreError,
        StoreStats, Value,
    },
};
use secrecy::{ExposeSecret as _, SecretString};

/// What a network was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Message {
        place: String,
        key: IdempotencyKey,
        text: String,
        maybe_double: bool,
        /// The earlier message it answers, by its names there.
        about: Vec<MessageId>,
    },
    /// A change of an earlier message, by its names there.
    Edit {
        place: String,
        key: IdempotencyKey,
        about: Vec<MessageId>,
        text: String,
    },
    /// What became of a message, with its names there.
    Fate(String),
    Answer(String),
    Concealed,
    Signal(bool),
    /// A room was closed.
    Closed(String),
    /// Somebody came into a room.
    Joined(String, String),
    /// A wish of the account's owner.
    Wish(String),
    Room,
}

/// Shared by both stand-ins: what they were given, and the errors they are to answer with.
#[derive(Default)]
pub(crate) struct Record {
    /// Users whose own words, from elsewhere, a room was given.
    pub(crate) spoken_by: Mutex<Vec<String>>,
    given: Mutex<Vec<Given>>,
    errors: Mutex<VecDeque<DeliverError>>,
    late_errors: Mutex<VecDeque<DeliverError>>,
    pub(crate) stuck: AtomicBool,
    pub(crate) no_passwords: AtomicBool,
    /// Who asks to be a contact.
    pub(crate) asking: Mutex<Vec<Persona>>,
    /// What the rooms say of themselves.
    pub(crate) rooms_say: Mutex<Rediscovered>,
    /// How many rooms were made for each portal.
    made: Mutex<BTreeMap<String, u32>>,
    /// Rooms that are gone.
    pub(crate) gone: Mutex<BTreeSet<String>>,
    /// How many parts a message becomes.
    pub(crate) parts: AtomicUsize,
    /// Whether an account hears what it said, before it is told that it said it.
    pub(crate) echoes: AtomicBool,
    /// Whether what becomes of a message is told later.
    pub(crate) later: AtomicBool,
    inbox: Mutex<Option<Arc<dyn Inbox>>>,
    /// The contact lists that were shown.
    pub(crate) lists: Mutex<Vec<ContactList>>,
    /// What the next lists are answered with.
    pub(crate) list_errors: Mutex<VecDeque<DeliverError>>,
    /// Who is on the list.
    pub(crate) contacts: Mutex<Vec<Contact>>,
    /// Whether platforms show no lists.
    pub(crate) no_lists: AtomicBool,
    /// The account that a sign-in is to; none is Bob's.
    pub(crate) account: Mutex<String>,
}

impl Record {
    pub(crate) fn given(&self) -> MutexGuard<'_, Vec<Given>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fail_next(&self, errors: impl IntoIterator<Item = DeliverError>) {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).extend(errors);
    }

    /// Lets the next delivery come about and answers it with an error all the same.
    pub(crate) fn fail_after_next(&self, error: DeliverError) {
        self.late_errors.lock().unwrap_or_else(PoisonError::into_inner).push_back(error);
    }

    /// Lets nothing fail any more.
    pub(crate) fn heal(&self) {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether all failures asked for have come about.
    pub(crate) fn has_failed_enough(&self) -> bool {
        let none = |errors: &Mutex<VecDeque<_>>| {
            errors.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
        };
        none(&self.errors) && none(&self.late_errors)
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let texts = self.given();
        texts
            .iter()
            .filter_map(|given| match given {
                Given::Message { text, .. } => Some(text.clone()),
                _ => None,
            })
            .collect()
    }

    /// What was said in one place.
    pub(crate) fn texts_in(&self, wanted: &str) -> Vec<String> {
        let given = self.given();
        let texts = given.iter().filter_map(|given| match given {
            Given::Message { place, text, .. } if place == wanted => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) fn is_gone(&self, room: &str) -> bool {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).contains(room)
    }

    /// What the bridge itself said in answer.
    pub(crate) fn answers(&self) -> Vec<String> {
        let given = self.given();
        let answers = given.iter().filter_map(|given| match given {
            Given::Answer(text) => Some(text.clone()),
            _ => None,
        });
        answers.collect()
    }

    fn note(&self, given: Given) {
        self.given().push(given);
    }

    async fn take(&self, place: &str, item: &Delivery) -> Result<(), DeliverError> {
        if self.stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let error = self.errors.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(error) = error {
            return Err(error);
        }
        match &item.event.kind {
            EventKind::Message(content) => self.note(Given::Message {
                place: place.to_owned(),
                key: item.key,
                text: content.text.plain.clone(),
                maybe_double: item.maybe_double,
                about: item.about.clone(),
            }),
            EventKind::Edit { content, .. } => self.note(Given::Edit {
                place: place.to_owned(),
                key: item.key,
                about: item.about.clone(),
                text: content.text.plain.clone(),
            }),
            EventKind::Delivery { state, .. } => {
                self.note(Given::Fate(format!("{:?} {state:?}", item.about)));
                return Ok(());
            }
            _ => return Ok(()),
        }
        let late = self.late_errors.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        late.map_or(Ok(()), Err)
    }
}

pub(crate) struct FakeAdapter(pub(crate) Arc<Record>);

#[async_trait]
impl Adapter for FakeAdapter {
    fn network(&self) -> NetworkId {
        NetworkId::new("rooms")
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            contact_lists: !self.0.no_lists.load(Ordering::Relaxed),
            edits: true,
            fates: ShownFates::All,
            idempotent: true,
            presence: true,
            speakers: true,
            typing: true,
            ..Capabilities::NONE
        }
    }

    fn is_ready(&self) -> bool {
        true
    }

    async fn run(self: Arc<Self>, cx: AdapterContext) -> AdapterExit {
        cx.cancel.cancelled().await;
        AdapterExit::Cancelled
    }

    async fn create_room(&self, spec: &RoomSpec) -> Result<RoomId, DeliverError> {
        self.0.note(Given::Room);
        // The first is named after its portal; a later one needs a name of its own.
        let name = spec.portal.to_string();
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.entry(name.clone()).or_insert(0_u32);
        *made += 1;
        Ok(RoomId::new(if *made > 1 { format!("{name}-{made}") } else { name }))
    }

    async fn may_show(&self, room: &RoomId) -> Result<(), DeliverError> {
        if room.as_str() != "management" {
            return Ok(());
        }
        let tell_user = "This room is for commands.".to_owned();
        Err(DeliverError::Reject { reason: Reject::Unsupported, tell_user })
    }

    async fn look_at(&self, room: &RoomId) -> Result<RoomCondition, DeliverError> {
        let gone = self.0.is_gone(room.as_str());
        Ok(if gone { RoomCondition::Gone } else { RoomCondition::Here })
    }

    async fn close_room(&self, room: &RoomId, _: CloseReason) -> Result<(), DeliverError> {
        self.0.note(Given::Closed(room.to_string()));
        Ok(())
    }

    async fn find_room(&self, portal: PortalId) -> Result<Option<RoomId>, DeliverError> {
        let made = self.0.given().contains(&Given::Room);
        Ok(made.then(|| RoomId::new(portal.to_string())))
    }

    async fn rediscover(&self, _: &[RoomId]) -> Result<Rediscovered, DeliverError> {
        if self.0.stuck.load(Ordering::Relaxed) {
            return Err(DeliverError::retry("not yet"));
        }
        Ok(self.0.rooms_say.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn invite(&self, _: &RoomId, _: &UserId) -> Result<(), DeliverError> {
        Ok(())
    }

    async fn set_membership(
        &self,
        room: &RoomId,
        persona: &Persona,
        _: Membership,
    ) -> Result<(), DeliverError> {
        self.0.note(Given::Joined(room.to_string(), persona.id.to_string()));
        Ok(())
    }

    async fn deliver(&self, room: &RoomId, item: &Delivery) -> Result<Receipt, DeliverError> {
        self.0.take(room.as_str(), item).await?;
        if let Some(user) = &item.spoken_by {
            let mut spoken = self.0.spoken_by.lock().unwrap_or_else(PoisonError::into_inner);
            spoken.push(user.id.to_string());
        }
        let parts = self.0.parts.load(Ordering::Relaxed);
        let later = (1..parts).map(|part| MessageId::new(format!("{}-part {part}", item.key)));
        let first = MessageId::new(item.key.to_string());
        let messages = std::iter::once(first).chain(later).collect();
        Ok(Receipt { messages, ..Receipt::default() })
    }

    async fn signal(
        &self,
        room: &RoomId,
        _: &Persona,
        signal: &Signal,
    ) -> Result<(), DeliverError> {
        if room.as_str() == "slow" {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        if let Signal::Typing { on } = signal {
            self.0.note(Given::Signal(*on));
            self.0.note(Given::Wish(format!("{room} {on}")));
        }
        if let Signal::Progress(progress) = signal {
            self.0.note(Given::Wish(format!("{} {} %", progress.name, progress.percent())));
        }
        Ok(())
    }

    async fn show_contacts(&self, list: &ContactList) -> Result<(), DeliverError> {
        if self.0.stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let errors = &self.0.list_errors;
        let error = errors.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(error) = error {
            return Err(error);
        }
        self.0.lists.lock().unwrap_or_else(PoisonError::into_inner).push(list.clone());
        Ok(())
    }

    async fn reply(
        &self,
        _: &CommandOrigin,
        reply: &Reply,
        _: IdempotencyKey,
    ) -> Result<(), DeliverError> {
        if self.0.stuck.load(Ordering::Relaxed) {
            return Err(DeliverError::retry("stuck"));
        }
        self.0.note(Given::Answer(format!("{reply:?}")));
        Ok(())
    }

    fn takes_no_passwords(&self) -> Option<&'static str> {
        self.0.no_passwords.load(Ordering::Relaxed).then_some("No passwords here.")
    }

    async fn conceal(&self, _: &CommandOrigin) -> Result<(), DeliverError> {
        self.0.note(Given::Concealed);
        Ok(())
    }
}

/// How the puppets of a connector end their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// Comes online after so long.
    Late(Duration),
    Lasts,
    Panics,
    /// Cannot be reached for so long, then lasts.
    Unreachable(Duration),
}

pub(crate) struct FakeConnector(pub(crate) Arc<Record>, pub(crate) Session);

impl Connector for FakeConnector {
    fn network(&self) -> NetworkId {
        NetworkId::new("chats")
    }

    fn start_login(&self) -> Box<dyn LoginProcess> {
        Box::new(FakeLogin(Arc::clone(&self.0)))
    }

    fn load(&self, login: StoredLogin) -> Result<Arc<dyn Puppet>, LoginError> {
        assert_eq!(login.credentials.expose_secret(), PASSWORD);
        Ok(Arc::new(FakePuppet {
            login: login.id,
            record: Arc::clone(&self.0),
            session: self.1,
            began: tokio::time::Instant::now(),
        }))
    }
}

pub(crate) const PASSWORD: &str = "a password nobody may read";

struct FakeLogin(Arc<Record>);

#[async_trait]
impl LoginProcess for FakeLogin {
    async fn next(&mut self, answer: Option<SecretString>) -> Result<LoginStep, LoginError> {
        match answer {
            None => Ok(LoginStep::Ask { prompt: "the password?".to_owned(), secret: true }),
            Some(password) if password.expose_secret() == PASSWORD => {
                let account = self.0.account.lock().unwrap_or_else(PoisonError::into_inner);
                let id = Some(account.as_str()).filter(|id| !id.is_empty());
                Ok(LoginStep::Done(StoredLogin {
                    id: id.map_or_else(login_id, LoginId::new),
                    persona: bob(),
                    credentials: password,
                }))
            }
            Some(_) => Err(LoginError::Refused("That is not it.".to_owned())),
        }
    }
}

pub(crate) struct FakePuppet {
    pub(crate) login: LoginId,
    pub(crate) record: Arc<Record>,
    pub(crate) session: Session,
    pub(crate) began: tokio::time::Instant,
}

impl FakePuppet {
    /// Tells what the account just said as something it heard; gives its name.
    async fn hear_itself(&self, chat: &ChatId, item: &Delivery) -> MessageId {
        let name = MessageId::new(format!("said-{}", item.key));
        let event = Event {
            message: Some(name.clone()),
            scope: Scope::Chat { login: self.login.clone(), chat: chat.clone() },
            sender: bob(),
            network: NetworkId::new("chats"),
            source: SourceId::new(format!("heard-{}", item.key)),
            ..item.event.clone()
        };
        let inbox = self.record.inbox.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let inbox = inbox.expect("it is signed in");
        tokio::spawn(async move { inbox.accept_all(vec![event], None).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        name
    }
}

#[async_trait]
impl Puppet for FakePuppet {
    fn login(&self) -> &LoginId {
        &self.login
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { nudge: true, typing: true, ..Capabilities::NONE }
    }

    async fn run(self: Arc<Self>, cx: PuppetContext) -> PuppetExit {
        match self.session {
            Session::Unreachable(time) if self.began.elapsed() < time => {
                let reason = "nobody answers".to_owned();
                return PuppetExit::Transient { reason, after: None };
            }
            Session::Unreachable(_) => {}
            Session::Late(wait) => tokio::time::sleep(wait).await,
            Session::Lasts => {}
            Session::Panics => panic!("a bug in a puppet"),
        }
        *self.record.inbox.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::clone(&cx.inbox));
        cx.online.send_replace(true);
        cx.cancel.cancelled().await;
        PuppetExit::Cancelled
    }

    async fn deliver(&self, chat: &ChatId, item: &Delivery) -> Result<Receipt, DeliverError> {
        self.record.take(chat.as_str(), item).await?;
        let messages = match self.record.echoes.load(Ordering::Relaxed) {
            true => vec![self.hear_itself(chat, item).await],
            false => Vec::new(),
        };
        if self.record.later.load(Ordering::Relaxed) {
            let about = item.event.message.as_ref().map(ToString::to_string);
            let told_by = about.map(|about| SourceId::new(format!("fate of {about}")));
            return Ok(Receipt { told_by, ..Receipt::default() });
        }
        let delivered_to = vec![PersonaId::new("bob")];
        Ok(Receipt { messages, delivered_to, told_by: None })
    }

    async fn signal(&self, _: &ChatId, signal: &Signal) -> Result<(), DeliverError> {
        if let Signal::Typing { on } = signal {
            self.record.note(Given::Signal(*on));
        }
        Ok(())
    }

    async fn chat_with(&self, person: &PersonaId) -> Result<(ChatId, Persona), DeliverError> {
        Ok((ChatId::new(person.as_str()), bob()))
    }

    async fn contacts(&self) -> Vec<Contact> {
        self.record.contacts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn requests(&self) -> Vec<Persona> {
        self.record.asking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn edit_group(&self, edit: GroupEdit) -> Result<(), DeliverError> {
        self.record.note(Given::Wish(format!("{edit:?}")));
        Ok(())
    }

    async fn set_open_to_everybody(&self, open: bool) -> Result<(), DeliverError> {
        self.record.note(Given::Wish(format!("open to everybody: {open}")));
        Ok(())
    }

    async fn troubles(&self) -> Vec<String> {
        let asking = self.requests().await.len();
        if asking > 0 { vec![format!("{asking} wait for an answer.")] } else { Vec::new() }
    }

    async fn export_contacts(&self) -> Result<String, DeliverError> {
        Ok("<messenger/>".to_owned())
    }

    fn read_contacts(&self, text: &str) -> Result<Vec<PersonaId>, DeliverError> {
        Ok(text.split(' ').map(PersonaId::new).collect())
    }

    fn trace(&self, request: Option<TraceRequest>) -> Result<(), DeliverError> {
        let request = request.map(|request| (request.time, request.names));
        self.record.note(Given::Wish(format!("trace {request:?}")));
        Ok(())
    }

    async fn edit_contact(
        &self,
        person: &PersonaId,
        edit: ContactEdit,
    ) -> Result<(), DeliverError> {
        if person.as_str() == "full@example.com" {
            use bridge_core::model::Reject;

            let (reason, tell_user) = (Reject::Unsupported, "The list is full.".to_owned());
            return Err(DeliverError::Reject { reason, tell_user });
        }
        self.record.note(Given::Wish(format!("{edit:?} {person}")));
        Ok(())
    }

    async fn set_self(&self, patch: SelfPatch) -> Result<(), DeliverError> {
        self.record.note(Given::Wish(format!("{patch:?}")));
        Ok(())
    }
}

/// A store that dies after so many commits, as a process would.
pub(crate) struct MortalStore {
    pub(crate) inner: Arc<MemoryStore>,
    left: AtomicI64,
}

impl MortalStore {
    pub(crate) fn new(inner: Arc<MemoryStore>, commits: i64) -> Self {
        Self { inner, left: AtomicI64::new(commits) }
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.left.load(Ordering::Relaxed) > 0 { Ok(()) } else { Err(StoreError::Closed) }
    }
}

#[async_trait]
impl Store for MortalStore {
    async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
        self.alive()?;
        self.inner.get(key).await
    }

    async fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        self.alive()?;
        self.inner.scan(range, limit).await
    }

    async fn last_key(&self, range: KeyRange) -> Result<Option<Key>, StoreError> {
        self.alive()?;
        self.inner.last_key(range).await
    }

    async fn commit(&self, batch: Batch, durability: Durability) -> Result<(), CommitError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(CommitError::Store(StoreError::Closed));
        }
        self.inner.commit(batch, durability).await
    }

    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.inner.stats().await
    }

    async fn backup(&self, to: &Path) -> Result<BackupFacts, StoreError> {
        self.inner.backup(to).await
    }

    async fn compact_at_next_open(&self) -> Result<(), StoreError> {
        self.inner.compact_at_next_open().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A core between two stand-ins.
pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) rooms: Arc<Record>,
    pub(crate) chats: Arc<Record>,
}

impl World {
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        config: CoreConfig,
    ) -> Result<Self, StoreError> {
        Self::with(store, config, Arc::default(), Arc::default(), Session::Lasts).await
    }

    pub(crate) async fn with(
        store: Arc<dyn Store>,
        config: CoreConfig,
        rooms: Arc<Record>,
        chats: Arc<Record>,
        session: Session,
    ) -> Result<Self, StoreError> {
        let parts = Parts {
            adapters: vec![Arc::new(FakeAdapter(Arc::clone(&rooms)))],
            connectors: vec![Arc::new(FakeConnector(Arc::clone(&chats), session))],
            ..Parts::default()
        };
        Self::of(store, config, parts, rooms, chats).await
    }

    pub(crate) async fn of(
        store: Arc<dyn Store>,
        config: CoreConfig,
        parts: Parts,
        rooms: Arc<Record>,
        chats: Arc<Record>,
    ) -> Result<Self, StoreError> {
        let key = SealKey::from_bytes(&[7; 32]).expect("32 bytes");
        let mut core = Core::open(store, key, config, parts).await?;
        core.start().await?;
        Ok(Self { core, rooms, chats })
    }

    /// Signs in through the dialogue.
    pub(crate) async fn sign_in(&self) {
        self.command("login-1", "login").await;
        self.until("a question", |world| {
            world
                .rooms
                .given()
                .iter()
                .any(|given| matches!(given, Given::Answer(text) if text.contains("the password?")))
        })
        .await;
        self.command("login-2", PASSWORD).await;
        self.until("an account", |world| world.core.status().logins.len() == 1).await;
    }

    pub(crate) async fn command(&self, source: &str, line: &str) {
        self.command_in(source, "management", line).await;
    }

    pub(crate) async fn command_in(&self, source: &str, room: &str, line: &str) {
        let kind = EventKind::Command(CommandLine(line.to_owned()));
        let event = from_room(source, room, kind);
        self.core.inbox().accept_all(vec![event], None).await.expect("it is accepted");
    }

    /// Waits, on the paused clock, until something holds.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..20_000 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never: {what}; rooms {:?}; chats {:?}", self.rooms.given(), self.chats.given());
    }

    pub(crate) async fn settle(&self) {
        self.until("all rows pass", |world| world.core.status().waiting_rows == 0).await;
    }

    /// The room that Bob's chat got.
    pub(crate) async fn room(&self) -> String {
        self.until("a portal", |world| world.core.status().portals > 0).await;
        self.settle().await;
        self.core.portals().first().expect("one").to_string()
    }
}

pub(crate) fn config() -> CoreConfig {
    CoreConfig {
        permissions: Permissions::new([("*".to_owned(), Role::Admin)]),
        relay_notice: false,
        ..CoreConfig::default()
    }
}

pub(crate) fn login_id() -> LoginId {
    LoginId::new("chats:bob")
}

pub(crate) fn bob() -> Persona {
    persona("chats", "bob")
}

pub(crate) fn persona(network: &str, id: &str) -> Persona {
    Persona { network: NetworkId::new(network), id: PersonaId::new(id), name: None }
}

/// Something Bob says.
pub(crate) fn from_chat(source: &str, text: &str) -> Event {
    Event {
        network: NetworkId::new("chats"),
        source: SourceId::new(source),
        message: None,
        at: Timestamp(0),
        scope: Scope::Chat { login: login_id(), chat: ChatId::new("bob") },
        sender: bob(),
        kind: EventKind::Message(Content::plain(text)),
    }
}

/// Something Ada does in a room.
pub(crate) fn from_room(source: &str, room: &str, kind: EventKind) -> Event {
    Event {
        network: NetworkId::new("rooms"),
        source: SourceId::new(source),
        message: Some(MessageId::new(source)),
        at: Timestamp(0),
        scope: Scope::Room(RoomId::new(room)),
        sender: persona("rooms", "ada"),
        kind,
    }
}

pub(crate) fn said(text: &str) -> EventKind {
    EventKind::Message(Content::plain(text))
}

/// Copies a store as it is now.
pub(crate) async fn copy(from: &MemoryStore, to: &MemoryStore) {
    let all = KeyRange { start: Key::from_bytes(Vec::new()), end: None };
    let mut batch = Batch::new();
    for (key, value) in from.scan(all, 1_000_000).await.expect("it scans") {
        batch.put(key, value).expect("it was stored before");
    }
    to.commit(batch, Durability::Durable).await.expect("it is stored");
}

/// Everything in a store, as bytes.
pub(crate) async fn bytes_of(store: &MemoryStore) -> Vec<u8> {
    let all = KeyRange { start: Key::from_bytes(Vec::new()), end: None };
    let rows = store.scan(all, 1_000_000).await.expect("it scans");
    rows.into_iter().flat_map(|(key, value)| [key.as_bytes().to_vec(), value].concat()).collect()
}

/// Tells whether a list has no two alike.
pub(crate) fn distinct<T: Ord>(items: &[T]) -> bool {
    items.iter().collect::<BTreeSet<_>>().len() == items.len()
}
