//! Signs that people put under messages.
//!
//! Who takes one away removes its event, and the removal names nothing else: what the event was must be
//! known from before. It is kept in a table of fixed size: a reaction's place in it follows from its id, and
//! one that another took the place of is, long after, removed without a word.

use std::sync::Arc;

use bridge_core::{
    DeliverError,
    id::MessageId,
    model::{CommandLine, Delivery, EventKind},
};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedTransactionId, UserId,
    api::client::{
        redact::redact_event, relations::get_relating_events_with_rel_type_and_event_type,
    },
    events::{
        TimelineEventType,
        reaction::ReactionEventContent,
        relation::{Annotation, RelationType},
    },
};
use serde::Deserialize;

use crate::{adapter::MatrixAdapter, names::digest};

/// How many reactions are remembered.
const PLACES: u64 = 16 * 1024;
/// How many signs under one message are looked through for one that is taken away.
const LOOK: u32 = 500;
/// Longest sign that is passed on, in characters: some are made of many.
const SIGN: usize = 32;
/// The signs that ask for a failed message to be sent again.
const AGAIN: &[&str] = &["🔁", "♻", "🔄", "🔃"];

impl MatrixAdapter {
    /// Makes a neutral event of a reaction: a sign, or the wish to have a failed message sent again.
    pub(crate) async fn reacted(
        self: &Arc<Self>,
        room: &OwnedRoomId,
        event: &OwnedEventId,
        sender: &UserId,
        to: Annotation,
    ) -> Option<EventKind> {
        let Annotation { event_id: target, key, .. } = to;
        let key: String = key.chars().filter(|c| !c.is_control()).take(SIGN).collect();
        if key.is_empty() {
            return None;
        }
        if AGAIN.contains(&key.trim_end_matches('\u{fe0f}'))
            && let Some(failed) = self.may_have_failed(room, &target, sender).await
        {
            return Some(EventKind::Command(CommandLine(format!("retry {failed}"))));
        }
        let fact = format!("{event}\n{target}\n{key}");
        if let Ok(store) = self.store()
            && let Err(error) = store.put(&place(event), &fact).await
        {
            tracing::warn!(%error, "a reaction is not remembered; its end will not be told");
        }
        Some(EventKind::React { target: MessageId::new(target.as_str()), key })
    }

    /// Makes a neutral event of a removal: of a reaction, or of a message.
    pub(crate) async fn removed(&self, target: &OwnedEventId) -> EventKind {
        let known = match self.store() {
            Ok(store) => store.get(&place(target)).await.ok().flatten(),
            Err(_) => None,
        };
        let mut parts = known.as_deref().unwrap_or_default().splitn(3, '\n');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(event), Some(of), Some(key)) if event == target.as_str() => {
                EventKind::Unreact { target: MessageId::new(of), key: key.to_owned() }
            }
            _ => EventKind::Redact { target: MessageId::new(target.as_str()) },
        }
    }

    /// Puts a sign under a message, as the ghost of whoever did so elsewhere.
    pub(crate) async fn react(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        key: &str,
    ) -> Result<Vec<MessageId>, DeliverError> {
        let Some(target) = first_of(item) else { return Ok(Vec::new()) };
        let content = ReactionEventContent::new(Annotation::new(target, key.to_owned()));
        let event = self.say_as_ghost(room, item, &content).await?;
        Ok(vec![MessageId::new(event.as_str())])
    }

    /// Takes a sign of a ghost away; the homeserver knows which event it was.
    pub(crate) async fn unreact(
        &self,
        room: &OwnedRoomId,
        item: &Delivery,
        key: &str,
    ) -> Result<(), DeliverError> {
        let Some(target) = first_of(item) else { return Ok(()) };
        let ghost = self.ghost(&item.event.sender).await?;
        let mut request = get_relating_events_with_rel_type_and_event_type::v1::Request::new(
            room.clone(),
            target,
            RelationType::Annotation,
            TimelineEventType::Reaction,
        );
        request.limit = Some(LOOK.into());
        let found = self.intent.send(&self.names.bot, request).await?;
        let of_hers = found.chunk.iter().find_map(|event| {
            let event: Reaction = serde_json::from_str(event.json().get()).ok()?;
            let hers = event.sender == ghost.as_str() && event.content.relates_to.key == key;
            hers.then_some(event.event_id)
        });
        let Some(reaction) = of_hers else { return Ok(()) };
        let transaction = OwnedTransactionId::from(item.key.to_string());
        let request = redact_event::v3::Request::new(room.clone(), reaction, transaction);
        self.intent.send(&ghost, request).await?;
        Ok(())
    }
}

/// Gives the event a delivery is about.
pub(crate) fn first_of(item: &Delivery) -> Option<OwnedEventId> {
    item.about.first().and_then(|name| OwnedEventId::try_from(name.as_str()).ok())
}

/// Where a reaction is noted.
fn place(event: &OwnedEventId) -> String {
    format!("reaction {}", digest(event.as_bytes()) % PLACES)
}

/// A reaction as the homeserver gives it.
#[derive(Deserialize)]
struct Reaction {
    event_id: OwnedEventId,
    sender: String,
    content: ReactionEventContent,
}
