//! The `[[relay]]` blocks: conversations of the bridge's own MSN accounts.

use std::{fs, path::PathBuf};

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Config, Problem};

/// Most contacts and rooms of one relay: each reads every other, and all are stored as one.
const PLACES: usize = 16;

/// A conversation of an MSN account of the bridge's own, joined to rooms.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    /// What the relay is called. Its messages are kept under this name: a new name is a new relay.
    #[schemars(example = &"lounge")]
    pub name: String,
    /// The MSN address of the bridge's own account. Several relays may share one.
    #[schemars(example = &"bridge@example.com")]
    pub account: String,
    /// A file that holds the account's password and nothing else, readable by the bridge only.
    #[schemars(example = &"bridge.password")]
    pub password_file: PathBuf,
    /// The `[[msn.server]]` the account is on, by its name. Left out, the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"home")]
    pub server: Option<String>,
    /// The MSN contacts: one, or several who become a group. Each talks with the bridge's account.
    #[schemars(example = &["bob@example.com"])]
    pub contacts: Vec<String>,
    /// Discord channels, by number (in Discord: settings, advanced, developer mode; then copy the
    /// channel's id from its menu).
    #[serde(default)]
    #[schemars(example = &["1144556677889900112"])]
    pub discord: Vec<String>,
    /// Matrix rooms the bot was invited to, by room id.
    #[serde(default)]
    #[schemars(example = &["!lounge:example.com"])]
    pub matrix: Vec<String>,
}

impl RelayConfig {
    /// Reads the account's password.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn password(&self) -> Result<SecretString, String> {
        let text = fs::read_to_string(&self.password_file)
            .map_err(|error| format!("{}: {error}", self.password_file.display()))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(format!("{}: it is empty", self.password_file.display())),
            password => Ok(password.to_owned().into()),
        }
    }
}

/// Lists what is wrong with the relays of a configuration, as far as types cannot see it.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    for (number, relay) in config.relay.iter().enumerate() {
        let earlier = config.relay.get(..number).unwrap_or_default();
        let mut say = |key: &str, text: String| {
            found.push(Problem { key: format!("relay[{number}].{key}"), text });
        };
        if relay.name.trim().is_empty() {
            say("name", "must not be empty".to_owned());
        }
        if earlier.iter().any(|other| other.name == relay.name) {
            say("name", "names two relays; each needs its own".to_owned());
        }
        if !bridge_msn::is_address(&relay.account) {
            say("account", "must be an address such as bridge@example.com".to_owned());
        }
        if let Err(text) = relay.password() {
            say("password_file", text);
        }
        let known = |name: &String| config.msn.server.iter().any(|server| server.name == *name);
        if relay.server.as_ref().is_some_and(|name| !known(name)) {
            say("server", "no [[msn.server]] has this name".to_owned());
        }
        let same = |other: &&RelayConfig| {
            other.account.eq_ignore_ascii_case(&relay.account) && other.server == relay.server
        };
        if earlier.iter().filter(same).any(|other| other.password_file != relay.password_file) {
            say(
                "password_file",
                "is another than an earlier relay gives for the account".to_owned(),
            );
        }
        if relay.contacts.is_empty() {
            say("contacts", "must name at least one MSN address".to_owned());
        }
        for contact in &relay.contacts {
            let taken = earlier.iter().filter(same).flat_map(|other| &other.contacts);
            if !bridge_msn::is_address(contact) {
                say("contacts", format!("{contact:?} is no address such as bob@example.com"));
            } else if taken.into_iter().any(|other| other.eq_ignore_ascii_case(contact)) {
                say("contacts", format!("{contact} talks with this account in another relay"));
            }
        }
        let places = relay.contacts.len() + relay.discord.len() + relay.matrix.len();
        if places > PLACES {
            say("contacts", format!("has {places} places with its rooms; a relay takes {PLACES}"));
        }
        if relay.discord.is_empty() && relay.matrix.is_empty() {
            say(
                "discord",
                "is missing, and so is matrix: a relay needs a channel or room".to_owned(),
            );
        }
        let rooms = |other: &RelayConfig| [other.discord.clone(), other.matrix.clone()].concat();
        for room in rooms(relay) {
            if earlier.iter().any(|other| rooms(other).contains(&room)) {
                say("name", format!("shares {room} with another relay; a room can be in one only"));
            }
        }
        discord_problems(config, relay, &mut say);
        matrix_problems(config, relay, &mut say);
    }
    found
}

#[cfg(feature = "discord")]
fn discord_problems(config: &Config, relay: &RelayConfig, say: &mut impl FnMut(&str, String)) {
    if !relay.discord.is_empty() && config.discord.is_none() {
        say("discord", "needs a [discord] section with the bot's token".to_owned());
    }
    for channel in relay.discord.iter().filter(|channel| !bridge_discord::is_id(channel)) {
        say("discord", format!("{channel:?} is no channel's id: a number of 17 to 20 digits"));
    }
}

#[cfg(not(feature = "discord"))]
fn discord_problems(_: &Config, relay: &RelayConfig, say: &mut impl FnMut(&str, String)) {
    if !relay.discord.is_empty() {
        say("discord", "this msn-bridge was built without Discord".to_owned());
    }
}

#[cfg(feature = "matrix")]
fn matrix_problems(config: &Config, relay: &RelayConfig, say: &mut impl FnMut(&str, String)) {
    if !relay.matrix.is_empty() && config.matrix.is_none() {
        say("matrix", "needs a [matrix] section".to_owned());
    }
    for room in relay.matrix.iter().filter(|room| !bridge_matrix::is_room_id(room)) {
        say("matrix", format!("{room:?} is no room id such as !lounge:example.com"));
    }
}

#[cfg(not(feature = "matrix"))]
fn matrix_problems(_: &Config, relay: &RelayConfig, say: &mut impl FnMut(&str, String)) {
    if !relay.matrix.is_empty() {
        say("matrix", "this msn-bridge was built without Matrix".to_owned());
    }
}
