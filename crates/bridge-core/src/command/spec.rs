//! What a command is: how it is said, who may say it, what it needs and does.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{Arguments, Caller, Role};
use crate::{
    adapter::Reply,
    connector::Puppet,
    id::{LoginId, PortalId},
    model::UserId,
};

/// A command: how it is said, what it needs, what it does.
pub struct CommandSpec {
    /// Its name: a word, or several.
    pub name: &'static str,
    /// Other names for the same.
    pub aliases: &'static [&'static str],
    /// What follows the name, the ones that may be left out last.
    pub arguments: &'static [ArgumentSpec],
    /// What it does, in one sentence that goes on from its name.
    pub help: &'static str,
    /// Who may give it.
    pub role: Role,
    /// What it does, and by that what it needs.
    pub(crate) run: Run,
}

impl CommandSpec {
    /// Writes how it is said: `contacts add ADDRESS`.
    pub fn form(&self) -> String {
        self.arguments.iter().fold(self.name.to_owned(), |form, argument| {
            let rest = if argument.kind.takes_all() { "…" } else { "" };
            let name = format!("{}{rest}", argument.name);
            if argument.optional { format!("{form} [{name}]") } else { format!("{form} {name}") }
        })
    }

    /// Tells what must be there for it.
    pub fn needs(&self) -> Need {
        match self.run {
            Run::Always(_) => Need::Nothing,
            Run::Person(_) => Need::Person,
            Run::Login(_) => Need::Login,
            Run::Portal(_) => Need::Portal,
        }
    }

    /// Its name and its other names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// What must be there before a command can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// One of the person's signed-in accounts: which, can be said by `--account ACCOUNT`.
    Login,
    /// Nothing: the control socket gives it too.
    Nothing,
    /// Somebody who says it in a chat.
    Person,
    /// The room of a conversation, where it is said.
    Portal,
}

/// What a command does, given what it needs.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Needs nothing.
    Always(for<'a> fn(&'a Caller<'a>, Arguments) -> BoxFuture<'a, Reply>),
    /// Needs one of the person's accounts; it may be out of reach just now.
    Login(for<'a> fn(&'a Caller<'a>, Account, Arguments) -> BoxFuture<'a, Reply>),
    /// Needs a person.
    Person(for<'a> fn(&'a Caller<'a>, &'a UserId, Arguments) -> BoxFuture<'a, Reply>),
    /// Needs to be said in the room of a conversation, by the one whose it is or by an admin.
    Portal(for<'a> fn(&'a Caller<'a>, PortalId, Arguments) -> BoxFuture<'a, Reply>),
}

/// The account a command acts on.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) login: LoginId,
    pub(crate) puppet: Arc<dyn Puppet>,
}

/// One argument of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgumentSpec {
    /// Its name, for people, in capitals.
    pub name: &'static str,
    /// What it must be.
    pub kind: ArgumentKind,
    /// Whether it may be left out.
    pub optional: bool,
}

impl ArgumentSpec {
    /// One that must be given.
    pub(crate) const fn needed(name: &'static str, kind: ArgumentKind) -> Self {
        Self { name, kind, optional: false }
    }

    /// One that may be left out.
    pub(crate) const fn optional(name: &'static str, kind: ArgumentKind) -> Self {
        Self { name, kind, optional: true }
    }
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentKind {
    /// One of the person's accounts, by its address or as `logins` names it.
    Account,
    /// An address of somebody on a network people sign in to.
    Address,
    /// A colour, such as `#cc0066`.
    Colour,
    /// A command with all that follows it.
    Command,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A time, such as `10m`.
    Duration,
    /// Everything that follows.
    Rest,
    /// Any word; several in quotation marks.
    Word,
}

/// Longest time an argument may say.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

impl ArgumentKind {
    /// Tells whether it takes all words that follow.
    pub fn takes_all(self) -> bool {
        matches!(self, Self::Command | Self::Rest)
    }

    /// Says what it must be: goes on from "is".
    pub fn form(self) -> String {
        match self {
            Self::Account => "one of your accounts, as `logins` names it".to_owned(),
            Self::Address => "an address such as bob@example.com".to_owned(),
            Self::Colour => "a colour such as #cc0066".to_owned(),
            Self::Command => "a command with all that follows it".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Duration => "a time such as 30s, 10m, 2h or 1d".to_owned(),
            Self::Rest => "everything that follows".to_owned(),
            Self::Word => "a word; several go in quotation marks".to_owned(),
        }
    }

    /// Says what something is not: goes on from "is".
    pub(super) fn not(self) -> String {
        match self {
            Self::Account => "none of your accounts; `logins` lists them".to_owned(),
            Self::Address => "no address such as bob@example.com".to_owned(),
            Self::Choice(words) => format!("none of {}", words.join(", ")),
            Self::Duration => "no time such as 30s, 10m, 2h or 1d".to_owned(),
            Self::Colour => "no colour such as #cc0066".to_owned(),
            Self::Command | Self::Rest | Self::Word => "no word".to_owned(),
        }
    }
}

/// Reads a time: a whole number and its unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit.to_ascii_lowercase() {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let time = Duration::from_secs(number.checked_mul(seconds)?);
    (time <= LONGEST && !time.is_zero()).then_some(time)
}

/// Tells whether a text could be somebody's address.
pub(crate) fn is_address(text: &str) -> bool {
    let plain = |text: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "@<>\"`".contains(c);
        !text.is_empty() && !text.contains(odd)
    };
    let parts = text.split_once('@');
    text.len() <= 254 && parts.is_some_and(|(who, place)| plain(who) && plain(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("2H"), Some(Duration::from_secs(7200)));
        for wrong in
            ["", "s", "10", "-1s", "1w", "0m", "99999999999999999999d", "400d", "1.5h", "1ſ"]
        {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_have_two_halves_and_nothing_odd() {
        assert!(is_address("bob@example.com") && is_address("bob@passport"));
        for wrong in ["bob", "@", "bob@", "@example.com", "a@b@c", "a b@c", "a\u{0}@c", "<a@b>"] {
            assert!(!is_address(wrong), "{wrong}");
        }
        assert!(!is_address(&format!("{}@example.com", "x".repeat(300))));
    }
}
