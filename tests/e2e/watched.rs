//! What an operator sees of a running bridge: its log, its measures, its end.

use std::time::Duration;

use fake_discord::Fault;
use msnp::{Events, Handle};
use testkit::{Port, tail, wait_until};

use crate::{
    discord::{ACCOUNT, BOB, PASSWORD, TOKEN, World, says},
    exposition,
    support::{SOON, hears, tells_nobody},
};

/// One message each way.
async fn talk(world: &World, bob: &Handle, bob_hears: &mut Events, words: &str) {
    says(bob, &format!("from Bob: {words}")).await;
    world.shows(&format!("from Bob: {words}")).await;
    world.grace_says(&format!("from Grace: {words}"));
    hears(bob_hears, &format!("from Grace: {words}")).await;
}

#[tokio::test]
async fn no_log_of_any_level_or_form_tells_secrets_or_names_anybody() {
    let mut world = World::prepared(&[BOB]).await;
    let (bob, mut bob_hears) = world.person(BOB).await;
    for form in ["text", "json"] {
        world.more = format!("[log]\nformat = \"{form}\"\n");
        for level in ["error", "warn", "info", "debug", "trace"] {
            world.level = level;
            world.write_config();
            world.launch();
            talk(&world, &bob, &mut bob_hears, &format!("words of {form} {level}")).await;
            world.stop().await;
        }
    }
    let (log, data) = (world.log_file(), world.home.path().join("data"));
    let secrets = [TOKEN, PASSWORD, "hook-token-", "ticket-"];
    let people =
        [ACCOUNT, BOB, "example.com", "Bob ☃", "Amazing", "from Bob", "from Grace", "words of"];
    tells_nobody(&log, &data, &secrets, &people);
    let said = world.log();
    let row = |line: &&str| line.starts_with('{') && line.contains("\"row\":");
    let line = said.lines().rfind(row).expect("each form and level was there");
    let parsed: serde_json::Value = serde_json::from_str(line).expect("each line is an object");
    assert!(parsed.get("level").is_some());

    // Only an operator who asks for it reads who it is; secrets are for nobody.
    world.level = "trace";
    world.more = "[log]\npii = \"full\"\n".to_owned();
    world.write_config();
    world.launch();
    talk(&world, &bob, &mut bob_hears, "words in full").await;
    world.stop().await;
    assert!(world.log().contains(ACCOUNT));
    tells_nobody(&log, &data, &secrets, &["words in full"]);
}

#[tokio::test]
async fn a_message_is_followed_by_its_row_and_moves_the_measures() {
    let mut world = World::prepared(&[BOB]).await;
    let port = Port::reserve();
    let listen = format!("127.0.0.1:{}", port.number());
    world.more = format!("[http]\nlisten = \"{listen}\"\n");
    world.start().await;
    let (bob, mut bob_hears) = world.person(BOB).await;
    talk(&world, &bob, &mut bob_hears, "first").await;
    let scrape = async || {
        let answer = reqwest::get(format!("http://{listen}/metrics")).await.expect("it answers");
        assert!(answer.headers()["content-type"].to_str().is_ok_and(|kind| {
            kind.starts_with("text/plain") && kind.contains("version=0.0.4")
        }));
        exposition::read(&answer.text().await.expect("it is text"))
    };
    let before = scrape().await;
    talk(&world, &bob, &mut bob_hears, "second").await;
    let counts = [
        ("bridge_events_total", vec![("network", "msn"), ("kind", "message"), ("dir", "in")], 1.0),
        ("bridge_events_total", vec![("network", "msn"), ("kind", "message"), ("dir", "out")], 1.0),
        (
            "bridge_events_total",
            vec![("network", "discord"), ("lane", "durable"), ("dir", "in")],
            1.0,
        ),
        ("bridge_delivery_seconds_count", vec![("from", "msn"), ("to", "discord")], 1.0),
        ("bridge_delivery_seconds_count", vec![("from", "discord"), ("to", "msn")], 1.0),
        ("msnp_frames_total", vec![("dir", "in")], 1.0),
        ("msnp_frames_total", vec![("dir", "out")], 1.0),
        ("store_commit_seconds_count", vec![], 4.0),
        ("store_batch_rows_sum", vec![], 4.0),
    ];
    // The last of them is noted a moment after Bob heard it.
    wait_until(SOON, "the measures move", || async {
        let after = scrape().await;
        let moved = counts.iter().all(|(name, labels, least)| {
            let by = exposition::sum(&after, name, labels) - exposition::sum(&before, name, labels);
            by >= *least
        });
        let still = exposition::sum(&after, "bridge_waiting_rows", &[]) == 0.0;
        (moved && still).then_some(())
    })
    .await;
    let now = scrape().await;
    let is = |name: &str, labels: &[(&str, &str)]| exposition::sum(&now, name, labels);
    assert_eq!(is("bridge_puppets", &[("state", "CONNECTED")]), 1.0);
    assert_eq!(is("bridge_puppets", &[]), 1.0);
    assert_eq!(is("bridge_logins_total", &[("outcome", "connected")]), 1.0);
    assert_eq!(is("bridge_waiting_oldest_seconds", &[]), 0.0);
    assert_eq!(is("store_thread_stalls_total", &[]), 0.0);
    assert!(is("store_disk_bytes", &[]) > 0.0);
    let labels = now.keys().flat_map(|(_, labels)| labels.values());
    for label in labels {
        assert!(!label.contains('@') && label.len() < 32, "{label:?} was written by somebody");
    }
    let ready = reqwest::get(format!("http://{listen}/ready")).await.expect("it answers");
    assert_eq!(ready.text().await.expect("it is text"), "{\"discord\":true}");
    world.stop().await;

    // One row, from its acceptance on MSN to what became of it on Discord, and the other way round.
    let log = world.log();
    for (from, to) in [("msn", "discord"), ("discord", "msn")] {
        let from = format!("network={from} kind=\"message\"");
        let accepted = log.lines().filter(|line| line.contains("event accepted"));
        let accepted = accepted.rev().find(|line| line.contains(&from)).expect("it is there");
        let row = accepted.split("row=").nth(1).and_then(|rest| rest.split(' ').next());
        let row = row.expect("it has its row");
        let of_it: Vec<&str> = log.lines().filter(|line| line.contains(row)).collect();
        let tried = of_it.iter().any(|line| {
            line.contains("portal{id=") && line.contains(&format!("deliver{{row={row} leg="))
        });
        let done = of_it.iter().any(|line| line.contains(" delivered row="));
        assert!(tried && done, "to {to}: {of_it:#?}");
    }
    let signed_in = log.lines().find(|line| line.contains("state=Connected"));
    assert!(
        signed_in.is_some_and(|line| line.contains("puppet{login=#")),
        "{}",
        tail(&world.log_file())
    );
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut world = World::new(&[BOB]).await;
    let (bob, mut bob_hears) = world.person(BOB).await;
    talk(&world, &bob, &mut bob_hears, "before").await;
    // A delivery that hangs holds up an orderly stop.
    let route = "POST /webhooks/{}/{}";
    let before = world.discord.requests(route);
    world.discord.fault(route, Fault::Hang);
    says(&bob, "into the void").await;
    wait_until(SOON, "it is on its way", || async {
        (world.discord.requests(route) > before).then_some(())
    })
    .await;
    let bridge = world.bridge.take().expect("it runs");
    bridge.ask_to_stop();
    wait_until(SOON, "it begins to stop", || async {
        world.log().contains("stopping").then_some(())
    })
    .await;
    bridge.ask_to_stop();
    assert_eq!(bridge.ended().await.code(), Some(1), "{}", tail(&world.log_file()));
    assert!(world.log().contains("stopped at once"));
    assert!(
        !world.log().contains("did not end in time"),
        "it did not wait for the end of its time"
    );
    // What it was about to say is said by the next one.
    world.start().await;
    wait_until(Duration::from_secs(60), "it is said", || async {
        let said = world.discord.messages(world.channel);
        said.iter().any(|message| message.content.contains("into the void")).then_some(())
    })
    .await;
    world.stop().await;
}
