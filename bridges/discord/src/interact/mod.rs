//! What people ask of the bot by `/msn`: a command line each, answered where only they see it.
//!
//! Discord waits three seconds for the first answer, so each is first told that one comes later. The
//! token by which it comes is kept in memory alone: it is good for fifteen minutes, and after that, or
//! after a restart, the answer goes to the person as a direct message.

mod menu;

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use bridge_core::{
    AdapterContext, DeliverError,
    adapter::CommandOrigin,
    id::{MessageId, NetworkId, RoomId, SourceId, Timestamp},
    model::{CommandLine, Event, EventKind, Scope},
    store::Namespace,
};
use serenity::{
    all::{CommandInteraction, Interaction},
    builder::{
        Builder as _, CreateInteractionResponse, CreateInteractionResponseFollowup,
        CreateInteractionResponseMessage, EditInteractionResponse,
    },
    http::Http,
    json::json,
    model::id::{ChannelId, UserId},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    NETWORK, adapter::DiscordAdapter, convert::from_discord, error::Failure, lock::lock, texts,
};

/// Interactions that wait to be heard; past it Discord says that the bot did not respond.
pub(crate) const WAITING: usize = 64;
/// Interactions answered at once.
const AT_ONCE: usize = 16;
/// How long a token is good, less what an answer may take.
const TOKEN_LIFE: Duration = Duration::from_secs(14 * 60);
/// Most tokens kept; past it the oldest answers go as direct messages.
const TOKENS: usize = 1000;
/// How long the store may take before the person is asked to come again.
const STORED_WITHIN: Duration = Duration::from_secs(30);
/// What the name of a command that was given so begins with.
const MARK: &str = "interaction ";
/// The name of the fact that tells which commands are registered.
const REGISTERED: &str = "slash commands";

/// A token and how many messages of the answer were said by it.
struct Token {
    token: String,
    since: Instant,
    said: usize,
}

/// The tokens of commands that are not answered yet, by their names.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<MessageId, Token>>);

impl Tokens {
    fn keep(&self, name: MessageId, token: String) {
        let mut tokens = lock(&self.0);
        tokens.retain(|_, token| token.since.elapsed() < TOKEN_LIFE);
        if tokens.len() >= TOKENS {
            let oldest = tokens.iter().min_by_key(|(_, token)| token.since);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                tokens.remove(&name);
            }
        }
        tokens.insert(name, Token { token, since: Instant::now(), said: 0 });
    }

    fn of(&self, name: &MessageId) -> Option<(String, usize)> {
        let tokens = lock(&self.0);
        let token = tokens.get(name).filter(|token| token.since.elapsed() < TOKEN_LIFE)?;
        Some((token.token.clone(), token.said))
    }

    fn note(&self, name: &MessageId, said: usize) {
        if let Some(token) = lock(&self.0).get_mut(name) {
            token.said = said;
        }
    }

    fn forget(&self, name: &MessageId) {
        lock(&self.0).remove(name);
    }
}

/// Where an answer goes.
pub(crate) enum Way {
    /// Where only the person sees it.
    Interaction(MessageId, UserId),
    /// To the person herself.
    Person(UserId),
    /// Into the channel she wrote in.
    Channel,
}

/// Finds the way of an answer. What answers no message is for one person alone, though she may have
/// given her last command where others read.
pub(crate) fn way(to: &CommandOrigin) -> Way {
    let person = to.user.id.as_str().parse::<u64>().ok().filter(|id| *id > 0).map(UserId::new);
    match (&to.message, person) {
        (Some(name), Some(person)) if name.as_str().starts_with(MARK) => {
            Way::Interaction(name.clone(), person)
        }
        (None, Some(person)) => Way::Person(person),
        _ => Way::Channel,
    }
}

/// Registers the commands, unless they are registered as they are.
pub(crate) async fn register(http: &Http, store: &Namespace) {
    let command = menu::command();
    let Ok(written) = serenity::json::to_string(&command) else {
        return tracing::error!("the commands cannot be written");
    };
    let mut hasher = DefaultHasher::new();
    (http.application_id().map(|id| id.get()), written).hash(&mut hasher);
    let wanted = hasher.finish().to_string();
    match store.get(REGISTERED).await {
        Ok(Some(now)) if now == wanted => return,
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "which commands are registered is not known"),
    }
    match http.create_global_commands(&[command]).await {
        Ok(_) => {
            if let Err(error) = store.put(REGISTERED, &wanted).await {
                tracing::warn!(%error, "the commands are registered again at the next start");
            }
        }
        Err(error) => {
            let failure = Failure::of(&error);
            tracing::error!(
                ?failure,
                "the commands of /msn are not registered; say them to the bot directly"
            );
        }
    }
}

/// Answers interactions until the adapter ends.
pub(crate) async fn run(
    adapter: Arc<DiscordAdapter>,
    cx: AdapterContext,
    mut waiting: mpsc::Receiver<Interaction>,
) {
    let cancel = cx.cancel.clone();
    let work = async {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        while let Some(interaction) = waiting.recv().await {
            while let Some(ended) = tasks.try_join_next() {
                if let Err(error) = ended {
                    tracing::error!(%error, "an interaction's task panicked");
                }
            }
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let (adapter, cx) = (Arc::clone(&adapter), cx.clone());
            tasks.spawn(async move {
                heard(&adapter, &cx, interaction).await;
                drop(place);
            });
        }
    };
    cancel.run_until_cancelled(work).await;
}

async fn heard(adapter: &DiscordAdapter, cx: &AdapterContext, interaction: Interaction) {
    match interaction {
        Interaction::Command(command) => match Some(&command.data)
            .filter(|data| data.name == menu::NAME)
            .and_then(|data| menu::line(&data.options))
        {
            Some(line) => take(adapter, cx, &command, line).await,
            None => {
                let id = (command.id, command.token.as_str());
                refuse(adapter, id, texts::A_COMMAND_OF_BEFORE).await;
            }
        },
        Interaction::Component(component) => {
            let id = (component.id, component.token.as_str());
            refuse(adapter, id, texts::NOT_TO_BE_PRESSED).await;
        }
        Interaction::Modal(modal) => {
            refuse(adapter, (modal.id, modal.token.as_str()), texts::NOT_TO_BE_PRESSED).await;
        }
        _ => tracing::debug!("an interaction of another kind is passed over"),
    }
}

/// Says at once what cannot be done.
async fn refuse(
    adapter: &DiscordAdapter,
    (id, token): (serenity::model::id::InteractionId, &str),
    words: &str,
) {
    let message = CreateInteractionResponseMessage::new().ephemeral(true).content(words);
    let answer = CreateInteractionResponse::Message(message);
    if let Err(error) = answer.execute(&adapter.rest, (id, token)).await {
        let failure = Failure::of(&error);
        tracing::warn!(?failure, "an interaction is not answered");
    }
}

/// Stores a command line, after Discord is told that its answer comes later.
async fn take(
    adapter: &DiscordAdapter,
    cx: &AdapterContext,
    command: &CommandInteraction,
    line: String,
) {
    let later = CreateInteractionResponseMessage::new().ephemeral(true);
    let later = CreateInteractionResponse::Defer(later);
    let name = MessageId::new(format!("{MARK}{}", command.id));
    match later.execute(&adapter.rest, (command.id, command.token.as_str())).await {
        Ok(()) => adapter.tokens.keep(name.clone(), command.token.clone()),
        // It is done all the same, and answered in a direct message.
        Err(error) => {
            let failure = Failure::of(&error);
            tracing::warn!(?failure, "Discord does not take that an answer comes later");
        }
    }
    let event = Event {
        network: NetworkId::new(NETWORK),
        source: SourceId::new(name.as_str()),
        message: Some(name.clone()),
        at: Timestamp::now(),
        scope: Scope::Room(RoomId::new(command.channel_id.to_string())),
        sender: from_discord::persona(&command.user, None),
        kind: EventKind::Command(CommandLine(line)),
    };
    let stored = timeout(STORED_WITHIN, cx.inbox.accept_all(vec![event], None)).await;
    if matches!(stored, Ok(Ok(()))) {
        return;
    }
    tracing::warn!("a command could not be stored");
    let words = [texts::GIVE_IT_AGAIN.to_owned()];
    if let Err(error) = adapter.say_back(&name, command.user.id, &words).await {
        tracing::warn!(%error, "and who gave it could not be told");
    }
}

impl DiscordAdapter {
    /// Says an answer where only she who asked sees it; where that is too late, to her directly.
    pub(crate) async fn say_back(
        &self,
        name: &MessageId,
        person: UserId,
        pieces: &[String],
    ) -> Result<(), DeliverError> {
        let Some((token, already)) = self.tokens.of(name) else {
            return self.say_to(person, pieces).await;
        };
        for (number, piece) in pieces.iter().enumerate().skip(already) {
            self.pause.over().await;
            let said = if number == 0 {
                let edit = EditInteractionResponse::new().content(piece);
                edit.execute(&self.rest, &token).await
            } else {
                let more = CreateInteractionResponseFollowup::new().ephemeral(true).content(piece);
                more.execute(&self.rest, (None, &token)).await
            };
            match said.map_err(|error| Failure::of(&error)) {
                Ok(_) => self.tokens.note(name, number + 1),
                Err(failure @ (Failure::NotNow(..) | Failure::Doubtful(_))) => {
                    return Err(crate::adapter::again(failure));
                }
                // The token is good for nothing any more.
                Err(failure) => {
                    tracing::debug!(?failure, "an answer goes as a direct message");
                    self.tokens.forget(name);
                    let rest = pieces.get(number..).unwrap_or_default();
                    return self.say_to(person, rest).await;
                }
            }
        }
        self.tokens.forget(name);
        Ok(())
    }

    /// Says something to a person alone.
    pub(crate) async fn say_to(
        &self,
        person: UserId,
        pieces: &[String],
    ) -> Result<(), DeliverError> {
        let channel = self.direct_channel(person).await?;
        for piece in pieces {
            self.pause.over().await;
            let message = crate::speak::plain_message(piece);
            let sent = self.rest.send_message(channel, Vec::new(), &message).await;
            sent.map_err(|error| crate::adapter::again(Failure::of(&error)))?;
        }
        Ok(())
    }

    /// Finds the channel of direct messages with somebody; Discord makes one only where there is none.
    pub(crate) async fn direct_channel(&self, person: UserId) -> Result<ChannelId, DeliverError> {
        let map = json!({ "recipient_id": person });
        let channel = self.rest.create_private_channel(&map).await;
        let channel = channel.map_err(|error| crate::adapter::again(Failure::of(&error)))?;
        Ok(channel.id)
    }
}
