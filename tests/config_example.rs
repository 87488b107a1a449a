//! The configuration: its example is made from the code, and everything wrong is said at once.

use std::{collections::HashMap, fs, path::PathBuf};

use msn_bridge::config::{self, Config, ConfigError};

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

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    config::load(&file(text).path, &variables)
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
        "msn.server[0].address: is missing",
        "matrix.listen: must be a text",
        "permissions.*: must be one of: none, user, admin",
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
protocol = "13"
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

#[test]
fn a_missing_file_and_broken_toml_say_where() {
    let missing = config::load(&PathBuf::from("/nowhere/config.toml"), &HashMap::new());
    assert!(missing.expect_err("it is missing").to_string().contains("/nowhere/config.toml"));
    let broken = load("[matrix\nhomeserver = 1", &[]).expect_err("it is broken").to_string();
    assert!(broken.contains("config.toml"), "{broken}");
}

#[test]
fn secrets_are_hidden_in_the_effective_configuration_and_in_debug() {
    let text = format!("{GOOD}\n[log]\nfilter = \"info\"\n").replace(
        "domain = \"example.com\"",
        "domain = \"example.com\"\nas_token = \"sesame\"\nhs_token = \"sesame\"",
    );
    let config = load(&text, &[]).expect("it loads");
    assert!(!format!("{config:?}").contains("sesame"));
    let shown = config::effective(&file(&text).path, &HashMap::new()).expect("it shows");
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
    assert!(text.contains("MSN_BRIDGE__MATRIX__AS_TOKEN_FILE: /nowhere/token"), "{text}");
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
