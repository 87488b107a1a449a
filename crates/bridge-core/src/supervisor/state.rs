//! How accounts are doing, in words for people and programs.

use std::fmt;

use serde::Serialize;

use crate::id::{LoginId, Timestamp};

/// How an account is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum LoginState {
    /// The network refuses the password; `login` again.
    BadCredentials,
    /// Signed in.
    Connected,
    /// Signing in.
    Connecting,
    /// Signed in somewhere else, twice; `relogin` brings it back.
    Kicked,
    /// Signed out by its owner.
    LoggedOut,
    /// Not begun yet.
    Starting,
    /// The link broke; signing in again soon.
    TransientDisconnect,
    /// The network broke the protocol; trying again later.
    UnknownError,
    /// The link has been broken for minutes; still trying.
    Unreachable,
}

impl LoginState {
    pub(crate) const ALL: [Self; 9] = [
        Self::BadCredentials,
        Self::Connected,
        Self::Connecting,
        Self::Kicked,
        Self::LoggedOut,
        Self::Starting,
        Self::TransientDisconnect,
        Self::UnknownError,
        Self::Unreachable,
    ];

    /// Its name for programs.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::BadCredentials => "BAD_CREDENTIALS",
            Self::Connected => "CONNECTED",
            Self::Connecting => "CONNECTING",
            Self::Kicked => "KICKED",
            Self::LoggedOut => "LOGGED_OUT",
            Self::Starting => "STARTING",
            Self::TransientDisconnect => "TRANSIENT_DISCONNECT",
            Self::UnknownError => "UNKNOWN_ERROR",
            Self::Unreachable => "UNREACHABLE",
        }
    }
}

impl fmt::Display for LoginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadCredentials => "the password is refused",
            Self::Connected => "connected",
            Self::Connecting => "connecting",
            Self::Kicked => "signed in somewhere else",
            Self::LoggedOut => "logged out",
            Self::Starting => "starting",
            Self::TransientDisconnect => "disconnected, trying again",
            Self::UnknownError => "failed, trying again later",
            Self::Unreachable => "not reached for a while, still trying",
        })
    }
}

/// An account as `status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct LoginStatus {
    /// The account.
    pub login: LoginId,
    /// Whose it is.
    pub owner: String,
    /// How it is doing.
    pub state: LoginState,
    /// Since when.
    pub since: Timestamp,
    /// Why it is not connected, in words.
    pub reason: Option<String>,
}
