//! The `[discord]` section of the configuration.

use std::{fs, path::PathBuf};

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// The Discord side: one bot of yours in your servers. The book says how to make it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscordConfig {
    /// A file that holds the bot's token and nothing else, readable by the bridge only.
    #[serde(default)]
    #[schemars(example = &"discord.token")]
    pub token_file: Option<PathBuf>,
    /// Or the token itself, or in the environment: `MSN_BRIDGE__DISCORD__TOKEN`.
    #[serde(default)]
    #[schemars(with = "Option<String>", example = &"", extend("writeOnly" = true))]
    pub token: Option<SecretString>,
}

impl DiscordConfig {
    /// Reads the bot's token.
    ///
    /// # Errors
    /// The key that is wrong, and what is wrong with it.
    pub fn token(&self) -> Result<SecretString, (&'static str, String)> {
        let (key, token) = match (&self.token, &self.token_file) {
            (Some(token), None) => ("token", token.clone()),
            (None, Some(file)) => {
                let text = fs::read_to_string(file)
                    .map_err(|error| ("token_file", format!("{}: {error}", file.display())))?;
                ("token_file", SecretString::from(text))
            }
            (Some(_), Some(_)) => {
                return Err(("token", "is given twice; leave out this or token_file".to_owned()));
            }
            (None, None) => {
                let text = "is missing: make a bot at https://discord.com/developers/applications \
                            and put its token into this file";
                return Err(("token_file", text.to_owned()));
            }
        };
        let bare = token.expose_secret().trim();
        let bare = bare.strip_prefix("Bot ").unwrap_or(bare);
        // serenity panics on a token that cannot be a header.
        let fine = |c: char| c.is_ascii_alphanumeric() || "._-=+/".contains(c);
        if bare.is_empty() || !bare.chars().all(fine) {
            return Err((
                key,
                "does not hold a bot's token: it is empty or has odd letters".to_owned(),
            ));
        }
        Ok(bare.to_owned().into())
    }
}

/// Tells whether a text can be the id of a channel or a person: a number of 17 to 20 digits.
pub fn is_id(text: &str) -> bool {
    (17..=20).contains(&text.len())
        && text.parse::<u64>().is_ok_and(|id| id > 0)
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(token: Option<&str>, file: Option<PathBuf>) -> DiscordConfig {
        DiscordConfig { token: token.map(|token| token.to_owned().into()), token_file: file }
    }

    #[test]
    fn a_token_is_given_once_and_bare() {
        let token = config(Some("Bot abc.def-1_2\n"), None).token().unwrap();
        assert_eq!(token.expose_secret(), "abc.def-1_2");
        let missing = std::env::temp_dir().join("no such file");
        for (wrong, key) in [
            (config(None, None), "token_file"),
            (config(Some("a"), Some(missing.clone())), "token"),
            (config(None, Some(missing)), "token_file"),
            (config(Some("  "), None), "token"),
            (config(Some("two words"), None), "token"),
        ] {
            assert_eq!(wrong.token().unwrap_err().0, key);
        }
    }

    #[test]
    fn ids_are_long_numbers() {
        assert!(is_id("80351110224678912"));
        for wrong in ["", "general", "12", "+8035111022467891", "99999999999999999999"] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
