//! Packets of both ages, the texts that agree on a transfer, what is said of a file: no more comes out than
//! went in, and what is written reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use msnp_proto::{
    msg::Body,
    p2p::{Envelope, FileContext, slp::Slp, v1, v2},
};

fuzz_target!(|data: &[u8]| {
    if let Some((header, rest)) = v1::Header::decode(data) {
        assert_eq!(header.encode(), data[..v1::HEADER_LENGTH]);
        assert!(v1::body(&header, rest).len() <= rest.len());
        let acknowledgement = header.acknowledgement(7);
        assert_eq!((acknowledgement.key, acknowledgement.size), (header.message, header.total));
    }
    if let Some(packet) = v2::Packet::decode(data) {
        // Longer headers than ours hold what nobody reads.
        let written = packet.encode();
        assert_eq!(v2::Packet::decode(&written).as_ref(), Some(&packet));
    }
    if let Some(text) = Slp::read(data) {
        let once = Slp::read(&text.write()).expect("what is written is a text");
        assert_eq!(Slp::read(&once.write()), Some(once));
    }
    if let Some(file) = FileContext::decode(data) {
        let safe = file.safe_name();
        assert!(!safe.is_empty() && safe.len() <= 200, "{safe:?}");
        assert!(!safe.contains(['/', '\\', '\0']) && safe != "." && safe != "..", "{safe:?}");
        assert!(file.preview.len() <= data.len());
        assert_eq!(FileContext::decode(&file.encode()).map(|read| read.size), Some(file.size));
    }
    if let Some(envelope) = Envelope::read(&Body::read(data)) {
        let written = envelope.write();
        let body = Body::read(&written);
        let again = Envelope::read(&body).expect("what is written says whom it is for");
        assert_eq!(again.packet, envelope.packet);
    }
});
