//! Users as a file has them.

use std::path::Path;

use secrecy::SecretString;
use serde::Deserialize;

use crate::script::Script;

/// One account of the embedded network.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Its address.
    pub address: String,
    /// Its password.
    pub password: SecretString,
    /// Its name; left out, its address.
    #[serde(default)]
    pub name: String,
    /// What it says beside its name.
    #[serde(default)]
    pub status_message: String,
    /// Its contacts' addresses; two who name each other know each other.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// What it does by itself; left out, nothing: somebody signs in with it.
    pub script: Option<Script>,
}

impl User {
    /// Makes an account that somebody signs in with.
    pub fn new(address: &str, password: &str, name: &str, contacts: &[&str]) -> Self {
        Self {
            address: address.to_owned(),
            password: password.to_owned().into(),
            name: name.to_owned(),
            status_message: String::new(),
            contacts: contacts.iter().map(|contact| (*contact).to_owned()).collect(),
            script: None,
        }
    }

    /// Makes it act by itself.
    #[must_use]
    pub fn with_script(mut self, script: Script) -> Self {
        self.script = Some(script);
        self
    }
}

/// Why there are no users.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The text is not what such a file holds; the message names the line.
    #[error("the users cannot be read: {0}")]
    Malformed(#[from] toml::de::Error),
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Users {
    user: Vec<User>,
}

/// Reads users from TOML text.
pub(crate) fn parse(text: &str) -> Result<Vec<User>, UsersError> {
    Ok(toml::from_str::<Users>(text)?.user)
}

/// Reads users from a TOML file.
pub(crate) fn load(path: &Path) -> Result<Vec<User>, UsersError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| UsersError::Unreadable { path: path.display().to_string(), source })?;
    parse(&text)
}
