//! A disk that is full: a child under a limit of the size of its files.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
};

use bridge_core::store::{Batch, Durability, KeyBuilder, Store as _, TableId};
use bridge_store::{DiskStore, Engine};

use crate::{ENGINES, with};

/// Runs a program with a limit on its files' sizes, in blocks of 512 or 1,024 bytes as the shell
/// counts; to write beyond it is an error, as on a full disk.
fn limited(blocks: u32, program: &str, arguments: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), program])
        .args(arguments)
        .output()
        .expect("there is a shell")
}

fn lines(output: &Output) -> Vec<u64> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn refuses_and_loses_nothing(path: &Path, engine: Engine) {
    let program = env!("CARGO_BIN_EXE_store-crash");
    let store = path.to_str().expect("it is text");
    let mut next = 0;
    // Once more, as a service that is started again while the disk is full.
    for _ in 0..2 {
        let from = next.to_string();
        let arguments = ["--write", store, "--from", &from, "--engine", engine.name()];
        let output = limited(20_000, program, &arguments);
        assert!(!output.status.success(), "{engine}: it was to be refused");
        let text = said(&output);
        assert!(text.contains("File too large"), "{engine}: the error is said: {text}");
        assert!(!text.contains("panicked"), "{engine}: {text}");
        if let Some(last) = lines(&output).last() {
            next = last + 1;
        }
    }
    assert!(next > 0, "{engine}: something was acknowledged");
    // The limit is lifted: everything acknowledged is there, and more is taken.
    let last = (next - 1).to_string();
    let output = Command::new(program)
        .args(["--check", store, "--to", &last, "--engine", engine.name()])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{engine}: {}", said(&output));
}

#[test]
fn a_full_disk_is_said_and_nothing_acknowledged_is_lost() {
    for engine in ENGINES {
        let root = tempfile::tempdir().expect("a temporary directory");
        refuses_and_loses_nothing(&root.path().join("store"), engine);
    }
}

#[tokio::test]
async fn a_full_disk_is_no_damage_and_brings_no_old_backup_back() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("store");
    let store = path.to_str().expect("it is text").to_owned();
    let program = env!("CARGO_BIN_EXE_store-crash");
    let output = limited(20_000, program, &["--write", &store]);
    assert!(!output.status.success());
    let next = lines(&output).last().expect("something was acknowledged") + 1;
    // What the journal holds does not fit: that is said, and the store stays where it is.
    let again = limited(17_000, program, &["--write", &store, "--from", &next.to_string()]);
    assert!(!said(&again).contains("cannot be read"), "{}", said(&again));
    let store = DiskStore::open(&path, with(Engine::Sled)).expect("it is whole");
    store.close().await.expect("it closes");
}

#[tokio::test]
async fn a_core_on_a_full_disk_refuses_messages_and_swallows_none() {
    let home = tempfile::tempdir().expect("a temporary directory");
    // Most of the room is taken already.
    let store = DiskStore::open(&home.path().join("store"), with(Engine::Sled)).expect("it opens");
    for number in 0..20 {
        let mut batch = Batch::new();
        for piece in 0..100 {
            let key = KeyBuilder::new(TableId::Namespace).number(number).number(piece).build();
            batch.put(key, vec![0x5A; 4000]).expect("it is short");
        }
        store.commit(batch, Durability::Durable).await.expect("it commits");
    }
    store.close().await.expect("it closes");
    let program = env!("CARGO_BIN_EXE_core-crash");
    let work = ["--seed", "5", "--work", home.path().to_str().expect("it is text")];
    let length =
        home.path().join("store").join("sled").join("db").metadata().expect("it is there").len();
    let room = length.max(8 * 1024 * 1024) + 1024 * 1024;
    let output = limited(u32::try_from(room / 512).expect("it is small"), program, &work);
    let said = said(&output);
    // The source's answer, and not something else that did not fit.
    assert!(!output.status.success() && said.contains("the store failed"), "{said}");
    let accepted = read(&home.path().join("accepted"));
    // One message may have been accepted without its source hearing of it: it is told again.
    let all = (accepted.len() + 1).to_string();
    let finished = Command::new(program).args(work).args(["--messages", &all]).output();
    assert!(finished.expect("it runs").status.success(), "all is delivered with room again");
    let places = ["keyed", "plain", "chats"].map(|place| read(&home.path().join(place)));
    for number in accepted {
        let places = places.iter().filter(|place| place.contains(&number)).count();
        assert!(places >= 2, "message {number} is in {places} places beside its own");
    }
}

/// The numbers that begin the lines of a file.
fn read(file: &Path) -> BTreeSet<u64> {
    let text = std::fs::read_to_string(file).expect("it was written");
    text.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}
