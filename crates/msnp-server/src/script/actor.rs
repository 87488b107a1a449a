//! A scripted contact at work: it comes online, is called or calls, listens and speaks.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use msnp_proto::{
    command::{Capabilities, Status},
    msg::{self, Body, Endpoint, Said},
    p2p::{Peers, Place, TransferId},
    session::ChatId,
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    Answer, Script,
    belongings::Belongings,
    talk::Talk,
    transfers::{Coming, Going, chat_of},
};
use crate::{
    directory::{ChatPush, Directory, Profile, Push, Shown, TalkId},
    link::until,
    network::unguessable_bytes,
};

/// How long a greeter lets a contact arrive before it speaks.
const ARRIVING: Duration = Duration::from_millis(500);
/// Most who arrive at a time.
const ARRIVALS_LIMIT: usize = 1024;
/// As a client of 2009 that takes messages in parts; the second number says that packets may be of the
/// second age.
const CAPABILITIES: Capabilities = Capabilities { bits: 0xA000_0020, extended: Some(0x20) };

/// A scripted contact.
pub(super) struct Actor {
    script: Script,
    /// Its address, as it was made.
    account: String,
    pub(super) belongings: Belongings,
    directory: Arc<dyn Directory>,
    pub(super) talks: BTreeMap<TalkId, Talk>,
    /// Who came online and is to be greeted, and when.
    arriving: VecDeque<(Instant, Profile)>,
    /// One engine for all conversations: a transfer may go on in another than it began in.
    pub(super) peers: Peers,
    pub(super) coming: BTreeMap<TransferId, Coming>,
    pub(super) going: BTreeMap<TransferId, Going>,
}

impl Actor {
    pub(super) fn new(script: Script, account: String, directory: Arc<dyn Directory>) -> Self {
        let belongings = Belongings::of(&account);
        let id = Some(belongings.place.clone());
        let own = Place { account: account.to_lowercase(), id };
        let mut peers = Peers::new(own, unguessable_bytes());
        let Belongings { picture, emoticon, voice, wink, .. } = &belongings;
        for served in [picture, emoticon, voice, wink] {
            // There is room for four.
            peers.serve(served.object.clone(), Arc::clone(&served.bytes));
        }
        Self {
            script,
            account,
            belongings,
            directory,
            talks: BTreeMap::new(),
            arriving: VecDeque::new(),
            peers,
            coming: BTreeMap::new(),
            going: BTreeMap::new(),
        }
    }

    /// Comes online, and acts as long as the network is there.
    pub(super) async fn play(mut self) {
        let (pushes, mut pushed) = mpsc::channel(1024);
        self.appear(pushes).await;
        loop {
            let written = self.talks.values().filter_map(Talk::written_at).min();
            let arrives = self.arriving.front().map(|(due, _)| *due);
            let transfers = self.peers.poll_timeout().map(Instant::from_std);
            tokio::select! {
                push = pushed.recv() => match push {
                    Some(push) => self.told(push).await,
                    None => return,
                },
                (talk, push) = heard(&mut self.talks) => self.heard(talk, push).await,
                () = until(written) => self.say_written().await,
                () = until(arrives) => self.greet().await,
                () = until(transfers) => self.peers.handle_timeout(Instant::now().into_std()),
            }
            self.transfer().await;
            self.begin_writing().await;
        }
    }

    /// Comes online at its place, with its picture.
    async fn appear(&self, pushes: mpsc::Sender<Push>) {
        let (directory, id) = (&self.directory, self.belongings.place.clone());
        let session = directory.attach(&self.account, Some(id.clone()), pushes).await;
        let place = Endpoint { id, capabilities: CAPABILITIES, ..Endpoint::default() };
        directory.set_place(&self.account, session, place).await;
        let shown = Shown {
            status: Status::Online,
            capabilities: CAPABILITIES,
            object: Some(self.belongings.picture.description()),
        };
        directory.set_presence(&self.account, session, shown).await;
    }

    async fn told(&mut self, push: Push) {
        match push {
            Push::Ring { talk, .. } => self.join(talk).await,
            Push::Presence(of) if of.status == Status::Online => {
                let greets = self.script.greeting("").is_some();
                if greets && self.arriving.len() < ARRIVALS_LIMIT {
                    self.arriving.push_back((Instant::now() + ARRIVING, of.profile));
                }
            }
            _ => {}
        }
    }

    async fn greet(&mut self) {
        let Some((_, Profile { account, name })) = self.arriving.pop_front() else {
            return;
        };
        if let Some(hello) = self.script.greeting(&name) {
            self.call(&account, hello.write()).await;
        }
    }

    async fn join(&mut self, talk: TalkId) {
        // What comes faster than it is taken is lost, as from a client that does not read.
        let (pushes, pushed) = mpsc::channel(1024);
        let present = self.directory.join(talk, &self.account, pushes).await;
        self.talks.insert(talk, Talk::new(pushed, &present));
    }

    /// Calls somebody into a conversation, to say something to her.
    async fn call(&mut self, account: &str, says: Vec<u8>) {
        let talk = self.directory.open_talk().await;
        self.join(talk).await;
        if self.directory.call(talk, &self.account, account).await.is_err() {
            return self.leave(talk).await;
        }
        if let Some(talk) = self.talks.get_mut(&talk) {
            talk.write(says);
        }
    }

    /// Leaves, with the first who does.
    async fn leave(&mut self, talk: TalkId) {
        self.abandon_transfers(talk);
        self.talks.remove(&talk);
        self.directory.leave(talk, &self.account).await;
    }

    /// Writes something to somebody, where she is or in a conversation she is called into.
    pub(super) async fn tell(&mut self, account: &str, says: Vec<u8>) {
        // The last one is where she is likelier to stay.
        let known = self.talks.values_mut().rfind(|talk| talk.place_of(account).is_some());
        match known {
            Some(talk) => talk.write(says),
            None => self.call(account, says).await,
        }
    }

    async fn heard(&mut self, talk: TalkId, push: Option<ChatPush>) {
        match push {
            Some(ChatPush::Joined(member)) => {
                if let Some(talk) = self.talks.get_mut(&talk) {
                    talk.met(&member);
                }
            }
            Some(ChatPush::Said { from, payload }) => self.answer(talk, &from, &payload).await,
            Some(ChatPush::Left(_)) | None => self.leave(talk).await,
        }
    }

    async fn answer(&mut self, talk: TalkId, from: &Profile, payload: &[u8]) {
        self.take_packet(talk, from, &Body::read(payload));
        let Said::Text(text) = Said::read(payload) else {
            return;
        };
        match self.script.answer(&text, &self.belongings) {
            Answer::Offer => self.offer(talk, from).await,
            Answer::Say(payload) => self.say(talk, payload).await,
            Answer::Write(payloads) => {
                if let Some(talk) = self.talks.get_mut(&talk) {
                    payloads.into_iter().for_each(|payload| talk.write(payload));
                }
            }
        }
    }

    async fn begin_writing(&mut self) {
        let begins = self.talks.iter_mut().filter_map(|(id, talk)| {
            let begins = talk.begins_to_write();
            begins.then_some(*id)
        });
        for talk in begins.collect::<Vec<_>>() {
            self.say(talk, msg::write_typing(&self.account)).await;
        }
    }

    async fn say_written(&mut self) {
        let written = self.talks.iter_mut().filter_map(|(id, talk)| Some((*id, talk.written()?)));
        for (talk, payload) in written.collect::<Vec<_>>() {
            self.say(talk, payload).await;
        }
    }

    pub(super) async fn say(&self, talk: TalkId, payload: Vec<u8>) {
        self.directory.say(talk, &self.account, payload.into()).await;
    }

    /// Gives the conversation that the engine means.
    pub(super) fn talk_of(&self, chat: &ChatId) -> Option<TalkId> {
        self.talks.keys().copied().find(|talk| chat_of(*talk) == *chat)
    }
}

/// Waits for what is said in any of the conversations.
async fn heard(talks: &mut BTreeMap<TalkId, Talk>) -> (TalkId, Option<ChatPush>) {
    poll_fn(|context| {
        for (id, talk) in talks.iter_mut() {
            if let Poll::Ready(push) = talk.pushed.poll_recv(context) {
                return Poll::Ready((*id, push));
            }
        }
        Poll::Pending
    })
    .await
}
