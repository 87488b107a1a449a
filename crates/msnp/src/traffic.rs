//! What goes over the links, counted for those who watch over the program.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use metrics::Counter;
use msnp_proto::session::Traffic;

/// Commands that came and went.
pub const FRAMES: &str = "msnp_frames_total";
/// Commands that could not be understood (`odd`), and links that brought what was none (`broken`).
pub const PROTOCOL_ERRORS: &str = "msnp_protocol_errors_total";

/// Passes a session's counts on, each count once.
pub(crate) struct Counts {
    counted: Traffic,
    heard: Arc<AtomicU64>,
    frames_in: Counter,
    frames_out: Counter,
    odd: Counter,
    broken: Counter,
}

impl Counts {
    pub(crate) fn new(heard: Arc<AtomicU64>) -> Self {
        Self {
            counted: Traffic::default(),
            heard,
            frames_in: metrics::counter!(FRAMES, "dir" => "in"),
            frames_out: metrics::counter!(FRAMES, "dir" => "out"),
            odd: metrics::counter!(PROTOCOL_ERRORS, "kind" => "odd"),
            broken: metrics::counter!(PROTOCOL_ERRORS, "kind" => "broken"),
        }
    }

    pub(crate) fn pass_on(&mut self, now: Traffic) {
        if now == self.counted {
            return;
        }
        let before = std::mem::replace(&mut self.counted, now);
        self.heard.store(now.heard, Ordering::Relaxed);
        for (counter, before, now) in [
            (&self.frames_in, before.heard, now.heard),
            (&self.frames_out, before.said, now.said),
            (&self.odd, before.odd, now.odd),
            (&self.broken, before.broken, now.broken),
        ] {
            if now > before {
                counter.increment(now - before);
            }
        }
    }
}
