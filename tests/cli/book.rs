//! The book: its links lead somewhere, its pages are listed, and its commands are ones there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::run;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages, by path.
fn pages() -> BTreeMap<PathBuf, String> {
    let listed = fs::read_dir(root().join("docs/src")).expect("the book is there");
    let files = listed.map(|entry| entry.expect("it is listed").path());
    let pages = files.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let pages = pages.chain([root().join("README.md")]);
    pages.map(|path| (path.clone(), fs::read_to_string(path).expect("it is read"))).collect()
}

/// What stands between two marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let parts = text.split(begin).skip(1);
    parts.filter_map(|part| part.split_once(end).map(|(inner, _)| inner)).collect()
}

/// The name a heading has in a link.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn every_link_of_the_book_leads_somewhere() {
    let pages = pages();
    let mut broken = Vec::new();
    for (path, text) in &pages {
        let folder = path.parent().expect("it is in a folder");
        let files = between(text, "](", ")").into_iter().chain(between(text, "{{#include ", "}}"));
        for link in files.filter(|link| !link.contains("://") && !link.contains(' ')) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { folder.join(file) };
            let there = fs::canonicalize(&target).ok();
            // A picture has no headings, and need be no text.
            let there = there.and_then(|target| fs::read(target).ok());
            let headings = there.as_ref().map(|bytes| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                headings.map(|line| anchor(line.trim_start_matches('#'))).collect::<BTreeSet<_>>()
            });
            if headings.is_none_or(|all| !heading.is_empty() && !all.contains(heading)) {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_is_listed_or_part_of_another() {
    let pages = pages();
    let named: BTreeSet<&str> = pages
        .values()
        .flat_map(|text| {
            between(text, "](", ")").into_iter().chain(between(text, "{{#include ", "}}"))
        })
        .collect();
    for path in pages.keys().filter(|path| path.starts_with(root().join("docs"))) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("it has a name");
        assert!(name == "SUMMARY.md" || named.contains(name), "{name} is in no list");
    }
}

#[test]
fn every_command_that_is_shown_is_one_there_is() {
    let mut help: BTreeMap<Vec<&str>, String> = BTreeMap::new();
    let pages = pages();
    let mut seen = 0;
    for (path, text) in &pages {
        // In blocks, and in the line of a text.
        let blocks = text.lines().filter(|line| line.starts_with("    ") || line.starts_with("$ "));
        for line in blocks.chain(between(text, "`", "`")).filter(|line| !line.contains('\n')) {
            let bare = line.trim().trim_start_matches("$ ");
            let bare = bare.strip_prefix("sudo -u msn-bridge ").unwrap_or(bare);
            let Some(after) = bare.trim_start_matches("sudo ").strip_prefix("msn-bridge ") else {
                continue;
            };
            let words: Vec<&str> = after.split([' ', '`', '|', '[', ']', '=']).collect();
            // `msn` has commands, and some of those have their own.
            let lower = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
            let count = match words.as_slice() {
                ["msn", _, word, ..] if !word.is_empty() && lower(word) => 3,
                ["msn", ..] => 2,
                _ => 1,
            };
            let command: Vec<&str> = words.iter().take(count).copied().collect();
            let plain = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            if !command.iter().all(plain) || command.iter().any(|word| word.is_empty()) {
                continue;
            }
            let known = help.entry(command.clone()).or_insert_with(|| {
                let output = run(&[command.as_slice(), &["--help"]].concat(), None);
                assert!(output.status.success(), "{}: {line}", path.display());
                String::from_utf8_lossy(&output.stdout).into_owned()
            });
            let flags = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
            for flag in flags.map(|flag| flag.trim_end_matches([',', '.', ';', ')'])) {
                assert!(known.contains(flag), "{}: {flag} in {line}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} commands were found: the pages are read wrongly");
}
