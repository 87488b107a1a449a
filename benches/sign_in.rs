//! Sign-in over the loopback, against its bare round trips and the server's own work.

mod shared;

use std::time::Instant;

use msnp_server::{MemoryDirectory, Network, Options, User};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use shared::{median, ratio, report};

const PAIRS: usize = 60;

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(sign_in());
}

async fn sign_in() {
    let users = vec![User::new("ada@example.com", "secret", "Ada", &[])];
    let network =
        Network::bind(MemoryDirectory::new(users), Options::default()).await.expect("it binds");
    let addresses = network.addresses();
    let mut ratios = Vec::new();
    for _ in 0..PAIRS {
        let began = Instant::now();
        bare_sign_in(&addresses.notification.to_string(), &addresses.http.to_string()).await;
        let bare = began.elapsed();
        let mut config = msnp::Config::new(
            addresses.notification.to_string(),
            "ada@example.com",
            "secret".to_owned().into(),
        );
        config.protocol = msnp::Protocol::Exactly(msnp::Version::Msnp11);
        config.nexus_url = Some(network.nexus_url());
        let began = Instant::now();
        let (handle, events) = msnp::connect(config).await.expect("it signs in");
        ratios.push(ratio(began.elapsed(), bare));
        handle.sign_out().await;
        events.finish().await;
    }
    report("sign_in_wall", median(ratios), 1.5);
    network.shutdown().await;
}

/// The same words in the same order by hand: the round trips a sign-in cannot do without, and the
/// server's own work.
async fn bare_sign_in(notification: &str, http: &str) {
    let stream = TcpStream::connect(notification).await.expect("it connects");
    stream.set_nodelay(true).expect("it is set");
    let mut link = BufReader::new(stream);
    let account = "ada@example.com";
    say(&mut link, "VER 1 MSNP11 CVR0\r\n", "VER").await;
    say(
        &mut link,
        &format!("CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5.0324 msmsgs {account}\r\n"),
        "CVR",
    )
    .await;
    say(&mut link, &format!("USR 3 TWN I {account}\r\n"), "USR").await;
    get(http, "/rdr/pprdr.asp", "").await;
    let authorization = format!(
        "Authorization: Passport1.4 OrgVerb=GET,OrgURL=http,sign-in={account},pwd=secret,ct=1\r\n"
    );
    let answer = get(http, "/login.srf", &authorization).await;
    let ticket = answer.split("from-PP='").nth(1).and_then(|rest| rest.split('\'').next());
    let ticket = ticket.expect("a ticket");
    say(&mut link, &format!("USR 4 TWN S {ticket}\r\n"), "USR 4 OK").await;
    say(&mut link, "SYN 5 0 0\r\n", "PRP").await;
    let personal = "<Data><PSM></PSM><CurrentMedia></CurrentMedia></Data>";
    let words = format!("UUX 6 {}\r\n{personal}CHG 7 NLN 1073774628\r\n", personal.len());
    say(&mut link, &words, "CHG").await;
}

async fn say(link: &mut BufReader<TcpStream>, words: &str, answer: &str) {
    link.get_mut().write_all(words.as_bytes()).await.expect("it is said");
    let mut line = String::new();
    while !line.starts_with(answer) {
        line.clear();
        assert!(link.read_line(&mut line).await.expect("it is read") > 0, "no {answer}");
    }
}

async fn get(http: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(http).await.expect("it connects");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it is answered");
    answer
}
