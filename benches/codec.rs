//! Frame and typed decode of lines, against what no codec can do without: finding the line's end and
//! its words.

mod shared;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use msnp_proto::{Direction, Framer, Limits, LinkKind, ServerCommand, Version};

use shared::{median, ratio, report};

/// Pairs measured in turn.
const PAIRS: usize = 500;
/// Lines of one measurement.
const LINES: usize = 4_000;

fn main() {
    let script = script();
    let ratios = (0..PAIRS).map(|_| {
        let bare = time(|| split(&script));
        ratio(time(|| decode(&script)), bare)
    });
    report("decode_line", median(ratios.collect()), 3.0);
}

/// What a notification server says all day.
fn script() -> Vec<u8> {
    let lines = [
        "NLN BSY ada@example.com Ada%20Lovelace 268435456 0\r\n",
        "ILN 7 NLN bob@example.com Bob 268435456\r\n",
        "FLN carol@example.com\r\n",
        "QNG 60\r\n",
        "ACK 12\r\n",
        "JOI dave@example.com Dave 268435456\r\n",
        "CHG 8 AWY 268435456\r\n",
        "LST N=erin@example.com F=Erin C=f74b7ac1-0000-0000-0000-000000000001 11 1\r\n",
    ];
    lines.iter().cycle().take(LINES).flat_map(|line| line.bytes()).collect()
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// The least there is to do: lines, and up to eight borrowed words of each.
fn split(script: &[u8]) {
    let mut rest = script;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end + 1);
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut words: [&[u8]; 8] = [&[]; 8];
        for (slot, word) in words.iter_mut().zip(line.split(|byte| *byte == b' ')) {
            *slot = word;
        }
        black_box(&words);
        rest = after;
    }
}

/// The whole way: pieces as a socket brings them, frames, typed commands.
fn decode(script: &[u8]) {
    let mut framer = Framer::new(LinkKind::Notification, Direction::ToClient, Limits::default());
    for piece in script.chunks(16 * 1024) {
        framer.push(piece);
        while let Ok(Some(frame)) = framer.next() {
            let command = ServerCommand::decode(&frame, Version::Msnp12, LinkKind::Notification);
            let _ = black_box(&command);
        }
    }
}
