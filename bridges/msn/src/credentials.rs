//! What it takes to sign in again: the server's name, the address, the password.

use bridge_core::{
    connector::StoredLogin,
    id::{LoginId, NetworkId, PersonaId},
    model::Persona,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{MsnServer, connector::NETWORK};

/// An account of one of the configured servers.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) server: String,
    pub(crate) account: String,
    pub(crate) password: SecretString,
}

impl Credentials {
    /// Gives the login to store; its credentials are three lines, sealed by the core.
    pub(crate) fn stored(&self, name: Option<String>) -> StoredLogin {
        let Self { server, account, password } = self;
        let password = password.expose_secret();
        // Exactly as long as it gets: what grows leaves copies behind that nobody wipes.
        let mut lines = String::with_capacity(server.len() + account.len() + password.len() + 2);
        for part in [server, "\n", account, "\n", password] {
            lines.push_str(part);
        }
        StoredLogin {
            id: LoginId::new(format!("{NETWORK}:{server}:{account}")),
            persona: Persona {
                network: NetworkId::new(NETWORK),
                id: PersonaId::new(account.as_str()),
                name,
            },
            credentials: lines.into(),
        }
    }

    pub(crate) fn read(login: &StoredLogin) -> Option<Self> {
        let mut lines = login.credentials.expose_secret().splitn(3, '\n');
        Some(Self {
            server: lines.next()?.to_owned(),
            account: lines.next()?.to_owned(),
            password: lines.next()?.to_owned().into(),
        })
    }

    /// Gives the client's configuration for the account on its server.
    pub(crate) fn client(&self, server: &MsnServer) -> msnp::Config {
        server.client(&self.account, self.password.clone())
    }
}
