//! Our client beside msnp11-sdk, each in a process of its own, fed the same by one server.
//!
//! ```text
//! peers                                     everything, as ratios
//! peers client ours|theirs NS HTTP PROGRESS one client that reads lines, and what that took
//! peers idle ours|theirs NS HTTP FROM TO    so many idle clients, and the memory of each
//! peers server USERS                        an embedded network
//! peers relay NS LOGIN PID FROM TO PASSWORD AT_ONCE what a running server spends on a message
//! peers canned LINES                        the server of `client`, for a profiler
//! ```

mod canned;
mod client;
mod count;
mod idle;
mod relay;
mod report;
#[path = "../../shared/mod.rs"]
mod shared;

use std::env;

fn main() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("the first one");
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["client", whose, ns, http, progress] => client::run(whose, ns, http, progress),
        ["idle", whose, ns, http, from, to] => {
            let number = |text: &str| text.parse().expect("a number");
            idle::run(whose, ns, http, number(from), number(to));
        }
        ["relay", ns, login, process, from, to, password, at_once] => {
            let at_once = at_once.parse().expect("a number");
            relay::run(ns, login, process, [from, to], password, at_once);
        }
        ["server", users] => idle::serve(users.parse().expect("a number")),
        ["canned", lines] => canned::serve(lines.parse().expect("a number")),
        _ => report::all(),
    }
}
