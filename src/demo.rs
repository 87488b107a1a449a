//! `demo`: the whole way of a message on one machine, without account, network or configuration.
//!
//! An embedded MSN network with two scripted contacts, the bridge, and a terminal as the other
//! platform, in one process and a temporary directory. One of the contacts speaks first; what is
//! typed goes to whoever spoke last.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bridge_console::{ConsoleAdapter, Happening};
use bridge_core::{
    Core, CoreConfig, Parts, SealKey,
    command::{Permissions, Role},
};
use bridge_msn::{MsnConfig, MsnConnector, MsnServer};
use bridge_store::{DiskStore, StoreOptions};
use msnp_server::{MemoryDirectory, Network, Options, Script, User};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    sync::mpsc,
    time::{sleep, sleep_until, timeout},
};

use crate::Failure;

const ACCOUNT: &str = "you@example.com";
const PASSWORD: &str = "demo";
const ECHO: &str = "echo@example.com";
const GREETER: &str = "greeter@example.com";
/// How long each step of the tour may take.
const STEP: Duration = Duration::from_secs(20);

pub(crate) async fn run(json: bool, seconds: Option<u64>) -> Result<(), Failure> {
    let home = tempdir()?;
    let outcome = tour(&home, json, seconds).await;
    // What is left of a temporary directory is the system's to sweep.
    let _ = std::fs::remove_dir_all(&home);
    outcome
}

async fn tour(home: &std::path::Path, json: bool, seconds: Option<u64>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let began = Instant::now();
    let say = |text: String| {
        if !json {
            println!("{text}");
        }
    };
    let network =
        Network::bind(people(), Options::default()).await.map_err(|error| failed(&error))?;
    let addresses = network.addresses();
    say(format!("MSN network      {} (contacts: Echo, Greeter)", addresses.notification));
    let store = DiskStore::open(&home.join("store"), StoreOptions::default());
    let store = Arc::new(store.map_err(|error| failed(&error))?);
    let key = SealKey::load_or_create(&home.join("seal.key")).map_err(|error| failed(&error))?;
    let (console, happenings) = ConsoleAdapter::new("you");
    let config = CoreConfig {
        permissions: Permissions::new([("*".to_owned(), Role::Admin)]),
        ..CoreConfig::default()
    };
    let server = MsnServer {
        name: "demo".to_owned(),
        address: addresses.notification.to_string(),
        formerly: Vec::new(),
        preset: None,
        services_url: None,
        nexus_url: Some(network.nexus_url()),
        login_url: None,
        gateway_url: None,
        direct: None,
        protocol: "auto".to_owned(),
    };
    let connector = Arc::new(MsnConnector::new(MsnConfig { server: vec![server] }));
    let parts =
        Parts { adapters: vec![console.clone()], connectors: vec![connector], ..Parts::default() };
    let mut core =
        Core::open(store.clone(), key, config, parts).await.map_err(|error| failed(&error))?;
    core.start().await.map_err(|error| failed(&error))?;
    say(format!("bridge           running after {} ms", began.elapsed().as_millis()));
    let mut visitor =
        Visitor { console, happenings, json, said: HashMap::new(), room: None, came: 0, went: 0 };
    let outcome = visitor.tour(seconds).await;
    core.stop(Duration::from_secs(5)).await;
    let closed = bridge_core::store::Store::close(&*store).await;
    network.shutdown().await;
    outcome?;
    closed.map_err(|error| failed(&error))?;
    if visitor.came > 0 && visitor.went > 0 {
        Ok(())
    } else {
        Err(Failure::Failed("messages did not cross both ways".to_owned()))
    }
}

fn people() -> MemoryDirectory {
    MemoryDirectory::new(vec![
        User::new(ACCOUNT, PASSWORD, "You", &[ECHO, GREETER]),
        User::new(ECHO, "-", "Echo", &[ACCOUNT]).with_script(Script::Echo),
        User::new(GREETER, "-", "Greeter", &[ACCOUNT]).with_script(Script::Greeter),
    ])
}

fn tempdir() -> Result<std::path::PathBuf, Failure> {
    let path = std::env::temp_dir().join(format!("msn-bridge-demo-{}", std::process::id()));
    std::fs::create_dir_all(&path)
        .map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// The person at the terminal.
struct Visitor {
    console: Arc<ConsoleAdapter>,
    happenings: mpsc::Receiver<Happening>,
    json: bool,
    /// What was said and is not delivered yet, by room, and when.
    said: HashMap<String, (String, Instant)>,
    /// Where the last message came from.
    room: Option<String>,
    came: u32,
    went: u32,
}

impl Visitor {
    async fn tour(&mut self, seconds: Option<u64>) -> Result<(), Failure> {
        let end = seconds.map(|seconds| tokio::time::Instant::now() + Duration::from_secs(seconds));
        for line in ["login", ACCOUNT, PASSWORD] {
            let shown = if line == PASSWORD { "••••" } else { line };
            if !self.json {
                println!("you to bridge    {shown}");
            }
            self.command(line).await?;
            self.until(|happening| matches!(happening, Happening::Answer { .. })).await?;
        }
        // The greeter speaks first.
        self.until(|happening| matches!(happening, Happening::Message { .. })).await?;
        self.say("Hello from the other side!").await?;
        self.until(|happening| matches!(happening, Happening::Message { .. })).await?;
        if !self.json {
            println!("(type to answer; /chat ADDRESS, /contacts, /status, /help; Ctrl-C ends)");
        }
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut open = true;
        loop {
            let over = async {
                match end {
                    Some(end) => sleep_until(end).await,
                    None if open => std::future::pending().await,
                    // Nobody types any more: what is under way may still arrive.
                    None => sleep(Duration::from_secs(2)).await,
                }
            };
            tokio::select! {
                happening = self.happenings.recv() => match happening {
                    Some(happening) => self.show(&happening),
                    None => return Ok(()),
                },
                line = lines.next_line(), if open => match line {
                    Ok(Some(line)) => match line.strip_prefix('/') {
                        Some(command) => self.command(command).await?,
                        None if line.trim().is_empty() => {}
                        None => self.say(&line).await?,
                    },
                    Ok(None) | Err(_) => open = false,
                },
                _ = tokio::signal::ctrl_c() => return Ok(()),
                () = over => return Ok(()),
            }
        }
    }

    async fn command(&self, line: &str) -> Result<(), Failure> {
        let given = self.accepted(|| self.console.command(line)).await;
        given.map_err(|error| Failure::Failed(error.to_string()))
    }

    async fn say(&mut self, text: &str) -> Result<(), Failure> {
        let Some(room) = self.room.clone() else {
            return Ok(());
        };
        if !self.json {
            println!("you              {text}");
        }
        self.said.insert(room.clone(), (text.to_owned(), Instant::now()));
        let said = self.console.say(&room, text).await;
        said.map_err(|error| Failure::Failed(error.to_string()))
    }

    /// Hands something in; right after the start the adapter may not run yet.
    async fn accepted<F, T>(&self, mut attempt: F) -> Result<(), bridge_core::AcceptError>
    where
        F: FnMut() -> T,
        T: Future<Output = Result<(), bridge_core::AcceptError>>,
    {
        for _ in 0..50 {
            match attempt().await {
                Err(bridge_core::AcceptError::Closed) => sleep(Duration::from_millis(20)).await,
                outcome => return outcome,
            }
        }
        attempt().await
    }

    async fn until(&mut self, wanted: impl Fn(&Happening) -> bool) -> Result<(), Failure> {
        let found = async {
            loop {
                let Some(happening) = self.happenings.recv().await else {
                    return false;
                };
                self.show(&happening);
                if wanted(&happening) {
                    return true;
                }
            }
        };
        match timeout(STEP, found).await {
            Ok(true) => Ok(()),
            _ => Err(Failure::Failed("the demonstration got stuck".to_owned())),
        }
    }

    fn show(&mut self, happening: &Happening) {
        match happening {
            Happening::Message { room, from, text } => {
                self.came += 1;
                self.room = Some(room.clone());
                self.delivered("msn", "console", text, None);
                if !self.json {
                    println!("{from:<16} {text}");
                }
            }
            Happening::Fate { room, text } => {
                if let (true, Some((said, at))) =
                    (text.starts_with("delivered"), self.said.remove(room))
                {
                    self.went += 1;
                    self.delivered("console", "msn", &said, Some(at));
                }
                if !self.json {
                    println!("                 ({text})");
                }
            }
            Happening::Answer { text } if !self.json => println!("bridge           {text}"),
            Happening::Room { name, .. } if !self.json => {
                println!("                 (a room opens: {name})")
            }
            Happening::Typing { who, on: true, .. } if !self.json => {
                println!("                 ({who} is writing…)");
            }
            happening if self.json => {
                println!("{}", serde_json::to_value(happening).unwrap_or_default());
            }
            _ => {}
        }
    }

    fn delivered(&self, from: &str, to: &str, text: &str, since: Option<Instant>) {
        if self.json {
            let millis =
                since.map(|since| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
            println!(
                "{}",
                json!({
                    "event": "delivered", "from_network": from, "to_network": to, "text": text,
                    "millis": millis,
                })
            );
        }
    }
}
