//! How fast a session asks, and when it gives a server up.

use std::time::Duration;

use msnp_proto::{
    command::Status,
    session::{CloseReason, Command, RequestError, RequestId},
};

use crate::Scene;

/// Answers what was said of the own presence; gives how many commands that were.
fn answer(scene: &mut Scene, link: msnp_proto::session::LinkId, said: &str) -> usize {
    let lines: Vec<String> =
        said.lines().filter(|line| line.starts_with("CHG ")).map(str::to_owned).collect();
    for line in &lines {
        scene.hear(link, &format!("{line}\r\n"));
    }
    lines.len()
}

fn statuses(scene: &mut Scene, count: usize) -> (Vec<RequestId>, String) {
    let mut said = String::new();
    let all = [Status::Away, Status::Busy];
    let requests = (0..count).map(|number| {
        let status = if number % 2 == 0 { all[0] } else { all[1] };
        let (request, words) = scene.ask(Command::SetStatus { status });
        said += &words;
        request
    });
    (requests.collect(), said)
}

#[test]
fn twenty_changes_go_at_once_and_of_the_rest_the_latest() {
    let (mut scene, link) = Scene::online();
    let (requests, said) = statuses(&mut scene, 200);
    assert_eq!(answer(&mut scene, link, &said), 20);
    // The last one waits; those before it gave way and are done with it.
    assert_eq!(scene.outcome(requests[150]), Some(Ok(())));
    assert_eq!(scene.outcome(requests[199]), None);
    let said = scene.wait(1);
    assert_eq!(answer(&mut scene, link, &said), 1, "{said}");
    assert!(said.contains(" BSY "), "{said}");
    assert!(requests.iter().all(|request| scene.outcome(*request) == Some(Ok(()))));
}

#[test]
fn changes_of_lists_follow_each_other_at_a_pace() {
    let (mut scene, link) = Scene::online();
    let mut said = 0;
    let requests: Vec<RequestId> = (0..100)
        .map(|number| scene.ask(Command::AddGroup { name: format!("g{number}") }).0)
        .collect();
    let begun = scene.now;
    let mut words = String::from("ADG 8 g0");
    // The server answers at once; so only the pace holds the session back.
    while scene.outcome(requests[24]).is_none() {
        while let Some(line) = words.lines().find(|line| line.starts_with("ADG ")) {
            said += 1;
            let guid = format!("00000000-0000-4000-9000-{said:012}");
            let answer = format!("{} {guid} 0\r\n", line.trim_end());
            words = scene.hear(link, &answer);
        }
        words = scene.wait(1);
    }
    let passed = scene.now - begun;
    assert!(passed >= Duration::from_secs(1) && passed < Duration::from_secs(5), "{passed:?}");
    // What waits when the session ends was never asked.
    scene.ask(Command::SignOut);
    assert_eq!(scene.outcome(requests[99]), Some(Err(RequestError::NotSignedIn)));
}

#[test]
fn after_too_much_nothing_is_asked_for_a_while() {
    let (mut scene, link) = Scene::online();
    let (_, said) = scene.ask(Command::SetStatus { status: Status::Away });
    let number = said.split(' ').nth(1).expect("a number").to_owned();
    scene.hear(link, &format!("800 {number}\r\n"));
    let (_, said) = scene.ask(Command::SetStatus { status: Status::Busy });
    assert_eq!(said, "");
    assert_eq!(scene.wait(9), "");
    assert!(scene.wait(2).starts_with("CHG "));
}

#[test]
fn a_server_that_says_nothing_but_that_it_is_there_is_given_up() {
    let (mut scene, link) = Scene::online();
    for number in 1..=3 {
        let (request, _) = scene.ask(Command::SetName { name: format!("Ada {number}") });
        for _ in 0..5 {
            if scene.wait(10).contains("PNG") {
                scene.hear(link, "QNG 60\r\n");
            }
        }
        assert_eq!(scene.outcome(request), Some(Err(RequestError::Unconfirmed)), "{number}");
    }
    assert_eq!(scene.end(), Some(CloseReason::Timeout("requests")));
}

#[test]
fn one_word_of_a_server_is_enough_to_stay() {
    let (mut scene, link) = Scene::online();
    for number in 1..=6 {
        scene.ask(Command::SetName { name: format!("Ada {number}") });
        for _ in 0..5 {
            if scene.wait(10).contains("PNG") {
                scene.hear(link, "QNG 60\r\n");
            }
        }
        scene.hear(link, "NLN AWY bob@example.com Bob 0\r\n");
    }
    assert_eq!(scene.end(), None);
}

#[test]
fn a_payload_that_never_ends_is_no_sign_of_life() {
    let (mut scene, link) = Scene::online();
    scene.hear(link, "MSG Hotmail Hotmail 100000\r\n");
    for _ in 0..20 {
        scene.wait(10);
        scene.hear(link, "x");
    }
    assert_eq!(scene.end(), Some(CloseReason::Timeout("ping")));
}
