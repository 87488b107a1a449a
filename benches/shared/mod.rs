//! What the benchmarks have in common: ratios, their median, and the line they print.
#![allow(dead_code, reason = "each benchmark uses its part")]

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

/// A plain file: the least a disk can be asked for.
pub(crate) struct Append(File);

impl Append {
    /// Makes a file in a directory.
    pub(crate) fn new(directory: &Path) -> Self {
        Self(File::create(directory.join("plain")).expect("it is made"))
    }

    /// Times one append of 512 bytes and its sync.
    pub(crate) fn append(&mut self) -> Duration {
        let began = Instant::now();
        self.0.write_all(&[0x5A; 512]).expect("it is written");
        self.0.sync_data().expect("it is synced");
        began.elapsed()
    }
}

pub(crate) fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

pub(crate) fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::INFINITY)
}

pub(crate) fn report(name: &str, value: f64, bar: f64) {
    println!("ratio {name} {value:.2} <= {bar:.2} {}", if value <= bar { "ok" } else { "MISS" });
}
