//! The embedded network, word by word, as a client that nobody here wrote would hear it.

mod later;
mod recorded;

use std::time::Duration;

use msnp_server::{MemoryDirectory, Network, Options, Script, User};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(5);

struct Wire {
    stream: TcpStream,
    heard: String,
}

impl Wire {
    async fn connect(address: std::net::SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.expect("it listens"),
            heard: String::new(),
        }
    }

    async fn say(&mut self, words: &str) {
        self.stream.write_all(words.as_bytes()).await.expect("it is said");
    }

    /// Waits until something was said, and gives all that was said up to the end of its line.
    async fn hear(&mut self, wanted: &str) -> String {
        self.hear_until(wanted, |heard| heard.find('\n').map(|end| end + 1)).await
    }

    /// Waits until something was said, and gives all that was said up to its end: payloads end in no line.
    async fn hear_part(&mut self, wanted: &str) -> String {
        self.hear_until(wanted, |_| Some(wanted.len())).await
    }

    async fn hear_until(&mut self, wanted: &str, end: impl Fn(&str) -> Option<usize>) -> String {
        let heard = async {
            loop {
                let at = self.heard.find(wanted);
                let end = at.and_then(|at| Some(at + end(self.heard.get(at..)?)?));
                if let Some(end) = end {
                    return self.heard.drain(..end).collect();
                }
                let mut bytes = Vec::with_capacity(4096);
                let length = self.stream.read_buf(&mut bytes).await.expect("the link lives");
                assert!(length > 0, "closed before {wanted:?}: {}", self.heard);
                self.heard.push_str(&String::from_utf8_lossy(&bytes));
            }
        };
        timeout(SOON, heard).await.unwrap_or_else(|_| panic!("{wanted:?} does not come"))
    }

    async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        timeout(SOON, self.stream.read_to_end(&mut rest)).await.is_ok()
    }
}

async fn network() -> Network {
    let users = vec![
        User::new(
            "alice@example.com",
            "secret",
            "Alice A",
            &["bob@example.com", "echo@example.com"],
        ),
        User::new("bob@example.com", "secret", "Bob", &["alice@example.com"]),
        User::new("echo@example.com", "secret", "Echo", &["alice@example.com"])
            .with_script(Script::Echo),
    ];
    Network::bind(MemoryDirectory::new(users), Options::default())
        .await
        .expect("the loopback is free")
}

async fn ticket(network: &Network, account: &str, password: &str) -> String {
    let mut wire = Wire::connect(network.addresses().http).await;
    wire.say(&format!(
        "GET /login.srf HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Passport1.4 \
         OrgVerb=GET,OrgURL=http,sign-in={account},pwd={password},ct=1\r\n\r\n"
    ))
    .await;
    let mut answer = String::new();
    timeout(SOON, wire.stream.read_to_string(&mut answer))
        .await
        .expect("it answers")
        .expect("it is text");
    answer
        .split("from-PP='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap_or(&answer)
        .to_owned()
}

async fn sign_in(network: &Network, account: &str, version: u8) -> Wire {
    let mut wire = Wire::connect(network.addresses().notification).await;
    wire.say(&format!("VER 1 MSNP{version} CVR0\r\n")).await;
    assert_eq!(wire.hear("VER").await, format!("VER 1 MSNP{version}\r\n"));
    wire.say(&format!("CVR 2 0x0409 winnt 5.1 i386 MSNMSGR 7.5.0324 msmsgs {account}\r\n")).await;
    wire.hear("CVR 2 7.5.0324").await;
    wire.say(&format!("USR 3 TWN I {account}\r\n")).await;
    wire.hear("USR 3 TWN S ").await;
    let ticket = ticket(network, account, "secret").await;
    wire.say(&format!("USR 4 TWN S {ticket}\r\n")).await;
    wire.hear("USR 4 OK").await;
    wire
}

#[tokio::test]
async fn the_lists_have_the_form_of_their_version() {
    let network = network().await;
    for (version, wanted) in [
        (8, ["SYN 5 1 2 1\r\n", "LST bob@example.com Bob 11 0\r\n"]),
        (9, ["LSG 0 Other%20Contacts 0\r\n", "LST echo@example.com Echo 11 0\r\n"]),
        (10, ["PRP MFN Alice%20A\r\n", "LST N=bob@example.com F=Bob C="]),
        (11, ["GTC A\r\n", "LST N=echo@example.com F=Echo C="]),
        (12, ["BLP AL\r\n", " 11 1\r\n"]),
    ] {
        let mut wire = sign_in(&network, "alice@example.com", version).await;
        let second = if version >= 10 { " 0" } else { "" };
        wire.say(&format!("SYN 5 0{second}\r\n")).await;
        for part in wanted {
            let heard = wire.hear(part.trim_end()).await;
            assert!(heard.contains(part), "{version}: {heard:?}");
        }
        wire.say("OUT\r\n").await;
        assert!(wire.is_closed().await);
    }
}

#[tokio::test]
async fn lists_and_groups_are_changed_in_the_words_of_each_version() {
    let network = network().await;
    let mut bob = sign_in(&network, "bob@example.com", 12).await;
    bob.say("SYN 5 0 0\r\nCHG 6 NLN 0\r\n").await;
    let group = bob.hear("CHG 6").await;
    assert!(group.contains("LST N=alice@example.com F=Alice%20A C="), "{group}");
    for (said, wanted) in [
        ("ADG 7 Old%20Pals", "ADG 7 Old%20Pals 00000000-0000-4000-9000-000000000001\r\n"),
        ("ADG 8 Old%20Pals", "228 8\r\n"),
        (
            "REG 9 00000000-0000-4000-9000-000000000001 Pals",
            "REG 9 00000000-0000-4000-9000-000000000001 Pals\r\n",
        ),
        ("RMG 10 00000000-0000-4000-9000-000000000002", "224 10\r\n"),
        ("REM 11 FL alice@example.com", "216 11\r\n"),
        ("ADC 12 BL N=alice@example.com", "ADC 12 BL N=alice@example.com\r\n"),
        ("REM 13 AL alice@example.com", "REM 13 AL alice@example.com\r\n"),
        ("ADC 14 BL N=alice@example.com", "215 14\r\n"),
        ("ADC 15 AL N=nobody@example.com", "208 15\r\n"),
        ("ADC 16 RL N=alice@example.com", "201 16\r\n"),
        ("BLP 17 BL", "BLP 17 BL\r\n"),
        ("BLP 18 BL", "218 18\r\n"),
        ("REA 19 alice@example.com A", "502 19\r\n"),
    ] {
        bob.say(&format!("{said}\r\n")).await;
        let (verb, number) = (wanted.split(' ').next(), said.split(' ').nth(1));
        let heard = bob.hear(&format!("{} {}", verb.unwrap_or(""), number.unwrap_or(""))).await;
        assert!(heard.ends_with(wanted), "{said}: {heard:?}");
    }
    let mut echo = sign_in(&network, "bob@example.com", 8).await;
    echo.say("SYN 5 0\r\n").await;
    let lists = echo.hear("LST alice@example.com").await;
    for wanted in
        ["SYN 5 1 1 2\r\n", "BLP BL\r\n", "LSG 0 Other%20Contacts 0\r\n", "LSG 1 Pals 0\r\n"]
    {
        assert!(lists.contains(wanted), "{lists}");
    }
    assert!(lists.ends_with("LST alice@example.com Alice%20A 13 0\r\n"), "{lists}");
    for (said, wanted) in [
        ("ADD 6 FL alice@example.com Alice 1", "ADD 6 FL 2 alice@example.com Alice 1\r\n"),
        ("RMG 7 1", "227 7\r\n"),
        ("REM 8 FL alice@example.com 1", "REM 8 FL 3 alice@example.com 1\r\n"),
        ("REM 9 FL alice@example.com 0", "REM 9 FL 4 alice@example.com 0\r\n"),
        ("RMG 10 1", "RMG 10 5 1\r\n"),
        ("RMG 11 0", "230 11\r\n"),
        ("ADD 12 FL nobody@example.com x", "205 12\r\n"),
        ("REA 13 alice@example.com Al", "REA 13 6 alice@example.com Al\r\n"),
        ("REM 14 FL alice@example.com", "REM 14 FL 7 alice@example.com\r\n"),
    ] {
        echo.say(&format!("{said}\r\n")).await;
        let (verb, number) = (wanted.split(' ').next(), said.split(' ').nth(1));
        let heard = echo.hear(&format!("{} {}", verb.unwrap_or(""), number.unwrap_or(""))).await;
        assert!(heard.ends_with(wanted), "{said}: {heard:?}");
    }
}

#[tokio::test]
async fn presence_and_calls_reach_the_other_side() {
    let network = network().await;
    let mut alice = sign_in(&network, "alice@example.com", 11).await;
    alice.say("SYN 5 0 0\r\nCHG 6 NLN 268435456\r\n").await;
    alice.hear("ILN 6 NLN echo@example.com Echo 2684354592 %3Cmsnobj").await;
    let mut bob = sign_in(&network, "bob@example.com", 12).await;
    bob.say("CHG 5 BSY 268435456\r\n").await;
    alice.hear("NLN BSY bob@example.com Bob 268435456").await;

    let (mut board, mut answer) = conversation(&mut alice, &mut bob).await;
    board.say("MSG 3 A 4\r\n\r\nhi").await;
    board.hear("ACK 3").await;
    answer.hear("MSG alice@example.com Alice%20A 4").await;
    answer.say("OUT\r\n").await;
    board.hear("BYE bob@example.com").await;
    board.say("MSG 4 N 4\r\n\r\nhi").await;
    board.hear("NAK 4").await;
    bob.say("OUT\r\n").await;
    alice.hear("FLN bob@example.com").await;
}

/// Lets Alice call Bob; gives the ends of both.
async fn conversation(alice: &mut Wire, bob: &mut Wire) -> (Wire, Wire) {
    alice.say("XFR 7 SB\r\n").await;
    let transfer = alice.hear("XFR 7 SB").await;
    let [.., board, "CKI", cookie] = *transfer.split_whitespace().collect::<Vec<_>>() else {
        panic!("{transfer}")
    };
    let mut board = Wire::connect(board.parse().expect("an address")).await;
    board.say(&format!("USR 1 alice@example.com {cookie}\r\nCAL 2 bob@example.com\r\n")).await;
    board.hear("USR 1 OK alice@example.com Alice%20A").await;
    board.hear("CAL 2 RINGING").await;

    let ring = bob.hear("RNG").await;
    let (_, ring) = ring.split_once("RNG ").expect("a ring");
    let [session, place, "CKI", cookie, ..] = *ring.split_whitespace().collect::<Vec<_>>() else {
        panic!("{ring}")
    };
    let mut answer = Wire::connect(place.parse().expect("an address")).await;
    answer.say(&format!("ANS 1 bob@example.com {cookie} {session}\r\n")).await;
    answer.hear("IRO 1 1 1 alice@example.com Alice%20A").await;
    answer.hear("ANS 1 OK").await;
    board.hear("JOI bob@example.com Bob").await;
    (board, answer)
}

#[tokio::test]
async fn floods_both_ways_are_held_back_and_lose_nothing() {
    const MESSAGES: usize = 20_000;
    let network = network().await;
    let mut alice = sign_in(&network, "alice@example.com", 11).await;
    let mut bob = sign_in(&network, "bob@example.com", 11).await;
    alice.say("CHG 6 NLN 0\r\n").await;
    bob.say("CHG 6 NLN 0\r\n").await;
    alice.hear("CHG 6").await;
    bob.hear("CHG 6").await;
    let (board, answer) = conversation(&mut alice, &mut bob).await;
    let flood = async |wire: Wire, name: &str| {
        let head = format!("MSG {name} 1200\r\n").len();
        let (mut reader, mut writer) = wire.stream.into_split();
        let message = [b"MSG 3 U 1200\r\n".as_slice(), &[b'x'; 1200]].concat();
        let saying = async {
            for _ in 0..MESSAGES {
                writer.write_all(&message).await.expect("it is said");
            }
            writer
        };
        let hearing = async {
            let (mut left, mut bytes) = (MESSAGES * (head + 1200), vec![0; 64 * 1024]);
            while left > 0 {
                let heard = timeout(SOON, reader.read(&mut bytes)).await.expect("it goes on");
                let heard = heard.expect("it is heard");
                assert!(heard > 0, "closed with {left} bytes to come");
                left -= heard;
            }
        };
        tokio::join!(saying, hearing)
    };
    let both = (flood(board, "bob@example.com Bob"), flood(answer, "alice@example.com Alice%20A"));
    tokio::join!(both.0, both.1);
}

/// Signs in by the hash of the server's challenge, as before MSNP8.
async fn sign_in_by_hash(network: &Network, account: &str, version: u8) -> Wire {
    let mut wire = Wire::connect(network.addresses().notification).await;
    wire.say(&format!("VER 1 MSNP{version}\r\n")).await;
    wire.hear("VER 1").await;
    wire.say("INF 2\r\n").await;
    assert_eq!(wire.hear("INF 2").await, "INF 2 MD5\r\n");
    wire.say(&format!("USR 3 MD5 I {account}\r\n")).await;
    let heard = wire.hear("USR 3 MD5 S").await;
    let challenge = heard.trim_end().rsplit(' ').next().expect("a challenge");
    let answer = msnp_proto::auth::md5_hash::answer(challenge, &"secret".to_owned().into());
    wire.say(&format!("USR 4 MD5 S {}\r\n", secrecy::ExposeSecret::expose_secret(&answer))).await;
    wire.hear("USR 4 OK").await;
    wire
}

#[tokio::test]
async fn old_lists_are_numbered_line_by_line() {
    let network = network().await;
    let mut wire = sign_in_by_hash(&network, "alice@example.com", 7).await;
    wire.say("SYN 5 0\r\n").await;
    let lists = wire.hear("LST 5 RL 1 2 2").await;
    for wanted in [
        "SYN 5 1\r\n",
        "GTC 5 1 A\r\n",
        "BLP 5 1 AL\r\n",
        "LSG 5 1 1 1 0 Other%20Contacts 0\r\n",
        "LST 5 FL 1 1 2 bob@example.com Bob 0\r\n",
        "LST 5 AL 1 1 2 bob@example.com Bob\r\n",
        "LST 5 BL 1 0 0\r\n",
    ] {
        assert!(lists.contains(wanted), "{wanted:?}: {lists}");
    }
    let mut old = sign_in_by_hash(&network, "bob@example.com", 2).await;
    old.say("SYN 5 0\r\nCHG 6 NLN\r\n").await;
    let lists = old.hear("CHG 6 NLN\r\n").await;
    assert!(lists.contains("LST 5 FL 1 1 1 alice@example.com Alice%20A\r\n"), "{lists}");
    assert!(!lists.contains("LSG"), "{lists}");
}

#[tokio::test]
async fn people_of_different_versions_see_each_other_each_in_its_own_words() {
    let network = network().await;
    let mut bob = sign_in_by_hash(&network, "bob@example.com", 2).await;
    bob.say("SYN 5 0\r\nCHG 6 NLN\r\n").await;
    bob.hear("CHG 6 NLN").await;
    for (version, first) in [
        (8, "ILN 6 NLN bob@example.com Bob 0\r\n"),
        (12, "ILN 6 NLN bob@example.com Bob 0\r\n"),
        (13, "ILN 6 NLN bob@example.com Bob 0\r\n"),
        (14, "ILN 6 NLN bob@example.com 1 Bob 0\r\n"),
    ] {
        let mut alice = sign_in(&network, "alice@example.com", version).await;
        if version >= 13 {
            alice.say("SYN 5 0 0\r\n").await;
            alice.hear("502 5").await;
            let payload = "<ml l=\"1\"></ml>";
            alice.say(&format!("ADL 7 {}\r\n{payload}", payload.len())).await;
            alice.hear("ADL 7 OK").await;
        }
        alice.say("CHG 6 BSY 268435456\r\n").await;
        let heard = alice.hear("ILN 6 NLN bob@example.com").await;
        assert!(heard.ends_with(first), "{version}: {heard}");
        let heard = bob.hear("BSY alice@example.com").await;
        assert!(heard.ends_with("NLN BSY alice@example.com Alice%20A\r\n"), "{version}: {heard}");
        alice.say("OUT\r\n").await;
        let heard = bob.hear("FLN alice@example.com").await;
        assert!(heard.ends_with("FLN alice@example.com\r\n"), "{version}: {heard}");
    }
}

#[tokio::test]
async fn lists_told_by_document_change_the_same_lists() {
    let network = network().await;
    let mut alice = sign_in(&network, "alice@example.com", 14).await;
    let mut bob = sign_in(&network, "bob@example.com", 12).await;
    bob.say("SYN 5 0 0\r\nCHG 6 NLN 0\r\n").await;
    bob.hear("CHG 6").await;
    let person = |lists: u8| {
        let payload =
            format!("<ml><d n=\"example.com\"><c n=\"bob\" l=\"{lists}\" t=\"1\"/></d></ml>");
        format!("{}\r\n{payload}", payload.len())
    };
    alice.say(&format!("RML 5 {}", person(1))).await;
    alice.hear("RML 5 OK").await;
    bob.hear("REM 0 RL alice@example.com").await;
    alice.say(&format!("ADL 6 {}", person(1))).await;
    alice.hear("ADL 6 OK").await;
    bob.hear("ADC 0 RL N=alice@example.com F=Alice%20A").await;
    bob.say("REM 7 FL nobody\r\nREM 8 AL alice@example.com\r\n").await;
    bob.hear("REM 8 AL").await;
    let payload = "<ml><d n=\"example.com\"><c n=\"nobody\"/></d></ml>";
    alice.say(&format!("FQY 9 {}\r\n{payload}", payload.len())).await;
    alice.hear("208 9").await;
    alice.say("ADL 10 3\r\nxml").await;
    alice.hear("241 10").await;
}

#[tokio::test]
async fn who_may_not_in_stays_out() {
    let network = network().await;
    assert!(ticket(&network, "alice@example.com", "wrong").await.starts_with("HTTP/1.1 401"));
    assert!(ticket(&network, "nobody@example.com", "secret").await.starts_with("HTTP/1.1 401"));
    let mut wire = Wire::connect(network.addresses().notification).await;
    wire.say("VER 1 MSNP12\r\nUSR 2 TWN I alice@example.com\r\nUSR 3 TWN S t=guessed\r\n").await;
    wire.hear("911 3").await;
    assert!(wire.is_closed().await);
    let mut board = Wire::connect(network.addresses().switchboard).await;
    board.say("USR 1 alice@example.com guessed\r\n").await;
    board.hear("911 1").await;
    assert!(board.is_closed().await);
}

#[tokio::test]
async fn libpurple_finds_the_sign_in_and_its_answer() {
    let network = network().await;
    let mut wire = Wire::connect(network.addresses().http).await;
    wire.say("POST //RST.srf HTTP/1.1\r\nHost: login.live.com\r\nContent-Length: 4\r\n\r\n<a/>")
        .await;
    assert_eq!(wire.hear("HTTP/1.1").await.trim(), "HTTP/1.1 200 OK");
    wire.hear("Content-Length: ").await;
}

#[tokio::test]
async fn rubbish_ends_its_own_link_and_no_other() {
    let network = network().await;
    let mut alice = sign_in(&network, "alice@example.com", 11).await;
    let endless = "A".repeat(20_000);
    for rubbish in
        ["USR\r\n", "MSG 1 A -1\r\n", "UUX 1 99999999999\r\n", "\u{0}\u{1}\r\n", endless.as_str()]
    {
        let mut wire = Wire::connect(network.addresses().notification).await;
        // It may be closed while it still speaks.
        let _ = wire.stream.write_all(rubbish.as_bytes()).await;
        assert!(wire.is_closed().await, "{:?}", &rubbish[..rubbish.len().min(20)]);
    }
    alice.say("PNG\r\n").await;
    alice.hear("QNG 60").await;
    alice.say("BLA 9\r\nXYZ\r\nPNG\r\n").await;
    alice.hear("QNG 60").await;
}

#[tokio::test]
async fn a_link_with_130_messages_in_flight_lives() {
    let network = network().await;
    let mut alice = sign_in(&network, "alice@example.com", 11).await;
    alice.say("CHG 6 NLN 0\r\nXFR 7 SB\r\n").await;
    let transfer = alice.hear("XFR 7 SB").await;
    let words: Vec<&str> = transfer.trim().rsplit(' ').take(3).collect();
    let mut board = Wire::connect(words[2].parse().expect("an address")).await;
    board.say(&format!("USR 1 alice@example.com {}\r\nCAL 2 echo@example.com\r\n", words[0])).await;
    board.hear("JOI echo@example.com").await;
    let burst: String = (3..133).map(|number| format!("MSG {number} A 4\r\n\r\nhi")).collect();
    board.say(&burst).await;
    board.hear("ACK 132").await;
}

#[test]
fn a_users_file_says_what_is_wrong_with_it() {
    let wrong = MemoryDirectory::parse("[[user]]\naddress = \"a@b\"\npasswort = \"x\"\n").err();
    let text = wrong.expect("it is wrong").to_string();
    assert!(text.contains("passwort") || text.contains("password"), "{text}");
}
