//! Names people have on a server: told with each live message, and asked for where one is read back.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock},
};

use serenity::{
    http::Http,
    model::{
        channel::Message,
        id::{ChannelId, GuildId, UserId},
    },
};

use crate::{error::Failure, lock::lock, outlook::Outlook};

/// Most names kept; past it all are asked for again.
const LIMIT: usize = 10_000;

/// The names, as far as known.
#[derive(Default)]
pub(crate) struct Nicknames {
    guilds: OnceLock<HashMap<ChannelId, GuildId>>,
    known: Mutex<HashMap<(GuildId, UserId), Option<String>>>,
}

impl Nicknames {
    /// Notes which server each channel is on.
    pub(crate) fn set_channels(&self, outlook: &Outlook) {
        let guilds = outlook
            .channels
            .iter()
            .filter_map(|channel| Some((ChannelId::new(channel.id), GuildId::new(channel.guild?))));
        // The first outlook stays: a channel does not move to another server.
        let _ = self.guilds.set(guilds.collect());
    }

    /// Gives the server a channel is on, where it is known.
    pub(crate) fn guild_of(&self, channel: ChannelId) -> Option<GuildId> {
        self.guilds.get()?.get(&channel).copied()
    }

    /// Gives the name of a message's author on her server; none when she has none of her own there.
    pub(crate) async fn of(&self, http: &Http, message: &Message) -> Option<String> {
        let guild = *self.guilds.get()?.get(&message.channel_id)?;
        let place = (guild, message.author.id);
        if let Some(member) = &message.member {
            self.note(place, member.nick.clone());
            return member.nick.clone();
        }
        if message.author.bot {
            return None;
        }
        if let Some(known) = lock(&self.known).get(&place) {
            return known.clone();
        }
        let nick = match http.get_member(guild, message.author.id).await {
            Ok(member) => member.nick,
            Err(error) => {
                let failure = Failure::of(&error);
                tracing::debug!(?failure, "a name on the server is not known");
                if !matches!(failure, Failure::Refused(_)) {
                    return None; // it may be known next time
                }
                None
            }
        };
        self.note(place, nick.clone());
        nick
    }

    fn note(&self, place: (GuildId, UserId), nick: Option<String>) {
        let mut known = lock(&self.known);
        if known.len() >= LIMIT {
            known.clear();
        }
        known.insert(place, nick);
    }
}
