//! Servers that are known by name: only data.

use msnp::Version;

/// A kind of MSN server. `{host}` in its addresses is what the operator names.
#[derive(Debug)]
pub struct Preset {
    /// What the configuration calls it.
    pub name: &'static str,
    /// What it is, and how far it was tried.
    pub what: &'static str,
    /// The notification server.
    address: &'static str,
    /// Where its web services are, if it has those of MSNP13 and later.
    services: Option<&'static str>,
    /// Where its Passport sign-in begins, if not among its web services.
    nexus: Option<&'static str>,
    /// The best version it is known to speak.
    pub best: Version,
}

const PRESETS: [Preset; 5] = [
    Preset {
        name: "escargot",
        what: "Escargot, by the names in its published source; the live service was not tried",
        address: "m1.escargot.log1p.xyz:1863",
        services: Some("https://m1.escargot.log1p.xyz"),
        nexus: None,
        best: Version::Msnp18,
    },
    Preset {
        name: "crosstalk",
        what: "CrossTalk, by the names in other clients; not tried",
        address: "ms.msgrsvcs.ctsrv.gay:1863",
        services: None,
        nexus: Some("https://pp.login.ugnet.gay/rdr/pprdr.asp"),
        best: Version::Msnp11,
    },
    Preset {
        name: "rusty",
        what: "a rusty-retro-messaging of your own, its sign-in on port 3000",
        address: "{host}:1863",
        services: None,
        nexus: Some("http://{host}:3000/rdr/pprdr.asp"),
        best: Version::Msnp12,
    },
    Preset {
        name: "local",
        what: "`msn-bridge msn-server` on this machine, as it listens by itself",
        address: "127.0.0.1:1863",
        services: Some("http://127.0.0.1:8080"),
        nexus: None,
        best: Version::Msnp18,
    },
    Preset {
        name: "custom",
        what: "another server, by its address",
        address: "{host}",
        services: None,
        nexus: None,
        best: Version::Msnp18,
    },
];

impl Preset {
    /// Gives all of them, in the order they are offered.
    pub fn all() -> &'static [Self] {
        &PRESETS
    }

    /// Finds one by its name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Tells whether its host must be named.
    pub fn needs_host(&self) -> bool {
        self.address.contains("{host}")
    }

    /// Gives the notification server's address; a port that was named wins, and so does a whole address
    /// where the preset has one of its own.
    pub fn address(&self, named: &str) -> String {
        match named {
            "" => self.address.to_owned(),
            named if self.needs_host() && !named.contains(':') => {
                self.address.replace("{host}", named)
            }
            named => named.to_owned(),
        }
    }

    /// Gives where the web services are.
    pub fn services(&self) -> Option<String> {
        self.services.map(str::to_owned)
    }

    /// Gives where the Passport sign-in begins, if not among the web services.
    pub fn nexus(&self, named: &str) -> Option<String> {
        let host = named.rsplit_once(':').map_or(named, |(host, _)| host);
        self.nexus.map(|nexus| nexus.replace("{host}", host))
    }
}
