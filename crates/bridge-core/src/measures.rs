//! What is counted and measured: names that stay, for they are in people's dashboards.
//!
//! Labels have few values and never hold what somebody wrote.

use crate::model::EventKind;

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

/// Events taken in and stored.
pub const EVENTS: &str = "bridge_events_total";
/// From an event's acceptance to the place's answer.
pub const DELIVERY: &str = "bridge_delivery_seconds";
/// Deliveries that ended otherwise.
pub const FAILURES: &str = "bridge_failures_total";
/// Rows that some leg still needs.
pub const WAITING: &str = "bridge_waiting_rows";
/// How many conversations there are.
pub const PORTALS: &str = "bridge_portals";
/// Accounts by how they are doing.
pub const PUPPETS: &str = "bridge_puppets";
/// Bytes of the store on disk.
pub const DISK: &str = "store_disk_bytes";
/// Commits since the start.
pub const COMMITS: &str = "store_commits_total";
/// Syncs since the start.
pub const SYNCS: &str = "store_syncs_total";

/// All measures, by name.
pub const ALL: &[Measure] = &[
    Measure {
        name: DELIVERY,
        kind: "histogram",
        labels: &["from", "to"],
        help: "from an event's acceptance to the place's answer",
    },
    Measure {
        name: EVENTS,
        kind: "counter",
        labels: &["network", "kind"],
        help: "events taken in and stored",
    },
    Measure {
        name: FAILURES,
        kind: "counter",
        labels: &["to", "fate"],
        help: "deliveries that failed, or whose fate is unknown",
    },
    Measure { name: PORTALS, kind: "gauge", labels: &[], help: "conversations" },
    Measure {
        name: PUPPETS,
        kind: "gauge",
        labels: &["state"],
        help: "accounts, by how they are doing",
    },
    Measure { name: WAITING, kind: "gauge", labels: &[], help: "rows that some leg still needs" },
    Measure { name: COMMITS, kind: "counter", labels: &[], help: "batches committed" },
    Measure { name: DISK, kind: "gauge", labels: &[], help: "bytes of the store on disk" },
    Measure { name: SYNCS, kind: "counter", labels: &[], help: "syncs to the disk" },
];

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
        for Measure { name, kind, labels, help } in ALL {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            let row = format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "));
            assert!(page.contains(&row), "docs/src/operation.md must hold: {row}");
        }
    }
}
