//! Rate limits: fixed windows, each route and major id with its own.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

/// How many requests a bucket takes in a window.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Requests.
    pub limit: u32,
    /// From the first of them on.
    pub window: Duration,
}

impl Default for Bucket {
    /// What webhooks of the real one are said to have.
    fn default() -> Self {
        Self { limit: 5, window: Duration::from_secs(2) }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) bucket: Bucket,
    windows: HashMap<(&'static str, String), (Instant, u32)>,
    /// How many requests were too many.
    pub(crate) refused: u64,
}

/// Where a bucket stands after a request.
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    left: Duration,
    name: String,
    /// Whether the request was one too many.
    pub(crate) refused: bool,
}

impl Limits {
    pub(crate) fn count(&mut self, route: &'static str, major: &str) -> Standing {
        let Bucket { limit, window } = self.bucket;
        let now = Instant::now();
        let place = (route, major.to_owned());
        let (began, used) = self.windows.entry(place).or_insert((now, 0));
        if now.duration_since(*began) >= window {
            (*began, *used) = (now, 0);
        }
        let left = window.saturating_sub(now.duration_since(*began));
        let refused = *used >= limit;
        if refused {
            self.refused += 1;
        } else {
            *used += 1;
        }
        Standing {
            limit,
            remaining: limit - *used,
            left,
            name: format!("{route} {major}"),
            refused,
        }
    }
}

impl Standing {
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        // Said in milliseconds, and never too little: whoever waits so long is not refused.
        let left = self.left + Duration::from_millis(1);
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let bucket: u64 =
            self.name.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let mut headers = vec![
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            ("x-ratelimit-reset", format!("{:.3}", (epoch + left).as_secs_f64())),
            ("x-ratelimit-reset-after", format!("{:.3}", left.as_secs_f64())),
            ("x-ratelimit-bucket", format!("{bucket:016x}")),
        ];
        if self.refused {
            headers.push(("retry-after", format!("{:.3}", left.as_secs_f64())));
            headers.push(("x-ratelimit-scope", "user".to_owned()));
        }
        headers
    }

    pub(crate) fn seconds_left(&self) -> f64 {
        self.left.as_secs_f64()
    }
}
