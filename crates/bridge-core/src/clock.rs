//! Time as the core counts it: it begins with the wall clock and goes on by itself.
//!
//! How old a row is and what may be forgotten is reckoned in it, so that a wall clock set hours ahead
//! does not expire all that waits at once, and one set back does not keep it for ever. A running core
//! never sees such a jump; the next one begins with what the wall clock says then.

use tokio::time::Instant;

use crate::id::Timestamp;

/// The time of one core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: Timestamp,
    began: Instant,
}

impl Clock {
    /// Begins at a moment of the wall clock.
    pub(crate) fn starting_at(wall: Timestamp) -> Self {
        Self { wall, began: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.wall.0.saturating_add(passed))
    }

    /// Tells how many milliseconds old something is. What seems to come from the future was stamped
    /// before the wall clock was set back, and is as old as this core.
    pub(crate) fn age(&self, of: Timestamp) -> u64 {
        let now = self.now().0;
        now.checked_sub(of.0).unwrap_or_else(|| now.saturating_sub(self.wall.0))
    }
}
