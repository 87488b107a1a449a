//! Whatever a client says decodes or is a typed error. What decodes is written as one command, which
//! reads back as the same; what a capture shows of it holds no secret.
//!
//! The first byte chooses version and link.
#![no_main]

use std::mem::discriminant;

use libfuzzer_sys::fuzz_target;
use msnp_fuzz::{each_frame, framer, hides};
use msnp_proto::{ClientCommand, Direction, Frame, LinkKind, Version};

fn check(frame: &Frame<'_>, version: Version, kind: LinkKind) {
    let command = match ClientCommand::decode(frame, version, kind) {
        Ok(command) => command,
        Err(error) => {
            assert!(error.to_string().len() < 200, "an error holds too much of what came");
            return;
        }
    };
    for secret in secrets(&command).into_iter().flatten() {
        hides(frame, version, (kind, Direction::ToServer), secret);
    }
    // Of what is not known only the name is kept; a bare CR is no word's part when it is written.
    if matches!(command, ClientCommand::Unknown { .. }) || frame.line().contains(&b'\r') {
        return;
    }
    let mut once = Vec::new();
    command.encode(version, &mut once);
    let mut framer = framer(kind, Direction::ToServer);
    framer.push(&once);
    let mut twice = Vec::new();
    {
        let frame = framer.next().expect("it frames").expect("it is whole");
        let again = ClientCommand::decode(&frame, version, kind);
        let again = again.unwrap_or_else(|error| panic!("{error}: {}", once.escape_ascii()));
        assert_eq!(discriminant(&again), discriminant(&command), "{}", once.escape_ascii());
        again.encode(version, &mut twice);
    }
    assert!(framer.is_between_frames(), "more than one command: {}", once.escape_ascii());
    assert_eq!(once.escape_ascii().to_string(), twice.escape_ascii().to_string());
}

fn secrets<'a>(command: &ClientCommand<'a>) -> [Option<&'a str>; 2] {
    match command {
        ClientCommand::Answer { ticket, .. }
        | ClientCommand::AuthenticateCircles { ticket, .. }
        | ClientCommand::Enter { ticket, .. } => [Some(ticket.0), None],
        ClientCommand::AuthenticateWith { ticket, proof, .. } => {
            [Some(ticket.0), proof.map(|proof| proof.0)]
        }
        _ => [None, None],
    }
}

fuzz_target!(|data: &[u8]| each_frame(data, Direction::ToServer, check));
