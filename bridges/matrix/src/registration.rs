//! What the homeserver must know about the bridge.

use secrecy::{ExposeSecret as _, SecretString};

use crate::{EncryptionMode, MatrixConfig};

/// The application service's id.
pub(crate) const ID: &str = "msnbridge";

/// What encryption needs: keys in transactions, and devices without a sign-in.
const ENCRYPTION: &str = "org.matrix.msc3202: true\nio.element.msc4190: true\n";

/// A registration file's content.
#[derive(Clone, Debug)]
pub struct Registration {
    config: MatrixConfig,
    as_token: SecretString,
    hs_token: SecretString,
}

impl Registration {
    /// Takes the configuration and the two tokens.
    pub fn new(config: MatrixConfig, as_token: SecretString, hs_token: SecretString) -> Self {
        Self { config, as_token, hs_token }
    }

    /// Writes the file, secrets and all, as YAML.
    ///
    /// The sender is a user nobody is: a homeserver answers some requests of it with errors, so the
    /// bot is a user of its own.
    pub fn to_yaml(&self) -> String {
        let MatrixConfig { domain, bot_localpart, ghost_prefix, .. } = &self.config;
        let domain = escaped(domain);
        let bot = quoted(&format!("@{}:{domain}", escaped(bot_localpart)));
        let ghosts = quoted(&format!("@{}.+:{domain}", escaped(ghost_prefix)));
        let aliases = quoted(&format!("#{}.+:{domain}", escaped(ghost_prefix)));
        format!(
            "id: {ID}\n\
             url: {}\n\
             as_token: {}\n\
             hs_token: {}\n\
             sender_localpart: {}\n\
             rate_limited: false\n\
             namespaces:\n\
             \x20 users:\n\
             \x20   - regex: {bot}\n\
             \x20     exclusive: true\n\
             \x20   - regex: {ghosts}\n\
             \x20     exclusive: true\n\
             \x20 aliases:\n\
             \x20   - regex: {aliases}\n\
             \x20     exclusive: true\n\
             \x20 rooms: []\n\
             protocols: [msn]\n\
             receive_ephemeral: true\n\
             de.sorunome.msc2409.push_ephemeral: true\n\
             {}",
            quoted(&self.config.public_url()),
            quoted(self.as_token.expose_secret()),
            quoted(self.hs_token.expose_secret()),
            quoted(&format!("{bot_localpart}-sender")),
            match self.config.encryption.mode {
                EncryptionMode::Never => "",
                _ => ENCRYPTION,
            },
        )
    }
}

/// The second registration file's content: with it the bridge speaks as the homeserver's own users.
#[derive(Clone, Debug)]
pub struct DoublePuppets {
    config: MatrixConfig,
    as_token: SecretString,
    hs_token: SecretString,
}

impl DoublePuppets {
    /// Takes the configuration and the two tokens; the second is never used, for nothing is pushed.
    pub fn new(config: MatrixConfig, as_token: SecretString, hs_token: SecretString) -> Self {
        Self { config, as_token, hs_token }
    }

    /// Writes the file, secrets and all, as YAML.
    ///
    /// It reserves nobody's name, and the homeserver pushes nothing for it.
    pub fn to_yaml(&self) -> String {
        let MatrixConfig { domain, bot_localpart, .. } = &self.config;
        format!(
            "id: {ID}-doubles\n\
             url: null\n\
             as_token: {}\n\
             hs_token: {}\n\
             sender_localpart: {}\n\
             rate_limited: false\n\
             namespaces:\n\
             \x20 users:\n\
             \x20   - regex: {}\n\
             \x20     exclusive: false\n\
             \x20 aliases: []\n\
             \x20 rooms: []\n",
            quoted(self.as_token.expose_secret()),
            quoted(self.hs_token.expose_secret()),
            quoted(&format!("{bot_localpart}-doubles")),
            quoted(&format!("@.*:{}", escaped(domain))),
        )
    }
}

/// Makes a token nobody guesses: 32 random bytes, in hexadecimal.
///
/// # Errors
/// The machine gives no randomness.
pub fn generate_token() -> Result<SecretString, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(text.into())
}

/// Escapes what a regular expression reads as more than itself.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '=' | '/' | ':') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Writes a text as YAML's single-quoted form, where only the quote itself is special.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
