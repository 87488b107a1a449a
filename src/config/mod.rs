//! The configuration: defaults, then the file, then `MSN_BRIDGE__SECTION__KEY` from the
//! environment, then `--set section.key=value` from the command line.
//!
//! The structs here are its only description: `config.example.toml`, the book's page of all keys and
//! the checks of keys and types are made from their doc comments and shapes.

mod delivery;
mod describe;
mod effective;
mod file;
mod layer;
mod load;
mod place;
mod reference;
mod relay;
mod store;
mod validate;

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    delivery::{AmbiguousPolicy, DeliveryConfig, LogoutPolicy, RetentionConfig},
    describe::example,
    effective::effective,
    layer::Flag,
    load::{ConfigError, Sources, data_dir, load, values},
    place::{Place, Placed},
    reference::reference,
    relay::RelayConfig,
    store::{StoreConfig, StoreEngine},
    validate::Problem,
};

/// Everything an operator can set.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The bridge itself.
    pub bridge: BridgeConfig,
    /// Where mappings and waiting messages are kept.
    pub store: StoreConfig,
    /// The MSN side.
    pub msn: bridge_msn::MsnConfig,
    /// The Matrix side: an application service of your homeserver.
    #[cfg(feature = "matrix")]
    pub matrix: Option<bridge_matrix::MatrixConfig>,
    /// The Discord side: one bot of yours in your servers.
    #[cfg(feature = "discord")]
    #[schemars(extend("x-off" = true))]
    pub discord: Option<bridge_discord::DiscordConfig>,
    /// A conversation of an MSN account of the bridge's own with one contact or several, joined to
    /// Discord channels and Matrix rooms: everybody there reads everybody. Repeat the block for more.
    #[schemars(extend("x-off" = true))]
    pub relay: Vec<RelayConfig>,
    /// How messages are delivered.
    pub delivery: DeliveryConfig,
    /// How long what is not needed for delivery any more is kept.
    pub retention: RetentionConfig,
    /// Who may use the bridge, by user id (Matrix: `@ada:example.com`, Discord: the person's number, MSN:
    /// the address, in small letters, of somebody who gives commands to an account of a relay), by
    /// `*:domain` or by `*`; the most exact line counts.
    /// `none` may nothing; `relay` may have what she says carried in rooms that show conversations of
    /// others' accounts; `user` may also sign in; `admin` may also see and steer everything.
    #[schemars(example = permissions_example())]
    pub permissions: BTreeMap<String, Role>,
    /// How much at once.
    pub limits: LimitsConfig,
    /// Files and pictures that cross: how large, and how long they are kept.
    pub media: bridge_media::MediaConfig,
    /// What the bridge says about itself.
    pub log: LogConfig,
    /// For programs that watch over the bridge.
    pub http: HttpConfig,
}

/// For programs that watch over the bridge.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Where `/health`, `/ready` and `/metrics` (Prometheus) are served. Left out, nowhere. They tell
    /// nobody's name, but keep them from strangers all the same.
    #[schemars(example = &"127.0.0.1:29401")]
    pub listen: Option<String>,
}

/// The bridge itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BridgeConfig {
    /// Where the store, the keys and the control socket live. Made when missing, readable by its
    /// owner only; back it up.
    pub data_dir: PathBuf,
    /// What becomes of an account's rooms when it is signed out, unless `logout` says: `keep` leaves them
    /// as they are, `leave` takes the bridge out of them, `delete` also deletes all that is stored of its
    /// conversations.
    pub on_logout: LogoutPolicy,
    /// Whether each person whose words a relay carries for the first time is told so, in the room, and
    /// where to.
    pub relay_notice: bool,
}

impl Default for BridgeConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            on_logout: LogoutPolicy::default(),
            relay_notice: true,
        }
    }
}

/// What somebody may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nothing.
    None,
    /// Have what she says carried where a conversation of somebody else's account is shown.
    Relay,
    /// Sign in and talk.
    User,
    /// See and steer everything.
    Admin,
}

/// How much at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// How many accounts may sign in to one MSN server in a second; at least one.
    pub sign_ins_per_second: u32,
    /// How many accounts one person may have here; at least one.
    pub accounts_each: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { sign_ins_per_second: 20, accounts_each: 10 }
    }
}

/// What the bridge says about itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// How much: `error`, `warn`, `info`, `debug`, `trace`, or by part, such as
    /// `info,bridge_core=debug`.
    pub filter: String,
    /// How: `text` for people, `json` for machines.
    pub format: LogFormat,
    /// How people appear in it: with `hash` their addresses, names and words are short hashes, the same
    /// each time, so that you can follow one person without reading who she is; with `full` they are as
    /// they are. Passwords and tickets appear in neither.
    pub pii: LogPii,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text, pii: LogPii::Hash }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Words.
    Text,
}

/// How people appear in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogPii {
    /// As they are.
    Full,
    /// As hashes.
    Hash,
}

fn permissions_example() -> BTreeMap<String, Role> {
    [("*:example.com".to_owned(), Role::User), ("@admin:example.com".to_owned(), Role::Admin)]
        .into_iter()
        .collect()
}
