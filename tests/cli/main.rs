//! The command line: exit codes that stay, and errors that name the place and the mend.

mod book;
mod init;
mod msn;
#[cfg(unix)]
mod session;
#[cfg(unix)]
mod terminal;

use std::{
    fs,
    net::TcpListener,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use testkit::{Program, wait_until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_msn-bridge");

struct Home(tempfile::TempDir);

impl Home {
    fn new(listen: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let text = format!(
            "[bridge]\ndata_dir = {:?}\n[[msn.server]]\nname = \"home\"\naddress = \"127.0.0.1:9\"\n\
             [matrix]\nhomeserver = \"http://127.0.0.1:9\"\ndomain = \"example.test\"\n\
             listen = \"{listen}\"\n[permissions]\n\"*\" = \"user\"\n",
            home.path().join("data"),
        );
        fs::write(home.path().join("config.toml"), text).expect("it is written");
        Self(home)
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("config.toml")
    }
}

fn run(arguments: &[&str], config: Option<&Path>) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    if let Some(config) = config {
        command.arg("-c").arg(config);
    }
    command.output().expect("it runs")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    assert_eq!(code(&run(&["no-such-command"], None)), Some(2));
    assert_eq!(code(&run(&["check"], Some(Path::new("/nowhere/config.toml")))), Some(3));
    assert_eq!(code(&run(&["msn", "login"], None)), Some(2));
    let home = Home::new("127.0.0.1:0");
    assert_eq!(code(&run(&["check"], Some(&home.config()))), Some(0));
    assert_eq!(code(&run(&["ctl", "status"], Some(&home.config()))), Some(5));
    let password = home.0.path().join("password");
    fs::write(&password, "secret\n").expect("it is written");
    let password = password.display().to_string();
    let unreachable = run(
        &[
            "msn",
            "login",
            "--server",
            "127.0.0.1:9",
            "--user",
            "a@b.c",
            "--password-file",
            &password,
        ],
        None,
    );
    assert_eq!(code(&unreachable), Some(5), "{}", said(&unreachable));
}

#[test]
fn a_taken_port_is_named_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let home = Home::new(&address);
    let output = run(&["run"], Some(&home.config()));
    assert_eq!(code(&output), Some(3));
    assert!(
        said(&output).contains("matrix.listen") && said(&output).contains(&address),
        "{}",
        said(&output)
    );
}

#[tokio::test]
async fn a_second_bridge_on_the_same_store_is_refused_and_the_first_answers() {
    let home = Home::new("127.0.0.1:0");
    let config = home.config().display().to_string();
    let log = home.0.path().join("log");
    let first =
        Program::start(Path::new(PROGRAM), &["run", "-c", &config], &log).expect("it starts");
    let answer = wait_until(std::time::Duration::from_secs(20), "the first bridge answers", || {
        let output = run(&["ctl", "--json", "status"], Some(&home.config()));
        async move { output.status.success().then_some(output) }
    })
    .await;
    let status: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("JSON");
    assert_eq!(status.get("portals").and_then(serde_json::Value::as_u64), Some(0));
    // The same table as in a chat; words of the shell stay words.
    let ctl = |words: &[&str]| {
        let output = run(&[&["ctl"], words].concat(), Some(&home.config()));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let wrong = ctl(&["contacts", "add", "bob smith"]);
    assert!(wrong.starts_with("\"bob smith\" is no address"), "{wrong}");
    assert!(wrong.ends_with("Say it like this: `contacts add ADDRESS [GROUP]`"), "{wrong}");
    assert_eq!(ctl(&["backup", "verify"]), "There is no backup yet; `backup` makes one.");
    assert!(ctl(&["backup"]).contains("entries are in"));
    assert!(ctl(&["backup", "verify"]).contains(".backup is good:"));
    assert!(ctl(&["backup", "verify", "../store"]).starts_with("There is no such backup."));
    assert!(ctl(&["log", "level", "debug", "1s"]).contains("for 1 s, then what is configured"));
    let long = "x".repeat(20_000);
    assert!(ctl(&[&long]).starts_with("I do not read so long a line."));
    let second = run(&["run"], Some(&home.config()));
    assert_eq!(code(&second), Some(75));
    assert!(said(&second).contains("in use by another process"), "{}", said(&second));
    assert!(first.stop().await, "{}", testkit::tail(&log));
}

/// Asks a path of the bridge that is for programs.
async fn asked(listen: &str, path: &str) -> Option<(u16, String)> {
    let answer = reqwest::get(format!("http://{listen}{path}")).await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.text().await.ok()?))
}

#[tokio::test]
async fn a_running_bridge_is_watched_backed_up_and_told_to_read_its_configuration_again() {
    testkit::install_tls();
    let port = testkit::Port::reserve();
    let listen = format!("127.0.0.1:{}", port.number());
    let home = Home::new("127.0.0.1:0");
    let add = |text: &str| {
        let before = fs::read_to_string(home.config()).expect("it is there");
        fs::write(home.config(), before + text).expect("it is written");
    };
    add(&format!("[http]\nlisten = \"{listen}\"\n"));
    let config = home.config().display().to_string();
    let log = home.0.path().join("log");
    let soon = std::time::Duration::from_secs(20);
    let socket = home.0.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("the directory can be written");
    systemd.set_read_timeout(Some(soon)).expect("it can be set");
    let environment = [("NOTIFY_SOCKET", socket.display().to_string())];
    let arguments = ["run", "-c", &config];
    let bridge = Program::start_with(Path::new(PROGRAM), &arguments, &environment, &log);
    let bridge = bridge.expect("it starts");
    let hear = || {
        let mut words = [0; 512];
        let many = systemd.recv(&mut words).expect("it says something in time");
        String::from_utf8_lossy(words.get(..many).unwrap_or_default()).into_owned()
    };
    let heard = [hear(), hear()].concat();
    let well = wait_until(soon, "it is well", || asked(&listen, "/health")).await;
    assert_eq!(well, (200, "{\"store\":true}".to_owned()));
    // Its homeserver is nowhere.
    let ready = asked(&listen, "/ready").await.expect("it answers");
    let why = "matrix: it is not reached; the log says more";
    assert_eq!(ready, (503, format!("{{\"matrix\":false,\"why\":[{why:?}]}}")));
    let (_, metrics) = asked(&listen, "/metrics").await.expect("it answers");
    let waiting = "bridge_waiting_rows{leg_network=\"matrix\"} 0";
    assert!(metrics.contains(waiting) && metrics.contains("store_disk_bytes"), "{metrics}");
    // systemd hears of it: that it is there, and that it lives.
    assert!(heard.contains("READY=1") && heard.contains("WATCHDOG=1"), "{heard}");

    // A copy while it runs; one that is altered is refused.
    let copy = home.0.path().join("copy.backup").display().to_string();
    let written = run(&["backup", &copy], Some(&home.config()));
    assert_eq!(code(&written), Some(0), "{}", said(&written));
    assert_eq!(code(&run(&["verify", &copy], None)), Some(0));
    assert_eq!(
        code(&run(&["backup", &copy], Some(&home.config()))),
        Some(2),
        "it is there already"
    );
    let mut bytes = fs::read(&copy).expect("it is there");
    *bytes.last_mut().expect("it has some") ^= 1;
    let altered = home.0.path().join("altered.backup").display().to_string();
    fs::write(&altered, bytes).expect("it is written");
    let refused = run(&["verify", &altered], None);
    assert!(code(&refused) == Some(1) && said(&refused).contains("altered.backup"));
    let in_use = run(&["restore", &copy], Some(&home.config()));
    assert!(said(&in_use).contains("in use by another process"), "{}", said(&in_use));

    // Only what can change while it runs does.
    let reload = || {
        let output = run(&["ctl", "reload"], Some(&home.config()));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(reload(), "Nothing is different.");
    add("[log]\nfilter = \"warn\"\n");
    assert_eq!(reload(), "In force now: [log].");
    add("format = \"json\"\n");
    assert_eq!(reload(), "Needs a restart: [log].");
    let text = fs::read_to_string(home.config()).expect("it is there");
    fs::write(home.config(), text.replace("example.test", "example.org")).expect("it is written");
    assert_eq!(reload(), "Needs a restart: [log], [matrix].");
    fs::write(home.config(), "[matrix]\n").expect("it is written");
    let wrong = run(&["ctl", "reload"], Some(&home.config()));
    assert!(code(&wrong) == Some(3) && said(&wrong).contains("matrix.homeserver: is missing"));
    fs::write(home.config(), text).expect("it is written");
    assert!(bridge.stop().await, "{}", testkit::tail(&log));
    while !hear().contains("STOPPING=1") {}

    let restored = run(&["restore", &copy], Some(&home.config()));
    assert_eq!(code(&restored), Some(0), "{}", said(&restored));
    let out = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(out.contains("the store of before is in") && out.contains("restored"), "{out}");
    // To another engine; the store of the one is not taken for the other's.
    let compacted = run(&["compact"], Some(&home.config()));
    assert_eq!(code(&compacted), Some(0), "{}", said(&compacted));
    let moved = run(&["migrate", "--to", "redb"], Some(&home.config()));
    let out = String::from_utf8_lossy(&moved.stdout).into_owned();
    assert!(out.contains("from sled to redb") && out.contains("store.engine"), "{out}");
    let refused = run(&["run"], Some(&home.config()));
    assert_eq!(code(&refused), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("migrate --to sled"), "{}", said(&refused));
    add("[store]\nengine = \"redb\"\n");
    let again = Program::start(Path::new(PROGRAM), &["run", "-c", &config], &log);
    let again = again.expect("it starts");
    wait_until(soon, "it is well again", || asked(&listen, "/health")).await;
    assert!(again.stop().await, "{}", testkit::tail(&log));
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_reads_the_configuration_again_and_a_wrong_one_changes_nothing() {
    let home = Home::new("127.0.0.1:0");
    let log = home.0.path().join("log");
    let mut bridge = Command::new(PROGRAM)
        .args(["run", "-c"])
        .arg(home.config())
        .stderr(fs::File::create(&log).expect("it is made"))
        .spawn()
        .expect("it starts");
    let soon = std::time::Duration::from_secs(20);
    wait_until(soon, "it answers", || {
        let well = run(&["ctl", "status"], Some(&home.config())).status.success();
        async move { well.then_some(()) }
    })
    .await;
    let hang_up = || {
        let sent = Command::new("kill").args(["-HUP", &bridge.id().to_string()]).status();
        assert!(sent.expect("there is a kill").success());
    };
    for (text, said) in [
        ("[log]\nfilter = \"info,sled=warn\"\n", "In force now: [log]."),
        ("[log]\nfliter = \"info\"\n", "Did you mean `filter`?"),
    ] {
        let before = fs::read_to_string(home.config()).expect("it is there");
        fs::write(home.config(), before.clone() + text).expect("it is written");
        hang_up();
        wait_until(soon, said, || {
            let heard = fs::read_to_string(&log).is_ok_and(|log| log.contains(said));
            async move { heard.then_some(()) }
        })
        .await;
        fs::write(home.config(), before).expect("it is written");
    }
    let still = run(&["ctl", "status"], Some(&home.config()));
    assert_eq!(code(&still), Some(0), "{}", said(&still));
    assert_eq!(code(&run(&["ctl", "shutdown"], Some(&home.config()))), Some(0));
    assert!(bridge.wait().expect("it ends").success());
}

#[test]
fn a_check_for_machines_is_json_and_nothing_else() {
    let home = Home::new("127.0.0.1:29400");
    let good = run(&["check", "--json"], Some(&home.config()));
    let good: serde_json::Value = serde_json::from_slice(&good.stdout).expect("JSON");
    assert_eq!(good.get("problems"), Some(&serde_json::json!([])));
    let online = run(&["check", "--json", "--online"], Some(&home.config()));
    assert_eq!(code(&online), Some(5), "{}", said(&online));
    let online: serde_json::Value = serde_json::from_slice(&online.stdout).expect("JSON");
    for part in ["/online/0", "/online/1"] {
        let finding = online.pointer(part).expect("the network and the homeserver");
        assert_eq!(finding.get("good"), Some(&serde_json::json!(false)), "{finding}");
    }
    let wrong = run(&["check", "--json", "--set", "log.format=xml"], Some(&home.config()));
    assert_eq!(code(&wrong), Some(3));
    let wrong: serde_json::Value = serde_json::from_slice(&wrong.stdout).expect("JSON");
    let place = wrong.pointer("/problems/0/place").and_then(serde_json::Value::as_str);
    assert_eq!(place, Some("--set log.format"));
}

#[test]
fn flags_of_the_configuration_are_alike_in_every_command() {
    let home = Home::new("127.0.0.1:29400");
    let elsewhere = home.0.path().join("elsewhere").display().to_string();
    let shown = run(
        &["config", "--origins", "--data-dir", &elsewhere, "--set", "log.filter=debug"],
        Some(&home.config()),
    );
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&format!("data_dir = \"{elsewhere}\"  # --data-dir")), "{shown}");
    assert!(shown.contains("filter = \"debug\"  # --set log.filter"), "{shown}");
    let ctl = run(&["ctl", "--data-dir", &elsewhere, "status"], Some(&home.config()));
    assert!(code(&ctl) == Some(5) && said(&ctl).contains(&elsewhere), "{}", said(&ctl));
    assert!(said(&ctl).contains("msn-bridge run"), "{}", said(&ctl));
    let wrong = run(&["check", "--set", "log.filter"], Some(&home.config()));
    assert!(
        code(&wrong) == Some(2) && said(&wrong).contains("write KEY=VALUE"),
        "{}",
        said(&wrong)
    );
}

#[test]
fn completions_and_manual_pages_are_made_from_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let made = run(&["completions", shell], None);
        let text = String::from_utf8_lossy(&made.stdout).into_owned();
        assert!(text.contains("registration") && text.contains("data-dir"), "{shell}");
    }
    let home = tempfile::tempdir().expect("a temporary directory");
    let dir = home.path().display().to_string();
    assert_eq!(code(&run(&["man", &dir], None)), Some(0));
    let page = fs::read_to_string(home.path().join("msn-bridge-ctl.1")).expect("it is there");
    assert!(page.contains(".TH") && page.contains("running bridge"), "{page}");
    assert!(home.path().join("msn-bridge.1").exists());
}

#[test]
fn the_registration_is_the_same_each_time_and_its_tokens_are_private() {
    let home = Home::new("127.0.0.1:29400");
    let (first, second) = (
        run(&["registration"], Some(&home.config())),
        run(&["registration"], Some(&home.config())),
    );
    assert_eq!(first.stdout, second.stdout);
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    for part in [
        "id: msnbridge",
        "url: 'http://127.0.0.1:29400'",
        "@msn_.+:example\\.test",
        "exclusive: true",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let token = home.0.path().join("data/matrix-as-token");
        assert_eq!(token.metadata().expect("it is kept").permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn the_demonstration_delivers_both_ways() {
    let output = Command::new(PROGRAM)
        .args(["demo", "--json", "--seconds", "2"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(code(&output), Some(0), "{}", said(&output));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("only JSON is printed"))
        .collect();
    for (from, to) in [("msn", "console"), ("console", "msn")] {
        let crossed = lines.iter().any(|line| {
            let is = |key: &str, value: &str| {
                line.get(key).and_then(serde_json::Value::as_str) == Some(value)
            };
            is("event", "delivered") && is("from_network", from) && is("to_network", to)
        });
        assert!(crossed, "{from} to {to}");
    }
}

#[test]
fn wrong_users_and_ports_of_the_embedded_network_are_named() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let users = home.path().join("users.toml");
    let run_with = |text: &str, listen: &str| {
        fs::write(&users, text).expect("it is written");
        let users = users.display().to_string();
        run(&["msn-server", "--listen", listen, "--http", "127.0.0.1:0", "--users", &users], None)
    };
    let broken = run_with("[[user]]\naddress = 7\n", "127.0.0.1:0");
    assert_eq!(code(&broken), Some(3));
    assert!(said(&broken).contains("line 2"), "{}", said(&broken));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let user = "[[user]]\naddress = \"a@b.c\"\npassword = \"x\"\n";
    let refused = run_with(user, &address);
    assert_eq!(code(&refused), Some(1));
    assert!(said(&refused).contains(&address), "{}", said(&refused));
}
