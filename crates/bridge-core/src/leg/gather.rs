//! Several signs in a row, told in one line where they are told in words.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::Pump;
use crate::{
    model::{Event, EventKind},
    record::{LogRow, get_row},
};

/// How long a sign waits for others of the same person; what else is said does not wait for it.
const BURST: Duration = Duration::from_secs(2);
/// Most signs in one line.
const SIGNS: u64 = 20;

impl Pump {
    /// Gathers the signs that follow a row's, of the same person, less those she takes away again. Gives
    /// the event that tells of them all, none when nothing is left of them, and the number of the row
    /// after the last of them.
    pub(super) async fn gathered(&self, row: &LogRow) -> (Option<Event>, u64) {
        let mut signs = Vec::new();
        if let EventKind::React { target, key } = &row.event.kind {
            signs.push((target.clone(), key.clone()));
        }
        let end = Instant::now() + BURST;
        let mut number = self.cursor + 1;
        while number - self.cursor < SIGNS {
            let Some(next) = self.next_within(number, end).await else { break };
            if next.event.sender.id != row.event.sender.id || next.only.is_some() {
                break;
            }
            match &next.event.kind {
                EventKind::React { target, key } => signs.push((target.clone(), key.clone())),
                EventKind::Unreact { target, key } => {
                    signs.retain(|(of, sign)| (of, sign) != (target, key));
                }
                _ => break,
            }
            number += 1;
        }
        let Some(target) = signs.first().map(|(target, _)| target.clone()) else {
            return (None, number);
        };
        let signs: Vec<String> = signs.into_iter().map(|(_, sign)| sign).collect();
        let kind = EventKind::React { target, key: signs.join(" ") };
        (Some(Event { kind, ..row.event.clone() }), number)
    }

    /// Gives a row that is there, or comes before some moment.
    async fn next_within(&self, number: u64, end: Instant) -> Option<LogRow> {
        loop {
            let rows = {
                let index = self.shared.index();
                index.portals.get(&self.portal).map(|portal| Arc::clone(&portal.rows))
            };
            let rows = rows?;
            let news = rows.notified();
            if self.head() > number {
                return get_row(&*self.shared.store, self.portal, number).await.ok().flatten();
            }
            let came = tokio::select! {
                came = timeout_at(end, news) => came,
                () = self.shared.cancel.cancelled() => return None,
            };
            came.ok()?;
        }
    }
}
