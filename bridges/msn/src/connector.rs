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
        let server = servers.find(|known| server.is_none_or(|name| known.is_called(name)))?;
        let account = address.to_lowercase();
        let credentials = Credentials { server: server.identity().to_owned(), account, password };
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
        let server = self.servers.iter().find(|server| server.is_called(&credentials.server));
        let server = server.ok_or_else(|| {
            let name = &credentials.server;
            LoginError::Broken(format!(
                "no [[msn.server]] is named {name} any more; where one has another name now, set its \
                 `formerly`"
            ))
        })?;
        Ok(Arc::new(MsnPuppet::new(login.id, credentials.client(server), None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, formerly: &[&str], address: &str) -> MsnServer {
        MsnServer {
            name: name.to_owned(),
            formerly: formerly.iter().map(|name| (*name).to_owned()).collect(),
            address: address.to_owned(),
            services_url: None,
            nexus_url: None,
            login_url: None,
            protocol: "auto".to_owned(),
        }
    }

    fn connector(server: MsnServer) -> MsnConnector {
        MsnConnector::new(MsnConfig { server: vec![server] })
    }

    fn kept(connector: &MsnConnector) -> StoredLogin {
        let server = connector.servers.first().expect("one");
        let (account, password) = ("ada@example.com".to_owned(), "secret".to_owned().into());
        Credentials { server: server.identity().to_owned(), account, password }.stored(None)
    }

    /// The login's id is what conversations are kept under.
    #[test]
    fn a_server_with_another_name_or_address_has_the_same_accounts() {
        let before = kept(&connector(server("home", &[], "one.example.com")));
        let moved = connector(server("home", &[], "two.example.com"));
        assert_eq!(
            moved.load(before.clone()).map(|puppet| puppet.login().clone()).ok(),
            Some(before.id.clone())
        );
        let renamed = connector(server("lounge", &["home"], "one.example.com"));
        let loaded = renamed.load(before.clone()).map(|puppet| puppet.login().clone());
        assert_eq!(loaded.ok(), Some(before.id.clone()));
        // Who signs in again is the same account.
        assert_eq!(kept(&renamed).id, before.id);
        let other = connector(server("lounge", &[], "one.example.com"));
        assert!(matches!(other.load(before), Err(LoginError::Broken(_))));
    }
}
