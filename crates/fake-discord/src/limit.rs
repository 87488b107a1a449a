//! Rate limits: fixed windows, each route and major id with its own, one for all, and the ban of
//! those who do not listen.

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

/// Where a bucket's window began, and what was taken of it.
#[derive(Clone, Copy, Debug)]
struct Window(Instant, u32);

impl Window {
    /// Takes one, if one is left; gives what remains, and until when.
    fn take(&mut self, bucket: Bucket) -> (Option<u32>, Duration) {
        let Bucket { limit, window } = bucket;
        let now = Instant::now();
        if now.duration_since(self.0) >= window {
            *self = Self(now, 0);
        }
        let left = window.saturating_sub(now.duration_since(self.0));
        if self.1 >= limit {
            return (None, left);
        }
        self.1 += 1;
        (Some(limit - self.1), left)
    }
}

#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) bucket: Bucket,
    /// Buckets of routes that have their own.
    pub(crate) routes: HashMap<String, Bucket>,
    /// What all requests of the bot together may be.
    pub(crate) all: Option<Bucket>,
    /// How often a channel's name or topic may change.
    pub(crate) renames: Bucket,
    /// After how many invalid requests nothing is answered any more.
    pub(crate) ban_after: u64,
    windows: HashMap<(&'static str, String), Window>,
    whole: Option<Window>,
    /// How many requests were too many.
    pub(crate) refused: u64,
    /// How many were refused with 401, 403 or 429.
    pub(crate) invalid: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bucket: Bucket::default(),
            routes: HashMap::new(),
            all: None,
            renames: Bucket { limit: 2, window: Duration::from_secs(600) },
            ban_after: 10_000,
            windows: HashMap::new(),
            whole: None,
            refused: 0,
            invalid: 0,
        }
    }
}

/// Where a bucket stands after a request.
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    left: Duration,
    name: String,
    /// Whether the request was one too many.
    pub(crate) refused: bool,
    /// Whether it was for the bot as a whole.
    pub(crate) global: bool,
}

impl Limits {
    pub(crate) fn count(&mut self, route: &'static str, major: &str) -> Standing {
        let bucket = self.routes.get(route).copied().unwrap_or(self.bucket);
        let fresh = || Window(Instant::now(), 0);
        // Answers to interactions are not counted in the whole.
        let whole = self.all.filter(|_| !route.contains("/interactions/"));
        let (taken, left) = match whole {
            Some(all) => self.whole.get_or_insert_with(fresh).take(all),
            None => (Some(0), Duration::ZERO),
        };
        let global = taken.is_none();
        let (taken, left) = if global {
            (None, left)
        } else {
            let place = (route, major.to_owned());
            self.windows.entry(place).or_insert_with(fresh).take(bucket)
        };
        self.refused += u64::from(taken.is_none());
        Standing {
            limit: bucket.limit,
            remaining: taken.unwrap_or_default(),
            left,
            name: format!("{route} {major}"),
            refused: taken.is_none(),
            global,
        }
    }

    /// Counts a change of a channel's name or topic; gives the seconds to wait if it is too soon.
    pub(crate) fn rename(&mut self, channel: u64) -> Option<f64> {
        let place = ("rename", channel.to_string());
        let window = self.windows.entry(place).or_insert_with(|| Window(Instant::now(), 0));
        let (taken, left) = window.take(self.renames);
        taken.is_none().then(|| {
            self.refused += 1;
            left.as_secs_f64()
        })
    }

    pub(crate) fn note_answer(&mut self, status: u16) {
        self.invalid += u64::from(matches!(status, 401 | 403 | 429));
    }

    pub(crate) fn is_banned(&self) -> bool {
        self.invalid >= self.ban_after
    }
}

impl Standing {
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        // Said in milliseconds, and never too little: whoever waits so long is not refused.
        let left = self.left + Duration::from_millis(1);
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let bucket: u64 =
            self.name.bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        if self.global {
            return vec![
                ("retry-after", format!("{:.3}", left.as_secs_f64())),
                ("x-ratelimit-global", "true".to_owned()),
                ("x-ratelimit-scope", "global".to_owned()),
            ];
        }
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
