//! What became of earlier messages on Discord: edited, deleted, reacted to.
//!
//! Events of these say little: not who wrote the message, and of an edit often only a part. So who wrote
//! is remembered for a while, and an edited message is read anew once its writer rests.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
    time::Duration,
};

use bridge_core::{
    id::{MessageId as Named, NetworkId, RoomId, RowId, SourceId, Timestamp},
    model::{Event, EventKind, Persona, Scope},
};
use serenity::{
    all::ReactionType,
    model::{
        channel::Reaction,
        event::MessageUpdateEvent,
        id::{ChannelId, MessageId},
    },
};
use tokio::time::{Instant, sleep_until};

use crate::{
    NETWORK,
    adapter::DiscordAdapter,
    convert::from_discord::{self, Said},
    error::Failure,
    intake,
    lock::lock,
};

/// Messages whose writers are remembered; what becomes of older ones is left out.
const WRITERS: usize = 10_000;
/// Edits that wait at once in a channel; past it they do not wait.
const EDITS: usize = 256;

/// Something that became of a message.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Deleted(Vec<MessageId>),
    Edited(MessageId),
    Reacted { reaction: Box<Reaction>, on: bool },
}

impl Change {
    /// Reads an update; none where no person changed anything: previews of addresses come so too.
    pub(crate) fn of_update(event: &MessageUpdateEvent) -> Option<Self> {
        event.edited_timestamp.is_some().then_some(Self::Edited(event.id))
    }
}

/// Who wrote what, the last so many.
#[derive(Default)]
pub(crate) struct Writers(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// Who, and how many events the message was to the bridge.
    messages: HashMap<MessageId, (Persona, usize)>,
    order: VecDeque<MessageId>,
}

impl Writers {
    pub(crate) fn note(&self, message: MessageId, writer: Persona, events: usize) {
        let mut known = lock(&self.0);
        if known.messages.insert(message, (writer, events)).is_none() {
            known.order.push_back(message);
        }
        while known.order.len() > WRITERS
            && let Some(oldest) = known.order.pop_front()
        {
            known.messages.remove(&oldest);
        }
    }

    fn of(&self, message: MessageId) -> Option<(Persona, usize)> {
        lock(&self.0).messages.get(&message).cloned()
    }

    fn forget(&self, message: MessageId) {
        lock(&self.0).messages.remove(&message);
    }
}

/// Edited messages whose writers may go on editing.
#[derive(Default)]
pub(crate) struct Edits(HashMap<MessageId, Instant>);

impl Edits {
    /// Notes an edit; gives a message whose edit cannot wait, since too many do.
    pub(crate) fn note(&mut self, message: MessageId, rest: Duration) -> Option<MessageId> {
        self.0.insert(message, Instant::now() + rest);
        let first = self.0.iter().min_by_key(|(_, due)| **due).map(|(message, _)| *message);
        let overdue = first.filter(|_| self.0.len() > EDITS)?;
        self.0.remove(&overdue);
        Some(overdue)
    }

    pub(crate) fn forget(&mut self, messages: &[MessageId]) {
        self.0.retain(|message, _| !messages.contains(message));
    }

    /// Waits for a message whose writer rests.
    pub(crate) async fn ripe(&mut self) -> MessageId {
        let next =
            self.0.iter().min_by_key(|(_, due)| **due).map(|(message, due)| (*message, *due));
        let Some((message, due)) = next else {
            return std::future::pending().await;
        };
        sleep_until(due).await;
        self.0.remove(&message);
        message
    }
}

impl DiscordAdapter {
    /// Makes events of messages that were deleted. Those of ours stay elsewhere, and those of writers who
    /// are not remembered.
    pub(crate) fn deletions(&self, channel: ChannelId, messages: &[MessageId]) -> Vec<Event> {
        let mut events = Vec::new();
        for message in messages {
            let Some((writer, parts)) = self.writers.of(*message) else { continue };
            self.writers.forget(*message);
            events.extend((0..parts).map(|number| {
                let target = Named::new(intake::part_name(*message, number));
                let source = format!("delete/{target}");
                change(channel, source, writer.clone(), EventKind::Redact { target })
            }));
        }
        events
    }

    /// Makes an event of a message that was edited, as it reads now.
    ///
    /// # Errors
    /// It cannot be read now; none is made of one that is gone or ours.
    pub(crate) async fn edition(
        &self,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<Option<Event>, Failure> {
        self.pause.over().await;
        let found = match self.rest.get_message(channel, message).await {
            Ok(found) => found,
            Err(error) => match Failure::of(&error) {
                Failure::NoMessage => return Ok(None),
                failure => return Err(failure),
            },
        };
        if self.is_own(&found) {
            return Ok(None);
        }
        let Said::Content { words: Some(content), .. } = self.read(&found) else {
            return Ok(None);
        };
        let nick = self.nicknames.of(&self.rest, &found).await;
        let writer = from_discord::persona(&found.author, nick);
        let edited = found.edited_timestamp.map_or(0, |at| at.unix_timestamp());
        let target = Named::new(message.to_string());
        let kind = EventKind::Edit { target, content };
        Ok(Some(change(channel, format!("edit/{message}/{edited}"), writer, kind)))
    }

    /// Makes an event of a reaction; none of the bot's own.
    pub(crate) fn reaction(&self, reaction: &Reaction, on: bool) -> Option<Event> {
        let user = reaction.user_id.filter(|user| !self.is_bot(*user))?;
        let writer = match &reaction.member {
            Some(member) => from_discord::persona(&member.user, member.nick.clone()),
            None => Persona {
                network: NetworkId::new(NETWORK),
                id: bridge_core::id::PersonaId::new(user.to_string()),
                name: None,
            },
        };
        let key = match &reaction.emoji {
            ReactionType::Unicode(emoji) => emoji.clone(),
            ReactionType::Custom { name: Some(name), .. } => format!(":{name}:"),
            _ => return None,
        };
        let target = Named::new(reaction.message_id.to_string());
        let kind =
            if on { EventKind::React { target, key } } else { EventKind::Unreact { target, key } };
        // The same may be put, taken away and put again.
        Some(change(reaction.channel_id, format!("reaction/{}", RowId::new()), writer, kind))
    }
}

fn change(channel: ChannelId, source: String, sender: Persona, kind: EventKind) -> Event {
    Event {
        network: NetworkId::new(NETWORK),
        source: SourceId::new(source),
        message: None,
        at: Timestamp::now(),
        scope: Scope::Room(RoomId::new(channel.to_string())),
        sender,
        kind,
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::id::PersonaId;

    use super::*;

    #[test]
    fn only_the_last_writers_are_remembered() {
        let writers = Writers::default();
        let grace =
            Persona { network: NetworkId::new(NETWORK), id: PersonaId::new("1"), name: None };
        for id in 1..=10_001 {
            writers.note(MessageId::new(id), grace.clone(), 1);
        }
        assert!(writers.of(MessageId::new(1)).is_none());
        assert_eq!(writers.of(MessageId::new(10_001)), Some((grace, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_edit_waits_for_the_last_one() {
        let mut edits = Edits::default();
        let began = Instant::now();
        let (one, two) = (MessageId::new(1), MessageId::new(2));
        assert_eq!(edits.note(one, Duration::from_secs(3)), None);
        assert_eq!(edits.note(two, Duration::from_secs(4)), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        edits.note(one, Duration::from_secs(3));
        assert_eq!(edits.ripe().await, two);
        assert_eq!(edits.ripe().await, one);
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        for id in 1..=256 {
            assert_eq!(edits.note(MessageId::new(id), Duration::from_secs(id)), None);
        }
        assert_eq!(edits.note(MessageId::new(257), Duration::from_secs(257)), Some(one));
    }
}
