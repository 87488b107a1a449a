//! `init`: asks for what a first configuration needs, and writes it.

mod answers;
mod asking;

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;

use self::{answers::Answers, asking::Asking};
use crate::{
    Failure,
    config::{self, Sources},
};

/// What a first configuration needs; what is not given is asked for on a terminal.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where to write the configuration; must not be there yet.
    #[arg(short = 'c', long = "config", default_value = "config.toml", value_name = "FILE")]
    config: PathBuf,
    /// Ask nothing: take the default of what is not given.
    #[arg(short, long)]
    yes: bool,
    /// Try each server as it is named, and take none that does not answer.
    #[arg(long)]
    check: bool,
    /// Where the store, the keys and the control socket shall live.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The kind of MSN server.
    #[arg(long, value_name = "NAME", value_parser = preset_names())]
    preset: Option<String>,
    /// The MSN server, `host` or `host:port`.
    #[arg(long, value_name = "HOST")]
    msn_server: Option<String>,
    /// Where the Passport sign-in of that server begins, where it is not the usual place.
    #[arg(long, value_name = "URL")]
    nexus_url: Option<String>,
    /// Where the bridge reaches the homeserver; empty for none.
    #[arg(long, value_name = "URL")]
    homeserver: Option<String>,
    /// The homeserver's name, the part of user ids after the colon.
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// A file with the Discord bot's token; empty for none.
    #[arg(long, value_name = "FILE")]
    discord_token_file: Option<String>,
    /// Who may steer the bridge: a Matrix user id, or a Discord user's number.
    #[arg(long, value_name = "USER")]
    admin: Option<String>,
    /// A relay's name: an MSN account of the bridge's own in a room or channel; empty for none.
    #[arg(long, value_name = "NAME")]
    relay: Option<String>,
    /// The MSN address of the relay's account.
    #[arg(long, value_name = "ADDRESS")]
    relay_account: Option<String>,
    /// A file with that account's password.
    #[arg(long, value_name = "FILE")]
    relay_password_file: Option<String>,
    /// The MSN contacts of the relay, separated by spaces.
    #[arg(long, value_name = "ADDRESSES")]
    relay_contacts: Option<String>,
    /// The Discord channels of the relay by number, separated by spaces.
    #[arg(long, value_name = "NUMBERS")]
    relay_discord: Option<String>,
    /// The Matrix rooms of the relay by id, separated by spaces.
    #[arg(long, value_name = "ROOMS")]
    relay_matrix: Option<String>,
}

pub(super) async fn init(arguments: InitArgs) -> Result<(), Failure> {
    let file = arguments.config.clone();
    let registration = file.with_file_name("registration.yaml");
    for path in [&file, &registration] {
        // A link that leads nowhere is there too.
        if path.symlink_metadata().is_ok() {
            return Err(Failure::Usage(format!(
                "{} is there already; move it away, or name another place with -c",
                path.display()
            )));
        }
    }
    let terminal = io::stdin().is_terminal() && !arguments.yes;
    let mut asking = Asking::new(terminal, arguments.check);
    let answers = Answers::ask(arguments, &mut asking).await?;
    let text = answers.text();
    if terminal {
        println!("\n{text}");
        if !asking.agree(&format!("Write this to {}?", file.display()))? {
            return Err(Failure::Usage("nothing was written".to_owned()));
        }
    }
    write_new(&file, &text)?;
    // As a run here would see it.
    let sources = Sources::file(&file).with_environment();
    if let Err(error) = config::load(&sources) {
        // What cannot be used must not stand there as if it could.
        let _ = fs::remove_file(&file);
        return Err(Failure::Config(error.to_string()));
    }
    println!("{}: written", file.display());
    if answers.has_matrix() {
        write_registration(&sources, &registration)?;
    }
    println!("Next:");
    for (number, step) in answers.next_steps(&file, &registration).iter().enumerate() {
        println!("  {}. {step}", number + 1);
    }
    Ok(())
}

#[cfg(feature = "matrix")]
fn write_registration(sources: &Sources, registration: &Path) -> Result<(), Failure> {
    write_new(registration, &super::bridge::registration_text(sources)?)?;
    println!("{}: written; it holds secrets", registration.display());
    Ok(())
}

#[cfg(not(feature = "matrix"))]
fn write_registration(_: &Sources, _: &Path) -> Result<(), Failure> {
    Ok(()) // the configuration would have been refused
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// What `--preset` takes.
fn preset_names() -> clap::builder::PossibleValuesParser {
    bridge_msn::Preset::all().iter().map(|preset| preset.name).collect::<Vec<_>>().into()
}
