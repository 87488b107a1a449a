//! Bytes cut in two ways give the same frames, or the same error; no frame is larger than the limits.
//!
//! The first byte chooses link, direction and the length of the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{Direction, FrameError, Framer, Limits, LinkKind};

const LIMITS: Limits = Limits { line: 512, payload: 2048 };

type Frames = (Vec<(Vec<u8>, Vec<u8>)>, Option<FrameError>);

fn frames(data: &[u8], piece: usize, kind: LinkKind, direction: Direction) -> Frames {
    let mut framer = Framer::new(kind, direction, LIMITS);
    let mut found = Vec::new();
    for bytes in data.chunks(piece) {
        framer.push(bytes);
        loop {
            match framer.next() {
                Ok(Some(frame)) => {
                    assert!(frame.line().len() < LIMITS.line, "a line is too long");
                    assert!(frame.payload().len() <= LIMITS.payload, "a payload is too long");
                    assert!(!frame.line().contains(&b'\n') && !frame.verb().is_empty());
                    assert!(
                        frame.arguments().all(|word| !word.is_empty() && !word.contains(&b' '))
                    );
                    found.push((frame.line().to_vec(), frame.payload().to_vec()));
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let kind = if choice & 1 == 0 { LinkKind::Notification } else { LinkKind::Switchboard };
    let direction = if choice & 2 == 0 { Direction::ToClient } else { Direction::ToServer };
    let piece = usize::from(choice >> 2) + 1;
    let (whole, error) = frames(data, data.len().max(1), kind, direction);
    let length: usize = whole.iter().map(|(line, payload)| line.len() + 1 + payload.len()).sum();
    assert!(length <= data.len(), "more comes out than went in");
    if let Some(error) = &error {
        assert!(error.to_string().len() < 200, "an error holds too much of what came");
    }
    assert_eq!(frames(data, piece, kind, direction), (whole, error));
});
