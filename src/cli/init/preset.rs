//! MSN servers as `init` knows them: only data.

use clap::builder::PossibleValuesParser;

/// A kind of MSN server. `{host}` in its addresses is what the operator names.
pub(super) struct Preset {
    /// What `--preset` calls it.
    pub(super) name: &'static str,
    /// What it is, and how far it was tried.
    pub(super) what: &'static str,
    /// The notification server.
    pub(super) address: &'static str,
    /// Where its Passport sign-in begins; none for the place the bridge takes by itself.
    pub(super) nexus: Option<&'static str>,
}

const PRESETS: [Preset; 5] = [
    Preset {
        name: "escargot",
        what: "Escargot, by the names in its published source; the live service was not tried",
        address: "m1.escargot.log1p.xyz:1863",
        nexus: Some("https://m1.escargot.log1p.xyz/rdr/pprdr.asp"),
    },
    Preset {
        name: "crosstalk",
        what: "CrossTalk, by the names in other clients; not tried",
        address: "ms.msgrsvcs.ctsrv.gay:1863",
        nexus: Some("https://pp.login.ugnet.gay/rdr/pprdr.asp"),
    },
    Preset {
        name: "rusty",
        what: "a rusty-retro-messaging of your own, its sign-in on port 3000",
        address: "{host}:1863",
        nexus: Some("http://{host}:3000/rdr/pprdr.asp"),
    },
    Preset {
        name: "local",
        what: "`msn-bridge msn-server` on this machine, as it listens by itself",
        address: "127.0.0.1:1863",
        nexus: Some("http://127.0.0.1:8080/rdr/pprdr.asp"),
    },
    Preset {
        name: "custom",
        what: "another server, by its address",
        address: "{host}",
        nexus: None,
    },
];

impl Preset {
    /// Tells whether its host must be named.
    pub(super) fn needs_host(&self) -> bool {
        self.address.contains("{host}")
    }
}

/// All of them, in the order they are offered.
pub(super) fn all() -> &'static [Preset] {
    &PRESETS
}

/// What `--preset` takes.
pub(super) fn names() -> PossibleValuesParser {
    PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().into()
}
