//! The flags that say which configuration is meant, alike in every command.

use std::path::PathBuf;

use clap::Args;

use crate::{
    Failure,
    config::{Flag, Sources},
};

/// Which configuration, and what this run lays over it.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file.
    #[arg(short = 'c', long = "config", default_value = "config.toml", value_name = "FILE")]
    config: PathBuf,
    /// Lay a value over the file's, such as `--set log.filter=debug`; repeat it for more.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Keep the data here: short for `--set bridge.data_dir=DIR`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl ConfigFile {
    /// Gives the layers: the file, this process's environment, these flags.
    ///
    /// # Errors
    /// [`Failure::Usage`] when a `--set` names no value.
    pub(super) fn sources(&self) -> Result<Sources, Failure> {
        let mut flags = Vec::new();
        for text in &self.set {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                Failure::Usage(format!("--set {text}: write KEY=VALUE, such as log.filter=debug"))
            })?;
            let (key, value) = (key.trim().to_owned(), value.to_owned());
            flags.push(Flag { shown: format!("--set {key}"), key, value });
        }
        if let Some(dir) = &self.data_dir {
            let (shown, key) = ("--data-dir".to_owned(), "bridge.data_dir".to_owned());
            flags.push(Flag { shown, key, value: dir.display().to_string() });
        }
        let file = Sources::file(&self.config);
        Ok(Sources { flags, ..file }.with_environment())
    }
}
