//! What all scenes need: the program, people on MSN, and what they heard.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use msnp::{Event, Events, Handle};
use msnp_server::Network;

/// The program as it was built.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_msn-bridge");
/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A name that deceives, breaks lines, calls people and is too long, as a server passes it on.
pub(crate) fn hostile_name() -> String {
    let tricks = "\u{202e}gpj.<b>evil</b>\r\n@everyone\t@room [x](http://evil.example) `logout` \u{200b}&amp;😀";
    format!("{tricks} {}", "ש".repeat(1900))
}

/// Holds what is shown of such a name to what may be shown of it, ids beside it included.
pub(crate) fn is_tame(shown: &str) {
    let odd = |c: char| c.is_control() || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '`');
    assert!(!shown.is_empty() && !shown.contains(odd), "{shown:?}");
    assert!(shown.chars().count() <= 400, "{} letters: {shown}", shown.chars().count());
}

/// Signs somebody in to MSN with a client of ours.
pub(crate) async fn msn_client(
    network: &Network,
    address: &str,
    password: &str,
) -> (Handle, Events) {
    let server = network.addresses().notification.to_string();
    let mut config = msnp::Config::new(server, address, password.to_owned().into());
    config.nexus_url = Some(network.nexus_url());
    msnp::connect(config).await.expect("she signs in")
}

/// Waits until somebody on MSN hears some words.
pub(crate) async fn hears(events: &mut Events, words: &str) -> Event {
    let heard = async {
        loop {
            let event = events.next().await.expect("the session goes on");
            if matches!(&event, Event::Message { text, .. } if text.words.contains(words)) {
                return event;
            }
        }
    };
    tokio::time::timeout(SOON, heard).await.unwrap_or_else(|_| panic!("nobody said {words:?}"))
}

/// The numbers of lines `prefix 1`, `prefix 2`, … in the order they came.
pub(crate) fn numbers(lines: impl IntoIterator<Item = String>, prefix: &str) -> Vec<u32> {
    lines
        .into_iter()
        .filter_map(|line| line.strip_prefix(prefix)?.split_whitespace().next()?.parse().ok())
        .collect()
}

/// Lists the files below a directory.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("it is a directory").flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// Holds a log and a data directory to it: secrets are in neither, and the log names nobody and says
/// nobody's words.
pub(crate) fn tells_nobody(log: &Path, data: &Path, secrets: &[&str], people: &[&str]) {
    let said = fs::read(log).expect("there is a log");
    assert!(said.len() > 1000, "there is a log");
    for words in secrets.iter().chain(people) {
        holds_not(log, &said, words);
    }
    for file in files_below(data) {
        // The control socket is no file to read.
        let Ok(kept) = fs::read(&file) else { continue };
        for secret in secrets {
            holds_not(&file, &kept, secret);
        }
    }
}

fn holds_not(place: &Path, bytes: &[u8], words: &str) {
    let found = bytes.windows(words.len()).position(|window| window == words.as_bytes());
    let around = found.map(|at| {
        let around = bytes.get(at.saturating_sub(300)..bytes.len().min(at + 60));
        String::from_utf8_lossy(around.unwrap_or_default()).into_owned()
    });
    assert_eq!(around, None, "{words:?} is in {}", place.display());
}
