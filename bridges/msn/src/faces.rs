//! Display pictures of contacts, fetched from their clients once somebody talks.
//!
//! A picture is asked for in a conversation that is open already: fetching one for each contact who comes
//! online would open as many conversations, which people see.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bridge_core::{
    PuppetContext,
    model::{EventKind, ProfilePatch},
};
use msnp::{ChatId, Object, PeerEvent, TransferId};
use tokio::task::JoinSet;

use crate::{files, puppet::MsnPuppet};

/// Most contacts whose pictures are remembered; past that all are forgotten and asked for again.
const REMEMBERED: usize = 4096;

/// What is known of the pictures of those who talk.
#[derive(Default)]
pub(crate) struct Faces {
    /// The hash of the picture that was asked for last, by address.
    asked: HashMap<String, String>,
    /// Pictures under way.
    coming: HashSet<TransferId>,
    /// What is being asked or kept; tells of a picture that was not asked for after all.
    work: JoinSet<Option<TransferId>>,
}

impl Faces {
    /// Asks for the picture of somebody who talks, unless that is done.
    pub(crate) fn look(&mut self, puppet: &Arc<MsnPuppet>, chat: &ChatId, account: &str) {
        while let Some(done) = self.work.try_join_next() {
            if let Ok(Some(transfer)) = done {
                self.coming.remove(&transfer);
            }
        }
        let Ok(handle) = puppet.handle() else {
            return;
        };
        let Some(description) = handle.contact(account).and_then(|contact| contact.object) else {
            return;
        };
        let Some(object) = Object::read(&description) else {
            return;
        };
        let account = account.to_lowercase();
        if chat.is_group() || self.asked.get(&account) == Some(&object.hash) {
            return;
        }
        if self.asked.len() >= REMEMBERED {
            self.asked.clear();
        }
        self.asked.insert(account.clone(), object.hash);
        let transfer = handle.new_transfer();
        self.coming.insert(transfer);
        let chat = chat.clone();
        self.work.spawn(async move {
            let asked = handle.fetch_object_as(transfer, &chat, &account, &description).await;
            let error = asked.err()?;
            tracing::debug!(%error, "a picture was not asked for");
            Some(transfer)
        });
    }

    /// Looks whether somebody who talked has another picture now.
    pub(crate) fn look_again(&mut self, puppet: &Arc<MsnPuppet>, account: &str) {
        if self.asked.contains_key(&account.to_lowercase()) {
            self.look(puppet, &ChatId::with(account), account);
        }
    }

    /// Takes what happened to a transfer; gives it back where it is none of these.
    pub(crate) fn take(
        &mut self,
        puppet: &Arc<MsnPuppet>,
        cx: &PuppetContext,
        event: PeerEvent,
    ) -> Option<PeerEvent> {
        match event {
            PeerEvent::Object { transfer, from, bytes, .. } if self.coming.contains(&transfer) => {
                let chat = ChatId::with(&from);
                let (puppet, cx) = (Arc::clone(puppet), cx.clone());
                self.work.spawn(async move {
                    let kept = files::keep(&cx, "picture", bytes).await;
                    let kept = kept.inspect_err(|error| {
                        tracing::debug!(%error, "a picture was not kept");
                    });
                    let avatar = Some(Some(kept.ok()?));
                    let patch = ProfilePatch { avatar, ..ProfilePatch::default() };
                    let (person, source) =
                        (puppet.persona(&from, None), puppet.source_of_transfer(transfer));
                    puppet.accept(&cx, &chat, person, source, EventKind::Profile(patch)).await;
                    None
                });
                None
            }
            PeerEvent::Ended { transfer, outcome } if self.coming.contains(&transfer) => {
                self.coming.remove(&transfer);
                if let Err(error) = outcome {
                    tracing::debug!(%error, "a picture did not come");
                }
                None
            }
            event => Some(event),
        }
    }
}
