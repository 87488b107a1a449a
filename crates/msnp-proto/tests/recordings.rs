//! Real servers' words: every byte of the recordings frames, decodes, and is written back alike.

mod recorded;
mod transcript;

use std::collections::BTreeMap;

use msnp_proto::{ClientCommand, Direction, Framer, Limits, LinkKind, ServerCommand, Version};

struct Stream {
    name: String,
    version: Version,
    kind: LinkKind,
    direction: Direction,
    bytes: Vec<u8>,
}

/// What each side said on each link.
fn all_streams() -> Vec<Stream> {
    let mut all = Vec::new();
    for recording in transcript::all() {
        let mut streams: BTreeMap<(String, char), Vec<u8>> = BTreeMap::new();
        for unit in recording.units.into_iter().filter(|unit| unit.side != '#') {
            streams.entry((unit.link, unit.side)).or_default().extend(unit.bytes);
        }
        for ((link, side), bytes) in streams {
            let kind = match link.split_once('-').map(|(_, kind)| kind) {
                Some(kind) if kind.starts_with("NS") => LinkKind::Notification,
                Some(kind) if kind.starts_with("SB") => LinkKind::Switchboard,
                _ => continue,
            };
            let direction = if side == 'C' { Direction::ToServer } else { Direction::ToClient };
            all.push(Stream {
                name: format!("{} {link} {side}", recording.name),
                version: recording.version,
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

/// Tells whether a line has both numbers of capabilities where its version has one, as aMSN writes them:
/// they are read, and one is written.
fn is_numbered_twice(stream: &Stream, line: &[u8]) -> bool {
    let is_amsn = stream.name.starts_with("amsn") && stream.version == Version::Msnp15;
    is_amsn && [&b"CHG"[..], b"NLN", b"ILN"].iter().any(|verb| line.starts_with(verb))
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
            if is_numbered_twice(&stream, &line) {
                continue;
            }
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
            if is_numbered_twice(&stream, &line) {
                continue;
            }
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
