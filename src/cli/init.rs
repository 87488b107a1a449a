//! `init`: asks for what a first configuration needs, and writes it.

use std::{
    collections::HashMap,
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{Failure, config};

/// What a first configuration needs; what is not given is asked for on a terminal.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Where to write the configuration; must not be there yet.
    #[arg(short = 'c', long = "config", default_value = "config.toml")]
    config: PathBuf,
    /// Where the store, the keys and the control socket shall live.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The MSN server, `host` or `host:port`.
    #[arg(long)]
    msn_server: Option<String>,
    /// Where the Passport sign-in of that server begins, where it is not the usual place.
    #[arg(long)]
    nexus_url: Option<String>,
    /// Where the bridge reaches the homeserver; empty for none.
    #[arg(long)]
    homeserver: Option<String>,
    /// The homeserver's name, the part of user ids after the colon.
    #[arg(long)]
    domain: Option<String>,
    /// A file with the Discord bot's token; empty for none.
    #[arg(long)]
    discord_token_file: Option<String>,
    /// Who may steer the bridge: a Matrix user id, or a Discord user's number.
    #[arg(long)]
    admin: Option<String>,
}

pub(super) fn init(arguments: InitArgs) -> Result<(), Failure> {
    let file = arguments.config.as_path();
    if file.exists() {
        return Err(Failure::Usage(format!(
            "{} is there already; move it away, or name another with -c",
            file.display()
        )));
    }
    let mut asking = Asking { terminal: io::stdin().is_terminal(), missing: Vec::new() };
    let data = arguments.data_dir.map(|path| path.display().to_string());
    let data = asking.answer(data, "--data-dir", "Where shall its data live?", Some("data"));
    let server = asking.answer(
        arguments.msn_server,
        "--msn-server",
        "Which MSN server (host or host:port)?",
        None,
    );
    let homeserver = asking.answer(
        arguments.homeserver,
        "--homeserver",
        "Where is the Matrix homeserver (empty for no Matrix)?",
        Some("http://127.0.0.1:8008"),
    );
    let domain = match homeserver.is_empty() {
        true => String::new(),
        false => asking.answer(
            arguments.domain,
            "--domain",
            "What is its name, the part of user ids after the colon?",
            None,
        ),
    };
    let token = asking.answer(
        arguments.discord_token_file,
        "--discord-token-file",
        "Which file has the Discord bot's token (empty for no Discord)?",
        Some(""),
    );
    let admin = asking.answer(
        arguments.admin,
        "--admin",
        "Who may steer the bridge (@you:example.com, or a Discord user's number)?",
        None,
    );
    if !asking.missing.is_empty() {
        let missing = asking.missing.join(", ");
        return Err(Failure::Usage(format!(
            "not a terminal, so nothing can be asked: give {missing}"
        )));
    }
    let mut text = format!(
        "# Written by `msn-bridge init`. `msn-bridge config --default` prints every key with its meaning.\n\
         [bridge]\ndata_dir = {}\n\n[[msn.server]]\nname = \"home\"\naddress = {}\n",
        quoted(&data),
        quoted(&server)
    );
    if let Some(url) = &arguments.nexus_url {
        text.push_str(&format!("nexus_url = {}\n", quoted(url)));
    }
    if !homeserver.is_empty() {
        let (homeserver, domain) = (quoted(&homeserver), quoted(&domain));
        text.push_str(&format!("\n[matrix]\nhomeserver = {homeserver}\ndomain = {domain}\n"));
    }
    if !token.is_empty() {
        text.push_str(&format!("\n[discord]\ntoken_file = {}\n", quoted(&token)));
    }
    text.push_str(&format!("\n[permissions]\n{} = \"admin\"\n", quoted(&admin)));
    if !domain.is_empty() {
        text.push_str(&format!("{} = \"user\"\n", quoted(&format!("*:{domain}"))));
    }
    write_new(file, &text)?;
    if let Err(error) = config::load(file, &HashMap::new()) {
        // What cannot be used must not stand there as if it could.
        let _ = fs::remove_file(file);
        return Err(Failure::Config(error.to_string()));
    }
    println!("{}: written", file.display());
    registration(file, &homeserver)
}

/// Writes the registration beside the configuration, and says what comes next.
#[cfg(feature = "matrix")]
fn registration(file: &Path, homeserver: &str) -> Result<(), Failure> {
    if !homeserver.is_empty() {
        let place = file.with_file_name("registration.yaml");
        write_new(&place, &super::bridge::registration_text(file)?)?;
        println!(
            "{}: written; it holds secrets. Name it in Synapse's app_service_config_files and restart \
             Synapse",
            place.display()
        );
    }
    println!("next: msn-bridge check --online -c {0}, then msn-bridge run -c {0}", file.display());
    Ok(())
}

#[cfg(not(feature = "matrix"))]
fn registration(file: &Path, _: &str) -> Result<(), Failure> {
    println!("next: msn-bridge check --online -c {0}, then msn-bridge run -c {0}", file.display());
    Ok(())
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

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Asks for what was not given.
struct Asking {
    terminal: bool,
    missing: Vec<&'static str>,
}

impl Asking {
    fn answer(
        &mut self,
        given: Option<String>,
        flag: &'static str,
        question: &str,
        default: Option<&str>,
    ) -> String {
        if let Some(given) = given {
            return given;
        }
        if !self.terminal {
            match default {
                Some(default) => return default.to_owned(),
                None => self.missing.push(flag),
            }
            return String::new();
        }
        loop {
            match default {
                Some(default) if !default.is_empty() => print!("{question} [{default}] "),
                _ => print!("{question} "),
            }
            // A terminal that does not show the question shows nothing else either.
            let _ = io::stdout().flush();
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line).unwrap_or_default() == 0 {
                self.missing.push(flag);
                return String::new();
            }
            match (line.trim(), default) {
                ("", Some(default)) => return default.to_owned(),
                ("", None) => {}
                (answer, _) => return answer.to_owned(),
            }
        }
    }
}
