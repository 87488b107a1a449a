//! Whatever a client says decodes or is a typed error; what decodes can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{ClientCommand, Direction, Framer, Limits, LinkKind, Version};

fuzz_target!(|data: &[u8]| {
    for kind in [LinkKind::Notification, LinkKind::Switchboard] {
        for version in Version::ALL {
            let mut framer = Framer::new(kind, Direction::ToServer, Limits::default());
            framer.push(data);
            while let Ok(Some(frame)) = framer.next() {
                if let Ok(command) = ClientCommand::decode(&frame, version, kind) {
                    command.encode(version, &mut Vec::new());
                }
            }
        }
    }
});
