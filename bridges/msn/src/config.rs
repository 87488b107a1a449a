//! The `[msn]` section of the configuration.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::Preset;

/// The MSN side: which networks accounts sign in to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MsnConfig {
    /// A network people may sign in to. Repeat the block for more; the first is the one `login`
    /// offers.
    pub server: Vec<MsnServer>,
}

/// One MSN network: Microsoft's are gone, the revival servers are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MsnServer {
    /// The name people see when they sign in. One word; it becomes part of stored logins.
    #[schemars(example = &"home")]
    pub name: String,
    /// Names it had before, the first one first: accounts and conversations from then stay what they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = &["old-home"])]
    pub formerly: Vec<String>,
    /// A server that is known by name: `escargot`, `crosstalk` (its addresses are known from other clients
    /// only), `rusty` (a rusty-retro-messaging of your own; needs `address`), `local`
    /// (`msn-bridge msn-server` on this machine), or `custom`. It says where the server and its web services
    /// are and how much it speaks; each key below wins over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"escargot")]
    pub preset: Option<String>,
    /// Host and port of the notification server; without a port, 1863. A `preset` may have its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(example = &"messenger.example.com:1863", extend("x-shown" = true))]
    pub address: String,
    /// Where all its web services are; with them MSNP 13 to 18 are spoken too. Left out, `https://HOST`, and
    /// `auto` stops at 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://messenger.example.com")]
    pub services_url: Option<String>,
    /// Where the Passport sign-in begins (MSNP 8 to 12). Left out, `https://HOST/rdr/pprdr.asp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://messenger.example.com/rdr/pprdr.asp")]
    pub nexus_url: Option<String>,
    /// The Passport login itself, for servers without a nexus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://messenger.example.com/login.srf")]
    pub login_url: Option<String>,
    /// The HTTP gateway that all connections to it go through, where nothing but HTTP gets out. Slower: what
    /// comes is asked for every two seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"http://messenger.example.com")]
    pub gateway_url: Option<String>,
    /// An IPv4 address of this machine that contacts can connect to, at ports 6891 to 6900: files then go from
    /// client to client where both can. Contacts learn the address, and the bridge connects to public ones that
    /// they name. Left out, files go through the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"203.0.113.9")]
    pub direct: Option<String>,
    /// The protocol to speak: `auto` takes the best both sides know, or a number from 2 to 21.
    #[serde(default = "auto")]
    #[schemars(example = &"auto")]
    pub protocol: String,
}

fn auto() -> String {
    "auto".to_owned()
}

impl MsnServer {
    /// Gives the protocol to speak; none when the text names none.
    pub fn protocol(&self) -> Option<msnp::Protocol> {
        self.protocol.parse().ok()
    }

    /// Gives the client's configuration for an account there.
    pub fn client(&self, account: &str, password: SecretString) -> msnp::Config {
        let mut config = msnp::Config::new(self.place(), account, password);
        let preset = self.preset();
        // What is named another way is not the preset's server any more.
        let preset = preset.filter(|preset| self.address.is_empty() || preset.needs_host());
        config.protocol = self.protocol().unwrap_or_default();
        config.best = preset.map(|preset| preset.best);
        config.services_url =
            self.services_url.clone().or_else(|| preset.and_then(Preset::services));
        config.nexus_url = self
            .nexus_url
            .clone()
            .or_else(|| preset.filter(|_| self.services_url.is_none())?.nexus(&self.address));
        config.login_url.clone_from(&self.login_url);
        config.gateway_url.clone_from(&self.gateway_url);
        config.direct = self
            .direct_address()
            .map(|address| msnp::Direct { announce: vec![address], ..msnp::Direct::default() });
        config
    }

    fn direct_address(&self) -> Option<Ipv4Addr> {
        self.direct.as_ref()?.parse().ok()
    }

    /// Gives where the notification server is: `host` or `host:port`.
    pub fn place(&self) -> String {
        match self.preset() {
            Some(preset) => preset.address(&self.address),
            None => self.address.clone(),
        }
    }

    fn preset(&self) -> Option<&'static Preset> {
        self.preset.as_deref().and_then(Preset::named)
    }

    /// Gives the name that logins are kept under: the first it ever had.
    pub(crate) fn identity(&self) -> &str {
        self.formerly.first().unwrap_or(&self.name)
    }

    /// Tells whether it has a name, or had it.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.formerly.iter().any(|former| former == name)
    }

    /// Lists what types cannot see: the key and what is wrong with it.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let odd = |name: &String| {
            name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == ':')
        };
        if odd(&self.name) {
            found.push(("name", "must be one word without a colon".to_owned()));
        }
        if self.formerly.iter().any(odd) {
            found.push(("formerly", "must be words without a colon".to_owned()));
        }
        if self.preset.is_some() && self.preset().is_none() {
            let names: Vec<&str> = Preset::all().iter().map(|preset| preset.name).collect();
            found.push(("preset", format!("must be one of {}", names.join(", "))));
        }
        let needs_address = self.preset().is_none_or(Preset::needs_host);
        if self.address.is_empty() && needs_address && self.preset.is_none() {
            found.push((
                "address",
                "is missing: name the server's host, or a `preset` that knows it".to_owned(),
            ));
        } else if (self.address.is_empty() && needs_address) || self.address.contains("//") {
            found.push(("address", "must be a host, or host:port, without http://".to_owned()));
        }
        if self.protocol().is_none() {
            found
                .push(("protocol", "must be \"auto\" or a number from \"2\" to \"21\"".to_owned()));
        }
        if self.direct.is_some() && self.direct_address().is_none() {
            found.push(("direct", "must be an IPv4 address, such as 203.0.113.9".to_owned()));
        }
        let urls = [
            ("services_url", &self.services_url),
            ("nexus_url", &self.nexus_url),
            ("login_url", &self.login_url),
            ("gateway_url", &self.gateway_url),
        ];
        for (key, url) in urls {
            let bad = |url: &String| !url.starts_with("https://") && !url.starts_with("http://");
            if url.as_ref().is_some_and(bad) {
                found.push((key, "must begin with https:// or http://".to_owned()));
            }
        }
        found
    }
}
