//! What the bot may and may not do, asked of Discord before anything is promised.

use std::fmt::Write as _;

use serenity::{
    http::Http,
    model::{
        Permissions,
        application::ApplicationFlags,
        channel::Channel,
        guild::{Member, PartialGuild},
        id::{ApplicationId, ChannelId, GuildId, UserId},
    },
};

use crate::error::Failure;

/// What a relay needs in its channel, and how Discord's settings call it.
const NEEDED: [(Permissions, &str); 5] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::SEND_MESSAGES, "Send Messages"),
    (Permissions::READ_MESSAGE_HISTORY, "Read Message History"),
    (Permissions::MANAGE_WEBHOOKS, "Manage Webhooks"),
    (Permissions::ADD_REACTIONS, "Add Reactions"),
];

/// What was found.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The application's id.
    pub application: u64,
    /// The bot's user id.
    pub bot: u64,
    /// The bot's name.
    pub name: String,
    /// Whether the bot gets the words of messages (the message content intent).
    pub message_content: bool,
    /// The channels asked for.
    pub channels: Vec<ChannelOutlook>,
}

/// What was found of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelOutlook {
    /// Its id.
    pub id: u64,
    /// Its server, where it can be seen.
    pub guild: Option<u64>,
    /// Its name, or its id where it cannot be seen.
    pub name: String,
    /// Whether the bot can work there at all.
    pub usable: bool,
    /// What is wrong and how to mend it; none when all is well.
    pub problem: Option<String>,
}

impl Outlook {
    /// Asks Discord.
    pub(crate) async fn of(http: &Http, channels: &[ChannelId]) -> Result<Self, Failure> {
        let failure = |error| Failure::of(&error);
        let application = http.get_current_application_info().await.map_err(failure)?;
        let bot = http.get_current_user().await.map_err(failure)?;
        let flags = application.flags.unwrap_or_default();
        let content = ApplicationFlags::GATEWAY_MESSAGE_CONTENT
            | ApplicationFlags::GATEWAY_MESSAGE_CONTENT_LIMITED;
        let mut outlook = Self {
            application: application.id.get(),
            bot: bot.id.get(),
            name: bot.name.clone(),
            message_content: flags.intersects(content),
            channels: Vec::new(),
        };
        let mut guilds = Vec::new();
        for channel in channels {
            let found = look_at(http, bot.id, *channel, &mut guilds).await?;
            outlook.channels.push(found);
        }
        Ok(outlook)
    }

    /// The address an administrator opens to bring the bot into a server, with all it needs.
    pub fn invitation(&self) -> String {
        let needed = NEEDED.iter().fold(Permissions::empty(), |all, (one, _)| all | *one);
        format!(
            "https://discord.com/oauth2/authorize?client_id={}&scope=bot&permissions={}",
            self.application,
            needed.bits()
        )
    }

    /// Says what is wrong, each with its mend; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let intent = (!self.message_content).then(|| {
            format!(
                "the bot gets messages without their words, so nothing crosses from Discord. Switch \
                 on \"Message Content Intent\" at https://discord.com/developers/applications/{}/bot \
                 and restart the bridge",
                self.application
            )
        });
        let channels = self.channels.iter().filter_map(|channel| {
            Some(format!("channel {}: {}", channel.name, channel.problem.as_ref()?))
        });
        intent.into_iter().chain(channels).collect()
    }

    pub(crate) fn ids(&self) -> (ApplicationId, UserId) {
        (ApplicationId::new(self.application), UserId::new(self.bot))
    }
}

/// A server as far as permissions need it.
struct Guild {
    id: GuildId,
    guild: PartialGuild,
    own: Member,
}

async fn look_at(
    http: &Http,
    bot: UserId,
    id: ChannelId,
    guilds: &mut Vec<Guild>,
) -> Result<ChannelOutlook, Failure> {
    let unusable = |problem: String| ChannelOutlook {
        id: id.get(),
        guild: None,
        name: id.to_string(),
        usable: false,
        problem: Some(problem),
    };
    let channel = match http.get_channel(id).await.map_err(|error| Failure::of(&error)) {
        Ok(Channel::Guild(channel)) => channel,
        Ok(_) => {
            return Ok(unusable("is no channel of a server; a relay needs one".to_owned()));
        }
        Err(Failure::Gone | Failure::Refused(_)) => {
            let text = "there is none with this number, or the bot is not in its server. Copy the \
                        number again, or invite the bot";
            return Ok(unusable(text.to_owned()));
        }
        Err(Failure::Forbidden(_)) => {
            let text = "the bot cannot see it. Give its role \"View Channel\" there";
            return Ok(unusable(text.to_owned()));
        }
        Err(failure) => return Err(failure),
    };
    if !guilds.iter().any(|guild| guild.id == channel.guild_id) {
        let id = channel.guild_id;
        let guild = http.get_guild(id).await.map_err(|error| Failure::of(&error))?;
        let own = http.get_member(id, bot).await.map_err(|error| Failure::of(&error))?;
        guilds.push(Guild { id, guild, own });
    }
    let Some(guild) = guilds.iter().find(|guild| guild.id == channel.guild_id) else {
        return Ok(unusable("its server cannot be seen".to_owned()));
    };
    let held = guild.guild.user_permissions_in(&channel, &guild.own);
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(one, _)| !held.contains(*one)).map(|(_, name)| *name).collect();
    let usable = held.contains(Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES);
    let problem = (!missing.is_empty()).then(|| explain(&missing, usable));
    Ok(ChannelOutlook {
        id: id.get(),
        guild: Some(channel.guild_id.get()),
        name: format!("#{}", channel.name),
        usable,
        problem,
    })
}

/// Says what comes of missing permissions.
fn explain(missing: &[&str], usable: bool) -> String {
    let mut text = format!("the bot's role lacks \"{}\" there", missing.join("\", \""));
    let mut but = |name: &str, what: &str| {
        if usable && missing.contains(&name) {
            // Writing to a String cannot fail.
            let _ = write!(text, "; {what}");
        }
    };
    but("Manage Webhooks", "contacts speak through the bot, with their names in the text");
    but("Read Message History", "what is said while the bridge is away is not found again");
    but("Add Reactions", "each undelivered message gets a notice of its own");
    if !usable {
        text.push_str("; nothing crosses");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_permissions_are_said_with_what_comes_of_them() {
        let text = explain(&["Manage Webhooks"], true);
        assert!(text.contains("\"Manage Webhooks\"") && text.contains("through the bot"), "{text}");
        let text = explain(&["Send Messages", "Manage Webhooks"], false);
        assert!(
            text.contains("\"Send Messages\", \"Manage Webhooks\"")
                && text.ends_with("nothing crosses")
        );
    }

    #[test]
    fn the_invitation_asks_for_what_is_needed() {
        let outlook = Outlook {
            application: 17,
            bot: 18,
            name: String::new(),
            message_content: true,
            channels: Vec::new(),
        };
        // Add Reactions 2^6, View Channel 2^10, Send Messages 2^11, Read History 2^16, Webhooks 2^29.
        let wanted = 64 + 1024 + 2048 + 65_536 + 536_870_912;
        assert!(
            outlook.invitation().ends_with(&format!("client_id=17&scope=bot&permissions={wanted}"))
        );
        assert!(outlook.problems().is_empty());
    }
}
