//! How the bridge and its accounts are doing, as managers know it.

use std::collections::BTreeMap;

use bridge_core::{LoginState, desk::Account, id::Timestamp, model::UserId, store::StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use super::forms::Profile;
use crate::adapter::MatrixAdapter;

/// How long a state counts, in seconds; one of trouble is asked for again sooner.
const TTL: u64 = 6 * 3600;
const TTL_OF_TROUBLE: u64 = 3600;

/// How the bridge as a whole is doing: these have no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// It has accounts, and the homeserver reaches it.
    Running,
    /// It has just begun.
    Starting,
    /// Nobody is signed in.
    Unconfigured,
    /// It ends, or the homeserver does not reach it.
    Unreachable,
}

/// How the bridge or one of its accounts is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct BridgeState {
    /// `STARTING`, `UNCONFIGURED`, `RUNNING`, `BRIDGE_UNREACHABLE` of the bridge; `CONNECTING`,
    /// `CONNECTED`, `TRANSIENT_DISCONNECT`, `BAD_CREDENTIALS`, `UNKNOWN_ERROR`, `LOGGED_OUT` of an account.
    pub(super) state_event: &'static str,
    /// When it was told, in seconds since 1970.
    pub(super) timestamp: u64,
    /// For how many seconds it counts.
    pub(super) ttl: u64,
    /// Always `bridge`.
    pub(super) source: &'static str,
    /// What is wrong, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'static str>,
    /// What is wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// What the person can do about it: `RELOGIN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_action: Option<&'static str>,
    /// Whose account it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<String>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remote_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remote_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remote_profile: Option<Profile>,
    /// Why, in the network's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// The bridge and its accounts.
#[derive(Serialize)]
pub(crate) struct AllStates {
    #[serde(rename = "bridgeState")]
    bridge: BridgeState,
    #[serde(rename = "remoteState")]
    accounts: BTreeMap<String, BridgeState>,
}

impl BridgeState {
    fn new(state_event: &'static str) -> Self {
        Self {
            state_event,
            timestamp: Timestamp::now().0 / 1000,
            ttl: TTL,
            source: "bridge",
            error: None,
            message: None,
            user_action: None,
            user_id: None,
            remote_id: None,
            remote_name: None,
            remote_profile: None,
            reason: None,
        }
    }

    /// Says how the bridge as a whole is doing.
    pub(super) fn of_the_bridge(whole: Whole) -> Self {
        Self::new(match whole {
            Whole::Running => "RUNNING",
            Whole::Starting => "STARTING",
            Whole::Unconfigured => "UNCONFIGURED",
            Whole::Unreachable => "BRIDGE_UNREACHABLE",
        })
    }

    /// Says how an account is doing.
    pub(super) fn of(account: &Account) -> Self {
        let (event, error, action) = match account.state {
            LoginState::Connected => ("CONNECTED", None, None),
            LoginState::Starting | LoginState::Connecting => ("CONNECTING", None, None),
            LoginState::TransientDisconnect => {
                ("TRANSIENT_DISCONNECT", Some("msn-disconnected"), None)
            }
            LoginState::Unreachable => ("TRANSIENT_DISCONNECT", Some("msn-unreachable"), None),
            LoginState::BadCredentials => {
                ("BAD_CREDENTIALS", Some("msn-password-refused"), Some("RELOGIN"))
            }
            LoginState::Kicked => {
                ("UNKNOWN_ERROR", Some("msn-signed-in-elsewhere"), Some("RELOGIN"))
            }
            LoginState::LoggedOut => ("LOGGED_OUT", None, None),
            _ => ("UNKNOWN_ERROR", Some("msn-unknown-error"), None),
        };
        let name = account.name.clone();
        Self {
            ttl: if error.is_some() { TTL_OF_TROUBLE } else { TTL },
            error,
            message: error.map(|_| account.state.to_string()),
            user_action: action,
            user_id: Some(account.owner.id.to_string()),
            remote_id: Some(account.login.to_string()),
            remote_name: Some(name.clone().unwrap_or_else(|| account.id.to_string())),
            remote_profile: Some(Profile { email: account.id.to_string(), name }),
            reason: account.reason.clone(),
            ..Self::new(event)
        }
    }

    /// Leaves out what whoever reads it has beside it.
    pub(super) fn without_account(self) -> Self {
        Self { user_id: None, remote_id: None, remote_name: None, remote_profile: None, ..self }
    }

    /// Says that an account is signed out, of which this was told last.
    pub(super) fn signed_out(&self) -> Self {
        Self {
            error: None,
            message: None,
            user_action: None,
            reason: None,
            ttl: TTL,
            timestamp: Timestamp::now().0 / 1000,
            state_event: "LOGGED_OUT",
            ..self.clone()
        }
    }

    /// Tells whether two say the same, whenever they said it.
    pub(super) fn says(&self, other: &Self) -> bool {
        Self { timestamp: other.timestamp, ..self.clone() } == *other
    }
}

/// Gathers how the bridge is doing, and the accounts of somebody.
pub(crate) async fn all_states(
    adapter: &MatrixAdapter,
    user: &UserId,
) -> Result<Option<AllStates>, StoreError> {
    let Some(desk) = adapter.provisioning.desk.get() else { return Ok(None) };
    let accounts = desk.accounts(user).await?;
    let states =
        accounts.iter().map(|account| (account.login.to_string(), BridgeState::of(account)));
    let whole = if accounts.is_empty() { Whole::Unconfigured } else { Whole::Running };
    Ok(Some(AllStates { bridge: BridgeState::of_the_bridge(whole), accounts: states.collect() }))
}
