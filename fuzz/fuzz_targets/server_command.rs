//! Whatever a server says decodes or is a typed error. What decodes is written as one command, which
//! reads back as the same; what a capture shows of it holds no ticket.
//!
//! The first byte chooses version and link.
#![no_main]

use std::mem::discriminant;

use libfuzzer_sys::fuzz_target;
use msnp_fuzz::{each_frame, framer, hides};
use msnp_proto::{Direction, Frame, LinkKind, ServerCommand, Version, command::Redirect};

fn check(frame: &Frame<'_>, version: Version, kind: LinkKind) {
    let command = match ServerCommand::decode(frame, version, kind) {
        Ok(command) => command,
        Err(error) => {
            assert!(error.to_string().len() < 200, "an error holds too much of what came");
            return;
        }
    };
    if let Some(ticket) = ticket(&command, kind) {
        hides(frame, version, (kind, Direction::ToClient), ticket);
    }
    // Of what is not known only the name is kept; a bare CR is no word's part when it is written.
    if matches!(command, ServerCommand::Unknown { .. }) || frame.line().contains(&b'\r') {
        return;
    }
    let mut once = Vec::new();
    command.encode(version, kind, &mut once);
    let mut framer = framer(kind, Direction::ToClient);
    framer.push(&once);
    let mut twice = Vec::new();
    {
        let frame = framer.next().expect("it frames").expect("it is whole");
        let again = ServerCommand::decode(&frame, version, kind);
        let again = again.unwrap_or_else(|error| panic!("{error}: {}", once.escape_ascii()));
        assert_eq!(discriminant(&again), discriminant(&command), "{}", once.escape_ascii());
        again.encode(version, kind, &mut twice);
    }
    assert!(framer.is_between_frames(), "more than one command: {}", once.escape_ascii());
    assert_eq!(once.escape_ascii().to_string(), twice.escape_ascii().to_string());
}

fn ticket<'a>(command: &ServerCommand<'a>, kind: LinkKind) -> Option<&'a str> {
    match command {
        ServerCommand::Ring { ticket, .. }
        | ServerCommand::Transfer { to: Redirect::Switchboard { ticket, .. }, .. } => {
            Some(ticket.0)
        }
        // Switchboards have no such thing: what stands there is a name.
        ServerCommand::AuthenticateWith { nonce, .. } if kind == LinkKind::Notification => *nonce,
        ServerCommand::Challenge { text } => Some(text),
        _ => None,
    }
}

fuzz_target!(|data: &[u8]| each_frame(data, Direction::ToClient, check));
