//! The layers over the file: the environment and the command line.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use config::{ConfigError as SourceError, Map, Source, Value, ValueKind};
use serde_json::Value as Schema;

use super::{
    Problem, file,
    place::{Place, Placed, Places},
    validate::{type_name, without_null},
};

/// The prefix of variables that are ours.
pub(super) const PREFIX: &str = "MSN_BRIDGE__";
/// Most blocks of one kind that a variable or flag may number: what is counted is made.
const BLOCKS: usize = 1000;
/// Longest value a variable may have in a file, in bytes.
const VALUE_LIMIT: u64 = 64 * 1024;

/// One value given on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// How it was given, such as `--set log.filter`.
    pub shown: String,
    /// The key, such as `msn.server[0].address`.
    pub key: String,
    /// The value; lists and sections as TOML writes them.
    pub value: String,
}

/// Values in the order they are laid over what is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(Vec<(Vec<Step>, Value)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Index(usize),
    Key(String),
}

impl Layer {
    /// A layer that is a whole tree.
    pub(super) fn whole(values: Value) -> Self {
        Self(vec![(Vec::new(), values)])
    }

    /// Takes the variables that are ours. `MSN_BRIDGE__DISCORD__TOKEN_FILE` names a file that holds
    /// `…TOKEN`, unless that is a key itself.
    pub(super) fn environment(
        variables: &BTreeMap<String, String>,
        schema: &Schema,
        places: &mut Places,
    ) -> (Self, Vec<Placed>) {
        let (mut layer, mut found) = (Self::default(), Vec::new());
        for (name, value) in variables {
            let Some(path) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let place = Place::Variable(name.clone());
            let mut say = |key: &str, text: String| {
                let problem = Problem { key: key.to_owned(), text };
                found.push(Placed { place: place.clone(), problem });
            };
            let (mut steps, mut shape) = of_variable(path, schema);
            let mut value = value.clone();
            if shape.is_none()
                && let Some(bare) = path.strip_suffix("_FILE")
            {
                (steps, shape) = of_variable(bare, schema);
                let key = shown(&steps);
                if variables.contains_key(&format!("{PREFIX}{bare}")) {
                    say(&key, format!("is given twice; leave out this or {PREFIX}{bare}"));
                    continue;
                }
                match held(Path::new(&value)) {
                    Ok(text) => value = text,
                    Err(error) => {
                        say(&key, format!("{value}: {error}"));
                        continue;
                    }
                }
            }
            layer.put(steps, shape, &value, &place, places);
        }
        (layer, found)
    }

    /// Takes what was given on the command line.
    pub(super) fn flags(
        flags: &[Flag],
        schema: &Schema,
        places: &mut Places,
    ) -> (Self, Vec<Placed>) {
        let (mut layer, mut found) = (Self::default(), Vec::new());
        for flag in flags {
            let place = Place::Flag(flag.shown.clone());
            let wrong = |text: &str| Placed {
                place: place.clone(),
                problem: Problem { key: flag.key.clone(), text: text.to_owned() },
            };
            match of_flag(&flag.key, schema) {
                None => found.push(wrong("is no key such as log.filter or msn.server[0].address")),
                Some((_, Some(shape))) if shape.get("writeOnly").is_some() => {
                    found.push(wrong(
                        "is a secret, and others can read command lines: put it into the file or the \
                         environment",
                    ));
                }
                Some((steps, shape)) => layer.put(steps, shape, &flag.value, &place, places),
            }
        }
        (layer, found)
    }

    fn put(
        &mut self,
        steps: Vec<Step>,
        shape: Option<&Schema>,
        text: &str,
        place: &Place,
        places: &mut Places,
    ) {
        // Only lists and sections need more than their text.
        let kind = shape.map(without_null).and_then(|shape| shape.get("type")).and_then(type_name);
        let value = match kind {
            Some("array" | "object") => file::value(text),
            _ => None,
        };
        let value = value.unwrap_or_else(|| Value::new(None, ValueKind::String(text.to_owned())));
        remember(&shown(&steps), &value, place, places);
        self.0.push((steps, value));
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, SourceError> {
        let mut tree = Value::new(None, ValueKind::Table(Map::new()));
        self.collect_to(&mut tree)?;
        match tree.kind {
            ValueKind::Table(members) => Ok(members),
            _ => Ok(Map::new()),
        }
    }

    fn collect_to(&self, tree: &mut Value) -> Result<(), SourceError> {
        for (steps, value) in &self.0 {
            lay(tree, steps, value);
        }
        Ok(())
    }
}

/// Lays a value over what is at a place: sections join, all else is replaced.
fn lay(tree: &mut Value, steps: &[Step], value: &Value) {
    match steps.split_first() {
        Some((Step::Key(name), rest)) => {
            if !matches!(tree.kind, ValueKind::Table(_)) {
                tree.kind = ValueKind::Table(Map::new());
            }
            if let ValueKind::Table(members) = &mut tree.kind {
                let nothing = || Value::new(None, ValueKind::Nil);
                lay(members.entry(name.clone()).or_insert_with(nothing), rest, value);
            }
        }
        Some((Step::Index(number), rest)) => {
            if !matches!(tree.kind, ValueKind::Array(_)) {
                tree.kind = ValueKind::Array(Vec::new());
            }
            if let ValueKind::Array(items) = &mut tree.kind {
                let length = items.len().max(number + 1);
                items.resize(length, Value::new(None, ValueKind::Table(Map::new())));
                items.get_mut(*number).into_iter().for_each(|item| lay(item, rest, value));
            }
        }
        None => match (&mut tree.kind, &value.kind) {
            (ValueKind::Table(_), ValueKind::Table(members)) => {
                for (name, member) in members {
                    lay(tree, &[Step::Key(name.clone())], member);
                }
            }
            _ => *tree = value.clone(),
        },
    }
}

/// Remembers the place of a value and of all that is in it.
fn remember(key: &str, value: &Value, place: &Place, places: &mut Places) {
    places.set(key.to_owned(), place.clone());
    match &value.kind {
        ValueKind::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                remember(&format!("{key}[{number}]"), item, place, places);
            }
        }
        ValueKind::Table(members) => {
            for (name, member) in members {
                remember(&joined(key, name), member, place, places);
            }
        }
        _ => {}
    }
}

/// Reads `MSN__SERVER__0__ADDRESS`; tells the shape at its end, if there is such a key.
fn of_variable<'a>(path: &str, schema: &'a Schema) -> (Vec<Step>, Option<&'a Schema>) {
    let mut steps = Vec::new();
    let mut shape = Some(schema);
    for part in path.split("__") {
        let part = part.to_lowercase();
        let items = shape.map(without_null).and_then(|shape| shape.get("items"));
        let number = part.parse().ok().filter(|number| *number < BLOCKS);
        match (items, number) {
            (Some(items), Some(number)) => {
                steps.push(Step::Index(number));
                shape = Some(items);
            }
            _ => {
                shape = shape.and_then(|shape| member(shape, &part));
                steps.push(Step::Key(part));
            }
        }
    }
    (steps, shape)
}

/// Reads `msn.server[0].address`; none when it is no key at all.
fn of_flag<'a>(key: &str, schema: &'a Schema) -> Option<(Vec<Step>, Option<&'a Schema>)> {
    let mut steps = Vec::new();
    let mut shape = Some(schema);
    let mut rest = key;
    while !rest.is_empty() {
        // In a section whose keys are anybody's, such as [permissions], the rest is one key.
        let (part, after) = match shape.is_some_and(is_map) {
            true => (rest, ""),
            false => rest.split_once('.').unwrap_or((rest, "")),
        };
        if after.is_empty() && part.len() < rest.len() {
            return None; // it ends in a dot
        }
        let (name, mut numbers) = match part.find('[').filter(|_| !shape.is_some_and(is_map)) {
            Some(at) => part.split_at_checked(at)?,
            None => (part, ""),
        };
        if name.is_empty() {
            return None;
        }
        shape = shape.and_then(|shape| member(shape, name));
        steps.push(Step::Key(name.to_owned()));
        while !numbers.is_empty() {
            let (number, more) = numbers.strip_prefix('[')?.split_once(']')?;
            let number = number.parse().ok().filter(|number| *number < BLOCKS)?;
            steps.push(Step::Index(number));
            shape = shape.map(without_null).and_then(|shape| shape.get("items"));
            numbers = more;
        }
        rest = after;
    }
    (!steps.is_empty()).then_some((steps, shape))
}

fn member<'a>(shape: &'a Schema, name: &str) -> Option<&'a Schema> {
    let shape = without_null(shape);
    let known = shape.get("properties").and_then(|keys| keys.get(name));
    known.or_else(|| shape.get("additionalProperties").filter(|shape| shape.is_object()))
}

fn is_map(shape: &Schema) -> bool {
    without_null(shape).get("additionalProperties").is_some_and(Schema::is_object)
}

fn shown(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |key, step| match step {
        Step::Index(number) => format!("{key}[{number}]"),
        Step::Key(name) => joined(&key, name),
    })
}

/// Gives the key of a member.
pub(super) fn joined(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

/// Reads what a file holds, without the line's end.
fn held(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(VALUE_LIMIT + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > VALUE_LIMIT {
        return Err("it is longer than 64 KiB".to_owned());
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
