//! What people say to the bridge itself, and what it answers.
//!
//! One table serves every front: a Matrix room, the control socket, later Discord. A line is stored
//! sealed before its source is acknowledged, for it may be a password; it goes when it is answered.

mod builtin;
mod centre;
mod parse;
mod permission;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub(crate) use self::centre::{Queued, resume, run, tell_owner};
pub use self::permission::{Permissions, Role};
use crate::{adapter::Reply, model::UserId, shared::Shared};

/// A command: how it is said, what it needs, what it does.
pub struct CommandSpec {
    /// Its name.
    pub name: &'static str,
    /// What follows the name, for people: `ADDRESS`.
    pub arguments: &'static [ArgumentSpec],
    /// What it does, in one sentence.
    pub help: &'static str,
    /// Who may give it.
    pub role: Role,
    run: for<'a> fn(&'a Caller<'a>, Vec<String>) -> BoxFuture<'a, Reply>,
}

/// One argument of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgumentSpec {
    /// Its name, for people, in capitals.
    pub name: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
}

/// Who gives a command, and to whom.
pub(crate) struct Caller<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    /// The person; none at the control socket.
    pub(crate) user: Option<&'a UserId>,
    pub(crate) role: Role,
}

/// Gives the table, in the order of `help`.
pub fn table() -> &'static [CommandSpec] {
    builtin::TABLE
}

/// Writes the table as `help` shows it to a role.
pub fn help(role: Role) -> String {
    let known = table().iter().filter(|spec| spec.role <= role);
    let lines = known.map(|spec| format!("`{}`: {}", usage(spec), spec.help));
    lines.collect::<Vec<_>>().join("\n")
}

fn usage(spec: &CommandSpec) -> String {
    spec.arguments.iter().fold(spec.name.to_owned(), |usage, argument| {
        if argument.optional {
            format!("{usage} [{}]", argument.name)
        } else {
            format!("{usage} {}", argument.name)
        }
    })
}

/// Does what a line asks and gives the answer. Nothing of an unknown line is said back.
pub(crate) async fn execute(caller: &Caller<'_>, line: &str) -> Reply {
    let text = |text: &str| Reply::Text(text.to_owned());
    let words = match parse::words(line) {
        Ok(words) => words,
        Err(error) => return Reply::Text(error.to_string()),
    };
    let Some((name, arguments)) = words.split_first() else {
        return text("Say `help` to see what I can do.");
    };
    let known = table().iter().find(|spec| spec.name.eq_ignore_ascii_case(name));
    let Some(spec) = known.filter(|spec| spec.role <= caller.role) else {
        return text("I do not know that command. Say `help` to see what I can do.");
    };
    let needed = spec.arguments.iter().filter(|argument| !argument.optional).count();
    if arguments.len() < needed || arguments.len() > spec.arguments.len() {
        return Reply::Text(format!("Say it like this: `{}`", usage(spec)));
    }
    (spec.run)(caller, arguments.to_vec()).await
}

/// Tells whether a line begins with a command's name.
pub(crate) fn is_known(line: &str) -> bool {
    let name = line.split_whitespace().next().unwrap_or_default();
    table().iter().any(|spec| spec.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_what_the_book_prints() {
        let page = include_str!("../../../../docs/src/commands.md");
        assert!(
            page.contains(&help(Role::Admin)),
            "docs/src/commands.md must hold:\n{}",
            help(Role::Admin)
        );
    }
}
