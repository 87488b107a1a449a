//! What becomes of something said on Discord: answered, edited, taken back, reacted to.
//!
//! A webhook can answer nothing, so an answer begins with a line that leads to what it answers.

use bridge_core::{
    id::MessageId as Named,
    model::{Content, Delivery, Quote, Receipt},
};
use serenity::{
    all::ReactionType,
    builder::EditMessage,
    model::id::{ApplicationId, ChannelId, MessageId},
};

use crate::{
    adapter::DiscordAdapter,
    convert::{names, to_discord},
    error::Failure,
    speak::plain_mentions,
    texts,
};

/// Longest beginning of a message that is answered, in characters.
const EXCERPT: usize = 60;

impl DiscordAdapter {
    /// Writes the line before an answer: how the message began, and an address that leads there.
    pub(crate) async fn line_of(
        &self,
        channel: ChannelId,
        item: &Delivery,
        quote: &Quote,
    ) -> String {
        let said = match quote.excerpt.as_deref().filter(|words| !words.trim().is_empty()) {
            Some(words) => words.to_owned(),
            None => self.words_of(channel, item).await.unwrap_or_default(),
        };
        let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
        let mut excerpt: String = line.chars().take(EXCERPT).collect();
        if excerpt.len() < line.len() || said.trim().len() > line.len() {
            excerpt.push('…');
        }
        let excerpt = to_discord::escape(&excerpt);
        let words = match &quote.sender {
            Some(sender) => format!("**{}**: {excerpt}", to_discord::escape(&tidy(sender))),
            None => excerpt,
        };
        let Some(message) = ids(item).next() else {
            return format!("> {words}");
        };
        let guild = self.nicknames.guild_of(channel);
        let guild = guild.map_or_else(|| "@me".to_owned(), |guild| guild.to_string());
        let words = if words.is_empty() { texts::AN_EARLIER_MESSAGE.to_owned() } else { words };
        format!("> {words} [↗](<https://discord.com/channels/{guild}/{channel}/{message}>)")
    }

    /// Reads how the message that is answered begins here.
    async fn words_of(&self, channel: ChannelId, item: &Delivery) -> Option<String> {
        let message = ids(item).next()?;
        self.pause.over().await;
        let found = self.rest.get_message(channel, message).await.ok()?;
        // Of one that is an answer itself, the line before it is not what it says.
        let words = found.content.lines().filter(|line| !line.starts_with("> "));
        Some(words.collect::<Vec<_>>().join("\n"))
    }

    /// Lets something that was said read otherwise: part by part; what is too much is taken away, what is
    /// new is said behind.
    pub(crate) async fn edit(
        &self,
        channel: ChannelId,
        item: &Delivery,
        content: &Content,
    ) -> Result<Receipt, Failure> {
        let application = self.known_application()?;
        let (parts, said) = (to_discord::messages(content), ids(item).collect::<Vec<_>>());
        for (text, message) in parts.iter().zip(&said) {
            self.edit_part(application, (channel, *message), item, text).await?;
        }
        for message in said.iter().skip(parts.len()) {
            self.delete(application, (channel, *message)).await?;
        }
        let more = parts.get(said.len()..).unwrap_or_default();
        if more.is_empty() {
            return Ok(Receipt::default());
        }
        self.say_parts(channel, item, more, None).await
    }

    async fn edit_part(
        &self,
        application: ApplicationId,
        place: (ChannelId, MessageId),
        item: &Delivery,
        text: &str,
    ) -> Result<(), Failure> {
        self.pause.over().await;
        let edited = self.webhooks.edit(&self.rest, application, place, text).await;
        let (channel, message) = place;
        match edited {
            // Where no webhook may be made the bot said it; what nobody finds is gone.
            Err(Failure::Forbidden(_) | Failure::NoMessage | Failure::Webhook) => {
                let name = to_discord::escape(&names::shown(&item.event.sender));
                let text = format!("**{name}**: {text}");
                let edit = EditMessage::new().content(text).allowed_mentions(plain_mentions());
                match channel.edit_message(&self.rest, message, edit).await {
                    Ok(_) => Ok(()),
                    Err(error) => match Failure::of(&error) {
                        Failure::NoMessage | Failure::Forbidden(_) => Ok(()),
                        failure => Err(failure),
                    },
                }
            }
            edited => edited,
        }
    }

    /// Takes back something that was said.
    pub(crate) async fn take_back(
        &self,
        channel: ChannelId,
        item: &Delivery,
    ) -> Result<Receipt, Failure> {
        let application = self.known_application()?;
        for message in ids(item) {
            self.delete(application, (channel, message)).await?;
        }
        Ok(Receipt::default())
    }

    async fn delete(
        &self,
        application: ApplicationId,
        place: (ChannelId, MessageId),
    ) -> Result<(), Failure> {
        self.pause.over().await;
        match self.webhooks.delete(&self.rest, application, place).await {
            Err(Failure::Forbidden(_) | Failure::NoMessage | Failure::Webhook) => {
                let (channel, message) = place;
                match self.rest.delete_message(channel, message, None).await {
                    Ok(()) => Ok(()),
                    Err(error) => match Failure::of(&error) {
                        Failure::NoMessage | Failure::Forbidden(_) => Ok(()),
                        failure => Err(failure),
                    },
                }
            }
            deleted => deleted,
        }
    }

    /// Puts a sign under a message, or takes it away. It is the bot's: one stands for all who put it.
    pub(crate) async fn react(
        &self,
        channel: ChannelId,
        item: &Delivery,
        key: &str,
        on: bool,
    ) -> Result<Receipt, Failure> {
        let Some(message) = ids(item).next() else {
            return Ok(Receipt::default());
        };
        let sign = ReactionType::Unicode(key.to_owned());
        self.pause.over().await;
        let done = match on {
            true => self.rest.create_reaction(channel, message, &sign).await,
            false => self.rest.delete_reaction_me(channel, message, &sign).await,
        };
        match done.map_err(|error| Failure::of(&error)) {
            Ok(()) | Err(Failure::NoMessage) => Ok(Receipt::default()),
            // It is no emoji that Discord has, or the bot may put none: it is said.
            Err(Failure::Refused(_) | Failure::Forbidden(_)) if on => {
                let words = to_discord::escape(&texts::reacted(key));
                self.say_parts(channel, item, &[format!("*{words}*")], None).await
            }
            Err(Failure::Refused(_) | Failure::Forbidden(_)) => Ok(Receipt::default()),
            Err(failure) => Err(failure),
        }
    }

    fn known_application(&self) -> Result<ApplicationId, Failure> {
        let starting = || Failure::NotNow(None, "the adapter is starting".to_owned());
        self.application().ok_or_else(starting)
    }
}

/// The parts of the earlier message an event is about.
fn ids(item: &Delivery) -> impl Iterator<Item = MessageId> + '_ {
    item.about.iter().filter_map(id)
}

/// A file's name is its message's and a number.
fn id(name: &Named) -> Option<MessageId> {
    let id = name.as_str().split('/').next()?.parse::<u64>().ok()?;
    (id > 0).then(|| MessageId::new(id))
}

fn tidy(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    name.chars().take(80).collect()
}
