//! A real Synapse on the loopback.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{environment, port::Port};

/// How long it may take to be healthy.
const START: Duration = Duration::from_secs(60);
/// The server's own name in tests.
const NAME: &str = "example.test";

/// Why there is no Synapse.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SynapseError {
    /// It ended, or was not healthy in time; the end of its log says why.
    #[error("Synapse did not start:\n{0}")]
    Died(String),
    /// The virtual environment could not be made.
    #[error("the environment for Synapse could not be made, {what}: {why}")]
    Environment {
        /// Which part.
        what: String,
        /// Why not.
        why: String,
    },
    /// A file or process could not be had.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A homeserver with a fresh database; it ends when dropped.
pub struct Synapse {
    child: Child,
    home: TempDir,
    environment: PathBuf,
    port: Port,
}

impl Synapse {
    /// Starts a homeserver that knows the application services of these registration files.
    ///
    /// # Errors
    /// [`SynapseError`] with what its log says last.
    pub async fn start(registrations: &[PathBuf]) -> Result<Self, SynapseError> {
        let environment = tokio::task::spawn_blocking(environment::prepare)
            .await
            .map_err(|error| SynapseError::Io(io::Error::other(error)))??;
        let home = tempfile::tempdir()?;
        let port = Port::reserve();
        write_files(home.path(), port.number(), registrations)?;
        let child = launch(&environment, home.path())?;
        let mut synapse = Self { child, home, environment, port };
        synapse.wait_until_healthy().await?;
        Ok(synapse)
    }

    /// Gives its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// Gives its own name, the part of user ids after the colon.
    pub fn server_name(&self) -> &'static str {
        NAME
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`SynapseError::Died`] with what the tool said.
    pub async fn register_user(&self, name: &str, password: &str) -> Result<(), SynapseError> {
        let output =
            tokio::process::Command::new(self.environment.join("bin/register_new_matrix_user"))
                .arg("-c")
                .arg(self.home.path().join("homeserver.yaml"))
                .args(["-u", name, "-p", password, "--no-admin", &self.url()])
                .output()
                .await?;
        if output.status.success() {
            return Ok(());
        }
        Err(SynapseError::Died(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    async fn wait_until_healthy(&mut self) -> Result<(), SynapseError> {
        let health = format!("{}/health", self.url());
        let end = tokio::time::Instant::now() + START;
        while tokio::time::Instant::now() < end {
            if self.child.try_wait()?.is_some() {
                break;
            }
            if reqwest::get(&health).await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
        let end: Vec<&str> = log.lines().rev().take(30).collect();
        Err(SynapseError::Died(end.into_iter().rev().collect::<Vec<_>>().join("\n")))
    }
}

impl Drop for Synapse {
    fn drop(&mut self) {
        // It may have ended by itself; its data goes with the directory.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(environment: &Path, home: &Path) -> io::Result<Child> {
    let log = File::create(home.join("log"))?;
    Command::new(environment.join("bin/python"))
        .args(["-m", "synapse.app.homeserver", "-c"])
        .arg(home.join("homeserver.yaml"))
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn write_files(home: &Path, port: u16, registrations: &[PathBuf]) -> io::Result<()> {
    let place = |name: &str| home.join(name).display().to_string();
    let services: Vec<String> =
        registrations.iter().map(|file| format!("{:?}", file.display().to_string())).collect();
    let limits = [
        "rc_message",
        "rc_registration",
        "rc_joins_per_room",
        "rc_room_creation",
        "rc_media_create",
        "rc_user_directory",
        "rc_profile",
        "rc_admin_redaction",
    ]
    .map(|name| format!("{name}: {{per_second: 10000, burst_count: 10000}}\n"))
    .concat();
    let open = "{per_second: 10000, burst_count: 10000}";
    let yaml = format!(
        "server_name: {NAME}\n\
         listeners: [{{port: {port}, bind_addresses: ['127.0.0.1'], type: http, tls: false, \
         resources: [{{names: [client]}}]}}]\n\
         database: {{name: sqlite3, args: {{database: {:?}}}}}\n\
         log_config: {:?}\n\
         media_store_path: {:?}\n\
         signing_key_path: {:?}\n\
         registration_shared_secret: test\n\
         macaroon_secret_key: test\n\
         form_secret: test\n\
         report_stats: false\n\
         trusted_key_servers: []\n\
         suppress_key_server_warning: true\n\
         federation_domain_whitelist: []\n\
         presence: {{enabled: true, sync_online_timeout: 24h, idle_timeout: 48h}}\n\
         app_service_config_files: [{}]\n\
         experimental_features: {{msc2409_to_device_messages_enabled: true, \
         msc3202_transaction_extensions: true}}\n\
         rc_login: {{address: {open}, account: {open}, failed_attempts: {open}}}\n\
         rc_joins: {{local: {open}, remote: {open}}}\n\
         rc_invites: {{per_room: {open}, per_user: {open}, per_issuer: {open}}}\n\
         rc_presence: {{per_user: {open}}}\n\
         {limits}",
        place("homeserver.db"),
        place("log.yaml"),
        place("media"),
        place("signing.key"),
        services.join(", "),
    );
    fs::write(home.join("homeserver.yaml"), yaml)?;
    // Any 32 bytes make a signing key; this one signs nothing that leaves the machine.
    fs::write(
        home.join("signing.key"),
        "ed25519 a_test 8PMvXRSqKD6iJ8Z5Kuq5FjNsYrkEgsMDz1cCsXrBYSg\n",
    )?;
    fs::write(
        home.join("log.yaml"),
        "version: 1\n\
         formatters: {plain: {format: '%(levelname)s %(name)s %(message)s'}}\n\
         handlers: {out: {class: logging.StreamHandler, formatter: plain}}\n\
         root: {level: WARNING, handlers: [out]}\n\
         disable_existing_loggers: false\n",
    )
}
