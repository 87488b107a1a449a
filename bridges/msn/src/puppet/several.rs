//! Conversations of several: who is in them, and how one of two becomes one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bridge_core::{
    DeliverError,
    id::{ChatId, NetworkId},
    model::{ChatFacts, Membership, MembershipChange, Persona, Receipt, RoomKind},
    shown,
};
use msnp::Handle;

use super::{MsnPuppet, unwilling};
use crate::{connector::NETWORK, translate, words};

/// Most conversations whose people are remembered; past it all are forgotten.
const LIMIT: usize = 256;

/// Who is in conversations of several, as the switchboards tell it.
#[derive(Default)]
pub(crate) struct Several(Mutex<Known>);

#[derive(Default)]
struct Known {
    people: HashMap<msnp::ChatId, BTreeMap<String, String>>,
    /// Conversations of two into which the account itself calls somebody just now.
    growing: HashSet<msnp::ChatId>,
}

impl Several {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all: a session ended, and with it its switchboards.
    pub(super) fn forget(&self) {
        *self.known() = Known::default();
    }

    pub(super) fn joined(&self, chat: &msnp::ChatId, account: &str, name: &str) {
        let mut known = self.known();
        if known.people.len() >= LIMIT && !known.people.contains_key(chat) {
            known.people.clear();
        }
        let people = known.people.entry(chat.clone()).or_default();
        people.insert(account.to_owned(), name.to_owned());
    }

    pub(super) fn left(&self, chat: &msnp::ChatId, account: &str) {
        let mut known = self.known();
        if let Some(people) = known.people.get_mut(chat) {
            people.remove(account);
            if people.is_empty() {
                known.people.remove(chat);
            }
        }
    }

    /// Tells whether a conversation grew because the account wished it.
    pub(super) fn grew(&self, from: &msnp::ChatId) -> bool {
        self.known().growing.remove(from)
    }
}

impl MsnPuppet {
    /// Tells what is known of a conversation.
    pub(super) fn facts(&self, chat: &ChatId) -> ChatFacts {
        let id = msnp::ChatId::from_text(chat.as_str());
        if !id.is_group() {
            let (name, people) = (None, vec![self.persona(chat.as_str(), None)]);
            return ChatFacts { kind: RoomKind::Direct, name, people };
        }
        let circle = self.roster().and_then(|roster| roster.circle(&id).cloned());
        let people: Vec<(String, String)> = match &circle {
            Some(circle) => {
                let members = circle.members.iter();
                members.map(|(account, member)| (account.clone(), member.name.clone())).collect()
            }
            None => {
                let known = self.several.known();
                known
                    .people
                    .get(&id)
                    .into_iter()
                    .flatten()
                    .map(|(account, name)| (account.clone(), name.clone()))
                    .collect()
            }
        };
        let persona = |(account, name): (String, String)| {
            self.persona(&account, Some(&name).filter(|name| !name.is_empty()).map(String::as_str))
        };
        let name = circle.map(|circle| words::shown(&circle.name));
        ChatFacts {
            kind: RoomKind::Group,
            name: name.filter(|name| !name.is_empty()),
            people: people.into_iter().map(persona).collect(),
        }
    }

    /// Names the account itself.
    pub(super) fn oneself(&self) -> Persona {
        let name = self.wished_name().map(|name| words::shown(&name));
        Persona {
            network: NetworkId::new(NETWORK),
            id: bridge_core::id::PersonaId::new(self.config.account.to_lowercase()),
            name: name.filter(|name| !name.is_empty()),
        }
    }

    /// Calls somebody into a conversation. Nobody can be put out of one.
    pub(super) async fn change_people(
        &self,
        handle: &Handle,
        chat: &ChatId,
        change: &MembershipChange,
    ) -> Result<Receipt, DeliverError> {
        if change.membership == Membership::Leave || change.person.network.as_str() != NETWORK {
            return Ok(Receipt::default());
        }
        let to = msnp::ChatId::from_text(chat.as_str());
        let grows = !to.is_group();
        if grows {
            self.several.known().growing.insert(to.clone());
        }
        let account = change.person.id.as_str();
        match handle.grow_chat(&to, account).await {
            Ok(made) => {
                if let (true, Some(made)) = (grows, made) {
                    self.several.grew(&to);
                    let inbox = self.inbox.get();
                    let now = ChatId::new(made.as_str());
                    if let Some(inbox) = inbox
                        && let Err(error) = inbox.chat_grew(&self.login, chat, &now).await
                    {
                        return Err(DeliverError::retry(error.to_string()));
                    }
                }
                Ok(Receipt::default())
            }
            Err(error) => {
                self.several.grew(&to);
                let name = self.persona(account, change.person.name.as_deref());
                Err(translate::refusal(error, &shown::name(name.shown_name())))
            }
        }
    }

    /// Leaves a conversation of several.
    pub(super) async fn leave_several(&self, chat: &ChatId) -> Result<(), DeliverError> {
        let to = msnp::ChatId::from_text(chat.as_str());
        self.online()?.leave_chat(&to).await.map_err(unwilling)
    }
}
