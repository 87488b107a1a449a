//! Values that independent implementations and captures agree on.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use msnp_proto::{
    msg::Object,
    p2p::{
        FileContext,
        direct::{Handshake, Nonce, Proof},
        slp::{Slp, Start},
        v1::{Header, flag},
        v2::{PEER_INFO, Packet},
    },
};
use serde_json::Value;
use sha1::{Digest as _, Sha1};

fn cases(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let document: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("it is there")).expect("it is JSON");
    let cases = document.get("cases").and_then(Value::as_array).expect("cases").clone();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, name: &str) -> u64 {
    let value = value.get(name).unwrap_or(&Value::Null);
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("it is hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn small<T: TryFrom<u64>>(value: &Value, name: &str) -> T
where
    T::Error: std::fmt::Debug,
{
    number(value, name).try_into().expect(name)
}

fn header(fields: &Value) -> Header {
    Header {
        session: small(fields, "session_id"),
        message: small(fields, "identifier"),
        offset: number(fields, "data_offset"),
        total: number(fields, "total_size"),
        length: small(fields, "length"),
        flags: small(fields, "flags"),
        key: small(fields, "ack_identifier"),
        acknowledged: small(fields, "ack_unique_id"),
        size: number(fields, "ack_data_size"),
    }
}

#[test]
fn headers_of_the_first_age_agree() {
    for case in cases("p2p-v1-headers.json") {
        let bytes = unhex(text(&case, "hex"));
        let (read, rest) = Header::decode(&bytes).expect("it is whole");
        let expected = header(&case["fields"]);
        assert_eq!((read, rest), (expected, &[][..]), "{}", text(&case, "name"));
        assert_eq!(expected.encode().as_slice(), bytes);
    }
}

#[test]
fn acknowledgements_of_the_first_age_agree() {
    for case in cases("p2p-v1-acks.json") {
        let packets = case["message_packets"].as_array().expect("packets");
        let last = header(&packets.last().expect("one")["fields"]);
        let expected = header(&case["ack"]["fields"]);
        assert_eq!(last.acknowledgement(expected.message), expected, "{}", text(&case, "name"));
        assert!(expected.has(flag::ACKNOWLEDGES));
    }
}

#[test]
fn packets_of_the_second_age_agree() {
    for case in cases("p2p-v2-headers.json") {
        let (name, fields) = (text(&case, "name"), &case["fields"]);
        let mut bytes = unhex(text(&case, "hex"));
        let length: usize = small(fields, "data_length");
        bytes.resize(bytes.len() + length, 0x55);
        let packet = Packet::decode(&bytes).expect(name);
        assert_eq!(u64::from(packet.operation), number(fields, "op_code"), "{name}");
        assert_eq!(u64::from(packet.sequence), number(fields, "sequence"), "{name}");
        let acknowledges = fields.get("ack_sequence").and_then(Value::as_u64);
        assert_eq!(packet.acknowledges.map(u64::from), acknowledges, "{name}");
        let part = packet.part.clone().unwrap_or_default();
        assert_eq!(part.bytes.len(), length, "{name}");
        assert_eq!(u64::from(part.session), number(fields, "session_id"), "{name}");
        assert_eq!(u64::from(part.package), number(fields, "package_number"), "{name}");
        assert_eq!(u64::from(part.kind), number(fields, "tf"), "{name}");
        assert_eq!(part.remaining, number(fields, "data_remaining"), "{name}");
        let next = number(fields, "sequence") + number(fields, "payload_length");
        assert_eq!(u64::from(packet.next_sequence()), next & 0xFFFF_FFFF, "{name}");
        let again = packet.encode();
        assert_eq!(Packet::decode(&again).as_ref(), Some(&packet), "{name}");
        if packet.peer_info.is_none_or(|info| info == PEER_INFO) {
            assert_eq!(again.strip_suffix(&[0; 4]), Some(bytes.as_slice()), "{name}");
        }
    }
}

#[test]
fn acknowledgements_of_the_second_age_agree() {
    for case in cases("p2p-v2-acks.json") {
        let request = &case["request"];
        let next = number(request, "sequence") + number(request, "payload_length");
        assert_eq!(next & 0xFFFF_FFFF, number(&case["ack"], "ack_sequence"));
    }
}

#[test]
fn texts_are_read_as_others_read_them() {
    for case in cases("p2p-slp.json") {
        let name = text(&case, "name");
        let slp = Slp::read(text(&case, "text").as_bytes()).expect(name);
        assert_eq!(slp.to.to_string(), text(&case, "to").to_lowercase(), "{name}");
        assert_eq!(slp.from.to_string(), text(&case, "from").to_lowercase(), "{name}");
        let braced = |id: &str| format!("{{{id}}}");
        assert_eq!(braced(&slp.branch), text(&case, "branch"), "{name}");
        assert_eq!(braced(&slp.call), text(&case, "call_id"), "{name}");
        assert_eq!(u64::from(slp.sequence), number(&case, "cseq"), "{name}");
        assert_eq!(slp.content_type, text(&case, "content_type").to_lowercase(), "{name}");
        let first = text(&case, "start_line");
        match &slp.start {
            Start::Request(method) => assert!(first.starts_with(method.as_str()), "{name}"),
            Start::Status(code) => assert!(first.contains(&code.to_string()), "{name}"),
        }
        for (key, value) in case["body_headers"].as_object().into_iter().flatten() {
            assert_eq!(slp.line(key), value.as_str().map(str::trim), "{name}: {key}");
        }
        assert_eq!(Slp::read(&slp.write()).as_ref(), Some(&slp), "{name}");
    }
}

#[test]
fn a_first_line_is_a_method_or_a_number() {
    let headers = "To: <msnmsgr:a@b.c>\r\nFrom: <msnmsgr:d@e.f>\r\n\r\n\0";
    let read = |first: &str| Slp::read(format!("{first}\r\n{headers}").as_bytes());
    assert!(read("BYE MSNMSGR:a@b.c MSNSLP/1.0").is_some_and(|slp| slp.asks("BYE")));
    for wrong in ["MSNSLp/1.0 200 OK\rx MSNSLP/1.0", "B-E x MSNSLP/1.0", "BYE x", "MSNSLP/1.0 x"] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

#[test]
fn what_is_said_of_files_agrees() {
    for case in cases("p2p-file-context.json") {
        let Some(context) = case.get("context_b64").and_then(Value::as_str) else {
            continue; // a capture of which only the fields are known
        };
        let bytes = STANDARD.decode(context).expect("it is base64");
        let file = FileContext::decode(&bytes).expect("it is whole");
        let fields = &case["fields"];
        assert_eq!(file.size, number(fields, "file_size"));
        assert_eq!(file.name, text(fields, "filename"));
    }
}

#[test]
fn descriptions_of_objects_agree() {
    for case in cases("p2p-msnobject.json") {
        if let Some(hex) = case.get("data_hex").and_then(Value::as_str) {
            let hash = STANDARD.encode(Sha1::digest(unhex(hex)));
            assert_eq!(hash, text(&case, "SHA1D"));
            let a = &case["attributes"];
            let parts = ["Creator", "Size", "Type", "Location", "Friendly"];
            let joined: String =
                parts.iter().map(|part| format!("{part}{}", text(a, part))).collect();
            let checksum = STANDARD.encode(Sha1::digest(format!("{joined}SHA1D{hash}")));
            assert_eq!(checksum, text(&case, "SHA1C"));
        }
        if let Some(xml) = case.get("xml").and_then(Value::as_str) {
            let object = Object::read(xml).expect("it is a description");
            assert_eq!(object.hash, text(&case, "SHA1D"));
            assert_eq!(object.size, number(&case["attributes"], "Size"));
        }
    }
}

#[test]
fn nonces_and_their_hashes_agree() {
    for case in cases("p2p-nonce.json") {
        let nonce = Nonce::read(text(&case, "nonce")).expect("a GUID");
        assert_eq!(nonce.write(), text(&case, "nonce"));
        if let Some(hash) = case.get("hashed_nonce").and_then(Value::as_str) {
            assert_eq!(nonce.0.as_slice(), unhex(text(&case, "nonce_bytes_hex")));
            assert_eq!(nonce.hashed().write(), hash);
            assert_eq!(Nonce::read(&hash.to_lowercase()), Some(nonce.hashed()));
            continue;
        }
        let header = unhex(text(&case, "header_hex"));
        assert_eq!(nonce.0.as_slice(), unhex(text(&case, "last_16_bytes_hex")));
        let opening = Handshake::new(true, false, nonce, Proof::Plain(nonce)).opening(1234);
        assert_eq!(opening.split_at(8 + 4), (&b"\x04\0\0\0foo\0\x30\0\0\0"[..], &header[..]));
    }
    for wrong in ["", "{}", "{122D2937-5C86-4C7B-81F5}", "{+22D2937-5C86-4C7B-81F5-0E05017880C2}"] {
        assert_eq!(Nonce::read(wrong), None, "{wrong}");
    }
}
