//! What was said in a channel, on its way into the core: in order, once, and with what was missed.
//!
//! The gateway tells messages as they are said; while it is away they are read back over REST, from
//! the last one that is stored on. Between the two there is no hole: what the gateway tells is taken
//! only while everything before it is taken or waits, else it is left for the next reading back.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bridge_core::{
    AcceptError, Inbox,
    id::{MessageId, NetworkId, RoomId, SourceId, Timestamp},
    inbox::SourceCursor,
    model::{Event, EventKind, Scope},
    store::Namespace,
};
use serenity::{
    http::MessagePagination,
    model::{
        channel::Message,
        id::{ChannelId, MessageId as DiscordMessageId},
    },
};
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    NETWORK,
    adapter::DiscordAdapter,
    changes::{Change, Edits},
    convert::from_discord::{self, Said},
    error::Failure,
    lock::lock,
};

/// Messages that wait for one channel; past it they are read back over REST.
const QUEUE: usize = 256;
/// Messages read back at once, the most Discord gives.
const PAGE: u8 = 100;
/// How long to wait before a full inbox, or a failing Discord, is tried again: first and longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// One channel's way in.
pub(crate) struct Intake {
    pub(crate) channel: ChannelId,
    mode: Mutex<Mode>,
    news: Notify,
    queue: mpsc::Sender<Heard>,
}

/// What the gateway told of a channel.
pub(crate) enum Heard {
    Change(Change),
    Message(Box<Message>),
}

/// What is done with what the gateway tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Something was missed: it is left out, to be read back.
    Gap,
    /// The gateway begins anew: it is left out, and nothing is read back yet.
    Held,
    /// It is taken.
    Open,
}

/// The end of a channel's queue that its task takes from.
pub(crate) struct Waiting(mpsc::Receiver<Heard>);

impl Intake {
    pub(crate) fn new(channel: ChannelId) -> (Arc<Self>, Waiting) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (mode, news) = (Mutex::new(Mode::Held), Notify::new());
        (Arc::new(Self { channel, mode, news, queue }), Waiting(waiting))
    }

    /// Takes nothing until [`catch_up`](Self::catch_up): the gateway begins a new session.
    pub(crate) fn hold(&self) {
        *lock(&self.mode) = Mode::Held;
    }

    /// Reads back what was missed, then goes on with what the gateway tells.
    pub(crate) fn catch_up(&self) {
        *lock(&self.mode) = Mode::Gap;
        self.news.notify_one();
    }

    /// Takes what the gateway told.
    pub(crate) fn told(&self, heard: Heard) {
        let mut mode = lock(&self.mode);
        if *mode == Mode::Open && self.queue.try_send(heard).is_err() {
            tracing::warn!(channel = %self.channel, "messages come faster than they are stored");
            *mode = Mode::Gap;
            self.news.notify_one();
        }
    }

    /// Opens a gap's end, before it is read back; tells whether there was one.
    fn begin_to_read_back(&self) -> bool {
        let mut mode = lock(&self.mode);
        let gap = *mode == Mode::Gap;
        if gap {
            *mode = Mode::Open;
        }
        gap
    }
}

/// What a channel's task works with.
pub(crate) struct Way {
    pub(crate) adapter: Arc<DiscordAdapter>,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) facts: Namespace,
    pub(crate) cancel: CancellationToken,
}

/// Takes a channel's messages in until the adapter ends.
pub(crate) async fn run(intake: Arc<Intake>, mut waiting: Waiting, way: Way) {
    let mut edits = Edits::default();
    let work = async {
        loop {
            // What waits was said before any gap.
            if let Ok(heard) = waiting.0.try_recv() {
                way.hear(&intake, heard, &mut edits).await;
            } else if intake.begin_to_read_back() {
                way.read_back(&intake).await;
            } else {
                tokio::select! {
                    Some(heard) = waiting.0.recv() => way.hear(&intake, heard, &mut edits).await,
                    message = edits.ripe() => way.take_edit(&intake, message, &mut edits).await,
                    () = intake.news.notified() => {}
                }
            }
        }
    };
    way.cancel.run_until_cancelled(work).await;
}

impl Way {
    async fn hear(&self, intake: &Intake, heard: Heard, edits: &mut Edits) {
        let events = match heard {
            Heard::Message(message) => return self.take(intake, &[*message]).await,
            Heard::Change(Change::Edited(message)) => {
                if let Some(message) = edits.note(message, self.adapter.patience.edits) {
                    self.take_edit(intake, message, edits).await;
                }
                return;
            }
            Heard::Change(Change::Deleted(messages)) => {
                edits.forget(&messages);
                self.adapter.deletions(intake.channel, &messages)
            }
            Heard::Change(Change::Reacted { reaction, on }) => {
                self.adapter.reaction(&reaction, on).into_iter().collect()
            }
        };
        self.store(intake, events, None).await;
    }

    /// Takes in how an edited message reads; what cannot be read now is tried again later.
    async fn take_edit(&self, intake: &Intake, message: DiscordMessageId, edits: &mut Edits) {
        let failure = match self.adapter.edition(intake.channel, message).await {
            Ok(event) => return self.store(intake, event.into_iter().collect(), None).await,
            Err(failure) => failure,
        };
        let passes = matches!(failure, Failure::Doubtful(_) | Failure::NotNow(..));
        let lost = match passes {
            true => edits.note(message, self.adapter.patience.again.1),
            false => Some(message),
        };
        if lost.is_some() {
            tracing::warn!(channel = %intake.channel, ?failure, "an edited message cannot be read; elsewhere it stays as it was");
        }
    }

    /// Reads back what was said after the last message that is stored.
    async fn read_back(&self, intake: &Intake) {
        let mut wait = RETRY.0;
        loop {
            match self.read_on(intake).await {
                Ok(()) => return,
                Err(Failure::Forbidden(text)) => {
                    return tracing::error!(channel = %intake.channel, %text, "what was missed cannot be read: the bot's role needs \"Read Message History\" there");
                }
                Err(Failure::Gone) => {
                    return tracing::error!(channel = %intake.channel, "the channel is gone");
                }
                Err(failure) => {
                    tracing::warn!(channel = %intake.channel, ?failure, "what was missed cannot be read yet");
                    sleep(wait).await;
                    wait = (wait * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Notes where a channel begins that is seen for the first time; what cannot be read now is tried again
    /// when the gateway is there.
    pub(crate) async fn begin(&self, intake: &Intake) {
        if let Ok(None) = self.facts.position(&stream(intake.channel)).await
            && let Err(failure) = self.read_on(intake).await
        {
            tracing::debug!(channel = %intake.channel, ?failure, "where a channel begins is not known yet");
        }
    }

    async fn read_on(&self, intake: &Intake) -> Result<(), Failure> {
        let stream = stream(intake.channel);
        loop {
            let stored = self.facts.position(&stream).await;
            let stored = stored.map_err(|error| Failure::NotNow(None, error.to_string()))?;
            let after = stored.and_then(|place| place.parse::<u64>().ok());
            // A channel seen for the first time begins with what is said from now on.
            let target = after.map(|id| MessagePagination::After(DiscordMessageId::new(id.max(1))));
            let limit = if target.is_some() { PAGE } else { 1 };
            let read = self.adapter.rest.get_messages(intake.channel, target, Some(limit)).await;
            let mut page = read.map_err(|error| Failure::of(&error))?;
            page.sort_by_key(|message| message.id);
            let first_time = after.is_none();
            let last = page.last().map_or(1, |message| message.id.get());
            if first_time {
                self.accept(intake, Vec::new(), last).await;
                return Ok(());
            }
            if page.is_empty() {
                return Ok(());
            }
            self.take(intake, &page).await;
            if page.len() < usize::from(PAGE) {
                return Ok(());
            }
        }
    }

    /// Stores messages and how far the channel is read, in one commit.
    async fn take(&self, intake: &Intake, messages: &[Message]) {
        let Some(last) = messages.last() else { return };
        let mut events = Vec::new();
        for message in messages {
            events.extend(self.events(message).await);
        }
        self.accept(intake, events, last.id.get()).await;
    }

    async fn accept(&self, intake: &Intake, events: Vec<Event>, last: u64) {
        let cursor = SourceCursor {
            network: NetworkId::new(NETWORK),
            stream: stream(intake.channel),
            position: last.to_string(),
        };
        self.store(intake, events, Some(cursor)).await;
    }

    async fn store(&self, intake: &Intake, events: Vec<Event>, cursor: Option<SourceCursor>) {
        loop {
            match self.inbox.accept_all(events.clone(), cursor.clone()).await {
                Ok(()) => return,
                // It is read back by the next process.
                Err(AcceptError::Closed) => return self.cancel.cancelled().await,
                Err(error) => {
                    tracing::warn!(channel = %intake.channel, %error, "messages wait to be stored");
                    sleep(RETRY.0).await;
                }
            }
        }
    }

    /// Makes events of a message: its words first, as they are shown, then each file. The first has
    /// the message's own name, each later one that and its number.
    async fn events(&self, message: &Message) -> Vec<Event> {
        if self.adapter.is_own(message) {
            return Vec::new();
        }
        let (words, files) = match self.adapter.read(message) {
            Said::Content { words, files } => (words, files),
            Said::Blank => {
                self.adapter.explain_blank(message.channel_id).await;
                return Vec::new();
            }
            Said::Nothing => return Vec::new(),
        };
        let nick = self.adapter.nicknames.of(&self.adapter.rest, message).await;
        let sender = from_discord::persona(&message.author, nick);
        let words = words.into_iter().map(EventKind::Message);
        let kinds = words.chain(files.into_iter().map(EventKind::File));
        let event = |(number, kind): (usize, EventKind)| {
            let id = part_name(message.id, number);
            Event {
                network: NetworkId::new(NETWORK),
                source: SourceId::new(id.as_str()),
                message: Some(MessageId::new(id)),
                at: moment(message),
                scope: Scope::Room(RoomId::new(message.channel_id.to_string())),
                sender: sender.clone(),
                kind,
            }
        };
        let events: Vec<Event> = kinds.enumerate().map(event).collect();
        self.adapter.writers.note(message.id, sender, events.len());
        events
    }
}

/// Names one of the events a message is: the first has its own name.
pub(crate) fn part_name(message: DiscordMessageId, number: usize) -> String {
    match number {
        0 => message.to_string(),
        number => format!("{message}/{number}"),
    }
}

/// When a message was said.
pub(crate) fn moment(message: &Message) -> Timestamp {
    let seconds = u64::try_from(message.timestamp.unix_timestamp()).unwrap_or_default();
    Timestamp(seconds * 1000)
}

fn stream(channel: ChannelId) -> String {
    format!("channel {channel}")
}
