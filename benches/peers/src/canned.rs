//! A server that says what MSNP11 clients want to hear, and then many lines at once.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Contacts on the list.
const CONTACTS: usize = 100;
/// The other client reads so much at once and loses what a reading cuts through: whole lines come in
/// blocks of this length.
const BLOCK: usize = 1664;

/// Blocks that may wait to be read.
const AT_ONCE: usize = 32;

/// How lines are cut on their way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// In blocks that end with a line, which both clients can read.
    Whole,
    /// Anywhere.
    Anywhere,
}

/// Where it listens: the notification server, HTTP, and for who says how far the client is.
pub(crate) struct Canned {
    pub(crate) ns: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) progress: SocketAddr,
}

impl Canned {
    /// Gives its addresses as a client's process takes them.
    pub(crate) fn places(&self) -> [String; 3] {
        [self.ns, self.http, self.progress].map(|address| address.to_string())
    }
}

/// Starts a server that says so many lines after the second status; it lives as long as the process.
pub(crate) fn start(lines: usize, cut: Cut) -> Canned {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (ns, http, progress) = (listen(), listen(), listen());
    let address = |listener: &TcpListener| listener.local_addr().expect("an address");
    let progress_at = address(&progress);
    let canned = Canned { ns: address(&ns), http: address(&http), progress: progress_at };
    let web = canned.http;
    thread::spawn(move || {
        for stream in ns.incoming().flatten() {
            let (progress, _) = progress.accept().expect("each client connects twice");
            thread::spawn(move || talk(stream, &progress, lines, cut));
        }
    });
    thread::spawn(move || {
        for stream in http.incoming().flatten() {
            log_in(stream, web);
        }
    });
    canned
}

/// Starts one until it is ended; its first line says where it is.
pub(crate) fn serve(lines: usize) {
    let canned = start(lines, Cut::Whole);
    println!("{}", canned.places().join(" "));
    loop {
        thread::park();
    }
}

/// Nexus and login of the Passport sign-in.
fn log_in(stream: TcpStream, address: SocketAddr) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    let read = reader.read_line(&mut first);
    if read.is_err() {
        return;
    }
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        line.clear();
    }
    let header = match first.contains("pprdr.asp") {
        true => format!("PassportURLs: DALogin=http://{address}/login.srf"),
        false => "Authentication-Info: Passport1.4 da-status=success,from-PP='t=1&p='".to_owned(),
    };
    let answer =
        format!("HTTP/1.1 200 OK\r\n{header}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // A client that went away needs no answer.
    let _ = reader.get_mut().write_all(answer.as_bytes());
}

fn talk(stream: TcpStream, progress: &TcpStream, lines: usize, cut: Cut) {
    stream.set_nodelay(true).expect("it is set");
    let mut reader = BufReader::new(stream);
    let mut statuses = 0;
    let mut line = String::new();
    loop {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(length) if length > 0 => {}
            _ => return,
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = words.get(1).copied().unwrap_or("0");
        let mut answer = match words.first().copied().unwrap_or_default() {
            "VER" => format!("VER {number} MSNP11\r\n"),
            "CVR" => format!("CVR {number} 1.0.0000 1.0.0000 1.0.0000 http://x http://x\r\n"),
            "USR" if words.get(3) == Some(&"I") => format!("USR {number} TWN S ct=1,rver=1\r\n"),
            "USR" => format!("USR {number} OK ada@example.com Ada 1 0\r\n"),
            "SYN" => lists(number),
            "GCF" => format!("GCF {number} Shields.xml 4\r\n<a/>"),
            "CHG" => {
                statuses += 1;
                format!("CHG {}\r\n", words[1..].join(" "))
            }
            "UUX" => {
                let length = words.get(2).and_then(|length| length.parse().ok()).unwrap_or(0);
                let mut payload = vec![0; length];
                if reader.read_exact(&mut payload).is_err() {
                    return;
                }
                format!("UUX {number} 0\r\n")
            }
            "PNG" => "QNG 50\r\n".to_owned(),
            _ => String::new(),
        };
        if line.starts_with("CHG") && statuses == 2 {
            if !feed(reader.get_mut(), progress, std::mem::take(&mut answer), lines, cut) {
                return;
            }
        } else if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn lists(number: &str) -> String {
    let id = |which: usize| format!("{which:08x}-0000-4000-8000-000000000000");
    let head = format!(
        "SYN {number} 2026-01-01T00:00:00.0-08:00 2026-01-01T00:00:00.0-08:00 {CONTACTS} 1\r\n\
         GTC A\r\nBLP AL\r\nPRP MFN Ada\r\nLSG Pals {}\r\n",
        id(1)
    );
    let entries = (0..CONTACTS).map(|which| {
        let (account, contact, group) = (account(which), id(1000 + which), id(1));
        format!("LST N={account} F=Contact%20{which} C={contact} 11 1 {group}\r\n")
    });
    blocks([head].into_iter().chain(entries))
}

/// Puts lines into blocks that each end with a line.
fn blocks(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut block = 0;
    for (which, line) in lines.enumerate() {
        // Room for one more line that fills the block.
        if block + line.len() > BLOCK - 100 {
            text += &filler(BLOCK - block, which);
            block = 0;
        }
        block += line.len();
        text += &line;
    }
    text += &filler(BLOCK - block, 0);
    text
}

fn account(which: usize) -> String {
    format!("contact{which}@example.com")
}

/// Answers, says the lines, and then that somebody added the account, which is the end.
fn feed(
    stream: &mut TcpStream,
    mut progress: &TcpStream,
    answer: String,
    lines: usize,
    cut: Cut,
) -> bool {
    let text = blocks([answer].into_iter().chain((0..lines).map(mixed)));
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut piece = |longest: usize| match cut {
        Cut::Whole => BLOCK,
        Cut::Anywhere => {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % 3000).expect("it fits").clamp(1, longest)
        }
    };
    for blocks in text.as_bytes().chunks(AT_ONCE * BLOCK) {
        let mut rest = blocks;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(piece(rest.len()));
            if stream.write_all(now).is_err() {
                return false;
            }
            rest = later;
        }
        // A reader that lags would find half a block.
        let waits = stream.write_all(b"REM 0 RL N=behind@example.com\r\n");
        if waits.is_err() || progress.read_exact(&mut [0]).is_err() {
            return false;
        }
    }
    stream.write_all(b"ADC 0 RL N=end@example.com F=end\r\n").is_ok()
}

/// What a server says of an evening.
fn mixed(which: usize) -> String {
    let account = account(which % CONTACTS);
    match which % 5 {
        0 => format!("NLN AWY {account} Contact%20{which} 268435492\r\n"),
        1 => {
            let words =
                format!("<Data><PSM>gone for {which}</PSM><CurrentMedia></CurrentMedia></Data>");
            format!("UBX {account} {}\r\n{words}", words.len())
        }
        2 => {
            let object =
                "%3Cmsnobj%20Creator%3D%22a%22%20Size%3D%2224539%22%20Type%3D%223%22%2F%3E";
            format!("NLN NLN {account} Contact%20{which} 268435492 {object}\r\n")
        }
        3 => format!("FLN {account}\r\n"),
        _ => format!("NLN BSY {account} Kontakt%20%C3%BC%20{which} 268435492\r\n"),
    }
}

/// A line of presence that is exactly so long.
fn filler(length: usize, which: usize) -> String {
    let (head, tail) = (format!("NLN IDL {} ", account(which % CONTACTS)), " 0\r\n");
    format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
}
