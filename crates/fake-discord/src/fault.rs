//! What routes do instead of their work.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// One answer that is not the usual one.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer, and nothing is done.
    Answer {
        /// The status.
        status: u16,
        /// Headers beside the usual ones.
        headers: Vec<(&'static str, String)>,
        /// The body as it is.
        body: String,
    },
    /// The work is done, and the connection is cut before its answer is whole.
    Cut,
    /// The usual answer, so much later.
    Delay(Duration),
    /// No answer ever; nothing is done.
    Hang,
}

impl Fault {
    /// An error of Discord's form.
    pub fn error(status: u16, code: u64, message: &str) -> Self {
        let body = serde_json::json!({ "code": code, "message": message }).to_string();
        Self::Answer { status, headers: Vec::new(), body }
    }

    /// What a proxy in front of a dead server says.
    pub fn bad_gateway() -> Self {
        Self::Answer {
            status: 502,
            headers: Vec::new(),
            body: "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned(),
        }
    }

    /// A 429 of a bucket, with or without the time to wait.
    pub fn limited(after: Option<Duration>, global: bool) -> Self {
        let seconds = after.unwrap_or_default().as_secs_f64();
        let mut headers = Vec::new();
        if let Some(after) = after {
            headers.push(("retry-after", after.as_secs_f64().to_string()));
        }
        if global {
            headers.push(("x-ratelimit-global", "true".to_owned()));
        }
        let body = serde_json::json!({
            "code": 0, "message": "You are being rate limited.", "retry_after": seconds,
            "global": global,
        });
        Self::Answer { status: 429, headers, body: body.to_string() }
    }
}

/// Faults that wait for their routes.
#[derive(Debug, Default)]
pub(crate) struct Script(HashMap<String, VecDeque<Fault>>);

impl Script {
    pub(crate) fn add(&mut self, route: &str, fault: Fault) {
        self.0.entry(route.to_owned()).or_default().push_back(fault);
    }

    pub(crate) fn take(&mut self, route: &str) -> Option<Fault> {
        self.0.get_mut(route)?.pop_front()
    }
}
