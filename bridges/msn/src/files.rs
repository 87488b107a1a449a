//! Files between contacts and rooms, through the session's transfers.
//!
//! A contact's file cannot be asked for twice, so its bytes are kept before the core hears of it. A file for
//! a contact waits for her to take it, up to ten minutes; what is said meanwhile does not wait, and what
//! became of the file is told where it came from.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bridge_core::{
    Puppet as _, PuppetContext,
    id::{MediaId, MessageId, SourceId, Timestamp},
    media::{Media, MediaError, MediaStream},
    model::{
        Attachment, AttachmentKind, CallNotice, Content, Delivery, DeliveryState, EventKind,
        Progress, Receipt, Reject, Signal, Stage, size_in_words,
    },
};
use bytes::Bytes;
use futures_util::stream;
use msnp::{
    ChatId, FileContext, Handle, PeerEvent, RequestError, Text, TransferError, TransferId, feature,
};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    task::JoinSet,
    time::Instant,
};

use crate::{puppet::MsnPuppet, texts};

/// Pieces of a file that may wait for the disk before the session is read no further.
const PIECES: usize = 256;
/// Most files of an account that wait for contacts.
const FILES: usize = 64;
/// How often it is told how far a file is that somebody takes.
const STEP: Duration = Duration::from_secs(10);

type Pieces = mpsc::Sender<Result<Bytes, MediaError>>;

/// Files on their way from contacts.
#[derive(Default)]
pub(crate) struct Incoming {
    files: HashMap<TransferId, Pieces>,
    /// What is fetched and kept, of files and of other things.
    pub(crate) kept: JoinSet<()>,
}

impl Incoming {
    /// Takes what happened to a transfer, if it is one of these.
    pub(crate) async fn take(
        &mut self,
        puppet: &Arc<MsnPuppet>,
        cx: &PuppetContext,
        event: &PeerEvent,
    ) {
        while self.kept.try_join_next().is_some() {}
        match event {
            PeerEvent::Offered { transfer, chat, from, file } => {
                self.offered(puppet, cx, *transfer, (chat, from), file);
            }
            PeerEvent::Unsupported { chat, from, feature } => {
                let (sender, at) = (puppet.persona(from, None), Timestamp::now().0);
                let source = format!("{}/{at}/unsupported/{feature}", puppet.login());
                let shows = feature::CAMERAS.contains(&feature.as_str());
                let notice = if shows { CallNotice::Video } else { CallNotice::Activity };
                puppet.accept(cx, chat, sender, source, EventKind::CallNotice(notice)).await;
            }
            PeerEvent::Data { transfer, bytes } => {
                if let Some(pieces) = self.files.get(transfer) {
                    // Whoever reads them may have given up, and says so himself.
                    let _ = pieces.send(Ok(Bytes::copy_from_slice(bytes))).await;
                }
            }
            PeerEvent::Ended { transfer, outcome } => {
                if let (Some(pieces), Err(error)) = (self.files.remove(transfer), outcome) {
                    let cut = MediaError::Cut(error.to_string().into());
                    let _ = pieces.send(Err(cut)).await;
                }
            }
            _ => {}
        }
    }

    /// Cuts off what has not come whole, and waits until the rest is handed in.
    pub(crate) async fn finish(mut self) {
        for (_, pieces) in self.files.drain() {
            let cut = MediaError::Cut(TransferError::Interrupted.to_string().into());
            let _ = pieces.send(Err(cut)).await;
        }
        while self.kept.join_next().await.is_some() {}
    }

    fn offered(
        &mut self,
        puppet: &Arc<MsnPuppet>,
        cx: &PuppetContext,
        transfer: TransferId,
        (chat, from): (&ChatId, &str),
        file: &FileContext,
    ) {
        let (puppet, cx) = (Arc::clone(puppet), cx.clone());
        let Ok(handle) = puppet.handle() else {
            return;
        };
        let (chat, sender) = (chat.clone(), puppet.persona(from, None));
        let source = puppet.source_of_transfer(transfer);
        let (name, size) = (file.safe_name(), file.size);
        if size > cx.inbox.largest_file() {
            self.kept.spawn(async move {
                // One that is over by now needs no answer.
                let _ = handle.cancel_transfer(transfer).await;
                let words = texts::wants_to_send_a_file_too_large(name, size_in_words(size));
                puppet.accept(&cx, &chat, sender, source, does(words)).await;
            });
            return;
        }
        let (pieces, taken) = mpsc::channel(PIECES);
        self.files.insert(transfer, pieces);
        self.kept.spawn(async move {
            let bytes =
                stream::unfold(taken, |mut taken| async { Some((taken.recv().await?, taken)) });
            // Its end is told by the transfer, whose own deadlines are longer than a stream's.
            let accepted = handle.accept_file(transfer).await;
            let kept = match accepted {
                Ok(()) => cx.inbox.keep_file(&name, MediaStream::new(Some(size), bytes)).await,
                Err(error) => Err(MediaError::Cut(error.to_string().into())),
            };
            let kind = match kept {
                Ok(media) => EventKind::File(Attachment {
                    media,
                    kind: kind_of(&name),
                    name,
                    mime: None,
                    size: Some(size),
                    caption: None,
                    link: None,
                }),
                Err(error) => {
                    let _ = handle.cancel_transfer(transfer).await;
                    does(texts::a_file_did_not_arrive(name, error))
                }
            };
            puppet.accept(&cx, &chat, sender, source, kind).await;
        });
    }
}

/// Keeps bytes that come once; gives the name they have in events.
pub(crate) async fn keep(
    cx: &PuppetContext,
    name: &str,
    bytes: Vec<u8>,
) -> Result<MediaId, MediaError> {
    let size = u64::try_from(bytes.len()).ok();
    let pieces = stream::iter([Ok(Bytes::from(bytes))]);
    cx.inbox.keep_file(name, MediaStream::new(size, pieces)).await
}

/// Something the contact did, in words.
fn does(words: String) -> EventKind {
    EventKind::Message(Content { emote: true, ..Content::plain(words) })
}

fn kind_of(name: &str) -> AttachmentKind {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("bmp" | "gif" | "jpeg" | "jpg" | "png" | "webp") => AttachmentKind::Picture,
        _ => AttachmentKind::File,
    }
}

/// Files on their way to contacts.
pub(crate) struct Outgoing {
    files: Mutex<HashMap<TransferId, mpsc::UnboundedSender<PeerEvent>>>,
    sent: Mutex<JoinSet<()>>,
    fates: mpsc::Sender<Fate>,
    /// How far those are that need a while. What is not taken in time is left out.
    steps: mpsc::Sender<(ChatId, Progress)>,
    told: AsyncMutex<Telling>,
}

/// Fates in their order, and the one that is being told: it is told again where a session ended meanwhile.
struct Telling {
    fates: mpsc::Receiver<Fate>,
    steps: mpsc::Receiver<(ChatId, Progress)>,
    current: Option<Fate>,
}

/// What became of a file, for the place where it came from.
#[derive(Clone)]
struct Fate {
    chat: ChatId,
    name: String,
    target: Option<MessageId>,
    source: String,
    outcome: Result<(), TransferError>,
}

impl Outgoing {
    pub(crate) fn new() -> Self {
        let (fates, told) = mpsc::channel(FILES);
        let (steps, taken) = mpsc::channel(FILES);
        let (files, sent) = (Mutex::default(), Mutex::default());
        let told = AsyncMutex::new(Telling { fates: told, steps: taken, current: None });
        Self { files, sent, fates, steps, told }
    }

    fn files(&self) -> MutexGuard<'_, HashMap<TransferId, mpsc::UnboundedSender<PeerEvent>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what happened to a transfer, if it is one of these.
    pub(crate) fn take(&self, event: PeerEvent) {
        let (PeerEvent::Wants { transfer, .. } | PeerEvent::Ended { transfer, .. }) = &event else {
            return;
        };
        let (transfer, over) = (*transfer, matches!(event, PeerEvent::Ended { .. }));
        let mut files = self.files();
        if let Some(teller) = files.get(&transfer) {
            // No more than one waits for each piece that was given.
            let _ = teller.send(event);
            if over {
                files.remove(&transfer);
            }
        }
    }

    /// Takes the news that the session is over, and its transfers with it.
    pub(crate) fn interrupt(&self) {
        self.files().clear();
    }

    /// Offers a file to a contact; it goes when she takes it, and [`tell`](Self::tell) says what became of
    /// it.
    pub(crate) async fn offer(
        &self,
        handle: &Handle,
        chat: &ChatId,
        file: &Attachment,
        item: &Delivery,
        source: impl Fn(TransferId) -> String,
    ) -> Result<Receipt, RequestError> {
        let Some(media) = item.media.clone() else {
            return Err(RequestError::Transfer(TransferError::Unavailable));
        };
        if self.files().len() >= FILES {
            return Err(RequestError::Busy);
        }
        let name = file.shown_name();
        let context = FileContext { size: media.size, name: name.clone(), preview: Vec::new() };
        let (teller, told) = mpsc::unbounded_channel();
        let transfer = handle.new_transfer();
        self.files().insert(transfer, teller);
        let offered = handle.offer_file_as(transfer, chat, chat.as_str(), context).await;
        if let Err(error) = offered {
            self.files().remove(&transfer);
            return Err(error);
        }
        let (target, source) = (item.event.message.clone(), source(transfer));
        let told_by = SourceId::new(source.as_str());
        let (fates, steps) = (self.fates.clone(), self.steps.clone());
        let (sender, to) = (handle.clone(), chat.clone());
        let step = target.clone().map(|target| {
            let (name, size) = (name.clone(), media.size);
            Progress { target, name, done: 0, size, stage: Stage::Running }
        });
        self.spawn(async move {
            let mut steps = step.map(|step| Steps::new(steps, to.clone(), step));
            let outcome = send(&sender, transfer, media, told, steps.as_mut()).await;
            if let Some(steps) = steps {
                steps.end(outcome.is_ok());
            }
            // Where nobody is left to tell, the bridge ends.
            let _ = fates.send(Fate { chat: to, name, target, source, outcome }).await;
        });
        if let Some(caption) = &file.caption {
            // The file is on its way, whatever becomes of the words below it.
            let _ = handle.send_text(chat, Text::plain(caption.as_str())).await;
        }
        Ok(Receipt { told_by: Some(told_by), ..Receipt::default() })
    }

    fn spawn(&self, sending: impl Future<Output = ()> + Send + 'static) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        while sent.try_join_next().is_some() {}
        sent.spawn(sending);
    }

    /// Tells what becomes of files, where they came from.
    pub(crate) async fn tell(&self, puppet: &MsnPuppet, cx: &PuppetContext) -> Infallible {
        let mut told = self.told.lock().await;
        loop {
            if told.current.is_none() {
                let Telling { fates, steps, current } = &mut *told;
                tokio::select! {
                    fate = fates.recv() => *current = fate,
                    Some((chat, progress)) = steps.recv() => {
                        let person = puppet.persona(chat.as_str(), None);
                        puppet.signal_in(cx, &chat, person, Signal::Progress(progress));
                        continue;
                    }
                }
            }
            let Some(Fate { chat, name, target, source, outcome }) = told.current.clone() else {
                return std::future::pending().await; // never: one of its senders is held here
            };
            let person = puppet.persona(chat.as_str(), None);
            let state = match outcome {
                Ok(()) => DeliveryState::Delivered { to: vec![person.id.clone()] },
                Err(TransferError::Unconfirmed) => {
                    DeliveryState::Unknown { tell_user: texts::the_file_may_have_arrived(name) }
                }
                Err(error) => DeliveryState::Failed {
                    reason: Reject::Unsupported,
                    tell_user: texts::the_file_was_not_delivered(name, error),
                },
            };
            puppet.accept(cx, &chat, person, source, EventKind::Delivery { target, state }).await;
            told.current = None;
        }
    }
}

/// Tells from time to time how far a file is, once it has needed a while.
struct Steps {
    teller: mpsc::Sender<(ChatId, Progress)>,
    chat: ChatId,
    progress: Progress,
    /// When that was told last, or the first bytes went.
    last: Option<Instant>,
    told: bool,
}

impl Steps {
    fn new(teller: mpsc::Sender<(ChatId, Progress)>, chat: ChatId, progress: Progress) -> Self {
        Self { teller, chat, progress, last: None, told: false }
    }

    /// Takes note of bytes that went.
    fn went(&mut self, bytes: usize) {
        let now = Instant::now();
        let last = *self.last.get_or_insert(now);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.progress.done = self.progress.done.saturating_add(bytes);
        if now.duration_since(last) >= STEP {
            (self.last, self.told) = (Some(now), true);
            self.tell();
        }
    }

    /// Says the last word, where there was one before.
    fn end(mut self, taken: bool) {
        self.progress.stage = if taken { Stage::Taken } else { Stage::Stopped };
        if self.told {
            self.tell();
        }
    }

    fn tell(&self) {
        // Where too many wait, the next one says more.
        let _ = self.teller.try_send((self.chat.clone(), self.progress.clone()));
    }
}

/// Gives a contact the bytes as her client wants them, until the transfer is over.
async fn send(
    handle: &Handle,
    transfer: TransferId,
    media: Media,
    mut told: mpsc::UnboundedReceiver<PeerEvent>,
    mut steps: Option<&mut Steps>,
) -> Result<(), TransferError> {
    let mut stream = None;
    let mut left = Bytes::new();
    while let Some(event) = told.recv().await {
        match event {
            PeerEvent::Wants { most, .. } => {
                let stream = match &mut stream {
                    Some(stream) => stream,
                    none => {
                        none.insert(media.open().await.map_err(|_| TransferError::Unavailable)?)
                    }
                };
                while left.is_empty() {
                    match stream.next().await {
                        Some(Ok(piece)) => left = piece,
                        Some(Err(_)) | None => {
                            let _ = handle.cancel_transfer(transfer).await;
                            return Err(TransferError::Unavailable);
                        }
                    }
                }
                let piece = left.split_to(most.min(left.len()));
                // One that is over by now says so by its last event.
                let _ = handle.feed_file(transfer, piece.to_vec()).await;
                if let Some(steps) = &mut steps {
                    steps.went(piece.len());
                }
            }
            PeerEvent::Ended { outcome, .. } => return outcome,
            _ => {}
        }
    }
    Err(TransferError::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_file_that_needs_a_while_is_told_of_and_its_end_too() {
        let (teller, mut told) = mpsc::channel(4);
        let steps = || {
            let (target, name) = (MessageId::new("m"), "film.mkv".to_owned());
            let progress = Progress { target, name, done: 0, size: 100, stage: Stage::Running };
            Steps::new(teller.clone(), ChatId::with("bob@example.com"), progress)
        };
        let mut quick = steps();
        quick.went(60);
        quick.went(40);
        quick.end(true);
        assert!(told.try_recv().is_err());

        let mut slow = steps();
        for _ in 0..5 {
            slow.went(10);
            tokio::time::advance(STEP / 2).await;
        }
        slow.end(false);
        let mut said = Vec::new();
        while let Ok((_, progress)) = told.try_recv() {
            said.push((progress.done, progress.stage));
        }
        assert_eq!(said, [(30, Stage::Running), (50, Stage::Running), (50, Stage::Stopped)]);
    }
}
