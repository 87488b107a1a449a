//! Offline messages: fetched when the server tells of them, deleted when they are acknowledged, and left
//! for others who are away.
//!
//! ```text
//! S: MSG … Mail-Data: <MD>…     POST GetMessage MSG1      POST DeleteMessages MSG1
//! POST Store2 → fault, LockKeyChallenge 1850937852 → POST Store2 lockkey=e745… → StoreResponse
//! ```
//! One call is under way at a time; each has a deadline.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use super::{
    Session,
    http::HttpReply,
    types::{Event, HttpId, Invalid, RequestError, RequestId, is_due},
    web::failure,
};
use crate::{
    auth::challenge::{self, Product},
    mail::Mail,
    oim::{self, Listed, OfflineMessage, Waiting},
    soap::offline::{self, Outgoing, Unstored},
};

/// Most calls that wait.
const WAITING_LIMIT: usize = 256;
/// Most messages remembered as told of, so that two notices do not tell of one twice.
const TOLD_LIMIT: usize = 4096;

/// What is done about offline messages.
#[derive(Debug, Default)]
pub(super) struct Offline {
    active: Option<(HttpId, Task, Instant)>,
    waiting: VecDeque<Task>,
    /// Fetched, and not told of yet: all are put in order first.
    fetched: Vec<OfflineMessage>,
    /// Those that were asked for in this session.
    told: BTreeSet<String>,
    /// Names what the account leaves for others in this session.
    run: Option<String>,
    /// How many of that were stored.
    stored: u32,
    /// The answer to the challenge.
    lock_key: String,
}

#[derive(Debug)]
enum Task {
    Delete {
        ids: Vec<String>,
        request: RequestId,
    },
    Fetch(Listed),
    Leave {
        account: String,
        text: String,
        request: RequestId,
        /// Whether the challenge was answered for it.
        unlocked: bool,
    },
    List {
        request: Option<RequestId>,
    },
    /// What was listed before is told of.
    Told {
        request: RequestId,
    },
}

impl Offline {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.active.as_ref().map(|(_, _, deadline)| *deadline)
    }

    /// Lets the call under way take so long, where there is one.
    pub(super) fn wait_until(&mut self, until: Instant) {
        if let Some((_, _, deadline)) = &mut self.active {
            *deadline = until;
        }
    }

    /// Gives the requests that nothing came of.
    pub(super) fn into_unsent(self) -> Vec<RequestId> {
        let active = self.active.map(|(_, task, _)| task);
        active.into_iter().chain(self.waiting).filter_map(|task| task.request()).collect()
    }
}

impl Task {
    fn request(&self) -> Option<RequestId> {
        match self {
            Self::Delete { request, .. } | Self::Leave { request, .. } | Self::Told { request } => {
                Some(*request)
            }
            Self::List { request } => *request,
            Self::Fetch(_) => None,
        }
    }
}

impl Session {
    /// Takes what the server says of itself: it may tell of messages that wait, and of letters.
    pub(super) fn offline_notice(&mut self, now: Instant, payload: &[u8]) {
        if let Some(mail) = Mail::read(payload) {
            self.events.push_back(Event::Mail { mail });
        }
        if !self.version.has_offline_inbox() {
            return;
        }
        match oim::read_notice(payload) {
            Some(Waiting::Listed(listed)) => self.fetch_all(now, listed),
            Some(Waiting::TooMany) => self.offline_task(now, Task::List { request: None }),
            None => {}
        }
    }

    /// Asks what waits; done when all of it was told of.
    pub(super) fn read_offline(&mut self, now: Instant, request: RequestId) {
        if !self.version.has_offline_inbox() {
            return self.complete(request, Err(Invalid::NoOfflineMessages.into()));
        }
        self.offline_task(now, Task::List { request: Some(request) });
    }

    pub(super) fn delete_offline(&mut self, now: Instant, request: RequestId, ids: Vec<String>) {
        if ids.is_empty() {
            return self.complete(request, Ok(()));
        }
        self.offline_task(now, Task::Delete { ids, request });
    }

    pub(super) fn leave_offline(
        &mut self,
        now: Instant,
        request: RequestId,
        account: String,
        text: String,
    ) {
        if !self.version.has_web_lists() {
            return self.complete(request, Err(Invalid::NoOfflineMessages.into()));
        }
        self.offline_task(now, Task::Leave { account, text, request, unlocked: false });
    }

    fn fetch_all(&mut self, now: Instant, listed: Vec<Listed>) {
        for listed in listed {
            if self.offline.told.len() < TOLD_LIMIT && self.offline.told.insert(listed.id.clone()) {
                self.offline_task(now, Task::Fetch(listed));
            }
        }
    }

    fn offline_task(&mut self, now: Instant, task: Task) {
        if self.offline.waiting.len() >= WAITING_LIMIT {
            match task.request() {
                Some(request) => self.complete(request, Err(RequestError::Busy)),
                None => self.odd("too many offline messages at once".to_owned()),
            }
            return;
        }
        self.offline.waiting.push_back(task);
        self.next_offline_task(now);
    }

    fn next_offline_task(&mut self, now: Instant) {
        if self.offline.active.is_some() {
            return;
        }
        let next = self.offline.waiting.pop_front();
        if !matches!(next, Some(Task::Fetch(_))) {
            let mut fetched = std::mem::take(&mut self.offline.fetched);
            oim::sort(&mut fetched);
            let told = fetched.into_iter().map(|message| Event::OfflineMessage { message });
            self.events.extend(told);
        }
        let Some(task) = next else {
            return;
        };
        let call = match &task {
            Task::Delete { ids, .. } => offline::delete(&self.tickets.inbox(), ids),
            Task::Fetch(listed) => offline::fetch(&self.tickets.inbox(), &listed.id),
            Task::List { .. } => offline::list(&self.tickets.inbox()),
            Task::Told { request } => {
                self.events.push_back(Event::OfflineRead);
                self.complete(*request, Ok(()));
                return self.next_offline_task(now);
            }
            Task::Leave { account, text, .. } => {
                let run = self.offline.run.get_or_insert_with(|| self.config.machine_id.clone());
                let number = self.offline.stored + 1;
                let mail = oim::write_message(text, run, number);
                let message = Outgoing {
                    from: &self.config.account,
                    name: &self.notification.name,
                    to: account,
                    ticket: &self.tickets.outbox(),
                    product: Product::for_version(self.version).id,
                    lock_key: &self.offline.lock_key,
                    number,
                    mail: &mail,
                };
                offline::store(self.version, &message)
            }
        };
        let http = self.call(call);
        self.offline.active = Some((http, task, now + self.config.deadlines.step));
    }

    /// Takes the answer to a call; gives back what is none.
    pub(super) fn offline_reply(
        &mut self,
        now: Instant,
        id: HttpId,
        reply: HttpReply,
    ) -> Option<HttpReply> {
        let Some((_, task, _)) = self.offline.active.take_if(|(http, ..)| *http == id) else {
            return Some(reply);
        };
        self.offline_answered(task, &reply);
        self.next_offline_task(now);
        // What was listed is fetched after it is known.
        None
    }

    fn offline_answered(&mut self, task: Task, reply: &HttpReply) {
        let (status, body) = (reply.status, &reply.body);
        match task {
            Task::List { request } => match offline::read_list(status, body) {
                Ok(listed) => {
                    let told = &mut self.offline.told;
                    let new = listed
                        .into_iter()
                        .filter(|it| told.len() < TOLD_LIMIT && told.insert(it.id.clone()));
                    self.offline.waiting.extend(new.map(Task::Fetch));
                    self.offline.waiting.extend(request.map(|request| Task::Told { request }));
                }
                Err(error) => {
                    let why = failure("offline messages", reply, &error);
                    match request {
                        Some(request) => self.complete(request, Err(RequestError::Service(why))),
                        None => self.odd(why),
                    }
                }
            },
            // It makes no call.
            Task::Told { request } => self.complete(request, Ok(())),
            Task::Fetch(listed) => {
                let mail = offline::read_fetched(status, body);
                match mail.map(|mail| oim::read_message(&listed, &mail)) {
                    Ok(Some(message)) => self.offline.fetched.push(message),
                    Ok(None) => self.odd("an offline message cannot be read".to_owned()),
                    Err(error) => self.odd(failure("offline messages", reply, &error)),
                }
            }
            Task::Delete { request, .. } => {
                let done = crate::soap::read_answer(status, body).map(drop);
                let done = done.map_err(|error| failure("offline messages", reply, &error));
                self.complete(request, done.map_err(RequestError::Service));
            }
            Task::Leave { account, text, request, unlocked } => {
                match offline::read_stored(status, body) {
                    Ok(()) => {
                        self.offline.stored += 1;
                        self.complete(request, Ok(()));
                    }
                    Err(Unstored::Locked(challenge)) if !unlocked => {
                        let product = Product::for_version(self.version);
                        self.offline.lock_key =
                            challenge::answer(self.version, product, &challenge);
                        let again = Task::Leave { account, text, request, unlocked: true };
                        self.offline.waiting.push_front(again);
                    }
                    Err(Unstored::Locked(_)) => {
                        let text = "offline messages are refused with these tickets".to_owned();
                        self.complete(request, Err(RequestError::Service(text)));
                    }
                    // Whoever sent no answer may have stored it.
                    Err(Unstored::Refused(_)) if reply.failure.is_some() => {
                        self.complete(request, Err(RequestError::Unconfirmed));
                    }
                    Err(Unstored::Refused(error)) => {
                        let text = failure("offline messages", reply, &error);
                        self.complete(request, Err(RequestError::Service(text)));
                    }
                }
            }
        }
    }

    pub(super) fn offline_timeout(&mut self, now: Instant) {
        let late = self.offline.active.take_if(|(_, _, deadline)| is_due(Some(*deadline), now));
        let Some((_, task, _)) = late else {
            return;
        };
        match task.request() {
            Some(request) => self.complete(request, Err(RequestError::Unconfirmed)),
            None => self.odd("offline messages did not come in time".to_owned()),
        }
        self.next_offline_task(now);
    }
}
