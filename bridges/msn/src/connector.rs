//! Makes puppets of accounts.

use std::sync::Arc;

use bridge_core::{
    Connector, Puppet,
    connector::{LoginError, LoginProcess, StoredLogin},
    id::{ChatId, NetworkId, PersonaId},
    model::Persona,
};
use secrecy::SecretString;

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

/// An account of the bridge's own, and its conversations.
pub struct OwnAccount {
    /// The account; it signs in when it runs.
    pub puppet: Arc<dyn Puppet>,
    /// A chat with each of the contacts asked for, in their order.
    pub chats: Vec<(ChatId, Persona)>,
}

impl MsnConnector {
    /// Makes the puppet of an account of the bridge's own, which sees to it that the contacts are on
    /// its list. Without a server's name it is the first one's; none when there is no such server.
    pub fn own_account(
        &self,
        server: Option<&str>,
        address: &str,
        password: SecretString,
        contacts: &[String],
    ) -> Option<OwnAccount> {
        let mut servers = self.servers.iter();
        let server = servers.find(|known| server.is_none_or(|name| known.name == name))?;
        let account = address.to_lowercase();
        let credentials = Credentials { server: server.name.clone(), account, password };
        let config = credentials.client(server);
        let login = credentials.stored(None).id;
        let keeps: Vec<String> = contacts.iter().map(|contact| contact.to_lowercase()).collect();
        let chats = keeps.iter().map(|contact| {
            let persona = Persona {
                network: self.network(),
                id: PersonaId::new(contact.as_str()),
                name: None,
            };
            (ChatId::new(msnp::ChatId::with(contact).as_str()), persona)
        });
        let chats = chats.collect();
        Some(OwnAccount { puppet: Arc::new(MsnPuppet::new(login, config, Some(keeps))), chats })
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
        Ok(Arc::new(MsnPuppet::new(login.id, credentials.client(server), None)))
    }
}
