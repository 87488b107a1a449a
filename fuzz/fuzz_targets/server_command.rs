//! Whatever a server says decodes or is a typed error; what decodes is the same after writing it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{Direction, Framer, Limits, LinkKind, ServerCommand, Version};

fuzz_target!(|data: &[u8]| {
    for kind in [LinkKind::Notification, LinkKind::Switchboard] {
        for version in Version::ALL {
            let mut framer = Framer::new(kind, Direction::ToClient, Limits::default());
            framer.push(data);
            while let Ok(Some(frame)) = framer.next() {
                if let Ok(command) = ServerCommand::decode(&frame, version, kind) {
                    let mut out = Vec::new();
                    command.encode(version, kind, &mut out);
                    assert!(out.ends_with(b"\n") || !frame.payload().is_empty());
                }
            }
        }
    }
});
