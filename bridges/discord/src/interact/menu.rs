//! The command `/msn` as Discord offers it, and the line that a choice from it stands for.
//!
//! Discord nests names once and takes twenty-five in each place: commands that begin with the same word
//! are a group, the rest stand alone, and what finds no place is given by `/msn do line:…`.

use bridge_core::command::{ArgumentKind, ArgumentSpec, CommandSpec, Need, Role, table};
use serenity::{
    all::{CommandDataOption, CommandDataOptionValue, CommandOptionType},
    builder::{CreateCommand, CreateCommandOption},
};

use crate::texts;

/// The name of the one command.
pub(super) const NAME: &str = "msn";
/// Most entries in one place.
const ENTRIES: usize = 25;
/// Longest description.
const DESCRIPTION: usize = 100;
/// The entry that takes a whole line, and its option.
const LINE: (&str, &str) = ("do", "line");
/// The entry of a group that is the group's own word.
const BARE: &str = "show";
/// The option that names an account.
const ACCOUNT: &str = "account";

/// A command's place in the menu.
struct Place {
    group: Option<&'static str>,
    name: String,
    spec: &'static CommandSpec,
}

fn first(spec: &CommandSpec) -> &'static str {
    spec.name.split(' ').next().unwrap_or(spec.name)
}

/// Gives each command its place, in the table's order, as long as there is room.
fn places() -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut top: Vec<&str> = vec![LINE.0];
    for spec in table().filter(|spec| spec.role < Role::Admin) {
        let word = first(spec);
        let family = table().filter(|other| other.role < Role::Admin && first(other) == word);
        let grouped = family.count() > 1;
        if !top.contains(&word) {
            if top.len() == ENTRIES {
                continue;
            }
            top.push(word);
        }
        let name = match spec.name.split_once(' ') {
            Some((_, rest)) if grouped => rest.replace(' ', "-"),
            None if grouped => BARE.to_owned(),
            _ => spec.name.replace(' ', "-"),
        };
        let group = grouped.then_some(word);
        let beside = places.iter().filter(|place| group.is_some() && place.group == group).count();
        if beside < ENTRIES {
            places.push(Place { group, name, spec });
        }
    }
    places
}

/// The command, to be registered.
pub(super) fn command() -> CreateCommand {
    let places = places();
    let mut entries: Vec<CreateCommandOption> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for place in &places {
        match place.group {
            None => entries.push(entry(place)),
            Some(word) if !seen.contains(&word) => {
                seen.push(word);
                let within = places.iter().filter(|other| other.group == Some(word)).map(entry);
                let group =
                    option(CommandOptionType::SubCommandGroup, word, texts::COMMANDS_OF_ONE_KIND);
                entries.push(within.fold(group, CreateCommandOption::add_sub_option));
            }
            Some(_) => {}
        }
    }
    let line = option(CommandOptionType::String, LINE.1, texts::A_LINE).required(true);
    let whole = option(CommandOptionType::SubCommand, LINE.0, texts::ANY_COMMAND);
    entries.push(whole.add_sub_option(line));
    CreateCommand::new(NAME).description(texts::THE_BRIDGE).set_options(entries)
}

fn option(kind: CommandOptionType, name: &str, about: &str) -> CreateCommandOption {
    let about: String = about.chars().take(DESCRIPTION).collect();
    CreateCommandOption::new(kind, name, about)
}

fn entry(place: &Place) -> CreateCommandOption {
    let whole = option(CommandOptionType::SubCommand, &place.name, place.spec.help);
    let mut whole =
        place.spec.arguments.iter().map(argument).fold(whole, CreateCommandOption::add_sub_option);
    if names_account(place.spec) {
        let about = ArgumentKind::Account.form();
        whole = whole.add_sub_option(option(CommandOptionType::String, ACCOUNT, &about));
    }
    whole
}

fn argument(spec: &ArgumentSpec) -> CreateCommandOption {
    let name = spec.name.to_lowercase();
    let one = option(CommandOptionType::String, &name, &spec.kind.form()).required(!spec.optional);
    match spec.kind {
        ArgumentKind::Choice(words) if words.len() <= ENTRIES => {
            words.iter().fold(one, |one, word| one.add_string_choice(*word, *word))
        }
        _ => one,
    }
}

/// Whether the option that names an account is offered beside the command's own arguments.
fn names_account(spec: &CommandSpec) -> bool {
    let own = spec.arguments.iter().any(|argument| argument.kind == ArgumentKind::Account);
    spec.needs() == Need::Login && !own
}

/// Writes the line that somebody chose; none where it is not of this menu.
pub(super) fn line(chosen: &[CommandDataOption]) -> Option<String> {
    let [one] = chosen else { return None };
    let (group, name, given) = match &one.value {
        CommandDataOptionValue::SubCommand(given) => (None, &one.name, given),
        CommandDataOptionValue::SubCommandGroup(within) => {
            let [inner] = within.as_slice() else { return None };
            let CommandDataOptionValue::SubCommand(given) = &inner.value else { return None };
            (Some(one.name.as_str()), &inner.name, given)
        }
        _ => return None,
    };
    let value = |name: &str| {
        let found = given.iter().find(|option| option.name == name)?;
        found.value.as_str()
    };
    if group.is_none() && name == LINE.0 {
        return value(LINE.1).map(str::to_owned);
    }
    let place = places().into_iter().find(|place| place.group == group && place.name == *name)?;
    let mut line = place.spec.name.to_owned();
    for argument in place.spec.arguments {
        // What may be left out stands last: after a gap nothing can be said.
        let Some(said) = value(&argument.name.to_lowercase()) else { break };
        line.push(' ');
        line.push_str(&match argument.kind {
            ArgumentKind::Command => said.to_owned(),
            _ => quoted(said),
        });
    }
    if names_account(place.spec)
        && let Some(account) = value(ACCOUNT)
    {
        line.push_str(&format!(" --account {}", quoted(account)));
    }
    Some(line)
}

fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use serenity::{all::CommandData, json::json};

    use super::*;

    #[test]
    fn the_menu_is_no_larger_than_discord_takes() {
        let places = places();
        for place in &places {
            let beside = places.iter().filter(|other| other.group == place.group);
            assert!(beside.count() <= ENTRIES);
            let same = |other: &&Place| other.group == place.group && other.name == place.name;
            assert_eq!(places.iter().filter(same).count(), 1, "{}", place.spec.name);
            let optional = place.spec.arguments.iter().map(|argument| argument.optional);
            assert!(optional.is_sorted(), "{}", place.spec.name);
            assert!(place.name.chars().count() <= 32);
        }
        assert!(places.iter().any(|place| place.spec.name == "contacts add"));
        assert!(places.iter().any(|place| place.spec.name == "whoami"));
    }

    #[test]
    fn what_is_chosen_becomes_a_line() {
        let chosen = json!([{ "name": "contacts", "type": 2, "options": [{
            "name": "add", "type": 1, "options": [
                { "name": "address", "type": 3, "value": "bob@example.com" },
                { "name": "group", "type": 3, "value": "old \"friends\"" },
            ],
        }]}]);
        let data = json!({ "id": "1", "name": "msn", "type": 1, "options": chosen });
        let data: CommandData = serenity::json::from_value(data).unwrap();
        let wanted = r#"contacts add "bob@example.com" "old \"friends\"""#;
        assert_eq!(line(&data.options).as_deref(), Some(wanted));
        assert_eq!(line(&[]), None);
    }
}
