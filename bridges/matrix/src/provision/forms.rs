//! The shapes of what is asked and answered.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::state::BridgeState;

/// Nothing but that it was done.
#[derive(Serialize, JsonSchema)]
pub(super) struct Nothing {}

/// The bridge, and the accounts of whoever asks.
#[derive(Serialize, JsonSchema)]
pub(super) struct Whoami {
    pub(super) network: Network,
    pub(super) login_flows: Vec<Flow>,
    /// The homeserver's name.
    pub(super) homeserver: String,
    /// The bot's user id.
    pub(super) bridge_bot: String,
    /// What a message in any room begins with to be a command.
    pub(super) command_prefix: String,
    /// The room where you gave the bot commands last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) management_room: Option<String>,
    pub(super) logins: Vec<Login>,
}

/// The network that is bridged.
#[derive(Serialize, JsonSchema)]
pub(super) struct Network {
    pub(super) displayname: &'static str,
    pub(super) network_url: &'static str,
    pub(super) network_icon: &'static str,
    pub(super) network_id: &'static str,
    /// The bridge's own name, under a key that managers know.
    pub(super) beeper_bridge_type: &'static str,
}

/// A way to sign in.
#[derive(Serialize, JsonSchema)]
pub(super) struct Flow {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) id: String,
}

/// The ways to sign in.
#[derive(Serialize, JsonSchema)]
pub(super) struct Flows {
    pub(super) flows: Vec<Flow>,
}

/// An account and how it is doing.
#[derive(Serialize, JsonSchema)]
pub(super) struct Login {
    /// As in `state`; for older managers.
    pub(super) state_event: &'static str,
    /// As in `state`; for older managers.
    pub(super) state_ts: u64,
    /// As in `state`; for older managers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_reason: Option<String>,
    pub(super) state: BridgeState,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) profile: Profile,
}

/// An account as its network shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Profile {
    pub(super) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// Names of accounts.
#[derive(Serialize, JsonSchema)]
pub(super) struct Logins {
    pub(super) login_ids: Vec<String>,
}

/// One step of a sign-in.
#[derive(Serialize, JsonSchema)]
pub(super) struct LoginStep {
    /// The sign-in under way.
    pub(super) login_id: String,
    /// `user_input`, or `complete`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) step_id: &'static str,
    /// The step's transaction.
    pub(super) txn_id: String,
    /// What to do, for people.
    pub(super) instructions: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_input: Option<UserInput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) complete: Option<Complete>,
}

/// A form.
#[derive(Serialize, JsonSchema)]
pub(super) struct UserInput {
    pub(super) fields: Vec<Field>,
    /// Always empty.
    pub(super) attachments: Vec<Value>,
}

/// A field of a form.
#[derive(Serialize, JsonSchema)]
pub(super) struct Field {
    /// `email`, `password` or `select`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The key of its answer.
    pub(super) id: &'static str,
    /// Its name for people.
    pub(super) name: String,
    pub(super) description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_value: Option<String>,
    /// What can be chosen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) options: Vec<String>,
}

/// The end of a sign-in.
#[derive(Serialize, JsonSchema)]
pub(super) struct Complete {
    /// The account.
    pub(super) user_login_id: String,
}

/// The answers to a form, by the fields' ids.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Answers(
    #[schemars(with = "BTreeMap<String, String>")] pub(super) BTreeMap<String, SecretString>,
);

/// What to look for.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Search {
    pub(super) query: String,
}

/// Somebody.
#[derive(Serialize, JsonSchema)]
pub(super) struct Resolved {
    /// Her address.
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Other ways to write her address.
    pub(super) identifiers: Vec<String>,
    /// Her user id on Matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mxid: Option<String>,
    /// The room with her, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dm_room_mxid: Option<String>,
}

/// An account's contacts.
#[derive(Serialize, JsonSchema)]
pub(super) struct Contacts {
    pub(super) contacts: Vec<Resolved>,
}

/// Whom was found.
#[derive(Serialize, JsonSchema)]
pub(super) struct Results {
    pub(super) results: Vec<Resolved>,
}

/// What the network allows.
#[derive(Serialize, JsonSchema)]
pub(super) struct Capabilities {
    pub(super) resolve_identifier: Resolving,
    /// Groups that can be made, by kind.
    pub(super) group_creation: BTreeMap<String, Value>,
}

/// How people can be found.
#[derive(Serialize, JsonSchema)]
pub(super) struct Resolving {
    pub(super) create_dm: bool,
    pub(super) lookup_phone: bool,
    pub(super) lookup_email: bool,
    pub(super) lookup_username: bool,
    pub(super) any_phone: bool,
    pub(super) contact_list: bool,
    pub(super) search: bool,
}
