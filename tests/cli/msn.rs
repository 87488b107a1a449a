//! `msn …`: the client for the terminal, against the embedded network as a program of its own.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use testkit::{Program, wait_until};

use super::{PROGRAM, code, run, said};

const SOON: Duration = Duration::from_secs(20);

/// A network with two who know each other and one whom nobody knows.
struct Server {
    _program: Program,
    home: tempfile::TempDir,
    address: String,
    services: String,
}

impl Server {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let user = |name: &str, contacts: &str| {
            format!(
                "[[user]]\naddress = \"{name}@example.com\"\npassword = \"pass-word\"\nname = \"{name}\"\n\
                 contacts = [{contacts}]\n"
            )
        };
        let users = [
            user("ada", "\"bob@example.com\""),
            user("bob", "\"ada@example.com\""),
            user("carol", ""),
        ];
        fs::write(home.path().join("users.toml"), users.concat()).expect("it is written");
        fs::write(home.path().join("password"), "pass-word\n").expect("it is written");
        let users = home.path().join("users.toml").display().to_string();
        let free = "127.0.0.1:0";
        let arguments =
            ["msn-server", "--listen", free, "--http", free, "--json", "--users", &users];
        let started = Program::start_listening(Path::new(PROGRAM), &arguments);
        let (program, line) = started.expect("it starts");
        let listening: Value = serde_json::from_str(&line).expect("JSON");
        let text = |name: &str| {
            listening.get(name).and_then(Value::as_str).expect("an address").to_owned()
        };
        let services = format!("http://{}", text("http"));
        Self { address: text("ns"), services, home, _program: program }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    fn words<'w>(&'w self, who: &str, password: &'w str, words: &[&'w str]) -> Vec<String> {
        let user = format!("{who}@example.com");
        let all = ["msn"].iter().chain(words).copied();
        let place = ["--server", &self.address, "--services-url", &self.services, "--user"];
        all.chain(place)
            .map(str::to_owned)
            .chain([user, "--password-file".to_owned(), password.to_owned(), "--json".to_owned()])
            .collect()
    }

    /// Runs a command of somebody's; gives its exit code and the objects it printed.
    fn msn(&self, who: &str, words: &[&str]) -> (Option<i32>, Vec<Value>) {
        let password = self.path("password");
        let words = self.words(who, &password, words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = run(&words, None);
        let text = String::from_utf8_lossy(&output.stdout);
        let objects: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        (code(&output), objects.unwrap_or_else(|error| panic!("{error}: {text}{}", said(&output))))
    }

    /// Starts a command of somebody's; what it prints goes to a file.
    fn begin(&self, who: &str, words: &[&str], log: &str) -> Program {
        let password = self.path("password");
        let words = self.words(who, &password, words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Program::start(Path::new(PROGRAM), &words, Path::new(&self.path(log))).expect("it starts")
    }
}

fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Finds the contact of an address among what was printed, the last one.
fn contact<'v>(objects: &'v [Value], address: &str) -> Option<&'v Value> {
    let is =
        |object: &&Value| text(object, "event") == "contact" && text(object, "address") == address;
    objects.iter().rev().find(is)
}

fn lists(objects: &[Value], address: &str) -> Option<u64> {
    contact(objects, address)?.get("lists")?.as_u64()
}

/// Waits until a running command printed an object as wanted.
async fn printed(server: &Server, log: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let path = server.path(log);
    wait_until(SOON, what, || {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut objects = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = objects.find(&wanted);
        async move { found }
    })
    .await
}

#[test]
fn contacts_are_listed_added_grouped_renamed_blocked_and_removed() {
    for protocol in ["12", "18"] {
        let server = Server::start();
        let carol = "carol@example.com";
        let ada = |words: &[&str]| server.msn("ada", &[words, &["--protocol", protocol]].concat());
        let (ended, listed) = ada(&["contacts", "list"]);
        assert_eq!((ended, lists(&listed, "bob@example.com")), (Some(0), Some(11)), "{protocol}");
        assert!(contact(&listed, carol).is_none(), "{listed:?}");
        assert_eq!(ada(&["contacts", "group", "add", "Pals"]).0, Some(0));
        let (ended, added) = ada(&["contacts", "add", carol, "--group", "Pals", "--message", "Hi"]);
        assert_eq!(ended, Some(0), "{added:?}");
        let groups = contact(&added, carol).and_then(|carol| carol.get("groups")).cloned();
        assert_eq!(groups, Some(serde_json::json!(["Pals"])), "{protocol}");
        assert_eq!(ada(&["contacts", "rename", carol, "Caro"]).0, Some(0));
        let (_, listed) = ada(&["contacts", "list"]);
        assert_eq!(contact(&listed, carol).map(|carol| text(carol, "name")), Some("Caro"));
        let (ended, blocked) = ada(&["contacts", "block", carol]);
        assert_eq!((ended, lists(&blocked, carol)), (Some(0), Some(1 + 4)), "{protocol}");
        let (ended, freed) = ada(&["contacts", "unblock", carol]);
        assert_eq!((ended, lists(&freed, carol)), (Some(0), Some(1 + 2)), "{protocol}");
        // She was asked, and says yes.
        let hers =
            |words: &[&str]| server.msn("carol", &[words, &["--protocol", protocol]].concat());
        let (_, asking) = hers(&["contacts", "requests"]);
        let asks = contact(&asking, "ada@example.com");
        let asks = asks.unwrap_or_else(|| panic!("{protocol}: {asking:?}"));
        let words = if protocol == "18" { "Hi" } else { "" };
        assert_eq!(text(asks, "invitation"), words, "{protocol}");
        assert_eq!(hers(&["contacts", "accept", "ada@example.com"]).0, Some(0));
        assert_eq!(hers(&["contacts", "remove", "ada@example.com"]).0, Some(0));
        let (ended, gone) = ada(&["contacts", "remove", carol]);
        assert_eq!(ended, Some(0));
        assert_eq!(lists(&gone, carol).map(|lists| lists & 1), Some(0), "{protocol}");
        assert_eq!(ada(&["contacts", "group", "remove", "Pals"]).0, Some(0));
        // What cannot be is said, with the code of wrong usage.
        assert_eq!(ada(&["contacts", "add", "nobody"]).0, Some(2));
        assert_eq!(ada(&["contacts", "add", carol, "--group", "None"]).0, Some(2));
        assert_eq!(ada(&["contacts", "rename", "eve@example.com", "Eve"]).0, Some(2));
    }
    let server = Server::start();
    let wrong = server.path("users.toml");
    let words = server.words("ada", &wrong, &["contacts", "list"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(code(&run(&words, None)), Some(4));
}

#[tokio::test]
async fn what_happens_is_watched_line_by_line() {
    let server = Server::start();
    let watching = server.begin("ada", &["watch", "--protocol", "18"], "watch");
    let online = |object: &Value| text(object, "event") == "online";
    printed(&server, "watch", "she is online", online).await;
    let music = ["psm", "in the garden", "--playing", "Song", "--by", "Artist"];
    let bob = server.begin("bob", &["presence", "busy", "--seconds", "60"], "bob");
    let busy =
        |object: &Value| text(object, "event") == "presence" && text(object, "status") == "BSY";
    let seen = printed(&server, "watch", "he is busy", busy).await;
    assert_eq!((text(&seen, "address"), text(&seen, "name")), ("bob@example.com", "bob"));
    assert!(bob.stop().await);
    let gone =
        |object: &Value| text(object, "event") == "presence" && text(object, "status") == "FLN";
    printed(&server, "watch", "he is gone", gone).await;
    assert_eq!(server.msn("bob", &music).0, Some(0));
    let playing = |object: &Value| text(object, "media") == "Song - Artist";
    let seen = printed(&server, "watch", "he plays", playing).await;
    assert_eq!(text(&seen, "psm"), "in the garden");
    let invite = ["contacts", "add", "ada@example.com", "--message", "Hello?", "--protocol", "18"];
    assert_eq!(server.msn("carol", &invite).0, Some(0));
    let asked = |object: &Value| text(object, "event") == "asked";
    let asked = printed(&server, "watch", "she is asked", asked).await;
    assert_eq!(text(&asked, "address"), "carol@example.com");
    assert_eq!(text(&asked, "invitation"), "Hello?");
    // Who is told to stop signs out and ends well.
    assert!(watching.stop().await, "{}", testkit::tail(Path::new(&server.path("watch"))));
}

#[test]
fn a_trace_is_a_new_file_without_secrets() {
    let server = Server::start();
    let file = server.path("trace.txt");
    let trace = ["trace", &file, "--seconds", "0", "--protocol", "18"];
    let (ended, objects) = server.msn("ada", &trace);
    assert_eq!(ended, Some(0), "{objects:?}");
    assert_eq!(objects.last().map(|object| text(object, "file")), Some(file.as_str()));
    let text = fs::read_to_string(&file).expect("it is there");
    assert!(text.contains("USR") && text.contains("CHG"), "{text}");
    for secret in ["ticket-", "pass-word", "ada@example.com", "bob"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Never over another.
    assert_eq!(server.msn("ada", &trace).0, Some(2));
    let named = server.path("named.txt");
    assert_eq!(server.msn("ada", &["trace", &named, "--seconds", "0", "--names"]).0, Some(0));
    assert!(fs::read_to_string(named).expect("it is there").contains("ada@example.com"));
}

#[test]
fn words_for_who_is_away_are_left_listed_read_and_deleted() {
    let server = Server::start();
    let (code, left) = server.msn("bob", &["oim", "send", "ada@example.com", "first\nsecond"]);
    assert_eq!((code, left.last().map(|it| text(it, "event"))), (Some(0), Some("oim_left")));
    let (code, _) = server.msn("bob", &["oim", "send", "nobody@example.com", "hello"]);
    assert_eq!(code, Some(1));
    let messages = |objects: &[Value]| -> Vec<(String, String)> {
        let is = |object: &&Value| text(object, "event") == "oim";
        let shown = |object: &Value| (text(object, "from").into(), text(object, "text").into());
        objects.iter().filter(is).map(shown).collect()
    };
    let from = || "bob@example.com".to_owned();
    let (code, listed) = server.msn("ada", &["oim", "list"]);
    assert_eq!((code, messages(&listed)), (Some(0), vec![(from(), "first".to_owned())]));
    for (words, waits) in [
        (&["oim", "read"][..], true),
        (&["oim", "read", "--delete"], true),
        (&["oim", "read"], false),
    ] {
        let (code, read) = server.msn("ada", words);
        let wanted: Vec<_> =
            waits.then(|| (from(), "first\nsecond".to_owned())).into_iter().collect();
        assert_eq!((code, messages(&read)), (Some(0), wanted), "{words:?}");
    }
}

#[test]
fn circles_are_made_asked_into_answered_listed_and_left() {
    let server = Server::start();
    let (code, made) = server.msn("ada", &["circles", "create", "Book & Wine"]);
    let circle = made.last().expect("it is shown");
    assert_eq!(
        (code, text(circle, "event"), text(circle, "standing")),
        (Some(0), "circle", "admin")
    );
    let address = text(circle, "chat").to_owned();
    let words = ["circles", "invite", "book & wine", "bob@example.com", "--message", "come in"];
    assert_eq!(server.msn("ada", &words).0, Some(0));
    let listed = || {
        let (code, shown) = server.msn("bob", &["circles"]);
        let last = shown.into_iter().rfind(|object| text(object, "event") == "circle");
        (code, last.filter(|circle| text(circle, "chat") == address))
    };
    let (code, asked) = listed();
    let asked = asked.expect("it is listed");
    let said = (text(&asked, "standing"), text(&asked, "by"), text(&asked, "invitation"));
    assert_eq!((code, said), (Some(0), ("asked", "ada@example.com", "come in")));
    assert_eq!(server.msn("bob", &["circles", "accept", &address]).0, Some(0));
    assert_eq!(
        listed().1.map(|circle| text(&circle, "standing").to_owned()),
        Some("member".into())
    );
    // What is said at once waits until he is in it.
    let (code, sent) = server.msn("bob", &["send", &address, "hello"]);
    assert_eq!((code, sent.last().map(|it| text(it, "ack"))), (Some(0), Some("delivered")));
    assert_eq!(server.msn("bob", &["circles", "leave", "Book & Wine"]).0, Some(0));
    assert_eq!(listed(), (Some(0), None));
    assert_eq!(server.msn("bob", &["circles", "leave", "Book & Wine"]).0, Some(1));
}

#[test]
fn a_profile_is_shown_and_its_picture_kept_and_fetched() {
    let server = Server::start();
    let (picture, copy) = (server.path("ada.png"), server.path("copy.png"));
    fs::write(&picture, b"\x89PNG\r\n\x1a\nthe rest").expect("it is written");
    let (code, _) = server.msn("ada", &["psm", "gone fishing"]);
    assert_eq!(code, Some(0));
    let words = ["profile", "--picture", &picture, "--picture-to", &copy];
    let (code, shown) = server.msn("ada", &words);
    let profile = shown.iter().rfind(|object| text(object, "event") == "profile");
    assert_eq!(code, Some(0), "{shown:?}");
    let size = profile.and_then(|profile| profile.get("picture_size")).and_then(Value::as_u64);
    assert_eq!((profile.map(|it| text(it, "psm")), size), (Some("gone fishing"), Some(16)));
    assert_eq!(fs::read(&copy).expect("it is there"), fs::read(&picture).expect("it is there"));
    // A file that is there is not written over, and what is no picture is refused.
    assert_eq!(server.msn("ada", &words).0, Some(2));
    let no_picture = server.path("password");
    assert_eq!(server.msn("ada", &["profile", "--picture", &no_picture]).0, Some(1));
}

#[test]
fn all_goes_through_a_gateway_where_one_is_named() {
    let server = Server::start();
    let gateway = server.services.clone();
    // Nobody listens there: only the gateway leads to the server.
    let nowhere = "127.0.0.1:9";
    let words = ["--gateway-url", &gateway, "--protocol", "18", "login"];
    let password = server.path("password");
    let mut words = server.words("ada", &password, &words);
    let place = words.iter().position(|word| *word == server.address).expect("it is named");
    words[place] = nowhere.to_owned();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = run(&words, None);
    assert_eq!(code(&output), Some(0), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\"online\"") && text.contains("bob@example.com"), "{text}");
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_shown_and_fetched_and_a_file_is_sent_and_taken() {
    let server = Server::start();
    let image = [&b"\x89PNG\r\n\x1a\n"[..], &noise(20_000)].concat();
    fs::write(server.path("face.png"), &image).expect("it is written");
    let face = server.path("face.png");
    let _bob = server.begin("bob", &["avatar", "set", &face], "bob.log");
    let hash = printed(&server, "bob.log", "a picture is shown", |object| {
        text(object, "event") == "picture"
    });
    hash.await;
    let fetched = server.path("fetched.png");
    let (exit, objects) = server.msn("ada", &["avatar", "get", "bob@example.com", &fetched]);
    assert_eq!(exit, Some(0), "{objects:?}");
    assert_eq!(fs::read(&fetched).expect("it is there"), image);
    let (exit, _) = server.msn("ada", &["avatar", "get", "bob@example.com", &fetched]);
    assert_eq!(exit, Some(2), "what is there already is not written over");
    assert_eq!(fs::read(&fetched).expect("it is there"), image);

    let bytes = noise(3_000_000);
    fs::write(server.path("large.bin"), &bytes).expect("it is written");
    let inbox = server.path("inbox");
    fs::create_dir(&inbox).expect("it is made");
    let large = server.path("large.bin");
    let _carol = server.begin("ada", &["file", "receive", "--into", &inbox], "ada.log");
    printed(&server, "ada.log", "she is online", |object| text(object, "event") == "online").await;
    let (exit, objects) = server.msn("bob", &["file", "send", "ada@example.com", &large]);
    assert_eq!(exit, Some(0), "{objects:?}");
    assert!(objects.iter().any(|object| text(object, "event") == "progress"), "{objects:?}");
    let received = printed(&server, "ada.log", "the file is there", |object| {
        text(object, "event") == "file_received"
    });
    let path = text(&received.await, "file").to_owned();
    assert_eq!(Path::new(&path), Path::new(&inbox).join("large.bin"));
    assert_eq!(fs::read(&path).expect("it is there"), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_emoticon_is_said_and_its_picture_fetched() {
    let server = Server::start();
    let image = [&b"GIF89a"[..], &noise(3_000)].concat();
    fs::write(server.path("cat"), &image).expect("it is written");
    let (cat, inbox) = (server.path("cat"), server.path("inbox"));
    fs::create_dir(&inbox).expect("it is made");
    let _ada = server.begin("ada", &["emoticon", "receive", "--into", &inbox], "ada.log");
    printed(&server, "ada.log", "she is online", |object| text(object, "event") == "online").await;
    let say = ["emoticon", "send", "ada@example.com", "(../cat)", &cat, "--text", "my (../cat)"];
    let _bob = server.begin("bob", &say, "bob.log");
    let received = printed(&server, "ada.log", "the emoticon is there", |object| {
        text(object, "event") == "emoticon"
    });
    let received = received.await;
    assert_eq!(text(&received, "letters"), "(../cat)");
    let path = Path::new(text(&received, "file")).to_owned();
    assert_eq!(path.parent(), Some(Path::new(&inbox)), "{path:?}");
    assert_eq!(fs::read(&path).expect("it is there"), image);
    let (exit, _) = server
        .msn("bob", &["emoticon", "send", "ada@example.com", "a cat", &cat, "--seconds", "0"]);
    assert_eq!(exit, Some(2), "letters with a blank");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_clip_is_shown_and_fetched() {
    let server = Server::start();
    let sound = [&b"RIFF"[..], &noise(30_000)].concat();
    fs::write(server.path("voice"), &sound).expect("it is written");
    let (voice, inbox) = (server.path("voice"), server.path("inbox"));
    fs::create_dir(&inbox).expect("it is made");
    let _ada = server.begin("ada", &["clip", "receive", "--into", &inbox], "ada.log");
    printed(&server, "ada.log", "she is online", |object| text(object, "event") == "online").await;
    let _bob = server.begin("bob", &["clip", "send", "ada@example.com", &voice], "bob.log");
    let received =
        printed(&server, "ada.log", "the clip is there", |object| text(object, "event") == "clip");
    let received = received.await;
    assert_eq!(text(&received, "kind"), "voice");
    let path = Path::new(text(&received, "file")).to_owned();
    assert_eq!(path, Path::new(&inbox).join("voice.wav"));
    assert_eq!(fs::read(&path).expect("it is there"), sound);
    let (exit, _) = server.msn(
        "bob",
        &["clip", "send", "ada@example.com", &path.with_file_name("x").display().to_string()],
    );
    assert_eq!(exit, Some(2), "no such file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nudge_arrives() {
    let server = Server::start();
    let _bob = server.begin("bob", &["watch"], "bob.log");
    printed(&server, "bob.log", "he is online", |object| text(object, "event") == "online").await;
    let (exit, objects) = server.msn("ada", &["nudge", "bob@example.com"]);
    assert_eq!(exit, Some(0), "{objects:?}");
    let nudge = printed(&server, "bob.log", "a nudge", |object| text(object, "event") == "nudge");
    assert_eq!(text(&nudge.await, "from"), "ada@example.com");
}
