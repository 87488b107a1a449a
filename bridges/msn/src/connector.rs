//! Makes puppets of accounts.

use std::sync::Arc;

use bridge_core::{
    Connector, Puppet, SealKey,
    connector::{FieldKind, LoginError, LoginField, LoginProcess, StoredLogin},
    id::{ChatId, NetworkId, PersonaId},
    model::Persona,
};
use secrecy::SecretString;

use crate::{
    MsnConfig, MsnServer, credentials::Credentials, login::MsnLogin, puppet::MsnPuppet, texts,
};

/// The network's name.
pub const NETWORK: &str = "msn";

/// Knows the servers of the configuration.
pub struct MsnConnector {
    servers: Arc<[MsnServer]>,
    /// What the installation's names are made of; without it each start has others.
    key: Option<SealKey>,
}

impl MsnConnector {
    /// Takes the configuration, checked before.
    pub fn new(config: MsnConfig) -> Self {
        Self { servers: config.server.into(), key: None }
    }

    /// Gives each account a name for this installation that is the same after each start: from MSNP16 a
    /// server takes a sign-in of another name for another place, and keeps the old one beside it.
    #[must_use]
    pub fn with_key(self, key: SealKey) -> Self {
        Self { key: Some(key), ..self }
    }

    fn client(&self, credentials: &Credentials, server: &MsnServer) -> msnp::Config {
        let mut config = credentials.client(server);
        if let Some(key) = &self.key {
            config.machine_id = key.guid(credentials.stored(None).id.as_str());
        }
        config
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
        let config = self.client(&credentials, server);
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

    fn login_form(&self) -> Vec<LoginField> {
        let field = |id, kind, name: &str| {
            let options = Vec::new();
            LoginField { id, kind, name: name.to_owned(), options }
        };
        let servers = self.servers.iter().map(|server| server.name.clone()).collect();
        let server = LoginField {
            options: servers,
            ..field("server", FieldKind::Select, texts::FORM_SERVER)
        };
        // The dialogue asks for a server only where there are several.
        let server = (self.servers.len() > 1).then_some(server);
        let rest = [
            field("email", FieldKind::Email, texts::FORM_ADDRESS),
            field("password", FieldKind::Password, texts::FORM_PASSWORD),
        ];
        if self.servers.is_empty() { Vec::new() } else { server.into_iter().chain(rest).collect() }
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
        Ok(Arc::new(MsnPuppet::new(login.id, self.client(&credentials, server), None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, formerly: &[&str], address: &str) -> MsnServer {
        MsnServer {
            name: name.to_owned(),
            formerly: formerly.iter().map(|name| (*name).to_owned()).collect(),
            preset: None,
            address: address.to_owned(),
            services_url: None,
            nexus_url: None,
            login_url: None,
            gateway_url: None,
            direct: None,
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

    #[test]
    fn an_account_has_one_name_for_the_installation_at_each_start() {
        let start = |bytes: &[u8], account: &str| {
            let home = connector(server("home", &[], "one.example.com"));
            let home = home.with_key(SealKey::from_bytes(bytes).expect("32 bytes"));
            let server = home.servers.first().expect("one").clone();
            let (account, password) = (account.to_owned(), "secret".to_owned().into());
            let credentials = Credentials { server: "home".to_owned(), account, password };
            home.client(&credentials, &server).machine_id
        };
        let first = start(&[7; 32], "ada@example.com");
        assert_eq!((first.len(), first.matches('-').count()), (36, 4), "{first}");
        assert_eq!(start(&[7; 32], "ada@example.com"), first);
        assert_ne!(start(&[7; 32], "bob@example.com"), first);
        assert_ne!(start(&[8; 32], "ada@example.com"), first);
    }

    #[test]
    fn a_preset_says_where_a_server_is_and_what_it_speaks() {
        let client = |preset: &str, address: &str| {
            let mut named = server("home", &[], address);
            named.preset = Some(preset.to_owned());
            assert_eq!(named.problems(), [], "{preset} {address}");
            named.client("ada@example.com", "secret".to_owned().into())
        };
        let escargot = client("escargot", "");
        assert_eq!(escargot.server, "m1.escargot.log1p.xyz:1863");
        let services = escargot.services_url.as_deref();
        assert_eq!(services, Some("https://m1.escargot.log1p.xyz"));
        assert_eq!(escargot.best, Some(msnp::Version::Msnp18));
        let rusty = client("rusty", "retro.example.com");
        assert_eq!(rusty.server, "retro.example.com:1863");
        let nexus = rusty.nexus_url.as_deref();
        assert_eq!(nexus, Some("http://retro.example.com:3000/rdr/pprdr.asp"));
        assert_eq!((rusty.services_url, rusty.best), (None, Some(msnp::Version::Msnp12)));
        assert_eq!(client("rusty", "retro.example.com:99").server, "retro.example.com:99");
        assert_eq!(client("crosstalk", "").best, Some(msnp::Version::Msnp11));
        assert_eq!(client("local", "").services_url.as_deref(), Some("http://127.0.0.1:8080"));
        // Another address is another server.
        let moved = client("escargot", "example.com");
        assert_eq!((moved.server.as_str(), moved.services_url), ("example.com", None));
        assert_eq!(client("custom", "example.com").server, "example.com");
        for (preset, address, key) in
            [("rusty", "", "address"), ("custom", "", "address"), ("msn", "x", "preset")]
        {
            let mut named = server("home", &[], address);
            named.preset = Some(preset.to_owned());
            let problems = named.problems();
            assert!(problems.iter().any(|(found, _)| *found == key), "{preset}: {problems:?}");
        }
    }

    #[test]
    fn the_form_asks_for_what_the_dialogue_asks_for() {
        let ids = |servers: Vec<MsnServer>| -> Vec<&str> {
            let form = MsnConnector::new(MsnConfig { server: servers }).login_form();
            form.iter().map(|field| field.id).collect()
        };
        let (home, away) = (server("home", &[], "a"), server("away", &[], "b"));
        assert!(ids(vec![]).is_empty());
        assert_eq!(ids(vec![home.clone()]), ["email", "password"]);
        assert_eq!(ids(vec![home, away]), ["server", "email", "password"]);
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
