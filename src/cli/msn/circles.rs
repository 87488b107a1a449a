//! `msn circles …`: circles, from MSNP18: listed, made, asked into, answered, left.

use clap::Subcommand;
use msnp::{ChatId, Handle};

use super::{Show, own::done};
use crate::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Accept an invitation.
    Accept {
        /// The circle: its name, or its address as `list` shows it.
        circle: String,
    },
    /// Make a circle.
    Create {
        /// Its name.
        name: String,
    },
    /// Decline an invitation.
    Decline {
        /// The circle: its name, or its address as `list` shows it.
        circle: String,
    },
    /// Ask somebody into a circle of one's own.
    Invite {
        /// The circle: its name, or its address as `list` shows it.
        circle: String,
        /// Her address.
        address: String,
        /// Words for her to read.
        #[arg(long, value_name = "TEXT", default_value = "")]
        message: String,
    },
    /// Be a member no longer.
    Leave {
        /// The circle: its name, or its address as `list` shows it.
        circle: String,
    },
    /// List the circles and invitations.
    List,
}

pub(super) async fn run(show: &Show, handle: &Handle, action: Action) -> Result<(), Failure> {
    match action {
        Action::Accept { circle } => {
            let circle = find(handle, &circle)?;
            done(handle.answer_circle(&circle, true).await)
        }
        Action::Create { name } => {
            let made = handle.make_circle(&name).await;
            let made = made.map_err(|error| Failure::Failed(error.to_string()))?;
            if let Some(circle) = handle.roster().circle(&made) {
                show.circle(circle);
            }
            Ok(())
        }
        Action::Decline { circle } => {
            let circle = find(handle, &circle)?;
            done(handle.answer_circle(&circle, false).await)
        }
        Action::Invite { circle, address, message } => {
            let circle = find(handle, &circle)?;
            done(handle.invite_to_circle(&circle, &address, &message).await)
        }
        Action::Leave { circle } => {
            let circle = find(handle, &circle)?;
            done(handle.leave_circle(&circle).await)
        }
        Action::List => {
            let roster = handle.roster();
            let known = roster.circles().filter(|circle| circle.is_member() || circle.is_asked());
            known.for_each(|circle| show.circle(circle));
            Ok(())
        }
    }
}

/// Finds a circle by its address, or by its name where only one has it.
fn find(handle: &Handle, named: &str) -> Result<ChatId, Failure> {
    let roster = handle.roster();
    let chat = ChatId::with(named);
    if roster.circle(&chat).is_some() {
        return Ok(chat);
    }
    let is_named = |name: &str| name.to_lowercase() == named.to_lowercase();
    let mut found = roster.circles().filter(|circle| circle.lasts && is_named(&circle.name));
    match (found.next(), found.next()) {
        (Some(circle), None) => Ok(circle.chat()),
        (Some(_), Some(_)) => Err(Failure::Failed(format!(
            "{named}: several circles are called so; name its address"
        ))),
        _ => Err(Failure::Failed(format!("{named}: there is no such circle"))),
    }
}
