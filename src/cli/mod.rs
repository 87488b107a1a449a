//! The command line: names and flags that stay.

mod bridge;
mod check;
mod config_file;
mod ctl;
mod init;
#[cfg(feature = "matrix")]
mod keys;
mod manual;
mod msn;
#[cfg(feature = "demo")]
mod network;
mod store;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};

use self::config_file::ConfigFile;
use crate::Failure;

/// Bridges MSN Messenger to Matrix and Discord.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything on this machine: an embedded MSN network, the bridge, a terminal.
    #[cfg(feature = "demo")]
    Demo {
        /// One JSON object a line, nothing else.
        #[arg(long)]
        json: bool,
        /// End after so many seconds; the exit code says whether messages crossed both ways.
        #[arg(long)]
        seconds: Option<u64>,
    },
    /// Ask for what a first configuration needs, and write it.
    Init(init::InitArgs),
    /// List everything wrong with a configuration.
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// Also ask the homeserver, Discord and the MSN servers whether they will work with the bridge.
        #[arg(long)]
        online: bool,
        /// One JSON object, nothing else.
        #[arg(long)]
        json: bool,
    },
    /// Run the bridge.
    Run(ConfigFile),
    /// Print the homeserver's registration file; it holds secrets.
    #[cfg(feature = "matrix")]
    Registration {
        #[command(flatten)]
        file: ConfigFile,
        /// Print the second one instead, which lets the bridge speak as the homeserver's own users.
        #[arg(long)]
        double_puppet: bool,
    },
    /// Put the keys of encrypted rooms aside, so that the next start makes others; the bridge must be stopped.
    #[cfg(feature = "matrix")]
    NewKeys(ConfigFile),
    /// Print the configuration in force, secrets hidden.
    Config {
        #[command(flatten)]
        file: ConfigFile,
        /// Print the example with every key and its meaning instead.
        #[arg(long)]
        default: bool,
        /// Print the book's page of all keys instead.
        #[arg(long, hide = true, conflicts_with = "default")]
        reference: bool,
        /// Say behind each value where it was set.
        #[arg(long, conflicts_with = "default")]
        origins: bool,
    },
    /// Give a command to the running bridge, such as `ctl status`.
    Ctl {
        #[command(flatten)]
        file: ConfigFile,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
        /// The command's words; none, and the bridge lists its commands.
        words: Vec<String>,
    },
    /// Write a copy of the store, of a running bridge or of one that is stopped.
    Backup {
        #[command(flatten)]
        config: ConfigFile,
        /// Where to; must not be there yet.
        file: PathBuf,
    },
    /// Put a copy in the store's place; the store of before stays beside it.
    Restore {
        #[command(flatten)]
        config: ConfigFile,
        /// The copy.
        file: PathBuf,
    },
    /// Read a copy to its end and say what is in it.
    Verify {
        /// The copy.
        file: PathBuf,
    },
    /// Move the store to another engine; the store of before stays beside it.
    Migrate {
        #[command(flatten)]
        config: ConfigFile,
        /// The engine: `sled`, or `redb` where the program was built with it.
        #[arg(long)]
        to: bridge_store::Engine,
    },
    /// Write the store anew, for the room it takes; of a running bridge, at its next start.
    Compact(ConfigFile),
    /// An MSN client for the terminal.
    Msn(msn::MsnCommand),
    /// The embedded MSN network alone, for tests and for clients.
    #[cfg(feature = "demo")]
    MsnServer(network::ServerArgs),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual's pages, one a command, into a directory.
    Man {
        /// Where to.
        dir: PathBuf,
    },
    /// Print the version.
    Version,
}

/// Runs the program and gives its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // A closed terminal cannot be told anything.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("msn-bridge: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(cli.command));
    // A terminal's reader thread may still wait for a line that never comes.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("msn-bridge: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo { json, seconds } => crate::demo::run(json, seconds).await,
        Command::Init(arguments) => init::init(arguments).await,
        Command::Check { file, online, json } => check::check(&file.sources()?, online, json).await,
        Command::Run(file) => bridge::run(file.sources()?).await,
        #[cfg(feature = "matrix")]
        Command::Registration { file, double_puppet: false } => {
            bridge::registration(&file.sources()?)
        }
        #[cfg(feature = "matrix")]
        Command::Registration { file, double_puppet: true } => {
            bridge::double_puppets(&file.sources()?)
        }
        #[cfg(feature = "matrix")]
        Command::NewKeys(file) => keys::renew(&file.sources()?).await,
        Command::Config { default: true, .. } => {
            print!("{}", crate::config::example());
            Ok(())
        }
        Command::Config { reference: true, .. } => {
            print!("{}", crate::config::reference());
            Ok(())
        }
        Command::Config { file, origins, .. } => bridge::config(&file.sources()?, origins),
        Command::Ctl { file, json, words } => ctl::ctl(&file.sources()?, json, &words).await,
        Command::Backup { config, file } => store::backup(&config.sources()?, &file).await,
        Command::Restore { config, file } => store::restore(&config.sources()?, &file).await,
        Command::Verify { file } => store::verify(&file),
        Command::Migrate { config, to } => store::migrate(&config.sources()?, to).await,
        Command::Compact(file) => store::compact(&file.sources()?).await,
        Command::Msn(command) => msn::run(command).await,
        #[cfg(feature = "demo")]
        Command::MsnServer(arguments) => network::run(arguments).await,
        Command::Completions { shell } => {
            manual::completions(&mut Cli::command(), shell);
            Ok(())
        }
        Command::Man { dir } => manual::pages(Cli::command(), &dir),
        Command::Version => {
            println!("msn-bridge {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    }
}

/// Signals to read the configuration again (SIGHUP), from when this is made: one that comes while another
/// is obeyed is not lost.
struct ReloadSignals {
    #[cfg(unix)]
    signals: Option<tokio::signal::unix::Signal>,
}

impl ReloadSignals {
    fn new() -> Self {
        Self {
            #[cfg(unix)]
            signals: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    /// Waits for the next; loses none when dropped.
    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signals) = &mut self.signals
            && signals.recv().await.is_some()
        {
            return;
        }
        // There are none, or no more.
        std::future::pending().await
    }
}

/// Waits for the first signal to stop.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signals) => drop(signals.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = terminate => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
}
