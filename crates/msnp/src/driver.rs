//! The session's one task: it moves bytes, times and effects, and decides nothing.

use std::{
    collections::HashMap,
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Instant,
};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use msnp_proto::{
    Direction, LinkKind,
    p2p::PeerEvent,
    session::{
        ChatId, Command, Effect, Event, HttpId, HttpReply, LinkChange, LinkId, RequestError,
        RequestId, Session, SessionConfig,
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::sleep_until,
};
use tracing::{Instrument as _, Span};

use crate::{
    config::Direct,
    dial::Dial,
    direct::{DirectLinks, DirectTold},
    http,
    link::{LinkNews, carry},
    trace::TraceSwitch,
    traffic::Counts,
};

/// One link's bytes on their way.
type Carried = BoxFuture<'static, ()>;

/// A request of a handle, and where its outcome goes.
pub(crate) struct Asked {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// How a request went.
pub(crate) struct Answer {
    pub(crate) outcome: Result<(), RequestError>,
    /// The conversation that it made, if it did.
    pub(crate) made: Option<ChatId>,
}

/// Who waits for an answer.
struct Waiting {
    span: Span,
    answer: oneshot::Sender<Answer>,
    made: Option<ChatId>,
}

/// A session that its handles look into. Nothing is awaited while it is held.
#[derive(Clone)]
pub(crate) struct SharedSession(Arc<Mutex<Session>>);

impl SharedSession {
    pub(crate) fn new(config: SessionConfig) -> Self {
        Self(Arc::new(Mutex::new(Session::new(config, Instant::now()))))
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows nothing: it is all in there, the password too.
impl fmt::Debug for SharedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSession").finish_non_exhaustive()
    }
}

pub(crate) struct Driver {
    session: SharedSession,
    trace: TraceSwitch,
    dial: Arc<dyn Dial>,
    http: reqwest::Client,
    links: HashMap<LinkId, mpsc::Sender<Vec<u8>>>,
    /// What each link that was opened leads to.
    kinds: HashMap<LinkId, LinkKind>,
    direct: Option<DirectLinks>,
    /// What carries the links' bytes. It runs inside the session's task: a word from a server is read and
    /// understood, and one of ours written, without a wait for another.
    carried: FuturesUnordered<Carried>,
    asking: JoinSet<(HttpId, HttpReply)>,
    /// What was asked, and where its outcome goes.
    outcomes: HashMap<RequestId, Waiting>,
    /// News of the notification link, never paused: it carries keep-alive and every call.
    news: mpsc::Receiver<Box<LinkNews>>,
    teller: mpsc::Sender<Box<LinkNews>>,
    /// News of conversations, paused while the application is behind.
    talk: mpsc::Receiver<Box<LinkNews>>,
    talk_teller: mpsc::Sender<Box<LinkNews>>,
    asked: mpsc::Receiver<Box<Asked>>,
    events: mpsc::Sender<Vec<Event>>,
    /// Events the application has not taken yet.
    waiting: Vec<Event>,
    /// Bytes of files among them.
    waiting_bytes: usize,
    counts: Counts,
}

/// Events that may wait for the application before conversations are paused: reading them stops,
/// and TCP holds the peers back. The notification link goes on; what it tells of presence is left
/// out then, for the roster has it.
const WAITING_LIMIT: usize = 1024;
/// Bytes of files that may wait for the application before the same.
const BYTES_LIMIT: usize = 1024 * 1024;

impl Driver {
    pub(crate) fn new(
        session: SharedSession,
        trace: TraceSwitch,
        dial: Arc<dyn Dial>,
        http: reqwest::Client,
        asked: mpsc::Receiver<Box<Asked>>,
        events: mpsc::Sender<Vec<Event>>,
        heard: Arc<AtomicU64>,
    ) -> Self {
        let (teller, news) = mpsc::channel(64);
        let (talk_teller, talk) = mpsc::channel(64);
        Self {
            session,
            trace,
            dial,
            http,
            links: HashMap::new(),
            kinds: HashMap::new(),
            direct: None,
            carried: FuturesUnordered::new(),
            asking: JoinSet::new(),
            outcomes: HashMap::new(),
            news,
            teller,
            talk,
            talk_teller,
            asked,
            events,
            waiting: Vec::new(),
            waiting_bytes: 0,
            counts: Counts::new(heard),
        }
    }

    /// Allows direct links.
    pub(crate) fn with_direct(mut self, direct: Direct) -> Self {
        self.session.held().allow_direct(direct.rules());
        self.direct = Some(DirectLinks::new(direct, Arc::clone(&self.dial)));
        self
    }

    /// Runs until the session is over and the application has its last event, or is gone.
    pub(crate) async fn run(mut self) {
        self.drain();
        while !(self.session.held().is_closed() && self.waiting.is_empty()) {
            self.step().await;
            self.drain();
        }
        self.links.clear();
        self.direct = None;
        // Nobody takes their news any more, which more links than fit would wait for.
        self.news.close();
        self.talk.close();
        // Links write their last words, bounded by their own deadlines.
        while self.carried.next().await.is_some() {}
    }

    async fn step(&mut self) {
        let deadline = self.session.held().poll_timeout();
        let behind = self.waiting.len() >= WAITING_LIMIT || self.waiting_bytes >= BYTES_LIMIT;
        let events = self.events.clone();
        let sleep = async {
            match deadline {
                Some(deadline) => sleep_until(deadline.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            permit = events.reserve(), if !self.waiting.is_empty() => match permit {
                Ok(permit) => {
                    self.waiting_bytes = 0;
                    permit.send(std::mem::take(&mut self.waiting));
                }
                Err(_) => {
                    // Nobody listens any more.
                    self.waiting.clear();
                    self.waiting_bytes = 0;
                    self.session.held().command(Instant::now(), Command::SignOut);
                }
            },
            Some(news) = news(&mut self.carried, &mut self.news, &mut self.talk, !behind) => {
                self.take_news(*news);
            }
            Some(told) = told(&mut self.direct, !behind) => self.take_direct(told),
            asked = self.asked.recv() => match asked {
                Some(asked) => {
                    let Asked { command, answer } = *asked;
                    let verb = verb(&command);
                    let request = self.session.held().command(Instant::now(), command);
                    let span = tracing::debug_span!("request", verb, id = request.0);
                    span.in_scope(|| tracing::trace!("asked"));
                    self.outcomes.insert(request, Waiting { span, answer, made: None });
                }
                // The last handle is gone.
                None => {
                    self.session.held().command(Instant::now(), Command::SignOut);
                }
            },
            Some(answer) = self.asking.join_next() => {
                if let Ok((id, reply)) = answer {
                    self.trace.note(|| format!("its answer is {}", reply.status));
                    self.session.held().handle_http(Instant::now(), id, reply);
                }
            }
            () = sleep => self.session.held().handle_timeout(Instant::now()),
        }
    }

    fn take_news(&mut self, news: LinkNews) {
        let now = Instant::now();
        match news {
            LinkNews::Bytes(link, bytes) => {
                let whole = self.session.held().is_between_frames(link);
                self.capture(link, Direction::ToClient, whole, &bytes);
                self.session.held().handle_bytes(now, link, &bytes);
            }
            LinkNews::Change(link, change) => {
                if !matches!(change, LinkChange::Opened) {
                    self.kinds.remove(&link);
                    self.trace.closed(link.0);
                }
                self.session.held().handle_link(now, link, change);
            }
        }
    }

    fn take_direct(&mut self, told: DirectTold) {
        if let Some(direct) = &mut self.direct {
            direct.take(&mut self.session.held(), Instant::now(), told);
        }
    }

    fn capture(&self, link: LinkId, direction: Direction, whole: bool, bytes: &[u8]) {
        if let Some(kind) = self.kinds.get(&link) {
            let version = self.session.held().version();
            self.trace.bytes(link.0, *kind, direction, version, whole, bytes);
        }
    }

    fn drain(&mut self) {
        loop {
            self.perform_all();
            let direct = self.direct.as_mut();
            // What direct links take may make the session want something.
            if !direct.is_some_and(|direct| direct.write(&mut self.session.held(), Instant::now()))
            {
                return;
            }
        }
    }

    fn perform_all(&mut self) {
        let effects: Vec<Effect> = {
            let mut session = self.session.held();
            self.counts.pass_on(session.traffic());
            while let Some(event) = session.poll_event() {
                match event {
                    Event::Completed { request, outcome } => {
                        if let Some(waiting) = self.outcomes.remove(&request) {
                            let Waiting { span, answer, made } = waiting;
                            span.in_scope(|| match &outcome {
                                Ok(()) => tracing::trace!("done"),
                                Err(error) => tracing::debug!(%error, "not done"),
                            });
                            // Whoever asked may have given up waiting.
                            let _ = answer.send(Answer { outcome, made });
                        }
                    }
                    Event::Made { request, chat } => {
                        if let Some(waiting) = self.outcomes.get_mut(&request) {
                            waiting.made = Some(chat);
                        }
                    }
                    Event::Odd { what } => tracing::debug!(%what, "passed over"),
                    Event::Presence { .. } if self.waiting.len() >= WAITING_LIMIT => {}
                    event => {
                        if let Event::Transfer(PeerEvent::Data { bytes, .. }) = &event {
                            self.waiting_bytes += bytes.len();
                        }
                        self.waiting.push(event);
                    }
                }
            }
            std::iter::from_fn(|| session.poll_effect()).collect()
        };
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Open { link, kind, address } => {
                let span = tracing::debug_span!("link", ?kind, id = link.0);
                span.in_scope(|| tracing::debug!(%address, "opening a link"));
                // Commands waiting for a peer that does not read; past that the link is given up.
                let (outgoing, taken) = mpsc::channel(256);
                self.links.insert(link, outgoing);
                self.kinds.insert(link, kind);
                self.trace.note(|| format!("link {} opens to {address}", link.0));
                let dial = Arc::clone(&self.dial);
                let teller = match kind {
                    LinkKind::Notification => &self.teller,
                    LinkKind::Switchboard => &self.talk_teller,
                };
                let carried = carry(link, kind, dial, address, taken, teller.clone());
                self.carried.push(Box::pin(carried.instrument(span)));
            }
            Effect::Send { link, bytes } => {
                // A command is always sent whole.
                self.capture(link, Direction::ToServer, true, &bytes);
                let full =
                    self.links.get(&link).is_some_and(|outgoing| outgoing.try_send(bytes).is_err());
                if full {
                    self.links.remove(&link);
                }
            }
            Effect::Close { link } => drop(self.links.remove(&link)),
            Effect::Direct(action) => {
                if let Some(direct) = &mut self.direct {
                    direct.perform(action);
                }
            }
            Effect::Http { id, request } => {
                self.trace.note(|| "a request by HTTP".to_owned());
                let client = self.http.clone();
                self.asking.spawn(async move { (id, http::ask(client, request).await) });
            }
        }
    }
}

/// Carries the links' bytes until there is news of them. Cancel safe.
async fn news(
    carried: &mut FuturesUnordered<Carried>,
    news: &mut mpsc::Receiver<Box<LinkNews>>,
    talk: &mut mpsc::Receiver<Box<LinkNews>>,
    talks: bool,
) -> Option<Box<LinkNews>> {
    let first = async {
        tokio::select! {
            Some(news) = news.recv() => Some(news),
            Some(news) = talk.recv(), if talks => Some(news),
            else => None,
        }
    };
    tokio::pin!(first);
    loop {
        // What is carried first, for that is where news come from.
        tokio::select! {
            biased;
            // Links that ended are let go; what they had to say came as news.
            Some(()) = carried.next() => {}
            news = &mut first => return news,
        }
    }
}

/// Carries the bytes of direct links until they tell something that may be taken. Cancel safe.
async fn told(direct: &mut Option<DirectLinks>, takes: bool) -> Option<DirectTold> {
    match direct {
        Some(direct) => direct.told(takes).await,
        None => None,
    }
}

/// Names what is asked, without what it is about.
fn verb(command: &Command) -> &'static str {
    match command {
        Command::AcceptContact { .. } => "accept contact",
        Command::AcceptFile { .. } => "accept file",
        Command::AcknowledgeOffline { .. } => "acknowledge offline",
        Command::AddContact { .. } => "add contact",
        Command::AddGroup { .. } => "add group",
        Command::AnswerCircle { .. } => "answer circle",
        Command::AskNetworks { .. } => "ask networks",
        Command::BlockContact { .. } => "block contact",
        Command::CancelTransfer { .. } => "cancel transfer",
        Command::DeclineContact { .. } => "decline contact",
        Command::EnterCircle { .. } => "enter circle",
        Command::FeedFile { .. } => "feed file",
        Command::FetchKeptPicture => "fetch picture",
        Command::FetchObject { .. } => "fetch object",
        Command::GroupContact { .. } => "group contact",
        Command::InviteContact { .. } => "invite contact",
        Command::InviteToChat { .. } => "invite to chat",
        Command::InviteToCircle { .. } => "invite to circle",
        Command::KeepPicture { .. } => "keep picture",
        Command::LeaveChat { .. } => "leave chat",
        Command::LeaveCircle { .. } => "leave circle",
        Command::LeaveOffline { .. } => "leave offline",
        Command::MakeCircle { .. } => "make circle",
        Command::MakeGroup { .. } => "make group",
        Command::MoveContact { .. } => "move contact",
        Command::OfferFile { .. } => "offer file",
        Command::ReadOffline => "read offline",
        Command::ReadProfile => "read profile",
        Command::RemoveContact { .. } => "remove contact",
        Command::RemoveGroup { .. } => "remove group",
        Command::RenameContact { .. } => "rename contact",
        Command::RenameGroup { .. } => "rename group",
        Command::SendExtra { .. } => "send extra",
        Command::SendNudge { .. } => "send nudge",
        Command::SendText { .. } => "send text",
        Command::SendTyping { .. } => "send typing",
        Command::ServeObject { .. } => "serve object",
        Command::SetAsking { .. } => "set asking",
        Command::SetLook { .. } => "set look",
        Command::SetName { .. } => "set name",
        Command::SetPersonalMessage { .. } => "set personal message",
        Command::SetPicture { .. } => "set picture",
        Command::SetPrivacy { .. } => "set privacy",
        Command::SetStatus { .. } => "set status",
        Command::SignOutEndpoint { .. } => "sign out endpoint",
        Command::SignOut => "sign out",
        Command::WithdrawObject { .. } => "withdraw object",
        _ => "other",
    }
}
