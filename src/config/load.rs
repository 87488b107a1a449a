//! Reads the layers and makes a configuration of them, or a list of everything wrong with it.

use std::{collections::BTreeMap, env, path::PathBuf};

use bridge_msn::MsnServer;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{
    Config, Problem, delivery, file,
    layer::{Flag, Layer, PREFIX},
    place::{Place, Placed, Places},
    relay, store, validate,
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Keys are wrong, or the file is not TOML; everything is listed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Placed>),
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// Where a configuration comes from; what is named later wins.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file; an empty path for none.
    pub file: PathBuf,
    /// Variables by name; those that do not begin with `MSN_BRIDGE__` are passed over.
    pub environment: BTreeMap<String, String>,
    /// What the command line gives.
    pub flags: Vec<Flag>,
}

impl Sources {
    /// A file alone.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// Takes the variables of this process.
    #[must_use]
    pub fn with_environment(mut self) -> Self {
        let variables = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        self.environment.extend(variables);
        self
    }
}

/// The values as set, and where each was.
pub(super) struct Tree {
    pub(super) values: Value,
    pub(super) places: Places,
    layers: config::Config,
}

/// Reads the file, lays the environment and the flags over it, and checks the whole.
///
/// # Errors
/// [`ConfigError`]; an invalid one names every key that is wrong, not the first only.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let schema = schema();
    let (tree, mut found) = read(sources, &schema)?;
    found.extend(tree.places.of(validate::problems(&schema, &tree.values)));
    if !found.is_empty() {
        return Err(ConfigError::Invalid(found));
    }
    let config: Config = tree.layers.try_deserialize().map_err(|error| unread(sources, &error))?;
    let found = tree.places.of(meaning_problems(&config));
    if found.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(found)) }
}

/// Gives the values as set, whether they are right or not.
///
/// # Errors
/// [`ConfigError`] when the file cannot be read or is not TOML.
pub fn values(sources: &Sources) -> Result<Value, ConfigError> {
    tree(sources).map(|tree| tree.values)
}

/// Gives where the bridge keeps its data, even when something else is wrong with the configuration.
///
/// # Errors
/// [`ConfigError`] when the file cannot be read or is not TOML.
pub fn data_dir(sources: &Sources) -> Result<PathBuf, ConfigError> {
    let values = values(sources)?;
    let set = values.pointer("/bridge/data_dir").and_then(Value::as_str).map(PathBuf::from);
    Ok(set.unwrap_or_else(|| Config::default().bridge.data_dir))
}

pub(super) fn tree(sources: &Sources) -> Result<Tree, ConfigError> {
    let (tree, found) = read(sources, &schema())?;
    if found.is_empty() { Ok(tree) } else { Err(ConfigError::Invalid(found)) }
}

/// Describes the configuration structs: keys, types, docs.
pub(super) fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// Reads the layers; what is wrong with the later ones does not hide the rest.
fn read(sources: &Sources, schema: &Value) -> Result<(Tree, Vec<Placed>), ConfigError> {
    let mut places = Places::new(sources.file.clone());
    let file = match sources.file.as_os_str().is_empty() {
        true => Layer::default(),
        false => file::read(&sources.file, &mut places)?,
    };
    let (environment, mut found) = Layer::environment(&sources.environment, schema, &mut places);
    let (flags, wrong) = Layer::flags(&sources.flags, schema, &mut places);
    found.extend(wrong);
    let layers = config::Config::builder()
        .add_source(file)
        .add_source(environment)
        .add_source(flags)
        .build()
        .map_err(|error| unread(sources, &error))?;
    let values = layers.clone().try_deserialize().map_err(|error| unread(sources, &error))?;
    Ok((Tree { values, places, layers }, found))
}

/// What the structs themselves refuse, where the checks before them saw nothing.
fn unread(sources: &Sources, error: &config::ConfigError) -> ConfigError {
    let place = Place::File { file: sources.file.clone(), line: None, column: None };
    let problem = Problem { key: String::new(), text: error.to_string() };
    ConfigError::Invalid(vec![Placed { place, problem }])
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
        let earlier = || config.msn.server.iter().take(number);
        if earlier().any(|other| other.is_called(&server.name)) {
            say(
                format!("msn.server[{number}].name"),
                "names two servers, now or formerly; each needs its own",
            );
        }
        let former = |other: &MsnServer| server.formerly.iter().any(|name| other.is_called(name));
        if earlier().any(former) {
            say(
                format!("msn.server[{number}].formerly"),
                "holds a name of another server; leave it where its accounts and conversations are",
            );
        }
    }
    if let Some(listen) = &config.http.listen
        && listen.parse::<std::net::SocketAddr>().is_err()
    {
        say("http.listen".to_owned(), "must be an address and a port such as 127.0.0.1:29401");
    }
    for (key, text) in config.media.problems() {
        say(format!("media.{key}"), text);
    }
    if config.media.public_url.is_some() && config.http.listen.is_none() {
        say(
            "http.listen".to_owned(),
            "is missing: media.public_url leads there, such as 127.0.0.1:29401",
        );
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
    found.extend(delivery::problems(config));
    found.extend(store::problems(&config.store));
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
