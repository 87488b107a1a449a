//! Pictures and files of a scripted contact: the sans-IO engine, and what is said about its results.

use msnp_proto::{
    msg::{Body, Text},
    p2p::{FileContext, PeerEvent, Place, TransferError},
    session::ChatId,
};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{actor::Actor, belongings::FILE_NAME};
use crate::directory::{Profile, TalkId};

/// A file on its way to the contact.
pub(super) struct Coming {
    from: String,
    name: String,
    size: u64,
    hash: Sha256,
}

/// A file on its way from the contact.
pub(super) struct Going {
    to: String,
    /// Bytes given so far.
    given: usize,
}

/// What the engine calls a conversation.
pub(super) fn chat_of(talk: TalkId) -> ChatId {
    ChatId::from_text(&talk.0.to_string())
}

impl Actor {
    pub(super) fn take_packet(&mut self, talk: TalkId, from: &Profile, body: &Body<'_>) {
        self.peers.handle_payload(now(), &chat_of(talk), &from.account, body);
    }

    /// Offers its file.
    pub(super) async fn offer(&mut self, talk: TalkId, to: &Profile) {
        let place = self.talks.get(&talk).and_then(|talk| talk.place_of(&to.account)).cloned();
        let place = place.unwrap_or_else(|| Place { account: to.account.to_lowercase(), id: None });
        let size = u64::try_from(self.belongings.file.len()).unwrap_or_default();
        let file = FileContext { size, name: FILE_NAME.to_owned(), preview: Vec::new() };
        let transfer = self.peers.new_id();
        match self.peers.offer(now(), transfer, &chat_of(talk), place, file) {
            Ok(()) => {
                self.going.insert(transfer, Going { to: to.account.clone(), given: 0 });
            }
            Err(error) => self.report(&to.account, format!("I cannot offer it: {error}.")).await,
        }
    }

    /// Ends the transfers that a conversation carried.
    pub(super) fn abandon_transfers(&mut self, talk: TalkId) {
        self.peers.handle_gone(&chat_of(talk), TransferError::Interrupted);
    }

    /// Goes on with pictures and files: drains the engine.
    pub(super) async fn transfer(&mut self) {
        loop {
            let mut moved = false;
            while let Some(event) = self.peers.poll_event() {
                moved = true;
                self.transferred(event).await;
            }
            for chat in self.peers.waiting() {
                let talk = self.talk_of(&chat);
                while let Some(payload) = self.peers.poll_payload(now(), &chat) {
                    moved = true;
                    // What is for a conversation that is over is for nobody.
                    if let Some(talk) = talk {
                        self.say(talk, payload).await;
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }

    async fn transferred(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Offered { transfer, from, file, .. } => {
                let (name, size, hash) = (file.safe_name(), file.size, Sha256::new());
                self.coming.insert(transfer, Coming { from, name, size, hash });
                // One that was withdrawn since is told of as ended.
                let _ = self.peers.accept(now(), transfer);
            }
            PeerEvent::Data { transfer, bytes } => {
                if let Some(coming) = self.coming.get_mut(&transfer) {
                    coming.hash.update(&bytes);
                }
            }
            PeerEvent::Wants { transfer, most } => {
                let Some(Going { given, .. }) = self.going.get_mut(&transfer) else {
                    return;
                };
                let file = &self.belongings.file;
                let end = given.saturating_add(most).min(file.len());
                let part = file.get(*given..end).unwrap_or_default().to_vec();
                *given = end;
                // One that ended since is told of as ended.
                let _ = self.peers.feed(now(), transfer, part);
            }
            PeerEvent::Ended { transfer, outcome } => {
                if let Some(Coming { from, name, size, hash }) = self.coming.remove(&transfer) {
                    let report = match outcome {
                        Ok(()) => format!("{name}: {size} bytes, SHA-256 {:x}", hash.finalize()),
                        Err(error) => format!("{name} did not come: {error}."),
                    };
                    self.report(&from, report).await;
                } else if let Some(Going { to, .. }) = self.going.remove(&transfer) {
                    let report = match outcome {
                        Ok(()) => format!("You have {FILE_NAME} now."),
                        Err(error) => format!("I do not know that you have {FILE_NAME}: {error}."),
                    };
                    self.report(&to, report).await;
                }
            }
            _ => {}
        }
    }

    async fn report(&mut self, to: &str, words: String) {
        self.tell(to, Text::plain(words).write()).await;
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
