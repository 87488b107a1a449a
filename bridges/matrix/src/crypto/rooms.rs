//! Which rooms are encrypted, how, and for whom: asked once, then kept by what is pushed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bridge_core::{DeliverError, store::Namespace};
use matrix_sdk_crypto::EncryptionSettings;
use ruma::{
    OwnedRoomId, OwnedUserId, RoomId, UserId,
    api::client::{membership::get_member_events, state::get_state_event_for_key},
    events::{
        AnyTimelineEvent, StateEventType,
        room::{encryption::RoomEncryptionEventContent, history_visibility::HistoryVisibility},
    },
    serde::Raw,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::Crypto;
use crate::intent::{Intent, IntentError};

/// Most rooms remembered; past it all are asked for again.
const ROOMS: usize = 1000;

/// What is known of rooms.
#[derive(Default)]
pub(super) struct Rooms(Mutex<Known>);

#[derive(Default)]
struct Known {
    rooms: HashMap<OwnedRoomId, Room>,
    /// Counts what was pushed: an answer of before it may be old.
    pushes: u64,
}

#[derive(Default)]
struct Room {
    /// None when not asked for yet; inside, none where the room is not encrypted.
    encryption: Option<Option<RoomEncryptionEventContent>>,
    people: Option<People>,
}

#[derive(Clone, Default)]
struct People {
    joined: BTreeSet<OwnedUserId>,
    invited: BTreeSet<OwnedUserId>,
    visibility: Option<HistoryVisibility>,
}

/// A state event, as far as it concerns us.
#[derive(Deserialize)]
struct State {
    #[serde(rename = "type")]
    kind: String,
    room_id: Option<OwnedRoomId>,
    state_key: Option<String>,
    content: Box<RawValue>,
}

#[derive(Deserialize)]
struct Membership {
    membership: String,
}

#[derive(Deserialize)]
struct Visibility {
    history_visibility: HistoryVisibility,
}

impl Crypto {
    /// Notes what was pushed of a room; gives who just came into it.
    pub(super) fn note_state(&self, event: &Raw<AnyTimelineEvent>) -> Option<OwnedUserId> {
        let kind: String = event.get_field("type").ok()??;
        if !["m.room.encryption", "m.room.member", "m.room.history_visibility"]
            .contains(&kind.as_str())
        {
            return None;
        }
        let event: State = event.deserialize_as_unchecked().ok()?;
        let (room, key) = (event.room_id?, event.state_key?);
        let mut known = self.rooms.known();
        known.pushes += 1;
        match event.kind.as_str() {
            "m.room.encryption" => {
                drop(known);
                // The next who speaks asks, and it is written down.
                self.room_encrypted(&room);
                None
            }
            "m.room.history_visibility" => {
                if let Some(room) = known.rooms.get_mut(&room) {
                    room.people = None;
                }
                None
            }
            _ => {
                let user = OwnedUserId::try_from(key).ok()?;
                let membership: Membership = serde_json::from_str(event.content.get()).ok()?;
                let people = known.rooms.get_mut(&room).and_then(|room| room.people.as_mut());
                if let Some(people) = people {
                    people.changed(&user, &membership.membership);
                }
                (membership.membership == "join").then_some(user)
            }
        }
    }

    /// Forgets who is in rooms: while nothing is pushed, people may come and go.
    pub(crate) fn forget_people(&self) {
        let mut known = self.rooms.known();
        known.pushes += 1;
        known.rooms.values_mut().for_each(|room| room.people = None);
    }

    /// Notes that a room was encrypted just now.
    pub(super) fn room_encrypted(&self, room: &RoomId) {
        let mut known = self.rooms.known();
        known.pushes += 1;
        if let Some(room) = known.rooms.get_mut(room) {
            room.encryption = None;
        }
    }

    /// Tells how a room is encrypted; none where it is not. Once it is, it is for ever: no server can take it
    /// back.
    ///
    /// # Errors
    /// When it cannot be known, nothing may be said there.
    pub(crate) async fn encryption_of(
        &self,
        intent: &Intent,
        store: &Namespace,
        user: &UserId,
        room: &RoomId,
    ) -> Result<Option<EncryptionSettings>, DeliverError> {
        let content = self.encryption_content(intent, store, user, room).await?;
        let Some(content) = content else { return Ok(None) };
        let visibility = HistoryVisibility::Shared;
        Ok(Some(EncryptionSettings::new(content, visibility, self.sharing())))
    }

    async fn encryption_content(
        &self,
        intent: &Intent,
        store: &Namespace,
        user: &UserId,
        room: &RoomId,
    ) -> Result<Option<RoomEncryptionEventContent>, DeliverError> {
        let pushes = {
            let known = self.rooms.known();
            if let Some(found) = known.rooms.get(room).and_then(|room| room.encryption.clone()) {
                return Ok(found);
            }
            known.pushes
        };
        let fact = format!("encrypted {room}");
        let failed = |error: bridge_core::store::StoreError| DeliverError::retry(error.to_string());
        let before = store.get(&fact).await.map_err(failed)?;
        let now: Option<Box<RawValue>> =
            state(intent, user, room, StateEventType::RoomEncryption).await?;
        // What cannot be read is no reason to speak plainly.
        let read = |text: &str| {
            serde_json::from_str(text)
                .unwrap_or_else(|_| RoomEncryptionEventContent::with_recommended_defaults())
        };
        let found = match (now, before) {
            (Some(now), before) => {
                if before.as_deref() != Some(now.get()) {
                    store.put(&fact, now.get()).await.map_err(failed)?;
                }
                Some(read(now.get()))
            }
            (None, Some(before)) => Some(read(&before)),
            (None, None) => None,
        };
        self.rooms.remember(room, pushes, |room| room.encryption = Some(found.clone()));
        Ok(found)
    }

    /// Lists who may read what is said in a room: whoever is in it, and whoever is invited, unless the room
    /// shows nobody what was said before she came.
    pub(super) async fn audience(
        &self,
        intent: &Intent,
        user: &UserId,
        room: &RoomId,
        is_own: impl Fn(&str) -> bool,
    ) -> Result<Vec<OwnedUserId>, IntentError> {
        let pushes = {
            let known = self.rooms.known();
            if let Some(people) = known.rooms.get(room).and_then(|room| room.people.as_ref()) {
                return Ok(people.audience(is_own));
            }
            known.pushes
        };
        let members = get_member_events::v3::Request::new(room.to_owned());
        let members = intent.send(user, members).await?.chunk;
        let mut people = People::default();
        for member in members {
            let Ok(event) = member.deserialize_as_unchecked::<State>() else { continue };
            let user = event.state_key.and_then(|user| OwnedUserId::try_from(user).ok());
            let membership = serde_json::from_str::<Membership>(event.content.get());
            if let (Some(user), Ok(membership)) = (user, membership) {
                people.changed(&user, &membership.membership);
            }
        }
        let kind = StateEventType::RoomHistoryVisibility;
        let visibility: Option<Visibility> = state(intent, user, room, kind).await?;
        people.visibility = visibility.map(|visibility| visibility.history_visibility);
        let audience = people.audience(is_own);
        self.rooms.remember(room, pushes, |room| room.people = Some(people));
        Ok(audience)
    }
}

impl People {
    fn changed(&mut self, user: &OwnedUserId, membership: &str) {
        self.joined.remove(user);
        self.invited.remove(user);
        match membership {
            "join" => drop(self.joined.insert(user.clone())),
            "invite" => drop(self.invited.insert(user.clone())),
            _ => {}
        }
    }

    fn audience(&self, is_own: impl Fn(&str) -> bool) -> Vec<OwnedUserId> {
        let invited = (self.visibility != Some(HistoryVisibility::Joined)).then_some(&self.invited);
        let all = self.joined.iter().chain(invited.into_iter().flatten());
        // Ours read nothing of each other: the bridge has it already.
        all.filter(|user| !is_own(user.as_str())).cloned().collect()
    }
}

impl Rooms {
    /// Remembers an answer, unless something was pushed while it was under way.
    fn remember(&self, room: &RoomId, asked_at: u64, note: impl FnOnce(&mut Room)) {
        let mut known = self.known();
        if known.pushes != asked_at {
            return;
        }
        if known.rooms.len() >= ROOMS && !known.rooms.contains_key(room) {
            known.rooms.clear();
        }
        note(known.rooms.entry(room.to_owned()).or_default());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a state event's content; none where there is none.
async fn state<T: DeserializeOwned>(
    intent: &Intent,
    user: &UserId,
    room: &RoomId,
    kind: StateEventType,
) -> Result<Option<T>, IntentError> {
    let request = get_state_event_for_key::v3::Request::new(room.to_owned(), kind, String::new());
    match intent.send(user, request).await {
        Ok(found) => serde_json::from_str(found.event_or_content.get())
            .map(Some)
            .map_err(|error| IntentError::Unreadable(error.to_string())),
        Err(error) if error.is("M_NOT_FOUND") => Ok(None),
        Err(error) => Err(error),
    }
}
