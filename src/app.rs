//! A running bridge: built from its configuration, stopped in order.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bridge_core::{
    Adapter, AdapterExit, Core, CoreConfig, Host, Parts, Recovery, Relay, SealKey, Spool,
    command::{Permissions, Role as CoreRole},
    id::{ChatId, NetworkId, RoomId, Timestamp},
    model::Persona,
    redact,
    store::Store,
};
use bridge_msn::MsnConnector;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Failure,
    config::{Config, RelayConfig, Role, StoreConfig},
    http,
};

mod control;
#[cfg(feature = "matrix")]
mod matrix;
mod media;
mod reload;
mod upkeep;

#[cfg(feature = "matrix")]
use self::matrix::start_matrix;
#[cfg(feature = "matrix")]
pub use self::matrix::{double_puppet_token, matrix_tokens};
#[cfg(feature = "matrix")]
pub(crate) use self::matrix::{matrix_adapter, reach};
use self::upkeep::Upkeep;
pub use self::{
    control::{ask, socket_path},
    reload::Reloader,
};

/// How long an orderly stop may take.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// A bridge, from its start to its stop.
pub struct App {
    core: Arc<Core>,
    store: Arc<dyn Store>,
    cancel: CancellationToken,
    servers: Vec<JoinHandle<()>>,
    /// Tells why the store takes nothing any more.
    store_failed: watch::Receiver<Option<String>>,
}

impl App {
    /// Starts the bridge a configuration describes.
    ///
    /// # Errors
    /// [`Failure`] names the key or the file, and the mend.
    pub async fn start(config: &Config, reloader: Arc<Reloader>) -> Result<Self, Failure> {
        let data = &config.bridge.data_dir;
        let metrics = match &config.http.listen {
            Some(listen) => Some((listen, http::recorder()?)),
            None => None,
        };
        let (store, recovery) = open_store(data, &config.store).await?;
        let key = seal_key(data)?;
        redact::set_key(&key);
        let spool = media::open_spool(&config.media, data).await?;
        let mut adapters: Vec<Arc<dyn Adapter>> = Vec::new();
        let mut servers = Vec::new();
        let cancel = CancellationToken::new();
        #[cfg(feature = "matrix")]
        let matrix = match &config.matrix {
            Some(matrix) => {
                let (adapter, server) = start_matrix(matrix, data, &cancel).await?;
                adapters.push(adapter.clone());
                servers.push(server);
                Some(adapter)
            }
            None => None,
        };
        #[cfg(feature = "discord")]
        if let Some(discord) = &config.discord {
            adapters.push(discord_adapter(discord, &config.relay)?);
        }
        let connector = MsnConnector::new(config.msn.clone()).with_key(key.clone());
        let connector = Arc::new(connector);
        let host: Arc<dyn Host> = reloader.clone();
        let files: Option<Arc<dyn Spool>> = Some(Arc::new(spool.clone()));
        let mut parts =
            Parts { adapters, media: files, host: Some(host), recovery, ..Parts::default() };
        add_relays(&mut parts, &connector, &config.relay)?;
        parts.connectors.push(connector);
        let core_config = CoreConfig {
            max_age: config.delivery.max_age.duration(),
            high_water: config.delivery.high_water,
            on_ambiguous: config.delivery.on_ambiguous.into(),
            retention: config.retention.retention(),
            on_logout: config.bridge.on_logout.into(),
            relay_notice: config.bridge.relay_notice,
            permissions: permissions(config),
            sign_ins_per_second: config.limits.sign_ins_per_second,
            accounts_each: usize::try_from(config.limits.accounts_each).unwrap_or(usize::MAX),
            backups: Some(backups_of(data)),
            traces: Some(data.join("traces")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..CoreConfig::default()
        };
        let mut core = Core::open(Arc::clone(&store), key, core_config, parts)
            .await
            .map_err(|error| Failure::Failed(format!("the store cannot be read: {error}")))?;
        #[cfg(feature = "matrix")]
        if let Some(matrix) = matrix {
            matrix.open_desk(core.desk());
        }
        core.start()
            .await
            .map_err(|error| Failure::Failed(format!("the store cannot be read: {error}")))?;
        let core = Arc::new(core);
        reloader.attach(&core);
        if let Some((listen, metrics)) = metrics {
            let files = bridge_media::router(spool.clone());
            let served = http::serve(listen, Arc::clone(&core), metrics, files, cancel.clone());
            servers.push(served.await?);
        }
        let upkeep = Upkeep {
            store: Arc::clone(&store),
            backups: backups_of(data),
            kept: config.store.backups,
        };
        let (watch, store_failed) = upkeep.begin(cancel.clone());
        servers.push(watch);
        servers.push(media::keep_tidy(spool, cancel.clone()));
        upkeep::say_ready();
        servers.push(control::serve(&socket_path(data), Arc::clone(&core), cancel.clone())?);
        Ok(Self { core, store, cancel, servers, store_failed })
    }

    /// Waits until a network's side cannot go on; tells why.
    pub async fn failed(&self) -> Failure {
        let mut store_failed = self.store_failed.clone();
        let exit = tokio::select! {
            exit = self.core.failed() => exit,
            // It ends with the upkeep, which ends when the bridge does.
            Ok(why) = store_failed.wait_for(Option::is_some) => {
                let why = why.as_deref().unwrap_or_default();
                return Failure::Temporary(format!(
                    "the store takes nothing any more: {why}. Everything it had taken is there after \
                     the next start, if there is room for it"
                ));
            }
        };
        match exit {
            AdapterExit::Refused(reason) => Failure::Refused(reason),
            AdapterExit::Failed(reason) => Failure::Failed(reason),
            AdapterExit::Cancelled => Failure::Failed("the networks' sides ended".to_owned()),
        }
    }

    /// Stops in order: sources, deliveries, store. What is accepted is delivered after the next
    /// start.
    pub async fn stop(self) {
        upkeep::say_stopping();
        self.cancel.cancel();
        for server in self.servers {
            // A server that panicked has nothing left to stop.
            let _ = server.await;
        }
        match Arc::try_unwrap(self.core) {
            Ok(core) => core.stop(STOP_DEADLINE).await,
            Err(_) => tracing::warn!("somebody still asks the core; it is not stopped in order"),
        }
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store could not be closed in order");
        }
    }
}

/// Makes the bridge's own accounts, each once, and their conversations.
fn add_relays(
    parts: &mut Parts,
    connector: &MsnConnector,
    configured: &[RelayConfig],
) -> Result<(), Failure> {
    let same = |one: &RelayConfig, other: &RelayConfig| {
        one.account.eq_ignore_ascii_case(&other.account) && one.server == other.server
    };
    for (number, relay) in configured.iter().enumerate() {
        let wrong = |text: &str| Failure::Config(format!("relay[{number}]: {text}"));
        // The account is made with the contacts of all its relays.
        let contacts: Vec<String> = configured
            .iter()
            .filter(|other| same(other, relay))
            .flat_map(|other| other.contacts.clone())
            .collect();
        let password = relay.password().map_err(|error| wrong(&error))?;
        let server = relay.server.as_deref();
        let own = connector.own_account(server, &relay.account, password, &contacts);
        let own = own.ok_or_else(|| wrong("no [[msn.server]] has this name"))?;
        let login = own.puppet.login().clone();
        if !parts.accounts.iter().any(|account| *account.login() == login) {
            parts.accounts.push(own.puppet);
        }
        let spoken_to = |chat: &&(ChatId, Persona)| {
            relay.contacts.iter().any(|contact| contact.eq_ignore_ascii_case(chat.1.id.as_str()))
        };
        let chats = own.chats.iter().filter(spoken_to).cloned();
        let rooms = |network: &str, ids: &[String]| {
            let network = NetworkId::new(network);
            ids.iter().map(|id| (network.clone(), RoomId::new(id.as_str()))).collect::<Vec<_>>()
        };
        parts.relays.push(Relay {
            name: relay.name.clone(),
            chats: chats.map(|(chat, peer)| (login.clone(), chat, peer)).collect(),
            rooms: [rooms("discord", &relay.discord), rooms("matrix", &relay.matrix)].concat(),
        });
    }
    Ok(())
}

/// Makes the Discord side for the channels of all relays.
#[cfg(feature = "discord")]
pub(crate) fn discord_adapter(
    discord: &bridge_discord::DiscordConfig,
    relays: &[RelayConfig],
) -> Result<Arc<bridge_discord::DiscordAdapter>, Failure> {
    let token =
        discord.token().map_err(|(key, text)| Failure::Config(format!("discord.{key}: {text}")))?;
    let channels = relays.iter().flat_map(|relay| &relay.discord);
    let channels = channels.filter_map(|channel| channel.parse().ok());
    bridge_discord::DiscordAdapter::new(token, channels)
        .map_err(|error| Failure::Failed(format!("discord: {error}")))
}

/// Where copies of the store are kept.
pub fn backups_of(data: &Path) -> PathBuf {
    data.join("backups")
}

/// Where the store is.
pub fn store_of(data: &Path) -> PathBuf {
    data.join("store")
}

async fn open_store(
    data: &Path,
    config: &StoreConfig,
) -> Result<(Arc<dyn Store>, Recovery), Failure> {
    let (place, backups, options) = (store_of(data), backups_of(data), config.options());
    let path = place.clone();
    let opened = tokio::task::spawn_blocking(move || bridge_store::open(&place, &backups, options));
    let opened = match opened.await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return Err(error.into()),
        Err(error) => {
            return Err(Failure::Failed(format!("opening {} failed: {error}", path.display())));
        }
    };
    let recovery = match opened.rescued {
        Some(rescued) => {
            let age = Timestamp::now().0.saturating_sub(rescued.facts.made.0) / 1000;
            tracing::error!(
                aside = %rescued.aside.display(),
                backup = %rescued.backup.display(),
                made_seconds_ago = age,
                "the store could not be read and was put aside; a backup stands for it",
            );
            Recovery::Rescued(format!(
                "The store could not be read and was put aside; a backup made {age} s ago stands for \
                 it. What came after it is not known any more: messages that waited then may be lost, \
                 or come again, and accounts signed in since must `login` again.",
            ))
        }
        None if opened.store.is_new() => Recovery::NewStore,
        None => Recovery::Needless,
    };
    Ok((Arc::new(opened.store), recovery))
}

/// Reads the key that seals passwords, made at the first start; back it up with the store.
fn seal_key(data: &Path) -> Result<SealKey, Failure> {
    SealKey::load_or_create(&data.join("seal.key"))
        .map_err(|error| Failure::Failed(error.to_string()))
}

fn permissions(config: &Config) -> Permissions {
    let patterns = config.permissions.iter().map(|(pattern, role)| {
        let role = match role {
            Role::None => CoreRole::None,
            Role::Relay => CoreRole::Relay,
            Role::User => CoreRole::User,
            Role::Admin => CoreRole::Admin,
        };
        (pattern.clone(), role)
    });
    Permissions::new(patterns)
}
