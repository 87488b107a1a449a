//! The text form of Prometheus' measures, read as strictly as its specification is written.

use std::collections::{BTreeMap, BTreeSet};

/// A name, its labels in order, and the value.
pub(crate) type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads a whole answer.
///
/// # Panics
/// At the first line that breaks a rule, naming it.
pub(crate) fn read(text: &str) -> Samples {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut samples = Samples::new();
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut families = BTreeSet::new();
    let mut family = String::new();
    for line in text.lines() {
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix("# ") {
            let mut parts = rest.splitn(3, ' ');
            let (word, name) = (parts.next().expect("a word"), parts.next().expect("a name"));
            assert!(is_name(name), "{line}");
            let rest = parts.next().unwrap_or_default();
            match word {
                "HELP" => assert!(!rest.is_empty(), "{line}"),
                "TYPE" => {
                    assert!(["counter", "gauge", "histogram"].contains(&rest), "{line}");
                    let before = kinds.insert(name.to_owned(), rest.to_owned());
                    assert!(before.is_none(), "told twice: {line}");
                }
                _ => panic!("neither HELP nor TYPE: {line}"),
            }
            if family != name {
                assert!(families.insert(name.to_owned()), "a family is in one place: {line}");
                name.clone_into(&mut family);
            }
            continue;
        }
        let (name, labels, value) = sample(line);
        let kind = kinds.get(&family).map(String::as_str);
        let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line}"));
        match kind {
            Some("histogram") => {
                assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}");
                assert_eq!(suffix == "_bucket", labels.contains_key("le"), "{line}");
            }
            Some(_) => assert_eq!(suffix, "", "{line}"),
            None => panic!("its type is not told: {line}"),
        }
        assert!(kind == Some("gauge") || value >= 0.0, "{line}");
        assert!(samples.insert((name, labels), value).is_none(), "twice: {line}");
    }
    for family in kinds.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
        histogram_adds_up(&samples, family);
    }
    samples
}

/// Adds up the samples of a name that have these labels.
pub(crate) fn sum(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |all: &BTreeMap<String, String>| {
        labels.iter().all(|(label, value)| all.get(*label).is_some_and(|other| other == value))
    };
    let found = samples.iter().filter(|((other, all), _)| other == name && has(all));
    found.map(|(_, value)| value).sum()
}

/// Each bucket holds what smaller ones hold, and the last holds everything.
fn histogram_adds_up(samples: &Samples, family: &str) {
    let mut buckets: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for ((name, labels), value) in samples {
        if *name == format!("{family}_bucket") {
            let mut labels = labels.clone();
            let edge = labels.remove("le").expect("it was checked");
            buckets.entry(labels).or_default().push((number(&edge), *value));
        }
    }
    for (labels, mut buckets) in buckets {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.is_sorted_by(|one, other| one.1 <= other.1), "{family} {labels:?}");
        let (edge, all) = buckets.last().expect("it has some");
        let count = samples.get(&(format!("{family}_count"), labels.clone()));
        assert!(*edge == f64::INFINITY && count == Some(all), "{family} {labels:?}");
        assert!(samples.contains_key(&(format!("{family}_sum"), labels)), "{family}");
    }
}

fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label) && !label.contains(':'), "{line}");
            let mut value = String::new();
            let mut letters = after.chars();
            loop {
                match letters.next().unwrap_or_else(|| panic!("no end: {line}")) {
                    '"' => break,
                    '\\' => match letters.next() {
                        Some('n') => value.push('\n'),
                        Some(letter @ ('"' | '\\')) => value.push(letter),
                        _ => panic!("a bad escape: {line}"),
                    },
                    letter => value.push(letter),
                }
            }
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = letters.as_str();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        rest = rest.strip_prefix('}').expect("it was looked for");
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    (name.to_owned(), labels, number(value))
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        text => text.parse().unwrap_or_else(|_| panic!("{text:?} is no number")),
    }
}

fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':');
    begins && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}
