//! Sentences that begin with "for all".

use msnp_proto::{
    ClientCommand, Direction, Frame, FrameError, Framer, Limits, LinkKind, ServerCommand, Version,
    command::{AckMode, Secret},
    datagram::{self, Address, Datagram},
    escape,
    msg::{PAYLOAD_LIMIT, PersonalMessage, Said, Text, split},
    redact::Capture,
};
use proptest::{collection::vec, prelude::*};

/// Lines and payloads, and what ended them.
type Found = (Vec<(Vec<u8>, Vec<u8>)>, Option<FrameError>);

/// Frames of bytes given in pieces; the error ends them.
fn frames(bytes: &[u8], cuts: &[usize]) -> Found {
    let limits = Limits { line: 256, payload: 512 };
    let mut framer = Framer::new(LinkKind::Switchboard, Direction::ToClient, limits);
    let mut found = Vec::new();
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*cuts.next().unwrap_or(&1)).clamp(1, rest.len()));
        framer.push(piece);
        rest = after;
        loop {
            match framer.next() {
                Ok(Some(frame)) => found.push((frame.line().to_vec(), frame.payload().to_vec())),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fn script() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "[A-Z]{3}( [!-~]{0,9}){0,5} *\r?\n".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..60).prop_map(|payload| {
            let mut bytes = format!("MSG a b {}\r\n", payload.len()).into_bytes();
            bytes.extend(payload);
            bytes
        }),
        "217 [0-9]{1,4}\r\n".prop_map(String::into_bytes),
    ];
    vec(line, 0..12).prop_map(|lines| lines.concat())
}

fn version() -> impl Strategy<Value = Version> {
    proptest::sample::select(Version::ALL.to_vec())
}

/// What an escaped argument says, by a library.
fn decoded(argument: &[u8]) -> String {
    let bytes: Vec<u8> = percent_encoding::percent_decode(argument).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an element holds, looked for in the plain way.
fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_default();
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text).unwrap_or_default()
}

proptest! {
    #[test]
    fn escapes_are_read_as_a_library_does(
        argument in vec(prop_oneof![Just(b'%'), b'0'..b'g', any::<u8>()], 0..40),
    ) {
        prop_assert_eq!(escape::decode(&argument), decoded(&argument));
    }

    #[test]
    fn a_personal_message_is_found_in_any_payload(
        words in vec(prop_oneof![
            Just("<PSM>"), Just("</PSM>"), Just("<CurrentMedia>"), Just("</CurrentMedia>"),
            Just("<Data>"), Just("</Data>"), Just("a"), Just(">"), Just("<"), Just("é"),
        ], 0..12),
    ) {
        // Elements in each other are nobody's; what is in the one hides the other.
        let payload = words.concat();
        let read = PersonalMessage::read(payload.as_bytes());
        prop_assert!(payload.contains(&read.text) && payload.contains(&read.media));
        if !payload.contains("CurrentMedia>") {
            prop_assert_eq!(read.text, element(&payload, "PSM"));
        }
    }

    #[test]
    fn frames_do_not_depend_on_chunking(script in script(), cuts in vec(1_usize..20, 1..9)) {
        prop_assert_eq!(frames(&script, &cuts), frames(&script, &[usize::MAX]));
    }

    #[test]
    fn any_bytes_end_in_frames_or_a_typed_error(bytes in vec(any::<u8>(), 0..2000)) {
        let (found, error) = frames(&bytes, &[17]);
        let held: usize = found.iter().map(|(line, payload)| line.len() + payload.len()).sum();
        prop_assert!(held <= bytes.len());
        if error.is_none() {
            prop_assert!(bytes.len() - held <= 256 + 512 + 2 * found.len() + bytes.len());
        }
    }

    #[test]
    fn any_line_decodes_or_says_why(line in "[A-Z0-9]{3}( [ -~é☃%]{0,12}){0,9}", payload in vec(any::<u8>(), 0..40), version in version()) {
        let frame = Frame::of_line(line.as_bytes(), &payload);
        for kind in [LinkKind::Notification, LinkKind::Switchboard] {
            if let Err(error) = ServerCommand::decode(&frame, version, kind) {
                prop_assert!(error.to_string().len() < 200);
            }
            if let Err(error) = ClientCommand::decode(&frame, version, kind) {
                prop_assert!(error.to_string().len() < 200);
            }
        }
    }

    #[test]
    fn escaped_text_reads_back(text in ".{0,40}") {
        let word = escape::encode(&text);
        prop_assert!(!word.contains([' ', '\r', '\n']));
        prop_assert_eq!(escape::decode(word.as_bytes()), text);
    }

    #[test]
    fn a_message_reads_back(payload in vec(any::<u8>(), 0..200), trid: u32, version in version()) {
        let command = ClientCommand::Message { trid, ack: AckMode::Always, payload: &payload };
        let mut bytes = Vec::new();
        command.encode(version, &mut bytes);
        let mut framer = Framer::new(LinkKind::Switchboard, Direction::ToServer, Limits::default());
        framer.push(&bytes);
        let frame = framer.next().expect("it frames").expect("it is whole");
        prop_assert_eq!(ClientCommand::decode(&frame, version, LinkKind::Switchboard), Ok(command));
    }

    #[test]
    fn no_word_forges_a_second_command(word in ".{0,30}", version in version()) {
        let mut bytes = Vec::new();
        ClientCommand::Call { trid: 1, account: &word }.encode(version, &mut bytes);
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b' ').count(), 2);
    }

    #[test]
    fn no_capture_shows_a_ticket_a_name_or_a_word(word in "[a-z]{6,12}[0-9]{3}", version in version()) {
        let mut lines = Vec::new();
        let mut capture = Capture::new([1; 16], false);
        let secret = Secret(&word);
        let (notification, board) = (LinkKind::Notification, LinkKind::Switchboard);
        let payload = word.as_bytes();
        for (kind, command) in [
            (notification, ClientCommand::AuthenticateWith { trid: 1, scheme: "TWN", ticket: secret, proof: None, machine: None }),
            (board, ClientCommand::Enter { trid: 1, account: &word, ticket: secret }),
            (board, ClientCommand::Message { trid: 1, ack: AckMode::Always, payload }),
            (notification, ClientCommand::Property { trid: 1, property: "MFN", value: Some((&*word).into()) }),
            (notification, ClientCommand::Rename { trid: 1, account: "a@b", name: (&*word).into() }),
            (notification, ClientCommand::ChallengeAnswer { trid: 1, product: "P", response: payload }),
        ] {
            let mut bytes = Vec::new();
            command.encode(version, &mut bytes);
            lines.extend(capture.take(1, kind, Direction::ToServer, version, &bytes));
        }
        for (kind, command) in [
            (board, ServerCommand::Message { sender: &word, name: (&*word).into(), payload }),
            (notification, ServerCommand::Group { place: None, name: (&*word).into(), id: "1" }),
            (notification, ServerCommand::Unknown { verb: (&*word).into(), payload: &[] }),
        ] {
            let mut bytes = Vec::new();
            command.encode(version, kind, &mut bytes);
            lines.extend(capture.take(2, kind, Direction::ToClient, version, &bytes));
        }
        prop_assert_eq!(lines.len(), 9);
        prop_assert!(lines.iter().all(|line| !line.contains(&word)), "{:?}", lines);
    }

    #[test]
    fn any_bytes_make_a_capture_of_lines(bytes in vec(any::<u8>(), 0..400), version in version()) {
        let mut capture = Capture::new([1; 16], false);
        for direction in [Direction::ToClient, Direction::ToServer] {
            for line in capture.take(1, LinkKind::Notification, direction, version, &bytes) {
                prop_assert!(!line.contains(['\r', '\n']));
            }
        }
    }

    #[test]
    fn a_text_reads_back(words in "[^\r]{0,80}") {
        let said = Said::read(&Text::plain(words.clone()).write());
        let Said::Text(text) = said else { panic!("a text") };
        prop_assert_eq!(text.words, words.lines().collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn parts_fit_and_hold_every_letter(words in "((👍🏽|[a-zü☃é ]){0,40}\n?){0,120}") {
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let parts = split(Text::plain(words.clone()));
        for part in &parts {
            prop_assert!(part.write().len() <= PAYLOAD_LIMIT);
            prop_assert!(!part.words.starts_with('\u{1F3FD}'), "a colour is cut from its hand");
        }
        let whole: String = parts.iter().map(|part| part.words.as_str()).collect();
        prop_assert_eq!(letters(&whole), letters(&words));
    }

    #[test]
    fn a_personal_message_reads_back(text in "[^\r\n]{0,40}", media in "[^\r\n]{0,40}") {
        let message = PersonalMessage { text, media };
        prop_assert_eq!(PersonalMessage::read(&message.write()), message);
    }

    #[test]
    fn any_payload_is_read(payload in vec(any::<u8>(), 0..400)) {
        let _ = Said::read(&payload);
        let _ = PersonalMessage::read(&payload);
    }
}

#[test]
fn lengths_that_lie_are_typed_errors() {
    for (line, wanted) in [
        ("MSG a b -5\r\n", "MSG: the payload length is not a number"),
        ("MSG a b x\r\n", "MSG: the payload length is not a number"),
        ("MSG\r\n", "MSG: the payload length is not a number"),
        ("MSG a b 513\r\n", "MSG: a payload of 513 bytes is longer than 512"),
        (
            "MSG a b 99999999999999999999999\r\n",
            "MSG: a payload of 18446744073709551615 bytes is longer than 512",
        ),
    ] {
        let (_, error) = frames(line.as_bytes(), &[3]);
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some(wanted));
    }
    let (_, error) = frames(&[b'A'; 300], &[7]);
    assert_eq!(error, Some(FrameError::LineTooLong { limit: 256 }));
}

#[test]
fn numeric_errors_may_carry_a_payload() {
    let (found, error) = frames(b"241 9 5\r\nhello217 3\r\n217 4 x\r\n", &[4]);
    assert_eq!(error, None);
    let lines: Vec<_> =
        found.iter().map(|(line, payload)| (line.as_slice(), payload.as_slice())).collect();
    let wanted: [(&[u8], &[u8]); 3] = [(b"241 9 5", b"hello"), (b"217 3", b""), (b"217 4 x", b"")];
    assert_eq!(lines, wanted);
}

#[test]
fn broken_xml_gives_its_words_all_the_same() {
    let read = |payload: &[u8]| PersonalMessage::read(payload).text;
    assert_eq!(read(b"<Data><PSM>hello &#x26; <world> \xE2\x98\x83</PSM>"), "hello & <world> ☃");
    assert_eq!(read(b""), "");
    assert_eq!(read(b"<Data><PSM>never closed"), "");
}

proptest! {
    #[test]
    fn a_datagram_is_the_same_after_writing_and_reading_it(
        to in "(1|9|10|13):[ -~]{0,12}(;(epid|path|via)=[ -~]{0,9}){0,3}",
        kind in "(Text|Nudge|Data|Wink|Control|control/typing|Signal/[ -~]{0,5}|[ -~]{0,9})",
        headers in vec(prop_oneof![
            "Service-Channel: (IM/Online|PE|pd|[ -~]{0,9})\r\n", "Pipe: [0-9x]{0,12}\r\n",
            "Message-Subtype: Typing\r\n", "Bridging-Offsets: [0-9, ]{0,20}\r\n",
            "(Content-Type|X-MMS-IM-Format|Original-Arrival-Time): [ -~]{0,9}\r\n",
            "Segment: [0-9]{0,11}\r\n",
        ], 0..6),
        body in vec(any::<u8>(), 0..40),
        version in prop_oneof![Just(Version::Msnp18), Just(Version::Msnp21)],
    ) {
        let head = format!(
            "Routing: 1.0\r\nTo: {to}\r\nFrom: {to}\r\n\r\nReliability: 1.0\r\n\r\nMessaging: 2.0\r\n\
             Message-Type: {kind}\r\n{}\r\n",
            headers.concat()
        );
        let payload = [head.as_bytes(), &body].concat();
        if let Some(read) = Datagram::read(&payload) {
            prop_assert!(read.packets().iter().map(|packet| packet.len()).sum::<usize>() <= 64 * body.len());
            // Typing and nudges take the body of the version, and all take a type.
            let once = Datagram::read(&read.write(version)).expect("what is written reads");
            prop_assert_eq!((&once.to, &once.from, &once.kind), (&read.to, &read.from, &read.kind));
            prop_assert_eq!(Datagram::read(&once.write(version)), Some(once));
        }
    }

    #[test]
    fn whatever_comes_for_a_datagram_or_a_roster_is_read_or_not(bytes in vec(any::<u8>(), 0..200)) {
        let _ = (Datagram::read(&bytes), datagram::read_roster(&bytes));
        let _ = (Address::read(&String::from_utf8_lossy(&bytes)), datagram::member_of_uri(&String::from_utf8_lossy(&bytes)));
    }
}
