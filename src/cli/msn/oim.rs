//! `msn oim …`: what was said while somebody was away.

use clap::Subcommand;
use msnp::{Event, Events, Handle, OfflineMessage};
use serde_json::json;

use super::{Show, own::done};
use crate::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List what waits: id, time, sender, first line.
    List,
    /// Show what waits, whole. It stays at the server.
    Read {
        /// Delete at the server what was shown.
        #[arg(long)]
        delete: bool,
    },
    /// Leave words for somebody who is away, from MSNP13.
    Send {
        /// Her address.
        to: String,
        /// The words.
        text: String,
    },
}

pub(super) async fn run(
    show: &Show,
    handle: &Handle,
    events: &mut Events,
    action: Action,
) -> Result<(), Failure> {
    match action {
        Action::List => {
            for message in waiting(handle, events).await? {
                show.offline(&message, false);
            }
            Ok(())
        }
        Action::Read { delete } => {
            let messages = waiting(handle, events).await?;
            for message in &messages {
                show.offline(message, true);
            }
            if delete {
                let ids: Vec<String> = messages.into_iter().map(|message| message.id).collect();
                done(handle.acknowledge_offline(ids.clone()).await)?;
                show.value(&json!({ "event": "oim_deleted", "ids": ids }));
            }
            Ok(())
        }
        Action::Send { to, text } => {
            done(handle.leave_offline(&to, &text).await)?;
            show.value(&json!({ "event": "oim_left", "to": to }));
            Ok(())
        }
    }
}

/// Reads what waits, in order.
async fn waiting(handle: &Handle, events: &mut Events) -> Result<Vec<OfflineMessage>, Failure> {
    done(handle.read_offline().await)?;
    let mut messages = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Event::OfflineMessage { message } => messages.push(message),
            Event::OfflineRead => return Ok(messages),
            Event::Closed { reason } => return Err(super::connect_failure(&reason.into())),
            _ => {}
        }
    }
    Ok(messages)
}
