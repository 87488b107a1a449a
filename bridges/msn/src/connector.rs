//! Makes puppets of accounts.

use std::sync::Arc;

use bridge_core::{
    Connector, Puppet,
    connector::{LoginError, LoginProcess, StoredLogin},
    id::NetworkId,
};

use crate::{MsnConfig, MsnServer, credentials::Credentials, login::MsnLogin, puppet::MsnPuppet};

/// The network's name.
pub const NETWORK: &str = "msn";

/// Knows the servers of the configuration.
pub struct MsnConnector {
    servers: Arc<[MsnServer]>,
}

impl MsnConnector {
    /// Takes the configuration, checked before.
    pub fn new(config: MsnConfig) -> Self {
        Self { servers: config.server.into() }
    }
}

impl Connector for MsnConnector {
    fn network(&self) -> NetworkId {
        NetworkId::new(NETWORK)
    }

    fn start_login(&self) -> Box<dyn LoginProcess> {
        Box::new(MsnLogin::new(Arc::clone(&self.servers)))
    }

    fn load(&self, login: StoredLogin) -> Result<Arc<dyn Puppet>, LoginError> {
        let credentials = Credentials::read(&login)
            .ok_or_else(|| LoginError::Broken("its parts are missing".to_owned()))?;
        let server = self.servers.iter().find(|server| server.name == credentials.server);
        let server = server.ok_or_else(|| {
            let name = &credentials.server;
            LoginError::Broken(format!("no [[msn.server]] is named {name} any more"))
        })?;
        Ok(Arc::new(MsnPuppet::new(login.id, credentials.client(server))))
    }
}
