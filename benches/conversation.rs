//! What goes from client to client through the embedded server: texts and files, through the server and past it.

#[path = "shared/echo.rs"]
mod echo;
mod shared;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use msnp::{
    ChatId, Direct, Event, Events, FileContext, Handle, PeerEvent, Protocol, Text, Version,
};
use msnp_proto::auth::md5_hash;
use msnp_server::{ChatPush, Directory, MemoryDirectory, Network, Options, Push, Shown, User};
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use echo::Echo;
use shared::{median, ratio, report};

/// Warm-up, then pairs, of texts.
const TEXTS: (usize, usize) = (50, 400);
/// Pairs of files.
const FILES: usize = 30;
/// Bytes of a file.
const FILE: usize = 4 * 1024 * 1024;
/// Bytes of a file that goes over a direct link.
const LINKED: usize = 64 * 1024 * 1024;
/// What one packet of a file holds, and so one message beside it.
const PACKET: usize = 1202;
/// Conversations that are open beside the one that is measured.
const OPEN: usize = 1000;

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const BUSY: &str = "busy@example.com";

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    // All of them, or those that are named.
    let named: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|word| word == name);
    runtime.expect("a runtime").block_on(async {
        if wanted("text_one_way") {
            text().await;
        }
        if wanted("text_beside_1000_conversations") {
            text_beside_many().await;
        }
        if wanted("file_through_switchboard") {
            file().await;
        }
        if wanted("file_over_direct_link") {
            linked_file().await;
        }
    });
}

async fn network(users: Vec<User>) -> (Network, Arc<MemoryDirectory>) {
    let people = MemoryDirectory::new(users);
    let network = Network::bind(people.clone(), Options::default()).await.expect("it binds");
    (network, Arc::new(people))
}

async fn connect(network: &Network, account: &str) -> (Handle, Events) {
    connect_with(network, account, None).await
}

async fn connect_with(
    network: &Network,
    account: &str,
    direct: Option<Direct>,
) -> (Handle, Events) {
    let server = network.addresses().notification.to_string();
    let mut config = msnp::Config::new(server, account, "secret".to_owned().into());
    config.protocol = Protocol::Exactly(Version::Msnp12);
    config.nexus_url = Some(network.nexus_url());
    config.direct = direct;
    let (handle, mut events) = msnp::connect(config).await.expect("it signs in");
    while !matches!(events.next().await.expect("it goes on"), Event::Online { .. }) {}
    (handle, events)
}

fn two() -> Vec<User> {
    vec![User::new(ADA, "secret", "Ada", &[BOB]), User::new(BOB, "secret", "Bob", &[ADA])]
}

/// Says something and waits until it is heard.
async fn said(from: &Handle, to: &ChatId, hears: &mut Events, words: &str) -> Duration {
    let began = Instant::now();
    let sent = from.send_text(to, Text::plain(words));
    let heard = async {
        while !matches!(hears.next().await.expect("it goes on"), Event::Message { .. }) {}
        began.elapsed()
    };
    let (sent, took) = tokio::join!(sent, heard);
    sent.expect("it is taken");
    took
}

/// A text from client to client, against a message of its length to a server and back.
async fn text() {
    let (network, _people) = network(two()).await;
    let (ada, _ada_events) = connect(&network, ADA).await;
    let (_bob, mut bob) = connect(&network, BOB).await;
    let words = "a text of a common length";
    let mut echo = Echo::start(150 + words.len()).await;
    let mut ratios = Vec::new();
    for _ in 0..TEXTS.0 + TEXTS.1 {
        let bare = echo.round().await;
        ratios.push(ratio(said(&ada, &ChatId::with(BOB), &mut bob, words).await, bare));
    }
    report("text_one_way", median(ratios.split_off(TEXTS.0)), 2.0);
    network.shutdown().await;
}

/// A text to a client in so many other conversations, against one to a client in no other.
async fn text_beside_many() {
    let others: Vec<String> =
        (0..OPEN).map(|number| format!("other{number}@example.com")).collect();
    let mut users = two();
    let listed: Vec<&str> = others.iter().map(String::as_str).chain([ADA]).collect();
    users.push(User::new(BUSY, "secret", "Busy", &listed));
    users.extend(others.iter().map(|other| User::new(other, "secret", "Other", &[BUSY])));
    let (network, people) = network(users).await;
    let (ada, _ada_events) = connect(&network, ADA).await;
    let (_bob, mut bob) = connect(&network, BOB).await;
    let (_busy, mut busy) = connect(&network, BUSY).await;
    let mut held = Vec::new();
    for other in &others {
        held.push(converse(&*people, other, &mut busy).await);
    }
    let mut ratios = Vec::new();
    for _ in 0..TEXTS.0 + TEXTS.1 {
        let alone = said(&ada, &ChatId::with(BOB), &mut bob, "hello").await;
        ratios.push(ratio(said(&ada, &ChatId::with(BUSY), &mut busy, "hello").await, alone));
    }
    report("text_beside_1000_conversations", median(ratios.split_off(TEXTS.0)), 1.2);
    drop(held);
    network.shutdown().await;
}

/// Somebody's way into a conversation.
type Held = (mpsc::Receiver<Push>, mpsc::Receiver<ChatPush>);

/// Lets somebody without a client open a conversation with the busy account, and say something in it.
async fn converse(people: &dyn Directory, who: &str, busy: &mut Events) -> Held {
    let (pushes, pushed) = mpsc::channel(64);
    let session = people.attach(who, None, pushes).await;
    let (status, capabilities) = (msnp::Status::Online, Default::default());
    people.set_presence(who, session, Shown { status, capabilities, object: None }).await;
    let (chat, mut chats) = mpsc::channel(64);
    let talk = people.open_talk().await;
    people.join(talk, who, chat).await;
    people.call(talk, who, BUSY).await.expect("it is there");
    while !matches!(chats.recv().await.expect("it is held"), ChatPush::Joined(_)) {}
    let words = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nhello";
    assert!(people.say(talk, who, words.as_bytes().into()).await, "it came");
    while !matches!(busy.next().await.expect("it goes on"), Event::Message { .. }) {}
    (pushed, chats)
}

/// A file through the switchboard, against its bytes through the same server in plain messages of a
/// packet's length.
async fn file() {
    let (network, _people) = network(two()).await;
    let mut ratios = Vec::new();
    for _ in 0..FILES {
        let plain = plain(&network).await;
        ratios.push(ratio(transferred(&network, None, FILE).await, plain));
    }
    report("file_through_switchboard", median(ratios), 2.0);
    network.shutdown().await;
}

/// Lets two clients sign in and a file go from one to the other; tells how long it took.
async fn transferred(network: &Network, direct: Option<Direct>, size: usize) -> Duration {
    let (ada, mut ada_events) = connect_with(network, ADA, direct.clone()).await;
    let (bob, mut bob_events) = connect_with(network, BOB, direct).await;
    let began = Instant::now();
    tokio::join!(send(&ada, &mut ada_events, size), receive(&bob, &mut bob_events, size));
    let took = began.elapsed();
    ada.sign_out().await;
    bob.sign_out().await;
    ada_events.finish().await;
    bob_events.finish().await;
    took
}

/// A file over a direct link, against its bytes over a connection by hand.
async fn linked_file() {
    let (network, _people) = network(two()).await;
    let mut ratios = Vec::new();
    for _ in 0..FILES {
        let bare = copied(LINKED).await;
        let announce = vec![std::net::Ipv4Addr::LOCALHOST];
        let direct = Direct { announce, nearby: true, ports: 0..=0, ..Direct::default() };
        ratios.push(ratio(transferred(&network, Some(direct), LINKED).await, bare));
    }
    report("file_over_direct_link", median(ratios), 1.0 / 0.7);
    network.shutdown().await;
}

/// Sends so many bytes over a connection of the loopback; tells how long they took.
async fn copied(bytes: usize) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it binds");
    let address = listener.local_addr().expect("bound");
    let began = Instant::now();
    let sending = async {
        let mut stream = TcpStream::connect(address).await.expect("it connects");
        let piece = vec![0x5A; 64 * 1024];
        for _ in 0..bytes / piece.len() {
            stream.write_all(&piece).await.expect("it is sent");
        }
    };
    let receiving = async {
        let (mut stream, _) = listener.accept().await.expect("it is accepted");
        let (mut left, mut piece) = (bytes, vec![0; 64 * 1024]);
        while left > 0 {
            let read = stream.read(&mut piece).await.expect("it comes");
            assert!(read > 0, "cut off");
            left -= read;
        }
    };
    tokio::join!(sending, receiving);
    began.elapsed()
}

async fn send(handle: &Handle, events: &mut Events, size: usize) {
    let file = FileContext {
        size: u64::try_from(size).expect("it fits"),
        name: "file.bin".to_owned(),
        preview: Vec::new(),
    };
    let bytes = vec![0x5A; 64 * 1024];
    handle.offer_file(&ChatId::with(BOB), BOB, file).await.expect("it is offered");
    let mut left = size;
    loop {
        match events.next().await.expect("it goes on") {
            Event::Transfer(PeerEvent::Wants { transfer, most }) => {
                let piece = most.min(left).min(bytes.len());
                left -= piece;
                let piece = bytes.get(..piece).unwrap_or_default().to_vec();
                handle.feed_file(transfer, piece).await.expect("it is wanted");
            }
            Event::Transfer(PeerEvent::Ended { outcome, .. }) => return outcome.expect("it went"),
            _ => {}
        }
    }
}

async fn receive(handle: &Handle, events: &mut Events, size: usize) {
    let mut came = 0;
    loop {
        match events.next().await.expect("it goes on") {
            Event::Transfer(PeerEvent::Offered { transfer, .. }) => {
                handle.accept_file(transfer).await.expect("it is there");
            }
            Event::Transfer(PeerEvent::Data { bytes, .. }) => came += bytes.len(),
            Event::Transfer(PeerEvent::Ended { outcome, .. }) => {
                outcome.expect("it came");
                assert_eq!(came, size);
                return;
            }
            _ => {}
        }
    }
}

/// Sends a file's bytes in messages by hand; tells how long they took.
async fn plain(network: &Network) -> Duration {
    let server = network.addresses().notification.to_string();
    let (mut ada, mut bob) = (bare(&server, ADA).await, bare(&server, BOB).await);
    ada.say("XFR 9 SB\r\n").await;
    let granted = ada.until("XFR 9 SB ").await;
    let (board, cookie) = (word(&granted, 3), word(&granted, 5));
    let mut ada_talks = Bare::open(board).await;
    ada_talks.say(&format!("USR 1 {ADA} {cookie}\r\n")).await;
    ada_talks.until("USR 1 OK").await;
    ada_talks.say(&format!("CAL 2 {BOB}\r\n")).await;
    let ring = bob.until("RNG ").await;
    let (session, cookie) = (word(&ring, 1), word(&ring, 4));
    let mut bob_talks = Bare::open(word(&ring, 2)).await;
    bob_talks.say(&format!("ANS 1 {BOB} {cookie} {session}\r\n")).await;
    bob_talks.until("ANS 1 OK").await;
    ada_talks.until("JOI ").await;
    let head = "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n\r\n";
    let length = head.len() + PACKET;
    let message = [format!("MSG 3 U {length}\r\n{head}").as_bytes(), &[0x5A; PACKET]].concat();
    let many = FILE.div_ceil(PACKET);
    let heard = format!("MSG {ADA} Ada {length}\r\n").len() + length;
    let began = Instant::now();
    let saying = async {
        for _ in 0..many {
            ada_talks.0.get_mut().write_all(&message).await.expect("it is said");
        }
    };
    let hearing = async {
        let (mut left, mut piece) = (many * heard, vec![0; 64 * 1024]);
        while left > 0 {
            let read = bob_talks.0.read(&mut piece).await.expect("it is heard");
            assert!(read > 0, "the link ended");
            left = left.saturating_sub(read);
        }
    };
    tokio::join!(saying, hearing);
    began.elapsed()
}

fn word(line: &str, number: usize) -> &str {
    line.split_whitespace().nth(number).expect("it has so many words")
}

/// A link without an engine.
struct Bare(BufReader<TcpStream>);

impl Bare {
    async fn open(server: &str) -> Self {
        let stream = TcpStream::connect(server).await.expect("it connects");
        stream.set_nodelay(true).expect("it is set");
        Self(BufReader::new(stream))
    }

    async fn say(&mut self, words: &str) {
        self.0.get_mut().write_all(words.as_bytes()).await.expect("it is said");
    }

    /// Gives the next line that begins so.
    async fn until(&mut self, wanted: &str) -> String {
        let mut line = String::new();
        while !line.starts_with(wanted) {
            line.clear();
            assert!(self.0.read_line(&mut line).await.expect("it is read") > 0, "no {wanted}");
        }
        line
    }
}

/// Signs in at MSNP7 by hand.
async fn bare(server: &str, account: &str) -> Bare {
    let mut link = Bare::open(server).await;
    link.say("VER 1 MSNP7 CVR0\r\nINF 2\r\n").await;
    link.until("INF 2").await;
    link.say(&format!("USR 3 MD5 I {account}\r\n")).await;
    let asked = link.until("USR 3 MD5 S").await;
    let challenge = asked.split_whitespace().last().unwrap_or_default();
    let answer = md5_hash::answer(challenge, &"secret".to_owned().into());
    link.say(&format!("USR 4 MD5 S {}\r\n", answer.expose_secret())).await;
    link.until("USR 4 OK").await;
    link.say("SYN 5 0\r\nCHG 6 NLN\r\n").await;
    link.until("CHG 6 NLN").await;
    link
}
