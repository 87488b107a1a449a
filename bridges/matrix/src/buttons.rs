//! Answers that can be pressed: the bot reacts to its own words, and whoever reacts alike gives the
//! command.
//!
//! What a reaction means is kept in the store, so that it can be pressed after a restart too.

use std::{collections::HashMap, sync::Arc};

use bridge_core::{
    DeliverError,
    adapter::Button,
    id::Timestamp,
    model::Event,
    store::{Namespace, StoreError},
};
use ruma::{
    OwnedEventId, OwnedRoomId, OwnedTransactionId,
    api::client::message::send_message_event,
    events::{
        AnyMessageLikeEvent, AnyTimelineEvent, MessageLikeEvent, reaction::ReactionEventContent,
        relation::Annotation,
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::adapter::MatrixAdapter;

/// Most answers that can be pressed; the oldest gives way.
const ANSWERS: usize = 512;
/// What the names of the facts begin with.
const FACT: &str = "buttons ";
/// What stands on buttons without a sign of their own.
const KEYS: [&str; 10] = ["1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟"];

/// Answers that can be pressed, as the store has them; read when they are first needed.
#[derive(Default)]
pub(crate) struct Pressable(Mutex<Option<HashMap<OwnedEventId, Answer>>>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    at: u64,
    /// What is pressed, and the command it gives.
    lines: Vec<(String, String)>,
}

impl Pressable {
    /// Keeps what can be pressed under an answer.
    async fn keep(
        &self,
        store: &Namespace,
        event: OwnedEventId,
        answer: Answer,
    ) -> Result<(), StoreError> {
        let mut known = self.0.lock().await;
        let known = Self::read(store, &mut known).await?;
        let text = serde_json::to_string(&answer)
            .map_err(|error| StoreError::Engine(error.to_string()))?;
        store.put(&format!("{FACT}{event}"), &text).await?;
        known.insert(event, answer);
        while known.len() > ANSWERS {
            let oldest = known.iter().min_by_key(|(_, answer)| answer.at);
            let Some(oldest) = oldest.map(|(event, _)| event.clone()) else { break };
            store.remove(&format!("{FACT}{oldest}")).await?;
            known.remove(&oldest);
        }
        Ok(())
    }

    /// Finds the command that a reaction gives.
    async fn line(
        &self,
        store: &Namespace,
        event: &OwnedEventId,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut known = self.0.lock().await;
        let known = Self::read(store, &mut known).await?;
        let lines = known.get(event).map(|answer| answer.lines.as_slice()).unwrap_or_default();
        let pressed = lines.iter().find(|(sign, _)| plain(sign) == plain(key));
        Ok(pressed.map(|(_, line)| line.clone()))
    }

    async fn read<'a>(
        store: &Namespace,
        known: &'a mut Option<HashMap<OwnedEventId, Answer>>,
    ) -> Result<&'a mut HashMap<OwnedEventId, Answer>, StoreError> {
        if known.is_none() {
            let rows = store.list(FACT, ANSWERS * 2).await?;
            let rows = rows.into_iter().filter_map(|(name, text)| {
                let event = OwnedEventId::try_from(name.strip_prefix(FACT)?).ok()?;
                Some((event, serde_json::from_str(&text).ok()?))
            });
            *known = Some(rows.collect());
        }
        Ok(known.get_or_insert_default())
    }
}

/// A sign without what says how it is drawn: clients differ in that.
fn plain(sign: &str) -> String {
    sign.chars().filter(|c| !matches!(c, '\u{fe0e}' | '\u{fe0f}')).collect()
}

/// Gives each button its sign.
fn signed(buttons: &[Button]) -> impl Iterator<Item = (&str, &Button)> {
    let mut keys = KEYS.iter();
    // There are no more keys than can be told apart.
    buttons.iter().filter_map(move |button| {
        let sign = match button.sign {
            Some(sign) => sign,
            None => keys.next()?,
        };
        Some((sign, button))
    })
}

/// Writes each button with its sign before it.
pub(crate) fn with_signs(buttons: &[Button]) -> Vec<Button> {
    let mut shown: Vec<Button> = signed(buttons)
        .map(|(sign, button)| Button {
            label: format!("{sign} {}", button.label),
            ..button.clone()
        })
        .collect();
    shown.extend(buttons.iter().skip(shown.len()).cloned());
    shown
}

impl MatrixAdapter {
    /// Puts buttons under an answer. They are kept before anybody can press them.
    pub(crate) async fn show_buttons(
        &self,
        room: &OwnedRoomId,
        event: &OwnedEventId,
        transaction: &str,
        buttons: &[Button],
    ) -> Result<(), DeliverError> {
        let lines = signed(buttons).map(|(sign, button)| (sign.to_owned(), button.line.clone()));
        let answer = Answer { at: Timestamp::now().0, lines: lines.collect() };
        let signs: Vec<String> = answer.lines.iter().map(|(sign, _)| sign.clone()).collect();
        let kept = self.pressable.keep(self.store()?, event.clone(), answer).await;
        kept.map_err(|error| DeliverError::retry(error.to_string()))?;
        for (number, sign) in signs.into_iter().enumerate() {
            let content = ReactionEventContent::new(Annotation::new(event.clone(), sign));
            let transaction = OwnedTransactionId::from(format!("{transaction}-{number}"));
            let request = send_message_event::v3::Request::new(room.clone(), transaction, &content)
                .map_err(|error| DeliverError::retry(error.to_string()))?;
            self.intent.send(&self.names.bot, request).await?;
        }
        Ok(())
    }
}

/// Gives the command that a reaction is, if it presses something the bot said.
pub(crate) async fn pressed(
    adapter: &Arc<MatrixAdapter>,
    event: &AnyTimelineEvent,
) -> Option<Event> {
    let AnyTimelineEvent::MessageLike(AnyMessageLikeEvent::Reaction(MessageLikeEvent::Original(
        event,
    ))) = event
    else {
        return None;
    };
    if adapter.names.is_own(event.sender.as_str()) {
        return None;
    }
    let Annotation { event_id, key, .. } = &event.content.relates_to;
    let line = match adapter.pressable.line(adapter.store().ok()?, event_id, key).await {
        Ok(line) => line?,
        Err(error) => {
            tracing::warn!(%error, "what a reaction means could not be read");
            return None;
        }
    };
    let place = (&event.room_id, &event.event_id);
    Some(adapter.command_of(place, &event.sender, event.origin_server_ts, line).await)
}

#[cfg(test)]
mod tests {
    use bridge_core::{
        id::NetworkId,
        store::{MemoryStore, Store},
    };

    use super::*;

    fn store(of: &Arc<MemoryStore>) -> Namespace {
        let of: Arc<dyn Store> = Arc::<MemoryStore>::clone(of);
        Namespace::new(of, NetworkId::new("matrix"))
    }

    fn event(number: usize) -> OwnedEventId {
        OwnedEventId::try_from(format!("$event{number}")).unwrap()
    }

    #[tokio::test]
    async fn what_can_be_pressed_outlives_a_restart_and_the_oldest_gives_way() {
        let disk = Arc::new(MemoryStore::new());
        let before = Pressable::default();
        for number in 0..=ANSWERS {
            let lines = vec![("✅".to_owned(), format!("yes {number}"))];
            let answer = Answer { at: u64::try_from(number).unwrap(), lines };
            before.keep(&store(&disk), event(number), answer).await.unwrap();
        }
        let after = Pressable::default();
        let line = async |number: usize, key: &str| {
            after.line(&store(&disk), &event(number), key).await.unwrap()
        };
        assert_eq!(line(ANSWERS, "✅").await.as_deref(), Some("yes 512"));
        assert_eq!(line(ANSWERS, "✅\u{fe0f}").await.as_deref(), Some("yes 512"));
        assert_eq!(line(ANSWERS, "❌").await, None);
        assert_eq!(line(1, "✅").await.as_deref(), Some("yes 1"));
        assert_eq!(line(0, "✅").await, None);
    }

    #[test]
    fn buttons_without_a_sign_have_numbers_as_far_as_there_are_any() {
        let button = |sign| Button { label: "x".to_owned(), line: "x".to_owned(), sign };
        let mut buttons = vec![button(Some("❌")), button(None), button(None)];
        let signs: Vec<&str> = signed(&buttons).map(|(sign, _)| sign).collect();
        assert_eq!(signs, ["❌", "1️⃣", "2️⃣"]);
        assert_eq!(with_signs(&buttons)[1].label, "1️⃣ x");
        buttons.extend(std::iter::repeat_n(button(None), 20));
        assert_eq!(signed(&buttons).count(), 11);
        assert_eq!(with_signs(&buttons).len(), 23);
    }
}
