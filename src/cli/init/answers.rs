//! What was answered, and the configuration made of it.

use std::path::Path;

use bridge_msn::Preset;

use super::{
    InitArgs,
    asking::{Asking, NONE, Question, toml_list, words},
};
use crate::Failure;

/// Everything `init` needs to know.
pub(super) struct Answers {
    data: String,
    server: Server,
    matrix: Option<Matrix>,
    discord: Option<String>,
    admin: String,
    relay: Option<Relay>,
}

#[derive(Default)]
struct Server {
    /// A kind that says more than an address.
    preset: Option<&'static str>,
    /// What was named.
    address: String,
    nexus: Option<String>,
}

struct Matrix {
    homeserver: String,
    domain: String,
}

struct Relay {
    name: String,
    account: String,
    password_file: String,
    contacts: Vec<String>,
    discord: Vec<String>,
    matrix: Vec<String>,
}

impl Answers {
    /// Takes what is given and asks for the rest.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub(super) async fn ask(mut given: InitArgs, asking: &mut Asking) -> Result<Self, Failure> {
        let data = given.data_dir.take().map(|path| path.display().to_string());
        let question = Question::new("--data-dir", "Where shall its data live?").or("data");
        let data = asking.answer(data, question).await;
        let server = Server::ask(&mut given, asking).await;
        let matrix = Matrix::ask(&mut given, asking).await;
        let text = "Which file has the Discord bot's token (empty for no Discord)?";
        let question = Question::new("--discord-token-file", text).or("").key("discord.token_file");
        let token = asking.answer(given.discord_token_file.take(), question).await;
        let discord = (!token.is_empty()).then_some(token);
        let text = "Who may steer the bridge (@you:example.com, or a Discord user's number)?";
        let question = Question::new("--admin", text).rule(no_user);
        let admin = asking.answer(given.admin.take(), question).await;
        let relay = Relay::ask(&mut given, matrix.is_some(), discord.is_some(), asking).await;
        asking.finish()?;
        Ok(Self { data, server, matrix, discord, admin, relay })
    }

    pub(super) fn has_matrix(&self) -> bool {
        self.matrix.is_some()
    }

    /// Writes the configuration.
    pub(super) fn text(&self) -> String {
        let mut out = Text(
            "# Written by `msn-bridge init`. `msn-bridge config --default` prints every key with its \
             meaning.\n"
                .to_owned(),
        );
        out.head("[bridge]");
        out.key("data_dir", &self.data);
        out.head("[[msn.server]]");
        out.key("name", "home");
        if let Some(preset) = self.server.preset {
            out.key("preset", preset);
        }
        if !self.server.address.is_empty() {
            out.key("address", &self.server.address);
        }
        if let Some(nexus) = &self.server.nexus {
            out.key("nexus_url", nexus);
        }
        if let Some(matrix) = &self.matrix {
            out.head("[matrix]");
            out.key("homeserver", &matrix.homeserver);
            out.key("domain", &matrix.domain);
        }
        if let Some(token) = &self.discord {
            out.head("[discord]");
            out.key("token_file", token);
        }
        if let Some(relay) = &self.relay {
            out.head("[[relay]]");
            out.key("name", &relay.name);
            out.key("account", &relay.account);
            out.key("password_file", &relay.password_file);
            out.list("contacts", &relay.contacts);
            out.list("discord", &relay.discord);
            out.list("matrix", &relay.matrix);
        }
        out.head("[permissions]");
        out.key(&quoted(&self.admin), "admin");
        if let Some(matrix) = &self.matrix {
            out.key(&quoted(&format!("*:{}", matrix.domain)), "user");
        }
        out.0
    }

    /// Says what comes next, in order.
    pub(super) fn next_steps(&self, file: &Path, registration: &Path) -> Vec<String> {
        let file = file.display();
        let mut steps = Vec::new();
        if self.matrix.is_some() {
            steps.push(format!(
                "Name {} in Synapse's app_service_config_files, and restart Synapse.",
                registration.display()
            ));
        }
        steps.push(format!("msn-bridge check --online -c {file}"));
        steps.push(format!("msn-bridge run -c {file}"));
        if let Some(matrix) = &self.matrix {
            steps.push(format!(
                "In your Matrix client open a direct chat with @msnbot:{} and say: login",
                matrix.domain
            ));
        }
        steps
    }
}

impl Server {
    async fn ask(given: &mut InitArgs, asking: &mut Asking) -> Self {
        // Who names a server needs no kind of it.
        let custom = given.msn_server.as_ref().map(|_| "custom".to_owned());
        let list =
            Preset::all().iter().map(|preset| format!("  {:<10} {}\n", preset.name, preset.what));
        let text = format!("MSN servers:\n{}Which one?", list.collect::<String>());
        let question = Question::new("--preset or --msn-server", &text).rule(no_preset);
        let chosen = asking.answer(given.preset.take().or(custom), question).await;
        let preset = Preset::named(&chosen);
        let needs_host = preset.is_some_and(Preset::needs_host);
        let address = match &given.msn_server {
            None if !needs_host => String::new(),
            _ => {
                let question = Question::new("--msn-server", "Its address (host or host:port)?");
                let question = question.key("msn.server[0].address").server();
                asking.answer(given.msn_server.take(), question).await
            }
        };
        let nexus = given.nexus_url.take();
        let preset = preset.map(|preset| preset.name).filter(|name| *name != "custom");
        Self { preset, address, nexus }
    }
}

impl Matrix {
    async fn ask(given: &mut InitArgs, asking: &mut Asking) -> Option<Self> {
        let text = "Where is the Matrix homeserver (- for no Matrix)?";
        let question = Question::new("--homeserver", text);
        let question = question.or("http://127.0.0.1:8008").rule(no_homeserver).server();
        let homeserver = asking.answer(given.homeserver.take(), question).await;
        if homeserver.is_empty() || homeserver == NONE {
            return None;
        }
        let text = "What is its name, the part of user ids after the colon?";
        let question = Question::new("--domain", text).key("matrix.domain");
        let domain = asking.answer(given.domain.take(), question).await;
        Some(Self { homeserver, domain })
    }
}

impl Relay {
    async fn ask(
        given: &mut InitArgs,
        matrix: bool,
        discord: bool,
        asking: &mut Asking,
    ) -> Option<Self> {
        if !matrix && !discord {
            return None;
        }
        let text = "A relay joins a room or channel to MSN contacts. What is yours called (empty for none)?";
        let name = asking.answer(given.relay.take(), Question::new("--relay", text).or("")).await;
        if name.is_empty() {
            return None;
        }
        let question = Question::new("--relay-account", "The MSN address of its own account?");
        let question = question.key("relay[0].account");
        let account = asking.answer(given.relay_account.take(), question).await;
        let question =
            Question::new("--relay-password-file", "Which file has that account's password?");
        let question = question.key("relay[0].password_file");
        let password_file = asking.answer(given.relay_password_file.take(), question).await;
        let question = Question::new("--relay-contacts", "Which MSN contacts (addresses)?");
        let question = question.list("relay[0].contacts");
        let contacts = asking.answer(given.relay_contacts.take(), question).await;
        let (mut channels, mut rooms) = (String::new(), String::new());
        if discord {
            let text = "Which Discord channels (their numbers, empty for none)?";
            let question = Question::new("--relay-discord", text).or("").list("relay[0].discord");
            channels = asking.answer(given.relay_discord.take(), question).await;
        }
        if matrix {
            let text = "Which Matrix rooms (ids such as !room:example.com, empty for none)?";
            let question = Question::new("--relay-matrix", text).or("").list("relay[0].matrix");
            rooms = asking.answer(given.relay_matrix.take(), question).await;
        }
        let [contacts, discord, matrix] = [contacts, channels, rooms].map(|answer| words(&answer));
        Some(Self { name, account, password_file, contacts, discord, matrix })
    }
}

fn no_preset(answer: &str) -> Option<String> {
    Preset::named(answer).is_none().then(|| "must be one of the names above".to_owned())
}

fn no_homeserver(answer: &str) -> Option<String> {
    let web = answer.starts_with("http://") || answer.starts_with("https://");
    (!web)
        .then(|| "must be an address such as http://127.0.0.1:8008, or - for no Matrix".to_owned())
}

fn no_user(answer: &str) -> Option<String> {
    let matrix = answer.starts_with('@') && answer.contains(':');
    let discord =
        (17..=20).contains(&answer.len()) && answer.bytes().all(|byte| byte.is_ascii_digit());
    (!matrix && !discord).then(|| {
        "must be a Matrix user id such as @you:example.com, or a Discord user's number of 17 to 20 digits"
            .to_owned()
    })
}

/// The configuration as it is written.
struct Text(String);

impl Text {
    fn head(&mut self, text: &str) {
        self.0.extend(["\n", text, "\n"]);
    }

    fn key(&mut self, key: &str, value: &str) {
        self.0.extend([key, " = ", &quoted(value), "\n"]);
    }

    fn list(&mut self, key: &str, words: &[String]) {
        if !words.is_empty() {
            self.0.extend([key, " = ", &toml_list(words), "\n"]);
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
