//! `init`: by flags, and by answers on a terminal.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

#[cfg(unix)]
use crate::terminal::Terminal;
use crate::{PROGRAM, code, run, said};

#[test]
fn a_first_configuration_is_written_by_answers_and_is_a_good_one() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let config = home.path().join("config.toml");
    let data = home.path().join("data").display().to_string();
    let init = |more: &[&str]| {
        let config = config.display().to_string();
        let fixed =
            ["init", "-c", &config, "--data-dir", &data, "--homeserver", "http://127.0.0.1:9"];
        let output =
            Command::new(PROGRAM).args([&fixed, more].concat()).stdin(Stdio::null()).output();
        output.expect("it runs")
    };
    let asked = init(&["--msn-server", "messenger.example.com"]);
    assert_eq!(code(&asked), Some(2));
    assert!(said(&asked).contains("give --domain, --admin"), "{}", said(&asked));
    let wrong =
        ["--msn-server", "http://x", "--domain", "example.test", "--admin", "@ada:example.test"];
    let wrong = init(&wrong);
    assert!(code(&wrong) == Some(3) && said(&wrong).contains("--msn-server: must be a host"));
    assert!(!config.exists(), "what cannot be used is not left there");
    let right =
        ["--msn-server", "messenger.example.com", "--domain", "example.test", "--admin", "@a\"b:c"];
    let written = init(&right);
    assert_eq!(code(&written), Some(0), "{}", said(&written));
    assert_eq!(code(&run(&["check"], Some(&config))), Some(0));
    let registration = fs::read_to_string(home.path().join("registration.yaml"));
    assert!(registration.expect("it is written").contains("@msn_.+:example\\.test"));
    assert_eq!(code(&init(&right)), Some(2), "nothing is written over");
    fs::remove_file(&config).expect("it is there");
    let kept = init(&right);
    assert!(code(&kept) == Some(2) && said(&kept).contains("registration.yaml is there already"));
}

/// A home where `init` may write, and what it says there.
fn init(home: &Path, more: &[&str]) -> Output {
    let (config, data) = (home.join("config.toml"), home.join("data"));
    let mut command = Command::new(PROGRAM);
    command.arg("init").arg("-c").arg(config).arg("--data-dir").arg(data).args(more);
    command.stdin(Stdio::null()).output().expect("it runs")
}

#[test]
fn servers_that_are_known_need_a_name_only() {
    for (preset, more, lines) in [
        ("escargot", "", ["preset = \"escargot\"", "[permissions]"]),
        ("crosstalk", "", ["preset = \"crosstalk\"", "[permissions]"]),
        ("rusty", "retro.example.com", ["preset = \"rusty\"", "address = \"retro.example.com\""]),
        ("local", "", ["preset = \"local\"", "[permissions]"]),
        (
            "custom",
            "here.example.com:1865",
            ["address = \"here.example.com:1865\"", "[permissions]"],
        ),
    ] {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut words =
            vec!["--yes", "--preset", preset, "--domain", "a.test", "--admin", "@a:a.test"];
        if !more.is_empty() {
            words.extend(["--msn-server", more]);
        }
        let written = init(home.path(), &words);
        assert_eq!(code(&written), Some(0), "{preset}: {}", said(&written));
        let text = fs::read_to_string(home.path().join("config.toml")).expect("it is there");
        assert!(lines.iter().all(|line| text.contains(line)), "{preset}: {text}");
    }
    let home = tempfile::tempdir().expect("a temporary directory");
    let missing = init(home.path(), &["--yes", "--preset", "rusty", "--admin", "ada"]);
    assert_eq!(code(&missing), Some(2));
    assert!(said(&missing).contains("give --msn-server, --domain"), "{}", said(&missing));
    let away = ["--yes", "--check", "--msn-server", "127.0.0.1:9", "--domain", "a.test"];
    let away =
        init(home.path(), &[&away[..], &["--admin", "@a:a.test", "--homeserver", "-"]].concat());
    assert_eq!(code(&away), Some(5), "{}", said(&away));
    assert!(said(&away).contains("--msn-server: 127.0.0.1:9 cannot be reached"), "{}", said(&away));
}

#[test]
fn a_relay_is_written_by_flags_and_wrong_answers_are_said_at_once() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for name in ["token", "password"] {
        fs::write(home.path().join(name), "secret\n").expect("it is written");
    }
    let path = |name: &str| home.path().join(name).display().to_string();
    let (token, password) = (path("token"), path("password"));
    let fixed = [
        "--yes",
        "--msn-server",
        "m.example.com",
        "--homeserver",
        "-",
        "--discord-token-file",
        &token,
        "--admin",
        "80351110224678912",
        "--relay",
        "lounge",
        "--relay-password-file",
        &password,
    ];
    let wrong =
        ["--relay-account", "bridge", "--relay-contacts", "b@a.test x", "--relay-discord", "7"];
    let wrong = init(home.path(), &[&fixed[..], &wrong[..]].concat());
    assert_eq!(code(&wrong), Some(3), "{}", said(&wrong));
    for part in [
        "--relay-account: must be",
        "--relay-contacts: \"x\" is no address",
        "--relay-discord: \"7\" is no",
    ] {
        assert!(said(&wrong).contains(part), "{part} in {}", said(&wrong));
    }
    let right = [
        "--relay-account",
        "bridge@a.test",
        "--relay-contacts",
        "b@a.test, c@a.test",
        "--relay-discord",
        "1144556677889900112",
    ];
    let written = init(home.path(), &[&fixed[..], &right[..]].concat());
    assert_eq!(code(&written), Some(0), "{}", said(&written));
    let shown = run(&["config"], Some(&home.path().join("config.toml")));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for line in ["contacts = [\"b@a.test\", \"c@a.test\"]", "80351110224678912 = \"admin\""] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    assert!(!home.path().join("registration.yaml").exists(), "there is no homeserver");
}

#[cfg(unix)]
#[test]
fn on_a_terminal_each_answer_is_checked_before_the_next_question() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| home.path().join(name).display().to_string();
    let config = path("config.toml");
    let mut terminal = Terminal::start(&["init", "-c", &config, "--data-dir", &path("data")]);
    terminal.expect("Which one?");
    terminal.say("msn");
    terminal.expect("must be one of the names above");
    terminal.say("custom");
    terminal.expect("Its address");
    terminal.say("");
    terminal.expect("Its address");
    terminal.say("http://messenger.example.com");
    terminal.expect("must be a host");
    terminal.say("messenger.example.com");
    terminal.expect("[http://127.0.0.1:8008]");
    terminal.say("");
    terminal.expect("the part of user ids after the colon?");
    terminal.say("@example");
    terminal.expect("must be a server's name");
    terminal.say("example.test");
    terminal.expect("Discord bot's token");
    terminal.say("");
    terminal.expect("Who may steer the bridge");
    terminal.say("ada");
    terminal.expect("must be a Matrix user id");
    terminal.say("@ada:example.test");
    terminal.expect("A relay joins");
    terminal.say("");
    terminal.expect("address = \"messenger.example.com\"");
    terminal.expect("Write this to");
    terminal.say("perhaps");
    terminal.expect("say yes or no");
    terminal.say("y");
    terminal.expect("Next:");
    assert_eq!(terminal.code(), Some(0));
    assert_eq!(code(&run(&["check"], Some(Path::new(&config)))), Some(0));

    let other = path("other/config.toml");
    fs::create_dir(home.path().join("other")).expect("it is made");
    let mut terminal = Terminal::start(&["init", "-c", &other, "--preset", "local"]);
    terminal.expect("Where shall its data live? [data]");
    // The end of the input.
    terminal.say("\u{4}");
    terminal.say("\u{4}");
    terminal.say("\u{4}");
    terminal.expect("nobody can be asked here");
    assert_eq!(terminal.code(), Some(2));
    assert!(!Path::new(&other).exists(), "nothing was written");
}
