//! The `[matrix]` section of the configuration.

use std::net::SocketAddr;

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use crate::EncryptionConfig;
/// Fewest characters of a secret that somebody chose.
const SECRET_LEAST: usize = 16;

/// The Matrix side: an application service of your homeserver.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatrixConfig {
    /// Where the bridge reaches the homeserver.
    #[schemars(example = &"http://127.0.0.1:8008")]
    pub homeserver: String,
    /// The homeserver's own name, the part of user ids after the colon.
    #[schemars(example = &"example.com")]
    pub domain: String,
    /// Where the bridge listens for the homeserver.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// How the homeserver reaches the bridge. Left out, `http://` and the address above.
    #[serde(default)]
    #[schemars(example = &"http://127.0.0.1:29400")]
    pub url: Option<String>,
    /// What the bridge proves itself with to the homeserver. Left out, made once and kept in the
    /// data directory; `msn-bridge registration` prints it with the rest.
    #[serde(default)]
    #[schemars(with = "Option<String>", example = &"", extend("writeOnly" = true))]
    pub as_token: Option<SecretString>,
    /// What the homeserver proves itself with to the bridge. Left out, as above.
    #[serde(default)]
    #[schemars(with = "Option<String>", example = &"", extend("writeOnly" = true))]
    pub hs_token: Option<SecretString>,
    /// What the bridge speaks as your users with, where the homeserver has its second registration. Left
    /// out, made once and kept in the data directory; `msn-bridge registration --double-puppet` prints it.
    #[serde(default)]
    #[schemars(with = "Option<String>", example = &"", extend("writeOnly" = true))]
    pub double_puppet_token: Option<SecretString>,
    /// The bot's name, the part of its user id before the colon.
    #[serde(default = "default_bot")]
    pub bot_localpart: String,
    /// What the user ids of contacts begin with.
    #[serde(default = "default_prefix")]
    pub ghost_prefix: String,
    /// What a message in any room begins with to be a command.
    #[serde(default = "default_command_prefix")]
    pub command_prefix: String,
    /// Whether each account has a space with its rooms, and in it one for each group of contacts.
    #[serde(default = "yes")]
    pub spaces: bool,
    /// Whether a contact's own words are the topic of the room with her.
    #[serde(default = "yes")]
    pub topics: bool,
    /// Whether rooms of the bridge may have members of other homeservers.
    #[serde(default = "yes")]
    pub federate: bool,
    /// Whether programs may sign people in and open chats over HTTP, each with a person's own Matrix
    /// token, at `/_matrix/provision/v3` of the address above.
    #[serde(default = "yes")]
    pub provisioning: bool,
    /// What lets a program do that for everybody. Left out, nothing does.
    #[serde(default)]
    #[schemars(with = "Option<String>", example = &"", extend("writeOnly" = true))]
    pub provisioning_secret: Option<SecretString>,
    /// Where to tell how the accounts are doing, whenever that changes. Left out, nowhere.
    #[serde(default)]
    #[schemars(example = &"http://127.0.0.1:8080/bridge_state")]
    pub status_url: Option<String>,
    /// Whether the bot says by an event what becomes of each message (`com.beeper.message_send_status`):
    /// some clients draw it under the message, others pass over it. Receipts and notices are there either way.
    #[serde(default = "yes")]
    pub message_status: bool,
    /// Encryption between people's devices and the bridge. It needs two switches of the homeserver; see the
    /// book's page "How to encrypt rooms".
    #[serde(default)]
    pub encryption: EncryptionConfig,
    /// Whether the homeserver is told again and again how available contacts are. Synapse as it comes
    /// forgets it within a minute; with `presence: {sync_online_timeout: 24h, idle_timeout: 48h}` in its
    /// configuration it does not, which spares it requests.
    #[serde(default)]
    pub presence_refresh: PresenceRefresh,
}

/// Whether presence is told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PresenceRefresh {
    /// Always.
    Always,
    /// Where the homeserver turns out to forget it.
    #[default]
    Auto,
    /// Never.
    Never,
}

/// What is wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key within the section.
    pub key: &'static str,
    /// What is wrong and how to mend it.
    pub text: String,
}

impl MatrixConfig {
    /// Lists what types cannot see.
    pub fn validate(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut say = |key, text: &str| found.push(Problem { key, text: text.to_owned() });
        let web = |text: &str| {
            Url::parse(text)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        };
        if !web(&self.homeserver) {
            say("homeserver", "must be an address such as http://127.0.0.1:8008");
        }
        if ruma::ServerName::parse(self.domain.as_str()).is_err() {
            say("domain", "must be a server's name such as example.com, without @ or http://");
        }
        if self.listen.parse::<SocketAddr>().is_err() {
            say("listen", "must be an address and a port such as 127.0.0.1:29400");
        }
        if self.url.as_ref().is_some_and(|url| !web(url)) {
            say("url", "must be an address such as http://127.0.0.1:29400");
        }
        for (key, name) in
            [("bot_localpart", &self.bot_localpart), ("ghost_prefix", &self.ghost_prefix)]
        {
            let fine =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-=/".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(fine) {
                say(key, "may hold lower-case letters, digits and . _ - = / only");
            }
        }
        if self.bot_localpart.starts_with(&self.ghost_prefix) {
            say("bot_localpart", "must not begin as the contacts do (ghost_prefix)");
        }
        let short = |secret: &SecretString| secret.expose_secret().chars().count() < SECRET_LEAST;
        if self.provisioning_secret.as_ref().is_some_and(short) {
            say("provisioning_secret", "must have 16 characters or more, that nobody guesses");
        }
        if self.status_url.as_ref().is_some_and(|url| !web(url)) {
            say("status_url", "must be an address such as http://127.0.0.1:8080/bridge_state");
        }
        if self.command_prefix.trim().is_empty() {
            say("command_prefix", "must not be empty, such as !msn");
        }
        found
    }

    /// Gives how the homeserver reaches the bridge.
    pub fn public_url(&self) -> String {
        self.url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }
}

/// Tells whether a text can be a room's id.
pub fn is_room_id(text: &str) -> bool {
    <&ruma::RoomId>::try_from(text).is_ok()
}

fn yes() -> bool {
    true
}

fn default_listen() -> String {
    "127.0.0.1:29400".to_owned()
}

fn default_bot() -> String {
    "msnbot".to_owned()
}

fn default_prefix() -> String {
    "msn_".to_owned()
}

fn default_command_prefix() -> String {
    "!msn".to_owned()
}
