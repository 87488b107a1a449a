//! A session told anything, in any order, neither panics nor forgets to answer a request.
#![no_main]

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    Version,
    command::Status,
    msg::Text,
    session::{
        ChatId, Command, Deadlines, Effect, Event, HttpReply, LinkChange, Services, Session, SessionConfig,
    },
};

fuzz_target!(|data: &[u8]| {
    let mut now = Instant::now();
    let config = SessionConfig {
        server: "s:1".to_owned(),
        account: "ada@example.com".to_owned(),
        password: "x".to_owned().into(),
        versions: Version::ALL.to_vec(),
        services: Services::at("http://web"),
        machine_id: "6b2d1c1e-4c0a-4e0b-9e57-0c4b7a9f2d11".to_owned(),
        machine_name: "desk".to_owned(),
        entropy: [7; 16],
        wall_clock: 0,
        status: Status::Online,
        deadlines: Deadlines::default(),
    };
    let mut session = Session::new(config, now);
    let (mut links, mut asked) = (Vec::new(), Vec::new());
    let (mut open, mut last) = (HashSet::new(), now);
    for operation in data.split(|byte| *byte == 0xFF) {
        while let Some(effect) = session.poll_effect() {
            match effect {
                Effect::Open { link, .. } => links.push(link),
                Effect::Http { id, .. } => asked.push(id),
                _ => {}
            }
        }
        while let Some(event) = session.poll_event() {
            if let Event::Completed { request, .. } = event {
                assert!(open.remove(&request), "a request is answered twice");
            }
        }
        let Some((kind, rest)) = operation.split_first() else { continue };
        let link = links.get(usize::from(*kind) / 16 % links.len().max(1)).copied();
        match (kind % 8, link) {
            (0, Some(link)) => session.handle_link(now, link, LinkChange::Opened),
            (1, Some(link)) => session.handle_link(now, link, LinkChange::Closed(String::new())),
            (2 | 3, Some(link)) => session.handle_bytes(now, link, rest),
            (4, _) => {
                if let Some(id) = asked.pop() {
                    let text = String::from_utf8_lossy(rest).into_owned();
                    let headers = ["passporturls", "authentication-info", "location"];
                    let headers = headers.map(|name| (name.to_owned(), text.clone())).to_vec();
                    let reply = HttpReply { status: 200, headers, body: rest.to_vec(), failure: None };
                    session.handle_http(now, id, reply);
                }
            }
            (5, _) => {
                let text = Text::plain(String::from_utf8_lossy(rest));
                let chat = ChatId::with("bob@example.com");
                open.insert(session.command(now, Command::SendText { chat, text }));
            }
            (6, _) => {
                now += Duration::from_secs(u64::from(*kind));
                session.handle_timeout(now);
            }
            _ => {
                open.insert(session.command(now, change_of_lists(*kind)));
            }
        }
        last = now;
    }
    // Whatever happened, time or the end answers everything.
    for _ in 0..64 {
        while session.poll_effect().is_some() {}
        while let Some(event) = session.poll_event() {
            if let Event::Completed { request, .. } = event {
                assert!(open.remove(&request), "a request is answered twice");
            }
        }
        last += Duration::from_secs(60);
        session.handle_timeout(last);
    }
    session.command(last, Command::SignOut);
    while let Some(event) = session.poll_event() {
        if let Event::Completed { request, .. } = event {
            open.remove(&request);
        }
    }
    assert!(open.is_empty(), "{} requests are never answered", open.len());
});

/// A change of lists, groups or privacy.
fn change_of_lists(kind: u8) -> Command {
    let account = if kind & 0x40 == 0 { "c@d" } else { "bob@example.com" }.to_owned();
    let group = if kind & 0x80 == 0 { "1" } else { "5d5ab0b0-0000-4000-8000-000000000001" };
    let (group, on) = (group.to_owned(), kind & 0x80 == 0);
    match kind / 8 {
        0 => Command::AddContact { account, group: on.then_some(group) },
        1 => Command::AcceptContact { account, add: on },
        2 => Command::AddGroup { name: "pals".to_owned() },
        3 => Command::BlockContact { account, on },
        4 => Command::DeclineContact { account, block: on },
        5 => Command::GroupContact { account, group, on },
        6 => Command::MoveContact { account, group: on.then_some(group) },
        7 => Command::RemoveContact { account },
        8 => Command::RemoveGroup { group },
        9 => Command::RenameContact { account, name: "Bob".to_owned() },
        10 => Command::RenameGroup { group, name: "friends".to_owned() },
        11 => Command::SetAsking { ask: on },
        _ => Command::SetPrivacy { everybody: on },
    }
}
