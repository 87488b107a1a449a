//! Waiting between attempts: longer each time, never in step with others.

use std::time::Duration;

/// Decorrelated jitter between a least and a longest wait.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    least: Duration,
    longest: Duration,
    last: Duration,
}

impl Backoff {
    /// Begins at the least wait.
    pub(crate) fn new(least: Duration, longest: Duration) -> Self {
        Self { least, longest, last: least }
    }

    /// Gives the next wait: between the least and three times the last, at most the longest.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let upper = (self.last * 3).min(self.longest);
        let spread = upper.saturating_sub(self.least);
        self.last = (self.least + spread.mul_f64(fraction())).min(self.longest);
        self.last
    }

    /// Begins anew after success.
    pub(crate) fn reset(&mut self) {
        self.last = self.least;
    }
}

/// A number from 0 to 1; a machine without randomness waits the longest.
fn fraction() -> f64 {
    let mut bytes = [0xFF; 4];
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_between_their_bounds_and_begin_anew() {
        let (least, longest) = (Duration::from_secs(1), Duration::from_secs(300));
        let mut backoff = Backoff::new(least, longest);
        assert!(backoff.next_wait() <= least * 3);
        for _ in 0..100 {
            let wait = backoff.next_wait();
            assert!(wait >= least && wait <= longest, "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= least * 3);
    }
}
