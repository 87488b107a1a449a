//! Bytes in two chunkings give the same frames, or the same error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{Direction, Framer, Limits, LinkKind};

fn frames(data: &[u8], piece: usize) -> (Vec<(Vec<u8>, Vec<u8>)>, Option<String>) {
    let limits = Limits { line: 512, payload: 2048 };
    let mut framer = Framer::new(LinkKind::Notification, Direction::ToClient, limits);
    let mut found = Vec::new();
    for bytes in data.chunks(piece) {
        framer.push(bytes);
        loop {
            match framer.next() {
                Ok(Some(frame)) => found.push((frame.line().to_vec(), frame.payload().to_vec())),
                Ok(None) => break,
                Err(error) => return (found, Some(error.to_string())),
            }
        }
    }
    (found, None)
}

fuzz_target!(|data: &[u8]| {
    assert_eq!(frames(data, 1), frames(data, 64 * 1024));
});
