//! Help, in a chat and in the book, from the table.

use std::fmt::Write as _;

use super::{Area, ArgumentKind, CommandSpec, Need, Role, areas, find, parse, table};
use crate::{shown, texts};

/// Writes the table as `help` shows it to a role.
pub fn help(role: Role) -> String {
    let shown = |area: &Area| {
        let known = area.commands.iter().filter(|spec| spec.role <= role);
        let lines: Vec<String> =
            known.map(|spec| format!("`{}`: {}", spec.form(), spec.help)).collect();
        (!lines.is_empty()).then(|| format!("{}\n{}", area.title, lines.join("\n")))
    };
    let areas: Vec<String> = areas().iter().filter_map(shown).collect();
    areas.join("\n\n")
}

/// Writes what one command, or all that begin with some words, are for.
pub(super) fn about(role: Role, words: &str) -> String {
    let cut = parse::words(words).unwrap_or_default();
    if let Some((spec, rest)) = find(&cut)
        && spec.role <= role
        && rest.is_empty()
    {
        return one(spec);
    }
    let begins = format!("{} ", words.to_lowercase());
    let family = table().filter(|spec| spec.role <= role && spec.name.starts_with(&begins));
    let lines: Vec<String> =
        family.map(|spec| format!("`{}`: {}", spec.form(), spec.help)).collect();
    match lines.as_slice() {
        [] => texts::general::i_know_no_command(shown::short(words)),
        lines => lines.join("\n"),
    }
}

/// Writes all of one command: its form, what it does, what each argument is.
fn one(spec: &CommandSpec) -> String {
    let mut text = format!("`{}`: {}", spec.form(), spec.help);
    for argument in spec.arguments {
        let left_out = if argument.optional { texts::general::IT_MAY_BE_LEFT_OUT } else { "" };
        let form = argument.kind.form();
        // Writing to a text cannot fail.
        let _ = write!(text, "\n{} is {form}.{left_out}", argument.name);
    }
    if takes_account(spec) {
        text.push_str(texts::general::OF_SEVERAL_ACCOUNTS);
    }
    if !spec.aliases.is_empty() {
        let names: Vec<String> = spec.aliases.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(text, "\nAlso: {}.", names.join(", "));
    }
    let family = format!("{} ", spec.name);
    let more: Vec<String> = table()
        .filter(|other| other.role <= spec.role && other.name.starts_with(&family))
        .map(|other| format!("`{}`", other.form()))
        .collect();
    if !more.is_empty() {
        text.push_str(&texts::general::see_also(more.join(", ")));
    }
    text
}

/// Tells whether a command takes the option that names an account.
fn takes_account(spec: &CommandSpec) -> bool {
    let named = spec.arguments.iter().any(|argument| argument.kind == ArgumentKind::Account);
    spec.needs() == Need::Login && !named
}

/// Writes the table as the book prints it.
pub fn reference() -> String {
    let mut page = String::new();
    for area in areas() {
        let _ =
            writeln!(page, "## {}\n\n| command | what it does | also | who | needs |", area.title);
        page.push_str("| --- | --- | --- | --- | --- |\n");
        for spec in area.commands {
            let names: Vec<String> = spec.aliases.iter().map(|name| format!("`{name}`")).collect();
            let needs = match spec.needs() {
                Need::Login => "an account",
                Need::Nothing => "",
                Need::Person => "a chat",
                Need::Portal => "the conversation's room",
            };
            let (form, help, also) = (spec.form(), spec.help, names.join(", "));
            let _ = writeln!(page, "| `{form}` | {help} | {also} | {} | {needs} |", spec.role);
        }
        page.push('\n');
    }
    page.trim_end().to_owned()
}
