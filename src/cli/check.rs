//! `check`: everything wrong with a configuration, and, online, with what it names.

use std::time::Duration;

use msnp::{CloseReason, ConnectError};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::bridge::failure;
use crate::{
    Failure,
    config::{self, Config, ConfigError, Place, Placed, Sources},
};

/// How long a server may take to answer.
const DEADLINE: Duration = Duration::from_secs(20);
/// Nobody's account: a server that refuses it works.
const NOBODY: &str = "nobody@example.com";

/// What was found out about one part.
struct Finding {
    part: String,
    text: String,
    /// None when all is well.
    wrong: Option<Wrong>,
}

/// What kind of trouble, the worst last: what no waiting mends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Here,
    Unreachable,
    Refused,
}

/// Lists what is wrong; what was found well online is listed too. With `json`, one object and no words
/// around it.
pub(super) async fn check(sources: &Sources, online: bool, json: bool) -> Result<(), Failure> {
    let file = sources.file.display();
    let config = match config::load(sources) {
        Ok(config) => config,
        Err(error) => {
            if json {
                println!("{}", json!({ "file": file.to_string(), "problems": listed(&error) }));
            }
            return Err(failure(&error));
        }
    };
    if !json {
        println!("{file}: nothing is wrong");
    }
    let mut found = Vec::new();
    if online {
        for server in &config.msn.server {
            tell(&mut found, vec![msn(server).await], json);
        }
        #[cfg(feature = "matrix")]
        tell(&mut found, matrix(&config).await, json);
        #[cfg(feature = "discord")]
        tell(&mut found, discord(&config).await, json);
    }
    if json {
        let online: Vec<Value> = found.iter().map(Finding::json).collect();
        println!("{}", json!({ "file": file.to_string(), "problems": [], "online": online }));
    }
    let wrong: Vec<Wrong> = found.iter().filter_map(|finding| finding.wrong).collect();
    let text = match wrong.len() {
        1 => "1 problem found online".to_owned(),
        many => format!("{many} problems found online"),
    };
    match wrong.into_iter().max() {
        None => Ok(()),
        Some(Wrong::Here) => Err(Failure::Failed(text)),
        Some(Wrong::Refused) => Err(Failure::Refused(text)),
        Some(Wrong::Unreachable) => Err(Failure::Unreachable(text)),
    }
}

impl Finding {
    fn good(part: &str, text: String) -> Self {
        Self { part: part.to_owned(), text, wrong: None }
    }

    fn bad(part: &str, wrong: Wrong, text: String) -> Self {
        Self { part: part.to_owned(), text, wrong: Some(wrong) }
    }

    /// Takes what the wiring could not do.
    fn of(part: &str, failure: &Failure) -> Self {
        let wrong = match failure {
            Failure::Refused(_) => Wrong::Refused,
            Failure::Unreachable(_) => Wrong::Unreachable,
            _ => Wrong::Here,
        };
        Self::bad(part, wrong, failure.to_string())
    }

    fn json(&self) -> Value {
        json!({ "part": self.part, "good": self.wrong.is_none(), "text": self.text })
    }
}

/// Says what was found as soon as it is, for servers take their time.
fn tell(found: &mut Vec<Finding>, new: Vec<Finding>, json: bool) {
    for finding in new.iter().filter(|_| !json) {
        match finding.wrong {
            None => println!("{}: {}", finding.part, finding.text),
            Some(_) => eprintln!("{}: {}", finding.part, finding.text),
        }
    }
    found.extend(new);
}

fn listed(error: &ConfigError) -> Vec<Value> {
    let item = |Placed { place, problem }: &Placed| {
        let line = match place {
            Place::File { line, .. } => *line,
            _ => None,
        };
        json!({ "place": place.to_string(), "line": line, "key": problem.key, "text": problem.text })
    };
    match error {
        ConfigError::Invalid(found) => found.iter().map(item).collect(),
        error => vec![json!({ "text": error.to_string() })],
    }
}

/// Signs in as nobody: a refusal shows that the server and its sign-in both work.
async fn msn(server: &bridge_msn::MsnServer) -> Finding {
    let part = format!("msn.server {}", server.name);
    let password = "none".to_owned().into();
    let config = server.client(NOBODY, password);
    let place = &server.place();
    let ended = match timeout(DEADLINE, msnp::connect(config)).await {
        // It takes anybody, which is its own affair.
        Ok(Ok(_)) => {
            return Finding::good(&part, format!("{place} answers, and so does its sign-in"));
        }
        Ok(Err(ConnectError::Ended(reason))) => reason,
        Ok(Err(error)) => return Finding::bad(&part, Wrong::Here, error.to_string()),
        Err(_) => CloseReason::Timeout("sign-in"),
    };
    let (wrong, text) = match ended {
        CloseReason::AuthRejected => {
            return Finding::good(&part, format!("{place} answers, and so does its sign-in"));
        }
        CloseReason::Refused(_) => {
            return Finding::good(
                &part,
                format!("{place} answers; it knows its accounts before sign-in"),
            );
        }
        CloseReason::Unreachable(why) => (
            Wrong::Unreachable,
            format!("{place} cannot be reached: {why}. Is `address` right, and is the server up?"),
        ),
        CloseReason::NoCommonVersion => (
            Wrong::Refused,
            format!("{place} speaks no protocol from 2 to 21, or not the one `protocol` asks for"),
        ),
        CloseReason::LoginService(why) => (
            Wrong::Unreachable,
            format!(
                "{place} answers, but its sign-in does not: {why}. Set `nexus_url` or `login_url`"
            ),
        ),
        CloseReason::ServerDown => {
            (Wrong::Unreachable, format!("{place} is going down; try again later"))
        }
        reason => (
            Wrong::Unreachable,
            format!(
                "{place} answers, but not as an MSN server does: {reason}. Is `address` right?"
            ),
        ),
    };
    Finding::bad(&part, wrong, text)
}

/// Asks the homeserver who we are, and to reach us.
#[cfg(feature = "matrix")]
async fn matrix(config: &Config) -> Vec<Finding> {
    use bridge_core::AdapterExit;

    let Some(matrix) = &config.matrix else {
        return Vec::new();
    };
    let asked = async {
        let (adapter, router) = crate::app::matrix_adapter(matrix, &config.bridge.data_dir)
            .map_err(|failure| Finding::of("matrix", &failure))?;
        let said = |exit: AdapterExit| match exit {
            AdapterExit::Refused(text) => Finding::bad("matrix", Wrong::Refused, text),
            AdapterExit::Failed(text) => Finding::bad("matrix", Wrong::Unreachable, text),
            AdapterExit::Cancelled => {
                Finding::bad("matrix", Wrong::Unreachable, "it ended".to_owned())
            }
        };
        adapter.check().await.map_err(said)?;
        let knows = Finding::good("matrix", format!("{} knows the bridge", matrix.homeserver));
        let reached = crate::app::reach(matrix, &adapter, router).await;
        let reached = reached.map_err(|failure| Finding::of("matrix", &failure)).and_then(|exit| {
            exit.map_err(said)?;
            Ok(Finding::good("matrix", format!("it reaches the bridge at {}", matrix.public_url())))
        });
        Ok(vec![knows, reached.unwrap_or_else(|wrong| wrong)])
    };
    match timeout(DEADLINE, asked).await {
        Ok(Ok(found)) => found,
        Ok(Err(wrong)) => vec![wrong],
        Err(_) => {
            let text = format!("{} gives no answer in time; is it overloaded?", matrix.homeserver);
            vec![Finding::bad("matrix", Wrong::Unreachable, text)]
        }
    }
}

/// Asks Discord who the bot is, what it may, and how to invite it.
#[cfg(feature = "discord")]
async fn discord(config: &Config) -> Vec<Finding> {
    use bridge_discord::DiscordError;

    let Some(discord) = &config.discord else {
        return Vec::new();
    };
    let part = "discord";
    let adapter = match crate::app::discord_adapter(discord, &config.relay) {
        Ok(adapter) => adapter,
        Err(failure) => return vec![Finding::of(part, &failure)],
    };
    let outlook = match timeout(DEADLINE, adapter.outlook()).await {
        Ok(Ok(outlook)) => outlook,
        Ok(Err(DiscordError::Refused(text))) => {
            return vec![Finding::bad(part, Wrong::Refused, text)];
        }
        Ok(Err(error)) => return vec![Finding::bad(part, Wrong::Unreachable, error.to_string())],
        Err(_) => {
            let text = "no answer in time; is this machine's way to discord.com open?".to_owned();
            return vec![Finding::bad(part, Wrong::Unreachable, text)];
        }
    };
    let mut found = vec![
        Finding::good(part, format!("the bot is {}", outlook.name)),
        Finding::good(part, format!("invite it with {}", outlook.invitation())),
    ];
    let usable = outlook.channels.iter().filter(|channel| channel.problem.is_none());
    found
        .extend(usable.map(|channel| Finding::good(part, format!("{} can be used", channel.name))));
    let wrong = outlook.problems().into_iter();
    found.extend(wrong.map(|text| Finding::bad(part, Wrong::Here, text)));
    found
}
