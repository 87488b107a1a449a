//! What is counted and measured: names that stay, for they are in people's dashboards.
//!
//! Labels have few values and never hold what somebody wrote.

use std::time::Duration;

use crate::{
    id::NetworkId,
    model::{EventKind, Signal},
};

/// A measure: its name, its kind, its labels, what it says.
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Events taken in, and events shown.
pub const EVENTS: &str = "bridge_events_total";
/// From an event's acceptance to the place's answer.
pub const DELIVERY: &str = "bridge_delivery_seconds";
/// Deliveries that ended otherwise.
pub const FAILURES: &str = "bridge_failures_total";
/// Sign-ins that ended one way or another.
pub const LOGINS: &str = "bridge_logins_total";
/// Files fetched for their legs.
pub const FILES: &str = "bridge_files_total";
/// Bytes of the files that are kept.
pub const SPOOL: &str = "bridge_spool_bytes";
/// How many conversations there are.
pub const PORTALS: &str = "bridge_portals";
/// Accounts by how they are doing.
pub const PUPPETS: &str = "bridge_puppets";
/// The age of the row that waits longest.
pub const OLDEST: &str = "bridge_waiting_oldest_seconds";
/// Rows that legs still need.
pub const WAITING: &str = "bridge_waiting_rows";
/// How long platforms asked us to wait.
pub const RATE_LIMIT: &str = "adapter_rate_limit_wait_seconds";
/// Events that could not be read.
pub const UNDECODABLE: &str = "adapter_undecodable_total";
/// How long a commit takes.
pub const COMMIT_SECONDS: &str = "store_commit_seconds";
/// Operations stored at once.
pub const BATCH_ROWS: &str = "store_batch_rows";
/// Commits since the start.
pub const COMMITS: &str = "store_commits_total";
/// Bytes of the store on disk.
pub const DISK: &str = "store_disk_bytes";
/// How often the store did not answer in time.
pub const STALLS: &str = "store_thread_stalls_total";
/// Syncs since the start.
pub const SYNCS: &str = "store_syncs_total";

/// Edges of the buckets of times, in seconds.
pub const SECONDS: [f64; 13] =
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0];
/// Edges of the buckets of counts.
pub const COUNTS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0];

/// All measures, by name. Those of the MSN protocol are counted by its own crates.
pub const ALL: &[Measure] = &[
    Measure {
        name: RATE_LIMIT,
        kind: "histogram",
        labels: &["network"],
        help: "how long a platform asked the bridge to wait",
    },
    Measure {
        name: UNDECODABLE,
        kind: "counter",
        labels: &["network"],
        help: "events that could not be read and were passed over",
    },
    Measure {
        name: DELIVERY,
        kind: "histogram",
        labels: &["from", "to"],
        help: "from an event's acceptance to the place's answer",
    },
    Measure {
        name: EVENTS,
        kind: "counter",
        labels: &["network", "lane", "kind", "dir"],
        help: "events accepted (`in`) and shown (`out`), `durable` ones and `ephemeral` ones",
    },
    Measure {
        name: FAILURES,
        kind: "counter",
        labels: &["to", "fate"],
        help: "deliveries that failed, or whose fate is unknown",
    },
    Measure {
        name: FILES,
        kind: "counter",
        labels: &["network", "outcome"],
        help: "files fetched from where they were sent",
    },
    Measure {
        name: LOGINS,
        kind: "counter",
        labels: &["outcome"],
        help: "sign-ins: `connected`, `refused`, `kicked`, `unreachable`, `broken`",
    },
    Measure { name: PORTALS, kind: "gauge", labels: &[], help: "conversations" },
    Measure {
        name: PUPPETS,
        kind: "gauge",
        labels: &["state"],
        help: "accounts, by how they are doing",
    },
    Measure { name: SPOOL, kind: "gauge", labels: &[], help: "bytes of the files that are kept" },
    Measure {
        name: OLDEST,
        kind: "gauge",
        labels: &[],
        help: "the age of what has waited longest for delivery",
    },
    Measure {
        name: WAITING,
        kind: "gauge",
        labels: &["leg_network"],
        help: "rows that wait for a place on this network",
    },
    Measure {
        name: "msnp_frames_total",
        kind: "counter",
        labels: &["dir"],
        help: "commands of the MSN protocol",
    },
    Measure {
        name: "msnp_protocol_errors_total",
        kind: "counter",
        labels: &["kind"],
        help: "commands that could not be understood (`odd`), links that brought none (`broken`)",
    },
    Measure {
        name: BATCH_ROWS,
        kind: "histogram",
        labels: &[],
        help: "operations the store took at once",
    },
    Measure { name: COMMIT_SECONDS, kind: "histogram", labels: &[], help: "how long they took" },
    Measure { name: COMMITS, kind: "counter", labels: &[], help: "batches committed" },
    Measure { name: DISK, kind: "gauge", labels: &[], help: "bytes of the store on disk" },
    Measure { name: SYNCS, kind: "counter", labels: &[], help: "syncs to the disk" },
    Measure {
        name: STALLS,
        kind: "counter",
        labels: &[],
        help: "times the store did not answer within a second",
    },
];

/// Says to whoever records what each measure is, and begins those without labels at nothing.
pub fn describe() {
    for Measure { name, kind, labels, help } in ALL {
        match *kind {
            "counter" => metrics::describe_counter!(*name, *help),
            "gauge" => metrics::describe_gauge!(*name, *help),
            _ => metrics::describe_histogram!(*name, *help),
        }
        if *kind == "counter" && labels.is_empty() {
            metrics::counter!(*name).absolute(0);
        }
    }
}

/// Notes that a platform asked to wait.
pub fn rate_limited(network: &NetworkId, wait: Duration) {
    metrics::histogram!(RATE_LIMIT, "network" => network.to_string()).record(wait);
}

/// Counts an event that could not be read.
pub fn undecodable(network: &NetworkId) {
    metrics::counter!(UNDECODABLE, "network" => network.to_string()).increment(1);
}

/// Counts an event on one of the two lanes, coming in or shown.
pub(crate) fn event(network: &NetworkId, lane: Lane, kind: &'static str, dir: Direction) {
    let (lane, dir) = (lane.label(), dir.label());
    metrics::counter!(
        EVENTS, "network" => network.to_string(), "lane" => lane, "kind" => kind, "dir" => dir
    )
    .increment(1);
}

/// How an event travels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lane {
    Durable,
    Ephemeral,
}

impl Lane {
    fn label(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    In,
    Out,
}

impl Direction {
    fn label(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// Names the kind of a signal for a label.
pub(crate) fn label_of_signal(signal: &Signal) -> &'static str {
    match signal {
        Signal::Presence(_) => "presence",
        Signal::Progress(_) => "progress",
        Signal::Read { .. } => "read",
        Signal::Typing { .. } => "typing",
    }
}

/// Names the kind of an event for a label.
pub(crate) fn label_of(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::CallNotice(_) => "call",
        EventKind::Command(_) => "command",
        EventKind::ContactDelta(_) => "contact",
        EventKind::Delivery { .. } => "delivery",
        EventKind::Edit { .. } => "edit",
        EventKind::File(_) => "file",
        EventKind::Membership(_) => "membership",
        EventKind::Message(_) => "message",
        EventKind::Nudge => "nudge",
        EventKind::Profile(_) => "profile",
        EventKind::React { .. } | EventKind::Unreact { .. } => "reaction",
        EventKind::Redact { .. } => "removal",
        EventKind::RoomPatch(_) => "room",
        EventKind::Wink(_) => "wink",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_lists_all_measures() {
        let page = include_str!("../../../docs/src/operation.md");
        // Its other tables begin with words in capitals.
        let listed = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let listed = listed.filter_map(|line| line.split('`').next());
        let listed = listed.filter(|name| name.contains('_') && **name == name.to_lowercase());
        let listed = listed.count();
        assert_eq!(listed, ALL.len(), "docs/src/operation.md lists what is not there");
        for Measure { name, kind, labels, help } in ALL {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            let row = format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "));
            assert!(page.contains(&row), "docs/src/operation.md must hold: {row}");
        }
    }
}
