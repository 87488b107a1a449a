//! What was said before: who wrote a message that is answered, and how it began.
//!
//! Lately said things are remembered; others the homeserver is asked for, once and not for long.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bridge_core::model::Quote;
use ruma::{EventId, OwnedEventId, OwnedRoomId, UserId, api::client::room::get_room_event};
use serde_json::Value;
use tokio::time::timeout;

use crate::{adapter::MatrixAdapter, texts};

/// Most messages remembered.
const REMEMBERED: usize = 2048;
/// How much of each, in characters: more than any place shows of it.
const BEGINNING: usize = 120;
/// How long the homeserver may take to say what a message was: the transaction waits for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was said lately, and by whom.
#[derive(Default)]
pub(crate) struct Lately(Mutex<Known>);

#[derive(Default)]
struct Known {
    said: HashMap<OwnedEventId, (String, String)>,
    order: VecDeque<OwnedEventId>,
}

impl Lately {
    /// Remembers who said something.
    pub(crate) fn note(&self, event: OwnedEventId, who: &str, words: &str) {
        let mut known = self.known();
        if known.order.len() >= REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.said.remove(&oldest);
        }
        let words = beginning(words);
        if known.said.insert(event.clone(), (who.to_owned(), words)).is_none() {
            known.order.push_back(event);
        }
    }

    fn get(&self, event: &EventId) -> Option<(String, String)> {
        self.known().said.get(event).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatrixAdapter {
    /// Completes what is known of a message that is answered; where it cannot be known, it stays so.
    pub(crate) async fn complete(&self, room: &OwnedRoomId, quote: &mut Quote) {
        let Ok(event) = OwnedEventId::try_from(quote.message.as_str()) else { return };
        let known = match self.lately.get(&event) {
            Some(known) => Some(known),
            None => self.ask_for(room, &event).await,
        };
        if let Some((who, words)) = known {
            quote.sender = Some(who);
            quote.excerpt = Some(words).filter(|words| !words.is_empty());
        }
    }

    async fn ask_for(&self, room: &OwnedRoomId, event: &OwnedEventId) -> Option<(String, String)> {
        let found = self.event(room, event).await?;
        let sender = found.get("sender")?.as_str()?;
        let sender = <&UserId>::try_from(sender).ok()?;
        let who = self.name_for_people(room, sender).await;
        let body = found.get("content").and_then(|content| content.get("body"));
        let words = beginning(body.and_then(Value::as_str).unwrap_or_default());
        self.lately.note(event.clone(), &who, &words);
        Some((who, words))
    }

    /// Asks the homeserver for an event.
    async fn event(&self, room: &OwnedRoomId, event: &OwnedEventId) -> Option<Value> {
        let request = get_room_event::v3::Request::new(room.clone(), event.clone());
        let bot = self.names.bot.clone();
        match timeout(PATIENCE, self.intent.send(&bot, request)).await {
            Ok(Ok(found)) => serde_json::from_str(found.event.json().get()).ok(),
            Ok(Err(error)) => {
                tracing::debug!(%error, "an earlier message is not known");
                None
            }
            Err(_) => None,
        }
    }

    /// Names somebody as far as that is known without asking.
    pub(crate) fn name_known(&self, room: &OwnedRoomId, user: &UserId) -> Option<String> {
        self.ghosts.name_of(user).or_else(|| self.members.known(room, user))
    }

    /// Names somebody, ghosts and the bot included.
    async fn name_for_people(&self, room: &OwnedRoomId, user: &UserId) -> String {
        if user == self.names.bot {
            return texts::BOT.to_owned();
        }
        if let Some(name) = self.ghosts.name_of(user) {
            return name;
        }
        let persona = self.persona(room, user).await;
        persona.name.unwrap_or_else(|| user.localpart().to_owned())
    }

    /// Gives the message that somebody's sign is about, where it may be one that failed: her own, or the one
    /// that a notice of the bridge's answers.
    pub(crate) async fn may_have_failed(
        &self,
        room: &OwnedRoomId,
        event: &OwnedEventId,
        sender: &UserId,
    ) -> Option<OwnedEventId> {
        let found = self.event(room, event).await?;
        let by = found.get("sender")?.as_str()?;
        if by == sender {
            return Some(event.clone());
        }
        let answered = found.pointer("/content/m.relates_to/m.in_reply_to/event_id")?.as_str()?;
        (by == self.names.bot).then(|| OwnedEventId::try_from(answered).ok()).flatten()
    }
}

fn beginning(words: &str) -> String {
    crate::convert::from_matrix::without_reply_fallback(words).chars().take(BEGINNING).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let lately = Lately::default();
        let event = |number: usize| OwnedEventId::try_from(format!("${number}")).unwrap();
        for number in 0..=REMEMBERED {
            lately.note(event(number), "Ada", &"x".repeat(1000));
        }
        assert_eq!(lately.get(&event(0)), None);
        let (who, words) = lately.get(&event(REMEMBERED)).unwrap();
        assert_eq!((who.as_str(), words.len()), ("Ada", BEGINNING));
    }
}
