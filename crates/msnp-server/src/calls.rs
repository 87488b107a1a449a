//! Conversations in which the network speaks for an account whose clients know none: people of MSNP21
//! talk by datagrams, all others in switchboards.
//!
//! ```text
//! C: SDG 11 323⏎… Hello        S: RNG 11752013 …    C: ANS …
//!                              S: MSG ada@example.com Ada 89⏎… Hello
//! ```
//! Text, typing and nudges pass; nothing else has a shape on both sides. A conversation of three is as
//! many of two for the account: there is no third to be named.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use msnp_proto::{
    Version,
    datagram::{Address, Channel, Datagram},
    msg::{self, Said},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    directory::{ChatPush, TalkId},
    link::GREETING_DEADLINE,
    network::Shared,
};

/// Most conversations at a time.
const CALLS_LIMIT: usize = 4096;
/// Most words that wait to be said, as they do until the other has come.
const WAITING_LIMIT: usize = 64;

/// The conversations, by the account that is spoken for and the one it talks to.
#[derive(Default)]
pub(crate) struct Calls(Mutex<BTreeMap<Pair, mpsc::Sender<Vec<u8>>>>);

/// Two who talk, in lower case.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    own: String,
    other: String,
}

impl Pair {
    fn of(own: &str, other: &str) -> Self {
        Self { own: own.to_lowercase(), other: other.to_lowercase() }
    }
}

impl Calls {
    /// Ends all conversations of an account.
    pub(crate) fn end(&self, account: &str) {
        // Each ends when nobody can say more in it.
        self.open().retain(|pair, _| pair.own != account.to_lowercase());
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Pair, mpsc::Sender<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says a datagram to somebody in a conversation, which begins where there is none; tells whether it can
/// be said there.
pub(crate) async fn say(shared: &Arc<Shared>, own: &str, datagram: &Datagram) -> bool {
    let Some(message) = datagram.to_message() else {
        return false;
    };
    let other = datagram.to.account.as_str();
    let messages = match Said::read(&message) {
        // One that is too long for a switchboard becomes several.
        Said::Text(text) if message.len() > msg::PAYLOAD_LIMIT => {
            msg::split(text).iter().map(msg::Text::write).collect()
        }
        _ => vec![message],
    };
    let known = shared.calls.open().get(&Pair::of(own, other)).cloned();
    let said = |words: &mpsc::Sender<Vec<u8>>| {
        messages.iter().all(|message| words.try_send(message.clone()).is_ok())
    };
    if let Some(words) = known.filter(|words| !words.is_closed()) {
        return said(&words);
    }
    let talk = shared.directory.open_talk().await;
    let Some(words) = enter(shared, own, other, talk, true) else {
        return false;
    };
    said(&words)
}

/// Comes into a conversation that somebody calls to.
pub(crate) fn answer(shared: &Arc<Shared>, own: &str, caller: &str, talk: TalkId) {
    // When there are too many, the caller hears nothing, as from a client that does not come.
    let _ = enter(shared, own, caller, talk, false);
}

fn enter(
    shared: &Arc<Shared>,
    own: &str,
    other: &str,
    talk: TalkId,
    calls: bool,
) -> Option<mpsc::Sender<Vec<u8>>> {
    // Whoever says more than this is told that it was not said.
    let (words, said) = mpsc::channel(WAITING_LIMIT);
    let key = Pair::of(own, other);
    let mut open = shared.calls.open();
    if open.len() >= CALLS_LIMIT && !open.contains_key(&key) {
        return None;
    }
    // One that there was ends by this.
    open.insert(key, words.clone());
    let call = Call {
        shared: Arc::clone(shared),
        own: own.to_owned(),
        other: other.to_owned(),
        talk,
        words: words.downgrade(),
    };
    let cancel = shared.cancel.clone();
    tokio::spawn(async move { cancel.run_until_cancelled(call.run(calls, said)).await });
    Some(words)
}

struct Call {
    shared: Arc<Shared>,
    own: String,
    other: String,
    talk: TalkId,
    /// What tells this conversation from a later one with the same people.
    words: mpsc::WeakSender<Vec<u8>>,
}

impl Call {
    async fn run(self, calls: bool, said: mpsc::Receiver<Vec<u8>>) {
        // Whoever is not heard in time is not heard at all.
        let (pushed, pushes) = mpsc::channel(1024);
        let directory = &self.shared.directory;
        directory.join(self.talk, &self.own, pushed).await;
        if !calls || directory.call(self.talk, &self.own, &self.other).await.is_ok() {
            self.talk(calls, said, pushes).await;
        }
        directory.leave(self.talk, &self.own).await;
        let mut open = self.shared.calls.open();
        let key = Pair::of(&self.own, &self.other);
        let is_this = |known: &mpsc::Sender<Vec<u8>>| {
            self.words.upgrade().is_some_and(|words| words.same_channel(known))
        };
        if open.get(&key).is_some_and(is_this) {
            open.remove(&key);
        }
    }

    /// Passes words on in both directions, until either is gone or the one called does not come.
    async fn talk(
        &self,
        mut waits: bool,
        mut said: mpsc::Receiver<Vec<u8>>,
        mut pushes: mpsc::Receiver<ChatPush>,
    ) {
        let deadline = Instant::now() + GREETING_DEADLINE;
        loop {
            let next = async {
                tokio::select! {
                    said = said.recv(), if !waits => said.map(Next::Said),
                    push = pushes.recv() => push.map(Next::Heard),
                }
            };
            let next = match waits {
                true => timeout_at(deadline, next).await.ok().flatten(),
                false => next.await,
            };
            match next {
                None => return,
                Some(Next::Said(words)) => {
                    self.shared.directory.say(self.talk, &self.own, words.into()).await;
                }
                Some(Next::Heard(ChatPush::Joined(_))) => waits = false,
                Some(Next::Heard(ChatPush::Left(who))) => {
                    if who.eq_ignore_ascii_case(&self.other) {
                        return;
                    }
                }
                Some(Next::Heard(ChatPush::Said { from, payload })) => {
                    self.hear(&from.account, &payload).await;
                }
            }
        }
    }

    async fn hear(&self, from: &str, payload: &[u8]) {
        let addresses = (Address::passport(&self.own), Address::passport(from));
        let Some(datagram) = Datagram::from_message(addresses.0, addresses.1, payload) else {
            return;
        };
        let datagram = Datagram { channel: Some(Channel::Online), ..datagram };
        let payload = datagram.write(Version::Msnp21).into();
        self.shared.directory.send((from, None), &self.own, None, payload).await;
    }
}

enum Next {
    Heard(ChatPush),
    Said(Vec<u8>),
}
