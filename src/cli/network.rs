//! `msn-server`: the embedded MSN network on its own.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use msnp_server::{BindError, MemoryDirectory, Network, Options};
use serde_json::json;

use crate::Failure;

#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// Where the notification server listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:1863")]
    listen: SocketAddr,
    /// Where the switchboard listens; left out, the same host on a free port.
    #[arg(long)]
    switchboard: Option<SocketAddr>,
    /// Where the sign-in listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// The users' file.
    #[arg(long)]
    users: PathBuf,
    /// Print where it listens as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: ServerArgs) -> Result<(), Failure> {
    let directory = MemoryDirectory::load(&arguments.users)
        .map_err(|error| Failure::Config(error.to_string()))?;
    let free = SocketAddr::new(arguments.listen.ip(), 0);
    let options = Options {
        notification: arguments.listen,
        switchboard: arguments.switchboard.unwrap_or(free),
        http: arguments.http,
        ..Options::default()
    };
    let network = Network::bind(directory, options)
        .await
        .map_err(|error: BindError| Failure::Failed(error.to_string()))?;
    let addresses = network.addresses();
    let (ns, sb, http) = (addresses.notification, addresses.switchboard, addresses.http);
    if arguments.json {
        let nexus = network.nexus_url();
        println!(
            "{}",
            json!({ "event": "listening", "ns": ns, "sb": sb, "http": http, "nexus": nexus })
        );
    } else {
        println!("notification server {ns}, switchboard {sb}, sign-in {}", network.nexus_url());
    }
    super::stop_signal().await;
    network.shutdown().await;
    Ok(())
}
