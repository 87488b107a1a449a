//! What an account says comes back on some networks, told like anything else that was said there.
//!
//! Most echoes are known by who speaks, and the networks' own parts leave them out. Where an account may
//! also be used from elsewhere, its own words are news or an echo, and only the message's name tells
//! them apart: a name that the core has given one of its own rows to is an echo (see `ingest`). The
//! answer to a send may come after its echo; so while a send is under way in a chat, what the account
//! itself is heard saying there waits until the send's names are stored.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use crate::{
    id::{ChatId, LoginId, PersonaId},
    model::{Event, Scope},
};

/// How long an echo waits for the answer to its send.
const PARKED: Duration = Duration::from_secs(10);

/// Sends under way, and who the accounts are.
#[derive(Default)]
pub(crate) struct Echoes {
    state: Mutex<State>,
    /// Wakes those who wait for a send to end.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// The persona of each account.
    accounts: HashMap<LoginId, PersonaId>,
    /// How many sends are under way in each chat: several portals never share one, but a former leg's may
    /// still end.
    sending: HashMap<(LoginId, ChatId), u32>,
}

/// A send under way; it ends when this is dropped, after its names are stored.
pub(crate) struct Sending<'a> {
    echoes: &'a Echoes,
    place: (LoginId, ChatId),
}

impl Echoes {
    /// Notes who an account is on its network.
    pub(crate) fn know(&self, login: &LoginId, persona: &PersonaId) {
        self.state().accounts.insert(login.clone(), persona.clone());
    }

    /// Tells whether somebody is the account itself.
    pub(crate) fn is_account(&self, login: &LoginId, person: &PersonaId) -> bool {
        let state = self.state();
        let account = state.accounts.get(login);
        account.is_some_and(|account| account.as_str().eq_ignore_ascii_case(person.as_str()))
    }

    /// Notes that something is sent in a chat.
    pub(crate) fn begin(&self, login: &LoginId, chat: &ChatId) -> Sending<'_> {
        let place = (login.clone(), chat.clone());
        *self.state().sending.entry(place.clone()).or_default() += 1;
        Sending { echoes: self, place }
    }

    /// Waits, while an event may be the echo of a send under way.
    pub(crate) async fn park(&self, events: &[Event]) {
        for event in events {
            let Scope::Chat { login, chat } = &event.scope else { continue };
            let place = (login.clone(), chat.clone());
            let may_be_one = event.message.is_some() && self.is_account(login, &event.sender.id);
            if !may_be_one {
                continue;
            }
            let over = async {
                loop {
                    let ended = self.ended.notified();
                    if !self.state().sending.contains_key(&place) {
                        return;
                    }
                    ended.await;
                }
            };
            if timeout(PARKED, over).await.is_err() {
                tracing::warn!(?login, "an account's own words wait for a send no longer");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let mut state = self.echoes.state();
        if let Some(count) = state.sending.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                state.sending.remove(&self.place);
            }
        }
        drop(state);
        self.echoes.ended.notify_waiters();
    }
}
