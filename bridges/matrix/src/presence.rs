//! How available people are, both ways: contacts as presence of their ghosts, users of the bridge as
//! presence of their accounts.
//!
//! Matrix has three states and words: what it has no state for is said in words before the person's own.
//! A ghost's presence is seen by those who share a room with it, so only contacts with a room have one.

mod keeper;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use bridge_core::{
    DeliverError,
    id::{NetworkId, PersonaId, RoomId},
    model::{ContactList, Persona, Presence, PresenceState, UserId},
};
use reqwest::Method;
use ruma::{
    OwnedUserId,
    api::client::presence::{get_presence, set_presence},
    events::presence::PresenceEvent,
    presence::PresenceState as MatrixPresence,
};
use serde_json::json;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use self::keeper::{Homeserver, Keeper, Look, Outcome, Source, Step};
use crate::{
    adapter::{MatrixAdapter, NETWORK},
    config::PresenceRefresh,
    intent::IntentError,
    texts,
};

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Most letters of what stands beside a presence.
const WORDS: usize = 500;
/// The field of a ghost's profile that says how she is, for clients that show no presence.
const STATUS_FIELD: &str = "net.msnbridge.status";

/// Ghosts' presence on its way to the homeserver: a path of its own, so that no message waits for it.
pub(crate) struct PresencePath {
    keeper: Mutex<Keeper>,
    news: Notify,
    /// Whether the homeserver takes fields of profiles that it does not know.
    fields: AtomicBool,
    /// Owners of accounts who were asked for once; after that what they do is pushed.
    asked: Mutex<HashSet<UserId>>,
}

impl PresencePath {
    pub(crate) fn new(refresh: PresenceRefresh) -> Self {
        Self {
            keeper: Mutex::new(Keeper::new(refresh, Instant::now())),
            news: Notify::new(),
            fields: AtomicBool::new(true),
            asked: Mutex::default(),
        }
    }

    fn asked(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatrixAdapter {
    /// Takes how the contacts of an account are; who has no room is seen by nobody.
    pub(crate) fn contacts_are(&self, list: &ContactList) {
        let source = Source::List(list.login.clone());
        let shown =
            list.entries.iter().filter(|entry| list.wishes.presence && entry.room.is_some());
        let told = shown.filter_map(|entry| {
            let persona = &entry.contact.persona;
            Some((self.names.ghost(persona)?, persona.clone(), look(&entry.contact.presence)))
        });
        self.presence.keeper().tell_all(&source, told);
        self.presence.news.notify_one();
    }

    /// Takes how somebody is who is told of in one room.
    pub(crate) fn somebody_is(&self, room: &RoomId, from: &Persona, presence: &Presence) {
        let Some(ghost) = self.names.ghost(from) else { return };
        let source = Source::Room(room.clone());
        self.presence.keeper().tell(&source, ghost, from.clone(), look(presence));
        self.presence.news.notify_one();
    }

    /// Tells the homeserver how ghosts are, until it is cancelled.
    pub(crate) async fn keep_presence(self: Arc<Self>, cancel: CancellationToken) {
        loop {
            let step = self.presence.keeper().next(Instant::now());
            let work = async {
                match step {
                    Step::Wait(until) => {
                        let due = async {
                            match until {
                                Some(until) => sleep_until(until).await,
                                None => std::future::pending().await,
                            }
                        };
                        tokio::select! {
                            () = due => {}
                            () = self.presence.news.notified() => {}
                        }
                    }
                    Step::Read { ghost } => {
                        let found = self.presence_of(&ghost, &ghost).await;
                        let found = found.map(|(presence, _)| presence);
                        self.learn(|keeper| keeper.read(&ghost, found, Instant::now()));
                    }
                    Step::Send { ghost, persona, look, again } => {
                        let outcome = self.send_presence(&ghost, &persona, &look, again).await;
                        let now = Instant::now();
                        self.learn(|keeper| keeper.sent(ghost, look, outcome, now, jitter()));
                    }
                }
            };
            tokio::select! {
                () = work => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    /// Notes what came of a request, and says once what it tells of the homeserver.
    fn learn(&self, note: impl FnOnce(&mut Keeper)) {
        let (before, now) = {
            let mut keeper = self.presence.keeper();
            let before = keeper.homeserver();
            note(&mut keeper);
            (before, keeper.homeserver())
        };
        match now {
            _ if now == before => {}
            Homeserver::Forgets => {
                tracing::info!(
                    "the homeserver forgets presence; it is told again every 25 seconds"
                );
            }
            Homeserver::Keeps => tracing::debug!("the homeserver keeps presence"),
            Homeserver::Off(_) => {
                tracing::warn!(
                    "presence is switched off at the homeserver; contacts' is not shown"
                );
            }
            Homeserver::Unknown => {}
        }
    }

    async fn send_presence(
        &self,
        ghost: &OwnedUserId,
        persona: &Persona,
        look: &Look,
        again: bool,
    ) -> Outcome {
        let sending = async {
            self.ghost(persona).await.map_err(|error| outcome_of_making(&error))?;
            let mut request = set_presence::v3::Request::new(ghost.clone(), look.presence());
            request.status_msg.clone_from(&look.text);
            let sent = self.intent.send(ghost, request).await;
            sent.map_err(|error| outcome_of(&error))?;
            if !again {
                self.show_words(ghost, look).await;
            }
            Ok(())
        };
        match timeout(DEADLINE, sending).await {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(outcome)) => outcome,
            Err(_) => Outcome::Failed { after: None },
        }
    }

    /// Writes how somebody is into her ghost's profile, where the homeserver takes that.
    async fn show_words(&self, ghost: &OwnedUserId, look: &Look) {
        if !self.presence.fields.load(Ordering::Relaxed) {
            return;
        }
        let path = format!("/_matrix/client/v3/profile/{ghost}/{STATUS_FIELD}");
        let status = json!({ "state": look.state.to_string(), "text": look.text });
        let request = self.intent.raw(Method::PUT, &path, ghost);
        let request = request.json(&json!({ STATUS_FIELD: status }));
        match self.intent.exchange_raw(request).await {
            Err(error @ IntentError::Refused { status: 400..500, .. }) => {
                tracing::debug!(%error, "the homeserver takes no further fields of profiles");
                self.presence.fields.store(false, Ordering::Relaxed);
            }
            Err(error) => tracing::debug!(%error, "a field of a profile was not written"),
            Ok(_) => {}
        }
    }

    /// Asks how somebody is; none when that is not told.
    async fn presence_of(
        &self,
        user: &OwnedUserId,
        asked_by: &OwnedUserId,
    ) -> Option<(MatrixPresence, Option<String>)> {
        let request = get_presence::v3::Request::new(user.clone());
        let found = timeout(DEADLINE, self.intent.send(asked_by, request)).await.ok()?;
        let found = found.inspect_err(|error| {
            tracing::debug!(%error, "how somebody is was not told");
        });
        found.ok().map(|found| (found.presence, found.status_msg))
    }

    /// Hands on how a user of the homeserver is; ghosts' own presence comes back too, and is no news.
    pub(crate) fn user_presence_changed(&self, event: &PresenceEvent) {
        if !self.names.is_own(event.sender.as_str()) {
            let content = &event.content;
            self.user_is(&event.sender, &content.presence, content.status_msg.clone());
        }
    }

    /// Asks how the owner of a list is, who may have changed while the bridge did not run.
    pub(crate) async fn look_at_owner(&self, owner: &UserId) {
        if !self.presence.asked().insert(owner.clone()) {
            return;
        }
        let Ok(user) = OwnedUserId::try_from(owner.id.as_str()) else { return };
        match self.presence_of(&user, &self.names.bot).await {
            // That is also said where presence is switched off, and would be believed of everybody.
            Some((MatrixPresence::Offline, _)) | None => {}
            Some((presence, words)) => self.user_is(&user, &presence, words),
        }
    }

    fn user_is(&self, user: &ruma::UserId, presence: &MatrixPresence, words: Option<String>) {
        let state = match presence {
            MatrixPresence::Online => PresenceState::Online,
            MatrixPresence::Offline => PresenceState::Offline,
            // Who does nothing for a while.
            _ => PresenceState::Idle,
        };
        let user = UserId { network: NetworkId::new(NETWORK), id: PersonaId::new(user.as_str()) };
        if let Some(inbox) = self.inbox() {
            let status_text = words.filter(|words| !words.trim().is_empty());
            inbox.user_is(user, Presence { state, status_text, media: None });
        }
    }
}

/// Says how somebody is in what Matrix has for it.
fn look(presence: &Presence) -> Look {
    Look { state: presence.state, text: words(presence) }
}

/// Gives the words that stand beside a presence: what there is no state for, her own, what is playing.
pub(crate) fn words(presence: &Presence) -> Option<String> {
    let Presence { state, status_text, media } = presence;
    if *state == PresenceState::Offline {
        return None;
    }
    let media = media.as_ref().map(|media| texts::playing(&media.kind, &media.text));
    let parts = [texts::status(*state).map(str::to_owned), status_text.clone(), media];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let text: String = text.chars().take(WORDS).collect();
    (!text.is_empty()).then_some(text)
}

fn outcome_of(error: &IntentError) -> Outcome {
    match error {
        IntentError::Limited { after } => Outcome::Failed { after: *after },
        IntentError::Refused { status: 403 | 404 | 405 | 501, .. } => Outcome::Unknown,
        IntentError::Refused { status: 500.., .. }
        | IntentError::Unreachable(_)
        | IntentError::Unreadable(_) => Outcome::Failed { after: None },
        IntentError::Refused { .. } => {
            tracing::debug!(%error, "a ghost's presence is refused");
            Outcome::Refused
        }
    }
}

fn outcome_of_making(error: &DeliverError) -> Outcome {
    match error {
        DeliverError::Retry { after, .. } => Outcome::Failed { after: *after },
        error => {
            tracing::debug!(%error, "a ghost for a presence was not made");
            Outcome::Refused
        }
    }
}

/// A number from 0 to 1.
fn jitter() -> f64 {
    let mut bytes = [0x80; 4];
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use bridge_core::model::CurrentMedia;

    use super::*;

    #[test]
    fn each_state_is_told_apart_by_words_before_her_own() {
        let presence = |state, words: Option<&str>, playing: Option<&str>| {
            let media = playing
                .map(|text| CurrentMedia { text: text.to_owned(), kind: "Music".to_owned() });
            look(&Presence { state, status_text: words.map(str::to_owned), media }).text
        };
        let busy = presence(PresenceState::Busy, Some("at work"), Some("Ada – Song"));
        assert_eq!(busy.as_deref(), Some("Busy · at work · 🎵 Ada – Song"));
        assert_eq!(presence(PresenceState::Online, None, None), None);
        assert_eq!(presence(PresenceState::Online, Some("hi"), None).as_deref(), Some("hi"));
        assert_eq!(presence(PresenceState::Offline, Some("hi"), None), None);
        let lunch = presence(PresenceState::OutToLunch, None, None);
        assert_eq!(lunch.as_deref(), Some("Out to lunch"));
        let long = presence(PresenceState::Online, Some(&"ü".repeat(10_000)), None);
        assert_eq!(long.map(|text| text.chars().count()), Some(WORDS));
    }
}
