//! Both clients in turn, and what comes of it as ratios.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use crate::{
    canned::{self, Canned, Cut},
    shared::{median, report},
};

const LINES: usize = 100_000;
/// Lines under the instruction counter, which is slow.
const COUNTED: usize = 10_000;
const PAIRS: usize = 15;
/// Idle clients that are there before memory is looked at, and after; the other client keeps an HTTP
/// client for each and is slow to sign in.
const IDLE: [(&str, usize, usize); 2] = [("theirs", 200, 1_200), ("ours", 1_000, 10_000)];

pub(crate) fn all() {
    let canned = canned::start(LINES, Cut::Whole);
    let (mut cpu, mut allocations) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let ([ours, ours_allocated, heard], [theirs, theirs_allocated, _]) =
            (client("ours", &canned), client("theirs", &canned));
        assert!(heard >= LINES as f64, "lines were lost: {heard}");
        cpu.push(ours / theirs);
        allocations.push(ours_allocated / theirs_allocated);
    }
    report("peer_cpu_per_command", median(cpu), 1.0 / 3.0);
    report("peer_allocations", median(allocations), 0.25);
    let empty = canned::start(0, Cut::Whole);
    let some = canned::start(COUNTED, Cut::Whole);
    let counted = |whose| instructions(whose, &some) - instructions(whose, &empty);
    report("peer_instructions", counted("ours") / counted("theirs"), 0.25);
    let cut = canned::start(LINES, Cut::Anywhere);
    let [_, _, heard] = client("ours", &cut);
    report("lost_lines_cut_anywhere", (LINES as f64 - heard).max(0.0), 0.0);
    let [theirs, ours] = IDLE.map(|(whose, from, to)| idle(whose, from, to));
    println!("an idle client: ours {:.1} KiB, theirs {:.1} KiB", ours.0, theirs.0);
    report("peer_idle_memory", ours.0 / theirs.0, 1.0 / 3.0);
    report("idle_kib", ours.0, 24.0);
    report("idle_descriptors", ours.1, 1.0);
    let (few, storm) = (idle("ours", 20, 70), idle("ours", 20, 1_020));
    report("storm_of_1000_cpu", storm.2 / few.2, 1.25);
}

/// The numbers in a line such as `cpu 1 heard 2`.
fn numbers<const N: usize>(line: &str) -> [f64; N] {
    let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    let numbers: Vec<f64> = numbers.collect();
    numbers.try_into().unwrap_or_else(|_| panic!("not what was asked for: {line}"))
}

fn this() -> std::path::PathBuf {
    env::current_exe().expect("this program has a path")
}

fn client(whose: &str, canned: &Canned) -> [f64; 3] {
    let output = Command::new(this()).args(["client", whose]).args(canned.places()).output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    numbers(&String::from_utf8_lossy(&output.stdout))
}

/// Counts a client's instructions.
fn instructions(whose: &str, canned: &Canned) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this())
        .args(["client", whose])
        .args(canned.places())
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find_map(|line| line.split_once("Collected :"));
    let number = line.and_then(|(_, number)| number.trim().parse().ok());
    number.unwrap_or_else(|| panic!("valgrind counted nothing: {said}"))
}

/// KiB of memory, descriptors and processor nanoseconds of one idle client.
fn idle(whose: &str, from: usize, to: usize) -> (f64, f64, f64) {
    let (server, place) = server(to);
    let mut words = place.split_whitespace();
    let places = [words.next().expect("an address"), words.next().expect("an address")];
    let numbers_of = [from.to_string(), to.to_string()];
    let output = Command::new(this()).args(["idle", whose]).args(places).args(numbers_of).output();
    let output = output.expect("it starts");
    end(server);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [memory, descriptors, cpu] = numbers(&String::from_utf8_lossy(&output.stdout));
    let more = (to - from) as f64;
    (memory / 1024.0, descriptors / more, cpu)
}

fn server(users: usize) -> (Child, String) {
    let mut server = Command::new(this())
        .args(["server", &users.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = server.stdout.as_mut().expect("it is read");
    BufReader::new(out).read_line(&mut line).expect("it says where it is");
    (server, line)
}

fn end(mut server: Child) {
    if let Some(stdin) = &mut server.stdin {
        stdin.write_all(b"end\n").expect("it listens");
    }
    server.wait().expect("it ends");
}
