//! Saying things in channels: what contacts say through webhooks, and what became of messages.
//!
//! A webhook takes no keys, so what may have arrived is looked for before it is said again.

use std::time::Duration;

use bridge_core::{
    DeliverError, Media,
    id::{IdempotencyKey, MessageId, Timestamp},
    model::{Attachment, Content, Delivery, DeliveryState, Receipt},
};
use serenity::{
    all::{CreateAllowedMentions, CreateAttachment, Nonce, ReactionType},
    builder::CreateMessage,
    http::MessagePagination,
    model::{
        channel::{MessageReference, MessageReferenceKind},
        id::{ChannelId, MessageId as DiscordMessageId},
    },
};
use tokio::time::Instant;

use crate::{
    adapter::{CAPABILITIES, DiscordAdapter, again},
    convert::{names, to_discord},
    error::Failure,
    lock::lock,
    texts,
    webhook::Words,
};

/// How long the same failure in one channel is told by a mark alone.
const SAME_FAILURE: Duration = Duration::from_secs(600);
/// How far before its acceptance a message that may have been said is looked for, where no earlier
/// one is known: clocks differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(600);
/// Discord's epoch: the upper bits of an id count milliseconds from here.
const EPOCH: u64 = 1_420_070_400_000;
/// Put under a message that did not arrive.
const FAILED_MARK: &str = "❌";

impl DiscordAdapter {
    /// Says what a persona said, in as many messages as it takes; those that arrived before are left
    /// out.
    pub(crate) async fn say(
        &self,
        channel: ChannelId,
        item: &Delivery,
        content: &Content,
    ) -> Result<Receipt, Failure> {
        let parts = match &content.reply_to {
            Some(quote) => {
                to_discord::answering(content, &self.line_of(channel, item, quote).await)
            }
            None => to_discord::messages(content),
        };
        self.say_parts(channel, item, &parts, None).await
    }

    /// Shows a file of a persona, with what she wrote under it.
    pub(crate) async fn say_file(
        &self,
        channel: ChannelId,
        item: &Delivery,
        file: &Attachment,
        media: &Media,
    ) -> Result<Receipt, DeliverError> {
        // Discord's client takes it only whole; the limit is small.
        let limit = CAPABILITIES.max_file.unwrap_or_default();
        let bytes = media.open().await?.read_all(limit).await?;
        let caption = file.caption.as_deref().unwrap_or_default();
        let parts = to_discord::messages(&Content::plain(caption));
        let file = CreateAttachment::bytes(bytes, media.name.clone());
        self.say_parts(channel, item, &parts, Some(&file)).await.map_err(again)
    }

    /// Says something in parts; a file hangs on the first.
    pub(crate) async fn say_parts(
        &self,
        channel: ChannelId,
        item: &Delivery,
        parts: &[String],
        file: Option<&CreateAttachment>,
    ) -> Result<Receipt, Failure> {
        let doubtful = lock(&self.doubts).get(&channel) == Some(&item.key) || item.maybe_double;
        let mut said = if doubtful {
            self.pause.over().await;
            match self.find_said(channel, item, parts, file).await {
                // What cannot be looked for is said again: better twice than never.
                Err(Failure::Forbidden(_)) => Vec::new(),
                found => found?,
            }
        } else {
            Vec::new()
        };
        for (number, text) in parts.iter().enumerate().skip(said.len()) {
            let file = file.filter(|_| number == 0);
            match self.say_part(channel, item, number, text, file).await {
                Ok(id) => said.push(id),
                Err(failure) => {
                    if matches!(failure, Failure::Doubtful(_)) || !said.is_empty() {
                        lock(&self.doubts).insert(channel, item.key);
                    }
                    return Err(failure);
                }
            }
        }
        lock(&self.doubts).remove(&channel);
        let messages = said.into_iter().map(|id| MessageId::new(id.to_string())).collect();
        Ok(Receipt { messages, ..Receipt::default() })
    }

    async fn say_part(
        &self,
        channel: ChannelId,
        item: &Delivery,
        number: usize,
        text: &str,
        file: Option<&CreateAttachment>,
    ) -> Result<DiscordMessageId, Failure> {
        let Some(application) = self.application() else {
            return Err(Failure::NotNow(None, "the adapter is starting".to_owned()));
        };
        let sender = &item.event.sender;
        let mut name = names::shown(sender);
        loop {
            self.pause.over().await;
            let words = Words { name: &name, text, file: file.cloned() };
            match self.webhooks.say(&self.rest, application, channel, &words).await {
                Ok(message) => return Ok(message.id),
                Err(Failure::Username(_)) if name != names::plain(sender) => {
                    name = names::plain(sender);
                }
                // No webhook may be made here: the bot says it, with the name before the words.
                Err(Failure::Forbidden(reason)) => {
                    tracing::debug!(%channel, %reason, "no webhook; the bot speaks");
                    let text = format!("**{}**: {text}", to_discord::escape(&name));
                    let message = plain_message(&text)
                        .nonce(Nonce::String(nonce(item.key, number)))
                        .enforce_nonce(true);
                    let files = file.cloned().into_iter().collect();
                    let sent = self.rest.send_message(channel, files, &message).await;
                    return sent.map(|message| message.id).map_err(|error| Failure::of(&error));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Looks for the parts of a message that arrived already, in order.
    async fn find_said(
        &self,
        channel: ChannelId,
        item: &Delivery,
        parts: &[String],
        file: Option<&CreateAttachment>,
    ) -> Result<Vec<DiscordMessageId>, Failure> {
        let known = item.after.as_ref().and_then(|id| id.as_str().parse::<u64>().ok());
        let after = known.unwrap_or_else(|| id_before(item.accepted)).max(1);
        let target = MessagePagination::After(DiscordMessageId::new(after));
        let read = self.rest.get_messages(channel, Some(target), Some(100)).await;
        let mut messages = read.map_err(|error| Failure::of(&error))?;
        messages.sort_by_key(|message| message.id);
        let mut wanted = parts.iter();
        let mut next = wanted.next();
        let mut found = Vec::new();
        for message in messages.iter().filter(|message| self.is_own(message)) {
            let Some(part) = next else { break };
            let name = &message.author.name;
            let sender = &item.event.sender;
            let by_hook = *name == names::shown(sender) || *name == names::plain(sender);
            let same = message.content.trim() == part.trim() && by_hook
                || message.content.ends_with(part.as_str()) && self.is_bot(message.author.id);
            let with_file = |file: &CreateAttachment| {
                let size = u32::try_from(file.data.len()).unwrap_or(u32::MAX);
                message.attachments.iter().any(|there| there.size == size)
            };
            let same = same && file.filter(|_| found.is_empty()).is_none_or(with_file);
            if same {
                found.push(message.id);
                next = wanted.next();
            }
        }
        tracing::info!(%channel, row = %item.row, parts = parts.len(), found = found.len(), "looked for what may have arrived");
        Ok(found)
    }

    /// Says what became of a message: as an answer to it, or by a mark when that was said just now.
    pub(crate) async fn show_fate(
        &self,
        channel: ChannelId,
        item: &Delivery,
        target: Option<&MessageId>,
        state: &DeliveryState,
    ) -> Result<(), Failure> {
        let text = match state {
            DeliveryState::Failed { tell_user, .. } => texts::not_delivered(tell_user),
            DeliveryState::Unknown { tell_user } => texts::perhaps_not_delivered(tell_user),
            _ => return Ok(()),
        };
        // A file's name is its message's and a number.
        let id = target.and_then(|id| id.as_str().split('/').next()?.parse::<u64>().ok());
        let target = id.filter(|id| *id > 0);
        let target = target.map(DiscordMessageId::new);
        if let Some(target) = target
            && self.said_just_now(channel, &text)
        {
            let mark = ReactionType::Unicode(FAILED_MARK.to_owned());
            if self.rest.create_reaction(channel, target, &mark).await.is_ok() {
                return Ok(());
            }
        }
        let mut message = plain_message(&to_discord::escape(&text))
            .nonce(Nonce::String(nonce(item.key, 0)))
            .enforce_nonce(true);
        if let Some(target) = target {
            let reference = MessageReference::new(MessageReferenceKind::Default, channel);
            message =
                message.reference_message(reference.message_id(target).fail_if_not_exists(false));
        }
        self.pause.over().await;
        let sent = self.rest.send_message(channel, Vec::new(), &message).await;
        sent.map(drop).map_err(|error| Failure::of(&error))?;
        lock(&self.failures).insert(channel, (text, Instant::now()));
        Ok(())
    }

    fn said_just_now(&self, channel: ChannelId, text: &str) -> bool {
        let failures = lock(&self.failures);
        let last = failures.get(&channel);
        last.is_some_and(|(last, at)| last == text && at.elapsed() < SAME_FAILURE)
    }
}

pub(crate) fn plain_message(text: &str) -> CreateMessage {
    CreateMessage::new().content(text).allowed_mentions(plain_mentions())
}

/// Names in words call nobody.
pub(crate) fn plain_mentions() -> CreateAllowedMentions {
    CreateAllowedMentions::new()
}

/// Names one part of one delivery within Discord's 25 letters: the end of the row's id differs.
pub(crate) fn nonce(key: IdempotencyKey, part: usize) -> String {
    let row = key.row.to_string();
    let tail = row.get(row.len().saturating_sub(16)..).unwrap_or(&row);
    format!("{tail}-{}-{part}", key.leg)
}

/// The id of a message said well before a moment.
fn id_before(at: Timestamp) -> u64 {
    let slack = u64::try_from(CLOCKS_DIFFER.as_millis()).unwrap_or_default();
    at.0.saturating_sub(slack).saturating_sub(EPOCH) << 22
}
