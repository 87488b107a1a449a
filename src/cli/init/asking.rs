//! Questions on a terminal, each answer checked before the next question.

use std::{
    io::{self, BufRead as _, Write as _},
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

use crate::{
    Failure,
    config::{self, ConfigError, Flag, Placed, Sources},
};

/// How long a server may take to answer when it is tried.
const DEADLINE: Duration = Duration::from_secs(5);

/// The answer that means that there is none, where an empty line means the default.
pub(super) const NONE: &str = "-";

/// One thing to know.
pub(super) struct Question<'a> {
    flag: &'static str,
    text: &'a str,
    default: Option<&'a str>,
    check: Check,
    server: bool,
}

/// What an answer must be.
enum Check {
    /// Anything.
    None,
    /// What a rule takes; it gives the problem otherwise.
    Rule(fn(&str) -> Option<String>),
    /// What the configuration takes as this key's value, written as a list when it is one.
    Key { key: &'static str, list: bool },
}

impl<'a> Question<'a> {
    /// Asks for what a flag gives.
    pub(super) fn new(flag: &'static str, text: &'a str) -> Self {
        Self { flag, text, default: None, check: Check::None, server: false }
    }

    /// Takes an empty line for this.
    pub(super) fn or(self, default: &'a str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Takes what a rule has nothing against.
    pub(super) fn rule(self, rule: fn(&str) -> Option<String>) -> Self {
        Self { check: Check::Rule(rule), ..self }
    }

    /// Takes what `check` has nothing against as this key's value.
    pub(super) fn key(self, key: &'static str) -> Self {
        Self { check: Check::Key { key, list: false }, ..self }
    }

    /// Takes words that `check` has nothing against as this key's list.
    pub(super) fn list(self, key: &'static str) -> Self {
        Self { check: Check::Key { key, list: true }, ..self }
    }

    /// It is a server, which can be tried.
    pub(super) fn server(self) -> Self {
        Self { server: true, ..self }
    }
}

/// Asks for what was not given.
pub(super) struct Asking {
    terminal: bool,
    try_servers: bool,
    missing: Vec<&'static str>,
    wrong: Vec<String>,
}

impl Asking {
    pub(super) fn new(terminal: bool, try_servers: bool) -> Self {
        Self { terminal, try_servers, missing: Vec::new(), wrong: Vec::new() }
    }

    /// Gives the answer: the given one, or what is said on the terminal, or the default.
    ///
    /// What is wrong with an answer that was given is kept for [`finish`](Self::finish), so that all is
    /// said at once; on a terminal it is said and asked again.
    pub(super) async fn answer(&mut self, given: Option<String>, question: Question<'_>) -> String {
        if let Some(given) = given.or_else(|| self.silent_default(&question)) {
            if let Some(problem) = self.problem(&question, &given).await {
                self.wrong.push(format!("{}: {problem}", question.flag));
            }
            return given;
        }
        if !self.terminal {
            self.missing.push(question.flag);
            return String::new();
        }
        loop {
            let Some(line) = said(question.text, question.default) else {
                // The end of the input: nobody answers any more.
                self.terminal = false;
                self.missing.push(question.flag);
                return String::new();
            };
            let answer = match (line.as_str(), question.default) {
                ("", Some(default)) => default.to_owned(),
                ("", None) => continue,
                _ => line,
            };
            match self.problem(&question, &answer).await {
                Some(problem) => println!("  {problem}"),
                None => return answer,
            }
        }
    }

    /// Asks a question of yes or no, where an empty line is a yes.
    ///
    /// # Errors
    /// [`Failure::Usage`] at the end of the input.
    pub(super) fn agree(&self, text: &str) -> Result<bool, Failure> {
        loop {
            let Some(line) = said(text, Some("yes")) else {
                return Err(Failure::Usage("nothing was written".to_owned()));
            };
            match line.to_lowercase().as_str() {
                "" | "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => println!("  say yes or no"),
            }
        }
    }

    /// Says everything that is missing or wrong.
    ///
    /// # Errors
    /// [`Failure::Usage`] when something is missing, else [`Failure::Config`] or
    /// [`Failure::Unreachable`].
    pub(super) fn finish(&self) -> Result<(), Failure> {
        if !self.missing.is_empty() {
            let missing = self.missing.join(", ");
            return Err(Failure::Usage(format!("nobody can be asked here: give {missing}")));
        }
        if self.wrong.is_empty() {
            return Ok(());
        }
        let text = self.wrong.join("\n");
        let unreachable = self.wrong.iter().all(|problem| problem.contains(UNREACHABLE));
        Err(if unreachable { Failure::Unreachable(text) } else { Failure::Config(text) })
    }

    fn silent_default(&self, question: &Question<'_>) -> Option<String> {
        question.default.filter(|_| !self.terminal).map(str::to_owned)
    }

    async fn problem(&self, question: &Question<'_>, answer: &str) -> Option<String> {
        if answer.is_empty() || answer == NONE {
            return None;
        }
        let problem = match question.check {
            Check::None => None,
            Check::Rule(rule) => rule(answer),
            Check::Key { key, list: false } => problem_of(key, answer.to_owned()),
            Check::Key { key, list: true } => problem_of(key, toml_list(&words(answer))),
        };
        match problem {
            None if self.try_servers && question.server => unreachable(answer).await,
            problem => problem,
        }
    }
}

/// Cuts an answer that is a list.
pub(super) fn words(answer: &str) -> Vec<String> {
    answer.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Writes a list as TOML.
pub(super) fn toml_list(words: &[String]) -> String {
    let words = words.iter().map(|word| toml::Value::String(word.clone()));
    toml::Value::Array(words.collect()).to_string()
}

/// What every answer about a server that is silent says.
const UNREACHABLE: &str = "cannot be reached";

/// Asks and gives the line without its end; none at the end of the input.
fn said(text: &str, default: Option<&str>) -> Option<String> {
    match default {
        Some(default) if !default.is_empty() => print!("{text} [{default}] "),
        _ => print!("{text} "),
    }
    // A terminal that does not show the question shows nothing else either.
    let _ = io::stdout().flush();
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line).unwrap_or_default();
    (read > 0).then(|| line.trim().to_owned())
}

/// What `check` would say about one value in an otherwise good configuration.
fn problem_of(key: &str, value: String) -> Option<String> {
    let good = [
        ("msn.server[0].name", "home"),
        ("msn.server[0].address", "messenger.example.com"),
        ("permissions.*", "user"),
        #[cfg(feature = "matrix")]
        ("matrix.homeserver", "http://127.0.0.1:8008"),
        #[cfg(feature = "matrix")]
        ("matrix.domain", "example.com"),
    ];
    let relay = [
        ("relay[0].name", "relay"),
        ("relay[0].account", "bridge@example.com"),
        ("relay[0].password_file", "relay.password"),
        ("relay[0].contacts", "[\"bob@example.com\"]"),
        #[cfg(feature = "discord")]
        ("discord.token_file", "discord.token"),
    ];
    let relay = relay.into_iter().filter(|_| key.starts_with("relay"));
    let values = good.into_iter().chain(relay).map(|(key, value)| (key, value.to_owned()));
    let flags = values.chain([(key, value)]).map(|(key, value)| Flag {
        shown: String::new(),
        key: key.to_owned(),
        value,
    });
    let sources = Sources { flags: flags.collect(), ..Sources::default() };
    let Err(ConfigError::Invalid(found)) = config::load(&sources) else {
        return None;
    };
    let of_key = |placed: &&Placed| placed.problem.key == key;
    found.iter().find(of_key).map(|placed| placed.problem.text.clone())
}

/// Tries a server, `host:port` or a web address; tells what is wrong.
async fn unreachable(server: &str) -> Option<String> {
    let (default, bare) = match server.split_once("://") {
        Some(("https", rest)) => (443, rest),
        Some((_, rest)) => (80, rest),
        None => (1863, server),
    };
    let host = bare.split('/').next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let place = if has_port { host.to_owned() } else { format!("{host}:{default}") };
    let why = match timeout(DEADLINE, TcpStream::connect(&place)).await {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    Some(format!("{place} {UNREACHABLE}: {why}"))
}
