//! Reads the file: its text, its values, and the line of each key.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read as _},
    ops::Range,
    path::Path,
};

use config::{Map, Value, ValueKind};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    ConfigError, Problem,
    layer::{Layer, joined},
    place::{Place, Placed, Places},
};

/// Longest file, in bytes: a configuration is some pages, and a wrong name may be anything.
const LIMIT: u64 = 1024 * 1024;

/// Reads the file into a layer, and remembers the line of each of its keys.
///
/// # Errors
/// [`ConfigError::Unreadable`] names the file and the mend; [`ConfigError::Invalid`] has each place where
/// the text is not TOML.
pub(super) fn read(file: &Path, places: &mut Places) -> Result<Layer, ConfigError> {
    let text = text(file)?;
    let (table, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        return Err(ConfigError::Invalid(
            errors.iter().map(|error| broken(file, &text, error)).collect(),
        ));
    }
    let mut reading = Reading { file, text: &text, places };
    let values = reading.table(table.get_ref(), "");
    Ok(Layer::whole(values))
}

/// Reads one value as TOML writes it; none when the text is something else.
pub(super) fn value(text: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    let mut places = Places::new("".into());
    Some(Reading { file: Path::new(""), text, places: &mut places }.value(value.get_ref(), ""))
}

fn text(file: &Path) -> Result<String, ConfigError> {
    let failed = |text: &str| ConfigError::Unreadable(format!("{}: {text}", file.display()));
    let opened = File::open(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            failed("there is no such file. Make one with `msn-bridge init`, or name yours with -c")
        }
        io::ErrorKind::PermissionDenied => {
            failed("it may not be read by this user: run as the bridge's user, or change its mode")
        }
        _ => failed(&format!("it cannot be read: {error}")),
    })?;
    if opened.metadata().is_ok_and(|facts| facts.is_dir()) {
        return Err(failed("it is a directory: name the file in it, such as -c DIR/config.toml"));
    }
    let mut bytes = Vec::new();
    opened
        .take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&format!("it cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LIMIT {
        return Err(failed(
            "it is longer than 1 MiB, so it is no configuration; name yours with -c",
        ));
    }
    match String::from_utf8(bytes) {
        // Some editors put a mark in front that is no part of the text.
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned)),
        Err(error) => {
            let line = 1 + error
                .as_bytes()
                .iter()
                .take(error.utf8_error().valid_up_to())
                .filter(|byte| **byte == b'\n')
                .count();
            Err(failed(&format!("line {line} is not UTF-8: save the file as UTF-8")))
        }
    }
}

fn broken(file: &Path, text: &str, error: &toml::de::Error) -> Placed {
    let at = error.span().map_or(text.len(), |span| span.start);
    let before = text.get(..at).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    // The parser says some things in several lines.
    let text = error.message().split('\n').map(str::trim).collect::<Vec<_>>().join(", ");
    let place =
        Place::File { file: file.to_owned(), line: Some(line_of(before)), column: Some(column) };
    Placed {
        place,
        problem: Problem { key: String::new(), text: format!("this is not TOML: {text}") },
    }
}

fn line_of(before: &str) -> usize {
    before.matches('\n').count() + 1
}

/// Turns parsed TOML into values.
struct Reading<'a> {
    file: &'a Path,
    text: &'a str,
    places: &'a mut Places,
}

impl Reading<'_> {
    fn table(&mut self, table: &DeTable<'_>, key: &str) -> Value {
        let mut members = Map::new();
        for (name, member) in table {
            let path = joined(key, name.get_ref());
            self.remember(&path, name.span());
            members.insert(
                Cow::clone(name.get_ref()).into_owned(),
                self.value(member.get_ref(), &path),
            );
        }
        Value::new(None, ValueKind::Table(members))
    }

    fn value(&mut self, value: &DeValue<'_>, key: &str) -> Value {
        let kind = match value {
            DeValue::Array(items) => {
                let items = items.iter().enumerate();
                ValueKind::Array(
                    items.map(|(number, item)| self.element(item, key, number)).collect(),
                )
            }
            DeValue::Boolean(switch) => ValueKind::Boolean(*switch),
            DeValue::Datetime(time) => ValueKind::String(time.to_string()),
            DeValue::Float(number) => match number.as_str().replace('_', "").parse() {
                Ok(number) => ValueKind::Float(number),
                Err(_) => ValueKind::String(number.as_str().to_owned()),
            },
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => ValueKind::I64(number),
                    // Too long for a number; the checks say so.
                    Err(_) => ValueKind::String(number.as_str().to_owned()),
                }
            }
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Table(table) => return self.table(table, key),
        };
        Value::new(None, kind)
    }

    fn element(&mut self, item: &Spanned<DeValue<'_>>, key: &str, number: usize) -> Value {
        let path = format!("{key}[{number}]");
        self.remember(&path, item.span());
        self.value(item.get_ref(), &path)
    }

    fn remember(&mut self, key: &str, span: Range<usize>) {
        let line = Some(line_of(self.text.get(..span.start).unwrap_or_default()));
        let place = Place::File { file: self.file.to_owned(), line, column: None };
        self.places.set(key.to_owned(), place);
    }
}
