//! The demonstration with a real homeserver: Synapse, the bridge, an MSN network with scripted
//! contacts, and a person who signs in, hears from a contact and answers.
//!
//! `matrix-demo [--seconds N]`: with N it ends by itself, and its exit code says whether messages
//! crossed both ways; without, it ends on Ctrl-C, and any Matrix client can join in meanwhile.

#![recursion_limit = "256"]

use std::{
    collections::HashSet,
    fs,
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use testkit::{MatrixUser, Port, Program, RoomId, Seen, Synapse, answers_well, install_tls, tail};

const USERS: &str = r#"
[[user]]
address = "you@example.com"
password = "demo"
name = "You"
contacts = ["echo@example.com", "greeter@example.com"]

[[user]]
address = "echo@example.com"
password = "-"
name = "Echo"
status_message = "says back what you say"
contacts = ["you@example.com"]
script = "echo"

[[user]]
address = "greeter@example.com"
password = "-"
name = "Greeter"
status_message = "glad to see you"
contacts = ["you@example.com"]
script = "greeter"
"#;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    install_tls();
    let seconds = std::env::args().skip_while(|word| word != "--seconds").nth(1);
    let Ok(seconds) = seconds.map(|text| text.parse()).transpose() else {
        eprintln!("usage: matrix-demo [--seconds N]");
        return ExitCode::from(2);
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("matrix-demo: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(seconds)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("matrix-demo: messages did not cross both ways");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("matrix-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Begins a step's line on the screen.
fn step(began: Instant, text: &str) {
    println!("[{:>5.1} s] {text}", began.elapsed().as_secs_f32());
}

async fn run(seconds: Option<u64>) -> Result<bool, Failure> {
    let began = Instant::now();
    let home = tempfile::tempdir()?;
    let bridge = std::env::current_exe()?.with_file_name("msn-bridge");
    step(began, "starting an MSN network with the contacts Echo and Greeter");
    let users = home.path().join("users.toml");
    fs::write(&users, USERS)?;
    let users = users.display().to_string();
    let arguments = [
        "msn-server",
        "--listen",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--users",
        &users,
        "--json",
    ];
    let (_network, line) = Program::start_listening(&bridge, &arguments)?;
    let listening: serde_json::Value = serde_json::from_str(&line)?;

    step(began, "starting Synapse (the first time it is installed under target/, some 30 s)");
    let (config, registration) =
        (home.path().join("config.toml"), home.path().join("registration.yaml"));
    let port = Port::reserve();
    let listen = format!("127.0.0.1:{}", port.number());
    write_config(&config, &listening, &listen, "http://127.0.0.1:9")?;
    let printed = Command::new(&bridge).args(["registration", "-c"]).arg(&config).output()?;
    fs::write(&registration, printed.stdout)?;
    let synapse = Synapse::start(&[registration]).await?;
    write_config(&config, &listening, &listen, &synapse.url())?;
    synapse.register_user("you", "demo").await?;

    step(began, "starting the bridge");
    let log = home.path().join("bridge.log");
    let running = start_bridge(&bridge, &config, &listen, &log).await?;

    step(began, "signing in: you on Matrix, then through the bot on MSN");
    let you = MatrixUser::sign_in(&synapse.url(), "you", "demo").await?;
    println!();
    println!("    Any Matrix client can join in:");
    println!("      homeserver  {}", synapse.url());
    println!("      user        you      password  demo");
    println!();
    let outcome = converse(&you, &synapse, began, seconds).await;
    drop(you);
    let clean = running.stop().await;
    if !clean {
        eprintln!("{}", tail(&log));
    }
    Ok(outcome? && clean)
}

fn write_config(
    path: &Path,
    listening: &serde_json::Value,
    listen: &str,
    homeserver: &str,
) -> Result<(), Failure> {
    let text = format!(
        "[bridge]\ndata_dir = {:?}\n\
         [[msn.server]]\nname = \"demo\"\naddress = {}\nnexus_url = {}\n\
         [matrix]\nhomeserver = \"{homeserver}\"\ndomain = \"example.test\"\nlisten = \"{listen}\"\n\
         [permissions]\n\"*:example.test\" = \"admin\"\n",
        path.with_file_name("data"),
        listening.get("ns").ok_or("no address")?,
        listening.get("nexus").ok_or("no nexus")?,
    );
    Ok(fs::write(path, text)?)
}

async fn start_bridge(
    program: &Path,
    config: &Path,
    listen: &str,
    log: &Path,
) -> Result<Program, Failure> {
    let config = config.display().to_string();
    let mut running = Program::start(program, &["run", "-c", &config], log)?;
    let ready = format!("http://{listen}/_matrix/mau/ready");
    let end = Instant::now() + Duration::from_secs(30);
    while !answers_well(&ready).await {
        if !running.is_running()? || Instant::now() > end {
            return Err(format!("the bridge is not ready:\n{}", tail(log)).into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(running)
}

/// Signs in, answers the first contact who speaks, and shows everything.
async fn converse(
    you: &MatrixUser,
    synapse: &Synapse,
    began: Instant,
    seconds: Option<u64>,
) -> Result<bool, Failure> {
    let bot = format!("@msnbot:{}", synapse.server_name());
    let management = you.direct_chat_with(bot.as_str().try_into()?).await?;
    let mut scene = Scene { you, management, shown: 0, answered: HashSet::new(), came: 0, went: 0 };
    let end = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            _ = tokio::signal::ctrl_c() => {
                println!();
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => scene.go_on().await?,
        }
    }
    step(
        began,
        &format!("{} messages came from MSN, {} answers came back", scene.came, scene.went),
    );
    Ok(scene.came > 0 && scene.went > 0)
}

struct Scene<'a> {
    you: &'a MatrixUser,
    management: RoomId,
    shown: usize,
    answered: HashSet<String>,
    came: u32,
    went: u32,
}

impl Scene<'_> {
    async fn go_on(&mut self) -> Result<(), Failure> {
        let all = self.you.all();
        let news: Vec<Seen> = all.get(self.shown..).unwrap_or_default().to_vec();
        self.shown = all.len();
        for seen in news {
            let Seen::Message { room, sender, name, body, .. } = seen else {
                continue;
            };
            let name = name.unwrap_or_else(|| sender.to_string());
            let secret = room == self.management && body == "demo";
            let words = if secret { "(the password, removed at once)" } else { body.as_str() };
            println!("    {name:<12} {}", words.replace('\n', "\n                 "));
            if sender.as_str().starts_with("@msn_") {
                self.came += 1;
                // Both scripted contacts repeat what they hear.
                if body.contains("Nice to meet you") {
                    self.went += 1;
                }
                if self.answered.insert(room.to_string()) {
                    self.you.say(&room, "Nice to meet you from Matrix!").await?;
                }
            } else if room == self.management {
                let answer = match body.as_str() {
                    body if body.contains("Say `login`") => Some("login"),
                    body if body.contains("Which address") => Some("you@example.com"),
                    body if body.contains("the password") => Some("demo"),
                    body if body.contains("Signed in as") => Some("contacts"),
                    body if body.contains("Your contacts") => Some("chat echo@example.com"),
                    _ => None,
                };
                if let Some(answer) = answer {
                    self.you.say(&room, answer).await?;
                }
            }
        }
        Ok(())
    }
}
