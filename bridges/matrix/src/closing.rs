//! Rooms that show no conversation any more: ghosts leave, and the bot where nothing keeps it.

use bridge_core::{adapter::CloseReason, id::RowId};
use ruma::{
    OwnedRoomId, OwnedUserId,
    api::client::{
        membership::{join_room_by_id, joined_members, leave_room},
        state::send_state_event,
    },
    events::{StateEventType, room::message::RoomMessageEventContent},
};
use serde_json::json;

use crate::{
    adapter::MatrixAdapter,
    intent::{Intent, IntentError},
    names::Names,
    room::{self, LET_GO, PORTAL_KEY},
};

/// Tells whether the bot is in a room, or comes back into it.
pub(crate) async fn is_here(
    intent: &Intent,
    names: &Names,
    room: &OwnedRoomId,
) -> Result<bool, IntentError> {
    if own_users(intent, names, room).await?.is_some() {
        return Ok(true);
    }
    match intent.send(&names.bot, join_room_by_id::v3::Request::new(room.clone())).await {
        Ok(_) => Ok(true),
        Err(error) if is_final(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

impl MatrixAdapter {
    /// Says why the bot leaves a room. A room where it may not speak is left without a word.
    pub(crate) async fn say_goodbye(&self, room: &OwnedRoomId, why: CloseReason) {
        let text = match why {
            CloseReason::Deleted => "The conversation was deleted; I leave this room. Goodbye.",
            CloseReason::Moved => {
                "The conversation is not shown here any more: it goes on in another room. I leave this \
                 one. Goodbye."
            }
            CloseReason::Left | CloseReason::Unlinked => return,
        };
        let content = RoomMessageEventContent::notice_plain(text);
        let (bot, transaction) = (self.names.bot.clone(), RowId::new().to_string());
        if let Err(error) = self.say(&bot, room, &transaction, &content, None).await {
            tracing::debug!(%error, "a goodbye was not said");
        }
    }
}

/// Takes our users out of a room.
pub(crate) async fn close(
    intent: &Intent,
    names: &Names,
    room: &OwnedRoomId,
    why: CloseReason,
) -> Result<(), IntentError> {
    let Some(own) = own_users(intent, names, room).await? else {
        return Ok(()); // nobody of ours is there
    };
    for ghost in own.iter().filter(|user| **user != names.bot) {
        leave(intent, room, ghost).await?;
    }
    if why != CloseReason::Unlinked {
        return leave(intent, room, &names.bot).await;
    }
    let created = room::state(intent, names, room, StateEventType::RoomCreate).await;
    if created.is_some_and(|created| created.get(PORTAL_KEY).is_some())
        && let Some(body) = room::raw(&json!({}))
    {
        let kind = StateEventType::from(LET_GO);
        let request =
            send_state_event::v3::Request::new_raw(room.clone(), kind, String::new(), body);
        intent.send(&names.bot, request).await?;
    }
    Ok(())
}

/// Lists the ghosts in a room.
pub(crate) async fn ghosts_in(
    intent: &Intent,
    names: &Names,
    room: &OwnedRoomId,
) -> Result<Vec<OwnedUserId>, IntentError> {
    let own = own_users(intent, names, room).await?.unwrap_or_default();
    Ok(own.into_iter().filter(|user| *user != names.bot).collect())
}

/// Lists our users in a room; none when the bot is out of it.
async fn own_users(
    intent: &Intent,
    names: &Names,
    room: &OwnedRoomId,
) -> Result<Option<Vec<OwnedUserId>>, IntentError> {
    match intent.send(&names.bot, joined_members::v3::Request::new(room.clone())).await {
        Ok(members) => {
            let own = members.joined.into_keys().filter(|user| names.is_own(user.as_str()));
            Ok(Some(own.collect()))
        }
        Err(error) if is_final(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn leave(intent: &Intent, room: &OwnedRoomId, user: &OwnedUserId) -> Result<(), IntentError> {
    match intent.send(user, leave_room::v3::Request::new(room.clone())).await {
        Err(error) if !is_final(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Tells whether asking again would change nothing.
fn is_final(error: &IntentError) -> bool {
    matches!(error, IntentError::Refused { status: 400..=499, .. }) && !error.is_about_tokens()
}
