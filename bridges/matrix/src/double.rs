//! Users of the homeserver as whom the bridge acts: it enters rooms for them, and says as theirs what they
//! said from another place.
//!
//! Where the homeserver has the bridge's second registration that is everybody of its own; else whoever
//! gave a token of hers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bridge_core::{
    DeliverError,
    id::{NetworkId, PersonaId, Timestamp},
    model::{Reject, UserId as BridgeUser},
    redact::Redacted,
};
use ruma::{
    MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedTransactionId, OwnedUserId, UInt,
    UserId,
    api::client::{
        account::whoami,
        config::{get_global_account_data, set_global_account_data},
        membership::join_room_by_id,
        message::send_message_event,
    },
    events::{GlobalAccountDataEventType, MessageLikeEventContent},
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex as TurnMutex;

use crate::{
    adapter::{MatrixAdapter, NETWORK},
    intent::{Intent, IntentError},
    room, texts,
};

/// The key in what is said as a user that says who said it, and what we write there.
const SOURCE_KEY: &str = "fi.mau.double_puppet_source";
const SOURCE: &str = "msn-bridge";
/// What a user's token is kept under.
const KEPT: &str = "double ";
/// Most tokens read at the start.
const LIMIT: usize = 10_000;

/// Those as whom the bridge may act.
pub(crate) struct Doubles {
    everybody: Option<Arc<Intent>>,
    /// Whether the homeserver knows the second registration.
    works: AtomicBool,
    /// By tokens of their own.
    lent: Mutex<HashMap<OwnedUserId, Arc<Intent>>>,
    /// Lists of direct chats are read, changed and written: one at a time.
    direct: TurnMutex<()>,
}

impl Doubles {
    pub(crate) fn new(intent: &Intent, token: Option<SecretString>) -> Self {
        Self {
            everybody: token.map(|token| Arc::new(intent.by(token, true))),
            works: AtomicBool::new(false),
            lent: Mutex::default(),
            direct: TurnMutex::default(),
        }
    }

    fn lent(&self) -> MutexGuard<'_, HashMap<OwnedUserId, Arc<Intent>>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether an event is one that the bridge sent as somebody.
pub(crate) fn is_ours<T>(event: &ruma::serde::Raw<T>) -> bool {
    #[derive(Deserialize)]
    struct Content {
        #[serde(default, rename = "fi.mau.double_puppet_source")]
        source: Value,
    }
    // Most events are not, and are not read for it.
    event.json().get().contains(SOURCE_KEY)
        && event
            .get_field::<Content>("content")
            .is_ok_and(|content| content.is_some_and(|content| content.source == SOURCE))
}

impl MatrixAdapter {
    /// Gives the way to act as a user, where there is one.
    pub(crate) fn double_of(&self, user: &UserId) -> Option<Arc<Intent>> {
        if let Some(own) = self.doubles.lent().get(user) {
            return Some(Arc::clone(own));
        }
        let of_ours = user.server_name() == self.names.bot.server_name();
        let works = self.doubles.works.load(Ordering::Relaxed);
        self.doubles.everybody.clone().filter(|_| of_ours && works)
    }

    /// Looks whether the homeserver has the second registration; until it has, again from time to time.
    pub(crate) async fn look_for_doubles(&self) {
        let Some(everybody) = &self.doubles.everybody else { return };
        if self.doubles.works.load(Ordering::Relaxed) {
            return;
        }
        if everybody.send(&self.names.bot, whoami::v3::Request::new()).await.is_ok() {
            self.doubles.works.store(true, Ordering::Relaxed);
            tracing::info!("the bridge acts as the homeserver's own users where that is of use");
        }
    }

    /// Reads the tokens that users gave before.
    pub(crate) async fn load_doubles(&self) -> Result<(), DeliverError> {
        let store = self.store()?;
        let kept = store.list(KEPT, LIMIT).await;
        for (name, _) in kept.map_err(|error| DeliverError::retry(error.to_string()))? {
            let user = name.strip_prefix(KEPT).and_then(|user| UserId::parse(user).ok());
            let (Some(user), Ok(Some(token))) = (user, store.secret(&name).await) else {
                tracing::warn!("a user's token does not open with this key and is left out");
                continue;
            };
            self.doubles.lent().insert(user, Arc::new(self.intent.by(token, false)));
        }
        Ok(())
    }

    /// Takes a token of a user, if it is hers.
    pub(crate) async fn adopt(
        &self,
        user: &BridgeUser,
        token: SecretString,
    ) -> Result<(), DeliverError> {
        let user = user_id(user)?;
        let own = self.intent.by(token.clone(), false);
        let who =
            own.send(&user, whoami::v3::Request::new()).await.map_err(|error| match error {
                error if error.is_about_tokens() || error.is_forbidden() => {
                    refused(texts::THE_HOMESERVER_DOES_NOT_TAKE_THAT_TOKEN)
                }
                error => error.into(),
            })?;
        if who.user_id != user {
            return Err(refused(texts::THAT_TOKEN_IS_SOMEBODY_ELSES));
        }
        let kept = self.store()?.put_secret(&format!("{KEPT}{user}"), &token).await;
        kept.map_err(|error| DeliverError::retry(error.to_string()))?;
        self.doubles.lent().insert(user, Arc::new(own));
        Ok(())
    }

    /// Forgets a user's token; tells whether there was one.
    pub(crate) async fn disown(&self, user: &BridgeUser) -> Result<bool, DeliverError> {
        let user = user_id(user)?;
        let gone = self.store()?.remove(&format!("{KEPT}{user}")).await;
        gone.map_err(|error| DeliverError::retry(error.to_string()))?;
        Ok(self.doubles.lent().remove(&user).is_some())
    }

    /// Forgets a token that the homeserver does not take any more, and tells its owner, once.
    async fn is_refused(&self, user: &UserId) {
        if self.doubles.lent().remove(user).is_none() {
            return;
        }
        tracing::info!(user = %Redacted(user), "a user's token is not taken any more");
        if let Ok(store) = self.store()
            && let Err(error) = store.remove(&format!("{KEPT}{user}")).await
        {
            tracing::warn!(%error, "a token that is of no use is kept");
        }
        if let Some(inbox) = self.inbox() {
            inbox.tell(&bridge_user(user), texts::YOUR_TOKEN_IS_NOT_TAKEN_ANY_MORE).await;
        }
    }

    /// Lets a user enter a room she is invited to; tells whether she is in it then.
    pub(crate) async fn enter_as(&self, room: &OwnedRoomId, user: &OwnedUserId) -> bool {
        let Some(own) = self.double_of(user) else { return false };
        match own.send(user, join_room_by_id::v3::Request::new(room.clone())).await {
            Ok(_) => true,
            Err(error) => {
                self.note_failure(user, &error).await;
                tracing::warn!(%error, "a user was not brought into her room");
                false
            }
        }
    }

    async fn note_failure(&self, user: &UserId, error: &IntentError) {
        if error.is_about_tokens() {
            self.is_refused(user).await;
        }
    }

    /// Says as a user what she said from elsewhere; none where the bridge cannot.
    pub(crate) async fn say_as_herself(
        &self,
        user: &BridgeUser,
        room: &OwnedRoomId,
        transaction: &str,
        content: &(impl MessageLikeEventContent + Sync),
        at: Timestamp,
    ) -> Result<Option<OwnedEventId>, DeliverError> {
        let Ok(user) = user_id(user) else { return Ok(None) };
        let Some(own) = self.double_of(&user) else { return Ok(None) };
        // The bridge has no device of hers: in the clear nothing is said in an encrypted room.
        if self.is_encrypted(&self.names.bot, room).await? {
            return Ok(None);
        }
        let mut body = serde_json::to_value(content)
            .map_err(|error| DeliverError::retry(error.to_string()))?;
        if let Some(body) = body.as_object_mut() {
            body.insert(SOURCE_KEY.to_owned(), json!(SOURCE));
        }
        let Some(body) = room::raw(&body) else { return Ok(None) };
        let mut request = send_message_event::v3::Request::new_raw(
            room.clone(),
            OwnedTransactionId::from(transaction),
            content.event_type(),
            body,
        );
        request.timestamp = UInt::try_from(at.0).ok().map(MilliSecondsSinceUnixEpoch);
        let mut said = own.send(&user, request.clone()).await;
        if said.as_ref().is_err_and(IntentError::is_forbidden) && self.enter_as(room, &user).await {
            said = own.send(&user, request).await;
        }
        match said {
            Ok(said) => Ok(Some(said.event_id)),
            // Her words are shown another way.
            Err(error @ IntentError::Refused { status: 401 | 403, .. }) => {
                self.note_failure(&user, &error).await;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes a room among a user's direct chats with a ghost; `on` or not.
    pub(crate) async fn list_as_direct(
        &self,
        user: &OwnedUserId,
        ghost: &UserId,
        room: &OwnedRoomId,
        on: bool,
    ) {
        let Some(own) = self.double_of(user) else { return };
        let _one_at_a_time = self.doubles.direct.lock().await;
        let kind = GlobalAccountDataEventType::Direct;
        let request = get_global_account_data::v3::Request::new(user.clone(), kind.clone());
        let before = match own.send(user, request).await {
            Ok(found) => serde_json::from_str(found.account_data.json().get()).unwrap_or_default(),
            Err(error) if error.is("M_NOT_FOUND") => json!({}),
            Err(error) => {
                self.note_failure(user, &error).await;
                return tracing::warn!(%error, "a user's direct chats are not known");
            }
        };
        let Some(after) = with_direct(before, ghost, room, on) else { return };
        let Some(data) = room::raw(&after) else { return };
        let request = set_global_account_data::v3::Request::new_raw(user.clone(), kind, data);
        if let Err(error) = own.send(user, request).await {
            tracing::warn!(%error, "a room is not noted as a direct chat");
        }
    }
}

/// Changes a list of direct chats; none where it is so already, or is no list.
fn with_direct(mut list: Value, ghost: &UserId, room: &OwnedRoomId, on: bool) -> Option<Value> {
    let rooms = list.as_object_mut()?.entry(ghost.as_str()).or_insert_with(|| json!([]));
    let rooms = rooms.as_array_mut()?;
    let there = rooms.iter().any(|known| known.as_str() == Some(room.as_str()));
    match (there, on) {
        (true, true) | (false, false) => return None,
        (false, true) => rooms.push(json!(room)),
        (true, false) => rooms.retain(|known| known.as_str() != Some(room.as_str())),
    }
    Some(list)
}

pub(crate) fn user_id(user: &BridgeUser) -> Result<OwnedUserId, DeliverError> {
    OwnedUserId::try_from(user.id.as_str())
        .map_err(|_| DeliverError::Gone("the stored user id is none".into()))
}

/// Names a user of the homeserver as the core does.
pub(crate) fn bridge_user(user: &UserId) -> BridgeUser {
    BridgeUser { network: NetworkId::new(NETWORK), id: PersonaId::new(user.as_str()) }
}

fn refused(tell_user: &str) -> DeliverError {
    DeliverError::Reject { reason: Reject::Forbidden, tell_user: tell_user.to_owned() }
}

#[cfg(test)]
mod tests {
    use ruma::{owned_room_id, serde::Raw, user_id};

    use super::*;

    #[test]
    fn what_we_said_as_somebody_is_known_by_its_mark_alone() {
        let event = |content: Value| -> bool {
            let event = json!({ "type": "m.room.message", "content": content });
            is_ours::<Value>(&Raw::from_json_string(event.to_string()).unwrap())
        };
        assert!(event(json!({ "body": "hi", SOURCE_KEY: SOURCE })));
        assert!(!event(json!({ "body": "hi" })));
        assert!(!event(json!({ "body": SOURCE_KEY })));
        assert!(!event(json!({ SOURCE_KEY: "another-bridge" })));
        assert!(!event(json!({ "m.new_content": { SOURCE_KEY: SOURCE } })));
        assert!(!event(json!({ SOURCE_KEY: [SOURCE] })));
    }

    #[test]
    fn a_room_is_noted_once_and_others_chats_stay() {
        let (ghost, room) = (user_id!("@msn_bob:hs"), owned_room_id!("!r:hs"));
        let list = json!({ "@gil:hs": ["!other:hs"] });
        let noted = with_direct(list, ghost, &room, true).unwrap();
        assert_eq!(noted, json!({ "@gil:hs": ["!other:hs"], "@msn_bob:hs": ["!r:hs"] }));
        assert_eq!(with_direct(noted.clone(), ghost, &room, true), None);
        let gone = with_direct(noted, ghost, &room, false).unwrap();
        assert_eq!(gone["@msn_bob:hs"], json!([]));
        assert_eq!(with_direct(json!([]), ghost, &room, true), None);
    }
}
