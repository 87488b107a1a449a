//! Webhooks: how contacts speak under their own names.
//!
//! Each channel has one of ours, found again by the application that made it, so that no start adds
//! another. One request is under way for each, for Discord counts them together and order is kept.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use serenity::{
    all::{CreateAllowedMentions, CreateAttachment},
    builder::{EditWebhookMessage, ExecuteWebhook},
    http::Http,
    model::{
        channel::Message,
        id::{ApplicationId, ChannelId, MessageId, WebhookId},
        webhook::Webhook,
    },
};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::{error::Failure, lock::lock};

/// What our webhooks are called where they are listed; nobody sees it in a channel.
const NAME: &str = "msn-bridge";
/// How long a missing permission is taken for granted.
const FORBIDDEN: Duration = Duration::from_secs(60);

/// The webhooks of all channels.
#[derive(Default)]
pub(crate) struct Webhooks {
    channels: Mutex<HashMap<ChannelId, Arc<AsyncMutex<Place>>>>,
    /// All that are or were ours, as far as known.
    own: Mutex<HashSet<WebhookId>>,
}

/// What is known of a channel's webhook.
#[derive(Default)]
enum Place {
    /// The bot may make none, and asks again only after a while: Discord counts refusals.
    Forbidden {
        since: Instant,
        reason: String,
    },
    Known(Box<Webhook>),
    #[default]
    Unknown,
}

/// Something to say.
pub(crate) struct Words<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) file: Option<CreateAttachment>,
}

impl Webhooks {
    /// Tells whether a webhook is ours.
    pub(crate) fn is_own(&self, id: WebhookId) -> bool {
        lock(&self.own).contains(&id)
    }

    /// Says something in a channel through its webhook, which is found or made first, and made again
    /// once if somebody deleted it.
    pub(crate) async fn say(
        &self,
        http: &Http,
        application: ApplicationId,
        channel: ChannelId,
        words: &Words<'_>,
    ) -> Result<Message, Failure> {
        let place = self.place(channel);
        let mut place = place.lock().await;
        let hook = self.ensure(http, application, channel, &mut place).await?;
        match execute(http, &hook, words).await {
            Err(Failure::Webhook) => {
                tracing::warn!(%channel, "the webhook was deleted; another is made");
                *place = Place::Unknown;
                let hook = self.ensure(http, application, channel, &mut place).await?;
                execute(http, &hook, words).await
            }
            outcome => outcome,
        }
    }

    /// Lets something that was said through a channel's webhook read otherwise.
    pub(crate) async fn edit(
        &self,
        http: &Http,
        application: ApplicationId,
        place: (ChannelId, MessageId),
        text: &str,
    ) -> Result<(), Failure> {
        let builder =
            EditWebhookMessage::new().content(text).allowed_mentions(CreateAllowedMentions::new());
        let known = self.place(place.0);
        let mut known = known.lock().await;
        let hook = self.ensure(http, application, place.0, &mut known).await?;
        let edited = hook.edit_message(http, place.1, builder).await;
        edited.map(drop).map_err(|error| Failure::of(&error))
    }

    /// Takes back something that was said through a channel's webhook.
    pub(crate) async fn delete(
        &self,
        http: &Http,
        application: ApplicationId,
        place: (ChannelId, MessageId),
    ) -> Result<(), Failure> {
        let known = self.place(place.0);
        let mut known = known.lock().await;
        let hook = self.ensure(http, application, place.0, &mut known).await?;
        hook.delete_message(http, None, place.1).await.map_err(|error| Failure::of(&error))
    }

    fn place(&self, channel: ChannelId) -> Arc<AsyncMutex<Place>> {
        Arc::clone(lock(&self.channels).entry(channel).or_default())
    }

    async fn ensure(
        &self,
        http: &Http,
        application: ApplicationId,
        channel: ChannelId,
        place: &mut Place,
    ) -> Result<Webhook, Failure> {
        match place {
            Place::Known(hook) => return Ok(Webhook::clone(hook)),
            Place::Forbidden { since, reason } if since.elapsed() < FORBIDDEN => {
                return Err(Failure::Forbidden(reason.clone()));
            }
            Place::Forbidden { .. } | Place::Unknown => {}
        }
        let found = self.find(http, application, channel).await;
        match &found {
            Ok(hook) => *place = Place::Known(Box::new(hook.clone())),
            Err(Failure::Forbidden(reason)) => {
                *place = Place::Forbidden { since: Instant::now(), reason: reason.clone() };
            }
            Err(_) => {}
        }
        found
    }

    /// Finds the channel's webhook, or makes it; removes what former versions or accidents left.
    async fn find(
        &self,
        http: &Http,
        application: ApplicationId,
        channel: ChannelId,
    ) -> Result<Webhook, Failure> {
        let all = http.get_channel_webhooks(channel).await.map_err(|error| Failure::of(&error))?;
        let mut ours: Vec<Webhook> =
            all.into_iter().filter(|hook| hook.application_id == Some(application)).collect();
        ours.sort_by_key(|hook| hook.id);
        lock(&self.own).extend(ours.iter().map(|hook| hook.id));
        let mut usable = ours.into_iter().filter(|hook| hook.token.is_some());
        if let Some(hook) = usable.next() {
            for surplus in usable {
                if let Err(error) = http.delete_webhook(surplus.id, None).await {
                    let failure = Failure::of(&error);
                    tracing::debug!(%channel, ?failure, "a surplus webhook stays");
                }
            }
            return Ok(hook);
        }
        let body = HashMap::from([("name", NAME)]);
        let made = http.create_webhook(channel, &body, Some("speaks for MSN contacts")).await;
        let made = made.map_err(|error| Failure::of(&error))?;
        lock(&self.own).insert(made.id);
        tracing::info!(%channel, "a webhook was made");
        Ok(made)
    }
}

async fn execute(http: &Http, hook: &Webhook, words: &Words<'_>) -> Result<Message, Failure> {
    let mut builder = ExecuteWebhook::new()
        .username(words.name)
        .content(words.text)
        .allowed_mentions(CreateAllowedMentions::new());
    if let Some(file) = &words.file {
        builder = builder.add_file(file.clone());
    }
    match hook.execute(http, true, builder).await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(Failure::Doubtful("it was taken without a word".to_owned())),
        Err(error) => Err(Failure::of(&error)),
    }
}
