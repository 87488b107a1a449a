//! Reads recordings: see tests/transcripts/README.md for their form.

use std::{fs, path::Path};

use msnp_proto::Version;

/// A recording.
pub(crate) struct Transcript {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// The version spoken in it.
    pub(crate) version: Version,
    /// What was said, in the order of time.
    pub(crate) units: Vec<Unit>,
}

/// What one side said at once on one link.
pub(crate) struct Unit {
    /// The link, such as `alice-SB2`.
    pub(crate) link: String,
    /// `C` for the client, `S` for the server; `#` where the client closes the link.
    pub(crate) side: char,
    pub(crate) bytes: Vec<u8>,
}

impl Unit {
    /// Tells whether it was said on a switchboard.
    pub(crate) fn is_on_a_switchboard(&self) -> bool {
        let kind = self.link.split_once('-').map(|(_, kind)| kind);
        kind.is_some_and(|kind| kind.starts_with("SB"))
    }

    /// Gives the account of the client on the link.
    pub(crate) fn account(&self) -> String {
        let who = self.link.split('-').next().unwrap_or_default();
        format!("{who}@example.com")
    }

    /// Gives the line, and what stands behind it.
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        let end = self.bytes.windows(2).position(|bytes| bytes == b"\r\n");
        self.bytes.split_at(end.map_or(self.bytes.len(), |end| end + 2))
    }
}

/// Reads all recordings.
pub(crate) fn all() -> Vec<Transcript> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../msnp-proto/tests/transcripts");
    let files = fs::read_dir(folder).expect("the folder is there").flatten();
    let mut all: Vec<Transcript> = files
        .filter_map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            let name = name.strip_suffix(".txt")?.to_owned();
            let number = name[name.len() - 2..].parse().expect("a number");
            let version = Version::from_number(number).expect("a version");
            let text = fs::read_to_string(file.path()).expect("it is text");
            Some(Transcript { name, version, units: units(&text) })
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn units(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for line in text.lines() {
        if let Some(remark) = line.strip_prefix("# ") {
            let closed = remark.strip_suffix(": client closes");
            let closed = closed.or_else(|| remark.strip_suffix(" closed by client side"));
            let unit = |link: &str| Unit { link: link.to_owned(), side: '#', bytes: Vec::new() };
            units.extend(closed.map(unit));
            continue;
        }
        let Some((link, rest)) = line.split_once(' ') else {
            continue;
        };
        let mut characters = rest.chars();
        let (Some(side), Some(mark @ (':' | '|'))) = (characters.next(), characters.next()) else {
            continue;
        };
        let words = characters.as_str().strip_prefix(' ').unwrap_or_default();
        let (words, is_last) =
            (unescape(words), |unit: &&mut Unit| unit.link == link && unit.side == side);
        match units.last_mut().filter(is_last) {
            Some(unit) if mark == '|' => unit.bytes.extend(words),
            _ => units.push(Unit { link: link.to_owned(), side, bytes: words }),
        }
    }
    units
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.extend(c.to_string().as_bytes());
            continue;
        }
        match characters.next().expect("an escape") {
            'r' => out.push(b'\r'),
            'n' => out.push(b'\n'),
            'x' => {
                let digits: String = characters.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            other => out.extend(other.to_string().as_bytes()),
        }
    }
    out
}
