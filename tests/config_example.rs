//! The configuration: its example is made from the code, and everything wrong is said at once.

use std::{fs, path::PathBuf};

use msn_bridge::config::{self, Config, ConfigError, Flag, Sources};

const GOOD: &str = r#"
[[msn.server]]
name = "home"
address = "127.0.0.1:1863"

[matrix]
homeserver = "http://127.0.0.1:8008"
domain = "example.com"

[permissions]
"*:example.com" = "user"
"#;

struct File {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

fn file(text: &str) -> File {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("config.toml");
    fs::write(&path, text).expect("it is written");
    File { path, _dir: dir }
}

fn sources(file: &File, variables: &[(&str, &str)]) -> Sources {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources { environment: variables.collect(), ..Sources::file(&file.path) }
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let file = file(text);
    config::load(&sources(&file, variables))
}

fn problems(text: &str) -> Vec<String> {
    match load(text, &[]) {
        Err(ConfigError::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_file_is_what_the_code_says() {
    let kept = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.toml"));
    let made = config::example();
    assert_eq!(kept.expect("it is there"), made, "run `cargo xtask config`");
}

#[test]
fn the_page_of_all_keys_is_what_the_code_says() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/src/configuration.md");
    let kept = fs::read_to_string(kept).expect("it is there");
    assert_eq!(kept, config::reference(), "run `cargo xtask config`");
}

#[test]
fn the_example_file_is_a_good_configuration() {
    load(&config::example(), &[]).expect("it loads");
}

#[test]
fn everything_wrong_is_said_at_once_with_its_key() {
    let text = r#"
[bridge]
data_dri = "x"
[[msn.server]]
name = "two words"
adress = "here"
[[msn.server]]
address = "here"
[matrix]
homeserver = "here"
domain = 7
listen = ["a"]
[permissions]
"*" = "king"
[log]
format = "xml"
"#;
    let found = problems(text).join("\n");
    for part in [
        "bridge.data_dri: no such key. Did you mean `data_dir`?",
        "msn.server[0].adress: no such key. Did you mean `address`?",
        "msn.server[1].name: is missing",
        "matrix.listen: must be a text",
        "permissions.*: must be one of: none, relay, user, admin",
        "log.format: must be one of: json, text",
    ] {
        assert!(found.contains(part), "{part:?} in:\n{found}");
    }
}

#[test]
fn what_types_cannot_see_is_said_too() {
    let found = problems(
        r#"
[[msn.server]]
name = "two words"
address = "http://here"
protocol = "22"
[matrix]
homeserver = "here"
domain = "@here"
listen = "29400"
bot_localpart = "msn_bot"
"#,
    )
    .join("\n");
    for key in [
        "msn.server[0].name",
        "msn.server[0].address",
        "msn.server[0].protocol",
        "permissions",
        "matrix.homeserver",
        "matrix.domain",
        "matrix.listen",
        "matrix.bot_localpart",
    ] {
        assert!(found.contains(&format!("{key}: ")), "{key} in:\n{found}");
    }
}

#[test]
fn a_name_belongs_to_one_server_now_and_formerly() {
    let two = |first: &str, second: &str| {
        problems(&format!(
            "[[msn.server]]\n{first}\naddress = \"here\"\n\
             [[msn.server]]\n{second}\naddress = \"there\"\n[permissions]\n\"*\" = \"user\"\n"
        ))
        .join("\n")
    };
    let (home, work) = ("name = \"home\"", "name = \"work\"");
    let was_home = "name = \"work\"\nformerly = [\"home\"]";
    assert!(two(home, home).contains("msn.server[1].name: names two servers"));
    assert!(two(was_home, home).contains("msn.server[1].name: names two servers"));
    assert!(two(home, was_home).contains("msn.server[1].formerly: holds a name of another"));
    assert!(!two(home, work).contains("msn.server"));
}

#[test]
fn an_empty_file_names_what_is_missing() {
    let found = problems("").join("\n");
    for key in ["msn.server", "matrix", "permissions"] {
        assert!(found.contains(&format!("{key}: is missing")), "{found}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let variables =
        [("MSN_BRIDGE__BRIDGE__DATA_DIR", "/elsewhere"), ("MSN_BRIDGE__MATRIX__AS_TOKEN", "12345")];
    let config = load(GOOD, &variables).expect("it loads");
    assert_eq!(config.bridge.data_dir, PathBuf::from("/elsewhere"));
}

/// What is said about a file with these bytes, its place left out.
fn said(bytes: &[u8]) -> String {
    let file = file("");
    fs::write(&file.path, bytes).expect("it is written");
    let error = config::load(&sources(&file, &[])).expect_err("it is wrong").to_string();
    error.replace(&file.path.display().to_string(), "FILE")
}

#[test]
fn a_file_that_is_no_configuration_says_what_it_is_instead() {
    let missing = config::load(&Sources::file("/nowhere/config.toml")).expect_err("it is missing");
    assert!(missing.to_string().starts_with("/nowhere/config.toml: there is no such file."));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let error = config::load(&Sources::file(directory.path())).expect_err("it is a directory");
    assert!(error.to_string().contains("it is a directory"), "{error}");
    assert!(said(b"[log]\nfilter = \"\xff\"\n").contains("FILE: line 2 is not UTF-8"));
    assert!(said(&vec![b'#'; 2 << 20]).contains("FILE: it is longer than 1 MiB"));
    #[cfg(unix)]
    {
        let endless = config::load(&Sources::file("/dev/zero")).expect_err("it has no end");
        assert!(endless.to_string().contains("longer than 1 MiB"), "{endless}");
    }
}

#[test]
fn every_place_that_is_not_toml_is_said_with_line_and_column() {
    let found = said(b"[log]\nfilter = info\n[matrix\nhomeserver = \"http://h\"\n[log]\n");
    let lines: Vec<&str> = found.lines().collect();
    for place in ["FILE:2:10: this is not TOML: ", "FILE:3:8: this is not TOML: ", "FILE:5:2: "] {
        assert!(lines.iter().any(|line| line.starts_with(place)), "{place} in:\n{found}");
    }
}

#[test]
fn a_mark_of_the_byte_order_and_windows_line_ends_are_no_mistake() {
    let text = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    load(&text, &[]).expect("it loads");
}

#[test]
fn each_problem_names_the_line_the_variable_or_the_flag() {
    let file = file(&format!("{GOOD}[log]\nformat = \"xml\"\n[[relay]]\nname = \"lounge\"\n"));
    let variables =
        [("MSN_BRIDGE__MATRIX__HOMSERVER", "x"), ("MSN_BRIDGE__MATRIX__HS_TOKEN_FILE", "/nowhere")];
    let mut sources = sources(&file, &variables);
    for (key, value) in [
        ("matrix.domain", "two words"),
        ("log.fliter", "debug"),
        ("matrix.as_token", "sesame"),
        ("matrix.", "x"),
        ("relay[9999999999]", "x"),
    ] {
        let (shown, key) = (format!("--set {key}"), key.to_owned());
        sources.flags.push(Flag { shown, key, value: value.to_owned() });
    }
    let error = config::load(&sources).expect_err("it is wrong").to_string();
    let error = error.replace(&file.path.display().to_string(), "FILE");
    for part in [
        "FILE:13: log.format: must be one of",
        // What is missing is said of the block it is missing in.
        "FILE:14: relay[0].account: is missing",
        "MSN_BRIDGE__MATRIX__HOMSERVER: matrix.homserver: no such key. Did you mean `homeserver`?",
        "MSN_BRIDGE__MATRIX__HS_TOKEN_FILE: matrix.hs_token: /nowhere: No such file",
        "--set log.fliter: log.fliter: no such key. Did you mean `filter`?",
        "--set matrix.as_token: matrix.as_token: is a secret",
        "--set matrix.: matrix.: is no key",
        "--set relay[9999999999]: relay[9999999999]: is no key",
    ] {
        assert!(error.contains(part), "{part:?} in:\n{error}");
    }
    assert!(!error.contains("sesame"), "{error}");
    sources.flags.drain(1..);
    sources.environment.clear();
    fs::write(&file.path, GOOD).expect("it is written");
    let error = config::load(&sources).expect_err("the domain is wrong").to_string();
    assert!(error.starts_with("--set matrix.domain: matrix.domain: must be"), "{error}");
}

#[test]
fn flags_win_over_the_environment_and_reach_every_key() {
    let file = file(GOOD);
    let variables = [
        ("MSN_BRIDGE__LOG__FILTER", "warn"),
        ("MSN_BRIDGE__MSN__SERVER__0__PROTOCOL", "8"),
        ("MSN_BRIDGE__PERMISSIONS", r#"{ "@ada:example.com" = "admin" }"#),
    ];
    let mut sources = sources(&file, &variables);
    for (key, value) in [
        ("log.filter", "debug"),
        ("msn.server[1].name", "other"),
        ("msn.server[1].address", "127.0.0.1:1864"),
        ("permissions.@bob:example.com", "none"),
        ("relay", "[]"),
    ] {
        let (shown, key) = (format!("--set {key}"), key.to_owned());
        sources.flags.push(Flag { shown, key, value: value.to_owned() });
    }
    let config = config::load(&sources).expect("it loads");
    assert_eq!(config.log.filter, "debug");
    let servers: Vec<_> =
        config.msn.server.iter().map(|server| (&*server.name, &*server.protocol)).collect();
    assert_eq!(servers, [("home", "8"), ("other", "auto")]);
    let who: Vec<&str> = config.permissions.keys().map(String::as_str).collect();
    assert_eq!(who, ["*:example.com", "@ada:example.com", "@bob:example.com"]);

    let shown = config::effective(&sources, true).expect("it shows");
    let shown = shown.replace(&file.path.display().to_string(), "FILE");
    for line in [
        "data_dir = \"data\"  # default",
        "[[msn.server]]  # FILE:2",
        "name = \"home\"  # FILE:3",
        "protocol = \"8\"  # MSN_BRIDGE__MSN__SERVER__0__PROTOCOL",
        "name = \"other\"  # --set msn.server[1].name",
        "filter = \"debug\"  # --set log.filter",
        "\"@ada:example.com\" = \"admin\"  # MSN_BRIDGE__PERMISSIONS",
        "\"*:example.com\" = \"user\"  # FILE:11",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} in:\n{shown}");
    }
    // What is shown is a configuration itself.
    load(&shown, &[]).expect("it loads");
}

#[test]
fn secrets_are_hidden_in_the_effective_configuration_and_in_debug() {
    let text = format!("{GOOD}\n[log]\nfilter = \"info\"\n").replace(
        "domain = \"example.com\"",
        "domain = \"example.com\"\nas_token = \"sesame\"\nhs_token = \"sesame\"",
    );
    let config = load(&text, &[]).expect("it loads");
    assert!(!format!("{config:?}").contains("sesame"));
    let shown = config::effective(&sources(&file(&text), &[]), false).expect("it shows");
    assert!(!shown.contains("sesame") && shown.contains("<hidden>"), "{shown}");
}

#[test]
fn a_variable_may_name_a_file_that_holds_the_value() {
    let held = file("a-token-of-length\n");
    let path = held.path.display().to_string();
    let config = load(GOOD, &[("MSN_BRIDGE__MATRIX__AS_TOKEN_FILE", &path)]).expect("it loads");
    let token = config.matrix.and_then(|matrix| matrix.as_token).expect("it is set");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&token), "a-token-of-length");
    let missing = load(GOOD, &[("MSN_BRIDGE__MATRIX__AS_TOKEN_FILE", "/nowhere/token")]);
    let text = missing.expect_err("there is no such file").to_string();
    assert!(
        text.contains("MSN_BRIDGE__MATRIX__AS_TOKEN_FILE: matrix.as_token: /nowhere/token"),
        "{text}"
    );
}

#[test]
fn a_relay_that_cannot_work_is_said_with_its_key() {
    let password = file("secret\n");
    let relay = |name: &str, more: &str| {
        let file = &password.path;
        format!("[[relay]]\nname = \"{name}\"\npassword_file = {file:?}\n{more}\n")
    };
    let good = "account = \"b@example.com\"\ncontacts = [\"bob@example.com\"]\n\
                matrix = [\"!room:example.com\"]";
    load(&format!("{GOOD}{}", relay("one", good)), &[]).expect("it loads");
    let wrong = "account = \"nobody\"\nserver = \"nowhere\"\ncontacts = [\"x\"]\n\
                 discord = [\"general\"]\nmatrix = [\"#alias:example.com\"]";
    let text = format!("{GOOD}{}{}{}", relay("one", good), relay("one", good), relay("two", wrong));
    let found = problems(&text).join("\n");
    for part in [
        "relay[1].name: names two relays",
        "relay[1].contacts: bob@example.com talks with this account in another relay",
        "relay[1].name: shares !room:example.com with another relay",
        "relay[2].account: must be an address",
        "relay[2].server: no [[msn.server]] has this name",
        "relay[2].contacts: \"x\" is no address",
        "relay[2].discord: needs a [discord] section",
        "relay[2].discord: \"general\" is no channel's id",
        "relay[2].matrix: \"#alias:example.com\" is no room id",
    ] {
        assert!(found.contains(part), "{part:?} in:\n{found}");
    }
    let empty = "account = \"b@example.com\"\ncontacts = []";
    let found = problems(&format!("{GOOD}{}", relay("one", empty))).join("\n");
    assert!(found.contains("relay[0].contacts: must name at least one"), "{found}");
    assert!(found.contains("relay[0].discord: is missing, and so is matrix"), "{found}");
}
