//! `msn …`: an MSN client for the terminal.

mod circles;
mod clip;
mod contacts;
mod emoticon;
mod oim;
mod own;
mod profile;
mod show;
mod transfer;

use std::{fs, net::Ipv4Addr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use msnp::{
    ChatId, CloseReason, Config, ConnectError, Direct, Event, Events, Handle, Protocol,
    RequestError, Text,
};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use self::show::Show;
use crate::Failure;

/// How long somebody who is called may take to come.
const COMING: Duration = Duration::from_secs(30);
/// How long a capture may last.
const LONGEST_TRACE: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub(super) struct MsnCommand {
    #[command(flatten)]
    account: Account,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Args)]
struct Account {
    /// The notification server, `host` or `host:port`.
    #[arg(long, global = true, default_value = "127.0.0.1:1863")]
    server: String,
    /// The protocol: `auto`, or a number from 2 to 21. From 13 on `--services-url` is needed where the
    /// web services are not at the server's own host.
    #[arg(long, global = true, default_value = "auto")]
    protocol: String,
    /// The account's address.
    #[arg(long, global = true)]
    user: Option<String>,
    /// A file with the password on its first line.
    #[arg(long, global = true, conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read the password from the first line of standard input.
    #[arg(long, global = true)]
    password_stdin: bool,
    /// Where the web services are, such as `http://127.0.0.1:8080`: sign-in, address book, sharing.
    #[arg(long, global = true)]
    services_url: Option<String>,
    /// Where the Passport sign-in begins, if it is not among the other services.
    #[arg(long, global = true)]
    nexus_url: Option<String>,
    /// The Passport login itself; the nexus is not asked then.
    #[arg(long, global = true)]
    login_url: Option<String>,
    /// The HTTP gateway that all connections go through, such as `http://127.0.0.1:8080`.
    #[arg(long, global = true)]
    gateway_url: Option<String>,
    /// Send and take files over direct links with peers, who are told to connect to this address of the
    /// machine, at a port from 6891 to 6900. They learn the address.
    #[arg(long, global = true, value_name = "ADDRESS")]
    direct: Option<Ipv4Addr>,
    /// One JSON object a line, nothing else.
    #[arg(long, global = true)]
    json: bool,
    /// Write what the session says and hears to a new file, secrets and messages left out, and
    /// addresses and names as short hashes.
    #[arg(long, global = true, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// With --trace: addresses and names as they are.
    #[arg(long, global = true, requires = "trace")]
    trace_names: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Display pictures: fetch a contact's, or show one.
    Avatar {
        #[command(subcommand)]
        action: transfer::Avatar,
    },
    /// Talk with somebody, or with several: what you type is said, what comes is shown.
    Chat {
        /// Her address, or a circle's as `msn circles` shows it.
        to: String,
        /// Others to call into the conversation.
        with: Vec<String>,
    },
    /// List the circles, make one, or change one.
    Circles {
        #[command(subcommand)]
        action: Option<circles::Action>,
    },
    /// Voice clips and winks: show one, or fetch somebody's.
    Clip {
        #[command(subcommand)]
        action: clip::Clip,
    },
    /// List the contacts, or change the list.
    Contacts {
        #[command(subcommand)]
        action: Option<contacts::Action>,
    },
    /// List the places where the account is signed in, or sign one of them out.
    Endpoints {
        /// Sign out the place of this id.
        #[arg(long, value_name = "ID")]
        sign_out: Option<String>,
    },
    /// Custom emoticons: say something with one, or fetch somebody's.
    Emoticon {
        #[command(subcommand)]
        action: emoticon::Emoticon,
    },
    /// Send a file, or take one.
    File {
        #[command(subcommand)]
        action: transfer::File,
    },
    /// Sign in, say so, list the contacts, sign out.
    Login,
    /// Change the own name.
    Name {
        /// The name.
        name: String,
    },
    /// Call for somebody's attention.
    Nudge {
        /// Her address.
        to: String,
    },
    /// What was said while somebody was away: read it, or leave words.
    Oim {
        #[command(subcommand)]
        action: oim::Action,
    },
    /// Take a status, stay so long as asked for, sign out.
    Presence {
        /// `online`, `busy`, `idle`, `brb`, `away`, `phone`, `lunch` or `hidden`.
        #[arg(value_parser = own::status)]
        status: msnp::Status,
        /// Stay so many seconds.
        #[arg(long, default_value_t = 0)]
        seconds: u64,
    },
    /// Show what the account keeps at the server for all its places, or keep another picture there.
    Profile(profile::Options),
    /// Change the own personal message; without a text it is taken away.
    Psm {
        /// The message.
        text: Option<String>,
        /// A piece of music that is playing.
        #[arg(long, value_name = "TITLE")]
        playing: Option<String>,
        /// Who plays it.
        #[arg(long, value_name = "ARTIST", requires = "playing")]
        by: Option<String>,
    },
    /// Say something.
    Send {
        /// Whom to say it to.
        to: String,
        /// What to say.
        text: String,
    },
    /// Stay signed in and write what the session says and hears to a new file, as --trace does.
    Trace {
        /// The file.
        file: PathBuf,
        /// End after so many seconds.
        #[arg(long)]
        seconds: Option<u64>,
        /// Addresses and names as they are.
        #[arg(long)]
        names: bool,
    },
    /// Stay signed in and show what happens.
    Watch {
        /// End after so many seconds.
        #[arg(long)]
        seconds: Option<u64>,
    },
}

pub(super) async fn run(command: MsnCommand) -> Result<(), Failure> {
    let MsnCommand { mut account, action } = command;
    if let Action::Trace { file, names, .. } = &action {
        (account.trace, account.trace_names) = (Some(file.clone()), *names);
    }
    let show = Show { json: account.json };
    let connected = msnp::connect(account.config().await?).await;
    let (handle, mut events) = connected.map_err(|error| {
        let failure = connect_failure(&error);
        show.value(
            &json!({ "event": "error", "code": failure.exit_code(), "reason": error.to_string() }),
        );
        failure
    })?;
    let outcome = act(&show, &handle, &mut events, action).await;
    handle.sign_out().await;
    events.finish().await;
    outcome
}

async fn act(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    action: Action,
) -> Result<(), Failure> {
    // The sign-in's own events come first.
    let mut account = String::new();
    while let Some(event) = events.next().await {
        show.event(handle, &event);
        if let Event::Online { account: own, .. } = event {
            account = own;
            break;
        }
    }
    match action {
        Action::Avatar { action } => transfer::avatar(show, handle, events, &account, action).await,
        Action::Clip { action } => clip::clip(show, handle, events, &account, action).await,
        Action::Emoticon { action } => {
            emoticon::emoticon(show, handle, events, &account, action).await
        }
        Action::File { action } => transfer::file(show, handle, events, action).await,
        Action::Nudge { to } => told(show, &to, handle.send_nudge(&ChatId::with(&to)).await),
        Action::Login => {
            for contact in handle.roster().contacts() {
                show.contact(contact, handle);
            }
            Ok(())
        }
        Action::Endpoints { sign_out: None } => {
            own::endpoints(show, handle, events).await;
            Ok(())
        }
        Action::Endpoints { sign_out: Some(id) } => own::sign_out(handle, events, &id).await,
        Action::Name { name } => {
            own::done(handle.set_name(&name).await)?;
            profile::settle(handle).await;
            Ok(())
        }
        Action::Oim { action } => oim::run(show, handle, events, action).await,
        Action::Profile(options) => profile::run(show, handle, events, options).await,
        Action::Presence { status, seconds } => own::presence(handle, status, seconds).await,
        Action::Psm { text, playing, by } => {
            let media = playing.map(|title| own::music(title, by)).unwrap_or_default();
            let message = msnp::PersonalMessage { text: text.unwrap_or_default(), media };
            own::done(handle.set_personal_message(message).await)?;
            profile::settle(handle).await;
            Ok(())
        }
        Action::Trace { file, seconds, .. } => {
            tokio::select! {
                outcome = until_closed(events) => outcome?,
                () = end_after(seconds) => {}
            }
            show.trace(&file);
            Ok(())
        }
        Action::Circles { action } => {
            circles::run(show, handle, action.unwrap_or(circles::Action::List)).await
        }
        Action::Contacts { action } => {
            contacts::run(show, handle, action.unwrap_or(contacts::Action::List)).await
        }
        Action::Send { to, text } => send(show, handle, &ChatId::with(&to), text).await,
        Action::Watch { seconds } => {
            for contact in handle.roster().contacts().filter(|contact| contact.is_contact()) {
                show.contact(contact, handle);
            }
            tokio::select! {
                outcome = watch(show, handle, events) => outcome,
                () = end_after(seconds) => Ok(()),
            }
        }
        Action::Chat { to, with } => chat(show, handle, events, &to, &with).await,
    }
}

/// Waits so long, or until the program is asked to stop.
async fn end_after(seconds: Option<u64>) {
    let time = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        () = super::stop_signal() => {}
    }
}

async fn until_closed(events: &mut Events) -> Result<(), Failure> {
    while let Some(event) = events.next().await {
        if let Event::Closed { reason } = event {
            return Err(connect_failure(&ConnectError::Ended(reason)));
        }
    }
    Ok(())
}

async fn watch(show: &Show, handle: &Handle, events: &mut Events) -> Result<(), Failure> {
    while let Some(event) = events.next().await {
        show.event(handle, &event);
        if let Event::Closed { reason } = event {
            return Err(connect_failure(&ConnectError::Ended(reason)));
        }
    }
    Ok(())
}

/// Says what is typed, in the conversation that came of the first word.
async fn chat(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    to: &str,
    with: &[String],
) -> Result<(), Failure> {
    let mut chat = ChatId::with(to);
    for account in with {
        let called = handle.invite_to_chat(&chat, account).await;
        called.map_err(|error| Failure::Failed(format!("{account}: {error}")))?;
        let came = tokio::time::timeout(COMING, comes(show, handle, events, account)).await;
        chat = came.map_err(|_| Failure::Temporary(format!("{account} did not come")))??;
    }
    tokio::select! {
        outcome = watch(show, handle, events) => outcome,
        outcome = type_away(show, handle, &chat) => outcome,
        () = super::stop_signal() => Ok(()),
    }
}

/// Waits until somebody comes; gives the conversation, which from the second on has another name.
async fn comes(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    account: &str,
) -> Result<ChatId, Failure> {
    while let Some(event) = events.next().await {
        show.event(handle, &event);
        match event {
            Event::Joined { chat, account: came, .. } if came == account.to_lowercase() => {
                return Ok(chat);
            }
            Event::Closed { reason } => {
                return Err(connect_failure(&ConnectError::Ended(reason)));
            }
            _ => {}
        }
    }
    Err(Failure::Temporary("the session ended".to_owned()))
}

async fn type_away(show: &Show, handle: &Handle, chat: &ChatId) -> Result<(), Failure> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.trim().is_empty() {
            continue;
        }
        // Shown in a conversation that is open already; what keeps it away keeps the line away too, and is
        // said then.
        let _ = handle.send_typing(chat).await;
        if let Err(failure) = send(show, handle, chat, line).await {
            eprintln!("msn-bridge: {failure}");
        }
    }
    Ok(())
}

async fn send(show: &Show, handle: &Handle, chat: &ChatId, text: String) -> Result<(), Failure> {
    told(show, chat.as_str(), handle.send_text(chat, Text::plain(text)).await)
}

fn told(show: &Show, to: &str, sent: Result<(), RequestError>) -> Result<(), Failure> {
    let ack = match &sent {
        Ok(()) => "delivered",
        Err(RequestError::Unconfirmed) => "unknown",
        Err(_) => "failed",
    };
    show.value(&json!({ "event": "sent", "chat": to, "ack": ack }));
    sent.map_err(|error| match error {
        RequestError::Unconfirmed | RequestError::Busy => Failure::Temporary(error.to_string()),
        error => Failure::Failed(format!("{to}: {error}")),
    })
}

impl Account {
    async fn config(&self) -> Result<Config, Failure> {
        let user =
            self.user.clone().ok_or_else(|| Failure::Usage("--user is missing".to_owned()))?;
        let protocol: Protocol = self
            .protocol
            .parse()
            .map_err(|error| Failure::Usage(format!("--protocol: {error}")))?;
        let mut config = Config::new(self.server.as_str(), user, self.password().await?.into());
        config.protocol = protocol;
        config.services_url.clone_from(&self.services_url);
        config.nexus_url.clone_from(&self.nexus_url);
        config.login_url.clone_from(&self.login_url);
        config.gateway_url.clone_from(&self.gateway_url);
        config.direct = self.direct.map(|address| Direct {
            announce: vec![address],
            // Who is at home in a private network may have peers there.
            nearby: address.is_private() || address.is_loopback(),
            ..Direct::default()
        });
        if let Some(file) = &self.trace {
            let started = config.trace.start(file, LONGEST_TRACE, self.trace_names);
            started.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
        }
        Ok(config)
    }

    async fn password(&self) -> Result<String, Failure> {
        let text = match &self.password_file {
            Some(path) => fs::read_to_string(path)
                .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?,
            None if self.password_stdin => {
                // Byte by byte: what follows the line is for the chat.
                let mut line = Vec::new();
                let mut stdin = tokio::io::stdin();
                while let Ok(byte) = tokio::io::AsyncReadExt::read_u8(&mut stdin).await {
                    if byte == b'\n' {
                        break;
                    }
                    line.push(byte);
                }
                String::from_utf8_lossy(&line).into_owned()
            }
            None => {
                let text = "the password: give --password-file FILE or --password-stdin";
                return Err(Failure::Usage(text.to_owned()));
            }
        };
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}

fn connect_failure(error: &ConnectError) -> Failure {
    let text = error.to_string();
    match error {
        ConnectError::Ended(CloseReason::AuthRejected | CloseReason::TermsOfUse) => {
            Failure::Refused(text)
        }
        ConnectError::Ended(
            CloseReason::Unreachable(_) | CloseReason::LoginService(_) | CloseReason::Lists(_),
        ) => Failure::Unreachable(text),
        ConnectError::Ended(
            CloseReason::ComeBackLater { .. }
            | CloseReason::LinkLost(_)
            | CloseReason::Moved
            | CloseReason::ServerDown
            | CloseReason::Timeout(_),
        ) => Failure::Temporary(text),
        _ => Failure::Failed(text),
    }
}
