//! Whatever a client says decodes or is a typed error. What decodes is written as one command, which
//! reads back as the same; what a capture shows of it holds no secret.
//!
//! The first byte chooses version and link.
#![no_main]

use std::mem::discriminant;

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    ClientCommand, Direction, Frame, Framer, Limits, LinkKind, Version, redact::Capture,
};

fn framer(kind: LinkKind) -> Framer {
    Framer::new(kind, Direction::ToServer, Limits::default())
}

fn check(frame: &Frame<'_>, version: Version, kind: LinkKind) {
    let command = match ClientCommand::decode(frame, version, kind) {
        Ok(command) => command,
        Err(error) => {
            assert!(error.to_string().len() < 200, "an error holds too much of what came");
            return;
        }
    };
    for secret in secrets(&command).into_iter().flatten() {
        hides(frame, version, kind, secret);
    }
    // Of what is not known only the name is kept; a bare CR is no word's part when it is written.
    if matches!(command, ClientCommand::Unknown { .. }) || frame.line().contains(&b'\r') {
        return;
    }
    let mut once = Vec::new();
    command.encode(version, &mut once);
    let mut framer = framer(kind);
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

/// A word that the line says once, and that a hash cannot hold by chance, is not shown.
fn hides(frame: &Frame<'_>, version: Version, kind: LinkKind, secret: &str) {
    let line = String::from_utf8_lossy(frame.line());
    if secret.len() < 12 || line.matches(secret).count() != 1 || line.contains(char::is_control) {
        return;
    }
    let mut bytes = frame.line().to_vec();
    bytes.extend(b"\r\n");
    let shown = Capture::new([7; 16], true).take(1, kind, Direction::ToServer, version, &bytes);
    assert!(shown.iter().all(|shown| !shown.contains(secret)), "{shown:?}");
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let kind = if choice & 1 == 0 { LinkKind::Notification } else { LinkKind::Switchboard };
    let version = Version::ALL[usize::from(choice >> 1) % Version::ALL.len()];
    let mut framer = framer(kind);
    framer.push(data);
    while let Ok(Some(frame)) = framer.next() {
        check(&frame, version, kind);
    }
    for names in [false, true] {
        Capture::new([7; 16], names).take(1, kind, Direction::ToServer, version, data);
    }
});
