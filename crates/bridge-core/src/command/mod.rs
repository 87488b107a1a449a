//! What people say to the bridge itself, and what it answers.
//!
//! One table serves every front: a Matrix room, the control socket, later Discord. A line is stored
//! sealed before its source is acknowledged, for it may be a password; it goes when it is answered.

mod builtin;
mod centre;
mod look;
mod parse;
mod permission;
mod wish;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub(crate) use self::centre::{Queued, resume, run, tell_owner};
pub use self::permission::{Permissions, Role};
use crate::{adapter::Reply, model::UserId, shared::Shared};

/// A command: how it is said, what it needs, what it does.
pub struct CommandSpec {
    /// Its name: a word, or several.
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
    /// Whether it takes all words that follow.
    pub rest: bool,
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
        let name =
            if argument.rest { format!("{}…", argument.name) } else { argument.name.to_owned() };
        if argument.optional { format!("{usage} [{name}]") } else { format!("{usage} {name}") }
    })
}

/// Does what a line asks and gives the answer. Nothing of an unknown line is said back.
pub(crate) async fn execute(caller: &Caller<'_>, line: &str) -> Reply {
    let text = |text: &str| Reply::Text(text.to_owned());
    let words = match parse::words(line) {
        Ok(words) => words,
        Err(error) => return Reply::Text(error.to_string()),
    };
    if words.is_empty() {
        return text("Say `help` to see what I can do.");
    }
    let Some((spec, arguments)) = find(&words).filter(|(spec, _)| spec.role <= caller.role) else {
        return text("I do not know that command. Say `help` to see what I can do.");
    };
    let needed = spec.arguments.iter().filter(|argument| !argument.optional).count();
    let open = spec.arguments.last().is_some_and(|argument| argument.rest);
    if arguments.len() < needed || (arguments.len() > spec.arguments.len() && !open) {
        return Reply::Text(format!("Say it like this: `{}`", usage(spec)));
    }
    (spec.run)(caller, arguments.to_vec()).await
}

/// Finds the command that words begin with, the one of most words; gives the words after it.
fn find(words: &[String]) -> Option<(&'static CommandSpec, &[String])> {
    let begins = |spec: &&CommandSpec| {
        let mut given = words.iter();
        spec.name
            .split(' ')
            .all(|part| given.next().is_some_and(|word| word.eq_ignore_ascii_case(part)))
    };
    let length = |spec: &CommandSpec| spec.name.split(' ').count();
    let spec = table().iter().filter(begins).max_by_key(|spec| length(spec))?;
    Some((spec, words.get(length(spec)..).unwrap_or_default()))
}

/// Tells whether a line begins with a command's name.
pub(crate) fn is_known(line: &str) -> bool {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    find(&words).is_some()
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
