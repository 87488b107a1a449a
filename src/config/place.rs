//! Where a value was set: what a message about it points at.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::Problem;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Place {
    /// In the file.
    File {
        /// The file, as it was named.
        file: PathBuf,
        /// The line, counted from 1; none for what is nowhere in it.
        line: Option<usize>,
        /// The column in letters, counted from 1, where it matters.
        column: Option<usize>,
    },
    /// On the command line, such as `--set log.filter`.
    Flag(String),
    /// In the environment, by the variable's name.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => {
                write!(f, "{}", file.display())?;
                for number in [line, column].into_iter().flatten() {
                    write!(f, ":{number}")?;
                }
                Ok(())
            }
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub place: Place,
    /// What; its key is empty where the text of the file is at fault and no key.
    pub problem: Problem,
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem.key.as_str() {
            "" => write!(f, "{}: {}", self.place, self.problem.text),
            _ => write!(f, "{}: {}", self.place, self.problem),
        }
    }
}

/// The places of all values, by key.
#[derive(Clone, Debug)]
pub(super) struct Places {
    file: PathBuf,
    known: BTreeMap<String, Place>,
}

impl Places {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, known: BTreeMap::new() }
    }

    /// Remembers where a key was set last.
    pub(super) fn set(&mut self, key: String, place: Place) {
        self.known.insert(key, place);
    }

    /// Gives where exactly this key was set.
    pub(super) fn exact(&self, key: &str) -> Option<&Place> {
        self.known.get(key)
    }

    /// Gives where a key was set, or what it would be in, or the file.
    pub(super) fn near(&self, key: &str) -> Place {
        let mut key = key;
        loop {
            if let Some(place) = self.known.get(key) {
                return place.clone();
            }
            // `a.b[0].c`, then `a.b[0]`, then `a.b`, then `a`.
            match key.rfind(['.', '[']).and_then(|end| key.get(..end)) {
                Some(outer) => key = outer,
                None => return Place::File { file: self.file.clone(), line: None, column: None },
            }
        }
    }

    /// Puts problems in the order somebody who mends them goes through the places.
    pub(super) fn of(&self, problems: Vec<Problem>) -> Vec<Placed> {
        let placed =
            problems.into_iter().map(|problem| Placed { place: self.near(&problem.key), problem });
        let mut placed: Vec<Placed> = placed.collect();
        placed.sort_by(|one, other| one.place.cmp(&other.place));
        placed
    }
}
