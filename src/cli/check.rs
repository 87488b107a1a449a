//! `check`: everything wrong with a configuration, and, online, with what it names.

use std::{path::Path, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use super::bridge::load;
use crate::{Failure, config::Config};

/// How long a server may take to answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// Lists what is wrong; what was found well online is listed too.
pub(super) async fn check(file: &Path, online: bool) -> Result<(), Failure> {
    let config = load(file)?;
    println!("{}: nothing is wrong", file.display());
    if !online {
        return Ok(());
    }
    let mut found = Vec::new();
    for server in &config.msn.server {
        found.extend(msn(&server.name, &server.address).await.err());
    }
    #[cfg(feature = "matrix")]
    found.extend(matrix(&config).await.err());
    #[cfg(feature = "discord")]
    found.extend(discord(&config).await);
    for failure in &found {
        eprintln!("{failure}");
    }
    // The exit code is of the worst: what no waiting mends first.
    let rank = |failure: &Failure| match failure {
        Failure::Refused(_) => 2,
        Failure::Unreachable(_) => 1,
        _ => 0,
    };
    let many = found.len();
    let text = format!("{many} problem{} found online", if many == 1 { "" } else { "s" });
    Err(match found.into_iter().max_by_key(rank) {
        None => return Ok(()),
        Some(Failure::Refused(_)) => Failure::Refused(text),
        Some(Failure::Unreachable(_)) => Failure::Unreachable(text),
        Some(_) => Failure::Failed(text),
    })
}

async fn msn(name: &str, address: &str) -> Result<(), Failure> {
    let place = if address.contains(':') { address.to_owned() } else { format!("{address}:1863") };
    let why = match timeout(DEADLINE, TcpStream::connect(&place)).await {
        Ok(Ok(_)) => {
            println!("msn.server {name}: {place} answers");
            return Ok(());
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    Err(Failure::Unreachable(format!("msn.server {name}: {place} cannot be reached: {why}")))
}

#[cfg(feature = "matrix")]
async fn matrix(config: &Config) -> Result<(), Failure> {
    use bridge_core::AdapterExit;

    let Some(matrix) = &config.matrix else {
        return Ok(());
    };
    let (adapter, _) = crate::app::matrix_adapter(matrix, &config.bridge.data_dir)?;
    match timeout(DEADLINE, adapter.check()).await {
        Ok(Ok(())) => {
            println!("matrix: {} knows the bridge", matrix.homeserver);
            Ok(())
        }
        Ok(Err(AdapterExit::Refused(text))) => Err(Failure::Refused(format!("matrix: {text}"))),
        Ok(Err(exit)) => {
            let text = match exit {
                AdapterExit::Failed(text) => text,
                _ => "it ended".to_owned(),
            };
            Err(Failure::Unreachable(format!("matrix: {text}")))
        }
        Err(_) => Err(Failure::Unreachable("matrix: no answer in time".to_owned())),
    }
}

/// Asks Discord; prints who the bot is and how to invite it, and gives every problem.
#[cfg(feature = "discord")]
async fn discord(config: &Config) -> Vec<Failure> {
    use bridge_discord::DiscordError;

    let Some(discord) = &config.discord else {
        return Vec::new();
    };
    let adapter = match crate::app::discord_adapter(discord, &config.relay) {
        Ok(adapter) => adapter,
        Err(failure) => return vec![failure],
    };
    let outlook = match timeout(DEADLINE, adapter.outlook()).await {
        Ok(Ok(outlook)) => outlook,
        Ok(Err(DiscordError::Refused(text))) => {
            return vec![Failure::Refused(format!("discord: {text}"))];
        }
        Ok(Err(error)) => return vec![Failure::Unreachable(format!("discord: {error}"))],
        Err(_) => return vec![Failure::Unreachable("discord: no answer in time".to_owned())],
    };
    println!("discord: the bot is {}", outlook.name);
    println!("discord: invite it with {}", outlook.invitation());
    for channel in outlook.channels.iter().filter(|channel| channel.problem.is_none()) {
        println!("discord: {} can be used", channel.name);
    }
    outlook.problems().into_iter().map(|text| Failure::Failed(format!("discord: {text}"))).collect()
}
