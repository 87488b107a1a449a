//! Answers that many commands give.

use super::Caller;
use crate::{adapter::Reply, error::DeliverError, shown, texts};

/// Rows of an answer that may be long.
const ROWS: usize = 50;

/// Words that are always the same.
pub(super) fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

/// Rows under a heading; rows that are too many are counted.
pub(super) fn table(title: &str, columns: &[&str], mut rows: Vec<Vec<String>>) -> Reply {
    let left_out = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let title = match left_out {
        0 => title.to_owned(),
        more => format!("{title} ({more} more)"),
    };
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    Reply::Table { title, columns, rows }
}

/// What came of a wish to a network.
pub(super) fn outcome(outcome: Result<(), DeliverError>, done: impl FnOnce() -> String) -> Reply {
    match outcome {
        Ok(()) => Reply::Text(done()),
        Err(error) => failure(&error),
    }
}

/// Why a network did not do something.
pub(super) fn failure(error: &DeliverError) -> Reply {
    Reply::Text(match error {
        DeliverError::Reject { tell_user, .. } => shown::line(tell_user),
        error => texts::general::that_did_not_work(error),
    })
}

/// What somebody without an account is told.
pub(super) fn nobody(caller: &Caller<'_>) -> Reply {
    text(match caller.user {
        Some(_) => texts::general::YOU_ARE_NOT_SIGNED_IN,
        None => texts::general::NOBODY_IS_SIGNED_IN,
    })
}
