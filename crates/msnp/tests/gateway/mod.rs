//! Connections through the HTTP gateway, and gateways that fail.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    thread,
};

use msnp::{
    ChatId, CloseReason, Config, ConnectError, Event, Protocol, RequestError, Text, Version,
};
use reqwest::StatusCode;

use crate::{ADA, BOB, World, seen};

fn said(event: &Event) -> Option<String> {
    match event {
        Event::Message { text, .. } => Some(text.words.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn people_talk_whoever_of_them_comes_through_the_gateway() {
    for (version, both) in [(8, false), (11, true), (12, false), (15, false), (18, true)] {
        let world = World::new().await;
        let version = Version::from_number(version).expect("it is spoken");
        let through = |account: &str| {
            let mut config = world.config(account, Protocol::Exactly(version));
            config.gateway_url = Some(world.network.services_url());
            config
        };
        let (ada, mut ada_events) = msnp::connect(through(ADA)).await.expect("she signs in");
        let bob = if both { through(BOB) } else { world.config(BOB, Protocol::Exactly(version)) };
        let (bob, mut bob_events) = msnp::connect(bob).await.expect("he signs in");
        let long = "☃".repeat(4000);
        for words in ["hello", &long] {
            ada.send_text(&ChatId::with(BOB), Text::plain(words)).await.expect("it arrives");
            let mut heard = String::new();
            while heard.len() < words.len() {
                heard += &seen(&mut bob_events, said).await;
            }
            assert_eq!(heard, words, "{version}");
        }
        bob.send_text(&ChatId::with(ADA), Text::plain("and back")).await.expect("it arrives");
        assert_eq!(seen(&mut ada_events, said).await, "and back", "{version}");
        // Its last word comes through too.
        world.directory.kick(ADA);
        let ended = seen(&mut ada_events, |event| match event {
            Event::Closed { reason } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(ended.await, CloseReason::ServerDown, "{version}");
    }
}

#[tokio::test]
async fn the_server_knows_only_the_newest_name_and_says_when_a_session_ends() {
    let world = World::new().await;
    let url = format!("{}/gateway/gateway.dll", world.network.services_url());
    let client = reqwest::Client::new();
    let ask = async |query: &str, body: Vec<u8>| {
        let answer = client.post(format!("{url}?{query}")).body(body).send().await;
        let answer = answer.expect("an answer");
        let header = answer.headers().get("x-msn-messenger");
        let header = header.map(|value| value.to_str().expect("text").to_owned());
        let status = answer.status();
        (status, header.unwrap_or_default(), answer.bytes().await.expect("a body"))
    };
    let (_, header, body) =
        ask("Action=open&Server=NS&IP=any", b"VER 1 MSNP11 CVR0\r\n".to_vec()).await;
    assert_eq!(&body[..], b"VER 1 MSNP11\r\n");
    let name = |header: &str| {
        let name = header.strip_prefix("SessionID=").and_then(|rest| rest.split(';').next());
        name.expect("a name").to_owned()
    };
    let (first, cvr) =
        (name(&header), "CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5 msmsgs ada@example.com\r\n");
    let (_, header, body) = ask(&format!("SessionID={first}"), cvr.into()).await;
    assert!(body.starts_with(b"CVR 2 "), "{body:?}");
    let second = name(&header);
    assert_ne!(first, second);
    for old in [format!("SessionID={first}"), "SessionID=x.1".to_owned(), "Action=open".to_owned()]
    {
        assert_eq!(ask(&old, Vec::new()).await.0, StatusCode::BAD_REQUEST, "{old}");
    }
    let too_long = ask(&format!("SessionID={second}"), vec![b'A'; 65 * 1024]).await;
    assert_eq!(too_long.0, StatusCode::PAYLOAD_TOO_LARGE);
    // A poll that asks for it is held open; a word of the client's ends the session.
    let (_, header, _) = ask(&format!("SessionID={second}"), b"OUT\r\n".to_vec()).await;
    assert!(header.ends_with("; Session=close"), "{header}");
    assert_eq!(ask(&format!("SessionID={second}"), Vec::new()).await.0, StatusCode::BAD_REQUEST);
}

/// A gateway that gives one answer after the other, each without more ado; the last is given for good.
fn answering(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut reader = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            let answer = answers.get(number).or(answers.last()).expect("there is one");
            // A client that is gone needs none.
            let _ = reader.read_exact(&mut body);
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

async fn sign_in(gateway: &'static [&'static str]) -> CloseReason {
    let mut config = Config::new("server.example.com", ADA, "x".to_owned().into());
    config.protocol = Protocol::Exactly(Version::Msnp11);
    config.gateway_url = Some(answering(gateway));
    match msnp::connect(config).await {
        Err(ConnectError::Ended(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_gateway_that_fails_is_a_link_that_is_lost_with_the_reason() {
    const OPENED: &str = "HTTP/1.1 200 OK\r\nX-MSN-Messenger: SessionID=1.1; GW-IP=x\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
    const CLOSED: &str = "HTTP/1.1 200 OK\r\nX-MSN-Messenger: SessionID=1.1; GW-IP=x; Session=close\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
    const NAMELESS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const FAILED: &str =
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const NO_HTTP: &str = "VER 1 0\r\n";
    assert_eq!(
        sign_in(&[OPENED, FAILED]).await,
        CloseReason::LinkLost("the gateway answered 502".to_owned())
    );
    assert_eq!(
        sign_in(&[OPENED, CLOSED]).await,
        CloseReason::LinkLost("the server closed it".to_owned())
    );
    assert_eq!(
        sign_in(&[FAILED]).await,
        CloseReason::Unreachable("the gateway answered 502".to_owned())
    );
    let nameless = sign_in(&[NAMELESS]).await;
    assert_eq!(nameless, CloseReason::Unreachable("the gateway did not name a session".to_owned()));
    let no_http = sign_in(&[NO_HTTP]).await;
    assert!(
        matches!(&no_http, CloseReason::Unreachable(why) if why.starts_with("the gateway cannot be reached: ")),
        "{no_http:?}"
    );
}

#[tokio::test]
async fn who_is_not_there_is_said_through_the_gateway_too() {
    let world = World::new().await;
    let mut config = world.config(ADA, Protocol::Exactly(Version::Msnp12));
    config.gateway_url = Some(format!("{}/gateway/gateway.dll", world.network.services_url()));
    let (ada, _events) = msnp::connect(config).await.expect("she signs in");
    let sent = ada.send_text(&ChatId::with(BOB), Text::plain("hello")).await;
    assert_eq!(sent, Err(RequestError::NotOnline));
}
