//! A capture holds what helps, and nothing that is a secret or somebody's words.

use std::time::Duration;

use msnp::{ChatId, Protocol, Text, Version};
use msnp_server::Misdeed;

use crate::{ADA, BOB, ECHO, World, seen, text_of};

#[tokio::test]
async fn a_capture_of_a_sign_in_and_a_talk_holds_no_secret_and_no_word() {
    let place = tempfile::tempdir().expect("a place");
    for version in [Version::Msnp12, Version::Msnp8] {
        let world = World::new().await;
        world.faults.challenge(true);
        let config = world.config(ADA, Protocol::Exactly(version));
        let (switch, file) = (config.trace.clone(), place.path().join(version.to_string()));
        switch.start(&file, Duration::from_secs(60), false).expect("it can be written");
        assert!(switch.start(&file, Duration::from_secs(60), false).is_err(), "never over another");
        switch.stop();
        std::fs::remove_file(&file).expect("it was there");
        switch.start(&file, Duration::from_secs(60), false).expect("it can be written");
        let (ada, mut events) = msnp::connect(config).await.expect("she signs in");
        ada.send_text(&ChatId::with(ECHO), Text::plain("a word of mine")).await.expect("said");
        assert_eq!(seen(&mut events, text_of).await.1, "a word of mine");
        ada.rename_contact(BOB, "Bobby Tables").await.expect("he is renamed");
        ada.sign_out().await;
        events.finish().await;
        switch.stop();
        let wanted = ["NS", "C VER", "S SYN", "C XFR", "SB", "S CAL", "text/plain", "C OUT"];
        let whole = || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            wanted.iter().all(|part| text.contains(part)).then_some(text)
        };
        // Its own thread writes it.
        let mut text = whole();
        for _ in 0..500 {
            if text.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            text = whole();
        }
        let text = text.unwrap_or_else(|| std::fs::read_to_string(&file).unwrap_or_default());
        for part in wanted {
            assert!(text.contains(part), "{version}: no {part} in\n{text}");
        }
        let secrets = [
            "secret, with",
            "a word",
            "mine",
            "ada@",
            "bob@",
            "echo@",
            "Bob",
            "Ada",
            "Bobby",
            "Tables",
            "example.com",
            "t=",
            "2221021964",
        ];
        for secret in secrets {
            assert!(!text.contains(secret), "{version}: {secret:?} in\n{text}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;

            let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}

#[tokio::test]
async fn the_last_commands_of_a_broken_session_are_told_without_secrets() {
    let world = World::new().await;
    for misdeed in [Misdeed::EndlessLine, Misdeed::LyingLength] {
        world.faults.on("CHG", Some(misdeed));
        let config = world.config(ADA, Protocol::Exactly(Version::Msnp12));
        let switch = config.trace.clone();
        assert!(switch.last_lines().is_empty());
        msnp::connect(config).await.expect_err("the server breaks the protocol");
        let lines = switch.last_lines();
        let text = lines.join("\n");
        for part in ["C VER", "S VER", "C USR", "S SYN", "C CHG"] {
            assert!(text.contains(part), "{misdeed:?}: no {part} in\n{text}");
        }
        assert!(lines.last().is_some_and(|last| last.starts_with("NS")), "{text}");
        for secret in ["secret, with", "ada@", "bob@", "Bob", "Ada", "example.com", "t="] {
            assert!(!text.contains(secret), "{misdeed:?}: {secret} in\n{text}");
        }
        assert!(lines.len() <= 64 && text.len() < 8192, "{} lines, {}", lines.len(), text.len());
    }
}

#[tokio::test]
async fn a_capture_that_begins_late_begins_with_a_whole_command_and_ends_by_itself() {
    let place = tempfile::tempdir().expect("a place");
    let world = World::new().await;
    let config = world.config(ADA, Protocol::Auto);
    let switch = config.trace.clone();
    let (ada, _events) = msnp::connect(config).await.expect("she signs in");
    let file = place.path().join("late");
    switch.start(&file, Duration::from_millis(300), true).expect("it can be written");
    ada.block_contact(BOB, true).await.expect("he is blocked");
    while switch.is_on() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ada.block_contact(BOB, false).await.expect("he is free");
    let text = std::fs::read_to_string(&file).expect("it is there");
    assert!(text.contains("BL N=bob@example.com"), "{text}");
    assert!(!text.contains("(unknown)") && !text.contains("REM 10 BL"), "{text}");
}
