//! What a client needs to know.

use std::{fmt, str::FromStr};

use msnp_proto::{
    Version,
    command::Status,
    session::{Deadlines, SessionConfig},
};
use secrecy::SecretString;

use crate::trace::TraceSwitch;

/// The port of notification servers when none is named.
const DEFAULT_PORT: u16 = 1863;

/// One account and where it signs in.
#[derive(Clone)]
pub struct Config {
    /// The notification server, `host` or `host:port`; without a port, 1863.
    pub server: String,
    /// The account's address.
    pub account: String,
    /// The account's password.
    pub password: SecretString,
    /// The protocol to speak.
    pub protocol: Protocol,
    /// Where the Passport sign-in begins; none means `https://HOST/rdr/pprdr.asp`.
    pub nexus_url: Option<String>,
    /// The Passport login itself; when set, the nexus is not asked.
    pub login_url: Option<String>,
    /// The status to take at sign-in.
    pub status: Status,
    /// How long to wait for what.
    pub deadlines: Deadlines,
    /// Turns captures on and off; off.
    pub trace: TraceSwitch,
}

/// Which protocol to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The best that both sides know.
    #[default]
    Auto,
    /// This one or none.
    Exactly(Version),
}

/// The text names no protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the protocol must be `auto` or a number from 8 to 12")]
pub struct UnknownProtocol;

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        let number = text.parse().map_err(|_| UnknownProtocol)?;
        Version::from_number(number).map(Self::Exactly).ok_or(UnknownProtocol)
    }
}

impl Config {
    /// Takes what every sign-in needs and leaves the rest at its defaults.
    pub fn new(
        server: impl Into<String>,
        account: impl Into<String>,
        password: SecretString,
    ) -> Self {
        Self {
            server: server.into(),
            account: account.into(),
            password,
            protocol: Protocol::Auto,
            nexus_url: None,
            login_url: None,
            status: Status::Online,
            deadlines: Deadlines::default(),
            trace: TraceSwitch::default(),
        }
    }

    pub(crate) fn session(&self) -> SessionConfig {
        let has_port =
            self.server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = self.server.rsplit_once(':').map_or(self.server.as_str(), |(host, _)| host);
        SessionConfig {
            server: if has_port {
                self.server.clone()
            } else {
                format!("{}:{DEFAULT_PORT}", self.server)
            },
            account: self.account.clone(),
            password: self.password.clone(),
            versions: match self.protocol {
                Protocol::Auto => Version::ALL.to_vec(),
                Protocol::Exactly(version) => vec![version],
            },
            nexus_url: self
                .nexus_url
                .clone()
                .unwrap_or_else(|| format!("https://{host}/rdr/pprdr.asp")),
            login_url: self.login_url.clone(),
            status: self.status,
            deadlines: self.deadlines,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
