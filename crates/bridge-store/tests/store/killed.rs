//! Processes killed in the middle of their work.

use std::process::Command;

fn killed(engine: &str, kills: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_store-crash"))
        .args(["--kills", kills, "--seed", "1", "--engine", engine])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(&format!("{kills} kills of {engine}")), "{text}");
}

#[test]
fn sled_killed_in_mid_write_keeps_every_acknowledged_row() {
    killed("sled", "20");
}

#[test]
fn redb_killed_in_mid_write_keeps_every_acknowledged_row() {
    killed("redb", "10");
}

#[test]
fn a_core_killed_twenty_times_loses_nothing_accepted() {
    let output = Command::new(env!("CARGO_BIN_EXE_core-crash"))
        .args(["--kills", "20", "--seed", "3"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    assert!(output.status.success() && last.contains(" 0 missing"), "{text}");
    assert!(!last.contains(" 0 accepted"), "it was fed: {last}");
}
