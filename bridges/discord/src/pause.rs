//! The pause that all requests keep when Discord limits the bot as a whole.

use std::{sync::Mutex, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::lock::lock;

/// Until when nothing may be asked.
#[derive(Default)]
pub(crate) struct Pause(Mutex<Option<Instant>>);

impl Pause {
    /// Holds everything for so long from now.
    pub(crate) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut end = lock(&self.0);
        *end = (*end).max(Some(until));
    }

    /// Waits until requests may be made.
    pub(crate) async fn over(&self) {
        loop {
            let end = *lock(&self.0);
            match end.filter(|end| *end > Instant::now()) {
                Some(end) => sleep_until(end).await,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_for_the_longest_pause() {
        let pause = Pause::default();
        pause.over().await;
        let began = Instant::now();
        pause.hold(Duration::from_secs(5));
        pause.hold(Duration::from_secs(2));
        pause.over().await;
        assert_eq!(began.elapsed(), Duration::from_secs(5));
    }
}
