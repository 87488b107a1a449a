//! The protocol book (docs/protocol): every example of the wire frames and decodes, every document
//! is XML, every link leads somewhere, and every command that is shown has its entry.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use msnp_proto::{
    ClientCommand, Direction, Frame, Framer, Limits, LinkKind, ServerCommand, Version,
    p2p::{v1, v2},
    xml,
};

/// Commands that the library hands on without reading them.
const UNREAD: [&str; 10] = ["CVQ", "FND", "IMS", "INF", "IPG", "LKP", "PAG", "PGD", "SDC", "SND"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/src")
}

fn pages() -> BTreeMap<PathBuf, String> {
    let listed = fs::read_dir(folder()).expect("the book is there");
    let files = listed.map(|entry| entry.expect("it is listed").path());
    let pages = files.filter(|path| path.extension().is_some_and(|end| end == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).expect("it is read"))).collect()
}

/// A fenced block of a page.
struct Block {
    /// Page and line, for messages.
    place: String,
    /// The words behind the fence.
    info: Vec<String>,
    lines: Vec<String>,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for (path, text) in pages() {
        let page = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        let mut open: Option<Block> = None;
        for (number, line) in (1..).zip(text.lines()) {
            match (line.strip_prefix("```"), &mut open) {
                (Some(info), None) => {
                    let info = info.split_whitespace().map(str::to_owned).collect();
                    open = Some(Block { place: format!("{page}:{number}"), info, lines: vec![] });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.lines.push(line.to_owned()),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block has no end");
    }
    blocks
}

/// An example of the wire: who says what, at which versions, on which kind of link.
struct Example {
    place: String,
    versions: Vec<u8>,
    kind: LinkKind,
    commands: Vec<Command>,
}

struct Command {
    direction: Direction,
    line: Vec<u8>,
    payload: Vec<u8>,
}

impl Command {
    fn verb(&self) -> String {
        String::from_utf8_lossy(self.line.get(..3).unwrap_or(&self.line)).into_owned()
    }
}

fn examples() -> Vec<Example> {
    let named = |block: &Block| block.info.first().is_some_and(|name| name == "msnp");
    let examples: Vec<Example> = blocks().into_iter().filter(named).map(example).collect();
    assert!(examples.len() > 100, "only {} examples: the pages are read wrongly", examples.len());
    examples
}

fn example(block: Block) -> Example {
    let place = block.place;
    let words: Vec<&str> = block.info.iter().map(String::as_str).collect();
    let (side, versions, kind) = match *words {
        [_, side, versions] => (side, versions, LinkKind::Notification),
        [_, side, versions, "sb"] => (side, versions, LinkKind::Switchboard),
        _ => panic!("{place}: {words:?} is no description of an example"),
    };
    let versions = versions.strip_prefix('v').expect("a version");
    let (first, last) = versions.split_once('-').unwrap_or((versions, versions));
    let number = |text: &str| -> u8 { text.parse().unwrap_or_else(|_| panic!("{place}: {text}")) };
    let versions = (number(first)..=number(last)).collect();

    let mut commands: Vec<Command> = Vec::new();
    for line in &block.lines {
        assert_eq!(line.trim_end(), line, "{place}: blanks at the end of a line cannot be seen");
        let (side, rest) = match side {
            "dialogue" => line.split_at_checked(1).unwrap_or_else(|| panic!("{place}: {line}")),
            "client" => ("C", line.as_str()),
            "server" => ("S", line.as_str()),
            _ => panic!("{place}: {side} is no side"),
        };
        let direction = match side {
            "C" => Direction::ToServer,
            "S" => Direction::ToClient,
            _ => panic!("{place}: {side} says nothing"),
        };
        if let Some(payload) = rest.strip_prefix('|') {
            let command = commands.last_mut().filter(|command| command.direction == direction);
            let command = command.unwrap_or_else(|| panic!("{place}: a payload of no command"));
            command.payload.extend(unescaped(payload.strip_prefix(' ').unwrap_or(payload)));
        } else {
            let line = unescaped(rest.strip_prefix(": ").unwrap_or(rest));
            commands.push(Command { direction, line, payload: vec![] });
        }
    }
    Example { place, versions, kind, commands }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.extend(c.to_string().as_bytes());
            continue;
        }
        match characters.next() {
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('t') => out.push(b'\t'),
            Some('\\') => out.push(b'\\'),
            Some('x') => {
                let digits: String = characters.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two digits"));
            }
            other => panic!("{text}: {other:?} after a backslash"),
        }
    }
    out
}

#[test]
fn every_payload_is_as_long_as_its_line_says() {
    let mut wrong = Vec::new();
    for example in examples() {
        for command in &example.commands {
            let line = String::from_utf8_lossy(&command.line);
            let length = line.split(' ').next_back().and_then(|word| word.parse::<usize>().ok());
            let there = command.payload.len();
            if there > 0 && length != Some(there) {
                wrong.push(format!("{}: {line}: {there} bytes follow", example.place));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_is_framed_whole() {
    let mut wrong = Vec::new();
    for example in examples() {
        // Version 24 is lines of headers, which the framer does not know.
        if example.versions.contains(&24) {
            continue;
        }
        for direction in [Direction::ToServer, Direction::ToClient] {
            let said = || example.commands.iter().filter(|command| command.direction == direction);
            let mut framer = Framer::new(example.kind, direction, Limits::default());
            for command in said() {
                framer.push(&[&command.line[..], b"\r\n", &command.payload].concat());
            }
            let mut left = said();
            while let Some(frame) =
                framer.next().unwrap_or_else(|error| panic!("{}: {error}", example.place))
            {
                let next = left.next();
                if next.is_none_or(|c| c.line != frame.line() || c.payload != frame.payload()) {
                    let line = String::from_utf8_lossy(frame.line());
                    wrong.push(format!("{}: {line}", example.place));
                    break;
                }
            }
            if left.next().is_some() || !framer.is_between_frames() {
                wrong.push(format!("{}: bytes are left over", example.place));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_is_a_command() {
    let mut wrong = Vec::new();
    let mut read = 0;
    for example in examples() {
        let versions = example.versions.iter().filter_map(|number| Version::from_number(*number));
        for version in versions {
            for command in &example.commands {
                let frame = Frame::of_line(&command.line, &command.payload);
                let unknown = match command.direction {
                    Direction::ToServer => ClientCommand::decode(&frame, version, example.kind)
                        .map(|command| matches!(command, ClientCommand::Unknown { .. })),
                    Direction::ToClient => ServerCommand::decode(&frame, version, example.kind)
                        .map(|command| matches!(command, ServerCommand::Unknown { .. })),
                };
                let line = String::from_utf8_lossy(&command.line);
                match unknown {
                    Err(error) => {
                        wrong.push(format!("{} {version}: {line}: {error}", example.place));
                    }
                    Ok(true) if !UNREAD.contains(&command.verb().as_str()) => {
                        wrong.push(format!("{} {version}: {line}: unknown", example.place));
                    }
                    Ok(_) => read += 1,
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 200, "only {read} commands were read");
}

#[test]
fn every_packet_that_is_shown_decodes_and_is_written_alike() {
    let mut shown = 0;
    for block in blocks() {
        let [kind, age, rest @ ..] = block.info.as_slice() else { continue };
        if kind != "packet" {
            continue;
        }
        shown += 1;
        let hex = block.lines.iter().flat_map(|line| {
            let bytes = line.split("  ").next().unwrap_or_default();
            bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect(&block.place))
        });
        let mut bytes: Vec<u8> = hex.collect();
        if age == "v1" {
            let (header, rest) = v1::Header::decode(&bytes).expect(&block.place);
            assert!(rest.is_empty(), "{}", block.place);
            assert_eq!(header.encode().as_slice(), bytes, "{}", block.place);
        } else {
            let length: usize = rest.first().map_or(0, |length| length.parse().expect("a number"));
            bytes.resize(bytes.len() + length, 0x20);
            let packet = v2::Packet::decode(&bytes).expect(&block.place);
            let written = packet.encode();
            assert_eq!(written.strip_suffix(&[0; 4]), Some(bytes.as_slice()), "{}", block.place);
        }
    }
    assert!(shown >= 4, "{shown} packets");
}

#[test]
fn every_document_is_well_formed() {
    let mut count = 0;
    for block in blocks() {
        if block.info.first().is_some_and(|name| name == "xml") {
            let text = block.lines.join("\n");
            xml::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", block.place));
            count += 1;
        }
    }
    for example in examples() {
        for command in example.commands.iter().filter(|command| command.payload.starts_with(b"<")) {
            let place = &example.place;
            xml::parse(&command.payload).unwrap_or_else(|error| panic!("{place}: {error}"));
            count += 1;
        }
    }
    assert!(count > 50, "only {count} documents: the pages are read wrongly");
}

#[test]
fn every_command_that_is_shown_has_its_entry() {
    let pages = pages();
    let entries: BTreeSet<String> = pages
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("commands-"))
        .flat_map(|(_, text)| text.lines().filter_map(|line| line.strip_prefix("## ")))
        .flat_map(|heading| heading.split(", ").map(str::to_owned))
        .collect();
    for example in examples().iter().filter(|example| !example.versions.contains(&24)) {
        for verb in example.commands.iter().map(Command::verb) {
            let number = verb.bytes().all(|byte| byte.is_ascii_digit());
            assert!(number || entries.contains(&verb), "{}: no entry of {verb}", example.place);
        }
    }
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
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in pages() {
        let links = between(&text, "](", ")").into_iter();
        for link in links.filter(|link| !link.contains("://") && !link.contains(' ')) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { folder().join(file) };
            let headings = fs::read_to_string(target).ok().map(|text| {
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
fn every_page_is_in_the_summary() {
    let pages = pages();
    let summary = pages.get(&folder().join("SUMMARY.md")).expect("there is a summary");
    let listed: BTreeSet<&str> = between(summary, "](", ")").into_iter().collect();
    for path in pages.keys() {
        let name = path.file_name().and_then(|name| name.to_str()).expect("it has a name");
        assert!(name == "SUMMARY.md" || listed.contains(name), "{name} is not in the summary");
    }
}
