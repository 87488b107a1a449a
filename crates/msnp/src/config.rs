//! What a client needs to know.

use std::{fmt, net::Ipv4Addr, ops::RangeInclusive, str::FromStr, time::UNIX_EPOCH};

use msnp_proto::{
    Version,
    command::Status,
    p2p::direct::DirectRules,
    session::{Deadlines, Pace, Services, SessionConfig},
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
    /// The best version to offer by itself, where that is less than what the web services allow.
    pub best: Option<Version>,
    /// Where all web services are, such as `https://example.com`; none means `https://HOST`.
    pub services_url: Option<String>,
    /// Names this installation, from MSNP16: a GUID. A sign-in of the same name takes the place of an
    /// older one; made anew for each configuration.
    pub machine_id: String,
    /// Names this installation to the account's other places.
    pub machine_name: String,
    /// Where the Passport sign-in begins; none means among the other services.
    pub nexus_url: Option<String>,
    /// The Passport login itself; when set, the nexus is not asked.
    pub login_url: Option<String>,
    /// The HTTP gateway that all connections go through, such as `http://gateway.example.com`; none means
    /// that they are made directly.
    pub gateway_url: Option<String>,
    /// The status to take at sign-in.
    pub status: Status,
    /// How long to wait for what.
    pub deadlines: Deadlines,
    /// How fast to ask for changes of lists and of the own presence.
    pub pace: Pace,
    /// Direct links with peers, for files; without it none is asked for, and peers who ask are told no.
    pub direct: Option<Direct>,
    /// Turns captures on and off; off.
    pub trace: TraceSwitch,
}

/// How direct links are made. The one who receives a file listens, the one who sends connects; where that
/// does not succeed, the bytes go through the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// Where to listen; all addresses of this machine.
    pub listen: Ipv4Addr,
    /// The ports to try, each in its turn; 6891 to 6900, as the original clients do. 0 is any that is free.
    pub ports: RangeInclusive<u16>,
    /// The addresses that peers are told to connect to. Without any it is [`listen`](Self::listen), and where
    /// that is no address of its own, files are only sent over direct links, not received.
    pub announce: Vec<Ipv4Addr>,
    /// Whether to connect to addresses of private networks and of this machine when a peer names them; she
    /// could have the program knock at doors there.
    pub nearby: bool,
}

impl Default for Direct {
    fn default() -> Self {
        Self {
            listen: Ipv4Addr::UNSPECIFIED,
            ports: 6891..=6900,
            announce: Vec::new(),
            nearby: false,
        }
    }
}

impl Direct {
    pub(crate) fn rules(&self) -> DirectRules {
        let own = Some(self.listen).filter(|address| !address.is_unspecified());
        let addresses = match self.announce.is_empty() {
            true => own.into_iter().collect(),
            false => self.announce.clone(),
        };
        DirectRules { addresses, nearby: self.nearby }
    }
}

/// Which protocol to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The best that both sides know: up to MSNP18 where web services are named, else up to MSNP12.
    #[default]
    Auto,
    /// This one or none.
    Exactly(Version),
}

/// The text names no protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the protocol must be `auto` or a number from 2 to 21")]
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
            best: None,
            services_url: None,
            machine_id: random_guid(),
            machine_name: "msn-bridge".to_owned(),
            nexus_url: None,
            login_url: None,
            gateway_url: None,
            status: Status::Online,
            deadlines: Deadlines::default(),
            pace: Pace::default(),
            direct: None,
            trace: TraceSwitch::default(),
        }
    }

    /// The best version the server is known for: where its web services are not named, it is taken to
    /// have none of those that later versions need.
    fn best_version(&self) -> Version {
        let best = if self.services_url.is_some() { Version::Msnp18 } else { Version::Msnp12 };
        self.best.map_or(best, |limit| limit.min(best))
    }

    /// Tells whether versions are left that need less of the server's web services.
    pub(crate) fn may_fall_back(&self) -> bool {
        self.protocol == Protocol::Auto && self.services_url.is_some()
    }

    /// Leaves out the web services, and with them the versions that need them.
    pub(crate) fn without_services(mut self) -> Self {
        let host = self.server.clone();
        let services = self.services(&host);
        (self.services_url, self.nexus_url) = (None, Some(services.nexus));
        self
    }

    fn services(&self, host: &str) -> Services {
        let base = self.services_url.clone().unwrap_or_else(|| format!("https://{host}"));
        let mut services = Services::at(&base);
        if let Some(nexus) = &self.nexus_url {
            services.nexus.clone_from(nexus);
        }
        services.login.clone_from(&self.login_url);
        services
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
                Protocol::Auto => Version::offered_up_to(self.best_version()),
                Protocol::Exactly(version) => vec![version],
            },
            services: self.services(host),
            machine_id: self.machine_id.clone(),
            machine_name: self.machine_name.clone(),
            entropy: random(),
            wall_clock: UNIX_EPOCH.elapsed().map_or(0, |passed| passed.as_secs()),
            status: self.status,
            deadlines: self.deadlines,
            pace: self.pace,
        }
    }
}

/// Sixteen bytes that nobody can guess.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Without randomness proofs are alike; they stay unreadable without the ticket's secret.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

fn random_guid() -> String {
    let digits: String = random().iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0..8), part(8..12), part(13..16), part(17..20), part(20..32))
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("server", &self.server)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
