//! Real servers' words: every byte of the recordings frames, decodes, and is written back alike.

use std::{collections::BTreeMap, fs, path::Path};

use msnp_proto::{ClientCommand, Direction, Framer, Limits, LinkKind, ServerCommand, Version};

/// The streams of a recording: by link and direction.
fn streams(text: &str) -> BTreeMap<(String, char), Vec<u8>> {
    let mut streams: BTreeMap<(String, char), Vec<u8>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((link, rest)) = line.split_once(' ') else {
            continue;
        };
        let mut characters = rest.chars();
        let (Some(side), Some(':' | '|')) = (characters.next(), characters.next()) else {
            continue;
        };
        let words = characters.as_str().strip_prefix(' ').unwrap_or_default();
        streams.entry((link.to_owned(), side)).or_default().extend(unescape(words));
    }
    streams
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

struct Stream {
    name: String,
    version: Version,
    kind: LinkKind,
    direction: Direction,
    bytes: Vec<u8>,
}

fn all_streams() -> Vec<Stream> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut all = Vec::new();
    for file in fs::read_dir(folder).expect("the folder is there").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(number) = name.strip_suffix(".txt").map(|stem| &stem[stem.len() - 2..]) else {
            continue;
        };
        let version = Version::from_number(number.parse().expect("a number")).expect("a version");
        let text = fs::read_to_string(file.path()).expect("it is text");
        for ((link, side), bytes) in streams(&text) {
            let kind = match link.split_once('-').map(|(_, kind)| kind) {
                Some(kind) if kind.starts_with("NS") => LinkKind::Notification,
                Some(kind) if kind.starts_with("SB") => LinkKind::Switchboard,
                _ => continue,
            };
            let direction = if side == 'C' { Direction::ToServer } else { Direction::ToClient };
            all.push(Stream {
                name: format!("{name} {link} {side}"),
                version,
                kind,
                direction,
                bytes,
            });
        }
    }
    assert!(all.len() >= 50, "only {} streams", all.len());
    all
}

/// Frames a stream given in pieces of so many bytes; gives each frame's line and payload.
fn frames(stream: &Stream, piece: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut framer = Framer::new(stream.kind, stream.direction, Limits::default());
    let mut frames = Vec::new();
    for bytes in stream.bytes.chunks(piece) {
        framer.push(bytes);
        while let Some(frame) =
            framer.next().unwrap_or_else(|error| panic!("{}: {error}", stream.name))
        {
            frames.push((frame.line().to_vec(), frame.payload().to_vec()));
        }
    }
    frames
}

#[test]
fn every_byte_is_framed_whatever_the_pieces() {
    for stream in all_streams() {
        let whole = frames(&stream, usize::MAX);
        let length: usize =
            whole.iter().map(|(line, payload)| line.len() + 2 + payload.len()).sum();
        assert_eq!(length, stream.bytes.len(), "{}: bytes are left over", stream.name);
        for piece in [1, 2, 3, 7, 1460] {
            assert_eq!(frames(&stream, piece), whole, "{} in pieces of {piece}", stream.name);
        }
    }
}

#[test]
fn every_command_of_the_servers_is_understood() {
    let mut odd: Vec<String> = Vec::new();
    for stream in all_streams().into_iter().filter(|stream| stream.direction == Direction::ToClient)
    {
        for (line, payload) in frames(&stream, usize::MAX) {
            let frame = msnp_proto::Frame::of_line(&line, &payload);
            match ServerCommand::decode(&frame, stream.version, stream.kind) {
                Ok(ServerCommand::Unknown { verb, .. }) => {
                    odd.push(format!("{}: {verb}", stream.name))
                }
                Ok(_) => {}
                Err(error) => odd.push(format!("{}: {error}", stream.name)),
            }
        }
    }
    assert_eq!(odd, Vec::<String>::new());
}

#[test]
fn every_command_of_a_server_is_the_same_after_writing_and_reading_it() {
    for stream in all_streams().into_iter().filter(|stream| stream.direction == Direction::ToClient)
    {
        for (line, payload) in frames(&stream, usize::MAX) {
            let frame = msnp_proto::Frame::of_line(&line, &payload);
            let Ok(command) = ServerCommand::decode(&frame, stream.version, stream.kind) else {
                continue;
            };
            let mut written = Vec::new();
            command.encode(stream.version, stream.kind, &mut written);
            let mut framer = Framer::new(stream.kind, stream.direction, Limits::default());
            framer.push(&written);
            let again = framer
                .next()
                .expect("it frames")
                .unwrap_or_else(|| panic!("{}: {}", stream.name, line.escape_ascii()));
            let again = ServerCommand::decode(&again, stream.version, stream.kind);
            assert_eq!(again.as_ref(), Ok(&command), "{}: {}", stream.name, line.escape_ascii());
        }
    }
}

#[test]
fn every_command_of_a_client_is_the_same_after_writing_and_reading_it() {
    for stream in all_streams().into_iter().filter(|stream| stream.direction == Direction::ToServer)
    {
        for (line, payload) in frames(&stream, usize::MAX) {
            let frame = msnp_proto::Frame::of_line(&line, &payload);
            let command = match ClientCommand::decode(&frame, stream.version, stream.kind) {
                // Of what is not known only the name is kept.
                Ok(ClientCommand::Unknown { .. }) | Err(_) => continue,
                Ok(command) => command,
            };
            let mut written = Vec::new();
            command.encode(stream.version, &mut written);
            let mut framer = Framer::new(stream.kind, stream.direction, Limits::default());
            framer.push(&written);
            let again = framer
                .next()
                .expect("it frames")
                .unwrap_or_else(|| panic!("{}: {}", stream.name, line.escape_ascii()));
            let again = ClientCommand::decode(&again, stream.version, stream.kind);
            assert_eq!(again.as_ref(), Ok(&command), "{}: {}", stream.name, line.escape_ascii());
        }
    }
}
