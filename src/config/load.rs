//! Reads the layers and makes a configuration of them, or a list of everything wrong with it.

use std::{collections::HashMap, path::Path};

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{Config, Problem, relay, validate};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Keys are wrong; all of them are listed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
    /// The file cannot be read, or is not TOML.
    #[error("{0}")]
    Unreadable(String),
}

/// Reads a file, lays the environment over it, and checks the whole.
///
/// # Errors
/// [`ConfigError`]; an invalid one names every key that is wrong, not the first only.
pub fn load(file: &Path, environment: &HashMap<String, String>) -> Result<Config, ConfigError> {
    let layers = layers(file, environment)?;
    let tree = tree_of(&layers)?;
    let found = validate::problems(&schema(), &tree);
    if !found.is_empty() {
        return Err(ConfigError::Invalid(found));
    }
    let config: Config = layers.try_deserialize().map_err(|error| unreadable(file, &error))?;
    let found = meaning_problems(&config);
    if found.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(found)) }
}

/// Gives the values as set, whether they are right or not.
///
/// # Errors
/// [`ConfigError::Unreadable`].
pub fn tree(file: &Path, environment: &HashMap<String, String>) -> Result<Value, ConfigError> {
    tree_of(&layers(file, environment)?)
}

/// Describes the configuration structs: keys, types, docs.
pub(super) fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

fn layers(
    file: &Path,
    environment: &HashMap<String, String>,
) -> Result<config::Config, ConfigError> {
    let variables = environment
        .iter()
        .map(|(name, value)| match name.strip_suffix("_FILE") {
            // `MSN_BRIDGE__DISCORD__TOKEN_FILE` names a file that holds `…TOKEN`, unless that is a key.
            Some(bare) if !is_key(name) => {
                let text = std::fs::read_to_string(value);
                let text = text.map_err(|error| {
                    ConfigError::Unreadable(format!("{name}: {value}: {error}"))
                })?;
                Ok((bare.to_owned(), text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            _ => Ok((name.clone(), value.clone())),
        })
        .collect::<Result<_, ConfigError>>()?;
    let variables = config::Environment::with_prefix("MSN_BRIDGE")
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables));
    if !file.exists() {
        return Err(ConfigError::Unreadable(format!(
            "{}: there is no such file. Copy config.example.toml, or name yours with -c",
            file.display()
        )));
    }
    config::Config::builder()
        .add_source(config::File::from(file).format(config::FileFormat::Toml))
        .add_source(variables)
        .build()
        .map_err(|error| unreadable(file, &error))
}

/// Tells whether a variable's name is that of a key itself.
fn is_key(variable: &str) -> bool {
    let path = variable.to_lowercase();
    let mut schema = schema();
    for part in path.split("__").skip(1) {
        let inner = validate::without_null(&schema).get("properties");
        match inner.and_then(|keys| keys.get(part)).cloned() {
            Some(key) => schema = key,
            None => return false,
        }
    }
    true
}

fn tree_of(layers: &config::Config) -> Result<Value, ConfigError> {
    let tree = layers.clone().try_deserialize();
    tree.map_err(|error| ConfigError::Unreadable(error.to_string()))
}

fn unreadable(file: &Path, error: &config::ConfigError) -> ConfigError {
    ConfigError::Unreadable(format!("{}: {error}", file.display()))
}

/// Problems that types cannot see.
fn meaning_problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |key: String, text: &str| found.push(Problem { key, text: text.to_owned() });
    if config.msn.server.is_empty() {
        say(
            "msn.server".to_owned(),
            "is missing: add a [[msn.server]] block, so that people can sign in",
        );
    }
    for (number, server) in config.msn.server.iter().enumerate() {
        for (name, text) in server.problems() {
            say(format!("msn.server[{number}].{name}"), &text);
        }
        let earlier = config.msn.server.iter().take(number);
        if earlier.into_iter().any(|other| other.name == server.name) {
            say(format!("msn.server[{number}].name"), "names two servers; each needs its own");
        }
    }
    if let Some(listen) = &config.http.listen
        && listen.parse::<std::net::SocketAddr>().is_err()
    {
        say("http.listen".to_owned(), "must be an address and a port such as 127.0.0.1:29401");
    }
    if config.permissions.is_empty() {
        say(
            "permissions".to_owned(),
            "is missing: without a line nobody may use the bridge, such as \"*:example.com\" = \"user\"",
        );
    }
    #[cfg(feature = "matrix")]
    if let Some(matrix) = &config.matrix {
        let problems = matrix.validate().into_iter();
        found.extend(
            problems.map(|problem| Problem {
                key: format!("matrix.{}", problem.key),
                text: problem.text,
            }),
        );
    }
    #[cfg(feature = "discord")]
    if let Some(Err((key, text))) = config.discord.as_ref().map(|discord| discord.token()) {
        found.push(Problem { key: format!("discord.{key}"), text });
    }
    if !has_rooms(config) {
        found.push(Problem {
            key: "matrix".to_owned(),
            text: "is missing, and so is discord: the bridge has no side to bridge to; see \
                   config.example.toml"
                .to_owned(),
        });
    }
    found.extend(relay::problems(config));
    found
}

/// Tells whether a platform that shows rooms is configured.
fn has_rooms(config: &Config) -> bool {
    #[cfg(feature = "matrix")]
    if config.matrix.is_some() {
        return true;
    }
    #[cfg(feature = "discord")]
    if config.discord.is_some() {
        return true;
    }
    let _ = config;
    false
}
