//! From words to arguments: each what its command says it is, or a word about what is wrong.

use std::time::Duration;

use super::{
    parse::Word,
    spec::{self, ArgumentKind, ArgumentSpec},
};
use crate::{id::PersonaId, options, shown};

/// The option that names the account a command acts on.
const ACCOUNT_OPTION: &str = "--account";

/// What followed a command's name: as many values as the command has arguments, each of its kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    specs: &'static [ArgumentSpec],
    values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Choice(&'static str),
    Duration(Duration),
    Text(String),
}

/// Why words are not a command's arguments; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BindError {
    #[error("{0} is missing.")]
    Missing(&'static str),
    #[error("`{ACCOUNT_OPTION}` must be followed by one of your accounts.")]
    NoAccount,
    #[error("That is more than I need.")]
    TooMany,
    #[error("\"{}\" is {}.", shown::short(.said), .kind.not())]
    Wrong { said: String, kind: ArgumentKind },
}

/// Takes the option that names an account out of words.
pub(super) fn take_account(words: &mut Vec<Word>) -> Result<Option<String>, BindError> {
    let named = |word: &Word| !word.quoted && word.text.eq_ignore_ascii_case(ACCOUNT_OPTION);
    let Some(at) = words.iter().position(named) else { return Ok(None) };
    if at + 1 >= words.len() {
        return Err(BindError::NoAccount);
    }
    words.remove(at);
    Ok(Some(words.remove(at).text))
}

/// Makes arguments of words.
pub(super) fn bind(
    specs: &'static [ArgumentSpec],
    words: Vec<Word>,
) -> Result<Arguments, BindError> {
    let mut values = Vec::new();
    let mut words = words.into_iter();
    for argument in specs {
        let Some(first) = words.next() else {
            if argument.optional {
                break;
            }
            return Err(BindError::Missing(argument.name));
        };
        let said = match argument.kind {
            ArgumentKind::Command => {
                words.by_ref().fold(first.quoted(), |all, word| format!("{all} {}", word.quoted()))
            }
            ArgumentKind::Rest => {
                words.by_ref().fold(first.text, |all, word| format!("{all} {}", word.text))
            }
            _ => first.text,
        };
        let kind = argument.kind;
        values.push(value(kind, &said).ok_or(BindError::Wrong { said, kind })?);
    }
    match words.next() {
        Some(_) => Err(BindError::TooMany),
        None => Ok(Arguments { specs, values }),
    }
}

fn value(kind: ArgumentKind, said: &str) -> Option<Value> {
    match kind {
        ArgumentKind::Address => spec::is_address(said).then(|| Value::Text(said.to_owned())),
        ArgumentKind::Choice(words) => {
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(said));
            word.map(|word| Value::Choice(word))
        }
        ArgumentKind::Colour => {
            options::colour(said).map(|_| Value::Text(said.to_ascii_lowercase()))
        }
        ArgumentKind::Duration => spec::duration(said).map(Value::Duration),
        ArgumentKind::Account | ArgumentKind::Word => {
            (!said.is_empty()).then(|| Value::Text(said.to_owned()))
        }
        ArgumentKind::Command | ArgumentKind::Rest => Some(Value::Text(said.to_owned())),
    }
}

impl Arguments {
    /// Gives the words of an argument, or the chosen one; none when it was left out.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Choice(word) => Some(word),
            Value::Text(text) => Some(text),
            Value::Duration(_) => None,
        }
    }

    /// Gives the words of an argument that cannot be left out.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// Gives the person whose address an argument is.
    pub(crate) fn person(&self, name: &str) -> PersonaId {
        PersonaId::new(self.text(name))
    }

    /// Gives a time; none when it was left out.
    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        match self.value(name)? {
            Value::Duration(time) => Some(*time),
            Value::Choice(_) | Value::Text(_) => None,
        }
    }

    /// Gives the words of the argument that names an account, where the command has one.
    pub(super) fn account(&self) -> Option<&str> {
        let argument = self.specs.iter().find(|spec| spec.kind == ArgumentKind::Account)?;
        self.given(argument.name)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        let at = self.specs.iter().position(|spec| spec.name == name);
        debug_assert!(at.is_some(), "the command has no argument {name}");
        self.values.get(at?)
    }
}
