//! The buddy list: a room for each account whose owner wishes it, where one message shows her contacts
//! and is edited when they change.
//!
//! An edit is an event of its own. So that clients find the message near the end of the room, it is said
//! anew after some edits, and the one before is removed.

mod page;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bridge_core::{
    DeliverError,
    id::{LoginId, RowId},
    model::{Contact, ContactList, OwnAccount},
};
use ruma::{
    OwnedEventId, OwnedMxcUri, OwnedRoomId, OwnedTransactionId, OwnedUserId,
    api::client::{
        membership::{joined_rooms, kick_user, leave_room},
        redact::redact_event,
        room::{
            create_room::{self, v3::RoomPreset},
            get_room_event,
        },
        state::{get_state_event_for_key, send_state_event},
    },
    events::{
        StateEventType,
        relation::Replacement,
        room::message::{Relation, RoomMessageEventContent},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use self::page::Page;
use crate::{adapter::MatrixAdapter, intent::IntentError, names, room, texts};

/// The key of `m.room.create` that says of which account's contacts a room is the list.
pub(crate) const BUDDIES_KEY: &str = "net.msnbridge.buddies";

/// The least time between two edits of one list.
const GAP: Duration = Duration::from_secs(10);
/// First and longest wait after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// How long one list may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// After how many edits the message is said anew.
const EDITS: u32 = 40;
/// Most faces remembered.
const FACES: usize = 100_000;

/// Lists that are to be shown; the latest of each account.
#[derive(Default)]
pub(crate) struct Buddies {
    slots: Mutex<BTreeMap<LoginId, Slot>>,
    news: Notify,
    /// The pictures of ghosts, read from the store when first asked for and after each change.
    faces: Mutex<Option<Arc<HashMap<String, OwnedMxcUri>>>>,
}

struct Slot {
    list: Option<ContactList>,
    free: Instant,
    failures: u32,
}

/// What is known of an account's list room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// The room; none while it is being made.
    room: Option<OwnedRoomId>,
    /// The message.
    event: Option<OwnedEventId>,
    /// How often it was edited.
    edits: u32,
    /// How many messages there were.
    messages: u32,
    /// What it shows, in short.
    shows: u64,
    /// Whether the owner left the room; nothing is shown there then.
    left: bool,
}

impl Buddies {
    /// Takes an account's list as it is now.
    fn take_in(&self, list: &ContactList) {
        let now = Instant::now();
        let slot = Slot { list: None, free: now, failures: 0 };
        self.slots().entry(list.login.clone()).or_insert(slot).list = Some(list.clone());
        self.news.notify_one();
    }

    /// Gives a list that is to be shown now, or when one will be.
    fn next(&self) -> Result<ContactList, Option<Instant>> {
        let now = Instant::now();
        let mut slots = self.slots();
        for slot in slots.values_mut().filter(|slot| slot.free <= now) {
            if let Some(list) = slot.list.take() {
                return Ok(list);
            }
        }
        let waiting = slots.values().filter(|slot| slot.list.is_some());
        Err(waiting.map(|slot| slot.free).min())
    }

    /// Notes what came of a list.
    fn done(&self, list: ContactList, shown: Result<(), DeliverError>) {
        let now = Instant::now();
        let mut slots = self.slots();
        let gone = list.own.is_none();
        let Some(slot) = slots.get_mut(&list.login) else { return };
        match shown {
            Ok(()) => {
                (slot.failures, slot.free) = (0, now + GAP);
                if gone && slot.list.is_none() {
                    slots.remove(&list.login);
                }
            }
            Err(error) => {
                tracing::debug!(login = ?list.login, %error, "a contact list is not shown yet");
                let wait = RETRY.0 * 2_u32.saturating_pow(slot.failures.min(10));
                slot.failures += 1;
                slot.free = now + wait.min(RETRY.1);
                slot.list.get_or_insert(list);
            }
        }
    }

    /// Forgets the pictures of ghosts, one of which has changed.
    pub(crate) fn face_changed(&self) {
        self.faces.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<LoginId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatrixAdapter {
    /// Takes an account's contact list, to show it where its owner wishes it.
    pub(crate) fn buddies_are(&self, list: &ContactList) {
        self.buddies.take_in(list);
    }

    /// Shows lists, one after another, until it is cancelled.
    pub(crate) async fn keep_buddies(self: Arc<Self>, cancel: CancellationToken) {
        loop {
            let work = async {
                match self.buddies.next() {
                    Ok(list) => {
                        let shown = timeout(DEADLINE, self.show_buddies(&list)).await;
                        let late = Err(DeliverError::retry("it took too long"));
                        self.buddies.done(list, shown.unwrap_or(late));
                    }
                    Err(until) => {
                        let due = async {
                            match until {
                                Some(until) => sleep_until(until).await,
                                None => std::future::pending().await,
                            }
                        };
                        tokio::select! {
                            () = due => {}
                            () = self.buddies.news.notified() => {}
                        }
                    }
                }
            };
            tokio::select! {
                () = work => {}
                () = cancel.cancelled() => return,
            }
        }
    }

    async fn show_buddies(&self, list: &ContactList) -> Result<(), DeliverError> {
        let kept = self.store()?.get(&fact(&list.login)).await.map_err(retry)?;
        let kept: Option<Kept> = kept.and_then(|text| serde_json::from_str(&text).ok());
        let (Some(own), true) = (&list.own, list.wishes.live_list) else {
            let Some(kept) = kept else { return Ok(()) };
            self.close_buddies(list, &kept).await?;
            return self.store()?.remove(&fact(&list.login)).await.map_err(retry);
        };
        let page = page::page(list, own, self.names.server(), self.faces().await?);
        let shows = names::digest(format!("{}\n{}", page.plain, page.html).as_bytes());
        let mut now = kept.unwrap_or_default();
        if now.left || (now.shows == shows && now.event.is_some()) {
            return Ok(());
        }
        let room = match &now.room {
            Some(room) => room.clone(),
            None => {
                let found = self.buddy_room(list, own, &mut now).await?;
                now.room = Some(found.clone());
                self.keep(&list.login, &now).await?;
                found
            }
        };
        match self.write_page(list, &room, &page, &mut now).await {
            Ok(()) => {
                now.shows = shows;
                self.keep(&list.login, &now).await
            }
            // The room is gone, or the bot out of it: another is made at the next attempt.
            Err(IntentError::Refused { status: 403 | 404, .. }) => {
                self.store()?.remove(&fact(&list.login)).await.map_err(retry)?;
                Err(DeliverError::retry("the list's room is gone"))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn keep(&self, login: &LoginId, kept: &Kept) -> Result<(), DeliverError> {
        let text = serde_json::to_string(kept).map_err(retry)?;
        self.store()?.put(&fact(login), &text).await.map_err(retry)
    }

    /// Edits the message, or says it anew.
    async fn write_page(
        &self,
        list: &ContactList,
        room: &OwnedRoomId,
        page: &Page,
        now: &mut Kept,
    ) -> Result<(), IntentError> {
        let before = now.event.clone();
        if let Some(event) = &before
            && now.edits < EDITS
            && self.is_there(room, event).await?
        {
            let mut edit = RoomMessageEventContent::notice_plain(texts::LIST_CHANGED);
            let new = page.notice().into();
            edit.relates_to = Some(Relation::Replacement(Replacement::new(event.clone(), new)));
            self.send_page(room, &RowId::new().to_string(), &edit).await?;
            now.edits += 1;
            return Ok(());
        }
        if before.is_some() && self.has_left(room, list).await? {
            now.left = true;
            return Ok(());
        }
        let transaction = format!("buddies-{}-{}", list.login, now.messages);
        let event = self.send_page(room, &transaction, &page.notice()).await?;
        (now.event, now.edits, now.messages) = (Some(event.clone()), 0, now.messages + 1);
        self.pin(room, &event).await;
        if let Some(before) = before {
            let transaction = OwnedTransactionId::from(format!("old-{before}"));
            let request = redact_event::v3::Request::new(room.clone(), before, transaction);
            if let Err(error) = self.intent.send(&self.names.bot, request).await {
                tracing::debug!(%error, "an old contact list stays");
            }
        }
        Ok(())
    }

    async fn send_page(
        &self,
        room: &OwnedRoomId,
        transaction: &str,
        content: &RoomMessageEventContent,
    ) -> Result<OwnedEventId, IntentError> {
        use ruma::api::client::message::send_message_event::v3::Request;

        let transaction = OwnedTransactionId::from(transaction);
        let request = Request::new(room.clone(), transaction, content)
            .map_err(|error| IntentError::Unreadable(error.to_string()))?;
        Ok(self.intent.send(&self.names.bot, request).await?.event_id)
    }

    /// Tells whether a message is there and was not removed.
    async fn is_there(
        &self,
        room: &OwnedRoomId,
        event: &OwnedEventId,
    ) -> Result<bool, IntentError> {
        let request = get_room_event::v3::Request::new(room.clone(), event.clone());
        match self.intent.send(&self.names.bot, request).await {
            Ok(found) => {
                let content = found.event.get_field::<Value>("content").ok().flatten();
                Ok(content.is_some_and(|content| content.get("msgtype").is_some()))
            }
            Err(IntentError::Refused { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Tells whether the list's owner left its room.
    async fn has_left(&self, room: &OwnedRoomId, list: &ContactList) -> Result<bool, IntentError> {
        let (kind, key) = (StateEventType::RoomMember, list.owner.id.to_string());
        let request = get_state_event_for_key::v3::Request::new(room.clone(), kind, key);
        let found = match self.intent.send(&self.names.bot, request).await {
            Ok(found) => found,
            Err(IntentError::Refused { status: 404, .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let member: Value = serde_json::from_str(found.event_or_content.get()).unwrap_or_default();
        let membership = member.get("membership").and_then(Value::as_str);
        Ok(matches!(membership, Some("leave" | "ban")))
    }

    /// Pins the message, so that it is found; where that fails, it is the last in the room anyway.
    async fn pin(&self, room: &OwnedRoomId, event: &OwnedEventId) {
        let Some(body) = room::raw(&json!({ "pinned": [event] })) else { return };
        let kind = StateEventType::RoomPinnedEvents;
        let request =
            send_state_event::v3::Request::new_raw(room.clone(), kind, String::new(), body);
        if let Err(error) = self.intent.send(&self.names.bot, request).await {
            tracing::debug!(%error, "a contact list is not pinned");
        }
    }

    /// Makes the room of a list, or finds the one a former process made and lost sight of.
    async fn buddy_room(
        &self,
        list: &ContactList,
        own: &OwnAccount,
        now: &mut Kept,
    ) -> Result<OwnedRoomId, DeliverError> {
        let bot = &self.names.bot;
        if *now == Kept::default() {
            // From here on there may be one.
            now.messages = 1;
            self.keep(&list.login, now).await?;
        } else {
            let rooms = self.intent.send(bot, joined_rooms::v3::Request::new()).await?.joined_rooms;
            for room in rooms {
                let created =
                    room::state(&self.intent, &self.names, &room, StateEventType::RoomCreate).await;
                let of = created.as_ref().and_then(|created| created.get(BUDDIES_KEY));
                if of.and_then(Value::as_str) == Some(list.login.as_str()) {
                    return Ok(room);
                }
            }
        }
        let mut request = create_room::v3::Request::new();
        request.preset = Some(RoomPreset::PrivateChat);
        request.name = Some(texts::list_room(own.persona.shown_name()));
        request.topic = Some(texts::LIST_TOPIC.to_owned());
        request.invite.extend(OwnedUserId::try_from(list.owner.id.as_str()));
        request.creation_content = room::raw(&json!({ BUDDIES_KEY: list.login }));
        // Nobody but the bot writes there.
        request.power_level_content_override = room::raw(&json!({ "events_default": 50 }));
        Ok(self.intent.send(bot, request).await?.room_id)
    }

    /// Takes a list's room away.
    async fn close_buddies(&self, list: &ContactList, kept: &Kept) -> Result<(), DeliverError> {
        let Some(room) = &kept.room else { return Ok(()) };
        let bot = &self.names.bot;
        if let (Ok(owner), false) = (OwnedUserId::try_from(list.owner.id.as_str()), kept.left) {
            let mut request = kick_user::v3::Request::new(room.clone(), owner);
            request.reason = Some(texts::LIST_IS_OFF.to_owned());
            gone_is_fine(self.intent.send(bot, request).await)?;
        }
        gone_is_fine(self.intent.send(bot, leave_room::v3::Request::new(room.clone())).await)
    }

    /// Gives what finds the picture that somebody's ghost has.
    async fn faces(
        &self,
    ) -> Result<impl Fn(&Contact) -> Option<OwnedMxcUri> + use<'_>, DeliverError> {
        let cell = &self.buddies.faces;
        let known = cell.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = match known {
            Some(known) => known,
            None => {
                let all = self.store()?.list("picture ", FACES).await.map_err(retry)?;
                let faces = all.into_iter().filter_map(|(name, face)| {
                    let ghost = name.strip_prefix("picture ")?.to_owned();
                    Some((ghost, OwnedMxcUri::from(face)))
                });
                let known = Arc::new(faces.collect::<HashMap<_, _>>());
                *cell.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
                known
            }
        };
        Ok(move |contact: &Contact| {
            known.get(self.names.ghost(&contact.persona)?.as_str()).cloned()
        })
    }
}

/// Where it is kept what is known of a list's room.
fn fact(login: &LoginId) -> String {
    format!("buddies {login}")
}

fn gone_is_fine<T>(done: Result<T, IntentError>) -> Result<(), DeliverError> {
    match done {
        Ok(_) | Err(IntentError::Refused { status: 403 | 404, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn retry(error: impl std::fmt::Display) -> DeliverError {
    DeliverError::retry(error.to_string())
}
